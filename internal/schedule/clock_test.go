package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestClockNeverRunsBackwards(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var shift time.Duration
		c := newClock(func() time.Time { return time.Now().Add(shift) })
		want := c.now() // by elapsed time, and what was set forward
		for _, step := range []struct{ set, follows time.Duration }{
			{0, 0}, {time.Second, time.Second}, {-time.Second, -time.Second}, // what a time daemon does
			{-time.Hour, 0}, {-400 * 24 * time.Hour, 0}, // held
			{time.Hour, 0}, {400 * 24 * time.Hour, 0}, // what was held is used up first
			{time.Hour, time.Hour}, // followed
		} {
			time.Sleep(10 * time.Second)
			shift += step.set
			want = want.Add(10*time.Second + step.follows)
			if got := c.now(); !got.Equal(want) {
				t.Errorf("set by %s: %s, want %s", step.set, got, want)
			}
		}
	})
}

// Suspended for eight hours: every check runs once for all it missed, spread over
// a minute, and is on its grid again afterwards.
func TestSuspendAndResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 1200
		w := newWorld(t, n, every(10*time.Minute), nil)
		w.d.Start()
		time.Sleep(time.Hour + 500*time.Millisecond) // no slot begins between two seconds
		resumed := time.Now()
		w.setWall(8 * time.Hour)
		time.Sleep(5 * time.Minute)
		if w.d.Status().CatchingUp {
			t.Error("still catching up")
		}
		w.stop()
		perSecond := map[int64]int{}
		late := time.Duration(0)
		for id, began := range w.began {
			catchUp := 0
			for _, at := range began {
				if at.After(resumed) && at.Before(resumed.Add(5*time.Minute)) {
					catchUp++
					perSecond[at.Unix()]++
				}
			}
			// One catch-up, and the regular slot if it falls into these minutes.
			if catchUp < 1 || catchUp > 2 {
				t.Fatalf("%s ran %d times in the five minutes after", id, catchUp)
			}
			first := began[len(began)-catchUp]
			late = max(late, first.Sub(resumed))
		}
		for second, runs := range perSecond {
			if runs > 3*n/60 {
				t.Errorf("%d runs in one second (%d)", runs, second)
			}
		}
		if late > clockWatch+catchUpSpread+5*time.Second {
			t.Errorf("the last check waited for %s", late)
		}
	})
}

// Ten thousand due at once after a standstill: the pace is kept and the lag told.
func TestTenThousandDueAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 10_000
		w := newWorld(t, n, every(10*time.Minute), nil)
		for i := range w.table.checks {
			w.table.checks[i].DueAt = time.Now().Add(-time.Hour)
		}
		w.d.Start()
		time.Sleep(70 * time.Second)
		w.stop()
		perSecond := map[int64]int{}
		for _, began := range w.began {
			perSecond[began[0].Unix()]++
		}
		for second, runs := range perSecond {
			if runs > 2*n/60+100 {
				t.Errorf("%d runs in second %d", runs, second)
			}
		}
		if len(w.began) != n || len(w.lags) < n {
			t.Errorf("%d checks ran, %d lags told", len(w.began), len(w.lags))
		}
	})
}

// A small fleet is spread as well, slot by slot.
func TestCatchUpOfASmallFleetIsSpread(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, 12, every(10*time.Minute), nil)
		for i := range w.table.checks {
			w.table.checks[i].DueAt = time.Now().Add(-time.Hour)
		}
		from := time.Now()
		w.d.Start()
		time.Sleep(65 * time.Second)
		w.stop()
		if len(w.began) != 12 {
			t.Fatalf("%d of 12 ran within a minute", len(w.began))
		}
		half := 0
		for _, began := range w.began {
			if began[0].Sub(from) < 30*time.Second {
				half++
			}
		}
		if half < 5 || half > 7 {
			t.Errorf("%d of 12 ran in the first half minute", half)
		}
	})
}

func TestWallClockSetBack(t *testing.T) {
	for _, by := range []time.Duration{time.Minute, time.Hour, 400 * 24 * time.Hour} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, 50, every(10*time.Minute), nil)
			w.d.Start()
			time.Sleep(time.Hour)
			w.setWall(-by)
			time.Sleep(2 * time.Hour)
			w.stop()
			checkGaps(t, w, 10*time.Minute, time.Now())
			seen := map[string]bool{}
			for _, o := range w.recorded() {
				if seen[o.Key] {
					t.Fatalf("slot %s was used twice: the store would drop its result", o.Key)
				}
				seen[o.Key] = true
			}
		})
	}
}

// Any clock, any jumps: no check stalls for longer than an interval and the
// catch-up's minute and a half, and none runs more than twice within one.
func TestRandomClockJumps(t *testing.T) {
	for seed := range uint64(20) {
		bubble(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, 60, every(10*time.Minute), nil)
			w.d.Start()
			for range 12 {
				time.Sleep(12*time.Minute + time.Duration(rng.IntN(3600))*time.Second)
				jump := time.Duration(rng.Int64N(int64(48 * time.Hour)))
				if rng.IntN(2) == 0 {
					jump = -jump
				}
				if rng.IntN(4) == 0 {
					jump *= 200 // more than a year
				}
				w.setWall(jump)
			}
			time.Sleep(time.Hour)
			w.stop()
			checkGaps(t, w, 10*time.Minute+clockWatch+catchUpSpread, time.Now())
			for id, began := range w.began {
				for i := 2; i < len(began); i++ {
					// Three within one interval would be a burst: the slot before the
					// jump, the catch-up, and the grid's next are what may come close.
					if began[i].Sub(began[i-2]) < 5*time.Minute && i+1 < len(began) && began[i+1].Sub(began[i-2]) < 10*time.Minute {
						t.Fatalf("seed %d: %s ran four times from %s to %s", seed, id, began[i-2], began[i+1])
					}
				}
			}
		})
	}
}

func checkGaps(t *testing.T, w *world, most time.Duration, end time.Time) {
	t.Helper()
	for id, began := range w.began {
		for i, at := range began {
			next := end
			if i+1 < len(began) {
				next = began[i+1]
			}
			if gap := next.Sub(at); gap > most {
				t.Fatalf("%s: nothing for %s after %s", id, gap, at)
			}
		}
	}
}
