package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

type incidentInput struct {
	ID string `path:"id" maxLength:"200"`
}

type incidentsInput struct {
	Paging
	Status     string `query:"status" enum:"open,resolved,all" default:"open"`
	Credential string `query:"credential" maxLength:"200"`
	Tenant     string `query:"tenant" maxLength:"200"`
	Outcome    string `query:"outcome" maxLength:"50"`
	Owner      string `query:"owner" maxLength:"200" doc:"team that owns one of its credentials"`
	Query      string `query:"q" maxLength:"200" doc:"part of the title, the id, the message, an owner or a credential, in any case"`
}

func (a *api) incidentRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-incidents", Method: http.MethodGet, Path: "/api/v1/incidents", Tags: []string{"incidents"},
		Summary: "Incidents, newest first",
	}, func(ctx context.Context, in *incidentsInput) (client.Page[client.Incident], error) {
		f := view.IncidentSearch{
			IncidentFilter: view.IncidentFilter{Status: in.Status, Credential: keepwatch.CredentialID(in.Credential), Tenant: keepwatch.TenantID(in.Tenant)},
			Outcome:        in.Outcome, Owner: in.Owner, Query: in.Query,
		}
		if err := view.OutcomeExists(in.Outcome); err != nil {
			return client.Page[client.Incident]{}, err
		}
		return a.read(ctx).Incidents(ctx, f, in.page())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-incident", Method: http.MethodGet, Path: "/api/v1/incidents/{id}", Tags: []string{"incidents"},
		Summary: "One incident with its timeline and the messages it caused",
	}, func(ctx context.Context, in *incidentInput) (client.IncidentDetail, error) {
		return a.read(ctx).Incident(ctx, time.Now(), keepwatch.IncidentID(in.ID))
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "acknowledge-incident", Method: http.MethodPost, Path: "/api/v1/incidents/{id}/ack", Tags: []string{"incidents"},
		Summary: "Say that somebody is on it", Description: "Reminders stop; the incident stays open until it is over.",
	}, func(ctx context.Context, in *incidentInput) (client.Incident, error) {
		who, now := view.PrincipalOf(ctx), time.Now()
		if _, err := a.Reader.ToAct(ctx, who, keepwatch.IncidentID(in.ID), now); err != nil {
			return client.Incident{}, err
		}
		inc, err := a.Incidents.Acknowledge(ctx, keepwatch.IncidentID(in.ID), who.Name, now)
		if err != nil {
			return client.Incident{}, err
		}
		return a.read(ctx).IncidentOf(inc), nil
	})
	a.noteRoutes()
}
