package view

import (
	"context"
	"fmt"
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

// history lays rollups on the strip of the last two days.
func history(rollups []keepwatch.Rollup, now time.Time) *client.History {
	return laid(rollups, firstSlot(now), slotLength, historySlots)
}

// Days of the long strip: as far back as hours are kept, so that each of them opens.
const (
	historyDays = 90
	day         = 24 * time.Hour
)

func firstDay(now time.Time) time.Time {
	return now.UTC().Truncate(day).Add(-(historyDays - 1) * day)
}

// laid lays rollups on equal slots. A slot without a rollup had no run.
func laid(rollups []keepwatch.Rollup, from time.Time, length time.Duration, slots int) *client.History {
	h := &client.History{From: from, SlotSeconds: int(length / time.Second), Slots: make([]client.Slot, slots)}
	for _, r := range rollups {
		i := int(r.Start.Sub(from) / length)
		if r.Start.Before(from) || i >= slots {
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

// Day reads one day of a credential, hour by hour.
func (r *Reader) Day(ctx context.Context, now time.Time, id keepwatch.CredentialID, text string) (client.DayHistory, error) {
	if err := r.Exists(id); err != nil {
		return client.DayHistory{}, err
	}
	start, err := dayOf(text, now)
	if err != nil {
		return client.DayHistory{}, err
	}
	e, err := r.load(ctx, now)
	if err != nil {
		return client.DayHistory{}, err
	}
	c, err := e.find(id)
	if err != nil {
		return client.DayHistory{}, err
	}
	var hours []keepwatch.Rollup
	if s := e.standing(&c); s.ID != "" && !e.dated(&c) {
		if hours, err = r.from.Series.HourlyOf(ctx, s.ID, start, start.Add(day)); err != nil {
			return client.DayHistory{}, reading("the hours of a day", err)
		}
	}
	h := laid(hours, start, time.Hour, int(day/time.Hour))
	out := client.DayHistory{Credential: string(id), Day: start.Format(time.DateOnly), Hours: *h}
	for _, s := range h.Slots {
		out.OK, out.Failed = out.OK+s.OK, out.Failed+s.Failed
	}
	for _, s := range hours {
		if out.Worst == "" || s.Failed > 0 && keepwatch.Outcome(out.Worst) == keepwatch.OK {
			out.Worst = string(s.Worst)
		}
	}
	out.Runs = out.OK + out.Failed
	return out, nil
}

// dayOf reads a day whose hours are kept.
func dayOf(text string, now time.Time) (time.Time, error) {
	first, last := firstDay(now), now.UTC().Truncate(day)
	hint := "a day from " + first.Format(time.DateOnly) + " to " + last.Format(time.DateOnly) + ", in UTC"
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, keepwatch.WithHint(fmt.Errorf("that is no day: %w", keepwatch.ErrInvalid), hint)
	}
	if t.Before(first) || t.After(last) {
		return t, keepwatch.WithHint(fmt.Errorf("%s has no hours that are kept: %w", t.Format(time.DateOnly), keepwatch.ErrInvalid), hint)
	}
	return t, nil
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
