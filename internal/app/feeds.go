package app

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/internal/ics"
)

// feeds are the calendar feeds.
type feeds struct{ *App }

func (f feeds) Feeds(ctx context.Context) ([]keepwatch.Feed, error) { return f.db.Feeds(ctx) }

func (f feeds) SaveFeed(ctx context.Context, feed keepwatch.Feed) error {
	return f.db.SaveFeed(ctx, feed)
}

func (f feeds) RevokeFeed(ctx context.Context, id string, now time.Time) error {
	return f.db.RevokeFeed(ctx, id, now)
}

func (f feeds) FeedByHash(ctx context.Context, hash string) (keepwatch.Feed, error) {
	return f.db.FeedByHash(ctx, hash)
}

// Calendar renders a feed and remembers what its events say now. Two requests at
// the same time may both count a moved date: a sequence may skip a number, it only
// never falls.
func (f feeds) Calendar(ctx context.Context, feed keepwatch.Feed, now time.Time) ([]byte, error) {
	series, err := f.db.PlainSeries(ctx)
	if err != nil {
		return nil, err
	}
	known, err := f.db.FeedEvents(ctx)
	if err != nil {
		return nil, err
	}
	cfg := f.config.Load()
	shown := ics.Feed{Owner: feed.Owner, BaseURL: cfg.Server.BaseURL}
	file, changed := ics.Render(shown, ics.Estate{Credentials: cfg.Credentials, Series: series, Zone: cfg.Zone}, known, now)
	if len(changed) == 0 {
		return file, nil
	}
	return file, f.db.SaveFeedEvents(ctx, changed)
}
