package world

import (
	"math"
	"testing"
	"time"
)

func count(f *flow, from, to time.Time) (n int) {
	for m := minuteOf(from); m < minuteOf(to); m++ {
		n += f.draw(m)
	}
	return n
}

// Whatever the shape, a week brings seven times the daily volume.
func TestAWeekAddsUp(t *testing.T) {
	for _, v := range []Volume{
		{PerDay: 10_000}, {PerDay: 10_000, Shape: ShapeDay}, {PerDay: 10_000, Shape: ShapeOffice}, {PerDay: 10_000, Noise: NoiseNone, Shape: ShapeDay},
		{PerDay: 10_000, Week: []float64{1, 0, 0, 0, 0, 0, 1}}, {PerDay: 10_000, Noise: NoiseNB, Spread: 0.2}, {PerDay: 200_000},
	} {
		week := monday.AddDate(0, 0, 7)
		if e := v.Expected(monday, week, time.UTC); math.Abs(e-7*v.PerDay) > 1 {
			t.Errorf("%+v: expected %v", v, e)
		}
		limit := 5 * math.Sqrt(7*v.PerDay)
		if v.Noise == NoiseNB {
			limit = 0.2 * 7 * v.PerDay
		}
		if n := count(newFlow(v, time.UTC, 1, "x"), monday, week); math.Abs(float64(n)-7*v.PerDay) > limit {
			t.Errorf("%+v: drew %d", v, n)
		}
	}
}

// The flat shape has 1,667 of 10,000 in four hours.
func TestFlatShape(t *testing.T) {
	v := Volume{PerDay: 10_000}
	equal(t, "expected", math.Round(v.Expected(monday.Add(3*time.Hour), monday.Add(7*time.Hour), time.UTC)), 1667)
	v.Dates = map[string]float64{"2026-03-02": 0, "2026-03-03": 2}
	equal(t, "a holiday", v.Expected(monday, monday.AddDate(0, 0, 1), time.UTC), 0)
	equal(t, "the day after", math.Round(v.Expected(monday.AddDate(0, 0, 1), monday.AddDate(0, 0, 2), time.UTC)), 20_000)
}

// Office hours are those of the volume's zone, in summer and in winter.
func TestVolumeZone(t *testing.T) {
	v := Volume{PerDay: 1000, Shape: ShapeOffice, Zone: "Asia/Kolkata"}
	zone, _ := time.LoadLocation(v.Zone)
	at := func(h, m int) float64 {
		begin := time.Date(2026, 3, 3, h, m, 0, 0, zone)
		return v.Expected(begin, begin.Add(30*time.Minute), time.UTC)
	}
	equal(t, "before", at(6, 30), 0)
	equal(t, "after", at(7, 0) > 0, true)
	equal(t, "evening", at(19, 0), 0)
	berlin := Volume{PerDay: 1000, Shape: ShapeOffice, Zone: "Europe/Berlin"}
	for _, day := range []time.Time{time.Date(2026, 3, 27, 9, 0, 0, 0, time.UTC), time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC)} {
		if day.Weekday() == time.Friday {
			continue // it has another weight
		}
		equal(t, "ten o'clock", berlin.Expected(day, day.Add(time.Hour), time.UTC) > 0, true)
	}
}

// Bursts make hours differ more than chance alone.
func TestNoise(t *testing.T) {
	spread := func(v Volume) float64 {
		f := newFlow(v, time.UTC, 3, "n")
		var sum, squares float64
		const hours = 2000
		for h := range hours {
			n := float64(count(f, monday.Add(time.Duration(h)*time.Hour), monday.Add(time.Duration(h+1)*time.Hour)))
			sum, squares = sum+n, squares+n*n
		}
		mean := sum / hours
		return (squares/hours - mean*mean) / mean
	}
	if d := spread(Volume{PerDay: 2400}); d < 0.9 || d > 1.1 {
		t.Errorf("Poisson: variance is %v times the mean", d)
	}
	if d := spread(Volume{PerDay: 2400, Noise: NoiseNB, Spread: 0.1}); d < 9 || d > 13 { // 1 + 100·0.1
		t.Errorf("bursts: variance is %v times the mean", d)
	}
	if d := spread(Volume{PerDay: 2400, Noise: NoiseNB, Spread: 4}); d < 250 || d > 600 {
		t.Errorf("great bursts: variance is %v times the mean", d)
	}
	if d := spread(Volume{PerDay: 2400, Noise: NoiseNone}); d > 0.01 {
		t.Errorf("none: variance is %v times the mean", d)
	}
}

func TestSchedules(t *testing.T) {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	for _, c := range []struct {
		s     Schedule
		after string
		want  string
	}{
		{Schedule{At: "06:00"}, "2026-03-02T05:00:00Z", "2026-03-02T06:00:00Z"},
		{Schedule{At: "06:00"}, "2026-03-02T06:00:00Z", "2026-03-03T06:00:00Z"},
		{Schedule{At: "06:00", Zone: "Europe/Berlin"}, "2026-03-28T12:00:00Z", "2026-03-29T04:00:00Z"}, // the clocks went forward
		{Schedule{Rule: "FREQ=HOURLY;INTERVAL=1", At: "00:10"}, "2026-03-02T23:30:00Z", "2026-03-03T00:10:00Z"},
		{Schedule{Rule: "FREQ=HOURLY;INTERVAL=6"}, "2026-03-02T07:00:00Z", "2026-03-02T12:00:00Z"},
		{Schedule{Rule: "FREQ=MINUTELY;INTERVAL=15"}, "2026-03-02T07:07:00Z", "2026-03-02T07:15:00Z"},
		{Schedule{Rule: "FREQ=WEEKLY;BYDAY=TU,FR", At: "08:00"}, "2026-03-03T08:00:00Z", "2026-03-06T08:00:00Z"},
		{Schedule{Rule: "FREQ=WEEKLY;INTERVAL=2"}, "2026-03-02T00:00:00Z", "2026-03-16T00:00:00Z"},
		{Schedule{Rule: "FREQ=MONTHLY;BYMONTHDAY=15", At: "01:00"}, "2026-03-15T01:00:00Z", "2026-04-15T01:00:00Z"},
		{Schedule{Rule: "FREQ=DAILY;INTERVAL=3"}, "2026-03-02T00:00:00Z", "2026-03-05T00:00:00Z"},
	} {
		table, err := c.s.read(time.UTC)
		if err != nil {
			t.Errorf("%+v: %v", c.s, err)
			continue
		}
		after, _ := time.Parse(time.RFC3339, c.after)
		got := table.after(minuteOf(after)).time()
		if c.s.Rule == "FREQ=DAILY;INTERVAL=3" || c.s.Rule == "FREQ=WEEKLY;INTERVAL=2" {
			if d := got.Sub(after); d <= 0 || table.after(minuteOf(got)).time().Sub(got) != map[string]time.Duration{"FREQ=DAILY;INTERVAL=3": 72 * time.Hour, "FREQ=WEEKLY;INTERVAL=2": 14 * 24 * time.Hour}[c.s.Rule] {
				t.Errorf("%+v after %s is %s", c.s, c.after, got)
			}
			continue
		}
		equal(t, c.s.Rule+" "+c.s.At, got.Format(time.RFC3339), c.want)
	}
	for _, bad := range []Schedule{{Rule: "FREQ=YEARLY"}, {Rule: "FREQ=DAILY;COUNT=2"}, {Rule: "FREQ=DAILY;INTERVAL=0"}, {At: "6 am"}, {Zone: "Mars/Base"}, {Rule: "FREQ=WEEKLY;BYDAY=XX"}, {Rule: "FREQ=MONTHLY;BYMONTHDAY=31"}} {
		if _, err := bad.read(berlin); err == nil {
			t.Errorf("%+v is read", bad)
		}
	}
}

// Every day of a year has its run, once, whatever the clocks do.
func TestEveryDayHasOneRun(t *testing.T) {
	table, err := Schedule{At: "02:30", Zone: "America/New_York"}.read(time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	m := table.after(minuteOf(monday))
	for range 365 {
		next := table.after(m)
		if d := next - m; d < 22*hour || d > 32*hour {
			t.Fatalf("%s after %s", next.time(), m.time())
		}
		m = next
	}
}
