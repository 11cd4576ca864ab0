package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
)

// media are the kinds of text that the formats are, and what a file of each is
// called.
var media = map[string]struct{ kind, name string }{
	"paste": {"text/tab-separated-values; charset=utf-8", "installed-packages.tsv"},
	"csv":   {"text/csv; charset=utf-8", "credentials.csv"},
	"xlsx":  {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "credentials.xlsx"},
	"mcdev": {"application/json", ".mcdev-auth.json"},
	"yaml":  {"application/yaml", "credentials.yaml"},
}

type importInput struct {
	Format  string `query:"format" required:"true" enum:"paste,csv,xlsx,mcdev,yaml"`
	Name    string `query:"name" maxLength:"200" doc:"of the file, for messages"`
	Tenant  string `query:"tenant" maxLength:"200" doc:"of rows that name none"`
	Dates   string `query:"dates" enum:"mdy,dmy" doc:"how 03/04/2026 is read; left out, by the other rows of the column"`
	Seal    bool   `query:"seal" doc:"seal the secrets that stand in the sheet; else they are dropped"`
	Apply   bool   `query:"apply" doc:"write it; else the answer says what would happen, and nothing is written"`
	RawBody []byte
}

type exportInput struct {
	Format string `query:"format" required:"true" enum:"paste,csv,xlsx,mcdev,yaml"`
}

type exportAnswer struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

func (a *api) transferRoutes() {
	route(a, auth.Operator, huma.Operation{
		OperationID: "import", Method: http.MethodPost, Path: "/api/v1/import", Tags: []string{"inventory"},
		Summary: "Import a sheet, or say what importing it would do", MaxBodyBytes: maxUpload, BodyReadTimeout: importTimeout,
		Description: "The body is the file. Without apply=true it is a preview. A row at fault is named with line and column, and the others go in.",
	}, a.importSheet)
	op := huma.Operation{
		OperationID: "export", Method: http.MethodGet, Path: "/api/v1/export", Tags: []string{"inventory"},
		Summary: "The inventory in a format that import takes", Description: "No secret is in it, only references.",
	}
	a.describe(&op, auth.Viewer)
	op.Responses["200"] = &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{
		"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}
	huma.Register(a.huma, op, func(ctx context.Context, in *exportInput) (*exportAnswer, error) {
		out, err := a.export(ctx, in)
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

func (a *api) importSheet(ctx context.Context, in *importInput) (client.Import, error) {
	if in.Tenant != "" {
		if err := a.read(ctx).TenantExists(keepwatch.TenantID(in.Tenant)); err != nil {
			return client.Import{}, err
		}
	}
	by := author(ctx)
	by.Via = "import"
	return a.Transfer.Import(ctx, Upload{
		Format: in.Format, Name: in.Name, Tenant: keepwatch.TenantID(in.Tenant), Dates: in.Dates, Seal: in.Seal,
		Body: bytes.NewReader(in.RawBody), Apply: in.Apply,
	}, by, time.Now())
}

func (a *api) export(ctx context.Context, in *exportInput) (*exportAnswer, error) {
	var out bytes.Buffer
	if err := a.Transfer.Export(ctx, in.Format, &out); err != nil {
		return nil, err
	}
	m := media[in.Format]
	return &exportAnswer{ContentType: m.kind, ContentDisposition: `attachment; filename="` + m.name + `"`, Body: out.Bytes()}, nil
}
