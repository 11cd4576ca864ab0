package digest

import (
	"fmt"
	"strings"
	"unicode"

	"keepwatch"
	"keepwatch/client"
)

// A letter is read, and not searched: what is more is behind its link. Together the
// bounds keep the longest letter below what the outbox takes.
const (
	maxRows     = 25
	maxFindings = 15
	maxRow      = 240 // characters of one row, of foreign text mostly
	maxName     = 80  // of a name in the subject
)

func (t topics) subject(owner string) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{len(t.ended), "ended"},
		{len(t.missed), "not renewed"},
		{len(t.soon), "ending"},
		{len(t.planned), "to renew"},
		{len(t.idle), "unused"},
		{len(t.unknown), "without a date"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if n := len(t.findings); n > 0 {
		parts = append(parts, counted(n, "finding"))
	}
	whose := "Credentials that nobody owns"
	if owner != "" {
		whose = "Credentials of " + line(owner, maxName)
	}
	return whose + ": " + strings.Join(parts, ", ")
}

func (t topics) text(owner string, week keepwatch.Date) string {
	paragraphs := []string{"The week of " + week.String() + "."}
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
		paragraphs[0] += " Nobody is named as the owner of these. Whoever reads this may be the one who knows whose they are."
	}
	add("Ended:", rows(t.ended, dated), maxRows)
	add("Not renewed as planned:", rows(t.missed, dated), maxRows)
	add(fmt.Sprintf("Ends within %d days:", Within), rows(t.soon, dated), maxRows)
	add("To be renewed, and ends later:", rows(t.planned, renewed), maxRows)
	add("Unused:", rows(t.idle, unused), maxRows)
	add("Nobody knows when it ends:", rows(t.unknown, undated), maxRows)
	add("To decide:", rows(t.findings, finding), maxFindings)
	if t.lesser > 0 {
		paragraphs = append(paragraphs, counted(t.lesser, "finding")+" of less weight: see the list of findings.")
	}
	return strings.Join(paragraphs, "\n\n")
}

func rows[V any](list []V, of func(V) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = "- " + line(of(v), maxRow)
	}
	return out
}

// dated is one row: when, what, how the date is known, and what is planned.
func dated(e client.Ending) string {
	out := when(e) + ": " + what(e) + "; date " + e.Clock.Source
	if e.Contradicted {
		out += ", yet it still works"
	}
	if e.Attention != "" {
		return out + ". " + e.Attention // names the plan, too
	}
	return out + plan(e)
}

// renewed is a row that stands for its plan and not for its date.
func renewed(e client.Ending) string {
	_, in, _ := planOf(e)
	out := e.PlannedRenewal + " (" + left(in) + "): " + what(e)
	if e.RenewalBy != "" {
		out += ", by " + e.RenewalBy
	}
	return out + "; ends " + when(e)
}

func unused(e client.Ending) string {
	out := what(e)
	if e.Clock.Since != "" {
		out += ", last used " + e.Clock.Since
	}
	return out + "; idle for too long: " + when(e) + ", " + e.Clock.Source
}

func undated(e client.Ending) string {
	out := what(e)
	if e.Clock.Basis != "" {
		out += ": " + e.Clock.Basis
	}
	return out + plan(e)
}

// plan ends a row with the renewal that is planned.
func plan(e client.Ending) string {
	if e.PlannedRenewal == "" {
		return ""
	}
	out := "; renewal planned for " + e.PlannedRenewal
	if e.RenewalBy != "" {
		out += " by " + e.RenewalBy
	}
	return out
}

func finding(f client.Finding) string {
	out := f.Subject + ": " + f.Message
	if f.Hint != "" {
		out += "; " + f.Hint
	}
	return out
}

func when(e client.Ending) string { return e.Clock.EndsOn + " (" + left(*e.Clock.DaysLeft) + ")" }

func what(e client.Ending) string {
	return e.Credential + ", " + strings.ReplaceAll(e.Clock.Name, "_", " ")
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

// line makes a text with foreign parts one line of bounded length: a purpose or a
// name must not forge a row or a paragraph.
func line(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit]) + "…"
	}
	return s
}
