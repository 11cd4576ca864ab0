package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"time"

	"keepwatch/client"
	"keepwatch/internal/impact"
)

//go:embed templates/report.css
var style string

//go:embed templates/report.html
var pages string

// Policy is what a browser may do with a report: apply the one style that is in it,
// and nothing else. It stands in the document, too, for whoever opens it from a disk.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"style":  func() template.HTML { return template.HTML("<style>" + style + "</style>") }, //nolint:gosec // our own file, embedded
	"policy": func() string { return Policy },
	"line":   line, "words": words, "title": impact.Title, "nobody": orNobody, "stamp": stamp, "say": say, "took": took, "hours": hours, "contacts": contacts,
	"sums": sums, "parts": parts, "facts": facts, "inOrder": inOrder, "second": second, "left": left, "tookOf": tookOf, "perDay": perDay,
	"at":    func(t time.Time) *time.Time { return &t },
	"day":   func(t time.Time) string { return t.Format("2006-01-02") },
	"cost":  func(figures map[string]client.Figure, status string) string { return cost(figures, status == "open") },
	"times": func() []string { return timeNames },
	"pair":  func(a, b any) [2]any { return [2]any{a, b} },
}).Parse(pages))

// page builds the whole document before its first byte is written.
func page(w io.Writer, name string, r any) error {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, r); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}
