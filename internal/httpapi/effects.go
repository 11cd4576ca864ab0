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

type effectsInput struct {
	Paging
	Tenant     string `query:"tenant" maxLength:"200"`
	Credential string `query:"credential" maxLength:"200" doc:"that it hangs on"`
	Kind       string `query:"kind" enum:"journey,automation,data_extension,triggered_send,transactional_email,transactional_sms"`
	State      string `query:"state" enum:"healthy,degraded,failing,unknown,maintenance"`
	Query      string `query:"q" maxLength:"200" doc:"part of the key or the name"`
}

// EffectInput names one watched aspect in the path.
type EffectInput struct {
	Series string `path:"series" maxLength:"1000"`
}

func (a *api) effectRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-effects", Method: http.MethodGet, Path: "/api/v1/effects", Tags: []string{"effects"},
		Summary: "What is watched in SFMC for the effects of credentials, and how it stands",
	}, func(ctx context.Context, in *effectsInput) (client.Page[client.Watch], error) {
		f := view.WatchFilter{Tenant: in.Tenant, Credential: in.Credential, Kind: in.Kind, State: in.State, Query: in.Query}
		return a.read(ctx).Effects(ctx, time.Now(), f, in.page())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-effect", Method: http.MethodGet, Path: "/api/v1/effects/{series}", Tags: []string{"effects"},
		Summary: "One watched aspect with its hours and what its baseline expects",
	}, func(ctx context.Context, in *EffectInput) (client.WatchDetail, error) {
		return a.read(ctx).Effect(ctx, time.Now(), keepwatch.SeriesID(in.Series))
	})
}
