package incident_test

import (
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// ofCredential makes a window that of another credential.
func ofCredential(credential keepwatch.CredentialID) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		o.Credential, o.Series = credential, keepwatch.TrafficSeries(credential, o.Traffic.Holder)
		o.Key += string(credential)
	}
}

// outage plays half an hour in which SFMC fails from minute 40 on: for the tests of three
// credentials, that come every quarter of an hour, and for what is seen of their holders.
func outage(t *testing.T, outcome keepwatch.Outcome, seen ...keepwatch.CredentialID) (opened time.Duration, key string, asked int) {
	w := newWorld(t, incident.Policy{})
	for i, id := range []string{"a", "b", "c"} {
		w.add(id, "emea", 15*time.Minute, 15*time.Minute, float64(i)*0.02+0.5, start)
	}
	began := at(40, 0)
	run := func(_ *check, o *keepwatch.Observation) {
		if !o.At.Before(began) {
			o.Outcome = outcome
			if o.Reason == keepwatch.ReasonConfirm {
				asked++
			}
		}
	}
	for when := at(20, 0); when.Before(at(70, 0)) && len(w.open) == 0; when = when.Add(10 * time.Second) {
		w.run(when, run)
		for _, id := range seen {
			change := tokens(1, "ours")
			if when.After(began) {
				change = refusals(2, outcome, "ours")
			}
			w.apply(when.Add(time.Second), window(when.Add(time.Second), "shop", change, ofCredential(id)))
		}
	}
	if len(w.open) == 1 {
		return w.open[0].DetectedAt.Sub(began), w.open[0].Key, asked
	}
	return -1, "", asked
}

// Holders of several credentials see an outage before the schedule does.
func TestSoftFailuresOfManyAskForATest(t *testing.T) {
	for outcome, want := range map[keepwatch.Outcome]string{keepwatch.PlatformError: incident.PlatformKey, keepwatch.RateLimited: "tenant:emea:throttle"} {
		alone, key, _ := outage(t, outcome)
		if alone < 5*time.Minute || key != want {
			t.Fatalf("%s, tests alone: %s after %s", outcome, key, alone)
		}
		together, key, asked := outage(t, outcome, "a", "b", "c")
		t.Logf("%s: %s by tests alone, %s with traffic, %d tests out of turn", outcome, alone, together, asked)
		if together < 2*time.Minute || together > 3*time.Minute+30*time.Second || key != want || asked > 6 {
			t.Errorf("%s, with traffic: %s after %s, with %d tests", outcome, key, together, asked)
		}
	}
}

// One holder that is throttled or cut off all day is no trouble of the tenant's, and
// costs no test; nor are networks that are not ours.
func TestSoftFailuresOfOneAskForNothing(t *testing.T) {
	for name, c := range map[string]struct {
		outcome keepwatch.Outcome
		via     keepwatch.Via
		ids     []keepwatch.CredentialID
	}{
		"one credential throttled":           {keepwatch.RateLimited, keepwatch.ViaGateway, []keepwatch.CredentialID{"a"}},
		"two networks elsewhere":             {keepwatch.Timeout, keepwatch.ViaSpan, []keepwatch.CredentialID{"a", "b"}},
		"requests that are wrong themselves": {keepwatch.NotFound, keepwatch.ViaGateway, []keepwatch.CredentialID{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, incident.Policy{})
			for _, id := range []string{"a", "b", "c"} {
				w.add(id, "emea", 15*time.Minute, 15*time.Minute, 0.4, start)
			}
			asked := 0
			works := func(_ *check, o *keepwatch.Observation) {
				if o.Reason == keepwatch.ReasonConfirm {
					asked++
				}
			}
			for when := at(20, 0); when.Before(at(120, 0)); when = when.Add(10 * time.Second) {
				w.run(when, works)
				for _, id := range c.ids {
					w.apply(when, window(when, "shop", refusals(1, c.outcome, "ours"), ofCredential(id), via(c.via)))
				}
			}
			for _, key := range w.openKeys() {
				if key == incident.PlatformKey || key == "tenant:emea:throttle" {
					t.Errorf("opened %s", key)
				}
			}
			if asked > 0 {
				t.Errorf("%d tests out of turn", asked)
			}
		})
	}
}

// Calls that are refused with their token, by a holder that asks for no new one, ask for a
// test; the usual end of a token does not.
func TestRejectedTokensAskForATest(t *testing.T) {
	calls := func(n int, others ...keepwatch.CallCount) func(*keepwatch.Observation) {
		return func(o *keepwatch.Observation) {
			o.Traffic.Calls = append(others, keepwatch.CallCount{Kind: keepwatch.CallREST, Family: "messaging", Class: "4xx", Outcome: keepwatch.TokenRejected, Count: n})
		}
	}
	good := keepwatch.CallCount{Kind: keepwatch.CallREST, Family: "hub", Class: "2xx", Outcome: keepwatch.OK, Count: 1}
	for name, c := range map[string]struct {
		change func(*keepwatch.Observation)
		asks   bool
	}{
		"many and nothing else": {calls(40), true}, "the end of a token": {calls(1), false}, "others go through": {calls(40, good), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, incident.Policy{})
			w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
			asked := false
			w.run(at(31, 0), func(*check, *keepwatch.Observation) {})
			w.apply(at(32, 0), window(at(32, 0), "shop", c.change))
			w.run(at(32, 10), func(_ *check, o *keepwatch.Observation) {
				asked = asked || o.Reason == keepwatch.ReasonConfirm
				o.Outcome = keepwatch.BadSecretOrPackage
			})
			w.run(at(33, 0), func(_ *check, o *keepwatch.Observation) { o.Outcome = keepwatch.BadSecretOrPackage })
			if asked != c.asks || (len(w.open) == 1) != c.asks {
				t.Errorf("asked: %v, open: %v", asked, w.openKeys())
			}
		})
	}
}
