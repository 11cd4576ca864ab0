package impact

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

const (
	unitContacts = "contacts"
	unitMessages = "messages"
	unitEvents   = "events"
	unitRows     = "rows"
	unitHours    = "hours"
	unitSeconds  = "seconds"
)

// work is one run of Of.
type work struct {
	Case
	stops   certainty
	outage  span
	members map[keepwatch.CredentialID]span
	stale   map[string]staleness // data extensions, by unit and key
	found   []part
}

func newWork(c Case) *work {
	w := &work{Case: c, stops: stopsOf(c.Incident), members: map[keepwatch.CredentialID]span{}, stale: map[string]staleness{}}
	w.outage = w.wholeSpan()
	for _, m := range c.Incident.Members {
		if m.Credential != "" {
			w.members[m.Credential] = w.memberSpan(m)
		}
	}
	if id := c.Incident.Credential; id != "" {
		if _, ok := w.members[id]; !ok {
			w.members[id] = w.outage
		}
	}
	return w
}

// wholeSpan is when the cause held: from between the last proof and the first
// failure to between the last failure and the first proof.
func (w *work) wholeSpan() span {
	inc := w.Incident
	s := span{from: [2]time.Time{inc.LastProvenAt, cmp.Or(inc.FirstFailedAt, inc.DetectedAt)}}
	if inc.Scope == keepwatch.ScopeEffect {
		s.from = [2]time.Time{inc.FirstFailedAt, inc.FirstFailedAt}
		for _, e := range inc.Effects {
			if s.from[1].IsZero() || e.Since.Before(s.from[1]) {
				s.from = [2]time.Time{e.Since, e.Since}
			}
		}
	}
	return w.endedAt(s, cmp.Or(inc.RestoredAt, inc.ResolvedAt), w.LastFailedAt)
}

// endedAt closes a span at a proof, or leaves it open until now.
func (w *work) endedAt(s span, end, lastFailed time.Time) span {
	switch {
	case end.IsZero():
		s.to, s.open = [2]time.Time{w.Now, w.Now}, true
	case w.Incident.Scope == keepwatch.ScopeEffect:
		s.to = [2]time.Time{end, end}
	default:
		if lastFailed.IsZero() { // looks were as far apart as at the beginning
			lastFailed = end.Add(-s.ordered().from[1].Sub(s.ordered().from[0]))
		}
		s.to = [2]time.Time{latest(lastFailed, w.Incident.DetectedAt, s.from[1]), end}
	}
	return s.ordered()
}

// memberSpan is the part of one credential. The first to fail carries the doubt about
// the beginning; of those that joined, the first failure is all that is known.
func (w *work) memberSpan(m keepwatch.Member) span {
	s := span{from: [2]time.Time{m.Since, m.Since}}
	if !m.Since.After(w.Incident.FirstFailedAt) {
		s.from = w.outage.from
	}
	end := m.EndedAt
	if end.IsZero() {
		end = cmp.Or(w.Incident.RestoredAt, w.Incident.ResolvedAt)
	}
	lastFailed := w.LastFailedAt
	if lastFailed.After(end) {
		lastFailed = time.Time{}
	}
	return w.endedAt(s, end, lastFailed)
}

// subjects works out every subject. Data extensions come first: those that read
// them ask how stale they were.
func (w *work) subjects() {
	ordered := slices.Clone(w.Subjects)
	slices.SortStableFunc(ordered, func(a, b Subject) int {
		return cmp.Or(rank(a.Kind)-rank(b.Kind), cmp.Compare(a.ID(), b.ID()))
	})
	for _, s := range ordered {
		if s.Kind == keepwatch.SubjectDataExtension {
			w.extension(s)
		}
		w.contacts(s)
		w.reader(s)
		w.queue(s)
		w.rows(s)
	}
}

func rank(k keepwatch.SubjectKind) int {
	if k == keepwatch.SubjectDataExtension {
		return 0
	}
	return 1
}

// link is how a subject hangs on the incident.
func (w *work) link(s Subject) (direct, nested bool, during span) {
	for _, u := range s.Upstream {
		m, ok := w.members[u.Credential]
		switch {
		case !ok:
		case len(u.Via) > 0:
			nested = true
			if during.isZero() {
				during = m
			}
		default:
			direct, during = true, m
		}
	}
	return direct, nested, during
}

// effect finds the incident's effect on a subject, of the outcomes given.
func (w *work) effect(s Subject, outcomes ...keepwatch.Outcome) (keepwatch.Effect, bool) {
	for _, e := range w.Incident.Effects {
		if e.MovedTo == "" && e.Subject.ID() == s.ID() && e.Subject.Unit == s.Unit && slices.Contains(outcomes, e.Outcome) {
			return e, true
		}
	}
	return keepwatch.Effect{}, false
}

// effectSpan is when an effect held, as far as SFMC's own counters show it. The last
// sign of life narrows when the cause began: what came after the refusal was seen came
// with a token from before. It was over some time between the last look that saw nothing and
// the one that saw it end.
func (w *work) effectSpan(s Subject, e keepwatch.Effect, during span) span {
	held := span{from: [2]time.Time{e.Since, e.Since}}
	if first := during.from; !during.isZero() && first[1].After(e.Since) {
		held.from = [2]time.Time{latest(first[0], e.Since), first[1]}
	}
	switch end := e.EndedAt; {
	case !during.isZero() && end.Equal(during.to[1]):
		held.to = during.to // it went on without the cause, elsewhere
	case !end.IsZero():
		held.to = [2]time.Time{end, end}
		if from := latest(before(w.Incident.RestoredAt, end), before(during.to[0], end), lastLook(s, e)); !from.IsZero() {
			held.to[0] = from
		}
	case w.Incident.Status == keepwatch.IncidentResolved:
		held.to = [2]time.Time{w.Incident.ResolvedAt, w.Incident.ResolvedAt}
	default:
		held.to, held.open = [2]time.Time{w.Now, w.Now}, true
	}
	return held.ordered()
}

// lastLook is the newest look at which an effect still held.
func lastLook(s Subject, e keepwatch.Effect) (at time.Time) {
	for _, r := range s.Readings {
		if r.Aspect == e.Aspect && r.Verdict.Outcome == e.Outcome && r.Reading.At.Before(e.EndedAt) {
			at = latest(at, r.Reading.At)
		}
	}
	return at
}

// before is an instant if it lies before another one, else zero.
func before(at, limit time.Time) time.Time {
	if at.Before(limit) {
		return at
	}
	return time.Time{}
}

// moved reports that another incident explains what stopped a subject. Its cost counts there.
func (w *work) moved(s Subject) bool {
	return slices.ContainsFunc(w.Incident.Effects, func(e keepwatch.Effect) bool {
		return e.MovedTo != "" && e.Subject.ID() == s.ID() && e.Subject.Unit == s.Unit
	})
}

// contacts are those that could not come when they were due.
func (w *work) contacts(s Subject) {
	direct, _, during := w.link(s)
	e, stalled := w.effect(s, keepwatch.JourneyStalled, keepwatch.VolumeDropped)
	switch {
	case stalled:
		during = w.effectSpan(s, e, during)
	case !direct || w.moved(s):
		return
	}
	v, ok := w.volume(s, during)
	if !ok {
		w.said(s, during.open)
		return
	}
	v = w.lessWhatCame(s, during, v)
	v.e = v.e.whole()
	v.formula += " = " + number(v.e.mid)
	doubt := w.stops == perhaps && !stalled
	if doubt {
		v.formula += ", at most: seen from one place, others may get through"
	}
	add := func(name, unit, formula, source string, e estimate) {
		w.found = append(w.found, part{name: name, subject: s.ID(), unit: unit, e: e, formula: formula, source: source, atLeast: doubt, so: during.open})
	}
	add(ContactsDelayed, unitContacts, v.formula, v.source, v.e)
	w.backlog(s, v, during.open, add)
	if s.Kind == keepwatch.SubjectJourney {
		name, formula := ContactsLate, v.formula
		switch s.Expect.OnOutage {
		case "lost":
			name = ContactsLost
		case "":
			formula += ", taken as late: on_outage is not configured"
		}
		add(name, unitContacts, formula, v.source, v.e)
	}
	if isSend(s.Kind) && s.Expect.OnOutage == "lost" {
		add(MessagesNotSent, unitMessages, v.formula, v.source, v.e)
	}
	if worth := s.Expect.ValuePerContact; worth > 0 {
		kind := "late"
		if s.Expect.OnOutage == "lost" {
			kind = "lost"
		}
		e := v.e.times(worth)
		add(Value, cmp.Or(w.Unit, "value"), fmt.Sprintf("%s %s × %s = %s", number(v.e.mid), kind, number(worth), number(e.mid)), v.source, e)
	}
}

// lessWhatCame takes away the share that was seen to come: another way in, or a holder
// that had the right secret.
func (w *work) lessWhatCame(s Subject, during span, v volume) volume {
	if w.Came == nil || !during.from[1].Before(during.to[0]) {
		return v
	}
	n, since, until := w.Came(s.Subject, during.from[1], during.to[0])
	if n <= 0 || !since.Before(until) {
		return v
	}
	usual, ok := w.volume(s, span{from: [2]time.Time{since, since}, to: [2]time.Time{until, until}})
	if !ok || usual.e.mid <= 0 {
		return v
	}
	share := min(1, float64(n)/usual.e.mid)
	v.formula += fmt.Sprintf(", less the %.0f %% that came", share*100)
	v.e, v.source = v.e.less(v.e.mid*share), Measured
	return v
}

// backlog is what the caller holds: what it said, else what it must hold where
// it keeps what it cannot deliver.
func (w *work) backlog(s Subject, v volume, open bool, add func(name, unit, formula, source string, e estimate)) {
	if s.Backlog != nil {
		w.said(s, open)
		return
	}
	if s.Expect.OnOutage == "late" {
		add(CallerBacklog, unitEvents, v.formula+", inferred", Inferred, v.e)
	}
}

// said is the backlog as the caller told it. What it counted itself is no part of what the
// outage's place or chance leave open.
func (w *work) said(s Subject, open bool) {
	b := s.Backlog
	if b == nil {
		return
	}
	formula := fmt.Sprintf("%s waiting at %s, said %s", number(float64(b.Depth)), b.Holder, stamp(b.At))
	if b.Oldest > 0 {
		formula += ", the oldest for " + words(b.Oldest)
	}
	w.found = append(w.found, part{name: CallerBacklog, subject: s.ID(), unit: unitEvents, e: estimate{mid: float64(b.Depth)}, formula: formula, source: Pushed, so: open})
}

// volume is an estimate of how many a span should bring.
type volume struct {
	e       estimate
	formula string // without the result
	source  string
}

// volume asks the baseline, else what is configured. A configured number knows
// nothing of the hour; its range is that of chance alone.
func (w *work) volume(s Subject, during span) (volume, bool) {
	if during.isZero() {
		return volume{}, false
	}
	from, to := during.middle()
	d := during.spread()
	if w.Volume != nil {
		if low, mid, high, source := w.Volume(s.Subject, from, to); source != "" {
			v := volume{e: estimate{mid: mid, volLow: max(0, mid-low), volHigh: max(0, high-mid)}, source: source}
			v.e.durLow, v.e.durHigh = w.around(s, during, d, mid)
			v.formula = fmt.Sprintf("%s of its usual hours (%s to %s)", words(to.Sub(from)), number(math.Round(low)), number(math.Round(high)))
			return v, true
		}
	}
	perDay := s.Expect.ContactsPerDay
	if perDay <= 0 {
		return volume{}, false
	}
	hourly := perDay / 24
	mid := hourly * to.Sub(from).Hours()
	chance := deviate * math.Sqrt(mid)
	doubt := hourly * d.Hours()
	return volume{
		e:       estimate{mid: mid, volLow: min(mid, chance), volHigh: chance, durLow: min(mid, doubt), durHigh: doubt},
		formula: fmt.Sprintf("%s × %s / 24 h", words(to.Sub(from)), number(perDay)), source: Configured,
	}, true
}

// around is how much less and more the baseline has in the shorter and the longer span.
func (w *work) around(s Subject, during span, d time.Duration, mid float64) (below, above float64) {
	if d == 0 {
		return 0, 0
	}
	from, to := during.stretched(-d)
	_, less, _, _ := w.Volume(s.Subject, from, to)
	from, to = during.stretched(d)
	_, more, _, _ := w.Volume(s.Subject, from, to)
	return max(0, mid-less), max(0, more-mid)
}

// sums adds up the parts of each figure.
func (w *work) sums() []keepwatch.Figure {
	groups := map[string][]part{}
	for _, p := range w.found {
		groups[p.name] = append(groups[p.name], p)
	}
	var out []keepwatch.Figure
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, sumOf(groups[name]).figure(digits(groups[name][0].unit)))
	}
	return out
}

func sumOf(parts []part) part {
	if worst := slices.MaxFunc(parts, func(a, b part) int { return cmp.Compare(a.e.mid, b.e.mid) }); parts[0].name == HoursStale {
		worst.subject = "" // hours do not add up: the stalest counts
		return worst
	}
	sum := parts[0]
	sum.subject = ""
	terms := []string{number(sum.e.mid)}
	for _, p := range parts[1:] {
		sum.e = sum.e.plus(p.e)
		terms = append(terms, number(p.e.mid))
		sum.atLeast = sum.atLeast && p.atLeast
		sum.so = sum.so || p.so
		sum.source = weaker(sum.source, p.source)
	}
	switch n := len(parts); {
	case n == 1:
	case n <= maxTerms:
		sum.formula = strings.Join(terms, " + ") + " = " + number(sum.e.mid)
	default:
		sum.formula = fmt.Sprintf("%s + %d more = %s", strings.Join(terms[:maxTerms-1], " + "), n-maxTerms+1, number(sum.e.mid))
	}
	return sum
}

const maxTerms = 6

// weaker is the less certain of two sources: a sum is no better than its worst part.
func weaker(a, b string) string {
	order := []string{Measured, Pushed, Baseline, Configured, Inferred}
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

func (w *work) parts() []keepwatch.Figure {
	var out []keepwatch.Figure
	for _, name := range Names {
		for _, p := range w.found {
			if p.name == name {
				out = append(out, p.figure(digits(p.unit)))
			}
		}
	}
	return out
}

func isSend(k keepwatch.SubjectKind) bool {
	switch k {
	case keepwatch.SubjectTriggeredSend, keepwatch.SubjectTransactionalEmail, keepwatch.SubjectTransactionalSMS:
		return true
	}
	return false
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}
