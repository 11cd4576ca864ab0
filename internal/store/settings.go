package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

// Setting reads a small value that Keepwatch keeps for itself; "" when it was
// never set.
func (db *DB) Setting(ctx context.Context, key string) (value string, err error) {
	err = db.read(ctx, "setting", func(q querier) error {
		value, err = setting(ctx, q, key)
		return err
	})
	return value, err
}

func setting(ctx context.Context, q querier, key string) (value string, err error) {
	rows, err := q.query(ctx, "SELECT value FROM settings WHERE key = $1", key)
	_, err = one(rows, err, &value)
	return value, err
}

// SetSetting writes one.
func (db *DB) SetSetting(ctx context.Context, key, value string) error {
	if err := storable("setting", key, value); err != nil {
		return err
	}
	return db.write(ctx, "set setting", func(ctx context.Context, t *tx) error { return setSetting(ctx, t, key, value) })
}

func setSetting(ctx context.Context, t *tx, key, value string) error {
	_, err := t.exec(ctx, "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
	return err
}

// Token is an API token as it is kept: only its hash.
type Token struct {
	ID         string
	Name       string
	Role       string // of whoever carries it
	CreatedBy  string
	Hash       string
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time
	RevokedAt  time.Time
}

const tokenColumns = "id, name, role, created_by, hash, created_at, expires_at, last_used_at, revoked_at"

func scanToken(r *sql.Rows) (Token, error) {
	var t Token
	var created, expires, used, revoked int64
	err := r.Scan(&t.ID, &t.Name, &t.Role, &t.CreatedBy, &t.Hash, &created, &expires, &used, &revoked)
	t.CreatedAt, t.ExpiresAt, t.LastUsedAt, t.RevokedAt = instant(created), instant(expires), instant(used), instant(revoked)
	return t, err
}

// SaveToken writes a token, new or changed.
func (db *DB) SaveToken(ctx context.Context, k Token) error {
	if err := storable("token", k.ID, k.Name, k.Role, k.CreatedBy, k.Hash); err != nil {
		return err
	}
	if k.ID == "" || k.Hash == "" {
		return fmt.Errorf("token without id or hash: %w", keepwatch.ErrInvalid)
	}
	return db.write(ctx, "save token", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "INSERT INTO tokens ("+tokenColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET"+
			" name = excluded.name, role = excluded.role, hash = excluded.hash, expires_at = excluded.expires_at, last_used_at = excluded.last_used_at, revoked_at = excluded.revoked_at",
			k.ID, k.Name, k.Role, k.CreatedBy, k.Hash, millis(k.CreatedAt), millis(k.ExpiresAt), millis(k.LastUsedAt), millis(k.RevokedAt))
		if db.duplicate(err) {
			return fmt.Errorf("token %q: %w", k.Name, keepwatch.ErrConflict)
		}
		return err
	})
}

// Tokens lists all tokens, revoked ones too, oldest first.
func (db *DB) Tokens(ctx context.Context) ([]Token, error) {
	var list []Token
	rows, err := db.reads.QueryContext(ctx, "SELECT "+tokenColumns+" FROM tokens ORDER BY created_at, id")
	err = each(rows, err, func(r *sql.Rows) error {
		t, err := scanToken(r)
		list = append(list, t)
		return err
	})
	if err != nil {
		return nil, fail("tokens", err)
	}
	return list, nil
}

// RevokeToken ends a token; a second time changes nothing.
func (db *DB) RevokeToken(ctx context.Context, id string, now time.Time) error {
	return db.write(ctx, "revoke token", func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "UPDATE tokens SET revoked_at = CASE WHEN revoked_at = 0 THEN $1 ELSE revoked_at END WHERE id = $2", millis(now), id)
		if err == nil && n == 0 {
			err = fmt.Errorf("token %.80q: %w", id, keepwatch.ErrNotFound)
		}
		return err
	})
}

// TouchToken notes when a token was last used. The caller does so seldom: it is a
// write.
func (db *DB) TouchToken(ctx context.Context, id string, now time.Time) error {
	return db.write(ctx, "touch token", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE tokens SET last_used_at = $1 WHERE id = $2", millis(now), id)
		return err
	})
}

// TokenByHash finds a token by its hash, revoked or not.
func (db *DB) TokenByHash(ctx context.Context, hash string) (k Token, err error) {
	err = db.read(ctx, "token", func(q querier) error {
		found := false
		rows, err := q.query(ctx, "SELECT "+tokenColumns+" FROM tokens WHERE hash = $1", hash)
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			k, err = scanToken(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("token: %w", keepwatch.ErrNotFound)
		}
		return err
	})
	return k, err
}
