package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/link"
	"keepwatch/internal/view"
)

// Links are those in messages, which work without an account. link.Desk is one.
type Links interface {
	Look(ctx context.Context, token string, from netip.Addr, now time.Time) (link.View, error)
	Do(ctx context.Context, token string, wish link.Wish, from netip.Addr, now time.Time) (link.View, error)
}

type actBody struct {
	link.View
	Shown   client.Incident
	Chosen  string // day or length as it was typed
	Problem string
	Hint    string
}

// lookAtLink shows what a link in a message will do, and does nothing: mail filters,
// previews of chats and browsers that fetch ahead follow links.
func (s *site) lookAtLink(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Links == nil {
		return nil, keepwatch.ErrNotFound
	}
	v, err := s.Links.Look(r.Context(), r.PathValue("token"), view.RemoteOf(r), time.Now())
	if err != nil {
		return nil, err
	}
	return s.act(actBody{View: v}), nil
}

// useLink does what the link is for, then shows the same page, which now says so.
func (s *site) useLink(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Links == nil {
		return nil, keepwatch.ErrNotFound
	}
	wish := link.Wish{For: r.PostFormValue("for"), Until: r.PostFormValue("until")}
	v, err := s.Links.Do(r.Context(), r.PathValue("token"), wish, view.RemoteOf(r), time.Now())
	if err != nil {
		f := view.FailureOf(err)
		if f.Status != http.StatusBadRequest {
			return nil, err
		}
		p := s.act(actBody{View: v, Chosen: wish.Until, Problem: f.Message, Hint: f.Hint})
		p.Status = f.Status
		return p, nil
	}
	http.Redirect(w, r, r.URL.EscapedPath(), http.StatusSeeOther)
	return nil, nil
}

// act has the button's word as its title: a preview of the page must not tell more than
// the message does.
func (s *site) act(b actBody) *page {
	b.Shown = s.Reader.IncidentOf(b.Incident)
	if b.Chosen == "" && b.Days != nil {
		b.Chosen = b.Days.Default.String()
	}
	return &page{Template: "act", Title: b.Button, Body: b}
}
