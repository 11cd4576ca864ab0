package intake

import (
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// Limits of a look at a date, and of what it compares.
const (
	maxClock = 120 // bytes of a clock's name: it is part of keys
	maxRungs = 64
	maxFacts = 32
	maxFact  = 1000 // bytes of a fact's value
)

// checkDates refuses what no look at a date can find, and cleans the rest. A test of
// a credential finds no dates: to record one as its result would end a failure that
// only a proof may end.
func checkDates(o *keepwatch.Observation) error {
	dated := o.Outcome.Info().Confirm == keepwatch.ConfirmDate
	own := o.Check != "" && o.Check == keepwatch.CheckID(o.Credential)
	switch {
	case own && (dated || o.Due != nil):
		return invalid("report it under a check of its own, such as "+string(keepwatch.CheckOf(keepwatch.CheckExpiry, o.Credential)),
			"the credential's own test reports a date")
	case len(o.Seen) > maxFacts:
		return invalid("compare at most "+strconv.Itoa(maxFacts), "there are %d facts", len(o.Seen))
	}
	o.Seen = facts(o.Seen)
	if o.Due == nil {
		return nil
	}
	due, err := dueOf(*o.Due)
	o.Due = &due
	return err
}

func dueOf(d keepwatch.Due) (keepwatch.Due, error) {
	k := &d.Clock
	if k.Name != Text(k.Name, maxClock) || k.Name == "" {
		return d, invalid("name the clock in at most "+strconv.Itoa(maxClock)+" bytes of valid text", "the clock %s has no usable name", quote(k.Name))
	}
	switch k.Kind {
	case keepwatch.ClockHard, keepwatch.ClockIdle:
	default:
		return d, invalid("use hard_date or idle", "a clock of kind %s has no date", quote(string(k.Kind)))
	}
	switch k.Source {
	case keepwatch.DateRead, keepwatch.DateDerived, keepwatch.DateTyped, keepwatch.DateAssumed:
	default:
		return d, invalid("use read, derived, typed or assumed", "the date's source %s is unknown", quote(string(k.Source)))
	}
	if k.At.IsZero() {
		return d, invalid("send looks at known dates only", "the clock %s has no date", quote(k.Name))
	}
	if len(d.Passed) > maxRungs {
		return d, invalid("send at most "+strconv.Itoa(maxRungs), "%d rungs have passed", len(d.Passed))
	}
	// What is judged must be what is stored, or a date would seem to move by a fraction.
	k.At, d.Next = k.At.UTC().Truncate(time.Millisecond), d.Next.UTC().Truncate(time.Millisecond)
	k.Basis, d.Attention = Text(k.Basis, maxMessage), Text(d.Attention, maxMessage)
	d.Passed = slices.Clone(d.Passed)
	for i := range d.Passed {
		d.Passed[i] = Text(d.Passed[i], maxClock)
	}
	return d, nil
}

func facts(in []keepwatch.Fact) []keepwatch.Fact {
	if len(in) == 0 {
		return nil
	}
	out := make([]keepwatch.Fact, len(in))
	for i, f := range in {
		out[i] = keepwatch.Fact{Name: Text(f.Name, maxName), Value: Text(f.Value, maxFact)}
	}
	return out
}
