package impact

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Warned is an incident of a date, with its timeline and what hangs on its credential.
type Warned struct {
	Incident    keepwatch.Incident
	Transitions []keepwatch.Transition
	Subjects    []Subject
	Volume      func(subject keepwatch.Subject, from, to time.Time) (low, mid, high float64, source string)
}

// Prevention is an outage that did not happen, since somebody was warned.
type Prevention struct {
	Incident   keepwatch.IncidentID
	Credential keepwatch.CredentialID
	WarnedAt   time.Time
	RenewedAt  time.Time
	End        time.Time // when it would have ended
	NewEnd     time.Time
	// PerDay is what each day without it would have delayed. Mid is 0 where nothing
	// with a volume hangs on it.
	PerDay     keepwatch.Figure
	Dependents int // that hang on it directly or through others
}

// Prevented reports whether a warning was followed by a renewal before the end. A
// renewal after it, a date that was only removed and one that moved nearer prevented
// nothing.
func Prevented(w Warned) (Prevention, bool) {
	inc := w.Incident
	end, ok := endOf(inc)
	if !ok || inc.Status != keepwatch.IncidentResolved || inc.Outcome != keepwatch.Expiring {
		return Prevention{}, false
	}
	i := slices.IndexFunc(w.Transitions, func(t keepwatch.Transition) bool { return t.Kind == keepwatch.Resolved })
	if i < 0 || w.Transitions[i].Reason != "renewed" || !w.Transitions[i].At.Before(end) {
		return Prevention{}, false
	}
	moved, ok := movedTo(w.Transitions[i].Detail)
	if !ok || !moved.After(end) {
		return Prevention{}, false
	}
	return Prevention{
		Incident: inc.ID, Credential: inc.Credential, WarnedAt: inc.DetectedAt, RenewedAt: w.Transitions[i].At,
		End: end, NewEnd: moved, PerDay: w.perDay(end), Dependents: len(w.Subjects),
	}, true
}

// endOf reads the date from the evidence, which is written for machines, too:
// "rung 7d; ends 2026-12-01T00:00:00Z; derived".
func endOf(inc keepwatch.Incident) (time.Time, bool) {
	for field := range strings.SplitSeq(inc.Evidence, "; ") {
		if text, ok := strings.CutPrefix(field, "ends "); ok {
			t, err := time.Parse(time.RFC3339, text)
			return t, err == nil
		}
	}
	return time.Time{}, false
}

// movedTo reads the new date from the words of the transition.
func movedTo(detail string) (time.Time, bool) {
	text, ok := strings.CutPrefix(detail, "The date has moved to ")
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSuffix(text, "."))
	return t, err == nil
}

// perDay is what the first day after the end would have delayed.
func (w Warned) perDay(end time.Time) keepwatch.Figure {
	day := Case{
		Now: end.Add(24 * time.Hour), Subjects: w.Subjects, Volume: w.Volume,
		Incident: keepwatch.Incident{
			Scope: keepwatch.ScopeCredential, Outcome: keepwatch.SecretExpired, Status: keepwatch.IncidentOpen,
			Credential: w.Incident.Credential, LastProvenAt: end, FirstFailedAt: end, DetectedAt: end,
		},
	}
	f, ok := Sum(Of(day), ContactsDelayed)
	if !ok {
		f = keepwatch.Figure{Name: ContactsDelayed, Unit: unitContacts, Formula: "nothing with a known volume hangs on it"}
	}
	f.Formula = strings.TrimSuffix(f.Formula, ", so far") + fmt.Sprintf(", on the first day after %s", stamp(end))
	return f
}
