package notify

import (
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Facts is everything that routing and wording may look at.
type Facts struct {
	Incident keepwatch.Incident
	// Credentials it is about: its own one, or those of all its members, also of
	// those that have recovered, so that an incident keeps its routes and labels
	// while members come and go.
	Credentials []keepwatch.Credential
	Tenant      keepwatch.Tenant // zero when it is about several, or none
	BaseURL     string           // of the web interface; "" leaves links out
	Now         time.Time
	// Impact is what the incident costs, as far as it is known; zero where it is not.
	Impact keepwatch.Impact
	// Together is set where several incidents are told in one message; Incident is that
	// of their bundle then.
	Together *Together
	// Untold: nothing of this incident has reached the receiver so far.
	Untold bool
	// Thread is the receipt of the first message that reached it.
	Thread Receipt
}

// FactsOf gathers the facts of an incident. A credential that has left the
// inventory is kept with what the incident itself knows of it.
func FactsOf(inc keepwatch.Incident, dir Directory, baseURL string) Facts {
	f := Facts{Incident: inc, BaseURL: strings.TrimRight(baseURL, "/")}
	seen := map[keepwatch.CredentialID]bool{"": true}
	add := func(id keepwatch.CredentialID) {
		if seen[id] {
			return
		}
		seen[id] = true
		c, ok := dir.Credential(id)
		if !ok {
			c = keepwatch.Credential{ID: id, Tenant: inc.Tenant}
		}
		f.Credentials = append(f.Credentials, c)
	}
	add(inc.Credential)
	for _, m := range inc.Members {
		add(m.Credential)
	}
	for _, e := range inc.Effects { // who owns what an effect hangs on is told of it
		add(e.Credential)
	}
	tenant := inc.Tenant
	if tenant == "" {
		tenant = keepwatch.TenantID(only(f.tenants()))
	}
	if f.Tenant, _ = dir.Tenant(tenant); f.Tenant.ID == "" {
		f.Tenant.ID = tenant
	}
	return f
}

// collect gathers the distinct, non-empty values of the credentials, sorted.
func (f Facts) collect(of func(keepwatch.Credential) string) []string {
	var out []string
	for _, c := range f.Credentials {
		if v := of(c); v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (f Facts) tenants() []string {
	if f.Incident.Tenant != "" {
		return []string{string(f.Incident.Tenant)}
	}
	return f.collect(func(c keepwatch.Credential) string { return string(c.Tenant) })
}

func businessUnit(c keepwatch.Credential) string { return c.BusinessUnit.String() }

func team(c keepwatch.Credential) string { return c.Owner.Team }

func kindOfCredential(c keepwatch.Credential) string { return string(c.Kind) }

// common is what all credentials have alike, else "": a label must not say of all
// what holds for one.
func (f Facts) common(of func(keepwatch.Credential) string) string {
	if len(f.Credentials) == 0 {
		return ""
	}
	first := of(f.Credentials[0])
	for _, c := range f.Credentials[1:] {
		if of(c) != first {
			return ""
		}
	}
	return first
}

// credential is the one that the incident is about. An incident that gathers has
// none, also while it has one member only: its labels stay when others join.
func (f Facts) credential() string {
	switch f.Incident.Scope {
	case keepwatch.ScopePlatform, keepwatch.ScopeTenant, keepwatch.ScopePlace:
		return ""
	}
	if f.Incident.Credential != "" {
		return string(f.Incident.Credential)
	}
	return only(f.ids())
}

func (f Facts) ids() []string {
	return f.collect(func(c keepwatch.Credential) string { return string(c.ID) })
}

// criticality is the highest of the credentials: an outage that touches one
// transactional credential is as urgent as that one.
func (f Facts) criticality() keepwatch.Criticality {
	for _, level := range keepwatch.Criticalities {
		if slices.ContainsFunc(f.Credentials, func(c keepwatch.Credential) bool { return c.Criticality == level }) {
			return level
		}
	}
	return ""
}

// only returns the value of a set of one, else "".
func only(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return ""
}
