package keepwatch

import "time"

// IncidentStatus is open or resolved; an acknowledged incident is still open.
type IncidentStatus string

const (
	IncidentOpen     IncidentStatus = "open"
	IncidentResolved IncidentStatus = "resolved"
)

// Incident is one cause and everything that hangs on it.
type Incident struct {
	ID IncidentID
	// Key names the cause while it is open: at most one open incident a key.
	Key      string
	Scope    Scope
	Tenant   TenantID
	Place    Place
	Outcome  Outcome
	Category Category
	Severity Severity
	Status   IncidentStatus
	Message  string
	Hint     string
	Evidence string

	Credential CredentialID // scope credential only
	Members    []Member
	Effects    []Effect // what stopped because of it; of scope effect: what it is about
	Causes     []Cause  // scope effect only: candidates, the likeliest first

	// The failure began somewhere in (LastProvenAt, FirstFailedAt].
	LastProvenAt   time.Time
	FirstFailedAt  time.Time
	DetectedAt     time.Time
	NotifiedAt     time.Time
	AcknowledgedAt time.Time
	AcknowledgedBy string
	RestoredAt     time.Time // the cause is gone; effects may still catch up
	ResolvedAt     time.Time
	MergedInto     IncidentID

	Revision int // counts transitions; the last one's sequence number
}

// Member is one series that an incident gathers.
type Member struct {
	Series     SeriesID
	Credential CredentialID
	Outcome    Outcome
	Since      time.Time
	EndedAt    time.Time // zero while it still fails
}

// Active counts the members that still fail.
func (i Incident) Active() int {
	n := 0
	for _, m := range i.Members {
		if m.EndedAt.IsZero() {
			n++
		}
	}
	return n
}

// TransitionKind is what happened to an incident.
type TransitionKind string

const (
	Opened       TransitionKind = "opened"
	Changed      TransitionKind = "changed" // another outcome of the same cause, or a higher severity
	Joined       TransitionKind = "joined"  // a further member
	Left         TransitionKind = "left"    // a member recovered while others still fail
	Acknowledged TransitionKind = "acknowledged"
	Merged       TransitionKind = "merged_into"
	Warning      TransitionKind = "warning"  // a further rung of an expiry ladder
	Affected     TransitionKind = "affected" // a further effect
	Relieved     TransitionKind = "relieved" // an effect caught up while others have not
	Restored     TransitionKind = "restored" // the cause is gone, effects still catch up
	Resolved     TransitionKind = "resolved"
	Noted        TransitionKind = "noted" // somebody wrote something down; nobody is told
)

// Transition is one row of an incident's timeline.
type Transition struct {
	Incident IncidentID
	Seq      int
	Kind     TransitionKind
	At       time.Time
	Reason   string // a named reason: confirmed_refusal, first_refusal, burst_confirmed, runs_confirmed, proven, same_refusal_everywhere …
	Detail   string // a sentence
	By       string // a person, for acknowledgements
}
