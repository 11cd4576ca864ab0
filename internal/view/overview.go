package view

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// What one look at the front page holds. More is reached by filters and pages.
const (
	overviewCredentials = 400
	overviewIncidents   = 50
	overviewExpiring    = 8
)

// Overview reads the front page. The filter narrows the list of credentials; the
// headline, the counts and the incidents are always those of the whole estate,
// so that a filter cannot hide trouble.
func (r *Reader) Overview(ctx context.Context, now time.Time, f CredentialFilter) (client.Overview, error) {
	e, err := r.load(ctx, now)
	if err != nil {
		return client.Overview{}, err
	}
	o := client.Overview{
		At: now.UTC(), Counts: map[string]int{}, Total: len(e.snap.Credentials),
		Incidents: []client.Incident{}, Tenants: []client.Tenant{}, Expiring: []client.Expiry{},
	}
	items := make([]client.Credential, 0, o.Total)
	tallies := map[string]*tally{}
	var all tally
	for _, c := range e.sorted() {
		item := e.credential(c)
		items = append(items, item)
		o.Counts[item.State]++
		o.LastProvenAt = later(o.LastProvenAt, item.LastProvenAt)
		var t tally
		t.add(e.proofs(c.ID), lastDay(now))
		o.Undated += undated(e.clocks[c.ID])
		all.merge(t)
		if tallies[item.Tenant] == nil {
			tallies[item.Tenant] = &tally{}
		}
		tallies[item.Tenant].merge(t)
	}
	o.SuccessRate = all.rate()
	e.addIncidents(&o)
	if err := r.addCosts(ctx, o.Incidents); err != nil {
		return client.Overview{}, err
	}
	o.Headline = headline(o)
	addExpiries(&o, items, now)
	e.addTenants(&o, items, tallies, f)
	return o, nil
}

// addIncidents puts the loudest first, those that nobody has taken before those
// that somebody has, then the newest.
func (e *estate) addIncidents(o *client.Overview) {
	owners := e.owners()
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

// addExpiries lists the next dates.
func addExpiries(o *client.Overview, items []client.Credential, now time.Time) {
	for _, c := range items {
		if c.ExpiresAt == nil {
			continue
		}
		// A date that passed long ago and was contradicted by a proof is no news.
		if c.ExpiresAt.Before(now) && c.State == string(keepwatch.StateHealthy) {
			continue
		}
		o.Expiring = append(o.Expiring, client.Expiry{
			Credential: c.ID, Tenant: c.Tenant, Owner: c.Owner, At: *c.ExpiresAt, On: c.ExpiresOn, DaysLeft: *c.DaysLeft, Source: c.ExpiresSource,
		})
	}
	slices.SortStableFunc(o.Expiring, func(a, b client.Expiry) int { return a.At.Compare(b.At) })
	if len(o.Expiring) > overviewExpiring {
		o.Expiring = o.Expiring[:overviewExpiring]
	}
}

// addTenants groups the credentials that the filter lets through. When there are
// more than a page holds, the worst are kept.
func (e *estate) addTenants(o *client.Overview, items []client.Credential, tallies map[string]*tally, f CredentialFilter) {
	byID := make(map[string]keepwatch.Credential, len(items))
	for _, c := range e.snap.Credentials {
		byID[string(c.ID)] = c
	}
	var matched []client.Credential
	tenants := e.emptyTenants(tallies)
	for _, item := range items {
		if i, ok := tenantIndex(tenants, item.Tenant); ok {
			tenants[i].Counts[item.State]++
			tenants[i].Total++
		}
		if f.matches(byID[item.ID]) && (f.State == "" || f.State == item.State) {
			matched = append(matched, item)
		}
	}
	slices.SortStableFunc(matched, worstFirst)
	o.Matched = len(matched)
	if len(matched) > overviewCredentials {
		matched = matched[:overviewCredentials]
	}
	o.Shown = len(matched)
	for _, item := range matched {
		item.History = history(e.proofs(keepwatch.CredentialID(item.ID)), e.now)
		if i, ok := tenantIndex(tenants, item.Tenant); ok {
			addToUnit(&tenants[i], item)
		}
	}
	for _, t := range tenants {
		slices.SortStableFunc(t.Units, func(a, b client.BusinessUnit) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), compareMID(a.MID, b.MID))
		})
		if len(t.Units) > 0 {
			o.Tenants = append(o.Tenants, t)
		}
	}
}

// calls adds up what the schedule asks of a tenant in a year.
func (e *estate) calls(id keepwatch.TenantID) client.Calls {
	var out client.Calls
	for _, c := range e.snap.Credentials {
		if c.Tenant == id && !e.dated[c.ID] {
			out.Tests += e.snap.Plans[c.ID].CallsPerYear
		}
	}
	if e.snap.Effects != nil {
		cost := e.snap.Effects(id)
		out.Effects = cost.CallsPerYear
		if cost.Allowance > 0 {
			out.Allowance = &cost.Allowance
		}
	}
	return out
}

func (e *estate) emptyTenants(tallies map[string]*tally) []client.Tenant {
	tenants := make([]client.Tenant, 0, len(e.snap.Tenants))
	for _, t := range e.snap.Tenants {
		tenant := client.Tenant{ID: string(t.ID), Counts: map[string]int{}, Units: []client.BusinessUnit{}}
		tenant.Calls = e.calls(t.ID)
		if sum := tallies[tenant.ID]; sum != nil {
			tenant.SuccessRate = sum.rate()
		}
		tenants = append(tenants, tenant)
	}
	return tenants
}

func addToUnit(t *client.Tenant, item client.Credential) {
	for i := range t.Units {
		if compareMID(t.Units[i].MID, item.BusinessUnit) == 0 {
			t.Units[i].Credentials = append(t.Units[i].Credentials, item)
			return
		}
	}
	t.Units = append(t.Units, client.BusinessUnit{
		MID: item.BusinessUnit, Name: item.UnitName, Credentials: []client.Credential{item},
	})
}

func tenantIndex(tenants []client.Tenant, id string) (int, bool) {
	i := slices.IndexFunc(tenants, func(t client.Tenant) bool { return t.ID == id })
	return i, i >= 0
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
