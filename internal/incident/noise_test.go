package incident_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// The noise is a Gilbert-Elliott channel for each credential, in continuous time:
// a good state in which every run works and a bad one in which every run fails
// (the worst case of the model: loss 0 and 1). The bad state holds 0.5 % of the
// time, in bursts of exponential length with the mean given.
const (
	noiseLoss        = 0.005
	noiseCredentials = 200
	noiseDays        = 30
	noiseLimit       = 0.01 // false incidents per credential-month
)

var (
	noiseBursts   = []time.Duration{5 * time.Second, 20 * time.Second, 60 * time.Second, 180 * time.Second}
	noiseOutcomes = []keepwatch.Outcome{keepwatch.Timeout, keepwatch.PlatformError, keepwatch.ConnectionReset, keepwatch.RateLimited}
)

// channel is one credential's Gilbert-Elliott chain, sampled exactly at the
// instants of its runs: a two-state Markov chain forgets at the rate 1/mean/(1-p).
type channel struct {
	bad  bool
	at   time.Time
	rate float64 // per second
}

func newChannel(r *rand.Rand, at time.Time, mean time.Duration) *channel {
	return &channel{bad: r.Float64() < noiseLoss, at: at, rate: 1 / (mean.Seconds() * (1 - noiseLoss))}
}

func (c *channel) fails(r *rand.Rand, at time.Time) bool {
	was := 0.0
	if c.bad {
		was = 1
	}
	p := noiseLoss + (was-noiseLoss)*math.Exp(-c.rate*at.Sub(c.at).Seconds())
	c.bad, c.at = r.Float64() < p, at
	return c.bad
}

// noiseTenants are tenants of all sizes: in a small one neighbours are seldom
// seen by chance.
var noiseTenants = []struct {
	name string
	size int
}{{"large", 100}, {"middle", 60}, {"small", 30}, {"tiny", 10}}

// tierOf spreads the tiers: a fifth transactional, three fifths standard, a fifth
// reporting, with the default intervals and fail_after.
func tierOf(i int) (business, off time.Duration, failAfter int) {
	switch i % 5 {
	case 0:
		return 10 * time.Minute, 10 * time.Minute, 1
	case 1:
		return time.Hour, 4 * time.Hour, 3
	}
	return 14 * time.Minute, time.Hour, 2
}

// noisyMonth runs one month and returns how many incidents opened, all of them
// false.
func noisyMonth(t *testing.T, seed uint64, mean time.Duration, outcome keepwatch.Outcome) *world {
	r := rand.New(rand.NewPCG(seed, 2026))
	failAfter := make(map[keepwatch.CredentialID]int, noiseCredentials)
	w := newWorld(t, incident.Policy{FailAfter: func(id keepwatch.CredentialID) int { return failAfter[id] }})
	channels := make(map[keepwatch.CheckID]*channel, noiseCredentials)
	i := 0
	for _, tenant := range noiseTenants {
		for range tenant.size {
			id := fmt.Sprintf("cred-%03d", i)
			business, off, fa := tierOf(i)
			w.add(id, tenant.name, business, off, r.Float64(), start)
			failAfter[keepwatch.CredentialID(id)] = fa
			channels[keepwatch.CheckID(id)] = newChannel(r, start, mean)
			i++
		}
	}
	w.coasting(start.Add(noiseDays*24*time.Hour), func(c *check, o *keepwatch.Observation) {
		if channels[c.id].fails(r, o.At) {
			o.Outcome = outcome
			if outcome == keepwatch.RateLimited {
				o.RetryAfter = 5 * time.Second // what SFMC sends
			}
		}
	})
	return w
}

// quiet is how long after the last failure of a tenant its proofs are still
// stepped one by one. It is longer than failures keep the exact proofs of their
// neighbours alive, so what coasts could not have changed a verdict.
const quiet = 4 * time.Minute

// coasting is run with two short cuts for the proofs of healthy series. Where a
// neighbour failed lately they are applied together with the next failure: they
// plan nothing, so only their order counts. Where nobody failed for a while they
// move the series as Step would, without it; every 64th goes through Step all the
// same and must agree.
func (w *world) coasting(to time.Time, outcome func(c *check, o *keepwatch.Observation)) {
	failed := map[keepwatch.TenantID]time.Time{}
	var batch []keepwatch.Observation
	for n := 0; !w.due[0].at.After(to); n++ {
		c, o := w.claim()
		outcome(c, &o)
		s := w.series[o.Series]
		dull := o.Outcome == keepwatch.OK && s.State == keepwatch.StateHealthy && len(s.Flips) == 0
		if !dull || o.At.Sub(failed[c.tenant]) < quiet {
			if o.Outcome != keepwatch.OK {
				failed[c.tenant] = o.At
			}
			if batch = append(batch, o); !dull || len(batch) >= 64 {
				w.apply(o.At, batch...)
				batch = batch[:0]
			}
			continue
		}
		if n%64 == 0 {
			w.compareCoast(s, o)
			continue
		}
		coast(s, &o)
		w.applied++
	}
	w.apply(to, batch...)
}

func (w *world) compareCoast(s *keepwatch.Series, o keepwatch.Observation) {
	want := *s
	coast(&want, &o)
	w.apply(o.At, o)
	got := w.series[o.Series]
	if got.State != want.State || got.NextProofAt != want.NextProofAt || got.LastProvenAt != want.LastProvenAt || got.PlannedGap != want.PlannedGap {
		w.t.Fatalf("coasting differs from Step:\n got %+v\nwant %+v", want, got)
	}
}

func coast(s *keepwatch.Series, o *keepwatch.Observation) {
	s.LastSlot, s.LastAt, s.LastProvenAt, s.NextProofAt = o.Slot, o.At, o.At, o.At.Add(o.Gap)
	s.OKStreak++
	if o.Reason == keepwatch.ReasonScheduled {
		s.PlannedGap = o.Gap
	}
}

func seeds(few, many int) int {
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		return many
	}
	return few
}

// TestNoiseOpensNextToNothing is a month of bursty soft noise over 200
// credentials, seed by seed, the settings in turn: each seed takes one burst
// length and one outcome.
func TestNoiseOpensNextToNothing(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // short-lived garbage, small heap
	type tallied struct{ months, incidents int }
	byBurst := map[time.Duration]*tallied{}
	all := seeds(4, 100)
	began, observations := time.Now(), 0
	for seed := range all {
		mean := noiseBursts[seed%len(noiseBursts)]
		outcome := noiseOutcomes[(seed+seed/len(noiseBursts))%len(noiseOutcomes)]
		w := noisyMonth(t, uint64(seed), mean, outcome)
		if byBurst[mean] == nil {
			byBurst[mean] = &tallied{}
		}
		byBurst[mean].months += noiseCredentials
		byBurst[mean].incidents += len(w.opened)
		observations += w.applied
		for _, in := range w.opened {
			t.Logf("seed %d, bursts of %s, %s: %s from %s to %s, %s", seed, mean, outcome, in.Key, in.FirstFailedAt.Format("02 15:04:05"), in.DetectedAt.Format("15:04:05"), w.timeline[in.ID][0].Reason)
		}
	}
	for _, mean := range noiseBursts {
		n := byBurst[mean]
		if n == nil {
			continue
		}
		rate := float64(n.incidents) / float64(n.months)
		t.Logf("bursts of %s: %d false incidents in %d credential-months: %.4f", mean, n.incidents, n.months, rate)
		if rate > noiseLimit {
			t.Errorf("bursts of %s: %.4f false incidents per credential-month, at most %.2f are allowed", mean, rate, noiseLimit)
		}
	}
	t.Logf("%d seeds, %d observations, %s each", all, observations, time.Since(began)/time.Duration(max(observations, 1)))
}
