package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"keepwatch"
)

// How old what another node wrote may be before it is looked for. On SQLite nobody
// else writes, and nothing is looked for.
const (
	peersEvery = 2 * time.Second
	hoursEvery = 30 * time.Second
)

// live is the newest state of every plain series, and the last days of those that prove
// credentials by the hour, in memory. Pages of ten thousand credentials ask for
// both every few seconds: to read and decode thirty thousand documents took half a second,
// and half a million hours several.
//
// It is filled by the first who asks, and kept up by each commit of this process. Rejected:
// columns for what pages show (each proof would write an index), and answers that are
// kept for some seconds (a page must not show yesterday's state, however briefly).
type live struct {
	filling sync.Mutex // one at a time

	mu      sync.RWMutex
	series  map[keepwatch.SeriesID]*keepwatch.Series // nil: not filled yet. What they point to never changes
	row     map[keepwatch.SeriesID]string            // PostgreSQL: which version of its row
	hours   map[keepwatch.SeriesID][]hourCell
	since   int64    // where the hours begin, ms
	hot     hotKeys  // SQLite: read with the hours
	noting  noteKind // what somebody reads at this moment: what commits meanwhile is noted for them
	noted   []func(*live)
	base    int64 // revision before the first of changes
	changes []keepwatch.SeriesID
	looked  time.Time // at what other nodes wrote
	counted time.Time // the hours, all of them
}

// noteKind is what a change in memory is about.
type noteKind int

const (
	ofNothing noteKind = iota
	ofSeries
	ofHours
)

// hourCell is one hour of one series. There are half a million of them: nothing in it is for
// the garbage collector to follow.
type hourCell struct {
	hour             int32 // since 1970
	runs, ok, failed int32
	worst            outcomeNumber
}

func (c hourCell) start() int64 { return int64(c.hour) * hourMS }

func hourOf(ms int64) int32 { return int32(floor(ms, hourMS) / hourMS) }

// outcomeNumber is a place in keepwatch.Outcomes, counted from 1. 0 is none, or one that
// this version does not know.
type outcomeNumber uint8

var outcomeNumbers = func() map[keepwatch.Outcome]outcomeNumber {
	numbers := make(map[keepwatch.Outcome]outcomeNumber, len(keepwatch.Outcomes))
	for i := range keepwatch.Outcomes {
		numbers[keepwatch.Outcomes[i].Outcome] = outcomeNumber(i + 1)
	}
	return numbers
}()

func (n outcomeNumber) outcome() keepwatch.Outcome {
	if n == 0 {
		return ""
	}
	return keepwatch.Outcomes[n-1].Outcome
}

// Moved are the series that changed after a revision.
type Moved struct {
	Revision int64
	Whole    bool                // Series are all there are: whatever was known before is void
	Series   []*keepwatch.Series // shared by all who ask, and never changed
	Gone     []keepwatch.SeriesID
}

// proves tells the series that prove credentials by their own tests.
func proves(check keepwatch.CheckID, credential keepwatch.CredentialID) bool {
	return credential != "" && check == keepwatch.CheckOf(keepwatch.CheckCredential, credential)
}

// proving is the same in SQL.
const proving = "check_id = credential AND credential <> ''"

// recentHours goes through the series, so that the primary key of the hours serves it.
const recentHours = "SELECT s.id, r.start, r.runs, r.ok, r.failed, r.counts FROM series s CROSS JOIN hourly r WHERE r.series = s.id AND r.start >= $1 AND s." + proving

// isPlain is plain for a series in memory.
func isPlain(s *keepwatch.Series) bool {
	return !strings.HasPrefix(string(s.Check), string(keepwatch.CheckEffects)+":")
}

// Moved lists the plain series that changed after a revision, which is 0 for whoever knows
// nothing. Every commit of this process that has returned is in it; those of other
// nodes, some seconds later.
func (db *DB) Moved(ctx context.Context, since int64) (Moved, error) {
	if err := db.fill(ctx); err != nil {
		return Moved{}, fail("states", err)
	}
	l := &db.live
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.series == nil { // a commit in doubt emptied it: the next one fills it anew
		return Moved{}, fmt.Errorf("store: states: %w", keepwatch.ErrUnavailable)
	}
	m := Moved{Revision: l.base + int64(len(l.changes))}
	if since < l.base || since > m.Revision {
		m.Whole = true
		m.Series = make([]*keepwatch.Series, 0, len(l.series))
		for _, s := range l.series {
			m.Series = append(m.Series, s)
		}
		return m, nil
	}
	fresh := l.changes[since-l.base:]
	told := make(map[keepwatch.SeriesID]bool, len(fresh))
	for _, id := range fresh {
		if told[id] {
			continue
		}
		told[id] = true
		if s, ok := l.series[id]; ok {
			m.Series = append(m.Series, s)
		} else {
			m.Gone = append(m.Gone, id)
		}
	}
	return m, nil
}

// Hours are the recent hours of what proves credentials. The hours of a series that has
// not moved are the same for as long as Read is the same.
type Hours struct {
	live *live
	from int64
	Read time.Time // when all of them were read
}

// Recent are the hours from from on. They are as new as Moved is.
func (db *DB) Recent(ctx context.Context, from time.Time) (Hours, error) {
	if err := db.fill(ctx); err != nil {
		return Hours{}, fail("history", err)
	}
	lo := floor(millis(from), hourMS)
	l := &db.live
	l.mu.RLock()
	stale, read := l.hours == nil || lo < l.since || db.dialect == postgresDialect && time.Since(l.counted) > hoursEvery, l.counted
	l.mu.RUnlock()
	if !stale {
		return Hours{live: l, from: lo, Read: read}, nil
	}
	if err := db.fillHours(ctx, lo); err != nil {
		return Hours{}, fail("history", err)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Hours{live: l, from: lo, Read: l.counted}, nil
}

// Of are the hours of one series in which something ran, oldest first, without their
// durations and counts by outcome.
func (h Hours) Of(id keepwatch.SeriesID) []keepwatch.Rollup {
	if h.live == nil {
		return nil
	}
	h.live.mu.RLock()
	defer h.live.mu.RUnlock()
	var out []keepwatch.Rollup
	for _, c := range h.live.hours[id] {
		if c.start() >= h.from {
			out = append(out, keepwatch.Rollup{
				Series: id, Start: instant(c.start()), Runs: int(c.runs), OK: int(c.ok), Failed: int(c.failed), Worst: c.worst.outcome(),
			})
		}
	}
	return out
}

// Proofs adds up what passed and what failed in the hours from from on.
func (h Hours) Proofs(id keepwatch.SeriesID, from time.Time) (ok, failed int) {
	if h.live == nil {
		return 0, 0
	}
	lo := max(h.from, millis(from))
	h.live.mu.RLock()
	defer h.live.mu.RUnlock()
	cells := h.live.hours[id]
	for i := len(cells) - 1; i >= 0 && cells[i].start() >= lo; i-- {
		ok, failed = ok+int(cells[i].ok), failed+int(cells[i].failed)
	}
	return ok, failed
}

// fill reads all series once, and on PostgreSQL what other nodes wrote since.
func (db *DB) fill(ctx context.Context) error {
	l := &db.live
	if l.filled(db.dialect == postgresDialect) {
		return nil
	}
	l.filling.Lock()
	defer l.filling.Unlock()
	if l.filled(db.dialect == postgresDialect) {
		return nil
	}
	return db.fillFrom(ctx, ofSeries, func(q querier) (func(*live), error) {
		known := l.rowsKnown()
		rows, err := db.rowsOf(ctx, q)
		if err != nil {
			return nil, err
		}
		if known == nil {
			series, err := readSeries(ctx, q, "SELECT "+seriesColumns+" FROM series WHERE "+plain)
			return func(l *live) { l.replace(series, rows) }, err
		}
		var changed []any
		for id, version := range rows {
			if known[id] != version {
				changed = append(changed, string(id))
			}
		}
		var series []keepwatch.Series
		err = chunks(len(changed), func(from, to int) error {
			some, err := readSeries(ctx, q, db.text(selectSeries, to-from), changed[from:to]...)
			series = append(series, some...)
			return err
		})
		return func(l *live) { l.follow(series, rows) }, err
	})
}

func (l *live) filled(others bool) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.series != nil && (!others || time.Since(l.looked) < peersEvery)
}

// rowsKnown are the versions of rows that are known; nil where all is to be read.
func (l *live) rowsKnown() map[keepwatch.SeriesID]string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.series == nil {
		return nil
	}
	return l.row
}

// rowsOf names the version of every row. SQLite has no other writer and needs none.
func (db *DB) rowsOf(ctx context.Context, q querier) (map[keepwatch.SeriesID]string, error) {
	if db.dialect != postgresDialect {
		return nil, nil
	}
	out := map[keepwatch.SeriesID]string{}
	rows, err := q.query(ctx, "SELECT id, CAST(xmin AS text) FROM series WHERE "+plain)
	return out, each(rows, err, func(r *sql.Rows) error {
		var id keepwatch.SeriesID
		var version string
		err := r.Scan(&id, &version)
		out[id] = version
		return err
	})
}

func readSeries(ctx context.Context, q querier, text string, args ...any) ([]keepwatch.Series, error) {
	var list []keepwatch.Series
	rows, err := q.query(ctx, text, args...)
	return list, each(rows, err, func(r *sql.Rows) error {
		s, _, err := scanSeries(r)
		list = append(list, s)
		return err
	})
}

// fillFrom reads one moment of the store, and lets what was committed after it follow. On SQLite
// the moment is taken while nobody writes, so that every commit is either in it or
// noted, and never both: hours are added up.
func (db *DB) fillFrom(ctx context.Context, kind noteKind, read func(querier) (func(*live), error)) error {
	t, err := db.moment(ctx, kind)
	if err != nil {
		db.live.settle() // nobody reads what would be noted
		return err
	}
	defer func() { _ = t.Rollback() }() // nothing was written
	put, err := read(reading{t})
	l := &db.live
	l.mu.Lock()
	defer l.mu.Unlock()
	noted := l.noted
	l.noting, l.noted = ofNothing, nil
	if err != nil {
		return err
	}
	put(l)
	for _, fn := range noted {
		fn(l)
	}
	return nil
}

// settle ends a reading that has failed.
func (l *live) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noting, l.noted = ofNothing, nil
}

func (db *DB) moment(ctx context.Context, kind noteKind) (*sql.Tx, error) {
	if db.writer != nil {
		select {
		case <-db.writer.turn:
			defer db.writer.release()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	db.live.mu.Lock()
	db.live.noting, db.live.noted = kind, nil
	db.live.mu.Unlock()
	t, err := db.reads.BeginTx(ctx, db.snapshot())
	if err != nil {
		return nil, err
	}
	var n int // the first read takes the moment
	if err := t.QueryRowContext(ctx, "SELECT count(*) FROM settings WHERE key = ''").Scan(&n); err != nil {
		_ = t.Rollback()
		return nil, err
	}
	return t, nil
}

func (db *DB) fillHours(ctx context.Context, lo int64) error {
	l := &db.live
	l.filling.Lock()
	defer l.filling.Unlock()
	return db.fillFrom(ctx, ofHours, func(q querier) (func(*live), error) {
		hours := map[keepwatch.SeriesID][]hourCell{}
		rows, err := q.query(ctx, recentHours, lo)
		if err := each(rows, err, func(r *sql.Rows) error {
			id, c, err := scanHour(r)
			hours[id] = addCell(hours[id], c)
			return err
		}); err != nil {
			return nil, err
		}
		ts := tallies{}
		err = collectRuns(ctx, q, ts, hourMS, lo, millis(never), hotRows{" AND series IN (SELECT id FROM series WHERE " + proving + ")", "slot", nil})
		for id, of := range ts {
			for start, t := range of {
				worst := outcomeNumbers[t.rollup(id, start).Worst]
				hours[id] = addCell(hours[id], hourCell{hourOf(start), int32(t.runs), int32(t.ok), int32(t.failed), worst})
			}
		}
		if err != nil {
			return nil, err
		}
		hot, err := db.readHotKeys(ctx, q)
		return func(l *live) { l.hours, l.since, l.hot, l.counted = hours, lo, hot, time.Now() }, err
	})
}

func scanHour(r *sql.Rows) (id keepwatch.SeriesID, c hourCell, err error) {
	var start int64
	var counts sql.RawBytes
	if err = r.Scan(&id, &start, &c.runs, &c.ok, &c.failed, &counts); err != nil {
		return id, c, err
	}
	c.hour = hourOf(start)
	if c.ok == c.runs && c.runs > 0 {
		c.worst = outcomeNumbers[keepwatch.OK]
		return id, c, nil
	}
	var of map[keepwatch.Outcome]int64
	err = json.Unmarshal(counts, &of)
	for outcome := range of {
		c.worst = worseOf(c.worst, outcomeNumbers[outcome])
	}
	return id, c, err
}

func worseOf(a, b outcomeNumber) outcomeNumber {
	if a == 0 || b != 0 && a != b && worse(b.outcome(), a.outcome()) {
		return b
	}
	return a
}

// addCell adds an hour to a list in the order of time.
func addCell(cells []hourCell, c hourCell) []hourCell {
	i := len(cells)
	for i > 0 && cells[i-1].hour > c.hour {
		i--
	}
	if i > 0 && cells[i-1].hour == c.hour {
		have := &cells[i-1]
		have.runs, have.ok, have.failed = have.runs+c.runs, have.ok+c.ok, have.failed+c.failed
		have.worst = worseOf(have.worst, c.worst)
		return cells
	}
	cells = append(cells, hourCell{})
	copy(cells[i+1:], cells[i:])
	cells[i] = c
	return cells
}
