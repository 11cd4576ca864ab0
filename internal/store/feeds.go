package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

const feedColumns = "id, owner, hash, created_at, created_by, revoked_at"

func scanFeed(r *sql.Rows) (keepwatch.Feed, error) {
	var f keepwatch.Feed
	var created, revoked int64
	err := r.Scan(&f.ID, &f.Owner, &f.Hash, &created, &f.CreatedBy, &revoked)
	f.CreatedAt, f.RevokedAt = instant(created), instant(revoked)
	return f, err
}

// Feeds lists all calendar feeds, revoked ones too, oldest first.
func (db *DB) Feeds(ctx context.Context) ([]keepwatch.Feed, error) {
	var list []keepwatch.Feed
	rows, err := db.reads.QueryContext(ctx, "SELECT "+feedColumns+" FROM feeds ORDER BY created_at, id")
	err = each(rows, err, func(r *sql.Rows) error {
		f, err := scanFeed(r)
		list = append(list, f)
		return err
	})
	if err != nil {
		return nil, fail("feeds", err)
	}
	return list, nil
}

// SaveFeed writes a feed, new or with another address. It never brings a revoked
// one back.
func (db *DB) SaveFeed(ctx context.Context, f keepwatch.Feed) error {
	if f.ID == "" || f.Hash == "" {
		return fmt.Errorf("feed without id or hash: %w", keepwatch.ErrInvalid)
	}
	if err := storable("feed", f.ID, f.Owner, f.Hash, f.CreatedBy); err != nil {
		return err
	}
	return db.write(ctx, "save feed", func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "INSERT INTO feeds ("+feedColumns+") VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET"+
			" owner = excluded.owner, hash = excluded.hash WHERE feeds.revoked_at = 0",
			f.ID, f.Owner, f.Hash, millis(f.CreatedAt), f.CreatedBy, millis(f.RevokedAt))
		switch {
		case db.duplicate(err):
			return fmt.Errorf("feed %.80q has the address of another one: %w", f.ID, keepwatch.ErrConflict)
		case err == nil && n == 0:
			return fmt.Errorf("feed %.80q is revoked: %w", f.ID, keepwatch.ErrConflict)
		}
		return err
	})
}

// RevokeFeed ends a feed; a second time changes nothing.
func (db *DB) RevokeFeed(ctx context.Context, id string, now time.Time) error {
	if err := storable("feed", id); err != nil {
		return err
	}
	return db.write(ctx, "revoke feed", func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, "UPDATE feeds SET revoked_at = CASE WHEN revoked_at = 0 THEN $1 ELSE revoked_at END WHERE id = $2", millis(now), id)
		if err == nil && n == 0 {
			err = fmt.Errorf("feed %.80q: %w", id, keepwatch.ErrNotFound)
		}
		return err
	})
}

// FeedByHash finds a feed by the hash of its token, revoked or not.
func (db *DB) FeedByHash(ctx context.Context, hash string) (f keepwatch.Feed, err error) {
	if err := storable("feed", hash); err != nil {
		return f, err
	}
	err = db.read(ctx, "feed", func(q querier) error {
		found := false
		rows, err := q.query(ctx, "SELECT "+feedColumns+" FROM feeds WHERE hash = $1", hash)
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			f, err = scanFeed(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("feed: %w", keepwatch.ErrNotFound)
		}
		return err
	})
	return f, err
}

// FeedEvents is what calendar events said last, by uid.
func (db *DB) FeedEvents(ctx context.Context) (map[string]keepwatch.FeedEvent, error) {
	events := map[string]keepwatch.FeedEvent{}
	rows, err := db.reads.QueryContext(ctx, "SELECT uid, digest, sequence, changed_at FROM feed_events")
	err = each(rows, err, func(r *sql.Rows) error {
		var e keepwatch.FeedEvent
		var changed int64
		err := r.Scan(&e.UID, &e.Digest, &e.Sequence, &changed)
		e.ChangedAt = instant(changed)
		events[e.UID] = e
		return err
	})
	if err != nil {
		return nil, fail("feed events", err)
	}
	return events, nil
}

var upsertFeedEvents = &shape{
	head: "INSERT INTO feed_events (uid, digest, sequence, changed_at) VALUES ", row: "(?,?,?,?)",
	tail: " ON CONFLICT (uid) DO UPDATE SET digest = excluded.digest, sequence = excluded.sequence, changed_at = excluded.changed_at" +
		" WHERE feed_events.sequence < excluded.sequence",
}

// SaveFeedEvents writes what events say now. An event whose sequence did not rise
// stays as it is: a calendar would not look at it either.
func (db *DB) SaveFeedEvents(ctx context.Context, events []keepwatch.FeedEvent) error {
	seen := make(map[string]bool, len(events))
	args := make([]any, 0, 4*len(events))
	for _, e := range events {
		if e.UID == "" || seen[e.UID] {
			return fmt.Errorf("feed event %.80q comes twice or has no uid: %w", e.UID, keepwatch.ErrInvalid)
		}
		if err := storable("feed event", e.UID, e.Digest); err != nil {
			return err
		}
		seen[e.UID] = true
		args = append(args, e.UID, e.Digest, e.Sequence, millis(e.ChangedAt))
	}
	if len(events) == 0 {
		return nil
	}
	return db.write(ctx, "save feed events", func(ctx context.Context, t *tx) error {
		_, err := db.insert(ctx, t, upsertFeedEvents, len(events), args)
		return err
	})
}
