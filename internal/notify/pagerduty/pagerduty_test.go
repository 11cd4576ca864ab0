package pagerduty

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const key = "k3y-canary-0123456789abcdef01234"

func sender(t testing.TB, address string) notify.Sender {
	t.Helper()
	s, err := New(Config{RoutingKey: "env:PD", URL: address}, notifytest.Deps(notifytest.Secrets{"env:PD": key}))
	if err != nil {
		return refused{err}
	}
	return s
}

func TestPayloadGolden(t *testing.T) {
	for _, name := range notifytest.Stories {
		body, err := notify.JSON(event(notifytest.Told(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", body)
	}
	body, err := notify.JSON(event(notifytest.Letter()))
	if err != nil {
		t.Fatal(err)
	}
	notifytest.Golden(t, "letter.golden.json", body)
}

// service behaves as the documentation of the Events API v2 says: it checks an
// event, keeps one alert a key, and answers 202 or 400 with the reasons.
type service struct {
	alerts map[string]string // key → triggered, acknowledged, resolved
	log    []string
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$`)

func (s *service) faults(e map[string]any) (out []string) {
	text := func(of map[string]any, name string, limit int, must bool) string {
		v, there := of[name]
		str, ok := v.(string)
		switch {
		case !there && must, there && !ok, must && str == "":
			out = append(out, fmt.Sprintf("'%s' is missing or blank", name))
		case len([]rune(str)) > limit:
			out = append(out, fmt.Sprintf("'%s' is too long", name))
		}
		return str
	}
	if text(e, "routing_key", 32, true) != key {
		out = append(out, "invalid key")
	}
	action := text(e, "event_action", 20, true)
	if !slices.Contains([]string{trigger, acknowledge, resolve}, action) {
		out = append(out, "'event_action' is incorrect")
	}
	text(e, "dedup_key", 255, action != trigger)
	if action == trigger {
		p, _ := e["payload"].(map[string]any)
		text(p, "summary", 1024, true)
		text(p, "source", 1024, true)
		if !slices.Contains([]string{"critical", "error", "warning", "info"}, text(p, "severity", 20, true)) {
			out = append(out, "'severity' is incorrect")
		}
		if at, there := p["timestamp"].(string); there && !rfc3339.MatchString(at) {
			out = append(out, "'timestamp' is incorrect")
		}
		if links, there := e["links"].([]any); there {
			for _, l := range links {
				if href, _ := l.(map[string]any)["href"].(string); !strings.HasPrefix(href, "https://") {
					out = append(out, "'href' is incorrect")
				}
			}
		}
	}
	return out
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e map[string]any
	answer := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	err := json.NewDecoder(r.Body).Decode(&e)
	if r.URL.Path != "/v2/enqueue" || r.Method != http.MethodPost || err != nil || r.ContentLength > 512<<10 {
		answer(http.StatusBadRequest, map[string]any{"status": "invalid event"})
		return
	}
	if faults := s.faults(e); len(faults) > 0 {
		answer(http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": faults})
		return
	}
	id, action := e["dedup_key"].(string), e["event_action"].(string)
	s.log = append(s.log, action+" "+id)
	switch had := s.alerts[id]; {
	case action == trigger && (had == "" || had == "resolved"):
		s.alerts[id] = "triggered"
	case action == acknowledge && had == "triggered":
		s.alerts[id] = "acknowledged"
	case action == resolve && had != "":
		s.alerts[id] = "resolved"
	}
	answer(http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": id})
}

// An incident is one alert from begin to end, also when every message comes twice.
func TestOneAlertFromBeginToEnd(t *testing.T) {
	pager := &service{alerts: map[string]string{}}
	address, _ := notifytest.Fake(t, pager.ServeHTTP)
	s := sender(t, address)
	const id = "7k2mq4c5vd3xhn6a"
	for _, step := range []struct{ story, want string }{{"firing", "triggered"}, {"reminder", "triggered"}, {"acked", "acknowledged"}, {"resolved", "resolved"}} {
		for range 2 {
			receipt, err := s.Send(t.Context(), notifytest.Told(t, step.story))
			if err != nil || !strings.HasSuffix(string(receipt), " "+id) {
				t.Fatalf("%s: %q, %v", step.story, receipt, err)
			}
		}
		if got := pager.alerts[id]; got != step.want {
			t.Errorf("after %s it is %q, want %q", step.story, got, step.want)
		}
	}
	if _, err := s.Send(t.Context(), notifytest.Told(t, "test")); err != nil {
		t.Fatal(err)
	}
	for k, state := range pager.alerts {
		if state != "resolved" {
			t.Errorf("%s is left %s", k, state)
		}
	}
	for _, m := range []notify.Message{notifytest.Told(t, "hostile"), notifytest.Told(t, "platform"), notifytest.Letter(), notifytest.Huge(t)} {
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%.40s: %v", m.Title, err)
		}
	}
}

func TestClasses(t *testing.T) {
	notifytest.Classes(t, func(address string) notify.Sender { return sender(t, address) })
	address, _ := notifytest.Fake(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "hello") })
	if _, err := sender(t, address).Send(t.Context(), notifytest.Told(t, "firing")); err == nil {
		t.Error("200 with something else is taken for success")
	}
}

// refused is a sender whose settings were refused.
type refused struct{ error }

func (r refused) Send(context.Context, notify.Message) (notify.Receipt, error) { return "", r.error }

func TestLeaksNothing(t *testing.T) {
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, address) }, key)
}

func TestValidate(t *testing.T) {
	notifytest.Faulty(t, key, map[string]notify.Config{
		"good": Config{RoutingKey: "env:PD"}, "in the EU": Config{RoutingKey: "env:PD", URL: "https://events.eu.pagerduty.com"},
		"none": Config{}, "literal": Config{RoutingKey: key}, "no address": Config{RoutingKey: "env:PD", URL: "events.pagerduty.com"},
	}, map[string]string{"good": "", "in the EU": "", "none": "routing_key: is missing", "literal": "routing_key: is not a reference", "no address": "url: is not a web address"})
}
