package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

const recentRuns = 20 // on a credential's page

func (s *site) credentialPages() {
	s.mux.HandleFunc("GET /credentials/{id}", s.page(s.credential))
	s.mux.HandleFunc("POST /credentials/{id}/check", s.page(s.check))
	s.mux.HandleFunc("GET /credentials/{id}/edit", s.page(s.edit))
	s.mux.HandleFunc("POST /credentials/{id}/edit", s.page(s.saveEdit))
}

type credentialBody struct {
	client.CredentialDetail
	Run     *client.Result // the run whose ladder is shown
	Chosen  bool           // it was asked for by its key
	Gone    bool           // it was asked for and is not kept any more
	Slowest float64        // of its steps, for the bars
	Runs    []client.Result
	Traffic client.Traffic
	Charts  []holderChart
	Flow    flow
	Hours   []slotMark // of the last two days
	Strip   dayStrip
	Day     *hoursView // that was zoomed into
	More    bool
	Changes []client.Change // newest first
	May     bool            // act on this credential
	Edits   bool            // there is a form for it
	Rotates bool
}

func (s *site) credential(_ http.ResponseWriter, r *http.Request) (*page, error) {
	id, now := keepwatch.CredentialID(r.PathValue("id")), time.Now()
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
	if err := s.zoom(r, id, &b, now); err != nil {
		return nil, err
	}
	b.Charts, b.Flow = chartsOf(b.Traffic, now), flowOf(d, b.Traffic)
	b.May = s.Reader.May(view.PrincipalOf(r.Context()), auth.Operator, id) == nil
	b.Edits = s.Editor != nil
	b.Rotates = keepwatch.Kind(d.Kind) == keepwatch.ServerToServer
	return &page{Template: "credential", Title: d.Name, Section: "overview", Refresh: refreshEvery, Now: now, Body: b}, nil
}

// zoom lays the days out, and opens the one that the address names.
func (s *site) zoom(r *http.Request, id keepwatch.CredentialID, b *credentialBody, now time.Time) error {
	text := r.URL.Query().Get("day")
	b.Hours, b.Strip = hoursOf(b.History), daysOf(b.Days, text)
	if text == "" {
		return nil
	}
	d, err := s.read(r).Day(r.Context(), now, id, text)
	if err != nil {
		return err
	}
	v := hoursViewOf(d, now)
	b.Day = &v
	return nil
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
	if err := s.mayOn(who, id); err != nil {
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

// mayOn reports why somebody may not change a credential, or have it proven.
func (s *site) mayOn(who auth.Principal, id keepwatch.CredentialID) error {
	if err := auth.Require(who, auth.Operator); err != nil {
		return err
	}
	return s.Reader.May(who, auth.Operator, id)
}
