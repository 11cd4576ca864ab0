package detect

import (
	"math"
	"time"

	"keepwatch"
)

// Expected is the count that a span should hold: its 10 %, 50 % and 90 %
// quantiles. They are those of the negative binomial that has the mean and the
// variance of the baseline, with slow days, clumps and the fit's own uncertainty.
func Expected(m *keepwatch.Model, zone *time.Location, from, to time.Time) (low, mid, high float64) {
	m = usable(m)
	if m == nil || !from.Before(to) {
		return 0, 0, 0
	}
	if zone == nil {
		zone = zoneOf(m.Zone)
	}
	mean, variance := moments(m, zone, from, to)
	return quantile(0.1, mean, variance), quantile(0.5, mean, variance), quantile(0.9, mean, variance)
}

// moments are the mean and the variance of the count in a span.
func moments(m *keepwatch.Model, zone *time.Location, from, to time.Time) (mean, variance float64) {
	today, daily := int64(math.MinInt64), 0.0
	for from.Before(to) {
		end := from.Truncate(time.Hour).Add(time.Hour)
		if end.After(to) {
			end = to
		}
		if d := dayOf(from, zone); d != today {
			variance += daily * daily * m.Slow
			today, daily = d, 0
		}
		mu := m.Cells[cellOf(from, zone)] * end.Sub(from).Hours()
		variance += mu + mu*mu*m.Clump*(1+m.Slow)
		mean, daily = mean+mu, daily+mu
		from = end
	}
	return mean, (variance + daily*daily*m.Slow) * (1 + 1/(m.Weeks+shrinkage))
}

// quantile of the negative binomial (Poisson, where the variance is no more than
// the mean) with these moments.
func quantile(p, mean, variance float64) float64 {
	if mean <= 0 {
		return 0
	}
	if mean > 500 {
		// Wilson and Hilferty's cube root of a gamma variable, exact enough where
		// single events do not count.
		k := mean * mean / variance
		z := math.Sqrt2 * math.Erfinv(2*p-1)
		root := 1 - 1/(9*k) + z/(3*math.Sqrt(k))
		return math.Round(mean * math.Pow(max(root, 0), 3))
	}
	excess := max(variance-mean, 0) / (mean * mean)
	term := math.Exp(-mixed(mean, excess)) // of no events
	below := term
	n := 0.0
	for ; below < p && n < 100*(mean+10); n++ {
		term *= mean * (1 + excess*n) / (1 + excess*mean) / (n + 1)
		below += term
	}
	return n
}
