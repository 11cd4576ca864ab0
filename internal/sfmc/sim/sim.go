// Package sim is a stand-in for Salesforce Marketing Cloud Engagement that
// third-party clients accept: the token endpoint, identity, one read of each
// REST family, and SOAP, with secrets that age and faults on demand.
//
// One [Sim] is one http.Handler that plays all hosts of all its tenants on one
// port: routes are told apart by path, whatever stands before it. Time comes
// from Options.Now where something is decided (a secret's end, a token's life,
// a fault's duration) and from package time where something waits (latency, a
// dripping answer), so a Sim obeys a testing/synctest bubble; [Pipe] is the
// network for such a bubble.
//
// What Salesforce documents or a client has recorded is answered word by word.
// Where no source knows the answer there are variants, and docs/simulator.md
// says which texts are assumed.
package sim

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// Options are the knobs of a Sim; the zero value is a well-behaved platform.
// Those that may change while it runs are in Settings.
type Options struct {
	// Now is the clock of every decision; nil is time.Now.
	Now func() time.Time
	// BaseURL is what instance URLs start with, trailing slash included; ""
	// means the address that the request itself was sent to.
	BaseURL string
	// TokenLife is how long an access token really lives; 0 is 20 minutes.
	// SFMC advertises two minutes less (1079 s), and so does the Sim.
	TokenLife time.Duration
	// Propagation delays changes of scopes, grants and allowlist, as SFMC does
	// by up to five minutes. 0 applies them at once.
	Propagation time.Duration
	// MaxConcurrent is how many requests of one client may be in flight before
	// it is "temporarily blocked"; 0 is no limit.
	MaxConcurrent int
	// BusinessUnits adds accounts that no client is at home in.
	BusinessUnits []BusinessUnit
	Users         []User
	Clients       []ClientSpec
	Settings      Settings
	// World is what lives: journeys, data extensions, automations, definitions and
	// the integrations that feed them. nil keeps a handful of still answers.
	World *world.Spec
	// Push carries event notifications to callbacks; nil is http.DefaultTransport.
	Push http.RoundTripper
}

// Settings are the knobs that may be turned while the Sim runs.
type Settings struct {
	// Strict refuses token requests that SFMC's documentation does not show:
	// form bodies, Basic authentication, a missing account_id.
	Strict bool `json:"strict"`
	// WWWAuthenticate adds the header to 401 answers of REST routes. Whether
	// SFMC sends it is not known; one client retries only when it is there.
	WWWAuthenticate bool `json:"www_authenticate"`
	// TokenContext202 answers tokenContext with 202, as the documentation's
	// sample does, instead of 200.
	TokenContext202 bool `json:"token_context_202"`
	// AuditOff makes the account one without an Audit Trail, or a package without
	// the permission for it.
	AuditOff bool `json:"audit_off"`
	// AuditDelay is how long an entry takes to show: the trail is not in real time.
	AuditDelay Duration `json:"audit_delay,omitempty"`
	// AuditArray wraps audit pages in an array, as the documentation does.
	AuditArray bool `json:"audit_array"`
	// IPBlockedStatus is the status of an allowlist refusal: 400 (when 0), 401 or 403.
	IPBlockedStatus int `json:"ip_blocked_status,omitempty"`
	// LockAfter is how many bad passwords lock an API user: 3 (when 0), 5 or 10 in SFMC.
	LockAfter int `json:"lock_after,omitempty"`
	// Latency is added to every answer.
	Latency Duration `json:"latency,omitempty"`
	// Maintenance makes the whole platform answer as if in maintenance.
	Maintenance bool `json:"maintenance"`
	// RoutesOff switches routes off, by the names that counters show, with 404 or 403:
	// what is undocumented is not offered by every tenant. "soap:" and an object's
	// name switch that object off.
	RoutesOff RoutesOff `json:"routes_off,omitempty"`
	// StatsEvery is how often the counters of journeys are renewed: 0 always.
	StatsEvery Duration `json:"stats_every,omitempty"`
	// HistoryLag is how far journey history lies behind: 20 minutes (when 0).
	HistoryLag Duration `json:"history_lag,omitempty"`
	// ImportLag is how long after its end the result of an import shows.
	ImportLag Duration `json:"import_lag,omitempty"`
	// ImportByTask refuses filters of import results by anything but the task's number.
	ImportByTask bool `json:"import_by_task"`
	// SearchRequired refuses lists of data extensions without $search, as one tenant does.
	SearchRequired bool `json:"search_required"`
	// DetailBurst is how many details of automations one client may read in a minute
	// before it gets 500: 100 (when 0).
	DetailBurst int `json:"detail_burst,omitempty"`
	// AuditCapitals writes the envelope of a journey's audit log with capitals, as the
	// documentation does and recorded answers do not.
	AuditCapitals bool `json:"audit_capitals"`
	// AsyncFlaps lets each asynchronous upsert say Error for a moment before it is Complete.
	AsyncFlaps bool `json:"async_flaps"`
	// AsyncDeadlocks is the share of its rows that report a deadlock, and land all the same.
	AsyncDeadlocks float64 `json:"async_deadlocks,omitempty"`
	// UnverifiedDomain is a From domain that may not send.
	UnverifiedDomain string `json:"unverified_domain,omitempty"`
}

// Sim is a running simulator. All its methods may be called at any time from
// any goroutine.
type Sim struct {
	opts Options
	key  []byte // signs access and refresh tokens
	done chan struct{}

	mu         sync.Mutex
	settings   Settings
	clients    map[string]*client
	registered int
	units      map[keepwatch.MID]BusinessUnit
	scopes     scopeTable
	faults     faults
	grants     grants
	cursors    cursors
	counts     map[countKey]*count
	users      map[string]User
	lastUser   int64
	trail      []AuditEntry
	lastEntry  int64
	closed     bool

	// What lives, when anything does.
	world *world.World
	held  map[string]string   // the secrets that callers of the world hold, by their names
	sure  map[sureKey]verdict // judgements, while the world is being advanced
	jobs  jobs
	ens   ens
	burst map[string]*burst
	clock clock
}

var _ http.Handler = (*Sim)(nil)

// New returns a simulator with the clients of opts.
func New(opts Options) *Sim {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.TokenLife <= 0 {
		opts.TokenLife = defaultTokenLife
	}
	s := &Sim{
		opts: opts, settings: opts.Settings, done: make(chan struct{}),
		key:     make([]byte, 32),
		clients: map[string]*client{},
		units:   map[keepwatch.MID]BusinessUnit{},
		counts:  map[countKey]*count{},
		users:   map[string]User{},
		held:    map[string]string{},
		sure:    map[sureKey]verdict{},
		burst:   map[string]*burst{},
	}
	rand.Read(s.key)
	for _, unit := range opts.BusinessUnits {
		s.units[unit.MID] = unit
	}
	for _, spec := range opts.Clients {
		s.AddClient(spec)
	}
	for _, u := range opts.Users {
		s.AddUser(u)
	}
	if opts.World != nil {
		if err := s.AddWorld(*opts.World); err != nil {
			panic("sim: " + err.Error()) // a literal in a test or a demonstration
		}
	}
	return s
}

// Handler returns the simulator's HTTP face: all hosts and the control API.
func (s *Sim) Handler() http.Handler { return s }

// Close releases answers that hang or drip. The listener and its server belong
// to the caller.
func (s *Sim) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	return nil
}

// Configure changes settings while the simulator runs.
func (s *Sim) Configure(change func(*Settings)) Settings {
	s.lock()
	defer s.mu.Unlock()
	change(&s.settings)
	return s.settings
}

// now is the instant at which a request or verb is decided.
func (s *Sim) now() time.Time { return s.clock.read(s.opts.Now().UTC()) }
