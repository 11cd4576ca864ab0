package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"keepwatch"
)

// mostHotKeys is for how many rows of one series the hot table is sought through by their
// keys. Those of an hour or two are fewer; where they are not, it is gone through.
const mostHotKeys = 100

// hotKeys names the rows that each series has in the hot table of SQLite, which has no index by
// series (each observation would write a page of it). Without them a page of one
// credential goes through the rows of all, three times.
type hotKeys map[keepwatch.SeriesID][]hotKey

type hotKey struct {
	slot int64
	key  string
}

func (h hotKeys) add(series keepwatch.SeriesID, k hotKey) { h[series] = append(h[series], k) }

func (h hotKeys) remove(series keepwatch.SeriesID, k hotKey) {
	keys := h[series]
	i := slices.Index(keys, k)
	switch {
	case i < 0:
	case len(keys) == 1:
		delete(h, series)
	default:
		h[series] = slices.Delete(keys, i, i+1)
	}
}

// readHotKeys reads all of them; PostgreSQL has an index and needs none.
func (db *DB) readHotKeys(ctx context.Context, q querier) (hotKeys, error) {
	if db.dialect == postgresDialect {
		return nil, nil
	}
	h := hotKeys{}
	rows, err := q.query(ctx, "SELECT series, slot, key FROM hot")
	return h, each(rows, err, func(r *sql.Rows) error {
		var series keepwatch.SeriesID
		var k hotKey
		err := r.Scan(&series, &k.slot, &k.key)
		h.add(series, k)
		return err
	})
}

// folded takes rows away that are no longer hot.
func (l *live) folded(refs []hotRef) {
	if l.hot == nil {
		return
	}
	for _, ref := range refs {
		l.hot.remove(keepwatch.SeriesID(ref.series), hotKey{ref.slot, ref.key})
	}
}

// hotRows are some rows of the hot table. Where their keys are known, they are sought by
// the primary key and by nothing else: SQLite would rather go through a span of
// slots, which is most of the table, so spans are hidden from it by a plus.
type hotRows struct {
	where string
	slot  string // the column, for spans
	args  []any
}

// hotOf are the rows of a series, which is the argument $n; the next one that is free is $next. To be asked before the
// moment is taken that is read: a row that comes later is not missed, it is newer.
func (db *DB) hotOf(series keepwatch.SeriesID, n, next int) hotRows {
	rows := hotRows{" AND series = $" + strconv.Itoa(n), "slot", nil}
	l := &db.live
	l.mu.RLock()
	defer l.mu.RUnlock()
	keys := l.hot[series]
	if l.hot == nil || len(keys) > mostHotKeys {
		return rows
	}
	rows.slot = "+slot"
	if len(keys) == 0 {
		rows.where += " AND slot IN ()"
		return rows
	}
	var b strings.Builder
	b.WriteString(rows.where + " AND (slot, key) IN (VALUES ")
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("($" + strconv.Itoa(next) + ",$" + strconv.Itoa(next+1) + ")")
		next += 2
		rows.args = append(rows.args, k.slot, k.key)
	}
	b.WriteByte(')')
	rows.where = b.String()
	return rows
}
