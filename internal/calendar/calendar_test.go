package calendar

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
)

func mustParse(t testing.TB, s Spec) *Calendar {
	t.Helper()
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOpen(t *testing.T) {
	office := Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00", Holidays: "DE", Dates: []string{"2026-12-24", "2026-12-28/2026-12-31"}}
	night := Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 22:00-06:00", Holidays: "DE"}
	for _, c := range []struct {
		name string
		spec Spec
		at   string
		want bool
	}{
		{"the first instant belongs to the window", office, "2026-11-23T08:00:00+01:00", true},
		{"the second before does not", office, "2026-11-23T07:59:59+01:00", false},
		{"the last instant does not", office, "2026-11-23T18:00:00+01:00", false},
		{"the second before it does", office, "2026-11-23T17:59:59+01:00", true},
		{"summer follows the wall clock", office, "2026-07-01T06:30:00Z", true},
		{"winter follows the wall clock", office, "2026-12-01T06:30:00Z", false},
		{"saturday", office, "2026-11-21T12:00:00+01:00", false},
		{"a public holiday on a weekday", office, "2026-12-25T12:00:00+01:00", false},
		{"a movable holiday (Easter Monday)", office, "2026-04-06T12:00:00+02:00", false},
		{"an own date", office, "2026-12-24T12:00:00+01:00", false},
		{"a range of own dates, last day", office, "2026-12-31T12:00:00+01:00", false},
		{"the day after the range and the holiday", office, "2027-01-04T12:00:00+01:00", true},
		{"a night belongs to the day it begins on", night, "2026-11-28T05:59:00+01:00", true},
		{"no night begins on Saturday", night, "2026-11-28T23:00:00+01:00", false},
		{"the night before a holiday runs to its end", night, "2026-12-25T05:00:00+01:00", true},
		{"no night begins on a holiday", night, "2026-12-25T23:00:00+01:00", false},
		{"defaults: weekdays from eight to six in UTC", Spec{}, "2026-11-23T08:00:00Z", true},
		{"defaults: closed at night", Spec{}, "2026-11-23T18:00:00Z", false},
		{"24:00 reaches midnight", Spec{Hours: "sun 20:00-24:00"}, "2026-11-22T23:59:59Z", true},
		{"24:00 ends at midnight", Spec{Hours: "sun 20:00-24:00"}, "2026-11-23T00:00:00Z", false},
		{"several holiday lists", Spec{Hours: "always", Holidays: "DE-BY, US"}, "2026-07-03T12:00:00Z", false},
		{"a holiday in Bavaria", Spec{Hours: "always", Holidays: "DE-BY"}, "2026-01-06T12:00:00Z", false},
		{"that is none in Berlin", Spec{Hours: "always", Holidays: "DE-BE"}, "2026-01-06T12:00:00Z", true},
		{"observed in the year before (New Year 2028 is a Saturday)", Spec{Hours: "always", Holidays: "US"}, "2027-12-31T12:00:00Z", false},
		{"before 1970", Spec{Hours: "mon 08:00-18:00"}, "1969-07-21T12:00:00Z", true},
	} {
		if got := mustParse(t, c.spec).Open(instant(t, c.at)); got != c.want {
			t.Errorf("%s: open at %s = %v, want %v", c.name, c.at, got, c.want)
		}
	}
	if !(*Calendar)(nil).Open(time.Time{}) {
		t.Error("no calendar is always open")
	}
}

func TestNextChange(t *testing.T) {
	office := mustParse(t, Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00", Holidays: "DE"})
	for _, c := range [][2]string{
		{"2026-11-23T12:00:00+01:00", "2026-11-23T17:00:00Z"},
		{"2026-11-23T18:00:00+01:00", "2026-11-24T07:00:00Z"},
		{"2026-12-24T18:00:00+01:00", "2026-12-28T07:00:00Z"}, // over Christmas and a weekend
		{"2026-03-27T18:00:00+01:00", "2026-03-30T06:00:00Z"}, // the clocks go forward on the Sunday between
	} {
		if got := office.NextChange(instant(t, c[0])).Format(time.RFC3339); got != c[1] {
			t.Errorf("next change after %s is %s, want %s", c[0], got, c[1])
		}
	}
	for name, c := range map[string]*Calendar{"nil": nil, "always": mustParse(t, Spec{Hours: "always"})} {
		if got := c.NextChange(instant(t, "2026-11-23T12:00:00Z")); !got.IsZero() {
			t.Errorf("%s: next change is %s, want none", name, got)
		}
	}
	once := mustParse(t, Spec{Hours: "always", Dates: []string{"2031-05-04"}})
	if got := once.NextChange(instant(t, "2026-11-23T12:00:00Z")); !got.Equal(instant(t, "2031-05-04T00:00:00Z")) {
		t.Errorf("an own date years ahead: %s", got)
	}
	if got := once.NextChange(instant(t, "2031-05-05T00:00:00Z")); !got.IsZero() {
		t.Errorf("after the last own date: %s, want none", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		says string
	}{
		"an unknown zone":          {Spec{Timezone: "Europe/Berln"}, "Europe/Berln"},
		"the machine's own zone":   {Spec{Timezone: "Local"}, "Local"},
		"hours":                    {Spec{Hours: "whenever"}, "whenever"},
		"an unknown country":       {Spec{Holidays: "XX"}, `"XX"`},
		"an unknown region":        {Spec{Holidays: "DE, DE-XX"}, `"DE-XX"`},
		"a date":                   {Spec{Dates: []string{"24.12.2026"}}, "24.12.2026"},
		"a day that is none":       {Spec{Dates: []string{"2026-02-30"}}, "2026-02-30"},
		"a range backwards":        {Spec{Dates: []string{"2026-12-31/2026-12-24"}}, "before it begins"},
		"a range of years":         {Spec{Dates: []string{"2026-12-24/2062-12-31"}}, "longer than a year"},
		"an ICS file that is none": {Spec{ICS: []byte("<html>")}, "ICS file"},
	} {
		_, err := Parse(c.spec)
		if !errors.Is(err, keepwatch.ErrInvalid) || !strings.Contains(err.Error(), c.says) || keepwatch.HintOf(err) == "" {
			t.Errorf("%s: error %v, hint %q", name, err, keepwatch.HintOf(err))
		}
	}
	_, err := Parse(Spec{Holidays: "XX"})
	if hint := keepwatch.HintOf(err); !strings.Contains(hint, "DE-BY") || !strings.Contains(hint, "US") {
		t.Errorf("the hint %q does not list what is allowed", hint)
	}
}

// Every list of the library must work for every year of the plan: a formula that
// panics or loops would take the schedule down on New Year's Eve.
func TestHolidayLists(t *testing.T) {
	codes := HolidayCodes()
	if len(codes) < 80 {
		t.Fatalf("only %d codes", len(codes))
	}
	for _, code := range codes {
		c := mustParse(t, Spec{Hours: "daily 12:00-13:00", Holidays: code})
		for year := 2025; year <= 2035; year++ {
			shut := 0
			for d := dayOf(year, 1, 1); d < dayOf(year+1, 1, 1); d++ {
				if !c.Open(time.Unix(int64(d)*daySeconds+12*3600, 0)) {
					shut++
				}
			}
			if shut < 4 || shut > 40 {
				t.Errorf("%s closes %d days in %d", code, shut, year)
			}
		}
	}
}

// The readers of a calendar are every claim and every page at once.
func TestConcurrentUse(t *testing.T) {
	c := mustParse(t, Spec{Timezone: "Europe/Berlin", Holidays: "DE"})
	cadence := Cadence{c, 14 * time.Minute, time.Hour}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			from := instant(t, "2026-01-01T00:00:00Z")
			for i := range 300 {
				from = from.AddDate(0, 0, 11)
				if next := cadence.Next(from, uint16(g*i)); !next.After(from) {
					t.Errorf("%s is not after %s", next, from)
				}
			}
		})
	}
	wg.Wait()
}
