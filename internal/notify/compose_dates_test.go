package notify

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
)

// TestComposeDates: a date is not a failure, and its words say so at every turn.
func TestComposeDates(t *testing.T) {
	expiring := newTale("dates", t0)
	expiring.inc.Key, expiring.inc.Outcome, expiring.inc.Category, expiring.inc.Severity = "expiry:crm-sync:secret", keepwatch.Expiring, "", keepwatch.SeverityWarning
	expiring.inc.Message = "crm-sync: The secret ends on 2026-11-28 00:00 UTC, in 14 days. The date is derived: generated 2026-06-01 + 180 days."
	opened := delivery(expiring.next(keepwatch.Opened, t0))
	warned := delivery(expiring.next(keepwatch.Warning, t0.AddDate(0, 0, 7)))
	resolved := delivery(expiring.next(keepwatch.Resolved, t0.AddDate(0, 0, 8)))
	drift := newTale("drift", t0)
	drift.inc.Key, drift.inc.Outcome, drift.inc.Category = "drift:expiry:crm-sync#certificate", keepwatch.Drifted, ""
	drift.inc.Message = "crm-sync: Changed since the last time: issuer: A -> B"
	drifted := delivery(drift.next(keepwatch.Opened, t0))
	point := newTale("point", t0)
	point.inc.Key, point.inc.Scope, point.inc.Outcome, point.inc.Credential = "point:middleware", keepwatch.ScopePlace, keepwatch.Timeout, ""
	pointed := delivery(point.next(keepwatch.Opened, t0))

	tests := map[string]struct {
		d          keepwatch.Delivery
		title, out string // out: must not be said
		alert      string
	}{
		"opened":   {opened, "[WARNING] crm-sync (emea, Germany 510000123): The secret ends on 2026-11-28 00:00 UTC, in 14 days", "failing", "KeepwatchDate"},
		"warned":   {warned, "[WARNING] crm-sync (emea, Germany 510000123): The secret ends on 2026-11-28 00:00 UTC, in 14 days", "failing", "KeepwatchDate"},
		"resolved": {resolved, "[RESOLVED] crm-sync (emea, Germany 510000123): the date has moved", "works again", "KeepwatchDate"},
		"drifted":  {drifted, "[FIRING] crm-sync (emea, Germany 510000123): Changed since the last time: issuer: A -> B", "failing", "KeepwatchDrift"},
		"point":    {pointed, "[FIRING] integration point middleware seen from local: timeout", "tenant", "KeepwatchIntegrationPointFailing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := FactsOf(tt.d.Notice.Incident, estate(), "")
			f.Now = t0.Add(time.Hour)
			m := Compose(tt.d, f)
			if m.Title != tt.title || m.Labels["alertname"] != tt.alert {
				t.Errorf("title %q, alertname %q", m.Title, m.Labels["alertname"])
			}
			if strings.Contains(m.Lines[0].Text, tt.out) {
				t.Errorf("it says %q: %q", tt.out, m.Lines[0].Text)
			}
		})
	}
	if wantsReminder(opened) || wantsReminder(drifted) || !wantsReminder(pointed) {
		t.Error("rungs are their own reminders; an integration point that fails is reminded of")
	}
}
