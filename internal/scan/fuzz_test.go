package scan

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzSPF(f *testing.F) {
	for _, s := range []string{goodSPF, "v=spf1 a:b/24//64 ip6:::/0 redirect=x", "v=spf1 -", "v=spf1 %=x", "v=spf1 \xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := parseSPF(text)
		if err == nil && len(terms) > len(strings.Fields(text)) {
			t.Errorf("%d terms", len(terms))
		}
		if err != nil && !utf8.ValidString(err.Error()) {
			t.Errorf("the error is no text: %q", err)
		}
	})
}

func FuzzDKIM(f *testing.F) {
	for _, s := range []string{dkimOnce(), "k=ed25519; p=", "v=DKIM1; t=y:s; p=AAAA", ";;=", "p=" + strings.Repeat("A", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		finding := Finding{Evidence: map[string]any{}}
		judgeDKIM(&finding, text)
		if finding.Message == "" {
			t.Error("nothing is said")
		}
	})
}

func FuzzDMARC(f *testing.F) {
	for _, s := range []string{"v=DMARC1; p=none; pct=5", "v=DMARC1;;p=", "p=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		finding := Finding{Severity: OK, Evidence: map[string]any{}}
		judgeDMARC(&finding, parseDMARC(text), len(text)%2 == 0)
		if !utf8.ValidString(finding.tidy().Message) {
			t.Errorf("%q", finding.Message)
		}
	})
}

func FuzzHTML(f *testing.F) {
	base, err := url.Parse("https://cloud.example.com/a")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{`<script src=a></script><base href=//x>`, `<script>client_secret:"` + aSecret + `"`, "<img src=http://x/><iframe src=\"http://[::1\">", "<script", "<!--"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := readHTML(raw, base)
		if len(d.scripts) > maxScripts {
			t.Errorf("%d scripts", len(d.scripts))
		}
		for _, s := range d.scripts {
			if s.src == "" {
				lookForToken([]byte(s.text))
				continue
			}
			if u, err := url.Parse(s.src); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.Host == "" {
				t.Errorf("would ask for %q", s.src)
			}
		}
	})
}

func FuzzScript(f *testing.F) {
	for _, s := range []string{"/* x */ a = b / c // d", "`${`x`}` /[/]/.test('/*')", "fetch('auth.marketingcloudapis.com/v2/token', {client_secret: x})", "/*", "'\\", "/["} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if code := withoutComments(text); len(code) != len(text) || bytes.Count(code, []byte{'\n'}) != bytes.Count(text, []byte{'\n'}) {
			t.Errorf("places have moved: %q -> %q", text, code)
		}
		c := lookForToken(text)
		for _, p := range []place{c.literal, c.call, c.token} {
			if p.there() && (p.line > bytes.Count(text, []byte{'\n'})+1 || p.column < 1 || p.column > len(text)) {
				t.Errorf("%+v is not in the script", p)
			}
		}
	})
}

func FuzzSince(f *testing.F) {
	report := Report{SchemaVersion: 1, Target: "x", Findings: []Finding{{Check: "spf", Subject: "x", Severity: Warning, Message: "m", Evidence: map[string]any{"record": "v=spf1"}}}}
	raw, err := json.Marshal(report)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"schema_version":1,"target":"x","findings":[{"check":"mx","severity":"ok","evidence":{"servers":[1,{"a":[]}]}}]}`))
	f.Add([]byte(`{"schema_version":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before, err := ReadReport(bytes.NewReader(raw))
		if err != nil {
			return
		}
		for _, c := range append(Compare(before, report), Compare(report, before)...) {
			if c.What == "" || !utf8.ValidString(c.Message) {
				t.Errorf("%+v", c)
			}
		}
		if changes := Compare(before, before); len(changes) > 0 && !twice(before) {
			t.Errorf("nothing changed, and yet %+v", changes)
		}
		if _, err := HTML(before); err != nil {
			t.Error(err)
		}
	})
}

// twice reports whether a report names one thing more than once, as no scan does.
func twice(r Report) bool {
	seen := map[string]bool{}
	for _, f := range r.Findings {
		if seen[f.key()] {
			return true
		}
		seen[f.key()] = true
	}
	return false
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"mc563885gzs27c5t9-63k636ttgm", "https://a.example/?q#f", "[::1]:443", "bücher.example", "a@b.example", "http://[fe80::1%25eth0]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTarget(text)
		if err != nil {
			return
		}
		if got.Name == "" || got.Host == "" || (got.Kind == KindPage) != (got.URL != nil) || got.URL != nil && got.URL.User != nil || got.Kind == KindPage && strings.ContainsAny(got.Name, "?#") && !strings.Contains(text, "%") {
			t.Errorf("%q: %+v", text, got)
		}
	})
}
