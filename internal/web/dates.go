package web

import (
	"context"
	"fmt"
	"net/http"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/rotate"
	"keepwatch/internal/view"
)

// History reads how a record changed.
type History interface {
	Changes(ctx context.Context, id keepwatch.CredentialID, page view.Page) ([]keepwatch.Change, string, error)
}

// Ticks are the links by which a holder says, without an account, that it has
// switched to a new secret. rotate.Cockpit is one.
type Ticks interface {
	TickOf(ctx context.Context, token string) (rotate.TickView, error)
	Tick(ctx context.Context, token, by string) (rotate.TickView, error)
}

const recentChanges = 20 // on a credential's page

// endingTone is the state whose colour and icon a date takes.
func endingTone(severity string) string {
	switch severity {
	case "critical":
		return string(keepwatch.StateExpired)
	case "warning":
		return string(keepwatch.StateDegraded)
	case "info":
		return string(keepwatch.StateHealthy)
	}
	return string(keepwatch.StateUnknown)
}

// changes are the newest rows of a record's history; a page without a history
// shows none.
func (s *site) changes(ctx context.Context, id keepwatch.CredentialID) ([]client.Change, error) {
	if s.History == nil {
		return nil, nil
	}
	list, _, err := s.History.Changes(ctx, id, view.Page{Limit: recentChanges})
	return view.ChangesOf(list), err
}

type tickBody struct {
	rotate.TickView
	Token string
}

// tickOf shows what a holder's link will do, and does nothing: mail filters follow
// links.
func (s *site) tickOf(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Ticks == nil {
		return nil, keepwatch.ErrNotFound
	}
	token := r.PathValue("token")
	t, err := s.Ticks.TickOf(r.Context(), token)
	if err != nil {
		return nil, tickError(err)
	}
	return &page{Template: "tick", Title: "Switched to the new secret?", Body: tickBody{t, token}}, nil
}

// tick notes that the holder has switched, then shows the same page, which now
// says so.
func (s *site) tick(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Ticks == nil {
		return nil, keepwatch.ErrNotFound
	}
	token := r.PathValue("token")
	if _, err := s.Ticks.Tick(r.Context(), token, view.PrincipalOf(r.Context()).Name); err != nil {
		return nil, tickError(err)
	}
	http.Redirect(w, r, r.URL.EscapedPath(), http.StatusSeeOther)
	return nil, nil
}

// tickError tells a link that leads nowhere from everything else. Whoever has it
// may have no account, so nothing else is told.
func tickError(err error) error {
	if view.FailureOf(err).Status != http.StatusNotFound {
		return err
	}
	return keepwatch.WithHint(fmt.Errorf("this link leads to no rotation: %w", keepwatch.ErrNotFound), "ask whoever sent it for a new one")
}
