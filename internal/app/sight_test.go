package app

import (
	"testing"
	"time"

	"keepwatch"
)

func TestSightLastsForTwoOfTheShortestGaps(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	look := func(check keepwatch.CheckID, ago, gap time.Duration, out keepwatch.Outcome) keepwatch.Observation {
		return keepwatch.Observation{Check: check, Credential: "crm", At: noon.Add(-ago), Gap: gap, Outcome: out, Reason: keepwatch.ReasonScheduled}
	}
	first := look("crm", 9*time.Minute, 7*time.Second, keepwatch.OK)
	first.Reason = keepwatch.ReasonChanged
	var s sight
	for _, step := range []struct {
		name  string
		found keepwatch.Observation
		want  time.Duration // after noon; the zero time where negative
	}{
		{"a look in vain proves nothing", look("crm", 9*time.Minute, 10*time.Minute, keepwatch.Timeout), -1},
		{"nor does a date that was looked at", look("expiry:crm", 8*time.Minute, time.Minute, keepwatch.OK), -1},
		{"the first run of a new check is no gap", first, 11 * time.Minute},
		{"a proof", look("crm", 7*time.Minute, 10*time.Minute, keepwatch.OK), 13 * time.Minute},
		{"one that was recorded late", look("crm", 20*time.Minute, 10*time.Minute, keepwatch.OK), 13 * time.Minute},
		{"a shorter gap, in vain", look("crm", time.Minute, 5*time.Minute, keepwatch.Timeout), 3 * time.Minute},
		{"a newer proof", look("crm", 0, time.Hour, keepwatch.OK), 10 * time.Minute},
	} {
		s.record([]keepwatch.Observation{step.found})
		if got := s.until(); step.want < 0 && got.After(noon.Add(-time.Hour)) || step.want >= 0 && !got.Equal(noon.Add(step.want)) {
			t.Errorf("%s: seeing until %v", step.name, got)
		}
	}
}
