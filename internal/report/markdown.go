package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"keepwatch/client"
	"keepwatch/internal/impact"
)

// md is foreign text in Markdown: nothing of it becomes markup, a link or a row. What
// only acts at the beginning of a line is escaped there; a colon within a word and the
// dot after www begin addresses that some programs make into links by themselves.
func md(s string) string {
	var b strings.Builder
	before := rune(' ')
	runes := []rune(line(s))
	for i, r := range runes {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case strings.ContainsRune("\\`*_[]|~@!$#{}", r),
			r == ':' && unicode.IsLetter(before) && i+1 < len(runes) && runes[i+1] != ' ',
			r == '.' && i >= 3 && strings.EqualFold(string(runes[i-3:i]), "www"),
			i == 0 && strings.ContainsRune("-+=", r),
			(r == '.' || r == ')') && digitsOnly(runes[:i]):
			b.WriteRune('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

func digitsOnly(runes []rune) bool {
	for _, r := range runes {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(runes) > 0
}

// pad gathers the lines of a document.
type pad struct{ strings.Builder }

func (p *pad) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table writes one, and nothing where it has no rows.
func (p *pad) table(title string, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	p.line("\n## %s\n", title)
	p.line("| %s |", strings.Join(header, " | "))
	p.line("|%s", strings.Repeat("---|", len(header)))
	for _, row := range rows {
		for i, c := range row {
			if c == "" {
				row[i] = "–"
			}
		}
		p.line("| %s |", strings.Join(row, " | "))
	}
}

func (p *pad) to(w io.Writer) error {
	_, err := io.WriteString(w, p.String())
	return err
}

func incidentMarkdown(w io.Writer, r client.IncidentReport) error {
	p := &pad{}
	p.line("# %s\n", md(r.Title))
	p.line("Incident %s, %s, %s. Written %s UTC.\n", md(r.ID), md(r.Severity), md(r.Status), stamp(&r.At))
	if c := cost(r.Impact, r.Status == "open"); c != "" {
		p.line("**%s.**\n", md(c))
	}
	if r.Message != "" {
		p.line("%s\n", md(r.Message))
	}
	for _, f := range facts(r) {
		p.line("- %s: %s", f[0], md(f[1]))
	}
	var rows [][]string
	for _, f := range sums(r.Figures) {
		rows = append(rows, []string{impact.Title(f.Name), md(say(f.Figure)), md(f.Formula), md(f.Source)})
	}
	p.table("What it cost", []string{"Figure", "Range", "Formula", "Source"}, rows)
	rows = nil
	for _, f := range parts(r.Figures) {
		rows = append(rows, []string{md(f.Subject), impact.Title(f.Name), md(say(f.Figure)), md(f.Formula), md(f.Source)})
	}
	p.table("By subject", []string{"Subject", "Figure", "Range", "Formula", "Source"}, rows)
	rows = nil
	for _, e := range r.Effects {
		rows = append(rows, []string{md(words(e.Kind) + " " + e.Key), md(words(e.Outcome)), stamp(e.Since), stamp(e.EndedAt), md(e.Evidence)})
	}
	p.table("What stopped", []string{"Subject", "Effect", "Since", "Until", "Evidence"}, rows)
	if len(r.Actions) > 0 {
		p.line("\n## To do once it works again\n")
		for _, a := range r.Actions {
			box := " "
			if a.Done {
				box = "x"
			}
			p.line("- [%s] %s", box, strings.TrimSuffix(md(a.Text)+" ("+left(a, r.At)+")", " ()"))
		}
	}
	rows = nil
	for _, t := range r.Timeline {
		rows = append(rows, []string{stamp(&t.At), md(words(t.Kind)), md(words(t.Reason)), md(t.By), md(t.Detail)})
	}
	p.table("Timeline", []string{"UTC", "What", "Why", "Who", "Detail"}, rows)
	return p.to(w)
}

// facts are the head of an incident's report.
func facts(r client.IncidentReport) [][2]string {
	out := [][2]string{
		{"Outcome", words(r.Outcome)}, {"Owner", orNobody(r.Owner)}, {"Tenant", r.Tenant}, {"Credentials", strings.Join(r.Members, ", ")},
		{"Began", "after " + stamp(r.LastProvenAt) + " and no later than " + stamp(r.FirstFailedAt) + " UTC"},
		{"Detected", stamp(r.DetectedAt)}, {"Acknowledged", stamp(r.AcknowledgedAt)}, {"Works again", stamp(r.RestoredAt)}, {"Caught up", stamp(r.ResolvedAt)},
		{"Evidence", r.Evidence},
	}
	kept := out[:0]
	for _, f := range out {
		if f[1] != "" && f[1] != "–" {
			kept = append(kept, f)
		}
	}
	return kept
}

func monthMarkdown(w io.Writer, r client.MonthReport) error {
	p := &pad{}
	p.line("# Credentials in %s\n", r.Month)
	so := ""
	if r.SoFar {
		so = " It is not over: figures are so far."
	}
	p.line("Incidents detected from %s to %s UTC: %d. Written %s UTC.%s", r.From.Format("2006-01-02"), r.To.Format("2006-01-02"), len(r.Incidents), stamp(&r.At), so)
	var rows [][]string
	for _, f := range inOrder(r.Totals) {
		rows = append(rows, []string{impact.Title(f.Name), md(say(f.Figure)), md(f.Formula), md(f.Source)})
	}
	p.table("Totals", []string{"Figure", "Range", "Formula", "Source"}, rows)
	rows = nil
	for _, name := range timeNames {
		if t, ok := r.Times[name]; ok {
			rows = append(rows, []string{impact.Title(name), took(t.Median), took(t.Worst), md(t.WorstOf), fmt.Sprint(t.Incidents)})
		}
	}
	p.table("How long it took", []string{"Time", "Median", "Worst", "Worst incident", "Incidents"}, rows)
	rows = nil
	for _, i := range r.Incidents {
		rows = append(rows, []string{
			stamp(i.DetectedAt), md(i.ID), md(i.Title), md(orNobody(i.Owner)), md(i.Severity), md(i.Status), tookOf(i.Impact, impact.TimeToDetect),
			tookOf(i.Impact, impact.TimeToAcknowledge), tookOf(i.Impact, impact.TimeToRestore), md(cost(i.Impact, i.Status == "open")),
		})
	}
	p.table("Incidents", []string{"Detected", "Incident", "What", "Owner", "Severity", "Status", "To detect", "To acknowledge", "To restore", "Cost"}, rows)
	rows = nil
	for _, v := range r.Prevented {
		rows = append(rows, []string{md(v.Credential), md(orNobody(v.Owner)), stamp(&v.WarnedAt), stamp(&v.RenewedAt), stamp(&v.End), fmt.Sprint(v.Dependents), md(perDay(v))})
	}
	p.table("Prevented", []string{"Credential", "Owner", "Warned", "Renewed", "Would have ended", "Dependents", "Each day would have delayed"}, rows)
	for _, s := range []struct {
		title, what string
		list        []client.Share
	}{{"By owner", "Owner", r.Owners}, {"By tenant", "Tenant", r.Tenants}} {
		rows = nil
		for _, o := range s.list {
			rows = append(rows, []string{md(orNobody(o.Name)), fmt.Sprint(o.Incidents), hours(o.OutageHours), md(contacts(o.Contacts))})
		}
		p.table(s.title, []string{s.what, "Incidents", "Outage", "Contacts delayed"}, rows)
	}
	return p.to(w)
}

func perDay(v client.Prevented) string {
	if v.PerDay.Mid == 0 {
		return "not known"
	}
	return say(v.PerDay)
}

func hours(v float64) string { return took(v * 3600) }

func contacts(v float64) string {
	return strings.TrimSuffix(say(client.Figure{Low: v, Mid: v, High: v, Unit: "contacts"}), " contacts")
}
