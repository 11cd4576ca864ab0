package web

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
)

// On whatever day somebody looks, the names of months end within the picture: on the
// narrowest sheet, and on a phone those that are shown there.
func TestMonthsOfThePictureEndWithinIt(t *testing.T) {
	const letter, indent = 7.5, 5 // pixels, at the most
	today := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 366 {
		c := chartAhead(client.Ahead{
			From: today.AddDate(0, 0, -7).Format(time.DateOnly), Today: today.Format(time.DateOnly), To: today.AddDate(0, 0, 90).Format(time.DateOnly), Total: 1,
			Lanes: []client.AheadLane{{Key: "emea", Total: 1, Ends: []client.AheadEnd{{On: today.Format(time.DateOnly), Count: 1, Severity: "info", Criticality: "standard", Credentials: []string{"a"}}}}},
		}, "tenant")
		named := 0
		for _, m := range c.Months {
			at, err := strconv.ParseFloat(strings.TrimSuffix(m.X, "%"), 64)
			if err != nil {
				t.Fatal(err)
			}
			if m.Text == "" {
				continue
			}
			named++
			width := indent + letter*float64(len(m.Text))
			if room := (100 - at) / 100 * 680; room < width {
				t.Errorf("%s: %s has %.0f pixels on paper", today.Format(time.DateOnly), m.Text, room)
			}
			if room := (100 - at) / 100 * 330; !m.Late && room < width {
				t.Errorf("%s: %s has %.0f pixels on a phone", today.Format(time.DateOnly), m.Text, room)
			}
		}
		if named < 2 {
			t.Errorf("%s: %d months are named", today.Format(time.DateOnly), named)
		}
		today = today.AddDate(0, 0, 1)
	}
}
