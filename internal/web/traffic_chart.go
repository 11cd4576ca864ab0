package web

import (
	"fmt"
	"strings"
	"time"

	"keepwatch/client"
	"keepwatch/internal/view"
)

// holderChart are the hours of one holder's token requests as three small charts with
// one time axis, and the same as a table.
type holderChart struct {
	Holder   string
	Rate     barChart // share of requests that were granted
	Attempts barChart // requests for each token
	Pace     barChart // requests an hour
	Hours    []client.TrafficHour
}

// barChart is one chart as paths, in a box of hourlyWidth by hourlyHeight.
type barChart struct {
	Good, Bad string  // bars; of a rate, Bad stands on Good
	Rule      float64 // y of a line to compare with; below 0: none
	RuleText  string
	Label     string // all of it in a sentence
	Top       string // what the full height stands for
	Newest    string // the value of the newest hour with one
}

const (
	hourlySlots  = 48
	hourlyWidth  = hourlySlots * slotWidth
	hourlyHeight = 40.0
)

// chartsOf draws each holder's hours. A holder without a request in them has no chart.
func chartsOf(t client.Traffic, now time.Time) []holderChart {
	var out []holderChart
	for _, h := range t.Holders {
		c := holderChart{Holder: h.Name}
		for _, hour := range t.Hours {
			if hour.Holder == h.Name && hour.Requests > 0 {
				c.Hours = append(c.Hours, hour)
			}
		}
		if len(c.Hours) == 0 {
			continue
		}
		c.Rate, c.Attempts, c.Pace = rateChart(c.Hours, t), attemptsChart(c.Hours, t), paceChart(c.Hours, t)
		out = append(out, c)
	}
	return out
}

// hourAt is where an hour stands.
func hourAt(h client.TrafficHour, t client.Traffic) int {
	return int(h.Start.Sub(t.HoursFrom)/time.Hour) * slotWidth
}

// bar draws one bar from its foot up; what is there at all is seen.
func bar(b *strings.Builder, x int, foot, height float64) {
	if height <= 0 {
		return
	}
	height = max(height, 1)
	fmt.Fprintf(b, "M%d %.1fh%dv-%.1fh-%dz", x, foot, barThick, height, barThick)
}

func rateChart(hours []client.TrafficHour, t client.Traffic) barChart {
	var good, bad strings.Builder
	requests, granted := 0, 0
	worst := hours[0]
	for _, h := range hours {
		share := float64(h.Granted) / float64(h.Requests)
		bar(&good, hourAt(h, t), hourlyHeight, share*hourlyHeight)
		bar(&bad, hourAt(h, t), hourlyHeight-share*hourlyHeight, (1-share)*hourlyHeight)
		requests, granted = requests+h.Requests, granted+h.Granted
		if share < float64(worst.Granted)/float64(worst.Requests) {
			worst = h
		}
	}
	rate, low, newest := part(granted, requests), part(worst.Granted, worst.Requests), hours[len(hours)-1]
	c := barChart{Good: good.String(), Bad: bad.String(), Rule: hourlyHeight * (1 - t.Objective), Top: "100 %", Newest: view.Percent(part(newest.Granted, newest.Requests))}
	c.RuleText = "objective " + view.Percent(&t.Objective)
	c.Label = fmt.Sprintf("%s of %d token requests were granted in 48 hours; %s", view.Percent(rate), requests, c.RuleText)
	if *low < 1 {
		c.Label += fmt.Sprintf("; lowest %s in the hour of %s UTC", view.Percent(low), worst.Start.Format("2 Jan 15:04"))
	}
	return c
}

func part(n, of int) *float64 {
	v := float64(n) / float64(max(of, 1))
	return &v
}

// noisy is from where on a token costs too many requests to be chance.
const noisy = 1.1

func attemptsChart(hours []client.TrafficHour, t client.Traffic) barChart {
	most := 2.0
	for _, h := range hours {
		most = max(most, attempts(h))
	}
	var good, bad strings.Builder
	worst := hours[0]
	for _, h := range hours {
		a := attempts(h)
		into := &good
		if a > noisy {
			into = &bad
		}
		bar(into, hourAt(h, t), hourlyHeight, a/most*hourlyHeight)
		if a > attempts(worst) {
			worst = h
		}
	}
	return barChart{
		Good: good.String(), Bad: bad.String(), Rule: hourlyHeight * (1 - 1/most), RuleText: "one request for each token", Top: trimmed(most), Newest: trimmed(attempts(hours[len(hours)-1])),
		Label: fmt.Sprintf("requests for each token, hour by hour: at most %s, in the hour of %s UTC; 1 is as it should be", trimmed(attempts(worst)), worst.Start.Format("2 Jan 15:04")),
	}
}

// attempts of an hour without a token are all of its requests: none brought one.
func attempts(h client.TrafficHour) float64 { return float64(h.Requests) / float64(max(h.Granted, 1)) }

func paceChart(hours []client.TrafficHour, t client.Traffic) barChart {
	most := t.Guideline * 1.25
	for _, h := range hours {
		most = max(most, float64(h.Requests))
	}
	var good, bad strings.Builder
	above := 0
	for _, h := range hours {
		into := &good
		if float64(h.Requests) > t.Guideline {
			into = &bad
			above++
		}
		bar(into, hourAt(h, t), hourlyHeight, float64(h.Requests)/most*hourlyHeight)
	}
	c := barChart{Good: good.String(), Bad: bad.String(), Rule: hourlyHeight * (1 - t.Guideline/most), Top: trimmed(most), Newest: fmt.Sprint(hours[len(hours)-1].Requests)}
	c.RuleText = "guideline " + trimmed(t.Guideline) + " an hour and machine"
	c.Label = fmt.Sprintf("token requests an hour; %s; above it in %s", c.RuleText, plural(above, "hour"))
	return c
}

func trimmed(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}
