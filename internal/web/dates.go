package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

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

const (
	endingRows    = 1000 // of one page; the rest is reached by its filters
	recentChanges = 20   // on a credential's page
)

// withins are the spans that the page of dates offers.
var withins = []string{"30d", "90d", "180d", "365d"}

type expiringBody struct {
	client.Expiring
	Owner   string
	Withins []string
	Owners  []string // to choose from, whatever the filter shows
	Groups  []ownerGroup
	Idle    []client.Ending
	Text    string
	State   string
}

// ownerGroup is what one team answers for.
type ownerGroup struct {
	Owner   string
	Contact string
	Items   []client.Ending
}

func (s *site) expiring(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	within, err := keepwatch.ParseDuration(cmp.Or(q.Get("within"), keepwatch.FormatDuration(view.ExpiringWithin)))
	if err != nil {
		return nil, fmt.Errorf("within: %w", err)
	}
	f, now := view.ExpiringFilter{Within: within, Owner: q.Get("owner")}, time.Now()
	hard, err := s.read(r).Expiring(r.Context(), now, f, view.Page{Limit: endingRows})
	if err != nil {
		return nil, err
	}
	f.Clock = keepwatch.ClockIdle
	idle, err := s.read(r).Expiring(r.Context(), now, f, view.Page{Limit: endingRows})
	if err != nil {
		return nil, err
	}
	b := expiringBody{
		Expiring: hard, Owner: q.Get("owner"), Withins: withins, Owners: s.read(r).Teams(), Groups: byOwner(hard.Items), Idle: idle.Items,
		Text: endingText(hard), State: endingState(hard),
	}
	if !slices.Contains(b.Withins, hard.Within) {
		b.Withins = append(slices.Clone(b.Withins), hard.Within)
	}
	return &page{Template: "expiring", Title: "What ends", Section: "expiring", Refresh: refreshEvery, Now: now, Body: b}, nil
}

// byOwner groups by team. The most urgent group comes first: the items are in the
// order of their dates already. What nobody owns comes before all.
func byOwner(items []client.Ending) []ownerGroup {
	var groups []ownerGroup
	for _, item := range items {
		i := slices.IndexFunc(groups, func(g ownerGroup) bool { return g.Owner == item.Owner })
		if i < 0 {
			i = len(groups)
			groups = append(groups, ownerGroup{Owner: item.Owner, Contact: item.OwnerContact})
		}
		groups[i].Items = append(groups[i].Items, item)
	}
	slices.SortStableFunc(groups, func(a, b ownerGroup) int {
		return cmp.Compare(min(1, len(a.Owner)), min(1, len(b.Owner)))
	})
	return groups
}

// endingText is the sentence that a glance should catch.
func endingText(e client.Expiring) string {
	var parts []string
	if e.Ended > 0 {
		parts = append(parts, plural(e.Ended, "date")+" passed")
	}
	if e.Soon > 0 {
		parts = append(parts, plural(e.Soon, "date")+" within "+e.Within)
	}
	if e.Undated > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", e.Undated))
	}
	if len(parts) == 0 {
		return "Nothing ends within " + e.Within
	}
	return strings.Join(parts, ", ")
}

func endingState(e client.Expiring) string {
	switch {
	case e.Ended > 0:
		return string(keepwatch.StateExpired)
	case e.Soon > 0:
		return string(keepwatch.StateDegraded)
	case e.Undated > 0:
		return string(keepwatch.StateUnknown)
	}
	return string(keepwatch.StateHealthy)
}

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
