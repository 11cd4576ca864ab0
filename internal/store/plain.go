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
	var list []keepwatch.Series
	rows, err := db.reads.QueryContext(ctx, "SELECT "+seriesColumns+" FROM series WHERE "+plain+" ORDER BY id")
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

// PlainHourly is Hourly of those.
func (db *DB) PlainHourly(ctx context.Context, from, to time.Time) (map[keepwatch.SeriesID][]keepwatch.Rollup, error) {
	lo, hi := floor(millis(from), hourMS), ceil(millis(to), hourMS)
	ts := tallies{}
	err := db.read(ctx, "rollups", func(q querier) error {
		if err := collectRuns(ctx, q, ts, hourMS, lo, hi, " AND series IN (SELECT id FROM series WHERE "+plain+")"); err != nil {
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
	var list []keepwatch.Series
	rows, err := db.reads.QueryContext(ctx, "SELECT "+seriesColumns+" FROM series WHERE check_id = $1 ORDER BY id", string(check))
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
