package rotation

import (
	"testing"
	"time"

	"keepwatch"
)

// What a person brings forward is asked at once, and never before it can tell something
// or more often than it may.
func TestAskedBringsForwardWhatCanTellSomething(t *testing.T) {
	later := asks(begun("A"), AskStaged, maybe, after(Propagation)) // tried again in five minutes
	at := after(Propagation + AskEvery)
	if next := Next(later, at); next != Nothing {
		t.Fatalf("before: %s", next)
	}
	now, err := Asked(later, at)
	if err != nil || Next(now, at) != AskStaged {
		t.Errorf("%s, %v", Next(now, at), err)
	}
	poll := asks(proven(), AskOld, Answer{Verdict: Granted, Outcome: keepwatch.OK}, after(time.Hour))
	if now, err := Asked(poll, after(time.Hour+2*time.Minute)); err != nil || Next(now, after(time.Hour+2*time.Minute)) != AskOld {
		t.Errorf("%s, %v", Next(now, after(time.Hour)), err)
	}
	waits := RecordWaits(asks(dead(time.Hour), AskNew, yes, after(time.Hour+Propagation)), "the file", after(2*time.Hour))
	if now, err := Asked(waits, after(2*time.Hour)); err != nil || Next(now, after(2*time.Hour)) != WriteRecord {
		t.Errorf("%s, %v", Next(now, after(2*time.Hour)), err)
	}
	refused := asks(asks(begun("A"), AskStaged, no, after(Propagation)), AskStaged, no, after(3*Propagation))
	asking, _ := Ask(later, AskStaged, "q", at)
	for name, tt := range map[string]struct {
		r  keepwatch.Rotation
		at time.Time
	}{
		"before SFMC knows":           {begun("A"), after(time.Minute)},
		"right after an answer":       {later, after(Propagation + time.Second)},
		"while it is asked":           {asking, at.Add(time.Second)},
		"refused often enough":        {refused, after(time.Hour)},
		"done":                        {done(t), after(48 * time.Hour)},
		"after somebody activated it": {activated(t, proven("A"), after(time.Hour)), after(time.Hour + time.Minute)},
		"the new one, too early":      {dead(time.Hour, "A"), after(time.Hour + time.Minute)},
		"only holders are missing":    {Recorded(asks(dead(time.Hour, "A"), AskNew, yes, after(time.Hour+Propagation)), "recorded", after(2*time.Hour)), after(3 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Asked(tt.r, tt.at)
			conflict(t, got, err)
			if !got.NextAt.Equal(tt.r.NextAt) {
				t.Error("it is brought forward all the same")
			}
		})
	}
}

func TestLetterDueWritesAgain(t *testing.T) {
	r := proven("A", "B")
	for i := range r.Holders {
		r.Holders[i].TickMadeAt = after(time.Hour)
	}
	r = Notified(r, after(time.Hour))
	_, err := LetterDue(r, 0, after(time.Hour+time.Minute))
	conflict(t, r, err)
	again, err := LetterDue(r, 0, after(2*time.Hour))
	if due := ToNotify(again, after(2*time.Hour)); err != nil || len(due) != 1 || due[0] != 0 {
		t.Errorf("letters to %v, %v", due, err)
	}
	if r.Holders[0].NotifiedAt.IsZero() {
		t.Error("the rotation that was given is changed")
	}
	_, err = LetterDue(switched(t, again, 0, after(2*time.Hour)), 0, after(3*time.Hour))
	conflict(t, r, err)
	_, err = LetterDue(begun("A"), 0, after(time.Hour))
	conflict(t, r, err)
}
