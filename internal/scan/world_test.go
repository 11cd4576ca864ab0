package scan

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// world is an internet on loopback: an authoritative name server, an authority that
// the scan trusts, and web servers, each with an address of its own.
type world struct {
	t     testing.TB
	root  *issued
	inter *issued
	dns   string // host:port of the name server

	mu       sync.Mutex
	zone     map[string]map[uint16][]dns.RR
	handlers map[string]dns.HandlerFunc // names that answer by themselves
	table    map[string]string          // address:port -> where somebody listens
	next     int
	dialed   []string
	requests atomic.Int64
	asked    atomic.Int64 // of the name server
	lag      atomic.Int64 // of its answers
}

type issued struct {
	*x509.Certificate
	key crypto.Signer
}

var serial atomic.Int64

func (w *world) issue(name string, parent *issued, change ...func(*x509.Certificate)) *issued {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.issueWith(key, name, parent, change...)
}

func (w *world) issueWith(key crypto.Signer, name string, parent *issued, change ...func(*x509.Certificate)) *issued {
	w.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name, Organization: []string{"DigiCert Inc"}},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(180 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range change {
		c(template)
	}
	by, signer := template, key
	if parent != nil {
		by, signer = parent.Certificate, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), signer)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return &issued{c, key}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage, c.DNSNames, c.ExtKeyUsage = true, x509.KeyUsageCertSign, nil, nil
	c.NotAfter = time.Now().Add(3650 * 24 * time.Hour)
}

func lasting(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

func named(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, zone: map[string]map[uint16][]dns.RR{}, handlers: map[string]dns.HandlerFunc{}, table: map[string]string{}}
	w.root = w.issue("World Root", nil, authority)
	w.inter = w.issue("World Intermediate", w.root, authority)
	packet, listener := bothWays(t)
	w.dns = packet.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: packet, Handler: dns.HandlerFunc(w.answer)}, {Listener: listener, Handler: dns.HandlerFunc(w.answer)}} {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { _ = s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	w.record("com. NS a.gtld-servers.net.")
	w.record("cust-spf.exacttarget.com. TXT \"v=spf1 ip4:64.132.92.0/24 ip4:13.111.0.0/16 -all\"")
	for _, host := range []string{"reply.s7.exacttarget.com", "bounces.s7.exacttarget.com", "reply.s10.exacttarget.com"} {
		w.record(host + ". A 127.0.9.9")
	}
	return w
}

// bothWays listens on one port over UDP and TCP.
func bothWays(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		packet, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", packet.LocalAddr().String())
		if err == nil {
			return packet, listener
		}
		_ = packet.Close() // somebody has the port over TCP
	}
	t.Fatal("no port is free both ways")
	return nil, nil
}

// emptyServer is a name server of a network without a way out: no name exists.
func emptyServer(t testing.TB) string {
	t.Helper()
	packet, listener := bothWays(t)
	_ = listener.Close()
	s := &dns.Server{PacketConn: packet, Handler: dns.HandlerFunc(func(rw dns.ResponseWriter, q *dns.Msg) {
		_ = rw.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
	})}
	ready := make(chan struct{})
	s.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = s.Shutdown() })
	return packet.LocalAddr().String()
}

// record adds records in the form of a zone file.
func (w *world) record(lines ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range lines {
		name, rest, _ := strings.Cut(line, " ")
		rr, err := dns.NewRR(name + " 60 IN " + rest)
		if err != nil || rr == nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		key := dns.CanonicalName(name)
		if w.zone[key] == nil {
			w.zone[key] = map[uint16][]dns.RR{}
		}
		w.zone[key][rr.Header().Rrtype] = append(w.zone[key][rr.Header().Rrtype], rr)
	}
}

// handle lets a name answer by itself.
func (w *world) handle(name string, by dns.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handlers[dns.CanonicalName(name)] = by
}

// forget removes what a name has of a type.
func (w *world) forget(name string, kind uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.zone[dns.CanonicalName(name)], kind)
}

func (w *world) answer(rw dns.ResponseWriter, q *dns.Msg) {
	w.asked.Add(1)
	time.Sleep(time.Duration(w.lag.Load())) // a name server that is far away
	name, kind := dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype
	w.mu.Lock()
	own := w.handlers[name]
	w.mu.Unlock()
	if own != nil {
		own(rw, q)
		return
	}
	reply := new(dns.Msg).SetReply(q)
	reply.Authoritative = true
	w.fill(reply, name, kind)
	if _, udp := rw.LocalAddr().(*net.UDPAddr); udp {
		reply.Truncate(1232)
	}
	_ = rw.WriteMsg(reply)
}

func (w *world) fill(reply *dns.Msg, name string, kind uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range 8 {
		records, exists := w.zone[name]
		if !exists {
			if !w.below(name) {
				reply.Rcode = dns.RcodeNameError
			}
			return
		}
		reply.Answer = append(reply.Answer, records[kind]...)
		alias := records[dns.TypeCNAME]
		if kind == dns.TypeCNAME || len(alias) == 0 {
			return
		}
		reply.Answer = append(reply.Answer, alias...)
		name = dns.CanonicalName(alias[0].(*dns.CNAME).Target)
	}
}

func (w *world) below(name string) bool {
	for have := range w.zone {
		if strings.HasSuffix(have, "."+name) {
			return true
		}
	}
	return false
}

// Lookup and Dial are the world's network. Addresses of the world lead to listeners.
func (w *world) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "the world has a name server of its own", Name: host}
}

func (w *world) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	to, ok := w.table[address]
	w.mu.Unlock()
	if !ok {
		to = "127.0.0.1:1" // nobody listens there
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, to)
	return conn, err
}

func (w *world) dials() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.dialed...)
}

// place gives a host an address of its own.
func (w *world) place(host string) string {
	w.mu.Lock()
	w.next++
	address := fmt.Sprintf("127.0.%d.%d", 1+w.next/250, 1+w.next%250)
	w.mu.Unlock()
	w.record(host + ". A " + address)
	return address
}

func (w *world) lead(address, port, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.table[address+":"+port] = to
}

// chain is a good one for a host.
func (w *world) chain(host string, change ...func(*x509.Certificate)) []*issued {
	return []*issued{w.issue(host, w.inter, change...), w.inter}
}

// site serves a host over TLS, and tells its address.
func (w *world) site(host string, chain []*issued, handler http.Handler) string {
	w.t.Helper()
	pair := tls.Certificate{PrivateKey: chain[0].key}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.serve(listener, handler)
	address := w.place(host)
	w.lead(address, "443", listener.Addr().String())
	return address
}

func (w *world) serve(listener net.Listener, handler http.Handler) {
	if handler == nil {
		handler = http.NotFoundHandler()
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		handler.ServeHTTP(rw, r)
	})}
	go func() { _ = server.Serve(listener) }()
	w.t.Cleanup(func() { _ = server.Close() })
}

// open serves a host without TLS, too.
func (w *world) open(address string, handler http.Handler) {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.serve(listener, handler)
	w.lead(address, "80", listener.Addr().String())
}

// raw takes connections for a host and does with them as it is told.
func (w *world) raw(host string, do func(net.Conn)) string {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.t.Cleanup(func() { _ = conn.Close() })
			go do(conn)
		}
	}()
	address := w.place(host)
	w.lead(address, "443", listener.Addr().String())
	return address
}

var dkimOnce = sync.OnceValue(func() string { return dkimRecord(2048) })

func dkimRecord(bits int) string {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// txt renders a text as a record, in pieces of 200 bytes.
func txt(name, text string) string {
	var b strings.Builder
	b.WriteString(name + ". TXT")
	for len(text) > 200 {
		fmt.Fprintf(&b, " %q", text[:200])
		text = text[200:]
	}
	fmt.Fprintf(&b, " %q", text)
	return b.String()
}

const goodSPF = "v=spf1 include:cust-spf.exacttarget.com -all"

// sender is a sending domain as SFMC sets one up.
func (w *world) sender(domain string) string {
	w.record(
		txt(domain, goodSPF), txt("_dmarc."+domain, "v=DMARC1; p=reject; rua=mailto:dmarc@"+domain), txt("10dkim1._domainkey."+domain, dkimOnce()),
		domain+". MX 10 reply.s7.exacttarget.com.", "reply."+domain+". MX 10 reply.s7.exacttarget.com.", "bounce."+domain+". MX 10 bounces.s7.exacttarget.com.",
	)
	return domain
}

// body serves a page.
func body(text string, headers ...string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.Header().Set("Strict-Transport-Security", "max-age=31536000")
		for i := 0; i+1 < len(headers); i += 2 {
			if headers[i+1] == "" {
				rw.Header().Del(headers[i])
				continue
			}
			rw.Header().Set(headers[i], headers[i+1])
		}
		_, _ = io.WriteString(rw, text)
	})
}

func (w *world) options() Options {
	pool := x509.NewCertPool()
	pool.AddCert(w.root.Certificate)
	return Options{Network: w, AllowPrivate: true, Resolver: w.dns, Roots: pool, TrustBase: "https://status.test"}
}

func (w *world) targets(texts ...string) []Target {
	w.t.Helper()
	list, err := ParseTargets(texts)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) scan(texts ...string) Report {
	w.t.Helper()
	return Run(w.t.Context(), w.options(), Request{Targets: w.targets(texts...)})
}

// about finds a finding.
func (r Report) about(check, subject string) (Finding, bool) {
	for _, f := range r.Findings {
		if f.Check == check && f.Subject == subject {
			return f, true
		}
	}
	return Finding{}, false
}
