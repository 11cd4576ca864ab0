package watchdog

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// outside is a dead-man service.
type outside struct {
	mu    sync.Mutex
	calls []string
	say   func(n int, w http.ResponseWriter, r *http.Request)
}

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	o.mu.Lock()
	o.calls = append(o.calls, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
	n := len(o.calls)
	o.mu.Unlock()
	if o.say != nil {
		o.say(n, w, r)
	}
}

func call(t *testing.T, o *outside, a Address, timeout time.Duration, trouble string) error {
	t.Helper()
	server := httptest.NewServer(o)
	defer server.Close()
	for _, u := range []*string{&a.URL, &a.FailURL} {
		if *u != "" {
			*u = server.URL + *u
		}
	}
	_, err := told(t.Context(), notify.Deps{Client: server.Client()}.Confined(), a, timeout, trouble)
	return err
}

func TestEachKindOfAddressIsToldInItsWords(t *testing.T) {
	for _, tc := range []struct {
		name    string
		address Address
		trouble string
		want    string
	}{
		{"a beat", Address{URL: "/ping/uuid"}, "", "GET /ping/uuid"},
		{"trouble", Address{URL: "/ping/uuid"}, "stuck: fold", "POST /ping/uuid/fail stuck: fold"},
		{"trouble at an address with a query", Address{URL: "/ping/uuid?rid=1"}, "x", "POST /ping/uuid/fail?rid=1 x"},
		{"a push", Address{Kind: UptimeKuma, URL: "/api/push/t?status=up&msg=OK&ping="}, "", "GET /api/push/t?msg=OK&status=up"},
		{"a push of trouble", Address{Kind: UptimeKuma, URL: "/api/push/t?status=up&msg=OK&ping="}, "a & b", "GET /api/push/t?msg=a+%26+b&status=down"},
		{"a plain beat", Address{Kind: Plain, URL: "/p?state=ok", FailURL: "/p?state=fail"}, "", "GET /p?state=ok"},
		{"plain trouble", Address{Kind: Plain, URL: "/p?state=ok", FailURL: "/p?state=fail"}, "x", "POST /p?state=fail x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &outside{}
			if err := call(t, o, tc.address, time.Second, tc.trouble); err != nil {
				t.Fatal(err)
			}
			if len(o.calls) != 1 || o.calls[0] != tc.want {
				t.Errorf("it was called %q, want %q", o.calls, tc.want)
			}
		})
	}
	o := &outside{}
	_ = call(t, o, Address{URL: "/p"}, time.Second, strings.Repeat("é", 5000))
	if n := len(o.calls[0]); n > maxText+40 {
		t.Errorf("trouble of %d bytes was sent", n)
	}
}

func TestWhatAnAddressMayAnswer(t *testing.T) {
	status := func(code int) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for _, tc := range []struct {
		name  string
		say   func(int, http.ResponseWriter, *http.Request)
		err   string
		calls int
	}{
		{"a refusal is not tried again", status(404), "the receiver answered 404 Not Found", 1},
		{"a fault is, three times", status(500), "500", tries},
		{"a fault that passes", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.WriteHeader(502)
			}
		}, "", 2},
		{"a redirect is not followed", func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "redirects are not followed", 1},
		{"an address that is not known, said with 200", func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK (not found)") }, "(not found)", 1},
		{"an answer without end", func(_ int, w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, "", 1},
		{"no answer", func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer", tries},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &outside{say: tc.say}
			err := call(t, o, Address{URL: "/secret-token"}, 200*time.Millisecond, "")
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the address: %v", err)
			}
			if len(o.calls) != tc.calls {
				t.Errorf("%d calls, want %d", len(o.calls), tc.calls)
			}
		})
	}
}

// A canary is a beat once, in the order of its slots; one that took too long is trouble,
// and so is one that stays away.
func TestCanariesAreBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		deps := notify.Deps{Client: &http.Client{Transport: within{o}}}
		unheard := 0
		w := New(Options{
			Deps: deps, Troubles: func(context.Context, time.Time) []string { return nil }, Observe: func(string, string, time.Time) {},
			Unheard: func(_ context.Context, _ string, since time.Time, _ string) {
				if !since.IsZero() {
					unheard++
				}
			},
		})
		w.Use(Config{Addresses: []Address{{Name: "a", URL: "http://a/p"}, {Name: "b", Kind: Plain, URL: "http://b/p"}}})
		w.Expect()
		ctx, end := context.WithCancel(t.Context())
		go w.Run(ctx)
		defer end()
		check := keepwatch.CanaryCheck("local")
		begun := time.Now()
		w.Beat(ctx, keepwatch.Canary{Check: check, Slot: begun})
		w.Beat(ctx, keepwatch.Canary{Check: check, Slot: begun}) // a repeat is none
		if len(o.calls) != 2 {
			t.Errorf("one canary: %q", o.calls)
		}
		if s := w.Status(); s.Addresses[0].LastBeatAt.IsZero() || len(s.Troubles) > 0 {
			t.Errorf("status %+v", s)
		}
		time.Sleep(5 * time.Minute) // none comes
		synctest.Wait()             // a look of this very moment has told the addresses
		if _, late := w.Late(time.Now()); !late || len(o.calls) < 3 || !strings.HasPrefix(o.calls[2], "POST http://a/p/fail no proof of itself came through for") {
			t.Errorf("late %v, calls %q", late, o.calls)
		}
		o.calls = nil
		w.Beat(ctx, keepwatch.Canary{Check: check, Slot: begun.Add(time.Second)})
		if len(o.calls) != 1 || !strings.Contains(o.calls[0], "the proof took 4m59s") {
			t.Errorf("an old canary: %q", o.calls)
		}
		if unheard > 0 {
			t.Errorf("%d calls were not taken", unheard)
		}
	})
}

// within answers without a network.
type within struct{ h http.Handler }

func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w.h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

func TestPulses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPulses()
		p.Watch("quick", time.Minute, 0)
		p.Watch("long", time.Hour, 30*time.Minute)
		quick, long := p.Turn("quick"), p.Turn("long")
		time.Sleep(4 * time.Minute)
		if got := p.Stuck(time.Now(), 3*time.Minute); len(got) != 1 || got[0] != "quick" {
			t.Errorf("stuck %v", got)
		}
		quick()
		time.Sleep(27 * time.Minute)
		if got := p.Stuck(time.Now(), 3*time.Minute); len(got) != 2 {
			t.Errorf("one that goes on and one that stays away: %v", got)
		}
		long()
		p.Turn("quick")()
		if got := p.Stuck(time.Now(), 3*time.Minute); len(got) != 0 {
			t.Errorf("stuck %v", got)
		}
	})
}
