package web

import (
	"fmt"
	"slices"
	"time"

	"keepwatch/client"
)

const namedOnDay = 4

func sortedDays(order []string, byDay map[string]*dayView) []dayView {
	slices.Sort(order)
	out := make([]dayView, 0, len(order))
	for _, on := range order {
		d := byDay[on]
		if len(d.IDs) > namedOnDay {
			d.IDs = d.IDs[:namedOnDay]
		}
		d.More = d.Count - len(d.IDs)
		out = append(out, *d)
	}
	return out
}

// monthView is one month of the calendar: a table, so that whoever hears the page is told
// the same as whoever sees it.
type monthView struct {
	Name  string
	Total int
	Weeks [][]cellView
}

// cellView is one day; Day is 0 outside of the month.
type cellView struct {
	Day     int
	On      string
	Today   bool
	Past    bool
	Weekend bool
	Ends    int
	Tone    string
	Title   string
	Tier    string
}

// mostMonths bounds the picture.
const mostMonths = 13

// calendar lays days with ends on months, from the month of the first end that matters
// to that of the horizon.
func calendar(days []client.AheadEnd, now time.Time, within time.Duration) []monthView {
	byDay := map[string]client.AheadEnd{}
	today := now.UTC().Truncate(24 * time.Hour)
	month := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC)
	last := now.UTC().Add(within)
	for _, d := range days {
		byDay[d.On] = d
	}
	var out []monthView
	for n := 0; n < mostMonths && !month.After(last); n++ {
		out = append(out, monthOf(month, today, byDay))
		month = month.AddDate(0, 1, 0)
	}
	return out
}

func monthOf(first, today time.Time, byDay map[string]client.AheadEnd) monthView {
	m := monthView{Name: first.Format("January 2006")}
	day := first.AddDate(0, 0, -(int(first.Weekday())+6)%7) // the Monday before
	for day.Before(first.AddDate(0, 1, 0)) {
		week := make([]cellView, 7)
		for i := range week {
			if day.Month() == first.Month() {
				week[i] = cellOf(day, today, byDay[day.Format(time.DateOnly)])
				m.Total += week[i].Ends
			}
			day = day.AddDate(0, 0, 1)
		}
		m.Weeks = append(m.Weeks, week)
	}
	return m
}

func cellOf(day, today time.Time, end client.AheadEnd) cellView {
	c := cellView{
		Day: day.Day(), On: day.Format(time.DateOnly), Today: day.Equal(today), Past: day.Before(today),
		Weekend: day.Weekday() == time.Saturday || day.Weekday() == time.Sunday,
		Ends:    end.Count, Tone: end.Severity, Tier: end.Criticality,
	}
	if c.Ends > 0 {
		c.Title = fmt.Sprintf("%s on %s %s", plural(c.Ends, "end"), day.Format("2 January"), listed(end.Credentials, end.Count))
	}
	return c
}
