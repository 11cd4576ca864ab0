package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// connKey finds the filter of a request's connection.
type connKey struct{}

// port is one socket that is listened on. Its face changes; the socket stays.
type port struct {
	g      *Gateway
	socket net.Listener
	face   atomic.Pointer[face]

	// One server for each version: net/http finds HTTP/2 by the type of a connection,
	// which must be that of a filter for HTTP/1.
	first, second       *http.Server
	toFirst, toSecond   *handover
	accepting, greeting sync.WaitGroup
	broken              atomic.Pointer[error]
}

func newPort(g *Gateway, socket net.Listener) *port {
	p := &port{g: g, socket: socket, toFirst: newHandover(socket.Addr()), toSecond: newHandover(socket.Addr())}
	p.first, p.second = p.server(), p.server()
	p.first.Protocols, p.second.Protocols = new(http.Protocols), new(http.Protocols)
	p.first.Protocols.SetHTTP1(true)
	p.second.Protocols.SetHTTP2(true)
	p.first.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	p.second.ConnContext = withResets
	p.second.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: writeTime, SendPingTimeout: idleTime, MaxReadFrameSize: 64 << 10}
	return p
}

func (p *port) server() *http.Server {
	return &http.Server{
		Handler:                      http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.g.serve(p.face.Load(), w, r) }),
		ReadHeaderTimeout:            headTime + time.Second, // the filter's comes first and has an answer
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               maxHead,
		DisableGeneralOptionsHandler: true,
		// It would quote what clients send.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

func (p *port) start() {
	for server, queue := range map[*http.Server]*handover{p.first: p.toFirst, p.second: p.toSecond} {
		p.accepting.Go(func() { _ = server.Serve(queue) })
	}
	p.accepting.Go(p.accept)
}

// accept takes connections until the socket is closed. An error that passes, such as
// too many open files, must not end it.
func (p *port) accept() {
	wait := time.Duration(0)
	for {
		conn, err := p.socket.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.broken.Store(&err)
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			time.Sleep(wait)
			continue
		}
		p.broken.Store(nil)
		wait = 0
		release, why := p.g.crowd.admit(conn.RemoteAddr(), p.face.Load().shared.Limits)
		if why != "" {
			p.g.metrics.GatewayRefused(string(why))
			_ = conn.Close()
			continue
		}
		conn = placed{conn, release}
		if keys := p.face.Load().keys; keys != nil {
			p.greeting.Go(func() { p.greet(conn, keys) })
			continue
		}
		p.toFirst.give(newFilter(conn))
	}
}

// greet makes the TLS handshake, and hands the connection to the server of the
// version that was agreed on.
func (p *port) greet(conn net.Conn, keys *keyring) {
	secure := tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: keys.forHello})
	ctx, cancel := context.WithTimeout(context.Background(), handshaking)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		p.g.metrics.GatewayRefused(string(refuseHandshake))
		_ = conn.Close()
		return
	}
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		p.toSecond.give(secure) // net/http wants a *tls.Conn
		return
	}
	p.toFirst.give(newFilter(secure))
}

// stop takes no more connections and lets the open ones end, until the context does.
func (p *port) stop(ctx context.Context) error {
	_ = p.socket.Close()
	p.greeting.Wait()
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i, server := range []*http.Server{p.first, p.second} {
		both.Go(func() {
			if errs[i] = server.Shutdown(ctx); errors.Is(errs[i], context.DeadlineExceeded) {
				errs[i] = server.Close()
			}
		})
	}
	both.Wait()
	p.accepting.Wait()
	return errors.Join(errs...)
}

// handover is a net.Listener that is given its connections.
type handover struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHandover(addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.done:
		_ = c.Close()
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return h.addr }

// crowd counts the open connections.
type crowd struct {
	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

// admit takes a place for a connection, which release gives back.
func (c *crowd) admit(from net.Addr, l Limits) (release func(), why refusal) {
	addr := netip.Addr{}
	if tcp, ok := from.(*net.TCPAddr); ok {
		addr = tcp.AddrPort().Addr().Unmap()
		if addr.Is6() { // one client has a whole /64
			if p, err := addr.Prefix(64); err == nil {
				addr = p.Addr()
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.all >= l.Connections:
		return nil, refuseFull
	case c.from[addr] >= l.PerAddress:
		return nil, refuseCrowd
	}
	c.all++
	c.from[addr]++
	var once sync.Once
	return func() {
		once.Do(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.all--
			if c.from[addr]--; c.from[addr] == 0 {
				delete(c.from, addr)
			}
		})
	}, ""
}

// placed gives a connection's place back when it closes.
type placed struct {
	net.Conn
	release func()
}

func (p placed) Close() error {
	p.release()
	return p.Conn.Close()
}

// CloseWrite lets what is above half-close.
func (p placed) CloseWrite() error {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
