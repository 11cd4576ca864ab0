package expiry

import (
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// rungHour is when a rung comes, in the zone: people are there to read it.
const rungHour = 9

// renewalRung begins the name of the rung that a missed renewal makes. Its date is
// part of it, so that the next missed plan is another rung.
const renewalRung = "renewal "

// Look says how far down the ladder each clock with a date is, the hard ones first.
// Clocks without one are left out: they are a finding, and nothing comes of them.
//
// A rung of whole days comes at 09:00 of its civil day, so many days before the day
// on which the clock ends in the zone; RungExpired comes at the instant itself. All
// rungs that lie behind are listed, however late the look is.
func Look(c keepwatch.Credential, clocks []keepwatch.Clock, ladder []time.Duration, zone *time.Location, now time.Time) []keepwatch.Due {
	if zone == nil {
		zone = time.UTC
	}
	out := make([]keepwatch.Due, 0, len(clocks))
	for _, k := range clocks {
		if k.Known() && k.Kind != keepwatch.ClockSession {
			out = append(out, look(c.Renewal, k, ladder, zone, now))
		}
	}
	return out
}

// rung is one step of one clock's ladder.
type rung struct {
	name string
	at   time.Time
}

func look(r keepwatch.Renewal, k keepwatch.Clock, ladder []time.Duration, zone *time.Location, now time.Time) keepwatch.Due {
	d := keepwatch.Due{Clock: k, Ticket: r.Ticket}
	rungs := ladderOf(k, ladder, zone)
	over, planned := renewalOf(r, k, rungs, zone)
	if planned && rungs[0].at.Before(over) {
		end := len(rungs) - 1
		rungs = slices.Insert(rungs, end, rung{renewalRung + r.Planned.String(), over})
		slices.SortStableFunc(rungs[:end+1], func(a, b rung) int { return a.at.Compare(b.at) })
	}
	d.Quiet = planned && now.Before(over)
	for _, x := range rungs {
		switch {
		case !x.at.After(now):
			d.Passed = append(d.Passed, x.name)
		case d.Quiet && x.at.Before(over):
		case d.Next.IsZero():
			d.Next = x.at
		}
	}
	if planned && !d.Quiet {
		d.Attention = "The renewal planned for " + r.Planned.String() + by(r) + " has passed, and the date has not moved."
	}
	if tooLate := r.Planned.In(zone); k.Kind == keepwatch.ClockHard && !planned && tooLate.After(now) && r.Over(zone).After(k.At) {
		d.Attention = "The renewal planned for " + r.Planned.String() + by(r) + " would come too late."
	}
	return d
}

func by(r keepwatch.Renewal) string {
	if r.By == "" {
		return ""
	}
	return " by " + r.By
}

// ladderOf are the rungs of a clock in the order of time, the end last. Idle clocks
// have one warning of their own, at two thirds of the time: a tier's 60 days would
// warn of a token of 30 days before it was issued.
func ladderOf(k keepwatch.Clock, ladder []time.Duration, zone *time.Location) []rung {
	if k.Kind == keepwatch.ClockIdle {
		ladder = idleLadder(k, zone)
	}
	out := make([]rung, 0, len(ladder)+2)
	for _, before := range ladder {
		name := keepwatch.FormatDuration(before)
		if before <= 0 || slices.ContainsFunc(out, func(x rung) bool { return x.name == name }) {
			continue
		}
		out = append(out, rung{name, rungAt(k, before, zone)})
	}
	slices.SortStableFunc(out, func(a, b rung) int { return a.at.Compare(b.at) })
	return append(out, rung{keepwatch.RungExpired, k.At})
}

func idleLadder(k keepwatch.Clock, zone *time.Location) []time.Duration {
	since := k.Since.In(zone)
	if since.IsZero() || !since.Before(k.At) {
		return nil
	}
	span := k.At.Sub(since)
	if span < 3*day {
		return []time.Duration{span / 3}
	}
	return []time.Duration{(span.Round(day) / 3).Truncate(day)} // a day of 23 hours is a day
}

// rungAt counts whole days by the calendar and parts of a day by the clock.
func rungAt(k keepwatch.Clock, before time.Duration, zone *time.Location) time.Time {
	if before%day != 0 {
		return k.At.Add(-before)
	}
	y, m, d := k.At.In(zone).Date()
	return time.Date(y, m, d-int(before/day), rungHour, 0, 0, 0, zone).UTC()
}

// renewalOf is when a planned renewal of this clock should be done. A plan counts
// only where it can help: it is over before the clock ends, and it is not the plan of
// the date before this one, which was kept. A plan that comes too late must not quiet
// the warnings that would show just that.
func renewalOf(r keepwatch.Renewal, k keepwatch.Clock, rungs []rung, zone *time.Location) (over time.Time, planned bool) {
	over = r.Over(zone)
	if over.IsZero() || k.Kind != keepwatch.ClockHard || over.After(k.At) {
		return time.Time{}, false
	}
	return over, r.Planned.In(zone).After(planOpens(k, rungs, zone))
}

// planOpens is from when on a plan is for this date: a quarter of its life after its
// beginning, or a month before the first warning where the beginning is not known.
func planOpens(k keepwatch.Clock, rungs []rung, zone *time.Location) time.Time {
	since := k.Since.In(zone)
	if since.IsZero() || !since.Before(k.At) {
		return rungs[0].at.Add(-30 * day)
	}
	return since.Add(k.At.Sub(since) / 4)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
