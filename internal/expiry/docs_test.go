package expiry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/expiry"
)

var page = filepath.Join("..", "..", "docs", "expiry.md")

func readPage(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestDocumentedExample loads the page's example and looks at what it says of it.
func TestDocumentedExample(t *testing.T) {
	_, rest, found := strings.Cut(readPage(t), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(string) (string, bool) { return "x", true })
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[keepwatch.CredentialID]string{"crm-sync": "secret 2026-11-28 derived", "nightly-drop": "password 2027-02-01 typed"} {
		c, _ := cfg.Credential(id)
		k := expiry.Clocks(c, cfg.Zone(id), nil)[0]
		if got := k.Name + " " + keepwatch.DayOf(k.At, cfg.Zone(id)).String() + " " + string(k.Source); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	c, _ := cfg.Credential("crm-sync")
	zone := cfg.Zone("crm-sync")
	if d := expiry.Look(c, c.Clocks, cfg.Ladder("crm-sync"), zone, date("2026-11-21").In(zone))[0]; !d.Quiet || d.Next != date("2026-11-22").In(zone) {
		t.Errorf("the planned renewal does not quiet: %+v", d)
	}
}

// TestDocumentedKinds: every kind and each of its clocks stands in the page's table.
func TestDocumentedKinds(t *testing.T) {
	content := readPage(t)
	for kind, rules := range expiry.Rules {
		if !strings.Contains(content, "`"+string(kind)+"`") {
			t.Errorf("%s is not in the page", kind)
		}
		for _, r := range rules {
			if !strings.Contains(content, "`"+r.Clock+"`") {
				t.Errorf("the clock %s of %s is not in the page", r.Clock, kind)
			}
		}
	}
}
