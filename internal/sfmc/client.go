package sfmc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

// Client makes the calls. One method is one request (Retrieve: one a page).
type Client struct {
	http    *http.Client
	buffers sync.Pool
}

// New takes the client of an egress policy: it must not follow redirects.
func New(h *http.Client) *Client {
	return &Client{http: h, buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
}

// Values of headers that never change, shared by all requests.
var (
	headerJSON  = []string{"application/json"}
	headerXML   = []string{"text/xml; charset=utf-8"}
	headerAgent = []string{"Keepwatch"}
)

// Token asks for a fresh token: one request, as Salesforce documents it.
func (c *Client) Token(ctx context.Context, e Endpoints, t TokenRequest) (Token, Verdict) {
	if v, bad := unusable(t.Secret, t.RefreshToken); bad {
		return Token{}, v
	}
	var token Token
	hide := [][]byte{t.Secret.Reveal(), t.RefreshToken.Reveal()}
	v := c.post(ctx, e.token, t.body(), Reply{On: OnToken, Hide: hide}, func(r Reply) (v Verdict) {
		if token, v = parseToken(r); v.OK() && !t.RefreshToken.Empty() && token.Refresh.Empty() {
			return r.wire("missing_fields", "refresh_token")
		}
		return v
	})
	return token, v
}

// LegacyToken asks for a v1 token, and for the one that SOAP wants.
func (c *Client) LegacyToken(ctx context.Context, e Endpoints, t TokenRequest) (Token, Verdict) {
	if v, bad := unusable(t.Secret); bad {
		return Token{}, v
	}
	var token Token
	v := c.post(ctx, e.legacy, t.legacyBody(), Reply{On: OnLegacy, Hide: [][]byte{t.Secret.Reveal()}}, func(r Reply) (v Verdict) {
		token, v = parseLegacyToken(r)
		return v
	})
	return token, v
}

// Userinfo proves a token on a route that needs no scope.
func (c *Client) Userinfo(ctx context.Context, e Endpoints, access keepwatch.Secret) (Identity, Verdict) {
	return c.identity(ctx, e.userinfo, access)
}

// TokenContext is the same proof on the REST host.
func (c *Client) TokenContext(ctx context.Context, e Endpoints, access keepwatch.Secret) (Identity, Verdict) {
	return c.identity(ctx, e.context, access)
}

func (c *Client) identity(ctx context.Context, u *url.URL, access keepwatch.Secret) (Identity, Verdict) {
	var id Identity
	v := c.get(ctx, u, access, Reply{On: OnIdentity}, func(r Reply) (v Verdict) {
		id, v = parseIdentity(r)
		return v
	})
	return id, v
}

// Get reads a REST route. path begins with a slash and may have a query.
func (c *Client) Get(ctx context.Context, e Endpoints, access keepwatch.Secret, path string, promise []string) Verdict {
	u, err := e.REST.Parse(strings.TrimPrefix(path, "/"))
	if err != nil || u.Host != e.REST.Host || u.Scheme != e.REST.Scheme || u.User != nil {
		return mustCause("rest_bad_request_status").verdict(0, "the path is not one of this host")
	}
	return c.get(ctx, u, access, Reply{On: OnREST, Promise: promise}, classifyREST)
}

func (c *Client) get(ctx context.Context, u *url.URL, access keepwatch.Secret, r Reply, good func(Reply) Verdict) Verdict {
	r.Hide = [][]byte{access.Reveal()}
	request := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{
		"Accept": headerJSON, "User-Agent": headerAgent, "Authorization": {"Bearer " + string(access.Reveal())},
	}}
	return c.do(ctx, RESTTimeout, request, r, good)
}

func (c *Client) post(ctx context.Context, u *url.URL, body []byte, r Reply, good func(Reply) Verdict) Verdict {
	request := &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Header: http.Header{
		"Accept": headerJSON, "User-Agent": headerAgent, "Content-Type": headerJSON,
	}}
	setBody(request, body)
	return c.do(ctx, TokenTimeout, request, r, good)
}

// setBody gives GetBody too: the transport then may use another connection when
// a pooled one turned out closed before a byte was written. That is not a retry,
// nothing was sent.
func setBody(r *http.Request, body []byte) {
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// do makes one request and names what came of it. The buffer goes back cleared:
// answers hold tokens.
func (c *Client) do(ctx context.Context, limit time.Duration, request *http.Request, r Reply, good func(Reply) Verdict) Verdict {
	callCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.Hide = append(slices.Clip(r.Hide), hiddenBy(ctx)...)
	response, err := c.http.Do(request.WithContext(callCtx))
	if err != nil {
		return broken(ctx, err, r, 0)
	}
	defer func() { _ = response.Body.Close() }()
	buffer, _ := c.buffers.Get().(*bytes.Buffer)
	defer c.release(buffer)
	r.Status, r.ContentType = response.StatusCode, response.Header.Get("Content-Type")
	r.RetryAfter, r.Location = response.Header.Get("Retry-After"), response.Header.Get("Location")
	// The limit stands behind the decompression that the transport does.
	n, err := buffer.ReadFrom(io.LimitReader(response.Body, r.limit()+1))
	if n <= r.limit() && err != nil {
		return broken(ctx, err, r, response.StatusCode)
	}
	r.Body, r.TooLarge, r.Now = buffer.Bytes(), n > r.limit(), time.Now()
	if r.TooLarge || r.Status < 200 || r.Status > 299 {
		return Classify(r)
	}
	return good(r)
}

// release clears the buffer and keeps it, unless an odd answer made it large.
func (c *Client) release(b *bytes.Buffer) {
	clear(b.Bytes()[:b.Len()])
	if b.Cap() > 64<<10 {
		return
	}
	b.Reset()
	c.buffers.Put(b)
}

// broken names a request that got no whole answer. status is 0 when not even its
// head came.
func broken(ctx context.Context, err error, r Reply, status int) Verdict {
	if ctx.Err() != nil {
		return mustCause("monitor_fault").verdict(0, "the run was stopped from outside")
	}
	early := status == 0
	err = egress.Redact(err)
	switch o := egress.Diagnose(err); o {
	case keepwatch.Timeout:
		return mustCause(either(early, "hang", "drip")).verdict(status, "")
	case keepwatch.ConnectionReset:
		return mustCause(either(early, "reset", "truncated")).verdict(status, evidence(short(err), r.Hide))
	case keepwatch.DNSFailure, keepwatch.ConnectFailure, keepwatch.TLSFailure, keepwatch.CertificateExpired:
		return mustCause(string(o)).verdict(status, evidence(short(err), r.Hide))
	}
	// The text of these errors quotes what the server sent.
	if strings.Contains(err.Error(), "response headers exceeded") {
		return mustCause("huge").verdict(status, "the head of the answer is too large")
	}
	return mustCause("malformed_body").verdict(status, "the answer is not HTTP")
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// short drops the wrapping that repeats addresses of both ends.
func short(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// Broken names an error of resolving, connecting or the TLS handshake.
func Broken(ctx context.Context, err error) Verdict {
	return broken(ctx, err, Reply{}, 0)
}

// unusable refuses to send a secret that cannot be what SFMC gave out: a request
// with it would be refused, and the refusal blamed on the credential.
func unusable(secrets ...keepwatch.Secret) (Verdict, bool) {
	for _, s := range secrets {
		for _, c := range s.Reveal() {
			if c < ' ' || c > '~' {
				v := mustCause("monitor_fault").verdict(0, "the secret holds characters that no client secret has")
				v.Hint = "Look at what the secret's reference points to: a line break or a byte-order mark at an end, or a binary file."
				return v, true
			}
		}
	}
	return Verdict{}, false
}
