package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
)

var update = flag.Bool("update", false, "write the golden files anew")

func day(d, h, m int) *time.Time {
	t := time.Date(2026, 11, d, h, m, 0, 0, time.UTC)
	return &t
}

func contactsOf(low, mid, high float64, formula string) client.Figure {
	return client.Figure{Low: low, Mid: mid, High: high, Unit: "contacts", Formula: formula, Source: "configured"}
}

func seconds(v float64) client.Figure {
	return client.Figure{Low: v, Mid: v, High: v, Unit: "seconds", Formula: "measured", Source: "measured"}
}

// outage is the reference case as it is reported.
func outage() client.IncidentReport {
	delayed := contactsOf(1615, 1667, 1719, "4 h 00 m × 10,000 / 24 h = 1,667")
	hours := client.Figure{Low: 3.9, Mid: 4, High: 4.1, Unit: "hours", Formula: "2026-11-23 12:00 UTC to 2026-11-23 16:00 UTC = 4 h 00 m", Source: "measured"}
	return client.IncidentReport{
		SchemaVersion: 1, At: *day(23, 18, 0),
		IncidentDetail: client.IncidentDetail{
			Incident: client.Incident{
				ID: "7k2mq4c5vd3xhn6a", Title: "crm-sync: bad secret or package", Scope: "credential", Members: []string{"crm-sync"}, Tenant: "emea", Owner: "crm-platform",
				Outcome: "bad_secret_or_package", Category: "credential", Severity: "critical", Status: "resolved", Message: "SFMC refuses the client secret of this package.",
				Evidence: "401 invalid_client", LastProvenAt: day(23, 11, 50), FirstFailedAt: day(23, 12, 10), DetectedAt: day(23, 12, 11), AcknowledgedAt: day(23, 12, 20),
				AcknowledgedBy: "anna", RestoredAt: day(23, 16, 10), ResolvedAt: day(23, 17, 0),
				Impact: map[string]client.Figure{"contacts_lost": delayed, "contacts_delayed": delayed, "outage_hours": hours},
				Effects: []client.Effect{
					{Kind: "journey", Key: "welcome-series", Outcome: "journey_stalled", Since: day(23, 12, 0), EndedAt: day(23, 16, 15), Evidence: "No contact entered for 53 min; 21 were to be expected by now."},
				},
			},
			Timeline: []client.Transition{
				{Seq: 1, Kind: "opened", At: *day(23, 12, 11), Reason: "confirmed_refusal", Detail: "Refused twice."},
				{Seq: 2, Kind: "acknowledged", At: *day(23, 12, 20), Reason: "acknowledged", By: "anna"},
			},
			Figures: []client.SubjectFigure{
				{Name: "contacts_delayed", Figure: delayed}, {Name: "contacts_lost", Figure: delayed}, {Name: "outage_hours", Figure: hours},
				{Name: "contacts_lost", Subject: "journey/welcome-series", Figure: delayed},
			},
			Actions: []client.Action{
				{Kind: "reactivate", Subject: "triggered_send/password-reset", Text: "Activate the definition of triggered send password-reset and let its queue run empty.", Until: day(24, 12, 0)},
				{Kind: "replay", Subject: "journey/welcome-series", Text: "Replay the events of journey welcome-series.", Done: true},
			},
		},
	}
}

func november() client.MonthReport {
	inc := func(id, owner, tenant, status string, d int, detect, restore float64, contacts float64) client.MonthIncident {
		m := client.MonthIncident{
			ID: id, Title: owner + ": bad secret or package", Scope: "credential", Outcome: "bad_secret_or_package", Severity: "critical", Status: status, Owner: owner, Tenant: tenant,
			FirstFailedAt: day(d, 12, 10), DetectedAt: day(d, 12, 11), Effects: 2, Impact: map[string]client.Figure{"time_to_detect": seconds(detect)},
		}
		if restore > 0 {
			m.RestoredAt, m.ResolvedAt = day(d, 16, 10), day(d, 17, 0)
			m.Impact["time_to_restore"] = seconds(restore)
			m.Impact["outage_hours"] = client.Figure{Low: restore / 3600, Mid: restore / 3600, High: restore / 3600, Unit: "hours"}
		}
		if contacts > 0 {
			m.Impact["contacts_delayed"] = contactsOf(contacts-30, contacts, contacts+40, "…")
		}
		return m
	}
	return Month(*day(1, 0, 0), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC),
		[]client.MonthIncident{
			inc("b", "loyalty", "emea", "resolved", 20, 120, 7200, 100), inc("a", "crm-platform", "emea", "resolved", 3, 60, 14400, 1667), inc("c", "", "apac", "open", 29, 900, 0, 0),
		},
		[]client.Prevented{{
			Incident: "w", Credential: "consent-hub", Owner: "privacy", Tenant: "emea", WarnedAt: *day(2, 9, 0), RenewedAt: *day(9, 10, 0), End: *day(16, 0, 0),
			NewEnd: time.Date(2027, 5, 8, 0, 0, 0, 0, time.UTC), Dependents: 3, PerDay: contactsOf(2300, 2400, 2500, "24 h 00 m × 2,400 / 24 h = 2,400"),
		}})
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGoldens(t *testing.T) {
	for _, f := range Formats {
		for name, got := range map[string]string{
			"incident": written(t, func(w io.Writer) error { return WriteIncident(w, f, outage()) }),
			"month":    written(t, func(w io.Writer) error { return WriteMonth(w, f, november()) }),
		} {
			path := filepath.Join("testdata", name+"."+string(f))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; look at it and run with -update:\n%s", path, got)
			}
		}
	}
}

func TestMonth(t *testing.T) {
	m := november()
	if m.Incidents[0].ID != "a" || m.Incidents[2].ID != "c" || !m.SoFar {
		t.Errorf("%+v", m)
	}
	if got := m.Times["time_to_detect"]; got != (client.TimesTaken{Incidents: 3, Median: 120, Worst: 900, WorstOf: "c"}) {
		t.Errorf("%+v", got)
	}
	if got := m.Times["time_to_restore"]; got != (client.TimesTaken{Incidents: 2, Median: 10800, Worst: 14400, WorstOf: "a"}) {
		t.Errorf("%+v", got)
	}
	// Two incidents are independent of each other: 30 and 30 make 42.
	if got := m.Totals["contacts_delayed"]; got.Mid != 1767 || got.Low != 1725 || got.High != 1824 {
		t.Errorf("%+v", got)
	}
	if _, ok := m.Totals["time_to_detect"]; ok {
		t.Error("times are not added up")
	}
	if m.Owners[0] != (client.Share{Name: "crm-platform", Incidents: 1, OutageHours: 4, Contacts: 1667}) || m.Owners[2].Name != "" || m.Tenants[0].Incidents != 2 {
		t.Errorf("%+v %+v", m.Owners, m.Tenants)
	}
	for i, unit := range []string{"EUR", "USD"} {
		m.Incidents[i].Impact["value"] = client.Figure{Mid: 7, Unit: unit}
	}
	if f, ok := Month(m.From, m.To, m.At, m.Incidents, nil).Totals["value"]; ok {
		t.Errorf("euros and dollars make %+v", f)
	}
	empty := Month(m.From, m.To, m.At, nil, nil)
	for _, f := range Formats {
		text := written(t, func(w io.Writer) error { return WriteMonth(w, f, empty) })
		if text == "" || strings.Contains(text, "null") || strings.Contains(text, "NaN") {
			t.Errorf("%s of an empty month: %s", f, text)
		}
	}
}

// hostile is what somebody who may name things could write.
var hostile = []string{
	`<script>alert(1)</script>"'><img src=x onerror=alert(2)>`, "=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "[x](javascript:alert(1))", "| a | b |\n|---|---|",
	"# heading", "- item", "1. item", "```", "http://evil.example www.evil.example me@evil.example", "<!-- -->", "\u202egnp.exe", "a\r\nb", "\x00\xff", "**bold** _it_ ~~s~~ `c`", "＝1",
	"&lt;b&gt;", "</style><script>", "</title>", "{{.}}", "![i](x)", "\\",
}

// evil is a report in which every text is the same.
func evil(s string) client.IncidentReport {
	r := outage()
	r.ID, r.Title, r.Message, r.Evidence, r.Owner, r.Tenant, r.Members = s, s, s, s, s, s, []string{s}
	r.Effects[0].Key, r.Effects[0].Evidence = s, s
	r.Timeline[0].Detail, r.Timeline[0].By = s, s
	r.Figures[3].Subject, r.Figures[3].Formula, r.Figures[3].Unit = s, s, s
	r.Actions[0].Text = s
	return r
}

func evilMonth(s string) client.MonthReport {
	m := november()
	m.Incidents[0].ID, m.Incidents[0].Title, m.Incidents[0].Owner, m.Incidents[0].Tenant = s, s, s, s
	m.Prevented[0].Credential, m.Prevented[0].Owner = s, s
	return Month(m.From, m.To, m.At, m.Incidents, m.Prevented)
}

func TestHostileTexts(t *testing.T) {
	tags := regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)
	plain := len(tags.FindAllString(written(t, func(w io.Writer) error { return WriteIncident(w, HTML, outage()) }), -1))
	plainMonth := len(tags.FindAllString(written(t, func(w io.Writer) error { return WriteMonth(w, HTML, evilMonth("plain")) }), -1))
	lines := strings.Count(written(t, func(w io.Writer) error { return WriteIncident(w, Markdown, outage()) }), "\n")
	for _, s := range hostile {
		incident := func(f Format) string {
			return written(t, func(w io.Writer) error { return WriteIncident(w, f, evil(s)) })
		}
		month := func(f Format) string {
			return written(t, func(w io.Writer) error { return WriteMonth(w, f, evilMonth(s)) })
		}
		if n := len(tags.FindAllString(incident(HTML), -1)); n != plain {
			t.Errorf("%q makes %d tags, want %d", s, n, plain)
		}
		if n := len(tags.FindAllString(month(HTML), -1)); n != plainMonth {
			t.Errorf("%q makes %d tags in a month, want %d", s, n, plainMonth)
		}
		text := incident(Markdown)
		if n := strings.Count(text, "\n"); n != lines {
			t.Errorf("%q makes %d lines, want %d:\n%s", s, n, lines, text)
		}
		for _, bad := range []string{"<script", "<img", "http://evil", "www.evil", "me@evil", "\u202e", "**bold**", "```", "![i]", "<!--"} {
			if strings.Contains(text, bad) || strings.Contains(month(Markdown), bad) {
				t.Errorf("%q stands in the Markdown of %q", bad, s)
			}
		}
		if regexp.MustCompile(`(^|[^\\])\]\(`).MatchString(text) {
			t.Errorf("%q makes a link:\n%s", s, text)
		}
		for _, doc := range []string{incident(CSV), month(CSV)} {
			rows, err := csv.NewReader(strings.NewReader(doc)).ReadAll()
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			for _, row := range rows {
				for _, c := range row {
					if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r|%") || strings.HasPrefix(c, "＝") {
						t.Errorf("%q makes the cell %q", s, c)
					}
				}
			}
		}
		for _, doc := range []string{incident(JSON), month(JSON)} {
			if !json.Valid([]byte(doc)) || strings.Contains(doc, "<script") {
				t.Errorf("%q makes %s", s, doc)
			}
		}
	}
}

// A page brings everything along, and nothing of it runs.
func TestPageStandsAlone(t *testing.T) {
	for _, doc := range []string{
		written(t, func(w io.Writer) error { return WriteIncident(w, HTML, outage()) }),
		written(t, func(w io.Writer) error { return WriteMonth(w, HTML, november()) }),
	} {
		for _, bad := range []string{"<script", "src=", "href=", "url(", "@import", "onload", "ZgotmplZ", "<no value>"} {
			if strings.Contains(doc, bad) {
				t.Errorf("a page has %q", bad)
			}
		}
		if !strings.Contains(doc, "@media print") || !strings.Contains(doc, `content="default-src &#39;none&#39;`) || !strings.Contains(doc, "<style>"+style+"</style>") {
			t.Error("a page without its style or its policy")
		}
	}
}

func TestFormats(t *testing.T) {
	for s, want := range map[string]Format{"": Markdown, "md": Markdown, "html": HTML, "csv": CSV, "json": JSON} {
		if got, err := ParseFormat(s); err != nil || got != want {
			t.Errorf("%q: %q, %v", s, got, err)
		}
	}
	if _, err := ParseFormat("pdf"); err == nil {
		t.Error("pdf was taken")
	}
}

func FuzzParseMonth(f *testing.F) {
	for _, s := range []string{"2026-11", "2026-13", "2026-1", "9999-12", "0000-01", "2026-11-23", "", "２０２６-11", "2026-02", "-026-11"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, to, err := ParseMonth(s)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error of %q has lines", s)
			}
			return
		}
		if got := from.Format("2006-01"); got != s {
			t.Errorf("%q is read as %q", s, got)
		}
		if d := to.Sub(from); d < 28*24*time.Hour || d > 31*24*time.Hour || to.Day() != 1 {
			t.Errorf("%q is %s long", s, d)
		}
	})
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := md(s)
		if strings.ContainsAny(got, "\n\r<>") || regexp.MustCompile(`[a-z]://`).MatchString(got) || regexp.MustCompile(`(^|[^\\])(\\\\)*[|*_\x60\[\]@]`).MatchString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
