package jsm

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const key = "k3y-canary-0123"

func sender(t testing.TB, address string) *Sender {
	t.Helper()
	s, err := New(Config{APIKey: "env:JSM", URL: "env:URL", Team: "CRM ops", Tags: []string{"sfmc"}}, notifytest.Deps(notifytest.Secrets{"env:JSM": key, "env:URL": address}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadGolden(t *testing.T) {
	s := sender(t, "https://example.com")
	stories := map[string]notify.Message{"letter": notifytest.Letter()}
	for _, name := range notifytest.Stories {
		stories[name] = notifytest.Told(t, name)
	}
	for name, m := range stories {
		type sent struct {
			Path string
			Body any
		}
		var all []sent
		for _, c := range s.calls(m) {
			all = append(all, sent{"/v2/alerts" + c.path, c.body})
		}
		body, err := notify.JSON(all)
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", body)
	}
}

// service behaves as the documentation of the integration events says: it refuses
// what breaks its limits with 422, answers 202, and finds alerts by alias.
type service struct {
	alerts map[string]string // alias → open, acked, closed
	counts map[string]int
	notes  []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(code int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"result": text, "took": 0.1, "requestId": "43a29c5c-3dbf-4fa4-9c26-f4f71023e120"})
	}
	if r.Header.Get("Authorization") != "GenieKey "+key {
		answer(http.StatusUnauthorized, "Could not authenticate")
		return
	}
	if r.URL.Path == "/v2/alerts" {
		s.create(r, answer)
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v2/alerts/"), "/")
	var d deed
	err := json.NewDecoder(r.Body).Decode(&d)
	if len(parts) != 2 || r.URL.Query().Get("identifierType") != "alias" || err != nil || utf8.RuneCountInString(d.Note) > 25000 {
		answer(http.StatusUnprocessableEntity, "Request body is not processable")
		return
	}
	alias, err := url.PathUnescape(parts[0])
	if err != nil {
		answer(http.StatusNotFound, "no such route")
		return
	}
	switch have := s.alerts[alias]; parts[1] {
	case "acknowledge":
		if have == "open" {
			s.alerts[alias] = "acked"
		}
	case "close":
		if have != "" {
			s.alerts[alias] = "closed"
		}
	case "notes":
		s.notes = append(s.notes, d.Note)
	default:
		answer(http.StatusNotFound, "no such route")
		return
	}
	answer(http.StatusAccepted, "Request will be processed")
}

func (s *service) create(r *http.Request, answer func(int, string)) {
	var a alert
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	size := 0
	err := d.Decode(&a)
	for k, v := range a.Details {
		size += len(k) + len(v)
	}
	if err != nil || a.Message == "" || utf8.RuneCountInString(a.Message) > 130 || len(a.Alias) > 512 || utf8.RuneCountInString(a.Description) > 15000 ||
		size > 8000 || len(a.Tags) > 20 || utf8.RuneCountInString(a.Entity) > 512 || !slices.Contains([]string{"P1", "P2", "P3", "P4", "P5"}, a.Priority) {
		answer(http.StatusUnprocessableEntity, "Request body is not processable")
		return
	}
	if have := s.alerts[a.Alias]; have == "" || have == "closed" {
		s.alerts[a.Alias] = "open"
	}
	s.counts[a.Alias]++
	answer(http.StatusAccepted, "Request will be processed")
}

// An incident is one alert from begin to end, also when every message comes twice.
func TestOneAlertFromBeginToEnd(t *testing.T) {
	desk := &service{alerts: map[string]string{}, counts: map[string]int{}}
	address, _ := notifytest.Fake(t, desk.ServeHTTP)
	s := sender(t, address)
	const id = "7k2mq4c5vd3xhn6a"
	for _, step := range []struct{ story, want string }{{"firing", "open"}, {"acked", "acked"}, {"reminder", "acked"}, {"resolved", "closed"}} {
		for range 2 {
			receipt, err := s.Send(t.Context(), notifytest.Told(t, step.story))
			if err != nil || receipt != "accepted by Jira Service Management: request 43a29c5c-3dbf-4fa4-9c26-f4f71023e120" {
				t.Fatalf("%s: %q, %v", step.story, receipt, err)
			}
		}
		if desk.alerts[id] != step.want {
			t.Errorf("after %s it is %q, want %q", step.story, desk.alerts[id], step.want)
		}
	}
	changed := notifytest.Told(t, "firing")
	changed.Kind, changed.Incident = "changed", "a/b c?d"
	for _, m := range []notify.Message{changed, notifytest.Told(t, "test"), notifytest.Told(t, "hostile"), notifytest.Letter(), notifytest.Huge(t)} {
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%.40s: %v", m.Title, err)
		}
	}
	if desk.alerts["a/b c?d"] != "open" || len(desk.notes) != 1 || !strings.Contains(desk.notes[0], "Why: ") {
		t.Errorf("alerts %v, notes %q", desk.alerts, desk.notes)
	}
	if test := string(notifytest.Told(t, "test").Key); desk.alerts[test] != "closed" {
		t.Errorf("a test is left %s", desk.alerts[test])
	}
}

func TestClasses(t *testing.T) {
	notifytest.Classes(t, func(address string) notify.Sender { return sender(t, address) })
}

func TestLeaksNothing(t *testing.T) {
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, address+"/"+"p4th-canary") }, key, "p4th-canary")
}

func TestValidate(t *testing.T) {
	notifytest.Faulty(t, key, map[string]notify.Config{
		"good": Config{APIKey: "file:/run/jsm"}, "none": Config{}, "literal": Config{APIKey: key}, "no address": Config{APIKey: "env:J", URL: "jsm"},
		"tags": Config{APIKey: "env:J", Tags: make([]string, 18)},
	}, map[string]string{
		"good": "", "none": "api_key: is missing", "literal": "api_key: is not a reference", "no address": "url: is not a web address", "tags": "tags: has too many",
	})
}
