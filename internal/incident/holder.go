package incident

import (
	"cmp"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// trouble is what is wrong with one holder's traffic; the zero value is nothing.
type trouble struct {
	outcome  keepwatch.Outcome
	severity keepwatch.Severity
	state    keepwatch.State
	since    time.Time
	reason   string
	detail   string
	message  string
	hint     string
	evidence string
}

func holderKey(o *keepwatch.Observation) string {
	return "holder:" + string(o.Credential) + ":" + cmp.Or(o.Traffic.Holder, "unknown")
}

// fares says how a holder fares, and opens, changes or ends its incident. A holder has
// one: what is gravest speaks.
func (st *step) fares(s, own *keepwatch.Series, o *keepwatch.Observation) {
	x := st.troubleOf(s, own, o)
	above := st.larger(own, o)
	if x.outcome == "" {
		st.holderWorks(s, o)
		return
	}
	setState(s, x.state, x.outcome, o.At)
	if s.FirstFailedAt.IsZero() {
		s.FirstFailedAt = x.since
	}
	book, key := st.book(), holderKey(o)
	e := book.byKey[key]
	if above != nil {
		if e != nil && e != above {
			book.merge(e, above, ReasonSuperseded, "The cause is larger than "+holderName(s)+": "+above.Outcome.Info().Meaning+".")
		}
		return
	}
	told := *o
	told.Outcome, told.Message, told.Hint, told.Evidence, told.Severity = x.outcome, x.message, x.hint, cmp.Or(x.evidence, o.Evidence), x.severity
	g := grievance{observation: &told, outcome: x.outcome, provenAt: s.LastProvenAt, since: x.since}
	switch {
	case e == nil:
		book.openAs(key, g, x.severity, x.reason, x.detail)
	case !e.RestoredAt.IsZero() || !e.holds(s.ID):
		book.join(e, g, x.reason, x.detail)
		e.Severity = x.severity
	case e.Outcome != x.outcome || gravity(x.severity) > gravity(e.Severity):
		book.changeTo(e, g, x.severity, "It was "+string(e.Outcome)+" before.")
	}
}

// holderWorks ends what was said of a holder.
func (st *step) holderWorks(s *keepwatch.Series, o *keepwatch.Observation) {
	since := s.FirstFailedAt
	s.FirstFailedAt = time.Time{}
	m := s.Traffic
	quiet := o.At.Sub(m.LastAt) > trafficQuiet
	switch {
	case quiet:
		setState(s, keepwatch.StateUnknown, keepwatch.OK, o.At)
	case m.Refused != nil: // it is refused, and not long enough yet
		s.FirstFailedAt = m.Refused.Since
		setState(s, keepwatch.StateDegraded, m.Refused.Outcome, o.At)
	case m.LastOK.IsZero() && s.State == keepwatch.StateUnknown:
		s.Outcome = keepwatch.OK // calls alone do not show that a token is granted
	default:
		setState(s, keepwatch.StateHealthy, keepwatch.OK, o.At)
	}
	if len(st.view.Open) == 0 && st.ledger == nil {
		return
	}
	for _, e := range st.book().memberships(s.ID) {
		if quiet {
			st.book().leave(e, s.ID, o.At, ReasonQuiet, holderName(s)+" has not called since "+clock(m.LastAt)+".")
			continue
		}
		if m.Refused != nil && m.Refused.Outcome == e.Outcome {
			continue // no success yet
		}
		st.book().leave(e, s.ID, o.At, ReasonTraffic, holderName(s)+" gets through again, "+span(since, o.At)+" after it began.")
	}
}

// troubleOf judges what is remembered of a holder, the gravest first.
func (st *step) troubleOf(s, own *keepwatch.Series, o *keepwatch.Observation) trouble {
	m := s.Traffic
	if o.At.Sub(m.LastAt) > trafficQuiet {
		return trouble{} // it calls no more, so nobody is in trouble
	}
	if x := st.refusedHolder(s, own, o); x.outcome != "" {
		return x
	}
	for i := range m.Denied {
		if x := st.deniedHolder(s, &m.Denied[i], o); x.outcome != "" {
			return x
		}
	}
	burn, burning := detect.Burn(m, st.policy.objective(o.Credential), o.At)
	if m.Masking.Alarm {
		return st.masked(s, o)
	}
	if burning && !(m.Refused != nil && m.Refused.Last.Sub(m.Refused.Since) < heldOver) {
		return st.belowObjective(s, burn, o)
	}
	return trouble{}
}

// refusedHolder is a holder whose token requests all fail while the credential works.
func (st *step) refusedHolder(s, own *keepwatch.Series, o *keepwatch.Observation) trouble {
	r := s.Traffic.Refused
	if r == nil || r.Count < heldCount {
		return trouble{}
	}
	lasts, works := r.Last.Sub(r.Since), own != nil && own.LastProvenAt.After(r.Since)
	switch {
	case r.Outcome.Hard() && lasts < heldOver,
		!r.Outcome.Hard() && lasts < heldLong,
		own != nil && !works && lasts < heldLong: // a test of our own is on its way
		return trouble{}
	}
	info := r.Outcome.Info()
	x := trouble{outcome: r.Outcome, severity: info.Severity, state: keepwatch.StateFailing, since: r.Since, reason: ReasonHolderRefused}
	if !r.Outcome.Hard() {
		x.severity = keepwatch.SeverityWarning
	}
	x.detail = fmt.Sprintf("%s, over %s, with no success between.", count(r.Count, "token request")+" failed", span(r.Since, r.Last))
	who := holderName(s)
	if !works {
		x.message = fmt.Sprintf("%s is refused (%s); whether the credential itself works is not known", who, info.Meaning)
		x.hint = "Test the credential by itself: keepwatch check " + string(o.Credential) + "."
		return x
	}
	x.message = fmt.Sprintf("%s is refused although the credential works: %s", who, whyRefused(s, r))
	x.hint = "Look which secret " + who + " is configured with, and give it the one that is in force."
	if r.Outcome == keepwatch.IPBlocked {
		x.hint = "Put the address that " + who + " calls from on the account's IP allowlist."
	}
	if r.Outcome.Soft() {
		x.hint = "Look at the network path of " + who + "; from here the token endpoint answers."
	}
	return x
}

// whyRefused is what is known of the reason.
func whyRefused(s *keepwatch.Series, r *keepwatch.Denied) string {
	if r.Outcome == keepwatch.IPBlocked {
		return "it calls from another address, which is not on the allowlist"
	}
	if r.Outcome.Soft() {
		return r.Outcome.Info().Meaning
	}
	uses := s.Traffic.Uses
	if len(uses) == 0 {
		return "it may use another secret, or call from another address"
	}
	u := uses[0]
	switch {
	case u.Ours:
		return "it uses the configured secret, so look at what else it sends"
	case !u.Accept.IsZero():
		return "it uses another secret (an old one, last accepted " + clock(u.Accept) + ")"
	}
	return "it uses another secret, which was never accepted while it was watched"
}

// deniedHolder is a holder whose calls of one family are refused for lack of a right.
func (st *step) deniedHolder(s *keepwatch.Series, d *keepwatch.Denied, o *keepwatch.Observation) trouble {
	least := heldLong
	if d.Outcome == keepwatch.IPBlocked {
		least = heldOver
	}
	if d.Count < heldCount || d.Last.Sub(d.Since) < least {
		return trouble{}
	}
	who, what := holderName(s), cmp.Or(d.Family, string(d.Kind))
	x := trouble{outcome: d.Outcome, severity: keepwatch.SeverityWarning, state: keepwatch.StateDegraded, since: d.Since, reason: ReasonHolderDenied}
	x.detail = fmt.Sprintf("%s of %s refused, over %s, with none that went through.", count(d.Count, "call"), what, span(d.Since, d.Last))
	x.message = fmt.Sprintf("%s is refused on every call of %s since %s: %s", who, what, clock(d.Since), d.Outcome.Info().Meaning)
	x.hint = "Give the package the scope that these calls need, or stop the calls."
	if d.Outcome == keepwatch.IPBlocked {
		x.severity, x.state = keepwatch.SeverityCritical, keepwatch.StateFailing
		x.hint = "Put the address that " + who + " calls from on the account's IP allowlist."
	}
	return x
}

// masked is a holder that gets its tokens only by trying again.
func (st *step) masked(s *keepwatch.Series, o *keepwatch.Observation) trouble {
	m, who := &s.Traffic.Masking, holderName(s)
	x := trouble{outcome: keepwatch.RetryMasked, severity: keepwatch.SeverityWarning, state: keepwatch.StateDegraded,
		since: m.From, reason: ReasonMasked, evidence: s.Traffic.Evidence}
	if m.Early > m.Masked {
		x.message = fmt.Sprintf("%d tokens of %s died within 15 minutes and were replaced after a 401 of a call, over the last %s", m.Early, who, refreshes(m.Cycles))
		x.detail = "Each went through with a new token, so nobody sees it fail yet."
		x.hint = "Look who else asks for tokens with this credential, and whether the holder keeps its newest one."
		return x
	}
	per := float64(m.Attempts) / float64(max(m.Cycles, 1))
	x.message = fmt.Sprintf("%.1f requests per token over the last %s of %s; %s", per, refreshes(m.Cycles), who, firstRefused(m, s.Traffic))
	x.detail = fmt.Sprintf("%d of %s needed more than one request.", m.Masked, refreshes(m.Cycles))
	x.hint = "It works as long as its retries last. Mend what refuses the first requests before they do not."
	return x
}

// firstRefused says what happens before each token.
func firstRefused(m *keepwatch.Masking, l *keepwatch.Lived) string {
	why := cmp.Or(clip(l.Evidence, maxWhy), string(l.LastWhy))
	more := m.Attempts - m.Cycles
	if m.Cycles > 0 && m.Masked == m.Cycles && more%m.Cycles == 0 {
		if n := more / m.Cycles; n > 1 {
			return fmt.Sprintf("the first %d of each are refused with %s", n, why)
		}
		return "the first of each is refused with " + why
	}
	return fmt.Sprintf("%d of %d are refused, the newest with %s", more, m.Attempts, why)
}

const maxWhy = 120

func refreshes(n int) string {
	if n == 1 {
		return "refresh"
	}
	return fmt.Sprintf("%d refreshes", n)
}

// belowObjective is a holder whose requests fail more often than they may.
func (st *step) belowObjective(s *keepwatch.Series, b detect.Burning, o *keepwatch.Observation) trouble {
	who, objective := holderName(s), st.policy.objective(o.Credential)
	x := trouble{outcome: keepwatch.BelowObjective, severity: keepwatch.SeverityWarning, state: keepwatch.StateDegraded,
		since: later(s.Traffic.FirstAt, o.At.Add(-b.Window)), reason: ReasonBurn, evidence: s.Traffic.Evidence}
	if b.Critical {
		x.severity, x.state = keepwatch.SeverityCritical, keepwatch.StateFailing
	}
	x.message = fmt.Sprintf("%d of %d token requests of %s failed in the last %s: %.1f %% granted, %.4g %% is the objective", b.Failed, b.Requests, who,
		keepwatch.FormatDuration(b.Window), 100*(1-float64(b.Failed)/float64(b.Requests)), 100*objective)
	x.detail = fmt.Sprintf("It uses up what may fail %.1f times as fast as the objective allows.", b.Rate)
	x.hint = "The newest failure is in the evidence; the credential's page shows the rate over time."
	return x
}

// objective is the share of token requests of one credential that are to be granted.
func (p Policy) objective(id keepwatch.CredentialID) float64 {
	if p.Objective != nil {
		if v := p.Objective(id); v > 0 && v < 1 {
			return v
		}
	}
	return detect.Objective
}

func holderName(s *keepwatch.Series) string {
	return cmp.Or(s.Traffic.Holder, "an unknown holder of "+string(s.Credential))
}
