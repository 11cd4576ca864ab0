package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

func sender(t *testing.T, cfg Config, s notifytest.Secrets) *Sender {
	t.Helper()
	out, err := New(cfg, Deps{Client: &http.Client{Timeout: 5 * time.Second}, Secrets: s})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPayloadGolden(t *testing.T) {
	for _, name := range []string{"firing", "resolved", "hostile", "platform", "acts", "storm", "group", "ended", "digest"} {
		m := notifytest.Told(t, strings.Replace(name, "acts", "firing", 1))
		if name != "acts" {
			m.Acts = nil // a machine gets links that act only when it is told so
		}
		raw, err := render(m)
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", raw)
	}
}

// The form of CloudEvents, checked against what its specification demands.
func TestCloudEventGolden(t *testing.T) {
	for _, name := range []string{"firing", "resolved", "hostile", "storm", "ended"} {
		m := notifytest.Told(t, name)
		m.Acts = nil
		raw, err := cloudEvent(m)
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".cloudevent.golden.json", raw)
		var e map[string]any
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		for _, must := range []string{"id", "source", "type"} {
			if v, _ := e[must].(string); v == "" {
				t.Errorf("%s: %s is missing", name, must)
			}
		}
		at, err := time.Parse(time.RFC3339, fmt.Sprint(e["time"]))
		if e["specversion"] != "1.0" || e["id"] != string(m.Key) || err != nil || !at.Equal(m.At) {
			t.Errorf("%s: %v %v", name, err, e)
		}
	}
}

func TestFormats(t *testing.T) {
	address, asked := notifytest.Fake(t, func(http.ResponseWriter, *http.Request) {})
	m := notifytest.Told(t, "hostile")
	own := `{"text": "{{.Title}}", "n": 3, "tags": ["{{.Labels.category | upper}}", "{{cut 9 .Labels.credential}}"], "{{.Title}}": "", "none": "{{.Labels.nobody}}"}`
	for _, cfg := range []Config{
		{URL: address, Format: CloudEvents, Secret: "env:KEY", Token: "env:KEY"},
		{URL: address, Format: Template, Template: own, Secret: "env:KEY"},
	} {
		if _, err := sender(t, cfg, notifytest.Secrets{"env:KEY": "k3y-canary"}).Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	first, second := (*asked)[0], (*asked)[1]
	if first.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" || first.Header.Get("Authorization") != "Bearer k3y-canary" {
		t.Errorf("%v", first.Header)
	}
	for _, r := range *asked {
		if got := r.Header.Get(HeaderSignature); got != Sign(keepwatch.NewSecret([]byte("k3y-canary")), m.Now, r.Body) {
			t.Errorf("signature %q", got)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(second.Body, &got); err != nil {
		t.Fatal(err)
	}
	tags := got["tags"].([]any)
	if got["text"] != m.Title || got["n"] != 3.0 || tags[0] != "CREDENTIAL" || tags[1] != "<!channe…" || got["{{.Title}}"] != "" || got["none"] != "" || len(got) != 5 {
		t.Errorf("%s", second.Body)
	}
}

func TestSendIsSigned(t *testing.T) {
	const key = "k3y-canary"
	var header http.Header
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()

	m := notifytest.Told(t, "firing")
	receipt, err := sender(t, Config{URL: srv.URL + "/hook", Secret: "env:HOOK"}, notifytest.Secrets{"env:HOOK": key}).Send(t.Context(), m)
	if err != nil || receipt != "accepted: 202 Accepted" {
		t.Fatalf("%q, %v", receipt, err)
	}
	if header.Get("X-Keepwatch-Delivery") != string(m.Key) || header.Get("Content-Type") != "application/json" {
		t.Errorf("headers: %v", header)
	}
	// Checked the way a receiver would, from the documentation alone.
	stamp := fmt.Sprint(m.Now.Unix())
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(stamp + "." + string(body)))
	if want := "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil)); header.Get("X-Keepwatch-Signature") != want {
		t.Errorf("signature %q, want %q", header.Get("X-Keepwatch-Signature"), want)
	}
	if bytes.Contains(body, []byte(key)) {
		t.Error("the key is in the body")
	}

	if _, err := sender(t, Config{URL: srv.URL}, nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if _, signed := header["X-Keepwatch-Signature"]; signed {
		t.Error("signed without a key")
	}
}

func TestStatuses(t *testing.T) {
	for code, want := range map[int]notify.Class{
		400: notify.ClassPermanent, 401: notify.ClassPermanent, 403: notify.ClassPermanent, 404: notify.ClassPermanent, 410: notify.ClassPermanent, 413: notify.ClassPermanent,
		301: notify.ClassPermanent, 302: notify.ClassPermanent, 307: notify.ClassPermanent, 308: notify.ClassPermanent,
		408: notify.ClassRetryable, 425: notify.ClassRetryable, 429: notify.ClassRateLimited,
		500: notify.ClassRateLimited, 502: notify.ClassRateLimited, 503: notify.ClassRateLimited, 504: notify.ClassRateLimited,
	} {
		redirected := false
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				redirected = true
				return
			}
			w.Header().Set("Location", "/elsewhere")
			if code == 429 || code >= 500 {
				w.Header().Set("Retry-After", "17")
			}
			w.WriteHeader(code)
		}))
		_, err := sender(t, Config{URL: srv.URL}, nil).Send(t.Context(), notifytest.Told(t, "firing"))
		srv.Close()
		class, after := notify.ClassOf(err)
		if err == nil || class != want || (want == notify.ClassRateLimited && after != 17*time.Second) {
			t.Errorf("%d: %s after %s (%v), want %s", code, class, after, err, want)
		}
		if redirected {
			t.Errorf("%d: the redirect was followed", code)
		}
	}
}

// A receiver that misbehaves ends the attempt and shows nothing of the address.
func TestLeaksNothing(t *testing.T) {
	const token, key = "t0ken-canary", "k3y-canary"
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, r.URL, key)
	}))
	defer echo.Close()
	garbage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(conn, "no HTTP %s %s\r\n\r\n", r.URL, key)
		_ = conn.Close()
	}))
	defer garbage.Close()
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client is gone
		<-r.Context().Done()
	}))
	defer hangs.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()

	for name, url := range map[string]string{
		"a body that echoes": echo.URL, "garbage": garbage.URL, "no answer": hangs.URL, "nobody listens": closed.URL,
		"no such name": "http://receiver.invalid", "not a URL": "ht!tp://%zz", "no host": "https://", "another scheme": "file:///etc/passwd",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			s := sender(t, Config{URL: "env:URL", Secret: "env:KEY"}, notifytest.Secrets{"env:URL": url + "/" + token + "?x=" + token, "env:KEY": key})
			receipt, err := s.Send(ctx, notifytest.Told(t, "firing"))
			if err == nil {
				t.Fatal("no error")
			}
			for _, shown := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err), string(receipt)} {
				if strings.Contains(shown, token) || strings.Contains(shown, key) {
					t.Errorf("leaks: %s", shown)
				}
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), token) {
					t.Errorf("leaks below the surface: %v", e)
				}
			}
		})
	}
}

func TestMissingSecretIsTriedAgain(t *testing.T) {
	for _, cfg := range []Config{{URL: "env:GONE"}, {URL: "http://127.0.0.1:1", Secret: "env:GONE"}} {
		_, err := sender(t, cfg, notifytest.Secrets{}).Send(t.Context(), notifytest.Told(t, "firing"))
		if class, _ := notify.ClassOf(err); err == nil || class != notify.ClassRetryable || !strings.Contains(err.Error(), "env:GONE") {
			t.Errorf("%v is %s", err, class)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"good":                {Config{URL: "https://example.com/hook", Secret: "env:KEY"}, ""},
		"good, by reference":  {Config{URL: "file:/run/url"}, ""},
		"no url":              {Config{}, "url: is missing; allowed: an http or https URL"},
		"no web address":      {Config{URL: "ftp://x"}, "url: is not a web address"},
		"a name in it":        {Config{URL: "https://me:pw@example.com"}, "url: holds a name or a password"},
		"a token in the raw":  {Config{URL: "https://example.com", Token: "hunter2"}, "token: is not a reference"},
		"an unknown format":   {Config{URL: "https://example.com", Format: "xml"}, "format: is unknown"},
		"a lost template":     {Config{URL: "https://example.com", Template: "{}"}, "template: is not used by this format"},
		"no template":         {Config{URL: "https://example.com", Format: Template}, "template: the template is not JSON"},
		"a wrong field":       {Config{URL: "https://example.com", Format: Template, Template: `{"a": "{{.Nope}}"}`}, "template: the template cannot be filled in"},
		"a secret in the raw": {Config{URL: "https://example.com", Secret: "hunter2"}, "secret: is not a reference; allowed: a reference like env:NAME"},
	} {
		err := tt.cfg.Validate()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var ps notify.Problems
		if !errors.As(err, &ps) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") || strings.Contains(fmt.Sprint(err), "pw@") {
			t.Errorf("%s: shows the secret: %v", name, err)
		}
		if _, err := New(tt.cfg, Deps{Client: http.DefaultClient}); err == nil {
			t.Errorf("%s: New takes it", name)
		}
	}
	if got := (Config{URL: "env:U", Secret: "env:S"}).References(); got["url"] != "env:U" || got["secret"] != "env:S" {
		t.Errorf("references: %v", got)
	}
}
