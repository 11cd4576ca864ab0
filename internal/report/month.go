package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/impact"
)

// Month sums up incidents that were detected in one month, and what warnings
// prevented in it. At is when this is true.
func Month(from, to, at time.Time, incidents []client.MonthIncident, prevented []client.Prevented) client.MonthReport {
	out := client.MonthReport{
		SchemaVersion: 1, At: at.UTC(), Month: from.Format("2006-01"), From: from.UTC(), To: to.UTC(), SoFar: at.Before(to),
		Incidents: append([]client.MonthIncident{}, incidents...), Prevented: append([]client.Prevented{}, prevented...),
		Times: map[string]client.TimesTaken{}, Totals: map[string]client.Figure{},
	}
	slices.SortStableFunc(out.Incidents, func(a, b client.MonthIncident) int {
		return cmp.Or(instant(a.DetectedAt).Compare(instant(b.DetectedAt)), cmp.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(out.Prevented, func(a, b client.Prevented) int {
		return cmp.Or(a.RenewedAt.Compare(b.RenewedAt), cmp.Compare(a.Credential, b.Credential))
	})
	for _, inc := range out.Incidents {
		out.SoFar = out.SoFar || inc.Status == string(keepwatch.IncidentOpen)
	}
	for _, name := range timeNames {
		if t, ok := times(out.Incidents, name); ok {
			out.Times[name] = t
		}
	}
	for _, name := range impact.Names {
		if slices.Contains(timeNames, name) || name == impact.HoursStale {
			continue // medians say more of times; the hours of two extensions are no sum
		}
		if f, ok := total(out.Incidents, name); ok {
			out.Totals[name] = f
		}
	}
	out.Owners = shares(out.Incidents, func(i client.MonthIncident) []string { return strings.Split(i.Owner, ", ") })
	out.Tenants = shares(out.Incidents, func(i client.MonthIncident) []string { return []string{i.Tenant} })
	return out
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// times are the median and the worst of what is known. An incident that is still
// open counts with what it took so far only where the thing itself has happened.
func times(incidents []client.MonthIncident, name string) (client.TimesTaken, bool) {
	var out client.TimesTaken
	var all []float64
	for _, inc := range incidents {
		f, ok := inc.Impact[name]
		if !ok || name == impact.TimeToCatchUp && inc.Status == string(keepwatch.IncidentOpen) {
			continue
		}
		all = append(all, f.Mid)
		if out.WorstOf == "" || f.Mid > out.Worst {
			out.Worst, out.WorstOf = f.Mid, inc.ID
		}
	}
	if len(all) == 0 {
		return out, false
	}
	slices.Sort(all)
	out.Incidents = len(all)
	out.Median = (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	return out, true
}

func total(incidents []client.MonthIncident, name string) (client.Figure, bool) {
	var all []keepwatch.Figure
	for _, inc := range incidents {
		if f, ok := inc.Impact[name]; ok {
			all = append(all, keepwatch.Figure{Name: name, Low: f.Low, Mid: f.Mid, High: f.High, Unit: f.Unit, Source: f.Source})
		}
	}
	if len(all) == 0 || slices.ContainsFunc(all, func(f keepwatch.Figure) bool { return f.Unit != all[0].Unit }) {
		return client.Figure{}, false // two currencies have no sum
	}
	f := impact.Range(all)
	return client.Figure{Low: f.Low, Mid: f.Mid, High: f.High, Unit: f.Unit, Formula: f.Formula, Source: f.Source}, true
}

// shares are who was hit, the hardest first. An incident of several teams counts
// for each of them.
func shares(incidents []client.MonthIncident, of func(client.MonthIncident) []string) []client.Share {
	byName := map[string]*client.Share{}
	for _, inc := range incidents {
		for _, name := range of(inc) {
			s := byName[name]
			if s == nil {
				s = &client.Share{Name: name}
				byName[name] = s
			}
			s.Incidents++
			s.OutageHours += inc.Impact[impact.OutageHours].Mid
			s.Contacts += inc.Impact[impact.ContactsDelayed].Mid
		}
	}
	out := []client.Share{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, *byName[name])
	}
	slices.SortStableFunc(out, func(a, b client.Share) int {
		return cmp.Or(cmp.Compare(b.Contacts, a.Contacts), cmp.Compare(b.OutageHours, a.OutageHours), cmp.Compare(b.Incidents, a.Incidents))
	})
	return out
}
