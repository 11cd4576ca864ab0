package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// Two days with business hours: every slot of every check, once, on time, and the
// table is asked only when something is due.
func TestEverySlotOnceAndOnTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cal, err := calendar.Parse(calendar.Spec{Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00"})
		if err != nil {
			t.Fatal(err)
		}
		cadence := calendar.Cadence{Calendar: cal, Business: 10 * time.Minute, Off: time.Hour}
		w := newWorld(t, 40, cadence, nil)
		from := time.Now()
		w.d.Start()
		time.Sleep(60 * time.Hour)
		synctest.Wait()
		w.stop()
		instants := map[time.Time]bool{}
		for _, c := range w.table.checks {
			var want []time.Time
			for at := cadence.Next(from, c.Phase); !at.After(from.Add(60 * time.Hour)); at = cadence.Next(at, c.Phase) {
				want = append(want, at)
				instants[at] = true
			}
			if !slices.EqualFunc(w.began[c.ID], want, time.Time.Equal) {
				t.Fatalf("%s ran %d times, want %d", c.ID, len(w.began[c.ID]), len(want))
			}
		}
		if w.table.claims > len(instants) || w.table.reads > 2*len(instants)+2 {
			t.Errorf("%d claims and %d reads for %d instants", w.table.claims, w.table.reads, len(instants))
		}
		for _, lag := range w.lags {
			if lag != 0 {
				t.Fatalf("a lag of %s", lag)
			}
		}
	})
}

func TestAGroupIsRecordedTogether(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 100, every(time.Hour), func(o *Options) { o.PerTenant = 200 })
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Minute)
		w.stop()
		if got := w.sizes(); !slices.Equal(got, []int{100}) {
			t.Errorf("records of %v, want one of 100", got)
		}
	})
}

func TestAHangingRunDoesNotHoldTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 100, every(time.Hour), func(o *Options) {
			o.PerTenant = 200
			o.Run = func(ctx context.Context, s keepwatch.Slot) []keepwatch.Observation {
				if s.Check.ID == "c00007" {
					<-ctx.Done() // a slow server
				}
				time.Sleep(20 * time.Millisecond)
				return nil
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(2 * time.Second)
		if got := w.sizes(); !slices.Equal(got, []int{99}) {
			t.Errorf("after two seconds records of %v, want 99 in one", got)
		}
		time.Sleep(2 * time.Minute)
		w.stop()
		if got := w.sizes(); !slices.Equal(got, []int{99, 1}) {
			t.Errorf("records of %v, want 99 and 1", got)
		}
	})
}

// A run that ignores its deadline is recorded as our own fault; Stop does not wait
// for it for ever and says so.
func TestARunThatNeverEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWorld(t, 3, every(time.Hour), func(o *Options) {
			o.Timeout = 10 * time.Second
			o.Run = func(_ context.Context, s keepwatch.Slot) []keepwatch.Observation {
				if s.Check.ID == "c00001" {
					<-release
				}
				return nil
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		found := w.recorded()
		if len(found) != 3 || found[2].Outcome != keepwatch.MonitorFault || found[2].Check != "c00001" || found[2].Hint == "" {
			t.Fatalf("recorded %+v", found)
		}
		if got, want := found[2].Key, keepwatch.SlotKey("c00001", found[2].Slot); got != want {
			t.Errorf("key %q, want %q", got, want)
		}
		w.stop()
		close(release)
		synctest.Wait()
		if n := len(w.recorded()); n != 3 {
			t.Errorf("%d records: the late end was recorded too", n)
		}
	})
}

func TestAPanicIsAMonitorFault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		w := newWorld(t, 5, every(time.Hour), func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			o.Run = func(_ context.Context, s keepwatch.Slot) []keepwatch.Observation {
				switch s.Check.ID {
				case "c00001":
					panic("canary-secret in a panic")
				case "c00002":
					var none []int
					_ = none[len(s.Check.ID)]
				}
				return nil
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Minute)
		w.stop()
		byCheck := map[keepwatch.CheckID]keepwatch.Observation{}
		for _, o := range w.recorded() {
			byCheck[o.Check] = o
		}
		if len(byCheck) != 5 {
			t.Fatalf("%d of 5 recorded", len(byCheck))
		}
		for id, o := range byCheck {
			panicked := id == "c00001" || id == "c00002"
			if (o.Outcome == keepwatch.MonitorFault) != panicked {
				t.Errorf("%s: outcome %s", id, o.Outcome)
			}
			if strings.Contains(fmt.Sprintf("%+v", o), "canary") {
				t.Errorf("what was thrown is in the observation: %+v", o)
			}
		}
		if !strings.Contains(byCheck["c00002"].Evidence, "index out of range") {
			t.Errorf("evidence %q", byCheck["c00002"].Evidence)
		}
		if strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "dispatcher_test.go") {
			t.Errorf("the log must have the place and not what was thrown:\n%s", log.String())
		}
	})
}

func TestASlowWriterStallsTheClaim(t *testing.T) {
	bubble(t, func(t *testing.T) {
		open := make(chan struct{})
		w := newWorld(t, 5000, every(time.Hour), func(o *Options) {
			o.InFlight, o.Concurrency, o.PerTenant, o.Fleet = 600, 100, 100, nil
			o.Record = func(ctx context.Context, _ []keepwatch.Observation, _ time.Time) error {
				select {
				case <-open:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
		for i := range w.table.checks { // many tenants: no lane is the bottleneck
			w.table.checks[i].Tenant = keepwatch.TenantID(fmt.Sprint("t", i%50))
		}
		w.dueTogether()
		w.d.Start()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := w.table.claimed; n > 600 {
			t.Errorf("%d slots claimed while nothing is recorded, want at most 600", n)
		}
		if s := w.d.Status(); s.InFlight > 600 || time.Since(s.AnsweredAt) < 9*time.Minute {
			t.Errorf("status %+v", s)
		}
		close(open)
		time.Sleep(5 * time.Minute)
		w.stop()
		if n := len(w.recorded()); n != 5000 {
			t.Errorf("%d of 5000 recorded in the end", n)
		}
	})
}

// One tenant answers nothing at all; the others keep their times, and what the
// slow one cannot do in time is recorded as missed.
func TestASlowTenantDoesNotStarveTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 1200, every(10*time.Minute), func(o *Options) {
			o.PerTenant, o.Concurrency, o.InFlight = 16, 64, 300
			o.Run = func(ctx context.Context, s keepwatch.Slot) []keepwatch.Observation {
				if s.Check.Tenant == "slow" {
					<-ctx.Done()
				}
				time.Sleep(20 * time.Millisecond)
				return nil
			}
		})
		for i := range w.table.checks {
			if i < 1000 {
				w.table.checks[i].Tenant = "slow"
			}
		}
		w.d.Start()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		_, waiting := w.d.lanes.count()
		if waiting > 2000 {
			t.Errorf("%d slots wait, more than the tenant has checks", waiting)
		}
		w.stop()
		if w.peak["slow"] > 16 {
			t.Errorf("%d runs of one tenant at once, want 16", w.peak["slow"])
		}
		missed, done := 0, map[keepwatch.CheckID]int{}
		for _, o := range w.recorded() {
			if o.Outcome == keepwatch.MonitorFault {
				missed++
				if o.Tenant != "slow" || !strings.Contains(o.Message, "missed") {
					t.Fatalf("%+v", o)
				}
				continue
			}
			done[o.Check]++
			if late := o.At.Sub(o.Slot); o.Tenant != "slow" && late > time.Second {
				t.Fatalf("a run of the quick tenant was %s late", late)
			}
		}
		if missed < 5000 {
			t.Errorf("%d missed, expected most of the slow tenant's 12,000", missed)
		}
		for i := 1000; i < 1200; i++ {
			if n := done[keepwatch.CheckID(fmt.Sprintf("c%05d", i))]; n < 11 || n > 13 {
				t.Errorf("check %d ran %d times in two hours", i, n)
			}
		}
	})
}

func TestWakeAndPoll(t *testing.T) {
	for _, c := range []struct {
		name string
		wake bool
		poll time.Duration
		want time.Duration
	}{
		{"woken", true, 0, 0}, {"re-read", false, time.Second, time.Second}, {"neither: at the due time that was known", false, 0, 50 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				wake := make(chan struct{}, 1)
				w := newWorld(t, 1, every(time.Hour), func(o *Options) { o.Wake, o.Poll = wake, c.poll })
				w.table.checks[0].DueAt = time.Now().Add(time.Hour)
				w.d.Start()
				time.Sleep(10 * time.Minute)
				asked := time.Now()
				w.table.mu.Lock()
				w.table.checks[0].DueAt, w.table.checks[0].Reason = asked, keepwatch.ReasonConfirm
				w.table.mu.Unlock()
				if c.wake {
					wake <- struct{}{}
				}
				time.Sleep(55 * time.Minute)
				w.stop()
				if got := w.began["c00000"]; len(got) == 0 || got[0].Sub(asked) > c.want {
					t.Errorf("ran %v after it was planned, want %s", got, c.want)
				}
			})
		})
	}
}

func TestARepeatedHandOverRunsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 250, every(time.Hour), nil)
		w.table.repeat = true
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Minute)
		w.stop()
		if n := len(w.recorded()); n != 250 {
			t.Errorf("%d results of 250 slots", n)
		}
	})
}

func TestTheTableIsAwayAndComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 10, every(10*time.Minute), nil)
		w.d.Start()
		time.Sleep(30 * time.Minute)
		w.table.setErr(errors.New("database is away"))
		time.Sleep(40 * time.Minute)
		if s := w.d.Status(); s.Err == nil || time.Since(s.AnsweredAt) < 20*time.Minute {
			t.Errorf("status %+v does not tell that the table is away", s)
		}
		w.table.mu.Lock()
		reads := w.table.reads
		w.table.mu.Unlock()
		if reads > 250 {
			t.Errorf("%d reads in 70 minutes: no back-off", reads)
		}
		w.table.setErr(nil)
		before := len(w.recorded())
		time.Sleep(10*time.Minute + 2*time.Minute)
		w.stop()
		if s := w.d.Status(); s.Err != nil {
			t.Errorf("still %v", s.Err)
		}
		if n := len(w.recorded()) - before; n < 15 || n > 25 {
			t.Errorf("%d runs in the 12 minutes after, want one catch-up and one slot of each of 10", n)
		}
	})
}

func TestRecordingIsRetriedAndABadResultIsDroppedAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fails := 3
		w := newWorld(t, 20, every(time.Hour), func(o *Options) {
			o.Record = func(_ context.Context, found []keepwatch.Observation, _ time.Time) error {
				if fails--; fails >= 0 {
					return errors.New("disk is busy")
				}
				for _, o := range found {
					if o.Check == "c00003" {
						return fmt.Errorf("outcome: %w", keepwatch.ErrInvalid)
					}
				}
				return nil
			}
		})
		w.dueTogether()
		w.d.Start()
		time.Sleep(time.Minute)
		if n := w.d.Status().InFlight; n != 0 {
			t.Errorf("%d still in flight", n)
		}
		w.stop()
		found := w.recorded()
		if len(found) != 19 || slices.ContainsFunc(found, func(o keepwatch.Observation) bool { return o.Check == "c00003" }) {
			t.Errorf("%d recorded, want the 19 good ones", len(found))
		}
	})
}
