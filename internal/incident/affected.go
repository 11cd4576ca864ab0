package incident

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// effect is what an incident holds of a series, the newest episode of it.
func (e *entry) effect(id keepwatch.SeriesID) *keepwatch.Effect {
	if e.newest == nil {
		e.newest = make(map[keepwatch.SeriesID]int, len(e.Effects))
		for i := range e.Effects {
			e.newest[e.Effects[i].Series] = i
		}
	}
	if i, ok := e.newest[id]; ok {
		return &e.Effects[i]
	}
	return nil
}

// lasting counts the effects that have not ended.
func (e *entry) lasting() int {
	n := 0
	for i := range e.Effects {
		if lasts(&e.Effects[i]) {
			n++
		}
	}
	return n
}

// begin makes an incident of an effect. It is told of at the end of the step, with all
// that belongs to it.
func (l *ledger) begin(key string, ef *keepwatch.Effect, s *keepwatch.Series) *entry {
	e := &entry{touched: true, fresh: true, Incident: keepwatch.Incident{
		ID:  keepwatch.NewIncidentID(s.LastSlot, key, string(s.ID)),
		Key: key, Scope: keepwatch.ScopeEffect, Tenant: s.Tenant, Outcome: ef.Outcome, Category: ef.Outcome.Info().Category,
		Severity: keepwatch.SeverityInfo, Status: keepwatch.IncidentOpen, Evidence: ef.Evidence, DetectedAt: l.now,
	}}
	if e.Hint = s.Last.Hint; s.Watch != nil {
		e.Hint = cmp.Or(e.Hint, s.Watch.Verdict.Hint)
	}
	l.entries = append(l.entries, e)
	l.byKey[key] = e
	return e
}

// discard takes back an incident that nobody was told of.
func (l *ledger) discard(e *entry) {
	l.close(e)
	l.entries = slices.DeleteFunc(slices.Clone(l.entries), func(x *entry) bool { return x == e })
}

// affect adds an effect to an incident.
func (l *ledger) affect(e *entry, ef keepwatch.Effect) {
	e.touch()
	l.byEffect[ef.Series] = e
	e.affected = append(e.affected, ef)
	if e.Scope == keepwatch.ScopeEffect {
		e.widen(&ef)
	}
	// What comes back within the hour has not been away.
	if x := e.effect(ef.Series); x != nil && (lasts(x) || ef.Since.Sub(x.EndedAt) < comesBack) {
		x.Outcome, x.Evidence, x.EndedAt, x.MovedTo = ef.Outcome, ef.Evidence, time.Time{}, ""
		return
	}
	e.newest[ef.Series] = len(e.Effects)
	e.Effects = append(e.Effects, ef)
}

const comesBack = time.Hour

// widen keeps the times of an effect incident: it began after the last sign of life, and
// no later than it was noticed.
func (e *entry) widen(ef *keepwatch.Effect) {
	noticed := earlier(ef.NoticedAt, e.DetectedAt)
	if e.FirstFailedAt.IsZero() || noticed.Before(e.FirstFailedAt) {
		e.FirstFailedAt = noticed
		if e.LastProvenAt.After(noticed) {
			e.LastProvenAt = time.Time{}
		}
	}
	if ef.Since.After(e.LastProvenAt) && !ef.Since.After(e.FirstFailedAt) {
		e.LastProvenAt = ef.Since
	}
}

// loudest notes how loud an effect is. It is told together with what else the step
// brought.
func (e *entry) loudest(s keepwatch.Severity, o keepwatch.Outcome) {
	if gravity(s) > gravity(e.loud) {
		e.loud, e.loudOf = s, o
	}
}

// part ends an effect in an incident, for a reason.
func (l *ledger) part(e *entry, id keepwatch.SeriesID, at time.Time, reason string) {
	e.touch()
	ef := e.effect(id)
	ef.EndedAt = later(at, ef.NoticedAt)
	e.gone = append(e.gone, departure{Effect: *ef, reason: reason})
	delete(l.byEffect, id)
}

// departure is an effect that left an incident in this step.
type departure struct {
	keepwatch.Effect
	reason string
	to     string // what it hangs on, where another incident explains it
}

// carry takes effects over to another incident, which explains them.
func (l *ledger) carry(from, to *entry, which func(*keepwatch.Effect) bool) {
	for i := range from.Effects {
		ef := from.Effects[i]
		if !lasts(&ef) || !which(&ef) {
			continue
		}
		l.part(from, ef.Series, l.now, ReasonCauseFound)
		from.effect(ef.Series).MovedTo = to.ID
		from.gone[len(from.gone)-1].to = to.about()
		l.affect(to, ef)
	}
}

// tellAffected writes the line about what came to an incident in this step: its opening,
// where it is new.
func (l *ledger) tellAffected(e *entry) {
	news, roots := e.affected, e.roots
	e.affected, e.roots = nil, nil
	raised := e.RestoredAt.IsZero() && gravity(e.loud) > gravity(e.Severity)
	if e.Status != keepwatch.IncidentOpen || (len(news) == 0 && !raised) {
		return
	}
	e.touch()
	if raised {
		e.Severity = e.loud
	}
	e.tell()
	if e.fresh {
		e.fresh = false
		l.write(e, keepwatch.Opened, ReasonEffect, sentenceOf(e.Causes))
		return
	}
	found := slices.DeleteFunc(slices.Clone(news), func(ef keepwatch.Effect) bool { return !slices.Contains(roots, ef.Series) })
	if len(found) > 0 {
		l.write(e, keepwatch.Affected, ReasonCauseFound, some(found)+" stopped, and what was seen before hangs on it.")
		news = slices.DeleteFunc(news, func(ef keepwatch.Effect) bool { return slices.Contains(roots, ef.Series) })
	}
	if len(news) > 0 {
		l.write(e, keepwatch.Affected, ReasonHangs, some(news)+" stopped and "+plural(len(news), "hangs", "hang")+" on it.")
	}
	if raised {
		l.write(e, keepwatch.Changed, ReasonSeverityRaised, "The incident is now "+string(e.Severity)+": "+e.loudOf.Info().Meaning+".")
	}
}

// partings are the reasons why an effect leaves an incident, in the order in which they
// are told.
var partings = []struct{ reason, one, many string }{
	{ReasonCaughtUp, "works again", "work again"},
	{ReasonUnjudged, "could not be judged for a day", "could not be judged for a day"},
	{ReasonRemoved, "is no longer watched", "are no longer watched"},
	{ReasonCauseFound, "hangs on", "hang on"},
	{ReasonStopped, "was stopped by something else, and counts on its own since the cause is gone", "were stopped by something else, and count on their own since the cause is gone"},
	{ReasonOutlived, "lasts though the cause is long gone", "last though the cause is long gone"},
}

// tellGone writes the lines about what left an incident in this step. It ends with the
// last of its effects, unless its cause still lasts.
func (l *ledger) tellGone(e *entry) {
	gone := e.gone
	e.gone = nil
	if len(gone) == 0 || e.Status != keepwatch.IncidentOpen {
		return
	}
	ends := e.Active() == 0 && e.lasting() == 0
	if ends {
		l.close(e)
	}
	e.tell()
	left := len(gone)
	for _, p := range partings {
		var list []keepwatch.Effect
		where := ""
		for _, d := range gone {
			if d.reason == p.reason {
				list = append(list, d.Effect)
				where = cmp.Or(where, d.to)
			}
		}
		if len(list) == 0 {
			continue
		}
		left -= len(list)
		kind := keepwatch.Relieved
		if ends && left == 0 {
			kind = keepwatch.Resolved
		}
		if where != "" {
			where = " " + where + ", whose incident counts what that cost"
		}
		l.write(e, kind, p.reason, some(list)+" "+plural(len(list), p.one, p.many)+where+".")
	}
}

// about is what an incident is about, in a sentence.
func (e *entry) about() string {
	switch n := len(e.roots); {
	case n > 0: // found in this step
		return e.effect(e.roots[n-1]).Subject.String()
	case e.Scope == keepwatch.ScopeEffect:
		return rootEffect(&e.Incident).Subject.String()
	}
	return cmp.Or(names(&e.Incident), string(e.Credential), "the "+string(e.Scope))
}

// some names up to three effects by their subjects, and counts the others.
func some(effects []keepwatch.Effect) string {
	list := make([]string, len(effects))
	for i := range effects {
		list[i] = clip(effects[i].Subject.String(), maxSubject)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if over := len(list) - namedMembers; over > 0 {
		return strings.Join(list[:namedMembers], ", ") + " and " + strconv.Itoa(over) + " more"
	}
	return strings.Join(list, ", ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
