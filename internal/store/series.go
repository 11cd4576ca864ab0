package store

import (
	"context"
	"database/sql"
	"fmt"

	"keepwatch"
)

// Series lists the state of every series, in id order.
func (db *DB) Series(ctx context.Context) ([]keepwatch.Series, error) {
	var list []keepwatch.Series
	rows, err := db.reads.QueryContext(ctx, "SELECT "+seriesColumns+" FROM series ORDER BY id")
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

// SeriesByID is the state of one series.
func (db *DB) SeriesByID(ctx context.Context, id keepwatch.SeriesID) (s keepwatch.Series, err error) {
	if err := storable("series id", string(id)); err != nil {
		return s, err
	}
	err = db.read(ctx, "series", func(q querier) error {
		found := false
		rows, err := q.query(ctx, "SELECT "+seriesColumns+" FROM series WHERE id = $1", string(id))
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			s, _, err = scanSeries(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("series %.80q: %w", id, keepwatch.ErrNotFound)
		}
		return err
	})
	return s, err
}

const resultColumns = "slot, key, recorded_at, doc"

// resultRow is a result with what orders it.
type resultRow struct {
	keepwatch.Result
	mark mark
}

func scanResult(r *sql.Rows) (resultRow, error) {
	var row resultRow
	var recorded int64
	var raw sql.RawBytes
	if err := r.Scan(&row.mark.at, &row.mark.text, &recorded, &raw); err != nil {
		return row, err
	}
	o, err := decodeObservation(raw)
	if err != nil {
		return row, fmt.Errorf("result %q: document: %w", row.mark.text, err)
	}
	row.Observation, row.RecordedAt = o, instant(recorded)
	return row, nil
}

// resultTable is where runs of the series $1 stand.
type resultTable struct {
	from, slot string
	args       []any
}

// resultTables has that of the newest runs first.
func resultTables(hot hotRows) []resultTable {
	return []resultTable{{" FROM hot WHERE true" + hot.where, hot.slot, hot.args}, {" FROM results WHERE series = $1", "slot", nil}}
}

// Results lists the runs of a check, newest slot first, without transcripts, and
// the cursor of the next page, "" at the end.
func (db *DB) Results(ctx context.Context, check keepwatch.CheckID, p Page) (list []keepwatch.Result, next string, err error) {
	from, err := p.start()
	if err == nil {
		err = storable("check id", string(check))
	}
	if err != nil {
		return nil, "", err
	}
	series, limit := string(keepwatch.SeriesOf(check, "")), p.limit()
	var parts [2][]resultRow
	tables := resultTables(db.hotOf(keepwatch.SeriesID(series), 1, 5))
	err = db.read(ctx, "results", func(q querier) error {
		for i, table := range tables {
			if i == 1 && len(parts[0]) > limit {
				break // the hot rows alone fill the page
			}
			rows, err := q.query(ctx, "SELECT "+resultColumns+table.from+" AND "+table.slot+" <= $2 AND ("+table.slot+" < $2 OR key < $3) ORDER BY slot DESC, key DESC LIMIT $4",
				append([]any{series, from.at, from.text, limit + 1}, table.args...)...)
			err = each(rows, err, func(r *sql.Rows) error {
				row, err := scanResult(r)
				parts[i] = append(parts[i], row)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	merged := mergeResults(parts[0], parts[1])
	if len(merged) > limit {
		merged = merged[:limit]
		next = merged[limit-1].mark.cursor()
	}
	for _, row := range merged {
		list = append(list, row.Result)
	}
	return list, next, nil
}

// mergeResults merges two lists in falling order. A late slot may stand in the hot
// table though newer ones are folded, so it is a merge and not a sequence.
func mergeResults(a, b []resultRow) []resultRow {
	out := make([]resultRow, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		first := a[0].mark.at > b[0].mark.at || (a[0].mark.at == b[0].mark.at && a[0].mark.text > b[0].mark.text)
		if first {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Result is one run of a check by its key, with its transcript where that is kept.
func (db *DB) Result(ctx context.Context, check keepwatch.CheckID, key string) (keepwatch.Result, error) {
	var row resultRow
	if err := storable("result key", string(check), key); err != nil {
		return row.Result, err
	}
	series := string(keepwatch.SeriesOf(check, ""))
	tables := resultTables(db.hotOf(keepwatch.SeriesID(series), 1, 3))
	err := db.read(ctx, "result", func(q querier) error {
		found := false
		for _, table := range tables {
			rows, err := q.query(ctx, "SELECT "+resultColumns+table.from+" AND key = $2", append([]any{series, key}, table.args...)...)
			err = each(rows, err, func(r *sql.Rows) (err error) {
				found = true
				row, err = scanResult(r)
				return err
			})
			if err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("result %.80q of check %.80q: %w", key, check, keepwatch.ErrNotFound)
		}
		rows, err := q.query(ctx, "SELECT body FROM transcripts WHERE series = $1 AND slot = $2 AND key = $3", series, row.mark.at, row.mark.text)
		_, err = one(rows, err, &row.Transcript)
		return err
	})
	if err == nil && row.Transcript == "" {
		row.Transcript = db.ring.transcript(keepwatch.SeriesID(series), key)
	}
	return row.Result, err
}
