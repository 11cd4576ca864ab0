package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// The suite lives through years of journeys, hour by hour and refitted each day,
// and counts what the judge says of them. Its stories are the ones that the method
// was chosen by, and two that are harder.

var suite = []story{
	{name: "30, Poisson", month: 30},
	{name: "300, Poisson", month: 300},
	{name: "1,000, Poisson", month: 1000},
	{name: "1,000, clumps and slow days", month: 1000, clump: .5, slow: .05},
	{name: "1,000, nasty", month: 1000, clump: 1, slow: .1, days: .03, growth: .03},
	{name: "10,000, nasty", month: 10_000, clump: 1, slow: .1, days: .03, growth: .03},
	{name: "10,000, Poisson", month: 10_000},
}

const lead = 6 * 7 * 24 // hours of history before the judging begins

// tally is what one way of judging said over many months.
type tally struct {
	months float64
	alarms int
	missed []float64 // events expected from each stop to its alarm
	hours  []float64
	stops  int
}

type verdicts struct {
	page, ticket, thin, plain, lastWeek tally
	star                                []float64
}

func size() (series, months int) {
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		return 24, 12
	}
	return 3, 6
}

func run(s story, series, months int) *verdicts {
	v := &verdicts{}
	for seed := range series {
		s.chance = rand.New(rand.NewPCG(uint64(seed), 6))
		s.zone = []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata"}[seed%3]
		s.began = time.Date(2025, time.September, 1+seed, 0, 0, 0, 0, time.UTC)
		newLife(s, lead+months*720).live(v)
	}
	return v
}

// life is one series on its way.
type life struct {
	story  story
	counts []int64
	rates  []float64
	zone   *time.Location
	stops  *rand.Rand
}

func newLife(s story, n int) *life {
	l := &life{story: s, stops: rand.New(rand.NewPCG(uint64(s.began.Day()), 7))}
	l.counts, l.rates = s.hours(n)
	l.zone, _ = time.LoadLocation(s.zone)
	return l
}

func (l *life) at(i int) time.Time { return l.story.began.Add(time.Duration(i) * time.Hour) }

// history is what the store would give before hour i; from stopped on nothing came.
func (l *life) history(i, stopped int) []keepwatch.Hour {
	var hours []keepwatch.Hour
	for k := max(0, i-26*168); k < i; k++ {
		if k < i-lead-24 && l.story.month > 60 {
			continue
		}
		h := keepwatch.Hour{Start: l.at(k), Amount: l.counts[k], Observed: time.Hour}
		if k >= stopped {
			h.Amount = 0
		}
		hours = append(hours, h)
	}
	return hours
}

func (l *life) fit(i, stopped int, except []detect.Span) *keepwatch.Model {
	m, ok := detect.Fit("s", l.history(i, stopped), l.zone, l.at(i), except, nil)
	if !ok {
		return nil
	}
	return &m
}

func (l *life) live(v *verdicts) {
	var model *keepwatch.Model
	w := detect.Judge(nil, nil, look(l.at(lead), 0, l.story.zone))
	var except []detect.Span
	entered, plain := int64(0), 0.0
	paged, ticketed, thinned, halved, plainly := false, false, false, false, false
	edge := func(t *tally, was *bool, is bool) {
		if is && !*was {
			t.alarms++
		}
		*was = is
	}
	next := lead + 24*7 + l.stops.IntN(480)
	for i := lead; i < len(l.counts); i++ {
		if (i-lead)%24 == 0 {
			model = l.fit(i, len(l.counts), except)
		}
		if i == next && w.Verdict.Outcome == keepwatch.OK {
			l.stop(i, w, model, plain, except, v)
			next += 240 + l.stops.IntN(720)
		} else if i == next {
			next++
		}
		entered += l.counts[i]
		w = detect.Judge(&w, model, look(l.at(i+1), entered, l.story.zone))
		open := w.Verdict.Outcome != keepwatch.OK && w.Verdict.Outcome != ""
		if open && !ticketed && !thinned {
			except = append(except, detect.Span{From: w.Verdict.Since})
		} else if !open && (ticketed || thinned) {
			except[len(except)-1].To = l.at(i + 1)
		}
		edge(&v.page, &paged, w.Verdict.Page)
		edge(&v.ticket, &ticketed, w.Verdict.Outcome == keepwatch.JourneyStalled)
		edge(&v.thin, &thinned, w.Verdict.Outcome == keepwatch.VolumeDropped)
		if model != nil {
			plain = plainSilence(plain, model, l.counts[i], l.at(i), l.zone)
			edge(&v.plain, &plainly, plain >= plainThreshold(model))
			edge(&v.lastWeek, &halved, l.halfOfLastWeek(i, len(l.counts)))
		}
	}
	for _, t := range []*tally{&v.page, &v.ticket, &v.thin, &v.plain, &v.lastWeek} {
		t.months += float64(len(l.counts)-lead) / 720
	}
}

// stop lets the journey stop at hour i, and waits for the alarms.
func (l *life) stop(i int, w keepwatch.Watch, model *keepwatch.Model, plain float64, except []detect.Span, v *verdicts) {
	missed := 0.0
	entered := *w.Reading.Journey.Entered
	open := map[*tally]bool{&v.page: true, &v.ticket: true, &v.plain: true, &v.lastWeek: true}
	for t := range open {
		t.stops++
	}
	said := func(t *tally, is bool, k int) {
		if is && open[t] {
			t.missed, t.hours, open[t] = append(t.missed, missed), append(t.hours, float64(k-i+1)), false
		}
	}
	v.star = append(v.star, math.Log(model.Starts/detect.Budget))
	for k := i; k < min(i+60*24, len(l.counts)); k++ {
		if (k-lead)%24 == 0 && k > i {
			model = l.fit(k, i, except)
			if model == nil {
				break
			}
		}
		missed += l.rates[k]
		w = detect.Judge(&w, model, look(l.at(k+1), entered, l.story.zone))
		said(&v.page, w.Verdict.Page, k)
		said(&v.ticket, w.Verdict.Outcome == keepwatch.JourneyStalled, k)
		plain = plainSilence(plain, model, 0, l.at(k), l.zone)
		said(&v.plain, plain >= plainThreshold(model), k)
		said(&v.lastWeek, l.halfOfLastWeek(k, i), k)
		if !open[&v.page] && !open[&v.ticket] && !open[&v.plain] {
			break
		}
	}
}

// plainSilence is the comparison: expected events since the last, as if Poisson.
func plainSilence(score float64, m *keepwatch.Model, n int64, at time.Time, zone *time.Location) float64 {
	if n > 0 {
		return 0
	}
	local := at.In(zone)
	return score + m.Cells[int(local.Weekday())*24+local.Hour()]
}

func plainThreshold(m *keepwatch.Model) float64 {
	starts := 0.0
	for _, mu := range m.Cells {
		starts += 1 - math.Exp(-mu)
	}
	return math.Log(max(starts*720/168, 1) / detect.Budget)
}

// halfOfLastWeek is the other comparison: the last six hours hold less than half
// of the same six a week before.
func (l *life) halfOfLastWeek(i, stopped int) bool {
	now, then := int64(0), int64(0)
	for k := i - 5; k <= i; k++ {
		if k < stopped {
			now += l.counts[k]
		}
		then += l.counts[k-168]
	}
	return 2*now < then
}

func (t tally) rate() float64 { return float64(t.alarms) / t.months }

func median(x []float64) float64 { return quant(x, .5) }

func quant(x []float64, p float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	return x[min(int(p*float64(len(x))), len(x)-1)]
}

func TestSuite(t *testing.T) {
	series, months := size()
	for _, s := range suite {
		began := time.Now()
		v := run(s, series, months)
		fmt.Printf("%-30s page %.3f ticket %.3f thin %.3f plain %.2f week %.2f | S* %.1f missed page %.1f/%.1f ticket %.1f plain %.1f week %.1f | h page %.0f ticket %.0f plain %.0f | %d/%d stops week %d %s\n", s.name,
			v.page.rate(), v.ticket.rate(), v.thin.rate(), v.plain.rate(), v.lastWeek.rate(), median(v.star), median(v.page.missed), quant(v.page.missed, .9), median(v.ticket.missed), median(v.plain.missed), median(v.lastWeek.missed),
			median(v.page.hours), median(v.ticket.hours), median(v.plain.hours), len(v.page.missed), v.page.stops, len(v.lastWeek.missed), time.Since(began).Round(10*time.Millisecond))
	}
}
