package collect

import (
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// suspicious reports that a journey looks as if nobody entered since the last look, or
// is in trouble already.
func (l *look) suspicious(j *journey, r keepwatch.JourneyReading) bool {
	prev := l.previous(j.wanted.Subject, keepwatch.AspectEntry)
	if prev == nil || prev.Reading.Journey == nil || r.Quicksend {
		return false
	}
	if o := prev.Verdict.Outcome; o != "" && o != keepwatch.OK {
		return true
	}
	if !j.named {
		return false // of thousands, each is still at some hour
	}
	before := prev.Reading.Journey.Entered
	return r.Status == "Published" && before != nil && r.Entered != nil && *before == *r.Entered
}

// closely asks what tells the causes of a silence apart. It is asked only for journeys
// that look silent, so that a quiet account costs nothing.
func (l *look) closely(j *journey, r *keepwatch.JourneyReading, needs *int) {
	l.audit(j, r)
	if !l.suspicious(j, *r) || *needs <= 0 {
		return
	}
	*needs--
	prev := l.previous(j.wanted.Subject, keepwatch.AspectEntry)
	since := prev.Reading.At
	if l.job.At.Sub(since) > day || !since.Before(l.job.At) {
		since = l.job.At.Add(-l.every)
	}
	r.HistoryLag = l.historyLag()
	if query := l.history(j, since); len(query.Definitions) > 0 {
		var n int64
		v := l.ask(request{route: RouteHistory, thing: j.lead.Key}, one(func(s *session) (v sfmc.Verdict) {
			n, v = l.c.client.HistoryEstimate(s.ctx, l.endpoints, s.access, query)
			return v
		}))
		if v.OK() {
			r.Moved = &n
		}
	}
	if r.EventKey != "" {
		l.triggers(r, since)
	}
}

// triggers reads what became of the entry events.
func (l *look) triggers(r *keepwatch.JourneyReading, since time.Time) {
	if d, ok := l.event(r.EventKey); ok {
		var stats sfmc.TriggerStats
		v := l.ask(request{route: RouteTriggerStats, thing: r.EventKey}, one(func(s *session) (v sfmc.Verdict) {
			stats, v = l.c.client.TriggerStats(s.ctx, l.endpoints, s.access, d.ID)
			return v
		}))
		if v.OK() {
			r.Attempted, r.Met, r.Failed = stats.Attempted, stats.Met, stats.Failed
		}
	}
	if r.EventType != "" && r.EventType != "APIEvent" {
		return
	}
	v := l.ask(request{route: RouteAsyncEvents, thing: r.EventKey}, one(func(s *session) (v sfmc.Verdict) {
		r.Errored, v = l.c.client.ErroredEvents(s.ctx, l.endpoints, s.access, r.EventKey, since, l.job.At)
		return v
	}))
	if !v.OK() {
		r.Errored = nil
	}
}

// usualLag is how far the history lies behind where SFMC was not asked: the example of
// its documentation.
const usualLag = 20 * time.Minute

// historyLag is asked once an hour for the whole business unit, while something is
// silent. A look that does not ask takes the last answer.
func (l *look) historyLag() *time.Duration {
	if lag, known := l.unit.lag.get(RouteFreshness, l.job.At); known {
		return &lag
	}
	if !l.oncePer(RouteFreshness, time.Hour) {
		return nil
	}
	var lag time.Duration
	v := l.ask(request{route: RouteFreshness}, one(func(s *session) (v sfmc.Verdict) {
		lag, v = l.c.client.HistoryLag(s.ctx, l.endpoints, s.access)
		return v
	}))
	if !v.OK() {
		return nil
	}
	l.unit.lag.put(RouteFreshness, lag, l.job.At.Add(time.Hour))
	return &lag
}

// history asks for what happened in the versions that are live, as far back as the
// history lies behind: what is newer is not in it yet, and would read as nothing.
func (l *look) history(j *journey, since time.Time) sfmc.HistoryQuery {
	lag, known := l.unit.lag.get(RouteFreshness, l.job.At)
	if !known {
		lag = usualLag
	}
	q := sfmc.HistoryQuery{Start: since.Add(-lag), End: l.job.At.Add(-lag)}
	for _, v := range j.versions {
		if v.Definition != "" && slices.Contains(liveStates, v.Status) {
			q.Definitions = append(q.Definitions, v.Definition)
		}
	}
	return q
}

// changes of state that the audit log may explain.
var changes = []string{"Stop", "Pause", "Unpublish", "Publish", "Resume", "Delete"}

// audit asks who changed a journey, when its state is another than before, or when it
// has stopped and nobody knows why.
func (l *look) audit(j *journey, r *keepwatch.JourneyReading) {
	prev := l.previous(j.wanted.Subject, keepwatch.AspectEntry)
	if prev == nil || prev.Reading.Journey == nil || j.lead.ID == "" {
		return
	}
	before := prev.Reading.Journey
	changed := before.Status != r.Status || before.Version != r.Version
	if !changed && (r.Change != "" || !l.suspicious(j, *r) || !l.oncePer("audit:"+j.lead.Key, 6*time.Hour)) {
		return
	}
	var entries []sfmc.JourneyChange
	v := l.ask(request{route: RouteJourneyAudit, thing: j.lead.Key}, one(func(s *session) (v sfmc.Verdict) {
		entries, v = l.c.client.JourneyAudit(s.ctx, l.endpoints, s.access, j.lead.ID, j.lead.Version)
		return v
	}))
	if !v.OK() {
		return
	}
	for _, e := range entries {
		if slices.Contains(changes, e.Action) && e.At.After(r.ChangedAt) && !e.At.After(l.job.At.Add(time.Hour)) {
			r.ChangedBy, r.Change, r.ChangedAt = e.By, e.Action, e.At
		}
	}
}

// activityEvery is how often the steps inside a wanted journey are counted.
const activityEvery = time.Hour

// activities counts what the steps inside a wanted journey did since the last time.
func (l *look) activities(j *journey, r keepwatch.JourneyReading, needs *int) {
	if !j.named || r.Quicksend || !slices.Contains(liveStates, r.Status) || !l.offered(RouteActivities) || *needs <= 0 {
		return
	}
	if !l.oncePer("activities:"+j.lead.Key, activityEvery) {
		return
	}
	*needs--
	since := l.job.At.Add(-activityEvery)
	if prev := l.previous(j.wanted.Subject, keepwatch.AspectActivities); prev != nil && l.job.At.Sub(prev.Reading.At) < day && prev.Reading.At.Before(l.job.At) {
		since = prev.Reading.At
	}
	query := l.history(j, since)
	if len(query.Definitions) == 0 {
		return
	}
	var moved []sfmc.Moved
	v := l.ask(request{route: RouteActivities}, one(func(s *session) (v sfmc.Verdict) {
		moved, _, v = l.c.client.History(s.ctx, l.endpoints, s.access, query)
		return v
	}))
	if !v.OK() {
		return
	}
	r.Activities, r.Moved = nil, new(int64)
	for _, m := range moved {
		if strings.EqualFold(m.Type, "trigger") {
			continue // who did not get in is not inside
		}
		*r.Moved += m.Done + m.Failed
		r.Activities = append(r.Activities, keepwatch.ActivityReading{Name: m.Name, Kind: m.Type, Done: m.Done, Failed: m.Failed})
	}
	l.seen(j.wanted, keepwatch.AspectActivities, keepwatch.Reading{Journey: &r}, activityEvery)
}
