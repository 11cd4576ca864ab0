package scan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"keepwatch"
	"keepwatch/internal/egress"
)

const (
	questionLimit = 3 * time.Second
	maxQuestions  = 4000 // of one scan
	maxRecords    = 64   // of one answer that are looked at
	maxAddresses  = 8    // of one host that are tried
	askAtOnce     = 24
	resolvConf    = "/etc/resolv.conf"
	maxServers    = 3
)

var errQuestions = errors.New("the scan has asked as many questions as one scan asks the name server")

// answer is what the name server says of one name and type.
type answer struct {
	records   []dns.RR // of the type that was asked for
	aliases   []string // on the way
	left      int      // records beyond what one answer is read for
	missing   bool     // there is no such name
	validated bool     // the server says that it has checked signatures
	bogus     bool     // the server answers only when it is told not to check them
}

// resolver asks the name servers. An answer is asked for once in a scan.
type resolver struct {
	servers []string
	err     error // why there is none
	asking  chan struct{}

	names atomic.Bool // some name was resolved

	mu    sync.Mutex
	asked int
	known map[question]*result
}

type question struct {
	name string
	kind uint16
}

type result struct {
	done   chan struct{}
	answer answer
	err    error
}

// newResolver takes one server, host:port, or those of the system.
func newResolver(server string) *resolver {
	r := &resolver{asking: make(chan struct{}, askAtOnce), known: map[question]*result{}}
	if server != "" {
		r.servers = []string{server}
		return r
	}
	config, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil || len(config.Servers) == 0 {
		r.err = keepwatch.WithHint(errors.New("no name server is known on this machine"), "name one, such as --resolver 9.9.9.9:53")
		return r
	}
	for _, s := range config.Servers[:min(len(config.Servers), maxServers)] {
		r.servers = append(r.servers, net.JoinHostPort(s, config.Port))
	}
	return r
}

// ParseResolver reads the address of a name server; the port may be left out, and ""
// is the system's.
func ParseResolver(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "53"
	}
	if _, err := netip.ParseAddr(host); err != nil || !goodPort(port) {
		return "", keepwatch.WithHint(fmt.Errorf("%q is no address of a name server: %w", clean(text, 80), keepwatch.ErrInvalid), "write it like 9.9.9.9 or 9.9.9.9:53")
	}
	return net.JoinHostPort(host, port), nil
}

// ask asks once for each name and type; the others wait for that answer.
func (r *resolver) ask(ctx context.Context, name string, kind uint16) (answer, error) {
	q := question{dns.CanonicalName(name), kind}
	r.mu.Lock()
	known, ok := r.known[q]
	if !ok {
		if r.asked++; r.asked > maxQuestions {
			r.mu.Unlock()
			return answer{}, errQuestions
		}
		known = &result{done: make(chan struct{})}
		r.known[q] = known
	}
	r.mu.Unlock()
	if ok {
		select {
		case <-known.done:
			return known.answer, known.err
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
	}
	known.answer, known.err = r.fresh(ctx, q)
	close(known.done)
	return known.answer, known.err
}

// fresh asks, and asks again without validation when the server says that it cannot.
func (r *resolver) fresh(ctx context.Context, q question) (answer, error) {
	if r.err != nil {
		return answer{}, r.err
	}
	select {
	case r.asking <- struct{}{}:
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	reply, err := r.exchange(ctx, q, false)
	if err != nil {
		return answer{}, err
	}
	bogus := false
	if reply.Rcode == dns.RcodeServerFailure {
		again, err := r.exchange(ctx, q, true)
		if err == nil && (again.Rcode == dns.RcodeSuccess || again.Rcode == dns.RcodeNameError) {
			reply, bogus = again, true
		}
	}
	switch reply.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	default:
		return answer{}, &net.DNSError{Err: "the name server answers " + dns.RcodeToString[reply.Rcode], Name: q.name, IsTemporary: true}
	}
	a := read(reply, q, bogus)
	if len(a.records) > 0 {
		r.names.Store(true)
	}
	return a, nil
}

func read(reply *dns.Msg, q question, bogus bool) answer {
	a := answer{missing: reply.Rcode == dns.RcodeNameError, validated: reply.AuthenticatedData, bogus: bogus}
	for _, rr := range reply.Answer {
		if alias, is := rr.(*dns.CNAME); is && q.kind != dns.TypeCNAME && len(a.aliases) < maxAddresses {
			a.aliases = append(a.aliases, bare(alias.Target))
		}
		if rr.Header().Rrtype != q.kind {
			continue
		}
		if len(a.records) == maxRecords {
			a.left++
			continue
		}
		a.records = append(a.records, rr)
	}
	return a
}

// exchange asks one server after another, over UDP, and over TCP when the answer was cut.
func (r *resolver) exchange(ctx context.Context, q question, unchecked bool) (reply *dns.Msg, err error) {
	message := new(dns.Msg).SetQuestion(q.name, q.kind)
	message.SetEdns0(1232, false)
	message.AuthenticatedData, message.CheckingDisabled = true, unchecked
	for _, server := range r.servers {
		for _, network := range []string{"udp", "tcp"} {
			if reply, err = once(ctx, network, server, message); err != nil || !reply.Truncated {
				break
			}
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, &net.DNSError{Err: "no name server answers", Name: q.name, Server: r.servers[0], IsTimeout: true, UnwrapErr: err}
	}
	return reply, nil
}

// once closes the connection when the scan ends: the library only looks at deadlines.
func once(ctx context.Context, network, server string, message *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, questionLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client := &dns.Client{Net: network, Timeout: questionLimit, UDPSize: 1232}
	reply, _, err := client.ExchangeWithConnContext(ctx, message, &dns.Conn{Conn: conn, UDPSize: 1232})
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return reply, err
}

// bare is a name as people write it.
func bare(name string) string {
	if len(name) > 1 && name[len(name)-1] == '.' {
		return name[:len(name)-1]
	}
	return name
}

// addresses resolves a host without keeping the answer: whether an address may be
// connected to is decided anew at each connection.
func (r *resolver) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var list []netip.Addr
	var failed error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		a, err := r.fresh(ctx, question{dns.CanonicalName(host), kind})
		if err != nil {
			failed = err
			continue
		}
		for _, rr := range a.records {
			if addr, ok := addressOf(rr); ok && len(list) < maxAddresses {
				list = append(list, addr)
			}
		}
	}
	if len(list) == 0 {
		if failed == nil {
			failed = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return nil, failed
	}
	return list, nil
}

func addressOf(rr dns.RR) (netip.Addr, bool) {
	var ip net.IP
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

// network is how a scan connects: names are resolved by the scan's own name server
// where one is named, and few addresses of a host are tried.
type network struct {
	own   *resolver // nil: the system's
	under egress.Network
	names *atomic.Bool   // some name was resolved
	noted func(net.Addr) // hears of the address that connections leave from
}

func (n network) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if n.own != nil {
		return n.own.addresses(ctx, host)
	}
	list, err := n.under.Lookup(ctx, host)
	if len(list) > 0 {
		n.names.Store(true)
	}
	return list[:min(len(list), maxAddresses)], err
}

func (n network) Dial(ctx context.Context, kind, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return n.connect(ctx, kind, address)
	}
	list, err := n.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("dial %s: no address", host)
	for _, addr := range list {
		var conn net.Conn
		if conn, err = n.connect(ctx, kind, net.JoinHostPort(addr.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (n network) connect(ctx context.Context, kind, address string) (net.Conn, error) {
	conn, err := n.under.Dial(ctx, kind, address)
	if err == nil {
		n.noted(conn.LocalAddr())
	}
	return conn, err
}
