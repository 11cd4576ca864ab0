package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/store"
)

var resultTests = []test{
	{"results come newest first, over what is hot and what is folded", func(t *testing.T, f *fixture) {
		var want []string
		for i := range 60 { // two hours and a bit
			o := observation(check(1), f.now.Add(time.Duration(i)*150*time.Second), keepwatch.OK)
			f.apply(lift, o, observation(check(2), o.Slot, keepwatch.OK))
			want = append(want, o.Key)
		}
		slices.Reverse(want)
		f.must(f.Fold(t.Context(), f.now.Add(2*time.Hour)))
		var got []string
		cursor := ""
		for n := 0; n == 0 || cursor != ""; n++ {
			list, after, err := f.Results(t.Context(), check(1).ID, next(cursor, 7))
			f.must(err)
			for _, r := range list {
				got = append(got, r.Key)
			}
			cursor = after
			if n == 3 { // rows that come in, and rows that are folded, between two pages
				f.apply(lift, observation(check(1), f.now.Add(24*time.Hour), keepwatch.OK))
				f.must(f.Fold(t.Context(), f.now.Add(4*time.Hour)))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
	{"a result comes back as it was recorded", func(t *testing.T, f *fixture) {
		o := observation(check(1), f.now, keepwatch.BadClientID)
		o.Transcript = "POST /v2/token"
		f.apply(lift, o)
		for _, when := range []string{"hot", "folded"} {
			got, err := f.Result(t.Context(), o.Check, o.Key)
			f.must(err)
			if diff := cmp.Diff(keepwatch.Result{Observation: o, RecordedAt: f.now}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
			f.must(f.Fold(t.Context(), f.now.Add(2*time.Hour)))
		}
	}},
	{"transcripts are kept of every failure and of the last three good runs", func(t *testing.T, f *fixture) {
		var good, bad []keepwatch.Observation
		for i := range 8 {
			outcome := keepwatch.OK
			if i == 1 || i == 6 {
				outcome = keepwatch.Timeout
			}
			o := observation(check(1), f.now.Add(time.Duration(i)*time.Minute), outcome)
			o.Transcript = fmt.Sprintf("transcript %d", i)
			f.apply(lift, o)
			if outcome == keepwatch.OK {
				good = append(good, o)
			} else {
				bad = append(bad, o)
			}
			if i == 4 {
				f.must(f.Fold(t.Context(), f.now)) // writes the ring
			}
		}
		have := func(o keepwatch.Observation) string {
			got, err := f.Result(t.Context(), o.Check, o.Key)
			f.must(err)
			return got.Transcript
		}
		f.must(f.Fold(t.Context(), f.now.Add(3*time.Hour)))
		for _, o := range slices.Concat(bad, good[len(good)-3:]) {
			if got := have(o); got != o.Transcript {
				t.Errorf("transcript of %s: %q", o.Key, got)
			}
		}
		for _, o := range good[:len(good)-3] {
			if got := have(o); got != "" {
				t.Errorf("transcript of %s is kept: %q", o.Key, got)
			}
		}
	}},
}

// recount is the rollup as it should be, from the observations themselves.
func recount(observations []keepwatch.Observation, width time.Duration) map[keepwatch.SeriesID][]keepwatch.Rollup {
	type key struct {
		series keepwatch.SeriesID
		start  time.Time
	}
	all := map[key]*keepwatch.Rollup{}
	for _, o := range observations {
		k := key{o.Series, o.Slot.Truncate(width)}
		r := all[k]
		if r == nil {
			r = &keepwatch.Rollup{Series: k.series, Start: k.start, Counts: map[keepwatch.Outcome]int{}}
			all[k] = r
		}
		n := max(o.Count, 1)
		r.Runs += n
		r.Counts[o.Outcome] += n
		r.TookSum += o.Took
		r.TookMax = max(r.TookMax, o.Took)
		r.Requests++
		switch o.Outcome {
		case keepwatch.OK:
			r.OK += n
		case keepwatch.MonitorFault:
		default:
			r.Failed += n
		}
	}
	out := map[keepwatch.SeriesID][]keepwatch.Rollup{}
	for _, k := range slices.SortedFunc(maps.Keys(all), func(a, b key) int { return a.start.Compare(b.start) }) {
		out[k.series] = append(out[k.series], *all[k])
	}
	return out
}

// rolled reads rollups, without the worst outcome: that is looked at by itself.
func rolled(m map[keepwatch.SeriesID][]keepwatch.Rollup) map[keepwatch.SeriesID][]keepwatch.Rollup {
	for _, list := range m {
		for i := range list {
			list[i].Worst = ""
		}
	}
	return m
}

var historyTests = []test{
	{"no run is lost or counted twice, however the fold is timed", func(t *testing.T, f *fixture) {
		rng := rand.New(rand.NewPCG(1, 2)) // a test that repeats
		outcomes := []keepwatch.Outcome{keepwatch.OK, keepwatch.OK, keepwatch.OK, keepwatch.Timeout, keepwatch.BadClientID, keepwatch.MonitorFault}
		var all []keepwatch.Observation
		begin := f.now.Add(-60 * time.Hour)
		check3 := func(at time.Time) {
			t.Helper()
			from, to := begin.Add(-48*time.Hour), at.Add(48*time.Hour)
			hourly, err := f.Hourly(t.Context(), from, to)
			f.must(err)
			if diff := cmp.Diff(recount(all, time.Hour), rolled(hourly)); diff != "" {
				t.Fatalf("hours at %v (-want +got):\n%s", at, diff)
			}
			daily, err := f.Daily(t.Context(), from, to)
			f.must(err)
			if diff := cmp.Diff(recount(all, 24*time.Hour), rolled(daily)); diff != "" {
				t.Fatalf("days at %v (-want +got):\n%s", at, diff)
			}
		}
		for at := begin; at.Before(f.now); at = at.Add(13 * time.Minute) {
			f.now = at
			var batch []keepwatch.Observation
			for i := range 5 {
				slot := at
				if rng.IntN(10) == 0 { // late, perhaps into a day that is rolled up
					slot = at.Add(-time.Duration(rng.IntN(40)) * time.Hour)
				}
				o := observation(check(i), slot, outcomes[rng.IntN(len(outcomes))])
				o.Took = time.Duration(1+rng.IntN(1000)) * time.Millisecond
				o.Count = rng.IntN(3)
				batch = append(batch, o)
			}
			batch = slices.DeleteFunc(batch, func(o keepwatch.Observation) bool {
				return slices.ContainsFunc(all, func(p keepwatch.Observation) bool { return p.Key == o.Key })
			})
			all = append(all, batch...)
			f.apply(lift, batch...)
			if len(all) > 20 { // a repeat of something old is not counted
				f.apply(lift, all[rng.IntN(len(all))])
			}
			if rng.IntN(4) == 0 {
				f.must(f.Fold(t.Context(), at))
			}
			if rng.IntN(30) == 0 {
				check3(at)
			}
			f.now = begin.Add(60 * time.Hour)
		}
		f.must(f.Fold(t.Context(), f.now.Add(72*time.Hour)))
		f.must(f.Fold(t.Context(), f.now.Add(72*time.Hour)))
		check3(f.now)
		n := 0
		for i := range 5 {
			one, err := f.HourlyOf(t.Context(), keepwatch.SeriesID(check(i).ID), begin.Add(-48*time.Hour), f.now)
			f.must(err)
			hourly, err := f.Hourly(t.Context(), begin.Add(-48*time.Hour), f.now)
			f.must(err)
			if diff := cmp.Diff(hourly[keepwatch.SeriesID(check(i).ID)], one); diff != "" {
				t.Errorf("one series differs from all:\n%s", diff)
			}
			cursor := ""
			for page := 0; page == 0 || cursor != ""; page++ {
				list, after, err := f.Results(t.Context(), check(i).ID, next(cursor, 1000))
				f.must(err)
				n, cursor = n+len(list), after
			}
		}
		if n != len(all) {
			t.Errorf("%d rows, %d observations", n, len(all))
		}
	}},
	{"the worst outcome of an hour is the loudest", func(t *testing.T, f *fixture) {
		for i, outcome := range []keepwatch.Outcome{keepwatch.OK, keepwatch.RateLimited, keepwatch.BadClientID, keepwatch.Timeout, keepwatch.Maintenance} {
			f.apply(lift, observation(check(1), f.now.Add(time.Duration(i)*time.Minute), outcome))
		}
		for range 2 {
			m, err := f.Hourly(t.Context(), f.now, f.now.Add(time.Hour))
			f.must(err)
			if list := m[keepwatch.SeriesID(check(1).ID)]; len(list) != 1 || list[0].Worst != keepwatch.BadClientID {
				t.Errorf("hours %+v", list)
			}
			f.must(f.Fold(t.Context(), f.now.Add(3*time.Hour)))
		}
	}},
	{"history is kept as long as promised and no longer", func(t *testing.T, f *fixture) {
		const day = 24 * time.Hour
		ages := []time.Duration{0, 6 * day, 8 * day, 89 * day, 91 * day, 729 * day, 731 * day}
		for i, age := range ages {
			o := observation(check(1), f.now.Add(-age-time.Duration(i)*time.Second), keepwatch.Timeout)
			o.Transcript = "kept with the result"
			f.apply(lift, o)
		}
		o := observation(check(1), f.now.Add(-8*day), keepwatch.Timeout)
		o.Key, o.Source = "pushed", keepwatch.SourceEvent
		f.apply(lift, o)
		f.must(f.Fold(t.Context(), f.now.Add(26*time.Hour)))
		f.must(f.Retain(t.Context(), f.now))
		rows, _, err := f.Results(t.Context(), check(1).ID, page(100))
		f.must(err)
		hours, err := f.HourlyOf(t.Context(), keepwatch.SeriesID(check(1).ID), f.now.Add(-1000*day), f.now.Add(day))
		f.must(err)
		days, err := f.DailyOf(t.Context(), keepwatch.SeriesID(check(1).ID), f.now.Add(-1000*day), f.now.Add(day))
		f.must(err)
		if len(rows) != 2 || len(hours) != 5 || len(days) != 6 {
			t.Errorf("%d results, %d hours, %d days", len(rows), len(hours), len(days))
		}
		for _, r := range rows {
			got, err := f.Result(t.Context(), r.Check, r.Key)
			f.must(err)
			if got.Transcript == "" {
				t.Errorf("the transcript of %s is gone", r.Key)
			}
		}
		f.must(f.Retain(t.Context(), f.now))
	}},
	{"folding nothing is fine", func(t *testing.T, f *fixture) {
		f.must(f.Fold(t.Context(), f.now))
		f.must(f.Retain(t.Context(), f.now))
		m, err := f.Daily(t.Context(), f.now, f.now)
		f.must(err)
		if len(m) != 0 {
			t.Errorf("%v", m)
		}
	}},
}

var settingTests = []test{
	{"a setting is what it was last set to", func(t *testing.T, f *fixture) {
		if v, err := f.Setting(t.Context(), "x"); v != "" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
		f.must(f.SetSetting(t.Context(), "x", "1"))
		f.must(f.SetSetting(t.Context(), "x", "zwei"))
		if v, err := f.Setting(t.Context(), "x"); v != "zwei" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}},
	{"tokens are found by their hash, listed and revoked", func(t *testing.T, f *fixture) {
		a := store.Token{ID: "a", Name: "CI", Hash: "hash a", CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour)}
		b := store.Token{ID: "b", Name: "grafana", Hash: "hash b", CreatedAt: f.now.Add(time.Second)}
		f.must(f.SaveToken(t.Context(), b))
		f.must(f.SaveToken(t.Context(), a))
		f.must(f.RevokeToken(t.Context(), "a", f.now.Add(time.Minute)))
		f.must(f.RevokeToken(t.Context(), "a", f.now.Add(time.Hour)))
		f.must(f.TouchToken(t.Context(), "b", f.now.Add(time.Minute)))
		a.RevokedAt, b.LastUsedAt = f.now.Add(time.Minute), f.now.Add(time.Minute)
		list, err := f.Tokens(t.Context())
		f.must(err)
		if diff := cmp.Diff([]store.Token{a, b}, list); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		got, err := f.TokenByHash(t.Context(), "hash b")
		f.must(err)
		if diff := cmp.Diff(b, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, err = f.TokenByHash(t.Context(), "hash c")
		wantIs(t, err, keepwatch.ErrNotFound)
		wantIs(t, f.RevokeToken(t.Context(), "c", f.now), keepwatch.ErrNotFound)
		wantIs(t, f.SaveToken(t.Context(), store.Token{ID: "c", Hash: "hash b"}), keepwatch.ErrConflict)
		wantIs(t, f.SaveToken(t.Context(), store.Token{ID: "c"}), keepwatch.ErrInvalid)
	}},
}
