package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"keepwatch/client"
	"keepwatch/internal/auth"
)

// Configured knows the configuration in force.
type Configured interface {
	Effective(ctx context.Context) (client.Configuration, error)
}

func (s *site) configurationPages() {
	if s.Config != nil {
		s.mux.HandleFunc("GET /settings/configuration", s.whole(auth.Admin, s.configuration))
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
