package scan

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed report.html
var reportText string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"sign": sign, "evidence": evidenceLines, "title": Title, "count": plural, "seconds": func(ms float64) string { return fmt.Sprintf("%.1f s", ms/1000) },
	"headline": Headline, "groups": Groups,
}).Parse(reportText))

// HTML is the report as one page that needs nothing else: it can be sent to a
// colleague and opened from a disk.
func HTML(r Report) ([]byte, error) {
	var out bytes.Buffer
	if err := reportPage.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("the page of the scan: %w", err)
	}
	return out.Bytes(), nil
}

// Title is what people call a check.
func Title(check string) string {
	if c, ok := CheckNamed(check); ok {
		return c.Title
	}
	return check
}

// sign says with a shape what the colour says.
func sign(s Severity) string {
	switch s {
	case OK:
		return "✓"
	case Info:
		return "i"
	case Warning:
		return "!"
	case Critical:
		return "✗"
	}
	return "?"
}

// Sign is the mark of a severity in plain text.
func (s Severity) Sign() string { return sign(s) }

// Headline says in a sentence how a report stands.
func Headline(r Report) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{r.Summary.Critical, "critical"}, {r.Summary.Warning, "to look at"}, {r.Summary.Unknown, "unknown"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	text := strings.Join(parts, ", ")
	if text == "" {
		text = "Nothing to worry about from outside"
	}
	if r.Partial {
		text += " (time was up before everything had been looked at)"
	}
	return text
}

// Group is the findings of one severity.
type Group struct {
	Severity Severity
	Title    string
	Findings []Finding
}

// Groups are the findings by severity, the loudest first; empty ones are left out.
func Groups(r Report) []Group {
	titles := map[Severity]string{Critical: "Broken", Warning: "To look at", Unknown: "Could not be looked at", Info: "Good to know", OK: "Fine"}
	var list []Group
	for _, s := range Severities {
		g := Group{Severity: s, Title: titles[s]}
		for _, f := range r.Findings {
			if f.Severity == s {
				g.Findings = append(g.Findings, f)
			}
		}
		if len(g.Findings) > 0 {
			list = append(list, g)
		}
	}
	return list
}

// Line is one name and value of the evidence.
type Line struct{ Name, Value string }

// evidenceLines are the evidence as people read it, sorted; empty values are left out.
func evidenceLines(f Finding) []Line { return EvidenceLines(f.Evidence) }

// EvidenceLines renders evidence.
func EvidenceLines(evidence map[string]any) []Line {
	var list []Line
	for _, name := range slices.Sorted(maps.Keys(evidence)) {
		value := ""
		switch v := evidence[name].(type) {
		case nil:
		case []string:
			value = strings.Join(v, ", ")
		case []any:
			parts := make([]string, len(v))
			for i, p := range v {
				parts[i] = fmt.Sprint(p)
			}
			value = strings.Join(parts, ", ")
		default:
			value = fmt.Sprint(v)
		}
		if value != "" {
			list = append(list, Line{strings.ReplaceAll(name, "_", " "), clean(value, 2*maxText)})
		}
	}
	return list
}
