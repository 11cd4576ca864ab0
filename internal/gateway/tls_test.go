package gateway

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
)

// shelf holds secrets by reference.
type shelf struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (s *shelf) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.all[ref]; ok {
		return keepwatch.NewSecret(b), nil
	}
	return keepwatch.Secret{}, keepwatch.ErrUnavailable
}

func (s *shelf) put(ref string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[ref] = b
}

// issuer makes certificates.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{}
	i.cert, i.key = i.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "issuer"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return i
}

func (i *issuer) make(t testing.TB, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.n++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(i.n), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, sign := i.cert, i.key
	if parent == nil {
		parent, sign = c, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, sign)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return leaf, key
}

func (i *issuer) pair(t testing.TB, c *x509.Certificate) (cert, key []byte) {
	t.Helper()
	leaf, private := i.make(t, c)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func (i *issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i *issuer) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(i.cert)
	return p
}

// Over TLS, HTTP/2 and HTTP/1.1, with holders known by their certificates, and under
// names of hosts.
func TestOverTLS(t *testing.T) {
	_, address := mustSim(t, spec())
	ca := newIssuer(t)
	names := []string{"auth.gw.example.com", "rest.gw.example.com", "soap.gw.example.com"}
	cert, key := ca.pair(t, &x509.Certificate{DNSNames: names})
	secrets := &shelf{all: map[string][]byte{"cert": cert, "key": key, "ca": ca.pem()}}
	setup := estate(address)
	setup.Listeners = []Listener{{
		Name: "tls", Listen: "127.0.0.1:0", TLS: &TLS{Certificate: "cert", Key: "key", ClientCA: "ca"},
		Hosts: []HostName{{names[0], "emea", "auth"}, {names[1], "emea", "rest"}, {names[2], "emea", "soap"}},
	}}
	seen := newCalls()
	_, base := mustStart(t, setup, Options{Witness: seen, Secrets: secrets})
	mine, mineKey := ca.pair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "shop backend"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pair, err := tls.X509KeyPair(mine, mineKey)
	if err != nil {
		t.Fatal(err)
	}
	port := base[strings.LastIndexByte(base, ':'):]
	for n, version := range []int{2, 1} {
		transport := &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: names[0], Certificates: []tls.Certificate{pair}}, ForceAttemptHTTP2: version == 2,
		}
		defer transport.CloseIdleConnections()
		body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":"4xq0client","client_secret":%q}`, secretText)
		req, _ := http.NewRequest("POST", base+"/v2/token", strings.NewReader(body))
		req.Host = names[0] + port
		req.Header.Set("Content-Type", "application/json")
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(res.Body)
		res.Body.Close()
		want := `"rest_instance_url":"https://rest.gw.example.com` + port + `/"`
		if res.StatusCode != 200 || res.ProtoMajor != version || !bytes.Contains(got, []byte(want)) {
			t.Errorf("HTTP/%d: %d %s", res.ProtoMajor, res.StatusCode, got)
		}
		if call := seen.wait(t, n+1)[n]; call.Holder != "Shop backend" || call.Outcome != keepwatch.OK || call.Credential != "crm-sync" {
			t.Errorf("%+v", call)
		}
		underscore, _ := http.NewRequest("GET", base+"/emea/rest/x", nil)
		underscore.Header["X_a"] = []string{"1"}
		if res, err := transport.RoundTrip(underscore); err != nil || res.StatusCode != 400 || res.Header.Get(OwnHeader) != string(refuseUnderscore) {
			t.Errorf("HTTP/%d: %v %v", version, res, err)
		}
	}
	stranger := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: names[0]}}
	defer stranger.CloseIdleConnections()
	if res, err := (&http.Client{Transport: stranger}).Get(base + "/emea/rest/x"); err == nil {
		t.Errorf("without a certificate: %v", res)
	}
}

// A renewed certificate is shown without a reload; a broken one is not.
func TestCertificateIsReadAgain(t *testing.T) {
	ca := newIssuer(t)
	cert, key := ca.pair(t, &x509.Certificate{DNSNames: []string{"gw.example.com"}, Subject: pkix.Name{CommonName: "first"}})
	secrets := &shelf{all: map[string][]byte{"cert": cert, "key": key}}
	k, err := newKeyring(t.Context(), TLS{Certificate: "cert", Key: "key"}, secrets, discard())
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		config, err := k.forHello(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return config.Certificates[0].Leaf.Subject.CommonName
	}
	cert, key = ca.pair(t, &x509.Certificate{Subject: pkix.Name{CommonName: "second"}})
	secrets.put("cert", cert)
	if got := shown(); got != "first" {
		t.Error("it is read at each handshake")
	}
	k.looked = time.Time{}
	if got := shown(); got != "first" || k.bad == nil {
		t.Error("a certificate without its key is in use:", got)
	}
	secrets.put("key", key)
	k.looked = time.Time{}
	if got := shown(); got != "second" || k.bad != nil {
		t.Error("the renewed certificate is not in use:", got, k.bad)
	}
	if _, err := newKeyring(t.Context(), TLS{Certificate: "cert", Key: "cert"}, secrets, discard()); err == nil || keepwatch.HintOf(err) == "" {
		t.Error(err)
	}
}

// Who a request is from: a trusted peer's header counts, a stranger's does not, and
// neither is passed on.
func TestHolderHeader(t *testing.T) {
	var passed http.Header
	address := handlerAt(t, func(_ http.ResponseWriter, r *http.Request) { passed = r.Header })
	for _, trusted := range []bool{true, false} {
		setup := estate(address)
		setup.HolderHeader, setup.Listeners = "X-Holder", []Listener{{Name: "a", Listen: "127.0.0.1:0", Holder: "whoever comes here"}}
		setup.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		want := "whoever comes here"
		if trusted {
			setup.Trusted, want = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, "Shop backend"
		}
		seen := newCalls()
		_, base := mustStart(t, setup, Options{Witness: seen})
		req, _ := http.NewRequest("GET", base+"/emea/rest/hub/x", nil)
		req.Header.Set("X-Holder", "shop-backend")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := seen.wait(t, 1)[0].Holder; got != want || passed.Get("X-Holder") != "" {
			t.Errorf("trusted %v: %q, %v", trusted, got, passed)
		}
	}
}
