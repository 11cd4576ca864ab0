package sfmc

import (
	"testing"
	"time"
)

func rule(t *testing.T, s, start, zone string) *Recurrence {
	t.Helper()
	loc, ok := WindowsZone(zone)
	if !ok {
		t.Fatalf("zone %q", zone)
	}
	r, err := ParseRecurrence(s, civil(start, loc))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return r
}

func TestRecurrence(t *testing.T) {
	const berlin, ny, utc = "W. Europe Standard Time", "Eastern Standard Time", "UTC"
	for _, c := range []struct{ rule, start, zone, now, last, next string }{
		{"FREQ=DAILY;INTERVAL=1", "2026-01-01T02:00:00", berlin, "2026-03-28T12:00:00Z", "2026-03-28T01:00:00Z", "2026-03-29T01:00:00Z"},
		// The night of the change to summer time: two o'clock does not exist, and is
		// three; afterwards the same clock is an hour earlier in UTC.
		{"FREQ=DAILY;INTERVAL=1", "2026-01-01T06:00:00", berlin, "2026-03-29T12:00:00Z", "2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z"},
		{"FREQ=HOURLY;UNTIL=20790607T080000;INTERVAL=1", "2025-03-05T10:45:00", berlin, "2026-11-24T06:00:00Z", "2026-11-24T05:45:00Z", "2026-11-24T06:45:00Z"},
		{"FREQ=MINUTELY;INTERVAL=15", "2026-01-01T00:05:00", utc, "2026-01-02T00:19:00Z", "2026-01-02T00:05:00Z", "2026-01-02T00:20:00Z"},
		{"FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,FR", "2026-01-01T09:00:00", ny, "2026-01-07T00:00:00Z", "2026-01-05T14:00:00Z", "2026-01-09T14:00:00Z"},
		{"FREQ=WEEKLY;INTERVAL=2", "2026-01-01T09:00:00", utc, "2026-01-14T00:00:00Z", "2026-01-01T09:00:00Z", "2026-01-15T09:00:00Z"},
		{"FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-01T09:00:00", utc, "2026-04-15T00:00:00Z", "2026-03-31T09:00:00Z", "2026-05-31T09:00:00Z"},
		{"FREQ=MONTHLY;BYDAY=-1FR", "2026-01-01T09:00:00", utc, "2026-02-15T00:00:00Z", "2026-01-30T09:00:00Z", "2026-02-27T09:00:00Z"},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "2026-01-01T09:00:00", utc, "2026-02-15T00:00:00Z", "2026-02-02T09:00:00Z", "2026-03-02T09:00:00Z"},
		{"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-01-01T09:00:00", utc, "2026-02-15T00:00:00Z", "", "2028-02-29T09:00:00Z"},
		{"FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "2026-01-01T09:00:00", utc, "2026-01-04T00:00:00Z", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z"},
		{"FREQ=DAILY;COUNT=1;INTERVAL=1", "2026-01-01T09:00:00", utc, "2026-05-01T00:00:00Z", "2026-01-01T09:00:00Z", ""},
		{"FREQ=WEEKLY;BYDAY=MO,WE;COUNT=3", "2026-01-01T09:00:00", utc, "2026-05-01T00:00:00Z", "2026-01-12T09:00:00Z", ""},
		{"FREQ=DAILY;UNTIL=20260110", "2026-01-01T09:00:00", utc, "2026-05-01T00:00:00Z", "2026-01-10T09:00:00Z", ""},
		{"FREQ=DAILY", "2026-01-01T09:00:00", utc, "2025-05-01T00:00:00Z", "", "2026-01-01T09:00:00Z"},
		{"FREQ=DAILY;INTERVAL=1", "2026-01-01T09:00:00", "Central Standard Time (no DST)", "2026-07-01T16:00:00Z", "2026-07-01T15:00:00Z", "2026-07-02T15:00:00Z"},
	} {
		r := rule(t, c.rule, c.start, c.zone)
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		say := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.UTC().Format(time.RFC3339)
		}
		if last, next := say(r.Last(now)), say(r.Next(now)); last != c.last || next != c.next {
			t.Errorf("%s from %s (%s) at %s: last %s, next %s; want %s and %s", c.rule, c.start, c.zone, c.now, last, next, c.last, c.next)
		}
	}
}

func TestRecurrenceEvery(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"FREQ=HOURLY;INTERVAL=6": 6 * time.Hour, "FREQ=MINUTELY;INTERVAL=15": 15 * time.Minute, "FREQ=DAILY": 24 * time.Hour, "FREQ=WEEKLY;BYDAY=MO": 168 * time.Hour,
		"FREQ=WEEKLY;BYDAY=MO,TU": 0, "FREQ=MONTHLY": 0, "FREQ=DAILY;BYDAY=MO": 0,
	} {
		if got := rule(t, s, "2026-01-01T00:00:00", "UTC").Every(); got != want {
			t.Errorf("%s: %s", s, got)
		}
	}
}

func TestRulesThatAreNotKnownAreRefused(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range []string{
		"", "FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;COUNT=x", "FREQ=DAILY;BYHOUR=3", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=2MO",
		"FREQ=HOURLY;BYDAY=MO", "INTERVAL=1", "FREQ=MONTHLY;BYSETPOS=1", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY;UNTIL=soon", "every day",
	} {
		if r, err := ParseRecurrence(s, start); err == nil {
			t.Errorf("%q: %+v", s, r)
		}
	}
	if _, err := ParseRecurrence("FREQ=DAILY", time.Time{}); err == nil {
		t.Error("a rule without a start is taken")
	}
}

func TestEveryWindowsZoneIsKnownHere(t *testing.T) {
	for name := range windowsZones {
		if _, ok := WindowsZone(name); !ok {
			t.Errorf("%s: %s", name, windowsZones[name])
		}
	}
	for name, want := range map[string]bool{"Europe/Berlin": true, "UTC": true, "Mid-Atlantic Standard Time": true, "": false, "Middle Earth Standard Time": false, "../../etc/passwd": false, "Local": false} {
		if _, ok := WindowsZone(name); ok != want {
			t.Errorf("%q: %v", name, ok)
		}
	}
}

func FuzzRecurrence(f *testing.F) {
	f.Add("FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2;COUNT=40", int64(1_770_000_000), int64(1_800_000_000))
	f.Add("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20790607T080000", int64(1_770_000_000), int64(1_900_000_000))
	f.Add("FREQ=HOURLY;COUNT=9999999;INTERVAL=9999", int64(1_000_000_000), int64(4_000_000_000))
	f.Add("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYSETPOS=-1", int64(1_770_000_000), int64(1_900_000_000))
	berlin, _ := WindowsZone("W. Europe Standard Time")
	f.Fuzz(func(t *testing.T, s string, start, at int64) {
		if start < 915_148_800 || start > 7_258_118_400 || at < 0 || at > 7_258_118_400 {
			t.Skip()
		}
		r, err := ParseRecurrence(s, time.Unix(start, 0).In(berlin))
		if err != nil {
			return
		}
		now := time.Unix(at, 0)
		last, next := r.Last(now), r.Next(now)
		if last.After(now) || (!last.IsZero() && last.Before(r.start)) {
			t.Fatalf("last %s at %s, from %s", last, now, r.start)
		}
		if !next.IsZero() && (!next.After(now) || next.Before(r.start)) {
			t.Fatalf("next %s at %s, from %s", next, now, r.start)
		}
	})
}
