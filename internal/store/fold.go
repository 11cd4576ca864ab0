package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"keepwatch"
)

const (
	// foldAfter is how long a slot rests in the hot table at least. Twice lateAfter:
	// see there.
	foldAfter = 2 * lateAfter
	// foldRead rows are listed at a time, sorted by series and moved in slices of
	// foldSlice: a slice holds the writer for some milliseconds, not the fold for seconds.
	foldRead  = 100_000
	foldSlice = 2_000
	// sliceSeries is the same for work that goes series by series.
	sliceSeries = 200

	settingDailyUntil = "rollup.daily_until"
	// foldLock is the advisory lock that one node of several takes to fold.
	foldLock = 0x6b656570666f6c64 // "keepfold"
)

// folding lets one Fold or Retain run at a time in this process.
type folding struct{ mu sync.Mutex }

// alone runs fn unless another node is at it; then there is nothing left to do here.
func (db *DB) alone(ctx context.Context, fn func() error) error {
	db.folding.mu.Lock()
	defer db.folding.mu.Unlock()
	if db.dialect != postgresDialect {
		return fn()
	}
	conn, err := db.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var got bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", int64(foldLock)).Scan(&got); err != nil || !got {
		return err
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(foldLock))
	}()
	return fn()
}

// Fold moves the observations of the hours that are over from the hot table into
// the order of series and time, and adds them to their hours and, when a day is
// over, its days. It works in slices, each a transaction of its own; when it is
// interrupted, the next one goes on. A row is in the hot table or folded and counted, never
// both. To be called every hour; more often does no harm.
func (db *DB) Fold(ctx context.Context, now time.Time) error {
	boundary := floor(millis(now.Add(-foldAfter)), hourMS)
	err := db.alone(ctx, func() error {
		db.folded.Store(max(db.folded.Load(), boundary-1))
		for {
			refs, err := db.foldable(ctx, boundary)
			if err != nil {
				return err
			}
			for slice := range slices.Chunk(refs, foldSlice) {
				if err := db.foldRows(ctx, slice); err != nil {
					return err
				}
			}
			if len(refs) < foldRead {
				break
			}
		}
		if err := db.rollDays(ctx, floor(boundary, dayMS)); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return fail("fold", err)
	}
	return db.persistTranscripts(ctx)
}

// hotRef names a row of the hot table.
type hotRef struct {
	series string
	slot   int64
	key    string
	read   bool // a reading, which may leave no row
}

// foldable lists rows before the boundary, sorted as the results are: neighbours
// there are written together.
func (db *DB) foldable(ctx context.Context, boundary int64) ([]hotRef, error) {
	var refs []hotRef
	rows, err := db.reads.QueryContext(ctx, "SELECT series, slot, key, read_at FROM hot WHERE slot < $1 ORDER BY slot, key LIMIT $2", boundary, foldRead)
	err = each(rows, err, func(r *sql.Rows) error {
		var ref hotRef
		var read int64
		err := r.Scan(&ref.series, &ref.slot, &ref.key, &read)
		ref.read = read > 0
		refs = append(refs, ref)
		return err
	})
	slices.SortFunc(refs, func(a, b hotRef) int {
		return cmp.Or(strings.Compare(a.series, b.series), cmp.Compare(a.slot, b.slot), strings.Compare(a.key, b.key))
	})
	return refs, err
}

const resultRowColumns = "series, slot, key, outcome, runs, took, requests, recorded_at, doc"

var (
	moveToResults = &shape{
		head: "INSERT INTO results (" + resultRowColumns + ") SELECT " + resultRowColumns + " FROM (VALUES ",
		row:  "(CAST(? AS bigint),CAST(? AS text))",
		tail: ") AS v CROSS JOIN hot h WHERE h.slot = v.column1 AND h.key = v.column2 AND NOT (h.read_at > 0 AND h.outcome = 'ok')" +
			" ON CONFLICT DO NOTHING RETURNING series, slot, outcome, runs, took, requests",
	}
	selectReadings = &shape{
		head: "SELECT h.series, h.slot, h.outcome, h.runs, h.took, h.requests, h.read_at, h.amount, h.watched FROM (VALUES ",
		row:  moveToResults.row,
		tail: ") AS v CROSS JOIN hot h WHERE h.slot = v.column1 AND h.key = v.column2 AND h.read_at > 0",
	}
	deleteHot = &shape{
		head: "DELETE FROM hot WHERE (slot, key) IN (VALUES ",
		row:  "(CAST(? AS bigint),CAST(? AS text))",
		tail: ")",
	}
)

// foldRows moves one slice. What the insert really took is what is counted: were a
// row there already, it has been counted.
func (db *DB) foldRows(ctx context.Context, refs []hotRef) error {
	args := make([]any, 0, 2*len(refs))
	for _, ref := range refs {
		args = append(args, ref.slot, ref.key)
	}
	return db.write(ctx, "fold slice", func(ctx context.Context, t *tx) error {
		until, err := dailyUntil(ctx, t)
		if err != nil {
			return err
		}
		hours, days := tallies{}, tallies{}
		if err := db.countReadings(ctx, t, refs, until, hours, days); err != nil {
			return err
		}
		err = chunks(len(refs), func(from, to int) error {
			rows, err := t.query(ctx, db.text(moveToResults, to-from), args[2*from:2*to]...)
			return each(rows, err, func(r *sql.Rows) error {
				var series keepwatch.SeriesID
				var outcome keepwatch.Outcome
				var slot, runs, took, requests int64
				if err := r.Scan(&series, &slot, &outcome, &runs, &took, &requests); err != nil {
					return err
				}
				hours.at(series, floor(slot, hourMS)).add(outcome, runs, took, took, requests)
				if slot < until { // a late one, whose day is rolled up already
					days.at(series, floor(slot, dayMS)).add(outcome, runs, took, took, requests)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		if _, err := db.insert(ctx, t, deleteHot, len(refs), args); err != nil {
			return err
		}
		t.afterCommit(func() { db.live.note(ofHours, func(l *live) { l.folded(refs) }) })
		if err := db.addTallies(ctx, t, "hourly", upsertHourly, hours); err != nil {
			return err
		}
		return db.addTallies(ctx, t, "daily", upsertDaily, days)
	})
}

// countReadings adds the readings of a slice to their hours: of each one what it
// counted, and of a good one, which leaves no row, the run as well.
func (db *DB) countReadings(ctx context.Context, t *tx, refs []hotRef, until int64, hours, days tallies) error {
	var args []any
	for _, ref := range refs {
		if ref.read {
			args = append(args, ref.slot, ref.key)
		}
	}
	add := func(r *sql.Rows) error {
		var series keepwatch.SeriesID
		var outcome keepwatch.Outcome
		var slot, runs, took, requests, read, amount, watched int64
		if err := r.Scan(&series, &slot, &outcome, &runs, &took, &requests, &read, &amount, &watched); err != nil {
			return err
		}
		spread(read, amount, watched, func(hour, amount, watched int64) {
			hours.at(series, hour).count(amount, watched)
			if hour < until {
				days.at(series, floor(hour, dayMS)).count(amount, watched)
			}
		})
		if outcome != keepwatch.OK {
			return nil
		}
		hours.at(series, floor(slot, hourMS)).add(outcome, runs, took, took, requests)
		if slot < until {
			days.at(series, floor(slot, dayMS)).add(outcome, runs, took, took, requests)
		}
		return nil
	}
	return chunks(len(args)/2, func(from, to int) error {
		rows, err := t.query(ctx, db.text(selectReadings, to-from), args[2*from:2*to]...)
		return each(rows, err, add)
	})
}

func upsertRollup(table string) *shape {
	return &shape{
		head: "INSERT INTO " + table + " (" + rollupColumns + ") VALUES ",
		row:  "(?,?,?,?,?,?,?,?,?,?,?)",
		tail: " ON CONFLICT (series, start) DO UPDATE SET runs = excluded.runs, ok = excluded.ok, failed = excluded.failed," +
			" took_sum = excluded.took_sum, took_max = excluded.took_max, requests = excluded.requests, counts = excluded.counts," +
			" amount = excluded.amount, watched = excluded.watched",
	}
}

var upsertHourly, upsertDaily = upsertRollup("hourly"), upsertRollup("daily")

// addTallies adds to the rows that are there.
func (db *DB) addTallies(ctx context.Context, t *tx, table string, upsert *shape, ts tallies) error {
	for series, of := range ts {
		for start, tally := range of {
			rows, err := t.query(ctx, "SELECT "+rollupColumns+" FROM "+table+" WHERE series = $1 AND start = $2", string(series), start)
			err = each(rows, err, func(r *sql.Rows) error {
				_, _, old, err := scanTally(r)
				tally.merge(&old)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return db.writeTallies(ctx, t, upsert, ts)
}

func (db *DB) writeTallies(ctx context.Context, t *tx, upsert *shape, ts tallies) error {
	var args []any
	n := 0
	for _, series := range slices.Sorted(maps.Keys(ts)) { // in the order of the key: fewer pages are touched twice
		of := ts[series]
		for _, start := range slices.Sorted(maps.Keys(of)) {
			tally := of[start]
			counts, err := marshal(tally.counts)
			if err != nil {
				return err
			}
			args = append(args, string(series), start, tally.runs, tally.ok, tally.failed, tally.tookSum, tally.tookMax, tally.requests, string(counts), tally.amount, tally.watched)
			n++
		}
	}
	_, err := db.insert(ctx, t, upsert, n, args)
	return err
}

// rollDays makes the daily rows of every day before until from its hours. A day's
// row is replaced, not added to, so that an interrupted run may be repeated;
// only when all series are done is the day marked as rolled up.
func (db *DB) rollDays(ctx context.Context, until int64) error {
	day, err := db.firstDay(ctx)
	if err != nil {
		return err
	}
	for ; day < until; day += dayMS {
		err := db.eachSeries(ctx, "hourly", func(ids []string) error { return db.rollDay(ctx, day, ids) })
		if err != nil {
			return err
		}
		next := strconv.FormatInt(day+dayMS, 10)
		if err := db.SetSetting(ctx, settingDailyUntil, next); err != nil {
			return err
		}
	}
	return nil
}

// firstDay is the first day that is not rolled up. Only the very first fold looks
// for it among the hours, which reads them all.
func (db *DB) firstDay(ctx context.Context) (day int64, err error) {
	err = db.read(ctx, "days", func(q querier) error {
		if day, err = dailyUntil(ctx, q); err != nil || day > 0 {
			return err
		}
		var first sql.NullInt64
		rows, err := q.query(ctx, "SELECT min(start) FROM hourly")
		_, err = one(rows, err, &first)
		day = floor(first.Int64, dayMS)
		if !first.Valid {
			day = millis(never)
		}
		return err
	})
	return day, err
}

func (db *DB) rollDay(ctx context.Context, day int64, ids []string) error {
	return db.write(ctx, "roll up a day", func(ctx context.Context, t *tx) error {
		ts := tallies{}
		for _, id := range ids {
			if err := collect(ctx, t, ts, "hourly", dayMS, day, day+dayMS, keepwatch.SeriesID(id)); err != nil {
				return err
			}
		}
		return db.writeTallies(ctx, t, upsertDaily, ts)
	})
}

// eachSeries calls fn with the series that a table holds, in slices. The names are
// found by skipping along the primary key, not by reading the table.
func (db *DB) eachSeries(ctx context.Context, table string, fn func(ids []string) error) error {
	last, more := "", true
	for more {
		ids := make([]string, 0, sliceSeries)
		for len(ids) < sliceSeries {
			var id sql.NullString
			if err := db.reads.QueryRowContext(ctx, "SELECT min(series) FROM "+table+" WHERE series > $1", last).Scan(&id); err != nil {
				return err
			}
			if more = id.Valid; !more {
				break
			}
			last = id.String
			ids = append(ids, last)
		}
		if len(ids) > 0 {
			if err := fn(ids); err != nil {
				return err
			}
		}
	}
	return nil
}
