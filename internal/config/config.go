// Package config reads Keepwatch's configuration: one YAML file, or a folder of
// them, checked as a whole. It finds every fault at once, each with file, line,
// key and what is allowed, and it composes the settings of the parts below it.
//
// It is called by app (serve, reload) and by the commands. It reads files and the
// environment look-up that it is given, resolves no secret, and starts nothing: a
// configuration is a value that either is right as a whole or does not exist.
package config

import (
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/digest"
	"keepwatch/internal/gateway"
	"keepwatch/internal/logs"
	"keepwatch/internal/notify"
	"keepwatch/internal/watchdog"
)

// Version is the format that this build writes. Older ones keep loading.
const Version = 1

// DefaultCalendar is the name of the hours that hold where no calendar is named.
const DefaultCalendar = "default"

// Config is a configuration without faults. It is never changed after Load.
type Config struct {
	Server      Server
	Store       Store
	Tenants     []keepwatch.Tenant
	Credentials []keepwatch.Credential // of the files in their order, then those of With
	Points      []keepwatch.IntegrationPoint
	Scans       []Scan
	OTLP        OTLP
	Logs        []logs.Source
	Tiers       map[keepwatch.Criticality]Tier
	Calendars   map[string]*calendar.Calendar
	Receivers   []Receiver
	Routes      notify.Routes
	Mutes       []notify.Mute // silences and maintenance
	Digest      digest.Plan
	Watchdog    watchdog.Config
	Gateway     gateway.Config
	Files       []string  // that it was read from
	Values      []Value   // what the files set, but for credentials, in their order
	Warnings    []Warning // what is allowed and unwise

	refs        []boundRef
	overrides   map[keepwatch.CredentialID]Tier
	specs       map[string]calendar.Spec
	tenants     map[keepwatch.TenantID]int
	credentials map[keepwatch.CredentialID]int
	untested    map[keepwatch.CredentialID]bool // nothing is asked with it
	dir         string                          // relative paths of records count from it

	effects      map[keepwatch.TenantID]Effects
	effectPlans  []EffectsPlan
	effectChecks map[keepwatch.CheckID]int // into effectPlans
}

// Server is how the daemon is reached.
type Server struct {
	Listen  string
	BaseURL string // for links in messages; without a slash at the end
	// Auth is AuthLocal or AuthNone.
	Auth string
	// Connectivity are addresses, host:port, that prove our own network: when
	// SFMC does not answer and one of them does, the fault is not here.
	Connectivity []string
	SealKey      string // reference; carried for sealed secrets
	Resolver     string // host:port that scans ask; "" is the system's
}

// The values of `server.auth`.
const (
	AuthLocal = "local" // tokens, and a user name with a password
	AuthNone  = "none"  // no sign-in; on a loopback address only
)

// Store is where the rows are kept.
type Store struct {
	// URL is sqlite:PATH, postgres://…, or a reference (env:, file:) to either.
	// It may hold a password that came out of the environment: show String.
	URL string
}

// String is the URL as it may be shown.
func (s Store) String() string { return userinfo.ReplaceAllString(s.URL, "://…@") }

// Tier is what a criticality means.
type Tier struct {
	Business     time.Duration // between proofs inside the calendar's hours
	Off          time.Duration // and outside
	FailAfter    int           // scheduled runs of a soft failure before it counts
	ExpiryLadder []time.Duration
	Calendar     string
	// RefreshObjective is the share of token requests that are to be granted, 0 to 1; 0 is
	// the default.
	RefreshObjective float64
}

// Warning is something that is allowed and unwise, and where it stands.
type Warning = Fault

// DefaultTiers are the tiers of a configuration that names none.
func DefaultTiers() map[keepwatch.Criticality]Tier {
	days := func(n ...int) []time.Duration {
		out := make([]time.Duration, len(n))
		for i, d := range n {
			out[i] = time.Duration(d) * 24 * time.Hour
		}
		return out
	}
	return map[keepwatch.Criticality]Tier{
		keepwatch.Transactional: {Business: 10 * time.Minute, Off: 10 * time.Minute, FailAfter: 1, ExpiryLadder: days(60, 30, 14, 7, 3, 1), Calendar: DefaultCalendar},
		keepwatch.Standard:      {Business: 14 * time.Minute, Off: 60 * time.Minute, FailAfter: 2, ExpiryLadder: days(30, 14, 7, 1), Calendar: DefaultCalendar},
		keepwatch.Reporting:     {Business: 60 * time.Minute, Off: 4 * time.Hour, FailAfter: 3, ExpiryLadder: days(30, 14, 3), Calendar: DefaultCalendar},
	}
}

// Tenant finds a tenant by its id.
func (c *Config) Tenant(id keepwatch.TenantID) (keepwatch.Tenant, bool) {
	i, ok := c.tenants[id]
	if !ok {
		return keepwatch.Tenant{}, false
	}
	return c.Tenants[i], true
}

// Credential finds a credential by its id.
func (c *Config) Credential(id keepwatch.CredentialID) (keepwatch.Credential, bool) {
	i, ok := c.credentials[id]
	if !ok {
		return keepwatch.Credential{}, false
	}
	return c.Credentials[i], true
}

// TierOf is the tier of a credential with its own overrides. An unknown
// credential has the standard tier.
func (c *Config) TierOf(id keepwatch.CredentialID) Tier {
	if t, ok := c.overrides[id]; ok {
		return t
	}
	if cred, ok := c.Credential(id); ok {
		return c.Tiers[cred.Criticality]
	}
	return c.Tiers[keepwatch.Standard]
}

// Cadence is how often a credential is proved.
func (c *Config) Cadence(id keepwatch.CredentialID) calendar.Cadence {
	return c.CadenceOf(c.TierOf(id))
}

// CadenceOf is how often the credentials of a tier are proved.
func (c *Config) CadenceOf(t Tier) calendar.Cadence {
	return calendar.Cadence{Calendar: c.Calendars[t.Calendar], Business: t.Business, Off: t.Off}
}

// DefaultCadence is the cadence of a tier in the default hours, without a file.
func DefaultCadence(t Tier) calendar.Cadence {
	hours, err := calendar.Parse(calendar.Spec{Name: DefaultCalendar, Hours: calendar.DefaultHours})
	if err != nil {
		panic("config: the default hours do not parse: " + err.Error())
	}
	return calendar.Cadence{Calendar: hours, Business: t.Business, Off: t.Off}
}

// RefreshObjective is the share of each holder's token requests that are to be granted;
// 0 is the default, 0.995.
func (c *Config) RefreshObjective(id keepwatch.CredentialID) float64 {
	return c.TierOf(id).RefreshObjective
}

// FailAfter is the number of scheduled runs with a confirmed soft failure after
// which a credential counts as failing.
func (c *Config) FailAfter(id keepwatch.CredentialID) int { return c.TierOf(id).FailAfter }

// Zone is the time zone that a credential's days are counted in: that of the
// calendar of its tier.
func (c *Config) Zone(id keepwatch.CredentialID) *time.Location {
	return c.Calendars[c.TierOf(id).Calendar].Location()
}

// Ladder says how long before its end a credential is warned of, widest first:
// its own, else its tier's.
func (c *Config) Ladder(id keepwatch.CredentialID) []time.Duration { return c.TierOf(id).ExpiryLadder }

// IntegrationPoint finds the address that the test "https:NAME" asks.
func (c *Config) IntegrationPoint(name string) (keepwatch.IntegrationPoint, bool) {
	i := slices.IndexFunc(c.Points, func(p keepwatch.IntegrationPoint) bool { return p.Name == name })
	if i < 0 {
		return keepwatch.IntegrationPoint{}, false
	}
	return c.Points[i], true
}

// References are all secret references that the configuration names, each once.
func (c *Config) References() []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range c.refs {
		if !seen[r.ref] {
			seen[r.ref] = true
			out = append(out, r.ref)
		}
	}
	return out
}
