package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Day is a closed day.
type Day struct {
	Date string // 2026-12-25
	Name string // of the holiday; "" of an own date
}

// aheadDays bounds the search for closed days.
const aheadDays = 400

// ClosedAhead are the next closed days from an instant on, at most so many of them.
func (c *Calendar) ClosedAhead(from time.Time, most int) []Day {
	out := []Day{}
	if c == nil || c.closed.empty() {
		return out
	}
	first := dayOf(from.In(c.loc).Date())
	names := c.closed.names(first, first+aheadDays)
	shut := c.closed.between(first, first+aheadDays)
	for d := first; d < first+aheadDays && len(out) < most; d++ {
		if shut(d) {
			out = append(out, Day{Date: d.String(), Name: names[d]})
		}
	}
	return out
}

// names are what the holidays of a range of days are called.
func (c closure) names(first, last civilDay) map[civilDay]string {
	names := map[civilDay]string{}
	fromYear, _, _ := first.date()
	toYear, _, _ := last.date()
	for year := max(fromYear-1, firstHolidayYear); year <= min(toYear+1, lastHolidayYear); year++ {
		for _, h := range c.holidays {
			actual, observed := h.Calc(year)
			if !observed.IsZero() {
				names[dayOf(observed.Date())] = h.Name + ", observed"
			}
			if !actual.IsZero() {
				names[dayOf(actual.Date())] = h.Name
			}
		}
	}
	return names
}

var longDays = map[string]string{"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday", "daily": "every day"}

// Words are the hours as people say them: "Monday to Friday, 08:00 to 18:00".
func (h Hours) Words() string {
	if h.String() == "always" {
		return "around the clock"
	}
	var out []string
	for rule := range strings.SplitSeq(h.String(), "; ") {
		days, times, _ := strings.Cut(rule, " ")
		var named []string
		for run := range strings.SplitSeq(days, ",") {
			from, to, some := strings.Cut(run, "-")
			if some {
				named = append(named, fmt.Sprintf("%s to %s", longDays[from], longDays[to]))
			} else {
				named = append(named, longDays[from])
			}
		}
		spans := strings.Split(strings.ReplaceAll(times, "-", " to "), ",")
		out = append(out, strings.Join(named, ", ")+", "+strings.Join(spans, " and "))
	}
	return strings.Join(out, "; ")
}
