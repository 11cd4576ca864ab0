package view

import (
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

// glance is how one credential stands, and no more than is needed to count and to order
// it. What a page shows of it is worked out for those that it shows.
//
// It never changes. A page of ten thousand credentials goes through all of them, so each
// is kept at its place for as long as its record and its line are the same and time alone changes nothing.
type glance struct {
	*keepwatch.Credential
	line    *line
	zone    *time.Location
	clocks  []keepwatch.Clock
	days    []keepwatch.Date // of the clocks, in the zone; zero where a date is not known
	state   keepwatch.State
	weight  int // of the state, in statesByWeight
	tier    int // in keepwatch.Criticalities
	proven  time.Time
	dated   bool  // it stands as its dates do
	undated int   // dates that somebody should know and nobody does
	calls   int64 // that its schedule makes in a year

	from, until time.Time // it says the same in between, both included; zero: for good
}

// holds reports whether a glance says of a record what it would say at now.
func (g *glance) holds(c *keepwatch.Credential, l *line, now time.Time) bool {
	return g.Credential == c && g.line == l && !now.Before(g.from) && (g.until.IsZero() || !now.After(g.until))
}

// first is the date that it is shown with.
func (g *glance) first() keepwatch.Clock {
	k, _ := firstHard(g.clocks)
	return k
}

// glances are those that a filter lets through, by id.
func (e *estate) glances(f CredentialFilter) []*glance {
	places := e.index.inOrder(e.snap.Credentials, !e.part)
	out := make([]*glance, 0, len(places))
	record := f
	record.State = ""
	narrows := record != CredentialFilter{}
	for i := range places {
		at := &places[i]
		if narrows && !f.matches(at.Credential) {
			continue
		}
		if g := e.glanceAt(at); f.State == "" || f.State == string(g.state) {
			out = append(out, g)
		}
	}
	return out
}

// glanceAt is the glance that is kept at a place, or a new one. A reader of a part has copies
// of the records: what it works out is not kept, or each would undo the other's.
func (e *estate) glanceAt(at *placed) *glance {
	l := at.place.known()
	if g := at.place.glance.Load(); g != nil && g.holds(at.Credential, l, e.now) {
		return g
	}
	g := e.glance(at.Credential, l)
	if !e.part {
		at.place.glance.Store(g)
	}
	return g
}

func (e *estate) glance(c *keepwatch.Credential, l *line) *glance {
	g := &glance{Credential: c, line: l, zone: e.snap.zoneOf(c.ID), tier: criticalityRank(string(c.Criticality)), calls: e.snap.Plans[c.ID].CallsPerYear, from: e.now}
	g.clocks = l.clocksOf(c, g.zone)
	g.days = daysOf(g.clocks, g.zone)
	g.undated = undated(g.clocks)
	s := l.own
	if g.dated = byDates(c, s); g.dated {
		s = standing(c, s, l.looks, g.clocks, e.now)
	}
	g.state, g.proven = s.StateAt(e.now), s.LastProvenAt
	if len(l.lived) > 0 && g.state == keepwatch.StateHealthy {
		if worst := lived(s, l.lived, e.now); worst != nil {
			g.state = keepwatch.StateDegraded
		}
	}
	if first := g.first(); g.dated && first.Source != keepwatch.DateRead {
		g.proven = time.Time{} // its dates were looked at, the thing was not
	}
	g.weight, g.until = stateWeight(g.state), e.until(g, s)
	return g
}

// until is how long a glance holds. What real clients live through is judged by windows
// that move with time, so where there is any, the next look judges anew.
func (e *estate) until(g *glance, stands *keepwatch.Series) time.Time {
	if len(g.line.lived) > 0 {
		return e.now
	}
	until := stands.DecaysAt(e.now)
	if !g.dated {
		return until
	}
	for _, k := range g.clocks {
		if last := k.At.Add(-1); k.At.After(e.now) && (until.IsZero() || last.Before(until)) {
			until = last
		}
	}
	return until
}

// daysOf are the days of some clocks.
func daysOf(clocks []keepwatch.Clock, zone *time.Location) []keepwatch.Date {
	days := make([]keepwatch.Date, len(clocks))
	for i := range clocks {
		if clocks[i].Known() {
			days[i] = keepwatch.DayOf(clocks[i].At, zone)
		}
	}
	return days
}

// tallyOf counts the proofs of the last 24 hours.
func (e *estate) tallyOf(g *glance) tally {
	if g.dated {
		return tally{}
	}
	return g.line.proofs(e.hours, e.yesterday)
}

// today is the day in one zone after the other. Most credentials are of one.
type today struct {
	now  time.Time
	zone *time.Location
	day  keepwatch.Date
}

func (t *today) in(zone *time.Location) keepwatch.Date {
	if zone != t.zone {
		t.zone, t.day = zone, keepwatch.DayOf(t.now, zone)
	}
	return t.day
}

// stretch is what a tally is of.
type stretch struct{ from, read time.Time }

// ofStretch is a tally with what it is of.
type ofStretch struct {
	tally
	of stretch
}

// proofs counts the proofs since from, once for as long as nothing moves.
func (l *line) proofs(hours store.Hours, from time.Time) tally {
	if l == none {
		return tally{}
	}
	of := stretch{from, hours.Read}
	if have := l.today.Load(); have != nil && have.of == of {
		return have.tally
	}
	ok, failed := hours.Proofs(l.own.ID, from)
	l.today.Store(&ofStretch{tally{ok, failed}, of})
	return tally{ok, failed}
}

// standing is the series that says how a credential stands.
func (e *estate) standing(c *keepwatch.Credential) *keepwatch.Series {
	l := e.line(c.ID)
	return standing(c, l.own, l.looks, e.clocksOf(c), e.now)
}

// dated reports whether a credential stands as its dates do.
func (e *estate) dated(c *keepwatch.Credential) bool { return byDates(c, e.line(c.ID).own) }

// tally counts the proofs of the last 24 hours.
func (e *estate) tally(c *keepwatch.Credential) tally {
	if e.dated(c) {
		return tally{}
	}
	return e.line(c.ID).proofs(e.hours, e.yesterday)
}
