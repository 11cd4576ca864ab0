package notify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"keepwatch"
)

// Foreseen is a message that routes would have sent.
type Foreseen struct {
	Notice    keepwatch.Notice // whose news it tells; earlier ones may be told with it
	Receiver  string
	Kind      keepwatch.TransitionKind // as it is told: to whom nothing was told yet, it begins
	At        time.Time
	Reminders int // that follow on it
}

// Foresee says what routes would have sent about the notices of one incident, oldest
// first, where every receiver takes every message at once. It follows the rules by
// which the pipeline decides, and knows neither rows nor outages. Until bounds the reminders.
func Foresee(notices []keepwatch.Notice, routes Routes, dir Directory, until time.Time) []Foreseen {
	waiting := map[string]*wait{}
	var earlier []keepwatch.Delivery
	var out []Foreseen
	var later []wait // escalations
	for _, n := range notices {
		for _, name := range slices.Sorted(maps.Keys(waiting)) {
			if w := waiting[name]; !w.due.After(n.At) {
				out = append(out, w.message())
				delete(waiting, name)
			}
		}
		for _, t := range address(n, earlier, routes.For(FactsOf(n.Incident, dir, ""), n.At)) {
			if t.After > 0 {
				later = append(later, wait{receiver: t.Receiver, notice: n, due: n.At.Add(t.After)})
				continue
			}
			earlier = append(earlier, keepwatch.Delivery{Receiver: t.Receiver, Notice: n})
			w := waiting[t.Receiver]
			switch {
			case w != nil && ends(n.Kind):
				delete(waiting, t.Receiver) // it came and went within the wait
			case w != nil:
				w.notice = n
			case n.Kind == keepwatch.Opened && t.begins(n.At).After(n.At):
				waiting[t.Receiver] = &wait{receiver: t.Receiver, notice: n, due: t.begins(n.At)}
			default:
				w := wait{receiver: t.Receiver, notice: n, due: n.At}
				out = append(out, w.message())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		if w := waiting[name]; !w.due.After(until) {
			out = append(out, w.message())
		}
	}
	out = append(out, unheard(later, out, notices, until)...)
	slices.SortStableFunc(out, func(a, b Foreseen) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receiver, b.Receiver)) })
	begin(out)
	remind(out, notices, routes, dir, until)
	return out
}

// begins is when the first message may be told: after the wait, and in the hours.
func (t Target) begins(at time.Time) time.Time {
	at = at.Add(t.Wait)
	if t.OnlyIn != nil && !t.OnlyIn.Open(at) {
		return t.OnlyIn.NextChange(at)
	}
	return at
}

// unheard are the escalations that nobody has made needless by their time.
func unheard(later []wait, told []Foreseen, notices []keepwatch.Notice, until time.Time) []Foreseen {
	var out []Foreseen
	for _, w := range later {
		taken := slices.ContainsFunc(notices, func(n keepwatch.Notice) bool {
			return (n.Kind == keepwatch.Acknowledged || ends(n.Kind)) && !n.At.After(w.due)
		})
		heard := slices.ContainsFunc(told, func(m Foreseen) bool { return m.Receiver == w.receiver && !m.At.After(w.due) })
		if !taken && !heard && !w.due.After(until) {
			out = append(out, w.message())
		}
	}
	return out
}

// wait is a first message whose time has not come.
type wait struct {
	receiver string
	notice   keepwatch.Notice
	due      time.Time
}

func (w wait) message() Foreseen {
	return Foreseen{Notice: w.notice, Receiver: w.receiver, At: w.due}
}

// begin words the first message to each receiver as such.
func begin(out []Foreseen) {
	told := map[string]bool{}
	for i := range out {
		m := &out[i]
		if m.Kind = m.Notice.Kind; !told[m.Receiver] && (m.Kind == keepwatch.Changed || m.Kind == keepwatch.Warning) {
			m.Kind = keepwatch.Opened
		}
		told[m.Receiver] = true
	}
}

// remind counts the reminders that follow on each message: until the next one to
// the same receiver, or until somebody has taken the incident.
func remind(told []Foreseen, notices []keepwatch.Notice, routes Routes, dir Directory, until time.Time) {
	for i := range told {
		m := &told[i]
		every := routes.target(FactsOf(m.Notice.Incident, dir, ""), m.Receiver, m.At).RepeatEvery
		if every <= 0 || !wantsReminder(keepwatch.Delivery{Notice: m.Notice}) {
			continue
		}
		end := until
		for _, later := range told[i+1:] {
			if later.Receiver == m.Receiver && later.At.Before(end) {
				end = later.At
			}
		}
		for _, n := range notices {
			if (n.Kind == keepwatch.Acknowledged || ends(n.Kind)) && n.At.After(m.At) && n.At.Before(end) {
				end = n.At
			}
		}
		if span := end.Sub(m.At); span > 0 {
			m.Reminders = int((span - 1) / every)
		}
	}
}
