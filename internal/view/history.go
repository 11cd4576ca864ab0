package view

import (
	"time"

	"keepwatch"
	"keepwatch/client"
)

// Slots of the history strip: two days, so that the same hour of yesterday is in
// sight.
const (
	historySlots = 48
	slotLength   = time.Hour
)

// firstSlot is the start of the oldest slot; the newest one holds now.
func firstSlot(now time.Time) time.Time {
	return now.UTC().Truncate(slotLength).Add(-(historySlots - 1) * slotLength)
}

// history lays rollups on the strip. An hour without a rollup had no run.
func history(rollups []keepwatch.Rollup, now time.Time) *client.History {
	from := firstSlot(now)
	h := &client.History{From: from, SlotSeconds: int(slotLength / time.Second), Slots: make([]client.Slot, historySlots)}
	for _, r := range rollups {
		i := int(r.Start.Sub(from) / slotLength)
		if r.Start.Before(from) || i >= historySlots {
			continue
		}
		s := &h.Slots[i]
		s.Runs += r.Runs
		s.OK += r.OK
		s.Failed += r.Failed
		s.Worst = string(r.Worst)
	}
	return h
}

// tally counts proofs that passed against those that failed. Runs that Keepwatch
// could not carry out say nothing about the credential and are left out.
type tally struct{ ok, failed int }

func (t *tally) add(rollups []keepwatch.Rollup, from time.Time) {
	for _, r := range rollups {
		if !r.Start.Before(from) {
			t.ok += r.OK
			t.failed += r.Failed
		}
	}
}

func (t *tally) merge(o tally) { t.ok += o.ok; t.failed += o.failed }

// rate is nil without evidence: no proof at all is not a rate of zero.
func (t tally) rate() *float64 {
	if t.ok+t.failed == 0 {
		return nil
	}
	r := float64(t.ok) / float64(t.ok+t.failed)
	return &r
}

// lastDay is where the 24-hour window begins, on the hours that rollups have.
func lastDay(now time.Time) time.Time { return now.UTC().Truncate(time.Hour).Add(-23 * time.Hour) }

// successWindows are the three windows that a credential's page shows.
func successWindows(hours, days []keepwatch.Rollup, now time.Time) []client.SuccessWindow {
	today := now.UTC().Truncate(24 * time.Hour)
	windows := make([]client.SuccessWindow, 0, 3)
	for _, w := range []struct {
		name    string
		rollups []keepwatch.Rollup
		from    time.Time
	}{
		{"24h", hours, lastDay(now)},
		{"7d", days, today.Add(-6 * 24 * time.Hour)},
		{"30d", days, today.Add(-29 * 24 * time.Hour)},
	} {
		var t tally
		t.add(w.rollups, w.from)
		windows = append(windows, client.SuccessWindow{Window: w.name, Rate: t.rate(), Runs: t.ok + t.failed})
	}
	return windows
}
