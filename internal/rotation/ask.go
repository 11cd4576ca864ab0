package rotation

import (
	"fmt"
	"time"

	"keepwatch"
)

// AskEvery is how often a person may have SFMC asked: whoever presses a button twice
// wants one answer.
const AskEvery = time.Minute

// Asked brings forward what would be looked at later anyway: SFMC, or the record that
// somebody else has to change. It adds no try to those that a wrong secret has, and it
// does not ask before SFMC can know.
func Asked(r keepwatch.Rotation, now time.Time) (keepwatch.Rotation, error) {
	switch {
	case !Open(r):
		return r, closed(r)
	case Refused(r):
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: the secret was refused as often as it may be sent: %w", r.ID, keepwatch.ErrConflict), "look in Setup and at the reference, then resume it")
	case Asking(r, now):
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: SFMC is being asked: %w", r.ID, keepwatch.ErrConflict), "the answer stands in the evidence in a moment")
	case r.NextAt.IsZero() || r.State == keepwatch.RotationActivated && !ActivationKnown(r):
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s waits for people, and there is nothing to ask: %w", r.ID, keepwatch.ErrConflict), Waiting(r))
	}
	if early := known(r); now.Before(early) {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: SFMC takes five minutes to know a secret everywhere, so an answer before %s proves nothing: %w", r.ID, clock(early), keepwatch.ErrConflict),
			"it is asked then by itself")
	}
	if again := lastAnswer(r).Add(AskEvery); now.Before(again) {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: SFMC answered less than a minute ago: %w", r.ID, keepwatch.ErrConflict), "ask again after "+clock(again))
	}
	if r.NextAt.After(now) {
		r.NextAt = now
	}
	return r, nil
}

// known is when SFMC knows everywhere what was changed last.
func known(r keepwatch.Rotation) time.Time {
	switch r.State {
	case keepwatch.RotationStaged:
		return r.StagedAt.Add(Propagation)
	case keepwatch.RotationActivated:
		if count(since(r), StepNewProven) == 0 {
			return DiedAt(r).Add(Propagation)
		}
		return time.Time{}
	}
	if said, ok := last(r, StepActivated); ok {
		return said.At.Add(Propagation)
	}
	return time.Time{}
}

func lastAnswer(r keepwatch.Rotation) time.Time {
	for i := len(r.Evidence) - 1; i >= 0; i-- {
		switch r.Evidence[i].Step {
		case StepStagedProven, StepStagedRefused, StepStagedUnanswered, StepOldWorks, StepOldUnanswered, StepNewRefused, StepNewUnanswered:
			return r.Evidence[i].At
		}
	}
	return time.Time{}
}

// LetterDue makes a letter to a holder due, whenever the last one went out. The link of
// the new one takes the place of the other's.
func LetterDue(r keepwatch.Rotation, holder int, now time.Time) (keepwatch.Rotation, error) {
	h := r.Holders[holder]
	if !mustAct(r, h) {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: there is nothing to write to %s: %w", r.ID, h.Name, keepwatch.ErrConflict), "letters go to holders that have to switch, once the staged secret is proven")
	}
	if again := h.TickMadeAt.Add(Lease); !h.TickMadeAt.IsZero() && now.Before(again) {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: a letter went to %s less than five minutes ago: %w", r.ID, h.Name, keepwatch.ErrConflict), "write again after "+clock(again))
	}
	r.Holders = append([]keepwatch.RotationHolder(nil), r.Holders...)
	r.Holders[holder].NotifiedAt, r.Holders[holder].TickMadeAt = time.Time{}, time.Time{}
	return r, nil
}
