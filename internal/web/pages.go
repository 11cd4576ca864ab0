package web

import (
	"net/http"
	"time"

	"keepwatch/client"
	"keepwatch/internal/view"
)

const refreshEvery = 5 // seconds; a page is a few hundred rows at most

type overviewBody struct {
	client.Overview
	Filter      view.CredentialFilter
	Filtered    bool
	TenantNames []string // to choose from, whatever the filter shows
	States      []string
}

func (s *site) overview(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	f := view.CredentialFilter{Tenant: q.Get("tenant"), State: q.Get("state"), Query: q.Get("q")}
	now := time.Now()
	o, err := s.read(r).Overview(r.Context(), now, f)
	if err != nil {
		return nil, err
	}
	b := overviewBody{
		Overview: o, Filter: f, Filtered: f != view.CredentialFilter{},
		TenantNames: s.read(r).TenantIDs(), States: []string{"failing", "expired", "unknown", "degraded", "maintenance", "paused", "healthy"},
	}
	return &page{Template: "overview", Title: o.Headline.Text, Section: "overview", Refresh: refreshEvery, Now: now, Body: b}, nil
}
