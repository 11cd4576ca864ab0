package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/digest"
	"keepwatch/internal/view"
)

const (
	// digestWeek is a setting: the Monday of the week whose letters were written last.
	digestWeek = "digest.week"

	digestEvery = time.Minute
	ever        = 36_500 * 24 * time.Hour
)

// digests writes to each owner once a week. Two nodes, or one that ends between
// the letters and the setting, write the same letters: their ids follow from owner
// and week, and the outbox takes each once.
func (d *duties) digests(ctx context.Context, now time.Time) error {
	plan := d.app.config.Load().Digest
	if week, _ := plan.Due(d.digested, now); week == d.digested {
		return nil
	}
	last, err := d.app.lastDigest(ctx)
	if err != nil {
		return err
	}
	week, due := plan.Due(last, now)
	switch {
	case last.IsZero() || plan.Off:
		// The week of the first start and those in which nobody wanted letters are
		// not made up for.
		if last.Before(week) {
			err = d.app.db.SetSetting(ctx, digestWeek, week.String())
		}
	case due:
		err = d.app.writeDigests(ctx, week, now)
	}
	if err == nil {
		d.digested = week
	}
	return err
}

// lastDigest is the week that was written last; zero when there was none. It is read
// from the store, since another process may have written it.
func (a *App) lastDigest(ctx context.Context) (week keepwatch.Date, err error) {
	text, err := a.db.Setting(ctx, digestWeek)
	if err == nil && text != "" {
		week, err = keepwatch.ParseDate(text)
	}
	return week, err
}

func (a *App) writeDigests(ctx context.Context, week keepwatch.Date, now time.Time) error {
	letters, err := a.letters(ctx, week, now)
	if err != nil {
		return fmt.Errorf("weekly letters: %w", err)
	}
	for _, l := range letters {
		err := a.db.Post(ctx, []keepwatch.Notice{l.NoticeOf(now)})
		if errors.Is(err, keepwatch.ErrInvalid) {
			a.log.Error("a weekly letter cannot be kept", "owner", l.Owner, "error", err) // the others can
			continue
		}
		if err != nil {
			return fmt.Errorf("weekly letters: %w", err)
		}
	}
	a.log.Info("weekly letters written", "week", week, "letters", len(letters))
	return a.db.SetSetting(ctx, digestWeek, week.String())
}

// letters are those of a week, of the estate as the pages show it.
func (a *App) letters(ctx context.Context, week keepwatch.Date, now time.Time) ([]keepwatch.Letter, error) {
	var endings []client.Ending
	for _, clock := range []keepwatch.ClockKind{keepwatch.ClockHard, keepwatch.ClockIdle} {
		list, err := a.reader.Expiring(ctx, now, view.ExpiringFilter{Within: ever, Clock: clock}, view.Page{Limit: math.MaxInt})
		if err != nil {
			return nil, err
		}
		endings = append(endings, list.Items...)
	}
	found, err := findings{a}.Findings(ctx, now)
	if err != nil {
		return nil, err
	}
	return digest.Letters(endings, a.reader.FindingsOf(found), a.config.Load().Server.BaseURL, week), nil
}
