package rotate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// story runs a test in a bubble of its own.
func story(t *testing.T, holders []string, tell func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, holders...)
		defer w.close()
		tell(w)
	})
}

// The whole of a rotation, with each step at its time and nothing that fails.
func TestRotation(t *testing.T) {
	story(t, []string{"MuleSoft", "Segment"}, func(w *world) {
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
