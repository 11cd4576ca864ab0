package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// Match says which incidents a route is for.
type Match = keepwatch.Match

// Route sends what matches to receivers.
type Route struct {
	Name  string
	Match Match
	To    []string
	// Wait delays the first message. What comes and goes within it is not told.
	Wait time.Duration
	// RepeatEvery reminds while the incident is open and nobody has acknowledged it.
	RepeatEvery time.Duration
	// OnlyIn are the hours in which To is told. Outside them Otherwise is told in its
	// place; without Otherwise the message waits for the hours to begin.
	OnlyIn    *calendar.Calendar
	Otherwise []string
	// Escalate tells others when nobody has acknowledged the incident by then.
	Escalate []Escalation
	// GroupBy are the facts (see GroupFacts) by which incidents become one message; empty
	// tells each by itself. Wait collects them before each message.
	GroupBy []string
	// Digest gathers incidents until an hour, the open ones and those that are over; nil
	// tells them as they come.
	Digest *Hour
	// Continue looks at the routes below, too.
	Continue bool
}

// Escalation is who hears of an incident that nobody took.
type Escalation struct {
	After time.Duration // from the transition
	To    []string
}

// Routes in the order of the file: the first that matches decides, unless it says continue.
type Routes []Route

// Target is one receiver of one incident, and the manners of the route that named it.
type Target struct {
	Receiver    string
	Wait        time.Duration
	RepeatEvery time.Duration
	// OnlyIn are the hours that its messages wait for; nil for none.
	OnlyIn *calendar.Calendar
	// After is when it is told if nobody has acknowledged by then; 0: at once.
	After   time.Duration
	GroupBy []string
	Digest  *Hour
	// Outside: it is told in the place of others, outside their hours.
	Outside bool
	Route   int // index of the route, for explanations
}

// immediate: a transactional credential that fails is told at any hour, unless the
// route was written for transactional ones and says otherwise.
func (r Route) immediate(f Facts) bool {
	return f.criticality() == keepwatch.Transactional && f.Incident.Severity == keepwatch.SeverityCritical &&
		!slices.Contains(r.Match.Criticality, string(keepwatch.Transactional))
}

// closed reports whether the hours of a route are over at a moment.
func (r Route) closed(f Facts, at time.Time) bool {
	return r.OnlyIn != nil && !r.immediate(f) && !r.OnlyIn.Open(at)
}

// For lists who is told of an incident that is to be told at a moment. A receiver
// that several routes name is told once, with the manners of the first; one that is
// told anyway does not hear of it a second time by an escalation.
func (rs Routes) For(f Facts, at time.Time) []Target {
	return rs.targets(f, func(r Route) bool { return r.closed(f, at.Add(r.Wait)) })
}

// atAnyHour lists who is told of what belongs to no incident: it waits for no hours,
// and nobody is told in the place of others.
func (rs Routes) atAnyHour(f Facts) []Target {
	return slices.DeleteFunc(rs.targets(f, func(Route) bool { return false }), func(t Target) bool { return t.After > 0 })
}

// targets lists the receivers of the routes that match. closed says of a route
// whether its hours are over.
func (rs Routes) targets(f Facts, closed func(Route) bool) []Target {
	var now, later []Target
	for i, r := range rs {
		if mismatch(r.Match, f) != "" {
			continue
		}
		now = append(now, r.first(f, i, closed(r))...)
		for _, e := range r.Escalate {
			for _, to := range e.To {
				later = append(later, Target{Receiver: to, RepeatEvery: r.RepeatEvery, After: e.After, GroupBy: r.GroupBy, Route: i})
			}
		}
		if !r.Continue {
			break
		}
	}
	var out []Target
	for _, t := range append(now, later...) {
		if !slices.ContainsFunc(out, func(o Target) bool { return o.Receiver == t.Receiver }) {
			out = append(out, t)
		}
	}
	return out
}

// first are the receivers that a route tells without waiting for anybody.
func (r Route) first(f Facts, index int, closed bool) []Target {
	names, outside := r.To, closed && len(r.Otherwise) > 0
	if outside {
		names = r.Otherwise
	}
	out := make([]Target, len(names))
	for i, to := range names {
		out[i] = Target{Receiver: to, Wait: r.Wait, RepeatEvery: r.RepeatEvery, GroupBy: r.GroupBy, Outside: outside, Route: index}
		if !r.immediate(f) {
			out[i].Digest = r.Digest
		}
		if len(r.Otherwise) == 0 && !r.immediate(f) {
			out[i].OnlyIn = r.OnlyIn
		}
	}
	return out
}

// target finds one receiver's manners, for an incident that was to be told at a
// moment: those that it was addressed by, else, when it would not be told then, any
// that name it. It is the zero Target (at once, no reminders) where no route does any
// more.
func (rs Routes) target(f Facts, receiver string, at time.Time) Target {
	for _, closed := range []func(Route) bool{
		func(r Route) bool { return r.closed(f, at.Add(r.Wait)) },
		func(Route) bool { return false },
		func(Route) bool { return true },
	} {
		for _, t := range rs.targets(f, closed) {
			if t.Receiver == receiver {
				return t
			}
		}
	}
	return Target{Receiver: receiver}
}

// hours reports whether a route may let a receiver's messages wait for its hours.
func (rs Routes) hours(receiver string) bool {
	return slices.ContainsFunc(rs, func(r Route) bool { return r.OnlyIn != nil && slices.Contains(r.To, receiver) })
}

// mismatch names the first field of a match that an incident does not meet, with
// what it wants and what there is; "" when all are met.
func mismatch(m Match, f Facts) string {
	inc := f.Incident
	for _, field := range []struct {
		name         string
		wanted, have []string
	}{
		{"criticality", m.Criticality, one(string(f.criticality()))},
		{"tenant", m.Tenant, f.tenants()},
		{"business_unit", m.BusinessUnit, f.collect(businessUnit)},
		{"owner", m.Owner, f.collect(team)},
		{"kind", m.Kind, f.collect(kindOfCredential)},
		{"category", m.Category, one(string(inc.Category))},
		{"outcome", m.Outcome, one(string(inc.Outcome))},
		{"scope", m.Scope, one(string(inc.Scope))},
		{"severity", m.Severity, one(string(inc.Severity))},
		{"credential", m.Credential, f.ids()},
	} {
		if !overlap(field.wanted, field.have) {
			return fmt.Sprintf("%s is %s, not %s", field.name, listOf(field.have), strings.Join(field.wanted, " or "))
		}
	}
	return ""
}

func listOf(have []string) string {
	text := clean(strings.Join(firstOf(have), ", "), 300)
	if text == "" {
		return "not known"
	}
	return text
}

func one(s string) []string { return []string{s} }

// overlap: no wish is met by everything, a wish by any of the values.
func overlap(wanted, have []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(have, w) })
}
