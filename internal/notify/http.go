package notify

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keepwatch/internal/egress"
)

// HTTPStatus turns the answer of a receiver into an error, nil for 2xx. Redirects
// are refused and permanent: following one would hand the message, and a secret
// in its address, to a host that nobody configured. The body is not shown; it may
// repeat the address or the key.
func HTTPStatus(code int, header http.Header, now time.Time) error {
	if code >= 200 && code < 300 {
		return nil
	}
	err := fmt.Errorf("the receiver answered %d %s", code, http.StatusText(code))
	switch {
	case code >= 300 && code < 400:
		return Permanent(fmt.Errorf("%w; redirects are not followed", err))
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if after, ok := retryAfter(header.Get("Retry-After"), now); ok {
			return RateLimited(err, after)
		}
		return Retryable(err)
	}
	return Permanent(err)
}

// retryAfter reads both forms of the header.
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		// Clamped before it is multiplied: a huge number must not overflow.
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// HTTPFailure is an exchange that had no answer. Of the error only what our own
// side knows is kept: *url.Error carries the whole address, which is often the
// secret, and a protocol error repeats bytes that the server chose.
func HTTPFailure(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	outcome := egress.Diagnose(err)
	text := fmt.Sprintf("no answer from the receiver: %s: %s", outcome, outcome.Info().Meaning)
	var op *net.OpError
	if errors.As(err, &op) {
		text += " (" + op.Error() + ")"
	}
	return Retryable(errors.New(text))
}

// NoRedirects is the client with redirects off, whatever policy it came with.
func NoRedirects(client *http.Client) *http.Client {
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// ParseURL checks an address that may be a secret: the error does not repeat it.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, Permanent(errors.New("the address is not an http or https URL"))
	}
	return u, nil
}
