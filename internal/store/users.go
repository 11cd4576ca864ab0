package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

// User is somebody who may sign in, with a password hash.
type User struct {
	Name         string
	Grants       string // roles, and where they hold, as package auth writes them
	PasswordHash string
	CreatedAt    time.Time
	CreatedBy    string
	ChangedAt    time.Time // of the password
	// Epoch is raised by whatever is to end the user's sessions.
	Epoch      int64
	DisabledAt time.Time // zero: may sign in
	SignedInAt time.Time // last
}

const userColumns = "name, grants, password_hash, created_at, created_by, changed_at, epoch, disabled_at, signed_in_at"

func scanUser(r *sql.Rows) (User, error) {
	var u User
	var created, changed, disabled, signedIn int64
	err := r.Scan(&u.Name, &u.Grants, &u.PasswordHash, &created, &u.CreatedBy, &changed, &u.Epoch, &disabled, &signedIn)
	u.CreatedAt, u.ChangedAt, u.DisabledAt, u.SignedInAt = instant(created), instant(changed), instant(disabled), instant(signedIn)
	return u, err
}

// AddUser writes a new user; a name that is taken is an ErrConflict.
func (db *DB) AddUser(ctx context.Context, u User) error {
	if err := checkUser(u); err != nil {
		return err
	}
	return db.write(ctx, "add user", func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "INSERT INTO users ("+userColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING",
			u.Name, u.Grants, u.PasswordHash, millis(u.CreatedAt), u.CreatedBy, millis(u.ChangedAt), u.Epoch, millis(u.DisabledAt), millis(u.SignedInAt))
		if err == nil && n == 0 {
			err = fmt.Errorf("user %.80q: %w", u.Name, keepwatch.ErrConflict)
		}
		return err
	})
}

func checkUser(u User) error {
	if u.Name == "" || u.PasswordHash == "" || u.Grants == "" {
		return fmt.Errorf("user without name, role or password hash: %w", keepwatch.ErrInvalid)
	}
	return storable("user", u.Name, u.Grants, u.PasswordHash, u.CreatedBy)
}

// ChangeUser reads a user, lets change do its work and writes what comes of it, in one
// transaction. others are all the other users: whether one of them can still manage
// accounts is for change to judge. The name stays as it is.
func (db *DB) ChangeUser(ctx context.Context, name string, change func(u *User, others []User) error) (User, error) {
	var u User
	if err := storable("user", name); err != nil {
		return u, err
	}
	err := db.write(ctx, "change user", func(ctx context.Context, t *tx) error {
		all, err := users(ctx, t, db.forUpdate)
		if err != nil {
			return err
		}
		others := make([]User, 0, len(all))
		found := false
		for _, x := range all {
			if x.Name == name {
				u, found = x, true
				continue
			}
			others = append(others, x)
		}
		if !found {
			return fmt.Errorf("user %.80q: %w", name, keepwatch.ErrNotFound)
		}
		if err := change(&u, others); err != nil {
			return err
		}
		u.Name = name
		if err := checkUser(u); err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE users SET grants = $2, password_hash = $3, changed_at = $4, epoch = $5, disabled_at = $6, signed_in_at = $7 WHERE name = $1",
			u.Name, u.Grants, u.PasswordHash, millis(u.ChangedAt), u.Epoch, millis(u.DisabledAt), millis(u.SignedInAt))
		return err
	})
	return u, err
}

// RemoveUser takes a user out; the audit log keeps what the user did.
func (db *DB) RemoveUser(ctx context.Context, name string, may func(u User, others []User) error) error {
	if err := storable("user", name); err != nil {
		return err
	}
	return db.write(ctx, "remove user", func(ctx context.Context, t *tx) error {
		all, err := users(ctx, t, db.forUpdate)
		if err != nil {
			return err
		}
		for i, u := range all {
			if u.Name != name {
				continue
			}
			if err := may(u, append(all[:i:i], all[i+1:]...)); err != nil {
				return err
			}
			_, err := t.exec(ctx, "DELETE FROM users WHERE name = $1", name)
			return err
		}
		return fmt.Errorf("user %.80q: %w", name, keepwatch.ErrNotFound)
	})
}

// Users lists all users by name.
func (db *DB) Users(ctx context.Context) (list []User, err error) {
	err = db.read(ctx, "users", func(q querier) error {
		list, err = users(ctx, q, "")
		return err
	})
	return list, err
}

func users(ctx context.Context, q querier, lock string) ([]User, error) {
	var list []User
	rows, err := q.query(ctx, "SELECT "+userColumns+" FROM users ORDER BY name"+lock)
	err = each(rows, err, func(r *sql.Rows) error {
		u, err := scanUser(r)
		list = append(list, u)
		return err
	})
	return list, err
}

// UserByName finds a user.
func (db *DB) UserByName(ctx context.Context, name string) (u User, err error) {
	if err := storable("user", name); err != nil {
		return u, err
	}
	err = db.read(ctx, "user", func(q querier) error {
		found := false
		rows, err := q.query(ctx, "SELECT "+userColumns+" FROM users WHERE name = $1", name)
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			u, err = scanUser(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("user %.80q: %w", name, keepwatch.ErrNotFound)
		}
		return err
	})
	return u, err
}

// SignedIn notes a user's last sign-in.
func (db *DB) SignedIn(ctx context.Context, name string, now time.Time) error {
	return db.write(ctx, "signed in", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE users SET signed_in_at = $2 WHERE name = $1", name, millis(now))
		return err
	})
}
