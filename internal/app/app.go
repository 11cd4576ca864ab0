// Package app is the program as a value: New binds and opens everything, Start
// lets it run, Reload swaps the configuration, Stop undoes it in reverse order.
// All wiring is here and nowhere else; the parts below do not know each other.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/certs"
	"keepwatch/internal/config"
	"keepwatch/internal/discovery"
	"keepwatch/internal/egress"
	"keepwatch/internal/gateway"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/link"
	"keepwatch/internal/metrics"
	"keepwatch/internal/notify"
	"keepwatch/internal/probe"
	"keepwatch/internal/rotate"
	"keepwatch/internal/schedule"
	"keepwatch/internal/secrets"
	"keepwatch/internal/store"
	"keepwatch/internal/traffic"
	"keepwatch/internal/view"
	"keepwatch/internal/watchdog"
)

// Options are what a daemon is made of. Load and LookupEnv are required.
type Options struct {
	// Load reads the configuration anew; Reload calls it again.
	Load func() (*config.Config, error)
	// LookupEnv reads the environment that secret references name.
	LookupEnv func(string) (string, bool)
	Version   string
	Logger    *slog.Logger
	// Announce shows a line to the person who started the daemon, the one-time
	// password above all. It must not be a log: logs are kept.
	Announce func(string)
	// Policy has the thresholds of detection; the zero value is the default.
	Policy incident.Policy
	// Banner is shown on top of every page ("this is the demo").
	Banner string

	// Network replaces the system's name resolution and dialing.
	Network egress.Network
	// Listener replaces the one that server.listen names.
	Listener net.Listener
	// Listen replaces the system's way to a socket, for the gateway's listeners.
	Listen func(ctx context.Context, address string) (net.Listener, error)
	// Witness is told, besides the ledger, of the calls that go through the gateway.
	Witness gateway.Witness
	// Store is opened by the caller and not closed here; nil opens store.url.
	Store *store.DB
	// Random replaces the chance, in [0,1), that spreads the retries of messages.
	Random func() float64
}

// App is one daemon.
type App struct {
	opts      Options
	log       *slog.Logger
	lifecycle lifecycle

	estate  atomic.Pointer[estate]
	config  atomic.Pointer[config.Config] // of the estate, whole
	shown   atomic.Pointer[view.Snapshot] // of config
	secrets *secrets.Resolver
	egress  *egress.Client
	guarded *egress.Client // for addresses that people type in the interface
	db      *store.DB
	intake  *intake.Intake
	prober  *probe.Prober
	sealer  *secrets.Sealer // nil: nothing can be sealed

	cockpit    *rotate.Cockpit
	discoverer *discovery.Discoverer
	effects    *effects
	gateway    *gateway.Gateway
	scans      *scans
	traffic    *traffic.Ledger
	print      Printer // nil: nobody watches which secrets holders show
	ingest     *ingest
	revision   atomic.Pointer[string] // of the records in force

	registry   *prometheus.Registry
	metrics    *metrics.Metrics
	gate       *auth.Gate
	hasher     *auth.Hasher
	reader     *view.Reader
	links      *link.Desk
	shares     *link.Shares
	pipeline   *notify.Pipeline
	dispatcher *schedule.Dispatcher
	duties     *duties
	sight      sight
	watchdog   *watchdog.Watchdog
	pulses     *watchdog.Pulses
	own        *egress.Client // for our own web interface: never by a proxy
	deaf       sync.Map       // addresses of the watchdog that have an incident open

	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
	started  time.Time

	reloading sync.Mutex
	badConfig bool // the last reload failed; guarded by reloading
	// troubled: a receiver has, or may have from before the start, an open incident.
	troubled    atomic.Bool
	routedSince atomic.Int64 // ms; when the routes in force came into force
}

// New reads the configuration, opens the store and binds the listener. Nothing
// runs yet. When it fails, what it had opened is closed again.
//
// It is longer than other functions on purpose: one straight line in which the
// order of everything can be read.
func New(ctx context.Context, opts Options) (app *App, err error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Announce == nil {
		opts.Announce = func(string) {}
	}
	a := &App{opts: opts, log: opts.Logger.With("component", "app")}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.lifecycle.stop(a.log))
		}
	}()

	cfg, err := opts.Load()
	if err != nil {
		return nil, err
	}
	a.warn(cfg.Warnings)
	a.revision.Store(new(recordsStale))
	a.secrets = secrets.New(secrets.Options{LookupEnv: opts.LookupEnv, Sealed: a.unseal})
	if a.sealer, err = a.newSealer(ctx, cfg); err != nil {
		return nil, err
	}
	a.egress = egress.New(egressPolicy(opts.Network))
	a.guarded = egress.New(guardedPolicy(opts.Network))
	a.lifecycle.onStop("connections", func(context.Context) error { a.egress.CloseIdle(); a.guarded.CloseIdle(); return nil })

	if err := a.openStore(ctx, cfg); err != nil {
		return nil, err
	}
	a.assemble(cfg)
	e, err := a.compose(ctx, cfg, time.Now())
	if err != nil {
		return nil, err
	}
	a.use(e)
	if err := a.resealAll(ctx); err != nil {
		return nil, err
	}
	a.reader = view.NewReader(a.sources(), a.snapshot)
	if err := a.prepareSignIn(ctx, cfg); err != nil {
		return nil, err
	}
	a.newWatchdog(cfg)
	a.reader.Watch(a.self)
	if err := a.prepareLinks(ctx); err != nil {
		return nil, err
	}
	if err := a.newPipeline(cfg); err != nil {
		return nil, err
	}
	a.dispatcher = a.newDispatcher()
	a.duties = newDuties(a)
	if err := a.newGateway(ctx, e.whole); err != nil {
		return nil, err
	}
	if err := a.listen(ctx, cfg); err != nil {
		return nil, err
	}
	if err := a.ingest.listen(ctx, cfg); err != nil {
		return nil, err
	}
	return a, nil
}

// assemble makes the parts that stand on the store and need nothing of the estate yet.
func (a *App) assemble(cfg *config.Config) {
	a.registry = prometheus.NewRegistry()
	a.metrics = metrics.New(a.registry)
	a.metrics.Build(a.opts.Version, revision(), runtime.Version())
	metrics.NewCollector(a.registry, (&gauges{app: a}).snapshot)
	a.hasher = auth.NewHasher(2)
	a.intake = intake.New(a.db, a.policy)
	a.prober = probe.New(probe.Options{
		Secrets: a.secrets, Egress: a.egress, References: cfg.Server.Connectivity, Logger: a.opts.Logger,
		IntegrationPoint: func(name string) (keepwatch.IntegrationPoint, bool) { return a.config.Load().IntegrationPoint(name) },
		Certificates:     certs.New(certs.Options{Secrets: a.secrets, Egress: a.egress}),
		Guarded:          certs.New(certs.Options{Secrets: a.secrets, Egress: a.guarded}),
	})
	a.discoverer = discovery.New(discovery.Options{Secrets: a.secrets, Egress: a.egress, Logger: a.opts.Logger})
	a.effects = a.newEffects()
	a.scans = newScans(a)
	a.traffic = a.newTraffic()
	a.ingest = newIngest(a)
	a.cockpit = a.newCockpit(cfg)
}

func (a *App) openStore(ctx context.Context, cfg *config.Config) error {
	if a.opts.Store != nil {
		a.db = a.opts.Store
		return nil
	}
	url, err := StoreURL(ctx, cfg, a.secrets)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, url, store.Options{Logger: a.opts.Logger, Node: nodeOf(url)})
	if err != nil {
		return err
	}
	a.db = db
	a.lifecycle.onStop("store", func(context.Context) error { return db.Close() })
	return nil
}

// StoreURL is where the rows are. It may be a reference, because the URL of a
// PostgreSQL server may hold a password.
func StoreURL(ctx context.Context, cfg *config.Config, resolver *secrets.Resolver) (string, error) {
	url := cfg.Store.URL
	if strings.HasPrefix(url, "env:") || strings.HasPrefix(url, "file:") {
		secret, err := resolver.Resolve(ctx, url)
		if err != nil {
			return "", fmt.Errorf("store.url: %w", err)
		}
		return string(secret.Reveal()), nil
	}
	return url, nil
}

// egressPolicy honours the proxy of the environment, except over a network that
// replaces the system's.
func egressPolicy(network egress.Network) egress.Policy {
	if network != nil {
		return egress.Policy{Network: network}
	}
	return egress.Policy{Proxy: http.ProxyFromEnvironment}
}

// guardedPolicy is for addresses that people type in the interface. It never uses
// a proxy, which would connect in our place.
func guardedPolicy(network egress.Network) egress.Policy {
	return egress.Policy{Network: network, DenyPrivate: true}
}

// policy is asked at each recording, so that a reload takes effect at once.
func (a *App) policy() incident.Policy {
	p := a.opts.Policy
	p.FailAfter, p.Objective = a.config.Load().FailAfter, a.config.Load().RefreshObjective
	return p
}

func (a *App) warn(warnings []config.Warning) {
	for _, w := range warnings {
		a.log.Warn("configuration", "file", w.File, "line", w.Line, "key", w.Key, "message", w.Message)
	}
}

// revision is what the program was built from, where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

// Start lets everything run. The listener answers first, so that /healthz and
// /readyz tell how far the start is.
func (a *App) Start(ctx context.Context) error {
	a.started = time.Now()
	a.newRoutes(a.started)
	a.nameTraffic()
	a.gateway.Start() // before the store is asked for anything: holders do not wait for us
	a.serve()
	a.ingest.serve()
	cfg := a.config.Load()
	if err := a.db.SyncChecks(ctx, a.started, a.estate.Load().checks(a.db.Node())); err != nil {
		return fmt.Errorf("schedule: %w", err)
	}
	unfinished, err := a.db.Unfinished(ctx, a.started)
	if err != nil {
		return fmt.Errorf("unfinished runs: %w", err)
	}
	if err := a.dispatcher.Recover(ctx, unfinished); err != nil {
		return fmt.Errorf("unfinished runs: %w", err)
	}
	a.pipeline.Start()
	a.lifecycle.onStop("notify", a.pipeline.Stop)
	a.tieTraffic(ctx)
	a.traffic.Start()
	a.lifecycle.onStop("strangers", func(ctx context.Context) error { return a.keepStrangers(ctx, time.Now()) })
	a.lifecycle.onStop("traffic", a.traffic.Stop) // after whoever sees calls has stopped, and before the store
	a.lifecycle.onStop("gateway", a.gateway.Stop)
	a.dispatcher.Start()
	a.lifecycle.onStop("schedule", a.dispatcher.Stop)
	a.duties.start()
	a.lifecycle.onStop("duties", a.duties.stop)
	if err := a.startWatchdog(ctx); err != nil {
		return fmt.Errorf("watchdog: %w", err)
	}
	a.metrics.ReloadResult(true)
	if err := a.readAgain(ctx, a.started); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	a.warmUp()
	a.log.Info("started", "version", a.opts.Version, "credentials", len(cfg.Credentials), "store", a.db.Driver(), "address", a.URL())
	return nil
}

// warmUp reads what every page shows before anybody asks: ten thousand credentials with
// their history take seconds, and the first to look would wait for them.
func (a *App) warmUp() {
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		if err := a.reader.Warm(ctx, time.Now()); err != nil && ctx.Err() == nil {
			a.log.Warn("the first page will take longer", "error", err)
		}
	})
	a.lifecycle.onStop("warm-up", func(context.Context) error { cancel(); reading.Wait(); return nil })
}

// Stop ends everything in reverse order, within a budget. It may be called twice.
func (a *App) Stop() error { return a.lifecycle.stop(a.log) }

// Run starts, waits for the context's end and stops.
func (a *App) Run(ctx context.Context) error {
	// Being told to stop during the start is no failure of it.
	if err := a.Start(ctx); err != nil && ctx.Err() == nil {
		return errors.Join(err, a.Stop())
	}
	<-ctx.Done()
	return a.Stop()
}

// URL is where the daemon answers.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }
