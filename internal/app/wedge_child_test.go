package app

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/store"
)

// What a parent tells its child, by environment. On its standard input come the names of
// faults, one a line.
const WedgeConfig = "KEEPWATCH_WEDGE_CONFIG"

// wedged is what a child's surroundings do from now on. Every one of them is something
// that the daemon is given: a network, a listener, an environment, a store.
type wedged struct {
	names, dials, accepts, records, refused atomic.Bool
}

var forever = make(chan struct{}) //nolint:gochecknoglobals // nothing ever comes out of it

func hang(on *atomic.Bool) {
	if on.Load() {
		<-forever
	}
}

func (w *wedged) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if w.refused.Load() {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host}
	}
	hang(&w.names)
	return egress.System{}.Lookup(ctx, host)
}

func (w *wedged) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if w.refused.Load() && !strings.HasPrefix(addr, "127.0.0.1:") {
		return nil, &net.DNSError{Err: "server misbehaving", Name: addr}
	}
	hang(&w.dials)
	return egress.System{}.Dial(ctx, network, addr)
}

type wedgedListener struct {
	net.Listener
	w *wedged
}

func (l wedgedListener) Accept() (net.Conn, error) {
	hang(&l.w.accepts)
	c, err := l.Listener.Accept()
	hang(&l.w.accepts)
	return c, err
}

type wedgedStore struct {
	*store.DB
	w *wedged
}

func (s wedgedStore) Apply(ctx context.Context, obs []keepwatch.Observation, now time.Time, step func(incident.View) (incident.Changes, error)) (incident.Changes, error) {
	hang(&s.w.records)
	return s.DB.Apply(ctx, obs, now, step)
}

// WedgeChild is a daemon whose surroundings break when it is told so.
func WedgeChild(ctx context.Context) error {
	path, w := os.Getenv(WedgeConfig), &wedged{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a, err := New(ctx, Options{
		Load: func() (*config.Config, error) { return config.Load(path, os.LookupEnv) }, LookupEnv: os.LookupEnv, Listener: wedgedListener{l, w}, Network: w,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	a.intake = intake.New(wedgedStore{a.db, w}, a.policy)
	if err := a.Start(ctx); err != nil {
		return err
	}
	// New checks are spread over a minute; here there is no minute.
	var plans []incident.Plan
	for _, c := range a.config.Load().Credentials {
		plans = append(plans, incident.Plan{Check: keepwatch.CheckID(c.ID), At: time.Now().UTC().Truncate(time.Second), Reason: keepwatch.ReasonChanged})
	}
	if err := a.db.Plan(ctx, plans...); err != nil {
		return err
	}
	faults := bufio.NewScanner(os.Stdin)
	for faults.Scan() {
		if err := w.begin(a, faults.Text()); err != nil {
			return err
		}
	}
	return errors.New("the parent is gone")
}

func (w *wedged) begin(a *App, fault string) error {
	switch fault {
	case "names":
		w.names.Store(true)
	case "dials":
		w.dials.Store(true)
		a.egress.CloseIdle()
	case "refused":
		w.refused.Store(true)
		a.egress.CloseIdle()
	case "accepts":
		w.accepts.Store(true)
	case "records":
		w.records.Store(true)
	case "duty": // one more loop like all of them
		ctx := context.Background()
		a.duties.every(ctx, time.Second, "extra", func(context.Context, time.Time) error { <-forever; return nil })
	case "reload":
		a.reloading.Lock()
		go func() { _, _ = a.Reload(context.Background()) }()
	case "descriptors":
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: 3})
	case "stop":
		return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "panic":
		go panic("a goroutine of nobody")
	case "notify":
		go func() { _ = a.pipeline.Stop(context.Background()) }()
	case "schedule":
		go func() { _ = a.dispatcher.Stop(context.Background()) }()
	case "store":
		return a.db.Close()
	}
	return nil
}
