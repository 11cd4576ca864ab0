package incident_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// randomOutcome leans to proofs and to a few failures that last, so that
// incidents open, change hands and end.
func randomOutcome(r *rand.Rand, last keepwatch.Outcome) keepwatch.Outcome {
	switch n := r.IntN(10); {
	case n < 5 && last != "":
		return last
	case n < 7:
		return keepwatch.OK
	}
	for {
		o := keepwatch.Outcomes[r.IntN(len(keepwatch.Outcomes))].Outcome
		if o != keepwatch.Slow && o != keepwatch.Flapping && o != keepwatch.DateContradicted && o.Info().Confirm != keepwatch.ConfirmDate {
			return o // a credential's own test finds no dates: intake refuses them
		}
	}
}

// randomLook is a look at one clock of a credential, with any rungs behind it.
func randomLook(r *rand.Rand, o keepwatch.Observation) keepwatch.Observation {
	o.Check = keepwatch.CheckOf(keepwatch.CheckExpiry, o.Credential)
	o.Series = keepwatch.SeriesOf(o.Check, "secret")
	o.Key, o.Outcome, o.Step = o.Key+"#", keepwatch.OK, ""
	rungs := []string{"60d", "30d", "7d", "1d", keepwatch.RungExpired}
	ends := []time.Duration{45 * 24 * time.Hour, 20 * 24 * time.Hour, 5 * 24 * time.Hour, time.Hour, -time.Hour}
	i := r.IntN(5)
	o.Due = &keepwatch.Due{
		Clock:  keepwatch.Clock{Name: "secret", Kind: keepwatch.ClockHard, At: o.At.Add(ends[i]).Truncate(24 * time.Hour), Source: keepwatch.DateDerived},
		Passed: rungs[:i+1], Quiet: i < 4 && r.IntN(3) == 0, Next: o.At.Add(time.Duration(r.IntN(100)) * time.Hour),
	}
	switch {
	case i == 4:
		o.Outcome = keepwatch.Expired
	case !o.Due.Quiet:
		o.Outcome = keepwatch.Expiring
	}
	o.Seen = []keepwatch.Fact{{Name: "issuer", Value: string(rune('a' + r.IntN(20)/19))}}
	return o
}

// TestRandomSequencesKeepTheInvariants runs random estates through random weeks.
// world.check holds the invariants of incidents; here are those of series.
func TestRandomSequencesKeepTheInvariants(t *testing.T) {
	opened, ended := 0, 0
	for seed := range seeds(40, 400) {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		w := newWorld(t, incident.Policy{})
		last := map[keepwatch.CheckID]keepwatch.Outcome{}
		now := start
		for i := range 1 + r.IntN(8) {
			every := []time.Duration{10 * time.Second, 10 * time.Minute, 14 * time.Minute, time.Hour}[r.IntN(4)]
			w.add(fmt.Sprintf("c%d", i), []string{"emea", "apac"}[r.IntN(2)], every, every, r.Float64(), start)
		}
		for len(w.due) > 0 && w.applied < 1500 {
			c, o := w.claim()
			if o.At.Year() == 9999 {
				break // only locked users are left
			}
			o.Outcome = randomOutcome(r, last[c.id])
			last[c.id] = o.Outcome
			o.Key, o.Took = fmt.Sprint(w.applied), time.Duration(r.IntN(30_000))*time.Millisecond
			if r.IntN(4) == 0 {
				o.Connectivity = keepwatch.ConnectivityUnproven
			}
			if r.IntN(50) == 0 {
				c.changedAt, o.ChangedAt = o.At, o.At
			}
			before := *w.series[o.Series]
			repeatable(t, w, o)
			if done := o.At.Add(o.Took); done.After(now) {
				now = done
			}
			w.apply(now, o)
			checkSeries(t, seed, w, before, *w.series[o.Series], o)
			if r.IntN(8) == 0 {
				look := randomLook(r, o)
				if w.series[look.Series] == nil {
					w.tenants[o.Tenant] = append(w.tenants[o.Tenant], look.Series)
					w.series[look.Series] = &keepwatch.Series{ID: look.Series, Check: look.Check, Credential: o.Credential, Tenant: o.Tenant, Place: o.Place}
				}
				repeatable(t, w, look)
				w.apply(now, look)
			}
		}
		opened, ended = opened+len(w.opened), ended+len(w.opened)-len(w.open)
	}
	if opened < 200 || ended < 100 {
		t.Errorf("only %d incidents opened and %d ended: the sequences prove little", opened, ended)
	}
}

// repeatable checks that a step run twice says the same and leaves its view alone.
func repeatable(t *testing.T, w *world, o keepwatch.Observation) {
	t.Helper()
	obs := []keepwatch.Observation{o}
	now := o.At.Add(o.Took)
	v := w.view(obs)
	one, err := incident.Step(v, w.policy, now)
	if err != nil {
		t.Fatal(err)
	}
	two, err := incident.Step(v, w.policy, now)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, two) {
		t.Fatalf("a step run twice differs:\n%+v\n%+v", one, two)
	}
}

func checkSeries(t *testing.T, seed int, w *world, before, after keepwatch.Series, o keepwatch.Observation) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("seed %d, %s at %s: %s\nbefore %+v\nafter %+v\n%s", seed, o.Outcome, o.At, fmt.Sprintf(format, args...), before, after, w.tell())
	}
	failing := func(s keepwatch.Series) bool {
		return s.State == keepwatch.StateFailing || s.State == keepwatch.StateExpired
	}
	switch {
	case failing(before) && !failing(after) && o.Outcome != keepwatch.OK:
		fail("failing ended without a proof")
	case after.State == keepwatch.StateHealthy && o.Outcome != keepwatch.OK && before.State != keepwatch.StateHealthy:
		fail("healthy without a proof")
	case o.Outcome == keepwatch.OK && !after.FirstFailedAt.IsZero():
		fail("a proof left a first failure")
	case len(after.Failures) > 16:
		fail("%d failures are remembered", len(after.Failures))
	case len(after.Latencies) > 30:
		fail("%d latencies are remembered", len(after.Latencies))
	case after.State == "":
		fail("no state")
	}
	member := false
	for _, in := range w.open {
		for _, m := range in.Members {
			if m.Series == after.ID && m.EndedAt.IsZero() {
				member = true
				if after.State == keepwatch.StateHealthy {
					fail("healthy, yet a member of %s", in.Key)
				}
			}
		}
		if in.Scope == keepwatch.ScopeCredential && !in.Outcome.Hard() && in.Outcome.Info().Confirm != keepwatch.ConfirmDate {
			fail("a credential incident of outcome %s", in.Outcome)
		}
	}
	if failing(after) && !member {
		fail("failing without an open incident")
	}
	// The same run again is history.
	c, err := incident.Step(w.view([]keepwatch.Observation{o}), w.policy, o.At.Add(time.Hour))
	if err != nil || len(c.Series)+len(c.Incidents)+len(c.Plans)+len(c.Neighbourhoods)+len(c.Transitions)+len(c.Notices) != 0 {
		fail("the same observation twice changed something: %+v, %v", c, err)
	}
}

// TestNeverHealthyOnOldEvidence is goal G9: at every minute of random weeks with
// gaps, faults and calendars, what is shown healthy was proven within twice the
// gap that was planned when it was proven.
func TestNeverHealthyOnOldEvidence(t *testing.T) {
	for seed := range seeds(20, 1000) {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		w := newWorld(t, incident.Policy{})
		c := w.add("a", "emea", 14*time.Minute, time.Hour, r.Float64(), start)
		type proof struct {
			at    time.Time
			bound time.Time
		}
		var last proof
		down := start
		for now := start; now.Before(start.Add(4 * 24 * time.Hour)); now = now.Add(time.Minute) {
			if r.IntN(300) == 0 {
				down = now.Add(time.Duration(r.IntN(600)) * time.Minute) // the daemon does not run
			}
			for !w.due[0].at.After(now) {
				_, o := w.claim()
				o.Outcome = []keepwatch.Outcome{keepwatch.OK, keepwatch.OK, keepwatch.OK, keepwatch.MonitorFault, keepwatch.Timeout, keepwatch.RateLimited}[r.IntN(6)]
				if o.At.Before(down) {
					continue // lost
				}
				w.apply(o.At, o)
				if o.Outcome == keepwatch.OK {
					gap := max(o.Gap, c.business)
					if o.Reason != keepwatch.ReasonScheduled {
						gap = max(gap, w.series["a"].PlannedGap)
					}
					last = proof{o.At, o.At.Add(2 * gap)}
				}
			}
			if s := w.series["a"]; s.StateAt(now) == keepwatch.StateHealthy && (last.at.IsZero() || now.After(last.bound)) {
				t.Fatalf("seed %d: healthy at %s, proven at %s: %+v", seed, now, last.at, s)
			}
		}
	}
}
