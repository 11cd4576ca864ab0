package impact_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
	"keepwatch/internal/impact"
	"keepwatch/internal/sfmc/sim/world"
)

const (
	learned = 5 * 7 * 24 * time.Hour
	proved  = 10 * time.Minute // between two tests of the credential
	retried = 30 * time.Minute // between two tries after it was refused
)

// TestRangesHoldTheTruth: in seeded stories of a journey with a weekly shape whose
// credential dies for some hours, the range of what was delayed holds what the
// simulator logged contact by contact, as often as it says.
func TestRangesHoldTheTruth(t *testing.T) {
	seeds := 40
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		seeds = 200
	}
	inside := 0
	for seed := range seeds {
		f, truth := outage(t, uint64(seed))
		switch {
		case truth > f.Low && truth < f.High:
			inside += 2
		case truth == f.Low || truth == f.High: // a quantile of whole contacts: half of it is inside
			inside++
		}
		if f.High-f.Low > 2*f.Mid {
			t.Errorf("seed %d: %.0f–%.0f is more than twice as wide as its middle %.0f", seed, f.Low, f.High, f.Mid)
		}
	}
	share := float64(inside) / float64(2*seeds)
	t.Logf("%.0f %% of %d stories", 100*share, seeds)
	if slack := 0.1 * float64(min(1, 200/seeds-1)); share < 0.7-slack || share > 0.9+slack {
		t.Errorf("the range of 80 %% held the truth in %.0f %% of %d stories", 100*share, seeds)
	}
}

// outage is one story: what the impact says was delayed, and what really was.
func outage(t *testing.T, seed uint64) (keepwatch.Figure, float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 80))
	start := time.Date(2026, 9, 7, 0, 0, 0, 0, time.UTC)
	died := start.Add(learned + time.Duration(r.Float64()*float64(6*24*time.Hour))).Truncate(time.Minute)
	mended := died.Add(2*time.Hour + time.Duration(r.Float64()*float64(4*time.Hour))).Truncate(time.Minute)
	w, err := world.New(world.Spec{
		Seed: seed, Since: start, Unit: 7,
		Callers:  []world.Caller{{Name: "shop", ClientID: "c", OnFailure: world.OnFailureLost}},
		Journeys: []world.Journey{{Key: "welcome", Entry: world.Entry{Caller: "shop", Volume: world.Volume{PerDay: 10_000, Shape: world.ShapeDay, Noise: world.NoiseNB, Spread: 0.02}}}},
	}, start, func(_ world.Caller, _ world.Need, at time.Time) (world.Reason, bool) {
		if at.Before(died) || !at.Before(mended) {
			return world.Reason{}, true
		}
		return world.Reason{Kind: keepwatch.CauseCredential, By: "shop"}, false
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(mended.Add(time.Hour))
	truth := w.Truth()
	model, ok := detect.Fit("s", hoursOf(truth, "journey/welcome", start, died.Truncate(24*time.Hour)), time.UTC, died.Truncate(24*time.Hour), nil, nil)
	if !ok {
		t.Fatal("no baseline")
	}
	phase := time.Duration(r.Int64N(int64(proved)))
	proven := died.Add(-phase)
	refused := proven.Add(proved)
	restored := refused.Add(((mended.Sub(refused)-1)/retried + 1) * retried)
	subject := keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome", Unit: 7}
	i := impact.Of(impact.Case{
		Now: restored.Add(time.Hour), LastFailedAt: restored.Add(-retried),
		Incident: keepwatch.Incident{
			ID: "i", Key: "credential:shop", Scope: keepwatch.ScopeCredential, Outcome: keepwatch.BadSecretOrPackage, Credential: "shop", Status: keepwatch.IncidentResolved,
			Members:      []keepwatch.Member{{Series: "shop", Credential: "shop", Outcome: keepwatch.BadSecretOrPackage, Since: refused, EndedAt: restored}},
			LastProvenAt: proven, FirstFailedAt: refused, DetectedAt: refused.Add(30 * time.Second), RestoredAt: restored, ResolvedAt: restored,
		},
		Subjects: []impact.Subject{{Subject: subject, Upstream: []keepwatch.Upstream{{Credential: "shop"}}, Expect: keepwatch.Expectation{OnOutage: "lost"}}},
		Volume: func(_ keepwatch.Subject, from, to time.Time) (low, mid, high float64, source string) {
			low, mid, high = detect.Expected(&model, time.UTC, from, to)
			return low, mid, high, impact.Baseline
		},
	})
	f, ok := impact.Part(i, impact.ContactsDelayed, subject.ID())
	if !ok {
		t.Fatalf("no figure among %+v", i.Figures)
	}
	return f, float64(truth.LostIn(subject.ID(), died, mended))
}

// hoursOf counts what really came, by the hour.
func hoursOf(truth world.Truth, subject string, from, to time.Time) []keepwatch.Hour {
	hours := make([]keepwatch.Hour, to.Sub(from)/time.Hour)
	for i := range hours {
		hours[i] = keepwatch.Hour{Start: from.Add(time.Duration(i) * time.Hour), Observed: time.Hour}
	}
	for _, lot := range truth.Of(subject).Lots {
		if k := int(lot.Done.Sub(from) / time.Hour); !lot.Done.IsZero() && k >= 0 && k < len(hours) {
			hours[k].Amount += int64(lot.Count)
		}
	}
	return hours
}
