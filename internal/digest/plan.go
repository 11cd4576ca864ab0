package digest

import (
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// Plan says when the digests of a week are written.
type Plan struct {
	Off   bool
	Day   int                // 1 is Monday, 7 is Sunday; 0 is the first working day of the week
	At    time.Duration      // time of the day
	Hours *calendar.Calendar // its zone, and what a working day is
}

// DefaultAt is nine o'clock: people are there to read it.
const DefaultAt = 9 * time.Hour

const (
	// lateAtMost is how late a digest may be. After a longer standstill the next one
	// is near, and both would say the same.
	lateAtMost = 3 * 24 * time.Hour
	daysOfWeek = 7
)

// Due is the newest week, by its Monday, whose digests should have been written by
// now, and whether they should be written now: last, the week that was written last,
// lies before it. Weeks that were missed are not made up for.
//
// A last that lies more than a week ahead is that of a clock which was wrong; it is
// not believed, or there would be no digest until then.
func (p Plan) Due(last keepwatch.Date, now time.Time) (week keepwatch.Date, due bool) {
	week = mondayOf(keepwatch.DayOf(now, p.zone()))
	slot := p.slot(week)
	if slot.After(now) {
		week = week.AddDays(-daysOfWeek)
		slot = p.slot(week)
	}
	written := !last.Before(week) && week.Until(last) <= daysOfWeek
	return week, !p.Off && !written && now.Sub(slot) <= lateAtMost
}

func (p Plan) zone() *time.Location { return p.Hours.Location() }

// slot is when the digests of a week are written.
func (p Plan) slot(monday keepwatch.Date) time.Time {
	y, m, d := p.day(monday).In(time.UTC).Date()
	return time.Date(y, m, d, int(p.At/time.Hour), int(p.At%time.Hour/time.Minute), 0, 0, p.zone())
}

// day is that day of a week. A week without a working day is written to on its
// Monday: what ends does so on holidays, too.
func (p Plan) day(monday keepwatch.Date) keepwatch.Date {
	if p.Day > 0 {
		return monday.AddDays(p.Day - 1)
	}
	for i := range daysOfWeek {
		day := monday.AddDays(i)
		if works(p.Hours, day.In(p.zone()), day.AddDays(1).In(p.zone())) {
			return day
		}
	}
	return monday
}

func mondayOf(day keepwatch.Date) keepwatch.Date {
	return day.AddDays(-(int(day.In(time.UTC).Weekday()) + 6) % daysOfWeek)
}

// works reports whether the calendar is open at some time of a day.
func works(hours *calendar.Calendar, from, to time.Time) bool {
	if hours.Open(from) {
		return true
	}
	change := hours.NextChange(from)
	return !change.IsZero() && change.Before(to)
}
