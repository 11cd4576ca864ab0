package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/report"
)

type incidentReportInput struct {
	ID     string `path:"id" maxLength:"200"`
	Format string `query:"format" enum:"md,html,csv,json" default:"md"`
}

type monthReportInput struct {
	Month  string `path:"month" maxLength:"20" doc:"such as 2026-11, in UTC"`
	Format string `query:"format" enum:"md,html,csv,json" default:"md"`
}

// reportAnswer is a document as it is written. A page of it may apply its own style
// and nothing else.
type reportAnswer struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Policy             string `header:"Content-Security-Policy"`
	Body               []byte
}

func (a *api) reportRoutes() {
	document(a, huma.Operation{
		OperationID: "report-incident", Method: http.MethodGet, Path: "/api/v1/incidents/{id}/report", Tags: []string{"reports"},
		Summary: "What one incident cost, as a document", Description: "Ranges with their formulas, what is left to do, and the timeline.",
	}, client.IncidentReport{}, a.incidentReport)
	document(a, huma.Operation{
		OperationID: "report-month", Method: http.MethodGet, Path: "/api/v1/reports/{month}", Tags: []string{"reports"},
		Summary: "What the incidents of a month cost, as a document", Description: "Also what warnings prevented, and whose incidents cost most.",
	}, client.MonthReport{}, a.monthReport)
	a.comparedRoute()
}

type comparedInput struct {
	Month string `path:"month" maxLength:"20" doc:"such as 2026-11, in UTC"`
	With  string `query:"with" maxLength:"20" doc:"the other month; the default is the one before"`
}

func (a *api) comparedRoute() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "compare-months", Method: http.MethodGet, Path: "/api/v1/reports/{month}/compared", Tags: []string{"reports"},
		Summary: "What the incidents of a month cost, beside those of another one",
	}, func(ctx context.Context, in *comparedInput) (client.MonthsCompared, error) {
		return a.read(ctx).MonthsCompared(ctx, time.Now(), in.Month, in.With)
	})
}

// document registers a route that answers with a report in one of its formats.
func document[I any](a *api, op huma.Operation, asJSON any, write func(context.Context, *I) (*reportAnswer, error)) {
	a.describe(&op, auth.Viewer)
	text := &huma.Schema{Type: huma.TypeString}
	op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{
		"text/markdown": {Schema: text}, "text/html": {Schema: text}, "text/csv": {Schema: text},
		"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(asJSON), true, "")},
	}}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*reportAnswer, error) {
		if err := a.allow(ctx, auth.Viewer, theirs, in); err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		out, err := write(ctx, in)
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

func (a *api) incidentReport(ctx context.Context, in *incidentReportInput) (*reportAnswer, error) {
	r, err := a.read(ctx).IncidentReport(ctx, time.Now(), keepwatch.IncidentID(in.ID))
	if err != nil {
		return nil, err
	}
	f := report.Format(in.Format)
	var b bytes.Buffer
	err = report.WriteIncident(&b, f, r)
	return answerOf(f, "incident-"+in.ID, &b), err
}

func (a *api) monthReport(ctx context.Context, in *monthReportInput) (*reportAnswer, error) {
	r, err := a.read(ctx).MonthReport(ctx, time.Now(), in.Month)
	if err != nil {
		return nil, err
	}
	f := report.Format(in.Format)
	var b bytes.Buffer
	err = report.WriteMonth(&b, f, r)
	return answerOf(f, "month-"+in.Month, &b), err
}

// answerOf names the file. The name is that of an incident or a month that exists:
// it holds nothing that a header must not.
func answerOf(f report.Format, name string, b *bytes.Buffer) *reportAnswer {
	return &reportAnswer{
		ContentType: f.ContentType(), Policy: report.Policy, Body: b.Bytes(),
		ContentDisposition: fmt.Sprintf("inline; filename=%q", "keepwatch-"+name+"."+string(f)),
	}
}
