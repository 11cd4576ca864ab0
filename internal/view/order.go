package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// statesByWeight is the order in which states are listed: what hurts first.
var statesByWeight = []keepwatch.State{
	keepwatch.StateFailing, keepwatch.StateExpired, keepwatch.StateUnknown, keepwatch.StateDegraded,
	keepwatch.StateMaintenance, keepwatch.StatePaused, keepwatch.StateHealthy,
}

// stateWeight is the place of a state among them. One that has no name here is not known.
func stateWeight(s keepwatch.State) int {
	if i := slices.Index(statesByWeight, s); i >= 0 {
		return i
	}
	return slices.Index(statesByWeight, keepwatch.StateUnknown)
}

// stateCounts counts by weight.
type stateCounts [7]int

// byName leaves out what there is none of.
func (c *stateCounts) byName() map[string]int {
	named := map[string]int{}
	for i, n := range c {
		if n > 0 {
			named[string(statesByWeight[i])] = n
		}
	}
	return named
}

func stateRank(state string) int { return slices.Index(statesByWeight, keepwatch.State(state)) }

func criticalityRank(c string) int {
	i := slices.Index(keepwatch.Criticalities, keepwatch.Criticality(c))
	if i < 0 {
		return len(keepwatch.Criticalities)
	}
	return i
}

// criticalityAt is the one of a rank; "" beyond them all.
func criticalityAt(rank int) string {
	if rank >= len(keepwatch.Criticalities) {
		return ""
	}
	return string(keepwatch.Criticalities[rank])
}

// severities in the order in which they rise.
var severities = []keepwatch.Severity{keepwatch.SeverityInfo, keepwatch.SeverityWarning, keepwatch.SeverityCritical}

func severityRank(s string) int { return slices.Index(severities, keepwatch.Severity(s)) }

func newerFirst(a, b *time.Time) int {
	if a == nil || b == nil {
		return -compareNil(a, b)
	}
	return b.Compare(*a)
}

// compareNil puts the unknown before the known.
func compareNil(a, b *time.Time) int {
	switch {
	case (a == nil) == (b == nil):
		return 0
	case a == nil:
		return -1
	}
	return 1
}

func compareMID(a, b *int64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

func later(a, b *time.Time) *time.Time {
	if a == nil || (b != nil && b.After(*a)) {
		return b
	}
	return a
}

func count0(n int) string { return strconv.Itoa(n) }

// worstMember puts what hurts most first, then what matters most.
func worstMember(a, b member) int {
	return cmp.Or(
		cmp.Compare(a.weight, b.weight),
		cmp.Compare(a.tier, b.tier),
		strings.Compare(string(a.ID), string(b.ID)))
}

// worseCounts puts the group first that has more of what hurts most. The healthy do not
// count: a large group is no worse than a small one.
func worseCounts(a, b map[string]int) int {
	for _, s := range statesByWeight[:len(statesByWeight)-1] {
		if d := cmp.Compare(b[string(s)], a[string(s)]); d != 0 {
			return d
		}
	}
	return 0
}
