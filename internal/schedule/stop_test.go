package schedule

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

func TestStopLetsRunsFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 10, every(time.Hour), func(o *Options) {
			o.Run = func(context.Context, keepwatch.Slot) []keepwatch.Observation {
				time.Sleep(3 * time.Second)
				return nil
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Second)
		begun := time.Now()
		w.stop()
		if n := len(w.recorded()); n != 10 || time.Since(begun) > 3*time.Second {
			t.Errorf("%d of 10 recorded, stopped after %s", n, time.Since(begun))
		}
		w.stop() // once more does nothing
	})
}

// A run that our own stopping broke off says nothing about SFMC, and what never
// began is left to the next start.
func TestStopRecordsNothingThatItBrokeOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 30, every(time.Hour), func(o *Options) {
			o.PerTenant = 10
			o.Run = func(ctx context.Context, s keepwatch.Slot) []keepwatch.Observation {
				<-ctx.Done()
				o := ok(s)
				o.Outcome = keepwatch.Timeout
				return []keepwatch.Observation{o}
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Second)
		begun := time.Now()
		w.stop()
		if n := len(w.recorded()); n != 0 {
			t.Errorf("%d runs recorded that were broken off", n)
		}
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("Stop took %s, want the 5 s of draining", took)
		}
		if n := len(w.began); n != 10 {
			t.Errorf("%d runs began, want 10", n)
		}
	})
}

func TestStopIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWorld(t, 3, every(time.Hour), func(o *Options) {
			o.Run = func(context.Context, keepwatch.Slot) []keepwatch.Observation { <-release; return nil }
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Second)
		begun := time.Now()
		err := w.d.Stop(context.Background())
		if !errors.Is(err, keepwatch.ErrUnavailable) || !strings.Contains(err.Error(), "3 runs") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begun); took > 7*time.Second {
			t.Errorf("Stop took %s", took)
		}
		close(release)
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3, every(time.Hour), func(o *Options) {
			o.Record = func(ctx context.Context, _ []keepwatch.Observation, _ time.Time) error {
				<-ctx.Done()
				return ctx.Err()
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		begun := time.Now()
		if err := w.d.Stop(ctx); err == nil {
			t.Error("a writer that hangs is not told")
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("Stop took %s, its context had two", took)
		}
	})
}

func TestStopWithoutStart(t *testing.T) {
	bubble(t, func(t *testing.T) { newWorld(t, 3, every(time.Hour), nil).stop() })
}

func TestRecover(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 0, every(time.Hour), nil)
		now := time.Now()
		slot := func(id keepwatch.CheckID, at, next time.Duration, why keepwatch.Reason) keepwatch.Slot {
			return keepwatch.Slot{Check: keepwatch.Check{ID: id, Tenant: "emea", Credential: "cred"}, At: now.Add(at), Next: now.Add(next), Gap: next - at, Reason: why}
		}
		err := w.d.Recover(t.Context(), []keepwatch.Slot{
			slot("late", -3*time.Minute, 7*time.Minute, keepwatch.ReasonScheduled),
			slot("missed", -20*time.Minute, -10*time.Minute, keepwatch.ReasonScheduled),
			slot("on-the-dot", -10*time.Minute, 0, keepwatch.ReasonConfirm),
			slot("asked", -20*time.Minute, -10*time.Minute, keepwatch.ReasonDemand),
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.stop()
		got := map[keepwatch.CheckID]keepwatch.Observation{}
		for _, o := range w.recorded() {
			got[o.Check] = o
		}
		for id, want := range map[keepwatch.CheckID]keepwatch.Outcome{
			"late": keepwatch.OK, "missed": keepwatch.MonitorFault, "on-the-dot": keepwatch.MonitorFault, "asked": keepwatch.OK,
		} {
			if got[id].Outcome != want {
				t.Errorf("%s: outcome %q, want %q", id, got[id].Outcome, want)
			}
		}
		m := got["missed"]
		if m.Key != keepwatch.SlotKey("missed", now.Add(-20*time.Minute)) || m.Credential != "cred" || m.Tenant != "emea" || m.Series != "missed" ||
			m.Source != keepwatch.SourceTest || m.Gap != 10*time.Minute || m.Hint == "" || !strings.Contains(m.Message, "1999-12-31 23:40:00 UTC") {
			t.Errorf("missed: %+v", m)
		}
	})
}

func TestRecoverReportsAFailedRecord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 0, every(time.Hour), func(o *Options) {
			o.Record = func(context.Context, []keepwatch.Observation, time.Time) error { return keepwatch.ErrUnavailable }
		})
		err := w.d.Recover(t.Context(), []keepwatch.Slot{{Check: keepwatch.Check{ID: "a"}, At: time.Now().Add(-time.Hour), Next: time.Now()}})
		if !errors.Is(err, keepwatch.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
	})
}

// A person's run goes ahead of what waits for the tenant.
func TestDo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 50, every(time.Hour), func(o *Options) {
			o.PerTenant = 1
			o.Run = func(ctx context.Context, _ keepwatch.Slot) []keepwatch.Observation {
				select {
				case <-time.After(10 * time.Second):
				case <-ctx.Done():
				}
				return nil
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Second)
		begun := time.Now()
		slot := keepwatch.Slot{Check: keepwatch.Check{ID: "asked", Tenant: "emea"}, At: begun, Reason: keepwatch.ReasonDemand}
		found, err := w.d.Do(t.Context(), slot)
		if err != nil || found.Outcome != keepwatch.OK || found.Key != keepwatch.DemandKey("asked", begun) {
			t.Errorf("found %+v, error %v", found, err)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("it took %s: behind the others", took)
		}
		if !func() bool {
			for _, o := range w.recorded() {
				if o.Check == "asked" {
					return true
				}
			}
			return false
		}() {
			t.Error("it was not recorded")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.d.Do(ctx, slot); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the caller's deadline", err)
		}
		w.stop()
		if _, err := w.d.Do(t.Context(), slot); !errors.Is(err, ErrStopping) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 3, every(time.Hour), nil)
		var g keepwatch.Group
		for _, c := range w.table.checks {
			g.Slots = append(g.Slots, keepwatch.Slot{Check: c, At: c.DueAt, Next: c.DueAt.Add(time.Hour), Reason: keepwatch.ReasonScheduled})
		}
		if err := w.d.Work(t.Context(), g); err != nil || len(w.recorded()) != 3 {
			t.Errorf("error %v, %d recorded", err, len(w.recorded()))
		}
		w.stop()
		if err := w.d.Work(t.Context(), g); !errors.Is(err, ErrStopping) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

// Starting, stopping and asking at every moment, from many sides.
func TestStress(t *testing.T) {
	for i := range 40 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 200, every(5*time.Second), func(o *Options) { o.PerTenant, o.InFlight = 8, 100 })
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(w.d.Start)
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 300 * time.Millisecond)
					if err := w.d.Stop(context.Background()); err != nil {
						t.Error(err)
					}
				})
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 299 * time.Millisecond)
					_, _ = w.d.Do(t.Context(), keepwatch.Slot{Check: keepwatch.Check{ID: "x"}, At: time.Now(), Reason: keepwatch.ReasonDemand})
					_ = w.d.Status()
				})
			}
			wg.Wait()
			synctest.Wait()
			if n := w.d.Status().InFlight; n != 0 {
				t.Errorf("%d in flight after Stop", n)
			}
		})
	}
}
