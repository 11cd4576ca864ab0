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
	Reminders []time.Time // that follow on it
}

// Foresee says what routes would have sent about the notices of one incident, oldest
// first, where every receiver takes every message at once. It follows the rules by
// which the pipeline decides, silences among them, and knows neither rows nor outages.
// Each incident is told by itself. Until bounds the reminders.
func Foresee(notices []keepwatch.Notice, routes Routes, mutes []Mute, dir Directory, until time.Time) []Foreseen {
	waiting := map[string]*wait{}
	told := map[string]bool{}
	var earlier []keepwatch.Delivery
	var out []Foreseen
	var later []wait // escalations
	for _, n := range notices {
		for _, name := range slices.Sorted(maps.Keys(waiting)) {
			if w := waiting[name]; !w.due.After(n.At) {
				out = append(out, w.message())
				told[name] = true
				delete(waiting, name)
			}
		}
		f := FactsOf(n.Incident, dir, "")
		for _, t := range address(n, earlier, routes.For(f, n.At)) {
			if t.After > 0 {
				later = append(later, wait{receiver: t.Receiver, notice: n, due: n.At.Add(t.After)})
				continue
			}
			earlier = append(earlier, keepwatch.Delivery{Receiver: t.Receiver, Notice: n})
			w := waiting[t.Receiver]
			// Who was told that it began is told how it went on, whoever wants quiet.
			passes := told[t.Receiver] && (ends(n.Kind) || n.Kind == keepwatch.Acknowledged)
			due := n.At
			if !passes {
				due = t.begins(n, mutes, f)
			}
			switch {
			case w != nil && ends(n.Kind) && !told[t.Receiver]:
				delete(waiting, t.Receiver) // it came and went within the wait
			case w != nil && !passes:
				w.notice = n
			case due.After(n.At):
				waiting[t.Receiver] = &wait{receiver: t.Receiver, notice: n, due: due}
			default:
				delete(waiting, t.Receiver) // what waited is said by this one
				told[t.Receiver] = true
				out = append(out, Foreseen{Notice: n, Receiver: t.Receiver, At: n.At})
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
	remind(out, notices, routes, mutes, dir, until)
	return out
}

// begins is when a notice may be told: the first after the wait, in the hours of the
// receiver and when nobody wants quiet.
func (t Target) begins(n keepwatch.Notice, mutes []Mute, f Facts) time.Time {
	at := n.At
	if n.Kind == keepwatch.Opened {
		at = at.Add(t.Wait)
	}
	return quietUntil(t, mutes, f, at)
}

// quietUntil is the first moment from at on at which nothing holds a message back.
func quietUntil(t Target, mutes []Mute, f Facts, at time.Time) time.Time {
	for range mostHolds {
		h, ok := hold(t, mutes, f, at)
		if !ok || !h.until.After(at) {
			break
		}
		at = h.until
	}
	return at
}

// mostHolds bounds how many silences and closed hours in a row are waited out.
const mostHolds = 1000

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

// remind finds the reminders that follow on each message: until the next one to
// the same receiver, or until somebody has taken the incident.
func remind(told []Foreseen, notices []keepwatch.Notice, routes Routes, mutes []Mute, dir Directory, until time.Time) {
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
		f := FactsOf(m.Notice.Incident, dir, "")
		for at := m.At.Add(every); at.Before(end); at = at.Add(every) {
			if at = quietUntil(Target{}, mutes, f, at); at.Before(end) {
				m.Reminders = append(m.Reminders, at)
			}
		}
	}
}
