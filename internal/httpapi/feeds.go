package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/ics"
	"keepwatch/internal/view"
)

type newFeedInput struct{ Body client.NewFeed }

type feedInput struct {
	ID string `path:"id" maxLength:"200"`
}

func (a *api) feedRoutes() {
	route(a, auth.Viewer, huma.Operation{
		OperationID: "list-feeds", Method: http.MethodGet, Path: "/api/v1/feeds", Tags: []string{"dates"},
		Summary: "Calendar feeds, without their addresses",
	}, a.listFeeds)
	route(a, auth.Operator, huma.Operation{
		OperationID: "create-feed", Method: http.MethodPost, Path: "/api/v1/feeds", Tags: []string{"dates"},
		Summary: "Make a calendar feed", DefaultStatus: http.StatusCreated,
		Description: "The answer holds the address, this once. Whoever knows it reads the feed without an account, until it is revoked.",
	}, a.createFeed)
	bare(a, auth.Operator, everything, huma.Operation{
		OperationID: "revoke-feed", Method: http.MethodDelete, Path: "/api/v1/feeds/{id}", Tags: []string{"dates"},
		Summary: "End a calendar feed at once",
	}, func(ctx context.Context, in *feedInput) error {
		err := a.Feeds.RevokeFeed(ctx, in.ID, time.Now())
		if errors.Is(err, keepwatch.ErrNotFound) { // not repeated: it may be the address's token
			err = keepwatch.WithHint(fmt.Errorf("there is no feed with this id: %w", keepwatch.ErrNotFound), "list the feeds to see which there are; the id is not the address")
		}
		return err
	})
	a.mux.HandleFunc("GET "+calendarPath+"{file}", a.calendar)
}

func (a *api) listFeeds(ctx context.Context, _ *noInput) (client.Page[client.Feed], error) {
	feeds, err := a.Feeds.Feeds(ctx)
	return client.Page[client.Feed]{Items: view.FeedsOf(feeds)}, err
}

// calendarPath begins the addresses of feeds. They work without an account: no
// calendar sends a header.
const calendarPath = ics.Path

func (a *api) createFeed(ctx context.Context, in *newFeedInput) (client.CreatedFeed, error) {
	owner := strings.TrimSpace(in.Body.Owner)
	if owner != "" { // an empty calendar reads as an all-clear
		if err := a.read(ctx).OwnerExists(owner); err != nil {
			return client.CreatedFeed{}, err
		}
	}
	f, path := ics.NewFeed(owner, view.PrincipalOf(ctx).Name, time.Now())
	if err := a.Feeds.SaveFeed(ctx, f); err != nil {
		return client.CreatedFeed{}, err
	}
	out := client.CreatedFeed{Feed: view.FeedsOf([]keepwatch.Feed{f})[0], Path: path}
	if a.BaseURL != "" {
		out.Address = strings.TrimRight(a.BaseURL, "/") + out.Path
	}
	return out, nil
}

// calendar answers a calendar program. A token that is unknown, revoked or
// misspelt is the same to the caller.
func (a *api) calendar(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !ok || len(token) > 100 {
		a.notFound(w, r)
		return
	}
	feed, err := a.Feeds.FeedByHash(r.Context(), ics.HashOf(token))
	if err == nil && !feed.RevokedAt.IsZero() {
		err = keepwatch.ErrNotFound
	}
	var body []byte
	if err == nil {
		body, err = a.Feeds.Calendar(r.Context(), feed, time.Now())
	}
	if err != nil {
		if view.FailureOf(err).Status == http.StatusNotFound {
			a.notFound(w, r)
			return
		}
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
	w.Header().Set("Content-Disposition", `inline; filename="keepwatch.ics"`)
	_, _ = w.Write(body) //nolint:gosec // a calendar, sent as one with nosniff: no browser reads it as a page
}
