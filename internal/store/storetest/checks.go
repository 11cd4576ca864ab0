package storetest

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

var checkTests = []test{
	{"a new check is due within a minute and says so", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(50)))
		due, woken := f.Woken()
		select {
		case <-due:
		default:
			t.Error("nobody was woken")
		}
		_ = woken
		next, ok, err := f.NextDue(t.Context())
		f.must(err)
		if !ok || next.Before(f.now) || next.After(f.now.Add(time.Minute)) {
			t.Errorf("next due %v, %v", next, ok)
		}
		slots := f.claim(f.now.Add(time.Minute), 100)
		if len(slots) != 50 {
			t.Fatalf("%d slots", len(slots))
		}
		for i, s := range slots {
			if s.Reason != keepwatch.ReasonChanged || !s.Check.ChangedAt.IsZero() || s.At.Nanosecond() != 0 {
				t.Errorf("slot %+v", s)
			}
			if i > 0 && s.At.Before(slots[i-1].At) {
				t.Error("slots are not in order of their time")
			}
		}
	}},
	{"an unchanged check keeps its due time, a changed one is due soon, a removed one is gone", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(3)))
		f.claim(f.now.Add(time.Minute), 10) // all due again at 12:02
		later := f.now.Add(70 * time.Second)
		list := checks(2)
		list[1].Fingerprint = "another secret"
		f.must(f.SyncChecks(t.Context(), later, list))
		slots := f.claim(f.now.Add(time.Hour), 10)
		if len(slots) != 2 {
			t.Fatalf("%d slots are due", len(slots))
		}
		for _, s := range slots {
			changed := s.Check.ID == list[1].ID
			if changed != (s.Reason == keepwatch.ReasonChanged) || changed != s.Check.ChangedAt.Equal(later) {
				t.Errorf("slot %+v", s)
			}
			if !changed && !s.At.Equal(f.now.Add(2*time.Minute)) {
				t.Errorf("an unchanged check moved to %v", s.At)
			}
		}
	}},
	{"a check may change its phase and its tenant", func(t *testing.T, f *fixture) {
		c := check(1)
		f.must(f.SyncChecks(t.Context(), f.now, []keepwatch.Check{c}))
		f.apply(lift, observation(c, f.now, keepwatch.OK))
		c.Phase += 7
		f.must(f.SyncChecks(t.Context(), f.now, []keepwatch.Check{c}))
		if _, err := f.SeriesByID(t.Context(), keepwatch.SeriesOf(c.ID, "")); err != nil {
			t.Errorf("the state left with the phase: %v", err)
		}
		c.Tenant, c.Phase = "apac", keepwatch.PhaseOf("apac", c.ID)
		f.must(f.SyncChecks(t.Context(), f.now, []keepwatch.Check{c}))
		if _, err := f.SeriesByID(t.Context(), keepwatch.SeriesOf(c.ID, "")); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("the state of another tenant stayed: %v", err)
		}
		f.apply(lift, observation(c, f.now.Add(time.Minute), keepwatch.OK))
		s, err := f.SeriesByID(t.Context(), keepwatch.SeriesOf(c.ID, ""))
		f.must(err)
		if s.Tenant != "apac" || s.OKStreak != 1 {
			t.Errorf("series %+v", s)
		}
		if n := len(f.claim(f.now.Add(time.Hour), 10)); n != 1 {
			t.Errorf("%d checks", n)
		}
	}},
	{"a removed check leaves the states and its open incident, not the history", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(2)))
		in := f.open(1, f.now)
		f.must(f.SyncChecks(t.Context(), f.now.Add(time.Minute), checks(1)))
		got, err := f.Incident(t.Context(), in.ID)
		f.must(err)
		if got.Status != keepwatch.IncidentResolved {
			t.Errorf("the incident is %s", got.Status)
		}
		series, err := f.Series(t.Context())
		f.must(err)
		results, _, err := f.Results(t.Context(), check(1).ID, page(10))
		f.must(err)
		if len(series) != 0 || len(results) != 1 {
			t.Errorf("%d series, %d results", len(series), len(results))
		}
	}},
	{"a slot that is hours late is claimed once, and not as a gap of hours", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(1)))
		f.claim(f.now.Add(time.Minute), 1)
		back := f.now.Add(5*time.Hour + 17*time.Second)
		slots := f.claim(back, 10)
		if len(slots) != 1 || !slots[0].At.Equal(f.now.Add(2*time.Minute)) || !slots[0].Next.After(back) || slots[0].Gap != time.Minute {
			t.Fatalf("slots %+v", slots)
		}
		if again := f.claim(back, 10); len(again) != 0 {
			t.Errorf("claimed again: %+v", again)
		}
	}},
	{"a schedule that does not move on cannot make a slot come twice", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(2)))
		now := f.now.Add(time.Minute)
		stuck := func(c keepwatch.Check, after time.Time) time.Time {
			if c.ID == check(0).ID {
				return time.Time{} // never by itself
			}
			return after
		}
		if n, err := f.ClaimDue(t.Context(), now, 10, stuck, nil); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := f.ClaimDue(t.Context(), now, 10, stuck, nil); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if slots := f.claim(now.Add(time.Hour), 10); len(slots) != 1 || slots[0].Check.ID != check(1).ID {
			t.Errorf("slots %+v", slots)
		}
	}},
	{"a hand-over that fails gives the slots back", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(5)))
		full := errors.New("queue is full")
		_, err := f.ClaimDue(t.Context(), f.now.Add(time.Minute), 10, everyMinute, func(context.Context, *sql.Tx, []keepwatch.Group) error { return full })
		if !errors.Is(err, full) {
			t.Fatalf("error %v", err)
		}
		if slots := f.claim(f.now.Add(time.Minute), 10); len(slots) != 5 {
			t.Errorf("%d slots", len(slots))
		}
	}},
	{"groups hold at most a hundred slots", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(230)))
		var sizes []int
		_, err := f.ClaimDue(t.Context(), f.now.Add(time.Minute), 1000, everyMinute, func(_ context.Context, tx *sql.Tx, groups []keepwatch.Group) error {
			if tx == nil {
				t.Error("no transaction to join")
			}
			for _, g := range groups {
				sizes = append(sizes, len(g.Slots))
			}
			return nil
		})
		f.must(err)
		if len(sizes) != 3 || sizes[0] != 100 || sizes[1] != 100 || sizes[2] != 30 {
			t.Errorf("sizes %v", sizes)
		}
	}},
	{"unfinished are the claimed slots without a result, folded or not", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(3)))
		slots := f.claim(f.now.Add(time.Minute), 10)
		f.apply(lift, observation(slots[0].Check, slots[0].At, keepwatch.OK))
		f.must(f.Fold(t.Context(), f.now.Add(2*time.Hour)))
		f.apply(lift, observation(slots[1].Check, slots[1].At, keepwatch.OK))
		left, err := f.Unfinished(t.Context(), f.now.Add(time.Hour))
		f.must(err)
		if len(left) != 1 || left[0].Check.ID != slots[2].Check.ID || !left[0].At.Equal(slots[2].At) || left[0].Reason != slots[2].Reason || left[0].Gap <= 0 {
			t.Errorf("unfinished %+v", left)
		}
	}},
	{"a plan moves a due time and its reason, and wakes", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(2)))
		f.claim(f.now.Add(time.Minute), 10)
		due, _ := f.Woken()
		drain(due)
		at := f.now.Add(90 * time.Second)
		f.must(f.Plan(t.Context(), incident.Plan{Check: check(1).ID, At: at, Reason: keepwatch.ReasonDemand}, incident.Plan{Check: "gone", At: at}))
		select {
		case <-due:
		default:
			t.Error("nobody was woken")
		}
		slots := f.claim(at, 10)
		if len(slots) != 1 || slots[0].Check.ID != check(1).ID || !slots[0].At.Equal(at) || slots[0].Reason != keepwatch.ReasonDemand {
			t.Fatalf("slots %+v", slots)
		}
		if slots = f.claim(at.Add(time.Minute), 10); len(slots) != 2 || slots[0].Reason != keepwatch.ReasonScheduled || slots[1].Reason != keepwatch.ReasonScheduled {
			t.Errorf("the run after a plan is not on the grid again: %+v", slots)
		}
	}},
	{"an empty due-table has no next due", func(t *testing.T, f *fixture) {
		if _, ok, err := f.NextDue(t.Context()); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	}},
}

// claim takes what is due and returns the slots in order.
func (f *fixture) claim(now time.Time, limit int) []keepwatch.Slot {
	f.Helper()
	var slots []keepwatch.Slot
	n, err := f.ClaimDue(f.Context(), now, limit, everyMinute, func(_ context.Context, _ *sql.Tx, groups []keepwatch.Group) error {
		slots = nil
		for _, g := range groups {
			slots = append(slots, g.Slots...)
		}
		return nil
	})
	f.must(err)
	if n != len(slots) {
		f.Fatalf("claimed %d, handed over %d", n, len(slots))
	}
	return slots
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// crowdTests are about many at once.
var crowdTests = []test{
	{"eight claimers over ten thousand checks take each once", func(t *testing.T, f *fixture) {
		const n = 10_000
		f.must(f.SyncChecks(t.Context(), f.now, checks(n)))
		now := f.now.Add(time.Minute)
		var mu sync.Mutex
		times := map[keepwatch.CheckID]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					var slots []keepwatch.Slot
					got, err := f.ClaimDue(t.Context(), now, 100, everyMinute, func(_ context.Context, _ *sql.Tx, groups []keepwatch.Group) error {
						slots = groups[0].Slots
						return nil
					})
					if err != nil {
						t.Error(err)
						return
					}
					if got == 0 {
						return
					}
					mu.Lock()
					for _, s := range slots {
						times[s.Check.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		// A claimer that finds everything locked by others ends early; the last may
		// leave nothing.
		for _, s := range f.claim(now, n) {
			times[s.Check.ID]++
		}
		if len(times) != n {
			t.Errorf("%d checks were claimed of %d", len(times), n)
		}
		for id, k := range times {
			if k != 1 {
				t.Errorf("%s was claimed %d times", id, k)
			}
		}
	}},
	{"a hundred Applies on one series at once lose nothing", func(t *testing.T, f *fixture) {
		c := check(1)
		var wg sync.WaitGroup
		count := func(v incident.View) (incident.Changes, error) { // each adds one, whatever the order
			s := v.Series[keepwatch.SeriesOf(c.ID, "")]
			s.OKStreak += len(v.Observations)
			h := v.Neighbourhoods[incident.NeighbourhoodKey{Tenant: c.Tenant, Place: keepwatch.Local}]
			for _, o := range v.Observations {
				h.Failures = append(h.Failures, incident.NeighbourFailure{Credential: c.Credential, Outcome: o.Outcome, At: o.At})
			}
			return incident.Changes{Series: []keepwatch.Series{s}, Neighbourhoods: []incident.Neighbourhood{h}}, nil
		}
		for i := range 100 {
			wg.Go(func() {
				o := observation(c, f.now.Add(time.Duration(i)*time.Second), keepwatch.Timeout)
				for range 2 { // the second time is a repeat
					if _, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, count); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		s, err := f.SeriesByID(t.Context(), keepwatch.SeriesOf(c.ID, ""))
		f.must(err)
		if s.OKStreak != 100 {
			t.Errorf("%d of 100 were counted in the series", s.OKStreak)
		}
		f.apply(func(v incident.View) (incident.Changes, error) {
			h := v.Neighbourhoods[incident.NeighbourhoodKey{Tenant: c.Tenant, Place: keepwatch.Local}]
			if len(h.Failures) != 100 {
				t.Errorf("%d of 100 were counted in the neighbourhood", len(h.Failures))
			}
			return incident.Changes{}, nil
		}, observation(c, f.now.Add(time.Hour), keepwatch.OK))
	}},
	{"many at once open one incident", func(t *testing.T, f *fixture) {
		// Each sees an observation of another tenant, so no neighbourhood row is shared:
		// only the key of the open incident stands between them.
		var opened atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				o := observation(check(i), f.now, keepwatch.PlatformError)
				o.Tenant = keepwatch.TenantID("tenant-" + string(rune('a'+i)))
				changes, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, func(v incident.View) (incident.Changes, error) {
					for _, in := range v.Open {
						if in.Key == incident.PlatformKey {
							in.Members = append(in.Members, keepwatch.Member{Series: o.Series, Since: o.At})
							in.Revision++
							return withTransition(incident.Changes{}, in, keepwatch.Joined, "joined", f.now), nil
						}
					}
					in := keepwatch.Incident{ID: keepwatch.IncidentID("by-" + string(o.Tenant)), Key: incident.PlatformKey, Scope: keepwatch.ScopePlatform,
						Status: keepwatch.IncidentOpen, DetectedAt: f.now, Revision: 1, Members: []keepwatch.Member{{Series: o.Series, Since: o.At}}}
					return withTransition(incident.Changes{}, in, keepwatch.Opened, "opened", f.now), nil
				})
				if err != nil {
					t.Error(err)
				} else if changes.Transitions[0].Kind == keepwatch.Opened {
					opened.Add(1)
				}
			})
		}
		wg.Wait()
		list, _, err := f.Incidents(t.Context(), filter("open"), page(100))
		f.must(err)
		if len(list) != 1 || opened.Load() != 1 {
			t.Fatalf("%d incidents are open, %d were reported as opened", len(list), opened.Load())
		}
		timeline, err := f.Transitions(t.Context(), list[0].ID)
		f.must(err)
		if len(list[0].Members) != 20 || len(timeline) != 20 {
			t.Errorf("%d members, %d transitions", len(list[0].Members), len(timeline))
		}
	}},
	{"an acknowledgement between Applies is not written over", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				o := observation(check(i+1), f.now.Add(time.Duration(i+1)*time.Minute), keepwatch.BadClientID)
				_, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, func(v incident.View) (incident.Changes, error) {
					now := v.Open[0]
					now.Revision++
					return withTransition(incident.Changes{}, now, keepwatch.Joined, "joined", f.now), nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if _, err := f.Acknowledge(t.Context(), in.ID, "ada", f.now); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		got, err := f.Incident(t.Context(), in.ID)
		f.must(err)
		if got.AcknowledgedBy != "ada" || got.Revision != 22 {
			t.Errorf("acknowledged by %q, revision %d", got.AcknowledgedBy, got.Revision)
		}
	}},
}
