package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

const (
	dayMinutes = 24 * 60
	everyDay   = 1<<7 - 1
)

// Hours are weekly windows of civil time.
type Hours struct{ windows []window }

// window is one span of the civil clock on some days of the week. It belongs to
// the day on which it opens; past midnight, to is over 1440.
type window struct {
	days     uint8 // bit 0 is Monday, so that "mon-fri" is one run of bits
	from, to int   // minutes since midnight
}

var dayNames = [7]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

const hoursHint = `write them like "mon-fri 08:00-18:00; sat 09:00-12:00", "daily 22:00-06:00" or "always"`

// ParseHours reads rules separated by semicolons. A rule is days and times:
// days are "mon-fri", "mon,wed,sat", "daily" or nothing (every day); times are
// "08:00-12:00,13:00-18:00", where an end before its start lies on the next day.
// "always" is short for "daily 00:00-24:00". Windows may overlap.
func ParseHours(s string) (Hours, error) {
	var h Hours
	for rule := range strings.SplitSeq(strings.ToLower(s), ";") {
		if rule = strings.TrimSpace(rule); rule == "" {
			continue
		}
		windows, err := parseRule(rule)
		if err != nil {
			return Hours{}, fmt.Errorf("hours %q: %w", s, err)
		}
		h.windows = append(h.windows, windows...)
	}
	if len(h.windows) == 0 {
		return Hours{}, fmt.Errorf("hours %q name no window: %w", s, keepwatch.WithHint(keepwatch.ErrInvalid, hoursHint))
	}
	return h, nil
}

func hoursError(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, keepwatch.WithHint(keepwatch.ErrInvalid, hoursHint))...)
}

func parseRule(rule string) ([]window, error) {
	if rule == "always" {
		return []window{{days: everyDay, to: dayMinutes}}, nil
	}
	dayText, timeText := rule, ""
	if i := strings.IndexAny(rule, "0123456789"); i >= 0 {
		dayText, timeText = rule[:i], rule[i:]
	}
	days, err := parseDays(squeeze(dayText))
	if err != nil {
		return nil, err
	}
	if timeText == "" {
		return nil, hoursError("%q has no times", rule)
	}
	var out []window
	for span := range strings.SplitSeq(squeeze(timeText), ",") {
		w, err := parseSpan(span)
		if err != nil {
			return nil, err
		}
		w.days = days
		out = append(out, w)
	}
	return out, nil
}

// squeeze drops blanks: "mon - fri" means "mon-fri".
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

func parseDays(s string) (uint8, error) {
	if s == "" || s == "daily" {
		return everyDay, nil
	}
	var days uint8
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(dayNames[:], first), slices.Index(dayNames[:], last)
		if from < 0 || to < 0 {
			return 0, hoursError("%q is not a day or a range of days", part)
		}
		for d := from; ; d = (d + 1) % 7 { // "sat-mon" runs over the end of the week
			days |= 1 << d
			if d == to {
				break
			}
		}
	}
	return days, nil
}

func parseSpan(s string) (window, error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return window{}, hoursError("%q is not a span of times", s)
	}
	from, ok1 := parseClock(first)
	to, ok2 := parseClock(last)
	if !ok1 || !ok2 || from == dayMinutes {
		return window{}, hoursError("%q is not a span of times", s)
	}
	if from == to {
		// Nothing, or all day round? Better asked than guessed.
		return window{}, hoursError("%q begins where it ends", s)
	}
	if to < from {
		to += dayMinutes
	}
	return window{from: from, to: to}, nil
}

// parseClock reads "8:00", "08:00" and "24:00" as minutes since midnight.
func parseClock(s string) (int, bool) {
	hour, minute, ok := strings.Cut(s, ":")
	if !ok || len(hour) < 1 || len(hour) > 2 || len(minute) != 2 || !digits(hour) || !digits(minute) {
		return 0, false
	}
	h, _ := strconv.Atoi(hour)
	m, _ := strconv.Atoi(minute)
	return h*60 + m, m < 60 && h*60+m <= dayMinutes
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// String writes the hours in the one form that ParseHours reads back to the same.
func (h Hours) String() string {
	if h.always() && len(h.windows) == 1 {
		return "always"
	}
	var b strings.Builder
	for i, w := range h.windows {
		switch {
		case i == 0:
			b.WriteString(formatDays(w.days) + " ")
		case w.days == h.windows[i-1].days:
			b.WriteString(",")
		default:
			b.WriteString("; " + formatDays(w.days) + " ")
		}
		b.WriteString(formatClock(w.from) + "-" + formatClock(w.end()))
	}
	return b.String()
}

// end is the closing time as the clock shows it; midnight is 24:00 only where
// the window does not pass it.
func (w window) end() int {
	if w.to > dayMinutes {
		return w.to - dayMinutes
	}
	return w.to
}

func formatClock(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }

// formatDays joins runs of days, the way people write them.
func formatDays(days uint8) string {
	if days == everyDay {
		return "daily"
	}
	var parts []string
	for d := 0; d < 7; d++ {
		if days&(1<<d) == 0 {
			continue
		}
		last := d
		for last < 6 && days&(1<<(last+1)) != 0 {
			last++
		}
		switch last - d {
		case 0:
			parts = append(parts, dayNames[d])
		case 1:
			parts = append(parts, dayNames[d], dayNames[last])
		default:
			parts = append(parts, dayNames[d]+"-"+dayNames[last])
		}
		d = last
	}
	return strings.Join(parts, ",")
}

// always reports whether the windows leave no minute of the week out. Only the
// plain form counts; a week that is pieced together works all the same, slower.
func (h Hours) always() bool {
	return slices.ContainsFunc(h.windows, func(w window) bool {
		return w.days == everyDay && w.to-w.from >= dayMinutes
	})
}

func (w window) on(day time.Weekday) bool {
	return w.days&(1<<((int(day)+6)%7)) != 0
}
