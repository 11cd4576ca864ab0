package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// Scans makes looks from outside and keeps what they found.
type Scans interface {
	Start(ctx context.Context, n client.NewScan, by string) (client.Scan, error)
	Get(ctx context.Context, id string) (client.Scan, error)
	List(ctx context.Context) ([]client.ScanBrief, error)
	Page(ctx context.Context, id string) ([]byte, error)
}

type newScanInput struct{ Body client.NewScan }

// ScanInput names one scan in the path.
type ScanInput struct {
	ID string `path:"id" maxLength:"100"`
}

type scanPage struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

func (a *api) scanRoutes() {
	partial(a, auth.Operator, huma.Operation{
		OperationID: "start-scan", Method: http.MethodPost, Path: "/api/v1/scans", Tags: []string{"scans"},
		Summary: "Look at a tenant, a domain or a page from outside", DefaultStatus: http.StatusCreated,
		Description: "Needs no credential and sends none. A role over a part of the estate may ask for the subdomains of its own tenants. It answers at once; read the scan until its status is done, at most a minute. Addresses that are not public are never connected to.",
	}, func(ctx context.Context, in *newScanInput) (client.Scan, error) {
		if err := a.Reader.MayScan(view.PrincipalOf(ctx), in.Body.Targets); err != nil {
			return client.Scan{}, err
		}
		return a.Scans.Start(ctx, in.Body, view.PrincipalOf(ctx).Name)
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-scans", Method: http.MethodGet, Path: "/api/v1/scans", Tags: []string{"scans"},
		Summary: "The newest scans, newest first", Description: "At most 100; one of the schedule is the newest of its target.",
	}, func(ctx context.Context, _ *struct{}) (client.Page[client.ScanBrief], error) {
		list, err := a.Scans.List(ctx)
		return client.Page[client.ScanBrief]{Items: a.Reader.Scans(view.PrincipalOf(ctx), list)}, err
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-scan", Method: http.MethodGet, Path: "/api/v1/scans/{id}", Tags: []string{"scans"},
		Summary: "One scan, also while it runs",
	}, func(ctx context.Context, in *ScanInput) (client.Scan, error) { return a.scan(ctx, in.ID) })
	a.scanPage()
}

// scan reads one whose targets the caller may see.
func (a *api) scan(ctx context.Context, id string) (client.Scan, error) {
	s, err := a.Scans.Get(ctx, id)
	return a.Reader.Scan(view.PrincipalOf(ctx), id, s, err)
}

// scanPage hands the report out as a file: its own style would not run under the
// policy of the pages.
func (a *api) scanPage() {
	op := huma.Operation{
		OperationID: "get-scan-page", Method: http.MethodGet, Path: "/api/v1/scans/{id}/page", Tags: []string{"scans"},
		Summary: "The report as one HTML file that needs nothing else",
	}
	a.describe(&op, auth.Viewer)
	op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}}}
	huma.Register(a.huma, op, func(ctx context.Context, in *ScanInput) (*scanPage, error) {
		if err := auth.Require(view.PrincipalOf(ctx), auth.Viewer); err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		if _, err := a.scan(ctx, in.ID); err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		page, err := a.Scans.Page(ctx, in.ID)
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return &scanPage{ContentType: "text/html; charset=utf-8", ContentDisposition: `attachment; filename="scan.html"`, Body: page}, nil
	})
}
