package config

import (
	"keepwatch"
)

// merger gathers the drafts of all files: lists are joined, names that stand
// twice are reported with both places.
type merger struct {
	faults *Faults
	all    draft
	refs   []boundRef
	values []Value
	notes  []Fault // what is allowed and unwise
	record bool    // what is checked is a record of the interface, not a file
}

func (m *merger) add(d draft) {
	if d.version.at.set() {
		m.all.version = d.version
	}
	once(&m.all.server, d.server, "the server section")
	once(&m.all.store, d.store, "the store section")
	once(&m.all.digest, d.digest, "the digest section")
	once(&m.all.watchdog, d.watchdog, "the watchdog section")
	once(&m.all.gateway, d.gateway, "the gateway section")
	once(&m.all.otlp, d.otlp, "the otlp section")
	m.all.logs = append(m.all.logs, d.logs...)
	m.all.calendars = append(m.all.calendars, d.calendars...)
	m.all.tiers = append(m.all.tiers, d.tiers...)
	m.all.tenants = append(m.all.tenants, d.tenants...)
	m.all.points = append(m.all.points, d.points...)
	m.all.scans = append(m.all.scans, d.scans...)
	m.all.credentials = append(m.all.credentials, d.credentials...)
	m.all.receivers = append(m.all.receivers, d.receivers...)
	m.all.routes = append(m.all.routes, d.routes...)
	m.all.silences = append(m.all.silences, d.silences...)
	m.all.maintenance = append(m.all.maintenance, d.maintenance...)
}

// once keeps the first of a section that only one file may have.
func once[V any](have *at[V], next at[V], what string) {
	switch {
	case !next.at.set():
	case have.at.set():
		next.at.fault("the section in one file only", "%s already stands at %s", what, have.at.place())
	default:
		*have = next
	}
}

// config checks the parts against each other. What it returns is whole only when
// no fault was found.
func (m *merger) config(path string, files []string) *Config {
	c := &Config{
		Files: files, Values: m.values, Tiers: DefaultTiers(), refs: m.refs,
		overrides:   map[keepwatch.CredentialID]Tier{},
		tenants:     map[keepwatch.TenantID]int{},
		credentials: map[keepwatch.CredentialID]int{},
		untested:    map[keepwatch.CredentialID]bool{},
		effects:     map[keepwatch.TenantID]Effects{},
		dir:         folderOf(path),
	}
	if !m.all.version.at.set() && len(m.faults.List) == 0 {
		m.faults.add(Fault{File: path, Line: 1, Key: "version", Message: "is missing", Allowed: "1"})
	}
	m.server(c)
	m.calendars(c)
	m.tiers(c)
	m.digest(c)
	m.watchdog(c)
	m.tenants(c)
	m.points(c)
	m.scans(c)
	m.credentials(c)
	m.readers(c)
	m.ingest(c)
	m.receivers(c)
	m.routes(c)
	m.silences(c)
	m.gateway(c)
	if len(m.faults.List) == 0 {
		m.warnings(c)
		c.planEffects()
	}
	return c
}

// names finds what stands twice under one name, in one file or in two.
type names map[string]spot

// first reports whether name is new, and the fault when not.
func (n names) first(name string, at spot, what string) bool {
	if before, twice := n[name]; twice {
		at.fault("each "+what+" once", "%s %q stands twice, first at %s", what, name, before.place())
		return false
	}
	n[name] = at
	return true
}
