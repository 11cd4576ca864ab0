package incident

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// Step is the judgement: what follows from the observations of one transaction.
// It is pure and deterministic, so the store may run it again after a conflict
// and a test may tell its whole story as a table.
//
// Each observation is lifted into its series in turn, oldest slot first, and may
// move its state, open, join or leave incidents, and plan the next run. What
// needs the whole neighbourhood (a witness, the same refusal everywhere) comes
// after the last one.
func Step(v View, p Policy, now time.Time) (Changes, error) {
	st := &step{view: v, policy: p.withDefaults(), now: now,
		series: make([]keepwatch.Series, 0, len(v.Observations)+owners(v.Observations)),
		index:  make(map[keepwatch.SeriesID]int, len(v.Observations)),
	}
	for i := range v.Observations {
		if err := st.observe(&v.Observations[i]); err != nil {
			return Changes{}, err
		}
	}
	st.compare()
	return st.changes(), nil
}

// owners counts the observations that may touch the series of a credential's own test
// besides their own.
func owners(obs []keepwatch.Observation) (n int) {
	for i := range obs {
		if obs[i].Traffic != nil {
			n++
		}
	}
	return n
}

// step is one run of Step.
type step struct {
	view   View
	policy Policy
	now    time.Time

	series []keepwatch.Series // lifted ones; never grows past its capacity, so pointers hold
	index  map[keepwatch.SeriesID]int
	hoods  map[NeighbourhoodKey]*hood
	last   *hood // of the observation before: groups come by tenant
	ledger *ledger
	plans  map[keepwatch.CheckID]Plan

	wanted  []wanted           // first soft failures
	refused []NeighbourhoodKey // where a credential's refusal was confirmed
	judged  []int              // series whose counters were judged
	proofs  []keepwatch.Notice // of Keepwatch itself
}

// observe lifts one observation, unless a newer slot was lifted before: then it
// is history and changes nothing.
func (st *step) observe(o *keepwatch.Observation) error {
	if o.Check.OfCanary() {
		st.proofs = append(st.proofs, canaryOf(o).NoticeOf(st.now))
		return nil
	}
	s, err := st.load(o)
	if err != nil || s == nil {
		return err
	}
	looked := s.Last.Outcome != keepwatch.MonitorFault
	lift(s, o)
	if !looked && o.Outcome != keepwatch.MonitorFault {
		st.lookedAgain(s, o)
	}
	switch {
	case o.Traffic != nil:
		st.lived(s, o)
	case o.Watch != nil:
		st.watched(s, o)
	case summary(o):
		st.summed(s, o, !looked)
	case o.Due != nil || o.Outcome.Info().Confirm == keepwatch.ConfirmDate || (o.Outcome == keepwatch.OK && besides(o.Check, o.Credential)):
		st.looked(s, o)
	case o.Outcome == keepwatch.OK:
		st.proven(s, o)
	case o.Source == keepwatch.SourceMonitor || o.Outcome == keepwatch.MonitoringBlind:
		st.reported(s, o)
	case o.Outcome == keepwatch.MonitorFault:
		st.couldNotLook(s, o, !looked)
	case o.Outcome.Hard():
		st.refusedBy(s, o)
	case o.Outcome.Soft():
		st.failedSoftly(s, o)
	}
	return nil
}

// load finds the working copy of an observation's series, or nil when its slot
// is not newer than what was lifted.
func (st *step) load(o *keepwatch.Observation) (*keepwatch.Series, error) {
	if i, ok := st.index[o.Series]; ok {
		if s := &st.series[i]; newer(s, o) {
			return s, nil
		}
		return nil, nil
	}
	s, ok := st.view.Series[o.Series]
	if !ok {
		return nil, fmt.Errorf("series %q of observation %q is not in the view: %w", o.Series, o.Key, keepwatch.ErrInvalid)
	}
	if !newer(&s, o) {
		return nil, nil
	}
	st.index[o.Series] = len(st.series)
	st.series = append(st.series, s)
	return &st.series[len(st.series)-1], nil
}

// newer reports whether an observation is not history. Windows of traffic add up in
// any order: two nodes may see one holder at the same time.
func newer(s *keepwatch.Series, o *keepwatch.Observation) bool {
	return o.Traffic != nil || slotOf(o).After(s.LastSlot)
}

// slotOf is the instant that orders observations: traffic has no plan, only a time.
func slotOf(o *keepwatch.Observation) time.Time {
	if o.Slot.IsZero() {
		return o.At
	}
	return o.Slot
}

// lift moves what every observation moves, whatever it says.
func lift(s *keepwatch.Series, o *keepwatch.Observation) {
	if s.ID == "" {
		s.ID = o.Series
	}
	s.Check = cmp.Or(o.Check, s.Check)
	s.Credential, s.Tenant, s.Place = cmp.Or(o.Credential, s.Credential), cmp.Or(o.Tenant, s.Tenant), cmp.Or(o.Place, s.Place)
	if s.State == "" {
		s.State, s.Since = keepwatch.StateUnknown, o.At
	}
	s.LastSlot = later(s.LastSlot, slotOf(o))
	if o.At.After(s.LastAt) {
		s.LastAt = o.At
	}
	s.Last = *o
	s.Last.Transcript = ""
	if o.Watch != nil {
		s.Watch, s.Last.Watch = o.Watch, nil
	}
	if o.Stack != "" {
		s.Stack = o.Stack
	}
	if len(o.Scopes) > 0 {
		s.Scopes = o.Scopes
	}
	schedule(s, o)
}

// schedule keeps the planned gap and the next planned proof. Only a run of the
// schedule says how far apart proofs are; a run between two of them says when the next one
// is.
func schedule(s *keepwatch.Series, o *keepwatch.Observation) {
	if o.Gap <= 0 || o.Outcome == keepwatch.MonitorFault {
		return // a run that could not look is no proof that the plan was kept
	}
	next := slotOf(o).Add(o.Gap)
	if o.Reason == keepwatch.ReasonScheduled || s.PlannedGap <= 0 {
		s.PlannedGap, s.NextProofAt = o.Gap, next
		return
	}
	if !s.NextProofAt.After(slotOf(o)) {
		s.NextProofAt = next
	}
}

// setState moves the state; Since is the observation that moved it.
func setState(s *keepwatch.Series, state keepwatch.State, outcome keepwatch.Outcome, at time.Time) {
	if s.State != state {
		s.State, s.Since = state, at
	}
	s.Outcome = outcome
}

// ended reports whether the state may end only by a new proof.
func ended(s *keepwatch.Series) bool {
	return s.State == keepwatch.StateFailing || s.State == keepwatch.StateExpired
}

// fail notes a failure of the credential or of its way to SFMC.
func (st *step) fail(s *keepwatch.Series, o *keepwatch.Observation) {
	if s.FirstFailedAt.IsZero() {
		s.FirstFailedAt = o.At
		if !s.LastProvenAt.IsZero() {
			s.Flips = detect.Within(s.Flips, o.At, detect.FlapWindow, o.At)
		}
	}
	s.OKStreak, s.SlowStreak = 0, 0
	failures := make([]keepwatch.Failure, 0, len(s.Failures)+1)
	failures = append(append(failures, s.Failures...), spread(o)...)
	if over := len(failures) - maxFailures; over > 0 {
		failures = failures[over:]
	}
	s.Failures = failures
}

const maxFailures = 16

// spread turns an aggregate of like events into the few failures that matter to
// the rules: up to three, evenly over its window.
func spread(o *keepwatch.Observation) []keepwatch.Failure {
	n := min(max(o.Count, 1), keepwatch.SoftConfirmCount)
	out := make([]keepwatch.Failure, n)
	for i := range out {
		at := o.At
		if n > 1 {
			at = at.Add(o.Window * time.Duration(i) / time.Duration(n-1))
		}
		out[i] = keepwatch.Failure{At: at, Outcome: o.Outcome, Connectivity: o.Connectivity, Reason: reasonOf(o)}
	}
	return out
}

// reasonOf keeps traffic and events from ever counting as a run of the schedule.
func reasonOf(o *keepwatch.Observation) keepwatch.Reason {
	if o.Source != keepwatch.SourceTest {
		return ""
	}
	return o.Reason
}

// plan moves the next run of a series' check. The last plan of a step holds.
func (st *step) plan(s *keepwatch.Series, at time.Time, reason keepwatch.Reason) {
	if s.Check == "" {
		return // traffic has no schedule
	}
	at = wholeSecond(at)
	st.put(Plan{Check: s.Check, At: at, Reason: reason})
	s.NextProofAt = at
	if at.Equal(detect.Never) {
		s.NextProofAt = time.Time{}
	}
}

func (st *step) put(p Plan) {
	if st.plans == nil {
		st.plans = map[keepwatch.CheckID]Plan{}
	}
	st.plans[p.Check] = p
}

// wholeSecond rounds up: the due grid stands on whole seconds, and a confirmation
// that came a moment early would be a moment short of its span.
func wholeSecond(t time.Time) time.Time {
	if r := t.Truncate(time.Second); !r.Equal(t) {
		return r.Add(time.Second)
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// book is the ledger, built when a step first needs it.
func (st *step) book() *ledger {
	if st.ledger == nil {
		st.ledger = newLedger(st.view.Open, st.now)
	}
	return st.ledger
}

// hood is the neighbourhood of an observation.
func (st *step) hood(o *keepwatch.Observation) *hood {
	key := NeighbourhoodKey{Tenant: o.Tenant, Place: o.Place}
	if st.last != nil && st.last.Key == key {
		return st.last
	}
	h, ok := st.hoods[key]
	if !ok {
		if st.hoods == nil {
			st.hoods = make(map[NeighbourhoodKey]*hood, len(st.view.Neighbourhoods))
		}
		h = newHood(st.view.Neighbourhoods[key], key)
		st.hoods[key] = h
	}
	st.last = h
	return h
}

// compare runs the rules that look across credentials, once everything is lifted.
func (st *step) compare() {
	for _, w := range st.wanted {
		if p, ok := st.witness(w); ok {
			if _, planned := st.plans[p.Check]; !planned {
				st.put(p)
			}
		}
	}
	for _, key := range st.refused {
		st.everywhere(key)
	}
	st.effects()
}

// changes gathers what follows, in an order that does not depend on maps.
func (st *step) changes() Changes {
	c := Changes{Series: st.series}
	for _, h := range st.hoods {
		if h.touched {
			c.Neighbourhoods = append(c.Neighbourhoods, h.Neighbourhood)
		}
	}
	sort.Slice(c.Neighbourhoods, func(i, j int) bool {
		a, b := c.Neighbourhoods[i].Key, c.Neighbourhoods[j].Key
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Place, b.Place)) < 0
	})
	if st.ledger != nil {
		st.ledger.writeTo(&c)
	}
	c.Notices = append(c.Notices, st.proofs...)
	for _, p := range st.plans {
		c.Plans = append(c.Plans, p)
	}
	slices.SortFunc(c.Plans, func(a, b Plan) int { return cmp.Compare(a.Check, b.Check) })
	return c
}

// count renders "1 credential", "3 credentials".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
