package httpapi

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

// Authenticator says who a request comes from. auth.Gate is one.
type Authenticator interface {
	Token(ctx context.Context, token string, now time.Time) (auth.Principal, error)
	Session(ctx context.Context, cookie string, now time.Time) (auth.Principal, error)
	SignIn(ctx context.Context, name string, password []byte, from netip.Addr, now time.Time) (cookie string, expires time.Time, err error)
}

var _ Authenticator = (*auth.Gate)(nil)

// guard stands before everything. Its layers, outermost first: a panic becomes a
// 500; every answer carries the security headers; answers are compressed where that
// tells nothing; a request that another site
// sends through a browser is refused; body and time are bounded; the caller is
// known; what changes something is written down.
func (a *api) guard(next http.Handler) http.Handler {
	h := a.audit(next)
	h = a.authenticate(h)
	h = a.bound(h)
	h = a.sameOrigin(h)
	h = a.localNames(h)
	h = a.compress(h)
	h = headers(h)
	return a.recovered(h)
}

// recovered keeps one bad request from ending the daemon. The stack goes to the
// log, never to the caller.
func (a *api) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so too
				panic(v)
			}
			// huma panics when it cannot write to a caller that has gone.
			if r.Context().Err() != nil {
				return
			}
			f := view.FailureOf(nil)
			a.Logger.Error("request panicked", "id", f.ID, "route", r.Method+" "+shownPath(r), "panic", v, "stack", string(debug.Stack()))
			writeError(w, f.Status, f.ErrorDetail)
		}()
		next.ServeHTTP(w, r)
	})
}

// unseen keeps an address that acts from getting any further: into a referrer, a cache
// or an index.
func unseen(h http.Header) {
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// headers are the same for a page and for JSON. Scripts, styles and images come
// from this server alone, and nothing inline runs: a hostile name that slipped
// through the templates would still be dead text.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // static files set their own
		if strings.HasPrefix(r.URL.Path, link.Path) || strings.HasPrefix(r.URL.Path, link.SharePath) {
			unseen(h)
		}
		next.ServeHTTP(w, r)
	})
}

// localNames applies where sign-in is off. Such a daemon listens on loopback, but
// a site may point its own name at that address and read through the visitor's
// browser; the Host header tells.
func (a *api) localNames(next http.Handler) http.Handler {
	if a.Auth != nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		address, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if host != "localhost" && (err != nil || !address.Unmap().IsLoopback()) {
			writeError(w, http.StatusForbidden, client.ErrorDetail{
				Code: "forbidden", Message: "sign-in is off, so only this machine's own names are answered",
				Hint: "use http://127.0.0.1 or http://localhost, or turn sign-in on",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses requests that change something and that a browser sends on
// behalf of another site. Programs send no such headers and pass.
func (a *api) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusForbidden, client.ErrorDetail{
			Code: "cross_origin", Message: "this request comes from another site", Hint: "open Keepwatch's own page and try there",
		})
	}))
	guarded := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The page behind a link in a message sends no referrer, and then a browser that
		// came over plain http says "null" for its own origin. No other site can make
		// this request: it would have to know the link.
		if strings.HasPrefix(r.URL.Path, link.Path) && r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null" {
			next.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// bound limits what one request may take.
func (a *api) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, body := readTimeout, int64(maxBody)
		switch p := r.URL.Path; {
		case r.Method != http.MethodPost:
		case strings.HasSuffix(p, "/check"), strings.HasSuffix(p, "/ask"), strings.HasPrefix(p, "/api/v1/discover/"):
			limit = checkTimeout
		case pushes(r):
			limit, body = importTimeout, maxPush
		case p == "/api/v1/import", p == "/inventory/import":
			limit, body = importTimeout, maxUpload
		case p == "/api/v1/inventory/bulk", p == "/inventory/bulk":
			body = maxBulk
		case p == "/api/v1/backtest":
			limit, body = checkTimeout, maxUpload
		case strings.HasPrefix(p, ensPath):
			limit, body = ensTimeout, ensBody
		}
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, body)
		next.ServeHTTP(w, r)
	})
}

// authenticate finds out who asks. Without a name only the few public paths are
// answered; a page sends its visitor to sign in, the API says 401.
func (a *api) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.caller(r)
		if err == nil && who.Role == auth.Pusher && !pushes(r) && !public(r) {
			err = auth.Require(who, auth.Viewer) // pages and metrics are for those who may read
		}
		switch {
		case err == nil:
			next.ServeHTTP(w, r.WithContext(view.WithPrincipal(r.Context(), who)))
		case public(r):
			next.ServeHTTP(w, r)
		case ours(r):
			a.fail(w, r, err)
		case view.FailureOf(err).Status != http.StatusUnauthorized:
			a.failPage(w, r, err)
		default:
			http.Redirect(w, r, signInAddress(r), http.StatusSeeOther)
		}
	})
}

// caller reads the bearer token, else the session cookie. A token that is there
// but wrong is refused even beside a good cookie: the sender meant the token.
func (a *api) caller(r *http.Request) (auth.Principal, error) {
	if a.Auth == nil {
		// A caller in this very process, such as a command, may say who it is.
		if who := view.PrincipalOf(r.Context()); who.Known() {
			return who, nil
		}
		return auth.Everybody(), nil
	}
	now := time.Now()
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := auth.BearerToken(header)
		if !ok {
			return auth.Principal{}, keepwatch.WithHint(keepwatch.ErrUnauthorized, "send Authorization: Bearer kw_…")
		}
		return a.Auth.Token(r.Context(), token, now)
	}
	cookie, err := r.Cookie(auth.CookieName(a.Secure))
	if err != nil {
		return auth.Principal{}, auth.Require(auth.Principal{}, auth.Viewer)
	}
	return a.Auth.Session(r.Context(), cookie.Value, now)
}

// public paths tell nothing about the estate, or carry a secret of their own that
// is worth one thing alone: a calendar feed, a holder's tick link, a link in a message, a
// shared incident, a signed batch of events.
func public(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/sign-in", "/favicon.ico":
		return true
	}
	for _, prefix := range []string{"/static/", calendarPath, tickPath, ensPath, link.Path, link.SharePath} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return true
		}
	}
	return false
}

// shownPath is the path as a log may have it: an address that works without an
// account must not stand there.
func shownPath(r *http.Request) string {
	for _, prefix := range []string{calendarPath, tickPath, link.Path, link.SharePath} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return prefix + "…"
		}
	}
	return r.URL.Path
}

func signInAddress(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "/sign-in"
	}
	return "/sign-in?next=" + url.QueryEscape(r.URL.RequestURI())
}
