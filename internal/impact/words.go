package impact

import (
	"fmt"
	"math"
	"strings"
	"time"

	"keepwatch"
)

// Say renders a figure for people: "about 1,667 contacts (1,615 to 1,719)". What is
// known exactly has no range.
func Say(f keepwatch.Figure) string { return sayAs(f, "") }

// sayAs puts what became of them before the range: "about 1,667 contacts lost (1,615
// to 1,719)".
func sayAs(f keepwatch.Figure, fate string) string {
	low, mid, high := amount(f.Low, f.Unit), amount(f.Mid, f.Unit), amount(f.High, f.Unit)
	text := mid
	switch f.Unit {
	case unitHours, unitSeconds:
	default:
		text += " " + f.Unit
	}
	if fate != "" {
		text += " " + fate
	}
	if low == high {
		return text
	}
	return fmt.Sprintf("about %s (%s to %s)", text, low, high)
}

// amount is a number with what its unit makes of it: times are told as times.
func amount(v float64, unit string) string {
	switch unit {
	case unitHours:
		return words(time.Duration(v * float64(time.Hour)))
	case unitSeconds:
		return words(time.Duration(v * float64(time.Second)))
	}
	return number(v)
}

// phrases end the sentence that a figure begins.
var phrases = map[string]string{
	ContactsLost: "lost", ContactsLate: "late", ContactsDelayed: "delayed", ContactsOnStaleData: "on stale data",
	MessagesNotSent: "not sent", QueueDepth: "waiting",
}

// headlines are the figures that stand for an incident, the most telling first. Late
// and lost are parts of what is delayed, so they take its place.
var headlines = []string{ContactsLost, ContactsLate, ContactsDelayed, ContactsOnStaleData, MessagesNotSent, QueueDepth}

// Headline says in a few words what an incident cost: the one or two figures that
// matter. "" where nothing has a figure.
func Headline(i keepwatch.Impact) string {
	var parts []string
	some := false
	for _, name := range headlines {
		f, ok := Sum(i, name)
		if !ok || f.Mid <= 0 && f.High <= 0 || name == ContactsDelayed && some {
			continue
		}
		some = some || name == ContactsLost || name == ContactsLate
		if parts = append(parts, sayAs(f, phrases[name])); len(parts) == 2 {
			break
		}
	}
	if f, ok := Sum(i, HoursStale); ok && len(parts) < 2 && f.Mid > 0 {
		parts = append(parts, "data stale for "+Say(f))
	}
	if len(parts) == 0 {
		return ""
	}
	text := strings.Join(parts, ", ")
	if !i.Final {
		text += ", so far"
	}
	return text
}

// Title names a figure for people.
func Title(name string) string {
	text := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// Range joins figures of several incidents into one: they are independent of each
// other, so their doubt adds up in quadrature.
func Range(figures []keepwatch.Figure) keepwatch.Figure {
	var out keepwatch.Figure
	var below, above float64
	for i, f := range figures {
		if i == 0 {
			out = keepwatch.Figure{Name: f.Name, Unit: f.Unit, Source: f.Source}
		}
		out.Mid += f.Mid
		below, above = math.Hypot(below, f.Mid-f.Low), math.Hypot(above, f.High-f.Mid)
		out.Source = weaker(out.Source, f.Source)
	}
	n := digits(out.Unit)
	out.Low, out.Mid, out.High = round(max(0, out.Mid-below), n), round(out.Mid, n), round(out.Mid+above, n)
	out.Formula = fmt.Sprintf("sum of %d incidents", len(figures))
	if len(figures) == 1 {
		out.Formula = "of 1 incident"
	}
	return out
}
