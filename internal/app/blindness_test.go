package app

import (
	"testing"
	"time"

	"keepwatch"
)

func TestBlindness(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	series := func(id keepwatch.CredentialID, gap time.Duration, provenAgo, lookedAgo time.Duration, last keepwatch.Outcome, c keepwatch.Connectivity) *keepwatch.Series {
		return &keepwatch.Series{
			ID: keepwatch.SeriesID(id), Credential: id, PlannedGap: gap, LastProvenAt: noon.Add(-provenAgo), LastAt: noon.Add(-lookedAgo),
			Last: keepwatch.Observation{Outcome: last, Connectivity: c},
		}
	}
	const unproven, proven = keepwatch.ConnectivityUnproven, keepwatch.ConnectivityProven
	for _, test := range []struct {
		name string
		all  []*keepwatch.Series
		want bool
	}{
		{"nothing was looked at yet", nil, false},
		{"a fresh proof", []*keepwatch.Series{series("a", 10*time.Minute, time.Minute, time.Minute, keepwatch.OK, proven)}, false},
		{"in vain, but not for two gaps", []*keepwatch.Series{series("a", 10*time.Minute, 15*time.Minute, time.Minute, keepwatch.Timeout, unproven)}, false},
		{"in vain for two gaps", []*keepwatch.Series{series("a", 10*time.Minute, 25*time.Minute, time.Minute, keepwatch.Timeout, unproven)}, true},
		{"a refusal is an answer", []*keepwatch.Series{
			series("a", 10*time.Minute, 25*time.Minute, time.Minute, keepwatch.Timeout, unproven),
			series("b", 10*time.Minute, 25*time.Hour, 5*time.Minute, keepwatch.BadClientID, proven)}, false},
		{"a slow tier does not hold it up", []*keepwatch.Series{
			series("a", 10*time.Minute, 25*time.Minute, time.Minute, keepwatch.Timeout, unproven),
			series("b", 4*time.Hour, 3*time.Hour, 3*time.Hour, keepwatch.OK, proven)}, true},
		{"backed off and not looked at since", []*keepwatch.Series{series("a", 10*time.Minute, 5*time.Hour, 55*time.Minute, keepwatch.BadClientID, proven)}, false},
		{"the monitor's own series say nothing", []*keepwatch.Series{series("", time.Minute, time.Hour, time.Minute, keepwatch.MonitorFault, unproven)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := blindness(test.all, noon); got != test.want {
				t.Errorf("blind: %v, want %v", got, test.want)
			}
		})
	}
}
