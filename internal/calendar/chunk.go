package calendar

import (
	"cmp"
	"maps"
	"slices"
)

const (
	chunkSeconds = 64 * daySeconds
	maxChunks    = 128 // 22 years; a caller that walks further starts afresh
)

// chunk holds the changes of state within 64 days, in order.
type chunk struct {
	start int64
	open  bool // at start
	edges []int64
}

// segment is a stretch of one state, clipped to its chunk: its neighbour may
// have the same state.
type segment struct {
	start, end int64
	open       bool
}

func (c *Calendar) segmentAt(unix int64) segment {
	index := floorDiv(unix, chunkSeconds)
	k := c.chunkAt(index)
	i, found := slices.BinarySearch(k.edges, unix)
	if found {
		i++ // an edge belongs to the stretch that it begins
	}
	s := segment{start: k.start, end: k.start + chunkSeconds, open: k.open != (i%2 == 1)}
	if i > 0 {
		s.start = k.edges[i-1]
	}
	if i < len(k.edges) {
		s.end = k.edges[i]
	}
	return s
}

func (c *Calendar) chunkAt(index int64) *chunk {
	if m := c.chunks.Load(); m != nil {
		if k := (*m)[index]; k != nil {
			return k
		}
	}
	k := c.build(index * chunkSeconds)
	for {
		old := c.chunks.Load()
		next := map[int64]*chunk{}
		if old != nil && len(*old) < maxChunks {
			next = maps.Clone(*old)
		}
		next[index] = k
		if c.chunks.CompareAndSwap(old, &next) {
			return k
		}
	}
}

// build computes the windows of every civil day that may touch the chunk, and
// merges them: windows may overlap each other, the next day's, and themselves
// over a repeated hour.
func (c *Calendar) build(start int64) *chunk {
	k := &chunk{start: start}
	end := start + chunkSeconds
	if c.always {
		k.open = true
		return k
	}
	type opening struct{ from, to int64 }
	var openings []opening
	z := zone{loc: c.loc}
	firstDay, lastDay := civilDay(floorDiv(start, daySeconds))-3, civilDay(floorDiv(end, daySeconds))+2
	shut := c.closed.between(firstDay, lastDay)
	for day := firstDay; day <= lastDay; day++ {
		if shut(day) {
			continue
		}
		for _, w := range c.hours.windows {
			if !w.on(day.weekday()) {
				continue
			}
			if from, to, ok := z.opening(day, w); ok && from < end && to > start {
				openings = append(openings, opening{from, to})
			}
		}
	}
	slices.SortFunc(openings, func(a, b opening) int { return cmp.Compare(a.from, b.from) })
	for i := 0; i < len(openings); {
		from, to := openings[i].from, openings[i].to
		for i++; i < len(openings) && openings[i].from <= to; i++ {
			to = max(to, openings[i].to)
		}
		if from <= start {
			k.open = true
		} else {
			k.edges = append(k.edges, from)
		}
		if to < end {
			k.edges = append(k.edges, to)
		}
	}
	return k
}
