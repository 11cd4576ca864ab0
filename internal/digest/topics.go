package digest

import (
	"slices"

	"keepwatch"
	"keepwatch/client"
)

// topics are a report's rows by what is said of them. The clocks are never mixed: a
// date ends, an idle clock runs out because nobody uses the thing.
type topics struct {
	ended   []client.Ending // a date that has passed
	missed  []client.Ending // its renewal should be over, and the date has not moved
	soon    []client.Ending // ends within the time that a digest looks ahead
	planned []client.Ending // ends later, and is to be renewed within that time
	idle    []client.Ending
	unknown []client.Ending

	findings []client.Finding // that want a decision
	lesser   int              // further findings, which are counted only
}

func topicsOf(r Report) topics {
	var t topics
	for _, e := range r.Endings {
		if e.Clock.Kind == string(keepwatch.ClockIdle) {
			t.idleRow(e)
		} else {
			t.hardRow(e)
		}
	}
	for _, f := range r.Findings {
		switch {
		case t.said(f):
		case f.Severity == string(keepwatch.SeverityInfo):
			t.lesser++
		default:
			t.findings = append(t.findings, f)
		}
	}
	return t
}

func (t *topics) hardRow(e client.Ending) {
	left := e.Clock.DaysLeft
	switch {
	case left == nil:
		t.unknown = append(t.unknown, e)
	case over(e):
		t.ended = append(t.ended, e)
	case missed(e):
		t.missed = append(t.missed, e)
	case *left <= Within:
		t.soon = append(t.soon, e)
	case plannedSoon(e) && !slices.ContainsFunc(t.planned, about(e.Credential)):
		t.planned = append(t.planned, e)
	}
}

// idleRow takes an idle clock from two thirds of its time on, when it warns. Before
// that somebody uses the thing; and one without a date, which nearly every API user
// has, is nothing that anybody has to look up.
func (t *topics) idleRow(e client.Ending) {
	since, err := keepwatch.ParseDate(e.Clock.Since)
	end, today, ok := daysOf(e)
	if !ok {
		return
	}
	if err != nil || today.Until(end)*3 <= since.Until(end) {
		t.idle = append(t.idle, e)
	}
}

// over reports whether a date has passed; on its day the severity tells.
func over(e client.Ending) bool {
	return *e.Clock.DaysLeft < 0 || *e.Clock.DaysLeft == 0 && e.Severity == string(keepwatch.SeverityCritical)
}

// missed reports whether a planned renewal has passed without a new date. The same
// field says of a plan ahead that it comes too late.
func missed(e client.Ending) bool {
	day, in, ok := planOf(e)
	return ok && e.Attention != "" && (in < 0 || in == 0 && !day.Exact())
}

func plannedSoon(e client.Ending) bool {
	_, in, ok := planOf(e)
	return ok && in >= 0 && in <= Within
}

// planOf is the day of a planned renewal, and how many days ahead it lies.
func planOf(e client.Ending) (day keepwatch.Date, in int, ok bool) {
	_, today, ok := daysOf(e)
	day, err := keepwatch.ParseDate(e.PlannedRenewal)
	if !ok || err != nil {
		return keepwatch.Date{}, 0, false
	}
	return day, today.Until(day), true
}

// daysOf is the day on which a clock ends and today, both in the clock's zone: the
// row has the day and how many are left.
func daysOf(e client.Ending) (end, today keepwatch.Date, ok bool) {
	end, err := keepwatch.ParseDate(e.Clock.EndsOn)
	if err != nil || e.Clock.DaysLeft == nil {
		return keepwatch.Date{}, keepwatch.Date{}, false
	}
	return end, end.AddDays(-*e.Clock.DaysLeft), true
}

// said reports whether a row says already what a finding says.
func (t *topics) said(f client.Finding) bool {
	if f.Credential == nil {
		return false
	}
	says := func(list []client.Ending, what func(client.Ending) bool) bool {
		return slices.ContainsFunc(list, func(e client.Ending) bool { return e.Credential == *f.Credential && what(e) })
	}
	always := func(client.Ending) bool { return true }
	switch keepwatch.FindingKind(f.Kind) {
	case keepwatch.FindingNoDate:
		return says(t.unknown, always)
	case keepwatch.FindingIdle:
		return says(t.idle, always)
	case keepwatch.FindingRenewalOverdue:
		return says(t.missed, always) || says(t.ended, func(e client.Ending) bool { return e.Attention != "" })
	case keepwatch.FindingDateContradicted:
		return says(t.ended, func(e client.Ending) bool { return e.Contradicted })
	}
	return false
}

func about(credential string) func(client.Ending) bool {
	return func(e client.Ending) bool { return e.Credential == credential }
}

// empty reports whether nothing is worth a letter. Findings of little weight alone
// are not: a letter that comes every week and asks for nothing is read by nobody.
func (t topics) empty() bool {
	return len(t.ended)+len(t.missed)+len(t.soon)+len(t.planned)+len(t.idle)+len(t.unknown)+len(t.findings) == 0
}

// severity is a warning once something wants hands this week or the next.
func (t topics) severity() keepwatch.Severity {
	if len(t.ended)+len(t.missed) > 0 {
		return keepwatch.SeverityWarning
	}
	for _, e := range slices.Concat(t.soon, t.idle) {
		if e.Severity == string(keepwatch.SeverityWarning) || e.Severity == string(keepwatch.SeverityCritical) {
			return keepwatch.SeverityWarning
		}
	}
	return keepwatch.SeverityInfo
}
