package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

const (
	refreshEvery = 5  // seconds; a page is a few hundred rows at most
	recentRuns   = 20 // on a credential's page
	incidentRows = 50
)

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

type credentialBody struct {
	client.CredentialDetail
	Run     *client.Result // the run whose ladder is shown
	Chosen  bool           // it was asked for by its key
	Gone    bool           // it was asked for and is not kept any more
	Slowest float64        // of its steps, for the bars
	Runs    []client.Result
	Traffic client.Traffic
	More    bool
	Changes []client.Change // newest first
}

func (s *site) credential(_ http.ResponseWriter, r *http.Request) (*page, error) {
	id := keepwatch.CredentialID(r.PathValue("id"))
	now := time.Now()
	d, err := s.read(r).Credential(r.Context(), now, id)
	if err != nil {
		return nil, err
	}
	runs, err := s.read(r).Results(r.Context(), id, view.Page{Limit: recentRuns, Cursor: r.URL.Query().Get("cursor")})
	if err != nil {
		return nil, err
	}
	b := credentialBody{CredentialDetail: d, Run: d.Last, Runs: runs.Items, More: runs.Next != nil}
	if b.Changes, err = s.changes(r.Context(), id); err != nil {
		return nil, err
	}
	if b.Traffic, err = s.Reader.Traffic(r.Context(), now, id); err != nil {
		return nil, err
	}
	if err := s.chooseRun(r, id, &b); err != nil {
		return nil, err
	}
	if b.Run != nil {
		for _, step := range b.Run.Steps {
			b.Slowest = max(b.Slowest, step.DurationMS)
		}
	}
	return &page{Template: "credential", Title: d.Name, Section: "overview", Refresh: refreshEvery, Now: now, Body: b}, nil
}

// chooseRun takes the run that the address names, else the newest. Only a single
// read brings the transcript along; good runs keep none for long.
func (s *site) chooseRun(r *http.Request, id keepwatch.CredentialID, b *credentialBody) error {
	key := r.URL.Query().Get("run")
	b.Chosen = key != ""
	if key == "" && b.Last != nil {
		key = b.Last.Key
	}
	if key == "" {
		return nil
	}
	run, err := s.read(r).Result(r.Context(), id, key)
	switch {
	case errors.Is(err, keepwatch.ErrNotFound):
		b.Gone, b.Chosen = b.Chosen, false
		return nil
	case err != nil:
		return err
	}
	b.Run = &run
	return nil
}

// check proves the credential and shows the ladder of that very run.
func (s *site) check(w http.ResponseWriter, r *http.Request) (*page, error) {
	id, who := keepwatch.CredentialID(r.PathValue("id")), view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	if err := s.Reader.May(who, auth.Operator, id); err != nil {
		return nil, err
	}
	if err := s.read(r).Testable(id); err != nil {
		return nil, err
	}
	o, err := s.Check(r.Context(), id)
	if err != nil {
		return nil, err
	}
	to := fmt.Sprintf("/credentials/%s?run=%s#run", url.PathEscape(string(id)), url.QueryEscape(o.Key))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil, nil
}

type incidentsBody struct {
	Status   string
	Statuses []string
	Items    []client.Incident
	Next     string
}

func (s *site) incidents(_ http.ResponseWriter, r *http.Request) (*page, error) {
	b := incidentsBody{Status: r.URL.Query().Get("status"), Statuses: []string{"open", "resolved", "all"}}
	if b.Status == "" {
		b.Status = "open"
	}
	if !slices.Contains(b.Statuses, b.Status) {
		return nil, keepwatch.WithHint(fmt.Errorf("status %q: %w", b.Status, keepwatch.ErrInvalid), "open, resolved or all")
	}
	cursor := r.URL.Query().Get("cursor")
	list, err := s.read(r).Incidents(r.Context(), view.IncidentSearch{IncidentFilter: view.IncidentFilter{Status: b.Status}}, view.Page{Limit: incidentRows, Cursor: cursor})
	if err != nil {
		return nil, err
	}
	b.Items = list.Items
	if list.Next != nil {
		b.Next = *list.Next
	}
	return &page{Template: "incidents", Title: "Incidents", Section: "incidents", Refresh: refreshEvery, Body: b}, nil
}

func (s *site) incident(_ http.ResponseWriter, r *http.Request) (*page, error) {
	d, err := s.read(r).Incident(r.Context(), time.Now(), keepwatch.IncidentID(r.PathValue("id")))
	if err != nil {
		return nil, err
	}
	return &page{Template: "incident", Title: d.Title, Section: "incidents", Refresh: refreshEvery, Body: d}, nil
}

func (s *site) acknowledge(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	seen, err := s.read(r).Incident(r.Context(), time.Now(), keepwatch.IncidentID(id))
	if err == nil {
		err = s.Reader.MayAct(who, seen.Incident)
	}
	if err != nil {
		return nil, err
	}
	if _, err := s.Incidents.Acknowledge(r.Context(), keepwatch.IncidentID(id), who.Name, time.Now()); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/incidents/"+url.PathEscape(id), http.StatusSeeOther)
	return nil, nil
}
