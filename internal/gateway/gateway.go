package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/metrics"
)

// Options are what a gateway is made of. Egress and Witness are required.
type Options struct {
	Egress  *egress.Client
	Witness Witness
	Printer *Printer // nil makes one whose fingerprints end with the process
	Secrets Secrets  // for certificates of listeners
	Metrics *metrics.Metrics
	Logger  *slog.Logger
	// Listen replaces the system's way to a socket.
	Listen func(ctx context.Context, address string) (net.Listener, error)
}

// Gateway forwards what holders send, and tells what went by. It is started once;
// Prepare changes its setup while it runs.
type Gateway struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics.Metrics
	wire    *wire
	watcher *watcher
	crowd   crowd

	mu       sync.Mutex // guards what follows; no request takes it
	ports    map[string]*port
	running  bool
	draining sync.WaitGroup
	drainCtx context.Context
	cutShort context.CancelFunc
}

// New makes a gateway without listeners.
func New(opts Options) (*Gateway, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Printer == nil {
		var err error
		if opts.Printer, err = NewPrinter(keepwatch.Secret{}); err != nil {
			return nil, err
		}
	}
	if opts.Listen == nil {
		opts.Listen = func(ctx context.Context, address string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		}
	}
	g := &Gateway{opts: opts, log: opts.Logger.With("component", "gateway"), metrics: opts.Metrics, wire: newWire(opts.Egress), ports: map[string]*port{}}
	g.crowd.from = map[netip.Addr]int{}
	g.watcher = newWatcher(opts.Witness, opts.Printer, opts.Metrics.GatewayLost)
	g.drainCtx, g.cutShort = context.WithCancel(context.Background())
	return g, nil
}

// Change is a setup that is ready to come into force: everything that can fail has
// been done. Either Apply or Drop ends it.
type Change struct {
	g     *Gateway
	faces map[string]*face // by address
	fresh map[string]*port
}

// Prepare reads certificates and binds the addresses that are new. The setup in force
// is not touched.
func (g *Gateway) Prepare(ctx context.Context, s Setup) (*Change, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	sh, err := sharedOf(s)
	if err != nil {
		return nil, err
	}
	c := &Change{g: g, faces: map[string]*face{}, fresh: map[string]*port{}}
	for _, l := range s.Listeners {
		if err := c.add(ctx, l, sh); err != nil {
			c.Drop()
			return nil, err
		}
	}
	return c, nil
}

func (c *Change) add(ctx context.Context, l Listener, sh *shared) error {
	keys, err := c.keys(ctx, l)
	if err != nil {
		return fmt.Errorf("gateway listener %s: %w", l.Name, err)
	}
	f, err := faceOf(l, sh, keys)
	if err != nil {
		return err
	}
	c.faces[l.Listen] = f
	if _, bound := c.g.ports[l.Listen]; bound {
		return nil
	}
	socket, err := c.g.opts.Listen(ctx, l.Listen)
	if err != nil {
		return keepwatch.WithHint(fmt.Errorf("gateway listener %s: listen on %s: %w", l.Name, l.Listen, err), "another process has the port, or the address is not this machine's")
	}
	c.fresh[l.Listen] = newPort(c.g, socket)
	return nil
}

// keys keeps the keyring of a listener whose references stay, with what it has read.
func (c *Change) keys(ctx context.Context, l Listener) (*keyring, error) {
	if l.TLS == nil {
		return nil, nil
	}
	if p, bound := c.g.ports[l.Listen]; bound {
		if old := p.face.Load().keys; old != nil && old.TLS == *l.TLS {
			return old, nil
		}
	}
	return newKeyring(ctx, *l.TLS, c.g.opts.Secrets, c.g.log)
}

// Drop gives back what was bound.
func (c *Change) Drop() {
	for _, p := range c.fresh {
		_ = p.socket.Close()
	}
}

// Apply brings the setup into force. Listeners that stay keep their sockets and their
// connections, and each request is served by the setup that it began under. Those
// that are gone take no more connections and drain.
func (c *Change) Apply() {
	g := c.g
	g.mu.Lock()
	defer g.mu.Unlock()
	for address, f := range c.faces {
		p, bound := g.ports[address]
		if !bound {
			p = c.fresh[address]
			g.ports[address] = p
		}
		p.face.Store(f)
		if !bound && g.running {
			p.start()
		}
	}
	for address, p := range g.ports {
		if _, stays := c.faces[address]; stays {
			continue
		}
		delete(g.ports, address)
		_ = p.socket.Close() // at once: its address may be bound again
		if !g.running {
			continue
		}
		g.draining.Go(func() {
			ctx, cancel := context.WithTimeout(g.drainCtx, drainTime)
			defer cancel()
			if err := p.stop(ctx); err != nil {
				g.log.Warn("a listener of the gateway was cut short", "address", address, "error", err)
			}
		})
	}
}

// drainTime is how long connections of a listener that is gone may go on: the longest
// patience of a client.
const drainTime = answerWait

// Start lets requests in.
func (g *Gateway) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = true
	g.watcher.start()
	for _, p := range g.ports {
		p.start()
	}
}

// Stop takes no more requests, lets those under way end until the context does, and
// reads what was seen.
func (g *Gateway) Stop(ctx context.Context) error {
	g.mu.Lock()
	ports := g.ports
	g.ports = map[string]*port{}
	running := g.running
	g.running = false
	g.mu.Unlock()
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, p := range ports {
		if !running {
			_ = p.socket.Close()
			continue
		}
		all.Go(func() {
			if err := p.stop(ctx); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	stop := context.AfterFunc(ctx, g.cutShort)
	all.Wait()
	g.cutShort() // those that were draining have had their time
	g.draining.Wait()
	stop()
	g.wire.close()
	g.watcher.stop(ctx)
	return errors.Join(errs...)
}

// Health is why the gateway is not able to work, nil when it is.
func (g *Gateway) Health(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	addresses := make([]string, 0, len(g.ports))
	for address := range g.ports {
		addresses = append(addresses, address)
	}
	slices.Sort(addresses)
	for _, address := range addresses {
		p := g.ports[address]
		if p.broken.Load() != nil {
			return fmt.Errorf("listener %s takes no connections", p.face.Load().Name)
		}
		if keys := p.face.Load().keys; keys != nil && !keys.end().After(now) {
			return fmt.Errorf("the certificate of listener %s has ended", p.face.Load().Name)
		}
	}
	return nil
}

// Addresses are what is listened on, by the listener's name.
func (g *Gateway) Addresses() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make(map[string]string, len(g.ports))
	for _, p := range g.ports {
		out[p.face.Load().Name] = p.socket.Addr().String()
	}
	return out
}

// Fingerprint is that of a secret as a holder would show it, to compare with what was
// seen.
func (g *Gateway) Fingerprint(tenant keepwatch.TenantID, login string, secret keepwatch.Secret) keepwatch.Fingerprint {
	return g.opts.Printer.Secret(tenant, login, secret.Reveal())
}

func (g *Gateway) count(x *exchange, class string) {
	g.metrics.GatewayRequest(x.rt.tenant.id, string(x.rt.host), class)
}
