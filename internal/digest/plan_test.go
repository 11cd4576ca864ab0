package digest_test

import (
	"fmt"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/digest"
)

func hours(t testing.TB, zone, open, dates string) *calendar.Calendar {
	t.Helper()
	spec := calendar.Spec{Name: "office", Timezone: zone, Hours: open}
	if dates != "" {
		spec.Dates = []string{dates}
	}
	c, err := calendar.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(t testing.TB, s string) keepwatch.Date {
	t.Helper()
	if s == "" {
		return keepwatch.Date{}
	}
	d, err := keepwatch.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDue(t *testing.T) {
	office := digest.Plan{At: digest.DefaultAt, Hours: hours(t, "Europe/Berlin", "", "2026-12-28/2026-12-29")}
	on := func(p digest.Plan, d int) digest.Plan { p.Day = d; return p }
	friday := on(office, 5)
	never := office
	never.Off = true
	closed := digest.Plan{At: digest.DefaultAt, Hours: hours(t, "", "", "2026-11-01/2027-01-31")}
	weekend := digest.Plan{At: 30 * time.Minute, Hours: hours(t, "Asia/Kolkata", "sat-sun 10:00-12:00", "")}
	night := digest.Plan{At: 2*time.Hour + 30*time.Minute, Day: 7, Hours: hours(t, "Europe/Berlin", "", "")}
	for _, tt := range []struct {
		name      string
		plan      digest.Plan
		last, now string
		week      string
		due       bool
	}{
		{"a second before", office, "2026-11-16", "2026-11-23T08:59:59+01:00", "2026-11-16", false},
		{"on time", office, "2026-11-16", "2026-11-23T09:00:00+01:00", "2026-11-23", true},
		{"done", office, "2026-11-23", "2026-11-23T09:00:01+01:00", "2026-11-23", false},
		{"done, days later", office, "2026-11-23", "2026-11-29T23:59:59+01:00", "2026-11-23", false},
		{"hours late", office, "2026-11-16", "2026-11-24T03:00:00+01:00", "2026-11-23", true},
		{"as late as may be", office, "2026-11-16", "2026-11-26T09:00:00+01:00", "2026-11-23", true},
		{"too late", office, "2026-11-16", "2026-11-26T09:00:01+01:00", "2026-11-23", false},
		{"weeks were missed", office, "2026-10-05", "2026-11-23T12:00:00+01:00", "2026-11-23", true},
		{"never before", office, "", "2026-11-23T12:00:00+01:00", "2026-11-23", true},
		{"another node's clock is ahead", office, "2026-11-23", "2026-11-23T08:59:58+01:00", "2026-11-16", false},
		{"a clock was wrong for a while", office, "2040-01-02", "2026-11-23T12:00:00+01:00", "2026-11-23", true},
		{"off", never, "2026-11-16", "2026-11-23T12:00:00+01:00", "2026-11-23", false},

		{"a holiday on Monday and Tuesday", office, "2026-12-21", "2026-12-29T23:00:00+01:00", "2026-12-21", false},
		{"the first working day", office, "2026-12-21", "2026-12-30T09:00:00+01:00", "2026-12-28", true},
		{"a week without one", closed, "2026-12-07", "2026-12-14T09:00:00Z", "2026-12-14", true},
		{"a week that works at its end", weekend, "2026-11-09", "2026-11-21T00:29:59+05:30", "2026-11-09", false},
		{"its first hours", weekend, "2026-11-09", "2026-11-21T00:30:00+05:30", "2026-11-16", true},
		{"a fixed day", friday, "2026-11-16", "2026-11-27T08:59:59+01:00", "2026-11-16", false},
		{"a fixed day, on time", friday, "2026-11-16", "2026-11-27T09:00:00+01:00", "2026-11-23", true},
		{"a fixed day on a holiday", on(office, 1), "2026-12-21", "2026-12-28T09:00:00+01:00", "2026-12-28", true},

		{"the clocks go forward", office, "2026-03-16", "2026-03-30T08:59:59+02:00", "2026-03-23", false},
		{"after it", office, "2026-03-23", "2026-03-30T07:00:00Z", "2026-03-30", true},
		{"the clocks go back", office, "2026-10-19", "2026-10-26T07:59:59Z", "2026-10-19", false},
		{"after that", office, "2026-10-19", "2026-10-26T08:00:00Z", "2026-10-26", true},
		{"a time that does not exist", night, "2026-03-16", "2026-03-29T01:30:00Z", "2026-03-23", true},
		{"a time that comes twice", night, "2026-10-12", "2026-10-25T01:30:00Z", "2026-10-19", true},

		{"Monday is Sunday elsewhere", digest.Plan{At: digest.DefaultAt, Hours: hours(t, "Pacific/Auckland", "", "")}, "2026-11-16", "2026-11-22T20:00:00Z", "2026-11-23", true},
		{"and in the west", digest.Plan{At: digest.DefaultAt, Hours: hours(t, "Pacific/Honolulu", "", "")}, "2026-11-16", "2026-11-23T18:59:59Z", "2026-11-16", false},
		{"without a calendar", digest.Plan{At: digest.DefaultAt, Day: 1}, "2026-11-16", "2026-11-23T09:00:00Z", "2026-11-23", true},
	} {
		week, due := tt.plan.Due(day(t, tt.last), instant(t, tt.now))
		if week != day(t, tt.week) || due != tt.due {
			t.Errorf("%s: %v, %v; want %s, %v", tt.name, week, due, tt.week, tt.due)
		}
	}
}

// Over three years in many zones: one digest a week, at its hour, whatever the
// clocks do, and as often as somebody asks.
func TestDueOnceAWeek(t *testing.T) {
	const step = 15 * time.Minute
	from, to := instant(t, "2026-01-05T00:00:00Z"), instant(t, "2029-01-01T00:00:00Z")
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati", "Africa/Casablanca", "America/Santiago"} {
		for _, d := range []int{0, 1, 3, 7} {
			t.Run(fmt.Sprintf("%s %d", zone, d), func(t *testing.T) {
				t.Parallel()
				p := digest.Plan{Day: d, At: digest.DefaultAt, Hours: hours(t, zone, "", "")}
				last, _ := p.Due(keepwatch.Date{}, from)
				n := 0
				for now := from; now.Before(to); now = now.Add(step) {
					week, due := p.Due(last, now)
					if !due {
						continue
					}
					local := now.In(p.Hours.Location())
					if want := max(d, 1) % 7; int(local.Weekday()) != want || local.Hour() != 9 || local.Minute() != 0 {
						t.Errorf("written at %v", local)
					}
					if gap := last.Until(week); gap != 7 {
						t.Errorf("%d days from %v to %v", gap, last, week)
					}
					last, n = week, n+1
				}
				if n < 155 || n > 156 {
					t.Errorf("%d digests in 156 weeks", n)
				}
			})
		}
	}
}
