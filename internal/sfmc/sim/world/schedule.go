package world

import (
	"strconv"
	"strings"
	"time"
)

// timetable is a Schedule that was read once.
type timetable struct {
	zone      *time.Location
	period    minute // of MINUTELY and HOURLY; 0 otherwise
	interval  int
	weekdays  [7]bool // Sunday first; used when weekly
	weekly    bool
	monthdays []int // used when monthly
	monthly   bool
	at        minute // of the local day

	from, next minute // the newest answer
	known      bool
}

// dayZero is what intervals of days and weeks are counted from: a Monday.
var dayZero = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func (s Schedule) zero() bool { return s == Schedule{} }

func (s Schedule) read(zone *time.Location) (*timetable, error) {
	t := &timetable{zone: time.UTC, interval: 1}
	if zone != nil {
		t.zone = zone
	}
	own, err := location(s.Zone, t.zone)
	if err != nil {
		return nil, err
	}
	t.zone = own
	if s.At != "" {
		at, err := time.Parse("15:04", s.At)
		if err != nil {
			return nil, invalid("at %q is not like 06:00", s.At)
		}
		t.at = minute(at.Hour()*60 + at.Minute())
	}
	freq := "DAILY"
	for part := range strings.SplitSeq(s.Rule, ";") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "":
		case "FREQ":
			freq = value
		case "INTERVAL":
			if t.interval, err = strconv.Atoi(value); err != nil || t.interval < 1 || t.interval > 1440 {
				return nil, invalid("rule: INTERVAL %q", value)
			}
		case "BYDAY":
			if err := t.byDay(value); err != nil {
				return nil, err
			}
		case "BYMONTHDAY":
			for d := range strings.SplitSeq(value, ",") {
				n, err := strconv.Atoi(d)
				if err != nil || n < 1 || n > 28 {
					return nil, invalid("rule: BYMONTHDAY %q is not between 1 and 28", d)
				}
				t.monthdays = append(t.monthdays, n)
			}
		default:
			return nil, invalid("rule: %q is not simulated", key)
		}
	}
	return t, t.frequency(freq)
}

func (t *timetable) frequency(freq string) error {
	switch freq {
	case "MINUTELY":
		t.period = minute(t.interval)
	case "HOURLY":
		t.period = minute(t.interval) * hour
	case "DAILY":
	case "WEEKLY":
		if t.weekly = true; t.weekdays == [7]bool{} {
			t.weekdays[time.Monday] = true
		}
	case "MONTHLY":
		if t.monthly = true; t.monthdays == nil {
			t.monthdays = []int{1}
		}
	default:
		return invalid("rule: FREQ %q is not simulated", freq)
	}
	return nil
}

func (t *timetable) byDay(value string) error {
	names := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}
	for d := range strings.SplitSeq(value, ",") {
		found := false
		for i, name := range names {
			if d == name {
				t.weekdays[i], found = true, true
			}
		}
		if !found {
			return invalid("rule: BYDAY %q", d)
		}
	}
	return nil
}

// after is the first planned instant behind m.
func (t *timetable) after(m minute) minute {
	if t.known && m >= t.from && m < t.next {
		return t.next
	}
	t.from, t.next, t.known = m, t.search(m), true
	return t.next
}

func (t *timetable) search(m minute) minute {
	local := m.time().In(t.zone)
	for i := range 800 { // two months in which an interval and a weekday never meet end here, too
		y, mo, d := local.AddDate(0, 0, i).Date()
		if !t.runsOn(y, mo, d) {
			continue
		}
		first := minuteOf(time.Date(y, mo, d, int(t.at/hour), int(t.at%hour), 0, 0, t.zone))
		if first > m {
			return first
		}
		if t.period == 0 {
			continue
		}
		next := first + ((m-first)/t.period+1)*t.period
		if next < minuteOf(time.Date(y, mo, d+1, 0, 0, 0, 0, t.zone)) {
			return next
		}
	}
	return m + 800*day
}

func (t *timetable) runsOn(y int, mo time.Month, d int) bool {
	date := time.Date(y, mo, d, 0, 0, 0, 0, time.UTC)
	days := int(date.Sub(dayZero) / (24 * time.Hour))
	switch {
	case t.period > 0:
		return true
	case t.weekly:
		return t.weekdays[date.Weekday()] && days/7%t.interval == 0
	case t.monthly:
		for _, want := range t.monthdays {
			if d == want && (y*12+int(mo))%t.interval == 0 {
				return true
			}
		}
		return false
	}
	return days%t.interval == 0
}
