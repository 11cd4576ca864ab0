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
		next.Reading, next.Memory, next.Verdict = prev.Reading, prev.Memory, prev.Verdict
		next.Reading.Amount, next.Reading.Window = 0, 0
		return next // looked at twice, or out of order: nothing new, and nothing to count twice
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
	case keepwatch.AspectActivities:
		j.activities()
	case keepwatch.AspectRows:
		j.rows()
	case keepwatch.AspectRuns:
		j.runs()
	case keepwatch.AspectImports:
		j.imports()
	case keepwatch.AspectQueue, keepwatch.AspectBacklog:
		j.queue()
	case keepwatch.AspectVolume:
		j.volume()
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

	delta int64 // of the counter, however long the gap; never negative
	vague bool  // delta says that something came, and not how much
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
	if sum <= 0 || !sound(m.Clump) || !sound(m.Slow) || !sound(m.Starts) || !sound(m.Tail) || !sound(m.Spare) || !sound(m.Holiday) || !sound(m.Longest) || !sound(m.Needs) || !sound(m.Wait) || !sound(m.Weeks) {
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
	for i, d := range m.Drops {
		m.Drops[i].Base, m.Drops[i].Mean, m.Drops[i].Square, m.Drops[i].Well = bounds(d.Base), finite(d.Mean), finite(d.Square), finite(d.Well)
	}
	m.Score, m.Day, m.Hour, m.Due, m.Awaited = finite(m.Score), finite(m.Day), finite(m.Hour), finite(m.Due), finite(m.Awaited)
	return m
}

func bounds(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, -1e9), 1e9)
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
	j.delta = bounded(*now - *before)
	if gap := j.now.Sub(j.prev.At); gap <= Longest {
		j.w.Reading.Amount, j.w.Reading.Window = j.delta, gap
	}
}
