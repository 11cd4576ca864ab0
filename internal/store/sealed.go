package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

// Sealed is a secret that only the key outside of the database opens. Credential
// is the record it belongs to; the id is the credential's, or another name when a
// record has several secrets (a staged one).
type Sealed struct {
	ID         string
	Tenant     keepwatch.TenantID
	Credential keepwatch.CredentialID
	Blob       string // as package secrets makes it
	At         time.Time
	By         string
}

// check never repeats the blob.
func (s *Sealed) check() error {
	if s.ID == "" || s.Credential == "" || s.Blob == "" {
		return fmt.Errorf("sealed secret without id, record or content: %w", keepwatch.ErrInvalid)
	}
	return storable("sealed secret", s.ID, string(s.Tenant), string(s.Credential), s.Blob, s.By)
}

const sealedColumns = "id, tenant, credential, blob, at, person"

func saveSealed(ctx context.Context, t *tx, s *Sealed) error {
	_, err := t.exec(ctx, "INSERT INTO sealed ("+sealedColumns+") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET"+
		" tenant = excluded.tenant, credential = excluded.credential, blob = excluded.blob, at = excluded.at, person = excluded.person",
		s.ID, string(s.Tenant), string(s.Credential), s.Blob, millis(s.At), s.By)
	return err
}

// SaveSealed writes a sealed secret, new or in the place of the old one.
func (db *DB) SaveSealed(ctx context.Context, s Sealed) error {
	if err := s.check(); err != nil {
		return err
	}
	return db.write(ctx, "save sealed secret", func(ctx context.Context, t *tx) error { return saveSealed(ctx, t, &s) })
}

// Reseal puts the same secret under another key. It writes only while the old blob
// is still there: a secret that was changed meanwhile stays. It reports whether it
// wrote.
func (db *DB) Reseal(ctx context.Context, id, old, blob string) (done bool, err error) {
	if err := storable("sealed secret", id, old, blob); err != nil {
		return false, err
	}
	err = db.write(ctx, "reseal", func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "UPDATE sealed SET blob = $1 WHERE id = $2 AND blob = $3", blob, id, old)
		done = done || n > 0 // a repeat after a COMMIT that was durable finds nothing to do
		return err
	})
	return done, err
}

func scanSealed(r *sql.Rows) (Sealed, error) {
	var s Sealed
	var at int64
	err := r.Scan(&s.ID, &s.Tenant, &s.Credential, &s.Blob, &at, &s.By)
	s.At = instant(at)
	return s, err
}

// Sealed is one sealed secret.
func (db *DB) Sealed(ctx context.Context, id string) (s Sealed, err error) {
	if err := storable("sealed secret", id); err != nil {
		return s, err
	}
	err = db.read(ctx, "sealed secret", func(q querier) error {
		found := false
		rows, err := q.query(ctx, "SELECT "+sealedColumns+" FROM sealed WHERE id = $1", id)
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			s, err = scanSealed(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("sealed secret %.80q: %w", id, keepwatch.ErrNotFound)
		}
		return err
	})
	return s, err
}

// SealedAll lists every sealed secret, by id: to seal them anew under another key.
func (db *DB) SealedAll(ctx context.Context) ([]Sealed, error) {
	var list []Sealed
	rows, err := db.reads.QueryContext(ctx, "SELECT "+sealedColumns+" FROM sealed ORDER BY id")
	err = each(rows, err, func(r *sql.Rows) error {
		s, err := scanSealed(r)
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, fail("sealed secrets", err)
	}
	return list, nil
}

// DropSealed forgets a sealed secret; one that is not there is no error.
func (db *DB) DropSealed(ctx context.Context, id string) error {
	if err := storable("sealed secret", id); err != nil {
		return err
	}
	return db.write(ctx, "drop sealed secret", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM sealed WHERE id = $1", id)
		return err
	})
}
