package world

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"keepwatch"
)

// minute is an instant in whole minutes since 1970. A step of the world is one
// minute and is stamped with its beginning.
type minute int32

const (
	hour minute = 60
	day  minute = 24 * hour
)

func minuteOf(t time.Time) minute { return minute(t.Unix() / 60) }

func (m minute) time() time.Time { return time.Unix(int64(m)*60, 0).UTC() }

func minutes(d Duration) minute { return minute(time.Duration(d) / time.Minute) }

var (
	dayWeights = []float64{2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 10, 11, 10, 9, 9, 10, 12, 14, 15, 14, 11, 7, 4}
	weekPeople = []float64{9, 9, 9, 10, 11, 12, 11}
	officeDay  = []float64{0, 0, 0, 0, 0, 0, 0, 1, 6, 10, 10, 9, 6, 8, 10, 9, 7, 3, 1, 0, 0, 0, 0, 0}
	officeWeek = []float64{10, 10, 10, 10, 8, 0, 0}
)

// weights are the factors of a week's days and a day's hours, each with mean 1.
func (v Volume) weights() (week, hours []float64) {
	switch v.Shape {
	case ShapeDay:
		week, hours = weekPeople, dayWeights
	case ShapeOffice:
		week, hours = officeWeek, officeDay
	}
	if v.Week != nil {
		week = v.Week
	}
	if v.Day != nil {
		hours = v.Day
	}
	return meanOne(week, 7), meanOne(hours, 24)
}

func meanOne(w []float64, n int) []float64 {
	out := make([]float64, n)
	sum := 0.0
	for _, x := range w {
		sum += x
	}
	for i := range out {
		out[i] = 1
		if sum > 0 {
			out[i] = w[i] / sum * float64(n)
		}
	}
	return out
}

func (v Volume) check() error {
	switch {
	case !(v.PerDay >= 0 && v.PerDay <= 1e7):
		return invalid("per_day %v is not between 0 and ten million", v.PerDay)
	case v.Week != nil && !weighted(v.Week, 7), v.Day != nil && !weighted(v.Day, 24):
		return invalid("week needs seven weights and day twenty-four, none of them negative and one above 0")
	case !oneOf(v.Shape, "", ShapeFlat, ShapeDay, ShapeOffice):
		return invalid("shape %q is not flat, day or office", v.Shape)
	case !oneOf(v.Noise, "", NoisePoisson, NoiseNB, NoiseNone):
		return invalid("noise %q is not poisson, nb or none", v.Noise)
	case !(v.Spread >= 0 && v.Spread <= 10):
		return invalid("spread %v is not between 0 and 10", v.Spread)
	}
	for date, factor := range v.Dates {
		if _, err := time.Parse(time.DateOnly, date); err != nil || !(factor >= 0 && factor <= 100) {
			return invalid("dates: %q: %v is not a date with a factor", date, factor)
		}
	}
	_, err := location(v.Zone, nil)
	return err
}

func weighted(w []float64, n int) bool {
	sum := 0.0
	for _, x := range w {
		if !(x >= 0 && x <= 1e6) {
			return false
		}
		sum += x
	}
	return len(w) == n && sum > 0
}

func location(name string, otherwise *time.Location) (*time.Location, error) {
	if name == "" {
		return otherwise, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, invalid("zone %q is not known", name)
	}
	return zone, nil
}

// Expected is how many come in a span on average; zone is for a volume that names none.
func (v Volume) Expected(from, to time.Time, zone *time.Location) float64 {
	f := newFlow(v, zone, 0, "")
	sum := 0.0
	for m := minuteOf(from); m < minuteOf(to); m++ {
		sum += f.mean(m)
	}
	return sum
}

// flow draws how many come in each minute.
type flow struct {
	v           Volume
	zone        *time.Location
	week, hours []float64
	random      *rand.Rand

	until minute  // the mean holds up to here
	base  float64 // mean of a minute, before bursts
	burst float64
	zero  float64 // exp(-mean): what Knuth's method counts down to
	owed  float64 // of an even flow
	begun bool
}

func newFlow(v Volume, zone *time.Location, seed uint64, name string) *flow {
	if own, err := location(v.Zone, zone); err == nil {
		zone = own
	}
	if zone == nil {
		zone = time.UTC
	}
	f := &flow{v: v, zone: zone, random: source(seed, "flow "+name), burst: 1}
	f.week, f.hours = v.weights()
	return f
}

// source is a stream of chance of its own for each thing, so that one more subject
// leaves all others as they were.
func source(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// mean is the average of one minute. Zones differ by multiples of a quarter of an hour.
func (f *flow) mean(m minute) float64 {
	if m >= f.until || !f.begun {
		local := m.time().In(f.zone)
		f.base = f.v.PerDay / 1440 * f.week[(int(local.Weekday())+6)%7] * f.hours[local.Hour()]
		if factor, ok := f.v.Dates[local.Format(time.DateOnly)]; ok {
			f.base *= factor
		}
		f.until, f.begun = m-m%15+15, true
	}
	return f.base
}

// draw is how many come in one minute; minutes are asked for in their order.
func (f *flow) draw(m minute) int {
	if f.v.PerDay == 0 {
		return 0
	}
	fresh := m >= f.until || !f.begun
	mean := f.mean(m)
	if f.v.Noise == NoiseNone {
		f.owed += mean
		n := math.Floor(f.owed + 1e-9)
		f.owed -= n
		return int(n)
	}
	if f.v.Noise == NoiseNB && (m%hour == 0 || f.zero == 0) {
		spread := f.v.Spread
		if spread == 0 {
			spread = 0.1
		}
		f.burst, fresh = gamma(f.random, 1/spread)*spread, true
	}
	mean *= f.burst
	if fresh {
		f.zero = math.Exp(-mean)
	}
	return poisson(f.random, mean, f.zero)
}

func poisson(r *rand.Rand, mean, zero float64) int {
	if mean > 30 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n := 0
	for p := r.Float64(); p > zero; p *= r.Float64() {
		n++
	}
	return n
}

// gamma draws by Marsaglia and Tsang, with scale 1.
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := r.Float64(); math.Log(u) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// share draws how many of n fall under a probability.
func share(r *rand.Rand, n int, p float64) int {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case n > 200:
		mean := float64(n) * p
		return min(n, max(0, int(math.Round(mean+math.Sqrt(mean*(1-p))*r.NormFloat64()))))
	}
	hits := 0
	for range n {
		if r.Float64() < p {
			hits++
		}
	}
	return hits
}

func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, keepwatch.ErrInvalid)...)
}

func oneOf(s string, list ...string) bool {
	for _, x := range list {
		if s == x {
			return true
		}
	}
	return false
}
