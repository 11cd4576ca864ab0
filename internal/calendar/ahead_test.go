package calendar

import (
	"testing"
	"time"
)

func TestHoursInWords(t *testing.T) {
	for hours, want := range map[string]string{
		"mon-fri 08:00-18:00":                  "Monday to Friday, 08:00 to 18:00",
		"mon,wed 08:00-12:00,13:00-18:00":      "Monday, Wednesday, 08:00 to 12:00 and 13:00 to 18:00",
		"daily 22:00-06:00":                    "every day, 22:00 to 06:00",
		"always":                               "around the clock",
		"mon-fri 08:00-18:00; sat 09:00-12:00": "Monday to Friday, 08:00 to 18:00; Saturday, 09:00 to 12:00",
	} {
		h, err := ParseHours(hours)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", hours, err)
			}
			continue
		}
		if got := h.Words(); want != "" && got != want {
			t.Errorf("%s is said as %q, want %q", hours, got, want)
		}
	}
}

func TestClosedAheadNamesHolidaysAndOwnDates(t *testing.T) {
	c, err := Parse(Spec{Timezone: "Europe/Berlin", Holidays: "DE", Dates: []string{"2026-12-24"}})
	if err != nil {
		t.Fatal(err)
	}
	got := c.ClosedAhead(time.Date(2026, 12, 23, 23, 30, 0, 0, time.UTC), 3) // the 24th in Berlin
	if len(got) != 3 || got[0] != (Day{"2026-12-24", ""}) || got[1].Date != "2026-12-25" || got[1].Name == "" || got[2].Date != "2026-12-26" {
		t.Errorf("%+v", got)
	}
	if open := (*Calendar)(nil).ClosedAhead(time.Now(), 3); len(open) != 0 {
		t.Errorf("%+v", open)
	}
}
