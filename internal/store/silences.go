package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"keepwatch"
)

// Silences lists those of which something lies ahead at a moment, by id.
func (db *DB) Silences(ctx context.Context, now time.Time) ([]keepwatch.Silence, error) {
	return db.silences(ctx, "WHERE over > $1 ORDER BY id", millis(now))
}

// PastSilences lists those that are over, the last first.
func (db *DB) PastSilences(ctx context.Context, now time.Time, limit int) ([]keepwatch.Silence, error) {
	return db.silences(ctx, "WHERE over <= $1 ORDER BY over DESC, id LIMIT $2", millis(now), limit)
}

func (db *DB) silences(ctx context.Context, rest string, args ...any) ([]keepwatch.Silence, error) {
	var list []keepwatch.Silence
	rows, err := db.reads.QueryContext(ctx, "SELECT doc FROM silences "+rest, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var doc sql.RawBytes
		var s keepwatch.Silence
		if err := r.Scan(&doc); err != nil {
			return err
		}
		err := json.Unmarshal(doc, &s)
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, fail("silences", err)
	}
	return list, nil
}

// SaveSilence writes a silence under its id; one that is there already stays as it is,
// so that a request may be made again.
func (db *DB) SaveSilence(ctx context.Context, s keepwatch.Silence) error {
	return db.write(ctx, "save silence", func(ctx context.Context, t *tx) error { return db.insertSilence(ctx, t, s) })
}

func (db *DB) insertSilence(ctx context.Context, t *tx, s keepwatch.Silence) error {
	if err := s.Check(); err != nil {
		return err
	}
	if s.ID == "" || s.File != "" {
		return fmt.Errorf("silence without an id, or of a file: %w", keepwatch.ErrInvalid)
	}
	doc, err := marshal(&s)
	if err != nil {
		return err
	}
	if err := storable("silence", s.ID, string(doc)); err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO silences (id, over, doc) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING", s.ID, millis(s.Until), string(doc))
	return err
}

// EndSilence ends a silence before its time. One that is over stays as it is.
func (db *DB) EndSilence(ctx context.Context, id, by string, now time.Time) (keepwatch.Silence, error) {
	var s keepwatch.Silence
	if err := storable("silence", id, by); err != nil {
		return s, err
	}
	err := db.write(ctx, "end silence", func(ctx context.Context, t *tx) error {
		var doc string
		rows, err := t.query(ctx, "SELECT doc FROM silences WHERE id = $1"+db.forUpdate, id)
		found, err := one(rows, err, &doc)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("silence %.80q: %w", id, keepwatch.ErrNotFound)
		}
		s = keepwatch.Silence{}
		if err := json.Unmarshal([]byte(doc), &s); err != nil || s.Over(now) {
			return err
		}
		s.EndedAt, s.EndedBy = normal(now), by
		changed, err := marshal(&s)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE silences SET over = $1, doc = $2 WHERE id = $3", millis(now), string(changed), id)
		return err
	})
	return s, err
}

// Hasten makes messages due that were held back: a silence has ended, or the hours of a
// receiver are others now. Whether one must still wait is decided when it is looked at.
func (db *DB) Hasten(ctx context.Context, now time.Time) error {
	err := db.write(ctx, "hasten", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE deliveries SET next_attempt_at = $1 WHERE status = 'pending' AND next_attempt_at > $1 AND (id LIKE '%~%' OR id LIKE '%+%')", millis(now))
		return err
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}
