package schedule

import (
	"context"
	"testing"
	"time"

	"keepwatch"
)

// TestARunMayFindSeveralThings: they are recorded together, the slot's own first,
// and count as one slot.
func TestARunMayFindSeveralThings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 5, every(time.Hour), func(o *Options) {
			o.InFlight = 5 // five slots of three observations must not stall the claim
			o.Run = func(_ context.Context, s keepwatch.Slot) []keepwatch.Observation {
				own, one, two := ok(s), ok(s), ok(s)
				one.Key, two.Key = own.Key+"#one", own.Key+"#two"
				return []keepwatch.Observation{own, one, two}
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(2 * time.Hour)
		if s := w.d.Status(); s.InFlight != 0 {
			t.Errorf("%d slots are in flight after their end", s.InFlight)
		}
		slot := keepwatch.Slot{Check: w.table.checks[0], At: time.Now(), Reason: keepwatch.ReasonDemand}
		got, err := w.d.Do(t.Context(), slot)
		if err != nil || got.Key != keepwatch.DemandKey(slot.Check.ID, slot.At) {
			t.Errorf("the run on demand returned %q, %v", got.Key, err)
		}
		w.stop()
		perSlot := map[time.Time]int{}
		for _, o := range w.recorded() {
			perSlot[o.Slot]++
		}
		for at, n := range perSlot {
			if n%3 != 0 {
				t.Errorf("%d observations of the slot %s", n, at)
			}
		}
		for _, n := range w.sizes() {
			if n%3 != 0 {
				t.Errorf("a record holds %d observations: a run was torn apart", n)
			}
		}
		if len(w.recorded()) < 3*11 {
			t.Errorf("%d observations recorded", len(w.recorded()))
		}
	})
}
