package rotation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

func TestSwitched(t *testing.T) {
	_, err := Switched(begun("A"), 0, "mule", start)
	conflict(t, begun(), err)
	_, err = Switched(aborted(t, proven("A"), after(time.Hour)), 0, "mule", after(time.Hour))
	conflict(t, begun(), err)

	r := switched(t, proven("A", "B"), 1, after(time.Hour))
	if r.State != keepwatch.RotationProven || r.Holders[1].SwitchedBy != "mule" || strings.Join(Pending(r), " ") != "A" {
		t.Errorf("%s, to switch: %v", r.State, Pending(r))
	}
	if again := switched(t, r, 1, after(2*time.Hour)); len(again.Evidence) != len(r.Evidence) || !again.Holders[1].SwitchedAt.Equal(after(time.Hour)) {
		t.Error("ticked off twice")
	}
	if r = switched(t, r, 0, after(time.Hour)); r.State != keepwatch.RotationSwitched {
		t.Errorf("all switched: %s", r.State)
	}
	// One that is cut off ends the rotation when all the rest is done.
	late := asks(dead(time.Hour, "A"), AskNew, yes, after(2*time.Hour))
	if r := switched(t, late, 0, after(3*time.Hour)); r.State != keepwatch.RotationActivated {
		t.Errorf("before the record: %s", r.State)
	}
	late = Recorded(late, "recorded", after(2*time.Hour))
	if !CutOff(late) || late.State != keepwatch.RotationActivated {
		t.Errorf("with a holder cut off: %s", late.State)
	}
	if r := switched(t, late, 0, after(3*time.Hour)); r.State != keepwatch.RotationDone || !r.EndedAt.Equal(after(3*time.Hour)) {
		t.Errorf("after the record: %s %s", r.State, r.EndedAt)
	}
}

func TestActivated(t *testing.T) {
	for name, r := range map[string]keepwatch.Rotation{"done": done(t), "aborted": aborted(t, begun(), start)} {
		_, err := Activated(r, "ada", after(time.Hour))
		if !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := activated(t, proven("A"), after(time.Hour))
	if said := r.Evidence[len(r.Evidence)-1]; !strings.Contains(said.Detail, "NOT EVERY HOLDER HAS SWITCHED: A") || !r.NextAt.Equal(after(time.Hour+Propagation)) {
		t.Errorf("next at %s: %s", r.NextAt, said.Detail)
	}
	if again := activated(t, r, after(time.Hour+time.Minute)); len(again.Evidence) != len(r.Evidence) {
		t.Error("said twice within five minutes")
	}
	if !JustActivated(r, after(time.Hour+time.Minute)) || JustActivated(r, after(time.Hour+Propagation)) {
		t.Error("what was said is news for five minutes")
	}
	// Before the proof it is noted, and the proof comes at its own time.
	if early := activated(t, begun(), after(time.Minute)); !early.NextAt.Equal(after(Propagation)) {
		t.Errorf("next at %s", early.NextAt)
	}
	if known := dead(time.Hour); len(activated(t, known, after(2*time.Hour)).Evidence) != len(known.Evidence) {
		t.Error("said of what is proven")
	}
}

func TestAbort(t *testing.T) {
	_, err := Abort(done(t), "ada", "", after(time.Hour))
	conflict(t, begun(), err)
	_, err = Abort(dead(time.Hour), "ada", "", after(time.Hour))
	conflict(t, begun(), err)
	r := aborted(t, switched(t, proven("A", "B"), 0, after(time.Hour)), after(2*time.Hour))
	if r.State != keepwatch.RotationAborted || !r.NextAt.IsZero() || !r.EndedAt.Equal(after(2*time.Hour)) {
		t.Errorf("%s, next at %s, ended at %s", r.State, r.NextAt, r.EndedAt)
	}
	if said := r.Evidence[len(r.Evidence)-1].Detail; !strings.Contains(said, "must go back") || !strings.HasSuffix(said, ": A.") {
		t.Errorf("said: %s", said)
	}
	if due := ToNotify(r, after(2*time.Hour)); len(due) != 1 || due[0] != 0 {
		t.Errorf("letters to %v", due)
	}
	if again := aborted(t, r, after(3*time.Hour)); len(again.Evidence) != len(r.Evidence) {
		t.Error("aborted twice")
	}
}

func TestResume(t *testing.T) {
	other := Staging{Ref: "env:THIRD", Generated: keepwatch.Day(2026, 11, 25), By: "ada", Holders: []keepwatch.Holder{{Name: "C"}}}
	same := Staging{Ref: "env:NEW", Generated: keepwatch.Day(2026, 11, 24), By: "ada", Holders: []keepwatch.Holder{{Name: "A"}}}
	refused := asks(asks(begun("A"), AskStaged, no, after(Propagation)), AskStaged, no, after(2*Propagation))
	stuck := asks(asks(dead(time.Hour), AskNew, no, after(2*time.Hour)), AskNew, no, after(3*time.Hour))
	now := after(30 * time.Hour)
	for name, r := range map[string]keepwatch.Rotation{"done": done(t), "running": begun("A"), "proven": proven("A"), "dead": dead(time.Hour)} {
		if _, err := Resume(r, same, now); !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Resume(stuck, other, now); !errors.Is(err, keepwatch.ErrConflict) {
		t.Errorf("another secret once the old one is dead: %v", err)
	}
	for name, tt := range map[string]struct {
		r keepwatch.Rotation
		s Staging
	}{
		"refused, the same":     {refused, same},
		"refused, another":      {refused, other},
		"aborted":               {aborted(t, switched(t, proven("A"), 0, after(time.Hour)), after(time.Hour)), same},
		"proven, another":       {switched(t, proven("A", "B"), 0, after(time.Hour)), other},
		"aborted, as it was":    {aborted(t, begun("A"), start), Staging{By: "ada"}},
		"a date that was wrong": {begun("A"), Staging{Ref: "env:NEW", Generated: keepwatch.Day(2026, 11, 20), By: "ada"}},
	} {
		r := resume(t, tt.r, tt.s, now)
		if r.State != keepwatch.RotationStaged || !r.NextAt.Equal(now.Add(Propagation)) || Refused(r) || !r.EndedAt.IsZero() || !Open(r) {
			t.Errorf("%s: %s, next at %s, refused %v", name, r.State, r.NextAt, Refused(r))
		}
		if len(r.Holders) != len(tt.s.Holders) || len(Pending(r)) != len(r.Holders) {
			t.Errorf("%s: holders %v", name, r.Holders)
		}
		if tt.s.Ref != "" && (r.NewRef != tt.s.Ref || r.Generated != tt.s.Generated) {
			t.Errorf("%s: %s %s", name, r.NewRef, r.Generated)
		}
		if !strings.HasSuffix(steps(r), StepResumed+" "+StepStaged) {
			t.Errorf("%s: %s", name, steps(r))
		}
	}
	if r := resume(t, stuck, same, now); r.State != keepwatch.RotationActivated || Next(r, now) != AskNew {
		t.Errorf("both refused, resumed: %s %s", r.State, Next(r, now))
	}
}

func TestRecordOfAFile(t *testing.T) {
	r := asks(dead(time.Hour), AskNew, yes, after(2*time.Hour))
	r = RecordWaits(r, "change line 12", after(2*time.Hour))
	r = RecordWaits(r, "change line 12", after(3*time.Hour))
	if strings.Count(steps(r), StepRecordWaits) != 1 || !strings.Contains(Waiting(r), "change line 12") {
		t.Errorf("%s: %s", steps(r), Waiting(r))
	}
	if r = RecordWaits(r, "change line 14", after(4*time.Hour)); strings.Count(steps(r), StepRecordWaits) != 2 {
		t.Errorf("%s", steps(r))
	}
	r = Recorded(r, "it says so", after(5*time.Hour))
	if r.State != keepwatch.RotationDone || !strings.HasSuffix(steps(r), StepRecorded+" "+StepFinished) {
		t.Errorf("%s: %s", r.State, steps(r))
	}
	if again := Recorded(r, "it says so", after(6*time.Hour)); steps(again) != steps(r) {
		t.Error("recorded twice")
	}
	if early := Recorded(proven(), "x", start); early.State != keepwatch.RotationSwitched {
		t.Errorf("recorded before the activation: %s", early.State)
	}
}

func TestOldUnaskable(t *testing.T) {
	r := OldUnaskable(proven("A"), "It holds the new one.", after(time.Hour))
	if r.State != keepwatch.RotationProven || !strings.Contains(r.Evidence[len(r.Evidence)-1].Detail, "Say here when") {
		t.Errorf("%s: %s", r.State, steps(r))
	}
	if again := OldUnaskable(r, "It holds the new one.", after(2*time.Hour)); strings.Count(steps(again), StepOldUnaskable) != 1 {
		t.Errorf("a run of the same: %s", steps(again))
	}
	r = OldUnaskable(activated(t, r, after(2*time.Hour)), "It holds the new one.", after(2*time.Hour+Propagation))
	if r.State != keepwatch.RotationActivated || !CutOff(r) || !strings.Contains(r.Evidence[len(r.Evidence)-1].Detail, "CUT OFF NOW: A") || !DiedAt(r).Equal(after(2*time.Hour+Propagation)) {
		t.Errorf("%s, dead at %s: %s", r.State, DiedAt(r), r.Evidence[len(r.Evidence)-1].Detail)
	}
	if same := OldUnaskable(begun(), "x", start); same.State != keepwatch.RotationStaged || len(same.Evidence) != 1 {
		t.Error("before the proof it does not matter")
	}
}

func TestLettersAndReminders(t *testing.T) {
	r := proven("A", "B")
	if due := ToNotify(r, after(time.Hour)); len(due) != 2 {
		t.Fatalf("letters to %v", due)
	}
	at := after(time.Hour)
	for i := range r.Holders {
		r.Holders[i].TickMadeAt = at
	}
	if len(ToNotify(r, at.Add(Lease-time.Second))) != 0 {
		t.Error("whoever made the tokens has time to send them")
	}
	r = switched(t, Notified(r, at), 1, at)
	if again := Notified(r, at); steps(again) != steps(r) {
		t.Error("noted twice")
	}
	for _, before := range Reminders {
		rung := ends.Add(-before)
		if due := ToNotify(r, rung.Add(-time.Second)); len(due) != 0 {
			t.Errorf("before the rung of %s: letters to %v", before, due)
		}
		if due := ToNotify(r, rung); len(due) != 1 || due[0] != 0 {
			t.Errorf("rung of %s: letters to %v", before, due)
		}
		r.Holders[0].TickMadeAt = rung
		r = Notified(r, rung)
	}
	if due := ToNotify(r, ends.Add(time.Hour)); len(due) != 0 {
		t.Errorf("after the last rung: %v", due)
	}
	if due := ToNotify(asks(r, AskOld, no, ends.Add(-time.Hour)), ends); len(due) != 1 || due[0] != 0 {
		t.Errorf("cut off: letters to %v", due)
	}
	r.OldEndsAt = time.Time{}
	if due := ToNotify(r, ends.Add(1000*time.Hour)); len(due) != 0 {
		t.Errorf("nobody knows when it ends: %v", due)
	}
}

// What people read in each state.
func TestSentences(t *testing.T) {
	gone := func(holders ...string) keepwatch.Rotation { return dead(time.Hour, holders...) }
	refused := asks(asks(begun("A"), AskStaged, no, after(Propagation)), AskStaged, no, after(2*Propagation))
	both := asks(asks(gone(), AskNew, no, after(2*time.Hour)), AskNew, no, after(3*time.Hour))
	aged := proven("A")
	aged.OldEndsAt = after(time.Minute)
	aged = asks(aged, AskOld, no, after(time.Hour))
	known := asks(gone("A"), AskNew, yes, after(2*time.Hour))
	for name, tt := range map[string]struct {
		r                         keepwatch.Rotation
		waiting, missing, trouble string
		cutOff                    bool
	}{
		"staged":    {begun("A"), "The proof of the staged secret at 2026-11-24 09:05:00 UTC.", "not proven yet", "", false},
		"refused":   {refused, "A person: the staged secret was refused", "was refused", "was refused", false},
		"proven":    {proven("A", "B"), "A, B. Do not activate before", "Not switched yet: A, B.", "", false},
		"switched":  {proven(), "A person to activate the staged secret in Setup", "has to be activated in Setup", "", false},
		"said so":   {activated(t, proven(), after(time.Hour)), "The proof that it was activated: the old secret is asked at 2026-11-24 10:05:00 UTC.", "has to be activated in Setup", "", false},
		"said, but": {asks(activated(t, proven(), after(time.Hour)), AskOld, yes, after(2*time.Hour)), "A person to activate the staged secret in Setup", "has to be activated in Setup", "", false},
		"dead":      {gone(), "The proof of the new secret at", "", "", false},
		"cut off":   {gone("A"), "The proof of the new secret at", "still use the old secret: A.", "still use the old secret: A.", true},
		"both":      {both, "both refused", "The new secret is refused, too.", "refused, too", true},
		"aged":      {aged, "the old secret has ended", "Nobody said whether", "Cut off", true},
		"record":    {RecordWaits(known, "change line 12", after(3*time.Hour)), "The record: change line 12", "A.", "A.", true},
		"writing":   {known, "The record: it is written next.", "A.", "A.", true},
		"last one":  {Recorded(known, "x", after(3*time.Hour)), "Holders that are cut off until they switch: A.", "A.", "A.", true},
		"done":      {done(t), "Nothing: it is done.", "", "", false},
		"aborted":   {aborted(t, begun("A"), start), "Nothing: it was aborted.", "", "", false},
		"gone away": {Gone(proven("A"), after(time.Hour)), "Nothing: it was aborted.", "", "", false},
	} {
		for what, pair := range map[string][2]string{"waits for": {Waiting(tt.r), tt.waiting}, "missing": {Missing(tt.r), tt.missing}, "trouble": {Trouble(tt.r), tt.trouble}} {
			if !strings.Contains(pair[0], pair[1]) || (pair[0] == "") != (pair[1] == "") {
				t.Errorf("%s, %s: %q, want %q in it", name, what, pair[0], pair[1])
			}
		}
		if CutOff(tt.r) != tt.cutOff {
			t.Errorf("%s: cut off is %v", name, CutOff(tt.r))
		}
	}
	if r := done(t); len(Gone(r, after(9*time.Hour)).Evidence) != len(r.Evidence) {
		t.Error("a rotation that is done does not end again")
	}
}
