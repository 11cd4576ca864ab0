package report

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode"

	"keepwatch"
	"keepwatch/client"
)

// Format is what a report is written as.
type Format string

// The formats.
const (
	Markdown Format = "md"
	HTML     Format = "html"
	CSV      Format = "csv"
	JSON     Format = "json"
)

// Formats are all of them, the default first.
var Formats = []Format{Markdown, HTML, CSV, JSON}

// ParseFormat reads the name of a format; "" is Markdown.
func ParseFormat(s string) (Format, error) {
	if s == "" {
		return Markdown, nil
	}
	for _, f := range Formats {
		if s == string(f) {
			return f, nil
		}
	}
	return "", keepwatch.WithHint(fmt.Errorf("report format %.20q: %w", s, keepwatch.ErrInvalid), "use md, html, csv or json")
}

// ContentType is the format's in HTTP.
func (f Format) ContentType() string {
	switch f {
	case HTML:
		return "text/html; charset=utf-8"
	case CSV:
		return "text/csv; charset=utf-8"
	case JSON:
		return "application/json"
	}
	return "text/markdown; charset=utf-8"
}

// WriteIncident writes the report of one incident.
func WriteIncident(w io.Writer, f Format, r client.IncidentReport) error {
	switch f {
	case HTML:
		return page(w, "incident", r)
	case CSV:
		return incidentCSV(w, r)
	case JSON:
		return document(w, r)
	}
	return incidentMarkdown(w, r)
}

// WriteMonth writes the report of one month.
func WriteMonth(w io.Writer, f Format, r client.MonthReport) error {
	switch f {
	case HTML:
		return page(w, "month", r)
	case CSV:
		return monthCSV(w, r)
	case JSON:
		return document(w, r)
	}
	return monthMarkdown(w, r)
}

var monthForm = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])$`)

// ParseMonth reads a month such as "2026-11": its first instant and that of the next.
func ParseMonth(s string) (from, to time.Time, err error) {
	if monthForm.MatchString(s) && s[:4] >= "1970" && s[:4] <= "9998" {
		from, err = time.Parse("2006-01", s)
		return from, from.AddDate(0, 1, 0), err
	}
	return time.Time{}, time.Time{}, keepwatch.WithHint(fmt.Errorf("month %.20q: %w", s, keepwatch.ErrInvalid), "write it like 2026-11")
}

// line makes a text with foreign parts one line: a name must not forge a row, nor turn
// the reading direction of what follows.
func line(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}

// stamp is an instant for people, in UTC.
func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// words turns a fixed name into words.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}
