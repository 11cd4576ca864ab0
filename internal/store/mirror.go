package store

import (
	"cmp"
	"slices"

	"keepwatch"
	"keepwatch/internal/incident"
)

// mirrorSize bounds how many series the mirror holds, at some 2 kB each. Beyond it
// the rest is read from the database as if there were no mirror.
const mirrorSize = 20_000

// mirror keeps decoded series in memory on SQLite, where this process is the only
// writer (the lock file sees to it): to read and decode a thousand documents for
// every thousand proofs was the largest part of Apply. PostgreSQL has none, since
// other nodes write there.
//
// Readings that say that all is well stay outside: they are many, seldom read, and no
// peer of anybody.
//
// It is touched only by whoever holds the writer's turn, and changed only after a
// commit: what it holds is what the database holds. Steps are pure and do not change the
// slices they are given, so the values are shared.
type mirror struct {
	series   map[keepwatch.SeriesID]mirrored
	tenants  map[keepwatch.TenantID]map[keepwatch.SeriesID]struct{}
	complete map[keepwatch.TenantID]bool // all peers of the tenant are here
}

type mirrored struct {
	keepwatch.Series
	pos int64
}

func newMirror() *mirror {
	m := &mirror{}
	m.forget()
	return m
}

// forget empties the mirror: after a commit whose outcome is unknown, and when
// series leave.
func (m *mirror) forget() {
	if m == nil {
		return
	}
	m.series = map[keepwatch.SeriesID]mirrored{}
	m.tenants = map[keepwatch.TenantID]map[keepwatch.SeriesID]struct{}{}
	m.complete = map[keepwatch.TenantID]bool{}
}

func (m *mirror) get(id keepwatch.SeriesID) (mirrored, bool) {
	if m == nil {
		return mirrored{}, false
	}
	s, ok := m.series[id]
	return s, ok
}

// put takes in series as the database now has them.
func (m *mirror) put(list ...mirrored) {
	if m == nil {
		return
	}
	for i := range list {
		s := &list[i]
		if !incident.Peer(&s.Series) {
			m.drop(s.ID)
			continue
		}
		if old, ok := m.series[s.ID]; ok && old.Tenant != s.Tenant {
			delete(m.tenants[old.Tenant], s.ID)
		} else if !ok && len(m.series) >= mirrorSize {
			delete(m.complete, s.Tenant)
			continue
		}
		m.series[s.ID] = *s
		of := m.tenants[s.Tenant]
		if of == nil {
			of = map[keepwatch.SeriesID]struct{}{}
			m.tenants[s.Tenant] = of
		}
		of[s.ID] = struct{}{}
	}
}

func (m *mirror) drop(id keepwatch.SeriesID) {
	if old, ok := m.series[id]; ok {
		delete(m.tenants[old.Tenant], id)
		delete(m.series, id)
	}
}

// room is a list for the peers of some tenants, as far as the mirror holds them.
func (m *mirror) room(tenants []keepwatch.TenantID) []keepwatch.Series {
	n := 0
	if m != nil {
		for _, t := range tenants {
			n += len(m.tenants[t])
		}
	}
	return make([]keepwatch.Series, 0, n)
}

// peers appends the series of a tenant in id order; false when the mirror does not
// hold them all.
func (m *mirror) peers(list []keepwatch.Series, tenant keepwatch.TenantID, except func(keepwatch.SeriesID) bool) ([]keepwatch.Series, bool) {
	if m == nil || !m.complete[tenant] {
		return list, false
	}
	from := len(list)
	for id := range m.tenants[tenant] {
		if !except(id) {
			list = append(list, m.series[id].Series)
		}
	}
	slices.SortFunc(list[from:], func(a, b keepwatch.Series) int { return cmp.Compare(a.ID, b.ID) })
	return list, true
}

// whole notes that list is all there is of a tenant.
func (m *mirror) whole(tenant keepwatch.TenantID, list []mirrored) {
	if m == nil {
		return
	}
	m.complete[tenant] = true
	m.put(list...) // takes the mark back when there is no room
}
