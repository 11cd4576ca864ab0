package calendar

import (
	"fmt"
	"strings"
	"time"

	"github.com/rickar/cal/v2"

	"keepwatch"
)

// closure is the days without business hours. A closed day has no window that
// opens on it; a window of the day before that runs past midnight runs on.
type closure struct {
	days     map[civilDay]bool // own dates and ICS
	holidays []*cal.Holiday
}

func newClosure(s Spec, loc *time.Location) (closure, error) {
	c := closure{days: map[civilDay]bool{}}
	holidays, err := holidaysOf(s.Holidays)
	if err != nil {
		return c, err
	}
	if c.holidays = holidays; len(holidays) > 0 {
		pinLibraryZone()
	}
	for _, text := range s.Dates {
		first, last, err := parseDates(text)
		if err != nil {
			return c, err
		}
		c.add(first, last)
	}
	if len(s.ICS) > 0 {
		events, err := readICS(s.ICS, loc)
		if err != nil {
			return c, err
		}
		for _, e := range events {
			c.add(e.first, e.last)
		}
	}
	return c, nil
}

func (c closure) add(first, last civilDay) {
	for d := first; d <= last; d++ {
		c.days[d] = true
	}
}

func (c closure) empty() bool { return len(c.days) == 0 && len(c.holidays) == 0 }

// between prepares the answer for a range of days.
func (c closure) between(first, last civilDay) func(civilDay) bool {
	shut := map[civilDay]bool{}
	holidaysBetween(c.holidays, first, last, shut)
	return func(d civilDay) bool { return shut[d] || c.days[d] }
}

// maxRange is the longest run of own closed days: a longer one is a typing error
// in the year.
const maxRange = 366

// parseDates reads "2026-12-24" or "2026-12-24/2026-12-31".
func parseDates(s string) (first, last civilDay, err error) {
	fail := func(what string) (civilDay, civilDay, error) {
		return 0, 0, fmt.Errorf("date %q %s: %w", s, what, keepwatch.WithHint(keepwatch.ErrInvalid,
			"write it like 2026-12-24, or 2026-12-24/2026-12-31 for a range of at most a year"))
	}
	from, to, isRange := strings.Cut(s, "/")
	if !isRange {
		to = from
	}
	a, err1 := time.Parse(time.DateOnly, strings.TrimSpace(from))
	b, err2 := time.Parse(time.DateOnly, strings.TrimSpace(to))
	if err1 != nil || err2 != nil {
		return fail("is not a date")
	}
	first, last = dayOf(a.Date()), dayOf(b.Date())
	switch {
	case last < first:
		return fail("ends before it begins")
	case last-first >= maxRange:
		return fail("is longer than a year")
	}
	return first, last, nil
}
