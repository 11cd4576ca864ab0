package world

import (
	"testing"
	"time"

	"keepwatch"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// theatre is a world whose clock and whose one credential a test holds.
type theatre struct {
	t    *testing.T
	w    *World
	now  time.Time
	dead *Reason
	asks int
}

func open(t *testing.T, spec Spec) *theatre {
	t.Helper()
	s := &theatre{t: t, now: monday}
	w, err := New(spec, monday, func(Caller, Need, time.Time) (Reason, bool) {
		s.asks++
		if s.dead != nil {
			return *s.dead, false
		}
		return Reason{}, true
	})
	if err != nil {
		t.Fatal(err)
	}
	s.w = w
	return s
}

func (s *theatre) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.w.Advance(s.now)
}

func (s *theatre) do(d Deed) {
	s.t.Helper()
	if d.By == "" {
		d.By = "jane"
	}
	if err := s.w.Do(d); err != nil {
		s.t.Fatal(err)
	}
}

func (s *theatre) kill() { s.dead = &Reason{Kind: keepwatch.CauseCredential, Detail: "refused"} }

func (s *theatre) truth() Truth { return s.w.Truth() }

func (s *theatre) runs(key string) []Run { return s.truth().Of("automation/" + key).Runs }

func (s *theatre) extension(key string) ExtensionView {
	s.t.Helper()
	e, ok := s.w.Extension(0, key)
	if !ok {
		s.t.Fatalf("no extension %s", key)
	}
	return e
}

func (s *theatre) journey(key string) JourneyView {
	s.t.Helper()
	for _, j := range s.w.Journeys(0) {
		if j.Key == key {
			return j
		}
	}
	s.t.Fatalf("no journey %s", key)
	return JourneyView{}
}

func (s *theatre) automation(key string) AutomationView {
	s.t.Helper()
	for _, a := range s.w.Automations(0) {
		if a.Key == key {
			return a
		}
	}
	s.t.Fatalf("no automation %s", key)
	return AutomationView{}
}

func even(perDay float64) Volume { return Volume{PerDay: perDay, Noise: NoiseNone} }

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// nightly is an import at 06:00 of 1,440 rows a day into Customers, a query of the
// new ones into Fresh, and a journey that they enter.
func nightly(change func(*Activity)) Spec {
	load := Activity{Kind: "import", Target: "Customers", File: File{Volume: even(1440)}}
	if change != nil {
		change(&load)
	}
	return Spec{
		Extensions:  []Extension{{Key: "Customers", Rows: 10_000, Timestamp: "LoadedAt"}, {Key: "Fresh"}},
		Automations: []Automation{{Key: "nightly", Schedule: Schedule{At: "06:00"}, Steps: []Activity{load, {Kind: "query", Source: "Customers", Target: "Fresh", Mode: "overwrite"}}}},
		Journeys: []Journey{{
			Key: "hello", Entry: Entry{Extension: "Fresh", Automation: "nightly"}, Steps: []Step{{Name: "wait", Dwell: Duration(48 * time.Hour)}, {Name: "mail", Kind: "emailv2"}},
		}},
	}
}
