package config

import (
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/digest"
)

// The values of `digest.send`, and of `digest.day` beside the names of days.
const (
	sendWeekly = "weekly"
	sendNever  = "never"

	firstWorkingDay = "first_working_day"
)

var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

type digestDraft struct {
	send, day, calendar at[string]
	at                  at[time.Duration]
}

func digestKind() kind[digestDraft] {
	days := append([]string{firstWorkingDay}, weekdays...)
	return object(
		key("send", "weekly (the default), or never", located(choice("a frequency", sendWeekly, sendNever)), func(d *digestDraft) *at[string] { return &d.send }),
		key("day", "the day of the week; the default is the first working day by the calendar", located(choice("a day", days...)), func(d *digestDraft) *at[string] { return &d.day }),
		key("at", "the time of that day, in the calendar's time zone; the default is 09:00", located(timeOfDay()), func(d *digestDraft) *at[time.Duration] { return &d.at }),
		key("calendar", "name of the calendar whose zone and working days hold; the default is that of the tier standard", located(identifier[string]("the name of a calendar")), func(d *digestDraft) *at[string] { return &d.calendar }),
	)
}

func timeOfDay() kind[time.Duration] {
	return parsed(schema{"type": "string", "pattern": `^([01][0-9]|2[0-3]):[0-5][0-9]$`}, "a time of day", "00:00 to 23:59", func(v string) (time.Duration, bool) {
		t, err := time.Parse("15:04", v)
		return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil && len(v) == len("15:04")
	})
}

// digest needs the tiers and the calendars.
func (m *merger) digest(c *Config) {
	d := m.all.digest.v
	p := digest.Plan{Off: d.send.v == sendNever, Day: slices.Index(weekdays, d.day.v) + 1, At: digest.DefaultAt, Hours: c.Calendars[c.Tiers[keepwatch.Standard].Calendar]}
	if d.at.at.set() {
		p.At = d.at.v
	}
	if name := d.calendar; name.at.set() {
		hours, known := c.Calendars[name.v]
		if !known {
			unknown(name.at, "calendar", name.v, calendarNames(c))
		}
		p.Hours = hours
	}
	c.Digest = p
}
