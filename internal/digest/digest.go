// Package digest writes the weekly letter to each owner: what has ended, what ends
// soon, what lies unused, which dates nobody knows, and what somebody should decide.
//
// It is called by app, which lists the estate as the web interface shows it and
// posts the letters. It is pure: it says when a digest is due and what it says, and
// knows no store and no channel.
package digest

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/calendar"
)

// Within is how far a digest looks ahead.
const Within = 90 * 24 * time.Hour

// hour of the day at which a digest is written.
const hour = 9

// Due is the newest time at or before now at which the digest is written: nine
// o'clock on the first working day of the week, in the calendar's zone. It is false
// when that is not after last, the slot that was written last; zero is never. Weeks
// that were missed are not made up for: their letters would all say the same.
func Due(last time.Time, hours *calendar.Calendar, now time.Time) (time.Time, bool) {
	slot := slotOf(hours, now)
	if slot.After(now) {
		slot = slotOf(hours, now.AddDate(0, 0, -7))
	}
	return slot, slot.After(last)
}

// Next is the first time after now at which a digest is written.
func Next(hours *calendar.Calendar, now time.Time) time.Time {
	slot := slotOf(hours, now)
	if !slot.After(now) {
		slot = slotOf(hours, now.AddDate(0, 0, 7))
	}
	return slot
}

// slotOf is the slot of the week that an instant falls into.
func slotOf(hours *calendar.Calendar, at time.Time) time.Time {
	zone := hours.Location()
	today := keepwatch.DayOf(at, zone)
	monday := today.AddDays(-(int(today.In(time.UTC).Weekday()) + 6) % 7)
	first := monday
	for day := monday; day.Before(monday.AddDays(7)); day = day.AddDays(1) {
		if works(hours, day.In(zone), day.AddDays(1).In(zone)) {
			first = day
			break
		}
	}
	y, m, d := first.In(time.UTC).Date()
	return time.Date(y, m, d, hour, 0, 0, 0, zone).UTC()
}

// works reports whether the calendar is open at some time of a day.
func works(hours *calendar.Calendar, from, to time.Time) bool {
	if hours.Open(from) {
		return true
	}
	change := hours.NextChange(from)
	return !change.IsZero() && change.Before(to)
}

// Report is what one owner's digest is made of.
type Report struct {
	Owner    string // the team, else the contact; "" is what nobody owns
	Contact  string // how to reach them; "" leaves it to the routes
	Endings  []client.Ending
	Findings []client.Finding
}

// Reports sorts what there is by owner. Endings are the lists of what ends, with hard
// dates and idle clocks together; findings that somebody accepted are left out. A
// finding that names no owner belongs to nobody's digest.
func Reports(endings []client.Ending, findings []client.Finding) []Report {
	byOwner := map[string]*Report{}
	contacts := map[string]map[string]int{}
	of := func(owner string) *Report {
		key := strings.ToLower(owner)
		if byOwner[key] == nil {
			byOwner[key], contacts[key] = &Report{Owner: owner}, map[string]int{}
		}
		return byOwner[key]
	}
	for _, e := range endings {
		owner := cmp.Or(e.Owner, e.OwnerContact)
		r := of(owner)
		r.Endings = append(r.Endings, e)
		if e.OwnerContact != "" {
			contacts[strings.ToLower(owner)][e.OwnerContact]++
		}
	}
	for _, f := range findings {
		if f.Accepted == nil {
			r := of(f.Owner)
			r.Findings = append(r.Findings, f)
		}
	}
	out := make([]Report, 0, len(byOwner))
	for _, key := range slices.Sorted(maps.Keys(byOwner)) {
		r := byOwner[key]
		r.Contact = most(contacts[key])
		out = append(out, *r)
	}
	return out
}

// most is the contact that most of an owner's credentials name: a team is written
// to once, and not once for each contact.
func most(counts map[string]int) string {
	best := ""
	for _, contact := range slices.Sorted(maps.Keys(counts)) {
		if best == "" || counts[contact] > counts[best] {
			best = contact
		}
	}
	return best
}

// Letters are the digests of a slot, one for each owner that there is something to
// tell. The same slot makes the same letters by id, whoever writes them.
func Letters(endings []client.Ending, findings []client.Finding, baseURL string, slot time.Time) []keepwatch.Letter {
	var out []keepwatch.Letter
	for _, r := range Reports(endings, findings) {
		if letter, ok := Compose(r, baseURL, slot); ok {
			out = append(out, letter)
		}
	}
	return out
}

// Compose writes one owner's digest. It is false when there is nothing to tell.
func Compose(r Report, baseURL string, slot time.Time) (keepwatch.Letter, bool) {
	t := topicsOf(r)
	if t.empty() {
		return keepwatch.Letter{}, false
	}
	letter := keepwatch.Letter{
		ID:   keepwatch.NoticeID("digest." + keepwatch.Digest(strings.ToLower(r.Owner), slot.UTC().Format(time.RFC3339))),
		Kind: keepwatch.LetterDigest, To: r.Contact, Owner: r.Owner, Severity: t.severity(),
		Subject: t.subject(r.Owner), Text: t.text(r.Owner), Button: "Open the list",
	}
	if baseURL != "" {
		letter.Link = baseURL + "/expiring"
		if r.Owner != "" {
			letter.Link += "?owner=" + url.QueryEscape(r.Owner)
		}
	}
	return letter, true
}
