package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

// mint is an authority and the certificates that it gives out.
type mint struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newMint(t testing.TB) *mint {
	t.Helper()
	m := &mint{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Walls CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	m.cert = m.sign(t, template, template, m.key)
	return m
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (m *mint) sign(t testing.TB, template, by *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), m.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// give makes a certificate with its key, for as long as life says.
func (m *mint) give(t testing.TB, name string, life time.Duration) (pair tls.Certificate, certPEM, keyPEM string) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	c := m.sign(t, template, m.cert, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (m *mint) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.cert.Raw}))
}

func (m *mint) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(m.cert)
	return pool
}

// stage is an integration point on loopback and a prober that knows it.
type stage struct {
	*mint
	prober *Prober
	point  keepwatch.IntegrationPoint
	refs   map[string]string
	asked  atomic.Int32
}

func newStage(t *testing.T, config *tls.Config, handler http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{mint: newMint(t), refs: map[string]string{}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		handler(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if config == nil {
		config = &tls.Config{}
	}
	if config.Certificates == nil {
		pair, _, _ := s.give(t, "middleware.example.com", 24*time.Hour)
		config.Certificates = []tls.Certificate{pair}
	}
	if config.ClientAuth == tls.RequireAndVerifyClientCert {
		config.ClientCAs = s.pool()
	}
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	s.refs["env:ROOTS"] = s.pem()
	s.point = keepwatch.IntegrationPoint{Name: "mule", URL: server.URL + "/health?key=swordfish", Roots: "env:ROOTS"}
	s.prober = s.newProber(egress.Policy{})
	return s
}

func (s *stage) newProber(policy egress.Policy) *Prober {
	return New(Options{
		Egress: egress.New(policy),
		Secrets: secretsFunc(func(_ context.Context, ref string) (keepwatch.Secret, error) {
			text, ok := s.refs[ref]
			if !ok {
				return keepwatch.Secret{}, fmt.Errorf("%s is not set: %w", ref, keepwatch.ErrUnavailable)
			}
			return keepwatch.NewSecret([]byte(text)), nil
		}),
		IntegrationPoint: func(name string) (keepwatch.IntegrationPoint, bool) { return s.point, name == "mule" },
	})
}

// pushKey is of a kind that cannot be proven from here.
var pushKey = keepwatch.Credential{ID: "push", Tenant: "emea", Kind: keepwatch.PushKey, Tests: []string{"identity", "https:mule"}}

func (s *stage) run(t *testing.T) keepwatch.Observation {
	t.Helper()
	o := s.prober.Run(t.Context(), pushKey, keepwatch.Tenant{ID: "emea"}, slot)
	for _, text := range []string{o.Message, o.Hint, o.Evidence, o.Transcript} {
		if strings.Contains(text, "swordfish") || strings.Contains(text, "PRIVATE") {
			t.Errorf("a secret is shown: %q", text)
		}
		if strings.Contains(text, "SFMC answered") {
			t.Errorf("the platform is blamed: %q", text)
		}
	}
	if len(o.Steps) != 1 || o.Steps[0].Name != "https:mule" || o.Steps[0].Outcome != o.Outcome {
		t.Fatalf("steps %+v of %s", o.Steps, o.Outcome)
	}
	return o
}

func expectOutcome(t *testing.T, o keepwatch.Observation, want keepwatch.Outcome, word string) {
	t.Helper()
	if o.Outcome != want || !strings.Contains(o.Message, word) {
		t.Errorf("%s %q (%s), want %s with %q", o.Outcome, o.Message, o.Evidence, want, word)
	}
	if want != keepwatch.OK && (o.Hint == "" || o.Step != "https:mule" && want != keepwatch.MonitorFault) {
		t.Errorf("step %q, hint %q", o.Step, o.Hint)
	}
}

func answering(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example.com/login?key=swordfish")
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(status)
	}
}

func TestAnswersOfAnIntegrationPoint(t *testing.T) {
	for _, c := range []struct {
		status int
		expect []int
		want   keepwatch.Outcome
		word   string
	}{
		{200, nil, keepwatch.OK, "cannot be proven"},
		{204, nil, keepwatch.OK, "cannot be proven"},
		{405, []int{200, 405}, keepwatch.OK, "cannot be proven"},
		{200, []int{204}, keepwatch.UnexpectedResponse, "not among"},
		{302, nil, keepwatch.UnexpectedResponse, "redirects"},
		{401, nil, keepwatch.UnexpectedResponse, "refused"},
		{403, nil, keepwatch.UnexpectedResponse, "refused"},
		{404, nil, keepwatch.UnexpectedResponse, "path"},
		{429, nil, keepwatch.UnexpectedResponse, "too often"},
		{500, nil, keepwatch.UnexpectedResponse, "server error of its own"},
		{503, nil, keepwatch.UnexpectedResponse, "server error of its own"},
	} {
		t.Run(fmt.Sprint(c.status, c.expect), func(t *testing.T) {
			s := newStage(t, nil, answering(c.status))
			s.point.Expect = c.expect
			o := s.run(t)
			expectOutcome(t, o, c.want, c.word)
			if o.Steps[0].HTTPStatus != c.status || o.Steps[0].Took <= 0 || !strings.Contains(o.Steps[0].Evidence, "certificate until") {
				t.Errorf("step %+v", o.Steps[0])
			}
			if o.RetryAfter != 0 {
				t.Error("a point's wish to wait must not hold back tests of SFMC")
			}
			if c.want != keepwatch.OK && o.Connectivity != keepwatch.ConnectivityProven {
				t.Error("its own answer shows that it was reached")
			}
			if s.prober.reach.known() == keepwatch.ConnectivityProven {
				t.Error("an answer from inside the walls says nothing of the way to SFMC")
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, c := range []struct {
			name string
			set  func(*testing.T, *stage)
			want keepwatch.Outcome
			word string
		}{
			{"shown", func(t *testing.T, s *stage) { s.show(t, s.mint, time.Hour) }, keepwatch.OK, ""},
			{"shown in one file", func(t *testing.T, s *stage) {
				s.show(t, s.mint, time.Hour)
				s.refs["env:CERT"] += s.refs["env:KEY"]
				s.point.ClientKey = ""
			}, keepwatch.OK, ""},
			{"not shown", func(*testing.T, *stage) {}, keepwatch.TLSFailure, "refused"},
			{"of a stranger", func(t *testing.T, s *stage) { s.show(t, newMint(t), time.Hour) }, keepwatch.TLSFailure, "refused"},
			{"ended", func(t *testing.T, s *stage) { s.show(t, s.mint, -time.Hour) }, keepwatch.CertificateExpired, "client certificate"},
			{"without its reference", func(t *testing.T, s *stage) { s.point.ClientCert = "env:GONE" }, keepwatch.MonitorFault, "cannot be read"},
			{"with another's key", func(t *testing.T, s *stage) {
				s.show(t, s.mint, time.Hour)
				_, _, s.refs["env:KEY"] = s.give(t, "x", time.Hour)
			}, keepwatch.MonitorFault, "cannot be read"},
			{"not PEM", func(t *testing.T, s *stage) {
				s.show(t, s.mint, time.Hour)
				s.refs["env:CERT"] = "swordfish"
			}, keepwatch.MonitorFault, "cannot be read"},
			{"roots not PEM", func(t *testing.T, s *stage) { s.refs["env:ROOTS"] = "swordfish" }, keepwatch.MonitorFault, "cannot be read"},
		} {
			t.Run(tls.VersionName(version)+" "+c.name, func(t *testing.T) {
				s := newStage(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: version}, answering(200))
				c.set(t, s)
				expectOutcome(t, s.run(t), c.want, c.word)
				if c.want != keepwatch.OK && s.asked.Load() != 0 {
					t.Error("the request went through all the same")
				}
			})
		}
	}
}

// show gives the point a client certificate.
func (s *stage) show(t *testing.T, by *mint, life time.Duration) {
	t.Helper()
	_, s.refs["env:CERT"], s.refs["env:KEY"] = by.give(t, "keepwatch", life)
	s.point.ClientCert, s.point.ClientKey = "env:CERT", "env:KEY"
}

func TestTheWayToAnIntegrationPoint(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*testing.T, *stage)
		want keepwatch.Outcome
		word string
	}{
		{"roots of nobody", func(t *testing.T, s *stage) { s.refs["env:ROOTS"] = newMint(t).pem() }, keepwatch.TLSFailure, "not trusted"},
		{"system's roots", func(_ *testing.T, s *stage) { s.point.Roots = "" }, keepwatch.TLSFailure, "not trusted"},
		{"another name", func(_ *testing.T, s *stage) {
			s.point.URL = strings.Replace(s.point.URL, "127.0.0.1", "localhost", 1)
		}, keepwatch.TLSFailure, "not trusted"},
		{"no such name", func(_ *testing.T, s *stage) {
			s.point.URL = "https://mule.invalid/health?key=swordfish"
			s.prober = s.newProber(egress.Policy{Network: deaf{}})
		}, keepwatch.DNSFailure, "does not resolve"},
		{"nobody listens", func(t *testing.T, s *stage) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
			s.point.URL = "https://" + l.Addr().String() + "/?key=swordfish"
		}, keepwatch.ConnectFailure, "No connection"},
		{"not https", func(_ *testing.T, s *stage) { s.point.URL = "http://127.0.0.1/?key=swordfish" }, keepwatch.MonitorFault, "address"},
		{"not an address", func(_ *testing.T, s *stage) { s.point.URL = "https://[swordfish" }, keepwatch.MonitorFault, "address"},
		{"a name and password in it", func(_ *testing.T, s *stage) { s.point.URL = "https://a:swordfish@127.0.0.1/" }, keepwatch.MonitorFault, "address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, nil, answering(200))
			c.set(t, s)
			expectOutcome(t, s.run(t), c.want, c.word)
		})
	}
}

// deaf is a network without a name server.
type deaf struct{ egress.System }

func (deaf) Dial(_ context.Context, network, addr string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}}
}

func TestCertificateOfAnIntegrationPointHasEnded(t *testing.T) {
	s := newStage(t, nil, answering(200))
	pair, _, _ := s.give(t, "middleware.example.com", -time.Hour)
	late := newStage(t, &tls.Config{Certificates: []tls.Certificate{pair}}, answering(200))
	late.refs["env:ROOTS"] = s.pem()
	expectOutcome(t, late.run(t), keepwatch.CertificateExpired, "has ended")
}

func TestAnAnswerThatIsNotWhole(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    keepwatch.Outcome
		word    string
	}{
		"reset": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, keepwatch.ConnectionReset, "broke"},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}, keepwatch.ConnectionReset, "broke"},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 swordfish ESMTP\r\n")
			_ = conn.Close()
		}, keepwatch.UnexpectedResponse, "not HTTP"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for block := make([]byte, 64<<10); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, keepwatch.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			expectOutcome(t, newStage(t, nil, c.handler).run(t), c.want, c.word)
		})
	}
}

// TestAnIntegrationPointThatHangs waits in virtual time.
func TestAnIntegrationPointThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{mint: newMint(t), refs: map[string]string{}, point: keepwatch.IntegrationPoint{Name: "mule", URL: "https://mule.example.com/"}}
		s.prober = s.newProber(egress.Policy{Network: silent{}})
		began := time.Now()
		expectOutcome(t, s.run(t), keepwatch.Timeout, "did not answer")
		if took := time.Since(began); took > pointTimeout {
			t.Errorf("waited %v", took)
		}
	})
}

// silent takes every connection and says nothing.
type silent struct{ egress.System }

func (silent) Dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, there) }()
	return here, nil
}

func TestOneAnswerServesAllCredentials(t *testing.T) {
	s := newStage(t, nil, answering(200))
	for range 5 {
		if o := s.run(t); !o.Steps[0].Shared || o.Outcome != keepwatch.OK {
			t.Fatalf("%+v", o.Steps)
		}
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times within a minute", n)
	}
	s.point.Expect = []int{204} // a corrected definition is asked at once
	if o := s.run(t); o.Outcome != keepwatch.UnexpectedResponse || s.asked.Load() != 2 {
		t.Errorf("%s after %d requests", o.Outcome, s.asked.Load())
	}
}

func TestStepsOfACredentialWithBoth(t *testing.T) {
	s := newStage(t, nil, answering(200))
	b := setUp(t, func(o *Options) {
		o.IntegrationPoint = func(string) (keepwatch.IntegrationPoint, bool) { return s.point, true }
		o.Secrets = secretsFunc(func(_ context.Context, ref string) (keepwatch.Secret, error) {
			if text, ok := s.refs[ref]; ok {
				return keepwatch.NewSecret([]byte(text)), nil
			}
			return keepwatch.NewSecret([]byte("hunter22")), nil
		})
	})
	b.cred.Tests = []string{"https:mule", "identity"}
	last := func() (keepwatch.Observation, keepwatch.Step) {
		o := b.prober.Run(t.Context(), b.cred, b.tenant, slot)
		return o, o.Steps[len(o.Steps)-1]
	}
	if o, step := last(); o.Outcome != keepwatch.OK || step.Name != "https:mule" || b.stub.count("/v2/token") != 1 {
		t.Errorf("%s, %+v", o.Outcome, step)
	}
	b.stub.set("/v2/token", 401, refused)
	if o, step := last(); o.Outcome != keepwatch.BadSecretOrPackage || step.Outcome != keepwatch.Skipped {
		t.Errorf("%s, %+v", o.Outcome, step)
	}
	b.stub.set("/v2/token", 200, goodToken)
	s.point.URL = "http://no"
	if o, step := last(); o.Outcome != keepwatch.MonitorFault || o.Step != "https:mule" || step.Outcome != keepwatch.MonitorFault {
		t.Errorf("%s at %s, %+v", o.Outcome, o.Step, step)
	}
}

func TestKindsThatCannotBeProven(t *testing.T) {
	b := setUp(t)
	for _, c := range []struct {
		kind  keepwatch.Kind
		tests []string
	}{
		{keepwatch.RefreshToken, nil},
		{keepwatch.RefreshToken, []string{"identity"}},
		{keepwatch.WebApp, []string{"rest:/messaging/v1/email/definitions"}},
		{keepwatch.Certificate, []string{"soap:DataFolder", "https:mule"}},
		{keepwatch.Certificate, []string{"https:mule"}}, // nobody knows mule
		{keepwatch.ServerToServer, []string{"https:"}},
	} {
		b.cred.Kind, b.cred.Tests = c.kind, c.tests
		if o := b.prober.Run(t.Context(), b.cred, b.tenant, slot); o.Outcome != keepwatch.MonitorFault || o.Hint == "" {
			t.Errorf("%s %v: %s", c.kind, c.tests, o.Outcome)
		}
	}
	if len(b.stub.calls) != 0 {
		t.Errorf("SFMC was asked: %v", b.stub.calls)
	}
}

func TestARunThatIsStopped(t *testing.T) {
	s := newStage(t, nil, answering(200))
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("stopping"))
	if o := s.prober.Run(ctx, pushKey, keepwatch.Tenant{}, slot); o.Outcome != keepwatch.MonitorFault {
		t.Errorf("%s: what was stopped is nobody's failure", o.Outcome)
	}
}

// TestThroughAProxy asks the point where this machine's own way is a proxy.
func TestThroughAProxy(t *testing.T) {
	s := newStage(t, nil, answering(200))
	var tunnels atomic.Int32
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
	s.prober = s.newProber(egress.Policy{Proxy: http.ProxyURL(via)})
	expectOutcome(t, s.run(t), keepwatch.OK, "")
	if tunnels.Load() != 1 {
		t.Errorf("%d tunnels", tunnels.Load())
	}
}
