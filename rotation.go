package keepwatch

import "time"

// RotationID names one rotation of one credential's secret.
type RotationID string

// RotationState is where a rotation stands.
type RotationState string

const (
	RotationStaged    RotationState = "staged"    // a staged secret is named; its propagation is waited for
	RotationProven    RotationState = "proven"    // the staged secret works from here; holders switch
	RotationSwitched  RotationState = "switched"  // every holder has switched; ready to activate
	RotationActivated RotationState = "activated" // the old secret is refused
	RotationDone      RotationState = "done"      // the record names the new secret and date
	RotationAborted   RotationState = "aborted"
)

// Rotation is one rotation and its evidence. It never holds a secret.
type Rotation struct {
	ID         RotationID
	Credential CredentialID
	Tenant     TenantID
	State      RotationState
	OldRef     string // reference to the secret that is in use
	NewRef     string // reference to the staged secret
	Generated  Date   // of the staged secret; the new clock counts from it
	StagedAt   time.Time
	OldEndsAt  time.Time // zero when unknown
	Holders    []RotationHolder
	Evidence   []Evidence
	Revision   int // counts writes; a writer names the one it saw
	StartedAt  time.Time
	StartedBy  string
	EndedAt    time.Time
	NextAt     time.Time // when the cockpit acts next; zero: it waits for people
}

// RotationHolder is one row of the tick-list.
type RotationHolder struct {
	Holder
	TickHash   string    // of the link's token
	TickMadeAt time.Time // when that token was made; its letter follows
	NotifiedAt time.Time // when the letter was put into the outbox; zero: it has to be
	SwitchedAt time.Time
	SwitchedBy string
	// What its own calls show, as far as somebody watches them: when the new secret was
	// last accepted, and when the old one, or a third, was last used.
	SeenNewAt time.Time
	SeenOldAt time.Time
}

// Evidence is one row of a rotation's transcript.
type Evidence struct {
	At      time.Time
	Step    string // staged, staged_proven, staged_refused, notified, switched, activated, old_works, old_refused, new_proven, recorded, finished, aborted, resumed, …: package rotation
	By      string // "keepwatch" or a person
	Outcome Outcome
	Detail  string // a sentence
}
