package report

import (
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/impact"
)

// say renders a figure of the wire.
func say(f client.Figure) string {
	return impact.Say(keepwatch.Figure{Low: f.Low, Mid: f.Mid, High: f.High, Unit: f.Unit})
}

// took renders seconds.
func took(seconds float64) string {
	return impact.Say(keepwatch.Figure{Low: seconds, Mid: seconds, High: seconds, Unit: "seconds"})
}

func sums(figures []client.SubjectFigure) []client.SubjectFigure {
	return slices.DeleteFunc(slices.Clone(figures), func(f client.SubjectFigure) bool { return f.Subject != "" })
}

func parts(figures []client.SubjectFigure) []client.SubjectFigure {
	return slices.DeleteFunc(slices.Clone(figures), func(f client.SubjectFigure) bool { return f.Subject == "" })
}

// named is a figure of a map, which has no order of its own.
type named struct {
	Name string
	client.Figure
}

// inOrder lists figures as reports do, the most telling first.
func inOrder(figures map[string]client.Figure) []named {
	var out []named
	for _, name := range impact.Names {
		if f, ok := figures[name]; ok {
			out = append(out, named{name, f})
		}
	}
	return out
}

var timeNames = []string{impact.TimeToDetect, impact.TimeToAcknowledge, impact.TimeToRestore, impact.TimeToCatchUp}

// tookOf is how long something of an incident took.
func tookOf(figures map[string]client.Figure, name string) string {
	if f, ok := figures[name]; ok {
		return took(f.Mid)
	}
	return "–"
}

// cost is what an incident cost in a few words.
func cost(figures map[string]client.Figure, open bool) string {
	i := keepwatch.Impact{Final: !open}
	for name, f := range figures {
		i.Figures = append(i.Figures, keepwatch.Figure{Name: name, Low: f.Low, Mid: f.Mid, High: f.High, Unit: f.Unit})
	}
	return capital(impact.Headline(i))
}

// left is how much time an action has.
func left(a client.Action, now time.Time) string {
	switch {
	case a.Done:
		return "has recovered"
	case a.Until == nil:
		return ""
	case !now.Before(*a.Until):
		return "too late since " + stamp(a.Until) + " UTC"
	}
	return "until " + stamp(a.Until) + " UTC, " + took(a.Until.Sub(now).Seconds()) + " left"
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
