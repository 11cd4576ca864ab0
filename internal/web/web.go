// Package web is the page that people look at: plain HTML from templates, one
// style sheet, one small script that keeps the page fresh. Everything works
// without the script. What a page shows comes from package view, as the same
// types that the API serialises; this package adds markup and nothing else.
//
// It stands behind httpapi's guard, which knows the caller, refuses requests
// from other sites and sets the security headers.
package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

// Checker proves one credential now and records the run.
type Checker func(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Observation, error)

// Incidents acknowledges, and writes down what people say.
type Incidents interface {
	Acknowledge(ctx context.Context, id keepwatch.IncidentID, by string, now time.Time) (keepwatch.Incident, error)
	Note(ctx context.Context, id keepwatch.IncidentID, by, text string, now time.Time) error
}

// Options are the parts that the pages join.
type Options struct {
	Logger    *slog.Logger
	Version   string
	Reader    *view.Reader
	Check     Checker
	Incidents Incidents
	History   History // nil: a credential's page shows no changes
	Ticks     Ticks   // nil: there are no holders' links
	Links     Links   // nil: messages have no links that act
	Scans     Scans   // nil: nothing is scanned
	// Accounts, Tokens and Audit are of the pages of settings; nil: there are none.
	Accounts  Accounts
	Tokens    Tokens
	Audit     Audit
	Alerts    Alerts     // nil: nobody is told of anything
	Rotations Rotations  // nil: there are none
	Config    Configured // nil: nobody shows what is in force
	Records   Records    // nil: the inventory is read only
	Sheets    Sheets     // nil: no sheet is brought in
	Findings  Findings   // nil: there is no page of findings
	Feeds     Feeds      // nil: there are no calendar feeds
	Shares    Shares     // nil: incidents cannot be shared
	Snoozes   Snoozes    // nil: nothing can be put aside from a page
	Editor    Editor     // nil: records are not changed from a page
	// Discover looks at an account now and says how many findings there are.
	Discover func(ctx context.Context, tenant keepwatch.TenantID, now time.Time) (int, error)
	BaseURL  string // for addresses that are handed on; "" where nobody set it
	// Banner is one sentence above everything, such as the demo's; "" shows none.
	Banner string
	// Secure says that browsers reach the pages over https: cookies say so, too.
	Secure bool
}

type site struct {
	Options
	mux       *Pages
	templates templates
	assets    *assets
	held      *holding
	paper     sync.Pool // of *bytes.Buffer: pages are written whole before any of it is sent
}

// Pages is the handler of all pages. It knows its patterns, so that whoever wants to
// prove something of every page forgets none.
type Pages struct {
	mux      *http.ServeMux
	patterns []string
	failed   func(w http.ResponseWriter, r *http.Request, err error)
}

// Fail answers a page that whoever stands before the pages cannot have: a visitor of a
// page is told in a page.
func (p *Pages) Fail(w http.ResponseWriter, r *http.Request, err error) { p.failed(w, r, err) }

// HandleFunc is http.ServeMux's.
func (p *Pages) HandleFunc(pattern string, h http.HandlerFunc) { p.Handle(pattern, h) }

// Handle is http.ServeMux's.
func (p *Pages) Handle(pattern string, h http.Handler) {
	p.patterns = append(p.patterns, pattern)
	p.mux.Handle(pattern, h)
}

func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// serves reports whether there is a page at a path without variables.
func (p *Pages) serves(path string) bool {
	if path == "/" {
		path = "/{$}"
	}
	return slices.Contains(p.patterns, "GET "+path)
}

// Patterns are those of all pages, as http.ServeMux takes them.
func (p *Pages) Patterns() []string { return slices.Clone(p.patterns) }

// New builds the handler of all pages.
func New(o Options) *Pages {
	s := &site{Options: o, mux: &Pages{mux: http.NewServeMux()}, assets: newAssets(), held: newHolding(), paper: sync.Pool{New: func() any { return new(bytes.Buffer) }}}
	s.mux.failed = func(w http.ResponseWriter, r *http.Request, err error) { s.render(w, r, s.failure(r, err)) }
	s.templates.assets = s.assets
	s.templates.in(time.UTC) // a fault in a template shows at the start, not at the first visit
	s.mux.HandleFunc("GET /{$}", s.page(s.overview))
	s.credentialPages()
	s.expiringPages()
	s.inventoryPages()
	s.mux.HandleFunc("GET /rotations/tick/{token}", s.page(s.tickOf))
	s.mux.HandleFunc("POST /rotations/tick/{token}", s.page(s.tick))
	s.mux.HandleFunc("GET "+link.Path+"{token}", s.page(s.lookAtLink))
	s.mux.HandleFunc("POST "+link.Path+"{token}", s.page(s.useLink))
	s.incidentPages()
	s.alertPages()
	s.rotationPages()
	s.configurationPages()
	s.mux.HandleFunc("GET /impact", s.page(s.impact))
	s.mux.HandleFunc("GET /effects", s.page(s.effects))
	s.mux.HandleFunc("GET /effect", s.page(s.effect))
	if s.Scans != nil {
		s.mux.HandleFunc("GET /scan", s.page(s.scans))
		s.mux.HandleFunc("POST /scan", s.page(s.startScan))
		s.mux.HandleFunc("GET /scan/{id}", s.page(s.scan))
	}
	s.mux.HandleFunc("GET /account", s.page(s.account))
	s.mux.HandleFunc("POST /account/password", s.page(s.setPassword))
	s.mux.HandleFunc("GET /settings", s.whole(auth.Admin, s.settings))
	s.mux.HandleFunc("POST /settings/users", s.whole(auth.Admin, s.addUser))
	s.mux.HandleFunc("POST /settings/users/{name}/{do}", s.whole(auth.Admin, s.changeUser))
	s.mux.HandleFunc("POST /settings/tokens", s.whole(auth.Admin, s.addToken))
	s.mux.HandleFunc("POST /settings/tokens/{id}/revoke", s.whole(auth.Admin, s.revokeToken))
	s.mux.HandleFunc("GET /settings/audit", s.whole(auth.Admin, s.audit))
	s.mux.HandleFunc("GET /sign-in", s.page(s.signIn))
	s.mux.HandleFunc("POST /appearance", s.page(s.setAppearance))
	s.mux.Handle("GET /static/{file}", s.assets)
	s.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.assets.path("icon.svg"), http.StatusFound)
	})
	s.mux.HandleFunc("/", s.page(func(http.ResponseWriter, *http.Request) (*page, error) {
		return nil, keepwatch.WithHint(keepwatch.ErrNotFound, "start again from the overview")
	}))
	return s.mux
}

const refreshEvery = 5 // seconds; a page is a few hundred rows at most

// page is what every template gets.
type page struct {
	Template string
	Title    string
	Section  string // of the navigation
	Refresh  int    // seconds between looks; 0: the page does not change by itself
	Status   int
	Body     any

	Now        time.Time
	Appearance appearance
	Sections   []section
	Here       string // the address of this page, where it can be asked for again
	Who        auth.Principal
	CanAct     bool
	Manages    bool // accounts and tokens
	Whole      bool // sees the whole estate
	Banner     string
	Version    string
}

// handler makes a page. It returns nil when it has answered by itself.
type handler func(w http.ResponseWriter, r *http.Request) (*page, error)

// page renders what a handler made; an error becomes a page too.
func (s *site) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := h(w, r)
		if err != nil {
			p = s.failure(r, err)
		}
		if p != nil {
			s.render(w, r, p)
		}
	}
}

// read is the estate as the visitor may see it.
func (s *site) read(r *http.Request) *view.Reader {
	return s.Reader.For(view.PrincipalOf(r.Context()))
}

// whole is a page about the whole estate, which a role over a part of it does not open.
func (s *site) whole(needs auth.Role, h handler) http.HandlerFunc {
	return s.page(func(w http.ResponseWriter, r *http.Request) (*page, error) {
		if err := auth.RequireEverywhere(view.PrincipalOf(r.Context()), needs); err != nil {
			return nil, err
		}
		return h(w, r)
	})
}

func (s *site) failure(r *http.Request, err error) *page {
	f := view.FailureOf(err)
	if f.ID != "" {
		route := r.Method + " " + r.URL.Path
		if token := r.PathValue("token"); token != "" { // it works without an account: a log must not have it
			route = strings.ReplaceAll(route, token, "…")
		}
		s.Logger.Error("page failed", "id", f.ID, "route", route, "error", err)
	}
	if f.Message == keepwatch.ErrNotFound.Error() {
		f.Message = "there is no such page"
	}
	return &page{Template: "error", Title: http.StatusText(f.Status), Status: f.Status, Body: f.ErrorDetail}
}

// render builds the whole page before it sends the first byte, so that a fault
// in a template is a clean error and never half a page that looks healthy.
func (s *site) render(w http.ResponseWriter, r *http.Request, p *page) {
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	p.Now = p.Now.UTC()
	p.Banner, p.Version = s.Banner, s.Version
	p.Who = view.PrincipalOf(r.Context())
	p.Whole = p.Who.Everywhere(auth.Viewer)
	p.Manages = p.Who.Everywhere(auth.Admin) && s.Accounts != nil
	p.CanAct = auth.Require(p.Who, auth.Operator) == nil
	p.Appearance, p.Here, p.Sections = appearanceOf(r), here(r), s.sections(r, p)
	out := s.paper.Get().(*bytes.Buffer)
	defer func() { out.Reset(); s.paper.Put(out) }()
	if err := s.templates.in(p.Appearance.location)[p.Template].ExecuteTemplate(out, "layout", p); err != nil {
		f := view.FailureOf(err)
		s.Logger.Error("template failed", "id", f.ID, "template", p.Template, "error", err)
		http.Error(w, f.Message, f.Status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	_, _ = out.WriteTo(w) // the visitor has gone
}

// signInBody is the form's state.
type signInBody struct {
	Next    string
	Problem string
}

func (s *site) signIn(_ http.ResponseWriter, r *http.Request) (*page, error) {
	b := signInBody{Next: r.URL.Query().Get("next")}
	switch r.URL.Query().Get("failed") {
	case "":
	case "wait":
		b.Problem = "Too many tries. Wait a few minutes and try again."
	default:
		b.Problem = "The name or the password is wrong."
	}
	return &page{Template: "sign-in", Title: "Sign in", Body: b}, nil
}
