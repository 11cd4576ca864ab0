package keepwatch

import (
	"strconv"
	"time"
)

// Source is where an observation came from.
type Source string

const (
	SourceTest    Source = "test"    // a synthetic test
	SourceTraffic Source = "traffic" // real traffic: a gateway, spans, events or log lines saw it
	SourceEvent   Source = "event"   // pushed by a caller
	SourceMonitor Source = "monitor" // Keepwatch about itself
)

// Connectivity says whether we ourselves could reach the network when something
// failed softly.
type Connectivity string

const (
	ConnectivityUnproven Connectivity = "unproven" // nothing else answered within 60 s, or nothing else is known to ask
	ConnectivityProven   Connectivity = "proven"   // another SFMC host or a configured address answered within 60 s
)

// Observation is one thing that was seen, whoever saw it. From here on synthetic
// tests, real traffic, dates and effects are the same.
type Observation struct {
	// Key makes recording idempotent: the same key is counted once.
	Key string

	Series     SeriesID
	Check      CheckID // "" for traffic
	Credential CredentialID
	Tenant     TenantID
	Place      Place
	Source     Source
	Reason     Reason // tests only

	Slot time.Time     // planned instant; equals At for traffic
	At   time.Time     // when the run began
	Took time.Duration // all steps together
	Gap  time.Duration // planned distance to the next proof; 0 where none is planned

	Outcome      Outcome
	Step         string // the step that decided, "" when all passed
	Message      string // one sentence
	Hint         string // what to do next
	Evidence     string // redacted, short
	Steps        []Step
	Connectivity Connectivity
	RetryAfter   time.Duration // what SFMC asked for; 0 when it did not
	ChangedAt    time.Time     // when the check's definition last changed (propagation takes 5 minutes)
	Stack        string        // "S7", from the token's claims
	Scopes       []string      // granted, from the token answer
	Findings     []Outcome     // e.g. DateContradicted; the run itself may be ok
	Due          *Due          // a look at a clock; nil otherwise
	Seen         []Fact        // what was seen of a thing that should not change by itself
	Watch        *Watch        // of a look at one subject's counters; nil otherwise
	Traffic      *Tally        // of real traffic; nil otherwise
	Severity     Severity      // of a look that judges how loud it is; "" takes the outcome's
	Transcript   string        // redacted, size-capped; kept for failures and the last 3 good runs

	// Count and Window stand for an aggregate of like events; Count 0 means one.
	Count  int
	Window time.Duration
}

// Fact is one thing about a subject that is compared with the last time: issuer,
// key, names, chain. A fact that changed is drift.
type Fact struct {
	Name  string
	Value string
}

// Step is one rung of the ladder.
type Step struct {
	Name       string // resolve:auth, connect:auth, tls:auth, token, identity, rest:/…, soap:…, https:…
	Outcome    Outcome
	HTTPStatus int
	Took       time.Duration
	Evidence   string
	Shared     bool // proven for the host once, not by this run
}

// SlotKey is the idempotency key of a check's run.
func SlotKey(check CheckID, slot time.Time) string {
	return string(check) + "@" + strconv.FormatInt(slot.UnixMilli(), 10)
}

// DemandKey is the key of a run on demand; it never meets a slot of the grid.
func DemandKey(check CheckID, slot time.Time) string {
	return SlotKey(check, slot) + "!"
}
