package sfmc

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Recurrence is when something is planned to run: a start and the rule of its
// repetition, as SFMC writes it (iCalRecur). Days, weeks and months are counted on the
// zone's clock; hours and minutes pass evenly.
type Recurrence struct {
	start    time.Time // in its zone
	freq     string
	interval int
	count    int       // 0: no end by number
	until    time.Time // zero: no end by date
	days     []weekdayRule
	monthDay []int
	months   []int
	position []int
}

// weekdayRule is MO, or 2MO and -1MO of a month.
type weekdayRule struct {
	day time.Weekday
	nth int
}

const (
	maxRule        = 500
	maxOccurrences = 10_000_000
	// maxPeriods is how many empty periods are walked over to find a run: a rule for
	// the 29th of February repeats after eight years.
	maxPeriods = 400
	// maxCounted is how many periods are walked through to find the end of a rule that
	// ends by number; a later end is none.
	maxCounted = 5000
	// maxUnits keeps a distance from the start inside of what a Duration can hold.
	maxUnits = 2_500_000
)

var errRecurrence = errors.New("not a rule of repetition that is known")

var weekdays = map[string]time.Weekday{
	"SU": time.Sunday, "MO": time.Monday, "TU": time.Tuesday, "WE": time.Wednesday, "TH": time.Thursday, "FR": time.Friday, "SA": time.Saturday,
}

// ParseRecurrence reads a rule such as FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=1. A part
// that is not known refuses the rule: half a rule plans runs that nobody planned.
func ParseRecurrence(rule string, start time.Time) (*Recurrence, error) {
	if start.IsZero() || len(rule) > maxRule {
		return nil, errRecurrence
	}
	r := &Recurrence{start: start, interval: 1}
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(rule)), "RRULE:"), ";") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" {
			continue
		}
		if err := r.part(name, value); err != nil {
			return nil, fmt.Errorf("%s: %w", cut(oneLine(name), 20), err)
		}
	}
	if r.freq == "" {
		return nil, errRecurrence
	}
	return r, r.fits()
}

func (r *Recurrence) part(name, value string) (err error) {
	switch name {
	case "FREQ":
		if !slices.Contains([]string{"MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, value) {
			return errRecurrence
		}
		r.freq = value
	case "INTERVAL":
		r.interval, err = ranged(value, 1, 10_000)
	case "COUNT":
		r.count, err = ranged(value, 1, maxOccurrences)
	case "UNTIL":
		r.until = r.end(value)
		if r.until.IsZero() {
			return errRecurrence
		}
	case "BYDAY":
		r.days, err = weekdayRules(value)
	case "BYMONTHDAY":
		r.monthDay, err = rangedList(value, -31, 31)
	case "BYMONTH":
		r.months, err = rangedList(value, 1, 12)
	case "BYSETPOS":
		r.position, err = rangedList(value, -366, 366)
	case "WKST":
	default:
		return errRecurrence
	}
	return err
}

// fits refuses combinations whose meaning is not known here.
func (r *Recurrence) fits() error {
	lists := len(r.days) + len(r.monthDay) + len(r.months) + len(r.position)
	nth := slices.ContainsFunc(r.days, func(d weekdayRule) bool { return d.nth != 0 })
	switch {
	case (r.freq == "MINUTELY" || r.freq == "HOURLY") && lists > 0,
		r.freq == "DAILY" && len(r.monthDay)+len(r.position) > 0,
		r.freq == "WEEKLY" && len(r.monthDay)+len(r.position)+len(r.months) > 0,
		nth && r.freq != "MONTHLY" && r.freq != "YEARLY",
		len(r.position) > 0 && len(r.days)+len(r.monthDay) == 0:
		return errRecurrence
	}
	return nil
}

// end reads UNTIL: 20790607T080000, with Z or on the zone's clock, or a day.
func (r *Recurrence) end(value string) time.Time {
	if t, err := time.Parse("20060102T150405Z", value); err == nil {
		return t
	}
	if t, err := time.ParseInLocation("20060102T150405", value, r.start.Location()); err == nil {
		return t
	}
	if t, err := time.ParseInLocation("20060102", value, r.start.Location()); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Second)
	}
	return time.Time{}
}

func ranged(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high || n == 0 {
		return 0, errRecurrence
	}
	return n, nil
}

func rangedList(s string, low, high int) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		n, err := ranged(part, low, high)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func weekdayRules(s string) ([]weekdayRule, error) {
	var out []weekdayRule
	for part := range strings.SplitSeq(s, ",") {
		if len(part) < 2 {
			return nil, errRecurrence
		}
		day, known := weekdays[part[len(part)-2:]]
		if !known {
			return nil, errRecurrence
		}
		rule := weekdayRule{day: day}
		if number := part[:len(part)-2]; number != "" {
			var err error
			if rule.nth, err = ranged(strings.TrimPrefix(number, "+"), -53, 53); err != nil {
				return nil, err
			}
		}
		out = append(out, rule)
	}
	return out, nil
}

// Last is the newest planned run that is not after t; zero: there is none.
func (r *Recurrence) Last(t time.Time) time.Time {
	if t.Before(r.start) {
		return time.Time{}
	}
	if end := r.finish(); !end.IsZero() && end.Before(t) {
		t = end
	}
	for n, steps := r.period(t), 0; n >= 0 && steps < maxPeriods; n, steps = n-1, steps+1 {
		for _, run := range slices.Backward(r.runs(n)) {
			if !run.After(t) && !run.Before(r.start) {
				return run
			}
		}
	}
	return time.Time{}
}

// Next is the first planned run after t; zero: there is none.
func (r *Recurrence) Next(t time.Time) time.Time {
	end := r.finish()
	first := max(r.period(t)-1, 0)
	for n := first; n < first+maxPeriods; n++ {
		for _, run := range r.runs(n) {
			if run.After(t) && !run.Before(r.start) {
				if !end.IsZero() && run.After(end) {
					return time.Time{}
				}
				return run
			}
		}
	}
	return time.Time{}
}

// Every is the distance of runs where it is regular, else 0.
func (r *Recurrence) Every() time.Duration {
	lists := len(r.monthDay) + len(r.months) + len(r.position)
	n := time.Duration(r.interval)
	switch {
	case r.freq == "MINUTELY":
		return n * time.Minute
	case r.freq == "HOURLY":
		return n * time.Hour
	case r.freq == "DAILY" && lists+len(r.days) == 0:
		return n * 24 * time.Hour
	case r.freq == "WEEKLY" && lists == 0 && len(r.days) <= 1:
		return n * 7 * 24 * time.Hour
	}
	return 0
}

// finish is the instant of the last run: by date, or by number.
func (r *Recurrence) finish() time.Time {
	if r.count == 0 {
		return r.until
	}
	end := r.counted()
	if !r.until.IsZero() && (end.IsZero() || r.until.Before(end)) {
		return r.until
	}
	return end
}

// counted is the instant of run number count.
func (r *Recurrence) counted() time.Time {
	if runs := r.runs(r.count - 1); len(r.days)+len(r.monthDay)+len(r.months) == 0 && len(runs) == 1 {
		return runs[0]
	}
	left, empty := r.count, 0
	for n := 0; n < maxCounted && empty < maxPeriods; n++ {
		empty++
		for _, run := range r.runs(n) {
			if empty = 0; run.Before(r.start) {
				continue
			}
			if left--; left == 0 {
				return run
			}
		}
	}
	return time.Time{} // so far away that it does not end
}

// period is the number of the period that t lies in, counted from the start.
func (r *Recurrence) period(t time.Time) int {
	t = t.In(r.start.Location())
	var n int
	switch r.freq {
	case "MINUTELY":
		n = int(t.Sub(r.start) / time.Minute)
	case "HOURLY":
		n = int(t.Sub(r.start) / time.Hour)
	case "DAILY":
		n = dayNumber(t) - dayNumber(r.start)
	case "WEEKLY":
		n = (dayNumber(t) - dayNumber(monday(r.start))) / 7
	case "MONTHLY":
		n = (t.Year()-r.start.Year())*12 + int(t.Month()) - int(r.start.Month())
	default:
		n = t.Year() - r.start.Year()
	}
	return n / r.interval
}

func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func monday(t time.Time) time.Time { return t.AddDate(0, 0, -(int(t.Weekday())+6)%7) }

// runs are the planned runs of one period, in order.
func (r *Recurrence) runs(n int) []time.Time {
	if n > maxUnits/r.interval {
		return nil
	}
	n *= r.interval
	switch r.freq {
	case "MINUTELY":
		return []time.Time{r.start.Add(time.Duration(n) * time.Minute)}
	case "HOURLY":
		return []time.Time{r.start.Add(time.Duration(n) * time.Hour)}
	case "DAILY":
		return r.kept([]time.Time{r.on(r.start.Year(), r.start.Month(), r.start.Day()+n)})
	case "WEEKLY":
		return r.week(n)
	case "MONTHLY":
		first := r.on(r.start.Year(), r.start.Month()+time.Month(n), 1)
		return r.kept(r.month(first.Year(), first.Month()))
	}
	return r.year(r.start.Year() + n)
}

// on is a day at the time of the start.
func (r *Recurrence) on(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, r.start.Hour(), r.start.Minute(), r.start.Second(), 0, r.start.Location())
}

func (r *Recurrence) week(n int) []time.Time {
	first := monday(r.start)
	days := r.days
	if len(days) == 0 {
		days = []weekdayRule{{day: r.start.Weekday()}}
	}
	var out []time.Time
	for _, d := range days {
		out = append(out, r.on(first.Year(), first.Month(), first.Day()+7*n+(int(d.day)+6)%7))
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func (r *Recurrence) month(year int, month time.Month) []time.Time {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	var out []time.Time
	for day := 1; day <= last; day++ {
		if t := r.on(year, month, day); r.inMonth(t, day, last) {
			out = append(out, t)
		}
	}
	return r.positions(out)
}

func (r *Recurrence) inMonth(t time.Time, day, last int) bool {
	if len(r.days) == 0 && len(r.monthDay) == 0 {
		return day == r.start.Day()
	}
	if len(r.monthDay) > 0 && !slices.Contains(r.monthDay, day) && !slices.Contains(r.monthDay, day-last-1) {
		return false
	}
	return len(r.days) == 0 || slices.ContainsFunc(r.days, func(d weekdayRule) bool {
		return d.day == t.Weekday() && (d.nth == 0 || d.nth == (day-1)/7+1 || d.nth == -((last-day)/7+1))
	})
}

func (r *Recurrence) positions(in []time.Time) []time.Time {
	if len(r.position) == 0 {
		return in
	}
	var out []time.Time
	for i, t := range in {
		if slices.Contains(r.position, i+1) || slices.Contains(r.position, i-len(in)) {
			out = append(out, t)
		}
	}
	return out
}

func (r *Recurrence) year(year int) []time.Time {
	months := r.months
	if len(months) == 0 {
		months = []int{int(r.start.Month())}
	}
	var out []time.Time
	for _, m := range slices.Sorted(slices.Values(months)) {
		out = append(out, r.month(year, time.Month(m))...)
	}
	return out
}

// kept applies the lists that only take days away.
func (r *Recurrence) kept(in []time.Time) []time.Time {
	return slices.DeleteFunc(in, func(t time.Time) bool {
		if len(r.months) > 0 && !slices.Contains(r.months, int(t.Month())) {
			return true
		}
		return r.freq == "DAILY" && len(r.days) > 0 && !slices.ContainsFunc(r.days, func(d weekdayRule) bool { return d.day == t.Weekday() })
	})
}
