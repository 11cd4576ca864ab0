package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// Question asks who would be told.
type Question = view.Question

// Alerts knows who is told of what, and of what nobody is told for a while.
type Alerts interface {
	Explain(ctx context.Context, q Question) (client.Explanation, error)
	// Routes are those in force, in their order.
	Routes(ctx context.Context) []client.Route
	// Covered are the open incidents that a silence of these would be for.
	Covered(ctx context.Context, m keepwatch.Match) ([]keepwatch.Incident, error)
	// Silences lists those that lie ahead, also those of the files, or those that are over.
	Silences(ctx context.Context, past bool, now time.Time) ([]keepwatch.Silence, error)
	Silence(ctx context.Context, s keepwatch.Silence) error
	// EndSilence ends one before its time.
	EndSilence(ctx context.Context, id, by string, now time.Time) (keepwatch.Silence, error)
	Receivers(ctx context.Context) []client.Receiver
	// EndLinks ends every link that was sent in a message.
	EndLinks(ctx context.Context) error
	// TestReceiver sends a message that says it is a test, and returns the receipt.
	TestReceiver(ctx context.Context, name string) (string, error)
}

type explainInput struct {
	Credential string    `query:"credential" required:"true" maxLength:"200"`
	Outcome    string    `query:"outcome" maxLength:"100" doc:"what is found; the default is bad_secret_or_package"`
	At         time.Time `query:"at" doc:"when it begins; the default is now"`
}

type silencesInput struct {
	Status string `query:"status" enum:"ahead,past" default:"ahead"`
}

type newSilenceInput struct{ Body client.NewSilence }

type previewInput struct{ Body client.SilencePreview }

type deliveriesInput struct {
	Paging
	Incident string `query:"incident" maxLength:"200"`
	Receiver string `query:"receiver" maxLength:"100"`
	Status   string `query:"status" enum:"pending,gathered,sent,collapsed,dead"`
}

type silenceInput struct {
	ID string `path:"id" maxLength:"200"`
}

type snoozeInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body client.Snooze
}

type receiverInput struct {
	Name string `path:"name" maxLength:"100"`
}

func (a *api) alertRoutes() {
	a.silenceRoutes()
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "explain", Method: http.MethodGet, Path: "/api/v1/explain", Tags: []string{"alerts"},
		Summary: "Who would be told of a failure, when and by which rule, and why the others not",
	}, func(ctx context.Context, in *explainInput) (client.Explanation, error) {
		q := Question{Credential: keepwatch.CredentialID(in.Credential), Outcome: keepwatch.Outcome(in.Outcome), At: in.At}
		if q.At.IsZero() {
			q.At = time.Now()
		}
		if err := a.may(ctx, auth.Viewer, q.Credential); err != nil {
			return client.Explanation{}, err
		}
		x, err := a.Alerts.Explain(ctx, q)
		return a.Reader.Explained(view.PrincipalOf(ctx), x, a.Alerts.Routes(ctx)), err
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-routes", Method: http.MethodGet, Path: "/api/v1/routes", Tags: []string{"alerts"},
		Summary: "The routes in force, in their order",
	}, func(ctx context.Context, _ *noInput) (client.Page[client.Route], error) {
		return client.Page[client.Route]{Items: a.Reader.Routes(view.PrincipalOf(ctx), a.Alerts.Routes(ctx))}, nil
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-deliveries", Method: http.MethodGet, Path: "/api/v1/deliveries", Tags: []string{"alerts"},
		Summary: "Messages to receivers, newest first, with what became of each",
	}, func(ctx context.Context, in *deliveriesInput) (client.Page[client.LoggedDelivery], error) {
		f := view.DeliveryFilter{Incident: keepwatch.IncidentID(in.Incident), Receiver: in.Receiver, Status: keepwatch.DeliveryStatus(in.Status)}
		return a.read(ctx).DeliveryLog(ctx, f, in.page())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-receivers", Method: http.MethodGet, Path: "/api/v1/receivers", Tags: []string{"alerts"},
		Summary: "Who can be told, and how they stand",
	}, func(ctx context.Context, _ *noInput) (client.Page[client.Receiver], error) {
		list, err := a.Reader.Receivers(ctx, view.PrincipalOf(ctx), a.Alerts.Receivers(ctx), a.Alerts.Routes(ctx))
		return client.Page[client.Receiver]{Items: list}, err
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "test-receiver", Method: http.MethodPost, Path: "/api/v1/receivers/{name}/test", Tags: []string{"alerts"},
		Summary: "Send a test message the way of real ones", Description: "The answer is the receipt, or what went wrong.",
	}, func(ctx context.Context, in *receiverInput) (client.TestResult, error) {
		if err := a.Reader.MayTest(view.PrincipalOf(ctx), in.Name, a.Alerts.Routes(ctx)); err != nil {
			return client.TestResult{}, err
		}
		receipt, err := a.Alerts.TestReceiver(ctx, in.Name)
		return client.TestResult{Receiver: in.Name, Receipt: receipt}, err
	})
}

func (a *api) silenceRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-silences", Method: http.MethodGet, Path: "/api/v1/silences", Tags: []string{"alerts"},
		Summary: "Silences, maintenance and snoozes that lie ahead, or those that are over",
	}, func(ctx context.Context, in *silencesInput) (client.Page[client.Silence], error) {
		now := time.Now()
		list, err := a.Alerts.Silences(ctx, in.Status == "past", now)
		return client.Page[client.Silence]{Items: view.SilencesOf(a.Reader.Silences(ctx, view.PrincipalOf(ctx), list), now)}, err
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "create-silence", Method: http.MethodPost, Path: "/api/v1/silences", Tags: []string{"alerts"},
		Summary: "Tell nobody of some incidents for a while", DefaultStatus: http.StatusCreated,
		Description: "Incidents are found and kept as always. What still lasts at the end is told then; who was told of a begin is told of its end.",
	}, a.createSilence)
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "preview-silence", Method: http.MethodPost, Path: "/api/v1/silences/preview", Tags: []string{"alerts"},
		Summary: "Which open incidents a silence would be for", Description: "Nothing is made.",
	}, func(ctx context.Context, in *previewInput) (client.Page[client.Incident], error) {
		list, err := a.Alerts.Covered(ctx, keepwatch.Match(in.Body.Match))
		return client.Page[client.Incident]{Items: a.Reader.Covered(view.PrincipalOf(ctx), list)}, err
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "end-silence", Method: http.MethodDelete, Path: "/api/v1/silences/{id}", Tags: []string{"alerts"},
		Summary: "End a silence before its time; what it held back is told",
	}, func(ctx context.Context, in *silenceInput) (client.Silence, error) {
		now := time.Now()
		all, err := a.Alerts.Silences(ctx, false, now)
		if err == nil {
			err = a.Reader.MayEnd(ctx, view.PrincipalOf(ctx), in.ID, all)
		}
		if err != nil {
			return client.Silence{}, err
		}
		s, err := a.Alerts.EndSilence(ctx, in.ID, view.PrincipalOf(ctx).Name, now)
		if err != nil {
			return client.Silence{}, err
		}
		return view.SilencesOf([]keepwatch.Silence{s}, now)[0], nil
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "snooze-incident", Method: http.MethodPost, Path: "/api/v1/incidents/{id}/snooze", Tags: []string{"incidents"},
		Summary: "Tell nobody of an incident until a date", DefaultStatus: http.StatusCreated,
	}, a.snooze)
}

func (a *api) createSilence(ctx context.Context, in *newSilenceInput) (client.Silence, error) {
	now := time.Now()
	return a.silence(ctx, view.SilenceOf(in.Body, view.PrincipalOf(ctx).Name, now), now)
}

func (a *api) silence(ctx context.Context, s keepwatch.Silence, now time.Time) (client.Silence, error) {
	if err := s.Check(); err != nil {
		return client.Silence{}, err
	}
	if !a.Reader.MaySilence(ctx, view.PrincipalOf(ctx), s) {
		return client.Silence{}, view.TooFar()
	}
	if s.Over(now) {
		return client.Silence{}, keepwatch.WithHint(keepwatch.ErrInvalid, "its end lies in the past; name one that lies ahead")
	}
	if err := a.Alerts.Silence(ctx, s); err != nil {
		return client.Silence{}, err
	}
	return view.SilencesOf([]keepwatch.Silence{s}, now)[0], nil
}

func (a *api) snooze(ctx context.Context, in *snoozeInput) (client.Silence, error) {
	inc, err := a.read(ctx).Incident(ctx, time.Now(), keepwatch.IncidentID(in.ID))
	if err != nil {
		return client.Silence{}, err
	}
	now, by := time.Now().UTC().Truncate(time.Second), view.PrincipalOf(ctx).Name
	return a.silence(ctx, keepwatch.Silence{
		ID: strings.ToLower(rand.Text()[:16]), Kind: keepwatch.Snoozed, Incident: keepwatch.IncidentID(inc.ID), Owner: by, Reason: in.Body.Reason,
		From: now, Until: in.Body.Until.UTC(), CreatedAt: now, CreatedBy: by,
	}, now)
}
