package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/expiry"
	"keepwatch/internal/store"
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
	Tier   string              // the criticality
	Query  string              // part of the id, the purpose or the owner
	On     string              // one day, such as 2026-12-09
	Clock  keepwatch.ClockKind // "": hard dates. The kinds are never mixed in one list
}

// Expiring lists one page of what ends.
func (r *Reader) Expiring(ctx context.Context, now time.Time, f ExpiringFilter, page Page) (client.Expiring, error) {
	if err := r.index.follow(ctx, r.from.Series); err != nil {
		return client.Expiring{}, reading("states", err)
	}
	e := &estate{now: now, snap: r.inventory(), index: r.index, part: r.part}
	return e.expiring(f, page)
}

// Expiring is the list of what ends from an inventory and what was seen of it,
// soonest first. A date that nobody knows comes last and is never left out; nothing
// needs to have been seen.
func Expiring(snap Snapshot, series []keepwatch.Series, now time.Time, f ExpiringFilter, page Page) (client.Expiring, error) {
	e := &estate{now: now, snap: snap, index: newIndex()}
	seen := store.Moved{}
	for i := range series {
		seen.Series = append(seen.Series, &series[i])
	}
	e.index.take(seen)
	return e.expiring(f, page)
}

func (e *estate) expiring(f ExpiringFilter, page Page) (client.Expiring, error) {
	after, err := openCursor(page.Cursor)
	if err != nil {
		return client.Expiring{}, err
	}
	if f.Owner != "" && f.Owner != NoOwner {
		if err := e.snap.ownerExists(f.Owner); err != nil {
			return client.Expiring{}, err
		}
	}
	f.Within, f.Clock = cmp.Or(f.Within, ExpiringWithin), cmp.Or(f.Clock, keepwatch.ClockHard)
	out := client.Expiring{At: e.now.UTC(), Within: keepwatch.FormatDuration(f.Within), Items: []client.Ending{}, Days: []client.AheadEnd{}}
	all := e.ends(f)
	for _, end := range all {
		switch {
		case !end.Known():
			out.Undated++
		case !end.At.After(e.now):
			out.Ended++
		default:
			out.Soon++
		}
	}
	out.Days = e.endDays(all)
	from := 0
	if after != "" {
		from = sort.Search(len(all), func(i int) bool { return all[i].key() > after })
	}
	to := from + min(page.Limit, len(all)-from)
	for _, end := range all[from:to] {
		out.Items = append(out.Items, e.ending(end))
	}
	if to < len(all) && to > from {
		next := sealCursor(all[to-1].key())
		out.Next = &next
	}
	return out, nil
}

// end is one clock of one credential, before it is shown.
type end struct {
	*glance
	*keepwatch.Clock
	day keepwatch.Date // zero where it is not known
}

// key is text in the order of compare.
func (x end) key() string {
	at := "~"
	if x.Known() {
		at = fmt.Sprintf("%020d", x.At.UnixMilli()+1<<50) // dates before 1970 sort, too
	}
	return strings.Join([]string{at, string(x.ID), x.Name}, "\x00")
}

// compare orders by date, then by credential and clock; unknown dates come last.
func (x end) compare(y end) int {
	if x.Known() != y.Known() {
		if x.Known() {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(x.At.UnixMilli(), y.At.UnixMilli()), strings.Compare(string(x.ID), string(y.ID)), strings.Compare(x.Name, y.Name))
}

// ends are all that the filter lets through, in the order of the list.
func (e *estate) ends(f ExpiringFilter) []end {
	var out []end
	here := today{now: e.now}
	for _, g := range e.glances(CredentialFilter{Tenant: f.Tenant, Owner: f.Owner, Tier: f.Tier, Query: f.Query}) {
		for i := range g.clocks {
			x := end{g, &g.clocks[i], g.days[i]}
			if x.Kind == f.Clock && f.near(x, here.in(g.zone), e.now) && (f.On == "" || x.Known() && x.day.String() == f.On) {
				out = append(out, x)
			}
		}
	}
	slices.SortFunc(out, end.compare)
	return out
}

// endDays are the days on which something of a list ends.
func (e *estate) endDays(all []end) []client.AheadEnd {
	days, here := endsByDay{}, today{now: e.now}
	for _, x := range all {
		if x.Known() {
			proven := !x.At.After(e.now) && contradicted(x.Clock, x.line.own, e.now)
			days.add(x.day, x.glance, endingSeverity(x.Clock, here.in(x.zone).Until(x.day), proven, e.now))
		}
	}
	return days.list()
}

// ending is one row of the list.
func (e *estate) ending(x end) client.Ending {
	var plan keepwatch.Due
	for _, d := range expiry.Look(*x.Credential, x.clocks, e.snap.ladderOf(x.ID), x.zone, e.now) {
		if d.Clock.Name == x.Name {
			plan = d
		}
	}
	out := ending(x.Credential, e.standing(x.Credential), *x.Clock, plan, x.zone, e.now)
	out.Contradicted = contradicted(x.Clock, x.line.own, e.now)
	out.Severity = string(severityUnknown)
	if x.Known() {
		out.Severity = string(endingSeverity(x.Clock, *out.Clock.DaysLeft, out.Contradicted, e.now))
	}
	return out
}

// near reports whether a date belongs in the list. Whole days are counted by the
// calendar: within 30 days means what people read in the column of days.
func (f ExpiringFilter) near(x end, today keepwatch.Date, now time.Time) bool {
	const day = 24 * time.Hour
	switch {
	case !x.Known():
		return true
	case f.Within%day == 0:
		return today.Until(x.day) <= int(f.Within/day)
	}
	return !x.At.After(now.Add(f.Within))
}

func ending(c *keepwatch.Credential, s *keepwatch.Series, k keepwatch.Clock, due keepwatch.Due, zone *time.Location, now time.Time) client.Ending {
	return client.Ending{
		Credential: string(c.ID), Tenant: string(c.Tenant), BusinessUnit: midOf(c.BusinessUnit), Kind: string(c.Kind), Purpose: c.Purpose,
		Owner: c.Owner.Team, OwnerContact: c.Owner.Contact, Criticality: string(c.Criticality), State: string(s.StateAt(now)), DefinedIn: c.File,
		Clock: clockOf(k, zone, now), PlannedRenewal: c.Renewal.Planned.String(), RenewalBy: c.Renewal.By,
		Quiet: due.Quiet, Attention: due.Attention,
	}
}

// contradicted reports whether the credential still works after a date on which it
// should have ended: it was proven since, and nothing has refused it. What was read from the thing itself cannot be.
func contradicted(k *keepwatch.Clock, own *keepwatch.Series, now time.Time) bool {
	refused := own.State == keepwatch.StateFailing || own.State == keepwatch.StateExpired
	return !refused && k.Kind == keepwatch.ClockHard && k.Source != keepwatch.DateRead && k.Known() && !k.At.After(now) && own.LastProvenAt.After(k.At)
}

// severityUnknown is that of a date that nobody knows: not an OK.
const severityUnknown keepwatch.Severity = "unknown"

// endingSeverity is critical only where a date that somebody stands for has passed:
// an assumed one, or one that a proof contradicts, is not a fact.
func endingSeverity(k *keepwatch.Clock, daysLeft int, contradicted bool, now time.Time) keepwatch.Severity {
	switch {
	case !k.At.After(now) && k.Kind == keepwatch.ClockHard && k.Source != keepwatch.DateAssumed && !contradicted:
		return keepwatch.SeverityCritical
	case !k.At.After(now) || daysLeft <= soonDays:
		return keepwatch.SeverityWarning
	}
	return keepwatch.SeverityInfo
}
