package view

import (
	"keepwatch/client"
	"keepwatch/internal/scan"
)

// ScanReportOf shows what a scan found.
func ScanReportOf(r scan.Report) client.ScanReport {
	out := client.ScanReport{
		SchemaVersion: r.SchemaVersion, Target: r.Target, Targets: append([]string{}, r.Targets...), At: r.At.UTC(), TookMS: r.TookMS, Partial: r.Partial,
		Summary: client.ScanSummary(r.Summary), Findings: make([]client.ScanFinding, len(r.Findings)), Since: r.Since, Cannot: append([]string{}, r.Cannot...),
	}
	for i, f := range r.Findings {
		out.Findings[i] = ScanFindingOf(f)
	}
	for _, c := range r.Changes {
		out.Changes = append(out.Changes, client.ScanChange{
			Check: c.Check, Subject: c.Subject, What: c.What, Before: string(c.Before), After: string(c.After), Message: c.Message,
		})
	}
	return out
}

// ScanFindingOf shows one finding.
func ScanFindingOf(f scan.Finding) client.ScanFinding {
	evidence := f.Evidence
	if evidence == nil {
		evidence = map[string]any{}
	}
	return client.ScanFinding{Check: f.Check, Subject: f.Subject, Severity: string(f.Severity), Message: f.Message, Hint: f.Hint, Evidence: evidence}
}
