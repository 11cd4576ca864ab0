package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// signIn takes the page's form. A failure leads back to the form with a short
// name of what went wrong; the page has the words.
func (a *api) signIn(w http.ResponseWriter, r *http.Request) {
	next := view.LocalPath(r.PostFormValue("next"))
	if a.Auth == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	name, password := strings.TrimSpace(r.PostFormValue("name")), []byte(r.PostFormValue("password"))
	cookie, expires, err := a.Auth.SignIn(r.Context(), name, password, view.RemoteOf(r), time.Now())
	if err != nil {
		a.signInFailed(w, r, next, name, err)
		return
	}
	if err := a.signedIn(r, name, 0); err != nil {
		a.fail(w, r, err)
		return
	}
	http.SetCookie(w, a.cookie(cookie, expires))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (a *api) signInFailed(w http.ResponseWriter, r *http.Request, next, name string, err error) {
	why, status := "wrong", view.FailureOf(err).Status
	if err := a.signedIn(r, name, status); err != nil {
		a.Logger.Error("audit: a sign-in that failed is not written", "error", err)
	}
	switch status {
	case http.StatusUnauthorized:
	case http.StatusForbidden:
		why = "wait"
	default:
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/sign-in?failed="+why+"&next="+url.QueryEscape(next), http.StatusSeeOther)
}

// signOut forgets the cookie. The value itself ends by its own date, or when the
// user's epoch is raised.
func (a *api) signOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, a.cookie("", time.Unix(1, 0)))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

func (a *api) cookie(value string, expires time.Time) *http.Cookie {
	return &http.Cookie{
		Name: auth.CookieName(a.Secure), Value: value, Path: "/", Expires: expires,
		HttpOnly: true, Secure: a.Secure, SameSite: http.SameSiteLaxMode,
	}
}
