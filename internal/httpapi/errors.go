package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/view"
)

// failure is an error in the form that goes over the wire. huma serialises what
// a handler returns when it knows its own status.
type failure struct {
	status int
	Body   client.ErrorDetail `json:"error"`
}

func (f *failure) Error() string  { return f.Body.Message }
func (f *failure) GetStatus() int { return f.status }

// failed turns an error into an answer, and logs what the answer holds back.
func (a *api) failed(ctx context.Context, where string, err error) *failure {
	f := view.FailureOf(err)
	if f.ID != "" && ctx.Err() != context.Canceled {
		a.Logger.Error("request failed", "id", f.ID, "route", where, "error", err)
	}
	return &failure{status: f.Status, Body: f.ErrorDetail}
}

// fail answers outside of huma.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := a.failed(r.Context(), r.Method+" "+shownPath(r), err)
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="keepwatch"`)
	}
	if r.URL.Path == tracesPath && a.Traces != nil {
		a.Traces.Refuse(w, r, f.status, f.Body.Message)
		return
	}
	writeError(w, f.status, f.Body)
}

// failPage answers for a page: its visitor is told in a page, where there are pages.
func (a *api) failPage(w http.ResponseWriter, r *http.Request, err error) {
	if pages, ok := a.Pages.(interface {
		Fail(w http.ResponseWriter, r *http.Request, err error)
	}); ok {
		pages.Fail(w, r, err)
		return
	}
	a.fail(w, r, err)
}

func writeError(w http.ResponseWriter, status int, e client.ErrorDetail) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(client.ErrorBody{Error: e}) // the caller has gone
}

// ourErrors rewrites huma's own errors (a bad parameter, a body that does not
// parse) into our format. huma takes its format from a package variable, which
// two servers in one process would fight over; a transformer belongs to one API.
func ourErrors(ctx huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	ctx.SetHeader("Content-Type", "application/json")
	return client.ErrorBody{Error: client.ErrorDetail{
		Code: codeOf(e.Status), Message: messageOf(e), Hint: hintOf(ctx, e),
	}}, nil
}

func codeOf(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported_media_type"
	case http.StatusRequestTimeout:
		return "timeout"
	}
	if status >= http.StatusInternalServerError {
		return "internal"
	}
	return "invalid"
}

// messageOf names each fault with its place. The value is left out: it may be
// what nobody should see again.
func messageOf(e *huma.ErrorModel) string {
	var faults []string
	for _, d := range e.Errors {
		if d == nil {
			continue
		}
		if d.Location == "" {
			faults = append(faults, "the body is not as expected")
			continue
		}
		faults = append(faults, placeOf(d.Location)+": "+d.Message)
	}
	if len(faults) == 0 {
		return e.Detail
	}
	slices.Sort(faults)
	return strings.Join(slices.Compact(faults), "; ")
}

// plainKeys are the parts of a place that are shown: the API's own and their like. A
// body's author chose its keys, and a secret may have slipped among them.
var plainKeys = regexp.MustCompile(`^([A-Za-z_-]{1,20}|[a-z]+(_[a-z]+)+)(\[[0-9]+\])?$`)

func placeOf(location string) string {
	parts := strings.Split(location, ".")
	for i, p := range parts {
		if !plainKeys.MatchString(p) {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, ".")
}

func hintOf(ctx huma.Context, e *huma.ErrorModel) string {
	if e.Status == http.StatusRequestEntityTooLarge {
		limit := int64(maxBody)
		if op := ctx.Operation(); op != nil {
			limit = op.MaxBodyBytes
		}
		return fmt.Sprintf("at most %d bytes", limit)
	}
	var allowed []string
	if op := ctx.Operation(); op != nil {
		for _, p := range op.Parameters {
			if p.In == "query" {
				allowed = append(allowed, p.Name)
			}
		}
	}
	if strings.Contains(messageOf(e), "query.") {
		if len(allowed) == 0 {
			return "this route takes no query parameters"
		}
		return "query parameters of this route: " + strings.Join(allowed, ", ")
	}
	return "GET /api/v1/openapi.json says what this route takes"
}

// plainStatus answers 400 where huma says 422, so that one kind of error has one
// status, whoever found it.
func plainStatus(ctx huma.Context, next func(huma.Context)) { next(statusContext{ctx}) }

// inner has another name because huma.Context has a method of that name.
type inner = huma.Context

type statusContext struct{ inner }

func (c statusContext) SetStatus(status int) {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	c.inner.SetStatus(status)
}

// Unwrap lets huma's adapter find its own context below this one.
func (c statusContext) Unwrap() huma.Context { return c.inner }
