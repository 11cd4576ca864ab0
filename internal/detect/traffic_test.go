package detect_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// refresh is one cycle of a client that needs failed requests before the one that is
// granted, as the ledger tells it.
func refresh(at time.Time, failed int) *keepwatch.Tally {
	t := &keepwatch.Tally{Holder: "mulesoft-prod", From: at, To: at, Via: []keepwatch.Via{keepwatch.ViaGateway}}
	r := &t.Tokens
	r.Requests, r.OK, r.Cycles, r.Attempts, r.LastOK = failed+1, 1, 1, failed+1, at
	if failed > 0 {
		r.Masked, r.Failed = 1, map[keepwatch.Outcome]int{keepwatch.BadSecretOrPackage: failed}
		r.LastFailed, r.LastWhy = at.Add(-time.Second), keepwatch.BadSecretOrPackage
	}
	return t
}

var trafficBegan = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

func TestTwoFailuresBeforeEveryTokenAreNamedInThreeCycles(t *testing.T) {
	var m keepwatch.Masking
	for cycle := 1; ; cycle++ {
		m = detect.Mask(m, &refresh(trafficBegan, 2).Tokens, trafficBegan)
		if m.Alarm {
			if per := float64(m.Attempts) / float64(m.Cycles); per != 3 || m.Masked != cycle {
				t.Errorf("it says %.2f requests per token, %d masked of %d", per, m.Masked, cycle)
			}
			return
		}
		if cycle == 3 {
			t.Fatalf("not named after three cycles: %+v", m)
		}
	}
}

func TestOneFailureBeforeEveryTokenIsNamedInTwoHours(t *testing.T) {
	var m keepwatch.Masking
	for range 6 {
		m = detect.Mask(m, &refresh(trafficBegan, 1).Tokens, trafficBegan)
	}
	if !m.Alarm {
		t.Errorf("not named after six cycles: %+v", m)
	}
}

func TestTokensThatDieEarlyAreNamed(t *testing.T) {
	var m keepwatch.Masking
	for range 6 {
		tally := refresh(trafficBegan, 0)
		tally.Tokens.Healed, tally.Tokens.Early = 4, 1
		m = detect.Mask(m, &tally.Tokens, trafficBegan)
	}
	if !m.Alarm || m.Early != 6 {
		t.Errorf("not named after six tokens: %+v", m)
	}
}

func TestOneOutageIsNoMasking(t *testing.T) {
	var m keepwatch.Masking
	m = detect.Mask(m, &refresh(trafficBegan, 500).Tokens, trafficBegan)
	m = detect.Mask(m, &refresh(trafficBegan, 2).Tokens, trafficBegan)
	if m.Alarm {
		t.Errorf("two cycles are named: %+v", m)
	}
}

func TestCleanCyclesEndMasking(t *testing.T) {
	var m keepwatch.Masking
	for range 50 {
		m = detect.Mask(m, &refresh(trafficBegan, 2).Tokens, trafficBegan)
	}
	relapsed := false
	for clean := 1; m.Alarm; clean++ {
		if clean > detect.MaskClean {
			t.Fatalf("it goes on after %d clean cycles", clean)
		}
		m = detect.Mask(m, &refresh(trafficBegan, 0).Tokens, trafficBegan)
		if clean == 3 && !relapsed {
			m = detect.Mask(m, &refresh(trafficBegan, 1).Tokens, trafficBegan) // not yet
			clean, relapsed = 0, true
		}
	}
	if m.Clean != detect.MaskClean || m.Sum != 0 {
		t.Errorf("what is left: %+v", m)
	}
}

// TestNoiseIsQuiet: requests that fail by chance, each with 0.5 %, for a month each of
// a hundred holders: one of the usual pace, and one in 25 that asks every 30 seconds.
func TestNoiseIsQuiet(t *testing.T) {
	alarms := 0
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 6))
		every := 20 * time.Minute
		if seed%25 == 0 {
			every = 30 * time.Second
		}
		var lived *keepwatch.Lived
		for at := trafficBegan; at.Before(trafficBegan.AddDate(0, 1, 0)); at = at.Add(every) {
			failed := 0
			for rng.Float64() < 0.005 {
				failed++
			}
			m := detect.Live(lived, refresh(at, failed), "", time.Time{}, at)
			lived = &m
			_, burns := detect.Burn(lived, 0.995, at)
			if burns || m.Masking.Alarm {
				alarms++
				t.Logf("seed %d, %s: masked %+v, burning %v", seed, at, m.Masking, burns)
				break
			}
		}
	}
	if alarms > 1 {
		t.Errorf("%d alarms in 100 credential-months", alarms)
	}
}

// tell makes windows of n requests a minute, of which each is granted with the
// probability ok.
func tell(rng *rand.Rand, from time.Time, minutes, n int, ok float64, lived *keepwatch.Lived, each func(time.Time, *keepwatch.Lived) bool) *keepwatch.Lived {
	tries := 0
	for i := range minutes {
		at := from.Add(time.Duration(i) * time.Minute)
		tally := keepwatch.Tally{Holder: "shop", From: at, To: at}
		for range n {
			tally.Tokens.Requests++
			if rng.Float64() < ok {
				tally.Tokens.OK++
				tally.Tokens.Cycles++
				tally.Tokens.Attempts += 1 + tries
				if tries > 0 {
					tally.Tokens.Masked++
				}
				tries = 0
				continue
			}
			tries++
		}
		m := detect.Live(lived, &tally, "", time.Time{}, at)
		lived = &m
		if each(at, lived) {
			break
		}
	}
	return lived
}

func TestAnObjectiveThatBurnsIsNamed(t *testing.T) {
	for _, tc := range []struct {
		name     string
		perMin   int
		ok       float64
		within   time.Duration
		critical bool
	}{
		{"half of many requests", 60, 0.5, 10 * time.Minute, true},
		{"one in ten of many", 60, 0.9, time.Hour, true},
		{"four in a hundred, for a day", 6, 0.96, 24 * time.Hour, true},
		{"twice what is allowed, for three days", 6, 0.985, 72 * time.Hour, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 7))
			none := func(at time.Time, m *keepwatch.Lived) bool {
				if _, burns := detect.Burn(m, 0.995, at); burns {
					t.Fatalf("it burns at %s while all works", at)
				}
				return false
			}
			lived := tell(rng, trafficBegan, 6*60, tc.perMin, 1, nil, none)
			broke := trafficBegan.Add(6 * time.Hour)
			var found time.Time
			tell(rng, broke, int(tc.within.Minutes())+1, tc.perMin, tc.ok, lived, func(at time.Time, m *keepwatch.Lived) bool {
				b, burns := detect.Burn(m, 0.995, at)
				if burns && (b.Critical || !tc.critical) {
					found = at
				}
				return !found.IsZero()
			})
			if found.IsZero() {
				t.Errorf("not named within %s", tc.within)
			}
		})
	}
}

func TestOneBadMinuteDoesNotBurn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	quiet := func(at time.Time, m *keepwatch.Lived) bool {
		if b, burns := detect.Burn(m, 0.995, at); burns {
			t.Fatalf("it burns at %s: %+v", at, b)
		}
		return false
	}
	lived := tell(rng, trafficBegan, 120, 1, 1, nil, quiet)
	at := trafficBegan.Add(2 * time.Hour)
	m := detect.Live(lived, refresh(at, 30), "", time.Time{}, at) // thirty tries in one minute
	quiet(at, &m)
	tell(rng, at.Add(time.Minute), 120, 1, 1, &m, quiet)
}

func TestExcusedFailuresDoNotBurn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	lived := tell(rng, trafficBegan, 90, 60, 0.2, nil, func(time.Time, *keepwatch.Lived) bool { return false })
	at := trafficBegan.Add(91 * time.Minute)
	if _, burns := detect.Burn(lived, 0.995, at); !burns {
		t.Fatal("it does not burn at all")
	}
	m := detect.Live(lived, refresh(at, 0), "", trafficBegan, at)
	if b, burns := detect.Burn(&m, 0.995, at); burns {
		t.Errorf("it burns though an incident explains it: %+v", b)
	}
}

func TestWindowsHoldWhatTheySay(t *testing.T) {
	var lived *keepwatch.Lived
	at := trafficBegan
	for range 4 * 24 * 12 { // four days, one request every five minutes
		m := detect.Live(lived, refresh(at, 0), "", time.Time{}, at)
		lived = &m
		at = at.Add(5 * time.Minute)
	}
	at = at.Add(-5 * time.Minute)
	for _, w := range detect.Windows {
		exact := int(w / (5 * time.Minute))
		if got := detect.Over(lived, w, at).Requests; got < exact || got > exact+1+72 {
			t.Errorf("%s holds %d requests, want %d to a twelfth more", w, got, exact)
		}
	}
	if n := len(lived.Fine) + len(lived.Middle) + len(lived.Coarse); n > 3*13 {
		t.Errorf("%d spans are kept", n)
	}
	if pace := detect.TokensPerHour(lived, at); pace < 12 || pace > 13 {
		t.Errorf("%.1f requests an hour, want 12", pace)
	}
}

// FuzzLive: whatever tallies say, sums stay within bounds, and the memory given is left
// as it was.
func FuzzLive(f *testing.F) {
	f.Add(int64(0), 3, 1, 1, 3, 1, 0, "messaging")
	f.Add(int64(-1e15), -5, 1<<40, 9, 1, 1<<62, -3, "")
	f.Fuzz(func(t *testing.T, shift int64, requests, ok, cycles, attempts, masked, calls int, family string) {
		at := trafficBegan.Add(time.Duration(shift))
		tally := &keepwatch.Tally{Holder: "x", From: at, To: at, Tokens: keepwatch.Refreshes{Requests: requests, OK: ok, Cycles: cycles, Attempts: attempts, Masked: masked, LastFailed: at, LastWhy: keepwatch.IPBlocked},
			Calls: []keepwatch.CallCount{{Kind: keepwatch.CallREST, Family: family, Outcome: keepwatch.ScopeMissing, Count: calls}},
			Uses:  []keepwatch.SecretUse{{Secret: "a", At: at}}}
		first := detect.Live(nil, tally, "401", time.Time{}, trafficBegan)
		fine, sum := len(first.Fine), first.Masking.Sum
		for range 40 {
			second := detect.Live(&first, tally, "401", time.Time{}, trafficBegan)
			if first.Masking.Sum != sum || len(first.Fine) != fine {
				t.Fatal("the memory that was given has changed")
			}
			for _, w := range detect.Windows {
				if s := detect.Over(&second, w, trafficBegan); s.Requests < 0 || s.Failed < 0 || s.Calls < 0 {
					t.Fatalf("%s holds %+v", w, s)
				}
			}
			detect.Burn(&second, 0.995, trafficBegan)
			if len(second.Denied) > 4 || len(second.Uses) > 8 || second.Masking.Sum > 30 || second.Masking.Sum < 0 {
				t.Fatalf("out of bounds: %+v", second)
			}
		}
	})
}
