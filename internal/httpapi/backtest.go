package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/auth"
)

// Backtester tries another configuration on the past.
type Backtester func(ctx context.Context, r client.BacktestRequest, now time.Time) (client.Backtest, error)

type backtestInput struct{ Body client.BacktestRequest }

func (a *api) backtestRoutes() {
	route(a, auth.Admin, huma.Operation{
		OperationID: "backtest", Method: http.MethodPost, Path: "/api/v1/backtest", Tags: []string{"reports"}, MaxBodyBytes: maxUpload, BodyReadTimeout: importTimeout,
		Summary:     "What another configuration would have alerted in the past",
		Description: "Nothing of it comes into force. Values of the environment are not put into it.",
	}, func(ctx context.Context, in *backtestInput) (client.Backtest, error) {
		return a.Backtest(ctx, in.Body, time.Now())
	})
}
