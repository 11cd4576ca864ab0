package config

import (
	"time"

	"keepwatch"
	"keepwatch/internal/scan"
)

// scanEvery is how often a scan is made where nothing else is said: what it looks at
// changes by the day.
const scanEvery = 24 * time.Hour

// Scan is one target that is looked at from outside on a schedule.
type Scan struct {
	Target scan.Target
	Every  time.Duration
	Tenant keepwatch.TenantID // whom incidents are told of as; "" none
}

// Check names its row in the schedule.
func (s Scan) Check() keepwatch.CheckID { return keepwatch.ScanCheck(s.Target.Name) }

type scanDraft struct {
	target at[scan.Target]
	every  at[time.Duration]
	tenant at[string]
}

func scanKind() kind[scanDraft] {
	return object(
		key("target", "a tenant's subdomain, a sending domain, a host (host:port), or the address of a page", located(scanTarget()), func(d *scanDraft) *at[scan.Target] { return &d.target }).must(),
		key("every", "time between two scans; the default is 24h", located(duration(leastInterval, mostInterval)), func(d *scanDraft) *at[time.Duration] { return &d.every }),
		key("tenant", "the tenant that it belongs to, for routes and messages; known by itself for a subdomain under tenants", located(identifier[string]("the id of a tenant")), func(d *scanDraft) *at[string] { return &d.tenant }),
	)
}

// scanTarget reads a target. The address of a page may have a query, which is nobody's
// business, so a faulty one is not repeated.
func scanTarget() kind[scan.Target] {
	const allowed = "a subdomain of 28 characters, a domain, HOST:PORT, or https://HOST/PATH"
	return kind[scan.Target]{orEnv(schema{"type": "string"}), func(s spot) (scan.Target, bool) {
		w, ok := s.read(allowed)
		if !ok {
			return scan.Target{}, false
		}
		t, err := scan.ParseTarget(w.value)
		if err != nil {
			s.fault(allowed, "this is nothing to scan")
		}
		return t, err == nil
	}}
}

// resolver reads the address of a name server.
func resolver() kind[string] {
	return parsed(schema{"type": "string"}, "the address of a name server", "an address like 9.9.9.9 or 9.9.9.9:53", func(v string) (string, bool) {
		server, err := scan.ParseResolver(v)
		return server, err == nil && server != ""
	})
}

func (m *merger) scans(c *Config) {
	seen := names{}
	for _, d := range m.all.scans {
		t := d.v.target
		if !t.at.set() || t.v.Name == "" || !seen.first(t.v.Name, t.at, "target of a scan") {
			continue
		}
		s := Scan{Target: t.v, Every: scanEvery}
		if d.v.every.at.set() {
			s.Every = d.v.every.v
		}
		if name := d.v.tenant; name.at.set() {
			if _, known := c.tenants[keepwatch.TenantID(name.v)]; !known {
				unknown(name.at, "tenant", name.v, tenantNames(c))
			}
			s.Tenant = keepwatch.TenantID(name.v)
		} else {
			s.Tenant = c.tenantOfTarget(s.Target)
		}
		c.Scans = append(c.Scans, s)
	}
}

// tenantOfTarget is the configured tenant whose subdomain is scanned.
func (c *Config) tenantOfTarget(t scan.Target) keepwatch.TenantID {
	for _, tenant := range c.Tenants {
		if t.Kind == scan.KindTenant && tenant.Subdomain == t.Host {
			return tenant.ID
		}
	}
	return ""
}

// ScanOf finds the scan of a row in the schedule.
func (c *Config) ScanOf(id keepwatch.CheckID) (Scan, bool) {
	for _, s := range c.Scans {
		if s.Check() == id {
			return s, true
		}
	}
	return Scan{}, false
}

// scanRow is the row of one scan.
func (c *Config) scanRow(s Scan) keepwatch.Check {
	id := s.Check()
	address := ""
	if s.Target.URL != nil {
		address = s.Target.URL.String()
	}
	return keepwatch.Check{
		ID: id, Kind: keepwatch.CheckScan, Tenant: s.Tenant, Phase: keepwatch.PhaseOf(s.Tenant, id),
		Fingerprint: keepwatch.Digest(string(s.Target.Kind), s.Target.Name, s.Target.Port, address, s.Every.String(), string(s.Tenant), c.Server.Resolver),
	}
}
