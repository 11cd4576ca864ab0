package report

import (
	"fmt"
	"strings"

	"keepwatch/client"
	"keepwatch/internal/impact"
)

// The figures of a comparison that are no figures of an incident.
const (
	Incidents     = "incidents"
	PreventedOnes = "prevented"
)

// Compare puts a month beside another one, figure by figure. What one of them does not
// know is not taken for none.
func Compare(month, with client.MonthReport) client.MonthsCompared {
	out := client.MonthsCompared{Month: month, With: with, Changes: []client.MonthChange{}, Says: summary(month)}
	a, b := figuresOf(month), figuresOf(with)
	for _, name := range comparedNames() {
		x, y := figure(a, name), figure(b, name)
		if x != nil || y != nil {
			out.Changes = append(out.Changes, change(name, x, y))
		}
	}
	return out
}

// comparedNames are the figures in the order in which a month is told.
func comparedNames() []string {
	names := []string{Incidents, PreventedOnes, impact.OutageHours}
	for _, name := range impact.Names {
		if name != impact.OutageHours {
			names = append(names, name)
		}
	}
	return names
}

func figure(all map[string]client.Figure, name string) *client.Figure {
	if f, ok := all[name]; ok {
		return &f
	}
	return nil
}

// figuresOf are a month's figures by name.
func figuresOf(m client.MonthReport) map[string]client.Figure {
	out := map[string]client.Figure{
		Incidents:     exact(len(m.Incidents), "incidents", "detected in the month"),
		PreventedOnes: exact(len(m.Prevented), "outages", "renewed after a warning and before the end"),
	}
	for name, f := range m.Totals {
		out[name] = f
	}
	for name, t := range m.Times {
		out[name] = client.Figure{Low: t.Median, Mid: t.Median, High: t.Median, Unit: "seconds", Formula: fmt.Sprintf("median of %d incidents", t.Incidents), Source: impact.Measured}
	}
	if f, ok := worstStale(m); ok {
		out[impact.HoursStale] = f
	}
	return out
}

func exact(n int, unit, formula string) client.Figure {
	return client.Figure{Low: float64(n), Mid: float64(n), High: float64(n), Unit: unit, Formula: formula, Source: impact.Measured}
}

// worstStale is the incident that left data stale longest: the hours of two extensions
// are no sum.
func worstStale(m client.MonthReport) (worst client.Figure, some bool) {
	for _, i := range m.Incidents {
		if f, ok := i.Impact[impact.HoursStale]; ok && (!some || f.Mid > worst.Mid) {
			worst, some = f, true
		}
	}
	if some {
		worst.Formula = "the worst incident: " + worst.Formula
	}
	return worst, some
}

func change(name string, now, before *client.Figure) client.MonthChange {
	c := client.MonthChange{Name: name, Figure: now, With: before, Verdict: "unknown"}
	if now == nil || before == nil || now.Unit != before.Unit {
		return c
	}
	if before.Mid != 0 {
		c.Ratio = new(now.Mid / before.Mid)
	}
	switch {
	case now.Mid == before.Mid:
		c.Verdict = "same"
	case (now.Mid < before.Mid) != (name == PreventedOnes):
		c.Verdict = "better"
	default:
		c.Verdict = "worse"
	}
	return c
}

// summary is a month in a sentence.
func summary(m client.MonthReport) string {
	if len(m.Incidents) == 0 {
		return "No incident was detected" + prevention(m) + "."
	}
	parts := []string{counted(len(m.Incidents), "incident")}
	if f, ok := m.Totals[impact.OutageHours]; ok && f.Mid > 0 {
		parts = append(parts, say(f)+" of outage")
	}
	if text := cost(m.Totals, false); text != "" {
		parts = append(parts, strings.ToLower(text[:1])+text[1:])
	}
	text := strings.Join(parts, ", ") + prevention(m) + "."
	if m.SoFar {
		text += " It is not over: figures are so far."
	}
	return text
}

func prevention(m client.MonthReport) string {
	if len(m.Prevented) == 0 {
		return ""
	}
	return "; " + counted(len(m.Prevented), "outage") + " prevented by a warning"
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
