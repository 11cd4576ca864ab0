package rotation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// Verdict is what an answer says about the secret that was sent.
type Verdict string

const (
	Granted Verdict = "granted"
	Refusal Verdict = "refused"
	// Unknown is everything that says nothing about the secret: the network, a
	// throttle, an outage, our own fault.
	Unknown Verdict = "unknown"
)

// Answer is what came of one question.
type Answer struct {
	Verdict    Verdict
	Outcome    keepwatch.Outcome
	Detail     string // in SFMC's or our words, short
	RetryAfter time.Duration
}

// Judge tells what a proof says about the secret alone: the token request decides.
// A test behind it may fail for other reasons, and then the secret works all the same.
func Judge(o keepwatch.Observation) Answer {
	a := Answer{Verdict: Unknown, Outcome: o.Outcome, Detail: o.Message, RetryAfter: o.RetryAfter}
	for _, s := range o.Steps {
		if s.Name != "token" {
			continue
		}
		switch {
		case s.Outcome == keepwatch.OK:
			return Answer{Verdict: Granted, Outcome: keepwatch.OK}
		case s.Outcome == keepwatch.BadSecretOrPackage || s.Outcome == keepwatch.SecretExpired:
			a.Verdict = Refusal
		}
	}
	return a
}

// Ask writes down that SFMC is about to be asked what do says. Whoever saves it
// first is the one who asks. The name of the claim tells two nodes apart that ask in
// the same instant: the store takes a repeated write for the first one.
func Ask(r keepwatch.Rotation, do Do, claim string, now time.Time) (keepwatch.Rotation, keepwatch.Evidence) {
	step, what := asked(do)
	r.NextAt = now.Add(max(Lease, pause(trailing(r, step))))
	row := keepwatch.Evidence{At: now, Step: step, By: Keepwatch,
		Detail: "SFMC is asked for one token with the " + what + " (question " + claim + "). If this row stays, the answer was lost, and it counts as a refusal."}
	return note(r, row), row
}

func asked(do Do) (step, what string) {
	switch do {
	case AskStaged:
		return StepAskedStaged, "staged secret"
	case AskNew:
		return StepAskedNew, "activated secret"
	}
	return StepAskedOld, "old secret"
}

// Answered puts the answer in the place of the question's row. A question that is
// not there any more was answered already.
func Answered(r keepwatch.Rotation, do Do, question keepwatch.Evidence, a Answer, now time.Time) keepwatch.Rotation {
	i := slices.IndexFunc(r.Evidence, func(e keepwatch.Evidence) bool {
		return e.Step == question.Step && e.At.Equal(question.At) && e.Detail == question.Detail
	})
	if i < 0 {
		return r
	}
	r.Evidence = slices.Concat(r.Evidence[:i], r.Evidence[i+1:])
	switch do {
	case AskStaged:
		return stagedAnswered(r, a, now)
	case AskNew:
		return newAnswered(r, a, now)
	}
	return oldAnswered(r, a, now)
}

func stagedAnswered(r keepwatch.Rotation, a Answer, now time.Time) keepwatch.Rotation {
	if r.State != keepwatch.RotationStaged {
		return r // aborted meanwhile: what was learned no longer matters
	}
	switch a.Verdict {
	case Granted:
		r.State, r.NextAt = keepwatch.RotationProven, now.Add(PollEvery)
		if said, ok := last(r, StepActivated); ok {
			r.NextAt = later(now, said.At.Add(Propagation))
		}
		r = note(r, keepwatch.Evidence{At: now, Step: StepStagedProven, By: Keepwatch, Outcome: a.Outcome,
			Detail: "The staged secret was granted a token. From now on the tests use it; it works before and after the activation."})
		return allSwitched(r, now)
	case Refusal:
		r = note(r, keepwatch.Evidence{At: now, Step: StepStagedRefused, By: Keepwatch, Outcome: a.Outcome,
			Detail: "The staged secret was refused. The secret in use is not touched. " + a.Detail})
		return again(r, now)
	}
	r.NextAt = now.Add(max(pause(trailing(r, StepStagedUnanswered)), a.RetryAfter))
	return note(r, unanswered(StepStagedUnanswered, "staged secret", r.NextAt, a, now))
}

// again plans the second and last try, after another five minutes: SFMC may have
// been slow to know the secret.
func again(r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	r.NextAt = now.Add(Propagation)
	if Refused(r) {
		r.NextAt = time.Time{}
	}
	return r
}

// allSwitched says that nobody is left who has to switch.
func allSwitched(r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	if r.State != keepwatch.RotationProven || len(Pending(r)) > 0 {
		return r
	}
	r.State = keepwatch.RotationSwitched
	if len(r.Holders) == 0 {
		return note(r, keepwatch.Evidence{At: now, Step: StepSwitched, By: Keepwatch,
			Detail: "No holder is registered. Make sure that nobody else keeps a copy before you activate."})
	}
	return r
}

func newAnswered(r keepwatch.Rotation, a Answer, now time.Time) keepwatch.Rotation {
	if r.State != keepwatch.RotationActivated {
		return r
	}
	switch a.Verdict {
	case Granted:
		r.NextAt = now
		return note(r, keepwatch.Evidence{At: now, Step: StepNewProven, By: Keepwatch, Outcome: a.Outcome,
			Detail: "The new secret was granted a token after the old one was refused: the activation is proven."})
	case Refusal:
		r = note(r, keepwatch.Evidence{At: now, Step: StepNewRefused, By: Keepwatch, Outcome: a.Outcome,
			Detail: "Both the old and the new secret are refused. The package may be disabled or deleted, or another secret was activated. " + a.Detail})
		return again(r, now)
	}
	r.NextAt = now.Add(max(pause(trailing(r, StepNewUnanswered)), a.RetryAfter))
	return note(r, unanswered(StepNewUnanswered, "new secret", r.NextAt, a, now))
}

func oldAnswered(r keepwatch.Rotation, a Answer, now time.Time) keepwatch.Rotation {
	if r.State != keepwatch.RotationProven && r.State != keepwatch.RotationSwitched {
		return r
	}
	switch a.Verdict {
	case Granted:
		return oldWorks(r, now)
	case Refusal:
		return oldDead(r, a, now)
	}
	r.NextAt = now.Add(max(PollEvery, a.RetryAfter))
	return replace(r, unanswered(StepOldUnanswered, "old secret", r.NextAt, a, now))
}

// oldWorks is the answer to nearly every poll. One row stands for a run of them.
func oldWorks(r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	r.NextAt = now.Add(PollEvery)
	detail := "The old secret still works: nothing was activated yet."
	said, ok := last(r, StepActivated)
	switch known := said.At.Add(Propagation); {
	case !ok:
	case now.Before(known): // said while it was asked; this answer is no news of it
		r.NextAt = known
	default:
		detail = "The old secret still works, although " + said.By + " said at " + clock(said.At) + " that the staged one was activated. Look in Setup whether it was this package."
	}
	return replace(r, keepwatch.Evidence{At: now, Step: StepOldWorks, By: Keepwatch, Outcome: keepwatch.OK, Detail: detail})
}

func oldDead(r keepwatch.Rotation, a Answer, now time.Time) keepwatch.Rotation {
	left := Pending(r)
	r.State, r.NextAt = keepwatch.RotationActivated, now.Add(Propagation)
	detail := "The old secret was refused."
	if !ActivationKnown(r) && !r.OldEndsAt.IsZero() && !now.Before(r.OldEndsAt) {
		detail += " Its end had passed, so this does not tell whether the staged secret was activated: look in Setup, activate it if it was not, and say so here."
		r.NextAt = time.Time{}
	}
	r = note(r, keepwatch.Evidence{At: now, Step: StepOldRefused, By: Keepwatch, Outcome: a.Outcome, Detail: detail + leftBehind(left)})
	return tellAgain(r)
}

// tellAgain makes new letters due to everybody who has not switched: what the first
// one said is no longer true.
func tellAgain(r keepwatch.Rotation) keepwatch.Rotation {
	r.Holders = append([]keepwatch.RotationHolder(nil), r.Holders...)
	for i := range r.Holders {
		if r.Holders[i].SwitchedAt.IsZero() {
			r.Holders[i].NotifiedAt, r.Holders[i].TickMadeAt = time.Time{}, time.Time{}
		}
	}
	return r
}

func leftBehind(names []string) string {
	switch len(names) {
	case 0:
		return " Every holder had switched."
	case 1:
		return " ONE HOLDER HAD NOT SWITCHED AND IS CUT OFF NOW: " + names[0] + "."
	}
	return " " + strconv.Itoa(len(names)) + " HOLDERS HAD NOT SWITCHED AND ARE CUT OFF NOW: " + strings.Join(names, ", ") + "."
}

// OldUnaskable notes that the reference of the old secret no longer leads to it, so
// that its death cannot be proven. A person's word takes the place of the proof.
func OldUnaskable(r keepwatch.Rotation, why string, now time.Time) keepwatch.Rotation {
	if r.State != keepwatch.RotationProven && r.State != keepwatch.RotationSwitched {
		return r
	}
	row := keepwatch.Evidence{At: now, Step: StepOldUnaskable, By: Keepwatch, Detail: why}
	said, ok := last(r, StepActivated)
	if !ok {
		r.NextAt = now.Add(PollEvery)
		row.Detail += " Say here when the staged secret was activated."
		return replace(r, row)
	}
	left := Pending(r)
	r.State, r.NextAt = keepwatch.RotationActivated, later(now, said.At.Add(Propagation))
	row.Detail += " " + said.By + " says that the staged secret was activated, so it goes on without that proof."
	if len(left) > 0 {
		row.Detail += leftBehind(left)
	}
	return tellAgain(note(r, row))
}

// replace lets one row stand for a run of the same.
func replace(r keepwatch.Rotation, e keepwatch.Evidence) keepwatch.Rotation {
	if n := len(r.Evidence); n > 0 && r.Evidence[n-1].Step == e.Step {
		r.Evidence = r.Evidence[: n-1 : n-1]
	}
	return note(r, e)
}

func unanswered(step, what string, next time.Time, a Answer, now time.Time) keepwatch.Evidence {
	return keepwatch.Evidence{At: now, Step: step, By: Keepwatch, Outcome: a.Outcome,
		Detail: "Nothing was learned of the " + what + "; it is asked again at " + clock(next) + ". " + a.Detail}
}

// pause doubles with every question in vain.
func pause(times int) time.Duration {
	p := Propagation
	for ; times > 0 && p < longestPause; times-- {
		p *= 2
	}
	return min(p, longestPause)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
