package app

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
	"keepwatch/internal/metrics"
	"keepwatch/internal/store"
)

// gaugesKept is how long a snapshot serves scrapes: two scrapers must not read
// the whole store twice in a second.
const gaugesKept = 5 * time.Second

// gauges work out what /metrics shows of states, from rows.
type gauges struct {
	app *App

	mu    sync.Mutex
	until time.Time
	last  metrics.Snapshot
}

func (g *gauges) snapshot() metrics.Snapshot {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Before(g.until) && now.After(g.until.Add(-2*gaugesKept)) {
		return g.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	snap, err := g.app.gaugesAt(ctx, now)
	if err != nil {
		// What cannot be read is absent, never stale: an alert on absence fires.
		g.app.log.Error("metrics", "error", err)
		snap = metrics.Snapshot{}
	}
	g.last, g.until = snap, now.Add(gaugesKept)
	return snap
}

func (a *App) gaugesAt(ctx context.Context, now time.Time) (metrics.Snapshot, error) {
	all, err := a.db.PeerSeries(ctx) // what is well in SFMC has no gauge of its own
	if err != nil {
		return metrics.Snapshot{}, err
	}
	series := make(map[keepwatch.CredentialID][]keepwatch.Series, len(all))
	for _, s := range all {
		series[s.Credential] = append(series[s.Credential], s)
	}
	hours, err := a.db.PlainHourly(ctx, now.Add(-24*time.Hour), now)
	if err != nil {
		return metrics.Snapshot{}, err
	}
	open, err := a.db.OpenCounts(ctx)
	if err != nil {
		return metrics.Snapshot{}, err
	}
	seen := a.traffic.Stats()
	snap := metrics.Snapshot{Traffic: metrics.TrafficSeen{
		NoRoom: seen.Lost, Unattributed: seen.Unattributed, Refused: seen.Refused, Repeats: seen.Repeats, Waiting: seen.Waiting,
	}}
	for _, c := range a.config.Load().Credentials {
		own := keepwatch.SeriesOf(keepwatch.CheckID(c.ID), "")
		snap.Credentials = append(snap.Credentials, gaugeOf(c, series[c.ID], hours[own], now))
	}
	addEffects(&snap, all)
	looked, err := a.db.LookedAt(ctx)
	if err != nil {
		return metrics.Snapshot{}, err
	}
	addSubjects(&snap, looked)
	for _, o := range open {
		snap.Incidents = append(snap.Incidents, metrics.OpenIncidents(o))
	}
	if oldest, some, err := a.db.OldestUndelivered(ctx); err != nil {
		return metrics.Snapshot{}, err
	} else if some {
		snap.OutboxOldest = max(0, now.Sub(oldest))
	}
	return snap, nil
}

// addEffects counts the aspects that show an effect: a journey that is stalled and whose
// activities fail as well shows two.
func addEffects(snap *metrics.Snapshot, all []keepwatch.Series) {
	effects := map[metrics.OpenEffects]int{}
	for _, s := range all {
		if s.Watch != nil && s.Outcome.Info().Scope == keepwatch.ScopeEffect {
			effects[metrics.OpenEffects{Kind: s.Watch.Subject.Kind, Outcome: s.Outcome}]++
		}
	}
	for e, n := range effects {
		e.Count = n
		snap.Effects = append(snap.Effects, e)
	}
}

// addSubjects counts what is watched: subjects, not their aspects.
func addSubjects(snap *metrics.Snapshot, looked []store.Looked) {
	seen, watched := map[string]bool{}, map[metrics.WatchedSubjects]int{}
	for _, l := range looked {
		subject := string(l.Series)[:max(strings.LastIndexByte(string(l.Series), ':'), 0)]
		_, name, _ := strings.Cut(subject, "#")
		kind, _, _ := strings.Cut(name, "/")
		if !seen[subject] {
			seen[subject] = true
			watched[metrics.WatchedSubjects{Tenant: l.Tenant, Kind: keepwatch.SubjectKind(kind)}]++
		}
	}
	for w, n := range watched {
		w.Count = n
		snap.Subjects = append(snap.Subjects, w)
	}
}

func gaugeOf(c keepwatch.Credential, series []keepwatch.Series, hours []keepwatch.Rollup, now time.Time) metrics.Credential {
	g := metrics.Credential{
		ID: c.ID, Tenant: c.Tenant, BusinessUnit: c.BusinessUnit, Criticality: c.Criticality, State: keepwatch.StateUnknown,
		Expiries: expiriesOf(c, series),
	}
	tested := false
	for _, s := range series {
		if s.ID == keepwatch.SeriesOf(keepwatch.CheckID(c.ID), "") {
			g.State, g.LastProven, tested = s.StateAt(now), s.LastProvenAt, true
		}
	}
	if !tested {
		g.State = stateOfDates(series, now)
	}
	for _, w := range []struct {
		name string
		span time.Duration
	}{{"1h", time.Hour}, {"24h", 24 * time.Hour}} {
		addRefreshes(&g, series, w.name, w.span, now)
		if rate, some := successRate(hours, now.Add(-w.span)); some {
			g.Ratios = append(g.Ratios, metrics.Ratio{Window: w.name, Value: rate})
		}
	}
	return g
}

// addRefreshes sums up what all holders of a credential went through with their tokens.
func addRefreshes(g *metrics.Credential, series []keepwatch.Series, name string, window time.Duration, now time.Time) {
	var sum keepwatch.Span
	for i := range series {
		if m := series[i].Traffic; m != nil {
			s := detect.Over(m, window, now)
			sum.Requests, sum.Failed = sum.Requests+s.Requests, sum.Failed+s.Failed
			sum.Cycles, sum.Attempts = sum.Cycles+s.Cycles, sum.Attempts+s.Attempts
		}
	}
	if sum.Requests > 0 {
		g.Refreshes = append(g.Refreshes, metrics.Ratio{Window: name, Value: 1 - float64(sum.Failed)/float64(sum.Requests)})
	}
	if sum.Cycles > 0 {
		g.Attempts = append(g.Attempts, metrics.Ratio{Window: name, Value: float64(sum.Attempts) / float64(sum.Cycles)})
	}
}

// expiriesOf are the known ends: as they were seen at the last look, which has read
// certificates, else as they follow from the record.
func expiriesOf(c keepwatch.Credential, series []keepwatch.Series) []metrics.Expiry {
	ends := map[string]time.Time{}
	for _, k := range c.Clocks {
		if k.Known() {
			ends[k.Name] = k.At
		}
	}
	for _, s := range series {
		if d := s.Last.Due; d != nil && s.Check == keepwatch.CheckOf(keepwatch.CheckExpiry, c.ID) {
			if _, stands := ends[d.Clock.Name]; !stands || d.Clock.Source == keepwatch.DateRead {
				ends[d.Clock.Name] = d.Clock.At
			}
		}
	}
	out := make([]metrics.Expiry, 0, len(ends))
	for _, name := range slices.Sorted(maps.Keys(ends)) {
		out = append(out, metrics.Expiry{Clock: name, At: ends[name]})
	}
	return out
}

// stateOfDates stands for the state of a credential that no test proves: the worst
// of its clocks, healthy only where a date was looked at.
func stateOfDates(series []keepwatch.Series, now time.Time) keepwatch.State {
	worst := keepwatch.StateUnknown
	for _, s := range series {
		if s.Last.Due == nil {
			continue
		}
		switch state := s.StateAt(now); {
		case state == keepwatch.StateExpired, worst == keepwatch.StateUnknown, worst == keepwatch.StateHealthy && state == keepwatch.StateDegraded:
			worst = state
		}
	}
	return worst
}

// successRate is the share of good runs among those that say something about the
// credential; what we could not look at counts neither way.
func successRate(hours []keepwatch.Rollup, since time.Time) (rate float64, some bool) {
	good, judged := 0, 0
	for _, h := range hours {
		if h.Start.Add(time.Hour).After(since) {
			good, judged = good+h.OK, judged+h.OK+h.Failed
		}
	}
	if judged == 0 {
		return 0, false
	}
	return float64(good) / float64(judged), true
}
