// Package incident is Keepwatch's judgement: a pure state machine from what was
// seen to what follows. It knows no store, no clock and no network. The store
// runs Step inside the transaction that records the observations.
package incident

import (
	"time"

	"keepwatch"
)

// View is everything Step may look at.
type View struct {
	// Observations that this transaction really inserted, oldest slot first.
	// A key that was seen before is not among them.
	Observations []keepwatch.Observation
	// Series holds the state of every series that the observations touch. A new
	// series has only its identity filled in.
	Series map[keepwatch.SeriesID]keepwatch.Series
	// Peers are the other series of the same tenants that rules compare with each
	// other (see Peer). Never changed by Step.
	Peers []keepwatch.Series
	// Neighbourhoods of the touched (tenant, place) pairs.
	Neighbourhoods map[NeighbourhoodKey]Neighbourhood
	// Open incidents that may concern the touched tenants and places, and every
	// open platform incident.
	Open []keepwatch.Incident
	// Recent are incidents of the touched tenants that ended within Memory; only where
	// an effect is among the observations, which may have begun before they ended.
	Recent []keepwatch.Incident
}

// Changes is what follows. The store writes all of it or nothing.
type Changes struct {
	Series         []keepwatch.Series
	Neighbourhoods []Neighbourhood
	Incidents      []keepwatch.Incident // new and changed ones, whole
	Transitions    []keepwatch.Transition
	Notices        []keepwatch.Notice
	Plans          []Plan
}

// Plan moves a check's due time: sooner for a confirmation, later for a
// back-off. It replaces the due time on the grid; the run after that one is on
// the grid again.
type Plan struct {
	Check  keepwatch.CheckID
	At     time.Time
	Reason keepwatch.Reason
}

// NeighbourhoodKey is a tenant as seen from one place.
type NeighbourhoodKey struct {
	Tenant keepwatch.TenantID
	Place  keepwatch.Place
}

// Neighbourhood is what the credentials of one tenant went through lately, seen
// from one place: the evidence that tells one credential's trouble from
// everybody's. It is a row of its own, locked before the step runs, so that two
// nodes cannot both open the same incident.
type Neighbourhood struct {
	Key      NeighbourhoodKey
	LastOK   map[keepwatch.CredentialID]time.Time // proofs of the last ten minutes
	Failures []NeighbourFailure                   // soft failures of the last ten minutes, oldest first, at most 64
}

// NeighbourFailure is one soft failure of a neighbour.
type NeighbourFailure struct {
	Credential keepwatch.CredentialID
	Outcome    keepwatch.Outcome
	At         time.Time
}

// Policy holds the thresholds of the step. Zero fields mean the defaults of
// DefaultPolicy; only the demo shortens them, and its page says so.
type Policy struct {
	// FailAfter is the tier's number of scheduled runs with confirmed soft
	// failures before a state turns failing. nil means 2 for everybody.
	FailAfter func(keepwatch.CredentialID) int
	// Objective is the share of a credential's token requests that are to be granted,
	// between 0 and 1. nil means 0.995 for everybody.
	Objective func(keepwatch.CredentialID) float64
	// HardConfirm is the wait before a refusal is asked again, at most 60 s.
	HardConfirm time.Duration
	// SoftConfirmEvery is the pace of confirmation runs of a soft failure.
	SoftConfirmEvery time.Duration
	// SoftConfirmOver is the least span from first to last soft failure.
	SoftConfirmOver time.Duration
	// ContradictedOver is the least span from a series' first failure to its
	// last before it may open what a proven neighbour contradicts.
	ContradictedOver time.Duration
	// RefusalBackoff are the waits after a confirmed refusal; the last repeats.
	RefusalBackoff []time.Duration
	// MaxTriesPerDay caps tries at a refused credential.
	MaxTriesPerDay int
	// Propagation is the wait after a refusal soon after a known change.
	Propagation time.Duration
	// ChangeWindow is how long after a change a refusal may be propagation.
	ChangeWindow time.Duration
	// BlockedPause is the wait after 50200, which names no time itself.
	BlockedPause time.Duration
	// CatchUp is how long an effect may outlast its cause and still be its own.
	CatchUp time.Duration
}

// Memory is how long an incident that ended may still explain an effect: a load that
// comes once a day misses what a short outage at night cost it until the next day.
const Memory = 48 * time.Hour

// DefaultPolicy has the values of the design: see docs/incident-states.md.
func DefaultPolicy() Policy {
	return Policy{
		HardConfirm:      30 * time.Second,
		SoftConfirmEvery: time.Minute,
		SoftConfirmOver:  keepwatch.SoftConfirmOver,
		ContradictedOver: 25 * time.Minute,
		RefusalBackoff:   []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour},
		MaxTriesPerDay:   30,
		Propagation:      5 * time.Minute,
		ChangeWindow:     10 * time.Minute,
		BlockedPause:     15 * time.Minute,
		CatchUp:          24 * time.Hour,
	}
}

// withDefaults fills what a policy leaves open.
func (p Policy) withDefaults() Policy {
	d := DefaultPolicy()
	fill(&p.HardConfirm, d.HardConfirm)
	fill(&p.SoftConfirmEvery, d.SoftConfirmEvery)
	fill(&p.SoftConfirmOver, d.SoftConfirmOver)
	fill(&p.ContradictedOver, d.ContradictedOver)
	fill(&p.Propagation, d.Propagation)
	fill(&p.ChangeWindow, d.ChangeWindow)
	fill(&p.BlockedPause, d.BlockedPause)
	fill(&p.CatchUp, d.CatchUp)
	if len(p.RefusalBackoff) == 0 {
		p.RefusalBackoff = d.RefusalBackoff
	}
	if p.MaxTriesPerDay <= 0 {
		p.MaxTriesPerDay = d.MaxTriesPerDay
	}
	return p
}

func fill(d *time.Duration, def time.Duration) {
	if *d <= 0 {
		*d = def
	}
}

// failAfter is the tier's figure for one credential.
func (p Policy) failAfter(id keepwatch.CredentialID) int {
	if p.FailAfter != nil {
		if n := p.FailAfter(id); n > 0 {
			return n
		}
	}
	return 2
}
