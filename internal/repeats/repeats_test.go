package repeats_test

import (
	"fmt"
	"testing"
	"time"

	"keepwatch/internal/repeats"
)

var start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestAKeyCountsOnceWithinTheWindow(t *testing.T) {
	r := repeats.New(10*time.Minute, 100)
	if !r.First("a", start) {
		t.Error("a new key is a repeat")
	}
	for _, step := range []struct {
		at   time.Duration
		want bool
	}{{time.Second, false}, {9 * time.Minute, false}, {10 * time.Minute, false}, {time.Hour, true}} {
		if got := r.First("a", start.Add(step.at)); got != step.want {
			t.Errorf("at %s: first %v, want %v", step.at, got, step.want)
		}
	}
	for range 2 {
		if !r.First("", start) {
			t.Error("no key is a repeat")
		}
	}
}

func TestTheMemoryIsBounded(t *testing.T) {
	r := repeats.New(time.Hour, 100)
	for i := range 100_000 {
		r.First(fmt.Sprint(i), start)
	}
	if n := r.Len(); n > 200 || n < 100 {
		t.Errorf("%d keys are remembered", n)
	}
	if r.First("99999", start) || r.First("99900", start) {
		t.Error("a key of the newest hundred counts again")
	}
}

func TestWhatWasNotTakenMayComeAgain(t *testing.T) {
	r := repeats.New(time.Hour, 100)
	r.First("a", start)
	r.Forget("a")
	if !r.First("a", start) {
		t.Error("it is still remembered")
	}
}
