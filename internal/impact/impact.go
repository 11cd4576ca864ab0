package impact

import (
	"slices"
	"time"

	"keepwatch"
)

// Names of figures, as the API has them.
const (
	ContactsDelayed     = "contacts_delayed"
	ContactsLate        = "contacts_late"
	ContactsLost        = "contacts_lost"
	ContactsOnStaleData = "contacts_on_stale_data"
	HoursStale          = "hours_stale"
	QueueDepth          = "queue_depth"
	QueueAtRestore      = "queue_depth_at_restore"
	CallerBacklog       = "caller_backlog"
	MessagesNotSent     = "messages_not_sent"
	RowsNotImported     = "rows_not_imported"
	Value               = "value"
	OutageHours         = "outage_hours"
	TimeToDetect        = "time_to_detect"
	TimeToAcknowledge   = "time_to_acknowledge"
	TimeToRestore       = "time_to_restore"
	TimeToCatchUp       = "time_to_catch_up"
)

// Names are all of them, the most telling first.
var Names = []string{
	ContactsDelayed, ContactsLost, ContactsLate, ContactsOnStaleData, MessagesNotSent, CallerBacklog, QueueDepth, QueueAtRestore,
	RowsNotImported, HoursStale, Value, OutageHours, TimeToDetect, TimeToAcknowledge, TimeToRestore, TimeToCatchUp,
}

// Where a number comes from.
const (
	Measured   = "measured"
	Baseline   = "baseline"
	Configured = "configured"
	Pushed     = "pushed"
	Inferred   = "inferred"
)

// Case is everything that is known of one incident at an instant.
type Case struct {
	Now      time.Time
	Incident keepwatch.Incident
	// LastFailedAt is the newest failure before the proof that ended it. Zero: not
	// known; then the looks are taken to be as far apart as those between which it began.
	LastFailedAt time.Time
	// Subjects are what hangs on the incident's credentials, and what its effects are
	// about, each once.
	Subjects []Subject
	// Volume is how many contacts a span should bring by the subject's baseline: its
	// 10 %, 50 % and 90 % quantile. The source is "" where there is no baseline. nil: none has one.
	Volume func(subject keepwatch.Subject, from, to time.Time) (low, mid, high float64, source string)
	// Came is how many were seen to come within a span, and in which part of it somebody
	// looked. nil: nothing was counted.
	Came func(subject keepwatch.Subject, from, to time.Time) (n int64, since, until time.Time)
	// Unit is what a value is counted in; "" is "value".
	Unit string
}

// Subject is one thing that hangs on the incident.
type Subject struct {
	keepwatch.Subject
	Upstream []keepwatch.Upstream
	Expect   keepwatch.Expectation
	// Watched: its counters are read, so that an effect would have been seen.
	Watched bool
	// Readings are what was read of it while the incident lasted, oldest first.
	Readings []keepwatch.Watch
	Backlog  *Backlog
}

// Backlog is what a caller said of what it holds back.
type Backlog struct {
	Holder string
	At     time.Time
	Depth  int64
	Oldest time.Duration // age of the oldest
}

// Of works out what an incident cost. The sums come first, then each subject's part.
func Of(c Case) keepwatch.Impact {
	out := keepwatch.Impact{At: c.Now.UTC(), Final: c.Incident.Status == keepwatch.IncidentResolved, Figures: []keepwatch.Figure{}}
	w := newWork(c)
	if w.stops == nothing {
		return out
	}
	w.subjects()
	out.Figures = append(w.sums(), w.times()...)
	slices.SortStableFunc(out.Figures, func(a, b keepwatch.Figure) int {
		return slices.Index(Names, a.Name) - slices.Index(Names, b.Name)
	})
	out.Figures = append(out.Figures, w.parts()...)
	return out
}

// Sum finds a figure of the whole incident.
func Sum(i keepwatch.Impact, name string) (keepwatch.Figure, bool) {
	return Part(i, name, "")
}

// Part finds a figure of one subject, by its ID.
func Part(i keepwatch.Impact, name, subject string) (keepwatch.Figure, bool) {
	for _, f := range i.Figures {
		if f.Name == name && f.Subject == subject {
			return f, true
		}
	}
	return keepwatch.Figure{}, false
}

// certainty says whether an incident stops what hangs on it.
type certainty int

const (
	nothing certainty = iota // a date, a fact that changed, Keepwatch's own trouble
	perhaps                  // seen from one place, or throttled: others may get through
	surely                   // refused, whoever asks
)

func stopsOf(inc keepwatch.Incident) certainty {
	info := inc.Outcome.Info()
	switch {
	case info.Confirm == keepwatch.ConfirmDate, inc.Scope == keepwatch.ScopeMonitor, inc.Scope == keepwatch.ScopeNone:
		return nothing
	case inc.Scope == keepwatch.ScopePlace, inc.Scope == keepwatch.ScopeTenant, info.State == keepwatch.StateMaintenance:
		return perhaps
	}
	return surely
}
