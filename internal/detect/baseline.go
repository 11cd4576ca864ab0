package detect

import (
	"slices"
	"time"
)

const (
	// BaselineSize is how many good runs make the baseline of latency.
	BaselineSize = 30
	// BaselineLeast is the least number of runs that say anything.
	BaselineLeast = 10
	// SlowFactor and SlowLeast: slow is at least this many times the median, and
	// at least this long. Three times 80 ms is noise to a person.
	SlowFactor = 3
	SlowLeast  = time.Second
	// SlowRuns in a row make the state degraded.
	SlowRuns = 3
)

// IsSlow judges one good run against the runs before it. Slow runs enter the
// baseline too: after fifteen of them the new pace is the baseline, and the page
// stops repeating what everybody knows.
func IsSlow(took time.Duration, baseline []time.Duration) bool {
	if took < SlowLeast || len(baseline) < BaselineLeast {
		return false
	}
	return took >= SlowFactor*Median(baseline)
}

// Median of a window, 0 of an empty one; the argument is left alone.
func Median(window []time.Duration) time.Duration {
	if len(window) == 0 {
		return 0
	}
	sorted := slices.Clone(window)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// Push returns the window with took appended, in a slice of its own, at most
// BaselineSize long. The argument may be shared with whoever loaded it.
func Push(window []time.Duration, took time.Duration) []time.Duration {
	if over := len(window) - (BaselineSize - 1); over > 0 {
		window = window[over:]
	}
	next := make([]time.Duration, len(window)+1)
	copy(next, window)
	next[len(window)] = took
	return next
}
