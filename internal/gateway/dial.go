package gateway

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"time"
)

// dial makes a connection: through the proxy of the environment where there is one,
// and with TLS where the address says https.
func (w *wire) dial(ctx context.Context, u *url.URL, key string) (*line, error) {
	via, err := w.egress.Via(u)
	if err != nil {
		return nil, badProxy("the proxy of the environment: %w", err)
	}
	target := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]))
	plain, err := w.connect(ctx, target, via, u.Scheme == "https")
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" {
		return newLine(plain, plain, key, via != nil), nil
	}
	config := w.egress.TLS()
	config.ServerName, config.NextProtos = cmp.Or(config.ServerName, u.Hostname()), []string{"http/1.1"}
	secure := tls.Client(plain, config)
	ctx, cancel := context.WithTimeout(ctx, handshaking)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return newLine(secure, plain, key, false), nil
}

func (w *wire) connect(ctx context.Context, target string, via *url.URL, tunnel bool) (net.Conn, error) {
	if via == nil {
		return w.egress.Dial(ctx, "tcp", target)
	}
	if via.Scheme != "http" {
		return nil, badProxy("a proxy with the scheme %q is not supported here", via.Scheme)
	}
	conn, err := w.egress.Dial(ctx, "tcp", net.JoinHostPort(via.Hostname(), cmp.Or(via.Port(), "80")))
	if err != nil || !tunnel {
		return conn, err
	}
	if err := connectThrough(ctx, conn, target, via.User); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// connectThrough asks a proxy for a tunnel.
func connectThrough(ctx context.Context, conn net.Conn, target string, user *url.Userinfo) error {
	if err := conn.SetDeadline(time.Now().Add(handshaking)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{"User-Agent": {""}}}
	if user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	// A server does not speak first in TLS, so the reader holds nothing of the tunnel.
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return badProxy("the proxy of the environment answers %d", res.StatusCode)
	}
	return conn.SetDeadline(time.Time{})
}
