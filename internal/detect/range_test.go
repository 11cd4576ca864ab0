package detect_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// The range of what was expected must hold the truth as often as it says.
func TestExpectedHoldsTheTruth(t *testing.T) {
	stories := []story{
		{name: "300", month: 300, clump: .3, slow: .05},
		{name: "1,000 nasty", month: 1000, clump: 1, slow: .1, days: .03, growth: .03},
		{name: "10,000", month: 10_000, clump: .2, slow: .05},
		{name: "300,000", month: 300_000, clump: .1, slow: .02},
		{name: "300,000 Poisson", month: 300_000},
	}
	spans := []time.Duration{4 * time.Hour, 12 * time.Hour, 36 * time.Hour}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			inside, all := 0, 0
			for seed := range uint64(40) {
				s.chance, s.zone, s.began = rand.New(rand.NewPCG(seed, 3)), "America/New_York", time.Date(2026, time.January, 4, 5, 0, 0, 0, time.UTC)
				counts, _ := s.hours(lead + 15*24)
				l := life{story: s, counts: counts}
				l.zone, _ = time.LoadLocation(s.zone)
				for k := range 10 {
					from := lead + k*37
					m := l.fit(lead+k*37/24*24, len(counts), nil)
					span := spans[k%len(spans)]
					low, mid, high := detect.Expected(m, l.zone, l.at(from), l.at(from).Add(span))
					truth := 0.0
					for h := range int(span / time.Hour) {
						truth += float64(counts[from+h])
					}
					// The quantiles of a count are whole: on the edge counts half.
					switch {
					case truth > low && truth < high:
						inside += 2
					case truth == low || truth == high:
						inside++
					}
					all += 2
					if low > mid || mid > high {
						t.Fatalf("%.0f %.0f %.0f", low, mid, high)
					}
					if s.month == 300_000 && span == 4*time.Hour && high-low > 2*mid {
						t.Errorf("%s: %.0f–%.0f is more than twice as wide as %.0f", l.at(from), low, high, mid)
					}
				}
			}
			share := float64(inside) / float64(all)
			t.Logf("%.0f %% of %d spans", 100*share, all/2)
			if share < .7 || share > .9 {
				t.Errorf("the range of 80 %% held the truth in %.0f %% of %d spans", 100*share, all/2)
			}
		})
	}
}

func TestExpectedOfNothing(t *testing.T) {
	var m keepwatch.Model
	for _, model := range []*keepwatch.Model{nil, &m} {
		if low, mid, high := detect.Expected(model, nil, quietBegin, quietBegin.Add(time.Hour)); low+mid+high != 0 {
			t.Errorf("%f %f %f", low, mid, high)
		}
	}
}
