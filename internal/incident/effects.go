package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// isEffect reports an outcome that a judge of SFMC's own counters finds.
func isEffect(o keepwatch.Outcome) bool {
	info := o.Info()
	return info.Confirm == keepwatch.ConfirmJudged && info.Scope == keepwatch.ScopeEffect
}

// Peer reports whether a series is among those that rules compare with each other. A
// reading that says that all is well is not: a tenant may have thousands. One that says
// that somebody stopped the thing is, because what hangs on it will miss it.
func Peer(s *keepwatch.Series) bool {
	return s.Watch == nil || isEffect(s.Outcome) || selfMade(s)
}

// watched lifts a reading of a subject's counters. The judge has waited by itself until
// chance was ruled out, so nothing is confirmed here, and a reading is neither proof nor
// neighbour. What it means for incidents comes once everything is lifted, since in one
// step the cause may follow its effects.
func (st *step) watched(s *keepwatch.Series, o *keepwatch.Observation) {
	v := &o.Watch.Verdict
	effect := isEffect(o.Outcome)
	switch {
	case effect:
		if s.FirstFailedAt.IsZero() {
			s.FirstFailedAt = o.At
		}
		s.OKStreak = 0
		setState(s, o.Outcome.Info().State, o.Outcome, o.At)
	case v.Outcome == "":
		st.unjudged(s, o)
	case v.Learning != "": // it flows, but that it stopped could not be said for a long time
		s.FirstFailedAt = time.Time{}
		setState(s, keepwatch.StateUnknown, keepwatch.OK, o.At)
	default:
		s.LastProvenAt, s.FirstFailedAt = later(o.At, s.LastProvenAt), time.Time{}
		s.OKStreak++
		setState(s, keepwatch.StateHealthy, keepwatch.OK, o.At)
	}
	if effect || len(st.view.Open) > 0 {
		st.judged = append(st.judged, st.index[s.ID])
	}
}

// unjudged lifts a reading of which nothing can be said: unknown, and no sign that an
// effect has ended. One that cannot be judged for as long as effects may take to catch up
// is given up.
func (st *step) unjudged(s *keepwatch.Series, o *keepwatch.Observation) {
	outcome := s.Outcome
	if !isEffect(outcome) || (s.State == keepwatch.StateUnknown && o.At.Sub(s.Since) >= st.policy.CatchUp) {
		outcome = keepwatch.OK
	}
	setState(s, keepwatch.StateUnknown, outcome, o.At)
}

// summary reports how a look at counters went as a whole.
func summary(o *keepwatch.Observation) bool {
	return o.Watch == nil && strings.HasPrefix(string(o.Check), string(keepwatch.CheckEffects)+":")
}

// blindFor is how long counters could not be read before somebody is told: what they say is
// unknown at once, and a few bad answers of SFMC are nobody's news.
const blindFor = 2 * time.Hour

// summed lifts a summary. Looks that could not be made for blindFor, four at least, are trouble
// of the monitor, one for each business unit, unless an open incident says already why nothing
// can be read.
func (st *step) summed(s *keepwatch.Series, o *keepwatch.Observation, again bool) {
	switch {
	case o.Outcome == keepwatch.OK:
		s.LastProvenAt, s.FirstFailedAt = later(o.At, s.LastProvenAt), time.Time{}
		setState(s, keepwatch.StateHealthy, keepwatch.OK, o.At)
		return
	case o.Outcome == keepwatch.MonitorFault && !again:
		s.FirstFailedAt = o.At
		return
	}
	setState(s, keepwatch.StateUnknown, o.Outcome, o.At)
	if o.Outcome != keepwatch.MonitorFault {
		return // not knowing is not healthy, whatever it is called
	}
	if s.FirstFailedAt.IsZero() {
		s.FirstFailedAt = o.At
	}
	if o.At.Sub(s.FirstFailedAt) < max(blindFor, 4*o.Gap) || st.explained(o) {
		return
	}
	key, g := KeyOf(o), grievance{observation: o, outcome: o.Outcome, provenAt: s.LastProvenAt, since: s.FirstFailedAt}
	detail := "The counters could not be read since " + clock(s.FirstFailedAt) + "."
	switch e := st.book().byKey[key]; {
	case e == nil:
		st.book().open(key, g, ReasonCannotLook, detail)
	case !e.holds(s.ID):
		st.book().join(e, g, ReasonCannotLook, detail)
	}
}

// explained reports whether an open incident tells why counters cannot be read: SFMC or
// the way to it fails, or a credential that the look names as its reader is refused.
func (st *step) explained(o *keepwatch.Observation) bool {
	return slices.ContainsFunc(st.book().entries, func(e *entry) bool {
		switch {
		case e.Status != keepwatch.IncidentOpen || e.Active() == 0:
			return false
		case e.Scope == keepwatch.ScopePlatform:
			return true
		case (e.Scope == keepwatch.ScopePlace || e.Scope == keepwatch.ScopeTenant) && e.Tenant == o.Tenant:
			return true
		}
		return slices.ContainsFunc(e.Members, func(m keepwatch.Member) bool {
			return m.EndedAt.IsZero() && blames(&e.Incident, &m) && failedReader(o, m.Credential)
		})
	})
}

// readerStep begins the name of the step in which a look gets its reader's token.
const readerStep = "token:"

// failedReader reports whether a look failed because a credential could not read for it,
// and no other could either.
func failedReader(o *keepwatch.Observation, id keepwatch.CredentialID) bool {
	failed := false
	for i := range o.Steps {
		reader, ok := strings.CutPrefix(o.Steps[i].Name, readerStep)
		switch {
		case !ok:
		case o.Steps[i].Outcome == keepwatch.OK:
			return false
		case reader == string(id):
			failed = true
		}
	}
	return failed
}

// effectOf is a verdict as an incident holds it.
func effectOf(s *keepwatch.Series) keepwatch.Effect {
	w := s.Watch
	v := &w.Verdict
	ef := keepwatch.Effect{
		Series: s.ID, Subject: w.Subject, Aspect: w.Aspect, Outcome: s.Outcome, Since: v.Since, NoticedAt: v.Noticed,
		Evidence: clip(cmp.Or(s.Last.Message, v.Evidence), maxEvidence), Confidence: v.Confidence, OnOutage: w.Expect.OnOutage,
	}
	if ef.NoticedAt.IsZero() {
		ef.NoticedAt = s.FirstFailedAt
	}
	if ef.Since.IsZero() || ef.Since.After(ef.NoticedAt) {
		ef.Since = ef.NoticedAt
	}
	return ef
}

// maxEvidence keeps an incident with thousands of effects at a size that can be stored.
const maxEvidence = 300

// effectSeverity is how loud an effect is: what is worth a ticket and nobody's night is a
// warning at most.
func effectSeverity(s *keepwatch.Series) keepwatch.Severity {
	severity := s.Outcome.Info().Severity
	if severity == keepwatch.SeverityCritical && !s.Watch.Verdict.Page {
		return keepwatch.SeverityWarning
	}
	return severity
}

// effects follows what was judged in this step, and what follows for other effects from
// causes that were found in it.
func (st *step) effects() {
	if len(st.judged) == 0 && (st.ledger == nil || len(st.ledger.byEffect) == 0) {
		return
	}
	book := st.book()
	failing := st.sort(book)
	if len(failing) > 0 || (book.blamed && len(book.byEffect) > 0) {
		q := st.inquire(book)
		for _, s := range failing {
			q.judge(s)
		}
		if book.blamed || q.placed {
			q.settle()
		}
		q.conclude()
	}
	for _, e := range book.entries {
		book.tellAffected(e)
		book.tellGone(e)
	}
}

// sort ends the effects of what works again and returns those that are judged to fail,
// nearest to the root first.
func (st *step) sort(book *ledger) []*keepwatch.Series {
	slices.Sort(st.judged)
	var failing []*keepwatch.Series
	for _, i := range slices.Compact(st.judged) {
		s := &st.series[i]
		e := book.byEffect[s.ID]
		switch {
		case isEffect(s.Last.Outcome):
			failing = append(failing, s)
		case e == nil || isEffect(s.Outcome):
		case s.Watch.Verdict.Outcome == "":
			book.part(e, s.ID, s.LastAt, ReasonUnjudged)
		default:
			book.part(e, s.ID, cameBack(s, e.effect(s.ID)), ReasonCaughtUp)
		}
	}
	slices.SortFunc(failing, func(a, b *keepwatch.Series) int {
		return cmp.Or(cmp.Compare(depth(a.Watch), depth(b.Watch)), cmp.Compare(a.ID, b.ID))
	})
	return failing
}

// cameBack is when something works again: at the look that saw it, or where an automation
// fills a data extension at one moment and a column says when, at that moment. Rows that were
// only updated may keep the time that they had.
func cameBack(s *keepwatch.Series, ef *keepwatch.Effect) time.Time {
	x := s.Watch.Reading.Extension
	if x == nil || s.Watch.Expect.FedBy == "" || !x.Newest.After(ef.NoticedAt) || x.Newest.After(s.LastAt) {
		return s.LastAt
	}
	return x.Newest
}

// depth is how far a subject is from the credentials that it hangs on.
func depth(w *keepwatch.Watch) int {
	deepest := 0
	for _, u := range w.Upstream {
		deepest = max(deepest, len(u.Via))
	}
	return deepest
}
