package view

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
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

// What a role over a part of the estate may look at from outside, and see of it: the
// subdomains of its own tenants. Any other target is nobody's in particular, and asking
// for it makes the daemon speak to hosts that the role has nothing to do with.

// Subdomains are those of the tenants in which somebody has a role over something.
func (r *Reader) Subdomains(who auth.Principal, needs auth.Role) []string {
	out := []string{}
	snap := r.For(who).inventory()
	for _, t := range snap.Tenants {
		reaches := who.May(needs, t.ID, "") || slices.ContainsFunc(snap.Credentials, func(c keepwatch.Credential) bool { return c.Tenant == t.ID && who.May(needs, t.ID, c.Owner.Team) })
		if t.Subdomain != "" && reaches {
			out = append(out, strings.ToLower(t.Subdomain))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MayScan reports why somebody may not have something looked at.
func (r *Reader) MayScan(who auth.Principal, targets []string) error {
	if who.Everywhere(auth.Operator) {
		return nil
	}
	list, err := scan.ParseTargets(targets)
	if err != nil {
		return err
	}
	own := r.Subdomains(who, auth.Operator)
	for _, t := range list {
		if t.Kind != scan.KindTenant || !slices.Contains(own, t.Host) {
			return keepwatch.WithHint(fmt.Errorf("%.200q is no subdomain of a tenant that you look after: %w", t.Name, keepwatch.ErrForbidden), "name the subdomain of one of your tenants; other targets need the role operator everywhere")
		}
	}
	return nil
}

// Scans are those of which somebody may see every target.
func (r *Reader) Scans(who auth.Principal, all []client.ScanBrief) []client.ScanBrief {
	if who.Everywhere(auth.Viewer) {
		return all
	}
	own := r.Subdomains(who, auth.Viewer)
	return slices.DeleteFunc(slices.Clone(all), func(s client.ScanBrief) bool { return !within(strings.Split(s.Target, ", "), own) })
}

func within(targets, own []string) bool {
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(t string) bool { return !slices.Contains(own, t) })
}

// Scan is a scan as it was read, for somebody who may see every target of it; else it is
// as one that does not exist.
func (r *Reader) Scan(who auth.Principal, id string, s client.Scan, err error) (client.Scan, error) {
	if who.Everywhere(auth.Viewer) {
		return s, err
	}
	if errors.Is(err, keepwatch.ErrNotFound) || err == nil && !within(s.Report.Targets, r.Subdomains(who, auth.Viewer)) {
		return client.Scan{}, notFound("scan", id)
	}
	return s, err
}
