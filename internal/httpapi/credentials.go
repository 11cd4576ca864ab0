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

// Paging are the parameters of every list. Exported, as CredentialInput is, because
// huma passes over embedded fields that are not.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"items of one page"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"next of the page before"`
}

func (p Paging) page() view.Page { return view.Page{Limit: min(p.Limit, maxPage), Cursor: p.Cursor} }

type noInput struct{}

// CredentialInput names one credential in the path.
type CredentialInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (in CredentialInput) id() keepwatch.CredentialID { return keepwatch.CredentialID(in.ID) }

type credentialsInput struct {
	Paging
	CredentialFilterInput
}

type resultsInput struct {
	CredentialInput
	Paging
}

type resultInput struct {
	CredentialInput
	Key string `path:"key" maxLength:"500"`
}

type dayInput struct {
	CredentialInput
	Day string `query:"day" required:"true" maxLength:"20" doc:"such as 2026-11-02, in UTC"`
}

func (a *api) credentialRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-credentials", Method: http.MethodGet, Path: "/api/v1/credentials", Tags: []string{"credentials"},
		Summary: "Credentials and how they stand, by id",
	}, func(ctx context.Context, in *credentialsInput) (client.Page[client.Credential], error) {
		return a.read(ctx).Credentials(ctx, time.Now(), in.filter(), in.page())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-credential", Method: http.MethodGet, Path: "/api/v1/credentials/{id}", Tags: []string{"credentials"},
		Summary: "One credential with its last run, history and plan",
	}, func(ctx context.Context, in *CredentialInput) (client.CredentialDetail, error) {
		return a.read(ctx).Credential(ctx, time.Now(), in.id())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-results", Method: http.MethodGet, Path: "/api/v1/credentials/{id}/results", Tags: []string{"credentials"},
		Summary: "Runs of one credential, newest first",
	}, func(ctx context.Context, in *resultsInput) (client.Page[client.Result], error) {
		return a.read(ctx).Results(ctx, in.id(), in.page())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-result", Method: http.MethodGet, Path: "/api/v1/credentials/{id}/results/{key}", Tags: []string{"credentials"},
		Summary: "One run with its transcript",
	}, func(ctx context.Context, in *resultInput) (client.Result, error) {
		return a.read(ctx).Result(ctx, in.id(), in.Key)
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-day", Method: http.MethodGet, Path: "/api/v1/credentials/{id}/history", Tags: []string{"credentials"},
		Summary: "One day of a credential, hour by hour", Description: "Hours are kept for 90 days.",
	}, func(ctx context.Context, in *dayInput) (client.DayHistory, error) {
		return a.read(ctx).Day(ctx, time.Now(), in.id(), in.Day)
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-traffic", Method: http.MethodGet, Path: "/api/v1/credentials/{id}/traffic", Tags: []string{"credentials"},
		Summary: "What the real clients of one credential live through",
	}, func(ctx context.Context, in *CredentialInput) (client.Traffic, error) {
		return a.read(ctx).Traffic(ctx, time.Now(), in.id())
	})
	route(a, auth.Viewer, huma.Operation{
		OperationID: "list-traffic", Method: http.MethodGet, Path: "/api/v1/traffic", Tags: []string{"credentials"},
		Summary: "Calls of real clients in the last 24 hours, by tenant and business unit",
	}, func(ctx context.Context, _ *noInput) (client.TrafficAccounts, error) {
		return a.read(ctx).TrafficAccounts(ctx, time.Now())
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "check-credential", Method: http.MethodPost, Path: "/api/v1/credentials/{id}/check", Tags: []string{"credentials"},
		Summary: "Prove a credential now", Description: "Waits for the run and records it.",
	}, a.check)
}

// check proves a credential that is registered and has a test: a run that cannot
// be would be recorded as a fault of the monitor.
func (a *api) check(ctx context.Context, in *CredentialInput) (client.Result, error) {
	if err := a.read(ctx).Testable(in.id()); err != nil {
		return client.Result{}, err
	}
	o, err := a.Check(ctx, in.id())
	if err != nil {
		return client.Result{}, err
	}
	return view.ResultOf(o), nil
}
