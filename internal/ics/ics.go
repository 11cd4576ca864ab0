// Package ics writes the calendar feed: one event for each known end of a
// credential and one for each planned renewal, as iCalendar (RFC 5545).
//
// It is called by app when somebody's calendar program asks for a feed's address.
// It is pure: it is given the estate and what its events said last, and returns the
// file and what changed. It knows no store, no addresses and no accounts.
package ics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
)

const (
	day = 24 * time.Hour
	// cancelledFor is how long an event that ended is shown as cancelled. A client
	// that asks rarely, or a phone that was off, must see it once; most drop an event
	// that is simply missing, but some keep it for ever.
	cancelledFor = 30 * day
	// pastFor is how long an event is shown after it is over.
	pastFor = 365 * day
	// maxEvents bounds the file. Calendar programs give up on larger ones.
	maxEvents = 10_000
	// refresh is how often a client should ask again. Most ask when they want to.
	refresh = time.Hour
)

// Feed is whose events are shown, and where their links lead.
type Feed struct {
	Owner   string // a team or a contact; "" is everybody's
	BaseURL string // of the web interface, without a slash at the end; "" leaves links out
}

// Estate is what the events are made of.
type Estate struct {
	Credentials []keepwatch.Credential
	Series      []keepwatch.Series // for the dates that were read from the things themselves
	Zone        func(keepwatch.CredentialID) *time.Location
}

// Render writes the feed as it stands at now. known is what events said last, by
// uid (see Key); changed is what to keep of what they say now. The file is the same
// from call to call until something changes.
func Render(f Feed, estate Estate, known map[string]keepwatch.FeedEvent, now time.Time) (file []byte, changed []keepwatch.FeedEvent) {
	var shown []event
	present := map[string]bool{}
	for _, e := range f.events(estate) {
		key := f.Key(e.uid)
		if present[key] {
			continue // two records of one id: the configuration keeps one of them
		}
		present[key] = true
		last, seen := known[key]
		if said := e.said(); !seen || last.Digest != said {
			last = keepwatch.FeedEvent{UID: key, Digest: said, Sequence: last.Sequence, ChangedAt: second(now)}
			if seen {
				last.Sequence++
			}
			changed = append(changed, last)
		}
		e.sequence, e.changedAt = last.Sequence, last.ChangedAt
		if e.end.In(time.UTC).After(now.Add(-pastFor)) {
			shown = append(shown, e)
		}
	}
	ended, more := f.ended(known, present, now)
	shown, changed = append(shown, ended...), append(changed, more...)
	slices.SortFunc(shown, event.compare)
	slices.SortFunc(changed, func(a, b keepwatch.FeedEvent) int { return cmp.Compare(a.UID, b.UID) })
	return f.write(shown[:min(len(shown), maxEvents)]), changed
}

// Key is the name that an event is remembered by. Each owner's feed remembers its
// own, so that a credential that changes hands is cancelled in one feed and stays
// in the other.
func (f Feed) Key(uid string) string {
	if f.Owner == "" {
		return "all:" + uid
	}
	return keepwatch.Digest("owner", strings.ToLower(f.Owner)) + ":" + uid
}

// ended are the events that were shown and are no more: the credential was removed,
// or its date is not known any longer, or the renewal is done.
func (f Feed) ended(known map[string]keepwatch.FeedEvent, present map[string]bool, now time.Time) (shown []event, changed []keepwatch.FeedEvent) {
	prefix := f.Key("")
	for key, last := range known {
		uid, mine := strings.CutPrefix(key, prefix)
		start, end, said := daysOf(last.Digest)
		if !mine || present[key] || !said {
			continue
		}
		e := event{uid: uid, start: start, end: end, cancelled: true, summary: "Cancelled: no longer in Keepwatch"}
		if e.said() != last.Digest {
			if !end.In(time.UTC).After(now) {
				continue // it is over anyway, and history is not rewritten
			}
			last.Digest, last.Sequence, last.ChangedAt = e.said(), last.Sequence+1, second(now)
			changed = append(changed, last)
		}
		if now.Sub(last.ChangedAt) < cancelledFor {
			e.sequence, e.changedAt = last.Sequence, last.ChangedAt
			shown = append(shown, e)
		}
	}
	return shown, changed
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// events are all that the feed's owner has.
func (f Feed) events(estate Estate) []event {
	read := readings(estate.Series)
	var out []event
	for _, c := range estate.Credentials {
		if !f.matches(c) {
			continue
		}
		zone := time.UTC
		if estate.Zone != nil {
			zone = cmp.Or(estate.Zone(c.ID), time.UTC)
		}
		for _, k := range expiry.Clocks(c, zone, read[c.ID]) {
			// An idle clock moves with every use: as an event it would jump about.
			if k.Kind == keepwatch.ClockHard && k.Known() {
				out = append(out, f.ending(c, k, zone))
			}
		}
		if !c.Renewal.Planned.IsZero() {
			out = append(out, f.renewal(c, zone))
		}
	}
	return out
}

func (f Feed) matches(c keepwatch.Credential) bool {
	return f.Owner == "" || strings.EqualFold(f.Owner, c.Owner.Team) || strings.EqualFold(f.Owner, c.Owner.Contact)
}

// readings are the clocks that looks read from the things themselves.
func readings(series []keepwatch.Series) map[keepwatch.CredentialID][]keepwatch.Clock {
	out := map[keepwatch.CredentialID][]keepwatch.Clock{}
	for _, s := range series {
		mine := s.Check == keepwatch.CheckOf(keepwatch.CheckExpiry, s.Credential)
		if d := s.Last.Due; mine && d != nil && d.Clock.Source == keepwatch.DateRead {
			out[s.Credential] = append(out[s.Credential], d.Clock)
		}
	}
	return out
}
