package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// window is ten seconds of one holder's traffic with the credential a.
func window(when time.Time, holder string, change ...func(*keepwatch.Observation)) keepwatch.Observation {
	t := &keepwatch.Tally{Holder: holder, From: when.Add(-5 * time.Second), To: when, Via: []keepwatch.Via{keepwatch.ViaGateway}, Compared: true}
	o := keepwatch.Observation{
		Key: holder + when.String(), Series: keepwatch.TrafficSeries("a", holder), Credential: "a", Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTraffic, Slot: when, At: when, Outcome: keepwatch.OK, Connectivity: keepwatch.ConnectivityProven, Traffic: t,
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

// tokens are granted requests with a secret.
func tokens(n int, secret keepwatch.Fingerprint) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		t := o.Traffic
		t.Tokens.Requests, t.Tokens.OK, t.Tokens.Cycles = t.Tokens.Requests+n, n, n
		t.Tokens.Attempts += n
		t.Tokens.LastOK = t.To
		t.Uses = append(t.Uses, keepwatch.SecretUse{Secret: secret, At: t.To, Count: n, OK: true, Accept: t.To, Ours: secret == "ours"})
	}
}

// refusals are refused requests with a secret.
func refusals(n int, outcome keepwatch.Outcome, secret keepwatch.Fingerprint) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		t := o.Traffic
		t.Tokens.Requests += n
		t.Tokens.Failed = map[keepwatch.Outcome]int{outcome: n}
		t.Tokens.LastFailed, t.Tokens.LastWhy = t.To, outcome
		t.Uses = append(t.Uses, keepwatch.SecretUse{Secret: secret, At: t.To, Count: n, Ours: secret == "ours"})
		o.Outcome, o.Evidence = outcome, "401 invalid_client"
	}
}

// masking are cycles that were refused before they were granted.
func masking(failed int) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		tokens(1, "ours")(o)
		r := &o.Traffic.Tokens
		r.Requests, r.Attempts, r.Masked = r.Requests+failed, 1+failed, 1
		r.Failed = map[keepwatch.Outcome]int{keepwatch.BadSecretOrPackage: failed}
		r.LastFailed, r.LastWhy = r.LastOK.Add(-time.Second), keepwatch.BadSecretOrPackage
		o.Evidence = "401 invalid_client"
	}
}

func via(v keepwatch.Via) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Traffic.Via = []keepwatch.Via{v} }
}

func (w *world) openKeys() (keys []string) {
	for _, in := range w.open {
		keys = append(keys, in.Key)
	}
	return keys
}

// TestASecretKilledUnderTrafficOpensWithinAMinute: 200 runs with the kill anywhere in
// the plan of tests, the window's flush up to a second after the first refused call.
func TestASecretKilledUnderTrafficOpensWithinAMinute(t *testing.T) {
	var took []time.Duration
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t, incident.Policy{})
		w.add("a", "emea", 15*time.Minute, time.Hour, rng.Float64(), start)
		killed := start.Add(2*time.Hour + time.Duration(rng.Int64N(int64(3*time.Hour))))
		dead := func(_ *check, o *keepwatch.Observation) {
			if o.Took = time.Duration(rng.Int64N(int64(3 * time.Second))); o.At.After(killed) {
				o.Outcome = keepwatch.BadSecretOrPackage
			}
		}
		for at := start.Add(7 * time.Minute); at.Before(killed); at = at.Add(20 * time.Minute) {
			w.run(at, dead)
			w.apply(at, window(at, "shop", tokens(1, "ours")))
		}
		w.run(killed, dead)
		first := killed.Add(time.Duration(rng.Int64N(int64(200 * time.Millisecond))))
		for at := first.Add(time.Duration(rng.Int64N(int64(time.Second)))); len(w.open) == 0 && at.Sub(first) < 10*time.Minute; at = at.Add(10 * time.Second) {
			w.run(at, dead)
			w.apply(at, window(at, "shop", refusals(50, keepwatch.BadSecretOrPackage, "ours")))
		}
		if len(w.opened) != 1 || w.opened[0].Key != "credential:a" {
			t.Fatalf("seed %d: %v\n%s", seed, w.openKeys(), w.tell())
		}
		took = append(took, w.opened[0].DetectedAt.Sub(first))
	}
	slices.Sort(took)
	t.Logf("from the first refused call to the incident: p50 %s, p99 %s, longest %s", took[100], took[198], took[199])
	if took[198] >= time.Minute {
		t.Errorf("p99 is %s", took[198])
	}
}

func TestAHolderWithAnOldSecretHasItsOwnIncident(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
	works := func(*check, *keepwatch.Observation) {}
	w.run(at(30, 0), works)
	w.apply(at(31, 0), window(at(31, 0), "shop-backend", tokens(1, "old")))
	asked := w.checks["a"].runs
	for m := 40; m < 44; m++ {
		w.run(at(m, 0), works)
		w.apply(at(m, 5), window(at(m, 5), "shop-backend", refusals(1, keepwatch.BadSecretOrPackage, "old")))
		if m < 42 && len(w.open) > 0 {
			t.Fatalf("it opens after %d refusals:\n%s", m-39, w.tell())
		}
		w.run(at(m, 30), works)
	}
	if w.checks["a"].runs == asked {
		t.Error("no test was asked for")
	}
	if got := w.openKeys(); len(got) != 1 || got[0] != "holder:a:shop-backend" {
		t.Fatalf("open: %v\n%s", got, w.tell())
	}
	in := w.open[0]
	if in.Scope != keepwatch.ScopeCredential || in.Outcome != keepwatch.BadSecretOrPackage || !strings.Contains(in.Message, "although the credential works") ||
		!strings.Contains(in.Message, "last accepted") || in.Evidence == "" {
		t.Errorf("it says %+v", in)
	}
	if s := w.series["a"]; s.State != keepwatch.StateHealthy {
		t.Errorf("the credential is %s", s.State)
	}
	w.apply(at(50, 0), window(at(50, 0), "shop-backend", tokens(1, "ours")))
	if len(w.open) != 0 || !strings.HasSuffix(w.lines(), "holder:a:shop-backend resolved "+incident.ReasonTraffic) {
		t.Errorf("its first success does not end it:\n%s", w.tell())
	}
}

func TestTheCredentialsIncidentTakesTheHoldersIn(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
	killed := false
	run := func(_ *check, o *keepwatch.Observation) {
		if killed {
			o.Outcome = keepwatch.BadSecretOrPackage
		}
	}
	for m := 20; m < 26; m++ {
		w.apply(at(m, 0), window(at(m, 0), "shop", refusals(1, keepwatch.BadSecretOrPackage, "old")))
		w.run(at(m, 30), run)
	}
	if got := w.openKeys(); len(got) != 1 {
		t.Fatalf("open: %v", got)
	}
	killed = true
	w.run(at(60, 0), run)
	w.apply(at(61, 0), window(at(61, 0), "shop", refusals(1, keepwatch.BadSecretOrPackage, "old")))
	if got := w.openKeys(); len(got) != 1 || got[0] != "credential:a" || !strings.Contains(w.lines(), "holder:a:shop merged_into") {
		t.Errorf("open: %v\n%s", got, w.tell())
	}
}

func TestRefusalsAllDayAskForFewTests(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
	asked := 0
	works := func(_ *check, o *keepwatch.Observation) {
		if o.Reason == keepwatch.ReasonConfirm {
			asked++
		}
	}
	for i := range 24 * 60 * 6 {
		when := start.Add(20*time.Minute + time.Duration(i)*10*time.Second)
		w.run(when, works)
		o := window(when, fmt.Sprint("holder-", i%3), refusals(40, keepwatch.BadSecretOrPackage, "old"))
		if i%7 == 0 {
			o = window(when, "holder-1", tokens(1, "old"))
		}
		w.apply(when, o)
	}
	if asked == 0 || asked > 24 {
		t.Errorf("%d tests were asked for in a day", asked)
	}
}

func TestRecoveryIsSeenInTraffic(t *testing.T) {
	for _, tc := range []struct {
		name   string
		step   string
		secret keepwatch.Fingerprint
		via    keepwatch.Via
		as     keepwatch.Outcome
		ends   bool
	}{
		{"the configured secret is granted a token", "token", "ours", keepwatch.ViaGateway, keepwatch.BadSecretOrPackage, true},
		{"the same, seen in a span", "token", "ours", keepwatch.ViaSpan, keepwatch.BadSecretOrPackage, true},
		{"another secret is", "token", "other", keepwatch.ViaGateway, keepwatch.BadSecretOrPackage, false},
		{"a later step had failed", "rest:messaging", "ours", keepwatch.ViaGateway, keepwatch.ScopeMissing, false},
		{"our address is blocked, and another's is not", "token", "ours", keepwatch.ViaSpan, keepwatch.IPBlocked, false},
		{"our address passes again", "token", "ours", keepwatch.ViaGateway, keepwatch.IPBlocked, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, incident.Policy{})
			w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
			w.run(at(40, 0), func(_ *check, o *keepwatch.Observation) {
				if o.At.After(at(20, 0)) {
					o.Outcome, o.Step = tc.as, tc.step
				}
			})
			if len(w.open) != 1 {
				t.Fatalf("open: %v", w.openKeys())
			}
			w.apply(at(41, 0), window(at(41, 0), "shop", tokens(1, tc.secret), via(tc.via)))
			s := w.series["a"]
			if got := len(w.open) == 0; got != tc.ends || (s.ProvenBy != nil) != tc.ends {
				t.Fatalf("it ends: %v, proven by %+v, want %v\n%s", got, s.ProvenBy, tc.ends, w.tell())
			}
			if tc.ends && (s.State != keepwatch.StateHealthy || s.ProvenBy.Holder != "shop" || s.ProvenBy.Via != tc.via || s.NextProofAt.After(at(60, 0))) {
				t.Errorf("afterwards: %s, by %+v, next at %s", s.State, s.ProvenBy, s.NextProofAt)
			}
		})
	}
}

// TestTrafficStandsInForTests: a busy credential is tested as a whole at every fourth
// slot only, and never reads as unknown.
func TestTrafficStandsInForTests(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
	runs := 0
	works := func(*check, *keepwatch.Observation) { runs++ }
	for when := start; when.Before(start.Add(24 * time.Hour)); when = when.Add(5 * time.Minute) {
		w.run(when, works)
		w.apply(when.Add(time.Second), window(when.Add(time.Second), "shop", tokens(1, "ours")))
		if s := w.series["a"]; when.After(at(15, 0)) && s.StateAt(when) != keepwatch.StateHealthy {
			t.Fatalf("at %s it is %s", when, s.StateAt(when))
		}
	}
	t.Logf("%d tests instead of 96", runs)
	if runs < 24 || runs > 32 {
		t.Errorf("%d tests in a day, want one for each four gaps", runs)
	}
}

func TestMaskedRetriesAreNamedWithNumbers(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.add("a", "emea", 15*time.Minute, 15*time.Minute, 0, start)
	for cycle := range 3 {
		when := at(20+20*cycle, 0)
		if len(w.open) > 0 {
			t.Fatal("named before the third cycle")
		}
		w.apply(when, window(when, "mulesoft-prod", masking(2)))
	}
	if len(w.open) != 1 {
		t.Fatalf("open: %v", w.openKeys())
	}
	in := w.open[0]
	want := "3.0 requests per token over the last 3 refreshes of mulesoft-prod; the first 2 of each are refused with 401 invalid_client"
	if in.Outcome != keepwatch.RetryMasked || in.Severity != keepwatch.SeverityWarning || !strings.Contains(in.Message, want) {
		t.Errorf("it says %s %s: %s", in.Severity, in.Outcome, in.Message)
	}
	if s := w.series[keepwatch.TrafficSeries("a", "mulesoft-prod")]; s.State != keepwatch.StateDegraded || s.Outcome != keepwatch.RetryMasked {
		t.Errorf("the holder is %s, %s", s.State, s.Outcome)
	}
	for cycle := range 6 {
		when := at(100+20*cycle, 0)
		w.apply(when, window(when, "mulesoft-prod", tokens(1, "ours")))
	}
	if len(w.open) != 0 {
		t.Errorf("six clean cycles do not end it: %s", w.tell())
	}
}

func TestAHolderThatHasNoRightIsNamedWhenItPersists(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	denied := func(outcome keepwatch.Outcome, others keepwatch.Outcome) func(*keepwatch.Observation) {
		return func(o *keepwatch.Observation) {
			o.Traffic.Calls = []keepwatch.CallCount{{Kind: keepwatch.CallREST, Family: "messaging", Class: "4xx", Outcome: outcome, Count: 5},
				{Kind: keepwatch.CallREST, Family: "hub", Class: "2xx", Outcome: others, Count: 5}}
		}
	}
	for m := range 11 {
		w.apply(at(m, 0), window(at(m, 0), "shop", denied(keepwatch.ScopeMissing, keepwatch.OK)))
		if m < 9 && len(w.open) > 0 {
			t.Fatalf("named after %d minutes", m)
		}
	}
	if len(w.open) != 1 || !strings.Contains(w.open[0].Message, "messaging") || w.open[0].Scope != keepwatch.ScopeCredential {
		t.Fatalf("open: %+v", w.open)
	}
	w.apply(at(12, 0), window(at(12, 0), "shop", denied(keepwatch.OK, keepwatch.OK)))
	if len(w.open) != 0 {
		t.Errorf("it does not end: %s", w.tell())
	}
}

func TestAHolderThatFellSilentHasNoIncidentForEver(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	for m := range 15 {
		w.apply(at(m, 0), window(at(m, 0), "shop", refusals(1, keepwatch.BadSecretOrPackage, "old")))
	}
	if len(w.open) != 1 {
		t.Fatalf("open: %v", w.openKeys())
	}
	later := at(15+25*60, 0)
	o := window(later, "shop")
	o.Traffic.From, o.Traffic.To, o.Traffic.Via = time.Time{}, time.Time{}, nil
	w.apply(later, o)
	if len(w.open) != 0 || !strings.Contains(w.lines(), incident.ReasonQuiet) {
		t.Errorf("still open: %s", w.tell())
	}
}
