package scan

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"keepwatch/internal/egress"
)

const (
	requestLimit = 10 * time.Second // of one request with its whole body
	maxBody      = 2 << 20          // of a page or a script; the rest is not read
	maxAnswer    = 512 << 10        // of an API host
)

// reply is one answer.
type reply struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte
	cut    bool // there was more than is read
	slow   bool // the body did not end in time; what came is there
	took   time.Duration
}

// get makes one ordinary request, when it is the host's turn. Redirects are answers.
func (r *run) get(ctx context.Context, u *url.URL, limit int64) (reply, error) {
	address := net.JoinHostPort(u.Hostname(), portOf(u))
	if err := r.polite.deadAt(address); err != nil {
		return reply{}, err
	}
	var out reply
	err := r.polite.with(ctx, u.Hostname(), func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, requestLimit)
		defer cancel()
		out, err = r.exchange(ctx, u, limit)
		return err
	})
	var op *net.OpError
	if err != nil && errors.As(err, &op) && op.Op == "dial" {
		r.polite.bury(address, err)
	}
	return out, err
}

func portOf(u *url.URL) string {
	if u.Scheme == "http" {
		return cmp.Or(u.Port(), "80")
	}
	return cmp.Or(u.Port(), httpsPort)
}

func (r *run) exchange(ctx context.Context, u *url.URL, limit int64) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("User-Agent", "Keepwatch scan")
	request.Header.Set("Accept", "text/html,application/json;q=0.9,*/*;q=0.8")
	began := time.Now()
	response, err := r.client.HTTP().Do(request)
	if err != nil {
		return reply{}, egress.Redact(err)
	}
	defer func() { _ = response.Body.Close() }()
	out := reply{url: u, status: response.StatusCode, header: response.Header, took: time.Since(began)}
	out.body, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if int64(len(out.body)) > limit {
		out.body, out.cut = out.body[:limit], true
	}
	if full := r.polite.received(len(out.body)); full != nil {
		return reply{}, full
	}
	if err != nil && len(out.body) > 0 && errors.Is(err, context.DeadlineExceeded) {
		out.slow = true // a body that drips: what is there can be read
		return out, nil
	}
	return out, err
}
