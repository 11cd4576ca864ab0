package egress

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

func TestRedirectsAreAnswers(t *testing.T) {
	followed := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.URL.Path == "/elsewhere"
		http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
	}))
	defer s.Close()
	response, err := New(Policy{}).HTTP().Post(s.URL, "text/plain", strings.NewReader("secret"))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusPermanentRedirect || followed {
		t.Errorf("%d, followed %v", response.StatusCode, followed)
	}
}

func TestThePoolKeepsConnections(t *testing.T) {
	conns := map[string]bool{}
	arrived, gate := make(chan struct{}), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-gate
	}))
	opened := make(chan string, 100)
	s.Config.ConnState = func(c net.Conn, st http.ConnState) {
		if st == http.StateNew {
			opened <- c.RemoteAddr().String()
		}
	}
	s.Start()
	defer s.Close()
	client := New(Policy{}).HTTP()
	for range 2 {
		done := make(chan error)
		for range 20 {
			go func() {
				response, err := client.Get(s.URL)
				if err == nil {
					_, err = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
				done <- err
			}()
		}
		for range 20 { // all at once, so that none takes the connection of one that has ended
			<-arrived
		}
		for range 20 {
			gate <- struct{}{}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	for len(opened) > 0 {
		conns[<-opened] = true
	}
	if len(conns) != 20 {
		t.Errorf("%d connections for two rounds of 20 requests", len(conns))
	}
}

func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "198.18.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fd00::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001:0:1::": false, "fe80::1%eth0": false,
	} {
		if got := Public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// oneName resolves every name to one address, and remembers what was dialled.
type oneName struct {
	addr   string
	dialed []string
}

func (n *oneName) Lookup(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr(n.addr)}, nil
}

func (n *oneName) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	n.dialed = append(n.dialed, addr)
	client, server := net.Pipe()
	_ = server.Close()
	return client, nil
}

func TestDenyPrivateChecksWhatIsDialled(t *testing.T) {
	inside := &oneName{addr: "169.254.169.254"}
	if _, err := New(Policy{Network: inside, DenyPrivate: true}).Dial(t.Context(), "tcp", "public.example:80"); !errors.Is(err, ErrDenied) || len(inside.dialed) != 0 {
		t.Errorf("%v, dialled %v", err, inside.dialed)
	}
	outside := &oneName{addr: "8.8.8.8"}
	if _, err := New(Policy{Network: outside, DenyPrivate: true}).Dial(t.Context(), "tcp", "public.example:80"); err != nil || outside.dialed[0] != "8.8.8.8:80" {
		t.Errorf("%v, dialled %v", err, outside.dialed)
	}
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example") }
	u := &url.URL{Scheme: "https", Host: "x"}
	if New(Policy{Proxy: proxy, DenyPrivate: true}).Proxied(u) || !New(Policy{Proxy: proxy}).Proxied(u) || New(Policy{}).Proxied(u) {
		t.Error("a proxy would connect in our place")
	}
}

// silent never answers a dial.
type silent struct{ System }

func (silent) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDialEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := New(Policy{Network: silent{}}).Dial(t.Context(), "tcp", "x:1")
		if Diagnose(err) != keepwatch.ConnectFailure || time.Since(began) != defaultDial {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestRedactHidesTheAddress(t *testing.T) {
	_, err := New(Policy{}).HTTP().Get("http://127.0.0.1:1/?token=hunter22")
	if err == nil || strings.Contains(Redact(err).Error(), "hunter22") || Diagnose(err) != keepwatch.ConnectFailure {
		t.Error(Redact(err), Diagnose(err))
	}
	if Redact(nil) != nil || Diagnose(nil) != keepwatch.OK {
		t.Error("nil")
	}
}

// certificate makes a self-signed one.
func certificate(t *testing.T, from, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: from, NotAfter: until,
		DNSNames: []string{"right.example"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}

// quiet drops what the servers say about handshakes that are meant to fail.
var quiet = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)

func TestTLSIsDiagnosed(t *testing.T) {
	now := time.Now()
	good := certificate(t, now.Add(-time.Hour), now.Add(time.Hour))
	for name, row := range map[string]struct {
		cert    tls.Certificate
		host    string
		trusted bool
		max     uint16
		want    keepwatch.Outcome
	}{
		"good":          {good, "right.example", true, 0, keepwatch.OK},
		"wrong name":    {good, "wrong.example", true, 0, keepwatch.TLSFailure},
		"not trusted":   {good, "right.example", false, 0, keepwatch.TLSFailure},
		"ended":         {certificate(t, now.Add(-2*time.Hour), now.Add(-time.Hour)), "right.example", true, 0, keepwatch.CertificateExpired},
		"not yet valid": {certificate(t, now.Add(time.Hour), now.Add(2*time.Hour)), "right.example", true, 0, keepwatch.TLSFailure},
		"only TLS 1.1":  {good, "right.example", true, tls.VersionTLS11, keepwatch.TLSFailure},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.TLS = &tls.Config{Certificates: []tls.Certificate{row.cert}, MaxVersion: row.max, MinVersion: tls.VersionTLS10}
			s.Config.ErrorLog = quiet
			s.StartTLS()
			defer s.Close()
			roots := x509.NewCertPool()
			if row.trusted {
				roots.AddCert(row.cert.Leaf)
			}
			c := New(Policy{TLS: &tls.Config{RootCAs: roots, ServerName: row.host}})
			defer c.CloseIdle()
			response, err := c.HTTP().Get(s.URL)
			if err == nil {
				_ = response.Body.Close()
			}
			if got := Diagnose(err); got != row.want {
				t.Errorf("%s (%v), want %s", got, err, row.want)
			}
		})
	}
}

func TestDiagnose(t *testing.T) {
	for _, row := range []struct {
		err  error
		want keepwatch.Outcome
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host"}}, keepwatch.DNSFailure},
		{&net.DNSError{Err: "i/o timeout", IsTimeout: true}, keepwatch.DNSFailure},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, keepwatch.ConnectFailure},
		{&net.OpError{Op: "read", Err: errors.New("x")}, keepwatch.ConnectionReset},
		{io.ErrUnexpectedEOF, keepwatch.ConnectionReset},
		{io.EOF, keepwatch.ConnectionReset},
		{context.DeadlineExceeded, keepwatch.Timeout},
		{errors.New("malformed HTTP response"), keepwatch.UnexpectedResponse},
		{ErrDenied, keepwatch.BadRequest},
	} {
		if got := Diagnose(&url.Error{Op: "Post", URL: "http://x/?secret", Err: row.err}); got != row.want {
			t.Errorf("%v: %s, want %s", row.err, got, row.want)
		}
	}
}

// TestWithTLS keeps the policy and changes what is shown and trusted.
func TestWithTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.RedirectHandler("https://elsewhere.example.com/", http.StatusTemporaryRedirect))
	defer server.Close()
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AddCert(server.Certificate())
	if _, err := New(Policy{}).HTTP().Get(server.URL); Diagnose(err) != keepwatch.TLSFailure {
		t.Errorf("without its roots: %v", err)
	}
	own := New(Policy{}).WithTLS(config)
	if own.TLS().MinVersion != tls.VersionTLS12 {
		t.Error("TLS below 1.2 is allowed")
	}
	response, err := own.HTTP().Get(server.URL)
	if err != nil || response.StatusCode != http.StatusTemporaryRedirect {
		t.Fatalf("%v %v", response, err)
	}
	_ = response.Body.Close()
	if _, err := New(Policy{DenyPrivate: true}).WithTLS(config).HTTP().Get(server.URL); !errors.Is(err, ErrDenied) {
		t.Errorf("the ban of private addresses is lost: %v", err)
	}
}
