package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

const (
	// keepShares is how long a link that is over stays in the list of its incident.
	keepShares = 90 * 24 * time.Hour
	// lookEvery bounds how often a look is written down: reading must not cost a write
	// for each request of somebody without an account.
	lookEvery = time.Minute
	// mostShares is how many links to one incident may hold at a time.
	mostShares = 20
)

const shareColumns = "id, incident, grants, created_at, created_by, expires_at, ended_at, ended_by, seen_at"

func scanShare(r *sql.Rows) (s keepwatch.ShareLink, err error) {
	var created, expires, ended, seen int64
	err = r.Scan(&s.ID, &s.Incident, &s.Grants, &created, &s.CreatedBy, &expires, &ended, &s.EndedBy, &seen)
	s.CreatedAt, s.ExpiresAt, s.EndedAt, s.SeenAt = instant(created), instant(expires), instant(ended), instant(seen)
	return s, err
}

func (db *DB) shares(ctx context.Context, q querier, where string, args ...any) (list []keepwatch.ShareLink, err error) {
	rows, err := q.query(ctx, "SELECT "+shareColumns+" FROM shares WHERE "+where, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		s, err := scanShare(r)
		list = append(list, s)
		return err
	})
	return list, err
}

// SaveShare keeps a new link to an incident that there is. More links than one needs
// are a conflict.
func (db *DB) SaveShare(ctx context.Context, s keepwatch.ShareLink) error {
	if s.ID == "" || s.CreatedBy == "" || s.Grants == "" || !s.ExpiresAt.After(s.CreatedAt) {
		return fmt.Errorf("a link to an incident without id, maker, grants or end: %w", keepwatch.ErrInvalid)
	}
	if err := storable("share", s.ID, string(s.Incident), s.Grants, s.CreatedBy); err != nil {
		return err
	}
	return db.write(ctx, "save share", func(ctx context.Context, t *tx) error {
		// The incident's row comes first: two that share at the same moment meet here.
		if _, err := db.incident(ctx, t, s.Incident, db.forUpdate); err != nil {
			return err
		}
		held, err := db.shares(ctx, t, "incident = $1 AND ended_at = 0 AND expires_at > $2", string(s.Incident), millis(s.CreatedAt))
		if err != nil {
			return err
		}
		if len(held) >= mostShares {
			err := fmt.Errorf("incident %s has %d links already: %w", s.Incident, len(held), keepwatch.ErrConflict)
			return keepwatch.WithHint(err, "end one of them, or pass one on")
		}
		_, err = t.exec(ctx, "INSERT INTO shares ("+shareColumns+") VALUES ($1, $2, $3, $4, $5, $6, 0, '', 0)",
			s.ID, string(s.Incident), s.Grants, millis(s.CreatedAt), s.CreatedBy, millis(s.ExpiresAt))
		return err
	})
}

// Shares lists the links to an incident, the newest first, with those that are over.
func (db *DB) Shares(ctx context.Context, id keepwatch.IncidentID) (list []keepwatch.ShareLink, err error) {
	if err := storable("incident id", string(id)); err != nil {
		return nil, err
	}
	err = db.read(ctx, "shares", func(q querier) error {
		list, err = db.shares(ctx, q, "incident = $1 ORDER BY created_at DESC, id", string(id))
		return err
	})
	return list, err
}

// Share is one link, also one that is over.
func (db *DB) Share(ctx context.Context, id string) (s keepwatch.ShareLink, err error) {
	if err := storable("share", id); err != nil {
		return s, err
	}
	err = db.read(ctx, "share", func(q querier) error {
		list, err := db.shares(ctx, q, "id = $1", id)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("link to an incident: %w", keepwatch.ErrNotFound)
		}
		if err == nil {
			s = list[0]
		}
		return err
	})
	return s, err
}

// EndShare ends a link to an incident; a second time changes nothing.
func (db *DB) EndShare(ctx context.Context, incident keepwatch.IncidentID, id, by string, now time.Time) error {
	if err := storable("share", string(incident), id, by); err != nil {
		return err
	}
	return db.write(ctx, "end share", func(ctx context.Context, t *tx) error {
		list, err := db.shares(ctx, t, "id = $1 AND incident = $2", id, string(incident))
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("link %.80q: %w", id, keepwatch.ErrNotFound)
		}
		if err == nil {
			_, err = t.exec(ctx, "UPDATE shares SET ended_at = $1, ended_by = $2 WHERE id = $3 AND ended_at = 0", millis(now), by, id)
		}
		return err
	})
}

// SeeShare notes that somebody looked through a link, at most once a minute.
func (db *DB) SeeShare(ctx context.Context, s keepwatch.ShareLink, now time.Time) error {
	if now.Sub(s.SeenAt) < lookEvery {
		return nil
	}
	return db.write(ctx, "see share", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE shares SET seen_at = $1 WHERE id = $2 AND seen_at < $1", millis(now), s.ID)
		return err
	})
}

// expireShares forgets links that were over before.
func (db *DB) expireShares(ctx context.Context, before int64) error {
	return db.write(ctx, "expire shares", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM shares WHERE expires_at < $1", before)
		return err
	})
}
