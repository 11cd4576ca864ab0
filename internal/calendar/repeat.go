package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
)

var errNoSuchRule = errors.New("it repeats in a way that is not read here")

// rule is the part of RFC 5545's recurrence rules that closed days need: every
// so many years, weeks or days from the first one on.
type rule struct {
	freq     string
	interval int
	count    int      // 0: no limit
	until    civilDay // the last day that may begin a repetition
}

// repeat lists an event's runs of days: the first, its repetitions, the further
// dates (RDATE), less the exceptions (EXDATE).
func repeat(event *ics.VEvent, first days, loc *time.Location) ([]days, error) {
	runs := []days{first}
	if s := text(event, ics.ComponentPropertyRrule); s != "" {
		r, err := parseRRule(s, first.first, loc)
		if err != nil {
			return nil, err
		}
		runs = r.expand(first)
	}
	added, err := dayList(event, ics.ComponentPropertyRdate, loc)
	if err != nil {
		return nil, err
	}
	for d := range added {
		runs = append(runs, days{d, d + first.last - first.first})
	}
	removed, err := dayList(event, ics.ComponentPropertyExdate, loc)
	if err != nil {
		return nil, err
	}
	kept := runs[:0]
	for _, r := range runs {
		if !removed[r.first] {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

func dayList(event *ics.VEvent, name ics.ComponentProperty, loc *time.Location) (map[civilDay]bool, error) {
	out := map[civilDay]bool{}
	for _, p := range event.GetProperties(name) {
		for value := range strings.SplitSeq(p.Value, ",") {
			one := *p
			one.Value = value
			t, _, err := readTime(&one, loc)
			if err != nil {
				return nil, err
			}
			out[dayOf(t.Date())] = true
		}
	}
	return out, nil
}

func parseRRule(s string, start civilDay, loc *time.Location) (rule, error) {
	r := rule{interval: 1, until: horizon}
	by := map[string]string{}
	for part := range strings.SplitSeq(strings.ToUpper(s), ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.HasPrefix(key, "BY") {
			by[key] = value
			continue
		}
		if err := r.set(key, value, loc); err != nil {
			return r, fmt.Errorf("RRULE %q: %w", clip(s), err)
		}
	}
	if !r.readsBy(by, start) {
		return r, fmt.Errorf("RRULE %q: %w", clip(s), errNoSuchRule)
	}
	return r, nil
}

func (r *rule) set(key, value string, loc *time.Location) error {
	number := func(into *int) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 100_000 {
			return errNoSuchRule
		}
		*into = n
		return nil
	}
	switch key {
	case "FREQ":
		r.freq = value
	case "INTERVAL":
		return number(&r.interval)
	case "COUNT":
		return number(&r.count)
	case "UNTIL":
		t, _, err := readTime(&ics.IANAProperty{BaseProperty: ics.BaseProperty{Value: value}}, loc)
		if err != nil {
			return err
		}
		r.until = min(dayOf(t.Date()), horizon)
	case "WKST", "":
	default:
		return errNoSuchRule
	}
	return nil
}

// readsBy accepts BY parts that only repeat what the first date says, which is
// how most programs write them. Any other picks days that are not worked out here.
func (r *rule) readsBy(by map[string]string, start civilDay) bool {
	_, month, day := start.date()
	allowed := map[string]string{}
	switch r.freq {
	case "YEARLY":
		allowed["BYMONTH"] = strconv.Itoa(int(month))
		if _, ok := by["BYMONTH"]; ok { // alone, it would mean this day of every month
			allowed["BYMONTHDAY"] = strconv.Itoa(day)
		}
	case "WEEKLY":
		allowed["BYDAY"] = strings.ToUpper(start.weekday().String()[:2])
	case "DAILY":
	default:
		return false
	}
	for key, value := range by {
		if want, ok := allowed[key]; !ok || value != want {
			return false
		}
	}
	return true
}

// expand lists the runs. 29 February repeats in leap years only, as RFC 5545 has it.
func (r rule) expand(first days) []days {
	var out []days
	year, month, day := first.first.date()
	length := first.last - first.first
	for i, n := 0, 0; r.count == 0 || n < r.count; i++ {
		d := first.first
		switch r.freq {
		case "YEARLY":
			d = dayOf(year+i*r.interval, month, day)
		case "WEEKLY":
			d += civilDay(7 * i * r.interval)
		case "DAILY":
			d += civilDay(i * r.interval)
		}
		if d > r.until || len(out) > maxICSDays {
			break
		}
		if _, m, _ := d.date(); r.freq == "YEARLY" && m != month {
			continue
		}
		n++
		out = append(out, days{d, d + length})
	}
	return out
}
