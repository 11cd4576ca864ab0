package rotate_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/rotate"
	"keepwatch/internal/rotation"
)

// story runs a test in a bubble of its own.
func story(t *testing.T, holders []string, tell func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, holders...)
		defer w.close()
		tell(t, w)
	})
}

// The whole of a rotation, with each step at its time and nothing that fails.
func TestRotation(t *testing.T) {
	story(t, []string{"MuleSoft", "Segment"}, func(t *testing.T, w *world) {
		w.generate()
		r := w.start()
		if want := begin.Add(5 * time.Minute); !r.NextAt.Equal(want) {
			t.Errorf("tried at %s, want %s", r.NextAt, want)
		}
		r = w.until(keepwatch.RotationProven, time.Hour)
		if got := time.Since(begin); got != 5*time.Minute {
			t.Errorf("proven after %s", got)
		}
		w.wait(10 * time.Minute)
		w.must(w.switches("Segment"))
		w.wait(20 * time.Minute)
		w.must(w.switches("MuleSoft"))
		r = w.rotation()
		if r.State != keepwatch.RotationSwitched {
			t.Fatalf("%s\n%s", r.State, transcript(r))
		}
		w.wait(7 * time.Minute)
		_, err := w.sim.Activate(clientID)
		w.must(err)
		r = w.until(keepwatch.RotationDone, time.Hour)
		t.Log("\n" + transcript(r))
		w.noFailure()
		if n := w.refused(); n != 1 {
			t.Errorf("the dead secret was sent %d times", n)
		}
		cred, _, _ := w.find(credID)
		if cred.SecretRef != newRef || cred.SecretGenerated != today() || cred.Clocks[0].At != time.Date(2027, 5, 23, 0, 0, 0, 0, time.UTC) {
			t.Errorf("the record: %s %s %v", cred.SecretRef, cred.SecretGenerated, cred.Clocks[0])
		}
	})
}

// A wrong staged secret is sent twice and no more, harms nobody, and the right one
// takes its place.
func TestWrongStagedSecret(t *testing.T) {
	story(t, []string{"MuleSoft"}, func(t *testing.T, w *world) {
		w.generate()
		right := w.vault[newRef]
		w.vault[newRef] = "a-secret-that-was-mistyped"
		w.start()
		w.wait(24 * time.Hour)
		r := w.rotation()
		if r.State != keepwatch.RotationStaged || !r.NextAt.IsZero() || w.refused() != rotation.MaxRefusals {
			t.Fatalf("%s, refused %d times\n%s", r.State, w.refused(), transcript(r))
		}
		if len(w.letters()) > 0 {
			t.Error("holders were asked to switch to a secret that does not work")
		}
		if _, err := w.nodes[0].TickHolder(t.Context(), r.ID, "MuleSoft", "ada"); !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("ticked off before the proof: %v", err)
		}
		w.vault[newRef] = right
		r, err := w.nodes[0].Resume(t.Context(), rotate.ResumeRequest{ID: r.ID, By: "ada"})
		w.must(err)
		w.until(keepwatch.RotationProven, 6*time.Minute)
		if w.refused() != rotation.MaxRefusals {
			t.Errorf("refused %d times", w.refused())
		}
		// Another one is staged in Setup, which overwrites the first.
		w.generate()
		second := w.vault[newRef]
		w.vault[newRef], w.vault["env:THIRD"] = right, second
		_, err = w.nodes[0].Resume(t.Context(), rotate.ResumeRequest{ID: r.ID, StagedRef: "env:THIRD", Generated: today(), By: "ada"})
		w.must(err)
		r = w.until(keepwatch.RotationProven, 6*time.Minute)
		if r.NewRef != "env:THIRD" {
			t.Errorf("proven: %s", r.NewRef)
		}
		w.noFailure()
	})
}

// A holder that is left behind when the staged secret is activated is cut off in
// truth. It is said at once, loudly and by name, and everybody else goes on.
func TestActivatedTooEarly(t *testing.T) {
	story(t, []string{"MuleSoft", "Segment", "Airbyte"}, func(t *testing.T, w *world) {
		w.generate()
		w.start()
		w.until(keepwatch.RotationProven, time.Hour)
		w.must(w.switches("Segment"))
		w.wait(10 * time.Minute)
		w.noFailure()
		_, err := w.sim.Activate(clientID)
		w.must(err)
		before := len(w.letters())
		r := w.until(keepwatch.RotationActivated, 16*time.Minute)
		said := row(t, r, rotation.StepOldRefused).Detail
		for _, name := range []string{"MuleSoft", "Airbyte"} {
			if !strings.Contains(said, name) || !strings.Contains(said, "2 HOLDERS HAD NOT SWITCHED") {
				t.Errorf("not said of %s: %s", name, said)
			}
		}
		if strings.Contains(said, "Segment") {
			t.Errorf("said of Segment: %s", said)
		}
		var urgent []string
		for _, l := range w.letters()[before:] {
			urgent = append(urgent, l.To)
			if l.Severity != keepwatch.SeverityCritical || !strings.Contains(l.Subject, "is cut off") {
				t.Errorf("%s: %s %s", l.To, l.Severity, l.Subject)
			}
		}
		slices.Sort(urgent)
		if !slices.Equal(urgent, []string{"airbyte@example.com", "mulesoft@example.com"}) {
			t.Errorf("letters to %v", urgent)
		}
		alarm := w.alarm()
		if alarm.Outcome != keepwatch.Expired || !strings.Contains(alarm.Message, "MuleSoft, Airbyte") {
			t.Errorf("alarm: %s %s", alarm.Outcome, alarm.Message)
		}
		for _, f := range w.failed {
			if strings.Contains(f, "regular test") || strings.Contains(f, "Segment") {
				t.Errorf("failed: %s", f)
			}
		}
		w.wait(time.Hour)
		if r = w.rotation(); r.State != keepwatch.RotationActivated || !strings.HasPrefix(rotation.Waiting(r), "Holders that are cut off") {
			t.Errorf("%s: %s", r.State, rotation.Waiting(r))
		}
		w.must(w.switches("Airbyte"))
		w.must(w.switches("MuleSoft"))
		if w.state() != keepwatch.RotationDone {
			t.Errorf("%s\n%s", w.state(), transcript(w.rotation()))
		}
		if alarm = w.alarm(); alarm.Outcome != keepwatch.OK || alarm.Due != nil {
			t.Errorf("the alarm goes on: %+v", alarm)
		}
	})
}

func row(t *testing.T, r keepwatch.Rotation, step string) keepwatch.Evidence {
	t.Helper()
	for _, e := range r.Evidence {
		if e.Step == step {
			return e
		}
	}
	t.Fatalf("no row %s\n%s", step, transcript(r))
	return keepwatch.Evidence{}
}

// alarm is what a look says of the deadline now.
func (w *world) alarm() keepwatch.Observation {
	w.t.Helper()
	found := w.nodes[0].Look(w.t.Context(), w.slot(), time.Now())
	if len(found) != 2 || found[1].Series != "expiry:crm#rotation" {
		w.t.Fatalf("found %+v", found)
	}
	return found[1]
}

// A holder that has not switched is written to again as the end of the old secret
// comes near, and the alarm rises with its rungs.
func TestHolderLeftBehind(t *testing.T) {
	story(t, []string{"MuleSoft", "Segment"}, func(t *testing.T, w *world) {
		_, err := w.sim.SetGenerated(clientID, time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)) // ends 2026-12-05, in eleven days
		w.must(err)
		cred, _, _ := w.find(credID)
		cred.SecretGenerated = keepwatch.Day(2026, time.June, 8)
		cred.File, cred.Deadline = "keepwatch.yaml:12", keepwatch.Deadline{}
		w.file = &cred
		w.generate()
		w.start()
		w.until(keepwatch.RotationProven, time.Hour)
		w.must(w.switches("Segment"))
		w.pace = 15 * time.Minute
		var at []string
		for known := ""; time.Now().Before(begin.AddDate(0, 0, 10).Add(12 * time.Hour)); w.wait(time.Hour) {
			a := w.alarm()
			if a.Due == nil {
				t.Fatalf("no date in %+v", a)
			}
			if got := fmt.Sprint(a.Outcome, a.Due.Passed); got != known {
				known = got
				at = append(at, time.Now().Format("01-02 15h ")+got)
				if a.Due.Attention != "Not switched yet: MuleSoft." || a.Outcome != keepwatch.OK && !strings.Contains(a.Message, "MuleSoft") {
					t.Errorf("%s: %s | %s", got, a.Due.Attention, a.Message)
				}
			}
		}
		want := []string{"11-24 09h expiring[14d]", "11-28 09h expiring[14d 7d]", "12-02 09h expiring[14d 7d 3d]", "12-04 09h expiring[14d 7d 3d 1d]"}
		if !slices.Equal(at, want) {
			t.Errorf("the alarm:\n%s", strings.Join(at, "\n"))
		}
		letters := map[string]int{}
		for _, l := range w.letters() {
			letters[l.To]++
		}
		if letters["mulesoft@example.com"] != 4 || letters["segment@example.com"] != 1 {
			t.Errorf("letters: %v", letters)
		}
		w.pace = time.Minute
		w.must(w.switches("MuleSoft"))
		if a := w.alarm(); a.Due == nil || !strings.Contains(a.Message, "has to be activated in Setup") {
			t.Errorf("nobody is told to activate: %+v", a)
		}
		_, err = w.sim.Activate(clientID)
		w.must(err)
		w.until(keepwatch.RotationActivated, 16*time.Minute)
		w.wait(10 * time.Minute)
		w.noFailure()
		// The record belongs to a file: what to change is said once, and waited for.
		r := w.rotation()
		want = []string{"keepwatch.yaml:12 defines crm", "secret: env:CRM_SECRET_NEXT", "secret_generated: 2026-11-24"}
		for _, text := range want {
			if !strings.Contains(row(t, r, rotation.StepRecordWaits).Detail, text) {
				t.Errorf("the advice lacks %q\n%s", text, transcript(r))
			}
		}
		if strings.Count(steps(r), rotation.StepRecordWaits) != 1 {
			t.Errorf("said more than once: %s", steps(r))
		}
		w.file.SecretRef, w.file.SecretGenerated = r.NewRef, r.Generated
		w.until(keepwatch.RotationDone, 2*time.Minute)
		w.noFailure()
	})
}

// persons are the people of a rotation who do what is theirs when it is time, and
// again when a process died under their hands.
type persons struct {
	*world
	activated bool
	aborts    int // how often somebody aborts and resumes it on the way
}

func (p *persons) act() {
	n := p.nodes[0]
	r := p.rotation()
	switch r.State {
	case "":
		_, _ = n.Start(p.t.Context(), rotate.StartRequest{Credential: credID, StagedRef: newRef, Generated: today(), By: "ada"})
	case keepwatch.RotationAborted:
		_, _ = n.Resume(p.t.Context(), rotate.ResumeRequest{ID: r.ID, By: "ada"})
	case keepwatch.RotationProven:
		if p.aborts > 0 && len(rotation.Pending(r)) < len(r.Holders) {
			if _, err := n.Abort(p.t.Context(), r.ID, "ada", ""); err == nil {
				p.aborts--
			}
			return
		}
		for _, name := range rotation.Pending(r) {
			if p.switches(name) == nil {
				return // one a minute
			}
		}
	case keepwatch.RotationSwitched:
		if !p.activated {
			_, err := p.sim.Activate(clientID)
			p.must(err)
			p.activated = true
			_, _ = n.Activated(p.t.Context(), r.ID, "ada")
		}
	}
}

func (p *persons) run(t *testing.T) keepwatch.Rotation {
	t.Helper()
	for range 240 {
		p.act()
		p.minute()
		if p.state() == keepwatch.RotationDone {
			return p.rotation()
		}
	}
	t.Fatalf("not done\n%s", transcript(p.rotation()))
	return keepwatch.Rotation{}
}

// The process dies at each write of a rotation in turn, before and after the write
// took effect, and another one goes on. Nothing fails in any of them, and the
// crash costs at most one more refused request.
func TestCrashAtEveryWrite(t *testing.T) {
	crashes := 0
	for _, after := range []bool{false, true} {
		for fatal, ended := 1, false; !ended; fatal++ {
			story(t, []string{"MuleSoft", "Segment"}, func(t *testing.T, w *world) {
				w.nodes = nil
				life := w.node(fatal, after).life
				w.generate()
				p := &persons{world: w, aborts: 1}
				r := p.run(t)
				ended = !life.dead
				if life.dead {
					crashes++
				}
				w.noFailure()
				if n := w.refused(); n < 1 || n > 2 || n > 1 && !life.dead {
					t.Errorf("write %d, after %v: refused %d times\n%s", fatal, after, n, transcript(r))
				}
				if cred, _, _ := w.find(credID); cred.SecretRef != newRef || cred.SecretGenerated != r.Generated {
					t.Errorf("write %d, after %v: the record names %s %s", fatal, after, cred.SecretRef, cred.SecretGenerated)
				}
				for _, step := range []string{rotation.StepStagedProven, rotation.StepOldRefused, rotation.StepNewProven, rotation.StepRecorded, rotation.StepFinished} {
					row(t, r, step)
				}
				if strings.Count(steps(r), rotation.StepOldRefused) != 1 {
					t.Errorf("write %d, after %v:\n%s", fatal, after, transcript(r))
				}
			})
		}
	}
	if crashes < 40 {
		t.Errorf("only %d crashes", crashes)
	}
	t.Logf("%d crashes", crashes)
}

// A process that dies again and again right after it asked with a wrong secret asks
// twice and no more.
func TestCrashesDoNotHammer(t *testing.T) {
	story(t, nil, func(t *testing.T, w *world) {
		w.generate()
		w.vault[newRef] = "a-secret-that-was-mistyped"
		w.start()
		for range 600 {
			w.nodes[0] = w.node(2, false) // the claim is saved, the answer is lost
			w.nodes = w.nodes[:1]
			w.minute()
		}
		if n := w.refused(); n != rotation.MaxRefusals {
			t.Errorf("refused %d times\n%s", n, transcript(w.rotation()))
		}
		w.noFailure()
	})
}

// Three nodes take the same rotation on in the same instants: each question is
// asked once, each letter is sent once.
func TestNodesTogether(t *testing.T) {
	story(t, []string{"MuleSoft", "Segment"}, func(t *testing.T, w *world) {
		w.node(0, false)
		w.node(0, false)
		w.together = true
		w.generate()
		p := &persons{world: w}
		r := p.run(t)
		w.noFailure()
		if n := w.refused(); n != 1 {
			t.Errorf("refused %d times\n%s", n, transcript(r))
		}
		if n := len(w.letters()); n != 2 {
			t.Errorf("%d letters", n)
		}
		for _, step := range []string{rotation.StepStagedProven, rotation.StepNotified, rotation.StepOldRefused, rotation.StepNewProven, rotation.StepRecorded, rotation.StepFinished} {
			if strings.Count(steps(r), step) != 1 {
				t.Errorf("%s: not once\n%s", step, transcript(r))
			}
		}
		if strings.Contains(steps(r), "asked") {
			t.Errorf("an answer was lost\n%s", transcript(r))
		}
	})
}
