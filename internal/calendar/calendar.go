// Package calendar knows when business hours are, in which zone, without public
// holidays, and turns two intervals and a phase into due times. It is pure: no
// clock, no I/O, nothing of Keepwatch's own beyond the error kinds.
//
// Two notions of time meet here and are never mixed. Business windows are civil
// time: "08:00 in Berlin" is another instant in summer than in winter, and a
// calendar day may have 23 or 25 hours. The grid of due times is elapsed time:
// every ten minutes means every 600 seconds, whatever the clocks on the wall do.
package calendar

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata" // one binary must know every zone, on machines without zone files too

	"keepwatch"
)

// DefaultHours hold where a Spec names none.
const DefaultHours = "mon-fri 08:00-18:00"

// Spec is a calendar as a configuration writes it.
type Spec struct {
	Name     string
	Timezone string   // IANA name; "" means UTC
	Hours    string   // see ParseHours; "" means DefaultHours
	Holidays string   // codes as HolidayCodes lists them, comma-separated; "" means none
	Dates    []string // own closed days: 2026-12-24, or a range 2026-12-24/2026-12-31
	ICS      []byte   // an iCalendar file; every event closes the days it touches
}

// Calendar says when business hours are. A nil *Calendar is always open.
// It is safe for concurrent use.
type Calendar struct {
	name   string
	loc    *time.Location
	hours  Hours
	closed closure
	always bool // no window ever ends: spares the search for a change

	// chunks caches the edges of the windows, 64 days a piece. The map is never
	// changed, only replaced, so that the readers (every claim) take no lock.
	chunks atomic.Pointer[map[int64]*chunk]
	shut   sync.Map // civilDay -> bool: the days that Holiday was asked of
}

// Parse builds a calendar. Every error names what is wrong and carries a hint
// with what is allowed.
func Parse(s Spec) (*Calendar, error) {
	loc, err := location(s.Timezone)
	if err != nil {
		return nil, err
	}
	text := s.Hours
	if strings.TrimSpace(text) == "" {
		text = DefaultHours
	}
	hours, err := ParseHours(text)
	if err != nil {
		return nil, err
	}
	closed, err := newClosure(s, loc)
	if err != nil {
		return nil, err
	}
	c := &Calendar{name: s.Name, loc: loc, hours: hours, closed: closed}
	c.always = hours.always() && closed.empty()
	return c, nil
}

// location refuses "Local": what a configuration means must not depend on the
// machine that reads it.
func location(name string) (*time.Location, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return time.UTC, nil
	}
	hint := "use an IANA name such as Europe/Berlin, America/New_York or UTC"
	if strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("time zone %q: %w", name, keepwatch.WithHint(keepwatch.ErrInvalid, hint))
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is not known: %w", name, keepwatch.WithHint(keepwatch.ErrInvalid, hint))
	}
	return loc, nil
}

// Name is the calendar's name in the configuration.
func (c *Calendar) Name() string {
	if c == nil {
		return ""
	}
	return c.name
}

// Location is the zone whose civil time the windows follow.
func (c *Calendar) Location() *time.Location {
	if c == nil {
		return time.UTC
	}
	return c.loc
}

// Hours are the weekly windows, without closed days.
func (c *Calendar) Hours() Hours {
	if c == nil {
		return Hours{windows: []window{{days: everyDay, to: dayMinutes}}}
	}
	return c.hours
}

// Open reports whether t lies in business hours. A window holds its first
// instant and not its last.
func (c *Calendar) Open(t time.Time) bool {
	if c == nil {
		return true
	}
	return c.segmentAt(t.Unix()).open
}

// Holiday reports whether t lies on a closed day: a public holiday or an own date,
// whatever its hours would be.
func (c *Calendar) Holiday(t time.Time) bool {
	if c == nil || c.closed.empty() {
		return false
	}
	year, month, date := t.In(c.loc).Date()
	day := dayOf(year, month, date)
	if shut, known := c.shut.Load(day); known {
		return shut.(bool) //nolint:forcetypeassert // nothing else is stored
	}
	shut := c.closed.between(day, day)(day)
	c.shut.Store(day, shut)
	return shut
}

// searchYears bounds the search for the next change: a calendar may be open for
// good once its last own date has passed.
const searchYears = 30

// NextChange is the first instant after t at which Open changes, or the zero
// time when it does not within thirty years.
func (c *Calendar) NextChange(t time.Time) time.Time {
	if c == nil || c.always {
		return time.Time{}
	}
	at := t.Unix()
	s := c.segmentAt(at)
	for limit := addSat(at, searchYears*366*daySeconds); s.end < limit; {
		next := c.segmentAt(s.end)
		if next.open != s.open {
			return time.Unix(next.start, 0).UTC()
		}
		s = next
	}
	return time.Time{}
}

// addSat adds without wrapping around: times near the ends of time.Time's range
// come from configurations and must not run backwards.
func addSat(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
