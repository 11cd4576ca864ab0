package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// publicOnly lets connections through to public addresses only. It resolves the
// name itself and dials the address that it checked.
type publicOnly struct{ under Network }

func (p publicOnly) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return p.under.Lookup(ctx, host)
}

func (p publicOnly) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := p.under.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	failed := fmt.Errorf("dial %s: %w", host, ErrDenied)
	for _, a := range addrs {
		if !Public(a) {
			continue
		}
		conn, err := p.under.Dial(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return checked(conn)
		}
		failed = err
	}
	return nil, failed
}

// checked looks once more at where the connection really went.
func checked(conn net.Conn) (net.Conn, error) {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok || Public(tcp.AddrPort().Addr()) {
		return conn, nil
	}
	return nil, errors.Join(ErrDenied, conn.Close())
}

// notPublic are the ranges that netip's own predicates do not cover. The IPv6
// ones embed an IPv4 address, which would be a way round.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

// Public reports whether an address belongs to the open internet.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
