package incident

import (
	"cmp"
	"slices"
	"time"

	"keepwatch"
)

// inquiry is what a step knows of causes, while it looks where effects belong.
type inquiry struct {
	st   *step
	book *ledger

	own     map[keepwatch.CredentialID]*keepwatch.Series // a credential's own test
	traffic map[keepwatch.CredentialID]*keepwatch.Series // and what a gateway sees of its holder
	tenants map[keepwatch.CredentialID]keepwatch.TenantID
	watches map[keepwatch.SeriesID]*keepwatch.Series // of effects that last
	outages map[keepwatch.CredentialID][]outage
	stopped map[string][]keepwatch.SeriesID // by tenant and subject
	resting map[string]*keepwatch.Series    // the same; of what somebody stopped while nothing is missed

	placed  bool // an effect that was not known before
	doubted map[*entry]bool
}

// outage is the time in which a credential failed, as one incident tells it.
type outage struct {
	entry      *entry // nil: of an incident that has ended
	tenant     keepwatch.TenantID
	credential keepwatch.CredentialID
	outcome    keepwatch.Outcome
	from       time.Time // last proof before; zero: not known
	to         time.Time // zero: it lasts
}

// covers reports whether an effect may come from an outage: it was noticed no earlier
// than the credential last worked, and its last sign of life lies before the end.
func (x *outage) covers(ef *keepwatch.Effect, tenant keepwatch.TenantID) bool {
	return x.tenant == tenant && !ef.NoticedAt.Before(x.from) && (x.to.IsZero() || !ef.Since.After(x.to))
}

// blames reports whether a member says that its credential cannot be used: not that a
// date comes near, that something drifted, or that we ask wrongly.
func blames(in *keepwatch.Incident, m *keepwatch.Member) bool {
	switch {
	case m.Credential == "" || in.Scope == keepwatch.ScopeMonitor || in.Scope == keepwatch.ScopeEffect:
		return false
	case m.Outcome == keepwatch.Expired:
		return in.Severity == keepwatch.SeverityCritical || !in.RestoredAt.IsZero()
	}
	return m.Outcome.Hard() || (m.Outcome.Soft() && m.Outcome.Info().Scope != keepwatch.ScopeMonitor)
}

func (st *step) inquire(book *ledger) *inquiry {
	q := &inquiry{st: st, book: book,
		own: map[keepwatch.CredentialID]*keepwatch.Series{}, traffic: map[keepwatch.CredentialID]*keepwatch.Series{},
		tenants: map[keepwatch.CredentialID]keepwatch.TenantID{}, watches: map[keepwatch.SeriesID]*keepwatch.Series{}, outages: map[keepwatch.CredentialID][]outage{},
		stopped: map[string][]keepwatch.SeriesID{}, resting: map[string]*keepwatch.Series{}, doubted: map[*entry]bool{},
	}
	for i := range st.series {
		q.learn(&st.series[i])
	}
	for i := range st.view.Peers {
		if _, worked := st.index[st.view.Peers[i].ID]; !worked {
			q.learn(&st.view.Peers[i])
		}
	}
	for _, e := range book.entries {
		q.remember(&e.Incident, e)
	}
	for i := range st.view.Recent {
		q.remember(&st.view.Recent[i], nil)
	}
	return q
}

// learn sorts a series by what it says about causes.
func (q *inquiry) learn(s *keepwatch.Series) {
	if s.Credential != "" {
		q.tenants[s.Credential] = s.Tenant
	}
	switch {
	case s.Watch != nil && isEffect(s.Outcome):
		q.watches[s.ID] = s
		if q.book.byEffect[s.ID] != nil {
			q.stop(s)
		}
	case s.Watch != nil && selfMade(s):
		q.resting[onTheWay(s.Tenant, s.Watch.Subject.ID())] = s
	case s.Watch != nil || s.Credential == "":
	case s.Check == keepwatch.CheckID(s.Credential):
		q.own[s.Credential] = s
	case s.Check == "":
		if t := q.traffic[s.Credential]; t == nil || s.LastAt.After(t.LastAt) {
			q.traffic[s.Credential] = s
		}
	}
}

// stop notes that a subject has stopped, for those that hang on it.
func (q *inquiry) stop(s *keepwatch.Series) {
	id := onTheWay(s.Tenant, s.Watch.Subject.ID())
	if !slices.Contains(q.stopped[id], s.ID) {
		q.stopped[id] = append(q.stopped[id], s.ID)
	}
}

// onTheWay is what a subject is known by to those that hang on it.
func onTheWay(tenant keepwatch.TenantID, subject string) string {
	return string(tenant) + "\x00" + subject
}

// remember notes the outages that an incident tells of.
func (q *inquiry) remember(in *keepwatch.Incident, e *entry) {
	if in.MergedInto != "" {
		return // the other one tells it
	}
	for i := range in.Members {
		m := &in.Members[i]
		if !blames(in, m) {
			continue
		}
		x := outage{entry: e, tenant: q.tenants[m.Credential], credential: m.Credential, outcome: m.Outcome, from: in.LastProvenAt, to: m.EndedAt}
		if x.from.After(m.Since) {
			x.from = m.Since
		}
		q.outages[m.Credential] = append(q.outages[m.Credential], x)
	}
}

// judge finds the incident of one effect.
func (q *inquiry) judge(s *keepwatch.Series) {
	held := q.book.byEffect[s.ID]
	if held == nil {
		q.place(effectOf(s), s, nil)
		return
	}
	held.loudest(effectSeverity(s), s.Outcome)
	if now := effectOf(s); held.effect(s.ID).Outcome != now.Outcome {
		held.touch()
		ef := held.effect(s.ID)
		ef.Outcome, ef.Evidence, ef.Confidence = now.Outcome, now.Evidence, now.Confidence
	}
	ef := *held.effect(s.ID)
	if gone, reason := q.left(held, &ef, s); reason != "" {
		q.leave(held, ef, s, gone, reason)
		return
	}
	if !q.move(held, ef, s) {
		q.doubt(held)
	}
}

// place puts an effect where it belongs: into the incident of what it hangs on, else
// into one that is named after its likeliest root, else into that of what hangs on it.
func (q *inquiry) place(ef keepwatch.Effect, s *keepwatch.Series, except *entry) {
	q.placed = true
	e, credential := q.home(&ef, s, except)
	if e == nil {
		cause := q.rank(&ef, s)[0]
		key := effectKey(s.Tenant, q.root(&cause.Cause, s))
		credential = cause.Credential
		e = q.book.byKey[key]
		if e == nil {
			if e = q.below(&ef, s, except); e != nil {
				e.roots = append(e.roots, ef.Series)
			}
		}
		if e == nil {
			e = q.book.begin(key, &ef, s)
		}
	}
	ef.Credential = credential
	q.book.affect(e, ef)
	e.loudest(effectSeverity(s), s.Outcome)
	q.stop(s)
}

// below is the open incident of something that hangs on the subject. A run that hangs is
// late only after the rows that it should have brought: people were told of those, and what
// stopped them is news for their incident, not a second one. It keeps its key, under which
// messages were sent. One that nobody was told of is not asked: it is named after the root.
func (q *inquiry) below(ef *keepwatch.Effect, s *keepwatch.Series, except *entry) *entry {
	for _, e := range q.book.entries {
		if e.Status == keepwatch.IncidentOpen && e.Scope == keepwatch.ScopeEffect && e != except && !e.fresh && q.hangsOn(e, ef, s) {
			return e
		}
	}
	return nil
}

// hangsOn reports whether an incident is named after an effect, and all that lasts in it
// comes from a subject that had stopped by then.
func (q *inquiry) hangsOn(e *entry, root *keepwatch.Effect, s *keepwatch.Series) bool {
	named, id := false, s.Watch.Subject.ID()
	for i := range e.Effects {
		ef := &e.Effects[i]
		if !lasts(ef) {
			continue
		}
		down := q.watches[ef.Series]
		if down == nil || down.Tenant != s.Tenant || selfMade(down) || root.Since.After(ef.NoticedAt) ||
			down.Watch.Subject.ID() == id || !slices.Contains(way(down.Watch), id) {
			return false
		}
		named = named || e.Key == effectKey(s.Tenant, subjectKey(ef.Subject))
	}
	return named
}

// root names what an incident of an effect is about.
func (q *inquiry) root(c *keepwatch.Cause, s *keepwatch.Series) string {
	switch c.Kind {
	case keepwatch.CauseCredential, keepwatch.CauseHolderSilent:
		return credentialKey(c.Credential)
	case keepwatch.CausePlatform:
		return PlatformKey
	case keepwatch.CausePlace:
		return "place"
	}
	return subjectKey(s.Watch.Subject)
}

// move takes an effect over to the incident of a cause that was found since, and reports
// whether there is one.
func (q *inquiry) move(from *entry, ef keepwatch.Effect, s *keepwatch.Series) bool {
	to, credential := q.home(&ef, s, nil)
	if to == nil || to == from {
		return false
	}
	last := from.lasting() == 1 && from.Scope == keepwatch.ScopeEffect
	switch {
	case last && from.fresh:
		q.book.carry(from, to, lasts)
		q.book.discard(from)
	case last:
		q.book.merge(from, to, ReasonCauseFound, "It hangs on "+to.about()+".")
	default:
		q.book.carry(from, to, func(x *keepwatch.Effect) bool { return x.Series == ef.Series })
	}
	to.effect(ef.Series).Credential = credential
	to.loudest(effectSeverity(s), s.Outcome)
	return true
}

// settle looks again at every effect, because a cause that was found in this step may
// explain it.
func (q *inquiry) settle() {
	for _, e := range slices.Clone(q.book.entries) {
		if e.Status != keepwatch.IncidentOpen || q.together(e) {
			continue
		}
		for _, ef := range slices.Clone(e.Effects) {
			if s := q.watches[ef.Series]; s != nil && lasts(&ef) {
				q.move(e, ef, s)
			}
		}
	}
}

// together merges an effect incident whose effects all belong to one other incident, as a
// whole: one line of the timeline, not twelve.
func (q *inquiry) together(e *entry) bool {
	if e.Scope != keepwatch.ScopeEffect || e.fresh || e.lasting() < 2 {
		return false
	}
	var to *entry
	via := map[keepwatch.SeriesID]keepwatch.CredentialID{}
	for i := range e.Effects {
		ef := &e.Effects[i]
		if !lasts(ef) {
			continue
		}
		s := q.watches[ef.Series]
		if s == nil {
			return false
		}
		home, credential := q.home(ef, s, nil)
		if home == nil || home == e || (to != nil && home != to) {
			return false
		}
		to, via[ef.Series] = home, credential
		to.loudest(effectSeverity(s), s.Outcome)
	}
	q.book.merge(e, to, ReasonCauseFound, "All of it hangs on "+to.about()+".")
	for i := range to.Effects {
		if c, mine := via[to.Effects[i].Series]; mine && lasts(&to.Effects[i]) {
			to.Effects[i].Credential = c
		}
	}
	return true
}

// home is the incident that explains an effect: of a credential that it hangs on, or of
// something on the way to it that has stopped as well. nil where none does, and where
// SFMC says itself what stopped it.
func (q *inquiry) home(ef *keepwatch.Effect, s *keepwatch.Series, except *entry) (*entry, keepwatch.CredentialID) {
	if selfMade(s) {
		return nil, ""
	}
	if e, credential := q.host(ef, s, except); e != nil {
		return e, credential
	}
	if up := q.above(ef, s); up != "" {
		if e := q.book.byEffect[up]; e != except {
			return e, e.effect(up).Credential
		}
	}
	return nil, ""
}

// host is the open incident in which a credential above the subject fails, or failed when
// the effect began. One in which it still fails comes before one in which it is restored,
// the one that has the effect already before others, the nearer before the farther.
func (q *inquiry) host(ef *keepwatch.Effect, s *keepwatch.Series, except *entry) (*entry, keepwatch.CredentialID) {
	var best *outage
	distance, held := 0, q.book.byEffect[ef.Series]
	for _, u := range s.Watch.Upstream {
		for i := range q.outages[u.Credential] {
			x := &q.outages[u.Credential][i]
			if x.entry == nil || x.entry == except || x.entry.Status != keepwatch.IncidentOpen || !x.covers(ef, s.Tenant) || q.over(x.to) {
				continue
			}
			if best == nil || cmp.Or(
				compareBool(x.to.IsZero(), best.to.IsZero()), compareBool(x.entry == held, best.entry == held),
				cmp.Compare(len(u.Via), distance), cmp.Compare(x.entry.ID, best.entry.ID),
			) < 0 {
				best, distance = x, len(u.Via)
			}
		}
	}
	if best == nil {
		return nil, ""
	}
	return best.entry, best.credential
}

// compareBool puts what holds first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// over reports that something has worked again for as long as effects may take to catch
// up with it.
func (q *inquiry) over(restored time.Time) bool {
	return !restored.IsZero() && q.st.now.Sub(restored) >= q.st.policy.CatchUp
}

// left reports why an effect that still lasts belongs no more to the incident that it hung
// on, and since when the cause is gone: it is long restored, or SFMC says that something
// else holds the effect now.
func (q *inquiry) left(e *entry, ef *keepwatch.Effect, s *keepwatch.Series) (gone time.Time, reason string) {
	if e.Scope == keepwatch.ScopeEffect {
		return gone, ""
	}
	gone = e.RestoredAt
	for i := range e.Members {
		if m := &e.Members[i]; gone.IsZero() && m.Credential == ef.Credential && blames(&e.Incident, m) {
			gone = m.EndedAt
		}
	}
	switch {
	case gone.IsZero():
	case selfMade(s):
		return gone, ReasonStopped
	case q.over(gone):
		return gone, ReasonOutlived
	}
	return gone, ""
}

// leave has an effect go on elsewhere. What it cost until the cause was gone is the cause's,
// what it costs from then on is not: no contact counts in both.
func (q *inquiry) leave(held *entry, ef keepwatch.Effect, s *keepwatch.Series, gone time.Time, reason string) {
	q.book.part(held, s.ID, gone, reason)
	now := effectOf(s)
	ef.Since, ef.NoticedAt = held.effect(s.ID).EndedAt, q.st.now
	ef.Evidence, ef.Confidence, ef.EndedAt = now.Evidence, now.Confidence, time.Time{}
	q.place(ef, s, held)
}

// above is the effect of something on the way to the subject, the one nearest to the
// root. It must have begun before this one was noticed.
func (q *inquiry) above(ef *keepwatch.Effect, s *keepwatch.Series) keepwatch.SeriesID {
	self := s.Watch.Subject.ID()
	for _, id := range way(s.Watch) {
		if id == self {
			continue
		}
		var best *keepwatch.Series
		for _, other := range q.stopped[onTheWay(s.Tenant, id)] {
			e, up := q.book.byEffect[other], q.watches[other]
			if e == nil || up == nil || e.effect(other).Since.After(ef.NoticedAt) {
				continue
			}
			same := up.Watch.Subject.Unit == s.Watch.Subject.Unit
			if best == nil || cmp.Or(compareBool(same, best.Watch.Subject.Unit == s.Watch.Subject.Unit), cmp.Compare(up.ID, best.ID)) < 0 {
				best = up
			}
		}
		if best != nil {
			return best.ID
		}
	}
	return ""
}

// way lists the subjects that one hangs on, from the root down.
func way(w *keepwatch.Watch) []string {
	type step struct {
		at int
		id string
	}
	var steps []step
	for _, u := range w.Upstream {
		for i, id := range u.Via {
			steps = append(steps, step{i, id})
		}
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
	var out []string
	for _, x := range steps {
		out = append(out, x.id)
	}
	add := func(kind keepwatch.SubjectKind, keys ...string) {
		for _, key := range keys {
			if key != "" {
				out = append(out, keepwatch.Subject{Kind: kind, Key: key}.ID())
			}
		}
	}
	add(keepwatch.SubjectAutomation, w.Expect.FedBy)
	if j := w.Reading.Journey; j != nil {
		add(keepwatch.SubjectAutomation, j.Automation)
		add(keepwatch.SubjectDataExtension, j.Extension)
	}
	add(keepwatch.SubjectDataExtension, w.Expect.Reads...)
	return out
}

// conclude names the causes of the effect incidents that this step has changed.
func (q *inquiry) conclude() {
	for _, e := range q.book.entries {
		if e.Status != keepwatch.IncidentOpen {
			continue
		}
		if e.Scope == keepwatch.ScopeEffect && len(e.affected)+len(e.gone) > 0 && e.lasting() > 0 {
			e.touch()
			e.blame(q.causesOf(e))
		}
	}
}

// blame names the causes. What was known is not forgotten when the evidence passes, nor for
// something less likely: a definition that is active again was inactive, and what is seen while
// things come back says little of why they had gone.
func (e *entry) blame(causes []keepwatch.Cause) {
	if len(e.Causes) == 0 || causes[0].Confidence >= e.Causes[0].Confidence || sameCause(&causes[0], &e.Causes[0]) {
		e.Causes = causes
	}
}

// doubt looks again at the causes of an effect incident: evidence may come in later than
// the effect.
func (q *inquiry) doubt(e *entry) {
	if e.Scope != keepwatch.ScopeEffect || len(e.affected) > 0 || q.doubted[e] {
		return
	}
	q.doubted[e] = true
	causes := q.causesOf(e)
	if len(e.Causes) == 0 || !sameCause(&causes[0], &e.Causes[0]) {
		e.touch()
		e.blame(causes)
		e.tell()
	}
}

func sameCause(a, b *keepwatch.Cause) bool {
	return a.Kind == b.Kind && a.Credential == b.Credential && a.Subject == b.Subject
}
