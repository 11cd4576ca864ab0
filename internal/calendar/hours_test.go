package calendar

import (
	"errors"
	"strings"
	"testing"

	"keepwatch"
)

func TestParseHours(t *testing.T) {
	for in, want := range map[string]string{
		"mon-fri 08:00-18:00":                             "mon-fri 08:00-18:00",
		"mon-fri 08:00-18:00; sat 09:00-12:00":            "mon-fri 08:00-18:00; sat 09:00-12:00",
		"daily 00:00-24:00":                               "always",
		"always":                                          "always",
		"22:00-06:00":                                     "daily 22:00-06:00",
		" Mon - Fri  8:00 - 12:00 , 13:00-18:00 ; ":       "mon-fri 08:00-12:00,13:00-18:00",
		"sat-mon 10:00-24:00":                             "mon,sat,sun 10:00-24:00",
		"fri 18:00-00:00":                                 "fri 18:00-24:00",
		"tue,wed 00:00-00:30":                             "tue,wed 00:00-00:30",
		"mon,wed,fri 9:15-17:45":                          "mon,wed,fri 09:15-17:45",
		"mon-sun 01:00-02:00":                             "daily 01:00-02:00",
		"always; mon 08:00-09:00":                         "daily 00:00-24:00; mon 08:00-09:00",
		"mon 08:00-09:00; mon 10:00-11:00; tue 1:00-2:00": "mon 08:00-09:00,10:00-11:00; tue 01:00-02:00",
	} {
		h, err := ParseHours(in)
		if err != nil {
			t.Errorf("ParseHours(%q): %v", in, err)
			continue
		}
		if got := h.String(); got != want {
			t.Errorf("ParseHours(%q) prints %q, want %q", in, got, want)
		}
	}
}

func TestParseHoursRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ; ", "mon-fri", "08:00", "08:00-", "-08:00", "mon 8-18", "mon 08:00-25:00", "mon 24:00-06:00",
		"mon 08:60-09:00", "mon 08:00-08:00", "mon 00:00-00:00", "moon 08:00-18:00", "mon-fry 08:00-18:00",
		"mon-fri 08:00-18:00 sat 09:00-12:00", "mon-,fri 08:00-18:00", "mon--fri 08:00-18:00", "always 08:00-09:00",
		"mon 08:00-18:00,", "mon +8:00-18:00", "mon 008:00-18:00", "mon 08:0-18:00",
	} {
		h, err := ParseHours(in)
		if err == nil {
			t.Errorf("ParseHours(%q) = %q, want an error", in, h)
			continue
		}
		if !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("ParseHours(%q): %v is no ErrInvalid with a hint", in, err)
		}
	}
}

func FuzzParseHours(f *testing.F) {
	for _, seed := range []string{
		"mon-fri 08:00-18:00; sat 09:00-12:00", "daily 00:00-24:00", "always", "22:00-06:00", "sat-mon 1:00-2:00,3:00-2:00", "mon-", ";", "mon 24:00-00:00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHours(s)
		if err != nil {
			return
		}
		printed := h.String()
		again, err := ParseHours(printed)
		if err != nil {
			t.Fatalf("%q prints %q, which does not parse: %v", s, printed, err)
		}
		if again.String() != printed {
			t.Fatalf("%q prints %q, then %q", s, printed, again)
		}
		if len(h.windows) != len(again.windows) {
			t.Fatalf("%q has %d windows, %q has %d", s, len(h.windows), printed, len(again.windows))
		}
		for i := range h.windows {
			if h.windows[i] != again.windows[i] {
				t.Fatalf("%q and %q differ in window %d", s, printed, i)
			}
		}
		if strings.ToLower(printed) != printed {
			t.Fatalf("%q prints %q, which is not lower case", s, printed)
		}
	})
}
