package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/expiry"
)

// ExpiringWithin is how far the list of what ends looks ahead when nobody says.
const ExpiringWithin = 90 * 24 * time.Hour

// soonDays are the last days of a date, in which it is a warning.
const soonDays = 14

// ExpiringFilter narrows the list of what ends. Zero fields do not.
type ExpiringFilter struct {
	Within time.Duration // 0: ExpiringWithin
	Owner  string        // a team or a contact
	Tenant string
	Clock  keepwatch.ClockKind // "": hard dates. The kinds are never mixed in one list
}

// Expiring lists one page of what ends.
func (r *Reader) Expiring(ctx context.Context, now time.Time, f ExpiringFilter, page Page) (client.Expiring, error) {
	series, err := r.from.Series.PlainSeries(ctx)
	if err != nil {
		return client.Expiring{}, reading("states", err)
	}
	return Expiring(r.inventory(), series, now, f, page)
}

// Expiring is the list of what ends from an inventory and what was seen of it,
// soonest first. A date that nobody knows comes last and is never left out; nothing
// needs to have been seen.
func Expiring(snap Snapshot, series []keepwatch.Series, now time.Time, f ExpiringFilter, page Page) (client.Expiring, error) {
	after, err := openCursor(page.Cursor)
	if err != nil {
		return client.Expiring{}, err
	}
	if f.Owner != "" {
		if err := snap.ownerExists(f.Owner); err != nil {
			return client.Expiring{}, err
		}
	}
	f.Within, f.Clock = cmp.Or(f.Within, ExpiringWithin), cmp.Or(f.Clock, keepwatch.ClockHard)
	out := client.Expiring{At: now.UTC(), Within: keepwatch.FormatDuration(f.Within), Items: []client.Ending{}}
	all := endings(snap, series, now, f)
	for _, e := range all {
		switch {
		case e.Clock.EndsAt == nil:
			out.Undated++
		case !e.Clock.EndsAt.After(now):
			out.Ended++
		default:
			out.Soon++
		}
	}
	for i, e := range all {
		if endingKey(e) <= after {
			continue
		}
		if len(out.Items) == page.Limit {
			next := sealCursor(endingKey(all[i-1]))
			out.Next = &next
			break
		}
		out.Items = append(out.Items, e)
	}
	return out, nil
}

// endings are all that the filter lets through, in the order of the list.
func endings(snap Snapshot, series []keepwatch.Series, now time.Time, f ExpiringFilter) []client.Ending {
	own, seen := ownSeries(series), dateLooks(series)
	var out []client.Ending
	for _, c := range snap.Credentials {
		if !f.matches(c) {
			continue
		}
		zone := snap.zoneOf(c.ID)
		all := clocks(c, seen[c.ID], zone)
		s := standing(c, own[c.ID], seen[c.ID], all, now)
		plans := map[string]keepwatch.Due{}
		for _, d := range expiry.Look(c, all, snap.ladderOf(c.ID), zone, now) {
			plans[d.Clock.Name] = d
		}
		for _, k := range all {
			if k.Kind == f.Clock && f.near(k.At, zone, now) {
				e := ending(c, s, k, plans[k.Name], zone, now)
				e.Contradicted = contradicted(k, own[c.ID], now)
				e.Severity = string(endingSeverity(e, k, now))
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b client.Ending) int { return strings.Compare(endingKey(a), endingKey(b)) })
	return out
}

func (f ExpiringFilter) matches(c keepwatch.Credential) bool {
	if f.Tenant != "" && string(c.Tenant) != f.Tenant {
		return false
	}
	return f.Owner == "" || strings.EqualFold(f.Owner, c.Owner.Team) || strings.EqualFold(f.Owner, c.Owner.Contact)
}

// near reports whether a date belongs in the list. Whole days are counted by the
// calendar: within 30 days means what people read in the column of days.
func (f ExpiringFilter) near(at time.Time, zone *time.Location, now time.Time) bool {
	const day = 24 * time.Hour
	switch {
	case at.IsZero():
		return true
	case f.Within%day == 0:
		return daysLeft(at, zone, now) <= int(f.Within/day)
	}
	return !at.After(now.Add(f.Within))
}

func ending(c keepwatch.Credential, s keepwatch.Series, k keepwatch.Clock, due keepwatch.Due, zone *time.Location, now time.Time) client.Ending {
	return client.Ending{
		Credential: string(c.ID), Tenant: string(c.Tenant), BusinessUnit: midOf(c.BusinessUnit), Kind: string(c.Kind), Purpose: c.Purpose,
		Owner: c.Owner.Team, OwnerContact: c.Owner.Contact, Criticality: string(c.Criticality), State: string(s.StateAt(now)), DefinedIn: c.File,
		Clock: clockOf(k, zone, now), PlannedRenewal: c.Renewal.Planned.String(), RenewalBy: c.Renewal.By,
		Quiet: due.Quiet, Attention: due.Attention,
	}
}

// contradicted reports whether the credential still works after a date on which it
// should have ended: it was proven since, and nothing has refused it. What was read from the thing itself cannot be.
func contradicted(k keepwatch.Clock, own keepwatch.Series, now time.Time) bool {
	refused := own.State == keepwatch.StateFailing || own.State == keepwatch.StateExpired
	return !refused && k.Kind == keepwatch.ClockHard && k.Source != keepwatch.DateRead && k.Known() && !k.At.After(now) && own.LastProvenAt.After(k.At)
}

// severityUnknown is that of a date that nobody knows: not an OK.
const severityUnknown keepwatch.Severity = "unknown"

// endingSeverity is critical only where a date that somebody stands for has passed:
// an assumed one, or one that a proof contradicts, is not a fact.
func endingSeverity(e client.Ending, k keepwatch.Clock, now time.Time) keepwatch.Severity {
	switch {
	case !k.Known():
		return severityUnknown
	case !k.At.After(now) && k.Kind == keepwatch.ClockHard && k.Source != keepwatch.DateAssumed && !e.Contradicted:
		return keepwatch.SeverityCritical
	case !k.At.After(now) || *e.Clock.DaysLeft <= soonDays:
		return keepwatch.SeverityWarning
	}
	return keepwatch.SeverityInfo
}

// endingKey orders by date, then by credential and clock; unknown dates come last.
func endingKey(e client.Ending) string {
	at := "~"
	if e.Clock.EndsAt != nil {
		at = fmt.Sprintf("%020d", e.Clock.EndsAt.UnixMilli()+1<<50) // dates before 1970 sort, too
	}
	return strings.Join([]string{at, e.Credential, e.Clock.Name}, "\x00")
}
