package incident

import (
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// ledger holds the open incidents while a step works on them, and what was
// written about them. It is built when first needed: most steps see only proofs
// of healthy series and touch no incident.
type ledger struct {
	now         time.Time
	entries     []*entry // as in View.Open, then the new ones
	byKey       map[string]*entry
	bySeries    map[keepwatch.SeriesID][]*entry
	byEffect    map[keepwatch.SeriesID]*entry // where a series' effect lasts
	blamed      bool                          // a further credential has come to fail in an incident
	transitions []keepwatch.Transition
	notices     []keepwatch.Notice
}

// entry is one incident; touched ones own their members and are written back.
type entry struct {
	keepwatch.Incident
	touched bool
	// What this step has brought, to be told in one line once it is all known.
	fresh    bool // opened, and not told yet
	affected []keepwatch.Effect
	roots    []keepwatch.SeriesID // of these, what the others hang on
	gone     []departure
	loud     keepwatch.Severity // of the loudest effect, and what that is
	loudOf   keepwatch.Outcome
	newest   map[keepwatch.SeriesID]int // where the newest effect of a series stands; made when it is asked for
	text     string                     // the sentence without what it says about effects
}

func newLedger(open []keepwatch.Incident, now time.Time) *ledger {
	l := &ledger{now: now, byKey: map[string]*entry{}, bySeries: map[keepwatch.SeriesID][]*entry{}, byEffect: map[keepwatch.SeriesID]*entry{}}
	for i := range open {
		if open[i].Status != keepwatch.IncidentOpen {
			continue
		}
		e := &entry{Incident: open[i]}
		l.entries = append(l.entries, e)
		l.byKey[e.Key] = e
		for _, m := range e.Members {
			if m.EndedAt.IsZero() {
				l.bySeries[m.Series] = append(l.bySeries[m.Series], e)
			}
		}
		for i := range e.Effects {
			if e.Effects[i].EndedAt.IsZero() {
				l.byEffect[e.Effects[i].Series] = e
			}
		}
	}
	return l
}

// memberships are the open incidents in which the series still fails. The slice
// is a copy, since leaving one changes the index.
func (l *ledger) memberships(id keepwatch.SeriesID) []*entry {
	return slices.Clone(l.bySeries[id])
}

// refusal is the open incident of a refusal in which the series still fails.
func (l *ledger) refusal(id keepwatch.SeriesID) *entry {
	for _, e := range l.bySeries[id] {
		if m := e.member(id); m != nil && m.Outcome.Hard() {
			return e
		}
	}
	return nil
}

// holds reports whether the series still fails in e.
func (e *entry) holds(id keepwatch.SeriesID) bool {
	m := e.member(id)
	return m != nil && m.EndedAt.IsZero()
}

func (e *entry) member(id keepwatch.SeriesID) *keepwatch.Member {
	for i := range e.Members {
		if e.Members[i].Series == id {
			return &e.Members[i]
		}
	}
	return nil
}

// touch makes e's members and effects its own before they are changed: the view's
// stay as they were, so that a rerun starts from the same place.
func (e *entry) touch() {
	if !e.touched {
		e.text = strings.TrimSuffix(e.Message, tollOf(&e.Incident))
		e.Members, e.Effects = slices.Clone(e.Members), slices.Clone(e.Effects)
		e.touched = true
	}
}

// grievance is what a series brings into an incident.
type grievance struct {
	observation *keepwatch.Observation
	outcome     keepwatch.Outcome
	provenAt    time.Time // the series' newest proof
	since       time.Time // its first failure
}

// open begins an incident under key with its first member.
func (l *ledger) open(key string, c grievance, reason, detail string) *entry {
	return l.openAs(key, c, c.outcome.Info().Severity, reason, detail)
}

// openAs is open with a severity of its own.
func (l *ledger) openAs(key string, c grievance, severity keepwatch.Severity, reason, detail string) *entry {
	info, o := c.outcome.Info(), c.observation
	e := &entry{touched: true, Incident: keepwatch.Incident{
		ID:  keepwatch.NewIncidentID(slotOf(o), key),
		Key: key, Scope: c.scope(), Outcome: c.outcome, Category: info.Category, Severity: severity,
		Status: keepwatch.IncidentOpen, Hint: o.Hint, Evidence: o.Evidence, DetectedAt: l.now,
	}}
	e.place(o)
	e.admit(c)
	e.say(sentence(&e.Incident, o.Message))
	l.entries = append(l.entries, e)
	l.byKey[key] = e
	l.bySeries[o.Series] = append(l.bySeries[o.Series], e)
	l.blamed = true
	l.write(e, keepwatch.Opened, reason, detail)
	return e
}

// place fills in where the incident is, as far as its scope has a where.
func (e *entry) place(o *keepwatch.Observation) {
	if pointOf(o) != "" {
		e.Place = o.Place // one address for all tenants
		return
	}
	switch e.Scope {
	case keepwatch.ScopePlatform:
	case keepwatch.ScopeTenant:
		e.Tenant = o.Tenant
	case keepwatch.ScopeCredential:
		e.Tenant, e.Place, e.Credential = o.Tenant, o.Place, o.Credential
	default:
		e.Tenant, e.Place = o.Tenant, o.Place
	}
}

// admit adds a member, or takes one back that had left, and widens the times: the
// failure began somewhere in (LastProvenAt, FirstFailedAt], where LastProvenAt is
// the newest proof of a member that is not later than the first failure.
func (e *entry) admit(c grievance) {
	o := c.observation
	e.RestoredAt = time.Time{}
	m := e.member(o.Series)
	if m == nil {
		e.Members = append(e.Members, keepwatch.Member{Series: o.Series, Credential: o.Credential})
		m = &e.Members[len(e.Members)-1]
	}
	m.Outcome, m.Since, m.EndedAt = c.outcome, c.since, time.Time{}
	if e.FirstFailedAt.IsZero() || c.since.Before(e.FirstFailedAt) {
		e.FirstFailedAt = c.since
		if e.LastProvenAt.After(e.FirstFailedAt) {
			e.LastProvenAt = time.Time{}
		}
	}
	if c.provenAt.After(e.LastProvenAt) && !c.provenAt.After(e.FirstFailedAt) {
		e.LastProvenAt = c.provenAt
	}
}

// join adds a member to an incident that is open already, and raises it when the
// member fails in a graver way.
func (l *ledger) join(e *entry, c grievance, reason, detail string) {
	e.touch()
	restored := !e.RestoredAt.IsZero()
	e.admit(c)
	id := c.observation.Series
	l.bySeries[id] = append(l.bySeries[id], e)
	l.blamed = true
	e.say(sentence(&e.Incident, ""))
	l.write(e, keepwatch.Joined, reason, detail)
	if restored {
		l.failsAgain(e, c)
		return
	}
	l.raise(e, c)
}

// failsAgain follows a cause that is back before its effects had caught up. People
// were told that it works: they are told again, whoever acknowledged what was before.
func (l *ledger) failsAgain(e *entry, c grievance) {
	e.AcknowledgedAt, e.AcknowledgedBy = time.Time{}, ""
	e.become(c)
	l.write(e, keepwatch.Changed, ReasonFailsAgain, "It fails again, before everything had caught up.")
}

// raise lets a graver outcome of a member speak for the whole incident.
func (l *ledger) raise(e *entry, c grievance) {
	info := c.outcome.Info()
	if gravity(info.Severity) <= gravity(e.Severity) {
		return
	}
	e.touch()
	if m := e.member(c.observation.Series); m != nil {
		m.Outcome = c.outcome
	}
	e.become(c)
	l.write(e, keepwatch.Changed, ReasonSeverityRaised, "The incident is now "+string(info.Severity)+": "+info.Meaning+".")
}

// change follows a credential's refusal from one outcome to another.
func (l *ledger) change(e *entry, c grievance, detail string) {
	e.touch()
	if m := e.member(c.observation.Series); m != nil {
		m.Outcome = c.outcome
	}
	e.become(c)
	l.write(e, keepwatch.Changed, ReasonOutcomeChanged, detail)
}

// changeTo is change with a severity of its own.
func (l *ledger) changeTo(e *entry, c grievance, severity keepwatch.Severity, detail string) {
	e.touch()
	if m := e.member(c.observation.Series); m != nil {
		m.Outcome = c.outcome
	}
	e.become(c)
	e.Severity = severity
	l.write(e, keepwatch.Changed, ReasonOutcomeChanged, detail)
}

func (e *entry) become(c grievance) {
	info := c.outcome.Info()
	e.Outcome, e.Category, e.Severity = c.outcome, info.Category, info.Severity
	e.Hint, e.Evidence = c.observation.Hint, c.observation.Evidence
	e.say(sentence(&e.Incident, c.observation.Message))
}

// warn adds a further rung to an incident of a date. Its severity follows the rungs,
// not the table; once the date has passed, what was acknowledged before no longer
// quiets the reminders.
func (l *ledger) warn(e *entry, c grievance, severity keepwatch.Severity, reason, detail string) {
	e.touch()
	if e.Outcome != c.outcome && c.outcome == keepwatch.Expired {
		e.AcknowledgedAt, e.AcknowledgedBy = time.Time{}, ""
	}
	if m := e.member(c.observation.Series); m != nil {
		m.Outcome = c.outcome
	}
	e.become(c)
	e.Severity = severity
	l.write(e, keepwatch.Warning, reason, detail)
}

// leave ends a membership; the incident resolves with its last member, or when the
// last of its effects has caught up after that.
func (l *ledger) leave(e *entry, id keepwatch.SeriesID, at time.Time, reason, detail string) {
	e.touch()
	m := e.member(id)
	m.EndedAt = at
	l.unindex(e, id)
	if e.Active() > 0 {
		e.say(sentence(&e.Incident, ""))
		l.write(e, keepwatch.Left, reason, detail)
		return
	}
	if e.lasting() > 0 {
		l.restore(e, at, reason, detail)
		return
	}
	l.close(e)
	e.tell()
	l.write(e, keepwatch.Resolved, reason, detail)
}

// restore notes that the cause is gone while effects of it last.
func (l *ledger) restore(e *entry, at time.Time, reason, detail string) {
	e.RestoredAt = at
	if e.Severity == keepwatch.SeverityCritical {
		e.Severity = keepwatch.SeverityWarning
	}
	e.tell()
	l.write(e, keepwatch.Restored, reason, detail+" "+toll(e.Effects, lasts, "has not caught up yet", "have not caught up yet")+".")
}

// merge ends an incident because another one tells its story. What stopped goes over
// to that one.
func (l *ledger) merge(e, into *entry, reason, detail string) {
	e.touch()
	l.carry(e, into, lasts)
	for i := range e.Members {
		if e.Members[i].EndedAt.IsZero() {
			e.Members[i].EndedAt = l.now
			l.unindex(e, e.Members[i].Series)
		}
	}
	e.MergedInto = into.ID
	l.close(e)
	e.tell()
	l.write(e, keepwatch.Merged, reason, detail)
}

func (l *ledger) close(e *entry) {
	e.Status, e.ResolvedAt = keepwatch.IncidentResolved, l.now
	delete(l.byKey, e.Key)
}

func (l *ledger) unindex(e *entry, id keepwatch.SeriesID) {
	l.bySeries[id] = slices.DeleteFunc(slices.Clone(l.bySeries[id]), func(x *entry) bool { return x == e })
}

// write appends a transition, and a notice where somebody is to hear of it. A
// member that joins or leaves is a line of the timeline, not a message: the
// outage of forty credentials is one message at its start and one at its end.
func (l *ledger) write(e *entry, kind keepwatch.TransitionKind, reason, detail string) {
	e.Revision++
	l.transitions = append(l.transitions, keepwatch.Transition{
		Incident: e.ID, Seq: e.Revision, Kind: kind, At: l.now, Reason: reason, Detail: detail,
	})
	switch kind {
	case keepwatch.Joined, keepwatch.Left, keepwatch.Affected, keepwatch.Relieved:
		return
	}
	snapshot := e.Incident
	snapshot.Members, snapshot.Effects = slices.Clone(e.Members), slices.Clone(e.Effects)
	l.notices = append(l.notices, keepwatch.Notice{
		ID: keepwatch.NoticeIDOf(e.ID, e.Revision), Incident: snapshot, Kind: kind, Seq: e.Revision, At: l.now,
	})
}

func gravity(s keepwatch.Severity) int {
	switch s {
	case keepwatch.SeverityCritical:
		return 2
	case keepwatch.SeverityWarning:
		return 1
	}
	return 0
}

// writeTo hands over what was touched.
func (l *ledger) writeTo(c *Changes) {
	for _, e := range l.entries {
		if e.touched {
			c.Incidents = append(c.Incidents, e.Incident)
		}
	}
	c.Transitions, c.Notices = l.transitions, l.notices
}

// Forget ends the memberships of series that are no longer configured, so that an
// incident does not stay open for something that nobody looks at any more.
func Forget(open []keepwatch.Incident, gone []keepwatch.SeriesID, now time.Time) Changes {
	l := newLedger(open, now)
	for _, id := range gone {
		for _, e := range l.memberships(id) {
			l.leave(e, id, now, ReasonRemoved, "The check is no longer configured.")
		}
		if e := l.byEffect[id]; e != nil {
			l.part(e, id, now, ReasonRemoved)
		}
	}
	for _, e := range l.entries {
		l.tellGone(e)
	}
	var c Changes
	l.writeTo(&c)
	return c
}

// gather opens the incident of a place that takes over the refusals of all its
// credentials, with their members and times.
func (l *ledger) gather(key string, members []*keepwatch.Series, olds []*entry, detail string) *entry {
	var e *entry
	for i, s := range members {
		o := s.Last
		g := grievance{observation: &o, outcome: s.Outcome, provenAt: olds[i].LastProvenAt, since: olds[i].FirstFailedAt}
		if e != nil {
			e.admit(g)
			l.bySeries[s.ID] = append(l.bySeries[s.ID], e)
			continue
		}
		info := s.Outcome.Info()
		e = &entry{touched: true, Incident: keepwatch.Incident{
			ID:  keepwatch.NewIncidentID(l.now, key),
			Key: key, Scope: keepwatch.ScopePlace, Tenant: s.Tenant, Place: s.Place,
			Outcome: s.Outcome, Category: info.Category, Severity: info.Severity, Status: keepwatch.IncidentOpen,
			Hint: placeHint, Evidence: olds[i].Evidence, DetectedAt: l.now,
		}}
		e.admit(g)
		l.entries = append(l.entries, e)
		l.byKey[key] = e
		l.bySeries[s.ID] = append(l.bySeries[s.ID], e)
	}
	e.say(sentence(&e.Incident, ""))
	l.write(e, keepwatch.Opened, ReasonEverywhere, detail)
	return e
}

// gatherAgain takes the refusals into an incident of the place that was restored and
// still waits for its effects.
func (l *ledger) gatherAgain(e *entry, members []*keepwatch.Series, olds []*entry, detail string) {
	for i, s := range members {
		o := s.Last
		l.join(e, grievance{observation: &o, outcome: s.Outcome, provenAt: olds[i].LastProvenAt, since: olds[i].FirstFailedAt}, ReasonEverywhere, detail)
	}
}

// placeHint is what to do first when everybody is refused: nobody rotates all
// secrets in one hour by accident.
const placeHint = "Every credential of this tenant is refused from this place: look first at what they share " +
	"(the tenant's account, its subdomain, the network path and the IP allowlist), then at each secret."
