package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"keepwatch/client"
	"keepwatch/internal/impact"
)

// cell is foreign text in a spreadsheet: what a program would take for a formula gets
// an apostrophe before it, which it shows as text.
func cell(s string) string {
	s = line(s)
	if s != "" && strings.ContainsAny(s[:1], "=+-@|%") || strings.HasPrefix(s, "＝") || strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠") {
		return "'" + s
	}
	return s
}

func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// incidentCSV has a row for each figure, with the incident repeated: a table that a
// spreadsheet can sum up and filter.
func incidentCSV(w io.Writer, r client.IncidentReport) error {
	rows := [][]string{{
		"incident", "title", "outcome", "severity", "status", "owner", "tenant", "last_proven_at", "first_failed_at", "detected_at", "acknowledged_at",
		"restored_at", "resolved_at", "figure", "subject", "low", "mid", "high", "unit", "formula", "source",
	}}
	head := []string{
		cell(r.ID), cell(r.Title), cell(r.Outcome), cell(r.Severity), cell(r.Status), cell(r.Owner), cell(r.Tenant), when(r.LastProvenAt), when(r.FirstFailedAt),
		when(r.DetectedAt), when(r.AcknowledgedAt), when(r.RestoredAt), when(r.ResolvedAt),
	}
	for _, f := range r.Figures {
		rows = append(rows, append(append([]string{}, head...), f.Name, cell(f.Subject), plain(f.Low), plain(f.Mid), plain(f.High), cell(f.Unit), cell(f.Formula), f.Source))
	}
	if len(r.Figures) == 0 {
		rows = append(rows, append(append([]string{}, head...), make([]string, 8)...))
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// ranged are the figures of a month's table that have a low, a middle and a high.
var ranged = []string{impact.ContactsDelayed, impact.ContactsLost, impact.ContactsLate, impact.ContactsOnStaleData, impact.MessagesNotSent, impact.Value}

// monthCSV has a row for each incident, then one for each outage that was prevented;
// their contacts are those of a day.
func monthCSV(w io.Writer, r client.MonthReport) error {
	header := []string{
		"kind", "incident", "title", "scope", "outcome", "severity", "status", "owner", "tenant", "first_failed_at", "detected_at", "acknowledged_at", "restored_at",
		"resolved_at", "effects", impact.OutageHours,
	}
	for _, name := range timeNames {
		header = append(header, name+"_seconds")
	}
	for _, name := range ranged {
		header = append(header, name+"_low", name, name+"_high")
	}
	rows := [][]string{header}
	for _, i := range r.Incidents {
		row := []string{
			"incident", cell(i.ID), cell(i.Title), cell(i.Scope), cell(i.Outcome), cell(i.Severity), cell(i.Status), cell(i.Owner), cell(i.Tenant), when(i.FirstFailedAt),
			when(i.DetectedAt), when(i.AcknowledgedAt), when(i.RestoredAt), when(i.ResolvedAt), strconv.Itoa(i.Effects),
		}
		for _, name := range append([]string{impact.OutageHours}, timeNames...) {
			row = append(row, mid(i.Impact, name))
		}
		for _, name := range ranged {
			row = append(row, rangeOf(i.Impact, name)...)
		}
		rows = append(rows, row)
	}
	for _, p := range r.Prevented {
		row := []string{
			"prevented", cell(p.Incident), cell(p.Credential + ": renewed before its end"), "credential", "expiring", "", "resolved", cell(p.Owner), cell(p.Tenant), "",
			when(&p.WarnedAt), "", "", when(&p.RenewedAt), strconv.Itoa(p.Dependents),
		}
		row = append(row, make([]string, 1+len(timeNames))...)
		row = append(row, rangeOf(map[string]client.Figure{impact.ContactsDelayed: p.PerDay}, impact.ContactsDelayed)...)
		row = append(row, make([]string, 3*(len(ranged)-1))...)
		rows = append(rows, row)
	}
	return csv.NewWriter(w).WriteAll(rows)
}

func mid(figures map[string]client.Figure, name string) string {
	f, ok := figures[name]
	if !ok {
		return ""
	}
	return plain(f.Mid)
}

func rangeOf(figures map[string]client.Figure, name string) []string {
	f, ok := figures[name]
	if !ok {
		return []string{"", "", ""}
	}
	return []string{plain(f.Low), plain(f.Mid), plain(f.High)}
}
