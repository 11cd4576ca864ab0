package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// unlimited is the value of at_most that takes the limit away.
const unlimited = "unlimited"

// paceKind reads how many messages a receiver is sent one by one: "20 in 10m".
func paceKind() kind[*notify.Pace] {
	const allowed = "a number from 1 to 10000 and a time from 1m to 1d, like 20 in 10m, or unlimited"
	return parsed(schema{"type": "string", "pattern": `^([0-9]+ in [0-9].*|unlimited)$`}, "a number of messages in a time", allowed, func(v string) (*notify.Pace, bool) {
		if v == unlimited {
			return &notify.Pace{}, true
		}
		count, within, ok := strings.Cut(v, " in ")
		n, err := strconv.Atoi(count)
		d, err2 := keepwatch.ParseDuration(within)
		return &notify.Pace{Count: n, Within: d}, ok && err == nil && err2 == nil && n >= 1 && n <= 10_000 && d >= time.Minute && d <= day
	})
}

// hourKind reads when a digest is told: "daily 08:00", "monday 08:00".
func hourKind() kind[*notify.Hour] {
	const allowed = "daily or a day of the week and a time of day, like daily 08:00 or monday 08:00"
	return parsed(schema{"type": "string", "pattern": `^(daily|` + strings.Join(weekdays, "|") + `) ([01][0-9]|2[0-3]):[0-5][0-9]$`}, "the hour of a digest", allowed, func(v string) (*notify.Hour, bool) {
		when, at, _ := strings.Cut(v, " ")
		t, err := time.Parse("15:04", at)
		h := notify.Hour{Day: slices.Index(weekdays, when) + 1, At: time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute}
		return &h, err == nil && len(at) == len("15:04") && (h.Day > 0 || when == "daily")
	})
}
