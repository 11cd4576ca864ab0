package view

import (
	"slices"
	"testing"
	"time"

	"keepwatch"
)

func TestWhoIsToldNext(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	open := keepwatch.Incident{Status: keepwatch.IncidentOpen, DetectedAt: now.Add(-10 * time.Minute)}
	taken, restored, over := open, open, open
	taken.AcknowledgedAt, restored.RestoredAt, over.Status = now, now, keepwatch.IncidentResolved
	plan := []Forecast{
		{Receiver: "crm", At: now.Add(-10 * time.Minute), RepeatEvery: 30 * time.Minute},
		{Receiver: "once", At: now.Add(-10 * time.Minute)},
		{Receiver: "late", At: now.Add(5 * time.Minute)},
		{Receiver: "lead", At: now.Add(20 * time.Minute), Escalation: true},
		{Receiver: "past", At: now.Add(-time.Minute), Escalation: true},
	}
	sent := []keepwatch.Delivery{
		{Receiver: "crm", SentAt: now.Add(-10 * time.Minute)}, {Receiver: "crm", SentAt: now.Add(-4 * time.Minute)}, {Receiver: "once", SentAt: now.Add(-9 * time.Minute)}, {Receiver: "late"},
	}
	for name, tc := range map[string]struct {
		inc  keepwatch.Incident
		want []string
	}{
		"open":     {open, []string{"late first 5m0s", "lead escalation 20m0s", "crm reminder 26m0s"}},
		"taken":    {taken, []string{"late first 5m0s"}},
		"restored": {restored, nil},
		"over":     {over, nil},
	} {
		var got []string
		for _, n := range nextTold(plan, tc.inc, sent, now) {
			got = append(got, n.Receiver+" "+n.Kind+" "+n.At.Sub(now).String())
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestDaysThatOpen(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 30, 0, 0, time.UTC)
	for text, ok := range map[string]bool{
		"2026-11-23": true, "2026-11-24": false, "2026-08-26": true, "2026-08-25": false, "": false, "23.11.2026": false, "2026-02-30": false,
	} {
		if _, err := dayOf(text, now); (err == nil) != ok || err != nil && keepwatch.HintOf(err) != "a day from 2026-08-26 to 2026-11-23, in UTC" {
			t.Errorf("%q: %v (%s)", text, err, keepwatch.HintOf(err))
		}
	}
}

// Days and hours come from the same rollups: a day's hours add up to the day.
func TestRollupsAreLaidOnSlots(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	h := laid([]keepwatch.Rollup{
		{Start: from.Add(-time.Hour), Runs: 9, OK: 9}, {Start: from, Runs: 2, OK: 2, Worst: keepwatch.OK}, {Start: from.Add(23 * time.Hour), Runs: 3, OK: 1, Failed: 1, Worst: keepwatch.Timeout},
		{Start: from.Add(24 * time.Hour), Runs: 1, Failed: 1, Worst: keepwatch.Timeout}, {Start: from.Add(48 * time.Hour), Runs: 9, OK: 9},
	}, from, day, 2)
	if len(h.Slots) != 2 || h.SlotSeconds != 86400 || h.Slots[0].Runs != 5 || h.Slots[0].OK != 3 || h.Slots[0].Failed != 1 || h.Slots[1].Failed != 1 || h.Slots[1].Worst != "timeout" {
		t.Errorf("%+v", h)
	}
}
