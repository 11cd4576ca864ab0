package web

import (
	"strings"
	"testing"
	"time"

	"keepwatch/client"
)

func hourOf(i int, amount int64, seen float64, low, mid, high float64) client.WatchHour {
	h := client.WatchHour{Start: time.Date(2026, 11, 23, i, 0, 0, 0, time.UTC), Amount: amount, ObservedSeconds: seen}
	if high > 0 {
		h.Low, h.Mid, h.High = &low, &mid, &high
	}
	return h
}

// An hour that nobody saw has no bar, an hour without an event has one of no height, and
// the band goes forth and back over the hours that have one.
func TestChartTellsNothingFromNone(t *testing.T) {
	c := chartOf(client.WatchDetail{Zone: "UTC", Hours: []client.WatchHour{
		hourOf(0, 10, 3600, 0, 0, 0), hourOf(1, 0, 3600, 5, 10, 20), hourOf(2, 0, 0, 5, 10, 20), hourOf(3, 40, 1800, 5, 10, 20),
	}})
	if got := strings.Count(c.Bars, "z"); got != 3 {
		t.Errorf("%d bars: %s", got, c.Bars)
	}
	if c.Unseen != "M12 118h5v2h-5z" {
		t.Errorf("unseen: %s", c.Unseen)
	}
	if c.Band != "M6 60.0h6V60.0H18V60.0H24V105.0H18V105.0H12V105.0H6z" {
		t.Errorf("band: %s", c.Band)
	}
	if c.Top != 40 || len(c.Days) != 1 || c.Days[0].Name != "" || // there is no room for it
		!strings.Contains(c.Label, "50 events in 3 hours") {
		t.Errorf("%+v", c)
	}
	if empty := chartOf(client.WatchDetail{Zone: "nowhere"}); empty.Bars != "" || empty.Band != "" {
		t.Errorf("of nothing: %+v", empty)
	}
}

// Each day is named, but for one of which too few hours are there.
func TestChartNamesDays(t *testing.T) {
	var d client.WatchDetail
	for h := range 5 {
		d.Hours = append(d.Hours, hourOf(h-5, 1, 3600, 0, 0, 0))
	}
	for h := range 2*24 + 5 {
		d.Hours = append(d.Hours, hourOf(h, 1, 3600, 0, 0, 0))
	}
	var names []string
	for _, day := range chartOf(d).Days {
		names = append(names, day.Name)
	}
	if got := strings.Join(names, ", "); got != "Mon 23, Tue 24, " {
		t.Error(got)
	}
}

func TestTallySaysTheWorst(t *testing.T) {
	var tally effectTally
	if tally.State() != "unknown" || tally.Text() != "Nothing is watched" {
		t.Errorf("of nothing: %s, %s", tally.State(), tally.Text())
	}
	for _, s := range []string{"healthy", "unknown", "degraded", "failing", "healthy"} {
		tally.add(s)
	}
	if tally.State() != "failing" || tally.Text() != "1 stopped · 1 to look at · 1 unknown · 2 as usual" {
		t.Errorf("%s, %s", tally.State(), tally.Text())
	}
}
