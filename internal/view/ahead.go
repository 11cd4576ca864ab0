package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// The picture of what is ahead begins a little before today: what ended last week and was
// not renewed is still work.
const (
	aheadDays  = 90
	aheadBack  = 7
	aheadNamed = 4 // credentials that a day names
	aheadLanes = 8
)

// AheadOthers is the lane of those that have none of their own.
const AheadOthers = "…"

// ahead lays what ends on days, in the lanes of the groups. Those beyond what a picture
// holds share the last one.
func (e *estate) ahead(all []member, by string) client.Ahead {
	utc := keepwatch.DayOf(e.now, time.UTC)
	out := client.Ahead{
		From: utc.AddDays(-aheadBack).String(), Today: utc.String(), To: utc.AddDays(aheadDays).String(), Lanes: []client.AheadLane{},
	}
	first, last := e.now.AddDate(0, 0, -aheadBack-2), e.now.AddDate(0, 0, aheadDays+2) // whatever the zone
	here := today{now: e.now}
	lanes := map[*group]bool{}
	for _, m := range all {
		for i := range m.clocks {
			k := &m.clocks[i]
			if k.Kind != keepwatch.ClockHard || !k.Known() || k.At.Before(first) || k.At.After(last) {
				continue
			}
			left := here.in(m.zone).Until(m.days[i])
			if left < -aheadBack || left > aheadDays || !k.At.After(e.now) && contradicted(k, m.line.own, e.now) {
				continue
			}
			lanes[m.of] = true
			out.Total++
			if !k.At.After(e.now) {
				out.Ended++
			}
			m.of.ends.add(m.days[i], m.glance, endingSeverity(k, left, false, e.now))
		}
	}
	out.Lanes = lanesOf(slices.Collect(maps.Keys(lanes)), by)
	return out
}

func lanesOf(groups []*group, by string) []client.AheadLane {
	type lane struct {
		client.AheadLane
		days endsByDay
	}
	lanes := make([]lane, 0, len(groups))
	for _, g := range groups {
		lanes = append(lanes, lane{client.AheadLane{Key: g.key, Total: g.ends.total(), Ends: g.ends.list()}, g.ends})
	}
	slices.SortFunc(lanes, func(a, b lane) int {
		return cmp.Or(cmp.Compare(keyRank(by, a.Key), keyRank(by, b.Key)), strings.Compare(a.Ends[0].On, b.Ends[0].On), strings.Compare(a.Key, b.Key))
	})
	if len(lanes) > aheadLanes {
		others := endsByDay{}
		for _, l := range lanes[aheadLanes-1:] {
			others.join(l.days)
		}
		lanes = append(lanes[:aheadLanes-1], lane{client.AheadLane{Key: AheadOthers, Total: others.total(), Ends: others.list()}, nil})
	}
	out := make([]client.AheadLane, len(lanes))
	for i, l := range lanes {
		out[i] = l.AheadLane
	}
	return out
}

// endsByDay counts dates on their days.
type endsByDay map[keepwatch.Date]*endsOfDay

type endsOfDay struct {
	count    int
	severity int // the worst, in severities
	tier     int // the highest
	named    []string
}

// add counts one date. It is asked for each date of the estate, so what the day has
// already costs nothing.
func (m endsByDay) add(day keepwatch.Date, g *glance, severity keepwatch.Severity) {
	of := m[day]
	if of == nil {
		of = &endsOfDay{tier: g.tier}
		m[day] = of
	}
	of.count++
	of.severity, of.tier = max(of.severity, severityRank(string(severity))), min(of.tier, g.tier)
	of.name(string(g.ID))
}

func (d *endsOfDay) name(ids ...string) {
	for _, id := range ids {
		if len(d.named) < aheadNamed && !slices.Contains(d.named, id) {
			d.named = append(d.named, id)
		}
	}
}

func (m endsByDay) join(other endsByDay) {
	for day, d := range other {
		of := m[day]
		if of == nil {
			m[day] = &endsOfDay{d.count, d.severity, d.tier, slices.Clone(d.named)}
			continue
		}
		of.count += d.count
		of.severity, of.tier = max(of.severity, d.severity), min(of.tier, d.tier)
		of.name(d.named...)
	}
}

func (m endsByDay) total() int {
	n := 0
	for _, d := range m {
		n += d.count
	}
	return n
}

// list is in the order of the days.
func (m endsByDay) list() []client.AheadEnd {
	out := make([]client.AheadEnd, 0, len(m))
	for day, d := range m {
		out = append(out, client.AheadEnd{
			On: day.String(), Count: d.count, Severity: string(severities[d.severity]), Criticality: criticalityAt(d.tier), Credentials: d.named,
		})
	}
	slices.SortFunc(out, func(a, b client.AheadEnd) int { return strings.Compare(a.On, b.On) })
	return out
}
