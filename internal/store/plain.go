package store

import (
	"context"
	"database/sql"
	"time"

	"keepwatch"
)

// plain selects the series of everything but the looks at counters: an estate has a few
// for each credential and may have thousands of subjects, which most readers pass over.
const plain = "check_id NOT LIKE '" + string(keepwatch.CheckEffects) + ":%'"

// PlainSeries lists the state of every series that is not of a look at counters, in id
// order.
func (db *DB) PlainSeries(ctx context.Context) ([]keepwatch.Series, error) {
	return db.seriesWhere(ctx, plain)
}

// PeerSeries lists those, and the looks at counters that say more than that all is well.
func (db *DB) PeerSeries(ctx context.Context) ([]keepwatch.Series, error) {
	return db.seriesWhere(ctx, "peer = 1")
}

// seriesWhere lists series in id order.
func (db *DB) seriesWhere(ctx context.Context, where string, args ...any) ([]keepwatch.Series, error) {
	var list []keepwatch.Series
	rows, err := db.reads.QueryContext(ctx, "SELECT "+seriesColumns+" FROM series WHERE "+where+" ORDER BY id", args...)
	err = each(rows, err, func(r *sql.Rows) error {
		s, _, err := scanSeries(r)
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, fail("series", err)
	}
	return list, nil
}

// Looked is one aspect of a subject that is looked at.
type Looked struct {
	Tenant keepwatch.TenantID
	Series keepwatch.SeriesID
}

// LookedAt names every aspect of every subject, without what is known of it.
func (db *DB) LookedAt(ctx context.Context) ([]Looked, error) {
	var list []Looked
	rows, err := db.reads.QueryContext(ctx, "SELECT tenant, id FROM series WHERE NOT "+plain+" AND id <> check_id")
	err = each(rows, err, func(r *sql.Rows) error {
		var l Looked
		err := r.Scan(&l.Tenant, &l.Series)
		list = append(list, l)
		return err
	})
	if err != nil {
		return nil, fail("series", err)
	}
	return list, nil
}

// PlainHourly is Hourly of those.
func (db *DB) PlainHourly(ctx context.Context, from, to time.Time) (map[keepwatch.SeriesID][]keepwatch.Rollup, error) {
	lo, hi := floor(millis(from), hourMS), ceil(millis(to), hourMS)
	ts := tallies{}
	err := db.read(ctx, "rollups", func(q querier) error {
		if err := collectRuns(ctx, q, ts, hourMS, lo, hi, hotRows{" AND series IN (SELECT id FROM series WHERE " + plain + ")", "slot", nil}); err != nil {
			return err
		}
		return collectWhere(ctx, q, ts, "hourly", hourMS, lo, hi, " AND s."+plain)
	})
	if err != nil {
		return nil, err
	}
	return ts.rollups(), nil
}

// SeriesOf lists the state of every series of one check, in id order.
func (db *DB) SeriesOf(ctx context.Context, check keepwatch.CheckID) ([]keepwatch.Series, error) {
	if err := storable("check id", string(check)); err != nil {
		return nil, err
	}
	return db.seriesWhere(ctx, "check_id = $1", string(check))
}
