package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

const (
	tracesPath = "/v1/traces"
	eventsPath = "/api/v1/events"
	logsPath   = "/api/v1/logs"

	maxPush      = 4 << 20 // of a body, also after it was unpacked
	pushParallel = 4       // requests with events or lines that are taken at a time
	pushWait     = time.Second
)

// Traces takes spans as OTLP over HTTP has them, and refuses in its form.
type Traces interface {
	http.Handler
	Refuse(w http.ResponseWriter, r *http.Request, status int, why string)
}

// Pushed takes what other programs push.
type Pushed interface {
	Events(ctx context.Context, body []byte, now time.Time) (client.EventsTaken, error)
	Lines(source string, body []byte, isJSON bool, now time.Time) (client.LinesTaken, error)
}

// pushes reports whether a request hands evidence in: all that the role pusher may do.
func pushes(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == tracesPath || r.URL.Path == eventsPath || r.URL.Path == logsPath)
}

type pushInput struct {
	ContentType     string `header:"Content-Type"`
	ContentEncoding string `header:"Content-Encoding" doc:"gzip, or left out"`
	RawBody         []byte
}

type linesInput struct {
	ContentType     string `header:"Content-Type"`
	ContentEncoding string `header:"Content-Encoding" doc:"gzip, or left out"`
	RawBody         []byte
	Source          string `query:"source" required:"true" maxLength:"64" doc:"a name under logs in the configuration"`
}

// eventsAnswer has a status of its own: 400 where every event was refused.
type eventsAnswer struct {
	Status int
	Body   client.EventsTaken
}

func (a *api) ingestRoutes() {
	slots := make(chan struct{}, pushParallel)
	op := huma.Operation{
		OperationID: "push-events", Method: http.MethodPost, Path: eventsPath, Tags: []string{"push"},
		Summary: "Push what was seen elsewhere: calls, queues, verdicts", MaxBodyBytes: maxPush, SkipValidateBody: true,
		Description: "The body is one event, a list of events, or one on each line (NDJSON). Each counts once by its key. The answer has a result for each: 200 where any was accepted or is a repeat, 400 with the same body where all were refused.",
	}
	a.describe(&op, auth.Pusher)
	a.describeBusy(&op)
	op.Responses["200"] = a.taken("what became of each event")
	op.Responses["400"] = a.taken("every event was refused, or the body cannot be read (then it is an error)")
	a.pushBody(&op, "application/json", "application/x-ndjson")
	huma.Register(a.huma, op, func(ctx context.Context, in *pushInput) (*eventsAnswer, error) {
		out := &eventsAnswer{Status: http.StatusOK}
		err := a.push(ctx, slots, in, func(body []byte) (err error) {
			out.Body, err = a.Pushed.Events(ctx, body, time.Now())
			return err
		})
		if err != nil {
			return nil, a.refusal(ctx, op.OperationID, err)
		}
		if len(out.Body.Results) > 0 && out.Body.Refused == len(out.Body.Results) {
			out.Status = http.StatusBadRequest
		}
		return out, nil
	})
	lines := huma.Operation{
		OperationID: "push-logs", Method: http.MethodPost, Path: logsPath, Tags: []string{"push"},
		Summary: "Push lines of a log", MaxBodyBytes: maxPush, SkipValidateBody: true,
		Description: "The body is lines of text, or what Loki takes as JSON. Lines that say nothing of SFMC are dropped; no line is kept.",
	}
	a.describe(&lines, auth.Pusher)
	a.describeBusy(&lines)
	a.pushBody(&lines, "text/plain", "application/json")
	huma.Register(a.huma, lines, func(ctx context.Context, in *linesInput) (*answer[client.LinesTaken], error) {
		out := &answer[client.LinesTaken]{}
		err := a.push(ctx, slots, &pushInput{in.ContentType, in.ContentEncoding, in.RawBody}, func(body []byte) (err error) {
			media, _, _ := mime.ParseMediaType(in.ContentType)
			out.Body, err = a.Pushed.Lines(in.Source, body, media == "application/json", time.Now())
			return err
		})
		if err != nil {
			return nil, a.refusal(ctx, lines.OperationID, err)
		}
		return out, nil
	})
	a.mux.HandleFunc("POST "+tracesPath, func(w http.ResponseWriter, r *http.Request) {
		if err := auth.RequireEverywhere(view.PrincipalOf(r.Context()), auth.Pusher); err != nil {
			a.fail(w, r, err)
			return
		}
		a.Traces.ServeHTTP(w, r)
	})
}

func (a *api) taken(what string) *huma.Response {
	return &huma.Response{Description: what, Content: map[string]*huma.MediaType{"application/json": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.EventsTaken](), true, "EventsTaken")}}}
}

func (a *api) describeBusy(op *huma.Operation) {
	for status, what := range map[string]string{"413": "the body is larger than 4 MiB, unpacked", "429": "too much is pushed at a time: wait for Retry-After"} {
		op.Responses[status] = &huma.Response{Description: what, Content: op.Responses["400"].Content}
	}
}

func (a *api) pushBody(op *huma.Operation, types ...string) {
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	for _, t := range types {
		op.RequestBody.Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
}

var (
	errBusy  = errors.New("too much is pushed at a time")
	errLarge = errors.New("the body is too large")
)

// push bounds how much is taken at a time and in one piece.
func (a *api) push(ctx context.Context, slots chan struct{}, in *pushInput, take func([]byte) error) error {
	if err := auth.RequireEverywhere(view.PrincipalOf(ctx), auth.Pusher); err != nil {
		return err
	}
	patience := time.NewTimer(pushWait)
	defer patience.Stop()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-patience.C:
		return errBusy
	case <-ctx.Done():
		return ctx.Err()
	}
	body, err := unpacked(in)
	if err != nil {
		return err
	}
	return take(body)
}

func unpacked(in *pushInput) ([]byte, error) {
	switch in.ContentEncoding {
	case "", "identity":
		return in.RawBody, nil
	case "gzip":
	default:
		return nil, keepwatch.WithHint(fmt.Errorf("the body is packed in a way that is not known: %w", keepwatch.ErrInvalid), "send it plain or with gzip")
	}
	z, err := gzip.NewReader(bytes.NewReader(in.RawBody))
	if err != nil {
		return nil, keepwatch.WithHint(fmt.Errorf("the body is not gzip: %w", keepwatch.ErrInvalid), "send it plain, or pack it")
	}
	body, err := io.ReadAll(io.LimitReader(z, maxPush+1))
	switch {
	case len(body) > maxPush:
		return nil, errLarge
	case err != nil:
		return nil, keepwatch.WithHint(fmt.Errorf("the body breaks off: %w", keepwatch.ErrInvalid), "send it again")
	}
	return body, nil
}

// refusal has the two answers that only pushes have.
func (a *api) refusal(ctx context.Context, where string, err error) error {
	switch {
	case errors.Is(err, errBusy):
		f := &failure{status: http.StatusTooManyRequests, Body: client.ErrorDetail{Code: "too_many_requests", Message: err.Error(), Hint: "send it again after Retry-After"}}
		return huma.ErrorWithHeaders(f, http.Header{"Retry-After": {strconv.Itoa(2)}})
	case errors.Is(err, errLarge):
		return &failure{status: http.StatusRequestEntityTooLarge, Body: client.ErrorDetail{Code: "too_large", Message: err.Error(), Hint: "send at most 4 MiB, unpacked"}}
	}
	return a.failed(ctx, where, err)
}
