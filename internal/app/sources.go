package app

import (
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/config"
	"keepwatch/internal/impact"
	"keepwatch/internal/schedule"
	"keepwatch/internal/view"
)

// sources show the store to the views.
func (a *App) sources() view.Sources {
	return view.Sources{Series: a.db, Results: a.db, Incidents: a.db, Deliveries: a.db, Watches: a.db, Impacts: a.db, Traffic: a.db}
}

// snapshot is the configuration in force as far as it is shown.
func (a *App) snapshot() view.Snapshot { return *a.shown.Load() }

// show works out the snapshot, once for each configuration: counting a year of
// runs takes too long to do it for each page.
func (a *App) show() {
	cfg, now := a.config.Load(), time.Now()
	snap := &view.Snapshot{Tenants: cfg.Tenants, Credentials: cfg.Credentials, Plans: map[keepwatch.CredentialID]view.Plan{}, Zone: cfg.Zone, Ladder: cfg.Ladder, Effects: a.costOf(cfg), Depends: Depends(cfg), Objective: cfg.RefreshObjective, Forecast: a.forecast, Channel: channelOf(cfg)}
	for _, c := range cfg.Credentials {
		cadence := cfg.Cadence(c.ID)
		year := schedule.BudgetOf(cadence, schedule.StepsOf(c), now).PerYear
		worst, _ := schedule.WorstDetect(cadence, keepwatch.ConfirmTwice, schedule.DetectOptions{})
		snap.Plans[c.ID] = view.Plan{
			Calendar: cfg.TierOf(c.ID).Calendar, Business: cadence.Business, Off: cadence.Off,
			CallsPerYear: int64(year.TokenRequests + year.APICalls), DetectWithin: worst.Business,
		}
	}
	for _, p := range cfg.EffectsPlans() {
		for _, w := range p.Subjects {
			snap.Watched = append(snap.Watched, view.Named{Tenant: p.Tenant, Subject: w.Subject, Upstream: w.Upstream})
		}
	}
	a.shown.Store(snap)
}

// costOf works out what the looks at a tenant's counters cost, with what earlier looks
// have seen of its size.
func (a *App) costOf(cfg *config.Config) func(keepwatch.TenantID) view.EffectsCost {
	return func(id keepwatch.TenantID) view.EffectsCost {
		e, watched := cfg.Effects(id)
		if !watched {
			return view.EffectsCost{}
		}
		cost := cfg.EffectsCost(id, func(unit keepwatch.MID) collect.Sizes { return a.effects.collector.Sizes(id, unit) })
		return view.EffectsCost{CallsPerYear: int64(cost.PerYear), Allowance: e.Allowance}
	}
}

// Depends are the subjects of each tenant, worked out when somebody first asks: most
// configurations are never asked.
func Depends(cfg *config.Config) func(keepwatch.TenantID) []impact.Subject {
	var mu sync.Mutex
	known := map[keepwatch.TenantID][]impact.Subject{}
	return func(id keepwatch.TenantID) []impact.Subject {
		mu.Lock()
		defer mu.Unlock()
		list, ok := known[id]
		if !ok {
			for _, w := range cfg.Subjects(id) {
				list = append(list, impact.Subject{Subject: w.Subject, Upstream: w.Upstream, Expect: w.Expect})
			}
			known[id] = list
		}
		return list
	}
}
