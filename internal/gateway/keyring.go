package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"keepwatch"
)

// Secrets reads what a reference names: secrets.Resolver.
type Secrets interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// keyEvery is how often a listener looks whether its certificate is another one.
const keyEvery = 10 * time.Second

// keyring shows the certificate that a listener's references name now, so that a
// renewed one is in use without a reload. What cannot be read leaves the old one.
type keyring struct {
	TLS
	secrets Secrets
	log     *slog.Logger

	mu     sync.Mutex
	looked time.Time
	sum    [sha256.Size]byte
	config *tls.Config
	ends   time.Time
	bad    error // of the newest look
}

// newKeyring reads the certificate once, so that a wrong one is an error of the start.
func newKeyring(ctx context.Context, t TLS, s Secrets, log *slog.Logger) (*keyring, error) {
	k := &keyring{TLS: t, secrets: s, log: log}
	config, sum, ends, err := k.read(ctx)
	if err != nil {
		return nil, err
	}
	k.config, k.sum, k.ends, k.looked = config, sum, ends, time.Now()
	return k, nil
}

func (k *keyring) read(ctx context.Context) (*tls.Config, [sha256.Size]byte, time.Time, error) {
	var parts [3][]byte
	for i, ref := range []string{k.Certificate, k.Key, k.ClientCA} {
		if ref == "" {
			continue
		}
		secret, err := k.secrets.Resolve(ctx, ref)
		if err != nil {
			return nil, [sha256.Size]byte{}, time.Time{}, fmt.Errorf("tls: %w", err)
		}
		parts[i] = secret.Reveal()
	}
	sum := sha256.Sum256(bytes.Join(parts[:], []byte{0}))
	pair, err := tls.X509KeyPair(parts[0], parts[1])
	if err != nil {
		return nil, sum, time.Time{}, keepwatch.WithHint(errors.New("tls: certificate and key are no pair in PEM"), "the certificate comes first in its file, then its chain; the key belongs to it")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	if k.ClientCA != "" {
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !config.ClientCAs.AppendCertsFromPEM(parts[2]) {
			return nil, sum, time.Time{}, keepwatch.WithHint(errors.New("tls: client_ca has no certificate in PEM"), "write the certificates of those who issue the holders' ones")
		}
	}
	return config, sum, pair.Leaf.NotAfter, nil
}

// forHello is tls.Config's GetConfigForClient.
func (k *keyring) forHello(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < keyEvery {
		return k.config, nil
	}
	k.looked = time.Now()
	config, sum, ends, err := k.read(hello.Context())
	switch {
	case err != nil:
		if k.bad == nil {
			k.log.Error("the certificate of the gateway cannot be read again; the old one stays", "error", err)
		}
	case sum != k.sum:
		k.config, k.sum, k.ends = config, sum, ends
		k.log.Info("the gateway shows another certificate", "until", ends)
	}
	k.bad = err
	return k.config, nil
}

// end is when the certificate in use ends.
func (k *keyring) end() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ends
}
