package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/secrets"
	"keepwatch/internal/store"
)

// newSealer reads the key of sealed secrets, nil where none is configured. A key
// that cannot be used is an error of the start: secrets that were sealed with
// another one would all fail as if the monitor could not look.
func (a *App) newSealer(ctx context.Context, cfg *config.Config) (*secrets.Sealer, error) {
	if cfg.Server.SealKey == "" {
		return nil, nil
	}
	key, err := a.secrets.Resolve(ctx, cfg.Server.SealKey)
	if err != nil {
		return nil, fmt.Errorf("server.seal_key: %w", err)
	}
	sealer, err := secrets.NewSealer(key)
	if err != nil {
		return nil, fmt.Errorf("server.seal_key: %w", err)
	}
	return sealer, nil
}

// errNoKey is said where a secret is to be sealed or opened without a key.
func errNoKey() error {
	return keepwatch.WithHint(fmt.Errorf("no key for sealed secrets is configured: %w", keepwatch.ErrUnavailable),
		"secrets are sealed only with a key: name one as server.seal_key and restart, or give the record a reference such as env:NAME; "+secrets.MakeKey)
}

// unseal opens the secret that is sealed for a record. The tenant is that of the
// record as it is now, so that a blob that was moved does not open.
func (a *App) unseal(ctx context.Context, id string) (keepwatch.Secret, error) {
	if a.sealer == nil {
		return keepwatch.Secret{}, errNoKey()
	}
	sealed, err := a.db.Sealed(ctx, id)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return keepwatch.Secret{}, keepwatch.WithHint(errors.New("nothing is sealed under this name"), "enter the secret again")
	}
	if err != nil {
		return keepwatch.Secret{}, err
	}
	cred, ok := a.estate.Load().recorded.Credential(sealed.Credential)
	if !ok {
		return keepwatch.Secret{}, fmt.Errorf("its record is gone: %w", keepwatch.ErrNotFound)
	}
	return a.sealer.Open(cred.Tenant, id, sealed.Blob)
}

// seal makes the row of a new secret of a record. The id is the record's, or another
// name for a secret beside that one.
func (a *App) seal(c keepwatch.Credential, id string, secret keepwatch.Secret, by string, now time.Time) (*store.Sealed, error) {
	if a.sealer == nil {
		return nil, errNoKey()
	}
	blob, err := a.sealer.Seal(c.Tenant, id, secret)
	if err != nil {
		return nil, err
	}
	return &store.Sealed{ID: id, Tenant: c.Tenant, Credential: c.ID, Blob: blob, At: now, By: by}, nil
}

// resealAll puts what an older key sealed under the newest one, so that the older
// key can go. What does not open stays as it is: its record says so when it is tested.
func (a *App) resealAll(ctx context.Context) error {
	if a.sealer == nil {
		return nil
	}
	all, err := a.db.SealedAll(ctx)
	if err != nil {
		return err
	}
	moved := 0
	for _, s := range all {
		if !a.sealer.Old(s.Blob) {
			continue
		}
		blob, err := a.sealer.Reseal(s.Tenant, s.ID, s.Blob)
		if err != nil {
			a.log.Warn("a sealed secret does not open", "id", s.ID, "error", err)
			continue
		}
		done, err := a.db.Reseal(ctx, s.ID, s.Blob, blob)
		if err != nil {
			return err
		}
		if done {
			moved++
		}
	}
	if moved > 0 {
		a.log.Info("sealed secrets moved to the newest key", "secrets", moved)
	}
	return nil
}
