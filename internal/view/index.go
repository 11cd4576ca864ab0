package view

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

// index keeps what is known of each credential in one place, and follows what moves. A
// page of ten thousand credentials would otherwise sort thirty thousand series into
// place each time that somebody looks.
//
// It is of the whole estate, whoever asks: a reader of a part looks up what is in its part
// of the inventory and nothing else.
type index struct {
	mu       sync.RWMutex
	revision int64
	lines    map[keepwatch.CredentialID]*place
	order    []placed // of the last inventory that was gone through
	orderOf  []keepwatch.Credential
}

// place is where the line of a credential stands, and how it stood at the last glance;
// others may be put there at any time.
type place struct {
	line   atomic.Pointer[line]
	glance atomic.Pointer[glance]
}

// known is what stands there, never nil.
func (p *place) known() *line {
	if l := p.line.Load(); l != nil {
		return l
	}
	return none
}

// placed is a record of an inventory with its place.
type placed struct {
	*keepwatch.Credential
	place *place
}

// line is all that is known of one credential. It never changes: another takes its
// place.
type line struct {
	series []*keepwatch.Series // all of them, in id order
	own    *keepwatch.Series   // never nil
	looks  looks
	lived  []*keepwatch.Series // of its holders' traffic

	// What was worked out of it last, with what it was worked out from.
	dates atomic.Pointer[datesOf]
	today atomic.Pointer[ofStretch]
}

// datesOf are clocks, with what they follow from beside what was read.
type datesOf struct {
	dateFacts
	clocks []keepwatch.Clock
}

type dateFacts struct {
	kind                               keepwatch.Kind
	expires, generated, used, confirms keepwatch.Date
	validFor, idleFor                  time.Duration
	zone                               *time.Location
}

func newIndex() *index { return &index{lines: map[keepwatch.CredentialID]*place{}} }

// none is the line of a credential of which nothing is known.
var none = &line{own: &keepwatch.Series{}, looks: looks{summary: &keepwatch.Series{}}}

func (x *index) of(id keepwatch.CredentialID) *line {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if p := x.lines[id]; p != nil {
		return p.known()
	}
	return none
}

// inOrder are the places of an inventory's credentials, by id: pages go through all of
// them, and to look each up by its name would cost more than all else. Those of the
// whole inventory are kept.
func (x *index) inOrder(all []keepwatch.Credential, keep bool) []placed {
	x.mu.RLock()
	order, known := x.order, len(all) > 0 && len(all) == len(x.orderOf) && &all[0] == &x.orderOf[0]
	x.mu.RUnlock()
	if known {
		return order
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	order = make([]placed, len(all))
	for i := range all {
		order[i] = placed{&all[i], x.place(all[i].ID)}
	}
	byID := func(a, b placed) int { return strings.Compare(string(a.ID), string(b.ID)) }
	if !slices.IsSortedFunc(order, byID) {
		slices.SortFunc(order, byID)
	}
	if keep {
		for _, p := range x.lines { // or the inventory before this one would be kept, too
			p.glance.Store(nil)
		}
		x.order, x.orderOf = order, all
	}
	return order
}

func (x *index) place(id keepwatch.CredentialID) *place {
	p := x.lines[id]
	if p == nil {
		p = &place{}
		x.lines[id] = p
	}
	return p
}

// follow takes in what moved since the last look.
func (x *index) follow(ctx context.Context, src SeriesSource) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	m, err := src.Moved(ctx, x.revision)
	if err != nil {
		return err
	}
	if m.Whole {
		for _, p := range x.lines {
			p.line.Store(nil)
		}
	}
	x.take(m)
	x.revision = m.Revision
	return nil
}

func (x *index) take(m store.Moved) {
	touched := map[keepwatch.CredentialID][]*keepwatch.Series{}
	for _, s := range m.Series {
		if s.Credential != "" {
			touched[s.Credential] = append(touched[s.Credential], s)
		}
	}
	gone := map[keepwatch.SeriesID]bool{}
	for _, id := range m.Gone {
		gone[id] = true
	}
	if len(gone) > 0 { // rare: records were removed
		for id, p := range x.lines {
			if slices.ContainsFunc(p.known().series, func(s *keepwatch.Series) bool { return gone[s.ID] }) && touched[id] == nil {
				touched[id] = []*keepwatch.Series{}
			}
		}
	}
	for id, fresh := range touched {
		p := x.place(id)
		p.line.Store(p.known().with(id, fresh, gone))
	}
}

// with is the line of a credential with fresher series in it.
func (l *line) with(id keepwatch.CredentialID, fresh []*keepwatch.Series, gone map[keepwatch.SeriesID]bool) *line {
	all := slices.Clone(fresh)
	for _, s := range l.series {
		if !gone[s.ID] && !slices.ContainsFunc(fresh, func(f *keepwatch.Series) bool { return f.ID == s.ID }) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *keepwatch.Series) int { return strings.Compare(string(a.ID), string(b.ID)) })
	out := &line{series: all, own: ownSeries(id, all), looks: dateLooks(id, all)}
	for _, s := range all {
		if s.Traffic != nil {
			out.lived = append(out.lived, s)
		}
	}
	return out
}

// ownSeries picks the line that proves a credential itself: that of its own test,
// without a subject, seen from here. Other places and subjects are shown elsewhere.
func ownSeries(id keepwatch.CredentialID, all []*keepwatch.Series) *keepwatch.Series {
	check := keepwatch.CheckOf(keepwatch.CheckCredential, id)
	name, own := keepwatch.SeriesOf(check, ""), none.own
	for _, s := range all {
		if s.Check == check && s.ID == name && (own == none.own || own.Place != keepwatch.Local || s.Place == keepwatch.Local) {
			own = s
		}
	}
	return own
}

// clocksOf are the dates of a credential: they follow from its record and from what was
// read, so they are worked out anew when one of the two changes.
func (e *estate) clocksOf(c *keepwatch.Credential) []keepwatch.Clock {
	return e.line(c.ID).clocksOf(c, e.snap.zoneOf(c.ID))
}

func (l *line) clocksOf(c *keepwatch.Credential, zone *time.Location) []keepwatch.Clock {
	if l == none {
		return clocks(*c, looks{}, zone)
	}
	facts := dateFacts{c.Kind, c.Expires, c.SecretGenerated, c.LastUsed, c.DatesConfirmed, c.ValidFor, c.IdleFor, zone}
	if have := l.dates.Load(); have != nil && have.dateFacts == facts {
		return have.clocks
	}
	all := clocks(*c, l.looks, zone)
	l.dates.Store(&datesOf{facts, all})
	return all
}

func (e *estate) line(id keepwatch.CredentialID) *line { return e.index.of(id) }
