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

// stateCounts counts by state, in the order of statesByWeight.
type stateCounts [7]int

func (c *stateCounts) add(s keepwatch.State) { *c.at(s)++ }

func (c *stateCounts) of(s keepwatch.State) int { return *c.at(s) }

// at is where a state is counted; one that has no name here is not known.
func (c *stateCounts) at(s keepwatch.State) *int {
	if s == keepwatch.StateHealthy { // as nearly all are
		return &c[len(c)-1]
	}
	i := slices.Index(statesByWeight, s)
	if i < 0 {
		i = slices.Index(statesByWeight, keepwatch.StateUnknown)
	}
	return &c[i]
}

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

func severityRank(s string) int {
	return slices.Index([]keepwatch.Severity{
		keepwatch.SeverityInfo, keepwatch.SeverityWarning, keepwatch.SeverityCritical,
	}, keepwatch.Severity(s))
}

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

// worstGlance is worstFirst before anything else is known of a credential.
func worstGlance(a, b *glance) int {
	return cmp.Or(
		cmp.Compare(stateRank(string(a.state)), stateRank(string(b.state))),
		cmp.Compare(criticalityRank(string(a.Criticality)), criticalityRank(string(b.Criticality))),
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
