package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// subjectOf is the part of a reading's series that names the subject.
func subjectOf(o *keepwatch.Observation) string {
	return strings.TrimPrefix(string(o.Series), string(o.Check)+"#")
}

// counted is what a reading adds to its hours: when it was made (0: it is no
// reading), how many events it counted, and over how long.
func counted(o *keepwatch.Observation) (read, amount, watched int64) {
	if o.Watch == nil {
		return 0, 0, 0
	}
	r := &o.Watch.Reading
	read = millis(r.At)
	if read == 0 {
		read = millis(o.At)
	}
	if r.Window < time.Millisecond {
		return read, 0, 0
	}
	return read, max(r.Amount, 0), micros(r.Window)
}

// storableWatch checks the names of a reading. The rest of it is only ever part of a
// document, where every text is escaped.
func storableWatch(what string, w *keepwatch.Watch) error {
	if w == nil {
		return nil
	}
	return storable(what, string(w.Subject.Kind), w.Subject.Key, string(w.Aspect))
}

// readBefore reports whether a reading was recorded before. The hot table's key
// knows, while it is there. A good reading leaves no row behind when it is folded;
// then the series does: readings of one subject come one after the other, so one
// that is not newer than the last is a repeat, or it would count the same events
// once more.
func (a *application) readBefore(ctx context.Context, t *tx, o *incoming) (bool, error) {
	if slot := millis(o.Slot); slot > a.db.folded.Load() && slot > millis(a.now.Add(-lateAfter)) {
		return false, nil
	}
	var n int64
	rows, err := t.query(ctx, "SELECT count(*) FROM series WHERE id = $1 AND last_slot >= $2", string(o.Series), millis(o.Slot))
	_, err = one(rows, err, &n)
	return n > 0, err
}

// Watches are the newest readings of every subject that a check looks at, with what
// the judge remembers of each.
func (db *DB) Watches(ctx context.Context, check keepwatch.CheckID) (map[keepwatch.SeriesID]keepwatch.Watch, error) {
	if err := storable("check id", string(check)); err != nil {
		return nil, err
	}
	out := map[keepwatch.SeriesID]keepwatch.Watch{}
	rows, err := db.reads.QueryContext(ctx, "SELECT "+seriesColumns+" FROM series WHERE check_id = $1", string(check))
	err = each(rows, err, func(r *sql.Rows) error {
		s, _, err := scanSeries(r)
		if err == nil && s.Watch != nil {
			out[s.ID] = *s.Watch
		}
		return err
	})
	if err != nil {
		return nil, fail("watches", err)
	}
	return out, nil
}

// Hours are the hours of one count from from (inclusive) to to (exclusive) of which
// anything was seen, oldest first. What is not folded yet is added for times that the
// last fold has not reached.
func (db *DB) Hours(ctx context.Context, series keepwatch.SeriesID, from, to time.Time) ([]keepwatch.Hour, error) {
	if err := storable("series id", string(series)); err != nil {
		return nil, err
	}
	lo, hi := floor(millis(from), hourMS), ceil(millis(to), hourMS)
	ts := tallies{}
	err := db.read(ctx, "hours", func(q querier) error {
		rows, err := q.query(ctx, "SELECT start, amount, watched FROM hourly WHERE series = $1 AND start >= $2 AND start < $3 AND watched > 0", string(series), lo, hi)
		err = each(rows, err, func(r *sql.Rows) error {
			var start int64
			var t tally
			err := r.Scan(&start, &t.amount, &t.watched)
			ts.at(series, start).merge(&t)
			return err
		})
		if err != nil || hi <= db.folded.Load() {
			return err
		}
		return collectCounted(ctx, q, ts, hourMS, lo, hi, series)
	})
	if err != nil {
		return nil, err
	}
	var out []keepwatch.Hour
	for _, r := range ts.rollups()[series] {
		out = append(out, keepwatch.Hour{Start: r.Start, Amount: r.Amount, Observed: r.Watched})
	}
	return out, nil
}

// HoursOfEach are the hours of several counts. What is not folded yet is read once for
// all of them: it lies in the order in which it came, not by series.
func (db *DB) HoursOfEach(ctx context.Context, series []keepwatch.SeriesID, from, to time.Time) (map[keepwatch.SeriesID][]keepwatch.Hour, error) {
	lo, hi := floor(millis(from), hourMS), ceil(millis(to), hourMS)
	ts := tallies{}
	err := db.read(ctx, "hours", func(q querier) error {
		for _, id := range series {
			if err := storable("series id", string(id)); err != nil {
				return err
			}
			rows, err := q.query(ctx, "SELECT start, amount, watched FROM hourly WHERE series = $1 AND start >= $2 AND start < $3 AND watched > 0", string(id), lo, hi)
			err = each(rows, err, func(r *sql.Rows) error {
				var start int64
				var t tally
				err := r.Scan(&start, &t.amount, &t.watched)
				ts.at(id, start).merge(&t)
				return err
			})
			if err != nil {
				return err
			}
		}
		if hi <= db.folded.Load() {
			return nil
		}
		return collectCounted(ctx, q, ts, hourMS, lo, hi, "")
	})
	if err != nil {
		return nil, err
	}
	all, out := ts.rollups(), map[keepwatch.SeriesID][]keepwatch.Hour{}
	for _, id := range series {
		for _, r := range all[id] {
			out[id] = append(out[id], keepwatch.Hour{Start: r.Start, Amount: r.Amount, Observed: r.Watched})
		}
	}
	return out, nil
}

// collectCounted adds the counts that the hot table holds, each to the hours or days
// that its window reaches over.
func collectCounted(ctx context.Context, q querier, ts tallies, width, lo, hi int64, series keepwatch.SeriesID) error {
	where, args := " AND series IN (SELECT id FROM series)", []any{lo, hi}
	if series != "" {
		where, args = " AND series = $3", append(args, string(series))
	}
	rows, err := q.query(ctx, "SELECT series, read_at, amount, watched FROM hot WHERE watched > 0 AND read_at > $1 AND read_at - watched / 1000 < $2"+where, args...)
	return each(rows, err, func(r *sql.Rows) error {
		var id keepwatch.SeriesID
		var read, amount, watched int64
		err := r.Scan(&id, &read, &amount, &watched)
		spread(read, amount, watched, func(hour, amount, watched int64) {
			if hour >= lo && hour < hi {
				ts.at(id, floor(hour, width)).count(amount, watched)
			}
		})
		return err
	})
}

// spread divides what was counted over a window among the hours that the window
// reaches over, by time: a reading once an hour at half past belongs to two of them.
// The parts add up to the whole.
func spread(read, amount, watched int64, add func(hour, amount, watched int64)) {
	begin := read - watched/1000
	whole, given := read-begin, int64(0)
	if whole <= 0 {
		return // of the time before nothing is known
	}
	for hour := floor(begin, hourMS); hour < read; hour += hourMS {
		end := min(read, hour+hourMS)
		part := portion(amount, end-begin, whole) - given
		given += part
		add(hour, part, (end-max(begin, hour))*1000)
	}
}

// portion is v × share / whole, rounded down.
func portion(v, share, whole int64) int64 {
	hi, lo := bits.Mul64(uint64(v), uint64(share))
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q)
}

var upsertModel = &shape{
	head: "INSERT INTO models (series, doc) VALUES ", row: "(?,?)",
	tail: " ON CONFLICT (series) DO UPDATE SET doc = excluded.doc",
}

// SaveModels keeps the baselines of counts, each in the place of an older one.
func (db *DB) SaveModels(ctx context.Context, models []keepwatch.Model) error {
	args := make([]any, 0, 2*len(models))
	for i := range models {
		m := &models[i]
		if m.Series == "" {
			return fmt.Errorf("model without a series: %w", keepwatch.ErrInvalid)
		}
		if err := storable("model", string(m.Series)); err != nil {
			return err
		}
		doc, err := marshal(m)
		if err != nil {
			return err
		}
		args = append(args, string(m.Series), string(doc))
	}
	return db.write(ctx, "save models", func(ctx context.Context, t *tx) error {
		_, err := db.insert(ctx, t, upsertModel, len(models), args)
		return err
	})
}

// Models are the baselines of the series that have one.
func (db *DB) Models(ctx context.Context, series []keepwatch.SeriesID) (map[keepwatch.SeriesID]keepwatch.Model, error) {
	out := make(map[keepwatch.SeriesID]keepwatch.Model, len(series))
	err := documents(ctx, db, "models", selectModels, series, func(id keepwatch.SeriesID, doc []byte) error {
		m := keepwatch.Model{Series: id}
		err := json.Unmarshal(doc, &m)
		out[id] = m
		return err
	})
	return out, err
}

// SaveImpact keeps what an incident cost, in the place of an older figure. An older
// one that comes late changes nothing.
func (db *DB) SaveImpact(ctx context.Context, id keepwatch.IncidentID, impact keepwatch.Impact) error {
	if id == "" {
		return fmt.Errorf("impact without an incident: %w", keepwatch.ErrInvalid)
	}
	doc, err := marshal(&impact)
	if err == nil {
		err = storable("impact", string(id))
	}
	if err != nil {
		return err
	}
	return db.write(ctx, "save impact", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "INSERT INTO impacts (incident, at, doc) VALUES ($1, $2, $3) ON CONFLICT (incident) DO UPDATE SET"+
			" at = excluded.at, doc = excluded.doc WHERE impacts.at <= excluded.at", string(id), millis(impact.At), string(doc))
		return err
	})
}

// Impacts are what the incidents cost, of those for which it is known.
func (db *DB) Impacts(ctx context.Context, incidents ...keepwatch.IncidentID) (map[keepwatch.IncidentID]keepwatch.Impact, error) {
	out := make(map[keepwatch.IncidentID]keepwatch.Impact, len(incidents))
	err := documents(ctx, db, "impacts", selectImpacts, incidents, func(id keepwatch.IncidentID, doc []byte) error {
		var i keepwatch.Impact
		err := json.Unmarshal(doc, &i)
		out[id] = i
		return err
	})
	return out, err
}

var (
	selectModels  = &shape{head: "SELECT series, doc FROM models WHERE series IN (", row: "?", tail: ")"}
	selectImpacts = &shape{head: "SELECT incident, doc FROM impacts WHERE incident IN (", row: "?", tail: ")"}
)

// documents reads the rows of a table of documents by their keys.
func documents[K ~string](ctx context.Context, db *DB, what string, s *shape, keys []K, read func(K, []byte) error) error {
	args := make([]any, len(keys))
	for i, k := range keys {
		if err := storable(what, string(k)); err != nil {
			return err
		}
		args[i] = string(k)
	}
	return db.read(ctx, what, func(q querier) error {
		return chunks(len(keys), func(from, to int) error {
			rows, err := q.query(ctx, db.text(s, to-from), args[from:to]...)
			return each(rows, err, func(r *sql.Rows) error {
				var key K
				var doc sql.RawBytes
				if err := r.Scan(&key, &doc); err != nil {
					return err
				}
				if err := read(key, doc); err != nil {
					return fmt.Errorf("%s of %.80q: document: %w", what, string(key), err)
				}
				return nil
			})
		})
	})
}

// ForgetSeries deletes the live states of subjects that are no longer watched and
// ends their effects, so that no incident stays open for something that nobody looks at
// any more. Their history stays.
func (db *DB) ForgetSeries(ctx context.Context, now time.Time, series ...keepwatch.SeriesID) error {
	if len(series) == 0 {
		return nil
	}
	if err := storable("series id", texts(series)...); err != nil {
		return err
	}
	now = normal(now)
	noticed := false
	err := db.write(ctx, "forget series", func(ctx context.Context, t *tx) error {
		for _, id := range series {
			if _, err := t.exec(ctx, "DELETE FROM series WHERE id = $1", string(id)); err != nil {
				return err
			}
		}
		var err error
		noticed, err = db.leaveIncidents(ctx, t, series, now)
		return err
	})
	if noticed {
		wake(db.outbox)
	}
	return err
}

// leaveIncidents ends what open incidents hold of series that were deleted.
func (db *DB) leaveIncidents(ctx context.Context, t *tx, gone []keepwatch.SeriesID, now time.Time) (noticed bool, _ error) {
	t.afterCommit(func() {
		db.mirror.forget()
		db.live.note(ofSeries, func(l *live) { l.drop(gone...) })
	})
	open, err := db.openIncidents(ctx, t, "", nil)
	if err != nil || len(open) == 0 {
		return false, err
	}
	changes := incident.Forget(open, gone, now)
	return len(changes.Notices) > 0, db.writeIncidents(ctx, t, &changes)
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
