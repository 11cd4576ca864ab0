package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/auth"
)

func openAPIConfig(version string) huma.Config {
	c := huma.DefaultConfig("Keepwatch", version)
	c.Info.Description = "Times are RFC 3339 in UTC, null when unknown. Lists are pages: pass `next` as `cursor` until it is null."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "an API token, kw_…"},
	}
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	c.CreateHooks = nil // they add $schema to every body and a Link to every answer
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.RejectUnknownQueryParameters = true // a misspelt filter must not read as none
	c.Transformers = []huma.Transformer{ourErrors}
	return c
}

// foreign marks schemas of huma's own types, which would clash with ours.
const foreign = "Foreign"

func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if strings.Contains(t.PkgPath(), "huma") {
		return foreign + name
	}
	return name
}

// openAPIRoute serves the document as it stands once all routes are registered.
func (a *api) openAPIRoute() {
	for name := range a.huma.OpenAPI().Components.Schemas.Map() {
		if strings.HasPrefix(name, foreign) {
			delete(a.huma.OpenAPI().Components.Schemas.Map(), name) // huma's own error format, which we do not use
		}
	}
	document, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic(err) // the document is made of our own types: a test would have failed
	}
	document = append(document, '\n')
	a.mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
}

// answer is the shape in which huma takes a body.
type answer[T any] struct{ Body T }

// route registers one route of the API: who may call it, what it takes and gives. It is
// about the whole estate; partial is for one that shows everybody their part of it.
func route[I, O any](a *api, needs auth.Role, op huma.Operation, handle func(context.Context, *I) (O, error)) {
	register(a, needs, everything, op, handle)
}

func partial[I, O any](a *api, needs auth.Role, op huma.Operation, handle func(context.Context, *I) (O, error)) {
	register(a, needs, theirs, op, handle)
}

func register[I, O any](a *api, needs auth.Role, far reach, op huma.Operation, handle func(context.Context, *I) (O, error)) {
	a.describe(&op, needs)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*answer[O], error) {
		if err := a.allow(ctx, needs, far, in); err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return &answer[O]{Body: out}, nil
	})
}

// describe adds what every route shares.
func (a *api) describe(op *huma.Operation, needs auth.Role) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	op.Security = []map[string][]string{{"token": {}}}
	if needs != auth.Viewer {
		op.Description = strings.TrimSpace(op.Description + " Needs the role " + string(needs) + ".")
	}
	statuses := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError}
	if op.Method != http.MethodGet {
		statuses = append(statuses, http.StatusConflict)
	}
	a.describeErrors(op, statuses...)
}

// describeErrors declares the answers that are not a success, in our own format.
func (a *api) describeErrors(op *huma.Operation, statuses ...int) {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.ErrorBody](), true, "ErrorBody")
	op.Responses = map[string]*huma.Response{}
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
}
