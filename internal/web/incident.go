package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

const incidentRows = 50

// Snoozes says how long an incident may be put aside. link.Desk does.
type Snoozes interface {
	Offer(ctx context.Context, inc keepwatch.Incident, now time.Time) link.View
	Until(v link.View, wish link.Wish, now time.Time) (time.Time, error)
}

// Shares are the links under which one incident can be read. link.Shares is one.
type Shares interface {
	Make(ctx context.Context, id keepwatch.IncidentID, by, grants string, life time.Duration, now time.Time) (keepwatch.ShareLink, string, error)
	List(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.ShareLink, error)
	End(ctx context.Context, incident keepwatch.IncidentID, id, by string, now time.Time) error
	Open(ctx context.Context, token string, from netip.Addr, now time.Time) (keepwatch.ShareLink, error)
}

func (s *site) incidentPages() {
	s.mux.HandleFunc("GET /incidents", s.page(s.incidents))
	s.mux.HandleFunc("GET /incidents/{id}", s.page(s.incident))
	s.mux.HandleFunc("POST /incidents/{id}/ack", s.page(s.acknowledge))
	s.mux.HandleFunc("POST /incidents/{id}/note", s.page(s.note))
	s.mux.HandleFunc("POST /incidents/{id}/snooze", s.page(s.snooze))
	s.mux.HandleFunc("POST /incidents/{id}/share", s.page(s.share))
	s.mux.HandleFunc("POST /incidents/{id}/share/{share}/end", s.page(s.endShare))
	s.mux.HandleFunc("GET "+link.SharePath+"{token}", s.page(s.shared))
}

type incidentsBody struct {
	Search   view.IncidentSearch
	Filtered bool // by more than the status
	Statuses []string
	Tenants  []string
	Owners   []string
	Outcomes []string
	Items    []client.Incident
	Past     bool   // a further page
	First    string // address of the first page
	Next     string // of the next; "" on the last
}

func (s *site) incidents(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	b := incidentsBody{Statuses: []string{"open", "resolved", "all"}, Past: q.Get("cursor") != ""}
	b.Search = view.IncidentSearch{
		IncidentFilter: view.IncidentFilter{Status: q.Get("status"), Tenant: keepwatch.TenantID(q.Get("tenant")), Credential: keepwatch.CredentialID(q.Get("credential"))},
		Outcome:        q.Get("outcome"), Owner: q.Get("owner"), Query: strings.TrimSpace(q.Get("q")),
	}
	if b.Search.Status == "" {
		b.Search.Status = "open"
	}
	if !slices.Contains(b.Statuses, b.Search.Status) {
		return nil, keepwatch.WithHint(fmt.Errorf("status %.40q: %w", b.Search.Status, keepwatch.ErrInvalid), "open, resolved or all")
	}
	if err := view.OutcomeExists(b.Search.Outcome); err != nil {
		return nil, err
	}
	read := s.read(r)
	list, err := read.Incidents(r.Context(), b.Search, view.Page{Limit: incidentRows, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	b.Items, b.Tenants, b.Owners = list.Items, read.TenantIDs(), read.Teams()
	b.Filtered = b.Search != view.IncidentSearch{IncidentFilter: view.IncidentFilter{Status: b.Search.Status}}
	for _, o := range keepwatch.Outcomes {
		if o.Scope != keepwatch.ScopeNone || o.Outcome == keepwatch.Expiring {
			b.Outcomes = append(b.Outcomes, string(o.Outcome))
		}
	}
	slices.Sort(b.Outcomes)
	b.First = incidentsAddress(b.Search, "")
	if list.Next != nil {
		b.Next = incidentsAddress(b.Search, *list.Next)
	}
	return &page{Template: "incidents", Title: "Incidents", Section: "incidents", Refresh: refreshEvery, Body: b}, nil
}

// incidentsAddress is what can be passed on: the filter, and no more than it says.
func incidentsAddress(f view.IncidentSearch, cursor string) string {
	v := url.Values{}
	for name, value := range map[string]string{
		"status": f.Status, "tenant": string(f.Tenant), "credential": string(f.Credential), "outcome": f.Outcome, "owner": f.Owner, "q": f.Query, "cursor": cursor,
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "/incidents?" + v.Encode()
}

type incidentBody struct {
	client.IncidentDetail
	May      bool // act on it
	Whole    bool // sees the alerts
	Snooze   *link.View
	Shares   []client.ShareLink
	CanShare bool
	Lives    []link.Span
	Address  string // of the link that was just made: shown this once
	Typed    string // a note, when it was refused
	Problem  string
	Hint     string
	Field    string // that the problem is about: note, snooze, share
	Figured  figureView
	Todo     todoList
}

func (s *site) incident(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.incidentPage(r, incidentBody{})
}

// shareLives are the lengths that the form offers.
var shareLives = []link.Span{{Value: "24h", Text: "1 day"}, {Value: "7d", Text: "1 week", Default: true}, {Value: "30d", Text: "30 days"}}

// incidentPage is the page, with what came of a form on it.
func (s *site) incidentPage(r *http.Request, b incidentBody) (*page, error) {
	id, now, who := keepwatch.IncidentID(r.PathValue("id")), time.Now(), view.PrincipalOf(r.Context())
	d, err := s.read(r).Incident(r.Context(), now, id)
	if err != nil {
		return nil, err
	}
	b.IncidentDetail = d
	b.May = auth.Require(who, auth.Operator) == nil && s.Reader.MayAct(who, d.Incident) == nil
	b.Whole = who.Everywhere(auth.Viewer) && s.Alerts != nil
	b.Figured, b.Todo = figuresOf(d.Figures), todoOf(d.Actions, now)
	if b.May && s.Snoozes != nil && s.Alerts != nil && d.Status == string(keepwatch.IncidentOpen) && d.MergedInto == nil {
		inc, err := s.read(r).StoredIncident(r.Context(), id)
		if err != nil {
			return nil, err
		}
		offer := s.Snoozes.Offer(r.Context(), inc, now)
		b.Snooze = &offer
	}
	if b.May && s.Shares != nil {
		list, err := s.Shares.List(r.Context(), id)
		if err != nil {
			return nil, err
		}
		b.CanShare, b.Shares, b.Lives = true, view.SharesOf(list, now), shareLives
	}
	p := &page{Template: "incident", Title: d.Title, Section: "incidents", Refresh: refreshEvery, Now: now, Body: b}
	switch {
	case b.Problem != "":
		p.Status = http.StatusBadRequest
	case b.Address != "":
		p.Status, p.Refresh = http.StatusCreated, 0 // a reload would send the form again
	}
	if b.Problem != "" {
		p.Refresh = 0
	}
	return p, nil
}

// onIncident is a form on an incident's page: who may not act on it learns no more than
// its page shows.
func (s *site) onIncident(r *http.Request, do func(id keepwatch.IncidentID, who auth.Principal, now time.Time) error) error {
	id, who, now := keepwatch.IncidentID(r.PathValue("id")), view.PrincipalOf(r.Context()), time.Now()
	if _, err := s.Reader.ToAct(r.Context(), who, id, now); err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return keepwatch.WithHint(keepwatch.ErrInvalid, "send the form once more")
	}
	return do(id, who, now)
}

// answer goes back to the incident, or shows what was wrong beside what was typed.
func (s *site) answer(w http.ResponseWriter, r *http.Request, field string, err error) (*page, error) {
	if err == nil {
		http.Redirect(w, r, "/incidents/"+url.PathEscape(r.PathValue("id"))+"#"+field, http.StatusSeeOther)
		return nil, nil
	}
	f := view.FailureOf(err)
	if f.Status != http.StatusBadRequest && f.Status != http.StatusConflict {
		return nil, err
	}
	return s.incidentPage(r, incidentBody{Problem: f.Message, Hint: f.Hint, Field: field, Typed: r.PostForm.Get("text")})
}

func (s *site) acknowledge(w http.ResponseWriter, r *http.Request) (*page, error) {
	err := s.onIncident(r, func(id keepwatch.IncidentID, who auth.Principal, now time.Time) error {
		_, err := s.Incidents.Acknowledge(r.Context(), id, who.Name, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/incidents/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	return nil, nil
}

func (s *site) note(w http.ResponseWriter, r *http.Request) (*page, error) {
	err := s.onIncident(r, func(id keepwatch.IncidentID, who auth.Principal, now time.Time) error {
		text := strings.TrimSpace(strings.ReplaceAll(r.PostForm.Get("text"), "\r\n", "\n"))
		if text == "" {
			return keepwatch.WithHint(fmt.Errorf("there is nothing to write down: %w", keepwatch.ErrInvalid), "write what was seen, done or promised")
		}
		return s.Incidents.Note(r.Context(), id, who.Name, text, now)
	})
	return s.answer(w, r, "timeline", err)
}

func (s *site) snooze(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Snoozes == nil || s.Alerts == nil {
		return nil, keepwatch.ErrNotFound
	}
	err := s.onIncident(r, func(id keepwatch.IncidentID, who auth.Principal, now time.Time) error {
		inc, err := s.read(r).StoredIncident(r.Context(), id)
		if err != nil {
			return err
		}
		if inc.Status != keepwatch.IncidentOpen {
			return fmt.Errorf("it is over, so nobody is told any more: %w", keepwatch.ErrConflict)
		}
		now = now.UTC().Truncate(time.Second)
		until, err := s.Snoozes.Until(s.Snoozes.Offer(r.Context(), inc, now), link.Wish{For: r.PostForm.Get("for"), Until: r.PostForm.Get("until")}, now)
		if err != nil {
			return err
		}
		reason := strings.TrimSpace(r.PostForm.Get("reason"))
		if reason == "" {
			return keepwatch.WithHint(fmt.Errorf("a snooze needs a reason: %w", keepwatch.ErrInvalid), "say in a sentence why nobody is to be told")
		}
		quiet := keepwatch.Silence{
			ID: strings.ToLower(rand.Text()[:16]), Kind: keepwatch.Snoozed, Incident: id, Owner: who.Name, Reason: reason, From: now, Until: until, CreatedAt: now, CreatedBy: who.Name,
		}
		if err := quiet.Check(); err != nil {
			return err
		}
		return s.Alerts.Silence(r.Context(), quiet)
	})
	return s.answer(w, r, "told", err)
}

// share makes a link and shows it, this once.
func (s *site) share(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Shares == nil {
		return nil, keepwatch.ErrNotFound
	}
	var token string
	err := s.onIncident(r, func(id keepwatch.IncidentID, who auth.Principal, now time.Time) error {
		life, err := keepwatch.ParseDuration(r.PostForm.Get("for"))
		if err != nil {
			return keepwatch.WithHint(fmt.Errorf("that is no length of time: %w", keepwatch.ErrInvalid), "choose one of the list")
		}
		_, token, err = s.Shares.Make(r.Context(), id, who.Name, view.GrantsOf(who), life, now)
		return err
	})
	if err != nil {
		return s.answer(w, r, "share", err)
	}
	return s.incidentPage(r, incidentBody{Address: s.origin(r) + link.SharePath + token})
}

// origin is where people reach these pages: as it was set, else as this visitor did.
func (s *site) origin(r *http.Request) string {
	if s.BaseURL != "" {
		return strings.TrimRight(s.BaseURL, "/")
	}
	return "http://" + r.Host
}

func (s *site) endShare(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Shares == nil {
		return nil, keepwatch.ErrNotFound
	}
	err := s.onIncident(r, func(id keepwatch.IncidentID, who auth.Principal, now time.Time) error {
		return s.Shares.End(r.Context(), id, r.PathValue("share"), who.Name, now)
	})
	return s.answer(w, r, "share", err)
}

type sharedBody struct {
	client.SharedIncident
	Figured figureView
	Todo    todoList
}

// shared shows one incident to whoever has a link to it.
func (s *site) shared(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Shares == nil {
		return nil, keepwatch.ErrNotFound
	}
	now := time.Now()
	share, err := s.Shares.Open(r.Context(), r.PathValue("token"), view.RemoteOf(r), now)
	if err != nil {
		return nil, err
	}
	d, err := s.Reader.Shared(r.Context(), now, share)
	if err != nil {
		return nil, err
	}
	b := sharedBody{SharedIncident: d, Figured: figuresOf(d.Figures), Todo: todoOf(d.Actions, now)}
	// The title says what the page is, and not what is in it: a preview shows titles.
	return &page{Template: "shared", Title: "A shared incident", Now: now, Body: b}, nil
}
