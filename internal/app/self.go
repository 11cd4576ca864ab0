package app

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/view"
)

// self is what this process knows of its own work, for pages and the API.
func (a *App) self(ctx context.Context, now time.Time) view.Self {
	var s view.Self
	due, some, err := a.db.NextDue(ctx)
	switch {
	case err != nil:
		s.Fault = "the store cannot be read"
	case a.started.IsZero():
		s.Fault = "it has not started"
	case some && due.Before(now) && now.Sub(a.started) > startGrace:
		s.Lag = now.Sub(due)
	}
	w := a.watchdog.Status()
	if !w.On {
		return s
	}
	if since, late := a.watchdog.Late(now); late {
		s.Late = since
	}
	s.Watchdog = &client.WatchdogStatus{
		EverySeconds: w.Every.Seconds(), LastProofAt: view.TimeOf(w.CanaryAt), Troubles: listed(w.Troubles), Addresses: []client.BeatAddress{},
	}
	for _, address := range w.Addresses {
		s.Watchdog.Addresses = append(s.Watchdog.Addresses, client.BeatAddress{
			Name: address.Name, LastBeatAt: view.TimeOf(address.LastBeatAt), LastFailAt: view.TimeOf(address.LastFailAt),
			FailingSince: view.TimeOf(address.FailingSince), LastError: address.LastError,
		})
	}
	return s
}

// discoverNow is Discover for the pages, which show what it found in the list of findings.
func (a *App) discoverNow(ctx context.Context, tenant keepwatch.TenantID, now time.Time) (int, error) {
	d, err := a.Discover(ctx, tenant, now)
	return len(d.Findings), err
}
