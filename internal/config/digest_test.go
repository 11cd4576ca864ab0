package config

import (
	"path/filepath"
	"testing"
	"time"
)

// What a digest section means, and what holds without one.
func TestDigest(t *testing.T) {
	const calendars = `version: 1
calendars:
  office: {timezone: Europe/Berlin}
  shop: {timezone: America/New_York}
`
	for name, tt := range map[string]struct {
		text string
		off  bool
		day  int
		at   time.Duration
		zone string
	}{
		"none":                 {"", false, 0, 9 * time.Hour, "UTC"},
		"empty":                {"digest: {}", false, 0, 9 * time.Hour, "UTC"},
		"of the tier":          {"tiers: {standard: {calendar: office}}", false, 0, 9 * time.Hour, "Europe/Berlin"},
		"of another tier":      {"tiers: {reporting: {calendar: office}}", false, 0, 9 * time.Hour, "UTC"},
		"all":                  {"digest: {send: weekly, day: sunday, at: 23:59, calendar: shop}\ntiers: {standard: {calendar: office}}", false, 7, 23*time.Hour + 59*time.Minute, "America/New_York"},
		"a working day":        {"digest: {day: first_working_day, at: 00:00}", false, 0, 0, "UTC"},
		"monday":               {"digest: {day: monday}", false, 1, 9 * time.Hour, "UTC"},
		"off":                  {"digest: {send: never, at: 07:30}", true, 0, 7*time.Hour + 30*time.Minute, "UTC"},
		"from the environment": {"digest: {day: \"${env:DAY}\"}", false, 5, 9 * time.Hour, "UTC"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keepwatch.yaml")
			writeFile(t, path, calendars+tt.text+"\n")
			c, err := Load(path, env(map[string]string{"DAY": "friday"}))
			if err != nil {
				t.Fatal(err)
			}
			if d := c.Digest; d.Off != tt.off || d.Day != tt.day || d.At != tt.at || d.Hours.Location().String() != tt.zone {
				t.Errorf("%+v in %s, want %+v", d, d.Hours.Location(), tt)
			}
		})
	}
}
