package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/report"
	"keepwatch/internal/rotate"
	"keepwatch/internal/view"
)

// Rotations is the rotation cockpit. rotate.Cockpit is one.
type Rotations interface {
	List(ctx context.Context, openOnly bool) ([]keepwatch.Rotation, error)
	Get(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error)
	Start(ctx context.Context, in rotate.StartRequest) (keepwatch.Rotation, error)
	Resume(ctx context.Context, in rotate.ResumeRequest) (keepwatch.Rotation, error)
	Activated(ctx context.Context, id keepwatch.RotationID, by string) (keepwatch.Rotation, error)
	Abort(ctx context.Context, id keepwatch.RotationID, by, why string) (keepwatch.Rotation, error)
	TickHolder(ctx context.Context, id keepwatch.RotationID, holder, by string) (keepwatch.Rotation, error)
	Ask(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error)
	Write(ctx context.Context, id keepwatch.RotationID, holder string) (keepwatch.Rotation, error)
	Ticks
}

// Ticks are the holders' links, which work without an account.
type Ticks interface {
	TickOf(ctx context.Context, token string) (rotate.TickView, error)
	Tick(ctx context.Context, token, by string) (rotate.TickView, error)
}

var _ Rotations = (*rotate.Cockpit)(nil)

type rotationsInput struct {
	Paging
	Status     string `query:"status" enum:"open,all" default:"open"`
	Credential string `query:"credential" maxLength:"200"`
}

// RotationInput names one rotation in the path.
type RotationInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (in RotationInput) id() keepwatch.RotationID { return keepwatch.RotationID(in.ID) }

type newRotationInput struct{ Body client.NewRotation }

type resumeInput struct {
	RotationInput
	Body client.ResumeRotation
}

type abortInput struct {
	RotationInput
	Body *client.AbortedRotation
}

type evidenceInput struct {
	RotationInput
	Format string `query:"format" enum:"md,html,csv,json" default:"md"`
}

type switchedInput struct {
	RotationInput
	Body client.SwitchedHolder
}

func (a *api) rotationRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-rotations", Method: http.MethodGet, Path: "/api/v1/rotations", Tags: []string{"rotations"},
		Summary: "Rotations, newest first",
	}, a.listRotations)
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-rotation", Method: http.MethodGet, Path: "/api/v1/rotations/{id}", Tags: []string{"rotations"},
		Summary: "One rotation with its tick-list and evidence",
	}, func(ctx context.Context, in *RotationInput) (client.Rotation, error) {
		return rotated(a.rotation(ctx, auth.Viewer, in.id()))
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "start-rotation", Method: http.MethodPost, Path: "/api/v1/rotations", Tags: []string{"rotations"},
		Summary: "Begin a rotation", Description: "Asked again with the same staged secret, it answers with the one that is open.",
		DefaultStatus: http.StatusCreated,
	}, a.startRotation)
	partial(a, auth.Operator, huma.Operation{
		OperationID: "resume-rotation", Method: http.MethodPost, Path: "/api/v1/rotations/{id}/resume", Tags: []string{"rotations"},
		Summary: "Go on with one that waits for a person or was aborted",
	}, a.resumeRotation)
	partial(a, auth.Operator, huma.Operation{
		OperationID: "activated-rotation", Method: http.MethodPost, Path: "/api/v1/rotations/{id}/activated", Tags: []string{"rotations"},
		Summary: "Say that the staged secret was activated in Setup",
	}, func(ctx context.Context, in *RotationInput) (client.Rotation, error) {
		if _, err := a.rotation(ctx, auth.Operator, in.id()); err != nil {
			return client.Rotation{}, err
		}
		return rotated(a.Rotations.Activated(ctx, in.id(), view.PrincipalOf(ctx).Name))
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "abort-rotation", Method: http.MethodPost, Path: "/api/v1/rotations/{id}/abort", Tags: []string{"rotations"},
		Summary: "End a rotation; the secret in use stays in use",
	}, func(ctx context.Context, in *abortInput) (client.Rotation, error) {
		if _, err := a.rotation(ctx, auth.Operator, in.id()); err != nil {
			return client.Rotation{}, err
		}
		why := ""
		if in.Body != nil {
			why = in.Body.Reason
		}
		return rotated(a.Rotations.Abort(ctx, in.id(), view.PrincipalOf(ctx).Name, why))
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "switched-holder", Method: http.MethodPost, Path: "/api/v1/rotations/{id}/switched", Tags: []string{"rotations"},
		Summary: "Say that a holder has switched to the new secret",
	}, func(ctx context.Context, in *switchedInput) (client.Rotation, error) {
		if _, err := a.rotation(ctx, auth.Operator, in.id()); err != nil {
			return client.Rotation{}, err
		}
		return rotated(a.Rotations.TickHolder(ctx, in.id(), in.Body.Holder, view.PrincipalOf(ctx).Name))
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "ask-rotation", Method: http.MethodPost, Path: "/api/v1/rotations/{id}/ask", Tags: []string{"rotations"},
		Summary:     "Ask SFMC now, or look at the record now, in place of later",
		Description: "Not before SFMC can know, not within a minute of an answer, and never a wrong secret more often than it may be sent.",
	}, func(ctx context.Context, in *RotationInput) (client.Rotation, error) {
		if _, err := a.rotation(ctx, auth.Operator, in.id()); err != nil {
			return client.Rotation{}, err
		}
		return rotated(a.Rotations.Ask(ctx, in.id()))
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "write-holder", Method: http.MethodPost, Path: "/api/v1/rotations/{id}/letter", Tags: []string{"rotations"},
		Summary: "Send a holder another letter", Description: "Its link takes the place of the one before.",
	}, func(ctx context.Context, in *switchedInput) (client.Rotation, error) {
		if _, err := a.rotation(ctx, auth.Operator, in.id()); err != nil {
			return client.Rotation{}, err
		}
		return rotated(a.Rotations.Write(ctx, in.id(), in.Body.Holder))
	})
	document(a, huma.Operation{
		OperationID: "rotation-evidence", Method: http.MethodGet, Path: "/api/v1/rotations/{id}/evidence", Tags: []string{"rotations"},
		Summary: "What happened in a rotation, as a document", Description: "No secret is in it.",
	}, client.Rotation{}, a.rotationEvidence)
	a.mux.HandleFunc("GET "+tickPath+"{token}", a.lookAtTick)
	a.mux.HandleFunc("POST "+tickPath+"{token}", a.tick)
}

func rotated(r keepwatch.Rotation, err error) (client.Rotation, error) {
	if err != nil {
		return client.Rotation{}, err
	}
	return view.RotationOf(r), nil
}

// rotation reads one that the caller has a role over.
func (a *api) rotation(ctx context.Context, needs auth.Role, id keepwatch.RotationID) (keepwatch.Rotation, error) {
	r, err := a.Rotations.Get(ctx, id)
	return a.Reader.MayRotate(view.PrincipalOf(ctx), needs, id, r, err)
}

func (a *api) rotationEvidence(ctx context.Context, in *evidenceInput) (*reportAnswer, error) {
	r, err := rotated(a.rotation(ctx, auth.Viewer, in.id()))
	if err != nil {
		return nil, err
	}
	f := report.Format(in.Format)
	var b bytes.Buffer
	err = report.WriteRotation(&b, f, r)
	return answerOf(f, "rotation-"+r.ID, &b), err
}

func (a *api) listRotations(ctx context.Context, in *rotationsInput) (client.Page[client.Rotation], error) {
	all, err := a.Rotations.List(ctx, in.Status == "open")
	if err != nil {
		return client.Page[client.Rotation]{}, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(r keepwatch.Rotation) bool { return a.may(ctx, auth.Viewer, r.Credential) != nil })
	return view.Rotations(all, view.RotationFilter{Credential: in.Credential}, in.page())
}

func (a *api) startRotation(ctx context.Context, in *newRotationInput) (client.Rotation, error) {
	id, secret := keepwatch.CredentialID(in.Body.Credential), taken(&in.Body.StagedSecret)
	if err := a.read(ctx).Exists(id); err != nil {
		return client.Rotation{}, err
	}
	if err := a.may(ctx, auth.Operator, id); err != nil {
		return client.Rotation{}, err
	}
	generated, err := generatedOf(in.Body.Generated)
	if err != nil {
		return client.Rotation{}, err
	}
	return rotated(a.Rotations.Start(ctx, rotate.StartRequest{
		Credential: id, StagedRef: in.Body.StagedRef, Staged: secret, Generated: generated, By: view.PrincipalOf(ctx).Name,
	}))
}

func (a *api) resumeRotation(ctx context.Context, in *resumeInput) (client.Rotation, error) {
	secret := taken(&in.Body.StagedSecret)
	generated, err := generatedOf(in.Body.Generated)
	if err != nil {
		return client.Rotation{}, err
	}
	if _, err := a.rotation(ctx, auth.Operator, in.id()); err != nil {
		return client.Rotation{}, err
	}
	return rotated(a.Rotations.Resume(ctx, rotate.ResumeRequest{
		ID: in.id(), StagedRef: in.Body.StagedRef, Staged: secret, Generated: generated, By: view.PrincipalOf(ctx).Name,
	}))
}

// taken takes a secret out of a body at once; from here on nothing can print it.
func taken(text *string) keepwatch.Secret {
	secret := keepwatch.NewSecret([]byte(*text))
	*text = ""
	return secret
}

// generatedOf reads the day on which a secret was made. What is no date is not
// repeated: it stands beside a secret, and somebody may have swapped the two.
func generatedOf(text string) (keepwatch.Date, error) {
	var d keepwatch.Date
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return keepwatch.Date{}, keepwatch.WithHint(fmt.Errorf("generated is not a date: %w", keepwatch.ErrInvalid), keepwatch.HintOf(err))
	}
	return d, nil
}

// tickPath begins the addresses of holders' links. A browser gets the page, a
// program that asks for JSON the same as JSON: a holder's pipeline may tick itself off.
const tickPath = "/rotations/tick/"

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// lookAtTick says what the link would do and does nothing: mail filters follow links.
func (a *api) lookAtTick(w http.ResponseWriter, r *http.Request) {
	t, err := a.Rotations.TickOf(r.Context(), r.PathValue("token"))
	a.answerTick(w, r, t, err)
}

func (a *api) tick(w http.ResponseWriter, r *http.Request) {
	t, err := a.Rotations.Tick(r.Context(), r.PathValue("token"), view.PrincipalOf(r.Context()).Name)
	a.answerTick(w, r, t, err)
}

func (a *api) answerTick(w http.ResponseWriter, r *http.Request, t rotate.TickView, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(client.RotationTick{ // the caller has gone
		Credential: string(t.Credential), Holder: t.Holder, State: string(t.State), OldEndsAt: view.TimeOf(t.OldEndsAt),
		SwitchedAt: view.TimeOf(t.SwitchedAt), SwitchedBy: t.SwitchedBy, Open: t.Open, Says: t.Says,
	})
}
