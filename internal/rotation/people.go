package rotation

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

// Switched ticks a holder off. A holder that is ticked already stays as it is.
func Switched(r keepwatch.Rotation, holder int, by string, now time.Time) (keepwatch.Rotation, error) {
	switch r.State {
	case keepwatch.RotationStaged:
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: the staged secret is not proven yet: %w", r.ID, keepwatch.ErrConflict), "wait for the proof; holders switch after it")
	case keepwatch.RotationAborted:
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s was aborted: %w", r.ID, keepwatch.ErrConflict), "keep the secret that was in use")
	}
	if !r.Holders[holder].SwitchedAt.IsZero() {
		return r, nil
	}
	r.Holders = append([]keepwatch.RotationHolder(nil), r.Holders...)
	h := &r.Holders[holder]
	h.SwitchedAt, h.SwitchedBy = now, by
	r = note(r, keepwatch.Evidence{At: now, Step: StepSwitched, By: by, Detail: h.Name + " uses the new secret." + toGo(Pending(r))})
	if r.State == keepwatch.RotationActivated {
		return Finish(r, now), nil
	}
	return allSwitched(r, now), nil
}

func toGo(left []string) string {
	if len(left) == 0 {
		return " Every holder has switched."
	}
	return " Still to switch: " + strings.Join(left, ", ") + "."
}

// Activated notes what a person says; the old secret is asked five minutes later,
// and its refusal is the proof.
func Activated(r keepwatch.Rotation, by string, now time.Time) (keepwatch.Rotation, error) {
	if !Open(r) {
		return r, closed(r)
	}
	if said, ok := last(r, StepActivated); ok && r.State != keepwatch.RotationActivated && now.Before(said.At.Add(Propagation)) {
		return r, nil // said a moment ago
	}
	if r.State == keepwatch.RotationActivated && ActivationKnown(r) {
		return r, nil
	}
	left := Pending(r)
	detail := "Said to be activated in Setup."
	if len(left) > 0 {
		detail += " NOT EVERY HOLDER HAS SWITCHED: " + strings.Join(left, ", ") + "."
	}
	r = note(r, keepwatch.Evidence{At: now, Step: StepActivated, By: by, Detail: detail})
	if r.State != keepwatch.RotationStaged {
		r.NextAt = now.Add(Propagation)
	}
	return r, nil
}

// Abort ends a rotation while the old secret works. That it does is for the caller
// to prove first once the tests use the new one; see Next.
func Abort(r keepwatch.Rotation, by, why string, now time.Time) (keepwatch.Rotation, error) {
	switch r.State {
	case keepwatch.RotationAborted:
		return r, nil
	case keepwatch.RotationDone:
		return r, closed(r)
	case keepwatch.RotationActivated:
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: the old secret is dead, so there is no way back: %w", r.ID, keepwatch.ErrConflict), "see that every holder switches, or begin another rotation when this one is done")
	}
	var back []string
	r.Holders = append([]keepwatch.RotationHolder(nil), r.Holders...)
	for i := range r.Holders {
		h := &r.Holders[i]
		if !h.SwitchedAt.IsZero() {
			back = append(back, h.Name)
		}
		h.NotifiedAt, h.TickMadeAt = time.Time{}, time.Time{}
	}
	r.State, r.EndedAt, r.NextAt = keepwatch.RotationAborted, now, time.Time{}
	detail := strings.TrimSpace("Aborted; the secret that was in use stays in use. " + why)
	if len(back) > 0 {
		detail += " These have switched and must go back before the staged secret is overwritten: " + strings.Join(back, ", ") + "."
	}
	return note(r, keepwatch.Evidence{At: now, Step: StepAborted, By: by, Detail: detail}), nil
}

// Resume goes on with a rotation that waits for a person or was aborted. The proof
// of the staged secret and the tick-list, with the holders of today, begin anew: who
// had switched was told to go back, or switched to a secret that is overwritten.
func Resume(r keepwatch.Rotation, staging Staging, now time.Time) (keepwatch.Rotation, error) {
	other := staging.Ref != "" && (staging.Ref != r.NewRef || staging.Generated != r.Generated)
	stuck := Refused(r)
	switch r.State {
	case keepwatch.RotationDone:
		return r, closed(r)
	case keepwatch.RotationActivated:
		if other {
			return r, keepwatch.WithHint(fmt.Errorf("rotation %s: the old secret is dead; another staged secret is another rotation: %w", r.ID, keepwatch.ErrConflict), "let this one end first, or correct what its reference holds")
		}
		if !stuck {
			return r, running(r)
		}
		r.NextAt = now
		return note(r, resumed(staging.By, now, "The new secret is tried again.")), nil
	case keepwatch.RotationAborted:
		stuck = true
	}
	if !other && !stuck {
		return r, running(r)
	}
	if other {
		r.NewRef, r.Generated = staging.Ref, staging.Generated
	}
	r.Holders = Holders(staging.Holders)
	r.EndedAt = time.Time{}
	return staged(note(r, resumed(staging.By, now, "It goes on from the staged secret.")), staging.By, now), nil
}

// Staging is what a rotation goes on with.
type Staging struct {
	Ref       string // "": the staged secret that it has
	Generated keepwatch.Date
	Holders   []keepwatch.Holder
	By        string
}

// Holders is a fresh tick-list.
func Holders(list []keepwatch.Holder) []keepwatch.RotationHolder {
	out := make([]keepwatch.RotationHolder, len(list))
	for i, h := range list {
		out[i].Holder = h
	}
	return out
}

func resumed(by string, now time.Time, detail string) keepwatch.Evidence {
	return keepwatch.Evidence{At: now, Step: StepResumed, By: by, Detail: detail}
}

func closed(r keepwatch.Rotation) error {
	return keepwatch.WithHint(fmt.Errorf("rotation %s is %s: %w", r.ID, r.State, keepwatch.ErrConflict), "begin another one")
}

func running(r keepwatch.Rotation) error {
	return keepwatch.WithHint(fmt.Errorf("rotation %s waits for nobody to resume it: %w", r.ID, keepwatch.ErrConflict), "name another staged secret, or leave it running")
}

// RecordWaits says which file has to be changed, once.
func RecordWaits(r keepwatch.Rotation, detail string, now time.Time) keepwatch.Rotation {
	r.NextAt = now.Add(RecordEvery)
	if row, ok := last(r, StepRecordWaits); ok && row.Detail == detail {
		return r
	}
	return note(r, keepwatch.Evidence{At: now, Step: StepRecordWaits, By: Keepwatch, Detail: detail})
}

// Recorded notes that the record names the new secret.
func Recorded(r keepwatch.Rotation, detail string, now time.Time) keepwatch.Rotation {
	if _, ok := last(r, StepRecorded); ok || r.State != keepwatch.RotationActivated {
		return r
	}
	r.NextAt = time.Time{}
	return Finish(note(r, keepwatch.Evidence{At: now, Step: StepRecorded, By: Keepwatch, Detail: detail}), now)
}

// Finish ends a rotation when the record is written and every holder has switched.
func Finish(r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	_, recorded := last(r, StepRecorded)
	if !recorded || r.State != keepwatch.RotationActivated || len(Pending(r)) > 0 {
		return r
	}
	r.State, r.EndedAt, r.NextAt = keepwatch.RotationDone, now, time.Time{}
	return note(r, keepwatch.Evidence{At: now, Step: StepFinished, By: Keepwatch,
		Detail: "The rotation is done: the old secret is refused, the new one works, the record names it, every holder has switched."})
}

// Waiting says in a sentence what a rotation waits for.
func Waiting(r keepwatch.Rotation) string {
	at := "at " + clock(r.NextAt)
	_, recorded := last(r, StepRecorded)
	switch {
	case r.State == keepwatch.RotationDone:
		return "Nothing: it is done."
	case r.State == keepwatch.RotationAborted:
		return "Nothing: it was aborted."
	case r.State == keepwatch.RotationStaged && Refused(r):
		return "A person: the staged secret was refused. Resume with the right one, or abort."
	case r.State == keepwatch.RotationStaged:
		return "The proof of the staged secret " + at + "."
	case saidOnly(r):
		return "The proof that it was activated: the old secret is asked " + at + "."
	case r.State == keepwatch.RotationProven:
		return "Holders that have to switch: " + strings.Join(Pending(r), ", ") + ". Do not activate before they have."
	case r.State == keepwatch.RotationSwitched:
		return "A person to activate the staged secret in Setup. The old secret is asked next " + at + "."
	case Refused(r):
		return "A person: the old and the new secret are both refused. Look at the package in Setup, then resume."
	case !ActivationKnown(r):
		return "A person: the old secret has ended. Look in Setup whether the staged one was activated, and say so."
	case count(since(r), StepNewProven) == 0:
		return "The proof of the new secret " + at + "."
	case !recorded:
		return "The record: " + detailOf(r, StepRecordWaits)
	}
	return "Holders that are cut off until they switch: " + strings.Join(Pending(r), ", ") + "."
}

// saidOnly reports whether a person said that it was activated and the old secret was
// not asked since.
func saidOnly(r keepwatch.Rotation) bool {
	if r.State != keepwatch.RotationProven && r.State != keepwatch.RotationSwitched {
		return false
	}
	said, ok := last(r, StepActivated)
	works, asked := last(r, StepOldWorks)
	return ok && !(asked && works.At.After(said.At))
}

func detailOf(r keepwatch.Rotation, step string) string {
	if row, ok := last(r, step); ok {
		return row.Detail
	}
	return "it is written next."
}

// Gone ends a rotation whose credential is no longer registered.
func Gone(r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	if !Open(r) {
		return r
	}
	r.State, r.EndedAt, r.NextAt = keepwatch.RotationAborted, now, time.Time{}
	return note(r, keepwatch.Evidence{At: now, Step: StepAborted, By: Keepwatch, Detail: "The credential is no longer registered, so nothing can be proven with it."})
}

// Notified notes that the letters whose tokens were made at an instant are in the
// outbox.
func Notified(r keepwatch.Rotation, made time.Time) keepwatch.Rotation {
	var names []string
	r.Holders = append([]keepwatch.RotationHolder(nil), r.Holders...)
	for i := range r.Holders {
		if h := &r.Holders[i]; h.TickMadeAt.Equal(made) && !h.NotifiedAt.Equal(made) {
			h.NotifiedAt = made
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 {
		return r
	}
	return note(r, keepwatch.Evidence{At: made, Step: StepNotified, By: Keepwatch, Detail: "Letters are on their way to " + strings.Join(names, ", ") + "."})
}

// CutOff reports whether the old secret is dead and somebody is without one that
// works.
func CutOff(r keepwatch.Rotation) bool {
	return r.State == keepwatch.RotationActivated && (len(Pending(r)) > 0 || Refused(r) || !ActivationKnown(r))
}

// Trouble says what is wrong and needs a person now; "" when nothing is.
func Trouble(r keepwatch.Rotation) string {
	if CutOff(r) || r.State == keepwatch.RotationStaged && Refused(r) {
		return Missing(r)
	}
	return ""
}

// Missing says what a rotation still needs before the old secret ends, or what is
// wrong because it is dead; "" when nothing is.
func Missing(r keepwatch.Rotation) string {
	left := strings.Join(Pending(r), ", ")
	switch {
	case !Open(r):
		return ""
	case r.State == keepwatch.RotationStaged && Refused(r):
		return "The staged secret was refused, and a person has to look."
	case r.State == keepwatch.RotationStaged:
		return "The staged secret is not proven yet."
	case r.State == keepwatch.RotationSwitched:
		return "Every holder has switched; the staged secret has to be activated in Setup."
	case r.State == keepwatch.RotationProven:
		return "Not switched yet: " + left + "."
	case !ActivationKnown(r):
		return strings.TrimSpace("Nobody said whether the staged secret was activated. " + cutOff(left))
	case Refused(r):
		return strings.TrimSpace("The new secret is refused, too. " + cutOff(left))
	case left != "":
		return cutOff(left)
	}
	return ""
}

func cutOff(left string) string {
	if left == "" {
		return ""
	}
	return "Cut off, because they still use the old secret: " + left + "."
}

// DiedAt is when the old secret was found dead; zero while it lives.
func DiedAt(r keepwatch.Rotation) time.Time {
	if r.State != keepwatch.RotationActivated && r.State != keepwatch.RotationDone {
		return time.Time{}
	}
	for _, step := range []string{StepOldRefused, StepOldUnaskable} {
		if row, ok := last(r, step); ok {
			return row.At
		}
	}
	return time.Time{}
}
