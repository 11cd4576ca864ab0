package keepwatch

import "time"

// ClockKind is one of the three clocks. They are never mixed in one list.
type ClockKind string

const (
	ClockHard    ClockKind = "hard_date" // a countdown: the thing ends then
	ClockIdle    ClockKind = "idle"      // an age: the thing ends when nobody used it for so long
	ClockSession ClockKind = "session"   // a success rate: tokens; never a date
)

// Clock is one clock of one credential, as it stands. A clock without a date is
// a finding, not an OK.
type Clock struct {
	Name        string // "secret", "password", "certificate", "login", "refresh_token", …; unique in a credential
	Kind        ClockKind
	At          time.Time // hard: when it ends; idle: when it will have been idle for too long; zero when unknown
	Since       Date      // what it counts from: generated, changed, last used
	Source      DateSource
	ConfirmedAt Date   // when a person or a reading last confirmed the date
	Basis       string // where the date comes from, in words: "generated 2026-06-01 + 180 days"
}

// Known reports whether the clock has a date.
func (c Clock) Known() bool { return !c.At.IsZero() }

// RungExpired is the rung at the date itself; the others are named by their distance, such as "30d".
const RungExpired = "expired"

// Due is what a look at one clock found: how far down the ladder it is.
type Due struct {
	Clock  Clock
	Passed []string  // rungs that lie behind now for this date, in the order of time: "60d", "30d", …, "expired"; a missed renewal is one, too
	Quiet  bool      // a planned renewal quiets the rungs that are not RungExpired
	Next   time.Time // when the next rung comes, or the quiet ends; zero: none will
	Ticket bool      // the renewal asks for a ticket: nobody is paged before the end
	// Attention is said with the rung: holders that have not switched, a renewal that was missed.
	Attention string
}

// Renewal is how a credential is planned to be renewed.
type Renewal struct {
	Every   time.Duration // policy: how often; 0 none
	Planned Date          // the next one
	Window  time.Duration // how long it may take
	By      string
	Ticket  bool // a rung opens a ticket instead of paging
}

// Over is when a planned renewal should be done: from then on rungs speak again.
func (r Renewal) Over(zone *time.Location) time.Time {
	if r.Planned.IsZero() {
		return time.Time{}
	}
	if r.Window > 0 {
		return r.Planned.In(zone).Add(r.Window)
	}
	return r.Planned.AddDays(1).In(zone)
}
