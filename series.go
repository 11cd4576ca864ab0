package keepwatch

import "time"

// Series is what is known of one line of observations: its state, since when,
// and the small window that detection needs. The store keeps it as one document.
type Series struct {
	ID         SeriesID
	Check      CheckID
	Phase      uint16
	Credential CredentialID
	Tenant     TenantID
	Place      Place

	State   State
	Outcome Outcome // of the state: OK, or why it is not healthy
	Since   time.Time

	LastSlot      time.Time // newest slot that was lifted; older ones change nothing
	LastAt        time.Time // newest observation of any outcome
	LastProvenAt  time.Time // newest OK
	FirstFailedAt time.Time // first failure since the last OK; zero while it works
	PlannedGap    time.Duration
	NextProofAt   time.Time // planned; moves with back-off and calendars

	Last         Observation // newest lifted, without its transcript
	SoftRuns     int         // scheduled runs in a row that ended in a confirmed soft failure
	Confirming   Outcome     // the failure that is being confirmed, "" when none
	BurstSince   time.Time   // first soft failure of the burst that is being confirmed; zero between bursts
	Failures     []Failure   // in a row, of the current episode, newest last, at most 16
	Refusals     int         // tries since the refusal was confirmed (back-off step)
	RefusalTries []time.Time // refused tries of the last 24 hours (daily cap)
	Flips        []time.Time // changes between working and failing, last hour
	OKStreak     int         // proofs in a row
	Latencies    []time.Duration
	SlowStreak   int
	Findings     []Outcome
	Stack        string
	Scopes       []string
	Warned       *Warned       // of a clock: the rungs that were said
	Seen         []Fact        // the facts that drift is judged by
	Watch        *Watch        // of a subject's aspect: newest reading, memory and verdict; nil otherwise
	Traffic      *Lived        // of a holder's traffic; nil otherwise
	ProvenBy     *TrafficProof // the newest proof was real traffic; nil where it was a test
	Asked        []time.Time   // tests that refusals in traffic asked for, last 24 hours
}

// Warned remembers which rungs of one date were recorded. Another date re-arms
// the ladder.
type Warned struct {
	At    time.Time
	Rungs []string
}

// Failure is one failed run, as detection remembers it.
type Failure struct {
	At           time.Time
	Outcome      Outcome
	Connectivity Connectivity
	Reason       Reason
}

// StateAt is the state as it may be shown at now: evidence older than twice the
// planned gap proves nothing, so healthy and degraded decay to unknown. Failing
// and expired stay: they end only by a new proof. Healthy counts from the newest
// proof, not from the newest run: a run that could not look proves nothing.
func (s *Series) StateAt(now time.Time) State {
	switch s.State {
	case StateHealthy:
		if s.staleSince(s.LastProvenAt, now) {
			return StateUnknown
		}
	case StateDegraded, StateMaintenance:
		if s.Stale(now) {
			return StateUnknown
		}
	case "":
		return StateUnknown
	}
	return s.State
}

// Stale reports whether the newest evidence is older than twice the planned gap.
// Back-off moves the plan: until the planned proof is overdue, nothing is stale.
func (s *Series) Stale(now time.Time) bool { return s.staleSince(s.LastAt, now) }

func (s *Series) staleSince(evidence, now time.Time) bool {
	if s.PlannedGap <= 0 || evidence.IsZero() {
		return evidence.IsZero()
	}
	return now.After(s.freshUntil(evidence))
}

func (s *Series) freshUntil(evidence time.Time) time.Time {
	limit := evidence.Add(2 * s.PlannedGap)
	if planned := s.NextProofAt.Add(s.PlannedGap); planned.After(limit) {
		limit = planned
	}
	return limit
}

// DecaysAt is the last instant at which StateAt says what it says at now, as long as nothing
// new is seen; zero where time alone changes nothing.
func (s *Series) DecaysAt(now time.Time) time.Time {
	evidence := s.LastAt
	switch s.StateAt(now) {
	case StateHealthy:
		evidence = s.LastProvenAt
	case StateDegraded, StateMaintenance:
	default:
		return time.Time{}
	}
	if s.PlannedGap <= 0 {
		return time.Time{}
	}
	return s.freshUntil(evidence)
}

// Rollup is one hour or day of a series.
type Rollup struct {
	Series   SeriesID
	Start    time.Time
	Runs     int
	OK       int
	Failed   int             // neither ok nor a monitor's fault
	Worst    Outcome         // the most severe outcome seen
	Counts   map[Outcome]int // by outcome
	TookSum  time.Duration
	TookMax  time.Duration
	Requests int // token requests made

	Amount  int64         // of counts: events
	Watched time.Duration // of counts: how much of the span was seen
}

// Result is one stored run.
type Result struct {
	Observation
	RecordedAt time.Time
}
