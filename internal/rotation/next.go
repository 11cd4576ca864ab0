package rotation

import (
	"slices"
	"time"

	"keepwatch"
)

// Do is what a rotation needs now.
type Do string

const (
	Nothing     Do = "nothing"
	AskStaged   Do = "ask_staged"   // one token request with the staged secret
	AskOld      Do = "ask_old"      // one with the secret that was in use
	AskNew      Do = "ask_new"      // one with the activated secret
	Notify      Do = "notify"       // letters to the holders of ToNotify
	WriteRecord Do = "write_record" // the record gets the new reference and date
)

// Next is what a rotation needs at an instant: the most urgent thing that is due.
func Next(r keepwatch.Rotation, now time.Time) Do {
	if len(ToNotify(r, now)) > 0 {
		return Notify
	}
	if !Open(r) || r.NextAt.IsZero() || now.Before(r.NextAt) {
		return Nothing
	}
	switch r.State {
	case keepwatch.RotationStaged:
		if Refused(r) {
			return Nothing
		}
		return AskStaged
	case keepwatch.RotationProven, keepwatch.RotationSwitched:
		return AskOld
	case keepwatch.RotationActivated:
		return nextActivated(r)
	}
	return Nothing
}

func nextActivated(r keepwatch.Rotation) Do {
	_, recorded := last(r, StepRecorded)
	switch {
	case Refused(r) || !ActivationKnown(r):
		return Nothing
	case count(since(r), StepNewProven) == 0:
		return AskNew
	case !recorded:
		return WriteRecord
	}
	return Nothing // only holders are missing
}

// Refused reports whether the secret that matters now was refused as often as it
// may be; then a person has to look. A question without an answer counts.
func Refused(r keepwatch.Rotation) bool {
	switch r.State {
	case keepwatch.RotationStaged:
		return count(since(r), StepStagedRefused, StepAskedStaged) >= MaxRefusals
	case keepwatch.RotationActivated:
		return count(since(r), StepNewRefused, StepAskedNew) >= MaxRefusals
	}
	return false
}

// ActivationKnown reports whether the old secret died of the activation. One that
// is refused after its own end may have died of age, and then only a person can say
// whether the staged one was activated.
func ActivationKnown(r keepwatch.Rotation) bool {
	if _, said := last(r, StepActivated); said {
		return true
	}
	dead, ok := last(r, StepOldRefused)
	return ok && (r.OldEndsAt.IsZero() || dead.At.Before(r.OldEndsAt))
}

// ToNotify are the holders that a letter is due to, as indexes: those that have to
// switch, and after an abort those that have to switch back. A token that was made
// and whose letter did not follow is made again once whoever made it had its time.
func ToNotify(r keepwatch.Rotation, now time.Time) []int {
	var due []int
	for i, h := range r.Holders {
		if !mustAct(r, h) || !h.NotifiedAt.IsZero() && !reminded(r, h, now) {
			continue
		}
		if h.TickMadeAt.IsZero() || !now.Before(h.TickMadeAt.Add(Lease)) {
			due = append(due, i)
		}
	}
	return due
}

func mustAct(r keepwatch.Rotation, h keepwatch.RotationHolder) bool {
	switch r.State {
	case keepwatch.RotationProven, keepwatch.RotationSwitched, keepwatch.RotationActivated:
		return h.SwitchedAt.IsZero()
	case keepwatch.RotationAborted:
		return !h.SwitchedAt.IsZero()
	}
	return false
}

// reminded reports whether a reminder has come due since the last letter.
func reminded(r keepwatch.Rotation, h keepwatch.RotationHolder, now time.Time) bool {
	if r.OldEndsAt.IsZero() || r.State == keepwatch.RotationActivated || !Open(r) {
		return false
	}
	return slices.ContainsFunc(Reminders, func(before time.Duration) bool {
		at := r.OldEndsAt.Add(-before)
		return h.NotifiedAt.Before(at) && !now.Before(at)
	})
}

// Asking reports whether a question is on its way: its row has no answer yet and
// whoever asked still has time. What depends on the answer has to wait.
func Asking(r keepwatch.Rotation, now time.Time) bool {
	if len(r.Evidence) == 0 || !now.Before(r.NextAt) {
		return false
	}
	for _, e := range slices.Backward(r.Evidence) {
		switch e.Step {
		case StepAskedStaged, StepAskedOld, StepAskedNew:
			return now.Before(e.At.Add(Lease))
		case StepSwitched, StepNotified, StepActivated:
			continue // people act while it is asked
		}
		return false
	}
	return false
}

// JustActivated reports whether a person said a moment ago that the staged secret
// was activated: what the old one answers is no proof yet that it lives.
func JustActivated(r keepwatch.Rotation, now time.Time) bool {
	said, ok := last(r, StepActivated)
	return ok && now.Before(said.At.Add(Propagation))
}

// MayGoBack reports whether the tests may use the old secret: they never left it,
// or it was proven to work just now and nobody said otherwise since.
func MayGoBack(r keepwatch.Rotation, now time.Time) bool {
	if r.State != keepwatch.RotationProven && r.State != keepwatch.RotationSwitched {
		return true
	}
	works, ok := last(r, StepOldWorks)
	for _, step := range []string{StepOldUnanswered, StepAskedOld} {
		// A newer question that told nothing makes the older answer worth nothing.
		if vain, asked := last(r, step); asked && !vain.At.Before(works.At) {
			return false
		}
	}
	return ok && !now.After(works.At.Add(time.Minute)) && !JustActivated(r, now)
}
