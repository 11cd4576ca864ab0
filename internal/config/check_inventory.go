package config

import (
	"slices"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
)

func (m *merger) tenants(c *Config) {
	seen := names{}
	for _, d := range m.all.tenants {
		m.hosts(d)
		if !d.v.id.at.set() || !seen.first(d.v.id.v, d.v.id.at, "tenant") {
			continue
		}
		t := keepwatch.Tenant{
			ID: keepwatch.TenantID(d.v.id.v), Subdomain: d.v.subdomain.v, Currency: d.v.currency,
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
		m.effectsOf(c, t.ID, d.v.effects)
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
	c.Credentials = slices.Grow(c.Credentials, len(m.all.credentials))
	for i := range m.all.credentials {
		d := &m.all.credentials[i]
		m.signIn(d)
		m.tenantOf(c, d)
		m.testsOf(c, d)
		m.datesOf(d)
		m.certificateOf(d)
		m.limitsOf(d)
		if d.v.id.at.set() && !seen.first(d.v.id.v, d.v.id.at, "credential") {
			continue
		}
		cred := d.v.credential(d.at)
		if cred.ID != "" {
			c.put(cred, d.v.tier)
		}
	}
}

// put takes a credential in, with the clocks that follow from its dates in the
// zone of its calendar.
func (c *Config) put(cred keepwatch.Credential, own tierDraft) {
	if !own.empty() {
		c.overrides[cred.ID] = own.over(c.Tiers[cred.Criticality], c)
		if own.ladder.at.set() {
			cred.Ladder = append([]time.Duration{}, c.overrides[cred.ID].ExpiryLadder...)
		}
	}
	c.credentials[cred.ID] = len(c.Credentials)
	c.Credentials = append(c.Credentials, cred)
	c.wind(&c.Credentials[len(c.Credentials)-1])
}

// wind fills a credential's clocks, as far as its record tells them.
func (c *Config) wind(cred *keepwatch.Credential) {
	cred.Clocks = expiry.Clocks(*cred, c.Zone(cred.ID), nil)
	cred.Deadline = keepwatch.Deadline{Source: keepwatch.DateUnknown}
	if len(cred.Clocks) > 0 && cred.Clocks[0].Kind == keepwatch.ClockHard {
		cred.Deadline = keepwatch.Deadline{At: cred.Clocks[0].At, Source: cred.Clocks[0].Source}
	}
}

// credential makes the record, with its defaults.
func (d *credentialDraft) credential(at spot) keepwatch.Credential {
	cred := keepwatch.Credential{
		ID: keepwatch.CredentialID(d.id.v), Tenant: keepwatch.TenantID(d.tenant.v), BusinessUnit: d.unit.v,
		Kind: d.kind.v, ClientID: d.clientID.v, Package: d.pkg.v, Username: d.username.v,
		SecretRef: d.secret.v, SecretGenerated: d.generated.v, Expires: d.expires.v, LastUsed: d.lastUsed,
		ValidFor: d.validFor.v, IdleFor: d.idleFor.v, DatesConfirmed: d.confirmed, Criticality: d.criticality,
		Owner: d.owner, Purpose: d.purpose, Environment: d.environment, Region: d.region, Area: d.area,
		Holders: d.holders, RunbookURL: d.runbook, Renewal: d.renewal.v,
		Pushed: d.pushed.v, Discover: d.discover.v, Scopes: d.scopes.v, File: at.place(),
	}
	if cred.Kind == "" {
		cred.Kind = keepwatch.ServerToServer
	}
	if cred.Criticality == "" {
		cred.Criticality = keepwatch.Standard
	}
	if source := d.certificate.v; d.certificate.at.set() {
		cred.Certificate = keepwatch.CertificateSource{
			File: source.path(), Endpoint: source.endpoint.v, ServerName: source.serverName.v, Password: source.password.v, Alias: source.alias.v,
		}
	}
	cred.Tests = d.testNames(asked(cred.Kind))
	kinds := names{}
	for _, dep := range d.dependents {
		if dep.v.Kind != "" && dep.v.Key != "" && kinds.first(dep.v.Kind+" "+dep.v.Key, dep.at, "dependent") {
			cred.Dependents = append(cred.Dependents, dep.v)
		}
	}
	return cred
}

// testNames puts the identity first, where SFMC is asked: every other answer is
// judged by it.
func (d *credentialDraft) testNames(asked bool) []string {
	var out []string
	if asked {
		out = []string{"identity"}
	}
	seen := names{}
	for _, t := range d.tests.v {
		if seen.first(t.v, t.at, "test") && t.v != "identity" {
			out = append(out, t.v)
		}
	}
	return out
}

func (m *merger) tenantOf(c *Config, d *at[credentialDraft]) {
	if !d.v.tenant.at.set() {
		return
	}
	t, known := c.Tenant(keepwatch.TenantID(d.v.tenant.v))
	if !known {
		unknown(d.v.tenant.at, "tenant", d.v.tenant.v, tenantNames(c))
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

func tenantNames(c *Config) []string {
	out := make([]string, len(c.Tenants))
	for i, t := range c.Tenants {
		out[i] = string(t.ID)
	}
	return out
}
