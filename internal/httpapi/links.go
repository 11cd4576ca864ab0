package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

// Links are those in messages, which work without an account. link.Desk is one.
type Links interface {
	Look(ctx context.Context, token string, from netip.Addr, now time.Time) (link.View, error)
	Do(ctx context.Context, token string, wish link.Wish, from netip.Addr, now time.Time) (link.View, error)
}

var _ Links = (*link.Desk)(nil)

func (a *api) linkRoutes() {
	bare(a, auth.Admin, everything, huma.Operation{
		OperationID: "end-links", Method: http.MethodPost, Path: "/api/v1/links/end", Tags: []string{"alerts"},
		Summary: "End every link that was sent in a message", Description: "For when a message went where it should not have gone. New messages have new links.",
	}, func(ctx context.Context, _ *noInput) error { return a.Alerts.EndLinks(ctx) })
	if a.Links == nil {
		return
	}
	a.mux.HandleFunc("GET "+link.Path+"{token}", func(w http.ResponseWriter, r *http.Request) {
		v, err := a.Links.Look(r.Context(), r.PathValue("token"), view.RemoteOf(r), time.Now())
		a.answerLink(w, r, v, err)
	})
	a.mux.HandleFunc("POST "+link.Path+"{token}", func(w http.ResponseWriter, r *http.Request) {
		wish := link.Wish{For: r.PostFormValue("for"), Until: r.PostFormValue("until")}
		v, err := a.Links.Do(r.Context(), r.PathValue("token"), wish, view.RemoteOf(r), time.Now())
		a.answerLink(w, r, v, err)
	})
}

func (a *api) answerLink(w http.ResponseWriter, r *http.Request, v link.View, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	out := client.MessageLink{
		Action: string(v.Action), Incident: string(v.Incident.ID), Title: a.Reader.IncidentOf(v.Incident).Title, Actor: v.Actor, Says: v.Says, Open: v.Open, ExpiresAt: v.Expires,
	}
	if v.Used != nil {
		out.UsedAt, out.UsedBy, out.Until = view.TimeOf(v.Used.At), v.Used.By, view.TimeOf(v.Used.Until)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out) // the caller has gone
}
