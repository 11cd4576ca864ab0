package keepwatch

import (
	"fmt"
	"time"
)

// Date is a day as people write it down, or an exact instant where one is known.
// A day begins at another instant in each zone, so it becomes an instant only
// together with a zone: rungs and ends are counted in days and never in hours.
// The zero Date is unknown. Dates are comparable.
type Date struct {
	at    time.Time // UTC; midnight for a day
	exact bool
}

// Day is the civil day of a year, month and day; days outside a month overflow as in time.Date.
func Day(year int, month time.Month, day int) Date {
	return Date{at: time.Date(year, month, day, 0, 0, 0, 0, time.UTC)}
}

// DayOf is the civil day that an instant falls on in a zone.
func DayOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Day(y, m, d)
}

// Exactly is a known instant.
func Exactly(t time.Time) Date {
	if t.IsZero() {
		return Date{}
	}
	return Date{at: t.UTC().Round(0), exact: true}
}

// ParseDate reads 2026-09-28, or an RFC 3339 time.
func ParseDate(s string) (Date, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return Date{at: t}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return Date{}, WithHint(fmt.Errorf("%q is not a date: %w", s, ErrInvalid), "write it like 2026-09-28, or with a time and zone like 2026-09-28T12:30:00Z")
	}
	return Exactly(t), nil
}

// IsZero reports whether the date is unknown.
func (d Date) IsZero() bool { return d.at.IsZero() }

// Exact reports whether the time of day is known.
func (d Date) Exact() bool { return d.exact }

// In is when the date begins in a zone: the first instant of its day, or the exact
// instant. A day whose midnight a clock change skips begins when the clock does.
func (d Date) In(zone *time.Location) time.Time {
	if d.IsZero() || d.exact {
		return d.at
	}
	y, m, day := d.at.Date()
	t := time.Date(y, m, day, 0, 0, 0, 0, zone)
	// In a gap time.Date may answer with an instant of the day before.
	for DayOf(t, zone).at.Before(d.at) {
		t = t.Add(15 * time.Minute)
	}
	return t.UTC()
}

// AddDays moves the date by civil days; an exact one keeps its time of day in UTC.
func (d Date) AddDays(n int) Date {
	if d.IsZero() {
		return d
	}
	return Date{at: d.at.AddDate(0, 0, n), exact: d.exact}
}

// Until counts the civil days from d to other; negative when other lies before.
func (d Date) Until(other Date) int {
	from, to := d.at.Truncate(day), other.at.Truncate(day)
	return int(to.Sub(from) / day)
}

// Equal reports whether both are the same day, or the same instant.
func (d Date) Equal(other Date) bool { return d == other }

// Before orders dates; a day counts from its midnight in UTC.
func (d Date) Before(other Date) bool { return d.at.Before(other.at) }

// String is 2026-09-28 or an RFC 3339 time; "" when unknown.
func (d Date) String() string {
	switch {
	case d.IsZero():
		return ""
	case d.exact:
		return d.at.Format(time.RFC3339)
	}
	return d.at.Format(time.DateOnly)
}

// MarshalText is String, with fractions of a second: what is read back is equal.
func (d Date) MarshalText() ([]byte, error) {
	if d.exact {
		return d.at.AppendFormat(nil, time.RFC3339Nano), nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText is ParseDate; an empty text is the unknown date.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
