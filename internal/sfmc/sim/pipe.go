package sim

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
)

// Pipe is a network in memory with one HTTP server on it: for testing/synctest
// bubbles, where a real socket would stop the clock. Every name resolves to one
// address, and every address reaches the server. Close ends all goroutines.
type Pipe struct {
	server   *http.Server
	incoming chan net.Conn
	done     chan struct{}
	close    sync.Once
	served   sync.WaitGroup
	hosts    sync.Mutex
	refused  map[string]error
}

// PipeURL is a base URL for what listens on a Pipe; any other host does as well.
const PipeURL = "http://sim.test/"

var (
	pipeAddress = netip.MustParseAddr("192.0.2.1")
	pipeCaller  = netip.MustParseAddr("192.0.2.100")
)

// NewPipe serves h. Call it inside the bubble, and Close before the bubble ends.
func NewPipe(h http.Handler) *Pipe {
	p := &Pipe{incoming: make(chan net.Conn), done: make(chan struct{}), server: &http.Server{Handler: h}, refused: map[string]error{}} //nolint:gosec // in memory: nobody is slow
	p.served.Go(func() { _ = p.server.Serve(pipeListener{p}) })
	return p
}

// Lookup resolves every name, but those that Break took away.
func (p *Pipe) Lookup(_ context.Context, host string) ([]netip.Addr, error) {
	p.hosts.Lock()
	defer p.hosts.Unlock()
	if err := p.refused[host]; err != nil {
		return nil, err
	}
	return []netip.Addr{pipeAddress}, nil
}

// Break makes the names unknown (err nil lifts that): a network or DNS failure
// that no server can act out. Dial fails for everybody while "" is broken.
func (p *Pipe) Break(err error, hosts ...string) {
	p.hosts.Lock()
	defer p.hosts.Unlock()
	for _, host := range hosts {
		p.refused[host] = err
	}
}

// Dial connects to the server from one fixed address.
func (p *Pipe) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return p.dial(ctx, pipeCaller)
}

// From is Dial from another place: what allowlists and Fault.From look at.
func (p *Pipe) From(caller netip.Addr) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx, caller) }
}

func (p *Pipe) dial(ctx context.Context, caller netip.Addr) (net.Conn, error) {
	p.hosts.Lock()
	down := p.refused[""]
	p.hosts.Unlock()
	if down != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: down}
	}
	near, far := net.Pipe()
	broken := new(atomic.Bool)
	client := &pipeConn{near, netip.AddrPortFrom(caller, 40000), netip.AddrPortFrom(pipeAddress, 80), broken}
	server := &pipeConn{far, client.remote, client.local, broken}
	select {
	case p.incoming <- server:
		return client, nil
	case <-p.done:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close stops the server, breaks its connections, and waits for the accept loop.
func (p *Pipe) Close() error {
	p.close.Do(func() { close(p.done) })
	err := p.server.Close()
	p.served.Wait()
	return err
}

type pipeListener struct{ p *Pipe }

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.p.incoming:
		return c, nil
	case <-l.p.done:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error { l.p.close.Do(func() { close(l.p.done) }); return nil }
func (l pipeListener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(pipeAddress, 80))
}

// pipeConn gives net.Pipe addresses, and a Reset that the other end sees as one.
type pipeConn struct {
	net.Conn
	local, remote netip.AddrPort
	broken        *atomic.Bool
}

func (c *pipeConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *pipeConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// Reset makes the close that follows look like a TCP reset.
func (c *pipeConn) Reset() { c.broken.Store(true) }

func (c *pipeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.seen("read", err)
}

func (c *pipeConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.seen("write", err)
}

func (c *pipeConn) seen(op string, err error) error {
	if err == nil || !c.broken.Load() || errors.Is(err, net.ErrClosed) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Err: syscall.ECONNRESET}
}
