package rotation

import (
	"fmt"
	"time"

	"keepwatch"
)

const (
	// seenQuiet is how long no other secret may have been used before a holder counts as
	// switched by what its calls show: every machine of it has asked for a token since.
	seenQuiet = 25 * time.Minute
	// seenGrain keeps a busy holder from writing the rotation every minute.
	seenGrain = 15 * time.Minute
	// ByTraffic is who ticked a holder off that nobody ticked off.
	ByTraffic = "keepwatch, by its calls"
)

// Seen notes what a holder's own calls show: when the new secret was last accepted, and
// when another was last used. One that shows the new one alone has switched; that is
// evidence, where a tick is a promise.
func Seen(r keepwatch.Rotation, holder int, newAt, oldAt, now time.Time) keepwatch.Rotation {
	h := r.Holders[holder]
	if !newer(newAt, h.SeenNewAt) && !newer(oldAt, h.SeenOldAt) && !switches(r, h, newAt, oldAt, now) {
		return r
	}
	r.Holders = append([]keepwatch.RotationHolder(nil), r.Holders...)
	r.Holders[holder].SeenNewAt, r.Holders[holder].SeenOldAt = latestOf(newAt, h.SeenNewAt), latestOf(oldAt, h.SeenOldAt)
	if !switches(r, h, newAt, oldAt, now) {
		return r
	}
	switched, err := Switched(r, holder, ByTraffic, now)
	if err != nil {
		return r
	}
	last := &switched.Evidence[len(switched.Evidence)-1]
	for i := len(switched.Evidence) - 1; i >= 0; i-- {
		if switched.Evidence[i].Step == StepSwitched {
			last = &switched.Evidence[i]
			break
		}
	}
	last.Detail += fmt.Sprintf(" Seen in its calls: the new secret was accepted at %s.", newAt.UTC().Format(time.RFC3339))
	return switched
}

// switches reports whether a holder that nobody ticked off has switched by what is seen.
func switches(r keepwatch.Rotation, h keepwatch.RotationHolder, newAt, oldAt, now time.Time) bool {
	return h.SwitchedAt.IsZero() && r.State != keepwatch.RotationStaged && r.State != keepwatch.RotationAborted &&
		newAt.After(r.StagedAt) && newAt.After(oldAt) && now.Sub(oldAt) >= seenQuiet
}

func newer(at, known time.Time) bool {
	return known.IsZero() && !at.IsZero() || at.Sub(known) >= seenGrain
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
