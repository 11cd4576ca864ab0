package view

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
)

// GrantsOf is what somebody may see, as text: whatever else their role allows, a link
// that they pass on reads and does nothing.
func GrantsOf(who auth.Principal) string {
	if who.Everywhere(auth.Viewer) {
		return string(auth.Viewer)
	}
	grants := make([]auth.Grant, 0, len(who.Grants))
	for _, g := range who.Grants {
		if who.May(auth.Viewer, g.Tenant, g.Team) { // pushers see nothing
			grants = append(grants, auth.Grant{Role: auth.Viewer, Tenant: g.Tenant, Team: g.Team})
		}
	}
	return auth.FormatGrants(grants)
}

// ShareOf is a link as it is listed. What opens it is not there.
func ShareOf(s keepwatch.ShareLink, now time.Time) client.ShareLink {
	out := client.ShareLink{
		ID: s.ID, Incident: string(s.Incident), CreatedAt: s.CreatedAt.UTC(), CreatedBy: s.CreatedBy, ExpiresAt: s.ExpiresAt.UTC(),
		EndedAt: timeOf(s.EndedAt), EndedBy: s.EndedBy, SeenAt: timeOf(s.SeenAt), Status: "holds",
	}
	switch {
	case !s.EndedAt.IsZero():
		out.Status = "ended"
	case s.Over(now):
		out.Status = "expired"
	}
	return out
}

// SharesOf are links as they are listed.
func SharesOf(list []keepwatch.ShareLink, now time.Time) []client.ShareLink {
	out := make([]client.ShareLink, len(list))
	for i, s := range list {
		out[i] = ShareOf(s, now)
	}
	return out
}

// Shared is an incident as a link shows it: as far as its maker might see it, with the
// fields that are named here and no others. A field that is added to an incident does
// not appear under links that were sent before.
func (r *Reader) Shared(ctx context.Context, now time.Time, s keepwatch.ShareLink) (client.SharedIncident, error) {
	grants, err := auth.ParseGrants(s.Grants)
	if err != nil {
		return client.SharedIncident{}, err
	}
	maker := r.For(auth.PrincipalOf("link", grants, auth.ViaToken))
	d, err := maker.Incident(ctx, now, s.Incident)
	if err != nil {
		return client.SharedIncident{}, err
	}
	out := client.SharedIncident{
		SchemaVersion: 1, At: now.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
		Title: d.Title, Status: d.Status, Severity: d.Severity, Outcome: d.Outcome, Message: d.Message, Hint: d.Hint,
		LastProvenAt: d.LastProvenAt, FirstFailedAt: d.FirstFailedAt, DetectedAt: d.DetectedAt, Acknowledged: d.AcknowledgedAt != nil,
		RestoredAt: d.RestoredAt, ResolvedAt: d.ResolvedAt, Cost: d.Cost, FiguresStay: d.FiguresStay,
		Credentials: []client.SharedCredential{}, Effects: []client.SharedEffect{}, Figures: []client.SubjectFigure{}, Actions: d.Actions, Timeline: []client.SharedStep{},
	}
	d.AcknowledgedBy = "somebody"
	out.Gist = maker.gist(d, now)
	out.CauseKind, _ = d.Cause["kind"].(string)
	out.Confidence, _ = d.Cause["confidence"].(float64)
	out.Evidence, _ = d.Cause["evidence"].(string)
	for _, m := range d.Membership {
		out.Credentials = append(out.Credentials, client.SharedCredential{ID: m.Credential, Owner: m.Owner, Outcome: m.Outcome, Since: m.Since, EndedAt: m.EndedAt})
	}
	for _, e := range d.Effects {
		out.Effects = append(out.Effects, client.SharedEffect{
			Kind: e.Kind, Name: e.Name, Outcome: e.Outcome, Since: e.Since, EndedAt: e.EndedAt, Evidence: e.Evidence, OnOutage: e.OnOutage,
		})
	}
	for _, f := range d.Figures {
		if f.Subject == "" {
			out.Figures = append(out.Figures, f)
		}
	}
	for _, t := range d.Timeline {
		if t.Kind != string(keepwatch.Noted) { // written for those who have an account
			out.Timeline = append(out.Timeline, client.SharedStep{Kind: t.Kind, At: t.At, Detail: t.Detail})
		}
	}
	return out, nil
}

// ToAct reads an incident that somebody wants to act on, and reports why they may not.
// One that they may not see is answered as one that does not exist.
func (r *Reader) ToAct(ctx context.Context, who auth.Principal, id keepwatch.IncidentID, now time.Time) (client.IncidentDetail, error) {
	if err := auth.Require(who, auth.Operator); err != nil {
		return client.IncidentDetail{}, err
	}
	d, err := r.For(who).Incident(ctx, now, id)
	if err == nil {
		err = r.MayAct(who, d.Incident)
	}
	return d, err
}
