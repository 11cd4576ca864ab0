package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/ics"
	"keepwatch/internal/view"
)

// Configured knows the configuration in force.
type Configured interface {
	Effective(ctx context.Context) (client.Configuration, error)
}

func (s *site) configurationPages() {
	if s.Config != nil {
		s.mux.HandleFunc("GET /settings/configuration", s.whole(auth.Admin, s.configuration))
	}
	if s.Feeds != nil {
		s.mux.HandleFunc("GET /settings/feeds", s.whole(auth.Viewer, s.feeds))
		s.mux.HandleFunc("POST /settings/feeds", s.whole(auth.Operator, s.newFeed))
		s.mux.HandleFunc("POST /settings/feeds/{id}/revoke", s.whole(auth.Operator, s.endFeed))
	}
}

type configurationBody struct {
	client.Configuration
	Query string
	Only  string // "": all, "set", "default"
	Shown int
	All   int
}

func (s *site) configuration(_ http.ResponseWriter, r *http.Request) (*page, error) {
	c, err := s.Config.Effective(r.Context())
	if err != nil {
		return nil, err
	}
	b := configurationBody{Configuration: c, Query: strings.TrimSpace(r.URL.Query().Get("q")), Only: r.URL.Query().Get("only")}
	b.narrow()
	return &page{Template: "configuration", Title: "Configuration", Section: "settings", Now: time.Now(), Body: b}, nil
}

// narrow keeps the settings that were asked for.
func (b *configurationBody) narrow() {
	var left []client.ConfigSection
	q := strings.ToLower(b.Query)
	for _, section := range b.Sections {
		b.All += len(section.Values)
		var values []client.ConfigValue
		for _, v := range section.Values {
			fits := q == "" || strings.Contains(strings.ToLower(v.Key+" "+v.Value+" "+v.File), q)
			if fits && (b.Only == "" || (b.Only == "default") == v.Default) {
				values = append(values, v)
			}
		}
		if section.Values = values; len(values) > 0 {
			left = append(left, section)
		}
		b.Shown += len(values)
	}
	b.Sections = left
}

type feedsBody struct {
	Items   []client.Feed
	Ended   []client.Feed
	Teams   []string
	May     bool
	Owner   string
	Created *client.CreatedFeed
	refused
}

func (s *site) feeds(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.feedsWith(r, feedsBody{Owner: r.URL.Query().Get("owner")})
}

func (s *site) feedsWith(r *http.Request, b feedsBody) (*page, error) {
	list, err := s.Feeds.Feeds(r.Context())
	if err != nil {
		return nil, err
	}
	for _, f := range view.FeedsOf(list) {
		if f.RevokedAt == nil {
			b.Items = append(b.Items, f)
		} else {
			b.Ended = append(b.Ended, f)
		}
	}
	b.Teams, b.May = s.Reader.Teams(), mayOperate(r)
	return &page{Template: "feeds", Title: "Calendar feeds", Section: "settings", Now: time.Now(), Body: b}, nil
}

// newFeed makes one and shows its address, this once.
func (s *site) newFeed(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if err := form(r); err != nil {
		return nil, err
	}
	b := feedsBody{Owner: strings.TrimSpace(r.PostForm.Get("owner"))}
	if b.Owner != "" { // an empty calendar reads as an all-clear
		if err := s.Reader.OwnerExists(b.Owner); err != nil {
			said, status, fault := refusalOf(err)
			if fault != nil {
				return nil, fault
			}
			b.refused = said
			p, err := s.feedsWith(r, b)
			if p != nil {
				p.Status = status
			}
			return p, err
		}
	}
	f, path := ics.NewFeed(b.Owner, view.PrincipalOf(r.Context()).Name, time.Now())
	if err := s.Feeds.SaveFeed(r.Context(), f); err != nil {
		return nil, err
	}
	return s.feedsWith(r, feedsBody{Created: s.created(f, path)})
}

// created is the one answer that holds a feed's address.
func (s *site) created(f keepwatch.Feed, path string) *client.CreatedFeed {
	out := client.CreatedFeed{Feed: view.FeedsOf([]keepwatch.Feed{f})[0], Path: path}
	if s.BaseURL != "" {
		out.Address = strings.TrimRight(s.BaseURL, "/") + path
	}
	return &out
}

func (s *site) endFeed(w http.ResponseWriter, r *http.Request) (*page, error) {
	if err := s.Feeds.RevokeFeed(r.Context(), r.PathValue("id"), time.Now()); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/settings/feeds", http.StatusSeeOther)
	return nil, nil
}
