// Package notifytest is what the tests of the channels share: messages as package
// notify words them, and what every channel has to stand.
package notifytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Stories are the messages that every channel has a golden payload of.
var Stories = []string{"firing", "acked", "reminder", "resolved", "platform", "hostile", "test", "storm", "group", "ended", "digest"}

// Secrets is a store of secrets in memory.
type Secrets map[string]string

// Resolve reads a secret.
func (s Secrets) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	v, ok := s[ref]
	if !ok {
		return keepwatch.Secret{}, fmt.Errorf("%s is not set", ref)
	}
	return keepwatch.NewSecret([]byte(v)), nil
}

// Deps are surroundings with these secrets and the system's network.
func Deps(s Secrets) notify.Deps {
	return notify.Deps{Client: &http.Client{Timeout: 5 * time.Second}, Secrets: s}
}

// Told reads a message as package notify words it; its goldens are our input.
func Told(t testing.TB, name string) notify.Message {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var m notify.Message
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Letter is a message that belongs to no incident.
func Letter() notify.Message {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	m := notify.Message{
		Key: "letter-1:ops", Receiver: "ops", Status: notify.Firing, Kind: keepwatch.Posted, Reason: "letter", GroupKey: "g", Fingerprint: "f",
		Title: "What ends soon: crm", Lines: []notify.Line{{Name: "To", Text: "#crm-ops"}}, Body: []string{"Two end within 30 days:", "crm-sync, 2026-12-01", "", "Please plan."},
		Severity: keepwatch.SeverityInfo, StartsAt: at, At: at, Now: at, URL: "https://keepwatch.example.com/expiring", Button: "Open the list",
		Labels: map[string]string{}, Annotations: map[string]string{},
	}
	for _, name := range notify.LabelNames {
		m.Labels[name] = ""
	}
	m.Labels["alertname"], m.Labels["owner"] = "KeepwatchLetter", "crm"
	for _, name := range notify.AnnotationNames {
		m.Annotations[name] = ""
	}
	m.Annotations["summary"], m.Annotations["description"] = m.Title, m.Text()
	return m
}

// Huge is a message with more of everything than any channel takes.
func Huge(t testing.TB) notify.Message {
	t.Helper()
	m := Told(t, "hostile")
	m.Title = strings.Repeat("<&>\"\\é漢😀", 4000)
	for i := range m.Lines {
		m.Lines[i].Text = strings.Repeat("<&>\"\\é漢😀\n", 2000)
	}
	for range 500 {
		m.Body = append(m.Body, strings.Repeat("é\"", 500), "")
	}
	for name := range m.Labels {
		m.Labels[name] = strings.Repeat("l\"é", 1000)
	}
	for name := range m.Annotations {
		m.Annotations[name] = strings.Repeat("a\"é", 20000)
	}
	m.RunbookURL = "https://example.com/" + strings.Repeat("x", 5000)
	return m
}

// Golden compares what a channel sends with what somebody has looked at.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".json") {
		var b bytes.Buffer
		if err := json.Indent(&b, got, "", "  "); err != nil {
			t.Fatalf("%s is no JSON: %v\n%s", name, err, got)
		}
		got = append(b.Bytes(), '\n')
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it and run with -update:\n%s", name, got)
	}
}

// Request is what a fake was asked.
type Request struct {
	Method, Path, Query string
	Header              http.Header
	Body                []byte
}

// Fake answers as handler does and keeps what it was asked.
func Fake(t testing.TB, handler http.HandlerFunc) (address string, asked *[]Request) {
	t.Helper()
	asked = new([]Request)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		*asked = append(*asked, Request{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, body})
		handler(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

// Classes asks the whole table of answers: nothing in it is decided by accident,
// what a receiver asks to wait is obeyed, and no redirect is followed.
func Classes(t *testing.T, sender func(address string) notify.Sender) {
	t.Helper()
	for _, code := range []int{400, 401, 403, 404, 410, 413, 422, 301, 302, 307, 308, 408, 425, 429, 500, 502, 503, 504} {
		for _, after := range []string{"", "17"} {
			redirected := false
			address, _ := Fake(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					redirected = true
					return
				}
				w.Header().Set("Location", "/elsewhere")
				if after != "" {
					w.Header().Set("Retry-After", after)
				}
				w.WriteHeader(code)
			})
			want := notify.ClassPermanent
			if code >= 500 || code == 408 || code == 425 || code == 429 {
				want = notify.ClassRetryable
				if after != "" {
					want = notify.ClassRateLimited
				}
			}
			_, err := sender(address).Send(t.Context(), Told(t, "firing"))
			class, wait := notify.ClassOf(err)
			if err == nil || class != want || want == notify.ClassRateLimited && wait != 17*time.Second {
				t.Errorf("%d with Retry-After %q: %s after %s (%v), want %s", code, after, class, wait, err, want)
			}
			if redirected {
				t.Errorf("%d: the redirect was followed", code)
			}
		}
	}
}

// LeaksNothing lets the channel meet receivers that misbehave: each attempt ends
// with an error that shows none of the secrets, on its surface and below it.
func LeaksNothing(t *testing.T, sender func(address string) notify.Sender, secrets ...string) {
	t.Helper()
	said := strings.Join(secrets, " ")
	echo, _ := Fake(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, r.URL, said, r.Header)
	})
	quoting, _ := Fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": said, "message": said, "errors": []string{said}, "error": said, "ok": false})
	})
	garbage, _ := Fake(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "no HTTP %s %s\r\n\r\n", r.URL, said)
		_ = conn.Close()
	})
	hangs, _ := Fake(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, address := range map[string]string{
		"a body that echoes": echo, "an error that quotes": quoting, "garbage": garbage, "no answer": hangs, "nobody listens": closed.URL,
		"no such name": "http://receiver.invalid", "not a URL": "ht!tp://%zz", "no host": "https://", "another scheme": "file:///etc/passwd",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			receipt, err := sender(address).Send(ctx, Told(t, "firing"))
			if err == nil {
				t.Fatal("no error")
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, secret := range secrets {
					if shown := fmt.Sprintf("%v %+v %#v %s", e, e, e, receipt); strings.Contains(shown, secret) {
						t.Errorf("leaks: %s", shown)
					}
				}
			}
		})
	}
}

// Faulty lists, for each config, the beginning of its first problem, "" for none.
// None of them shows what should have been a reference.
func Faulty(t *testing.T, secret string, configs map[string]notify.Config, want map[string]string) {
	t.Helper()
	for name, c := range configs {
		err := c.Validate()
		begin, known := want[name]
		if !known {
			t.Errorf("%s: nothing is expected of it", name)
		}
		if (err == nil) != (begin == "") || err != nil && !strings.HasPrefix(err.Error(), begin) {
			t.Errorf("%s: %v, want %q", name, err, begin)
		}
		if secret != "" && strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s shows a secret: %v", name, err)
		}
	}
}
