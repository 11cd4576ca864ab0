package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/config"
	"keepwatch/internal/link"
	"keepwatch/internal/notify"
	"keepwatch/internal/view"
)

// linkKey is the setting that holds the key of the links in messages.
const linkKey = "link_key"

// prepareLinks makes the desk, and at the very first start its key.
func (a *App) prepareLinks(ctx context.Context) error {
	key, err := a.db.Setting(ctx, linkKey)
	if errors.Is(err, keepwatch.ErrNotFound) || (err == nil && key == "") {
		err = a.db.SetSetting(ctx, linkKey, link.NewKey())
	}
	if err != nil {
		return fmt.Errorf("key of links: %w", err)
	}
	a.links = &link.Desk{
		Store: a.db, Key: a.keyOfLinks, Limiter: auth.NewLimiter(), Logger: a.log, Ends: a.endsOf,
		Zone: func(inc keepwatch.Incident) *time.Location {
			if c, ok := a.config.Load().Credential(inc.Credential); ok {
				return a.config.Load().Zone(c.ID)
			}
			return time.UTC
		},
		Quiet: func(ctx context.Context) { a.pipeline.SilencesChanged(ctx) },
	}
	a.shares = &link.Shares{Store: a.db, Key: a.keyOfLinks, Limiter: auth.NewLimiter(), Logger: a.log}
	return nil
}

// keyOfLinks is read at each use: another node may have replaced it.
func (a *App) keyOfLinks(ctx context.Context) (link.Key, error) {
	key, err := a.db.Setting(ctx, linkKey)
	if err != nil {
		return nil, err
	}
	return link.ParseKey(key)
}

// EndLinks ends all links that were sent, by another key.
func (a alerts) EndLinks(ctx context.Context) error {
	return a.db.SetSetting(ctx, linkKey, link.NewKey())
}

// acts makes the links of a message.
func (a *App) acts(cfg *config.Config) func(context.Context, notify.Receiver, notify.Message, keepwatch.Incident) []notify.Act {
	return func(ctx context.Context, r notify.Receiver, m notify.Message, inc keepwatch.Incident) []notify.Act {
		return a.links.Acts(ctx, cfg.Server.BaseURL, r.Channel, m, inc)
	}
}

// endsOf is the nearest end that an incident about dates warns of.
func (a *App) endsOf(ctx context.Context, inc keepwatch.Incident) (end time.Time) {
	for _, m := range inc.Members {
		s, err := a.db.SeriesByID(ctx, m.Series)
		if err != nil || s.Last.Due == nil || !m.EndedAt.IsZero() {
			continue
		}
		if at := s.Last.Due.Clock.At; end.IsZero() || at.Before(end) {
			end = at
		}
	}
	return end
}

// forecast is who would be told of an incident from its beginning, if it lasted and
// nobody took it.
func (a *App) forecast(inc keepwatch.Incident) []view.Forecast {
	var out []view.Forecast
	for _, t := range a.pipeline.Explain(inc, inc.DetectedAt).Told {
		out = append(out, view.Forecast{
			Receiver: t.Receiver, Channel: t.Channel, Why: t.Why, At: t.At, Escalation: t.Unless != "", RepeatEvery: t.RepeatEvery,
		})
	}
	return out
}

// channelOf is how a receiver is reached; "" for one that is not configured any more.
func channelOf(cfg *config.Config) func(string) string {
	channels := map[string]string{}
	for _, r := range cfg.Receivers {
		channels[r.Name] = r.Channel
	}
	return func(receiver string) string { return channels[receiver] }
}
