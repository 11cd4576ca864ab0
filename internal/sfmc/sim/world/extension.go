package world

import (
	"math/rand/v2"
	"slices"
	"time"
)

// extension is a living data extension. It keeps no rows, only how many came when.
type extension struct {
	spec   Extension
	id     string
	random *rand.Rand
	source *stream
	ledger ledger
	record deeds

	rows   int64
	newest minute
	pours  []pour // rows that are there, by when they were written, oldest first
	syncs  []syncEntry
	sinks  []sink // what reads new rows
	feeds  []*intake
}

// pour is so many rows written between two instants.
type pour struct {
	from, to minute
	n        int64
}

type syncEntry struct {
	at    minute
	rows  int32
	total int64
}

// sink takes what was written, with a due time of its own.
type sink interface {
	receive(w *World, l lot, m minute)
	lose(w *World, l lot, why uint16)
	dueFor(due minute) minute
	waiting() []lot
}

// offer lets any caller in: a data extension has no state that refuses rows.
func (e *extension) offer(w *World, l lot, m minute) (uint16, bool) {
	e.write(w, l, m)
	return 0, true
}

func (e *extension) lose(w *World, l lot, why uint16) {
	e.ledger.lost(l, why)
	for _, s := range e.sinks {
		l.due = s.dueFor(l.due)
		s.lose(w, l, why)
	}
}

// write takes rows in and passes them on to what reads them.
func (e *extension) write(w *World, l lot, m minute) {
	e.ledger.done(l, m)
	added := int64(int(l.n) - share(e.random, int(l.n), e.spec.Updates))
	e.grow(added, m)
	e.synced(int(l.n), m)
	for _, s := range e.sinks {
		s.receive(w, l, m)
	}
}

func (e *extension) grow(n int64, m minute) {
	e.newest = m
	e.rows += n
	if n == 0 {
		return
	}
	if k := len(e.pours); k > 0 && e.pours[k-1].from > m-hour {
		e.pours[k-1].to, e.pours[k-1].n = m, e.pours[k-1].n+n
		return
	}
	e.pours = append(e.pours, pour{m, m, n})
}

func (e *extension) synced(rows int, m minute) {
	if k := len(e.syncs); k > 0 && e.syncs[k-1].at == m {
		e.syncs[k-1].rows += int32(rows)
		e.syncs[k-1].total = e.rows
		return
	}
	e.syncs = append(e.syncs, syncEntry{m, int32(rows), e.rows})
}

// replace makes the content so many rows written at once.
func (e *extension) replace(rows int64, m minute) {
	e.rows, e.pours = 0, nil
	e.grow(rows, m)
	if rows == 0 {
		e.newest = 0
	}
	e.synced(0, m)
}

// purge deletes the oldest rows: so many, or all.
func (e *extension) purge(n int64) {
	if n <= 0 || n > e.rows {
		n = e.rows
	}
	e.rows -= n
	for n > 0 && len(e.pours) > 0 {
		cut := min(n, e.pours[0].n)
		e.pours[0].n -= cut
		n -= cut
		if e.pours[0].n == 0 {
			e.pours = e.pours[1:]
		}
	}
	if e.rows == 0 {
		e.newest = 0
	}
}

// retain is the nightly job that deletes rows past their retention.
func (e *extension) retain(m minute) {
	limit := m - minutes(e.spec.Retention)
	if e.spec.Retention <= 0 {
		return
	}
	var old int64
	for _, p := range e.pours {
		if p.to < limit {
			old += p.n
		}
	}
	if old > 0 {
		e.purge(old)
	}
}

// written is when the nth newest row was written, from 0.
func (e *extension) written(n int64) time.Time {
	for _, p := range slices.Backward(e.pours) {
		if n < p.n {
			return p.to.time().Add(-time.Duration(n) * time.Duration(p.to-p.from) * time.Minute / time.Duration(p.n))
		}
		n -= p.n
	}
	return time.Time{}
}

// waiting is what is on its way here and has not come.
func (e *extension) waiting() []lot {
	var out []lot
	if e.source != nil {
		out = e.source.waiting()
	}
	for _, f := range e.feeds {
		out = append(out, f.waiting()...)
	}
	return out
}

// upstream is what will come to a sink of this extension and has not.
func (e *extension) upstream(s sink) []lot {
	out := e.waiting()
	for i := range out {
		out[i].due = s.dueFor(out[i].due)
	}
	return out
}
