package config

import (
	"cmp"
	"slices"
	"strings"

	"keepwatch"
)

// Watched is one thing in SFMC that the configuration names, with what it says of it.
type Watched struct {
	Subject        keepwatch.Subject
	Upstream       []keepwatch.Upstream
	Expect         keepwatch.Expectation
	TimestampField string
}

// FamilyOf is the family that a kind of subject is read in.
func FamilyOf(kind keepwatch.SubjectKind) keepwatch.Family {
	switch kind {
	case keepwatch.SubjectJourney:
		return keepwatch.FamilyJourneys
	case keepwatch.SubjectDataExtension:
		return keepwatch.FamilyDataExtensions
	case keepwatch.SubjectAutomation:
		return keepwatch.FamilyAutomations
	case keepwatch.SubjectTriggeredSend:
		return keepwatch.FamilySends
	}
	return keepwatch.FamilyQueues
}

// thing is a subject while it is put together: who named it, and what feeds it.
type thing struct {
	Watched
	owners  []keepwatch.CredentialID // that name it as their dependent
	feeders []*thing                 // automations that fill it, data extensions that it reads
	fills   bool                     // some feeder fills it: the way to it leads over that one
}

// web is everything that the credentials of one business unit name.
type web struct {
	unit   keepwatch.MID
	things map[string]*thing
	order  []*thing
}

// named are the subjects that a tenant's credentials name, by unit and family.
func (c *Config) named(id keepwatch.TenantID) map[keepwatch.MID]map[keepwatch.Family][]Watched {
	webs := map[keepwatch.MID]*web{}
	for _, cred := range c.Credentials {
		if cred.Tenant != id || len(cred.Dependents) == 0 {
			continue
		}
		w := webs[cred.BusinessUnit]
		if w == nil {
			w = &web{unit: cred.BusinessUnit, things: map[string]*thing{}}
			webs[cred.BusinessUnit] = w
		}
		for _, d := range cred.Dependents {
			w.add(cred.ID, d, c.Zone(cred.ID).String())
		}
	}
	out := make(map[keepwatch.MID]map[keepwatch.Family][]Watched, len(webs))
	for unit, w := range webs {
		out[unit] = w.families()
	}
	return out
}

func (w *web) thing(kind keepwatch.SubjectKind, key string) *thing {
	s := keepwatch.Subject{Kind: kind, Key: key, Unit: w.unit}
	t := w.things[s.ID()]
	if t == nil {
		t = &thing{Watched: Watched{Subject: s}}
		w.things[s.ID()] = t
		w.order = append(w.order, t)
	}
	return t
}

// add takes one dependent in. What several credentials say of one thing joins up;
// where they contradict each other, the first one holds.
func (w *web) add(owner keepwatch.CredentialID, d keepwatch.Dependent, zone string) {
	t := w.thing(keepwatch.SubjectKind(d.Kind), d.Key)
	t.own(owner)
	e := &t.Expect
	e.ContactsPerDay = cmp.Or(e.ContactsPerDay, d.ContactsPerDay)
	e.ValuePerContact = cmp.Or(e.ValuePerContact, d.ValuePerContact)
	e.RowsEvery = cmp.Or(e.RowsEvery, d.ExpectRowsEvery)
	e.MaxQueueAge = cmp.Or(e.MaxQueueAge, d.MaxQueueAge)
	e.OnOutage = cmp.Or(e.OnOutage, d.OnOutage)
	e.FedBy = cmp.Or(e.FedBy, d.FedBy)
	e.Zone = cmp.Or(e.Zone, zone)
	t.TimestampField = cmp.Or(t.TimestampField, d.TimestampField)
	if d.FedBy != "" {
		automation := w.thing(keepwatch.SubjectAutomation, d.FedBy)
		automation.Expect.Zone = cmp.Or(automation.Expect.Zone, zone)
		t.feed(automation)
		t.fills = true
	}
	for _, key := range d.Reads {
		if !slices.Contains(e.Reads, key) {
			e.Reads = append(e.Reads, key)
		}
		source := w.thing(keepwatch.SubjectDataExtension, key)
		source.Expect.Zone = cmp.Or(source.Expect.Zone, zone)
		t.feed(source)
	}
}

func (t *thing) own(id keepwatch.CredentialID) {
	if !slices.Contains(t.owners, id) {
		t.owners = append(t.owners, id)
	}
}

func (t *thing) feed(from *thing) {
	if from != t && !slices.Contains(t.feeders, from) {
		t.feeders = append(t.feeders, from)
	}
}

// families sorts the finished subjects. An automation that fills something and that
// no credential names itself works for the credentials that named what it fills.
func (w *web) families() map[keepwatch.Family][]Watched {
	adopted := map[*thing]bool{}
	for _, t := range w.order {
		for _, f := range t.feeders {
			if f.Subject.Kind != keepwatch.SubjectAutomation || len(f.owners) > 0 && !adopted[f] {
				continue
			}
			adopted[f] = true
			for _, id := range t.owners {
				f.own(id)
			}
		}
	}
	out := map[keepwatch.Family][]Watched{}
	for _, t := range w.order {
		t.Upstream = t.upstream()
		family := FamilyOf(t.Subject.Kind)
		out[family] = append(out[family], t.Watched)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b Watched) int { return cmp.Compare(a.Subject.ID(), b.Subject.ID()) })
	}
	return out
}

// The bounds of the ways to one subject: a web of hundreds of things that feed each
// other has more ways than anybody reads.
const (
	maxVia  = 6
	maxWays = 32
)

// upstream are the ways from credentials to the thing, each once, the short ones
// first. Whoever named a thing reaches it directly, unless an automation that it
// also reaches fills the thing: then that is the way.
func (t *thing) upstream() []keepwatch.Upstream {
	var ways []keepwatch.Upstream
	reached := map[keepwatch.CredentialID]bool{} // over something that fills it
	for _, f := range t.feeders {
		for _, u := range f.ways([]*thing{t}) {
			ways = append(ways, u)
			if f.Subject.Kind == keepwatch.SubjectAutomation && t.fills {
				reached[u.Credential] = true
			}
		}
	}
	for _, id := range t.owners {
		if !reached[id] {
			ways = append(ways, keepwatch.Upstream{Credential: id})
		}
	}
	slices.SortStableFunc(ways, func(a, b keepwatch.Upstream) int {
		return cmp.Or(cmp.Compare(len(a.Via), len(b.Via)), cmp.Compare(a.Credential, b.Credential), cmp.Compare(strings.Join(a.Via, "\x00"), strings.Join(b.Via, "\x00")))
	})
	ways = slices.CompactFunc(ways, func(a, b keepwatch.Upstream) bool { return a.Credential == b.Credential && slices.Equal(a.Via, b.Via) })
	return ways[:min(len(ways), maxWays)]
}

// ways lead from credentials over this thing to the one that it feeds; below are
// those that were passed already, for what feeds itself has no end.
func (t *thing) ways(below []*thing) []keepwatch.Upstream {
	if len(below) > maxVia || slices.Contains(below, t) {
		return nil
	}
	var out []keepwatch.Upstream
	reached := map[keepwatch.CredentialID]bool{}
	for _, f := range t.feeders {
		for _, u := range f.ways(append(slices.Clone(below), t)) {
			if len(out) == maxWays {
				return out
			}
			u.Via = append(slices.Clone(u.Via), t.Subject.ID())
			out = append(out, u)
			if f.Subject.Kind == keepwatch.SubjectAutomation && t.fills {
				reached[u.Credential] = true
			}
		}
	}
	for _, id := range t.owners {
		if !reached[id] {
			out = append(out, keepwatch.Upstream{Credential: id, Via: []string{t.Subject.ID()}})
		}
	}
	return out
}
