package incident

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// confirmedAbove is the confidence that only evidence of two independent kinds reaches;
// below it a cause is suspected.
const confirmedAbove = 0.9

// maxCauses is how many candidates an incident names.
const maxCauses = 8

// maxAsked is how many effects are asked for the causes of their incident: more of them
// say nothing new.
const maxAsked = 50

// kinds of evidence, as bits. One counter that falls silent may be wrong; two that have
// nothing to do with each other are not wrong at the same time.
type kinds uint8

const (
	byProbe kinds = 1 << iota // a credential's own test
	byTraffic
	byJourneys
	byExtensions
	byAutomations
	bySends
	byAudit // who changed what
)

func kindOf(s keepwatch.SubjectKind) kinds {
	switch s {
	case keepwatch.SubjectJourney:
		return byJourneys
	case keepwatch.SubjectDataExtension:
		return byExtensions
	case keepwatch.SubjectAutomation:
		return byAutomations
	}
	return bySends
}

// candidate is a cause with the kinds of evidence that speak for it.
type candidate struct {
	keepwatch.Cause
	by kinds
}

// graded keeps a candidate that rests on one kind of evidence below confirmed.
func (c candidate) graded() candidate {
	limit := 0.98
	if bits.OnesCount8(uint8(c.by)) < 2 {
		limit = confirmedAbove
	}
	c.Confidence = min(c.Confidence, limit)
	return c
}

// order is which of two causes with equal confidence is named first.
var order = []keepwatch.CauseKind{
	keepwatch.CauseStopped, keepwatch.CauseDeactivated, keepwatch.CauseInactive, keepwatch.CauseCredential, keepwatch.CausePlatform,
	keepwatch.CauseAutomation, keepwatch.CauseEmptyImport, keepwatch.CauseStaleUpstream, keepwatch.CauseBadEvents, keepwatch.CauseActivity,
	keepwatch.CauseHolderSilent, keepwatch.CausePlace, keepwatch.CauseUnknown,
}

func byConfidence(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
		cmp.Compare(a.Credential, b.Credential), cmp.Compare(a.Subject, b.Subject))
}

// rank lists what may have caused an effect, the likeliest first and the unknown last.
func (q *inquiry) rank(ef *keepwatch.Effect, s *keepwatch.Series) []candidate {
	found := ownCauses(s, q.before(s))
	certain := selfMade(s)
	own := len(found)
	if up, ok := q.upstream(ef, s); ok {
		found = append(found, up)
	}
	found = append(found, q.ofCredentials(ef, s)...)
	found = append(found, q.around(ef, s.Tenant)...)
	for i := range found {
		if i >= own && certain {
			found[i].Confidence = min(found[i].Confidence, 0.5)
		}
		found[i] = found[i].graded()
	}
	slices.SortStableFunc(found, byConfidence)
	return append(found, unknown())
}

func unknown() candidate {
	return candidate{Cause: keepwatch.Cause{Kind: keepwatch.CauseUnknown, Confidence: 0.1, Evidence: "Nothing that Keepwatch watches explains it."}}
}

// before is the reading before the one that this step brought, nil where that is not known.
func (q *inquiry) before(s *keepwatch.Series) *keepwatch.Watch {
	if _, worked := q.st.index[s.ID]; !worked {
		return nil
	}
	return q.st.view.Series[s.ID].Watch
}

// upstream is the cause that stands on the way to the subject and has stopped as well.
func (q *inquiry) upstream(ef *keepwatch.Effect, s *keepwatch.Series) (candidate, bool) {
	id := q.above(ef, s)
	if id == "" {
		return q.restingAbove(s)
	}
	up := q.watches[id]
	w := up.Watch
	held := q.book.byEffect[id].effect(id)
	c := candidate{by: kindOf(s.Watch.Subject.Kind) | kindOf(w.Subject.Kind), Cause: keepwatch.Cause{
		Kind: keepwatch.CauseStaleUpstream, Credential: held.Credential, Subject: w.Subject.ID(), At: held.Since, Confidence: 0.85,
		Evidence: hangs(w, "has brought nothing new", held.Since, s.Watch),
	}}
	if w.Subject.Kind != keepwatch.SubjectAutomation {
		return c, true
	}
	c.Kind, c.Confidence = keepwatch.CauseAutomation, 0.93
	c.Evidence = hangs(w, "has not run as planned", held.Since, s.Watch)
	if up.Outcome == keepwatch.ImportEmpty {
		c.Kind, c.Confidence = keepwatch.CauseEmptyImport, 0.75
		c.Evidence = hangs(w, "runs and has imported nothing", held.Since, s.Watch)
		if imports(w, s.Watch.Subject) {
			c.Confidence = 0.93
		}
	}
	for _, own := range ownCauses(up, nil) {
		c.Kind, c.By, c.At, c.Evidence = own.Kind, own.By, own.At, fmt.Sprintf("%s: %s", w.Subject, own.Evidence)
		c.by |= own.by
	}
	return c, true
}

// restingAbove: what feeds the subject was stopped by somebody, so that nothing is missed
// there, only here.
func (q *inquiry) restingAbove(s *keepwatch.Series) (candidate, bool) {
	for _, id := range way(s.Watch) {
		up := q.resting[onTheWay(s.Tenant, id)]
		if up == nil || id == s.Watch.Subject.ID() {
			continue
		}
		c := ownCauses(up, nil)[0]
		c.Subject, c.Evidence = id, fmt.Sprintf("%s: %s", up.Watch.Subject, c.Evidence)
		c.by |= kindOf(s.Watch.Subject.Kind)
		return c, true
	}
	return candidate{}, false
}

func hangs(up *keepwatch.Watch, what string, since time.Time, down *keepwatch.Watch) string {
	return fmt.Sprintf("%s %s since %s, and %s hangs on it.", clip(up.Subject.String(), maxSubject), what, clock(since), clip(down.Subject.String(), maxSubject))
}

// imports reports whether one of an automation's imports fills a data extension.
func imports(w *keepwatch.Watch, target keepwatch.Subject) bool {
	return w.Reading.Automation != nil && slices.ContainsFunc(w.Reading.Automation.Imports, func(i keepwatch.ImportReading) bool { return i.Target == target.Key })
}

// ofCredentials are the causes that have to do with the credentials above the subject.
func (q *inquiry) ofCredentials(ef *keepwatch.Effect, s *keepwatch.Series) []candidate {
	var found []candidate
	seen := map[keepwatch.CredentialID]bool{}
	for _, u := range s.Watch.Upstream {
		if seen[u.Credential] {
			continue
		}
		seen[u.Credential] = true
		if c, ok := q.failing(ef, s, &u); ok {
			found = append(found, c)
		} else if c, ok := q.silent(ef, s, &u); ok {
			found = append(found, c)
		}
	}
	return found
}

// failing: the credential was refused when the effect began, or is not proven now.
func (q *inquiry) failing(ef *keepwatch.Effect, s *keepwatch.Series, u *keepwatch.Upstream) (candidate, bool) {
	c := candidate{by: byProbe | kindOf(s.Watch.Subject.Kind), Cause: keepwatch.Cause{Kind: keepwatch.CauseCredential, Credential: u.Credential}}
	for i := range q.outages[u.Credential] {
		x := &q.outages[u.Credential][i]
		if !x.covers(ef, s.Tenant) {
			continue
		}
		c.At, c.Confidence = x.from, 0.85
		c.Evidence = fmt.Sprintf("%s failed (%s)%s until %s; the last sign of life was at %s.", u.Credential, x.outcome, since(x.from), clock(x.to), clock(ef.Since))
		if x.to.IsZero() {
			c.Confidence, c.Evidence = 0.93, fmt.Sprintf("%s fails (%s)%s.", u.Credential, x.outcome, since(x.from))
		}
	}
	if c.Confidence > 0 {
		return c, true
	}
	own := q.own[u.Credential]
	if own == nil {
		c.At, c.Confidence, c.by = ef.Since, 0.3, kindOf(s.Watch.Subject.Kind)
		c.Evidence = fmt.Sprintf("%s is not tested, and nothing has come through it since %s.", u.Credential, clock(ef.Since))
		return c, silence(ef.Outcome) && !automated(s.Watch, u) && q.traffic[u.Credential] == nil
	}
	c.At = own.FirstFailedAt
	switch {
	case ended(own):
		c.Confidence, c.Evidence = 0.9, fmt.Sprintf("%s fails: %s.", u.Credential, own.Outcome.Info().Meaning)
	case own.Confirming != "" && own.Confirming.Hard():
		c.Confidence, c.Evidence = 0.75, fmt.Sprintf("%s was refused at %s and is being asked again.", u.Credential, clock(own.FirstFailedAt))
	case own.Confirming != "" && own.Confirming.Soft():
		c.Confidence, c.Evidence = 0.5, fmt.Sprintf("%s failed at %s (%s), which is being confirmed.", u.Credential, clock(own.FirstFailedAt), own.Confirming)
	case own.StateAt(q.st.now) == keepwatch.StateUnknown:
		c.Confidence, c.Evidence = 0.35, fmt.Sprintf("%s is not proven%s.", u.Credential, since(own.LastProvenAt))
	default:
		return c, false
	}
	return c, true
}

// silent: the credential works, nothing on the way has stopped, and nothing comes. Then
// whoever holds the credential does not call. Other things that hang on it and fell
// silent, too, say the same.
func (q *inquiry) silent(ef *keepwatch.Effect, s *keepwatch.Series, u *keepwatch.Upstream) (candidate, bool) {
	own, calls := q.own[u.Credential], q.traffic[u.Credential]
	if !silence(ef.Outcome) || automated(s.Watch, u) || (own == nil && calls == nil) {
		return candidate{}, false
	}
	c := candidate{by: kindOf(s.Watch.Subject.Kind), Cause: keepwatch.Cause{Kind: keepwatch.CauseHolderSilent, Credential: u.Credential, At: ef.Since, Confidence: 0.4}}
	proof := ""
	if own != nil {
		c.by |= byProbe
		proof = fmt.Sprintf("%s works (proven at %s), and ", u.Credential, clock(own.LastProvenAt))
		if own.LastProvenAt.After(ef.Since) {
			c.Confidence = 0.5
		}
	}
	switch {
	case calls == nil:
		c.Evidence = fmt.Sprintf("%snothing has come through it since %s.", proof, clock(ef.Since))
	case calls.LastProvenAt.After(ef.Since):
		c.Confidence, c.by = 0.2, c.by|byTraffic
		c.Evidence = fmt.Sprintf("%sthe holder of %s calls (last at %s), yet nothing has come of it since %s.", proof, u.Credential, clock(calls.LastProvenAt), clock(ef.Since))
	default:
		c.Confidence, c.by = 0.92, c.by|byTraffic
		c.Evidence = fmt.Sprintf("%sthe holder of %s has not called since %s.", proof, u.Credential, clock(calls.LastAt))
	}
	if q.noAttempt(s) && c.Confidence >= 0.4 {
		c.Confidence = max(c.Confidence, 0.7)
		c.Evidence += " SFMC counts no attempt either."
	}
	return c, true
}

// noAttempt reports that SFMC's own count of tries to enter a journey stands still.
func (q *inquiry) noAttempt(s *keepwatch.Series) bool {
	before := q.before(s)
	if before == nil || before.Reading.Journey == nil || s.Watch.Reading.Journey == nil {
		return false
	}
	old, now := before.Reading.Journey.Attempted, s.Watch.Reading.Journey.Attempted
	return old != nil && now != nil && *old == *now
}

// silence are the effects that show as nothing coming.
func silence(o keepwatch.Outcome) bool {
	return o == keepwatch.JourneyStalled || o == keepwatch.DataStale || o == keepwatch.VolumeDropped
}

// automated reports that an automation stands between the credential and the subject: it
// calls, not a holder. What a journey only reads does not feed it.
func automated(w *keepwatch.Watch, u *keepwatch.Upstream) bool {
	if w.Expect.FedBy != "" || w.Reading.Journey != nil && w.Reading.Journey.Automation != "" {
		return true
	}
	return slices.ContainsFunc(u.Via, func(id string) bool { return strings.HasPrefix(id, string(keepwatch.SubjectAutomation)+"/") })
}

// around are the incidents of what everybody shares.
func (q *inquiry) around(ef *keepwatch.Effect, tenant keepwatch.TenantID) []candidate {
	var found []candidate
	for _, e := range q.book.entries {
		if e.Status != keepwatch.IncidentOpen || ef.NoticedAt.Before(e.LastProvenAt) || (!e.RestoredAt.IsZero() && ef.Since.After(e.RestoredAt)) {
			continue
		}
		switch {
		case e.Scope == keepwatch.ScopePlatform:
			found = append(found, candidate{by: byProbe, Cause: keepwatch.Cause{
				Kind: keepwatch.CausePlatform, At: e.FirstFailedAt, Confidence: 0.6, Evidence: "SFMC itself fails" + since(e.FirstFailedAt) + " (" + string(e.Outcome) + ").",
			}})
		case e.Scope == keepwatch.ScopePlace && e.Tenant == tenant:
			found = append(found, candidate{by: byProbe, Cause: keepwatch.Cause{
				Kind: keepwatch.CausePlace, At: e.FirstFailedAt, Confidence: 0.3,
				Evidence: "SFMC cannot be reached from " + string(e.Place) + since(e.FirstFailedAt) + " (" + string(e.Outcome) + "); others may have the same trouble.",
			}})
		}
	}
	return found
}

// causesOf are the candidates of all effects of an incident that last. A cause that
// several of them name is the likelier for it, and confirmed once their evidence is of two
// kinds.
func (q *inquiry) causesOf(e *entry) []keepwatch.Cause {
	var found []candidate
	asked := 0
	for i := range e.Effects {
		ef := &e.Effects[i]
		s := q.watches[ef.Series]
		if s == nil || !lasts(ef) || asked == maxAsked {
			continue
		}
		asked++
		for _, c := range q.rank(ef, s) {
			at := slices.IndexFunc(found, func(x candidate) bool { return sameCause(&x.Cause, &c.Cause) })
			switch {
			case at < 0:
				found = append(found, c)
			case c.Kind == keepwatch.CauseUnknown:
			default:
				x := &found[at]
				x.by |= c.by
				if both := max(x.Confidence, c.Confidence) + 0.05; c.Confidence > x.Confidence {
					x.Cause, x.Confidence = c.Cause, both
				} else {
					x.Confidence = both
				}
				*x = x.graded()
			}
		}
	}
	if !slices.ContainsFunc(found, func(c candidate) bool { return c.Kind == keepwatch.CauseUnknown }) {
		found = append(found, unknown())
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(compareBool(b.Kind == keepwatch.CauseUnknown, a.Kind == keepwatch.CauseUnknown), byConfidence(a, b))
	})
	if over := len(found) - maxCauses; over > 0 {
		found = append(found[:maxCauses-1], found[len(found)-1])
	}
	out := make([]keepwatch.Cause, len(found))
	for i, c := range found {
		out[i] = c.Cause
		out[i].Evidence = clip(c.Evidence, maxEvidence)
	}
	return out
}

// sentenceOf is the likeliest cause in words.
func sentenceOf(causes []keepwatch.Cause) string {
	if len(causes) == 0 {
		return unknown().Evidence
	}
	return causes[0].Evidence
}

func clock(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func atTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " at " + clock(t)
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + clock(t)
}
