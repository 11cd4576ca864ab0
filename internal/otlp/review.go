package otlp

import (
	"fmt"
	"slices"
	"strings"
)

// Doubt is what is wrong with a rule, as far as the rules alone show it.
type Doubt struct {
	Rule  int  // from 1
	Fault bool // it never matches; else it is only worth knowing
	Text  string
	Hint  string
}

// Review finds the rules that match nothing, and those of which the order decides.
func (r *Rules) Review() []Doubt {
	var found []Doubt
	for i := range r.Rules {
		rule := &r.Rules[i]
		if d, dead := r.dead(rule); dead {
			d.Rule, d.Fault = i+1, true
			found = append(found, d)
			continue
		}
		for j := range r.Rules[:i] {
			before := &r.Rules[j]
			if before.Tenant != rule.Tenant {
				continue
			}
			if before.covers(rule) {
				found = append(found, Doubt{i + 1, true, fmt.Sprintf("it is never reached: rule %d matches all that it matches", j+1), "put it before that rule, or take it out"})
				break
			}
			if before.Credential != rule.Credential && before.meets(rule) {
				found = append(found, Doubt{i + 1, false, fmt.Sprintf("what both match counts for %s, by rule %d", before.Credential, j+1), "order decides; name an attribute that tells them apart where that is not meant"})
			}
		}
	}
	return found
}

// dead reports whether no span can match a rule.
func (r *Rules) dead(rule *Rule) (Doubt, bool) {
	if rule.Tenant == "" {
		return Doubt{Text: fmt.Sprintf("it matches nothing: there is no credential %s", rule.Credential), Hint: "name a credential that there is"}, true
	}
	want, names := rule.Match[Host]
	if names && !slices.ContainsFunc(r.Hosts.Names(rule.Tenant), func(host string) bool { return within(host, want) }) {
		return Doubt{Text: fmt.Sprintf("it matches nothing: %s is no host of %s, the tenant of %s", want, rule.Tenant, rule.Credential), Hint: "its hosts are " + strings.Join(r.Hosts.Names(rule.Tenant), ", ")}, true
	}
	return Doubt{}, false
}

// within reports whether a value fits a pattern.
func within(value, pattern string) bool {
	if stem, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(value, stem)
	}
	return value == pattern
}

// covers reports whether whatever matches the other matches this rule, too.
func (r *Rule) covers(other *Rule) bool {
	for name, pattern := range r.Match {
		theirs, asked := other.Match[name]
		if !asked || !within(strings.TrimSuffix(theirs, "*"), pattern) || strings.HasSuffix(theirs, "*") && !strings.HasSuffix(pattern, "*") {
			return false
		}
	}
	return true
}

// meets reports whether both rules name the same attributes and one span may match both.
// Rules that look at different things would always overlap, which says nothing.
func (r *Rule) meets(other *Rule) bool {
	if len(r.Match) != len(other.Match) {
		return false
	}
	for name, pattern := range r.Match {
		theirs, asked := other.Match[name]
		if !asked {
			return false
		}
		mine, open := strings.CutSuffix(pattern, "*")
		yours, wide := strings.CutSuffix(theirs, "*")
		switch {
		case open && strings.HasPrefix(yours, mine), wide && strings.HasPrefix(mine, yours):
		case open || wide || mine != yours:
			return false
		}
	}
	return true
}
