package view

import (
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/expiry"
)

// looks are the lines of observations about the dates of one credential.
type looks struct {
	summary *keepwatch.Series   // how the look itself went; never nil
	clocks  []*keepwatch.Series // one each
}

// dateLooks gathers them. Another check's series, such as a rotation's alarm, are
// not among them.
func dateLooks(id keepwatch.CredentialID, all []*keepwatch.Series) looks {
	out := looks{summary: none.looks.summary}
	check := keepwatch.CheckOf(keepwatch.CheckExpiry, id)
	for _, s := range all {
		switch {
		case s.Check != check, s.ID == keepwatch.SeriesOf(check, "rotation"):
		case s.ID == keepwatch.SeriesOf(check, ""):
			out.summary = s
		default:
			out.clocks = append(out.clocks, s)
		}
	}
	return out
}

// read are the clocks that were read from the thing itself.
func (l looks) read() []keepwatch.Clock {
	var out []keepwatch.Clock
	for _, s := range l.clocks {
		if d := s.Last.Due; d != nil && d.Clock.Source == keepwatch.DateRead {
			out = append(out, d.Clock)
		}
	}
	return out
}

// clocks are a credential's dates: what was read of it, else what follows from its
// record. They are worked out anew for each look, so that a record that has just
// changed is not shown with yesterday's dates.
func clocks(c keepwatch.Credential, l looks, zone *time.Location) []keepwatch.Clock {
	return expiry.Clocks(c, zone, l.read())
}

// zoneOf is the zone that a credential's days are counted in.
func (s Snapshot) zoneOf(id keepwatch.CredentialID) *time.Location {
	if s.Zone != nil {
		if zone := s.Zone(id); zone != nil {
			return zone
		}
	}
	return time.UTC
}

func (s Snapshot) ladderOf(id keepwatch.CredentialID) []time.Duration {
	if s.Ladder == nil {
		return nil
	}
	return s.Ladder(id)
}

func clockOf(k keepwatch.Clock, zone *time.Location, now time.Time) client.Clock {
	out := client.Clock{
		Name: k.Name, Kind: string(k.Kind), EndsAt: timeOf(k.At), Zone: zone.String(), Source: string(k.Source), Basis: k.Basis,
		Since: k.Since.String(), ConfirmedOn: k.ConfirmedAt.String(),
	}
	if out.Source == "" {
		out.Source = string(keepwatch.DateUnknown)
	}
	if k.Known() {
		left := daysLeft(k.At, zone, now)
		out.EndsOn, out.DaysLeft = keepwatch.DayOf(k.At, zone).String(), &left
	}
	return out
}

// daysLeft counts midnights, as people do: what ends tomorrow has one day left,
// however late it is today.
func daysLeft(at time.Time, zone *time.Location, now time.Time) int {
	return keepwatch.DayOf(now, zone).Until(keepwatch.DayOf(at, zone))
}

// firstHard is the clock that a credential is shown with; false where nothing of it
// ends by a date. That is another thing than a date that nobody knows.
func firstHard(all []keepwatch.Clock) (keepwatch.Clock, bool) {
	for _, k := range all {
		if k.Kind == keepwatch.ClockHard {
			return k, true
		}
	}
	return keepwatch.Clock{}, false
}

// undated counts the dates that somebody should know and nobody does, as the list of
// what ends counts them.
func undated(all []keepwatch.Clock) int {
	n := 0
	for _, k := range all {
		if k.Kind == keepwatch.ClockHard && !k.Known() {
			n++
		}
	}
	return n
}

// asked reports whether SFMC can be asked with a credential of the kind.
func asked(k keepwatch.Kind) bool {
	return k.Proof() == keepwatch.ProofToken || k.Proof() == keepwatch.ProofSOAP
}

// proven reports whether the credential's own tests say how it stands: there is a
// secret to ask SFMC with or, where SFMC cannot be asked, an integration point.
func proven(c *keepwatch.Credential) bool {
	if asked(c.Kind) {
		return c.SecretRef != ""
	}
	return len(c.Tests) > 0
}

// byDates reports whether a credential stands as its dates do, because it has no
// test of its own, and no evidence of one that it had.
func byDates(c *keepwatch.Credential, own *keepwatch.Series) bool {
	return !proven(c) && (own.ID == "" || !asked(c.Kind))
}

// standing is the series that says how a credential stands. What cannot be proven
// stands as its dates do: expired with the first that has passed, unknown while one
// is not known, and never better than the last look at them.
func standing(c *keepwatch.Credential, own *keepwatch.Series, l looks, all []keepwatch.Clock, now time.Time) *keepwatch.Series {
	if !byDates(c, own) {
		return own
	}
	s := *l.summary
	hard, known := 0, 0
	for _, k := range all {
		if k.Kind != keepwatch.ClockHard {
			continue
		}
		hard++
		if !k.Known() {
			continue
		}
		if k.Source == keepwatch.DateAssumed && !k.At.After(now) {
			continue // nobody knows whether it has ended
		}
		known++
		if k.At.After(now) {
			continue
		}
		s.State, s.Outcome, s.Since, s.Last = keepwatch.StateExpired, keepwatch.Expired, k.At, lookAt(l, k.Name)
		return &s
	}
	if asked(c.Kind) || hard > known || hard == 0 || s.State == "" {
		s.State = keepwatch.StateUnknown // a date in the future proves no secret
	}
	return &s
}

func lookAt(l looks, clock string) keepwatch.Observation {
	for _, s := range l.clocks {
		if s.Last.Due != nil && s.Last.Due.Clock.Name == clock {
			return s.Last
		}
	}
	return keepwatch.Observation{}
}

// explainDates fills message, hint and verdict of what stands as its dates do.
func explainDates(item *client.Credential, c *keepwatch.Credential, all []keepwatch.Clock, now time.Time) {
	first, ends := firstHard(all)
	if first.Source != keepwatch.DateRead {
		item.LastProvenAt = nil // its dates were looked at, the thing was not
	}
	switch {
	case item.State == string(keepwatch.StateExpired):
		if item.Message == "" {
			item.Message = "A known date has passed."
			item.Hint = "Renew it, then write down the new date."
		}
		item.Verdict = Capital(Ends(item.ExpiresAt, item.DaysLeft, now)) + ": a known date has passed."
	case asked(c.Kind):
		item.Message = "It is not tested: the record names no secret."
		item.Hint = "Give the record a reference to its secret, or seal the secret."
		item.Verdict = "Not known: it is not tested, because the record names no secret."
	case !ends:
		item.Message = "Nothing of this kind ends by a date, and it cannot be tested from here."
		item.Hint = "Where an end is agreed on, write it down as expires."
		item.Verdict = "Not known: it has no end, and it cannot be tested from here."
	case !first.Known():
		item.Message = "Nobody knows when it ends, and it cannot be tested from here."
		item.Hint = "Write down when it was made or when it ends."
		item.Verdict = "Not known: it has no date, and it cannot be tested from here."
	case item.State == string(keepwatch.StateUnknown):
		item.Message = "Its dates were not looked at lately."
		item.Hint = "The first look comes within a minute of the start; /readyz says whether Keepwatch itself works."
		item.Verdict = "Not known: its dates were not looked at lately."
	default:
		item.Verdict = "Ends " + Countdown(item.DaysLeft) + "; it cannot be tested from here."
		if item.LastProvenAt != nil {
			item.Verdict = "Read " + Ago(item.LastProvenAt, now) + ", ends " + Countdown(item.DaysLeft) + "."
		}
	}
}
