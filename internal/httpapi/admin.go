package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

type newTokenInput struct{ Body client.NewToken }

type tokenInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (a *api) adminRoutes() {
	route(a, auth.Admin, huma.Operation{
		OperationID: "reload", Method: http.MethodPost, Path: "/-/reload", Tags: []string{"daemon"},
		Summary: "Read the configuration again", Description: "A bad file leaves the old configuration in force and answers 400 with every fault.",
	}, func(ctx context.Context, _ *noInput) (client.Reloaded, error) {
		return a.Reload(ctx)
	})
	route(a, auth.Admin, huma.Operation{
		OperationID: "list-tokens", Method: http.MethodGet, Path: "/api/v1/tokens", Tags: []string{"tokens"},
		Summary: "API tokens, without their secret part",
	}, func(ctx context.Context, _ *noInput) (client.Page[client.Token], error) {
		tokens, err := a.Tokens.List(ctx)
		if tokens == nil {
			tokens = []client.Token{}
		}
		return client.Page[client.Token]{Items: tokens}, err
	})
	route(a, auth.Admin, huma.Operation{
		OperationID: "create-token", Method: http.MethodPost, Path: "/api/v1/tokens", Tags: []string{"tokens"},
		Summary: "Make an API token", Description: "The answer holds the token itself, this once.",
		DefaultStatus: http.StatusCreated,
	}, a.createToken)
	a.revokeRoute()
}

func (a *api) createToken(ctx context.Context, in *newTokenInput) (client.CreatedToken, error) {
	if e := in.Body.ExpiresAt; e != nil && !e.After(time.Now()) {
		return client.CreatedToken{}, keepwatch.WithHint(fmt.Errorf("expires_at lies in the past: %w", keepwatch.ErrInvalid), "leave it out for a token that does not end")
	}
	if _, err := auth.ParseGrants(in.Body.Role); err != nil {
		return client.CreatedToken{}, err
	}
	return a.Tokens.Create(ctx, in.Body, view.PrincipalOf(ctx).Name)
}

// revokeRoute stands apart because it answers without a body.
func (a *api) revokeRoute() {
	op := huma.Operation{
		OperationID: "revoke-token", Method: http.MethodDelete, Path: "/api/v1/tokens/{id}", Tags: []string{"tokens"},
		Summary: "End an API token at once",
	}
	a.describe(&op, auth.Admin)
	huma.Register(a.huma, op, func(ctx context.Context, in *tokenInput) (*struct{}, error) {
		err := auth.Require(view.PrincipalOf(ctx), auth.Admin)
		if err == nil {
			err = a.Tokens.Revoke(ctx, in.ID)
		}
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return nil, nil
	})
}

type healthAnswer struct {
	Status int
	Body   client.Health
}

// healthRoutes are open to anybody: what watches the daemon has no token. They
// tell nothing about the estate.
func (a *api) healthRoutes() {
	alive := huma.Operation{
		OperationID: "healthz", Method: http.MethodGet, Path: "/healthz", Tags: []string{"daemon"}, Summary: "Alive",
	}
	a.describeErrors(&alive, http.StatusBadRequest, http.StatusInternalServerError)
	huma.Register(a.huma, alive, func(context.Context, *noInput) (*healthAnswer, error) {
		return &healthAnswer{http.StatusOK, client.Health{Status: "ok", Checks: []client.HealthCheck{}}}, nil
	})
	ready := huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/readyz", Tags: []string{"daemon"},
		Summary: "Able to work: store, schedule, fresh proof", Description: "503 with the same body when it is not.",
	}
	a.describeErrors(&ready, http.StatusBadRequest, http.StatusInternalServerError)
	huma.Register(a.huma, ready, func(ctx context.Context, _ *noInput) (*healthAnswer, error) {
		return a.ready(ctx), nil
	})
}

func (a *api) ready(ctx context.Context) *healthAnswer {
	h := a.Health(ctx)
	if h.Checks == nil {
		h.Checks = []client.HealthCheck{}
	}
	if h.Status != "ok" {
		return &healthAnswer{http.StatusServiceUnavailable, h}
	}
	return &healthAnswer{http.StatusOK, h}
}
