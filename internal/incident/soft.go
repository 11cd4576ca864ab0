package incident

import (
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// failedSoftly lifts a failure that may pass by itself. It takes a burst to
// believe it, and more than that where a neighbour works.
func (st *step) failedSoftly(s *keepwatch.Series, o *keepwatch.Observation) {
	f := keepwatch.Failure{Outcome: o.Outcome, Connectivity: o.Connectivity}
	if detect.Proven(f) && pointOf(o) == "" {
		st.hood(o).failed(o.Credential, o.Outcome, o.At)
	}
	if e := st.book().refusal(s.ID); e != nil {
		s.OKStreak = 0
		st.retryRefused(s, e.member(s.ID).Outcome)
		st.obeyThrottle(s, o)
		return // a soft failure neither ends nor hides a refusal
	}
	st.fail(s, o)
	if key := KeyOf(o); st.known(s, o, key) {
		s.BurstSince, s.Confirming = time.Time{}, ""
		st.obeyThrottle(s, o)
		return
	}
	if s.BurstSince.IsZero() {
		s.BurstSince = o.At
	}
	st.judgeBurst(s, o)
}

// known deals with a failure whose cause is open already: a member goes on
// failing, another credential joins without a burst of its own.
func (st *step) known(s *keepwatch.Series, o *keepwatch.Observation, key string) bool {
	e := st.book().byKey[key]
	if e == nil || !e.RestoredAt.IsZero() {
		return false // what only waits for its effects is over: a new failure needs its own burst
	}
	if e.holds(s.ID) {
		follow(s, o)
		st.book().raise(e, st.grievance(s, o))
		return true
	}
	if !detect.Proven(s.Failures[len(s.Failures)-1]) {
		return false
	}
	st.fails(s, o, ReasonSameCause, name(s)+" fails in the same way.")
	return true
}

// judgeBurst decides what the failures since the burst began amount to.
func (st *step) judgeBurst(s *keepwatch.Series, o *keepwatch.Observation) {
	p := st.policy
	b := detect.BurstOf(s.Failures, s.BurstSince, p.SoftConfirmOver)
	if !b.Enough {
		st.doubt(s, o)
		if st.everybodyFails(s, o) {
			return
		}
		st.confirmSoon(s, o)
		if pointOf(o) == "" && detect.Proven(s.Failures[len(s.Failures)-1]) {
			st.wantWitness(s, o)
		}
		return
	}
	since := s.BurstSince
	s.BurstSince, s.Confirming = time.Time{}, ""
	reason := ""
	if b.Proven {
		reason = st.burstOpens(s, o, b, since)
	}
	switch {
	case !b.Proven:
		st.blinded(s, o)
	case reason != "":
		st.openBurst(s, o, b, reason)
	default:
		st.doubt(s, o)
		s.Confirming = ""
	}
	st.obeyThrottle(s, o)
}

// blinded: we could not reach anything else either, so the failures say nothing
// about the credential, and nothing about its place that we could prove.
func (st *step) blinded(s *keepwatch.Series, o *keepwatch.Observation) {
	if !ended(s) {
		setState(s, keepwatch.StateUnknown, o.Outcome, o.At)
	}
}

// burstOpens counts the burst and names the reason why it is enough, or "". A
// neighbour that was proven within the burst says that it is not everybody's
// trouble: then runs of the schedule must repeat it, over more time than a bad
// connection lasts.
func (st *step) burstOpens(s *keepwatch.Series, o *keepwatch.Observation, b detect.Burst, since time.Time) string {
	if b.Planned {
		s.SoftRuns++
	}
	confirm := b.Outcome.Info().Confirm
	// What works for a neighbour says nothing of an integration point.
	contradicted := pointOf(o) == "" && detect.Contradicted(st.hood(o).LastOK, o.Credential, since)
	switch {
	case contradicted && o.At.Sub(s.FirstFailedAt) < st.policy.ContradictedOver:
		return ""
	case confirm == keepwatch.ConfirmBurst && !contradicted:
		return ReasonBurst
	case s.SoftRuns >= detect.RunsNeeded(confirm, st.policy.failAfter(o.Credential), contradicted):
		return ReasonRuns
	}
	return ""
}

// openBurst opens under the burst's own outcome, which may differ from the last
// run's.
func (st *step) openBurst(s *keepwatch.Series, o *keepwatch.Observation, b detect.Burst, reason string) {
	told := *o
	if told.Outcome != b.Outcome {
		told.Outcome, told.Message, told.Hint, told.Evidence = b.Outcome, "", "", ""
	}
	detail := fmt.Sprintf("%s in a row, with our own connectivity proven, over %s.", count(keepwatch.SoftConfirmCount, "failure")+" or more", span(s.FirstFailedAt, o.At))
	if reason == ReasonRuns {
		detail = fmt.Sprintf("%s of the schedule ended in a burst of failures, over %s.", count(s.SoftRuns, "run"), span(s.FirstFailedAt, o.At))
	}
	st.fails(s, &told, reason, detail)
}

// everybodyFails opens a platform or tenant incident on the failures of several
// credentials together, where each alone has not failed for long enough yet.
func (st *step) everybodyFails(s *keepwatch.Series, o *keepwatch.Observation) bool {
	info := o.Outcome.Info()
	if info.Confirm != keepwatch.ConfirmBurst || pointOf(o) != "" {
		return false
	}
	c := st.hood(o).crowd(info.Scope, o.At)
	if !c.Burst(st.policy.SoftConfirmOver) {
		return false
	}
	s.BurstSince, s.Confirming = time.Time{}, ""
	st.fails(s, o, ReasonNeighbours, fmt.Sprintf("%d of %d credentials that were seen failed within %s.", c.Failing, c.Seen, span(c.Since, c.Last)))
	st.obeyThrottle(s, o)
	return true
}

// confirmSoon plans the next run of a burst, or of the proofs that end flapping:
// only where the schedule would not come sooner, and not before a throttle ends.
func (st *step) confirmSoon(s *keepwatch.Series, o *keepwatch.Observation) {
	at := wholeSecond(later(o.At.Add(st.policy.SoftConfirmEvery), st.now))
	wait := st.throttle(o)
	if wait > 0 {
		at = later(at, wholeSecond(st.now.Add(wait)))
	}
	regular := s.NextProofAt.After(st.now) && !s.NextProofAt.After(at)
	if wait == 0 && (regular || (s.PlannedGap > 0 && s.PlannedGap <= st.policy.SoftConfirmEvery)) {
		return
	}
	st.plan(s, at, keepwatch.ReasonConfirm)
}

// obeyThrottle keeps the next regular run from coming before SFMC allows it.
func (st *step) obeyThrottle(s *keepwatch.Series, o *keepwatch.Observation) {
	wait := st.throttle(o)
	if at := st.now.Add(wait); wait > 0 && s.NextProofAt.Before(at) && !st.never(s) {
		st.plan(s, at, keepwatch.ReasonRetry)
	}
}

func (st *step) throttle(o *keepwatch.Observation) time.Duration {
	return detect.Throttled(o.Outcome, o.RetryAfter, st.policy.BlockedPause)
}

// never reports whether the step has put the check off for good.
func (st *step) never(s *keepwatch.Series) bool {
	p, ok := st.plans[s.Check]
	return ok && p.At.Equal(detect.Never)
}
