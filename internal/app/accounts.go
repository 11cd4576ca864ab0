package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/store"
)

// Accounts keeps the people who may sign in.
type Accounts struct {
	DB     *store.DB
	Hasher *auth.Hasher
}

// List shows them by name.
func (a Accounts) List(ctx context.Context) ([]client.User, error) {
	users, err := a.DB.Users(ctx)
	list := make([]client.User, len(users))
	for i, u := range users {
		list[i] = shownUser(u)
	}
	return list, err
}

// Create makes an account with a password that is in the answer and nowhere else.
func (a Accounts) Create(ctx context.Context, want client.NewUser, by string, now time.Time) (client.CreatedUser, error) {
	grants, err := auth.ParseGrants(want.Role)
	if err != nil {
		return client.CreatedUser{}, err
	}
	password, hash, err := a.password(ctx)
	if err != nil {
		return client.CreatedUser{}, err
	}
	u := store.User{Name: strings.TrimSpace(want.Name), Grants: auth.FormatGrants(grants), PasswordHash: hash, CreatedAt: now, CreatedBy: by, ChangedAt: now, Epoch: now.UnixMilli()}
	if err := a.DB.AddUser(ctx, u); err != nil {
		if errors.Is(err, keepwatch.ErrConflict) {
			err = keepwatch.WithHint(err, "that name is taken: choose another one, or change that account")
		}
		return client.CreatedUser{}, err
	}
	return client.CreatedUser{User: shownUser(u), Password: password}, nil
}

// Change gives an account other roles, disables it or lets it in again.
func (a Accounts) Change(ctx context.Context, name string, want client.ChangedUser, now time.Time) (client.User, error) {
	roles := ""
	if want.Role != nil {
		grants, err := auth.ParseGrants(*want.Role)
		if err != nil {
			return client.User{}, err
		}
		roles = auth.FormatGrants(grants)
	}
	u, err := a.DB.ChangeUser(ctx, name, func(u *store.User, others []store.User) error {
		if roles != "" {
			u.Grants = roles
		}
		if want.Disabled != nil && *want.Disabled != !u.DisabledAt.IsZero() {
			u.DisabledAt, u.Epoch = time.Time{}, now.UnixMilli()
			if *want.Disabled {
				u.DisabledAt = now
			}
		}
		return somebodyLeft(append(others, *u))
	})
	return shownUser(u), err
}

// Reset gives an account a new password and ends its sessions.
func (a Accounts) Reset(ctx context.Context, name string, now time.Time) (client.CreatedUser, error) {
	password, hash, err := a.password(ctx)
	if err != nil {
		return client.CreatedUser{}, err
	}
	u, err := a.DB.ChangeUser(ctx, name, func(u *store.User, _ []store.User) error {
		u.PasswordHash, u.ChangedAt, u.Epoch = hash, now, now.UnixMilli()
		return nil
	})
	if err != nil {
		return client.CreatedUser{}, err
	}
	return client.CreatedUser{User: shownUser(u), Password: password}, nil
}

// SetPassword is somebody's own new password. Whoever found an open browser does not
// know the old one. Sessions everywhere end, this one too.
func (a Accounts) SetPassword(ctx context.Context, name string, current, password []byte, now time.Time) error {
	u, err := a.DB.UserByName(ctx, name)
	if err != nil {
		return err
	}
	right, err := a.Hasher.Verify(ctx, current, u.PasswordHash)
	if err != nil {
		return err
	}
	if !right {
		return keepwatch.WithHint(fmt.Errorf("the current password is wrong: %w", keepwatch.ErrInvalid), "an administrator can set a new one")
	}
	hash, err := a.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = a.DB.ChangeUser(ctx, name, func(u *store.User, _ []store.User) error {
		u.PasswordHash, u.ChangedAt, u.Epoch = hash, now, now.UnixMilli()
		return nil
	})
	return err
}

// Remove takes an account away.
func (a Accounts) Remove(ctx context.Context, name string) error {
	return a.DB.RemoveUser(ctx, name, func(_ store.User, others []store.User) error { return somebodyLeft(others) })
}

func (a Accounts) password(ctx context.Context) (password, hash string, err error) {
	secret := auth.GeneratePassword()
	hash, err = a.Hasher.Hash(ctx, secret.Reveal())
	return string(secret.Reveal()), hash, err
}

// somebodyLeft reports that nobody could manage accounts any more.
func somebodyLeft(users []store.User) error {
	if slices.ContainsFunc(users, func(u store.User) bool {
		grants, err := auth.ParseGrants(u.Grants)
		return err == nil && u.DisabledAt.IsZero() && auth.PrincipalOf(u.Name, grants, auth.ViaSession).Everywhere(auth.Admin)
	}) {
		return nil
	}
	return keepwatch.WithHint(fmt.Errorf("nobody would be left who can manage accounts: %w", keepwatch.ErrConflict), "make another administrator first")
}

func shownUser(u store.User) client.User {
	return client.User{
		Name: u.Name, Role: u.Grants, CreatedAt: instant(u.CreatedAt), CreatedBy: u.CreatedBy, SignedInAt: instant(u.SignedInAt), DisabledAt: instant(u.DisabledAt),
	}
}

// auditLog is the store's log in the words of the API.
type auditLog struct{ db *store.DB }

func (l auditLog) Begin(ctx context.Context, e keepwatch.AuditEntry) (keepwatch.AuditEntry, error) {
	return l.db.Audit(ctx, e)
}

func (l auditLog) List(ctx context.Context, f keepwatch.AuditFilter, before int64, limit int) ([]client.AuditEntry, error) {
	entries, err := l.db.AuditLog(ctx, f, before, limit)
	list := make([]client.AuditEntry, len(entries))
	for i, e := range entries {
		list[i] = client.AuditEntry{Seq: e.Seq, At: e.At.UTC(), Who: e.Who, Via: e.Via, From: e.From, Action: e.Action, Refused: e.Refused, Of: e.Of}
	}
	return list, err
}

func (l auditLog) State(ctx context.Context) (client.AuditState, error) {
	n, broken, err := l.db.VerifyAudit(ctx)
	return client.AuditState{Entries: n, BrokenAt: broken}, err
}
