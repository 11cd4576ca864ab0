package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
)

func TestIncidentsShowWhatStopped(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	var out bytes.Buffer
	printEffectsOf(&out, []client.Incident{{ID: "calm"}, {ID: "i1", Effects: []client.Effect{
		{Kind: "journey", Key: "welcome", Outcome: "journey_stalled", Since: &at, Evidence: "No contact for 53 min."},
		{Kind: "data_extension", Key: "Orders", Outcome: "data_stale", EndedAt: &at},
	}}})
	want := "\ni1: 2 effects\n  journey welcome: journey_stalled, last sign of life 2026-11-24 09:30:00Z\n    No contact for 53 min.\n" +
		"  data extension Orders: data_stale, last sign of life unknown, over 2026-11-24 09:30:00Z\n"
	if got := out.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestEffectsExitWithTheWorst(t *testing.T) {
	for states, code := range map[string]int{"": 0, "healthy unknown": 0, "healthy degraded": 10, "degraded failing healthy": 20} {
		var list []client.Watch
		for _, s := range strings.Fields(states) {
			list = append(list, client.Watch{State: s})
		}
		got := 0
		if err, ok := effectsExit(list).(exitError); ok { //nolint:errorlint // it is never wrapped here
			got = int(err)
		}
		if got != code {
			t.Errorf("%q exits with %d, want %d", states, got, code)
		}
	}
}
