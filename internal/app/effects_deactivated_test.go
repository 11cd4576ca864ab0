package app

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/sfmc/sim/world"
	"keepwatch/internal/store"
)

// failingWorld has an automation that has failed in every run for nearly a month.
func failingWorld(start time.Time) *world.Spec {
	spec := livingWorld(start)
	spec.Since = start.Add(-30*24*time.Hour + 8*time.Hour)
	spec.Extensions, spec.Sends, spec.Journeys = []world.Extension{{Key: "Orders", Rows: 1000}}, nil, nil
	spec.Automations = []world.Automation{{Key: "load", Name: "Load", Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1", At: "00:10"}, Steps: []world.Activity{{
		Key: "load-orders", Kind: "import", Target: "Orders", Mode: "add_update", Blank: "skip",
		File: world.File{Volume: world.Volume{PerDay: 24_000, Noise: world.NoiseNone}},
	}}}}
	spec.Automations[0].Steps[0].Rejects = 1
	return spec
}

func failingFile() string {
	head, rest, _ := strings.Cut(livingFile, "      - {kind: journey")
	_, tail, _ := strings.Cut(rest, "receivers:")
	return head + "      - {kind: automation, key: load}\nreceivers:" + tail
}

// SFMC switches off what has failed for a month. Before, it is said that this is near;
// afterwards, that SFMC did it and what to do, in the same incident.
func TestAnAutomationThatSFMCSwitchesOff(t *testing.T) {
	if os.Getenv("CI") == "" && os.Getenv("KEEPWATCH_CAMPAIGN") == "" {
		t.Skip("a campaign: CI or KEEPWATCH_CAMPAIGN=1 runs it")
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLivingOf(t, failingFile(), failingWorld)
		defer l.close()
		time.Sleep(4 * time.Hour)
		before := l.only()
		if !slices.ContainsFunc(before.Effects, func(e keepwatch.Effect) bool {
			return e.Outcome == keepwatch.AutomationFailed && strings.Contains(e.Evidence, "SFMC switches off what has failed in 30 runs in a row for 30 days; ")
		}) {
			t.Errorf("before: %+v", before.Effects)
		}
		time.Sleep(10 * time.Hour)
		runs := l.sim.Truth().Of("automation/load").Runs
		if last := runs[len(runs)-1]; last.Status != world.RunMissed || last.Why.Kind != keepwatch.CauseDeactivated {
			t.Fatalf("SFMC has not switched it off: %+v", last)
		}
		after := l.only()
		if c := after.Causes[0]; after.ID != before.ID || c.Kind != keepwatch.CauseDeactivated || !strings.Contains(c.Evidence, "SFMC switched it off") {
			t.Errorf("after: %s: %+v", strings.Join(l.said(), "\n"), after.Causes)
		}
		detail, err := l.app.reader.Incident(t.Context(), time.Now(), after.ID)
		l.must(err)
		if !slices.ContainsFunc(detail.Actions, func(a client.Action) bool {
			return a.Text == "Activate the schedule of automation load again."
		}) {
			t.Errorf("what to do: %+v", detail.Actions)
		}
	})
}

// only is the one incident that there is.
func (l *living) only() keepwatch.Incident {
	l.t.Helper()
	list, _, err := l.db.Incidents(l.t.Context(), store.IncidentFilter{}, store.Page{Limit: 100})
	l.must(err)
	if len(list) != 1 {
		l.t.Fatalf("%d incidents: %s", len(list), strings.Join(l.said(), "\n"))
	}
	return list[0]
}
