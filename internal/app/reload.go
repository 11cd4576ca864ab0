package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
	"keepwatch/internal/notify"
)

// Reload reads the configuration again. Everything that can fail comes first;
// then it is swapped. A bad file keeps the old configuration in force and is an
// incident of the monitor until a good one is read.
func (a *App) Reload(ctx context.Context) (client.Reloaded, error) {
	defer a.pulses.Turn("reload")()
	a.reloading.Lock()
	defer a.reloading.Unlock()
	now := time.Now()
	cfg, err := a.opts.Load()
	if err == nil {
		err = a.fixed(cfg)
	}
	var setup notify.Setup
	if err == nil {
		setup, err = a.setup(cfg)
	}
	var e estate
	if err == nil {
		e, err = a.compose(ctx, cfg, now)
	}
	if err == nil {
		err = a.adopt(ctx, e, now)
	}
	a.metrics.ReloadResult(err == nil)
	if err != nil {
		a.log.Error("the configuration was not reloaded; the old one stays in force", "error", err)
		return client.Reloaded{}, errors.Join(err, a.sayReload(ctx, err, now))
	}
	a.watchdog.Use(cfg.Watchdog)
	a.pipeline.Use(setup)
	a.newRoutes(now)
	if err := a.db.Hasten(ctx, now); err != nil { // hours and silences of the files may be others
		a.log.Error("messages that were held back could not be looked at", "error", err)
	}
	if err := a.addressesAgain(ctx, now); err != nil {
		a.log.Error("addresses of the watchdog could not be looked at", "error", err)
	}
	a.warn(cfg.Warnings)
	a.log.Info("reloaded", "credentials", len(e.whole.Credentials))
	return client.Reloaded{Credentials: len(e.whole.Credentials)}, a.sayReload(ctx, nil, now)
}

// fixed refuses changes of what is bound at the start.
func (a *App) fixed(next *config.Config) error {
	now := a.config.Load()
	for _, f := range []struct{ key, old, new string }{
		{"server.listen", now.Server.Listen, next.Server.Listen},
		{"server.auth", now.Server.Auth, next.Server.Auth},
		{"server.seal_key", now.Server.SealKey, next.Server.SealKey},
		{"store.url", now.Store.URL, next.Store.URL},
		{"otlp.grpc", now.OTLP.Listener(), next.OTLP.Listener()},
	} {
		if f.old != f.new {
			return keepwatch.WithHint(fmt.Errorf("%s cannot change while the daemon runs: %w", f.key, keepwatch.ErrInvalid), "restart the daemon to change it")
		}
	}
	return nil
}

// configSeries gathers how reloads went.
const configSeries keepwatch.SeriesID = "config"

// sayReload records how a reload went. A good one is said only after a bad one.
func (a *App) sayReload(ctx context.Context, failed error, now time.Time) error {
	if failed == nil && !a.badConfig {
		return nil
	}
	o := keepwatch.Observation{
		Key: fmt.Sprintf("config@%d", now.UnixMilli()), Series: configSeries, Place: keepwatch.Local,
		Source: keepwatch.SourceMonitor, Slot: now, At: now, Outcome: keepwatch.OK, Message: "The configuration is read again.",
	}
	if failed != nil {
		o.Outcome = keepwatch.MonitorFault
		o.Message = "The configuration could not be reloaded; the old one stays in force."
		o.Evidence = firstLine(failed)
		o.Hint = "Run keepwatch validate and mend what it names."
	}
	if err := a.record(ctx, []keepwatch.Observation{o}, now); err != nil {
		return err
	}
	a.badConfig = failed != nil
	return nil
}

// readAgain ends what an earlier process said about a bad file: this one has read
// a good one. Without it the incident would stay open until the next bad reload.
func (a *App) readAgain(ctx context.Context, now time.Time) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	s, err := a.db.SeriesByID(ctx, configSeries)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	a.badConfig = s.Last.Outcome == keepwatch.MonitorFault
	return a.sayReload(ctx, nil, now)
}

// firstLine keeps a list of faults short enough for a message.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}
