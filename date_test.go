package keepwatch_test

import (
	"testing"
	"time"

	"keepwatch"
)

// A day begins when the zone's clock first shows it, also where a change of the
// clock skips midnight.
func TestDateIn(t *testing.T) {
	zone := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, c := range []struct {
		day  keepwatch.Date
		zone string
		want string
	}{
		{keepwatch.Day(2026, 11, 28), "UTC", "2026-11-28T00:00:00Z"},
		{keepwatch.Day(2026, 11, 28), "Asia/Kolkata", "2026-11-27T18:30:00Z"},
		{keepwatch.Day(2026, 3, 29), "Europe/Berlin", "2026-03-28T23:00:00Z"},
		{keepwatch.Day(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00Z"}, // 00:00 did not exist: the day began at 01:00
		{keepwatch.Day(2026, 9, 6), "America/Santiago", "2026-09-06T04:00:00Z"},
	} {
		if got := c.day.In(zone(c.zone)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s begins at %s, want %s", c.day, c.zone, got, c.want)
		}
	}
	instant := time.Date(2026, 5, 1, 12, 30, 0, 0, zone("Europe/Berlin"))
	if got := keepwatch.Exactly(instant); !got.In(zone("Asia/Tokyo")).Equal(instant) || got.String() != "2026-05-01T10:30:00Z" {
		t.Errorf("an instant: %s", got)
	}
	if got := keepwatch.DayOf(instant, zone("Pacific/Auckland")); got != keepwatch.Day(2026, 5, 1) {
		t.Errorf("the day in Auckland: %s", got)
	}
}

// Every day of every zone in the list begins once and in order.
func TestDateInIsMonotonic(t *testing.T) {
	for _, name := range []string{"Africa/Cairo", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe", "America/Santiago", "Pacific/Chatham", "Africa/Casablanca"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		last := time.Time{}
		for day := keepwatch.Day(2025, 1, 1); day.Before(keepwatch.Day(2036, 1, 1)); day = day.AddDays(1) {
			begins := day.In(zone)
			if keepwatch.DayOf(begins, zone) != day || keepwatch.DayOf(begins.Add(-time.Second), zone) == day || !begins.After(last) {
				t.Fatalf("%s: %s begins at %s", name, day, begins)
			}
			last = begins
		}
	}
}

func TestParseDate(t *testing.T) {
	for _, text := range []string{"2026-09-28", "2026-09-28T12:30:00Z", ""} {
		var d keepwatch.Date
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != text {
			t.Errorf("%q reads as %q, %v", text, d, err)
		}
	}
	for _, text := range []string{"28.09.2026", "2026-13-01", "2026-02-30", "soon"} {
		if d, err := keepwatch.ParseDate(text); err == nil {
			t.Errorf("%q reads as %s", text, d)
		}
	}
}
