package config

import (
	"testing"
	"time"

	"keepwatch"
)

// Scans are rows of the schedule, with a pace of their own and no credential.
func TestScansAreScheduled(t *testing.T) {
	c := mustLoad(t, good("scans.yaml"))
	if c.Server.Resolver != "9.9.9.9:53" {
		t.Errorf("resolver %q", c.Server.Resolver)
	}
	rows := map[keepwatch.CheckID]keepwatch.Check{}
	for _, row := range c.Checks() {
		rows[row.ID] = row
	}
	for id, want := range map[keepwatch.CheckID]struct {
		tenant keepwatch.TenantID
		every  time.Duration
	}{
		"scan:mc563885gzs27c5t9-63k636ttgm": {"emea", 6 * time.Hour}, "scan:news.example.com": {"emea", 24 * time.Hour},
		"scan:https://cloud.news.example.com/offer": {"", 7 * 24 * time.Hour}, "scan:click.other.example:8443": {"", 24 * time.Hour},
	} {
		row, ok := rows[id]
		if !ok || row.Kind != keepwatch.CheckScan || row.Tenant != want.tenant || row.Credential != "" || row.Fingerprint == "" || !row.ID.OfScan() {
			t.Errorf("%s: %+v", id, row)
			continue
		}
		now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		first := c.Next(row, now)
		if second := c.Next(row, first); second.Sub(first) != want.every || first.Sub(now) > want.every {
			t.Errorf("%s: %s, then %s", id, first, second)
		}
	}
	if _, ok := c.ScanOf("scan:nobody"); ok {
		t.Error("a scan that is not there was found")
	}
}
