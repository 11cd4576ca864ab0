package store

import (
	"context"
	"time"
)

// How long history is kept. Incidents, their timelines and what was sent about
// them are few, and stay.
const (
	keepRaw    = 7 * 24 * time.Hour
	keepHourly = 90 * 24 * time.Hour
	keepDaily  = 2 * 365 * 24 * time.Hour
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

// Retain deletes history that is older than it is kept, in slices. To be called
// once a day.
func (db *DB) Retain(ctx context.Context, now time.Time) error {
	err := db.alone(ctx, func() error {
		for _, e := range expiring {
			before := millis(now.Add(-e.keep))
			err := db.eachSeries(ctx, e.table, func(ids []string) error { return db.expire(ctx, e.table, e.column, ids, before) })
			if err != nil {
				return err
			}
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
