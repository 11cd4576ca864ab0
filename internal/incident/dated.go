package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// besides reports whether a check is another than the credential's own test: a look
// at its dates, at its account, at a rotation. Such a run says nothing of whether
// the credential works, so it is neither proof nor neighbour.
func besides(check keepwatch.CheckID, credential keepwatch.CredentialID) bool {
	return check.OfScan() || check != "" && credential != "" && check != keepwatch.CheckID(credential)
}

// looked lifts a look that is not a test: at one clock, where it has a Due or an
// outcome of dates, else at whatever the check looks at.
func (st *step) looked(s *keepwatch.Series, o *keepwatch.Observation) {
	provenAt := s.LastProvenAt
	if o.Outcome != keepwatch.Expired {
		s.LastProvenAt = later(o.At, s.LastProvenAt)
		s.FirstFailedAt = time.Time{}
	} else if s.FirstFailedAt.IsZero() {
		s.FirstFailedAt = o.At
	}
	g := grievance{observation: o, outcome: o.Outcome, provenAt: provenAt, since: o.At}
	drifting := st.drift(s, o, g)
	switch {
	case o.Due != nil:
		st.clock(s, o, g)
	case o.Outcome == keepwatch.Expiring || o.Outcome == keepwatch.Expired:
		st.warnWithoutLadder(s, o, g)
	default:
		setState(s, keepwatch.StateHealthy, keepwatch.OK, o.At)
		if o.Outcome == keepwatch.OK {
			st.noDate(s, o)
			st.clocksGone(o)
		}
	}
	if drifting && s.State == keepwatch.StateHealthy {
		setState(s, keepwatch.StateDegraded, keepwatch.Drifted, o.At)
	}
}

// warnWithoutLadder takes a date's outcome as it is reported, for a reporter that
// knows no rungs. It ends like the others: by a look that finds none.
func (st *step) warnWithoutLadder(s *keepwatch.Series, o *keepwatch.Observation, g grievance) {
	info := o.Outcome.Info()
	setState(s, info.State, o.Outcome, o.At)
	book, key := st.book(), KeyOf(o)
	switch e := book.byKey[key]; {
	case e == nil:
		book.open(key, g, ReasonReported, cmp.Or(o.Message, "The date was reported: "+info.Meaning+"."))
	case e.Outcome != o.Outcome:
		book.change(e, g, "It was "+string(e.Outcome)+" before.")
	}
}

// noDate ends the warnings of a series that reports no date any more.
func (st *step) noDate(s *keepwatch.Series, o *keepwatch.Observation) {
	s.Warned = nil
	if len(st.view.Open) == 0 && st.ledger == nil {
		return
	}
	for _, e := range st.book().memberships(s.ID) {
		if m := e.member(s.ID); m.Outcome == keepwatch.Expiring || m.Outcome == keepwatch.Expired {
			st.book().leave(e, s.ID, o.At, ReasonRenewed, "There is no such date any more.")
		}
	}
}

// clock judges one look at one clock. A rung that was said for this date is never
// said again; another date arms them all anew.
func (st *step) clock(s *keepwatch.Series, o *keepwatch.Observation, g grievance) {
	d := o.Due
	contradicted := st.contradicted(s, o)
	settleClock(s, o, contradicted)
	moved := s.Warned != nil && !s.Warned.At.Equal(d.Clock.At)
	var said []string
	if s.Warned != nil && !moved {
		said = s.Warned.Rungs
	}
	news := fresh(d, said)
	if moved {
		st.dateMoved(s, o, len(news) > 0)
	}
	switch {
	case len(news) > 0:
		s.Warned = &keepwatch.Warned{At: d.Clock.At, Rungs: slices.Concat(said, news)}
		st.say(s, g, news, moved, contradicted)
	case moved:
		s.Warned = &keepwatch.Warned{At: d.Clock.At}
	}
	if contradicted {
		st.calmDown(dateKey(o), o.At)
	}
	st.planLook(s, o, d.Next)
}

// settleClock gives the clock its state. An assumed date that has passed is a reason
// to look, not to call the thing expired.
func settleClock(s *keepwatch.Series, o *keepwatch.Observation, contradicted bool) {
	s.Findings = o.Findings
	switch passed := o.Due.Passed; {
	case contradicted:
		s.Findings = []keepwatch.Outcome{keepwatch.DateContradicted}
		setState(s, keepwatch.StateHealthy, keepwatch.DateContradicted, o.At)
	case !slices.Contains(passed, keepwatch.RungExpired):
		outcome := keepwatch.OK
		if len(passed) > 0 && !o.Due.Quiet {
			outcome = keepwatch.Expiring
		}
		setState(s, keepwatch.StateHealthy, outcome, o.At)
	case o.Due.Clock.Source == keepwatch.DateAssumed:
		setState(s, keepwatch.StateDegraded, keepwatch.Expired, o.At)
	default:
		setState(s, keepwatch.StateExpired, keepwatch.Expired, o.At)
	}
}

// fresh are the rungs that were not said yet. While a planned renewal keeps quiet
// only the end speaks, and the others are not counted as said: they come when the
// renewal has passed and the date has not moved.
func fresh(d *keepwatch.Due, said []string) []string {
	var out []string
	for _, rung := range d.Passed {
		if slices.Contains(said, rung) || (d.Quiet && rung != keepwatch.RungExpired) {
			continue
		}
		out = append(out, rung)
	}
	return out
}

// say tells of the newest of the rungs that came. Those before it, passed while
// nobody looked, are named in the same message: five mails about one date after a
// downtime are four too many.
func (st *step) say(s *keepwatch.Series, g grievance, news []string, moved, contradicted bool) {
	o, book, key := g.observation, st.book(), dateKey(g.observation)
	told := tell(o, news, moved)
	g.observation, g.outcome = told, keepwatch.Expiring
	severity := severityOf(o.Due, contradicted)
	if slices.Contains(o.Due.Passed, keepwatch.RungExpired) {
		g.outcome, g.since = keepwatch.Expired, earlier(o.At, o.Due.Clock.At)
		s.FirstFailedAt = g.since
	}
	if contradicted {
		told.Message = strings.TrimSpace(told.Message + " Yet it was proven since: the date is probably wrong (date_contradicted).")
		told.Hint = wrongDateHint
	}
	told.Outcome = g.outcome
	detail := detailOf(o.Due, news)
	e := book.byKey[key]
	if cause := book.byKey[credentialKey(o.Credential)]; cause != nil && g.outcome == keepwatch.Expired {
		st.explain(e, cause, detail)
		return
	}
	if e == nil {
		book.openAs(key, g, severity, ReasonRung, detail)
		return
	}
	reason := ReasonRung
	if moved {
		reason = ReasonDateMoved
	}
	book.warn(e, g, severity, reason, detail)
}

// tell is the observation as the incident shows it. The evidence is for machines as
// much as for people: rung, end, and how the end is known.
func tell(o *keepwatch.Observation, news []string, moved bool) *keepwatch.Observation {
	told, k := *o, o.Due.Clock
	told.Evidence = "rung " + news[len(news)-1] + "; ends " + k.At.UTC().Format(time.RFC3339) + "; " + string(k.Source)
	if k.Basis != "" {
		told.Evidence += ": " + k.Basis
	}
	if moved {
		told.Message = strings.TrimSpace(told.Message + " The date has moved.")
	}
	if told.Message == "" {
		told.Message = "The " + k.Name + " ends at " + k.At.UTC().Format(time.RFC3339) + "."
	}
	return &told
}

func detailOf(d *keepwatch.Due, news []string) string {
	newest := news[len(news)-1]
	s := "The rung " + newest + " of the date " + d.Clock.At.UTC().Format(time.RFC3339) + " is reached."
	if late := news[:len(news)-1]; len(late) > 0 {
		s += " Passed before without a look: " + strings.Join(late, ", ") + "."
	}
	if d.Attention != "" {
		s += " " + d.Attention
	}
	return s
}

// severityOf rises with the rungs that lie behind: the widest are for the calendar,
// from two weeks on somebody should act, from the last day on somebody must. What is
// only assumed, or contradicted by a proof, wakes nobody; a ticket pages nobody.
func severityOf(d *keepwatch.Due, contradicted bool) keepwatch.Severity {
	out := keepwatch.SeverityInfo
	for _, rung := range d.Passed {
		if g := rungSeverity(rung); gravity(g) > gravity(out) {
			out = g
		}
	}
	expired := slices.Contains(d.Passed, keepwatch.RungExpired)
	calm := contradicted || d.Clock.Source == keepwatch.DateAssumed || (d.Ticket && !expired)
	if calm && out == keepwatch.SeverityCritical {
		return keepwatch.SeverityWarning
	}
	return out
}

const (
	warnBefore     = 14 * 24 * time.Hour
	criticalBefore = 24 * time.Hour
)

func rungSeverity(rung string) keepwatch.Severity {
	if rung == keepwatch.RungExpired {
		return keepwatch.SeverityCritical
	}
	before, err := keepwatch.ParseDuration(rung)
	switch {
	case err != nil: // a planned renewal that was missed
		return keepwatch.SeverityWarning
	case before <= criticalBefore:
		return keepwatch.SeverityCritical
	case before <= warnBefore:
		return keepwatch.SeverityWarning
	}
	return keepwatch.SeverityInfo
}

// explain adds a passed date to the credential's own failure, which it explains:
// one cause is one incident.
func (st *step) explain(e, cause *entry, detail string) {
	book := st.book()
	if e != nil {
		book.merge(e, cause, ReasonSuperseded, "The credential is refused already, and its date has passed.")
	}
	cause.touch()
	book.write(cause, keepwatch.Warning, ReasonDatePassed, detail)
}

// absorbExpired merges the passed dates of a credential into the incident of its
// refusal, when that opens after them.
func (st *step) absorbExpired(o *keepwatch.Observation) {
	book := st.book()
	cause := book.byKey[credentialKey(o.Credential)]
	if cause == nil {
		return
	}
	for _, e := range book.entries {
		if e.Status == keepwatch.IncidentOpen && e.Outcome == keepwatch.Expired && strings.HasPrefix(e.Key, expiryPrefix(o.Credential)) {
			book.merge(e, cause, ReasonSuperseded, "The credential is refused now, and its date has passed.")
		}
	}
}

// dateMoved ends the warnings of the date before, unless the new date has rungs of
// its own behind it: then the same incident goes on.
func (st *step) dateMoved(s *keepwatch.Series, o *keepwatch.Observation, goesOn bool) {
	e := st.book().byKey[dateKey(o)]
	if e == nil || goesOn || !e.holds(s.ID) {
		return
	}
	st.book().leave(e, s.ID, o.At, ReasonRenewed, "The date has moved to "+o.Due.Clock.At.UTC().Format(time.RFC3339)+".")
}

// proves names the clocks that a credential's own test speaks of: a fresh token, or
// a login, shows that the secret has not ended.
func proves(k keepwatch.Clock) bool {
	return k.Kind == keepwatch.ClockHard && (k.Name == "secret" || k.Name == "password")
}

// contradicted reports whether the credential was proven after the date on which it
// should have ended: then the date is wrong, and nothing is broken.
func (st *step) contradicted(s *keepwatch.Series, o *keepwatch.Observation) bool {
	if !proves(o.Due.Clock) || !slices.Contains(o.Due.Passed, keepwatch.RungExpired) {
		return false
	}
	test := keepwatch.SeriesOf(keepwatch.CheckID(o.Credential), "")
	found := false
	st.neighbours(NeighbourhoodKey{Tenant: o.Tenant, Place: o.Place}, func(p *keepwatch.Series) {
		if p.ID == test && p.ID != s.ID {
			found = p.LastProvenAt.After(o.Due.Clock.At) && p.FirstFailedAt.IsZero()
		}
	})
	return found
}

// contradict follows a proof that came after the known date.
func (st *step) contradict(o *keepwatch.Observation) {
	if !slices.Contains(o.Findings, keepwatch.DateContradicted) || len(st.view.Open) == 0 {
		return
	}
	for _, name := range []string{"secret", "password"} {
		st.calmDown(expiryPrefix(o.Credential)+name, o.At)
	}
}

const wrongDateHint = "Look in Setup when it really ends, and correct the date of the record. Nothing is broken now."

// calmDown lowers the incident of a passed date that a proof contradicts: somebody
// should correct the date, nobody has to get up for it.
func (st *step) calmDown(key string, at time.Time) {
	e := st.book().byKey[key]
	if e == nil || e.Outcome != keepwatch.Expired || e.Severity != keepwatch.SeverityCritical {
		return
	}
	e.touch()
	e.Severity = keepwatch.SeverityWarning
	e.say(clip(join(string(e.Credential), "the known end date has passed, yet it was proven at "+at.UTC().Format(time.RFC3339)+": the date is probably wrong"), maxSentence))
	e.Hint = wrongDateHint
	st.book().write(e, keepwatch.Changed, ReasonContradicted, "A proof after the date contradicts it (date_contradicted).")
}

// clocksGone ends the warnings of clocks that the credential no longer has: its date
// was removed, or another certificate has taken the place. The summary of a look
// names every clock as a step.
func (st *step) clocksGone(o *keepwatch.Observation) {
	if o.Check != keepwatch.CheckOf(keepwatch.CheckExpiry, o.Credential) || len(o.Steps) >= maxClocks || len(st.view.Open) == 0 {
		return
	}
	prefix := expiryPrefix(o.Credential)
	for _, e := range slices.Clone(st.book().entries) {
		name, mine := strings.CutPrefix(e.Key, prefix)
		if !mine || name == rotationClock || e.Status != keepwatch.IncidentOpen || slices.ContainsFunc(o.Steps, func(x keepwatch.Step) bool { return x.Name == name }) {
			continue
		}
		for _, m := range slices.Clone(e.Members) {
			if m.EndedAt.IsZero() && seriesBelongs(m.Series, o.Check) {
				st.book().leave(e, m.Series, o.At, ReasonRemoved, "The credential has no such date any more.")
			}
		}
	}
}

// maxClocks is how many steps of a summary are kept: beyond it, a clock that is not
// named may still be there.
const maxClocks = 32

// rotationClock is the deadline of a running rotation, which another check reports.
const rotationClock = "rotation"

// seriesBelongs reports whether a series is one that the check itself looks at.
func seriesBelongs(id keepwatch.SeriesID, check keepwatch.CheckID) bool {
	return strings.HasPrefix(string(id), string(check)+"#")
}

// planLook brings the next look forward to when the next rung comes, where the
// schedule would come later. The soonest of a credential's clocks holds.
func (st *step) planLook(s *keepwatch.Series, o *keepwatch.Observation, at time.Time) {
	// A slot that was handed out late, after a standstill, is days old: the next
	// regular one follows on now, not on it.
	regular := later(slotOf(o), st.now).Add(o.Gap)
	if at.IsZero() || !at.After(st.now) || o.Gap <= 0 || !at.Before(regular) {
		return
	}
	if p, planned := st.plans[s.Check]; planned && !p.At.After(at) && !p.At.Equal(detect.Never) {
		return
	}
	st.plan(s, at, keepwatch.ReasonScheduled)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
