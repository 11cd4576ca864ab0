package calendar

import "time"

// Cadence is how often a check is due: one interval in business hours, another
// outside. A nil calendar is always open, so Business holds.
//
// Due times stand on a grid of elapsed time from the epoch: k*interval plus the
// share phase/65536 of it, in whole seconds, where the interval is the one in
// force at that instant. Where the grids change over, the last point of one and
// the first of the other may lie further apart than either interval; the longer
// interval's grid then counts on the wrong side too. So no gap is ever longer
// than the longer interval, and due times depend on nothing but the phase:
// whoever asks, and however often, the answer is the same.
type Cadence struct {
	Calendar *Calendar
	Business time.Duration
	Off      time.Duration
}

// grid is one interval's points: offset + k*step, in seconds.
type grid struct{ step, offset int64 }

func newGrid(interval time.Duration, phase uint16) grid {
	step := seconds(interval)
	// step*phase stays in range up to intervals of millions of years.
	return grid{step, step * int64(phase) >> 16}
}

// seconds cuts an interval to whole seconds, at least one: the grid has no finer.
func seconds(d time.Duration) int64 { return max(1, int64(d/time.Second)) }

// from is the first point at or after t; upTo the last at or before t.
func (g grid) from(t int64) int64 { return t + floorMod(g.offset-t, g.step) }
func (g grid) upTo(t int64) int64 { return t - floorMod(t-g.offset, g.step) }

func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// plan is a cadence made ready for one phase.
type plan struct {
	calendar      *Calendar
	business, off grid
	long          grid // the one with the longer step
}

func (c Cadence) plan(phase uint16) plan {
	p := plan{calendar: c.Calendar, business: newGrid(c.Business, phase)}
	p.off = p.business
	if c.Calendar != nil && !c.Calendar.always {
		p.off = newGrid(c.Off, phase)
	}
	p.long = p.business
	if p.off.step > p.long.step {
		p.long = p.off
	}
	return p
}

// even reports that both intervals are the same, so the calendar does not matter.
func (p plan) even() bool { return p.business == p.off }

func (p plan) gridOf(open bool) grid {
	if open {
		return p.business
	}
	return p.off
}

// Next is the first due time strictly after t, on a whole second, in UTC.
func (c Cadence) Next(after time.Time, phase uint16) time.Time {
	return time.Unix(c.plan(phase).next(after.Unix()), 0).UTC()
}

// next looks after second a; a fraction of a second never moves a point, for
// the next whole second lies beyond it as well.
func (p plan) next(a int64) int64 {
	coarse := p.long.from(a + 1)
	if p.even() {
		return coarse
	}
	if q, ok := p.native(a+1, coarse); ok {
		return q
	}
	if p.fills(coarse) {
		return coarse
	}
	// Between two points at most one long interval apart: the second is next.
	q, _ := p.native(coarse, coarse+p.long.step)
	return q
}

// native is the first point in [from, upTo] that stands on the grid in force.
func (p plan) native(from, upTo int64) (int64, bool) {
	for t := from; t <= upTo; {
		s := p.calendar.segmentAt(t)
		if q := p.gridOf(s.open).from(t); q < s.end {
			return q, q <= upTo
		}
		t = s.end
	}
	return 0, false
}

// nativeBefore is the last such point in [downTo, before).
func (p plan) nativeBefore(before, downTo int64) (int64, bool) {
	for t := before - 1; t >= downTo; {
		s := p.calendar.segmentAt(t)
		if q := p.gridOf(s.open).upTo(t); q >= s.start {
			return q, q >= downTo
		}
		t = s.start - 1
	}
	return 0, false
}

// fills reports whether a point of the long grid that is not native closes a gap
// longer than the long interval.
func (p plan) fills(coarse int64) bool {
	before, ok := p.nativeBefore(coarse, coarse-p.long.step)
	if !ok {
		return true
	}
	after, ok := p.native(coarse, before+p.long.step)
	return !ok || after-before > p.long.step
}

// GapAt is the interval in force at t.
func (c Cadence) GapAt(t time.Time) time.Duration {
	if c.Calendar.Open(t) {
		return time.Duration(seconds(c.Business)) * time.Second
	}
	return time.Duration(seconds(c.Off)) * time.Second
}

// Longest is the longer of the two intervals where both can be in force: no two
// due times are further apart.
func (c Cadence) Longest() time.Duration {
	return time.Duration(c.plan(0).long.step) * time.Second
}

// Count is the number of due times in (from, to]: as many as Next would give,
// without walking them one by one.
func (c Cadence) Count(from, to time.Time, phase uint16) int {
	p, a, b := c.plan(phase), from.Unix(), to.Unix()
	if b <= a {
		return 0
	}
	if p.even() {
		return p.long.count(a+1, b)
	}
	n := 0
	for t := a + 1; t <= b; {
		s := p.calendar.segmentAt(t)
		last := min(s.end-1, b)
		g := p.gridOf(s.open)
		n += g.count(t, last)
		if g != p.long {
			n += p.countFills(s, g, t, last)
		}
		t = s.end
	}
	return n
}

// count is the number of points in [from, upTo].
func (g grid) count(from, upTo int64) int {
	first := g.from(from)
	if first > upTo {
		return 0
	}
	return int((upTo-first)/g.step) + 1
}

// countFills counts the filling points of a stretch within [from, upTo]. Only the
// first and the last long point can be one: between two points of the short
// grid nothing needs filling.
func (p plan) countFills(s segment, g grid, from, upTo int64) int {
	n := 0
	head, tail := p.long.from(s.start), p.long.upTo(s.end-1)
	if head >= s.end {
		return 0
	}
	if p.isFill(head, g, from, upTo) {
		n++
	}
	if tail != head && p.isFill(tail, g, from, upTo) {
		n++
	}
	return n
}

func (p plan) isFill(t int64, g grid, from, upTo int64) bool {
	return from <= t && t <= upTo && g.from(t) != t && p.fills(t)
}
