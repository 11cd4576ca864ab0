// Package rotation is the state machine of a secret's rotation: what is to be done
// next, and what follows from an answer or from what a person said. It is pure: it
// asks nobody, and the time is a parameter. All that it knows stands in the
// rotation, so any node goes on where another broke off.
//
// A question to SFMC has two halves. Ask writes down that it is about to be asked;
// Answered puts the answer in the place of that row. A row whose answer never came
// stays and counts as a refusal, so that a crash never adds one more try with a
// wrong secret.
package rotation

import (
	"time"

	"keepwatch"
)

const (
	// Propagation is how long SFMC takes at most to know a staged or an activated
	// secret. An answer before that proves nothing.
	Propagation = 5 * time.Minute
	// PollEvery is how often the old secret is asked while its activation is waited for.
	PollEvery = 15 * time.Minute
	// Lease is how long an answer is waited for before another node may ask.
	Lease = 5 * time.Minute
	// MaxRefusals is how often a wrong secret is sent before a person has to look.
	MaxRefusals = 2
	// RecordEvery is how often a record that belongs to a file is looked at again: with
	// every run of the check, which comes each minute and a little early or late.
	RecordEvery = 30 * time.Second

	longestPause = time.Hour
)

// Keepwatch is who did what no person did.
const Keepwatch = "keepwatch"

// The steps of the evidence.
const (
	StepStaged           = "staged"            // a staged secret was named
	StepAskedStaged      = "asked_staged"      // SFMC is being asked, or the answer was lost
	StepStagedProven     = "staged_proven"     // the staged secret was granted a token
	StepStagedRefused    = "staged_refused"    // it was refused
	StepStagedUnanswered = "staged_unanswered" // nothing was learned of it
	StepNotified         = "notified"          // letters to holders went into the outbox
	StepSwitched         = "switched"          // a holder uses the new secret
	StepActivated        = "activated"         // a person says that it was activated in Setup
	StepAskedOld         = "asked_old"
	StepOldWorks         = "old_works"
	StepOldRefused       = "old_refused"    // the old secret is dead
	StepOldUnanswered    = "old_unanswered" // nothing was learned of it
	StepOldUnaskable     = "old_unaskable"  // its reference no longer leads to it
	StepAskedNew         = "asked_new"
	StepNewProven        = "new_proven"     // works after the activation
	StepNewRefused       = "new_refused"    // both are refused: the package itself is in question
	StepNewUnanswered    = "new_unanswered" // nothing was learned of it
	StepRecordWaits      = "record_waits"   // a file has to be changed by whoever owns it
	StepRecorded         = "recorded"       // the record names the new secret and its date
	StepFinished         = "finished"
	StepAborted          = "aborted"
	StepResumed          = "resumed"
)

// Reminders are how long before the old secret's end a holder that has not switched
// is written to again.
var Reminders = []time.Duration{14 * 24 * time.Hour, 7 * 24 * time.Hour, 3 * 24 * time.Hour, 24 * time.Hour}

// Open reports whether a rotation is neither done nor aborted.
func Open(r keepwatch.Rotation) bool {
	return r.State != keepwatch.RotationDone && r.State != keepwatch.RotationAborted
}

// Pending names the holders that have not switched, in their order.
func Pending(r keepwatch.Rotation) []string {
	var names []string
	for _, h := range r.Holders {
		if h.SwitchedAt.IsZero() {
			names = append(names, h.Name)
		}
	}
	return names
}

// Begin is a new rotation with a staged secret that was just named. The caller has
// set the fields up to Holders.
func Begin(r keepwatch.Rotation, by string, now time.Time) keepwatch.Rotation {
	r.State, r.StartedAt, r.StartedBy = keepwatch.RotationStaged, now, by
	return staged(r, by, now)
}

// staged names a staged secret; its proof waits until SFMC knows it everywhere.
func staged(r keepwatch.Rotation, by string, now time.Time) keepwatch.Rotation {
	r.State, r.StagedAt, r.NextAt = keepwatch.RotationStaged, now, now.Add(Propagation)
	return note(r, keepwatch.Evidence{At: now, Step: StepStaged, By: by,
		Detail: "A staged secret is named by " + r.NewRef + ", generated " + r.Generated.String() + ". It is tried at " + clock(r.NextAt) + ": SFMC takes five minutes to know it."})
}

// note adds a row. It never writes into a slice that another value shares.
func note(r keepwatch.Rotation, e keepwatch.Evidence) keepwatch.Rotation {
	r.Evidence = append(r.Evidence[:len(r.Evidence):len(r.Evidence)], e)
	return r
}

// since are the rows after the last one that begins anew: a staged secret that was
// named, or a person who said to go on.
func since(r keepwatch.Rotation) []keepwatch.Evidence {
	for i := len(r.Evidence) - 1; i >= 0; i-- {
		if s := r.Evidence[i].Step; s == StepStaged || s == StepResumed {
			return r.Evidence[i:]
		}
	}
	return r.Evidence
}

func count(rows []keepwatch.Evidence, steps ...string) int {
	n := 0
	for _, e := range rows {
		for _, s := range steps {
			if e.Step == s {
				n++
			}
		}
	}
	return n
}

// last is the newest row of a step, as far as it speaks of the staged secret that
// was named last.
func last(r keepwatch.Rotation, step string) (keepwatch.Evidence, bool) {
	for i := len(r.Evidence) - 1; i >= 0; i-- {
		switch r.Evidence[i].Step {
		case step:
			return r.Evidence[i], true
		case StepStaged:
			return keepwatch.Evidence{}, false
		}
	}
	return keepwatch.Evidence{}, false
}

// trailing counts how many of the newest rows are of a step.
func trailing(r keepwatch.Rotation, step string) int {
	n := 0
	for i := len(r.Evidence) - 1; i >= 0 && r.Evidence[i].Step == step; i-- {
		n++
	}
	return n
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
