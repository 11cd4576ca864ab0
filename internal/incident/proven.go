package incident

import (
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// proven lifts a proof: the only thing that ends a failure.
func (st *step) proven(s *keepwatch.Series, o *keepwatch.Observation) {
	if !s.FirstFailedAt.IsZero() {
		s.Flips = detect.Within(s.Flips, o.At, detect.FlapWindow, o.At)
	} else if len(s.Flips) > 0 {
		s.Flips = detect.Within(s.Flips, o.At, detect.FlapWindow)
	}
	s.LastProvenAt = later(o.At, s.LastProvenAt)
	s.FirstFailedAt, s.BurstSince = time.Time{}, time.Time{}
	s.Failures, s.SoftRuns, s.Confirming, s.Refusals = nil, 0, "", 0
	s.OKStreak++
	s.Findings = o.Findings
	measure(s, o)
	if o.Source == keepwatch.SourceTest {
		s.ProvenBy = nil
	}
	if o.Traffic == nil || through(o.Traffic) { // a holder elsewhere proves no path from here
		st.hood(o).proved(o.Credential, o.At)
	}
	st.contradict(o)

	flapping := detect.Flapping(s.Flips, o.At)
	if st.recovers(s, o, flapping) {
		settle(s, o, flapping)
	}
}

// measure keeps the baseline of latency and counts slow runs. Traffic is not
// measured against tests: its calls are other calls.
func measure(s *keepwatch.Series, o *keepwatch.Observation) {
	took := pace(o)
	if o.Source != keepwatch.SourceTest || took <= 0 {
		return
	}
	if detect.IsSlow(took, s.Latencies) {
		s.SlowStreak++
	} else {
		s.SlowStreak = 0
	}
	s.Latencies = detect.Push(s.Latencies, took)
}

// pace is the time of the token and identity steps: the two that every run of
// every credential makes. A run without a ladder counts whole.
func pace(o *keepwatch.Observation) time.Duration {
	var sum time.Duration
	for i := range o.Steps {
		if n := o.Steps[i].Name; n == "token" || n == "identity" {
			sum += o.Steps[i].Took
		}
	}
	if sum == 0 {
		return o.Took
	}
	return sum
}

// recovers ends the series' memberships, and reports whether it holds none any
// more. While it flaps one proof says little, so three in a row are asked for.
func (st *step) recovers(s *keepwatch.Series, o *keepwatch.Observation, flapping bool) bool {
	if len(st.view.Open) == 0 && st.ledger == nil {
		return true
	}
	mine := st.book().memberships(s.ID)
	if len(mine) == 0 {
		return true
	}
	if need := detect.ProofsNeeded(flapping); s.OKStreak < need {
		setState(s, keepwatch.StateDegraded, keepwatch.Flapping, o.At)
		st.confirmSoon(s, o)
		return false
	}
	reason := ReasonProven
	if flapping {
		reason = ReasonProvenSteadily
	}
	for _, e := range mine {
		since := e.member(s.ID).Since
		if e.member(s.ID).Outcome.Hard() {
			st.resume(s, o)
		}
		st.book().leave(e, s.ID, o.At, reason, name(s)+" is proven again, "+span(since, o.At)+" after its first failure.")
	}
	return true
}

// resume brings a repaired credential back to its pace. A run of the schedule was
// put back on the grid when it was claimed; a proof that a person asked for, or
// that traffic brought, finds the check where the back-off left it: an hour away,
// or put off for good.
func (st *step) resume(s *keepwatch.Series, o *keepwatch.Observation) {
	claimed := o.Source == keepwatch.SourceTest && o.Reason != keepwatch.ReasonDemand
	if claimed || s.PlannedGap <= 0 {
		return
	}
	st.plan(s, later(o.At, st.now).Add(s.PlannedGap), keepwatch.ReasonScheduled)
}

// settle gives a proven series its state: healthy, unless it works badly.
func settle(s *keepwatch.Series, o *keepwatch.Observation, flapping bool) {
	switch {
	case flapping:
		setState(s, keepwatch.StateDegraded, keepwatch.Flapping, o.At)
	case s.SlowStreak >= detect.SlowRuns:
		setState(s, keepwatch.StateDegraded, keepwatch.Slow, o.At)
	default:
		setState(s, keepwatch.StateHealthy, keepwatch.OK, o.At)
	}
}

// name is how a sentence calls a series.
func name(s *keepwatch.Series) string {
	if s.Credential != "" {
		return string(s.Credential)
	}
	return string(s.ID)
}
