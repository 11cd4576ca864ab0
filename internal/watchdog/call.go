package watchdog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keepwatch/internal/notify"
)

const (
	// maxText bounds what an address is told of trouble. Addresses of kind uptime_kuma
	// take it in the query, which is shorter.
	maxText, maxQueryText = 1000, 200
	// maxAnswer bounds what is read of an answer: a word or two is expected.
	maxAnswer = 4 << 10
	// tries is how often one beat is tried. More are not worth it: the next beat comes.
	tries = 3
)

// answer is what an address said.
type answer struct {
	date time.Time // by its clock; zero where it does not tell
}

// told is one call, tried again within the context where that may help. The error shows
// no part of the address.
func told(ctx context.Context, deps notify.Deps, a Address, timeout time.Duration, trouble string) (answer, error) {
	var got answer
	var err error
	for n := range tries {
		if got, err = once(ctx, deps, a, timeout, trouble); err == nil {
			return got, nil
		}
		if class, _ := notify.ClassOf(err); class != notify.ClassRetryable || !pause(ctx, time.Duration(n+1)*timeout/20) {
			break
		}
	}
	return got, err
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func once(ctx context.Context, deps notify.Deps, a Address, timeout time.Duration, trouble string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := request(ctx, deps, a, trouble)
	if err != nil {
		return answer{}, err
	}
	res, err := deps.Client.Do(req)
	if err != nil {
		return answer{}, notify.HTTPFailure(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err := notify.HTTPStatus(res.StatusCode, res.Header, time.Now()); err != nil {
		return answer{}, err
	}
	got := answer{}
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		got.date = date
	}
	return got, refusal(a, body)
}

// refusal finds the answers that say no with status 200: Healthchecks does so for an
// address that it does not know, and for too many beats, where it is addressed by a UUID.
func refusal(a Address, body []byte) error {
	if a.Kind != "" && a.Kind != Healthchecks {
		return nil
	}
	for _, no := range []string{"(not found)", "(rate limited)"} {
		if bytes.Contains(body, []byte(no)) {
			return notify.Permanent(errors.New("the address answers " + no))
		}
	}
	return nil
}

// request words a call: a beat, or trouble.
func request(ctx context.Context, deps notify.Deps, a Address, trouble string) (*http.Request, error) {
	setting := a.URL
	if trouble != "" && a.Kind == Plain {
		setting = a.FailURL
	}
	text, err := deps.Address(ctx, setting)
	if err != nil {
		return nil, err
	}
	u, err := notify.ParseURL(text)
	if err != nil {
		return nil, err
	}
	method, body := http.MethodGet, ""
	switch {
	case a.Kind == UptimeKuma:
		setStatus(u, trouble)
	case trouble != "":
		method, body = http.MethodPost, cut(trouble, maxText)
		if a.Kind != Plain {
			u = u.JoinPath("fail")
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, notify.HTTPFailure(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	req.Header.Set("User-Agent", "Keepwatch")
	return req, nil
}

// setStatus words a push of Uptime Kuma, in the place of what its page suggests.
func setStatus(u *url.URL, trouble string) {
	q := u.Query()
	q.Del("ping")
	if trouble == "" {
		q.Set("status", "up")
		q.Set("msg", "OK")
	} else {
		q.Set("status", "down")
		q.Set("msg", cut(trouble, maxQueryText))
	}
	u.RawQuery = q.Encode()
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
