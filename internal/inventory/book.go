package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
)

// Store keeps the records that belong to the interface, and their history.
type Store interface {
	Items(ctx context.Context) ([]keepwatch.Item, error)
	Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error)
	// SaveItems writes all edits or none, and seals their secrets with them. An
	// edit whose version is not the one that is stored is keepwatch.ErrConflict; a
	// secret where there is no key to seal with is keepwatch.ErrUnavailable.
	SaveItems(ctx context.Context, now time.Time, edits []Edit) error
}

// Edit is one record to write, and the row of its history.
type Edit struct {
	Credential keepwatch.Credential // as it will be; of a removed one as it was
	Version    int                  // that was seen; 0 creates
	Change     keepwatch.Change
	Secret     keepwatch.Secret // to seal under SealedRef in the same step; mostly empty
}

// Author is who writes, and which way.
type Author struct {
	By  string // a person, a token's name
	Via string // ui, api, import, rotation
}

// Book is the inventory: the records of the configuration's files, which only
// those files change, and those of the interface, which it writes.
type Book struct {
	Store   Store
	Files   func() []keepwatch.Credential // records that belong to files
	Tenants func() []keepwatch.Tenant
}

// SealedRef is the reference to the secret that is sealed for a record.
func SealedRef(id keepwatch.CredentialID) string { return "sealed:" + string(id) }

// Put writes one record; version 0 creates it, else it is the version that the
// writer saw. When the day moves on that the secret was made, a typed end that
// stayed is that of the secret before, so it goes.
func (b *Book) Put(ctx context.Context, c keepwatch.Credential, version int, by Author, now time.Time) (keepwatch.Item, error) {
	old, err := b.open(ctx, c.ID, version)
	if err != nil {
		return keepwatch.Item{}, err
	}
	if version > 0 && outlived(old, c) {
		c.Expires = keepwatch.Date{}
	}
	if c, err = b.valid(c); err != nil {
		return keepwatch.Item{}, err
	}
	if version > 0 && old.Tenant != c.Tenant {
		return keepwatch.Item{}, moved(old)
	}
	edit := edited(old, c, version, by, now)
	if len(edit.Change.Fields) == 0 && version > 0 {
		return b.Store.Item(ctx, c.ID) // nothing to write, nothing for the history
	}
	return b.save(ctx, edit, now)
}

// outlived reports whether a typed end is that of the secret before.
func outlived(old, c keepwatch.Credential) bool {
	return old.SecretGenerated.Before(c.SecretGenerated) && old.Expires == c.Expires && !c.Expires.IsZero() && !old.SecretGenerated.IsZero()
}

// Remove deletes one record; its history stays.
func (b *Book) Remove(ctx context.Context, id keepwatch.CredentialID, version int, by Author, now time.Time) error {
	old, err := b.open(ctx, id, max(version, 1))
	if err != nil {
		return err
	}
	edit := edited(old, keepwatch.Credential{}, version, by, now)
	edit.Credential, edit.Change.Credential, edit.Change.Kind = old, id, keepwatch.ChangeRemoved
	return b.Store.SaveItems(ctx, now, []Edit{edit})
}

// PutSecret seals a secret for a record and makes the record refer to it. A typed
// end was that of the secret before, so it goes.
func (b *Book) PutSecret(ctx context.Context, id keepwatch.CredentialID, version int, secret keepwatch.Secret, generated keepwatch.Date, by Author, now time.Time) (keepwatch.Item, error) {
	old, err := b.open(ctx, id, max(version, 1))
	if err != nil {
		return keepwatch.Item{}, err
	}
	c := old
	c.SecretRef, c.Expires = SealedRef(id), keepwatch.Date{}
	if c.SecretGenerated = old.SecretGenerated; !generated.IsZero() {
		c.SecretGenerated = generated
	}
	edit := edited(old, c, version, by, now)
	edit.Secret, edit.Change.Fields = secret, withSecret(edit.Change.Fields, old.SecretRef)
	return b.save(ctx, edit, now)
}

// withSecret puts a new secret into the history, though its reference may be the
// same as before. The secret itself is never there.
func withSecret(fields []keepwatch.FieldChange, before string) []keepwatch.FieldChange {
	return append(without(fields, "secret"), keepwatch.FieldChange{Field: "secret", Old: before, New: "set"})
}

func without(fields []keepwatch.FieldChange, name string) []keepwatch.FieldChange {
	out := fields[:0:0]
	for _, f := range fields {
		if f.Field != name {
			out = append(out, f)
		}
	}
	return out
}

func (b *Book) save(ctx context.Context, edit Edit, now time.Time) (keepwatch.Item, error) {
	if err := b.Store.SaveItems(ctx, now, []Edit{edit}); err != nil {
		return keepwatch.Item{}, err
	}
	return b.Store.Item(ctx, edit.Credential.ID)
}

// open finds the record that is to be written and says why it may not be.
func (b *Book) open(ctx context.Context, id keepwatch.CredentialID, version int) (keepwatch.Credential, error) {
	for _, f := range b.Files() {
		if f.ID == id && f.File != "" {
			return keepwatch.Credential{}, keepwatch.WithHint(fmt.Errorf("credential %q belongs to the file %s: %w", id, f.File, keepwatch.ErrConflict), "change it there")
		}
	}
	item, err := b.Store.Item(ctx, id)
	switch {
	case version == 0 && errors.Is(err, keepwatch.ErrNotFound):
		return keepwatch.Credential{}, nil
	case err != nil:
		return keepwatch.Credential{}, err
	case version == 0:
		return keepwatch.Credential{}, keepwatch.WithHint(fmt.Errorf("credential %q exists: %w", id, keepwatch.ErrConflict), "choose another id, or change the record that is there")
	case item.Version != version:
		return keepwatch.Credential{}, keepwatch.WithHint(fmt.Errorf("credential %q was changed by %s: %w", id, item.UpdatedBy, keepwatch.ErrConflict), "look at it again and repeat the change")
	}
	return item.Credential, nil
}

// valid checks a record that no sheet has checked.
func (b *Book) valid(c keepwatch.Credential) (keepwatch.Credential, error) {
	out, err := overlay(keepwatch.Credential{}, &c, allFields)
	if err == nil {
		err = check(&out, b.Tenants())
	}
	if err != nil {
		return out, keepwatch.WithHint(fmt.Errorf("credential %q: %w", clip(string(c.ID)), err), hintOf(err))
	}
	return out, nil
}

// edited is the edit that makes one record of another.
func edited(old, c keepwatch.Credential, version int, by Author, now time.Time) Edit {
	kind := keepwatch.ChangeUpdated
	if version == 0 {
		kind = keepwatch.ChangeCreated
	}
	return Edit{Credential: c, Version: version, Change: keepwatch.Change{
		Credential: c.ID, At: now, By: by.By, Via: by.Via, Kind: kind, Fields: diff(&old, &c, allFields),
	}}
}

func moved(old keepwatch.Credential) error {
	return keepwatch.WithHint(fmt.Errorf("credential %q belongs to tenant %s and stays there: %w", old.ID, old.Tenant, keepwatch.ErrInvalid), "make a new record for the other tenant")
}

// hintOf finds the hint of a value's error, wherever it stands in the chain.
func hintOf(err error) string {
	var f fact
	if errors.As(err, &f) {
		return f.hint
	}
	return keepwatch.HintOf(err)
}
