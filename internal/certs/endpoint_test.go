package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"keepwatch"
	"keepwatch/internal/egress"
)

func TestWhatCannotBeLookedAt(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	reader := trusting()
	for name, c := range map[string]struct {
		source  keepwatch.CertificateSource
		is      error
		outcome keepwatch.Outcome
	}{
		"no source":     {keepwatch.CertificateSource{}, keepwatch.ErrInvalid, ""},
		"two sources":   {keepwatch.CertificateSource{File: "/a", Endpoint: "a:1"}, keepwatch.ErrInvalid, ""},
		"relative path": {keepwatch.CertificateSource{File: "a.pem"}, keepwatch.ErrInvalid, ""},
		"no such file":  {keepwatch.CertificateSource{File: "/nowhere/a.pem"}, keepwatch.ErrNotFound, ""},
		"a folder":      {keepwatch.CertificateSource{File: t.TempDir()}, keepwatch.ErrInvalid, ""},
		"a device":      {keepwatch.CertificateSource{File: "/dev/zero"}, keepwatch.ErrInvalid, ""},
		"no port":       {keepwatch.CertificateSource{Endpoint: "cloud.example.com"}, keepwatch.ErrInvalid, ""},
		"nobody there":  {keepwatch.CertificateSource{Endpoint: closed(t)}, nil, keepwatch.ConnectFailure},
		"not TLS":       {keepwatch.CertificateSource{Endpoint: plain.Listener.Addr().String()}, nil, keepwatch.TLSFailure},
	} {
		found, err := reader.Read(t.Context(), c.source)
		if err == nil || len(found) != 0 {
			t.Errorf("%s: %v %v", name, found, err)
			continue
		}
		if c.is != nil && (!errors.Is(err, c.is) || keepwatch.HintOf(err) == "") {
			t.Errorf("%s: %v, hint %q", name, err, keepwatch.HintOf(err))
		}
		if c.outcome != "" && egress.Diagnose(err) != c.outcome {
			t.Errorf("%s: %v is %s, want %s", name, err, egress.Diagnose(err), c.outcome)
		}
	}
}

// TestChainHasItsOwnClock: an intermediate ends before the leaf that it vouches for.
func TestChainHasItsOwnClock(t *testing.T) {
	root := issue(t, "Test Root", nil, authority)
	old := issue(t, "Old Intermediate", root, authority, between(-48*hour, -24*hour))
	leaf := issue(t, host, old, forHosts(host), between(-36*hour, 24*hour))
	found, err := trusting(root).Read(t.Context(), keepwatch.CertificateSource{Endpoint: serve(t, nil, leaf, old), ServerName: host})
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v %v", found, err)
	}
	if !slices.Equal(problemNames(found[1]), []string{Expired}) || !found[1].NotAfter.Equal(old.NotAfter) || !found[0].NotAfter.Equal(leaf.NotAfter) {
		t.Errorf("%+v", found)
	}
	if !strings.HasPrefix(found[0].Basis, "shown by 127.0.0.1:") {
		t.Errorf("basis %q", found[0].Basis)
	}
}

// TestEndpointBehindAProxy sees the certificate through the proxy, and sends no
// request to the endpoint.
func TestEndpointBehindAProxy(t *testing.T) {
	root, middle, leaf := line(t)
	var requests, tunnels atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	server.Config.ErrorLog = quiet()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw, middle.Raw}, PrivateKey: leaf.key}}}
	server.StartTLS()
	defer server.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnels.Add(1)
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			return
		}
		defer func() { _ = to.Close() }()
		// Taken over before it is answered: once the client may speak, the
		// server's own reader would swallow the first byte.
		conn, from, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, from) }()
		_, _ = io.Copy(conn, to)
	}))
	defer proxy.Close()
	via, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root.Certificate)
	r := New(Options{Resolver: "off", Egress: egress.New(egress.Policy{TLS: &tls.Config{RootCAs: pool}, Proxy: http.ProxyURL(via)})})
	found, err := r.Read(t.Context(), keepwatch.CertificateSource{Endpoint: server.Listener.Addr().String(), ServerName: host})
	if err != nil || len(found) != 2 || len(found[0].Problems) != 0 {
		t.Errorf("%+v %v", found, err)
	}
	if tunnels.Load() != 1 || requests.Load() != 0 {
		t.Errorf("%d tunnels, %d requests", tunnels.Load(), requests.Load())
	}
}

// TestPrivateEndpointsAreForbidden where the policy says so.
func TestPrivateEndpointsAreForbidden(t *testing.T) {
	_, _, leaf := line(t)
	r := New(Options{Resolver: "off", Egress: egress.New(egress.Policy{DenyPrivate: true})})
	_, err := r.Read(t.Context(), keepwatch.CertificateSource{Endpoint: serve(t, nil, leaf)})
	if !errors.Is(err, egress.ErrDenied) {
		t.Errorf("%v", err)
	}
}

// zone is a name server on loopback.
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	broken  atomic.Bool
	asked   atomic.Int32
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.asked.Add(1)
	m := new(dns.Msg).SetReply(q)
	name := q.Question[0].Name
	z.mu.Lock()
	texts := z.records[name]
	z.mu.Unlock()
	for _, text := range texts {
		rr, err := dns.NewRR(name + " 60 IN " + text)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	switch {
	case z.broken.Load():
		m.Rcode, m.Answer = dns.RcodeServerFailure, nil
	case len(m.Answer) == 0:
		m.Rcode = dns.RcodeNameError
	case w.RemoteAddr().Network() == "udp" && len(m.Answer) > 20:
		m.Truncated, m.Answer = true, nil
	}
	_ = w.WriteMsg(m)
}

func (z *zone) start(t *testing.T) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: listener, Handler: z}} {
		ready := make(chan struct{})
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { _ = s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return packets.LocalAddr().String()
}

func TestCAA(t *testing.T) {
	many := []string{`CAA 0 issue "digicert.com"`}
	for i := range 25 {
		many = append(many, `CAA 0 issue "ca`+string(rune('a'+i))+`.example"`)
	}
	z := &zone{records: map[string][]string{
		"digicert.example.":       {`CAA 0 issue "digicert.com; account=1"`},
		"encrypt.example.":        {`CAA 0 issue "letsencrypt.org"`, `CAA 0 iodef "mailto:a@b.c"`},
		"nobody.example.":         {`CAA 0 issue ";"`},
		"iodef.example.":          {`CAA 0 iodef "mailto:a@b.c"`},
		"stars.example.":          {`CAA 0 issue "digicert.com"`, `CAA 0 issuewild ";"`},
		"critical.example.":       {`CAA 0 issue "digicert.com"`, `CAA 128 future "x"`},
		"many.example.":           many,
		"deeper.encrypt.example.": {`CAA 0 issue "DigiCert.com"`},
	}}
	root := issue(t, "Root", nil, authority, func(c *x509.Certificate) { c.Subject.Organization = []string{"DigiCert Inc"} })
	unknown := issue(t, "Root", nil, authority, func(c *x509.Certificate) { c.Subject.Organization = []string{"Our own CA"} })
	r := New(Options{Resolver: z.start(t)})
	for _, c := range []struct {
		name, names string
		by          *issued
		forbidden   bool
		domain      string
		silent      bool
	}{
		{"a.digicert.example", "a.digicert.example", root, false, "digicert.example", false},
		{"a.encrypt.example", "a.encrypt.example", root, true, "encrypt.example", false},
		{"a.deeper.encrypt.example", "a.deeper.encrypt.example", root, false, "deeper.encrypt.example", false},
		{"a.nobody.example", "a.nobody.example", root, true, "nobody.example", false},
		{"a.iodef.example", "a.iodef.example", root, false, "iodef.example", false},
		{"a.stars.example", "a.stars.example", root, false, "stars.example", false},
		{"a.stars.example", "*.stars.example", root, true, "stars.example", false},
		{"a.critical.example", "a.critical.example", root, true, "critical.example", false},
		{"a.many.example", "a.many.example", root, false, "many.example", false},
		{"a.free.example", "a.free.example", root, false, "", false},
		{"a.encrypt.example", "a.encrypt.example", unknown, false, "", true},
		{"127.0.0.1", "127.0.0.1", root, false, "", true},
	} {
		leaf := issue(t, c.name, c.by, forHosts(c.names))
		a, ok, err := r.CAA(t.Context(), leaf.Certificate, c.name)
		if err != nil || ok == c.silent || a.Forbidden != c.forbidden || a.Domain != c.domain {
			t.Errorf("%s (%s): %+v %v %v", c.name, c.names, a, ok, err)
		}
	}
}

// TestCAAOfAnEndpoint: what the name servers said last holds while they are away.
func TestCAAOfAnEndpoint(t *testing.T) {
	z := &zone{records: map[string][]string{"example.com.": {`CAA 0 issue "letsencrypt.org"`}}}
	root := issue(t, "Root", nil, authority, func(c *x509.Certificate) { c.Subject.Organization = []string{"DigiCert Inc"} })
	leaf := issue(t, host, root, forHosts(host))
	r := trusting(root)
	r.resolver = z.start(t)
	source := keepwatch.CertificateSource{Endpoint: serve(t, nil, leaf), ServerName: host}
	look := func() []string {
		found, err := r.Read(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		return problemNames(found[0])
	}
	if got := look(); !slices.Equal(got, []string{CAAForbids}) {
		t.Fatalf("problems %v", got)
	}
	z.broken.Store(true)
	if got := look(); !slices.Equal(got, []string{CAAForbids}) {
		t.Errorf("problems %v while the name server fails", got)
	}
	z.broken.Store(false)
	z.mu.Lock()
	z.records["example.com."] = []string{`CAA 0 issue "digicert.com"`}
	z.mu.Unlock()
	if got := look(); len(got) != 0 {
		t.Errorf("problems %v after the record was added", got)
	}
	stranger := trusting()
	stranger.resolver = r.resolver
	before := z.asked.Load()
	if _, err := stranger.Read(t.Context(), source); err != nil || z.asked.Load() != before {
		t.Errorf("asked for a certificate that nobody trusts: %v", err)
	}
}
