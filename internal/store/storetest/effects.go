package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

var looksAt = keepwatch.EffectsCheck("emea", 7, keepwatch.FamilyJourneys)

// reading is what a look found of one journey's entry: n contacts in the window before.
func reading(key string, slot time.Time, n int64, window time.Duration) keepwatch.Observation {
	w := keepwatch.Watch{
		Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: key, Unit: 7}, Aspect: keepwatch.AspectEntry,
		Upstream: []keepwatch.Upstream{{Credential: "crm", Via: []string{"automation/nightly"}}},
		Reading:  keepwatch.Reading{At: slot, Amount: n, Window: window, Journey: &keepwatch.JourneyReading{Status: "Published", Entered: &n}},
		Verdict:  keepwatch.Verdict{Outcome: keepwatch.OK},
	}
	subject := keepwatch.SubjectSeries(w.Subject, w.Aspect)
	return keepwatch.Observation{
		Key: keepwatch.SlotKey(looksAt, slot) + "#" + subject, Series: keepwatch.SeriesOf(looksAt, subject), Check: looksAt, Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: slot, At: slot, Gap: 15 * time.Minute, Outcome: keepwatch.OK,
		Connectivity: keepwatch.ConnectivityProven, Watch: &w,
	}
}

// stalled is a reading that is judged.
func stalled(key string, slot time.Time) keepwatch.Observation {
	o := reading(key, slot, 0, 15*time.Minute)
	o.Outcome, o.Message = keepwatch.JourneyStalled, "journey "+key+" takes nobody"
	o.Watch.Verdict = keepwatch.Verdict{Outcome: o.Outcome, Since: slot.Add(-time.Hour), Noticed: slot, Evidence: o.Message, Confidence: 0.999, Page: true}
	return o
}

// judge is the real step.
func (f *fixture) judge(observations ...keepwatch.Observation) incident.Changes {
	f.Helper()
	return f.apply(func(v incident.View) (incident.Changes, error) { return incident.Step(v, incident.Policy{}, f.now) }, observations...)
}

var effectTests = []test{
	{"the watches of a check are its newest readings", func(t *testing.T, f *fixture) {
		f.judge(reading("a", f.now, 3, 0), reading("b", f.now, 4, 0))
		newer := reading("a", f.now.Add(15*time.Minute), 5, 15*time.Minute)
		newer.Watch.Memory = keepwatch.Memory{Since: f.now, Events: 5, LastSign: f.now.Add(15 * time.Minute)}
		f.judge(newer, observation(check(1), f.now, keepwatch.OK))
		got, err := f.Watches(t.Context(), looksAt)
		f.must(err)
		b := reading("b", f.now, 4, 0)
		if diff := cmp.Diff(map[keepwatch.SeriesID]keepwatch.Watch{newer.Series: *newer.Watch, b.Series: *b.Watch}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		none, err := f.Watches(t.Context(), check(1).ID)
		f.must(err)
		if len(none) != 0 {
			t.Errorf("a credential's test has watches: %v", none)
		}
	}},
	{"a count belongs to the hours that its window reaches over", func(t *testing.T, f *fixture) {
		hour := f.now.Truncate(time.Hour)
		series := reading("a", hour, 0, 0).Series
		f.judge(reading("a", hour.Add(-time.Minute), 9, 0)) // of the first nothing is known
		f.judge(reading("a", hour.Add(30*time.Minute), 12, time.Hour))
		f.judge(reading("a", hour.Add(50*time.Minute), 1, 20*time.Minute))
		f.judge(reading("a", hour.Add(4*time.Hour+10*time.Minute), 20, 3*time.Hour+20*time.Minute))
		want := []keepwatch.Hour{
			{Start: hour.Add(-time.Hour), Amount: 6, Observed: 30 * time.Minute},
			{Start: hour, Amount: 8, Observed: time.Hour},
			{Start: hour.Add(time.Hour), Amount: 6, Observed: time.Hour},
			{Start: hour.Add(2 * time.Hour), Amount: 6, Observed: time.Hour},
			{Start: hour.Add(3 * time.Hour), Amount: 6, Observed: time.Hour},
			{Start: hour.Add(4 * time.Hour), Amount: 1, Observed: 10 * time.Minute},
		}
		for _, when := range []string{"hot", "half folded", "folded"} {
			got, err := f.Hours(t.Context(), series, hour.Add(-5*time.Hour), hour.Add(10*time.Hour))
			f.must(err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
			each, err := f.HoursOfEach(t.Context(), []keepwatch.SeriesID{series, "nothing"}, hour.Add(-5*time.Hour), hour.Add(10*time.Hour))
			if err != nil || len(each) != 1 || cmp.Diff(got, each[series]) != "" {
				t.Errorf("read together: %v %v", each, err)
			}
			if got, err := f.Hours(t.Context(), series, hour, hour.Add(time.Hour)); err != nil || cmp.Diff(want[1:2], got) != "" {
				t.Errorf("%s, one hour: %+v, %v", when, got, err)
			}
			after := 70 * time.Minute
			if when == "half folded" {
				after = 6 * time.Hour
			}
			f.must(f.Fold(t.Context(), hour.Add(after)))
		}
		days, err := f.DailyOf(t.Context(), series, hour.Add(-24*time.Hour), hour.Add(24*time.Hour))
		f.must(err)
		var sum int64
		for _, d := range days {
			sum += d.Amount
		}
		if sum != 33 {
			t.Errorf("the days add up to %d", sum)
		}
	}},
	{"no event is lost or counted twice, however the fold is timed", func(t *testing.T, f *fixture) {
		rng := rand.New(rand.NewPCG(3, 4))
		begin := f.now.Add(-50 * time.Hour)
		series, amounts, runs := map[string]time.Time{}, map[keepwatch.SeriesID]int64{}, map[keepwatch.SeriesID]int{}
		var all []keepwatch.Observation
		for at := begin; at.Before(f.now); at = at.Add(time.Duration(5+rng.IntN(90)) * time.Minute) {
			var batch []keepwatch.Observation
			for _, key := range []string{"a", "b", "c"} {
				if rng.IntN(4) == 0 {
					continue
				}
				o := reading(key, at, int64(rng.IntN(50)), 0)
				if rng.IntN(5) == 0 {
					o = stalled(key, at)
				}
				o.Watch.Reading.Window = 0
				if last, ok := series[key]; ok {
					o.Watch.Reading.Window = at.Sub(last)
					amounts[o.Series] += o.Watch.Reading.Amount
				}
				series[key] = at
				runs[o.Series]++
				batch = append(batch, o)
			}
			now := f.now
			f.now = at
			f.apply(lift, batch...)
			all = append(all, batch...)
			if rng.IntN(3) == 0 {
				f.must(f.Fold(t.Context(), at))
			}
			if len(all) > 0 { // a repeat, hot or folded
				f.repeat(all[rng.IntN(len(all))])
			}
			f.now = now
			if rng.IntN(10) == 0 {
				f.checkCounts(begin, amounts, runs)
			}
		}
		f.must(f.Fold(t.Context(), f.now.Add(72*time.Hour)))
		f.checkCounts(begin, amounts, runs)
	}},
	{"good readings leave no results, effects do", func(t *testing.T, f *fixture) {
		good, bad := reading("a", f.now, 3, time.Minute), stalled("b", f.now)
		f.apply(lift, good, bad, observation(check(1), f.now, keepwatch.OK))
		f.must(f.Fold(t.Context(), f.now.Add(3*time.Hour)))
		hours, err := f.Hourly(t.Context(), f.now.Add(-time.Hour), f.now.Add(time.Hour))
		f.must(err)
		if g, b := hours[good.Series], hours[bad.Series]; len(g) != 2 || g[0].Amount+g[1].Amount != 3 || g[1].Runs != 1 || g[1].OK != 1 || b[len(b)-1].Failed != 1 {
			t.Errorf("hours %+v, %+v", g, b)
		}
		if got := f.resultKeys(good.Series); len(got) != 0 {
			t.Errorf("a good reading is kept: %v", got)
		}
		if got := f.resultKeys(bad.Series); !slices.Equal(got, []string{bad.Key}) {
			t.Errorf("of the effect is kept: %v", got)
		}
		f.now = f.now.Add(4 * time.Hour)
		f.repeat(good)
		f.repeat(bad)
	}},
	{"readings that are well are nobody's peers", func(t *testing.T, f *fixture) {
		f.judge(reading("a", f.now, 3, 0), reading("b", f.now, 3, 0), stalled("c", f.now), observation(check(1), f.now, keepwatch.OK))
		peers := func(o keepwatch.Observation) (list []string) {
			f.Helper()
			f.apply(func(v incident.View) (incident.Changes, error) {
				for _, p := range v.Peers {
					list = append(list, string(p.ID))
				}
				return incident.Step(v, incident.Policy{}, f.now)
			}, o)
			return list
		}
		c, one := string(stalled("c", f.now).Series), string(check(1).ID)
		f.now = f.now.Add(time.Minute)
		if got := peers(observation(check(2), f.now, keepwatch.Timeout)); !slices.Equal(got, []string{one, c}) {
			t.Errorf("peers of a failure: %v", got)
		}
		f.now = f.now.Add(15 * time.Minute)
		f.judge(reading("c", f.now, 3, 0), stalled("a", f.now))
		f.now = f.now.Add(time.Minute)
		a := string(stalled("a", f.now).Series)
		if got := peers(stalled("b", f.now)); !slices.Equal(got, []string{one, string(check(2).ID), a}) {
			t.Errorf("peers after one has recovered and another has not: %v", got)
		}
	}},
	{"an effect sees what has ended lately", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		f.resolve(in, f.now.Add(time.Hour))
		old := f.open(2, f.now.Add(-90*time.Hour))
		f.resolve(old, f.now.Add(-80*time.Hour))
		f.now = f.now.Add(2 * time.Hour)
		see := func(want int, o keepwatch.Observation) {
			f.Helper()
			f.apply(func(v incident.View) (incident.Changes, error) {
				if len(v.Recent) != want || (want > 0 && v.Recent[0].ID != in.ID) {
					t.Errorf("%s sees %d incidents that have ended", o.Outcome, len(v.Recent))
				}
				return lift(v)
			}, o)
		}
		see(1, stalled("a", f.now))
		see(0, reading("b", f.now, 1, 0))
		see(0, observation(check(3), f.now, keepwatch.Timeout))
	}},
	{"an incident comes back with its effects and causes, and is found by their credentials", func(t *testing.T, f *fixture) {
		f.judge(observation(check(1), f.now, keepwatch.OK))
		o := stalled("a", f.now)
		o.Watch.Upstream, o.Watch.Expect.OnOutage = []keepwatch.Upstream{{Credential: check(1).Credential}}, "lost"
		c := f.judge(o)
		want := c.Incidents[0]
		if len(want.Effects) != 1 || len(want.Causes) != 2 || want.Causes[0].Credential != check(1).Credential {
			t.Fatalf("nothing to bring back: %+v", want)
		}
		got, err := f.Incident(t.Context(), want.ID)
		f.must(err)
		notices, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		if diff := cmp.Diff(want, got) + cmp.Diff(want, notices[0].Incident); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		found, _, err := f.Incidents(t.Context(), store.IncidentFilter{Credential: check(1).Credential}, page(10))
		f.must(err)
		if !slices.Equal(incidentIDs(found), []string{string(want.ID)}) {
			t.Errorf("by the credential of its cause: %v", incidentIDs(found))
		}
		f.now = f.now.Add(15 * time.Minute)
		f.judge(stalled("b", f.now)) // the effect is in the view, and its series among the peers
		open, _, err := f.Incidents(t.Context(), filter("open"), page(10))
		f.must(err)
		if len(open) != 2 {
			t.Errorf("%d open", len(open))
		}
	}},
	{"baselines are kept, the newest of each series", func(t *testing.T, f *fixture) {
		var models []keepwatch.Model
		var ids []keepwatch.SeriesID
		for i := range 130 {
			m := keepwatch.Model{Series: keepwatch.SeriesID(fmt.Sprintf("s%03d", i)), FittedAt: f.now.Add(time.Duration(i) * time.Second)}
			models, ids = append(models, m), append(ids, m.Series)
		}
		f.must(f.SaveModels(t.Context(), models))
		models[3].FittedAt = f.now.Add(time.Hour)
		f.must(f.SaveModels(t.Context(), models[3:4]))
		got, err := f.Models(t.Context(), append(ids, "nobody"))
		f.must(err)
		if len(got) != len(models) {
			t.Errorf("%d baselines", len(got))
		}
		for _, m := range models {
			if diff := cmp.Diff(m, got[m.Series]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", m.Series, diff)
			}
		}
		f.must(f.SaveModels(t.Context(), nil))
		wantIs(t, f.SaveModels(t.Context(), []keepwatch.Model{{}}), keepwatch.ErrInvalid)
	}},
	{"an impact is the newest that was worked out", func(t *testing.T, f *fixture) {
		impact := keepwatch.Impact{At: f.now, Figures: []keepwatch.Figure{{Name: "contacts_delayed", Low: 1.5, Mid: 2, High: 3, Unit: "contacts", Formula: "4 h × 0.5 = 2", Source: "baseline"}}}
		f.must(f.SaveImpact(t.Context(), "a", impact))
		late := impact
		late.At, late.Final = f.now.Add(-time.Minute), true
		f.must(f.SaveImpact(t.Context(), "a", late))
		final := impact
		final.At, final.Final = f.now.Add(time.Minute), true
		f.must(f.SaveImpact(t.Context(), "b", final))
		got, err := f.Impacts(t.Context(), "a", "b", "c")
		f.must(err)
		if diff := cmp.Diff(map[keepwatch.IncidentID]keepwatch.Impact{"a": impact, "b": final}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		none, err := f.Impacts(t.Context())
		f.must(err)
		if len(none) != 0 {
			t.Errorf("%v", none)
		}
		wantIs(t, f.SaveImpact(t.Context(), "", impact), keepwatch.ErrInvalid)
	}},
	{"what is no longer watched leaves, with its incident and its baseline", func(t *testing.T, f *fixture) {
		a, b := stalled("a", f.now), stalled("b", f.now)
		b.Watch.Upstream = nil
		f.judge(a, b, reading("c", f.now, 1, 0))
		f.must(f.SaveModels(t.Context(), []keepwatch.Model{{Series: a.Series}, {Series: b.Series}}))
		f.must(f.ForgetSeries(t.Context(), f.now.Add(time.Minute), a.Series, "nobody"))
		f.must(f.ForgetSeries(t.Context(), f.now))
		f.must(f.Retain(t.Context(), f.now.Add(time.Hour)))
		watches, err := f.Watches(t.Context(), looksAt)
		f.must(err)
		models, err := f.Models(t.Context(), []keepwatch.SeriesID{a.Series, b.Series})
		f.must(err)
		open, _, err := f.Incidents(t.Context(), filter("open"), page(10))
		f.must(err)
		if len(watches) != 2 || len(models) != 1 || len(open) != 1 || open[0].Effects[0].Series != b.Series {
			t.Errorf("%d watches, %d baselines, open %+v", len(watches), len(models), open)
		}
		// Nobody could read the others for a month.
		f.judge(observation(check(1), f.now, keepwatch.OK))
		f.must(f.Retain(t.Context(), f.now.Add(31*24*time.Hour)))
		series, err := f.Series(t.Context())
		f.must(err)
		open, _, err = f.Incidents(t.Context(), filter("open"), page(10))
		f.must(err)
		if len(series) != 1 || len(open) != 0 {
			t.Errorf("%d series, %d open incidents", len(series), len(open))
		}
	}},
	{"a subject's name may be refused, its texts are only texts", func(t *testing.T, f *fixture) {
		o := stalled("a\x00b", f.now)
		if _, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, lift); !errors.Is(err, keepwatch.ErrInvalid) {
			t.Errorf("a NUL: %v", err)
		}
		o = stalled("a", f.now)
		o.Watch.Subject.Name, o.Watch.Reading.Journey.Change = "Größe 漢字 🙂 '; DROP TABLE hot; --", "\u2028 $1 ?"
		f.judge(o)
		got, err := f.Watches(t.Context(), looksAt)
		f.must(err)
		if diff := cmp.Diff(*o.Watch, got[o.Series]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
}

// checkCounts compares hours and days with what was counted and how often.
func (f *fixture) checkCounts(begin time.Time, amounts map[keepwatch.SeriesID]int64, runs map[keepwatch.SeriesID]int) {
	f.Helper()
	from, to := begin.Add(-48*time.Hour), f.now.Add(48*time.Hour)
	hourly, err := f.Hourly(f.Context(), from, to)
	f.must(err)
	daily, err := f.Daily(f.Context(), from, to)
	f.must(err)
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		hours, err := f.Hours(f.Context(), id, from, to)
		f.must(err)
		var byHours int64
		for _, h := range hours {
			byHours += h.Amount
			if h.Observed > time.Hour || h.Amount < 0 {
				f.Fatalf("%s: %d events in %s of the hour %s", id, h.Amount, h.Observed, h.Start)
			}
		}
		for what, list := range map[string][]keepwatch.Rollup{"hours": hourly[id], "days": daily[id]} {
			var sum int64
			n := 0
			for _, r := range list {
				sum, n = sum+r.Amount, n+r.Runs
			}
			if sum != amounts[id] || n != runs[id] || byHours != sum {
				f.Fatalf("%s: %d events in %d runs by %s, %d by hours of the count, want %d in %d", id, sum, n, what, byHours, amounts[id], runs[id])
			}
		}
	}
}

// resultKeys are the keys of what is kept of a series.
func (f *fixture) resultKeys(id keepwatch.SeriesID) (keys []string) {
	f.Helper()
	list, _, err := f.Results(f.Context(), keepwatch.CheckID(id), page(10)) // a check's own series has its name
	f.must(err)
	for _, r := range list {
		keys = append(keys, r.Key)
	}
	return keys
}
