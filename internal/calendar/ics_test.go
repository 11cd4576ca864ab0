package calendar

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func icsFile(events ...string) []byte {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n")
	for i, e := range events {
		fmt.Fprintf(&b, "BEGIN:VEVENT\r\nUID:%d\r\nDTSTAMP:20260101T000000Z\r\n%s\r\nEND:VEVENT\r\n", i, strings.ReplaceAll(e, "\n", "\r\n"))
	}
	b.WriteString("END:VCALENDAR\r\n")
	return []byte(b.String())
}

func closedDays(t testing.TB, data []byte, zone string) []string {
	t.Helper()
	c := mustParse(t, Spec{Timezone: zone, Hours: "always", ICS: data})
	var out []string
	for d := range c.closed.days {
		out = append(out, d.String())
	}
	slices.Sort(out)
	return out
}

func TestICSClosesTheDaysThatEventsTouch(t *testing.T) {
	for _, c := range []struct {
		name, event, zone string
		want              string
	}{
		{"all day", "DTSTART;VALUE=DATE:20261224", "Europe/Berlin", "2026-12-24"},
		{"all day without VALUE", "DTSTART:20261224", "", "2026-12-24"},
		{"several days, exclusive end", "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227", "", "2026-12-24 2026-12-25 2026-12-26"},
		{"all day ending on the same day", "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261224", "", "2026-12-24"},
		{"duration", "DTSTART;VALUE=DATE:20261224\nDURATION:P2D", "", "2026-12-24 2026-12-25"},
		{"timed, in UTC", "DTSTART:20261224T100000Z\nDTEND:20261224T110000Z", "", "2026-12-24"},
		{"timed, on another day here", "DTSTART:20261224T230000Z\nDTEND:20261224T233000Z", "Asia/Tokyo", "2026-12-25"},
		{"timed, over midnight here", "DTSTART:20261224T220000Z\nDTEND:20261225T003000Z", "Europe/Berlin", "2026-12-24 2026-12-25"},
		{"timed, ending at midnight", "DTSTART:20261224T220000\nDTEND:20261225T000000", "Europe/Berlin", "2026-12-24"},
		{"timed, without end", "DTSTART:20261224T220000", "Europe/Berlin", "2026-12-24"},
		{"another zone", "DTSTART;TZID=America/New_York:20261224T200000\nDTEND;TZID=America/New_York:20261224T210000", "Europe/Berlin", "2026-12-25"},
		{"a zone of Outlook's", "DTSTART;TZID=W. Europe Standard Time:20261224T100000\nDURATION:PT1H", "Europe/Berlin", "2026-12-24"},
		{"cancelled", "STATUS:CANCELLED\nDTSTART;VALUE=DATE:20261224", "", ""},
		{"marked free, as holiday calendars are", "TRANSP:TRANSPARENT\nDTSTART;VALUE=DATE:20261224", "", "2026-12-24"},
		{"yearly, counted", "DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=YEARLY;COUNT=3", "", "2026-12-24 2027-12-24 2028-12-24"},
		{"yearly, until", "DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=YEARLY;UNTIL=20281223;BYMONTH=12;BYMONTHDAY=24", "", "2026-12-24 2027-12-24"},
		{"leap day", "DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;COUNT=3", "", "2024-02-29 2028-02-29 2032-02-29"},
		{"weekly", "DTSTART;VALUE=DATE:20261204\nRRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=2;BYDAY=FR", "", "2026-12-04 2026-12-18"},
		{"daily", "DTSTART;VALUE=DATE:20261230\nRRULE:FREQ=DAILY;COUNT=3", "", "2026-12-30 2026-12-31 2027-01-01"},
		{"exceptions and further dates", "DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE;VALUE=DATE:20271224\nRDATE;VALUE=DATE:20270101,20270106", "", "2026-12-24 2027-01-01 2027-01-06 2028-12-24"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(closedDays(t, icsFile(c.event), c.zone), " "); got != c.want {
				t.Errorf("closed %q, want %q", got, c.want)
			}
		})
	}
}

func TestICSWithoutEndReachesTheHorizon(t *testing.T) {
	days := closedDays(t, icsFile("DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=YEARLY"), "")
	if len(days) != 2099-2026+1 || days[len(days)-1] != "2099-12-24" {
		t.Errorf("%d days, last %s", len(days), days[len(days)-1])
	}
}

func TestICSRefuses(t *testing.T) {
	for name, event := range map[string]string{
		"no start":                "SUMMARY:Offsite",
		"no date":                 "DTSTART:tomorrow",
		"an end before the start": "DTSTART:20261224T100000Z\nDTEND:20261224T090000Z",
		"a mixed end":             "DTSTART;VALUE=DATE:20261224\nDTEND:20261224T090000Z",
		"a long event":            "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20361224",
		"a long duration":         "DTSTART;VALUE=DATE:20261224\nDURATION:P999999999W",
		"a broken duration":       "DTSTART;VALUE=DATE:20261224\nDURATION:2 days",
		"a monthly rule":          "DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=MONTHLY",
		"the fourth Thursday":     "DTSTART;VALUE=DATE:20261126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
		"every Monday of years":   "DTSTART;VALUE=DATE:20261123\nRRULE:FREQ=YEARLY;BYDAY=MO",
		"the first of any month":  "DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;BYMONTHDAY=1",
		"a rule without FREQ":     "DTSTART;VALUE=DATE:20261224\nRRULE:COUNT=3",
		"too many days":           "DTSTART;VALUE=DATE:16000101\nRRULE:FREQ=DAILY;COUNT=100000\nDURATION:P3D",
	} {
		if _, err := Parse(Spec{ICS: icsFile(event)}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Parse(Spec{ICS: make([]byte, maxICSBytes+1)}); err == nil {
		t.Error("a file of more than 4 MiB: accepted")
	}
}

func TestICSFileOfAnotherProgram(t *testing.T) {
	data, err := os.ReadFile("testdata/holidays.ics")
	if err != nil {
		t.Fatal(err)
	}
	want := "2026-12-24 2026-12-31 2027-01-06"
	if got := strings.Join(closedDays(t, data, "Europe/Berlin"), " "); got != want {
		t.Errorf("closed %q, want %q", got, want)
	}
}

// What is read, printed as plain all-day events, is read to the same days.
func FuzzReadICS(f *testing.F) {
	f.Add(icsFile("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227"))
	f.Add(icsFile("DTSTART;TZID=Europe/Berlin:20261224T100000\nDURATION:PT2H\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE:20271224"))
	f.Add(icsFile("SUMMARY:folded\n  line\nDTSTART:20261224T100000Z\nDTEND:20261225T100000Z", "DTSTART:20260101\nRRULE:FREQ=WEEKLY;UNTIL=20260301"))
	f.Add([]byte("BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nBEGIN:STANDARD\nEND:STANDARD\nEND:VTIMEZONE\nEND:VCALENDAR"))
	f.Fuzz(func(t *testing.T, data []byte) {
		runs, err := readICS(data, time.UTC)
		if err != nil {
			return
		}
		var events []string
		for _, r := range runs {
			if year, _, _ := r.first.date(); year < 1 || year > 9998 {
				return // four digits is all the format has
			}
			events = append(events, fmt.Sprintf("DTSTART;VALUE=DATE:%s\nDTEND;VALUE=DATE:%s",
				strings.ReplaceAll(r.first.String(), "-", ""), strings.ReplaceAll((r.last+1).String(), "-", "")))
		}
		again, err := readICS(icsFile(events...), time.UTC)
		if err != nil {
			t.Fatalf("printed days do not parse: %v", err)
		}
		if !slices.Equal(runs, again) {
			t.Fatalf("days %v, after printing %v", runs, again)
		}
	})
}
