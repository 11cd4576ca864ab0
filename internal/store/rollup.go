package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

const (
	hourMS = int64(time.Hour / time.Millisecond)
	dayMS  = 24 * hourMS
)

// tally collects runs of one series over one span of time. It adds up: tallies of
// two parts of an hour, or of the hours of a day, merge into the tally of the
// whole, whatever the order.
type tally struct {
	runs, ok, failed, requests int64
	tookSum, tookMax           int64
	amount, watched            int64 // of counts
	counts                     map[keepwatch.Outcome]int64
}

// add takes in n rows of one outcome, which stand for runs events.
func (t *tally) add(outcome keepwatch.Outcome, runs, tookSum, tookMax, requests int64) {
	t.runs += runs
	switch {
	case outcome == keepwatch.OK:
		t.ok += runs
	case failed(outcome):
		t.failed += runs
	}
	t.requests += requests
	t.tookSum += tookSum
	t.tookMax = max(t.tookMax, tookMax)
	if t.counts == nil {
		t.counts = map[keepwatch.Outcome]int64{}
	}
	t.counts[outcome] += runs
}

// count takes in what a reading counted.
func (t *tally) count(amount, watched int64) {
	t.amount += amount
	t.watched += watched
}

func (t *tally) merge(o *tally) {
	t.count(o.amount, o.watched)
	t.runs += o.runs
	t.ok += o.ok
	t.failed += o.failed
	t.requests += o.requests
	t.tookSum += o.tookSum
	t.tookMax = max(t.tookMax, o.tookMax)
	if t.counts == nil {
		t.counts = make(map[keepwatch.Outcome]int64, len(o.counts))
	}
	for outcome, n := range o.counts {
		t.counts[outcome] += n
	}
}

func (t *tally) rollup(series keepwatch.SeriesID, start int64) keepwatch.Rollup {
	r := keepwatch.Rollup{
		Series: series, Start: instant(start), Runs: int(t.runs), OK: int(t.ok), Failed: int(t.failed),
		Counts: make(map[keepwatch.Outcome]int, len(t.counts)), TookSum: span(t.tookSum), TookMax: span(t.tookMax), Requests: int(t.requests),
		Amount: t.amount, Watched: span(t.watched),
	}
	for outcome, n := range t.counts {
		r.Counts[outcome] = int(n)
		if r.Worst == "" || worse(outcome, r.Worst) {
			r.Worst = outcome
		}
	}
	return r
}

// worse orders outcomes by how loud they are, then by how much of the credential's
// own fault they are, then by name, so that it does not depend on the order.
func worse(a, b keepwatch.Outcome) bool {
	if x, y := gravity(a), gravity(b); x != y {
		return x > y
	}
	return a < b
}

func gravity(o keepwatch.Outcome) int {
	switch info := o.Info(); {
	case o == keepwatch.OK:
		return 0
	case info.Severity == keepwatch.SeverityCritical && o.Hard():
		return 4
	case info.Severity == keepwatch.SeverityCritical:
		return 3
	case info.Severity == keepwatch.SeverityWarning:
		return 2
	}
	return 1
}

const rollupColumns = "series, start, runs, ok, failed, took_sum, took_max, requests, counts, amount, watched"

func scanTally(r *sql.Rows) (series keepwatch.SeriesID, start int64, t tally, err error) {
	var counts sql.RawBytes
	err = r.Scan(&series, &start, &t.runs, &t.ok, &t.failed, &t.tookSum, &t.tookMax, &t.requests, &counts, &t.amount, &t.watched)
	if err == nil {
		err = json.Unmarshal(counts, &t.counts)
	}
	return series, start, t, err
}

// tallies by series and start.
type tallies map[keepwatch.SeriesID]map[int64]*tally

func (ts tallies) at(series keepwatch.SeriesID, start int64) *tally {
	of := ts[series]
	if of == nil {
		of = map[int64]*tally{}
		ts[series] = of
	}
	t := of[start]
	if t == nil {
		t = &tally{}
		of[start] = t
	}
	return t
}

func (ts tallies) rollups() map[keepwatch.SeriesID][]keepwatch.Rollup {
	out := make(map[keepwatch.SeriesID][]keepwatch.Rollup, len(ts))
	for series, of := range ts {
		for _, start := range slices.Sorted(maps.Keys(of)) {
			out[series] = append(out[series], of[start].rollup(series, start))
		}
	}
	return out
}

// Hourly returns the hours from from (inclusive) to to (exclusive) of every live
// series: those rolled up, and what the hot table has that is not rolled up yet.
func (db *DB) Hourly(ctx context.Context, from, to time.Time) (map[keepwatch.SeriesID][]keepwatch.Rollup, error) {
	return db.rollups(ctx, hourMS, from, to, "")
}

// Daily is the same by UTC day.
func (db *DB) Daily(ctx context.Context, from, to time.Time) (map[keepwatch.SeriesID][]keepwatch.Rollup, error) {
	return db.rollups(ctx, dayMS, from, to, "")
}

// HourlyOf is Hourly of one series, also of one that is no longer live.
func (db *DB) HourlyOf(ctx context.Context, series keepwatch.SeriesID, from, to time.Time) ([]keepwatch.Rollup, error) {
	m, err := db.rollups(ctx, hourMS, from, to, series)
	return m[series], err
}

// DailyOf is Daily of one series.
func (db *DB) DailyOf(ctx context.Context, series keepwatch.SeriesID, from, to time.Time) ([]keepwatch.Rollup, error) {
	m, err := db.rollups(ctx, dayMS, from, to, series)
	return m[series], err
}

func (db *DB) rollups(ctx context.Context, width int64, from, to time.Time, series keepwatch.SeriesID) (map[keepwatch.SeriesID][]keepwatch.Rollup, error) {
	lo, hi := floor(millis(from), width), ceil(millis(to), width)
	ts := tallies{}
	hot := hotRows{" AND series IN (SELECT id FROM series)", "slot", nil}
	if series != "" {
		hot = db.hotOf(series, 3, 4)
	}
	// One moment for all of it: a fold in between would count a run twice or not at
	// all.
	err := db.read(ctx, "rollups", func(q querier) error {
		if err := collectHot(ctx, q, ts, width, lo, hi, hot, series); err != nil {
			return err
		}
		if width == hourMS {
			return collect(ctx, q, ts, "hourly", width, lo, hi, series)
		}
		// Days are rolled up once they are over; the rest is added up from hours.
		until, err := dailyUntil(ctx, q)
		if err != nil {
			return err
		}
		if err := collect(ctx, q, ts, "daily", width, lo, min(hi, until), series); err != nil {
			return err
		}
		return collect(ctx, q, ts, "hourly", width, max(lo, until), hi, series)
	})
	if err != nil {
		return nil, err
	}
	return ts.rollups(), nil
}

func floor(ms, width int64) int64 { return ms - ((ms%width)+width)%width }
func ceil(ms, width int64) int64  { return floor(ms+width-1, width) }

// collect adds the rolled-up rows in [lo, hi) to ts. For all series it goes through
// the live ones, so that the primary key serves it.
func collect(ctx context.Context, q querier, ts tallies, table string, width, lo, hi int64, series keepwatch.SeriesID) error {
	if lo >= hi {
		return nil
	}
	if series == "" {
		return collectWhere(ctx, q, ts, table, width, lo, hi, "")
	}
	rows, err := q.query(ctx, "SELECT "+rollupColumns+" FROM "+table+" WHERE start >= $1 AND start < $2 AND series = $3", lo, hi, string(series))
	return addTallies(rows, err, ts, width)
}

// collectWhere adds those of all live series s that a condition lets through.
func collectWhere(ctx context.Context, q querier, ts tallies, table string, width, lo, hi int64, where string) error {
	rows, err := q.query(ctx, "SELECT "+rollupColumns+" FROM series s CROSS JOIN "+table+" r WHERE r.series = s.id AND r.start >= $1 AND r.start < $2"+where, lo, hi)
	return addTallies(rows, err, ts, width)
}

func addTallies(rows *sql.Rows, err error, ts tallies, width int64) error {
	return each(rows, err, func(r *sql.Rows) error {
		id, start, t, err := scanTally(r)
		if err == nil {
			ts.at(id, floor(start, width)).merge(&t)
		}
		return err
	})
}

// collectHot adds what the hot table holds, which is never in a rollup as well.
func collectHot(ctx context.Context, q querier, ts tallies, width, lo, hi int64, hot hotRows, series keepwatch.SeriesID) error {
	var args []any
	if series != "" {
		args = append(args, string(series))
	}
	if err := collectRuns(ctx, q, ts, width, lo, hi, hot, args...); err != nil {
		return err
	}
	return collectCounted(ctx, q, ts, width, lo, hi, series)
}

// collectRuns adds the runs of some rows of the hot table.
func collectRuns(ctx context.Context, q querier, ts tallies, width, lo, hi int64, of hotRows, more ...any) error {
	rows, err := q.query(ctx, "SELECT series, slot / "+strconv.FormatInt(hourMS, 10)+" AS hour, outcome, CAST(sum(runs) AS bigint), CAST(sum(took) AS bigint), max(took), CAST(sum(requests) AS bigint)"+
		" FROM hot WHERE "+of.slot+" >= $1 AND "+of.slot+" < $2"+of.where+" GROUP BY series, slot / "+strconv.FormatInt(hourMS, 10)+", outcome", slices.Concat([]any{lo, hi}, more, of.args)...)
	return each(rows, err, func(r *sql.Rows) error {
		var id keepwatch.SeriesID
		var outcome keepwatch.Outcome
		var hour, runs, sum, most, requests int64
		err := r.Scan(&id, &hour, &outcome, &runs, &sum, &most, &requests)
		if err == nil {
			ts.at(id, floor(hour*hourMS, width)).add(outcome, runs, sum, most, requests)
		}
		return err
	})
}

// dailyUntil is the first day that is not rolled up.
func dailyUntil(ctx context.Context, q querier) (int64, error) {
	text, err := setting(ctx, q, settingDailyUntil)
	if err != nil || text == "" {
		return 0, err
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("setting %s: %w", settingDailyUntil, err)
	}
	return ms, nil
}
