package expiry

import (
	"cmp"
	"slices"
	"time"

	"keepwatch"
)

// Clocks are the clocks of a credential as they stand, the hard ones first, each
// with where its date comes from. read holds what was read from the thing itself; a
// reading beats what a person typed, that beats what a rule derives, and that beats
// what is assumed. A clock without a date is listed: it is a finding.
//
// A reading of an idle clock may give only Since, the last use: the end follows.
func Clocks(c keepwatch.Credential, zone *time.Location, read []keepwatch.Clock) []keepwatch.Clock {
	if zone == nil {
		zone = time.UTC
	}
	rules := Rules[c.Kind]
	out := make([]keepwatch.Clock, 0, len(rules)+len(read))
	main := true // Expires speaks of the first hard clock alone
	for _, r := range rules {
		reading := readingOf(read, r.Clock)
		k := keepwatch.Clock{Name: r.Clock, Kind: r.Kind, Source: keepwatch.DateUnknown}
		switch {
		case r.Kind == keepwatch.ClockIdle:
			k = idleClock(c, r, zone, reading)
		case r.After != "":
			k = followingClock(r, zone, out)
		case reading.Known():
			k = reading
			k.Kind, k.Source = r.Kind, keepwatch.DateRead
			k.Basis = cmp.Or(k.Basis, "read from the thing itself")
		case main && !c.Expires.IsZero():
			k.At, k.Since, k.Source, k.ConfirmedAt = c.Expires.In(zone), c.SecretGenerated, keepwatch.DateTyped, c.DatesConfirmed
			k.Basis = "entered in the record"
		default:
			k = derivedClock(c, r, zone)
		}
		main = main && (r.Kind != keepwatch.ClockHard)
		if k.Known() || !r.Optional {
			out = append(out, k)
		}
	}
	out = append(out, strangers(rules, read)...)
	slices.SortStableFunc(out, func(a, b keepwatch.Clock) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
	return out
}

func rank(k keepwatch.ClockKind) int {
	if k == keepwatch.ClockHard {
		return 0
	}
	return 1
}

func readingOf(read []keepwatch.Clock, name string) keepwatch.Clock {
	for _, k := range read {
		if k.Name == name {
			return k
		}
	}
	return keepwatch.Clock{}
}

// strangers are readings that no rule of the kind asks for, such as the further
// certificates of a chain. They have a date or they would not have been read.
func strangers(rules []Rule, read []keepwatch.Clock) []keepwatch.Clock {
	var out []keepwatch.Clock
	for _, k := range read {
		known := slices.ContainsFunc(rules, func(r Rule) bool { return r.Clock == k.Name })
		if known || !k.Known() || k.Kind == keepwatch.ClockSession {
			continue
		}
		k.Kind, k.Source = cmp.Or(k.Kind, keepwatch.ClockHard), keepwatch.DateRead
		out = append(out, k)
	}
	return out
}

// derivedClock counts from when the thing was made: by the account's policy, by the
// rule of its kind, else by our own renewal policy, which only assumes an end.
func derivedClock(c keepwatch.Credential, r Rule, zone *time.Location) keepwatch.Clock {
	k := keepwatch.Clock{Name: r.Clock, Kind: r.Kind, Since: c.SecretGenerated, Source: keepwatch.DateUnknown, Basis: "nobody entered a date: " + r.Why}
	life, why, source := r.Life, r.Why, keepwatch.DateDerived
	switch {
	case r.Policy != "" && c.ValidFor > 0:
		life, why = c.ValidFor, r.Policy
	case life > 0:
		if r.Assumed {
			source = keepwatch.DateAssumed
		}
	case !r.Ends.IsZero():
		k.At, k.Source, k.Basis = r.Ends.In(zone), keepwatch.DateAssumed, r.Why
		return k
	case c.Renewal.Every > 0:
		life, why, source = c.Renewal.Every, "own renewal policy; "+r.Why, keepwatch.DateAssumed
	}
	if life <= 0 || k.Since.IsZero() {
		return k
	}
	k.At, k.Source, k.ConfirmedAt = later(k.Since, life, zone), source, c.DatesConfirmed
	k.Basis = "generated " + k.Since.String() + " + " + daysOf(life) + " (" + why + ")"
	return k
}

// idleClock counts from the last use by anybody but Keepwatch. Making the thing
// counts as a use, since nothing older can.
func idleClock(c keepwatch.Credential, r Rule, zone *time.Location, reading keepwatch.Clock) keepwatch.Clock {
	k := keepwatch.Clock{Name: r.Clock, Kind: r.Kind, Source: keepwatch.DateUnknown, Basis: "nobody entered the last use: " + r.Why}
	life, why, source := r.Life, r.Why, keepwatch.DateDerived
	if c.IdleFor > 0 && r.Policy != "" {
		life, why = c.IdleFor, r.Policy
	} else if r.Assumed {
		source = keepwatch.DateAssumed
	}
	k.Since, k.ConfirmedAt = c.LastUsed, c.DatesConfirmed
	verb := "last used "
	if r.Clock == "refresh_token" && k.Since.Before(c.SecretGenerated) {
		k.Since, verb = c.SecretGenerated, "issued "
	}
	if k.Since.Before(reading.Since) {
		k.Since, k.ConfirmedAt, verb = reading.Since, reading.ConfirmedAt, "last use read as "
		if source == keepwatch.DateDerived {
			source = keepwatch.DateRead
		}
	}
	if k.Since.IsZero() {
		k.ConfirmedAt = keepwatch.Date{}
		return k
	}
	k.At, k.Source = later(k.Since, life, zone), source
	k.Basis = verb + k.Since.String() + " + " + daysOf(life) + " (" + why + ")"
	return k
}

// followingClock ends a while after another clock of the same credential.
func followingClock(r Rule, zone *time.Location, before []keepwatch.Clock) keepwatch.Clock {
	k := keepwatch.Clock{Name: r.Clock, Kind: r.Kind, Source: keepwatch.DateUnknown, Basis: r.Why}
	first := readingOf(before, r.After)
	if !first.Known() {
		return k
	}
	k.Since = keepwatch.DayOf(first.At, zone)
	k.At, k.Source, k.ConfirmedAt = later(k.Since, r.Life, zone), keepwatch.DateDerived, first.ConfirmedAt
	k.Basis = r.After + " ends " + k.Since.String() + " + " + daysOf(r.Life) + " (" + r.Why + ")"
	return k
}

// later is d after a date: whole days are civil days, so that a clock change in
// between moves nothing.
func later(from keepwatch.Date, d time.Duration, zone *time.Location) time.Time {
	return from.AddDays(int(d / day)).In(zone).Add(d % day)
}

func daysOf(d time.Duration) string {
	if d%day == 0 {
		return plural(int(d/day), "day")
	}
	return keepwatch.FormatDuration(d)
}
