package calendar

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"keepwatch"
)

const (
	maxICSBytes  = 4 << 20
	maxICSDays   = 200_000 // all events and their repetitions together
	maxEventDays = 3 * 366
)

// days is a run of closed days, both ends included.
type days struct{ first, last civilDay }

// horizon ends repetitions that name no end.
var horizon = dayOf(2100, time.January, 1)

const icsHint = "export the calendar again as an iCalendar file (.ics), or write its days into dates"

func icsError(format string, args ...any) error {
	return fmt.Errorf("ICS file: "+format+": %w", append(args, keepwatch.WithHint(keepwatch.ErrInvalid, icsHint))...)
}

// readICS lists the days that a file's events touch, seen from loc. Events that
// are marked free (TRANSP) count too: exported holiday calendars mark all of
// theirs so. Cancelled events do not count. A repetition that the reader does
// not understand is an error, not a day that is silently open.
func readICS(data []byte, loc *time.Location) (out []days, err error) {
	if len(data) > maxICSBytes {
		return nil, icsError("longer than %d MiB", maxICSBytes>>20)
	}
	if !bytes.Contains(bytes.ToUpper(data), []byte("BEGIN:VCALENDAR")) {
		return nil, icsError("it holds no calendar")
	}
	// Lenient about properties of the file itself: none of them closes a day.
	lenient := ics.WithUnknownPropertyHandler(ics.AcceptUnknownPropertyHandler)
	file, err := ics.ParseCalendarWithOptions(bytes.NewReader(data), lenient)
	if err != nil {
		return nil, icsError("%v", err)
	}
	total := civilDay(0)
	for _, event := range file.Events() {
		if text(event, ics.ComponentPropertyStatus) == string(ics.ObjectStatusCancelled) {
			continue
		}
		runs, err := readEvent(event, loc)
		if err != nil {
			return nil, icsError("event %q: %v", clip(text(event, ics.ComponentPropertySummary)), err)
		}
		for _, r := range runs {
			if total += r.last - r.first + 1; total > maxICSDays {
				return nil, icsError("more than %d closed days", maxICSDays)
			}
		}
		out = append(out, runs...)
	}
	return out, nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

func text(event *ics.VEvent, name ics.ComponentProperty) string {
	if p := event.GetProperty(name); p != nil {
		return strings.TrimSpace(p.Value)
	}
	return ""
}

func readEvent(event *ics.VEvent, loc *time.Location) ([]days, error) {
	begin := event.GetProperty(ics.ComponentPropertyDtStart)
	if begin == nil {
		return nil, fmt.Errorf("it has no DTSTART")
	}
	start, allDay, err := readTime(begin, loc)
	if err != nil {
		return nil, err
	}
	end, err := readEnd(event, start, allDay, loc)
	if err != nil {
		return nil, err
	}
	one := days{dayOf(start.Date()), dayOf(start.Date())}
	if end.After(start) {
		one.last = dayOf(end.Add(-time.Nanosecond).Date())
	}
	if one.last-one.first >= maxEventDays {
		return nil, fmt.Errorf("it lasts longer than three years")
	}
	return repeat(event, one, loc)
}

// readTime reads a DATE or DATE-TIME. A date stands for itself. A time is moved
// to loc, for it is loc's days that are closed. A zone that is no IANA name
// (Outlook writes its own) is taken for loc: the day is right but for events
// near midnight, and a closed day too few or too many costs a few tests.
func readTime(p *ics.IANAProperty, loc *time.Location) (t time.Time, allDay bool, err error) {
	value := strings.TrimSpace(p.Value)
	if t, err := time.ParseInLocation("20060102", value, time.UTC); err == nil {
		return t, true, nil
	}
	if t, err := time.Parse("20060102T150405Z", value); err == nil {
		return t.In(loc), false, nil
	}
	from := loc
	if id := p.ICalParameters[string(ics.ParameterTzid)]; len(id) == 1 {
		if named, err := location(id[0]); err == nil {
			from = named
		}
	}
	t, err = time.ParseInLocation("20060102T150405", value, from)
	if err != nil {
		return t, false, fmt.Errorf("%q is not a date or time", clip(value))
	}
	return t.In(loc), false, nil
}

// readEnd finds the exclusive end: DTEND, DURATION, or the default of a day for
// a date and nothing for a time.
func readEnd(event *ics.VEvent, start time.Time, allDay bool, loc *time.Location) (time.Time, error) {
	if p := event.GetProperty(ics.ComponentPropertyDtEnd); p != nil {
		end, endIsDate, err := readTime(p, loc)
		if err != nil {
			return end, err
		}
		if endIsDate != allDay {
			return end, fmt.Errorf("it begins with a date and ends with a time, or the other way round")
		}
		if end.Before(start) {
			return end, fmt.Errorf("it ends before it begins")
		}
		return end, nil
	}
	if s := text(event, ics.ComponentPropertyDuration); s != "" {
		d, err := readDuration(s)
		return start.Add(d), err
	}
	if allDay {
		return start.AddDate(0, 0, 1), nil
	}
	return start, nil
}

// readDuration reads RFC 5545 durations: P1W, P2D, PT8H, P1DT12H30M.
func readDuration(s string) (time.Duration, error) {
	const longest = maxEventDays * daySeconds
	rest, ok := strings.CutPrefix(strings.TrimPrefix(s, "+"), "P")
	units := map[byte]int{'W': 7 * daySeconds, 'D': daySeconds, 'H': 3600, 'M': 60, 'S': 1}
	total := 0
	for ok && rest != "" {
		if rest[0] == 'T' {
			rest = rest[1:]
			continue
		}
		i := strings.IndexAny(rest, "WDHMS")
		if ok = i >= 1 && i <= 9 && digits(rest[:i]); !ok {
			break
		}
		n, _ := strconv.Atoi(rest[:i])
		total += n * units[rest[i]]
		ok = total <= longest
		rest = rest[i+1:]
	}
	if !ok {
		return 0, fmt.Errorf("%q is not a duration of at most three years", clip(s))
	}
	return time.Duration(total) * time.Second, nil
}
