package web

import (
	"fmt"
	"time"

	"keepwatch/client"
	"keepwatch/internal/view"
)

// A day, or an hour, is one mark of a strip. Its shape says what its colour says: see
// the history strip.
type slotMark struct {
	Kind  string // ok, part, failed, absent
	Text  string // for a tooltip and a screen reader
	Day   string // that a click opens; "" opens nothing
	Open  bool   // it is open
	Tabs  bool   // reached with the Tab key: what failed, the newest, and what is open
	Label string // under it, on the first of a month or at a full hour; "" for most
	Minor bool   // the label has no room on a phone
}

// dayStrip are the days of a credential.
type dayStrip struct {
	Marks   []slotMark
	Label   string // all of it in a sentence
	Failed  int    // days with a failure
	Absent  int    // days without a run
	First   string // the days that may be chosen
	Last    string
	Present bool // at least one run
}

// daysOf lays days out as marks. Days before the first run open nothing.
func daysOf(h *client.History, open string) dayStrip {
	var s dayStrip
	if h == nil {
		return s
	}
	passed, runs := 0, 0
	for i, slot := range h.Slots {
		start := slotStart(h, i)
		m := slotMark{Kind: kindOf(slot), Text: slotText(start.Format("Mon 2 Jan"), slot)}
		if n := slot.OK + slot.Failed; n > 0 {
			m.Day, s.Present = start.Format(time.DateOnly), true
			passed, runs = passed+slot.OK, runs+n
		} else {
			s.Absent++
		}
		if slot.Failed > 0 {
			s.Failed++
		}
		if start.Day() == 1 || i == 0 {
			m.Label = start.Format("Jan")
		}
		m.Open = open != "" && start.Format(time.DateOnly) == open
		m.Tabs = m.Open || slot.Failed > 0 || i == len(h.Slots)-1
		s.Marks = append(s.Marks, m)
	}
	s.First, s.Last = slotStart(h, 0).Format(time.DateOnly), slotStart(h, len(h.Slots)-1).Format(time.DateOnly)
	s.Label = fmt.Sprintf("Last %d days: no run", len(h.Slots))
	if runs > 0 {
		s.Label = fmt.Sprintf("Last %d days: %d of %d runs passed; failures on %s", len(h.Slots), passed, runs, plural(s.Failed, "day"))
	}
	return s
}

// hoursOf are the last hours; the text under them says when they were.
func hoursOf(h *client.History) []slotMark {
	if h == nil {
		return nil
	}
	out := make([]slotMark, len(h.Slots))
	for i, slot := range h.Slots {
		start := slotStart(h, i)
		out[i] = slotMark{Kind: kindOf(slot), Text: slotText(start.Format("2 Jan 15:04")+" UTC", slot)}
		switch hour := start.Hour(); {
		case hour == 0:
			out[i].Label = start.Format("Mon 2 Jan")
		case hour%6 == 0:
			out[i].Label, out[i].Minor = start.Format("15:04"), hour != 12
		}
	}
	return out
}

// slotText is one slot in words.
func slotText(when string, s client.Slot) string {
	n := s.OK + s.Failed
	if n == 0 {
		return when + ": no run"
	}
	text := fmt.Sprintf("%s: %d of %d passed", when, s.OK, n)
	if s.Failed > 0 {
		text += ", " + view.Words(s.Worst)
	}
	return text
}

// hoursView is one day that was zoomed into.
type hoursView struct {
	client.DayHistory
	Name         string // "Monday 2 November 2026"
	Marks        []slotMark
	Before, Next string // the days beside it; "" where there is none
	Summary      string
}

func hoursViewOf(d client.DayHistory, now time.Time) hoursView {
	start := d.Hours.From
	v := hoursView{DayHistory: d, Name: start.Format("Monday 2 January 2006"), Before: start.AddDate(0, 0, -1).Format(time.DateOnly)}
	if next := start.AddDate(0, 0, 1); !next.After(now) {
		v.Next = next.Format(time.DateOnly)
	}
	for i, slot := range d.Hours.Slots {
		hour := slotStart(&d.Hours, i)
		m := slotMark{Kind: kindOf(slot), Text: slotText(hour.Format("15:04")+" UTC", slot)}
		if i%6 == 0 {
			m.Label = hour.Format("15:04")
		}
		v.Marks = append(v.Marks, m)
	}
	switch {
	case d.Runs == 0:
		v.Summary = "No run on this day."
	case d.Failed == 0:
		v.Summary = fmt.Sprintf("All %s passed.", plural(d.Runs, "run"))
	default:
		v.Summary = fmt.Sprintf("%d of %s failed; the worst: %s.", d.Failed, plural(d.Runs, "run"), view.Words(d.Worst))
	}
	return v
}
