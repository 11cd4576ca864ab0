package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

const (
	maxScan    = 16 << 20
	keepScans  = 90 * 24 * time.Hour
	mostScans  = 200 // that people asked for
	shownScans = 100
)

// Scan is one scan from outside, as a document.
type Scan struct {
	ID        string
	At        time.Time
	Scheduled keepwatch.CheckID // "" when a person asked for it
	Doc       []byte
}

// SaveScan keeps a scan, in the place of one with the same id unless that is newer.
// Scans that are old, or too many, go.
func (db *DB) SaveScan(ctx context.Context, s Scan) error {
	if s.ID == "" || len(s.Doc) == 0 || len(s.Doc) > maxScan {
		return fmt.Errorf("scan without an id, empty, or larger than %d MiB: %w", maxScan>>20, keepwatch.ErrInvalid)
	}
	if err := storable("scan", s.ID, string(s.Scheduled), string(s.Doc)); err != nil {
		return err
	}
	return db.write(ctx, "save scan", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "INSERT INTO scans (id, at, scheduled, doc) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET"+
			" at = excluded.at, doc = excluded.doc WHERE scans.at <= excluded.at", s.ID, millis(s.At), string(s.Scheduled), string(s.Doc))
		if err == nil {
			_, err = t.exec(ctx, "DELETE FROM scans WHERE at < $1", millis(s.At.Add(-keepScans)))
		}
		if err == nil && s.Scheduled == "" {
			_, err = t.exec(ctx, "DELETE FROM scans WHERE scheduled = '' AND id NOT IN (SELECT id FROM scans WHERE scheduled = '' ORDER BY at DESC, id DESC LIMIT $1)", mostScans)
		}
		return err
	})
}

// Scan reads one.
func (db *DB) Scan(ctx context.Context, id string) (s Scan, err error) {
	if err := storable("scan", id); err != nil {
		return s, err
	}
	err = db.read(ctx, "scan", func(q querier) error {
		var at int64
		rows, err := q.query(ctx, "SELECT id, at, scheduled, doc FROM scans WHERE id = $1", id)
		found, err := one(rows, err, &s.ID, &at, &s.Scheduled, &s.Doc)
		if err == nil && !found {
			err = fmt.Errorf("scan %.80q: %w", id, keepwatch.ErrNotFound)
		}
		s.At = instant(at)
		return err
	})
	return s, err
}

// Scans lists the newest ones, newest first.
func (db *DB) Scans(ctx context.Context) ([]Scan, error) {
	var list []Scan
	rows, err := db.reads.QueryContext(ctx, "SELECT id, at, scheduled, doc FROM scans ORDER BY at DESC, id DESC LIMIT $1", shownScans)
	err = each(rows, err, func(r *sql.Rows) error {
		var s Scan
		var at int64
		err := r.Scan(&s.ID, &at, &s.Scheduled, &s.Doc)
		s.At = instant(at)
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, fail("scans", err)
	}
	return list, nil
}
