package view

import (
	"testing"
	"time"

	"keepwatch"
)

// The next times of a window are those of its own zone, right across the change of the
// clocks, and the one in force is told from its begin.
func TestOccurrencesAreTheNextTimes(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	weekly := keepwatch.Silence{Kind: keepwatch.Maintained, Hours: "sun 02:00-04:00", Timezone: "Europe/Berlin", From: at("2026-01-01T00:00:00Z"), Until: at("2026-11-02T00:00:00Z")}
	for name, tt := range map[string]struct {
		s    keepwatch.Silence
		now  string
		want []string
	}{
		"across the clocks": {weekly, "2026-10-17T12:00:00Z", []string{"2026-10-18T00:00:00Z", "2026-10-18T02:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z", "2026-11-01T01:00:00Z", "2026-11-01T03:00:00Z"}},
		"in force":          {weekly, "2026-11-01T02:10:00Z", []string{"2026-11-01T01:00:00Z", "2026-11-01T03:00:00Z"}},
		"over":              {weekly, "2026-12-01T00:00:00Z", nil},
		"once":              {keepwatch.Silence{From: at("2026-11-01T00:00:00Z"), Until: at("2026-11-02T00:00:00Z")}, "2026-11-01T05:00:00Z", []string{"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"}},
		"always":            {keepwatch.Silence{Hours: "always", From: at("2026-11-01T00:00:00Z"), Until: at("2026-11-02T00:00:00Z")}, "2026-11-01T05:00:00Z", []string{"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"}},
		"cut by its end":    {keepwatch.Silence{Hours: "daily 22:00-06:00", From: at("2026-11-01T00:00:00Z"), Until: at("2026-11-02T00:00:00Z")}, "2026-11-01T12:00:00Z", []string{"2026-11-01T22:00:00Z", "2026-11-02T00:00:00Z"}},
		"no hours at all":   {keepwatch.Silence{Hours: "noon", From: at("2026-11-01T00:00:00Z"), Until: at("2026-11-02T00:00:00Z")}, "2026-11-01T12:00:00Z", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, o := range occurrences(tt.s, at(tt.now), 3) {
				got = append(got, o.From.Format(time.RFC3339), o.Until.Format(time.RFC3339))
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("%d is %s, want %s", i, got[i], tt.want[i])
				}
			}
		})
	}
}
