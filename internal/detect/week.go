package detect

import (
	"math"
	"slices"
	"sync"
	"time"

	"keepwatch"
)

const (
	week  = 7 * day
	cells = 7 * 24
	// hoursAMonth is the month in which false alarms are counted: 30 days.
	hoursAMonth = 720.0
)

// Budget is how many false alarms a month one series may raise where its model
// does not say.
const Budget = 0.1

// BudgetOf shares one false alarm a month among so many series; a series alone is
// not given more than Budget. It costs little: the threshold grows with the
// logarithm, and 200 series wait for three expected events more than one does.
func BudgetOf(series int) float64 { return min(Budget, 1/float64(max(series, 1))) }

// placeOf is the hour of the local week of an instant, Sunday 00:00 first, and the
// number of its local day. Hours are cut in UTC, where they are all of one length:
// the night in which the clock is put back has the cell of 02:00 twice, the other
// one has it not at all.
func placeOf(t time.Time, zone *time.Location) (cell int, date int64) {
	_, offset := t.Truncate(time.Hour).In(zone).Zone()
	local := t.Truncate(time.Hour).Unix() + int64(offset)
	date = local / 86400
	if local%86400 < 0 {
		date--
	}
	hour := (local - date*86400) / 3600
	weekday := ((date+4)%7 + 7) % 7 // the first day of 1970 was a Thursday
	return int(weekday*24 + hour), date
}

func cellOf(t time.Time, zone *time.Location) int {
	cell, _ := placeOf(t, zone)
	return cell
}

func dayOf(t time.Time, zone *time.Location) int64 {
	_, date := placeOf(t, zone)
	return date
}

var zones sync.Map // of locations that were loaded, by name

// zoneOf is the location of a name; UTC where there is none of that name.
func zoneOf(name string) *time.Location {
	if name == "" {
		return time.UTC
	}
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		z = time.UTC
	}
	zones.Store(name, z)
	return z
}

// mixed is the evidence of x expected events that did not come, where the rate
// itself varies as a gamma variable of the inverse shape inv: r·ln(1+x/r). With
// inv 0 the rate is certain, and each expected event counts whole.
func mixed(x, inv float64) float64 {
	if x*inv < 1e-9 {
		return x
	}
	return math.Log1p(x*inv) / inv
}

// hourly is the evidence of an hour that stayed empty. It is no more than the
// training could show: of n hours that were watched none may prove by itself what
// happens less often than once in n. A load that is late for once, and so leaves one
// hour empty, is no stop.
func hourly(x float64, m *keepwatch.Model) float64 {
	return min(mixed(x, m.Clump), shown(m))
}

// shown is the most evidence that so many hours of training can bear witness of.
func shown(m *keepwatch.Model) float64 { return math.Log1p(m.Weeks * cells) }

// threshold is the evidence from which a silence counts as no chance:
// S* = ln(H+/f). Each silence starts after one hour that was not empty; there are
// H+ of those in a month, and each reaches a score s with a probability of at most
// exp(-s). So false alarms stay below H+·exp(-S*) = f.
func threshold(m *keepwatch.Model) float64 {
	return math.Log(max(m.Starts, 1) / budget(m))
}

// noticeable is the evidence that is worth a ticket. Where batches have come so
// faithfully that a missed day says enough, it is one missed deadline.
func noticeable(m *keepwatch.Model) float64 {
	bar := min(threshold(m), pages(m))
	if m.Batch != nil && m.Batch.Miss >= faithful {
		return min(bar, silence(m.Batch.Miss, m))
	}
	return bar
}

// faithful is the evidence of one missed day after a month without one: ln 33.
const faithful = 3.5

// pages is the evidence that wakes somebody: what is noticeable by a model whose promises
// were weighed against its own training. That may lower the bar, too, but not below what
// the training could show at all.
func pages(m *keepwatch.Model) float64 {
	bar := threshold(m)
	return max(bar*tailOf(m)-m.Spare, min(bar, shown(m)))
}

// needs is how many events must stay away until a stop is sure, and how many days
// that takes: the median over the days of the week on which it may begin.
func needs(m *keepwatch.Model) (events, wait float64) {
	var evidence, due [7]float64
	for d := range evidence {
		for h := range 24 {
			mu := m.Cells[d*24+h]
			due[d] += mu
			if m.Batch != nil {
				evidence[d] += m.Batch.Empty[d*24+h]
			} else {
				evidence[d] += hourly(mu, m)
			}
		}
		if m.Batch == nil {
			evidence[d] = mixed(evidence[d], m.Slow)
		} else if m.Batch.Deadline[d] > 0 {
			evidence[d] = max(evidence[d], m.Batch.Miss)
		}
	}
	bar := pages(m)
	var all, long [7]float64
	for d := range all {
		score := 0.0
		for ; long[d] < waitMost; long[d]++ {
			k := (d + int(long[d])) % 7
			before := silence(score, m)
			score += evidence[k]
			if after := silence(score, m); after >= bar {
				part := (bar - before) / (after - before)
				all[d], long[d] = all[d]+part*due[k], long[d]+part
				break
			}
			all[d] += due[k]
		}
	}
	slices.Sort(all[:])
	slices.Sort(long[:])
	return round(all[3]), round(long[3])
}

const waitMost = 400 // days

// thinThreshold is the same for a flow that grows thin, which is looked at each hour.
func thinThreshold(m *keepwatch.Model, i int) float64 {
	return math.Log(hoursAMonth/budget(m)) * factor(m.Thin, i)
}

func factor(factors []float64, i int) float64 {
	if i < len(factors) && factors[i] >= 1 {
		return factors[i]
	}
	return 1
}

func budget(m *keepwatch.Model) float64 {
	if m.Budget > 0 && m.Budget < 1 {
		return m.Budget
	}
	return Budget
}

// silence is the score of a silence, with what the uncertainty of the fit takes
// from it: S' = A·ln(1+S/A).
func silence(score float64, m *keepwatch.Model) float64 {
	return mixed(score, 1/float64(max(m.Events, 1)))
}

// tiny is an expectation that counts as none.
const tiny = 1e-9

// Fractions are the partial drops that are looked for.
var Fractions = [...]float64{0.25, 0.5}

// lnFractions are their logarithms.
var lnFractions = [...]float64{math.Log(0.25), math.Log(0.5)}

func lnOf(fraction float64) float64 {
	for i, f := range Fractions {
		if f == fraction {
			return lnFractions[i]
		}
	}
	return math.Log(fraction)
}

// thinner is the logarithm of how much likelier n events are when the flow has
// fallen to a fraction of mean than when it has not; inv is the inverse shape.
func thinner(n int64, mean, inv, fraction float64) float64 {
	if mean < tiny {
		return float64(n) * lnOf(fraction)
	}
	if mean*inv < 1e-9 {
		return float64(n)*lnOf(fraction) + (1-fraction)*mean
	}
	lnq := math.Log1p(mean*inv) - math.Log1p(fraction*mean*inv)
	return float64(n)*(lnOf(fraction)+lnq) + lnq/inv
}

// blockShape is the inverse shape of the sum over a part of a day: the clumps of
// its hours even out, the slowness of the day does not.
func blockShape(m *keepwatch.Model, mean, square float64) float64 {
	if mean < tiny {
		return m.Slow
	}
	return m.Slow + square/(mean*mean)*m.Clump*(1+m.Slow)
}

// step adds a block of about an hour to a drop: n events where mean were expected.
// newDay ends the block of the day before.
func step(d keepwatch.Drop, m *keepwatch.Model, i int, n int64, mean float64, from time.Time, newDay bool) keepwatch.Drop {
	d, _ = thinned(d, sum(d, m, Fractions[i]), m, i, most*thinThreshold(m, i), n, mean, from, newDay)
	d.Well = max(0, d.Well-thinner(n, mean, blockShape(m, mean, mean*mean), Fractions[i]))
	return d
}

// thinned is step without what speaks for the end of the drop. The evidence so far is handed
// in and out: a fit takes thousands of steps, and the logarithms are all that they cost.
func thinned(d keepwatch.Drop, evidence float64, m *keepwatch.Model, i int, bound float64, n int64, mean float64, from time.Time, newDay bool) (keepwatch.Drop, float64) {
	if d.From.IsZero() {
		d.From = from
	}
	if newDay {
		d.Base, d.N, d.Mean, d.Square = evidence, 0, 0, 0
	}
	bound = min(bound, max(evidence, 0)+blockMost)
	d.N, d.Mean, d.Square = d.N+n, d.Mean+mean, d.Square+mean*mean
	switch evidence = sum(d, m, Fractions[i]); {
	case evidence <= 0:
		d.From, d.Base, d.N, d.Mean, d.Square = time.Time{}, 0, 0, 0, 0
		evidence = 0
	case evidence > bound:
		d.Base -= evidence - bound
		evidence = sum(d, m, Fractions[i])
	}
	return d, evidence
}

// blockMost is what one block may prove: a load that falls into the next one leaves
// a block empty, and is no drop.
const blockMost = 3.0

// most bounds evidence that has piled up, in thresholds: more would only delay the
// end.
const most = 3

// sum is the evidence of a drop so far.
func sum(d keepwatch.Drop, m *keepwatch.Model, fraction float64) float64 {
	return d.Base + thinner(d.N, d.Mean, blockShape(m, d.Mean, d.Square), fraction)
}
