package email

import (
	"html/template"
	"strings"

	"keepwatch"
	"keepwatch/internal/notify"
)

// plain is the message as text: it comes first and says everything.
func plain(m notify.Message) string {
	var b strings.Builder
	b.WriteString(m.Title + "\n\n")
	for _, l := range m.Lines {
		b.WriteString(l.Name + ": " + l.Text + "\n")
	}
	for _, line := range m.Body {
		b.WriteString(line + "\n")
	}
	if m.URL != "" || m.RunbookURL != "" {
		b.WriteString("\n")
	}
	for _, l := range links(m) {
		b.WriteString(l.Name + ": " + l.Text + "\n")
	}
	if len(m.Acts) > 0 {
		b.WriteString("\n")
		for _, a := range m.Acts {
			b.WriteString(a.Name + ": " + a.URL + "\n")
		}
		b.WriteString(notify.ActsHint + "\n")
	}
	b.WriteString("\n-- \nKeepwatch, message " + string(m.Key) + "\n")
	return b.String()
}

func links(m notify.Message) []notify.Line {
	var out []notify.Line
	if m.URL != "" && m.Kind == keepwatch.Posted {
		out = append(out, notify.Line{Name: m.Button, Text: m.URL})
	} else if m.URL != "" {
		out = append(out, notify.Line{Name: "Incident", Text: m.URL})
	}
	if m.RunbookURL != "" {
		out = append(out, notify.Line{Name: "Runbook", Text: m.RunbookURL})
	}
	return out
}

// page loads nothing from anywhere: no image, no font, no tracking.
const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="font-family:sans-serif;color:#1c1c1c;max-width:44em">
<h1 style="font-size:1.1em;border-left:6px solid {{if or (eq .Kind "test") (eq .Kind "letter")}}#607d8b{{else if eq .Status "resolved"}}#2e7d32{{else}}#c62828{{end}};padding-left:.6em">{{.Title}}</h1>
<table style="border-collapse:collapse">{{range .Lines}}
<tr><th style="text-align:left;vertical-align:top;padding:.2em 1em .2em 0">{{.Name}}</th><td style="padding:.2em 0">{{.Text}}</td></tr>{{end}}
</table>{{if .Acts}}
<p>{{range .Acts}}<a href="{{.URL}}" rel="noreferrer nofollow" style="display:inline-block;margin:.3em .6em .3em 0;padding:.5em 1.1em;border:1px solid #b0b7c3;border-radius:6px;color:#1c1c1c;text-decoration:none">{{.Name}}</a> {{end}}<br><span style="color:#666;font-size:.85em">{{.ActsHint}}</span></p>{{end}}{{range .Paragraphs}}
<p>{{range $i, $line := .}}{{if $i}}<br>{{end}}{{$line}}{{end}}</p>{{end}}{{range .Links}}
<p><a href="{{.Text}}">{{.Name}}</a></p>{{end}}
<p style="color:#666;font-size:.85em">Keepwatch, message {{.Key}}</p>
</body></html>
`

func html(t *template.Template, m notify.Message) (string, error) {
	var b strings.Builder
	err := t.Execute(&b, map[string]any{
		"Title": m.Title, "Lines": m.Lines, "Links": links(m), "Paragraphs": m.Paragraphs(), "Key": m.Key, "Kind": string(m.Kind), "Status": string(m.Status),
		"Acts": m.Acts, "ActsHint": notify.ActsHint,
	})
	return b.String(), err
}
