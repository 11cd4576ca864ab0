package sim

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepwatch/internal/sfmc/sim/world"
)

var curlLine = regexp.MustCompile(`(?s)curl -X (\w+) http://127\.0\.0\.1:8485/control/(\S+) -d '([^']*)'`)

// Every request that the documentation shows is taken, in the order in which it shows them.
func TestDocumentedRequests(t *testing.T) {
	for _, file := range []string{"simulator.md", "simulator-world.md"} {
		text, err := os.ReadFile("../../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		s := New(Options{})
		requests := curlLine.FindAllStringSubmatch(string(text), -1)
		if len(requests) < 3 {
			t.Fatalf("%s shows %d requests", file, len(requests))
		}
		since := time.Now().AddDate(0, 0, -7).UTC().Format(time.RFC3339)
		for _, r := range requests {
			body := strings.ReplaceAll(r[3], "SINCE", since)
			if status, v, err := s.command(r[1], strings.Split(r[2], "/"), []byte(body)); err != nil {
				t.Errorf("%s: %s %s: %d %v %v", file, r[1], r[2], status, v, err)
			}
		}
		if file == "simulator-world.md" {
			if got := len(s.Truth().Of("journey/bought").Lots); got < 1000 {
				t.Errorf("the documented world has brought %d lots", got)
			}
		}
	}
}

// The documentation names every fault, every setting and every living route.
func TestDocumentationIsWhole(t *testing.T) {
	var text strings.Builder
	for _, file := range []string{"simulator.md", "simulator-world.md"} {
		b, err := os.ReadFile("../../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	for _, name := range FaultNames() {
		if !strings.Contains(text.String(), "`"+name+"`") {
			t.Errorf("fault %s is not documented", name)
		}
	}
	settings := jsonAnswer(200, Settings{RoutesOff: RoutesOff{"x": 404}, StatsEvery: 1, HistoryLag: 1, ImportLag: 1, DetailBurst: 1, AsyncDeadlocks: 1, UnverifiedDomain: "x", AuditDelay: 1, IPBlockedStatus: 1, LockAfter: 1, Latency: 1})
	var keys map[string]any
	if err := unmarshal(settings.body, &keys); err != nil {
		t.Fatal(err)
	}
	for key := range keys {
		if !strings.Contains(text.String(), "`"+key+"`") {
			t.Errorf("setting %s is not documented", key)
		}
	}
	for _, f := range liveFamilies {
		last := f.route[strings.LastIndex(strings.TrimSuffix(f.route, "/*"), "/")+1:]
		if last = strings.TrimSuffix(last, "/*"); !strings.Contains(text.String(), strings.Trim(last, "*")) {
			t.Errorf("route %s is not documented", f.route)
		}
	}
}

// The story of the documentation, word by word.
func TestDocumentedStory(t *testing.T) {
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	s := New(Options{
		Now:     func() time.Time { return now },
		Clients: []ClientSpec{{ClientID: "shop-package", Secret: "open", MID: 510000123, EID: 510000100}},
		World: &world.Spec{
			Callers:  []world.Caller{{Name: "shop", ClientID: "shop-package", ReplayPerMinute: 60}},
			Journeys: []world.Journey{{Key: "welcome", Entry: world.Entry{Caller: "shop", Volume: world.Volume{PerDay: 10_000}}}},
		},
	})
	now = now.Add(10 * time.Hour)
	died := now
	s.Expire("shop-package")
	now = now.Add(4 * time.Hour)
	s.SetSecret("shop-package", "open")
	back := now
	now = now.Add(2 * time.Hour)
	if late := s.Truth().Delayed("journey/welcome", died, back); late < 1667-4*41 || late > 1667+4*41 {
		t.Errorf("%d are late, want about 1,667", late)
	}
}
