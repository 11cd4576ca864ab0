package notify

import (
	"slices"
	"time"
)

// Match says which incidents a route is for. A field that is empty matches
// everything; a field with values matches any of them; all fields must match. An
// incident that gathers several credentials matches a field when one of them does.
type Match struct {
	Criticality  []string `yaml:"criticality,omitempty"`
	Tenant       []string `yaml:"tenant,omitempty"`
	BusinessUnit []string `yaml:"business_unit,omitempty"`
	Owner        []string `yaml:"owner,omitempty"`
	Category     []string `yaml:"category,omitempty"`
	Outcome      []string `yaml:"outcome,omitempty"`
	Scope        []string `yaml:"scope,omitempty"`
	Severity     []string `yaml:"severity,omitempty"`
	Credential   []string `yaml:"credential,omitempty"`
}

// Route sends what matches to receivers.
type Route struct {
	Match Match    `yaml:"match,omitempty"`
	To    []string `yaml:"to"`
	// Wait delays the first message. What comes and goes within it is not told.
	Wait time.Duration `yaml:"wait,omitempty"`
	// RepeatEvery reminds while the incident is open and nobody has acknowledged it.
	RepeatEvery time.Duration `yaml:"repeat_every,omitempty"`
	// Continue looks at the routes below, too.
	Continue bool `yaml:"continue,omitempty"`
}

// Routes in the order of the file: the first that matches decides, unless it says continue.
type Routes []Route

// Target is one receiver of one incident, and the manners of the route that named it.
type Target struct {
	Receiver    string
	Wait        time.Duration
	RepeatEvery time.Duration
	Route       int // index of the route, for explanations
}

// For lists who is told of an incident. A receiver that several routes name is
// told once, with the manners of the first.
func (rs Routes) For(f Facts) []Target {
	var out []Target
	for i, r := range rs {
		if !r.Match.matches(f) {
			continue
		}
		for _, to := range r.To {
			if !slices.ContainsFunc(out, func(t Target) bool { return t.Receiver == to }) {
				out = append(out, Target{Receiver: to, Wait: r.Wait, RepeatEvery: r.RepeatEvery, Route: i})
			}
		}
		if !r.Continue {
			break
		}
	}
	return out
}

// target finds one receiver's manners; the zero Target (at once, no reminders)
// where no route names it any more.
func (rs Routes) target(f Facts, receiver string) Target {
	for _, t := range rs.For(f) {
		if t.Receiver == receiver {
			return t
		}
	}
	return Target{Receiver: receiver}
}

func (m Match) matches(f Facts) bool {
	inc := f.Incident
	return overlap(m.Criticality, one(string(f.criticality()))) &&
		overlap(m.Tenant, f.tenants()) &&
		overlap(m.BusinessUnit, f.collect(businessUnit)) &&
		overlap(m.Owner, f.collect(team)) &&
		overlap(m.Category, one(string(inc.Category))) &&
		overlap(m.Outcome, one(string(inc.Outcome))) &&
		overlap(m.Scope, one(string(inc.Scope))) &&
		overlap(m.Severity, one(string(inc.Severity))) &&
		overlap(m.Credential, f.ids())
}

func one(s string) []string { return []string{s} }

// overlap: no wish is met by everything, a wish by any of the values.
func overlap(wanted, have []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(have, w) })
}
