package notify

import (
	"strings"
	"unicode/utf8"
)

// Text is the story of a message as plain lines, without its title.
func (m Message) Text() string {
	lines := make([]string, 0, len(m.Lines)+len(m.Body))
	for _, l := range m.Lines {
		lines = append(lines, l.Name+": "+l.Text)
	}
	return strings.Join(append(lines, m.Body...), "\n")
}

// Links are what a person may open, with the words for it.
func (m Message) Links() []Line {
	var out []Line
	switch {
	case m.URL == "":
	case m.Button != "":
		out = append(out, Line{Name: m.Button, Text: m.URL})
	default:
		out = append(out, Line{Name: "Open the incident", Text: m.URL})
	}
	if m.RunbookURL != "" {
		out = append(out, Line{Name: "Runbook", Text: m.RunbookURL})
	}
	return out
}

// ActURL is the address of a link that acts, for templates; "" where there is none.
func (m Message) ActURL(action string) string {
	for _, a := range m.Acts {
		if string(a.Action) == action {
			return a.URL
		}
	}
	return ""
}

// ActsHint stands beside links that act.
const ActsHint = "Each of these shows first what it will do, works once and without an account, and ends with the incident or after a week."

// CutBytes keeps at most limit bytes and no half character.
func CutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	limit = max(limit-len("…"), 0)
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.TrimRight(s[:limit], " \n") + "…"
}

// CutRunes keeps at most limit characters.
func CutRunes(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:limit-1]), " \n") + "…"
}
