package incident

import (
	"cmp"
	"time"

	"keepwatch"
)

// couldNotLook lifts a fault of Keepwatch itself. It says nothing about the
// credential: it fails nothing, proves nothing and, the second time in a row,
// makes the state unknown and opens an incident of the monitor.
func (st *step) couldNotLook(s *keepwatch.Series, o *keepwatch.Observation, again bool) {
	if e := st.book().refusal(s.ID); e != nil {
		st.retryRefused(s, e.member(s.ID).Outcome)
	} else if !again && (o.Gap == 0 || o.Gap > st.policy.HardConfirm) {
		st.lookSoon(s, o)
	}
	if !again {
		return
	}
	if besides(o.Check, o.Credential) && st.book().refusal(s.ID) == nil {
		st.planLook(s, o, st.now.Add(lookAgain)) // a day without a look could miss a rung
	}
	if !ended(s) {
		setState(s, keepwatch.StateUnknown, o.Outcome, o.At)
	}
	book, key := st.book(), KeyOf(o)
	if e := book.byKey[key]; e == nil {
		g := grievance{observation: o, outcome: o.Outcome, provenAt: s.LastProvenAt, since: o.At}
		book.open(key, g, ReasonCannotLook, "Keepwatch could not look twice in a row.")
	}
}

// lookAgain is the pace of looks that cannot be made, where the schedule comes once a day.
const lookAgain = time.Hour

// lookSoon plans the second look without moving NextProofAt: the proof that was
// planned is overdue, and it must age as such.
func (st *step) lookSoon(s *keepwatch.Series, o *keepwatch.Observation) {
	next := s.NextProofAt
	st.plan(s, later(o.At.Add(st.policy.HardConfirm), st.now), keepwatch.ReasonConfirm)
	s.NextProofAt = next
}

// lookedAgain ends the incident of the monitor: any answer shows that it can
// look, a refusal as well as a proof.
func (st *step) lookedAgain(s *keepwatch.Series, o *keepwatch.Observation) {
	for _, e := range st.book().memberships(s.ID) {
		if m := e.member(s.ID); m.Outcome == keepwatch.MonitorFault {
			st.book().leave(e, s.ID, o.At, ReasonLooked, "Keepwatch can look again.")
		}
	}
}

// reported lifts what the daemon says about itself: blindness, a configuration
// that cannot be read, a receiver that takes nothing. It waited long enough
// before it spoke, so nothing is confirmed here.
func (st *step) reported(s *keepwatch.Series, o *keepwatch.Observation) {
	if !ended(s) {
		setState(s, keepwatch.StateUnknown, o.Outcome, o.At)
	}
	if s.FirstFailedAt.IsZero() {
		s.FirstFailedAt = o.At
	}
	book, key := st.book(), KeyOf(o)
	switch e := book.byKey[key]; {
	case e == nil:
		book.open(key, st.grievance(s, o), ReasonReported, cmp.Or(o.Message, "Keepwatch reports trouble of its own."))
	case !e.holds(s.ID):
		book.join(e, st.grievance(s, o), ReasonSameCause, name(s)+" has the same trouble.")
	}
}
