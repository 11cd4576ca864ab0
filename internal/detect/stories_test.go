package detect_test

import (
	"math"
	"math/rand/v2"
	"time"

	"keepwatch"
)

// story makes the hourly counts of one journey over months, from a seed.
type story struct {
	name   string
	month  float64 // events in 30 days
	clump  float64 // 1/r
	slow   float64 // 1/a
	days   float64 // share of days that are holidays nobody announced
	growth float64 // a month
	batch  bool    // all events of a day come in one or two hours of the night
	zone   string
	began  time.Time
	chance *rand.Rand
}

// shape is an ordinary week: nights are quiet, weekends half as busy.
func shape(local time.Time) float64 {
	byHour := [24]float64{.25, .15, .1, .08, .08, .12, .3, .6, 1, 1.4, 1.6, 1.6, 1.5, 1.5, 1.6, 1.6, 1.5, 1.4, 1.4, 1.5, 1.5, 1.2, .8, .45}
	byDay := [7]float64{.6, 1.15, 1.15, 1.1, 1.1, 1.05, .65}
	return byHour[local.Hour()] * byDay[local.Weekday()]
}

var shapeSum = func() (sum float64) {
	for h := range 168 {
		sum += shape(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(h) * time.Hour))
	}
	return sum
}()

// day is one civil day's luck.
type fate struct {
	slow    float64
	holiday bool
	hour    int
}

// hours draws so many hours from began on: counts, and what was expected of each.
func (s story) hours(n int) (counts []int64, rates []float64) {
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		panic(err)
	}
	counts, rates = make([]int64, n), make([]float64, n)
	today, luck := -1, fate{}
	for i := range n {
		local := s.began.Add(time.Duration(i) * time.Hour).In(zone)
		if d := local.YearDay(); d != today {
			today = d
			luck = fate{slow: s.gamma(s.slow), holiday: s.chance.Float64() < s.days, hour: 2 + s.chance.IntN(2)}
		}
		rates[i] = s.month / 720 * 168 / shapeSum * shape(local) * math.Pow(1+s.growth, float64(i)/720)
		if s.batch {
			rates[i] = 0
			if local.Hour() == luck.hour {
				rates[i] = s.month / 30
			}
		}
		if luck.holiday {
			rates[i] *= .3
		}
		counts[i] = s.poisson(rates[i] * luck.slow * s.gamma(s.clump))
	}
	return counts, rates
}

// gamma has mean 1 and the variance inv.
func (s story) gamma(inv float64) float64 {
	if inv == 0 {
		return 1
	}
	k := 1 / inv
	boost := 1.0
	if k < 1 {
		boost = math.Pow(s.chance.Float64(), 1/k)
		k++
	}
	// Marsaglia and Tsang.
	d := k - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.chance.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(s.chance.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v * boost * inv
		}
	}
}

func (s story) poisson(mean float64) int64 {
	if mean > 60 {
		return int64(max(0, math.Round(mean+math.Sqrt(mean)*s.chance.NormFloat64())))
	}
	limit := math.Exp(-mean)
	for p, n := s.chance.Float64(), int64(0); ; n++ {
		if p <= limit {
			return n
		}
		p *= s.chance.Float64()
	}
}

// look is a reading of a journey whose counter stands at entered.
func look(at time.Time, entered int64, zone string) keepwatch.Watch {
	return keepwatch.Watch{
		Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome"}, Aspect: keepwatch.AspectEntry,
		Expect:  keepwatch.Expectation{Zone: zone},
		Reading: keepwatch.Reading{At: at, Journey: &keepwatch.JourneyReading{Status: "Published", Version: 1, Entered: &entered}},
	}
}
