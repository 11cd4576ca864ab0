package calendar

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestNextStandsOnTheGridInForce(t *testing.T) {
	c := Cadence{mustParse(t, Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00"}), 10 * time.Minute, time.Hour}
	for _, k := range []struct {
		name, after string
		phase       uint16
		want        string
	}{
		{"business grid", "2026-11-23T12:00:01Z", 0, "2026-11-23T12:10:00Z"},
		{"strictly after", "2026-11-23T12:10:00Z", 0, "2026-11-23T12:20:00Z"},
		{"a fraction of a second before", "2026-11-23T12:09:59.999Z", 0, "2026-11-23T12:10:00Z"},
		{"half a phase is half an interval", "2026-11-23T12:00:00Z", 1 << 15, "2026-11-23T12:05:00Z"},
		{"off grid at night", "2026-11-23T20:10:00Z", 0, "2026-11-23T21:00:00Z"},
		{"off grid's half phase", "2026-11-23T20:40:00Z", 1 << 15, "2026-11-23T21:30:00Z"},
		{"the business grid begins with the window", "2026-11-24T06:40:00Z", 0, "2026-11-24T07:00:00Z"},
		{"after the last business point, the off grid", "2026-11-23T16:50:00Z", 0, "2026-11-23T17:00:00Z"},
		{"an off point within the day fills the gap over closing time", "2026-11-23T16:24:00Z", 1 << 15, "2026-11-23T16:25:00Z"},
		{"all weekend the off grid", "2026-11-21T10:00:00Z", 0, "2026-11-21T11:00:00Z"},
		{"the last phase", "2026-11-23T12:00:00Z", 65535, "2026-11-23T12:09:59Z"},
	} {
		if got := c.Next(instant(t, k.after), k.phase).Format(time.RFC3339Nano); got != k.want {
			t.Errorf("%s: next after %s with phase %d is %s, want %s", k.name, k.after, k.phase, got, k.want)
		}
	}
}

func TestGapAt(t *testing.T) {
	c := Cadence{mustParse(t, Spec{Hours: "mon-fri 08:00-18:00"}), 14 * time.Minute, time.Hour}
	if got := c.GapAt(instant(t, "2026-11-23T12:00:00Z")); got != 14*time.Minute {
		t.Errorf("in business hours %s", got)
	}
	if got := c.GapAt(instant(t, "2026-11-22T12:00:00Z")); got != time.Hour {
		t.Errorf("outside %s", got)
	}
	if got := (Cadence{nil, 1500 * time.Millisecond, time.Hour}).GapAt(time.Time{}); got != time.Second {
		t.Errorf("without calendar, cut to whole seconds: %s", got)
	}
	if got := c.Longest(); got != time.Hour {
		t.Errorf("longest %s", got)
	}
	if got := (Cadence{nil, time.Minute, time.Hour}).Longest(); got != time.Minute {
		t.Errorf("longest without calendar %s", got)
	}
}

// walk iterates Next over a range and checks every promise on the way; it
// returns the number of due times in (from, to].
func walk(t *testing.T, c Cadence, from, to time.Time, phase uint16) int {
	t.Helper()
	longest := c.Longest()
	n, last := 0, c.Next(from, phase)
	for p := last; !p.After(to); n++ {
		next := c.Next(p, phase)
		gap := next.Sub(p)
		switch {
		case gap <= 0:
			t.Fatalf("%s is not after %s", next, p)
		case gap > longest:
			t.Fatalf("%s %v: gap of %s between %s and %s", c.Calendar.Location(), c, gap, p, next)
		case next.Nanosecond() != 0 || next.Location() != time.UTC:
			t.Fatalf("%s is no whole second in UTC", next)
		}
		// Asked from anywhere in between, the answer is the same.
		if mid := p.Add(gap / 2).Truncate(time.Second); mid.Before(next) && !c.Next(mid, phase).Equal(next) {
			t.Fatalf("after %s comes %s, but after %s comes %s", p, next, mid, c.Next(mid, phase))
		}
		if s := c.Calendar; s != nil && s.Open(p) && s.Open(next) && !s.NextChange(p).Before(next) && gap > c.GapAt(p) {
			t.Fatalf("gap of %s within business hours at %s", gap, p)
		}
		p = next
	}
	return n
}

func TestCountAgreesWithNext(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	hours := []string{"mon-fri 08:00-18:00", "always", "22:00-06:00", "daily 12:00-12:05", "mon-fri 08:00-12:00,12:30-18:00; sat 09:00-12:00", "sun 00:00-24:00"}
	intervals := []time.Duration{time.Minute, 7 * time.Minute, 10 * time.Minute, 14 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour, 25 * time.Hour, 90 * time.Second}
	names := zones(t)
	for i := range 150 {
		c := Cadence{
			Calendar: mustParse(t, Spec{Timezone: names[rng.IntN(len(names))], Hours: hours[i%len(hours)], Holidays: "DE"}),
			Business: intervals[rng.IntN(len(intervals))],
			Off:      intervals[rng.IntN(len(intervals))],
		}
		if i%10 == 0 {
			c.Calendar = nil
		}
		phase := uint16(rng.IntN(1 << 16))
		from := zonesFrom.Add(time.Duration(rng.Int64N(int64(10 * 365 * 24 * time.Hour))))
		to := from.Add(time.Duration(rng.Int64N(int64(12 * 24 * time.Hour))))
		if want, got := walk(t, c, from, to, phase), c.Count(from, to, phase); got != want {
			t.Fatalf("%s %s business %s off %s phase %d from %s to %s: Count %d, Next gives %d",
				c.Calendar.Location(), c.Calendar.Hours(), c.Business, c.Off, phase, from, to, got, want)
		}
	}
}

// Due times keep every promise over the changes of the clocks of every zone.
func TestNextOverEveryChangeOfTheClocks(t *testing.T) {
	for i, name := range zones(t) {
		cal := mustParse(t, Spec{Timezone: name, Hours: []string{"mon-fri 08:00-18:00", "02:15-02:45", "22:00-03:30", "00:00-00:30"}[i%4]})
		c := Cadence{cal, 14 * time.Minute, time.Hour}
		for at := zonesFrom; at.Before(zonesTo); {
			_, change := at.In(cal.loc).ZoneBounds()
			if change.IsZero() || change.After(zonesTo) {
				break
			}
			from, to := change.Add(-30*time.Hour), change.Add(30*time.Hour)
			phase := uint16(change.Unix() * 2654435761 >> 8)
			if want, got := walk(t, c, from, to, phase), c.Count(from, to, phase); got != want {
				t.Fatalf("%s at %s: Count %d, Next gives %d", name, change, got, want)
			}
			at = change
		}
	}
}

// The grids need not share a single usable point: nights only, and both grids'
// points at noon. The longer grid then holds by itself.
func TestNextWhereNoGridEverHolds(t *testing.T) {
	c := Cadence{mustParse(t, Spec{Hours: "22:00-06:00"}), 24 * time.Hour, 12 * time.Hour}
	from := instant(t, "2026-11-23T00:00:00Z")
	for _, phase := range []uint16{0, 1 << 14, 1 << 15, 3 << 14} {
		if n := walk(t, c, from, from.AddDate(0, 0, 60), phase); n < 60 {
			t.Errorf("phase %d: %d due times in 60 days", phase, n)
		}
	}
}

// One phase is one point in the interval; all phases fill it evenly.
func TestPhasesSpread(t *testing.T) {
	c := Cadence{nil, 10 * time.Minute, 10 * time.Minute}
	from := instant(t, "2026-11-23T12:00:00Z")
	perSecond := map[int64]int{}
	for phase := range 1 << 16 {
		perSecond[c.Next(from, uint16(phase)).Unix()]++
	}
	for second, n := range perSecond {
		if n > 65536/600+1 {
			t.Errorf("%d of 65536 phases are due at second %d", n, second)
		}
	}
	if len(perSecond) != 600 {
		t.Errorf("%d seconds of 600 are used", len(perSecond))
	}
}

func BenchmarkNext(b *testing.B) {
	cal := mustParse(b, Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00", Holidays: "DE"})
	from := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]Cadence{
		"even":    {cal, 10 * time.Minute, 10 * time.Minute},
		"two":     {cal, 14 * time.Minute, time.Hour},
		"nothing": {nil, 14 * time.Minute, time.Hour},
	} {
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				i++
				_ = c.Next(from.Add(time.Duration(i%86400)*time.Second), uint16(i))
			}
		})
	}
}

func BenchmarkCountYear(b *testing.B) {
	cal := mustParse(b, Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00", Holidays: "DE"})
	c := Cadence{cal, 14 * time.Minute, time.Hour}
	from := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		_ = c.Count(from, from.AddDate(1, 0, 0), 4711)
	}
}
