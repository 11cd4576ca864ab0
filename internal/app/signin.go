package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/config"
	"keepwatch/internal/store"
)

// administrator is the first account of an installation.
const administrator = "admin"

// sessionKey is the setting that holds the key of session cookies.
const sessionKey = "session_key"

// prepareSignIn opens the gate: session key, hasher, and at the very first start
// the administrator, whose password is shown once and kept nowhere.
func (a *App) prepareSignIn(ctx context.Context, cfg *config.Config) error {
	if cfg.Server.Auth == config.AuthNone {
		return nil
	}
	key, err := a.db.Setting(ctx, sessionKey)
	if errors.Is(err, keepwatch.ErrNotFound) || (err == nil && key == "") {
		key = auth.NewSessionKey()
		err = a.db.SetSetting(ctx, sessionKey, key)
	}
	if err != nil {
		return fmt.Errorf("session key: %w", err)
	}
	sessions, err := auth.NewSessions(key)
	if err != nil {
		return err
	}
	a.gate = &auth.Gate{Records: records{a.db}, Sessions: sessions, Hasher: a.hasher, Limiter: auth.NewLimiter()}
	return a.firstAdministrator(ctx)
}

func (a *App) firstAdministrator(ctx context.Context) error {
	users, err := a.db.Users(ctx)
	if err != nil || somebodyLeft(users) == nil {
		return err
	}
	password := auth.GeneratePassword()
	hash, err := a.hasher.Hash(ctx, password.Reveal())
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if err := a.db.AddUser(ctx, store.User{Name: administrator, Grants: string(auth.Admin), PasswordHash: hash, CreatedAt: now, ChangedAt: now, Epoch: now.UnixMilli()}); err != nil {
		return fmt.Errorf("first administrator: %w", err)
	}
	a.opts.Announce(fmt.Sprintf("Sign in as %q with the password %s (shown once).", administrator, password.Reveal()))
	return nil
}

// records shows the gate the store's users and tokens.
type records struct{ db *store.DB }

func (r records) TokenByHash(ctx context.Context, hash string) (auth.TokenRecord, error) {
	t, err := r.db.TokenByHash(ctx, hash)
	if err != nil {
		return auth.TokenRecord{}, err
	}
	grants, err := auth.ParseGrants(t.Role)
	if err != nil {
		return auth.TokenRecord{}, err
	}
	return auth.TokenRecord{Name: t.Name, Grants: grants, Revoked: !t.RevokedAt.IsZero(), Expires: t.ExpiresAt}, nil
}

func (r records) SignedIn(ctx context.Context, name string, now time.Time) error {
	return r.db.SignedIn(ctx, name, now)
}

func (r records) UserByName(ctx context.Context, name string) (auth.UserRecord, error) {
	u, err := r.db.UserByName(ctx, name)
	if err != nil {
		return auth.UserRecord{}, err
	}
	grants, err := auth.ParseGrants(u.Grants)
	if err != nil {
		return auth.UserRecord{}, err
	}
	// A changed password ends the sessions of the old one.
	return auth.UserRecord{Name: u.Name, Grants: grants, PasswordHash: u.PasswordHash, Epoch: max(u.Epoch, u.ChangedAt.UnixMilli()), Disabled: !u.DisabledAt.IsZero()}, nil
}

// Tokens keeps API tokens in a store. The command line uses it too, when no
// daemon runs.
type Tokens struct{ DB *store.DB }

// List shows the tokens that are not revoked.
func (t Tokens) List(ctx context.Context) ([]client.Token, error) {
	all, err := t.DB.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]client.Token, 0, len(all))
	for _, k := range all {
		if k.RevokedAt.IsZero() {
			list = append(list, shown(k))
		}
	}
	return list, nil
}

// Create makes a token. Its secret part is in the answer and nowhere else.
func (t Tokens) Create(ctx context.Context, want client.NewToken, by string) (client.CreatedToken, error) {
	grants, err := auth.ParseGrants(want.Role)
	if err != nil {
		return client.CreatedToken{}, err
	}
	secret, hash := auth.NewToken()
	k := store.Token{ID: keepwatch.Digest(hash), Name: want.Name, Role: auth.FormatGrants(grants), Hash: hash, CreatedAt: time.Now().UTC(), CreatedBy: by}
	if want.ExpiresAt != nil {
		k.ExpiresAt = *want.ExpiresAt
	}
	if err := t.DB.SaveToken(ctx, k); err != nil {
		return client.CreatedToken{}, err
	}
	return client.CreatedToken{Token: shown(k), Secret: string(secret.Reveal())}, nil
}

// Revoke ends a token by its id.
func (t Tokens) Revoke(ctx context.Context, id string) error {
	return t.DB.RevokeToken(ctx, id, time.Now())
}

func shown(k store.Token) client.Token {
	return client.Token{
		ID: k.ID, Name: k.Name, Role: k.Role, CreatedBy: k.CreatedBy,
		CreatedAt: instant(k.CreatedAt), ExpiresAt: instant(k.ExpiresAt), LastUsedAt: instant(k.LastUsedAt),
	}
}

// instant is null where there is none.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}
