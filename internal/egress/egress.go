// Package egress is the one way out: one policy for every HTTP request and every
// connection that Keepwatch makes.
//
// Redirects are never followed: Go sends a body again on 307 and 308, and so
// would hand a secret to whatever host an answer names. TLS is at least 1.2. The
// pool keeps many idle connections: the default of two per host doubles the cost
// of a hundred checks that come due together.
package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Network is name resolution and dialling. Tests put an in-memory one in its place.
type Network interface {
	Lookup(ctx context.Context, host string) ([]netip.Addr, error)
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// Policy is what a client may do. The zero value is the policy for SFMC hosts.
type Policy struct {
	Network     Network       // nil is the system's
	DialTimeout time.Duration // 0 means 5 s
	TLS         *tls.Config   // nil is the system's trust; the minimum version is raised to 1.2
	// MaxIdlePerHost is the size of the pool; 0 means 512.
	MaxIdlePerHost int
	// DenyPrivate refuses to connect to addresses that are not public. It is for
	// addresses that users type. The check is on the address that is dialled, so
	// that a name cannot resolve to another one after the check.
	DenyPrivate bool
	// Proxy chooses a proxy, as http.ProxyFromEnvironment does; nil means none.
	// With DenyPrivate it is ignored: a proxy would connect in our place.
	Proxy func(*http.Request) (*url.URL, error)
}

const (
	defaultDial    = 5 * time.Second
	defaultIdle    = 512
	handshakeLimit = 10 * time.Second
	idleTimeout    = 90 * time.Second
	maxHeader      = 64 << 10
)

// Client is an HTTP client and a network under one policy.
type Client struct {
	http      *http.Client
	transport *http.Transport
	network   Network
	tls       *tls.Config
	proxy     func(*http.Request) (*url.URL, error)
	timeout   time.Duration
}

// New builds a client. It opens nothing.
func New(p Policy) *Client {
	c := &Client{network: p.network(), tls: p.tlsConfig(), timeout: p.DialTimeout}
	if c.timeout <= 0 {
		c.timeout = defaultDial
	}
	if p.DenyPrivate {
		c.network = publicOnly{c.network}
	} else {
		c.proxy = p.Proxy
	}
	idle := p.MaxIdlePerHost
	if idle <= 0 {
		idle = defaultIdle
	}
	c.open(idle)
	return c
}

// open makes the pool of connections.
func (c *Client) open(idle int) {
	c.transport = &http.Transport{
		Proxy:                  c.proxy,
		DialContext:            c.Dial,
		TLSClientConfig:        c.tls.Clone(), // the transport adds HTTP/2 to it when it is first used
		TLSHandshakeTimeout:    handshakeLimit,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    idle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
	c.http = &http.Client{Transport: c.transport, CheckRedirect: neverFollow}
}

// WithTLS is a client under the same policy that shows a certificate of its own
// or trusts other roots. It keeps no connection open between requests: each one
// proves the handshake anew, and nobody has to close it.
func (c *Client) WithTLS(config *tls.Config) *Client {
	own := &Client{network: c.network, proxy: c.proxy, timeout: c.timeout, tls: Policy{TLS: config}.tlsConfig()}
	own.open(1)
	own.transport.DisableKeepAlives = true
	return own
}

func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (p Policy) network() Network {
	if p.Network == nil {
		return System{}
	}
	return p.Network
}

func (p Policy) tlsConfig() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.TLS != nil {
		config = p.TLS.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	}
	return config
}

// HTTP is the client: redirects are answers, and nothing is retried.
func (c *Client) HTTP() *http.Client { return c.http }

// TLS is a copy of the policy's configuration, for a handshake outside HTTP.
func (c *Client) TLS() *tls.Config { return c.tls.Clone() }

// Proxied reports whether requests to u go through a proxy, so that this machine
// need not be able to resolve or reach the host itself.
func (c *Client) Proxied(u *url.URL) bool {
	if c.proxy == nil {
		return false
	}
	via, err := c.proxy(&http.Request{URL: u})
	return err != nil || via != nil
}

// Via is the proxy that a request to u goes through, nil for none. It is for those
// who make the connection themselves.
func (c *Client) Via(u *url.URL) (*url.URL, error) {
	if c.proxy == nil {
		return nil, nil
	}
	return c.proxy(&http.Request{URL: u})
}

// Lookup resolves a host under the policy.
func (c *Client) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.network.Lookup(ctx, host)
}

// Dial connects under the policy.
func (c *Client) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := c.network.Dial(ctx, network, addr)
	var op *net.OpError
	if err != nil && !errors.As(err, &op) {
		// A network that is not the system's: mark it, so that Diagnose can tell a
		// connection that was never made from one that broke.
		err = &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return conn, err
}

// CloseIdle closes the connections that nobody uses.
func (c *Client) CloseIdle() { c.transport.CloseIdleConnections() }

// System is the network of the operating system.
type System struct{}

// Lookup asks the system's resolver. A literal address answers itself.
func (System) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Dial connects; a name with several addresses is tried in both families.
func (System) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// ErrDenied means that the policy forbids an address.
var ErrDenied = errors.New("the address is not a public one")
