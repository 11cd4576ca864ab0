package app

import (
	"context"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/metrics"
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
	all, err := a.db.Series(ctx)
	if err != nil {
		return metrics.Snapshot{}, err
	}
	series := make(map[keepwatch.CredentialID]keepwatch.Series, len(all))
	for _, s := range all {
		series[s.Credential] = s
	}
	hours, err := a.db.Hourly(ctx, now.Add(-24*time.Hour), now)
	if err != nil {
		return metrics.Snapshot{}, err
	}
	open, err := a.db.OpenCounts(ctx)
	if err != nil {
		return metrics.Snapshot{}, err
	}
	snap := metrics.Snapshot{}
	for _, c := range a.config.Load().Credentials {
		snap.Credentials = append(snap.Credentials, gaugeOf(c, series[c.ID], hours[series[c.ID].ID], now))
	}
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

func gaugeOf(c keepwatch.Credential, s keepwatch.Series, hours []keepwatch.Rollup, now time.Time) metrics.Credential {
	g := metrics.Credential{
		ID: c.ID, Tenant: c.Tenant, BusinessUnit: c.BusinessUnit, Criticality: c.Criticality,
		State: s.StateAt(now), LastProven: s.LastProvenAt,
	}
	if !c.Deadline.At.IsZero() {
		g.Expiries = append(g.Expiries, metrics.Expiry{Clock: "secret", At: c.Deadline.At})
	}
	for _, w := range []struct {
		name string
		span time.Duration
	}{{"1h", time.Hour}, {"24h", 24 * time.Hour}} {
		if rate, some := successRate(hours, now.Add(-w.span)); some {
			g.Ratios = append(g.Ratios, metrics.Ratio{Window: w.name, Value: rate})
		}
	}
	return g
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
