package incident_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// estate makes a world of credentials in two tenants, with the tiers mixed.
func estate(t *testing.T, r *rand.Rand, n int) *world {
	w := newWorld(t, incident.Policy{})
	for i := range n {
		business, off, _ := tierOf(i)
		w.add(fmt.Sprintf("c%02d", i), []string{"emea", "apac"}[i%2], business, off, r.Float64(), start)
	}
	return w
}

// TestOutageOpensOnePlatformIncident: a 503 of everything for ten minutes, at
// 1,000 random phases, opens exactly one platform incident, at most three minutes
// after the first test that failed, and ends it.
func TestOutageOpensOnePlatformIncident(t *testing.T) {
	for seed := range seeds(200, 1000) {
		r := rand.New(rand.NewPCG(uint64(seed), 503))
		w := estate(t, r, 20)
		from := start.Add(time.Hour + time.Duration(r.Float64()*float64(6*time.Hour)))
		to := from.Add(10 * time.Minute)
		var first time.Time
		w.run(to.Add(2*time.Hour), func(_ *check, o *keepwatch.Observation) {
			o.Took = time.Duration(r.IntN(2000)) * time.Millisecond
			if !o.At.Before(from) && o.At.Before(to) {
				o.Outcome = keepwatch.PlatformError
				if first.IsZero() {
					first = o.At
				}
			}
		})
		if len(w.opened) != 1 || w.opened[0].Key != incident.PlatformKey {
			t.Fatalf("seed %d: %d incidents opened:\n%s", seed, len(w.opened), w.tell())
		}
		in := w.incidents[w.opened[0].ID]
		if late := in.DetectedAt.Sub(first); late > 3*time.Minute {
			t.Fatalf("seed %d: detected %s after the first failed test:\n%s", seed, late, w.tell())
		}
		if in.Status != keepwatch.IncidentResolved {
			t.Fatalf("seed %d: still open two hours later:\n%s", seed, w.tell())
		}
	}
}

// TestLonelyCredentialSeesTheOutageToo: with one credential there is nobody to
// contradict or confirm; ten minutes hold its burst whenever its first test falls
// into the first seven.
func TestLonelyCredentialSeesTheOutageToo(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.add("a", "emea", 10*time.Minute, 10*time.Minute, 0.5, start)
	w.run(start.Add(time.Hour), func(_ *check, o *keepwatch.Observation) {
		if !o.At.Before(at(14, 0)) && o.At.Before(at(24, 0)) {
			o.Outcome = keepwatch.PlatformError
		}
	})
	if got, want := w.lines(), "platform opened burst_confirmed\nplatform resolved proven"; got != want {
		t.Errorf("timeline:\n%s\nwant:\n%s", got, want)
	}
}

// TestLastingThrottleIsOneIncident of each tenant.
func TestLastingThrottleIsOneIncident(t *testing.T) {
	for seed := range 50 {
		w := estate(t, rand.New(rand.NewPCG(uint64(seed), 429)), 20)
		w.run(start.Add(12*time.Hour), func(_ *check, o *keepwatch.Observation) {
			if o.At.After(start.Add(2*time.Hour)) && o.At.Before(start.Add(6*time.Hour)) && o.Tenant == "emea" {
				o.Outcome, o.RetryAfter = keepwatch.RateLimited, 30*time.Second
			}
		})
		if len(w.opened) != 1 || w.opened[0].Key != "tenant:emea:throttle" || len(w.open) != 0 {
			t.Fatalf("seed %d: %d incidents:\n%s", seed, len(w.opened), w.tell())
		}
	}
}

// TestWhatIsNotTheCredentialNeverOpensItsIncident: a dropped network, a 400, a 429
// and a 503, for hours, over all tiers.
func TestWhatIsNotTheCredentialNeverOpensItsIncident(t *testing.T) {
	cases := map[string]func(*keepwatch.Observation){
		"a dropped network": func(o *keepwatch.Observation) {
			o.Outcome, o.Connectivity = keepwatch.ConnectFailure, keepwatch.ConnectivityUnproven
		},
		"a network that is down for SFMC alone": func(o *keepwatch.Observation) { o.Outcome = keepwatch.DNSFailure },
		"a 400":                                 func(o *keepwatch.Observation) { o.Outcome = keepwatch.BadRequest },
		"a 429":                                 func(o *keepwatch.Observation) { o.Outcome = keepwatch.TemporarilyBlocked },
		"a 503":                                 func(o *keepwatch.Observation) { o.Outcome = keepwatch.PlatformError },
	}
	for name, apply := range cases {
		t.Run(name, func(t *testing.T) {
			w := estate(t, rand.New(rand.NewPCG(1, 1)), 20)
			w.run(start.Add(14*time.Hour), func(_ *check, o *keepwatch.Observation) {
				if o.At.After(start.Add(time.Hour)) && o.At.Before(start.Add(7*time.Hour)) {
					apply(o)
				}
			})
			for _, in := range w.opened {
				if in.Scope == keepwatch.ScopeCredential {
					t.Errorf("opened %s: %s", in.Key, in.Message)
				}
			}
			if strings.HasPrefix(name, "a dropped") && len(w.opened) != 0 {
				t.Errorf("without connectivity %d incidents opened:\n%s", len(w.opened), w.tell())
			}
			if len(w.open) != 0 {
				t.Errorf("%d incidents are open after the recovery", len(w.open))
			}
		})
	}
}

// TestKilledSecretIsDetectedWithinOneInterval plus 60 s, in every tier, in and out
// of business hours, at random phases.
func TestKilledSecretIsDetectedWithinOneInterval(t *testing.T) {
	for tier := range 3 {
		business, off, _ := tierOf(tier)
		for seed := range 300 {
			r := rand.New(rand.NewPCG(uint64(seed), uint64(tier)))
			w := newWorld(t, incident.Policy{})
			c := w.add("a", "emea", business, off, r.Float64(), start)
			killed := start.Add(10*time.Hour + time.Duration(r.Float64()*float64(48*time.Hour)))
			var before time.Time
			w.run(killed, func(_ *check, o *keepwatch.Observation) { before = o.Slot })
			first := c.at
			w.run(killed.Add(12*time.Hour), func(_ *check, o *keepwatch.Observation) {
				o.Outcome, o.Took = secret, 500*time.Millisecond
			})
			if len(w.opened) != 1 || w.opened[0].Key != "credential:a" {
				t.Fatalf("%d incidents:\n%s", len(w.opened), w.tell())
			}
			in := w.opened[0]
			// Where office hours end the plan itself goes from one grid to the other,
			// and the interval in force is the distance of the two slots.
			interval := max(c.interval(killed), first.Sub(before))
			if late := in.DetectedAt.Sub(killed); late > interval+time.Minute {
				t.Fatalf("tier %d, seed %d: killed at %s, detected %s later; interval %s", tier, seed, killed, late, interval)
			}
			if late := in.DetectedAt.Sub(first); late > time.Minute {
				t.Fatalf("confirmed %s after the first refusal", late)
			}
		}
	}
}
