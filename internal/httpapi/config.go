package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/auth"
)

// Configured knows the configuration in force, with the place of each setting.
type Configured interface {
	Effective(ctx context.Context) (client.Configuration, error)
}

func (a *api) configRoute() {
	route(a, auth.Admin, huma.Operation{
		OperationID: "get-config", Method: http.MethodGet, Path: "/api/v1/config", Tags: []string{"daemon"},
		Summary: "The configuration in force, with file and line of each setting", Description: "What may be a secret is left out.",
	}, func(ctx context.Context, _ *noInput) (client.Configuration, error) { return a.Config.Effective(ctx) })
}
