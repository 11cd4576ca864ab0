package view

import (
	"cmp"
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

// ahead lays what ends on days, in the lanes of the groups. Those beyond what a picture
// holds share the last one.
func (e *estate) ahead(all []*glance, by string) client.Ahead {
	today := keepwatch.DayOf(e.now, time.UTC)
	out := client.Ahead{
		From: today.AddDays(-aheadBack).String(), Today: today.String(), To: today.AddDays(aheadDays).String(), Lanes: []client.AheadLane{},
	}
	lanes := map[string]map[keepwatch.Date]*client.AheadEnd{}
	totals := map[string]int{}
	first, last := e.now.AddDate(0, 0, -aheadBack-2), e.now.AddDate(0, 0, aheadDays+2) // whatever the zone
	var zone *time.Location                                                            // of here; most are of one
	var here keepwatch.Date
	for _, g := range all {
		if g.zone != zone {
			zone, here = g.zone, keepwatch.DayOf(e.now, g.zone)
		}
		for _, k := range g.clocks {
			if k.Kind != keepwatch.ClockHard || !k.Known() || k.At.Before(first) || k.At.After(last) {
				continue
			}
			day := keepwatch.DayOf(k.At, zone)
			left := here.Until(day)
			if left < -aheadBack || left > aheadDays || !k.At.After(e.now) && contradicted(k, g.line.own, e.now) {
				continue
			}
			key := groupKey(by, g.Credential)
			if lanes[key] == nil {
				lanes[key] = map[keepwatch.Date]*client.AheadEnd{}
			}
			totals[key]++
			out.Total++
			if !k.At.After(e.now) {
				out.Ended++
			}
			addEnd(lanes[key], day, g.Credential, endingSeverity(k, left, false, e.now))
		}
	}
	for key, days := range lanes {
		lane := client.AheadLane{Key: key, Total: totals[key], Ends: []client.AheadEnd{}}
		for _, end := range days {
			lane.Ends = append(lane.Ends, *end)
		}
		slices.SortFunc(lane.Ends, func(a, b client.AheadEnd) int { return strings.Compare(a.On, b.On) })
		out.Lanes = append(out.Lanes, lane)
	}
	slices.SortFunc(out.Lanes, func(a, b client.AheadLane) int {
		return cmp.Or(cmp.Compare(keyRank(by, a.Key), keyRank(by, b.Key)), strings.Compare(a.Ends[0].On, b.Ends[0].On), strings.Compare(a.Key, b.Key))
	})
	if len(out.Lanes) > aheadLanes {
		out.Lanes = append(out.Lanes[:aheadLanes-1], joinLanes(out.Lanes[aheadLanes-1:]))
	}
	return out
}

// AheadOthers is the lane of those that have none of their own.
const AheadOthers = "…"

func joinLanes(lanes []client.AheadLane) client.AheadLane {
	out := client.AheadLane{Key: AheadOthers, Ends: []client.AheadEnd{}}
	days := map[string]*client.AheadEnd{}
	for _, l := range lanes {
		out.Total += l.Total
		for _, end := range l.Ends {
			have := days[end.On]
			if have == nil {
				days[end.On] = &end
				continue
			}
			joinEnds(have, end.Count, end.Severity, end.Criticality, end.Credentials...)
		}
	}
	for _, end := range days {
		out.Ends = append(out.Ends, *end)
	}
	slices.SortFunc(out.Ends, func(a, b client.AheadEnd) int { return strings.Compare(a.On, b.On) })
	return out
}

// addEnd counts one date on its day. It is asked for each date of the estate, so what
// the day has already costs nothing.
func addEnd(days map[keepwatch.Date]*client.AheadEnd, day keepwatch.Date, c *keepwatch.Credential, severity keepwatch.Severity) {
	have := days[day]
	if have == nil {
		days[day] = &client.AheadEnd{
			On: day.String(), Count: 1, Severity: string(severity), Criticality: string(c.Criticality), Credentials: []string{string(c.ID)},
		}
		return
	}
	joinEnds(have, 1, string(severity), string(c.Criticality), string(c.ID))
}

func joinEnds(have *client.AheadEnd, count int, severity, criticality string, ids ...string) {
	have.Count += count
	if severityRank(severity) > severityRank(have.Severity) {
		have.Severity = severity
	}
	if criticalityRank(criticality) < criticalityRank(have.Criticality) {
		have.Criticality = criticality
	}
	for _, id := range ids {
		if len(have.Credentials) < aheadNamed && !slices.Contains(have.Credentials, id) {
			have.Credentials = append(have.Credentials, id)
		}
	}
}
