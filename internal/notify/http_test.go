package notify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The whole table of statuses: nothing in it is decided by accident.
func TestHTTPStatus(t *testing.T) {
	for code := 200; code < 600; code++ {
		err := HTTPStatus(code, nil, t0)
		if code < 300 {
			if err != nil {
				t.Errorf("%d: %v", code, err)
			}
			continue
		}
		want := ClassPermanent
		if code >= 500 || code == 408 || code == 425 || code == 429 {
			want = ClassRetryable
		}
		if class, _ := ClassOf(err); class != want {
			t.Errorf("%d is %s, want %s", code, class, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30":                  30 * time.Second,
		" 7 ":                 7 * time.Second,
		"0":                   time.Second,
		"-5":                  time.Second,
		"9223372036854775807": maxRetryAfter,
		t0.Add(2 * time.Minute).Format(http.TimeFormat): 2 * time.Minute,
		t0.Add(-time.Hour).Format(http.TimeFormat):      time.Second,
	} {
		class, after := ClassOf(HTTPStatus(429, http.Header{"Retry-After": {text}}, t0))
		if class != ClassRateLimited || after != want {
			t.Errorf("%q: %s after %s, want %s", text, class, after, want)
		}
	}
	for _, text := range []string{"", "soon", "1.5", "99999999999999999999999"} {
		if class, _ := ClassOf(HTTPStatus(503, http.Header{"Retry-After": {text}}, t0)); class != ClassRetryable {
			t.Errorf("%q: %s", text, class)
		}
	}
	if class, _ := ClassOf(HTTPStatus(400, http.Header{"Retry-After": {"5"}}, t0)); class != ClassPermanent {
		t.Error("a refusal for good does not become a limit by a header")
	}
}

func TestHTTPFailureHidesTheAddress(t *testing.T) {
	inner := &url.Error{Op: "Post", URL: "https://hooks.example.com/T0P-S3CRET", Err: errors.New("malformed HTTP response \"T0P-S3CRET\"")}
	err := HTTPFailure(fmt.Errorf("failed to post: %w", inner))
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "S3CRET") {
		t.Errorf("shows the address: %v", err)
	}
	if class, _ := ClassOf(err); class != ClassRetryable {
		t.Errorf("class %s", class)
	}
}

func TestClassOfUnclassified(t *testing.T) {
	if class, _ := ClassOf(errors.New("x")); class != ClassRetryable {
		t.Error("what nobody classified has to be tried again")
	}
	base := errors.New("base")
	for _, err := range []error{Permanent(base), Retryable(base), RateLimited(base, time.Minute)} {
		if !errors.Is(err, base) {
			t.Errorf("%v hides its cause", err)
		}
	}
}

func TestProblems(t *testing.T) {
	var ps Problems
	if ps.Err() != nil {
		t.Error("no problem is an error")
	}
	ps.Add("url", "is missing", "an address")
	ps.Add("to", "is empty", "")
	if got := ps.Err().Error(); got != "url: is missing; allowed: an address\nto: is empty" {
		t.Errorf("%q", got)
	}
	for ref, want := range map[string]bool{"env:NAME": true, "file:/run/secret": true, "sealed:abc": true, "https://x": false, "plain": false, "env:": false, "": false} {
		if IsReference(ref) != want {
			t.Errorf("IsReference(%q) = %v", ref, !want)
		}
	}
}
