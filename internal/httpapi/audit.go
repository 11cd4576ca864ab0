package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// pushed begins the addresses at which machines leave what they saw. It comes at a
// high rate and changes nothing that anybody decides, so it is not audited.
var pushed = []string{"/api/v1/events", "/api/v1/logs", "/v1/", ensPath}

// audited reports whether a request is written down before it is carried out.
func audited(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return false
	}
	switch r.URL.Path {
	case "/sign-in": // it writes its own entry, once it knows the name
		return false
	case "/api/v1/silences/preview", "/appearance": // change nothing
		return false
	}
	for _, prefix := range pushed {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return false
		}
	}
	return true
}

// audit writes down who is about to change something. When that cannot be written,
// nothing happens: an action that leaves no trace is worse than one that fails. What
// the caller may not do leaves a second entry.
func (a *api) audit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Audit == nil || !audited(r) {
			next.ServeHTTP(w, r)
			return
		}
		e, err := a.Audit.Begin(r.Context(), entryOf(r))
		if err != nil {
			a.fail(w, r, keepwatch.WithHint(errors.Join(fmt.Errorf("the audit log cannot be written, so nothing was done: %w", keepwatch.ErrUnavailable), err), "look at the store: /readyz says how it is"))
			return
		}
		seen := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		if seen.status < http.StatusBadRequest {
			return
		}
		e.Of, e.Refused = e.Seq, seen.status
		if _, err := a.Audit.Begin(r.Context(), e); err != nil {
			a.Logger.Error("audit: the end of an action is not written", "entry", e.Of, "status", e.Refused, "error", err)
		}
	})
}

func entryOf(r *http.Request) keepwatch.AuditEntry {
	who := view.PrincipalOf(r.Context())
	e := keepwatch.AuditEntry{At: time.Now().UTC().Truncate(time.Second), Who: who.Name, Via: string(who.Via), Action: r.Method + " " + writtenPath(r)}
	if from := view.RemoteOf(r); from.IsValid() {
		e.From = from.String()
	}
	if who.Via == "" {
		e.Who = "nobody"
	}
	const most = 400
	if len(e.Action) > most {
		e.Action = strings.ToValidUTF8(e.Action[:most], "") + "…"
	}
	return e
}

// writtenPath is a path as the log may have it. Ids are short; what is long may be a
// token that somebody took for one.
func writtenPath(r *http.Request) string {
	const longest = 40
	parts := strings.Split(strings.ToValidUTF8(strings.ReplaceAll(shownPath(r), "\x00", ""), "�"), "/")
	for i, part := range parts {
		if len(part) > longest {
			parts[i] = "…"
		}
	}
	return strings.Join(parts, "/")
}

// signedIn writes down who came in, under the name that was given.
func (a *api) signedIn(r *http.Request, name string, refused int) error {
	if a.Audit == nil {
		return nil
	}
	e := entryOf(r)
	e.Who, e.Via, e.Refused = strings.ToValidUTF8(strings.ReplaceAll(name[:min(len(name), 100)], "\x00", ""), "�"), string(auth.ViaSession), refused
	_, err := a.Audit.Begin(r.Context(), e)
	return err
}

// statusWriter remembers how a request was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader remembers the first status that is none of 1xx.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
