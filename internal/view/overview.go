package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/detect"
)

// What one look at the front page holds. More is reached by filters and pages.
const (
	overviewRows      = 60
	overviewIncidents = 50
	overviewExpiring  = 8
)

// OverviewFilter says which credentials the front page lists, and in which groups.
type OverviewFilter struct {
	CredentialFilter
	GroupBy string // Groupings; "": the first
	Page    int    // of the credentials that are listed; 0 is the first
}

// Groupings are the ways in which an estate is divided.
var Groupings = []string{"tenant", "owner", "tier"}

// Overview reads the front page. The filter narrows the credentials, their groups and
// the dates; the headline, the counts and the incidents are always those of the whole
// estate, so that a filter cannot hide trouble.
func (r *Reader) Overview(ctx context.Context, now time.Time, f OverviewFilter) (client.Overview, error) {
	if f.GroupBy = cmp.Or(f.GroupBy, Groupings[0]); !slices.Contains(Groupings, f.GroupBy) {
		return client.Overview{}, keepwatch.WithHint(fmt.Errorf("group %.80q: %w", f.GroupBy, keepwatch.ErrInvalid), "one of: "+strings.Join(Groupings, ", "))
	}
	e, err := r.load(ctx, now)
	if err != nil {
		return client.Overview{}, err
	}
	o := client.Overview{
		At: now.UTC(), Total: len(e.snap.Credentials), GroupBy: f.GroupBy,
		Incidents: []client.Incident{}, Groups: []client.Group{}, Expiring: []client.Expiry{},
	}
	all := e.glances(CredentialFilter{})
	tallies := make([]tally, len(all))
	var sum tally
	var counts stateCounts
	var newest time.Time
	for i := range all {
		g := all[i]
		counts[g.weight]++
		if g.proven.After(newest) {
			newest = g.proven
		}
		tallies[i] = e.tallyOf(g)
		sum.merge(tallies[i])
		o.Undated += g.undated
	}
	o.Counts = counts.byName()
	o.SuccessRate, o.LastProvenAt = sum.rate(), timeOf(newest)
	o.Traffic = e.trafficToday(all)
	e.addIncidents(&o)
	if err := r.addCosts(ctx, o.Incidents); err != nil {
		return client.Overview{}, err
	}
	o.Headline = headline(o)
	o.Status = r.status(ctx, now, o.LastProvenAt)
	e.addExpiries(&o, all)
	e.addGroups(&o, all, tallies, f)
	return o, nil
}

// addIncidents puts the loudest first, those that nobody has taken before those
// that somebody has, then the newest.
func (e *estate) addIncidents(o *client.Overview) {
	if len(e.open) == 0 {
		return
	}
	owners := e.ownersIn(e.open)
	for _, inc := range e.open {
		if inc.MergedInto == "" {
			o.Incidents = append(o.Incidents, incidentOf(inc, owners))
		}
	}
	slices.SortStableFunc(o.Incidents, func(a, b client.Incident) int {
		return cmp.Or(
			cmp.Compare(severityRank(b.Severity), severityRank(a.Severity)),
			compareNil(a.AcknowledgedAt, b.AcknowledgedAt),
			newerFirst(a.DetectedAt, b.DetectedAt))
	})
	if len(o.Incidents) > overviewIncidents {
		o.MoreIncidents = len(o.Incidents) - overviewIncidents
		o.Incidents = o.Incidents[:overviewIncidents]
	}
}

// trafficToday adds up what the holders of all credentials lived through.
func (e *estate) trafficToday(all []*glance) *client.TrafficToday {
	const window = 24 * time.Hour
	var t client.TrafficToday
	for i := range all {
		for _, s := range all[i].line.lived {
			if e.now.Sub(s.Traffic.LastAt) > window {
				continue
			}
			t.Holders++
			span := detect.Over(s.Traffic, window, e.now)
			t.Tokens, t.Granted = t.Tokens+span.Requests, t.Granted+span.Requests-span.Failed
			if state := trafficState(s, e.now); state == keepwatch.StateDegraded || state == keepwatch.StateFailing {
				t.Troubled++
			}
		}
	}
	if t.Holders == 0 {
		return nil
	}
	t.SuccessRate = share(t.Granted, t.Tokens)
	return &t
}

// headline is the one sentence. Not knowing outranks being slow, and nothing but
// fresh proof of all is called proven.
func headline(o client.Overview) client.Headline {
	h := client.Headline{Detail: summary(o)}
	trouble := o.Counts[string(keepwatch.StateFailing)] + o.Counts[string(keepwatch.StateExpired)]
	unknown, degraded := o.Counts[string(keepwatch.StateUnknown)], o.Counts[string(keepwatch.StateDegraded)]
	incidents := len(o.Incidents) + o.MoreIncidents
	taken := 0
	for _, inc := range o.Incidents {
		if inc.AcknowledgedAt != nil {
			taken++
		}
	}
	switch {
	case incidents > 0 && taken == incidents:
		h.State, h.Text = worstState(o), count(incidents, "incident")+" open, somebody is on it"
	case incidents-taken == 1:
		h.State, h.Text = worstState(o), "1 incident needs you"
	case incidents > 0:
		h.State, h.Text = worstState(o), count(incidents-taken, "incident")+" need you"
	case o.Total == 0:
		h.State, h.Text = string(keepwatch.StateUnknown), "No credential is registered yet"
	case trouble > 0:
		h.State, h.Text = string(keepwatch.StateFailing), count(trouble, "credential")+" "+be(trouble)+" failing"
	case unknown > 0:
		h.State, h.Text = string(keepwatch.StateUnknown), count(unknown, "credential")+" "+be(unknown)+" not proven"
	case degraded > 0:
		h.State, h.Text = string(keepwatch.StateDegraded), count(degraded, "credential")+" "+be(degraded)+" degraded"
	case o.Counts[string(keepwatch.StateHealthy)] == o.Total:
		h.State, h.Text = string(keepwatch.StateHealthy), "Every credential is proven"
	default:
		h.State, h.Text = string(keepwatch.StateHealthy), "Every credential that is watched is proven"
	}
	return h
}

// worstState colours the headline while incidents are open.
func worstState(o client.Overview) string {
	for _, inc := range o.Incidents {
		if inc.Severity == string(keepwatch.SeverityCritical) {
			return string(keepwatch.StateFailing)
		}
	}
	return string(keepwatch.StateDegraded)
}

// summary counts by state, worst first.
func summary(o client.Overview) string {
	var parts []string
	for _, s := range statesByWeight {
		if n := o.Counts[string(s)]; n > 0 {
			parts = append(parts, count0(n)+" "+string(s))
		}
	}
	if len(parts) == 0 {
		return "Add one to the configuration, or run the demo."
	}
	return strings.Join(parts, " · ")
}

// addExpiries lists the next dates. One that passed and was contradicted by a proof is
// no news.
func (e *estate) addExpiries(o *client.Overview, all []*glance) {
	type end struct {
		*glance
		clock keepwatch.Clock
	}
	var next []end // the soonest, in order; few enough to be moved along
	for _, g := range all {
		k := g.first()
		if !k.Known() || k.At.Before(e.now) && g.state == keepwatch.StateHealthy {
			continue
		}
		at := len(next)
		for at > 0 && next[at-1].clock.At.After(k.At) {
			at--
		}
		if at < overviewExpiring {
			next = slices.Insert(next, at, end{g, k})
			next = next[:min(len(next), overviewExpiring)]
		}
	}
	for _, n := range next {
		k := clockOf(n.clock, n.zone, e.now)
		o.Expiring = append(o.Expiring, client.Expiry{
			Credential: string(n.ID), Tenant: string(n.Tenant), Owner: n.Owner.Team, At: *k.EndsAt, On: k.EndsOn, DaysLeft: *k.DaysLeft, Source: k.Source,
		})
	}
}

// calls adds up what the schedule asks of each tenant in a year.
func (e *estate) calls(all []*glance) map[keepwatch.TenantID]*client.Calls {
	out := map[keepwatch.TenantID]*client.Calls{}
	of := func(t keepwatch.TenantID) *client.Calls {
		if out[t] == nil {
			out[t] = &client.Calls{}
		}
		return out[t]
	}
	for _, g := range all {
		if !g.dated {
			of(g.Tenant).Tests += g.calls
		}
	}
	if e.snap.Effects == nil {
		return out
	}
	for _, t := range e.snap.Tenants {
		cost, sum := e.snap.Effects(t.ID), of(t.ID)
		if sum.Effects = cost.CallsPerYear; cost.Allowance > 0 {
			sum.Allowance = &cost.Allowance
		}
	}
	return out
}

// TenantIDs lists the tenants in the order of the configuration.
func (r *Reader) TenantIDs() []string {
	ids := []string{}
	for _, t := range r.inventory().Tenants {
		ids = append(ids, string(t.ID))
	}
	return ids
}

// CredentialIDs names every credential of the configuration, by name.
func (r *Reader) CredentialIDs() []string {
	ids := []string{}
	for _, c := range r.inventory().Credentials {
		ids = append(ids, string(c.ID))
	}
	slices.Sort(ids)
	return ids
}
