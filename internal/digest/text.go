package digest

import (
	"fmt"
	"strings"
	"unicode"

	"keepwatch"
	"keepwatch/client"
)

// A letter is read, and not searched: what is more is behind its link.
const (
	maxRows     = 30
	maxFindings = 15
	maxWords    = 300 // characters of one foreign text
)

// topics are a report's rows by what is said of them. The three clocks are never
// mixed: a date ends, an idle clock runs out because nobody uses the thing.
type topics struct {
	ended, soon, idle, unknown []client.Ending
	findings                   []client.Finding
}

func topicsOf(r Report) topics {
	t := topics{findings: r.Findings}
	for _, e := range r.Endings {
		left := e.Clock.DaysLeft
		switch {
		case left == nil:
			t.unknown = append(t.unknown, e)
		case e.Clock.Kind == string(keepwatch.ClockIdle):
			t.idle = append(t.idle, e)
		case e.Clock.EndsAt != nil && over(e):
			t.ended = append(t.ended, e)
		default:
			t.soon = append(t.soon, e)
		}
	}
	return t
}

// over reports whether a date has passed; on its day the severity tells.
func over(e client.Ending) bool {
	return *e.Clock.DaysLeft < 0 || *e.Clock.DaysLeft == 0 && e.Severity == string(keepwatch.SeverityCritical)
}

func (t topics) empty() bool {
	return len(t.ended)+len(t.soon)+len(t.idle)+len(t.unknown)+len(t.findings) == 0
}

// severity is a warning once something wants hands this week or the next.
func (t topics) severity() keepwatch.Severity {
	for _, list := range [][]client.Ending{t.ended, t.soon, t.idle} {
		for _, e := range list {
			if e.Severity == string(keepwatch.SeverityWarning) || e.Severity == string(keepwatch.SeverityCritical) {
				return keepwatch.SeverityWarning
			}
		}
	}
	return keepwatch.SeverityInfo
}

func (t topics) subject(owner string) string {
	whose := "what nobody owns"
	if owner != "" {
		whose = line(owner)
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{len(t.ended), "ended"}, {len(t.soon), "ending"}, {len(t.idle), "unused"}, {len(t.unknown), "without a date"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if n := len(t.findings); n > 0 {
		parts = append(parts, counted(n, "finding"))
	}
	return "Credentials of " + whose + ": " + strings.Join(parts, ", ")
}

func (t topics) text(owner string) string {
	var paragraphs []string
	add := func(title string, rows []string, limit int) {
		if len(rows) == 0 {
			return
		}
		if more := len(rows) - limit; more > 0 {
			rows = append(rows[:limit:limit], fmt.Sprintf("- and %d more", more))
		}
		paragraphs = append(paragraphs, title+"\n"+strings.Join(rows, "\n"))
	}
	if owner == "" {
		paragraphs = append(paragraphs, "These credentials have no owner. Whoever reads this may be the one who knows whose they are.")
	}
	add("Ended:", rows(t.ended, dated), maxRows)
	add(fmt.Sprintf("Ends within %d days:", int(Within.Hours())/24), rows(t.soon, dated), maxRows)
	add("Ends when nobody uses it:", rows(t.idle, dated), maxRows)
	add("Nobody knows when it ends:", rows(t.unknown, undated), maxRows)
	add("To decide:", rows(t.findings, finding), maxFindings)
	return strings.Join(paragraphs, "\n\n")
}

func rows[V any](list []V, of func(V) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = "- " + of(v)
	}
	return out
}

// dated is one row: when, what, how the date is known, and what is planned.
func dated(e client.Ending) string {
	out := fmt.Sprintf("%s (%s): %s, %s; date %s", e.Clock.EndsOn, left(*e.Clock.DaysLeft), line(e.Credential), words(e.Clock.Name), e.Clock.Source)
	if e.Contradicted {
		out += ", yet it still works"
	}
	if e.PlannedRenewal != "" {
		out += "; renewal planned for " + line(e.PlannedRenewal)
		if e.RenewalBy != "" {
			out += " by " + line(e.RenewalBy)
		}
	}
	if e.Attention != "" {
		out += "; " + line(e.Attention)
	}
	return out
}

func undated(e client.Ending) string {
	return line(e.Credential) + ", " + words(e.Clock.Name) + ": " + line(e.Clock.Basis)
}

func finding(f client.Finding) string {
	out := line(f.Subject) + ": " + line(f.Message)
	if f.Hint != "" {
		out += " " + line(f.Hint)
	}
	return out
}

func left(days int) string {
	switch {
	case days == 0:
		return "today"
	case days < 0:
		return counted(-days, "day") + " ago"
	}
	return "in " + counted(days, "day")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func words(name string) string { return strings.ReplaceAll(line(name), "_", " ") }

// line makes a foreign text one line of bounded length: a purpose must not forge a
// paragraph.
func line(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
	if runes := []rune(s); len(runes) > maxWords {
		s = string(runes[:maxWords]) + "…"
	}
	return s
}
