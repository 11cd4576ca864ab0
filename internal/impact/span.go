package impact

import (
	"fmt"
	"math"
	"time"
)

// span is a stretch of time whose ends are not known exactly: it began in
// (from[0], from[1]] and ended in (to[0], to[1]].
type span struct {
	from, to [2]time.Time
	open     bool // it lasts
}

// tail is the share of cases that lie below the low, and above the high, of a range.
const tail = 0.1

// deviate is how many standard deviations the 90 % quantile of a normal
// distribution lies above its middle.
const deviate = 1.2815515655446004

// ordered puts the ends in order: clocks of two machines may disagree by a moment.
func (s span) ordered() span {
	for _, pair := range []*[2]time.Time{&s.from, &s.to} {
		if pair[0].IsZero() || pair[0].After(pair[1]) {
			pair[0] = pair[1]
		}
	}
	return s
}

func (s span) isZero() bool { return s.from[1].IsZero() }

// middle is where both ends most likely were.
func (s span) middle() (from, to time.Time) {
	from, to = half(s.from), half(s.to)
	if to.Before(from) {
		to = from
	}
	return from, to
}

func half(p [2]time.Time) time.Time { return p[0].Add(p[1].Sub(p[0]) / 2) }

// spread is how much shorter than its middle the span is in one case of ten, and by
// symmetry how much longer: each end is anywhere in its gap, with equal chance.
func (s span) spread() time.Duration {
	u, v := float64(s.from[1].Sub(s.from[0])), float64(s.to[1].Sub(s.to[0]))
	if u < v {
		u, v = v, u
	}
	if u <= 0 {
		return 0
	}
	edge := tail*u + v/2 // where the density of the sum is flat …
	if 2*u*tail < v {    // … or on its slope
		edge = math.Sqrt(2 * u * v * tail)
	}
	return time.Duration((u+v)/2 - edge)
}

// stretched is the middle made longer by d, or shorter where d is negative. Either
// end takes the share that its uncertainty has.
func (s span) stretched(d time.Duration) (from, to time.Time) {
	u, v := float64(s.from[1].Sub(s.from[0])), float64(s.to[1].Sub(s.to[0]))
	from, to = s.middle()
	if u+v <= 0 {
		return from, to
	}
	front := time.Duration(float64(d) * u / (u + v))
	from, to = from.Add(-front), to.Add(d-front)
	if to.Before(from) {
		return half([2]time.Time{to, from}), half([2]time.Time{to, from})
	}
	return from, to
}

// length is the span's as a range.
func (s span) length() (low, mid, high time.Duration) {
	from, to := s.middle()
	mid, d := to.Sub(from), s.spread()
	return max(0, mid-d), mid, mid + d
}

// without is the span less another that lies at its beginning or its end.
func (s span) without(o span) span {
	if s.isZero() || o.isZero() {
		return s
	}
	from, to := s.middle()
	oFrom, oTo := o.middle()
	switch {
	case !oTo.After(from), !oFrom.Before(to): // apart
		return s
	case !oFrom.After(from) && !oTo.Before(to): // swallowed
		return span{}
	case !oFrom.After(from):
		s.from = o.to
	case !oTo.Before(to):
		s.to, s.open = o.from, false
	}
	return s.ordered()
}

// words renders a duration with its minutes, as formulas have it: "4 h 00 m".
func words(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
	}
	d = d.Round(time.Minute)
	if d < time.Hour {
		return fmt.Sprintf("%d m", d/time.Minute)
	}
	return fmt.Sprintf("%d h %02d m", d/time.Hour, d%time.Hour/time.Minute)
}

// stamp is an instant in a formula.
func stamp(t time.Time) string { return t.UTC().Round(time.Second).Format("2006-01-02 15:04 UTC") }
