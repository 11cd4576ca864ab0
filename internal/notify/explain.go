package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Explanation says who would be told of an incident that begins now, and why the
// others would not. It is made by the functions that the pipeline decides by.
type Explanation struct {
	At     time.Time
	Told   []Told
	Others []Other
	// Nobody says why nobody is told; "" when somebody is.
	Nobody string
}

// Told is one receiver that would be told.
type Told struct {
	Receiver string
	Channel  string
	At       time.Time // of the first message
	Rule     string    // the route that names it
	Why      string    // what the route asked for, and what delays the message
	// Unless is what would keep the message back: somebody acknowledges first.
	Unless      string
	RepeatEvery time.Duration
}

// Other is a route or a receiver that would not tell or be told.
type Other struct {
	Name string // of the route or receiver
	Why  string
}

// Explain works out who would be told of an incident that begins at a moment and
// lasts.
func Explain(s Setup, mutes []Mute, inc keepwatch.Incident, at time.Time) Explanation {
	f := FactsOf(inc, s.Directory, s.BaseURL)
	e := Explanation{At: at}
	all := append(slices.Clone(s.Mutes), mutes...)
	for _, t := range s.Routes.For(f, at) {
		e.Told = append(e.Told, explainTarget(s, all, f, t, at))
	}
	slices.SortStableFunc(e.Told, func(a, b Told) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receiver, b.Receiver)) })
	e.Others = others(s, f, e.Told, at)
	if len(e.Told) == 0 {
		e.Nobody = nobody(s, "no route matches this incident")
	}
	return e
}

func nobody(s Setup, otherwise string) string {
	switch {
	case len(s.Receivers) == 0:
		return "no receivers are configured"
	case len(s.Routes) == 0:
		return "no routes are configured"
	}
	return otherwise
}

// explainTarget follows one message through what may delay it.
func explainTarget(s Setup, mutes []Mute, f Facts, t Target, at time.Time) Told {
	out := Told{Receiver: t.Receiver, Channel: s.channel(t.Receiver), Rule: s.Routes.rule(t.Route), RepeatEvery: t.RepeatEvery}
	why := []string{s.Routes[t.Route].asks()}
	due := at.Add(t.Wait)
	switch {
	case t.After > 0:
		due = at.Add(t.After)
		out.Unless = "somebody acknowledges it before"
		why = append(why, "escalation after "+keepwatch.FormatDuration(t.After))
	case t.Outside:
		why = append(why, fmt.Sprintf("outside the hours %s, in the place of %s", s.Routes[t.Route].OnlyIn.Name(), strings.Join(s.Routes[t.Route].To, ", ")))
	}
	if len(t.GroupBy) > 0 {
		b, _ := t.bundle("", f, at)
		why = append(why, "told in one message with those of the same "+strings.Join(t.GroupBy, ", ")+inParentheses(alike(b, t.GroupBy))+", sooner where one is due already")
	}
	if p := s.pace(t.Receiver); p.Count > 0 {
		why = slices.Insert(why, 1, fmt.Sprintf("more than %d messages in %s become one, and right after another one it waits up to %s",
			p.Count, keepwatch.FormatDuration(p.Within), keepwatch.FormatDuration(beatOf(f))))
	}
	if t.Wait > 0 && t.After == 0 {
		why = append(why, "waits "+keepwatch.FormatDuration(t.Wait))
	}
	var held []string
	if t.Digest != nil && t.After == 0 {
		due, held = digested(t, mutes, f, at)
		gathered := "gathered for the digest " + t.Digest.String()
		if t.OnlyIn != nil {
			gathered += ", sooner where an earlier one waits for the hours"
		}
		why = append(why, gathered)
	} else {
		due, held = freeFrom(t, mutes, f, due)
	}
	why = append(why, held...)
	out.At, out.Why = due, strings.Join(why, "; ")
	return out
}

// freeFrom is the first moment from then on at which nothing holds a message back, and
// what did until then.
func freeFrom(t Target, mutes []Mute, f Facts, at time.Time) (time.Time, []string) {
	var why []string
	for range maxHolds {
		h, ok := hold(t, mutes, f, at)
		if !ok {
			break
		}
		at = h.until
		why = append(why, h.why)
	}
	return at, why
}

// digested is when a digest tells of what begins at a moment. It joins the first one
// after it may be told, and what is silenced at that hour joins the next after the silence.
func digested(t Target, mutes []Mute, f Facts, at time.Time) (time.Time, []string) {
	free, why := freeFrom(t, mutes, f, at)
	due := t.Digest.Next(free)
	for range maxHolds {
		h, ok := hold(t, mutes, f, due)
		if !ok {
			break
		}
		why = append(why, h.why)
		if due = h.until; !h.hours { // somebody's wish for quiet, and not the receiver's hours
			var more []string
			free, more = freeFrom(t, mutes, f, h.until)
			why = append(why, more...)
			due = t.Digest.Next(free)
		}
	}
	return due, why
}

func alike(b keepwatch.Bundle, facts []string) string {
	var values []string
	for _, name := range facts {
		if v := b.Labels[name]; v != "" {
			values = append(values, v)
		}
	}
	return strings.Join(values, ", ")
}

// maxHolds bounds how many quiet times in a row an explanation follows.
const maxHolds = 1000

func (s *Setup) channel(receiver string) string {
	for _, r := range s.Receivers {
		if r.Name == receiver {
			return r.Channel
		}
	}
	return ""
}

// rule names a route for people: by its name, else by its place in the file.
func (rs Routes) rule(index int) string {
	if index < len(rs) && rs[index].Name != "" {
		return rs[index].Name
	}
	return fmt.Sprintf("route %d", index+1)
}

// asks says in words what a route is for.
func (r Route) asks() string {
	var fields []string
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"criticality", r.Match.Criticality}, {"tenant", r.Match.Tenant}, {"business_unit", r.Match.BusinessUnit}, {"owner", r.Match.Owner}, {"kind", r.Match.Kind},
		{"category", r.Match.Category}, {"outcome", r.Match.Outcome}, {"scope", r.Match.Scope}, {"severity", r.Match.Severity}, {"credential", r.Match.Credential},
	} {
		if len(f.values) > 0 {
			fields = append(fields, f.name+" "+strings.Join(f.values, " or "))
		}
	}
	if len(fields) == 0 {
		return "it is for everything"
	}
	return "it is for " + strings.Join(fields, ", ")
}

// others explains every route that does not tell, and every receiver that is not
// told by any.
func others(s Setup, f Facts, told []Told, at time.Time) []Other {
	var out []Other
	decided := -1
	for i, r := range s.Routes {
		name := s.Routes.rule(i)
		switch why := mismatch(r.Match, f); {
		case decided >= 0:
			out = append(out, Other{name, "not looked at: " + s.Routes.rule(decided) + " decides and does not say continue"})
		case why != "":
			out = append(out, Other{name, why})
		case !r.Continue:
			decided = i
		}
	}
	for _, r := range s.Receivers {
		if slices.ContainsFunc(told, func(t Told) bool { return t.Receiver == r.Name }) {
			continue
		}
		out = append(out, Other{r.Name, whyNot(s, f, r.Name, at)})
	}
	return out
}

func whyNot(s Setup, f Facts, receiver string, at time.Time) string {
	named := false
	for _, r := range s.Routes {
		all := append(append(slices.Clone(r.To), r.Otherwise...), escalated(r)...)
		if !slices.Contains(all, receiver) {
			continue
		}
		named = true
		if mismatch(r.Match, f) != "" {
			continue
		}
		switch closed := r.closed(f, at.Add(r.Wait)); {
		case slices.Contains(r.Otherwise, receiver) && !closed:
			return "it is told outside the hours " + r.OnlyIn.Name() + " only"
		case slices.Contains(r.To, receiver) && closed && len(r.Otherwise) > 0:
			return "outside the hours " + r.OnlyIn.Name() + " it is not told; " + strings.Join(r.Otherwise, ", ") + " is"
		}
		if !r.Continue {
			break
		}
	}
	if !named {
		return "no route names it"
	}
	return "no route that matches names it"
}

func escalated(r Route) (out []string) {
	for _, e := range r.Escalate {
		out = append(out, e.To...)
	}
	return out
}
