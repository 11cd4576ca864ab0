package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/web"
)

// listen binds the address in New, so that a port that is taken is an error of
// the start and not a line in a log.
func (a *App) listen(ctx context.Context, cfg *config.Config) error {
	a.listener = a.opts.Listener
	if a.listener == nil {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Server.Listen)
		if err != nil {
			return keepwatch.WithHint(fmt.Errorf("listen on %s: %w", cfg.Server.Listen, err), "another process has the port, or the address is not this machine's: change server.listen")
		}
		a.listener = l
	}
	a.server = &http.Server{
		Handler: a.handler(cfg), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 3 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
	}
	a.lifecycle.onStop("listener", func(ctx context.Context) error {
		err := a.server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = a.server.Close()
		}
		// Shutdown closes only what Serve was given; New may have failed before.
		_ = a.listener.Close()
		a.serving.Wait()
		return err
	})
	return nil
}

func (a *App) serve() {
	a.serving.Go(func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("listener", "error", err)
		}
	})
}

func (a *App) handler(cfg *config.Config) http.Handler {
	options := httpapi.Options{
		Logger: a.opts.Logger, Version: a.opts.Version, Reader: a.reader, Check: a.CheckNow, Incidents: a.db,
		Tokens: Tokens{a.db}, Accounts: Accounts{a.db, a.hasher}, Audit: auditLog{a.db}, Inventory: interfaceRecords{a}, Transfer: interfaceRecords{a}, Findings: findings{a}, Feeds: feeds{a}, Rotations: a.cockpit, Alerts: alerts{a}, Links: a.links, Shares: a.shares, Discover: a.Discover, Scans: a.scans, Pushed: a.ingest, Traces: a.ingest.traces, Backtest: a.Backtest,
		BaseURL: cfg.Server.BaseURL, Config: a, Reload: a.Reload, Health: a.health, Notified: a.notified,
		Metrics: promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}),
		Secure:  strings.HasPrefix(cfg.Server.BaseURL, "https://"),
		Pages: web.New(web.Options{
			Logger: a.opts.Logger, Version: a.opts.Version, Reader: a.reader, Check: a.CheckNow, Incidents: a.db, Banner: a.opts.Banner, Secure: strings.HasPrefix(cfg.Server.BaseURL, "https://"),
			Records: interfaceRecords{a}, Sheets: interfaceRecords{a}, Findings: findings{a}, Feeds: feeds{a}, BaseURL: cfg.Server.BaseURL, Discover: a.discoverNow,
			History: interfaceRecords{a}, Ticks: a.cockpit, Scans: a.scans, Links: a.links, Alerts: alerts{a}, Accounts: Accounts{a.db, a.hasher}, Tokens: Tokens{a.db}, Audit: auditLog{a.db},
			Rotations: a.cockpit, Config: a, Shares: a.shares, Snoozes: a.links, Editor: pageEditor{a},
		}),
	}
	if a.gate != nil {
		options.Auth = a.gate
	}
	return httpapi.New(options)
}

// startGrace is how long a fresh daemon may be ready without a proof: new checks
// are spread over the first minute.
const startGrace = 2 * time.Minute

// health says whether the daemon is able to work: store, schedule, fresh proofs.
func (a *App) health(ctx context.Context) client.Health {
	now := time.Now()
	h := client.Health{Status: "ok"}
	add := func(name string, err error) {
		check := client.HealthCheck{Name: name, OK: err == nil}
		if err != nil {
			check.Message, h.Status = err.Error(), "failing"
		}
		h.Checks = append(h.Checks, check)
	}
	add("store", a.storeHealth(ctx))
	add("schedule", a.scheduleHealth(ctx, now))
	add("proof", a.proofHealth(ctx, now))
	if a.config.Load().Watchdog.On() {
		add("watchdog", a.watchdogHealth(now))
	}
	if len(a.config.Load().Gateway.Listeners) > 0 {
		add("gateway", a.gateway.Health(now))
	}
	return h
}

// The messages below are read by anybody who reaches the port: they name what is
// wrong and no detail of it.

func (a *App) storeHealth(ctx context.Context) error {
	if err := a.db.Ping(ctx); err != nil {
		a.log.Error("store does not answer", "error", err)
		return errors.New("the store does not answer")
	}
	return nil
}

func (a *App) scheduleHealth(ctx context.Context, now time.Time) error {
	due, some, err := a.db.NextDue(ctx)
	switch {
	case err != nil:
		return errors.New("the schedule cannot be read")
	case a.started.IsZero():
		return errors.New("the schedule has not started")
	case some && now.Sub(due) > time.Minute && now.Sub(a.started) > startGrace:
		return fmt.Errorf("the oldest due check waits for %s", now.Sub(due).Round(time.Second))
	}
	return nil
}

func (a *App) proofHealth(ctx context.Context, now time.Time) error {
	if len(a.config.Load().Credentials) == 0 || now.Sub(a.started) < startGrace {
		return nil
	}
	all, err := a.db.Moved(ctx, 0) // from memory: whoever asks for readiness does so every few seconds
	if err != nil {
		return errors.New("the states cannot be read")
	}
	if blind, _ := blindness(all.Series, now); blind {
		return errors.New("no credential could be looked at lately")
	}
	return nil
}
