// Package httpapi is the daemon's door for HTTP: the JSON API with its OpenAPI
// document, health, metrics, reload, and the guard that stands before all of it
// and before the pages. It decides nothing about credentials: it reads through
// package view and hands orders to functions that it is given.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

const (
	maxBody      = 64 << 10         // no request of ours is larger
	maxPage      = 200              // items of one page
	readTimeout  = 20 * time.Second // for every route that only reads or writes rows
	checkTimeout = 2 * time.Minute  // a check on demand walks its whole ladder

	maxUpload     = 16 << 20        // a sheet of 100,000 rows
	importTimeout = 1 * time.Minute // to read, compare and write it
)

// Checker proves one credential now and records the run.
type Checker func(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Observation, error)

// Incidents acknowledges, and writes down what people say.
type Incidents interface {
	Acknowledge(ctx context.Context, id keepwatch.IncidentID, by string, now time.Time) (keepwatch.Incident, error)
	Note(ctx context.Context, id keepwatch.IncidentID, by, text string, now time.Time) error
}

// Tokens keeps the API tokens.
type Tokens interface {
	List(ctx context.Context) ([]client.Token, error)
	Create(ctx context.Context, token client.NewToken, by string) (client.CreatedToken, error)
	Revoke(ctx context.Context, id string) error
}

// Options are the parts that the API joins. All are needed but Auth and Pages.
type Options struct {
	Logger    *slog.Logger
	Version   string
	Reader    *view.Reader
	Check     Checker
	Incidents Incidents
	Tokens    Tokens
	Accounts  Accounts
	Audit     Audit // nil: nothing is written down
	Inventory Inventory
	Transfer  Transfer
	Findings  Findings
	Feeds     Feeds
	Rotations Rotations
	Alerts    Alerts
	Links     Links // nil: messages have no links that act
	Shares    Shares
	Discover  Discoverer
	Backtest  Backtester
	Scans     Scans
	Pushed    Pushed
	Traces    Traces
	Config    Configured
	BaseURL   string // for addresses in answers; "" where nobody set it
	Reload    func(ctx context.Context) (client.Reloaded, error)
	Health    func(ctx context.Context) client.Health
	Metrics   http.Handler
	// Notified is nil where nothing is pushed.
	Notified Notifications
	// Auth is nil where sign-in is off. Everybody is then an administrator, so
	// only names of the loopback address are answered.
	Auth Authenticator
	// Secure says that browsers reach the daemon over https: it names the cookie.
	Secure bool
	// Pages answers everything that is not the API's.
	Pages http.Handler
}

type api struct {
	Options
	mux  *routes
	huma huma.API
}

// routes is a mux that knows its patterns.
type routes struct {
	*http.ServeMux
	patterns []string
}

// HandleFunc is http.ServeMux's, which huma uses as well.
func (r *routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	r.patterns = append(r.patterns, pattern)
	r.ServeMux.HandleFunc(pattern, h)
}

// Handler is the whole daemon's. It knows the patterns of the API, so that whoever wants
// to prove something of every route forgets none.
type Handler struct {
	http.Handler
	patterns []string
	pages    http.Handler
}

// Patterns are those of the API, as http.ServeMux takes them.
func (h *Handler) Patterns() []string { return slices.Clone(h.patterns) }

// Pages is what answers everything that is not the API's.
func (h *Handler) Pages() http.Handler { return h.pages }

// New builds the handler of the whole daemon.
func New(o Options) *Handler {
	a := &api{Options: o, mux: &routes{ServeMux: http.NewServeMux()}}
	if a.Pages == nil {
		a.Pages = http.HandlerFunc(a.notFound)
	}
	a.huma = humago.New(a.mux, openAPIConfig(o.Version))
	a.huma.UseMiddleware(plainStatus)
	a.credentialRoutes()
	a.incidentRoutes()
	a.adminRoutes()
	a.configRoute()
	a.accountRoutes()
	a.inventoryRoutes()
	a.tableRoutes()
	a.transferRoutes()
	a.expiringRoutes()
	a.effectRoutes()
	a.reportRoutes()
	a.backtestRoutes()
	a.feedRoutes()
	a.rotationRoutes()
	a.scanRoutes()
	a.alertRoutes()
	a.linkRoutes()
	a.shareRoutes()
	a.ingestRoutes()
	a.healthRoutes()
	a.mux.HandleFunc("GET /metrics", a.metrics)
	a.openAPIRoute()
	a.mux.HandleFunc("POST "+ensPath+"{callback}", a.ens)
	a.mux.HandleFunc("POST /sign-in", a.signIn)
	a.mux.HandleFunc("POST /sign-out", a.signOut)
	return &Handler{Handler: a.guard(http.HandlerFunc(a.dispatch)), patterns: a.mux.patterns, pages: a.Pages}
}

// metrics are about the whole estate.
func (a *api) metrics(w http.ResponseWriter, r *http.Request) {
	if err := auth.RequireEverywhere(view.PrincipalOf(r.Context()), auth.Viewer); err != nil {
		a.fail(w, r, err)
		return
	}
	a.Metrics.ServeHTTP(w, r)
}

// dispatch sends a request to the API or to the pages. The mux's own answers for
// an unknown path or method are plain text, so they are given here instead.
func (a *api) dispatch(w http.ResponseWriter, r *http.Request) {
	if !ours(r) {
		a.Pages.ServeHTTP(w, r)
		return
	}
	handler, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	probe := &headerProbe{header: http.Header{}}
	handler.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		allow := probe.header.Get("Allow")
		w.Header().Set("Allow", allow)
		writeError(w, http.StatusMethodNotAllowed, client.ErrorDetail{
			Code: "method_not_allowed", Message: r.Method + " is not possible here", Hint: "allowed: " + allow,
		})
		return
	}
	a.notFound(w, r)
}

func (a *api) notFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, client.ErrorDetail{
		Code: "not_found", Message: "there is nothing at this address", Hint: "GET /api/v1/openapi.json lists every route",
	})
}

// ours reports whether the API answers a path, rather than a page.
func ours(r *http.Request) bool {
	switch p := r.URL.Path; p {
	case "/healthz", "/readyz", "/metrics", tracesPath:
		return true
	case "/sign-in", "/sign-out":
		return r.Method == http.MethodPost
	default:
		return strings.HasPrefix(p, "/api/") || p == "/api" || strings.HasPrefix(p, "/-/") ||
			strings.HasPrefix(p, calendarPath) || strings.HasPrefix(p, ensPath) || ((strings.HasPrefix(p, tickPath) || strings.HasPrefix(p, link.Path) || strings.HasPrefix(p, link.SharePath)) && wantsJSON(r))
	}
}

// headerProbe learns what the mux would have answered without answering it.
type headerProbe struct {
	header http.Header
	status int
}

func (p *headerProbe) Header() http.Header         { return p.header }
func (p *headerProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *headerProbe) WriteHeader(status int)      { p.status = status }
