package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody caps what the client reads of one answer.
const maxBody = 32 << 20

// Client speaks to one daemon. It is safe for concurrent use.
type Client struct {
	base string
	// token is a func so that no formatting of a Client can show it.
	token func() string
	http  *http.Client
}

// Option changes a new Client.
type Option func(*Client)

// WithHTTPClient replaces the HTTP client. The one given should not follow
// redirects: a token belongs to one host.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// New makes a client for the daemon at base, such as "http://127.0.0.1:8484".
// The token may be empty where the daemon asks for none.
func New(base, token string, options ...Option) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return nil, errors.New("the server's address must be like https://keepwatch.example.com")
	}
	c := &Client{
		base:  strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"),
		token: func() string { return token },
		http: &http.Client{
			// Longer than a check on demand may take.
			Timeout:       3 * time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, o := range options {
		o(c)
	}
	return c, nil
}

// call does one request and reads the answer as a T.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, in any) (T, error) {
	var out T
	err := c.do(ctx, method, path, query, in, &out)
	return out, err
}

// do sends one request and reads its JSON answer into out, unless out is nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	status, body, err := c.exchange(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	return read(status, body, method, path, out)
}

// read turns an answer into out, or into an error.
func read(status int, body []byte, method, path string, out any) error {
	if status < 200 || status > 299 {
		return failure(status, body)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what this client expects: %w", method, path, err)
	}
	return nil
}

// doVersion is do for a change of what somebody read before: version is the one
// that was seen.
func (c *Client) doVersion(ctx context.Context, method, path string, version int, in, out any) error {
	req, err := c.request(ctx, method, path, nil, in)
	if err != nil {
		return err
	}
	req.Header.Set("If-Match", strconv.Quote(strconv.Itoa(version)))
	return c.answer(req, method, path, out)
}

// upload sends bytes as they are.
func (c *Client) upload(ctx context.Context, path string, query url.Values, body io.Reader, out any) error {
	req, err := c.request(ctx, http.MethodPost, path, query, nil)
	if err != nil {
		return err
	}
	req.Body = io.NopCloser(body)
	req.Header.Set("Content-Type", "application/octet-stream")
	return c.answer(req, http.MethodPost, path, out)
}

func (c *Client) answer(req *http.Request, method, path string, out any) error {
	status, body, err := c.send(req, method, path)
	if err != nil {
		return err
	}
	return read(status, body, method, path, out)
}

// exchange sends one request and reads the whole answer.
func (c *Client) exchange(ctx context.Context, method, path string, query url.Values, in any) (int, []byte, error) {
	req, err := c.request(ctx, method, path, query, in)
	if err != nil {
		return 0, nil, err
	}
	return c.send(req, method, path)
}

func (c *Client) send(req *http.Request, method, path string) (int, []byte, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, bare(err))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: the answer broke off: %w", method, path, err)
	}
	if len(body) > maxBody {
		return 0, nil, fmt.Errorf("%s %s: the answer is larger than %d MiB", method, path, maxBody>>20)
	}
	return res.StatusCode, body, nil
}

// health reads an answer that has the same body whether it is good or bad.
func (c *Client) health(ctx context.Context, path string) (Health, error) {
	status, body, err := c.exchange(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return Health{}, err
	}
	var h Health
	if err := json.Unmarshal(body, &h); err != nil || h.Status == "" {
		return Health{}, failure(status, body)
	}
	return h, nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, in any) (*http.Request, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token := c.token(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// bare drops the address that *url.Error repeats: it is in the message already,
// and an address may carry what should not be shown.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// failure reads the error body; a proxy in between may have sent something else.
func failure(status int, body []byte) error {
	var wire ErrorBody
	if err := json.Unmarshal(body, &wire); err != nil || wire.Error.Code == "" {
		return &Error{Status: status, ErrorDetail: ErrorDetail{
			Code: "unexpected_answer", Message: fmt.Sprintf("the server answered %d %s", status, http.StatusText(status)),
			Hint: "check that the address is that of a Keepwatch daemon and not of a proxy before it",
		}}
	}
	return &Error{Status: status, ErrorDetail: wire.Error}
}
