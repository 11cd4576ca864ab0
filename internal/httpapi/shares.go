package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

// Shares are the links under which one incident can be read. link.Shares is one.
type Shares interface {
	Make(ctx context.Context, id keepwatch.IncidentID, by, grants string, life time.Duration, now time.Time) (keepwatch.ShareLink, string, error)
	List(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.ShareLink, error)
	End(ctx context.Context, incident keepwatch.IncidentID, id, by string, now time.Time) error
	Open(ctx context.Context, token string, from netip.Addr, now time.Time) (keepwatch.ShareLink, error)
}

var _ Shares = (*link.Shares)(nil)

type noteInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body client.NewNote
}

type newShareInput struct {
	ID   string `path:"id" maxLength:"200"`
	Body client.NewShareLink
}

type shareInput struct {
	ID    string `path:"id" maxLength:"200"`
	Share string `path:"share" maxLength:"200"`
}

func (a *api) noteRoutes() {
	partial(a, auth.Operator, huma.Operation{
		OperationID: "note-incident", Method: http.MethodPost, Path: "/api/v1/incidents/{id}/notes", Tags: []string{"incidents"},
		Summary: "Write something down in an incident's timeline", Description: "Nobody is told. It can also be done when the incident is over.", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, in *noteInput) (client.IncidentDetail, error) {
		who, id, now := view.PrincipalOf(ctx), keepwatch.IncidentID(in.ID), time.Now()
		if _, err := a.Reader.ToAct(ctx, who, id, now); err != nil {
			return client.IncidentDetail{}, err
		}
		if err := a.Incidents.Note(ctx, id, who.Name, strings.TrimSpace(in.Body.Text), now); err != nil {
			return client.IncidentDetail{}, err
		}
		return a.read(ctx).Incident(ctx, now, id)
	})
}

func (a *api) shareRoutes() {
	partial(a, auth.Operator, huma.Operation{
		OperationID: "list-share-links", Method: http.MethodGet, Path: "/api/v1/incidents/{id}/shares", Tags: []string{"incidents"},
		Summary: "Links under which an incident can be read without an account", Description: "Without their addresses.",
	}, func(ctx context.Context, in *incidentInput) (client.Page[client.ShareLink], error) {
		now := time.Now()
		if _, err := a.Reader.ToAct(ctx, view.PrincipalOf(ctx), keepwatch.IncidentID(in.ID), now); err != nil {
			return client.Page[client.ShareLink]{}, err
		}
		list, err := a.Shares.List(ctx, keepwatch.IncidentID(in.ID))
		return client.Page[client.ShareLink]{Items: view.SharesOf(list, now)}, err
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "create-share-link", Method: http.MethodPost, Path: "/api/v1/incidents/{id}/shares", Tags: []string{"incidents"},
		Summary: "Make a link under which an incident can be read without an account", DefaultStatus: http.StatusCreated,
		Description: "The answer holds the address, this once. Whoever has it reads the incident, as far as its maker might see it, until the link ends; it does nothing, and shows no names of people, no notes and no messages.",
	}, a.createShare)
	bare(a, auth.Operator, theirs, huma.Operation{
		OperationID: "end-share-link", Method: http.MethodDelete, Path: "/api/v1/incidents/{id}/shares/{share}", Tags: []string{"incidents"},
		Summary: "End a link at once",
	}, func(ctx context.Context, in *shareInput) error {
		who, now := view.PrincipalOf(ctx), time.Now()
		if _, err := a.Reader.ToAct(ctx, who, keepwatch.IncidentID(in.ID), now); err != nil {
			return err
		}
		return a.Shares.End(ctx, keepwatch.IncidentID(in.ID), in.Share, who.Name, now)
	})
	if a.Shares == nil {
		return
	}
	a.mux.HandleFunc("GET "+link.SharePath+"{token}", a.shared)
}

func (a *api) createShare(ctx context.Context, in *newShareInput) (client.CreatedShareLink, error) {
	who, now := view.PrincipalOf(ctx), time.Now()
	if _, err := a.Reader.ToAct(ctx, who, keepwatch.IncidentID(in.ID), now); err != nil {
		return client.CreatedShareLink{}, err
	}
	var life time.Duration
	if in.Body.For != "" {
		var err error
		if life, err = keepwatch.ParseDuration(in.Body.For); err != nil {
			return client.CreatedShareLink{}, keepwatch.WithHint(fmt.Errorf("for is not a duration: %w", keepwatch.ErrInvalid), "write it like 12h or 7d")
		}
	}
	s, token, err := a.Shares.Make(ctx, keepwatch.IncidentID(in.ID), who.Name, view.GrantsOf(who), life, now)
	if err != nil {
		return client.CreatedShareLink{}, err
	}
	out := client.CreatedShareLink{ShareLink: view.ShareOf(s, now), Path: link.SharePath + token}
	if a.BaseURL != "" {
		out.Address = strings.TrimRight(a.BaseURL, "/") + out.Path
	}
	return out, nil
}

// shared is the JSON twin of the page behind a link.
func (a *api) shared(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	s, err := a.Shares.Open(r.Context(), r.PathValue("token"), view.RemoteOf(r), now)
	var out client.SharedIncident
	if err == nil {
		out, err = a.Reader.Shared(r.Context(), now, s)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // the caller has gone
}
