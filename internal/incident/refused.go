package incident

import (
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// refusedBy lifts a refusal: a clear answer that asking again does not change. It
// is confirmed once, in place of counting, and then left alone for longer and
// longer, because hammering a refused credential is the monitor's own harm.
func (st *step) refusedBy(s *keepwatch.Series, o *keepwatch.Observation) {
	earlier := s.Failures
	st.fail(s, o)
	s.BurstSince, s.SoftRuns = time.Time{}, 0 // SFMC answered: whatever failed softly before is over
	if o.Source == keepwatch.SourceTest {
		s.RefusalTries = detect.Within(s.RefusalTries, o.At, 24*time.Hour, o.At)
	}
	if e := st.book().refusal(s.ID); e != nil && accepts(e, o) {
		st.refusedAgain(s, o, e)
		return
	}
	switch {
	case o.Outcome.Info().Confirm == keepwatch.ConfirmAtOnce:
		st.fails(s, o, ReasonFirstRefusal, "Refused once; asking again by itself could lock the user.")
	case st.sharedIsOpen(o):
		st.fails(s, o, ReasonSameCause, name(s)+" is refused in the same way.")
	case o.Count > 1 || st.confirms(s, earlier, o):
		st.fails(s, o, ReasonConfirmedRefusal, "Refused again "+span(s.FirstFailedAt, o.At)+" after the first refusal, with no proof between.")
	default:
		st.doubt(s, o)
		st.confirmRefusal(s, o)
		return
	}
	s.Confirming, s.Refusals = "", 0
	st.retryRefused(s, o.Outcome)
	if o.Outcome.Info().Scope == keepwatch.ScopeCredential && pointOf(o) == "" {
		st.refused = append(st.refused, NeighbourhoodKey{Tenant: o.Tenant, Place: o.Place})
	}
}

// accepts reports whether an open refusal is the one that an observation repeats,
// be it the credential's own incident or the one of all credentials of a place.
func accepts(e *entry, o *keepwatch.Observation) bool {
	return e.Key == KeyOf(o) || e.Key == everywhereKey(o.Place, o.Tenant, o.Outcome)
}

// sharedIsOpen reports whether a refusal that belongs to the place, not to one
// credential, is known already. A further credential needs no second try then.
func (st *step) sharedIsOpen(o *keepwatch.Observation) bool {
	e := st.book().byKey[KeyOf(o)]
	return (pointOf(o) != "" || o.Outcome.Info().Scope == keepwatch.ScopePlace) && e != nil && e.RestoredAt.IsZero()
}

// changedAt is when the credential was changed, as far as that may explain a
// refusal: what was proven since has propagated.
func changedAt(s *keepwatch.Series, o *keepwatch.Observation) time.Time {
	if !s.LastProvenAt.Before(o.ChangedAt) {
		return time.Time{}
	}
	return o.ChangedAt
}

func (st *step) confirms(s *keepwatch.Series, earlier []keepwatch.Failure, o *keepwatch.Observation) bool {
	scope := o.Outcome.Info().Scope
	same := func(x keepwatch.Outcome) bool { return x.Hard() && x.Info().Scope == scope }
	return detect.RefusalConfirmed(earlier, o.At, changedAt(s, o), st.policy.ChangeWindow, st.policy.Propagation, same)
}

// refusedAgain is a further try that was refused: one step on in the back-off.
func (st *step) refusedAgain(s *keepwatch.Series, o *keepwatch.Observation, e *entry) {
	s.Refusals++
	if o.Reason == keepwatch.ReasonChanged {
		s.Refusals = 0 // what was changed is new: the waits begin again
	}
	before := s.Outcome
	follow(s, o)
	if m := e.member(s.ID); m.Outcome != o.Outcome {
		st.book().change(e, st.grievance(s, o), "It was "+string(m.Outcome)+" before.")
	}
	if before != o.Outcome && e.Scope == keepwatch.ScopeCredential {
		st.refused = append(st.refused, NeighbourhoodKey{Tenant: o.Tenant, Place: o.Place})
	}
	st.retryRefused(s, o.Outcome)
	st.awaitPropagation(s, o)
}

// confirmRefusal plans the second look at a first refusal.
func (st *step) confirmRefusal(s *keepwatch.Series, o *keepwatch.Observation) {
	p := st.policy
	wait := detect.ConfirmationWait(o.At, changedAt(s, o), o.Gap, p.HardConfirm, p.ChangeWindow, p.Propagation)
	st.plan(s, later(o.At.Add(wait), st.now), keepwatch.ReasonConfirm)
}

// retryRefused plans the next try at a refused credential: by back-off, under the
// daily cap, or never by itself where a try may lock the user. Whatever a run at
// a refused credential finds, it ends here, since claiming it put the check back
// on its regular grid.
func (st *step) retryRefused(s *keepwatch.Series, refusal keepwatch.Outcome) {
	if refusal.Info().Confirm == keepwatch.ConfirmAtOnce {
		st.plan(s, detect.Never, keepwatch.ReasonRetry)
		return
	}
	at := st.now.Add(detect.RefusalWait(st.policy.RefusalBackoff, s.Refusals))
	at = detect.UnderDailyCap(at, s.RefusalTries, st.policy.MaxTriesPerDay)
	st.plan(s, at, keepwatch.ReasonRetry)
}

// awaitPropagation brings the next try forward after a change of a refused
// credential: SFMC may need five minutes to know the new secret, and the people
// who rotated it are waiting.
func (st *step) awaitPropagation(s *keepwatch.Series, o *keepwatch.Observation) {
	changed := changedAt(s, o)
	known := changed.Add(st.policy.Propagation)
	if detect.Propagating(o.At, changed, st.policy.Propagation) && known.After(st.now) && !st.never(s) && known.Before(s.NextProofAt) {
		st.plan(s, known, keepwatch.ReasonRetry)
	}
}

// doubt marks a failure that is not confirmed: what worked is degraded, what was
// not known stays unknown, what failed goes on failing.
func (st *step) doubt(s *keepwatch.Series, o *keepwatch.Observation) {
	if !s.Confirming.Hard() || o.Outcome.Hard() {
		s.Confirming = o.Outcome // a soft failure does not hide a refusal that waits to be confirmed
	}
	switch s.State {
	case keepwatch.StateHealthy, keepwatch.StateDegraded:
		setState(s, keepwatch.StateDegraded, o.Outcome, o.At)
	case keepwatch.StateUnknown, "":
		setState(s, keepwatch.StateUnknown, o.Outcome, o.At)
	}
}

// fails is a confirmed failure: the state follows the table, and the series
// becomes a member of the incident of its cause, which opens unless it is open.
func (st *step) fails(s *keepwatch.Series, o *keepwatch.Observation, reason, detail string) {
	book, key := st.book(), KeyOf(o)
	if everywhere := book.byKey[everywhereKey(o.Place, o.Tenant, o.Outcome)]; everywhere != nil && everywhere.RestoredAt.IsZero() && pointOf(o) == "" {
		key, reason = everywhere.Key, ReasonSameCause
	}
	follow(s, o)
	before := book.memberships(s.ID)
	e := book.byKey[key]
	switch {
	case e == nil:
		e = book.open(key, st.grievance(s, o), reason, detail)
	case !e.holds(s.ID):
		book.join(e, st.grievance(s, o), reason, detail)
	}
	st.supersede(s, o, before, e)
	if e.Key == credentialKey(o.Credential) {
		st.absorbExpired(o)
	}
}

// follow moves the state to what a confirmed failure makes of it. What fails goes
// on failing, even where the new outcome alone would only be degraded: it ends by
// a proof.
func follow(s *keepwatch.Series, o *keepwatch.Observation) {
	state := o.Outcome.Info().State
	if ended(s) && state != keepwatch.StateFailing && state != keepwatch.StateExpired {
		state = s.State
	}
	setState(s, state, o.Outcome, o.At)
}

// supersede ends what the series was a member of before: one cause on one
// credential is one incident. A refusal that turned into another cause is merged
// into it; of a shared incident only this member leaves.
func (st *step) supersede(s *keepwatch.Series, o *keepwatch.Observation, before []*entry, by *entry) {
	for _, e := range before {
		if e == by || !e.holds(s.ID) {
			continue
		}
		detail := name(s) + " now fails otherwise: " + o.Outcome.Info().Meaning + "."
		if e.Active() == 1 && e.Scope == keepwatch.ScopeCredential {
			st.book().merge(e, by, ReasonSuperseded, detail)
			continue
		}
		st.book().carry(e, by, func(ef *keepwatch.Effect) bool { return lasts(ef) && ef.Credential == o.Credential })
		st.book().leave(e, s.ID, o.At, ReasonSuperseded, detail)
	}
}

func (st *step) grievance(s *keepwatch.Series, o *keepwatch.Observation) grievance {
	since := s.FirstFailedAt
	if since.IsZero() {
		since = o.At
	}
	return grievance{observation: o, outcome: o.Outcome, provenAt: s.LastProvenAt, since: since}
}
