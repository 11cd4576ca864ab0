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
	reports, err := r.monthReports(ctx, now, month)
	if err != nil {
		return client.MonthReport{}, err
	}
	return reports[0], nil
}

// MonthsCompared sums up a month beside another one; "" is the month before it.
func (r *Reader) MonthsCompared(ctx context.Context, now time.Time, month, with string) (client.MonthsCompared, error) {
	if with == "" {
		from, _, err := report.ParseMonth(month)
		if err != nil {
			return client.MonthsCompared{}, err
		}
		with = from.AddDate(0, -1, 0).Format("2006-01")
	}
	reports, err := r.monthReports(ctx, now, month, with)
	if err != nil {
		return client.MonthsCompared{}, err
	}
	return report.Compare(reports[0], reports[1]), nil
}

// span is one month and what is found of it.
type span struct {
	from, to  time.Time
	incidents []keepwatch.Incident
	prevented []client.Prevented
}

func (s *span) holds(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }

// monthReports sums up months in one walk over the incidents.
func (r *Reader) monthReports(ctx context.Context, now time.Time, months ...string) ([]client.MonthReport, error) {
	spans := make([]span, len(months))
	first := now
	for i, month := range months {
		from, to, err := report.ParseMonth(month)
		if err != nil {
			return nil, err
		}
		spans[i] = span{from: from, to: to}
		if from.Before(first) {
			first = from
		}
	}
	err := r.eachIncident(ctx, first.Add(-warnedBefore), func(inc keepwatch.Incident) error {
		for i := range spans {
			if err := r.note(ctx, &spans[i], inc); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]client.MonthReport, len(spans))
	for i, s := range spans {
		rows, err := r.monthIncidents(ctx, now, s.incidents)
		if err != nil {
			return nil, err
		}
		out[i] = report.Month(s.from, s.to, now, rows, s.prevented)
	}
	return out, nil
}

// note takes an incident into a month: as one of it, or as a warning that was heard.
func (r *Reader) note(ctx context.Context, s *span, inc keepwatch.Incident) error {
	if inc.MergedInto == "" && s.holds(inc.DetectedAt) {
		s.incidents = append(s.incidents, inc)
	}
	if inc.Outcome != keepwatch.Expiring || !s.holds(inc.ResolvedAt) {
		return nil
	}
	p, ok, err := r.prevented(ctx, inc)
	if ok {
		s.prevented = append(s.prevented, p)
	}
	return err
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

func (r *Reader) monthIncidents(ctx context.Context, now time.Time, list []keepwatch.Incident) ([]client.MonthIncident, error) {
	known := map[keepwatch.IncidentID]keepwatch.Impact{}
	if r.from.Impacts != nil && len(list) > 0 {
		ids := make([]keepwatch.IncidentID, len(list))
		for i, inc := range list {
			ids[i] = inc.ID
		}
		var err error
		if known, err = r.from.Impacts.Impacts(ctx, ids...); err != nil {
			return nil, reading("what incidents cost", err)
		}
	}
	owners := r.owners()
	rows := make([]client.MonthIncident, len(list))
	for i, inc := range list {
		cost := known[inc.ID]
		if cost.At.IsZero() {
			var err error
			if cost, err = r.Assess(ctx, now, inc); err != nil {
				return nil, err
			}
		}
		rows[i] = monthIncident(incidentOf(inc, owners), len(inc.Effects), cost)
	}
	return rows, nil
}

func monthIncident(shown client.Incident, effects int, cost keepwatch.Impact) client.MonthIncident {
	return client.MonthIncident{
		ID: shown.ID, Title: shown.Title, Scope: shown.Scope, Outcome: shown.Outcome, Severity: shown.Severity, Status: shown.Status, Owner: shown.Owner, Tenant: shown.Tenant,
		FirstFailedAt: shown.FirstFailedAt, DetectedAt: shown.DetectedAt, AcknowledgedAt: shown.AcknowledgedAt, RestoredAt: shown.RestoredAt, ResolvedAt: shown.ResolvedAt,
		Effects: effects, Impact: sumsOf(cost),
	}
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
