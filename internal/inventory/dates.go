package inventory

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// reading is a cell's date, in the two orders in which 03/04/2026 may be meant.
// Where only one can be, the other is zero; where both agree they are the same.
type reading struct {
	monthFirst, dayFirst keepwatch.Date
	numeric              bool // says nothing of the order unless one of them is zero
}

func sure(d keepwatch.Date) reading { return reading{monthFirst: d, dayFirst: d} }

// orders counts what the unambiguous cells of a column say.
type orders struct{ monthFirst, dayFirst int }

func (o *orders) count(r reading) {
	switch {
	case !r.numeric:
	case r.dayFirst.IsZero():
		o.monthFirst++
	case r.monthFirst.IsZero():
		o.dayFirst++
	}
}

// decided is the order that the cells agree on; "" when they say nothing or
// contradict each other.
func (o orders) decided() DateOrder {
	switch {
	case o.monthFirst > 0 && o.dayFirst == 0:
		return MonthFirst
	case o.dayFirst > 0 && o.monthFirst == 0:
		return DayFirst
	}
	return DecideByColumn
}

// pick is the date in an order; false when the order is needed and not known.
func (r reading) pick(order DateOrder) (keepwatch.Date, bool) {
	switch {
	case r.monthFirst.IsZero():
		return r.dayFirst, true
	case r.dayFirst.IsZero(), r.monthFirst == r.dayFirst, order == MonthFirst:
		return r.monthFirst, true
	case order == DayFirst:
		return r.dayFirst, true
	}
	return keepwatch.Date{}, false
}

// noDate is what people and pages write where there is none.
var noDate = map[string]bool{"-": true, "--": true, "–": true, "—": true, "n/a": true, "na": true, "none": true, "never": true, "unknown": true, "?": true}

var (
	clockPattern   = regexp.MustCompile(`(?i)[ ,T]+\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[ap]\.?m\.?)?( ?(UTC|GMT|Z|C[SD]T|E[SD]T|P[SD]T|M[SD]T|CES?T|[+-]\d{2}:?\d{2}))?$`)
	yearPattern    = regexp.MustCompile(`^(\d{4})[/.](\d{1,2})[/.](\d{1,2})$`)
	numericPattern = regexp.MustCompile(`^(\d{1,2})([/.-])(\d{1,2})([/.-])(\d{4}|\d{2})$`)
	wordsPattern   = regexp.MustCompile(`(?i)^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$`)
	dayWordPattern = regexp.MustCompile(`(?i)^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(\d{1,2})(?:st|nd|rd|th)?[ .-]+([a-z]{3,9})[ .,-]+(\d{4})$`)
)

// fewestDigits is how many the shortest date has: 1/2/26.
const fewestDigits = 4

func countDigits(s string) (n int) {
	for i := range len(s) {
		if '0' <= s[i] && s[i] <= '9' {
			n++
		}
	}
	return n
}

// readDate reads a date as sheets write it. A time of day without a zone is left
// out: a day is what the clocks count. ok is false when it is no date.
func readDate(s string) (r reading, ok bool) {
	s = strings.Join(strings.Fields(s), " ")
	if s == "" || noDate[strings.ToLower(s)] {
		return reading{}, true
	}
	if countDigits(s) < fewestDigits {
		return reading{}, false // most cells are words, and to try every form of a date on them took a third of an import
	}
	if d, err := keepwatch.ParseDate(s); err == nil {
		return sure(d), plausible(d)
	}
	if len(s) > 60 {
		return reading{}, false
	}
	s = strings.TrimRight(clockPattern.ReplaceAllString(s, ""), " ,")
	if d, err := keepwatch.ParseDate(s); err == nil {
		return sure(d), plausible(d)
	}
	if m := numericPattern.FindStringSubmatch(s); m != nil && m[2] == m[4] {
		return readNumeric(m[1], m[3], m[5], m[2] == ".")
	}
	var d keepwatch.Date
	if m := yearPattern.FindStringSubmatch(s); m != nil {
		d = civil(m[1], m[2], m[3])
	} else if m := wordsPattern.FindStringSubmatch(s); m != nil {
		d = civil(m[3], monthOf(m[1]), m[2])
	} else if m := dayWordPattern.FindStringSubmatch(s); m != nil {
		d = civil(m[3], monthOf(m[2]), m[1])
	}
	return sure(d), !d.IsZero()
}

func readNumeric(a, b, year string, dots bool) (reading, bool) {
	if len(year) == 2 {
		year = "20" + year
	}
	r := reading{monthFirst: civil(year, a, b), dayFirst: civil(year, b, a), numeric: true}
	if dots { // nobody writes the month first with dots
		r = sure(r.dayFirst)
	}
	return r, !r.monthFirst.IsZero() || !r.dayFirst.IsZero()
}

var months = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}

// monthOf is the number of an English month's name or its beginning.
func monthOf(name string) string {
	for i, m := range months {
		if strings.HasPrefix(m, strings.ToLower(name)) || strings.EqualFold(name, "sept") && i == 8 {
			return strconv.Itoa(i + 1)
		}
	}
	return ""
}

// civil is the day, or zero where the calendar has none such.
func civil(year, month, dayOfMonth string) keepwatch.Date {
	y, err1 := strconv.Atoi(year)
	m, err2 := strconv.Atoi(month)
	d, err3 := strconv.Atoi(dayOfMonth)
	if err1 != nil || err2 != nil || err3 != nil || m < 1 || m > 12 || d < 1 {
		return keepwatch.Date{}
	}
	out := keepwatch.Day(y, time.Month(m), d)
	t := out.In(time.UTC)
	if t.Day() != d || !plausible(out) {
		return keepwatch.Date{}
	}
	return out
}

// serial reads a spreadsheet's count of days since 1900 (or 1904).
func serial(s string, from1904 bool) (keepwatch.Date, bool) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 30000 && n < 80000) {
		return keepwatch.Date{}, false
	}
	epoch := keepwatch.Day(1899, time.December, 30)
	if from1904 {
		epoch = keepwatch.Day(1904, time.January, 1)
	}
	d := epoch.AddDays(int(n))
	return d, plausible(d)
}
