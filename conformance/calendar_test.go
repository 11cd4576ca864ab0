package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/ics"
)

// hostilePurpose has every character that the format gives a meaning to.
const hostilePurpose = `orders; returns, "all" \ of them · 漢字`

// TestCalendarClient lets a calendar client's library read the feed, before and
// after a date moved. Like the other clients it runs only when asked.
func TestCalendarClient(t *testing.T) {
	if os.Getenv("KEEPWATCH_CONFORMANCE") != "1" {
		t.Skip("the calendar client runs only with KEEPWATCH_CONFORMANCE=1 (needs node 20 and npm)")
	}
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	feed := ics.Feed{BaseURL: "https://keepwatch.example.com"}
	c := keepwatch.Credential{
		ID: "crm-sync", Tenant: "emea", Kind: keepwatch.ServerToServer, SecretGenerated: keepwatch.Day(2026, 6, 1),
		Purpose: hostilePurpose, Renewal: keepwatch.Renewal{Planned: keepwatch.Day(2026, 11, 26)},
	}
	before, said := ics.Render(feed, ics.Estate{Credentials: []keepwatch.Credential{c}}, nil, now)
	known := map[string]keepwatch.FeedEvent{}
	for _, e := range said {
		known[e.UID] = e
	}
	c.SecretGenerated, c.Renewal = keepwatch.Day(2026, 11, 24), keepwatch.Renewal{}
	after, _ := ics.Render(feed, ics.Estate{Credentials: []keepwatch.Credential{c}}, known, now.Add(time.Hour))
	readByClient(t, before, after, "2026-11-28", "2027-05-23")
}

// readByClient lets a calendar client's library read a feed of crm-sync before and
// after its date moved from one day to another.
func readByClient(t *testing.T, before, after []byte, from, to string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("node_modules", "ical.js")); err != nil {
		install(t)
	}
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "before.ics"), filepath.Join(dir, "after.ics")}
	for i, file := range [][]byte{before, after} {
		if err := os.WriteFile(paths[i], file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", "clients/ical.mjs", paths[0], paths[1], from, to).CombinedOutput()
	t.Logf("%s", out)
	if err != nil || strings.Count(string(out), "ok ") != 5 {
		t.Errorf("the calendar client does not accept the feed: %v", err)
	}
}
