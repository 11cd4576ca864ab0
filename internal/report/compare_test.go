package report_test

import (
	"testing"
	"time"

	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/report"
)

func monthOf(month time.Month, prevented int, incidents ...client.MonthIncident) client.MonthReport {
	from := time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC)
	return report.Month(from, from.AddDate(0, 1, 0), from.AddDate(0, 3, 0), incidents, make([]client.Prevented, prevented))
}

func costing(name string, mid float64, unit string) client.MonthIncident {
	return client.MonthIncident{ID: name, Status: "resolved", Impact: map[string]client.Figure{name: {Low: mid, Mid: mid, High: mid, Unit: unit, Formula: "f"}}}
}

// Less is better, but of what was prevented; what one month does not know is no zero.
func TestCompareSaysWhatBecameBetter(t *testing.T) {
	got := report.Compare(
		monthOf(11, 2, costing(impact.OutageHours, 4, "hours"), costing(impact.HoursStale, 3, "hours"), costing(impact.HoursStale, 5, "hours"), costing(impact.TimeToDetect, 60, "seconds")),
		monthOf(10, 1, costing(impact.OutageHours, 8, "hours"), costing(impact.ContactsDelayed, 10, "contacts"), costing(impact.TimeToDetect, 30, "seconds")))
	verdicts := map[string]string{}
	for _, c := range got.Changes {
		verdicts[c.Name] = c.Verdict
		if c.Name == impact.HoursStale && c.Figure.Mid != 5 {
			t.Errorf("hours of staleness are added up: %+v", c.Figure)
		}
		if c.Name == impact.OutageHours && (c.Ratio == nil || *c.Ratio != 0.5) {
			t.Errorf("ratio %v", c.Ratio)
		}
	}
	for name, want := range map[string]string{
		report.Incidents: "worse", report.PreventedOnes: "better", impact.OutageHours: "better", impact.TimeToDetect: "worse", impact.ContactsDelayed: "unknown", impact.HoursStale: "unknown",
	} {
		if verdicts[name] != want {
			t.Errorf("%s is %q, want %q", name, verdicts[name], want)
		}
	}
	if got.Says != "4 incidents, 4 h 00 m of outage; 2 outages prevented by a warning." {
		t.Errorf("it says %q", got.Says)
	}
	if quiet := report.Compare(monthOf(11, 0), monthOf(10, 0)); quiet.Says != "No incident was detected." || quiet.Changes[0].Verdict != "same" {
		t.Errorf("%+v", quiet)
	}
}
