package config

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// A look at dates and a look at the account are daily; a look at a date comes
// sooner when a rung falls between two of them, which the look itself plans. A
// rotation is taken on every minute while it runs.
const (
	lookEvery   = 24 * time.Hour
	rotateEvery = time.Minute
)

// Next is the first due time of a check after an instant.
func (c *Config) Next(check keepwatch.Check, after time.Time) time.Time {
	switch check.Kind {
	case keepwatch.CheckExpiry, keepwatch.CheckDiscovery:
		return calendar.Cadence{Business: lookEvery}.Next(after, check.Phase)
	case keepwatch.CheckRotation:
		return calendar.Cadence{Business: rotateEvery}.Next(after, check.Phase)
	case keepwatch.CheckCanary:
		return calendar.Cadence{Business: c.Watchdog.WithDefaults().Every}.Next(after, check.Phase)
	case keepwatch.CheckEffects:
		return c.effectsCadence(check.ID).Next(after, check.Phase)
	case keepwatch.CheckScan:
		every := scanEvery
		if s, ok := c.ScanOf(check.ID); ok {
			every = s.Every
		}
		return calendar.Cadence{Business: every}.Next(after, check.Phase)
	}
	return c.Cadence(check.Credential).Next(after, check.Phase)
}

// Tested reports whether a credential has tests that can run: SFMC is asked with
// it and its secret is named, or only integration points are asked; nothing is wrong
// with its record, and its verdicts are not pushed.
func (c *Config) Tested(id keepwatch.CredentialID) bool {
	cred, ok := c.Credential(id)
	if !ok || c.untested[id] || cred.Pushed > 0 {
		return false
	}
	if asked(cred.Kind) {
		return cred.SecretRef != ""
	}
	return len(cred.Tests) > 0
}

// asked reports whether SFMC is asked with a credential of the kind.
func asked(kind keepwatch.Kind) bool {
	proof := kind.Proof()
	return proof == keepwatch.ProofToken || proof == keepwatch.ProofSOAP
}

// Checks are the rows that the schedule should hold: a look at the dates of every
// credential, a test of each that can be tested, a look at the account with each
// that may, a look at each family of counters, and the scans. The rows of rotations come and go with them; see Check.
func (c *Config) Checks() []keepwatch.Check {
	out := make([]keepwatch.Check, 0, 2*len(c.Credentials))
	for _, cred := range c.Credentials {
		tested := c.Tested(cred.ID)
		if tested {
			out = append(out, c.Check(keepwatch.CheckCredential, cred))
		}
		out = append(out, c.Check(keepwatch.CheckExpiry, cred))
		if tested && cred.Discover {
			out = append(out, c.Check(keepwatch.CheckDiscovery, cred))
		}
	}
	for _, p := range c.effectPlans {
		out = append(out, c.effectsCheck(p))
	}
	for _, s := range c.Scans {
		out = append(out, c.scanRow(s))
	}
	return out
}

// Check is the row of one check of a credential.
func (c *Config) Check(kind keepwatch.CheckKind, cred keepwatch.Credential) keepwatch.Check {
	id := keepwatch.CheckOf(kind, cred.ID)
	fingerprint := c.Fingerprint(cred)
	switch kind {
	case keepwatch.CheckExpiry:
		fingerprint = c.lookFingerprint(cred)
	case keepwatch.CheckRotation:
		fingerprint = "" // its state is its own; a changed credential does not begin it anew
	}
	return keepwatch.Check{ID: id, Kind: kind, Credential: cred.ID, Tenant: cred.Tenant, Phase: keepwatch.PhaseOf(cred.Tenant, id), Fingerprint: fingerprint}
}

// Fingerprint changes when what a test of the credential does changes: what it
// signs in with, where, what it asks and how often. A new generation date counts,
// because it says that the secret behind the same reference is another one; owner
// and purpose do not. It holds no secret and is the same in every process.
func (c *Config) Fingerprint(cred keepwatch.Credential) string {
	tenant, _ := c.Tenant(cred.Tenant)
	tier := c.TierOf(cred.ID)
	spec := c.specs[tier.Calendar]
	parts := []string{
		string(cred.Kind), tenant.Subdomain, tenant.AuthURL, tenant.RESTURL, tenant.SOAPURL,
		cred.BusinessUnit.String(), cred.ClientID, cred.Username, cred.SecretRef, cred.SecretGenerated.String(),
		strings.Join(cred.Tests, "\x01"), strings.Join(cred.Scopes, "\x01"),
		tier.Business.String(), tier.Off.String(),
		spec.Timezone, spec.Hours, spec.Holidays, strings.Join(spec.Dates, "\x01"), keepwatch.Digest(string(spec.ICS)),
	}
	for _, test := range cred.Tests {
		if name, found := strings.CutPrefix(test, testHTTPS); found {
			p, _ := c.IntegrationPoint(name)
			parts = append(parts, p.URL, p.ClientCert, p.ClientKey, p.Roots, fmt.Sprint(p.Expect))
		}
	}
	return keepwatch.Digest(parts...)
}

// lookFingerprint changes when a look at the credential's dates finds something
// else: its dates, its source, its ladder, its zone, its planned renewal.
func (c *Config) lookFingerprint(cred keepwatch.Credential) string {
	s, r := cred.Certificate, cred.Renewal
	return keepwatch.Digest(
		string(cred.Kind), cred.SecretGenerated.String(), cred.Expires.String(), cred.LastUsed.String(), cred.DatesConfirmed.String(),
		cred.ValidFor.String(), cred.IdleFor.String(), s.File, s.Endpoint, s.ServerName, s.Password, s.Alias,
		r.Every.String(), r.Planned.String(), r.Window.String(), fmt.Sprint(r.Ticket), fmt.Sprint(c.Ladder(cred.ID)), c.Zone(cred.ID).String(),
	)
}
