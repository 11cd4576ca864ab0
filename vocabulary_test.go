package keepwatch_test

import (
	"errors"
	"math"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"keepwatch"
)

func TestParseDuration(t *testing.T) {
	good := map[string]time.Duration{
		"90s": 90 * time.Second, "14d": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, " 2h ": 2 * time.Hour, "0s": 0, "1d0s": 24 * time.Hour,
	}
	for s, want := range good {
		if got, err := keepwatch.ParseDuration(s); err != nil || got != want {
			t.Errorf("%q: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "d", "-1h", "-1d", "1d-1h", "10", "NaNd", "Infd", "99999999d", "1h1d", "x"} {
		if got, err := keepwatch.ParseDuration(s); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("%q was read as %s, %v", s, got, err)
		}
	}
}

func TestFormatDurationIsReadBack(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second, 36 * time.Hour, 14 * 24 * time.Hour, 25*time.Hour + 61*time.Second, 1500 * time.Millisecond} {
		s := keepwatch.FormatDuration(d)
		if got, err := keepwatch.ParseDuration(s); err != nil || got != d {
			t.Errorf("%s is written %q and read %s, %v", d, s, got, err)
		}
	}
}

func TestDigest(t *testing.T) {
	if keepwatch.Digest("ab", "c") == keepwatch.Digest("a", "bc") {
		t.Error("parts run into each other")
	}
	if d := keepwatch.Digest("a"); len(d) != 16 || d != keepwatch.Digest("a") {
		t.Errorf("digest %q", d)
	}
}

// A finding whose kind is not in the list could not be asked for.
func TestEveryKindOfFindingIsListed(t *testing.T) {
	source, err := os.ReadFile("inventory.go")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []keepwatch.FindingKind
	for _, m := range regexp.MustCompile(`FindingKind = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		kinds = append(kinds, keepwatch.FindingKind(m[1]))
	}
	if len(kinds) < 20 || !slices.Equal(kinds, keepwatch.FindingKinds) {
		t.Errorf("declared %v, listed %v", kinds, keepwatch.FindingKinds)
	}
}

func TestIDs(t *testing.T) {
	if keepwatch.SeriesOf("check", "") != "check" || keepwatch.SeriesOf("check", "x") != "check#x" {
		t.Error("series of a check")
	}
	if keepwatch.MID(0).String() != "" || keepwatch.MID(510000123).String() != "510000123" {
		t.Error("MID as text")
	}
	at := time.UnixMilli(1700000000123)
	if keepwatch.SlotKey("c", at) != "c@1700000000123" || keepwatch.DemandKey("c", at) == keepwatch.SlotKey("c", at) {
		t.Error("keys of slots")
	}
	if keepwatch.DeliveryIDOf(keepwatch.NoticeIDOf("i", 2), "ops") != "i.2:ops" {
		t.Error("ids of notices and deliveries")
	}
}

// TestPhaseSpreads: 10,000 checks fall evenly into 64 bins.
func TestPhaseSpreads(t *testing.T) {
	const n, bins = 10_000, 64
	var count [bins]int
	for i := range n {
		id := keepwatch.CheckID("credential-" + keepwatch.MID(1000+i).String())
		count[int(keepwatch.PhaseOf("emea", id))*bins/65536]++
	}
	for i, c := range count {
		if math.Abs(float64(c)-n/bins) > 70 {
			t.Errorf("bin %d holds %d, expected about %d", i, c, n/bins)
		}
	}
	if keepwatch.PhaseOf("a", "x") == keepwatch.PhaseOf("b", "x") {
		t.Error("the tenant does not count")
	}
}

func TestDeadline(t *testing.T) {
	generated := time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC)
	d := keepwatch.SecretDeadline(keepwatch.Day(2026, 9, 28))
	if want := time.Date(2027, 3, 27, 0, 0, 0, 0, time.UTC); !d.At.Equal(want) || d.Source != keepwatch.DateDerived {
		t.Errorf("%+v, want %s", d, want)
	}
	if d.Passed(d.At) || !d.Passed(d.At.Add(time.Second)) {
		t.Error("passed")
	}
	if u := keepwatch.SecretDeadline(keepwatch.Date{}); u.Source != keepwatch.DateUnknown || u.Passed(generated) {
		t.Errorf("an unknown date: %+v", u)
	}
}

func TestStateAt(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ago := func(m int) time.Time { return now.Add(-time.Duration(m) * time.Minute) }
	s := func(state keepwatch.State, proven, seen, next int) keepwatch.Series {
		return keepwatch.Series{State: state, LastProvenAt: ago(proven), LastAt: ago(seen), PlannedGap: 10 * time.Minute, NextProofAt: ago(next)}
	}
	tests := map[string]struct {
		series keepwatch.Series
		want   keepwatch.State
	}{
		"fresh":                               {s("healthy", 5, 5, -5), keepwatch.StateHealthy},
		"at twice the gap":                    {s("healthy", 20, 20, 10), keepwatch.StateHealthy},
		"beyond it":                           {s("healthy", 21, 21, 11), keepwatch.StateUnknown},
		"looked, but proved nothing":          {s("healthy", 21, 1, 11), keepwatch.StateUnknown},
		"the plan is later":                   {s("healthy", 25, 25, 9), keepwatch.StateHealthy},
		"degraded on fresh failures":          {s("degraded", 100, 5, -5), keepwatch.StateDegraded},
		"degraded on old ones":                {s("degraded", 100, 21, 11), keepwatch.StateUnknown},
		"failing ends only by a proof":        {s("failing", 900, 900, 900), keepwatch.StateFailing},
		"expired too":                         {s("expired", 900, 900, 900), keepwatch.StateExpired},
		"never seen":                          {keepwatch.Series{}, keepwatch.StateUnknown},
		"healthy without a proof on its name": {keepwatch.Series{State: keepwatch.StateHealthy, LastAt: now, PlannedGap: time.Hour}, keepwatch.StateUnknown},
	}
	for name, tt := range tests {
		if got := tt.series.StateAt(now); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		last := tt.series.DecaysAt(now)
		if last.IsZero() {
			last = now.AddDate(10, 0, 0)
		} else if after := tt.series.StateAt(last.Add(1)); after == tt.want {
			t.Errorf("%s: still %s after %s", name, after, last)
		}
		if got := tt.series.StateAt(last); got != tt.want || last.Before(now) {
			t.Errorf("%s: %s at %s, until when it should be %s", name, got, last, tt.want)
		}
	}
}

func TestHints(t *testing.T) {
	err := keepwatch.WithHint(keepwatch.ErrNotFound, "look there")
	if !errors.Is(err, keepwatch.ErrNotFound) || keepwatch.HintOf(err) != "look there" || err.Error() != "not found" {
		t.Errorf("%v, hint %q", err, keepwatch.HintOf(err))
	}
	if keepwatch.WithHint(nil, "x") != nil || keepwatch.HintOf(keepwatch.ErrInvalid) != "" {
		t.Error("a hint without an error")
	}
}
