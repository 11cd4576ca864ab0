package ics

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"keepwatch"
)

// event is one event as it is to be shown.
type event struct {
	uid         string
	start, end  keepwatch.Date // days; the end is the first that is not part of it
	summary     string
	description string
	link        string
	category    string
	tentative   bool // its date is assumed
	cancelled   bool
	alarms      []string // triggers, before or after the first day's midnight

	sequence  int
	changedAt time.Time
}

// The alarms ring at nine in the morning, like the warnings: a trigger counts from
// the first day's midnight where the reader is.
const (
	alarm14d   = "-P13DT15H"
	alarm7d    = "-P6DT15H"
	alarmToday = "PT9H"
)

// uidOf stays the same whatever the event says, for as long as the credential has
// its id.
func uidOf(parts ...string) string { return keepwatch.Digest(parts...) + "@keepwatch" }

// said is all that an event says, as it is remembered: its days in clear, so that it
// can be cancelled when nothing else is known of it, and a digest of the rest.
func (e event) said() string {
	days := e.start.String() + "/" + e.end.String() + " "
	if e.cancelled {
		return days + "cancelled"
	}
	return days + keepwatch.Digest(e.summary, e.description, e.link, e.category, fmt.Sprint(e.tentative), strings.Join(e.alarms, ","))
}

// daysOf reads the days out of what an event said.
func daysOf(said string) (start, end keepwatch.Date, ok bool) {
	days, _, _ := strings.Cut(said, " ")
	from, to, _ := strings.Cut(days, "/")
	start, err := keepwatch.ParseDate(from)
	if err != nil || start.Exact() {
		return start, end, false
	}
	end, err = keepwatch.ParseDate(to)
	return start, end, err == nil && !end.Exact() && start.Before(end)
}

// compare orders by day, then by name, so that the same events make the same file.
func (e event) compare(other event) int {
	if !e.start.Equal(other.start) {
		return map[bool]int{true: -1, false: 1}[e.start.Before(other.start)]
	}
	return cmp.Compare(e.uid, other.uid)
}

// ending is the end of one clock, on its day in the credential's zone.
func (f Feed) ending(c keepwatch.Credential, k keepwatch.Clock, zone *time.Location) event {
	on := keepwatch.DayOf(k.At, zone)
	at := on.String()
	if local := k.At.In(zone); !on.In(zone).Equal(k.At) {
		at = local.Format("2006-01-02 15:04")
	}
	lines := []string{
		fmt.Sprintf("The %s of %s ends on %s (%s).", words(k.Name), c.ID, at, zone),
		"Date: " + string(k.Source) + basis(k.Basis) + ".",
	}
	if !k.ConfirmedAt.IsZero() {
		lines = append(lines, "Confirmed on "+k.ConfirmedAt.String()+".")
	}
	if !c.Renewal.Planned.IsZero() {
		lines = append(lines, "Renewal planned for "+c.Renewal.Planned.String()+by(c.Renewal.By)+".")
	}
	return event{
		uid: uidOf("end", string(c.ID), k.Name), start: on, end: on.AddDays(1),
		summary:     fmt.Sprintf("%s: %s ends", c.ID, words(k.Name)),
		description: strings.Join(append(lines, f.about(c)...), "\n"),
		link:        f.linkTo(c.ID), category: "Expiry",
		tentative: k.Source == keepwatch.DateAssumed,
		alarms:    []string{alarm14d, alarm7d},
	}
}

// renewal is a planned renewal with its window.
func (f Feed) renewal(c keepwatch.Credential, zone *time.Location) event {
	r := c.Renewal
	start := keepwatch.DayOf(r.Planned.In(zone), zone)
	end := keepwatch.DayOf(r.Over(zone), zone)
	if end.In(zone).Before(r.Over(zone)) {
		end = end.AddDays(1) // the last day counts although it is not full
	}
	if !start.Before(end) {
		end = start.AddDays(1)
	}
	lines := []string{"The renewal of " + string(c.ID) + " is planned for " + start.String() + by(r.By) + "."}
	if r.Window > 0 {
		lines = append(lines, "It may take "+keepwatch.FormatDuration(r.Window)+". Until then no warning is sent; the end itself is told in any case.")
	}
	return event{
		uid: uidOf("renewal", string(c.ID)), start: start, end: end,
		summary:     "Planned renewal: " + string(c.ID),
		description: strings.Join(append(lines, f.about(c)...), "\n"),
		link:        f.linkTo(c.ID), category: "Renewal",
		alarms: []string{alarmToday},
	}
}

// about says whose it is. Whoever knows the feed's address reads this without an
// account: no client id, no reference, no contact stands in it.
func (f Feed) about(c keepwatch.Credential) []string {
	lines := []string{"Kind: " + words(string(c.Kind)) + "; tenant: " + string(c.Tenant)}
	if c.Owner.Team != "" {
		lines = append(lines, "Owner: "+c.Owner.Team)
	}
	if c.Purpose != "" {
		lines = append(lines, "Purpose: "+c.Purpose)
	}
	var holders []string
	for _, h := range c.Holders {
		holders = append(holders, h.Name)
	}
	if len(holders) > 0 {
		lines = append(lines, "Holders: "+strings.Join(holders, ", "))
	}
	if c.RunbookURL != "" {
		lines = append(lines, "Runbook: "+c.RunbookURL)
	}
	return lines
}

func (f Feed) linkTo(id keepwatch.CredentialID) string {
	if f.BaseURL == "" {
		return ""
	}
	return f.BaseURL + "/credentials/" + url.PathEscape(string(id))
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func basis(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}
