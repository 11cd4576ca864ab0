package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/view"
)

// handler answers a client's calls without a network.
type handler struct{ http.Handler }

// RoundTrip serves one call.
func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// asked counts the open incidents that the API lists, page by page, and how many of
// them it lists twice.
func (w *world) asked(ctx context.Context) (n, twice int, err error) {
	api := httpapi.New(httpapi.Options{
		Logger: slog.New(slog.DiscardHandler), Reader: view.NewReader(view.From(w.db), func() view.Snapshot { return view.Snapshot{} }), Incidents: w.db,
	})
	c, err := client.New("http://127.0.0.1", "", client.WithHTTPClient(&http.Client{Transport: handler{api}}))
	if err != nil {
		return 0, 0, err
	}
	seen := map[string]bool{}
	for inc, err := range c.Incidents(ctx, client.IncidentFilter{Status: "open", Limit: 200}) {
		if err != nil {
			return n, twice, err
		}
		if seen[inc.ID] {
			twice++
		}
		seen[inc.ID] = true
		n++
	}
	return n, twice, nil
}
