package keepwatch

import (
	"errors"
	"fmt"
	"time"
)

// Match says which incidents a route or a silence is for. A field that is empty
// matches everything; a field with values matches any of them; all fields must match.
// An incident that gathers several credentials matches a field when one of them does.
type Match struct {
	Criticality  []string `json:"criticality,omitempty"`
	Tenant       []string `json:"tenant,omitempty"`
	BusinessUnit []string `json:"business_unit,omitempty"`
	Owner        []string `json:"owner,omitempty"`
	Kind         []string `json:"kind,omitempty"` // of the credential
	Category     []string `json:"category,omitempty"`
	Outcome      []string `json:"outcome,omitempty"`
	Scope        []string `json:"scope,omitempty"`
	Severity     []string `json:"severity,omitempty"`
	Credential   []string `json:"credential,omitempty"`
}

// Everything reports whether no field asks for anything.
func (m Match) Everything() bool {
	for _, field := range [][]string{m.Criticality, m.Tenant, m.BusinessUnit, m.Owner, m.Kind, m.Category, m.Outcome, m.Scope, m.Severity, m.Credential} {
		if len(field) > 0 {
			return false
		}
	}
	return true
}

// SilenceKind is why nobody is told.
type SilenceKind string

const (
	Silenced   SilenceKind = "silence"     // somebody knows, and wants to hear no more of it for a while
	Maintained SilenceKind = "maintenance" // work was announced: once, or at the same hours each week
	Snoozed    SilenceKind = "snooze"      // one incident, until a date
)

// Silence is a time in which incidents are found and kept as always, whatever saw
// them, and nobody is told. What still lasts at its end is told then. It has an
// owner, a reason and an end.
type Silence struct {
	ID       string
	Kind     SilenceKind
	Match    Match
	Incident IncidentID // of a snooze
	Owner    string
	Reason   string
	From     time.Time
	Until    time.Time
	// Hours and Timezone are of maintenance at the same hours each week, between From
	// and Until: "sun 02:00-04:00". Without them it lasts all the time.
	Hours     string
	Timezone  string
	CreatedAt time.Time
	CreatedBy string
	EndedAt   time.Time // ended before its time
	EndedBy   string
	File      string // that it stands in; such a one is changed there
}

// MaxSilence is the longest that people may ask for. Longer ones are forgotten.
const MaxSilence = 366 * 24 * time.Hour

// Check finds what a silence lacks.
func (s Silence) Check() error {
	invalid := func(hint, format string, args ...any) error {
		return WithHint(fmt.Errorf(format+": %w", append(args, ErrInvalid)...), hint)
	}
	switch {
	case s.Owner == "":
		return invalid("name the team or person that answers for it", "a silence without an owner")
	case s.Reason == "":
		return invalid("say in a sentence why nobody is to be told", "a silence without a reason")
	case s.Until.IsZero():
		return invalid("name its end; what still lasts then is told", "a silence without an end")
	case !s.Until.After(s.From):
		return invalid("its end must lie after its begin", "a silence that ends before it begins")
	case s.Until.Sub(s.From) > MaxSilence:
		return invalid("at most 366 days; make another one then", "a silence of more than a year")
	case s.Kind == Snoozed && s.Incident == "":
		return invalid("name the incident", "a snooze of no incident")
	case s.Kind != Snoozed && s.Match.Everything():
		return invalid("name a credential, tenant, owner or another field", "a silence of everything")
	case s.Kind != Silenced && s.Kind != Maintained && s.Kind != Snoozed:
		return invalid("silence, maintenance or snooze", "%.40q is no kind of silence", s.Kind)
	case s.Hours != "" && s.Kind != Maintained:
		return invalid("use maintenance for what comes back each week", "a silence with hours")
	}
	return nil
}

// Over reports whether nothing of it lies ahead.
func (s Silence) Over(now time.Time) bool {
	return !s.EndedAt.IsZero() && !s.EndedAt.After(now) || !s.Until.After(now)
}

// ErrFile means that something stands in a file and is changed there.
var ErrFile = errors.New("it stands in a file")
