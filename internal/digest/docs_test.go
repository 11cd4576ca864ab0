package digest_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
	"keepwatch/internal/digest"
	"keepwatch/internal/inventory"
	"keepwatch/internal/view"
)

var update = flag.Bool("update", false, "write the golden files and the page's letter anew")

var page = filepath.Join("..", "..", "docs", "digest.md")

func block(t *testing.T, content, kind string) string {
	t.Helper()
	_, rest, found := strings.Cut(content, "```"+kind+"\n")
	text, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("the page has no %s", kind)
	}
	return text
}

// listed is an estate as the pages show it.
func listed(t *testing.T, cfg *config.Config, now time.Time) ([]client.Ending, []client.Finding) {
	t.Helper()
	snap := view.Snapshot{Tenants: cfg.Tenants, Credentials: cfg.Credentials, Zone: cfg.Zone, Ladder: cfg.Ladder}
	var endings []client.Ending
	for _, clock := range []keepwatch.ClockKind{keepwatch.ClockHard, keepwatch.ClockIdle} {
		list, err := view.Expiring(snap, nil, now, view.ExpiringFilter{Within: 36_500 * 24 * time.Hour, Clock: clock}, view.Page{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		endings = append(endings, list.Items...)
	}
	reader := view.NewReader(view.Sources{}, func() view.Snapshot { return snap })
	return endings, reader.FindingsOf(inventory.Findings(inventory.Estate{Credentials: cfg.Credentials, Zone: cfg.Zone, Now: now}))
}

// The page's example loads, and makes the letter that stands below it.
func TestDocumentedLetter(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	content := string(raw)
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(block(t, content, "yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(string) (string, bool) { return "x", true })
	if err != nil {
		t.Fatal(err)
	}
	now := instant(t, "2026-11-23T09:00:00+01:00")
	week, due := cfg.Digest.Due(day(t, "2026-11-16"), now)
	if !due {
		t.Fatal("the letter is not due")
	}
	endings, findings := listed(t, cfg, now)
	letters := digest.Letters(endings, findings, cfg.Server.BaseURL, week)
	if len(letters) != 1 {
		t.Fatalf("%d letters", len(letters))
	}
	l := letters[0]
	if l.To != "crm-oncall@example.com" || l.Owner != "crm-platform" || l.Link != "https://keepwatch.example.com/expiring?owner=crm-platform" {
		t.Errorf("letter to %q of %q with %q", l.To, l.Owner, l.Link)
	}
	got, shown := l.Subject+"\n\n"+l.Text+"\n", block(t, content, "text")
	if got == shown {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(strings.Replace(content, shown, got, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the page's letter is out of date; look at it and run with -update:\n%s", got)
}

// What the page says the defaults are, they are.
func TestDocumentedDefaults(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	example := block(t, string(raw), "yaml")
	lines := slices.DeleteFunc(strings.Split(example, "\n"), func(l string) bool { return strings.HasPrefix(l, "digest:") })
	if len(lines) != strings.Count(example, "\n") {
		t.Fatal("the example has no digest section of one line")
	}
	var plans [2]digest.Plan
	for i, text := range []string{example, strings.Join(lines, "\n")} {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path, func(string) (string, bool) { return "x", true })
		if err != nil {
			t.Fatal(err)
		}
		plans[i] = cfg.Digest
		if plans[i].Hours.Name() != "office" {
			t.Errorf("the calendar is %s", plans[i].Hours.Name())
		}
		plans[i].Hours = nil
	}
	if plans[0] != plans[1] {
		t.Errorf("%+v and %+v", plans[0], plans[1])
	}
}
