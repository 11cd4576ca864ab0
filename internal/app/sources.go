package app

import (
	"time"

	"keepwatch"
	"keepwatch/internal/schedule"
	"keepwatch/internal/view"
)

// sources show the store to the views.
func (a *App) sources() view.Sources {
	return view.Sources{Series: a.db, Results: a.db, Incidents: a.db, Deliveries: a.db, Watches: a.db}
}

// snapshot is the configuration in force as far as it is shown.
func (a *App) snapshot() view.Snapshot { return *a.shown.Load() }

// show works out the snapshot, once for each configuration: counting a year of
// runs takes too long to do it for each page.
func (a *App) show() {
	cfg, now := a.config.Load(), time.Now()
	snap := &view.Snapshot{Tenants: cfg.Tenants, Credentials: cfg.Credentials, Plans: map[keepwatch.CredentialID]view.Plan{}, Zone: cfg.Zone, Ladder: cfg.Ladder}
	for _, c := range cfg.Credentials {
		cadence := cfg.Cadence(c.ID)
		year := schedule.BudgetOf(cadence, schedule.StepsOf(c), now).PerYear
		worst, _ := schedule.WorstDetect(cadence, keepwatch.ConfirmTwice, schedule.DetectOptions{})
		snap.Plans[c.ID] = view.Plan{
			Calendar: cfg.TierOf(c.ID).Calendar, Business: cadence.Business, Off: cadence.Off,
			CallsPerYear: int64(year.TokenRequests + year.APICalls), DetectWithin: worst.Business,
		}
	}
	a.shown.Store(snap)
}
