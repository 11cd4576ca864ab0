package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"keepwatch"
)

// How long history is kept. Incidents, their timelines and what was sent about
// them are few, and stay.
const (
	keepRaw    = 7 * 24 * time.Hour
	keepHourly = 90 * 24 * time.Hour
	keepDaily  = 2 * 365 * 24 * time.Hour
	// keepUnread is how long a watched subject stays that nobody could read any more:
	// it was deleted in SFMC, or is no longer asked for.
	keepUnread = 30 * 24 * time.Hour
)

// expiring are the tables that age, all of them keyed by series and a time.
var expiring = []struct {
	table, column string
	keep          time.Duration
}{
	{"results", "slot", keepRaw},
	{"transcripts", "slot", keepRaw},
	{"hourly", "start", keepHourly},
	{"daily", "start", keepDaily},
}

// Retain deletes history that is older than it is kept, in slices, and forgets subjects
// that were not read for long, with their baselines. To be called once a day.
func (db *DB) Retain(ctx context.Context, now time.Time) error {
	err := db.alone(ctx, func() error {
		for _, e := range expiring {
			before := millis(now.Add(-e.keep))
			err := db.eachSeries(ctx, e.table, func(ids []string) error { return db.expire(ctx, e.table, e.column, ids, before) })
			if err != nil {
				return err
			}
		}
		if err := db.expireCalls(ctx, now); err != nil {
			return err
		}
		if err := db.expireUnread(ctx, now); err != nil {
			return err
		}
		if err := db.expireUses(ctx, millis(now.Add(-keepUses))); err != nil {
			return err
		}
		if err := db.expireShares(ctx, millis(now.Add(-keepShares))); err != nil {
			return err
		}
		return db.expireSeen(ctx, millis(now.Add(-keepRaw)))
	})
	if err != nil {
		return fail("retain", err)
	}
	return nil
}

func (db *DB) expire(ctx context.Context, table, column string, ids []string, before int64) error {
	return db.write(ctx, "expire "+table, func(ctx context.Context, t *tx) error {
		for _, id := range ids {
			if _, err := t.exec(ctx, "DELETE FROM "+table+" WHERE series = $1 AND "+column+" < $2", id, before); err != nil {
				return err
			}
		}
		return nil
	})
}

// expireUnread forgets subjects that were not read for long, and the baselines of all
// that are no longer watched.
func (db *DB) expireUnread(ctx context.Context, now time.Time) error {
	var ids []keepwatch.SeriesID
	rows, err := db.reads.QueryContext(ctx, "SELECT "+seriesColumns+" FROM series WHERE last_slot < $1 ORDER BY id", millis(now.Add(-keepUnread)))
	err = each(rows, err, func(r *sql.Rows) error {
		s, _, err := scanSeries(r)
		if err == nil && s.Watch != nil {
			ids = append(ids, s.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(ids, sliceSeries) {
		if err := db.ForgetSeries(ctx, now, part...); err != nil {
			return err
		}
	}
	return db.write(ctx, "expire models", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM models WHERE series NOT IN (SELECT id FROM series)")
		return err
	})
}

// expireSeen forgets keys whose results are gone. A repeat that old is refused by
// intake.
func (db *DB) expireSeen(ctx context.Context, before int64) error {
	for {
		var n int64
		err := db.write(ctx, "expire keys", func(ctx context.Context, t *tx) (err error) {
			n, err = t.exec(ctx, "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE at < $1 LIMIT $2)", before, foldSlice)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// Keeping is how long something is kept.
type Keeping struct {
	What  string
	For   time.Duration // 0: for good
	Notes string
}

// Kept says how long what is kept.
func Kept() []Keeping {
	return []Keeping{
		{"Single runs and their transcripts", keepRaw, "the transcripts of good runs go sooner"},
		{"Hourly sums", keepHourly, "what history strips and charts show"},
		{"Daily sums", keepDaily, ""},
		{"Subjects that nobody could read any more", keepUnread, "with their baselines"},
		{"Which links in messages were used", keepUses, ""},
		{"Incidents, timelines, messages, rotations, figures", 0, ""},
		{"The audit log", 0, ""},
	}
}
