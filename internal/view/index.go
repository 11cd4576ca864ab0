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
	order    []*place // of the last inventory that was gone through
	orderOf  []keepwatch.Credential
}

// place is where the line of a credential stands; another may be put there at any time.
type place struct{ atomic.Pointer[line] }

// line is what stands there, never nil.
func (p *place) line() *line {
	if l := p.Load(); l != nil {
		return l
	}
	return none
}

// line is all that is known of one credential. It never changes: another takes its
// place.
type line struct {
	series []keepwatch.Series // all of them, in id order
	own    keepwatch.Series
	looks  looks
	lived  []keepwatch.Series // of its holders' traffic

	mu     sync.Mutex
	dates  dateFacts
	clocks []keepwatch.Clock
	today  tally
	of     stretch // today
}

// stretch is what a tally is of.
type stretch struct{ from, read time.Time }

// dateFacts are what dates follow from, beside what was read.
type dateFacts struct {
	kind                               keepwatch.Kind
	expires, generated, used, confirms keepwatch.Date
	validFor, idleFor                  time.Duration
	zone                               *time.Location
}

func newIndex() *index { return &index{lines: map[keepwatch.CredentialID]*place{}} }

// none is the line of a credential of which nothing is known.
var none = &line{}

func (x *index) of(id keepwatch.CredentialID) *line {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if p := x.lines[id]; p != nil {
		return p.line()
	}
	return none
}

// inOrder are the places of an inventory's credentials, one by one: pages go through
// all of them, and to look each up by its name would cost more than all else.
func (x *index) inOrder(all []keepwatch.Credential) []*place {
	x.mu.RLock()
	order, known := x.order, len(all) > 0 && len(all) == len(x.orderOf) && &all[0] == &x.orderOf[0]
	x.mu.RUnlock()
	if known {
		return order
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.order, x.orderOf = make([]*place, len(all)), all
	for i := range all {
		x.order[i] = x.place(all[i].ID)
	}
	return x.order
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
			p.Store(nil)
		}
	}
	x.take(m)
	x.revision = m.Revision
	return nil
}

func (x *index) take(m store.Moved) {
	touched := map[keepwatch.CredentialID][]keepwatch.Series{}
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
			if slices.ContainsFunc(p.line().series, func(s keepwatch.Series) bool { return gone[s.ID] }) && touched[id] == nil {
				touched[id] = []keepwatch.Series{}
			}
		}
	}
	for id, fresh := range touched {
		p := x.place(id)
		p.Store(p.line().with(fresh, gone))
	}
}

// with is the line with fresher series in it.
func (l *line) with(fresh []keepwatch.Series, gone map[keepwatch.SeriesID]bool) *line {
	all := slices.Clone(fresh)
	for _, s := range l.series {
		if !gone[s.ID] && !slices.ContainsFunc(fresh, func(f keepwatch.Series) bool { return f.ID == s.ID }) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b keepwatch.Series) int { return strings.Compare(string(a.ID), string(b.ID)) })
	out := &line{series: all}
	for id, s := range ownSeries(all) {
		if id == s.Credential {
			out.own = s
		}
	}
	for _, looks := range dateLooks(all) {
		out.looks = looks
	}
	for _, s := range all {
		if s.Traffic != nil {
			out.lived = append(out.lived, s)
		}
	}
	return out
}

// clocksOf are the dates of a credential: they follow from its record and from what was
// read, so they are worked out anew when one of the two changes.
func (e *estate) clocksOf(c keepwatch.Credential) []keepwatch.Clock {
	return e.line(c.ID).clocksOf(&c, e.snap.zoneOf(c.ID))
}

func (l *line) clocksOf(c *keepwatch.Credential, zone *time.Location) []keepwatch.Clock {
	if l == none {
		return clocks(*c, looks{}, zone)
	}
	facts := dateFacts{c.Kind, c.Expires, c.SecretGenerated, c.LastUsed, c.DatesConfirmed, c.ValidFor, c.IdleFor, zone}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.clocks == nil || l.dates != facts {
		l.clocks, l.dates = clocks(*c, l.looks, zone), facts
	}
	return l.clocks
}

func (e *estate) line(id keepwatch.CredentialID) *line { return e.index.of(id) }

// dated reports whether a credential stands as its dates do.
func (e *estate) dated(c keepwatch.Credential) bool {
	return !proven(c) && (e.line(c.ID).own.ID == "" || !asked(c.Kind))
}

// standing is the series that says how a credential stands.
func (e *estate) standing(c keepwatch.Credential) keepwatch.Series { return *e.stands(&c) }

func (e *estate) stands(c *keepwatch.Credential) *keepwatch.Series {
	l := e.line(c.ID)
	if !byDates(*c, l.own) {
		return &l.own
	}
	s := standing(*c, l.own, l.looks, e.clocksOf(*c), e.now)
	return &s
}

func (e *estate) livedOf(c keepwatch.Credential) []keepwatch.Series { return e.line(c.ID).lived }

// proofs counts the proofs since from, once for as long as nothing moves.
func (l *line) proofs(hours store.Hours, from time.Time) tally {
	if l == none {
		return tally{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := (stretch{from, hours.Read}); l.of != of {
		ok, failed := hours.Proofs(l.own.ID, from)
		l.today, l.of = tally{ok, failed}, of
	}
	return l.today
}

// tally counts the proofs of the last 24 hours.
func (e *estate) tally(c keepwatch.Credential) tally {
	g := glance{line: e.line(c.ID), dated: e.dated(c)}
	return e.tallyOf(&g)
}
