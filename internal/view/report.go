package view

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/report"
)

// IncidentReport is one incident as it is reported.
func (r *Reader) IncidentReport(ctx context.Context, now time.Time, id keepwatch.IncidentID) (client.IncidentReport, error) {
	d, err := r.Incident(ctx, now, id)
	return client.IncidentReport{SchemaVersion: 1, At: now.UTC(), IncidentDetail: d}, err
}

// warnedBefore is how long before a month a date may have been warned of that was
// renewed in it.
const warnedBefore = 400 * 24 * time.Hour

// MonthReport sums up the incidents of a month such as "2026-11".
func (r *Reader) MonthReport(ctx context.Context, now time.Time, month string) (client.MonthReport, error) {
	from, to, err := report.ParseMonth(month)
	if err != nil {
		return client.MonthReport{}, err
	}
	var incidents []client.MonthIncident
	var prevented []client.Prevented
	err = r.eachIncident(ctx, from.Add(-warnedBefore), func(inc keepwatch.Incident) error {
		if inc.MergedInto == "" && !inc.DetectedAt.Before(from) && inc.DetectedAt.Before(to) {
			row, err := r.monthIncident(ctx, now, inc)
			incidents = append(incidents, row)
			return err
		}
		return nil
	}, func(inc keepwatch.Incident) error {
		if inc.Outcome != keepwatch.Expiring || inc.ResolvedAt.Before(from) || !inc.ResolvedAt.Before(to) {
			return nil
		}
		p, ok, err := r.prevented(ctx, inc)
		if ok {
			prevented = append(prevented, p)
		}
		return err
	})
	return report.Month(from, to, now, incidents, prevented), err
}

// eachIncident walks over what was detected since an instant, newest first.
func (r *Reader) eachIncident(ctx context.Context, since time.Time, visits ...func(keepwatch.Incident) error) error {
	for cursor := ""; ; {
		list, next, err := r.from.Incidents.Incidents(ctx, IncidentFilter{}, Page{Limit: 1000, Cursor: cursor})
		if err != nil {
			return reading("incidents", err)
		}
		for _, inc := range list {
			if inc.DetectedAt.Before(since) {
				return nil
			}
			for _, visit := range visits {
				if err := visit(inc); err != nil {
					return err
				}
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

func (r *Reader) monthIncident(ctx context.Context, now time.Time, inc keepwatch.Incident) (client.MonthIncident, error) {
	shown := r.IncidentOf(inc)
	row := client.MonthIncident{
		ID: shown.ID, Title: shown.Title, Scope: shown.Scope, Outcome: shown.Outcome, Severity: shown.Severity, Status: shown.Status, Owner: shown.Owner, Tenant: shown.Tenant,
		FirstFailedAt: shown.FirstFailedAt, DetectedAt: shown.DetectedAt, AcknowledgedAt: shown.AcknowledgedAt, RestoredAt: shown.RestoredAt, ResolvedAt: shown.ResolvedAt,
		Effects: len(inc.Effects),
	}
	cost, err := r.kept(ctx, inc)
	if err == nil && cost.At.IsZero() {
		cost, err = r.Assess(ctx, now, inc)
	}
	row.Impact = sumsOf(cost)
	return row, err
}

// prevented reads whether a warning was followed by a renewal in time.
func (r *Reader) prevented(ctx context.Context, inc keepwatch.Incident) (client.Prevented, bool, error) {
	transitions, err := r.from.Incidents.Transitions(ctx, inc.ID)
	if err != nil {
		return client.Prevented{}, false, reading("a timeline", err)
	}
	w := impact.Warned{Incident: inc, Transitions: transitions, Subjects: r.dependentsOf(inc.Tenant, inc.Credential)}
	known := counts{from: r.from.Watches}
	for i := range w.Subjects {
		if err := known.look(ctx, &w.Subjects[i], inc.Tenant, inc, inc.ResolvedAt); err != nil {
			return client.Prevented{}, false, reading("a baseline", err)
		}
	}
	w.Volume = known.volume
	p, ok := impact.Prevented(w)
	if !ok {
		return client.Prevented{}, false, nil
	}
	return client.Prevented{
		Incident: string(p.Incident), Credential: string(p.Credential), Owner: r.owners()[p.Credential], Tenant: string(inc.Tenant),
		WarnedAt: p.WarnedAt.UTC(), RenewedAt: p.RenewedAt.UTC(), End: p.End.UTC(), NewEnd: p.NewEnd.UTC(), Dependents: p.Dependents, PerDay: figureOf(p.PerDay),
	}, true, nil
}

// kept is what an incident cost as it was worked out last; zero where it never was.
func (r *Reader) kept(ctx context.Context, inc keepwatch.Incident) (keepwatch.Impact, error) {
	if r.from.Impacts == nil {
		return keepwatch.Impact{}, nil
	}
	known, err := r.from.Impacts.Impacts(ctx, inc.ID)
	if err != nil {
		return keepwatch.Impact{}, reading("what an incident cost", err)
	}
	return known[inc.ID], nil
}
