package scan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

func reportOf(at time.Time, list ...Finding) Report {
	r := Report{SchemaVersion: 1, Target: "news.example", Targets: []string{"news.example"}, At: at, Findings: list}
	r.Order()
	return r
}

func finding(check, subject string, s Severity, evidence ...any) Finding {
	f := Finding{Check: check, Subject: subject, Severity: s, Message: "It is " + string(s) + ".", Hint: "Mend it.", Evidence: map[string]any{}}
	for i := 0; i+1 < len(evidence); i += 2 {
		f.Evidence[evidence[i].(string)] = evidence[i+1]
	}
	return f
}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func TestCompare(t *testing.T) {
	before := reportOf(noon,
		finding("spf", "a.example", OK, "record", "v=spf1 -all"), finding("dmarc", "a.example", Warning), finding("mx", "a.example", OK, "servers", []string{"x", "y"}),
		finding("tls_expiry", "c.a.example", OK, "key", "EC 1", "not_after", "2027-01-01T00:00:00Z"), finding("tls_expiry", "d.a.example", OK, "key", "EC 1", "not_after", "2027-01-01T00:00:00Z"),
		finding("tls_issuer", "c.a.example", OK, "issuer_organization", "DigiCert Inc"), finding("host", "e.a.example", OK), finding("tls_name", "e.a.example", OK), finding("page", "p", Unknown), finding("stack", "a.example", OK),
		finding("hsts", "h.a.example", Info))
	now := reportOf(noon.Add(time.Hour),
		finding("spf", "a.example", OK, "record", "v=spf1 ~all"), finding("dmarc", "a.example", OK), finding("mx", "a.example", OK, "servers", []string{"x", "y"}),
		finding("tls_expiry", "c.a.example", OK, "key", "EC 2", "not_after", "2027-06-01T00:00:00Z"), finding("tls_expiry", "d.a.example", OK, "key", "EC 2", "not_after", "2027-01-01T00:00:00Z"),
		finding("tls_issuer", "c.a.example", Info, "issuer_organization", "Let's Encrypt"), finding("host", "e.a.example", Critical), finding("page", "p", Critical), finding("stack", "a.example", Unknown),
		finding("public_token_call", "p", Critical), finding("dnssec", "a.example", Info))
	var got []string
	for _, c := range Compare(before, now) {
		got = append(got, c.What+" "+c.Check+" "+c.Subject)
	}
	slices.Sort(got)
	want := []string{
		"better dmarc a.example", "changed spf a.example", "changed tls_expiry d.a.example", "gone hsts h.a.example",
		"new public_token_call p", "worse host e.a.example", "worse tls_issuer c.a.example",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}

	// What a file holds is compared like what was just found.
	raw, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadReport(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if changes := Compare(read, before); len(changes) > 0 {
		t.Errorf("%+v", changes)
	}
	for _, bad := range []string{"", "[]", "{}", `{"schema_version":2,"target":"x","findings":[]}`, `{"schema_version":1,"target":"x"}`, `{"schema_version":1,"target":"x","findings":[{"check":"spf","severity":"fine"}]}`} {
		if _, err := ReadReport(strings.NewReader(bad)); err == nil || keepwatch.HintOf(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestJudge tells a story: the base, worse, worse still, unknown, as usual again.
func TestJudge(t *testing.T) {
	var standing Standing
	for i, step := range []struct {
		findings []Finding
		want     string
	}{
		{[]Finding{finding("dmarc", "a", Warning), finding("spf", "a", OK), finding("public_token_call", "p", Critical), finding("tls_expiry", "c", Critical)}, "public_token_call worse"},
		{[]Finding{finding("dmarc", "a", Warning), finding("spf", "a", Warning), finding("public_token_call", "p", Critical)}, "public_token_call worse, spf worse"},
		{[]Finding{finding("dmarc", "a", Critical), finding("spf", "a", Critical), finding("public_token_call", "p", Unknown)}, "dmarc worse, spf worse"},
		{[]Finding{finding("dmarc", "a", Warning), finding("spf", "a", Unknown), finding("public_token_call", "p", Unknown)}, "dmarc well"},
		{[]Finding{finding("dmarc", "a", Warning), finding("spf", "a", Info), finding("public_token_call", "p", OK)}, "public_token_call well, spf well"}, // info is nothing to hear of
		{[]Finding{finding("dmarc", "a", OK), finding("spf", "a", OK), finding("public_token_call", "p", OK)}, ""},
		{[]Finding{finding("dmarc", "a", Warning), finding("spf", "a", OK), finding("public_token_call", "p", OK)}, "dmarc worse"},
		{[]Finding{finding("spf", "a", OK), finding("public_token_call", "p", OK)}, "dmarc well"},
	} {
		var verdicts []Verdict
		standing, verdicts = Judge(standing, reportOf(noon, step.findings...))
		var got []string
		for _, v := range verdicts {
			word := "well"
			if v.Worse {
				word = "worse"
			}
			got = append(got, v.Check+" "+word)
		}
		slices.Sort(got)
		if strings.Join(got, ", ") != step.want {
			t.Errorf("step %d: %q, want %q", i, strings.Join(got, ", "), step.want)
		}
	}
}

func TestObserve(t *testing.T) {
	slot := keepwatch.Slot{Check: keepwatch.Check{ID: keepwatch.ScanCheck("news.example"), Kind: keepwatch.CheckScan, Tenant: "emea"}, At: noon, Gap: 24 * time.Hour, Reason: keepwatch.ReasonScheduled}
	ladder := []time.Duration{30 * day, 14 * day}
	end := noon.Add(20 * day).Format(time.RFC3339)
	long := strings.Repeat("a-very-long-label.", 12) + "example"
	r := reportOf(noon.Add(time.Second),
		finding("tls_expiry", "click.news.example", Warning, "not_after", end), finding("spf", "news.example", Critical, "record", "v=spf1 +all"),
		finding("tls_issuer", long, OK, "issuer_organization", "DigiCert Inc"), finding("dmarc", "news.example", Info))
	standing, found := Observe(slot, r, nil, ladder)
	if len(found) != 4 || found[0].Series != "scan:news.example" || found[0].Outcome != keepwatch.OK {
		t.Fatalf("%+v", found)
	}
	by := map[string]keepwatch.Observation{}
	keys := map[string]bool{}
	for _, o := range found {
		_, subject, _ := strings.Cut(string(o.Series), "#")
		by[subject] = o
		if keys[o.Key] || len(o.Key) > 200 || len(o.Series) > 200 || o.Tenant != "emea" || o.Credential != "" || o.Check != slot.Check.ID {
			t.Errorf("%+v", o)
		}
		keys[o.Key] = true
	}
	if o := by["tls_expiry:click.news.example"]; o.Outcome != keepwatch.Expiring || o.Due == nil || !slices.Equal(o.Due.Passed, []string{"30d"}) || !strings.Contains(o.Message, "click.news.example") {
		t.Errorf("%+v", o)
	}
	if o := by["spf:news.example"]; o.Outcome != keepwatch.Drifted || o.Severity != keepwatch.SeverityCritical || o.Hint == "" {
		t.Errorf("%+v", o)
	}
	if o := by[short("tls_issuer:"+long)+FactsOf]; o.Outcome != keepwatch.OK || len(o.Seen) != 1 {
		t.Errorf("%+v", o)
	}
	blind := reportOf(noon, finding("host", "click.news.example", Unknown))
	after, found := Observe(slot, blind, standing, ladder)
	if len(found) != 1 || found[0].Outcome != keepwatch.MonitorFault || len(after) != len(standing) {
		t.Errorf("%+v", found)
	}
}

// TestASecretIsNowhere: what was found in a script stands in no form of the result.
func TestASecretIsNowhere(t *testing.T) {
	w := newWorld(t)
	_, targets := build(w)
	targets = slices.DeleteFunc(targets, func(s string) bool { return !strings.HasPrefix(s, "https://cloud.") })
	var told strings.Builder
	report := Run(t.Context(), w.options(), Request{Targets: w.targets(targets...), Tell: func(f Finding) { fmt.Fprintf(&told, "%+v\n", f) }})
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	page, err := HTML(report)
	if err != nil {
		t.Fatal(err)
	}
	slot := keepwatch.Slot{Check: keepwatch.Check{ID: "scan:x"}, At: noon}
	standing, found := Observe(slot, report, nil, nil)
	critical := 0
	for _, f := range report.Findings {
		if f.Check == "public_token_call" && f.Severity == Critical {
			critical++
		}
	}
	if critical < 4 {
		t.Errorf("only %d leaks were found", critical)
	}
	for name, text := range map[string]string{
		"what is told": told.String(), "JSON": string(raw), "HTML": string(page), "observations": fmt.Sprintf("%+v %+v", found, standing), "changes": fmt.Sprintf("%+v", Compare(Report{}, report)),
	} {
		if len(text) < 100 {
			t.Errorf("%s: nothing is there", name)
		}
		for i := 0; i+6 <= len(aSecret); i++ {
			if strings.Contains(text, aSecret[i:i+6]) {
				t.Errorf("%s: a piece of the secret is in it: %q", name, aSecret[i:i+6])
				break
			}
		}
	}
}

// TestNoNetwork: a server that nobody reaches, and one that knows no name at all.
func TestNoNetwork(t *testing.T) {
	w := newWorld(t)
	for name, resolver := range map[string]string{"nobody answers": "127.0.0.1:1", "no name is known": emptyServer(t)} {
		o := w.options()
		o.Resolver = resolver
		report := Run(t.Context(), o, Request{Targets: w.targets("news.example", "mc563885gzs27c5t9-63k636ttgm", "https://cloud.news.example/x", "click.news.example")})
		why, blind := report.Blind()
		if !blind || why == "" || report.Summary.Critical > 0 || report.Worst() != Unknown {
			t.Errorf("%s: %v %q %+v", name, blind, why, report.Findings)
		}
	}
}

// The HTML page needs nothing from elsewhere, and shows what a hostile target says as text.
func TestPageStandsAlone(t *testing.T) {
	const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`
	since := noon.Add(-time.Hour)
	r := reportOf(noon, finding("spf", hostile, Critical, "record", hostile, "includes", []string{hostile}), finding("stack", "a.example", OK, "stacks", []any{"S7"}))
	r.Since, r.Changes, r.Cannot = &since, []Change{{"spf", hostile, Worse, OK, Critical, hostile}}, cannot
	page, err := HTML(r)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, forbidden := range []string{"<script", "<img", "http://", "https://", "src=", "@import", "url("} {
		if strings.Contains(strings.ReplaceAll(text, "alert(2)", ""), forbidden) && forbidden != "src=" {
			t.Errorf("the page holds %s", forbidden)
		}
	}
	for _, want := range []string{"1 critical", "What nobody learns", "S7", "Since 30 November 2026, 11:00 UTC"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
