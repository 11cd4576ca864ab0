package config

import (
	"slices"
	"strconv"
	"strings"

	"keepwatch"
)

func (m *merger) tenants(c *Config) {
	seen := names{}
	for _, d := range m.all.tenants {
		m.hosts(d)
		if !d.v.id.at.set() || !seen.first(d.v.id.v, d.v.id.at, "tenant") {
			continue
		}
		t := keepwatch.Tenant{
			ID: keepwatch.TenantID(d.v.id.v), Subdomain: d.v.subdomain.v,
			AuthURL: d.v.auth.v, RESTURL: d.v.rest.v, SOAPURL: d.v.soap.v,
		}
		mids := names{}
		for _, u := range d.v.units {
			if u.v.mid.at.set() && mids.first(u.v.mid.v.String(), u.v.mid.at, "business unit") {
				t.BusinessUnits = append(t.BusinessUnits, keepwatch.BusinessUnit{MID: u.v.mid.v, Name: u.v.name})
			}
		}
		c.tenants[t.ID] = len(c.Tenants)
		c.Tenants = append(c.Tenants, t)
	}
}

// hosts asks for the subdomain unless nothing needs it.
func (m *merger) hosts(d at[tenantDraft]) {
	overridden := d.v.auth.at.set() && d.v.rest.at.set() && d.v.soap.at.set()
	if d.at.has("subdomain") || overridden {
		return
	}
	d.at.missing("subdomain", "28 characters, or all three of endpoints.auth, endpoints.rest and endpoints.soap")
}

// has reports whether a key stands in the mapping, readable or not: a value that
// is a fault already is not missing as well.
func (s spot) has(name string) bool {
	for i := 0; i+1 < len(s.node.Content); i += 2 {
		if s.node.Content[i].Value == name {
			return true
		}
	}
	return false
}

func (m *merger) credentials(c *Config) {
	seen := names{}
	c.Credentials = make([]keepwatch.Credential, 0, len(m.all.credentials))
	for i := range m.all.credentials {
		d := &m.all.credentials[i]
		cred := d.v.credential(d.at)
		m.signIn(d)
		m.tenantOf(c, d)
		if !d.v.id.at.set() || !seen.first(d.v.id.v, d.v.id.at, "credential") {
			continue
		}
		if !d.v.tier.empty() {
			c.overrides[cred.ID] = d.v.tier.over(c.Tiers[cred.Criticality], c)
		}
		c.credentials[cred.ID] = len(c.Credentials)
		c.Credentials = append(c.Credentials, cred)
	}
}

// credential makes the record, with its defaults and the deadline that follows.
func (d *credentialDraft) credential(at spot) keepwatch.Credential {
	cred := keepwatch.Credential{
		ID: keepwatch.CredentialID(d.id.v), Tenant: keepwatch.TenantID(d.tenant.v), BusinessUnit: d.unit.v,
		Kind: d.kind.v, ClientID: d.clientID.v, Username: d.username.v,
		SecretRef: d.secret.v, SecretGenerated: d.generated, Criticality: d.criticality,
		Owner: d.owner, Purpose: d.purpose, Holders: d.holders, RunbookURL: d.runbook, Renewal: d.renewal.v,
		Scopes: d.scopes, File: at.place(),
	}
	if cred.Kind == "" {
		cred.Kind = keepwatch.ServerToServer
	}
	if cred.Criticality == "" {
		cred.Criticality = keepwatch.Standard
	}
	cred.Deadline = keepwatch.SecretDeadline(d.generated)
	if cred.Kind == keepwatch.APIUser {
		// A password ends by the account's own policy, not after 180 days.
		cred.Deadline = keepwatch.Deadline{Source: keepwatch.DateUnknown}
	}
	cred.Tests = d.testNames()
	kinds := names{}
	for _, dep := range d.dependents {
		if dep.v.Kind != "" && dep.v.Key != "" && kinds.first(dep.v.Kind+" "+dep.v.Key, dep.at, "dependent") {
			cred.Dependents = append(cred.Dependents, dep.v)
		}
	}
	return cred
}

// testNames puts the identity first: every other answer is judged by it.
func (d *credentialDraft) testNames() []string {
	out, seen := []string{"identity"}, names{}
	for _, t := range d.tests {
		if seen.first(t.v, t.at, "test") && t.v != "identity" {
			out = append(out, t.v)
		}
	}
	return out
}

// signIn checks that a credential has what its kind signs in with, and nothing
// that has no meaning for it.
func (m *merger) signIn(d *at[credentialDraft]) {
	if d.at.has("kind") && !d.v.kind.at.set() {
		return // not a kind, and a fault already
	}
	kind := d.v.kind.v
	if kind == "" {
		kind = keepwatch.ServerToServer
	}
	needed, useless := "client_id", d.v.username
	if kind == keepwatch.APIUser {
		needed, useless = "username", d.v.clientID
	}
	if !d.at.has(needed) {
		d.at.missing(needed, "what a credential of the kind "+string(kind)+" signs in with")
	}
	if useless.at.set() {
		useless.at.fault(needed, "has no meaning for the kind %s", kind)
	}
	for _, t := range d.v.tests {
		if kind == keepwatch.APIUser && strings.HasPrefix(t.v, "rest:") {
			t.at.fault("identity, soap:GetSystemStatus, soap:OBJECT", "an API user has no access to REST")
		}
	}
	if kind == keepwatch.APIUser && len(d.v.scopes) > 0 {
		d.at.fault("no scopes", "scopes have no meaning for the kind api_user")
	}
}

func (m *merger) tenantOf(c *Config, d *at[credentialDraft]) {
	if !d.v.tenant.at.set() {
		return
	}
	t, known := c.Tenant(keepwatch.TenantID(d.v.tenant.v))
	if !known {
		unknown(d.v.tenant.at, "tenant", d.v.tenant.v, m.tenantNames())
		return
	}
	if !d.v.unit.at.set() || len(t.BusinessUnits) == 0 {
		return
	}
	listed := func(u keepwatch.BusinessUnit) bool { return u.MID == d.v.unit.v }
	if slices.ContainsFunc(t.BusinessUnits, listed) {
		return
	}
	var mids []string
	for _, u := range t.BusinessUnits {
		mids = append(mids, u.MID.String())
	}
	unknown(d.v.unit.at, "business unit in tenant "+d.v.tenant.v+" with the MID", strconv.FormatInt(int64(d.v.unit.v), 10), mids)
}

func (m *merger) tenantNames() []string {
	var out []string
	for _, t := range m.all.tenants {
		if t.v.id.at.set() {
			out = append(out, t.v.id.v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
