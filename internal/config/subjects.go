package config

import (
	"cmp"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/collect"
)

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
	collect.Wanted
	owners   []keepwatch.CredentialID // that name it as their dependent
	feeders  []*thing                 // automations that fill it, data extensions that it reads
	filledBy []*thing                 // those of them that fill it
}

// web is everything that the credentials of one business unit name.
type web struct {
	unit   keepwatch.MID
	things map[string]*thing
	order  []*thing
}

// named are the subjects that a tenant's credentials name, by unit and family.
func (c *Config) named(id keepwatch.TenantID) map[keepwatch.MID]map[keepwatch.Family][]collect.Wanted {
	hours := c.Calendars[c.Tiers[keepwatch.Standard].Calendar]
	if e, ok := c.effects[id]; ok {
		hours = e.Calendar
	}
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
			w.add(cred.ID, d, hours.Location().String())
		}
	}
	out := make(map[keepwatch.MID]map[keepwatch.Family][]collect.Wanted, len(webs))
	for unit, w := range webs {
		out[unit] = w.families()
	}
	return out
}

func (w *web) thing(kind keepwatch.SubjectKind, key string) *thing {
	s := keepwatch.Subject{Kind: kind, Key: key, Unit: w.unit}
	t := w.things[s.ID()]
	if t == nil {
		t = &thing{Wanted: collect.Wanted{Subject: s}}
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
		if t.feed(automation) {
			t.filledBy = append(t.filledBy, automation)
		}
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

// feed reports whether it is new that one feeds the other.
func (t *thing) feed(from *thing) bool {
	if from == t || slices.Contains(t.feeders, from) {
		return false
	}
	t.feeders = append(t.feeders, from)
	return true
}

// families sorts the finished subjects. An automation that fills something and that
// no credential names itself works for the credentials that named what it fills.
func (w *web) families() map[keepwatch.Family][]collect.Wanted {
	adopted := map[*thing]bool{}
	for _, t := range w.order {
		for _, f := range t.filledBy {
			if len(f.owners) > 0 && !adopted[f] {
				continue
			}
			adopted[f] = true
			for _, id := range t.owners {
				f.own(id)
			}
		}
	}
	out := map[keepwatch.Family][]collect.Wanted{}
	for _, t := range w.order {
		t.Upstream = t.upstream()
		family := FamilyOf(t.Subject.Kind)
		out[family] = append(out[family], t.Wanted)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b collect.Wanted) int { return cmp.Compare(a.Subject.ID(), b.Subject.ID()) })
	}
	return out
}

// The bounds of the ways to one subject: a web of hundreds of things that feed each
// other has more ways than anybody reads.
const (
	maxVia  = 6
	maxWays = 32
)

// upstream are the ways from credentials to the thing, the short ones first.
func (t *thing) upstream() []keepwatch.Upstream {
	var ways []keepwatch.Upstream
	paths := [][]*thing{{t}} // against the stream: the thing first
	for len(paths) > 0 && len(paths[0]) <= maxVia+1 && len(ways) < maxWays {
		path := paths[0]
		paths = paths[1:]
		last := path[len(path)-1]
		for _, id := range last.owners {
			if !last.filledFor(id) {
				ways = append(ways, keepwatch.Upstream{Credential: id, Via: viaOf(path)})
			}
		}
		for _, f := range last.feeders {
			if !slices.Contains(path, f) && len(paths) < 4*maxWays {
				paths = append(paths, append(slices.Clone(path), f))
			}
		}
	}
	slices.SortStableFunc(ways, func(a, b keepwatch.Upstream) int {
		return cmp.Or(cmp.Compare(len(a.Via), len(b.Via)), cmp.Compare(a.Credential, b.Credential), cmp.Compare(strings.Join(a.Via, "\x00"), strings.Join(b.Via, "\x00")))
	})
	return ways[:min(len(ways), maxWays)]
}

// filledFor reports whether a credential that named the thing reaches it over an
// automation that fills it: then that is its way, and not a direct one.
func (t *thing) filledFor(id keepwatch.CredentialID) bool {
	return slices.ContainsFunc(t.filledBy, func(f *thing) bool { return slices.Contains(f.owners, id) })
}

// viaOf names what lies between a credential and the first of the path.
func viaOf(path []*thing) []string {
	var via []string
	for _, t := range slices.Backward(path[1:]) {
		via = append(via, t.Subject.ID())
	}
	return via
}
