package storetest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keepwatch"
	"keepwatch/internal/store"
)

var liveTests = []test{
	{"what moved adds up to what the rows say", func(t *testing.T, f *fixture) {
		known, revision := map[keepwatch.SeriesID]keepwatch.Series{}, int64(0)
		rng := rand.New(rand.NewPCG(7, 7))
		follow := func(when string) {
			t.Helper()
			m, err := f.Moved(t.Context(), revision)
			f.must(err)
			if m.Whole {
				clear(known)
			}
			for _, s := range m.Series {
				known[s.ID] = *s
			}
			for _, id := range m.Gone {
				delete(known, id)
			}
			revision = m.Revision
			rows, err := f.PlainSeries(t.Context())
			f.must(err)
			want := map[keepwatch.SeriesID]keepwatch.Series{}
			for _, s := range rows {
				want[s.ID] = s
			}
			if diff := cmp.Diff(want, known, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s (-rows +followed):\n%s", when, diff)
			}
		}
		follow("nothing is there")
		f.must(f.SyncChecks(t.Context(), f.now, checks(9)))
		for i := range 40 {
			f.now = f.now.Add(time.Minute)
			for range 1 + rng.IntN(3) {
				f.apply(lift, observation(check(rng.IntN(9)), f.now, []keepwatch.Outcome{keepwatch.OK, keepwatch.Timeout}[rng.IntN(2)]))
			}
			if i%3 == 0 { // sometimes several commits at once
				follow("after commits")
			}
			if i == 20 {
				f.must(f.SyncChecks(t.Context(), f.now, checks(4))) // five are removed, with their series
			}
		}
		follow("at the end")
		f.must(f.ForgetSeries(t.Context(), f.now, keepwatch.SeriesOf(check(1).ID, "")))
		follow("one is forgotten")
	}},
	{"looks at counters are not among what moved", func(t *testing.T, f *fixture) {
		f.apply(lift, observation(check(1), f.now, keepwatch.OK))
		effects := keepwatch.EffectsCheck("emea", 7, keepwatch.FamilyJourneys)
		o := observation(keepwatch.Check{ID: effects, Tenant: "emea"}, f.now, keepwatch.OK)
		for range 2 { // one is read, one is noted
			o.Slot = o.Slot.Add(time.Minute)
			o.Key = keepwatch.SlotKey(effects, o.Slot)
			f.apply(lift, o)
			m, err := f.Moved(t.Context(), 0)
			f.must(err)
			for _, s := range m.Series {
				if strings.HasPrefix(string(s.Check), "effects:") {
					t.Errorf("%s is among them", s.ID)
				}
			}
		}
	}},
	{"recent hours are those of the rows, folded or not", func(t *testing.T, f *fixture) {
		from := f.now
		rng := rand.New(rand.NewPCG(3, 9))
		made := map[keepwatch.CheckID][]string{} // keys
		look := func(when string) {
			t.Helper()
			for i := range 5 {
				runsAre(t, f, when, check(i).ID, made[check(i).ID])
			}
			h, err := f.Recent(t.Context(), from)
			f.must(err)
			rows, err := f.PlainHourly(t.Context(), from, f.now.Add(48*time.Hour))
			f.must(err)
			for i := range 5 {
				id := keepwatch.SeriesOf(check(i).ID, "")
				if diff := cmp.Diff(rows[id], h.Of(id), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(keepwatch.Rollup{}, "Counts", "TookSum", "TookMax", "Requests", "Amount", "Watched")); diff != "" {
					t.Fatalf("%s (-rows +memory):\n%s", when, diff)
				}
				ok, bad := 0, 0
				for _, r := range rows[id] {
					if !r.Start.Before(from.Add(2 * time.Hour)) {
						ok, bad = ok+r.OK, bad+r.Failed
					}
				}
				if gotOK, gotBad := h.Proofs(id, from.Add(2*time.Hour)); gotOK != ok || gotBad != bad {
					t.Fatalf("%s: %d passed and %d failed, want %d and %d", when, gotOK, gotBad, ok, bad)
				}
			}
		}
		outcomes := []keepwatch.Outcome{keepwatch.OK, keepwatch.OK, keepwatch.Timeout, keepwatch.BadClientID, keepwatch.MonitorFault}
		for i := range 60 {
			f.now = f.now.Add(7 * time.Minute)
			slot := f.now
			if i%9 == 8 {
				slot = f.now.Add(-3 * time.Hour) // one that comes late
			}
			o := observation(check(rng.IntN(5)), slot, outcomes[rng.IntN(len(outcomes))])
			f.apply(lift, o)
			made[o.Check] = append(made[o.Check], o.Key)
			switch i {
			case 0:
				look("one is hot")
			case 20:
				look("not folded")
			case 40:
				f.must(f.Fold(t.Context(), f.now))
				look("folded in parts")
			}
		}
		f.must(f.Fold(t.Context(), f.now.Add(3*time.Hour)))
		look("folded")
		o := observation(check(1), f.now, keepwatch.Timeout)
		f.apply(lift, o)
		f.apply(lift, o) // a repeat counts once
		made[o.Check] = append(made[o.Check], o.Key)
		look("after a repeat")
		from = noon.Add(-24 * time.Hour)
		look("further back")
	}},
	{"commits while somebody reads are neither lost nor counted twice", func(t *testing.T, f *fixture) {
		var work sync.WaitGroup
		const writers, each = 4, 25
		for w := range writers {
			work.Go(func() {
				for i := range each {
					_, err := f.Apply(t.Context(), []keepwatch.Observation{observation(check(w), f.now.Add(time.Duration(i)*time.Minute), keepwatch.OK)}, f.now, lift)
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 10 { // each look further back reads the hours anew
			from := f.now.Add(-time.Duration(rand.IntN(400)) * time.Hour)
			if _, err := f.Recent(t.Context(), from); err != nil {
				t.Error(err)
			}
		}
		work.Wait()
		h, err := f.Recent(t.Context(), f.now.Add(-500*time.Hour))
		f.must(err)
		var got []int
		for w := range writers {
			ok, _ := h.Proofs(keepwatch.SeriesOf(check(w).ID, ""), f.now.Add(-time.Hour))
			got = append(got, ok)
		}
		if !slices.Equal(got, []int{each, each, each, each}) {
			t.Errorf("counted %v, want %d each", got, each)
		}
		for w := range writers {
			var keys []string
			for i := range each {
				keys = append(keys, keepwatch.SlotKey(check(w).ID, f.now.Add(time.Duration(i)*time.Minute)))
			}
			runsAre(t, f, "after all commits", check(w).ID, keys)
		}
	}},
}

// runsAre makes sure that the runs of a check are those of some keys, each once, in the
// list, one by one and in the sum of the days.
func runsAre(t *testing.T, f *fixture, when string, id keepwatch.CheckID, want []string) {
	t.Helper()
	list, _, err := f.Results(t.Context(), id, store.Page{Limit: 200})
	f.must(err)
	var got []string
	for _, r := range list {
		got = append(got, r.Key)
		_, err := f.Result(t.Context(), id, r.Key)
		f.must(err)
	}
	want = slices.Sorted(slices.Values(want))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %s has the runs %v, want %v", when, id, got, want)
	}
	days, err := f.DailyOf(t.Context(), keepwatch.SeriesOf(id, ""), f.now.AddDate(0, 0, -3), f.now.AddDate(0, 0, 3))
	f.must(err)
	runs := 0
	for _, d := range days {
		runs += d.Runs
	}
	if runs != len(want) {
		t.Fatalf("%s: %s has %d runs in its days, want %d", when, id, runs, len(want))
	}
}
