package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

// issued is a certificate of the tests with its key.
type issued struct {
	*x509.Certificate
	key crypto.Signer
}

var serial atomic.Int64

// issue makes a certificate; parent nil signs itself. change sees the template last.
func issue(t testing.TB, name string, parent *issued, change ...func(*x509.Certificate)) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issueWith(t, key, name, parent, change...)
}

func issueWith(t testing.TB, key crypto.Signer, name string, parent *issued, change ...func(*x509.Certificate)) *issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
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
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{c, key}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
}

func forHosts(hosts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = hosts, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
}

func between(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

const host = "cloud.example.com"

// family of three, as a public endpoint shows it.
func line(t testing.TB, change ...func(*x509.Certificate)) (root, middle, leaf *issued) {
	t.Helper()
	root = issue(t, "Test Root", nil, authority)
	middle = issue(t, "Test Intermediate", root, authority)
	return root, middle, issue(t, host, middle, append([]func(*x509.Certificate){forHosts(host)}, change...)...)
}

func pemOf(list ...*issued) []byte {
	var b bytes.Buffer
	for _, c := range list {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.Bytes()
}

// serve shows the chain on loopback, and tells the address.
func serve(t testing.TB, config *tls.Config, chain ...*issued) string {
	t.Helper()
	pair := tls.Certificate{PrivateKey: chain[0].key}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	if config == nil {
		config = &tls.Config{}
	}
	config.Certificates = []tls.Certificate{pair}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if c, ok := conn.(*tls.Conn); ok {
				_ = c.HandshakeContext(t.Context())
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String()
}

// trusting is a reader whose roots are these alone.
func trusting(roots ...*issued) *Reader {
	pool := x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r.Certificate)
	}
	return New(Options{Secrets: passwords{}, Resolver: "off", Egress: egress.New(egress.Policy{TLS: &tls.Config{RootCAs: pool}})})
}

// passwords resolves a reference to its own text.
type passwords struct{}

func (passwords) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	return keepwatch.NewSecret([]byte(ref)), nil
}

func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func problemNames(f Found) (names []string) {
	for _, p := range f.Problems {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func clocksOf(list []Found) (names []string) {
	for _, f := range list {
		names = append(names, f.Clock)
	}
	return names
}

func rsaKey(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// closed is an address where nobody listens.
func closed(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
