package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"keepwatch"
)

const handshakeLimit = 10 * time.Second

// errSeen ends a handshake once the certificates are there.
var errSeen = errors.New("the certificates were seen")

// readEndpoint takes the certificates that a TLS server shows. Nothing is sent to
// it after the handshake.
func (r *Reader) readEndpoint(ctx context.Context, s keepwatch.CertificateSource) ([]Found, error) {
	host, port, err := net.SplitHostPort(s.Endpoint)
	if err != nil || host == "" || port == "" {
		return nil, keepwatch.WithHint(fmt.Errorf("the endpoint is not host:port: %w", keepwatch.ErrInvalid), "write it like cloud.example.com:443")
	}
	name := s.ServerName
	if name == "" {
		name = host
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	shown, err := r.shown(ctx, s.Endpoint, name)
	if len(shown) == 0 {
		if err == nil {
			err = errors.New("tls: the endpoint showed no certificate")
		}
		return nil, fmt.Errorf("the certificate of %s cannot be seen: %w", s.Endpoint, err)
	}
	b := bundle{basis: "shown by " + s.Endpoint, leaves: []int{0}}
	for _, c := range shown {
		b.take(c.Raw, "")
	}
	j := judgement{host: name, now: time.Now(), shown: true, roots: r.egress.TLS().RootCAs}
	found := b.judge(j)
	if trusted(found[0]) {
		r.lookAtCAA(ctx, &found[0], shown[0], name)
	}
	return found, nil
}

// trusted reports whether a public authority stands behind the certificate, so
// that CAA records bind who issues the next one.
func trusted(f Found) bool {
	return !slices.ContainsFunc(f.Problems, func(p Problem) bool {
		return p.Name == SelfSigned || p.Name == Untrusted || p.Name == ChainIncomplete
	})
}

// shown makes the handshake. Trust is judged afterwards, so that a certificate
// that nobody trusts is seen all the same; a server that then insists on a client
// certificate has shown its own by that time.
func (r *Reader) shown(ctx context.Context, addr, name string) (shown []*x509.Certificate, err error) {
	config := r.egress.TLS()
	config.ServerName = name
	config.InsecureSkipVerify = true // nothing is sent over the connection; judge looks at the trust
	proxied := r.egress.Proxied(&url.URL{Scheme: "https", Host: addr})
	config.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error { //nolint:gosec // no session is ever kept to be resumed
		for _, der := range raw {
			if c, err := x509.ParseCertificate(der); err == nil {
				shown = append(shown, c)
			}
		}
		if proxied {
			return errSeen
		}
		return nil
	}
	if proxied {
		err = r.tunnel(ctx, addr, config)
		return shown, err
	}
	conn, err := r.egress.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	client := tls.Client(conn, config)
	err = client.HandshakeContext(ctx)
	_ = conn.Close()
	return shown, err
}

// tunnel lets HTTP open the way through the proxy. The handshake is ended as soon
// as the certificates are there, so that no request is ever sent.
func (r *Reader) tunnel(ctx context.Context, addr string, config *tls.Config) error {
	client := r.egress.WithTLS(config)
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+addr+"/", nil)
	if err != nil {
		return err
	}
	response, err := client.HTTP().Do(request)
	if err == nil {
		return response.Body.Close()
	}
	return err
}
