package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/config"
	"keepwatch/internal/events"
	"keepwatch/internal/logs"
	"keepwatch/internal/otlp"
	"keepwatch/internal/sfmc"
	"keepwatch/internal/store"
)

// ingest takes in what other programs push: spans, events, verdicts, log lines.
type ingest struct {
	app    *App
	traces *otlp.Receiver
	events *events.Events
	logs   *logs.Logs

	listener net.Listener // for gRPC; nil: none is configured
	server   *grpc.Server

	mu    sync.Mutex
	cfg   *config.Config // of rules
	rules *otlp.Rules

	silent map[keepwatch.CredentialID]int // how often in a row it was said that no verdict came; of one duty
}

func newIngest(a *App) *ingest {
	g := &ingest{app: a, silent: map[keepwatch.CredentialID]int{}}
	g.traces = otlp.New(otlp.Options{Rules: g.inForce, Calls: g, Count: func(r otlp.Result, n int) { a.metrics.Ingested("otlp", string(r), n) }})
	g.events = events.New(events.Options{
		Estate: func() events.Estate { return pushedEstate{a.config.Load()} }, Calls: g, Record: pushedRecords{a},
		Count: func(status string, n int) { a.metrics.Ingested("events", status, n) },
	})
	g.logs = logs.New(logs.Options{
		Source: func(name string) (logs.Source, bool) { return a.config.Load().LogSource(name) },
		Hosts:  func() sfmc.TenantHosts { return g.inForce().Hosts }, Calls: g, Count: func(result string, n int) { a.metrics.Ingested("logs", result, n) },
	})
	return g
}

// Saw hands a call on to the ledger. It never blocks and never fails.
func (g *ingest) Saw(c keepwatch.Call) { g.app.traffic.Saw(c) }

// inForce are the rules of the configuration in force, worked out once for each.
func (g *ingest) inForce() *otlp.Rules {
	cfg := g.app.config.Load()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cfg != cfg {
		g.cfg, g.rules = cfg, &otlp.Rules{Hosts: sfmc.TenantHostsOf(cfg.Tenants), Rules: cfg.Rules()}
	}
	return g.rules
}

// Events and Lines are what httpapi hands over.
func (g *ingest) Events(ctx context.Context, body []byte, now time.Time) (client.EventsTaken, error) {
	return g.events.Take(ctx, body, now)
}

// Lines takes lines of a log.
func (g *ingest) Lines(source string, body []byte, isJSON bool, now time.Time) (client.LinesTaken, error) {
	return g.logs.Take(source, body, isJSON, now)
}

// listen binds the listener for gRPC in New, like the daemon's own.
func (g *ingest) listen(ctx context.Context, cfg *config.Config) error {
	if cfg.OTLP.GRPC == "" {
		return nil
	}
	var secure *tls.Config
	if cfg.OTLP.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.OTLP.TLSCert, cfg.OTLP.TLSKey)
		if err != nil {
			return keepwatch.WithHint(fmt.Errorf("otlp.grpc: the certificate cannot be read: %w", err), "name files in PEM that belong together")
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.OTLP.GRPC)
	if err != nil {
		return keepwatch.WithHint(fmt.Errorf("listen on %s for OTLP: %w", cfg.OTLP.GRPC, err), "another process has the port, or the address is not this machine's: change otlp.grpc.listen")
	}
	g.listener, g.server = l, g.traces.Server(g.admit, secure)
	g.app.lifecycle.onStop("otlp", func(context.Context) error {
		// Senders repeat what got no answer, so nothing is waited for.
		g.server.Stop()
		_ = l.Close()
		return nil
	})
	return nil
}

func (g *ingest) serve() {
	if g.server == nil {
		return
	}
	g.app.serving.Go(func() {
		if err := g.server.Serve(g.listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			g.app.log.Error("listener for OTLP", "error", err)
		}
	})
}

// admit asks the same gate as the API.
func (g *ingest) admit(ctx context.Context, authorization string) error {
	if g.app.gate == nil {
		return nil
	}
	token, ok := auth.BearerToken(authorization)
	if !ok {
		return keepwatch.ErrUnauthorized
	}
	who, err := g.app.gate.Token(ctx, token, time.Now())
	if err != nil {
		return err
	}
	return auth.RequireEverywhere(who, auth.Pusher)
}

// pushedEstate shows a configuration to the events.
type pushedEstate struct{ cfg *config.Config }

func (e pushedEstate) Credential(id keepwatch.CredentialID) (keepwatch.TenantID, time.Duration, bool) {
	c, ok := e.cfg.Credential(id)
	return c.Tenant, c.Pushed, ok
}

func (e pushedEstate) Dependent(id keepwatch.CredentialID, kind keepwatch.SubjectKind, key string) (keepwatch.Watch, bool) {
	c, ok := e.cfg.Credential(id)
	if !ok || !slices.ContainsFunc(c.Dependents, func(d keepwatch.Dependent) bool { return d.Kind == string(kind) && d.Key == key }) {
		return keepwatch.Watch{}, false
	}
	for _, w := range e.cfg.Subjects(c.Tenant) {
		hangs := slices.ContainsFunc(w.Upstream, func(u keepwatch.Upstream) bool { return u.Credential == id })
		if w.Subject.Kind == kind && w.Subject.Key == key && hangs {
			return keepwatch.Watch{Subject: w.Subject, Upstream: w.Upstream, Expect: w.Expect}, true
		}
	}
	return keepwatch.Watch{}, false
}

// pushedRecords shows intake and store to the events.
type pushedRecords struct{ app *App }

func (r pushedRecords) Record(ctx context.Context, obs []keepwatch.Observation, now time.Time) error {
	return r.app.record(ctx, obs, now)
}

func (r pushedRecords) Watches(ctx context.Context, check keepwatch.CheckID) (map[keepwatch.SeriesID]keepwatch.Watch, error) {
	return r.app.db.Watches(ctx, check)
}

// silentAfter is how many planned gaps may pass without a pushed verdict.
const silentAfter = 2

// silences says of each credential whose verdicts are pushed that none came, when none
// did: as a fault of the monitoring, like a test that cannot look, and twice, because
// the rules believe the second. More would add nothing.
func (g *ingest) silences(ctx context.Context, now time.Time) error {
	var failed []error
	for _, c := range g.app.config.Load().Credentials {
		if c.Pushed <= 0 {
			continue
		}
		last, err := g.lastVerdict(ctx, c.ID)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if now.Sub(last) <= silentAfter*c.Pushed {
			delete(g.silent, c.ID)
			continue
		}
		if g.silent[c.ID] >= 2 {
			continue
		}
		o := keepwatch.Observation{
			Key: fmt.Sprintf("silent:%s@%d", c.ID, now.UnixMilli()), Series: keepwatch.SeriesID(c.ID), Check: keepwatch.CheckID(c.ID), Credential: c.ID, Tenant: c.Tenant,
			Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: now, At: now, Gap: c.Pushed, Outcome: keepwatch.MonitorFault,
			Message: "No verdict was pushed since " + last.UTC().Format("2006-01-02 15:04 UTC") + "; one is expected every " + keepwatch.FormatDuration(c.Pushed) + ".",
			Hint:    "Look at the job that runs keepwatch check --push: whether it runs, and whether its token is still good.",
		}
		if err := g.app.record(ctx, []keepwatch.Observation{o}, now); err != nil {
			failed = append(failed, err)
			continue
		}
		g.silent[c.ID]++
	}
	return errors.Join(failed...)
}

// lastVerdict is when a verdict last came, and no earlier than the daemon's start: while it
// was down, none could come.
func (g *ingest) lastVerdict(ctx context.Context, id keepwatch.CredentialID) (time.Time, error) {
	found, _, err := g.app.db.Results(ctx, keepwatch.CheckID(id), store.Page{Limit: 20})
	if err != nil && !errors.Is(err, keepwatch.ErrNotFound) {
		return time.Time{}, err
	}
	for _, r := range found {
		if strings.HasPrefix(r.Key, "push:") {
			return latest(r.At, g.app.started), nil
		}
	}
	return g.app.started, nil
}
