package detect

import (
	"math"
	"slices"
	"time"

	"keepwatch"
)

const (
	trainingWeeks  = 6  // what a baseline is fitted from …
	trainingMost   = 26 // … and how far back a slow count reaches for its events
	leastWeeks     = 3  // a weekly pattern needs so much …
	leastEvents    = 20 // … and so many
	pagingWeeks    = 4  // before that an alarm is a ticket
	shrinkage      = 4  // weeks that the pattern of hours and days weighs beside a cell's own
	levelHalfLife  = 2  // weeks
	holidayPrior   = 0.3
	tailPrior      = 10 // silences that behave as promised, counted beside those of the training
	tailMost       = 3
	spareLeast     = 20  // silences above the quantile, to lower a bar
	batchShare     = 0.8 // of the events in the busiest hours …
	batchHours     = 0.05
	batchSize      = 5 // … and so many at once
	deadlineShare  = 0.75
	deadlineMargin = 1 // hours
)

// Span is a stretch of time.
type Span struct{ From, To time.Time }

// Fit learns the weekly baseline of one count from its hours, in any order: the
// newest six weeks that were watched, or as many of 26 as it takes to see twenty
// events. Hours that meet a span of except are left out: incidents, pauses,
// maintenance. An incident that is still open is among them, which freezes the
// level. It reports false while the hours are too few for a weekly pattern; an
// older model is then the better one.
func Fit(series keepwatch.SeriesID, hours []keepwatch.Hour, zone *time.Location, now time.Time, except []Span, holiday func(time.Time) bool) (keepwatch.Model, bool) {
	if zone == nil {
		zone = time.UTC
	}
	f := fit{zone: zone, model: keepwatch.Model{Series: series, FittedAt: now, Zone: zone.String()}}
	f.choose(hours, now, except, holiday)
	m := &f.model
	m.Weeks = round(f.watched() / cells)
	if m.Weeks < leastWeeks || m.Events < leastEvents {
		return *m, false
	}
	f.pattern()
	f.levels()
	f.spread()
	f.holidays()
	f.rhythm()
	f.replay()
	f.settle()
	return *m, true
}

// fit is one training on its way.
type fit struct {
	zone  *time.Location
	model keepwatch.Model

	hours   []seen // of the training
	special []seen // on holidays

	mean  [cells]float64 // expected in each cell at the average level
	lent  [cells]float64 // what the other cells of its day and hour say of each
	level []float64      // by the weeks before now, 0 the newest

	count, weight [cells]float64 // events, and hours that were watched
}

// seen is one hour of the training.
type seen struct {
	at   time.Time
	n    float64
	part float64 // of the hour that was watched
	cell int
	day  int64
	week int     // before now
	mu   float64 // expected in it, at the level of its week …
	out  float64 // … and had it not been seen itself
}

func (f *fit) choose(hours []keepwatch.Hour, now time.Time, except []Span, holiday func(time.Time) bool) {
	all := make([]keepwatch.Hour, 0, len(hours))
	oldest, newest := now.Add(-trainingMost*week), now.Add(-time.Hour)
	for _, h := range hours {
		h.Start = h.Start.Truncate(time.Hour)
		if h.Observed > 0 && h.Amount >= 0 && h.Start.After(oldest) && !h.Start.After(newest) {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b keepwatch.Hour) int { return a.Start.Compare(b.Start) })
	watched := 0.0
	for i := len(all) - 1; i >= 0 && (watched < trainingWeeks*cells || f.model.Events < leastEvents); i-- {
		h := all[i]
		if within(h.Start, except) {
			continue
		}
		s := seen{at: h.Start, n: float64(min(h.Amount, 1e12)), part: min(h.Observed.Hours(), 1), week: int(now.Sub(h.Start) / week)}
		s.cell, s.day = placeOf(h.Start, f.zone)
		watched += s.part
		f.model.Events += int64(s.n)
		if holiday != nil && holiday(h.Start) {
			f.special = append(f.special, s)
		} else {
			f.hours = append(f.hours, s)
		}
	}
	slices.Reverse(f.hours)
}

func within(hour time.Time, spans []Span) bool {
	for _, s := range spans {
		if s.From.Before(hour.Add(time.Hour)) && (s.To.IsZero() || s.To.After(hour)) {
			return true
		}
	}
	return false
}

func (f *fit) watched() float64 {
	sum := 0.0
	for _, h := range f.hours {
		sum += h.part
	}
	return sum
}

// pattern fits the cells: each one's own mean, drawn towards a product of the hour
// of the day and the day of the week, so that sparse cells borrow strength.
func (f *fit) pattern() {
	var n, x [cells]float64
	for _, h := range f.hours {
		n[h.cell] += h.n
		x[h.cell] += h.part
	}
	byDay, byHour := product(n, x)
	for c := range f.mean {
		f.lent[c] = byDay[c/24] * byHour[c%24]
		f.mean[c] = (n[c] + shrinkage*f.lent[c]) / (x[c] + shrinkage)
	}
	f.count, f.weight = n, x
}

// product fits counts as the product of a day's and an hour's factor.
func product(n, x [cells]float64) (byDay [7]float64, byHour [24]float64) {
	for d := range byDay {
		byDay[d] = 1
	}
	for range 6 {
		for h := range byHour {
			over, under := 0.0, 0.0
			for d := range byDay {
				over, under = over+n[d*24+h], under+x[d*24+h]*byDay[d]
			}
			byHour[h] = quotient(over, under)
		}
		for d := range byDay {
			over, under := 0.0, 0.0
			for h := range byHour {
				over, under = over+n[d*24+h], under+x[d*24+h]*byHour[h]
			}
			byDay[d] = quotient(over, under)
		}
	}
	return byDay, byHour
}

func quotient(over, under float64) float64 {
	if under <= 0 {
		return 0
	}
	return over / under
}

// levels follows growth: for each week, its neighbours weighted by their distance.
func (f *fit) levels() {
	weeks := 0
	for _, h := range f.hours {
		weeks = max(weeks, h.week+1)
	}
	got, due := make([]float64, weeks), make([]float64, weeks)
	for _, h := range f.hours {
		got[h.week] += h.n
		due[h.week] += f.mean[h.cell] * h.part
	}
	f.level = make([]float64, max(weeks, 1))
	for w := range f.level {
		over, under := 0.0, 0.0
		for v := range weeks {
			weight := math.Exp2(-math.Abs(float64(w-v)) / levelHalfLife)
			over, under = over+weight*got[v], under+weight*due[v]
		}
		f.level[w] = 1
		if under > 0 {
			f.level[w] = over / under
		}
	}
	for i := range f.hours {
		h := &f.hours[i]
		h.mu = f.mean[h.cell] * f.level[h.week] * h.part
		c := h.cell
		h.out = (f.count[c] - h.n + shrinkage*f.lent[c]) / (f.weight[c] - h.part + shrinkage) * f.level[h.week] * h.part
	}
}

// spread measures by moments how much more than chance the counts vary: within an
// hour, and from day to day.
func (f *fit) spread() {
	var hour, hourSquare, daily, dailySquare, kappa float64
	days := 0.0
	// A cell's own count is part of its mean, so residuals are smaller than they
	// should be; that share is given back.
	weeks := f.watched() / cells
	own := 1 - 2/(weeks+shrinkage) + weeks/((weeks+shrinkage)*(weeks+shrinkage))
	for from := 0; from < len(f.hours); {
		to := from
		var n, mu, square float64
		for ; to < len(f.hours) && f.hours[to].day == f.hours[from].day; to++ {
			h := f.hours[to]
			n, mu, square = n+h.n, mu+h.mu, square+h.mu*h.mu
			hour += (h.n-h.mu)*(h.n-h.mu)/own - h.mu
		}
		hourSquare += square
		if mu > 0 {
			daily += (n-mu)*(n-mu)/own - mu
			dailySquare += mu * mu
			kappa += square / (mu * mu)
			days++
		}
		from = to
	}
	if hourSquare <= 0 || dailySquare <= 0 {
		return
	}
	kappa /= days
	eh, ed := max(hour/hourSquare, 0), max(daily/dailySquare, 0)
	u := 0.0
	if kappa < 1 {
		u = max((eh-ed)/(1-kappa), 0)
	}
	f.model.Slow = max(min(ed, eh-u), 0)
	if u == 0 {
		f.model.Slow = ed
	}
	f.model.Clump = u / (1 + f.model.Slow)
}

// holidays learns what is left of the flow on a holiday. Few are seen in a
// training, so a day's worth of the prior is counted with them.
func (f *fit) holidays() {
	day, got, due := 0.0, 0.0, 0.0
	for _, mu := range f.mean {
		day += mu / 7
	}
	for _, h := range f.special {
		got += h.n
		due += f.mean[h.cell] * f.level[min(h.week, len(f.level)-1)] * h.part
	}
	if day > 0 {
		f.model.Holiday = round(min(max((got+holidayPrior*day)/(due+day), 0.05), 1))
	}
}

// settle writes the cells at the present level.
func (f *fit) settle() {
	m := &f.model
	m.Clump, m.Slow, m.Tail, m.Spare, m.Longest = round(m.Clump), round(m.Slow), round(m.Tail), round(m.Spare), round(m.Longest)
	m.Cells = make([]float64, cells)
	m.Starts = 0
	for c, mu := range f.mean {
		m.Cells[c] = round(mu * f.level[0])
		if m.Batch != nil {
			m.Starts += 1 - math.Exp(-m.Batch.Empty[c])
		} else {
			m.Starts += 1 - math.Exp(-mixed(m.Cells[c], m.Clump))
		}
	}
	m.Starts = round(m.Starts * hoursAMonth / cells)
	m.Needs, m.Wait = needs(m)
}

// round keeps four digits: a model is a document, and its numbers are not exact.
func round(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// rhythm recognises a flow that comes by the batch: few hours hold nearly all.
func (f *fit) rhythm() {
	amounts := make([]float64, 0, len(f.hours))
	total, filled := 0.0, 0.0
	for _, h := range f.hours {
		amounts = append(amounts, h.n)
		total += h.n
		if h.n > 0 {
			filled++
		}
	}
	slices.Sort(amounts)
	top := 0.0
	for _, n := range amounts[len(amounts)-int(batchHours*float64(len(amounts))):] {
		top += n
	}
	if top < batchShare*total || total < batchSize*filled {
		return
	}
	f.model.Batch = &keepwatch.Batch{Empty: f.empty()}
	f.deadlines()
}

// empty is the evidence of each cell's hour where it brings nothing: of how often
// the cell brought something, drawn towards its day and hour like the counts.
func (f *fit) empty() []float64 {
	var n, x [cells]float64
	for _, h := range f.hours {
		if h.n > 0 {
			n[h.cell]++
		}
		x[h.cell] += h.part
	}
	byDay, byHour := product(n, x)
	evidence := make([]float64, cells)
	for c := range evidence {
		s := min(byDay[c/24]*byHour[c%24], 1)
		p := (n[c] + shrinkage*s) / (x[c] + shrinkage)
		evidence[c] = round(-math.Log1p(-min(p, 1-0.5/(x[c]+shrinkage+1))))
	}
	return evidence
}

// deadlines finds the days of the week that have a batch, the hour by which it was
// always there, and the least that it brings.
func (f *fit) deadlines() {
	var days, filled [7]float64
	var latest [7]int
	var logs []float64
	b := f.model.Batch
	for from := 0; from < len(f.hours); {
		to, watched, first, sum := from, 0.0, -1, 0.0
		for ; to < len(f.hours) && f.hours[to].day == f.hours[from].day; to++ {
			h := f.hours[to]
			watched, sum = watched+h.part, sum+h.n
			if h.n > 0 && first < 0 {
				first = h.cell % 24
			}
		}
		wd := f.hours[from].cell / 24
		from = to
		if first >= 0 {
			days[wd]++
			filled[wd]++
			latest[wd] = max(latest[wd], first)
			logs = append(logs, math.Log(sum))
		} else if watched >= 12 {
			days[wd]++
		}
	}
	all, missed := 0.0, 0.0
	for wd := range days {
		if days[wd] >= leastWeeks && filled[wd] >= deadlineShare*days[wd] && latest[wd]+deadlineMargin < 24 {
			b.Deadline[wd] = latest[wd] + deadlineMargin
			all, missed = all+days[wd], missed+days[wd]-filled[wd]
		}
	}
	if all > 0 {
		b.Miss = round(-math.Log((missed + 1) / (all + 2)))
	}
	b.Least = round(leastOfLogs(logs))
}

// replay lets the scores run over the training, and measures how far they keep what the
// model promises. Each hour is judged by what the others say of it: a silence draws down
// the very cells that it lies in, and so looks shorter than it is.
func (f *fit) replay() {
	m := &f.model
	var silences []float64
	score, today, due, day := 0.0, 0.0, 0.0, int64(math.MinInt64)
	slow := m.Slow
	if m.Batch != nil {
		slow = 0
	}
	for _, h := range f.hours {
		if h.day != day {
			score, today, day = score+mixed(today, slow), 0, h.day
		}
		switch {
		case h.n > 0:
			silences = append(silences, silence(score+mixed(today, slow), m))
			m.Longest = max(m.Longest, due)
			score, today, due = 0, 0, 0
		case m.Batch != nil:
			today, due = today+m.Batch.Empty[h.cell]*h.part, due+h.mu
		default:
			today, due = today+hourly(h.out, m), due+h.mu
		}
	}
	m.Tail = tail(silences)
	if m.Batch == nil {
		m.Spare = spare(silences, m.Tail)
	}
	m.Thin = make([]float64, len(Fractions))
	for i := range Fractions {
		m.Thin[i] = round(tail(f.excursions(i)))
	}
}

// excursions are the peaks of the evidence for a thin flow over the training.
func (f *fit) excursions(i int) []float64 {
	var peaks []float64
	d, c, peak, day := keepwatch.Drop{}, 0.0, 0.0, int64(math.MinInt64)
	bound := most * thinThreshold(&f.model, i)
	for k := range f.hours {
		h := &f.hours[k]
		d, c = thinned(d, c, &f.model, i, bound, int64(h.n), h.mu, h.at, h.day != day)
		day = h.day
		if c <= 0 && peak > 0 {
			peaks, peak = append(peaks, peak), 0
		}
		peak = max(peak, c)
	}
	return peaks
}

// tail is the mean excess of scores over their 90 % quantile, drawn towards 1 by a
// few scores that behave, and between 1 and 3.
func tail(scores []float64) float64 {
	if len(scores) == 0 {
		return 1
	}
	q, over := above(scores)
	excess := float64(tailPrior)
	for _, s := range over {
		excess += s - q
	}
	return min(max(excess/float64(len(over)+tailPrior), 1), tailMost)
}

// spare is by how much evidence the 90 % quantile of scores lies below what was promised:
// of scores that behave, a share of p lies above ln(1/p). Hours are whole, and the one in
// which a silence ends adds nothing, so most lie below. A few scores prove nothing.
func spare(scores []float64, tail float64) float64 {
	q, over := above(scores)
	if len(over) < spareLeast {
		return 0
	}
	return max(0, tail*math.Log(float64(len(scores))/float64(len(over)))-q)
}

// above are the 90 % quantile of scores, and those that exceed it.
func above(scores []float64) (q float64, over []float64) {
	slices.Sort(scores)
	q = scores[min(len(scores)*9/10, len(scores)-1)]
	from, _ := slices.BinarySearchFunc(scores, q, func(s, q float64) int {
		if s <= q {
			return -1
		}
		return 1
	})
	return q, scores[from:]
}
