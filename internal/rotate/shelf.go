package rotate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/secrets"
	"keepwatch/internal/store"
)

// Items keeps the records that belong to the interface, and sealed secrets.
type Items interface {
	Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error)
	SaveItems(ctx context.Context, now time.Time, writes []store.ItemWrite) error
	Sealed(ctx context.Context, id string) (store.Sealed, error)
	SaveSealed(ctx context.Context, s store.Sealed) error
	DropSealed(ctx context.Context, id string) error
}

// Seal encrypts a secret of a record under an id. It answers ErrUnavailable where
// there is no key.
type Seal func(c keepwatch.Credential, id string, secret keepwatch.Secret, by string, now time.Time) (*store.Sealed, error)

// Shelf is the inventory as the cockpit needs it: what is in force, and the store's
// records where one is to be written.
type Shelf struct {
	// Find is a record that is in force, WITHOUT what a running rotation puts over it.
	Find    func(keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, bool)
	Items   Items
	Secrets Secrets
	Seal    Seal
	Changed func(context.Context) // a record was written; nil: nobody is told
}

// Record is Find with an error.
func (s Shelf) Record(_ context.Context, id keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, error) {
	cred, tenant, ok := s.Find(id)
	if !ok {
		return cred, tenant, fmt.Errorf("credential %q: %w", id, keepwatch.ErrNotFound)
	}
	return cred, tenant, nil
}

// Renew writes the new reference and date, and takes away an end that somebody typed
// for the old secret. A sealed staged secret becomes the record's own sealed one.
// Somebody who changes the record at the same time is not overwritten.
func (s Shelf) Renew(ctx context.Context, id keepwatch.CredentialID, ref string, generated keepwatch.Date, by string, now time.Time) error {
	for range attempts {
		it, err := s.Items.Item(ctx, id)
		if err != nil {
			return err
		}
		write, err := s.renewed(ctx, it, ref, generated, by, now)
		if err != nil || len(write.Change.Fields) == 0 {
			return err
		}
		err = s.Items.SaveItems(ctx, now, []store.ItemWrite{write})
		if err == nil && s.Changed != nil {
			s.Changed(ctx)
		}
		if !errors.Is(err, keepwatch.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("the record of %q is being changed by others: %w", id, keepwatch.ErrConflict)
}

func (s Shelf) renewed(ctx context.Context, it keepwatch.Item, ref string, generated keepwatch.Date, by string, now time.Time) (store.ItemWrite, error) {
	next, w := it.Credential, store.ItemWrite{Seen: it.Version}
	next.SecretRef, next.SecretGenerated = ref, generated
	next.Expires = keepwatch.Date{}
	next.DatesConfirmed = keepwatch.DayOf(now, time.UTC)
	if _, staged := stagedID(next.ID, ref); staged {
		secret, err := s.Secrets.Resolve(ctx, ref)
		if err != nil {
			return w, err
		}
		if w.Sealed, err = s.Seal(next, string(next.ID), secret, by, now); err != nil {
			return w, err
		}
		next.SecretRef = secrets.SealedRef(next.ID, "")
	}
	w.Record = next
	w.Change = keepwatch.Change{Credential: next.ID, At: now, By: by, Via: "rotation", Kind: keepwatch.ChangeUpdated, Fields: fields(it.Credential, next)}
	if w.Sealed != nil && it.Credential.SecretRef == next.SecretRef {
		w.Change.Fields = append(w.Change.Fields, keepwatch.FieldChange{Field: "secret", Old: it.Credential.SecretRef, New: "set"})
	}
	return w, nil
}

// stagedPart begins the name of a staged secret beside the record's own. Each gets
// another one, so that nobody overwrites what a rotation already counts on.
const stagedPart = "staged"

// stagedID is the id under which a staged secret of a credential is sealed.
func stagedID(id keepwatch.CredentialID, ref string) (string, bool) {
	return strings.TrimPrefix(ref, "sealed:"), strings.HasPrefix(ref, secrets.SealedRef(id, stagedPart))
}

// Stage seals a staged secret under a name of its own.
func (s Shelf) Stage(ctx context.Context, cred keepwatch.Credential, secret keepwatch.Secret, by string, now time.Time) (string, error) {
	ref := secrets.SealedRef(cred.ID, stagedPart+strings.ToLower(rand.Text()[:8]))
	id, _ := stagedID(cred.ID, ref)
	sealed, err := s.Seal(cred, id, secret, by, now)
	if err != nil {
		return "", err
	}
	return ref, s.Items.SaveSealed(ctx, *sealed)
}

// Unstage forgets a staged secret that Stage sealed, and nothing else. It writes only
// where one is left.
func (s Shelf) Unstage(ctx context.Context, id keepwatch.CredentialID, ref string) error {
	name, ok := stagedID(id, ref)
	if !ok {
		return nil
	}
	if _, err := s.Items.Sealed(ctx, name); errors.Is(err, keepwatch.ErrNotFound) {
		return nil
	}
	return s.Items.DropSealed(ctx, name)
}

// fields are what a rotation changes. The day of the confirmation alone is no change.
func fields(old, next keepwatch.Credential) []keepwatch.FieldChange {
	var out []keepwatch.FieldChange
	for _, f := range []keepwatch.FieldChange{
		{Field: "secret", Old: old.SecretRef, New: next.SecretRef},
		{Field: "secret_generated", Old: old.SecretGenerated.String(), New: next.SecretGenerated.String()},
		{Field: "expires", Old: old.Expires.String(), New: next.Expires.String()},
	} {
		if f.Old != f.New {
			out = append(out, f)
		}
	}
	return out
}
