package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// statesByWeight is the order in which states are listed: what hurts first.
var statesByWeight = []keepwatch.State{
	keepwatch.StateFailing, keepwatch.StateExpired, keepwatch.StateUnknown, keepwatch.StateDegraded,
	keepwatch.StateMaintenance, keepwatch.StatePaused, keepwatch.StateHealthy,
}

// worstFirst orders credentials by state, then by criticality, then by id.
func worstFirst(a, b client.Credential) int {
	return cmp.Or(
		cmp.Compare(stateRank(a.State), stateRank(b.State)),
		cmp.Compare(criticalityRank(a.Criticality), criticalityRank(b.Criticality)),
		strings.Compare(a.ID, b.ID))
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
