package detect

import (
	"math"
	"slices"
	"time"

	"keepwatch"
)

// Longest is how far apart two looks may lie for the time between them to count as
// watched. Beyond it nothing is known of when the events came.
const Longest = 2 * time.Hour

// Judge says of one aspect of one subject how it stands, from the newest reading,
// what was remembered with the one before, and the baseline where the aspect has
// one. It fills the reading's amount and window, the memory and the verdict of
// what it returns. The time is the reading's: the same readings give the same
// verdicts, whenever they are judged.
func Judge(prev *keepwatch.Watch, model *keepwatch.Model, next keepwatch.Watch) keepwatch.Watch {
	if prev != nil && !next.Reading.At.After(prev.Reading.At) {
		next.Memory, next.Verdict = prev.Memory, prev.Verdict
		next.Reading.Amount, next.Reading.Window = 0, 0
		return next // looked at twice, or out of order: nothing new
	}
	j := judge{w: next, now: next.Reading.At, model: usable(model)}
	j.w.Memory, j.w.Verdict = keepwatch.Memory{Since: j.now}, keepwatch.Verdict{}
	j.w.Reading.Amount, j.w.Reading.Window = 0, 0
	if prev != nil {
		j.prev, j.was, j.w.Memory = &prev.Reading, prev.Verdict, remembered(prev.Memory)
	}
	j.mem = &j.w.Memory
	j.zone = zoneOf(next.Expect.Zone)
	if j.model != nil {
		j.zone = zoneOf(j.model.Zone)
	}
	switch next.Aspect {
	case keepwatch.AspectEntry:
		j.entry()
	}
	return j.w
}

// judge is one judgement.
type judge struct {
	w     keepwatch.Watch
	mem   *keepwatch.Memory // of w
	prev  *keepwatch.Reading
	was   keepwatch.Verdict
	model *keepwatch.Model
	zone  *time.Location
	now   time.Time

	delta   int64 // of the counter, however long the gap; never negative
	counted bool  // delta says something
}

// usable is the model, if its numbers can be reckoned with. It comes from a
// document that anybody may have written.
func usable(m *keepwatch.Model) *keepwatch.Model {
	if m == nil || len(m.Cells) != cells || m.Events < leastEvents || m.Weeks < leastWeeks {
		return nil
	}
	sum := 0.0
	for _, c := range m.Cells {
		if !(c >= 0 && c < 1e12) {
			return nil
		}
		sum += c
	}
	if sum <= 0 || !sound(m.Clump) || !sound(m.Slow) || !sound(m.Starts) || !sound(m.Tail) || !sound(m.Holiday) || !sound(m.Longest) {
		return nil
	}
	if b := m.Batch; b != nil {
		if len(b.Empty) != cells || !sound(b.Miss) || !sound(b.Least) || slices.ContainsFunc(b.Empty, func(e float64) bool { return !sound(e) }) {
			return nil
		}
	}
	return m
}

func sound(x float64) bool { return x >= 0 && x < 1e9 }

// remembered is a copy that shares nothing with the one that was stored.
func remembered(m keepwatch.Memory) keepwatch.Memory {
	m.Drops, m.Sizes, m.Shares = slices.Clone(m.Drops), slices.Clone(m.Sizes), slices.Clone(m.Shares)
	m.Imports, m.Ages, m.Depths = slices.Clone(m.Imports), slices.Clone(m.Ages), slices.Clone(m.Depths)
	for i := range m.Imports {
		m.Imports[i].Sizes = slices.Clone(m.Imports[i].Sizes)
	}
	m.Score, m.Day, m.Hour, m.Due, m.Awaited = finite(m.Score), finite(m.Day), finite(m.Hour), finite(m.Due), finite(m.Awaited)
	return m
}

func finite(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return min(x, 1e9)
}

// count takes the difference of a cumulative counter. A counter that fell was
// begun anew: a version was deleted, or SFMC counted again.
func (j *judge) count(before, now *int64) {
	if before == nil || now == nil || *now < *before {
		return
	}
	j.delta, j.counted = *now-*before, true
	if gap := j.now.Sub(j.prev.At); gap <= Longest {
		j.w.Reading.Amount, j.w.Reading.Window = j.delta, gap
	}
}

// flow moves the score of the silence on to now: events end it, watched time
// without them adds what should have come.
func (j *judge) flow() {
	if j.delta > 0 {
		j.sign(j.delta)
	}
	if j.prev == nil {
		return
	}
	window := j.w.Reading.Window
	switch {
	case j.delta > 0:
		if window > 0 {
			j.thin(window, j.expected(j.prev.At, j.now))
		}
		return
	case window <= 0 || j.w.Reading.Maintenance:
		j.pass(j.prev.At)
		return
	}
	j.mem.Quiet += window
	if j.model == nil {
		return
	}
	due := j.expected(j.prev.At, j.now)
	j.mem.Due += due
	for at := j.prev.At; at.Before(j.now); {
		end := at.Truncate(time.Hour).Add(time.Hour)
		if end.After(j.now) {
			end = j.now
		}
		j.wait(at, end)
		at = end
	}
	j.thin(window, due)
}

// sign remembers events, and forgets the silence before them.
func (j *judge) sign(n int64) {
	m := j.mem
	m.Events = min(m.Events+n, math.MaxInt64/4)
	m.Back = min(m.Back+n, math.MaxInt64/4)
	m.LastSign, m.Span = j.now, j.w.Reading.Window
	m.Quiet, m.Due, m.Score, m.Day, m.Hour = 0, 0, 0, 0, 0
}

// expected is what the baseline holds for a watched stretch of at most two hours.
func (j *judge) expected(from, to time.Time) float64 {
	if j.model == nil || j.w.Reading.Maintenance {
		return 0
	}
	return sumOver(j.model, j.zone, from, to) * j.share()
}

func sumOver(m *keepwatch.Model, zone *time.Location, from, to time.Time) float64 {
	sum := 0.0
	for from.Before(to) {
		end := from.Truncate(time.Hour).Add(time.Hour)
		if end.After(to) {
			end = to
		}
		sum += m.Cells[cellOf(from, zone)] * end.Sub(from).Hours()
		from = end
	}
	return sum
}

// share is what is left of the usual on a day like this.
func (j *judge) share() float64 {
	switch {
	case !j.w.Reading.Holiday:
		return 1
	case j.model.Holiday > 0:
		return min(j.model.Holiday, 1)
	}
	return holidayPrior
}

// wait adds a watched piece of one hour in which nothing came. The hour that held
// the last events adds nothing: how they lie within an hour, the baseline does not
// know, and a load at five past each hour must not look like a silence of 55 minutes.
func (j *judge) wait(from, to time.Time) {
	m, hour := j.mem, from.Truncate(time.Hour)
	if hour.After(m.LastSign) || !m.LastSign.After(hour) {
		c := cellOf(from, j.zone)
		per := j.model.Cells[c]
		if j.model.Batch != nil {
			per = j.model.Batch.Empty[c]
		}
		m.Hour += per * to.Sub(from).Hours() * j.share()
	}
	if to.Equal(hour.Add(time.Hour)) {
		j.closeHour(hour)
		if dayOf(to, j.zone) != dayOf(hour, j.zone) {
			j.closeDay()
		}
	}
}

// closeHour puts the hour's evidence to that of its day.
func (j *judge) closeHour(hour time.Time) {
	m, b := j.mem, j.model.Batch
	if b == nil {
		m.Day += mixed(m.Hour, j.model.Clump)
		m.Hour = 0
		return
	}
	m.Day += m.Hour
	m.Hour = 0
	local := hour.In(j.zone)
	deadline := b.Deadline[local.Weekday()]
	if deadline > 0 && local.Hour() >= deadline && !j.w.Reading.Holiday && (m.LastSign.IsZero() || dayOf(m.LastSign, j.zone) < dayOf(hour, j.zone)) {
		m.Day = max(m.Day, b.Miss)
	}
}

func (j *judge) closeDay() {
	j.mem.Score += mixed(j.mem.Day, j.slow())
	j.mem.Day = 0
}

func (j *judge) slow() float64 {
	if j.model.Batch != nil {
		return 0
	}
	return j.model.Slow
}

// pass closes what is open of the time before a stretch that was not watched.
func (j *judge) pass(from time.Time) {
	if j.model == nil {
		return
	}
	if hour := from.Truncate(time.Hour); j.now.Sub(hour) >= time.Hour {
		j.closeHour(hour)
		if dayOf(j.now, j.zone) != dayOf(hour, j.zone) {
			j.closeDay()
		}
	}
}

// score is the evidence of the silence so far.
func (j *judge) score() float64 {
	return silence(j.mem.Score+mixed(j.mem.Day, j.slow()), j.model)
}

// thin keeps the evidence that the flow has become a fraction of itself, in blocks
// of about a watched hour.
func (j *judge) thin(window time.Duration, due float64) {
	m := j.mem
	if j.model == nil || j.model.Batch != nil || j.w.Reading.Maintenance {
		m.Counted, m.Awaited, m.Watched = 0, 0, 0
		return
	}
	m.Counted, m.Awaited, m.Watched = m.Counted+j.delta, m.Awaited+due, m.Watched+window
	if len(m.Drops) != len(Fractions) {
		m.Drops = make([]keepwatch.Drop, len(Fractions))
	}
	newDay := dayOf(j.now.Add(-1), j.zone) != dayOf(j.now.Add(-1).Add(-m.Watched), j.zone)
	if m.Watched < 55*time.Minute && !newDay {
		return
	}
	for i, fraction := range Fractions {
		m.Drops[i] = step(m.Drops[i], j.model, fraction, m.Counted, m.Awaited, newDay)
	}
	m.Counted, m.Awaited, m.Watched = 0, 0, 0
}
