package impact

import (
	"cmp"
	"fmt"
	"time"

	"keepwatch"
)

// times are how long things took. What has not happened yet has no figure, but for
// the outage itself, which lasts so far.
func (w *work) times() []keepwatch.Figure {
	inc := w.Incident
	from, to := w.outage.middle()
	_, length, _ := w.outage.length()
	ends := "to"
	if inc.LastProvenAt.IsZero() && inc.Scope != keepwatch.ScopeEffect {
		ends = "(the first failure; never proven before) to"
	}
	outage := part{
		name: OutageHours, unit: unitHours, e: hoursOf(w.outage), source: Measured, so: w.outage.open,
		formula: fmt.Sprintf("%s %s %s = %s", stamp(from), ends, stamp(to), words(length)),
	}
	out := []keepwatch.Figure{outage.figure(digits(unitHours))}
	add := func(name, what string, s span) {
		low, mid, high := s.length()
		p := part{
			name: name, unit: unitSeconds, source: Measured, so: s.open, formula: what + " = " + words(mid),
			e: estimate{mid: mid.Seconds(), durLow: (mid - low).Seconds(), durHigh: (high - mid).Seconds()},
		}
		out = append(out, p.figure(digits(unitSeconds)))
	}
	at := func(t time.Time) [2]time.Time { return [2]time.Time{t, t} }
	if !inc.DetectedAt.IsZero() {
		add(TimeToDetect, "began "+stamp(from)+", detected "+stamp(inc.DetectedAt), span{from: w.outage.from, to: at(inc.DetectedAt)}.ordered())
	}
	if !inc.AcknowledgedAt.IsZero() {
		add(TimeToAcknowledge, "detected "+stamp(inc.DetectedAt)+", acknowledged "+stamp(inc.AcknowledgedAt), span{from: at(inc.DetectedAt), to: at(inc.AcknowledgedAt)})
	}
	back := cmp.Or(inc.RestoredAt, inc.ResolvedAt)
	if back.IsZero() {
		return out
	}
	add(TimeToRestore, "began "+stamp(from)+", works again "+stamp(to), w.outage)
	if !inc.RestoredAt.IsZero() && len(inc.Effects) > 0 {
		caught := span{from: at(inc.RestoredAt), to: at(cmp.Or(inc.ResolvedAt, w.Now)), open: inc.ResolvedAt.IsZero()}
		what := "caught up " + stamp(caught.to[1])
		if caught.open {
			what = "not caught up at " + stamp(caught.to[1])
		}
		add(TimeToCatchUp, "works again "+stamp(inc.RestoredAt)+", "+what, caught)
	}
	return out
}
