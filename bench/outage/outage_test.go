package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"keepwatch"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if os.Getenv(envStore) != "" {
		fmt.Fprintln(os.Stderr, "child:", child(context.Background()))
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// The outage of six minutes in seconds: nothing is lost, and each repeat has its crash
// and its key.
func TestOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for seconds")
	}
	p := play{down: 2 * time.Second, up: 1500 * time.Millisecond, life: 400 * time.Millisecond, every: 25 * time.Millisecond, lease: time.Second, count: 100_000, args: []string{"-test.run=^$"}}
	r, err := p.run(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	if err := r.broken(); err != nil {
		t.Error(err)
	}
	if r.crashes < 5 || r.incidents < 10 {
		t.Errorf("%d crashes and %d incidents are too few to show anything", r.crashes, r.incidents)
	}
}

// The judge can say no: to a row that never came, to one that nobody told, and to
// repeats without a crash between, or more than one for a crash.
func TestJudgeNoticesALie(t *testing.T) {
	begin := time.Now()
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	row := keepwatch.Delivery{ID: "d1", Receiver: "hook", Status: keepwatch.DeliverySent, SentAt: at(2)}
	came := map[string]map[string]bool{"hook": {"d1": true}}
	later := keepwatch.Delivery{ID: "d0", Receiver: "hook", Status: keepwatch.DeliveryCollapsed, LastError: "said by d1"}
	lies := map[string]struct {
		d    keepwatch.Delivery
		want bool
	}{
		"it came":           {row, true},
		"another one came":  {keepwatch.Delivery{ID: "d2", Receiver: "hook", Status: keepwatch.DeliverySent}, false},
		"it still waits":    {keepwatch.Delivery{ID: "d1", Receiver: "hook", Status: keepwatch.DeliveryPending}, false},
		"a later one told":  {later, true},
		"of another place":  {keepwatch.Delivery{ID: "d0", Receiver: "mail", Status: keepwatch.DeliveryCollapsed, LastError: "said by d1"}, false},
		"nobody had to say": {keepwatch.Delivery{ID: "d0", Receiver: "hook", Status: keepwatch.DeliveryCollapsed, LastError: "for fun"}, false},
	}
	for name, tc := range lies {
		if got := new(result).told(tc.d, []keepwatch.Delivery{row, later}, came, begin); got != tc.want {
			t.Errorf("%s: told %v", name, got)
		}
	}
	for _, tc := range []struct {
		lives []string // that sent one message
		wrong int
	}{{[]string{"1", "2"}, 0}, {[]string{"1", "1"}, 1}, {[]string{"1", "2", "2"}, 1}, {[]string{"1", "2", "3"}, 0}, {[]string{"1", "2", "1"}, 0}} {
		r := &result{repeats: map[string]int{}}
		var list []arrival
		for _, life := range tc.lives {
			list = append(list, arrival{"k", life})
		}
		if r.countRepeats("hook", list); len(r.wrong) != tc.wrong {
			t.Errorf("sent by %v: wrong %v", tc.lives, r.wrong)
		}
	}
	r := &result{repeats: map[string]int{}}
	if r.countRepeats("hook", []arrival{{"a", "1"}, {"b", "1"}, {"a", "2"}, {"b", "2"}}); len(r.wrong) != 1 {
		t.Errorf("two repeats of one death: wrong %v", r.wrong)
	}
}
