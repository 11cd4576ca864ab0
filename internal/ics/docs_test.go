package ics

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch/internal/config"
)

// between cuts out what stands between two marks, the first of each.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, from)
	inner, _, closed := strings.Cut(rest, to)
	if !found || !closed {
		t.Fatalf("nothing stands between %q and %q", from, to)
	}
	return inner
}

// The page's example loads, and makes the event that stands below it.
func TestDocumentedEvent(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "calendar-feed.md")
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(between(t, text, "```yaml\n", "```")), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, func(string) (string, bool) { return "a-secret-of-twenty-four", true })
	if err != nil {
		t.Fatal(err)
	}
	shown := Feed{Owner: "crm-platform", BaseURL: cfg.Server.BaseURL}
	file, _ := Render(shown, Estate{Credentials: cfg.Credentials, Zone: cfg.Zone}, nil, time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC))
	if err := validate(file); err != nil {
		t.Fatal(err)
	}
	events := strings.SplitAfter(strings.ReplaceAll(string(file), "\r\n", "\n"), "BEGIN:VEVENT\n")
	if len(events) != 3 || !strings.Contains(events[1], "DTSTART;VALUE=DATE:20261125\nDTEND;VALUE=DATE:20261127\n") {
		t.Fatalf("the renewal is not from the 25th to the 26th:\n%s", file)
	}
	event, _, _ := strings.Cut(events[2], "END:VEVENT\n")
	event = "BEGIN:VEVENT\n" + event + "END:VEVENT\n"
	documented := between(t, text, "```ics\n", "```")
	if *update && documented != event {
		text = strings.Replace(text, "```ics\n"+documented, "```ics\n"+event, 1)
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if documented != event {
		t.Errorf("the page's event is\n%s\nwant\n%s", documented, event)
	}
}
