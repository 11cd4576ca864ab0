package link

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Spans of quiet. An incident whose links were sent to many is not put aside for long.
var (
	snoozeSpans  = []Span{{"1h", "1 hour", false}, {"4h", "4 hours", true}, {"12h", "12 hours", false}, {"24h", "1 day", false}}
	silenceSpans = []Span{{"4h", "4 hours", false}, {"24h", "1 day", true}, {"72h", "3 days", false}, {"168h", "1 week", false}}
)

const (
	snoozeDays = 90 // the furthest day that a date may be snoozed until
	snoozeDay  = 7  // the day that is proposed
	// morning is the hour at which a quiet of days ends: what is told again should be
	// read by somebody.
	morning = 8
)

// offer says what pressing does, and between which lengths of quiet one may choose.
func (d *Desk) offer(ctx context.Context, v *View, now time.Time) {
	const kept = " It is found and kept as always; what still lasts then is told."
	switch v.Action {
	case keepwatch.LinkAcknowledge:
		v.Says = "This says that somebody is on it: reminders stop, and nobody else is called. The incident stays open until it is over."
		return
	case keepwatch.LinkSilence:
		v.Says = "Nobody is told of " + about(v.Incident) + " until then, also of what is new." + kept
		v.Spans = silenceSpans
		return
	}
	v.Says = "Nobody is told of this incident until then." + kept
	if v.Days = d.days(ctx, v.Incident, now); v.Days == nil {
		v.Spans = snoozeSpans
	}
}

// Offer says how long an incident may be put aside by somebody who opens its page, as
// a link in a message would.
func (d *Desk) Offer(ctx context.Context, inc keepwatch.Incident, now time.Time) View {
	v := View{Action: keepwatch.LinkSnooze, Button: words[keepwatch.LinkSnooze], Incident: inc}
	d.offer(ctx, &v, now)
	return v
}

// Until is the end of the quiet that somebody chooses from an offer.
func (d *Desk) Until(v View, wish Wish, now time.Time) (time.Time, error) {
	return d.until(v, wish, now)
}

// days are offered where an incident is about a date that lies days ahead: the last one
// is the day before it ends, so that nobody sleeps through the end.
func (d *Desk) days(ctx context.Context, inc keepwatch.Incident, now time.Time) *Days {
	if inc.Outcome != keepwatch.Expiring {
		return nil
	}
	zone := d.Zone(inc)
	today := keepwatch.DayOf(now, zone)
	out := Days{First: today.AddDays(1), Last: today.AddDays(snoozeDays), Default: today.AddDays(snoozeDay)}
	if end := d.Ends(ctx, inc); !end.IsZero() {
		if before := keepwatch.DayOf(end, zone).AddDays(-1); before.Before(out.Last) {
			out.Last = before
		}
	}
	if out.Last.Before(out.First) {
		return nil
	}
	if out.Last.Before(out.Default) {
		out.Default = out.Last
	}
	return &out
}

// until is the end of the quiet that somebody wishes.
func (d *Desk) until(v View, wish Wish, now time.Time) (time.Time, error) {
	if v.Days == nil {
		return spanned(v.Spans, wish, now)
	}
	day := v.Days.Default
	if text := strings.TrimSpace(wish.Until); text != "" {
		var err error
		if day, err = keepwatch.ParseDate(text); err != nil || day.Exact() {
			return time.Time{}, keepwatch.WithHint(fmt.Errorf("that is no day: %w", keepwatch.ErrInvalid), "write it like "+v.Days.Default.String())
		}
	}
	if day.Before(v.Days.First) || v.Days.Last.Before(day) {
		return time.Time{}, keepwatch.WithHint(fmt.Errorf("that day cannot be chosen: %w", keepwatch.ErrInvalid), "a day from "+v.Days.First.String()+" to "+v.Days.Last.String())
	}
	zone := d.Zone(v.Incident)
	y, m, dd := day.In(zone).In(zone).Date() // the instant is in UTC
	return time.Date(y, m, dd, morning, 0, 0, 0, zone).UTC(), nil
}

func spanned(spans []Span, wish Wish, now time.Time) (time.Time, error) {
	i := slices.IndexFunc(spans, func(s Span) bool { return s.Value == wish.For || wish.For == "" && s.Default })
	if i < 0 {
		var all []string
		for _, s := range spans {
			all = append(all, s.Value)
		}
		return time.Time{}, keepwatch.WithHint(fmt.Errorf("that length cannot be chosen: %w", keepwatch.ErrInvalid), "one of "+strings.Join(all, ", "))
	}
	length, err := time.ParseDuration(spans[i].Value)
	return now.Add(length).Truncate(time.Second), err
}

// silenceOf is the quiet that a link makes. Its id follows from the link.
func silenceOf(c Claim, id string, inc keepwatch.Incident, u keepwatch.LinkUse) *keepwatch.Silence {
	s := &keepwatch.Silence{
		ID: keepwatch.Digest("link", id), Kind: keepwatch.Snoozed, Incident: inc.ID, Owner: u.By, Reason: "asked for in a message", From: u.At.Truncate(time.Second), Until: u.Until, CreatedAt: u.At, CreatedBy: u.By,
	}
	if c.Action == keepwatch.LinkSilence {
		s.Kind, s.Incident, s.Match = keepwatch.Silenced, "", matchOf(inc)
	}
	return s
}

// matchOf is what an incident is about: its credential, else its scope, tenant and
// outcome.
func matchOf(inc keepwatch.Incident) keepwatch.Match {
	if inc.Credential != "" {
		return keepwatch.Match{Credential: []string{string(inc.Credential)}}
	}
	m := keepwatch.Match{Scope: []string{string(inc.Scope)}, Outcome: []string{string(inc.Outcome)}}
	if inc.Tenant != "" {
		m.Tenant = []string{string(inc.Tenant)}
	}
	return m
}

// about is what matchOf matches, in words.
func about(inc keepwatch.Incident) string {
	if inc.Credential != "" {
		return string(inc.Credential)
	}
	kind := strings.ReplaceAll(string(inc.Outcome), "_", " ")
	if inc.Tenant != "" {
		return kind + " of tenant " + string(inc.Tenant)
	}
	return kind + " (scope " + string(inc.Scope) + ")"
}
