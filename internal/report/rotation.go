package report

import (
	"encoding/csv"
	"io"
	"time"

	"keepwatch/client"
)

// WriteRotation writes what happened in a rotation: who has switched, and the evidence
// row by row. No secret is in it.
func WriteRotation(w io.Writer, f Format, r client.Rotation) error {
	switch f {
	case HTML:
		return page(w, "rotation", r)
	case CSV:
		return rotationCSV(w, r)
	case JSON:
		return document(w, r)
	}
	return rotationMarkdown(w, r)
}

// second is an instant for people, in UTC, as exact as an evidence needs.
func second(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func rotationMarkdown(w io.Writer, r client.Rotation) error {
	var p pad
	p.line("# Rotation of %s\n", md(r.Credential))
	p.line("Rotation %s, %s, begun %s UTC by %s. The staged secret was generated on %s.", md(r.ID), md(r.State), stamp(r.StartedAt), md(orNobody(r.StartedBy)), md(r.Generated))
	if r.Trouble != "" {
		p.line("\n%s", md(r.Trouble))
	}
	var holders, rows [][]string
	for _, h := range r.Holders {
		holders = append(holders, []string{md(h.Name), md(h.Contact), stamp(h.SwitchedAt), md(h.SwitchedBy), stamp(h.SeenNewAt), stamp(h.SeenOldAt)})
	}
	p.table("Holders", []string{"Holder", "Contact", "Switched (UTC)", "Noted by", "Seen with the new secret", "Seen with another"}, holders)
	for _, e := range r.Evidence {
		rows = append(rows, []string{second(e.At), md(words(e.Step)), md(e.By), md(words(e.Outcome)), md(e.Detail)})
	}
	p.table("Evidence", []string{"UTC", "Step", "Who", "Answer", "What was seen"}, rows)
	return p.to(w)
}

func rotationCSV(w io.Writer, r client.Rotation) error {
	rows := [][]string{{"rotation", "credential", "tenant", "at", "step", "by", "outcome", "detail"}}
	for _, e := range r.Evidence {
		rows = append(rows, []string{cell(r.ID), cell(r.Credential), cell(r.Tenant), e.At.UTC().Format(time.RFC3339), cell(e.Step), cell(e.By), cell(e.Outcome), cell(e.Detail)})
	}
	return csv.NewWriter(w).WriteAll(rows)
}
