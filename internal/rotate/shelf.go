package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

// Items keeps the records that belong to the interface.
type Items interface {
	Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error)
	SaveItems(ctx context.Context, now time.Time, writes []store.ItemWrite) error
}

// Shelf is the inventory as the cockpit needs it: what is in force, and the store's
// records where one is to be written.
type Shelf struct {
	// Find is a record that is in force, WITHOUT what a running rotation puts over it.
	Find  func(keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, bool)
	Items Items
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
// for the old secret. Somebody who changes the record at the same time is not overwritten.
func (s Shelf) Renew(ctx context.Context, id keepwatch.CredentialID, ref string, generated keepwatch.Date, by string, now time.Time) error {
	for range attempts {
		it, err := s.Items.Item(ctx, id)
		if err != nil {
			return err
		}
		next := it.Credential
		next.SecretRef, next.SecretGenerated = ref, generated
		next.Expires = keepwatch.Date{}
		next.DatesConfirmed = keepwatch.DayOf(now, time.UTC)
		change := keepwatch.Change{Credential: id, At: now, By: by, Via: "rotation", Kind: keepwatch.ChangeUpdated, Fields: fields(it.Credential, next)}
		if len(change.Fields) == 0 {
			return nil
		}
		err = s.Items.SaveItems(ctx, now, []store.ItemWrite{{Change: change, Record: next, Seen: it.Version}})
		if !errors.Is(err, keepwatch.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("the record of %q is being changed by others: %w", id, keepwatch.ErrConflict)
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
