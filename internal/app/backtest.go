package app

import (
	"context"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/backtest"
	"keepwatch/internal/config"
	"keepwatch/internal/notify"
	"keepwatch/internal/store"
)

const (
	runsKept     = 7 * 24 * time.Hour // by the store, singly
	mostReplayed = 500                // credentials whose single runs are read
	mostSilences = 10_000
)

// Backtest tries another configuration on what is stored. It is read, checked like
// every other, and forgotten.
func (a *App) Backtest(ctx context.Context, r client.BacktestRequest, now time.Time) (client.Backtest, error) {
	sources := make([]config.Source, len(r.Files))
	for i, f := range r.Files {
		sources[i] = config.Source{Name: f.Name, Text: []byte(f.Text)}
	}
	tried, err := config.Parse(sources, r.Env)
	if err != nil {
		return client.Backtest{}, err
	}
	e, err := a.compose(ctx, tried, now)
	if err != nil {
		return client.Backtest{}, err
	}
	from := now.AddDate(0, 0, -r.Days)
	past := backtest.Past{From: from, To: now, RunsSince: now.Add(-runsKept)}
	old, next := rulesOf(a.config.Load()), rulesOf(e.whole)
	quiet, err := a.quiet(ctx, from, now)
	if err != nil {
		return client.Backtest{}, err
	}
	old.Mutes, next.Mutes = append(slices.Clone(old.Mutes), quiet...), append(slices.Clone(next.Mutes), quiet...)
	if past.Incidents, err = a.episodes(ctx, from, now); err != nil {
		return client.Backtest{}, err
	}
	if past.Runs, err = a.failedRuns(ctx, old, next, past.RunsSince, now); err != nil {
		return client.Backtest{}, err
	}
	return backtest.Compare(old, next, past, now), nil
}

// rulesOf is what a configuration decides about alerts.
func rulesOf(cfg *config.Config) backtest.Rules {
	known := map[keepwatch.TenantID]map[keepwatch.Subject]keepwatch.Expectation{}
	setup := notify.Setup{Routes: cfg.Routes, Mutes: cfg.Mutes, Directory: cfg}
	for _, r := range cfg.Receivers {
		setup.Receivers = append(setup.Receivers, notify.Receiver{Name: r.Name, Channel: r.Channel, Pace: r.Pace})
	}
	return backtest.Rules{
		Setup: setup, Credentials: cfg.Credentials, FailAfter: cfg.FailAfter, Ladder: cfg.Ladder, Zone: cfg.Zone,
		Gap: func(id keepwatch.CredentialID, at time.Time) time.Duration { return cfg.Cadence(id).GapAt(at) },
		Expect: func(tenant keepwatch.TenantID, s keepwatch.Subject) keepwatch.Expectation {
			if known[tenant] == nil {
				known[tenant] = map[keepwatch.Subject]keepwatch.Expectation{}
				for _, w := range cfg.Subjects(tenant) {
					known[tenant][w.Subject] = w.Expect
				}
			}
			s.Name = ""
			return known[tenant][s]
		},
	}
}

// quiet are the silences of people that reach into a span: they were wanted under either
// configuration.
func (a *App) quiet(ctx context.Context, from, to time.Time) ([]notify.Mute, error) {
	list, err := a.db.Silences(ctx, to)
	if err != nil {
		return nil, err
	}
	past, err := a.db.PastSilences(ctx, to, mostSilences)
	if err != nil {
		return nil, err
	}
	list = append(list, slices.DeleteFunc(past, func(s keepwatch.Silence) bool { return s.Until.Before(from) })...)
	return notify.MutesOf(list, func(s keepwatch.Silence, err error) {
		a.log.Error("a silence cannot be read; it holds nothing back", "silence", s.ID, "error", err)
	}), nil
}

// episodes are the incidents of a span with what was to be told of them.
func (a *App) episodes(ctx context.Context, from, to time.Time) ([]backtest.Episode, error) {
	var out []backtest.Episode
	for cursor := ""; ; {
		list, next, err := a.db.Incidents(ctx, store.IncidentFilter{}, store.Page{Limit: 1000, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, inc := range list {
			if inc.DetectedAt.Before(from) {
				return out, nil
			}
			if inc.DetectedAt.After(to) {
				continue
			}
			e, err := a.episode(ctx, inc)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		if next == "" {
			return out, nil
		}
		cursor = next
	}
}

func (a *App) episode(ctx context.Context, inc keepwatch.Incident) (backtest.Episode, error) {
	e := backtest.Episode{Incident: inc, Readings: map[keepwatch.SeriesID][]keepwatch.Watch{}}
	timeline, err := a.db.Transitions(ctx, inc.ID)
	if err != nil {
		return e, err
	}
	if i := slices.IndexFunc(timeline, func(t keepwatch.Transition) bool { return t.Kind == keepwatch.Opened }); i >= 0 {
		e.Opened = timeline[i]
	}
	sent, err := a.db.Deliveries(ctx, inc.ID)
	if err != nil {
		return e, err
	}
	for _, d := range sent {
		if !slices.ContainsFunc(e.Notices, func(n keepwatch.Notice) bool { return n.ID == d.Notice.ID }) {
			e.Notices = append(e.Notices, d.Notice)
		}
	}
	slices.SortFunc(e.Notices, func(a, b keepwatch.Notice) int { return a.Seq - b.Seq })
	for _, x := range inc.Effects {
		runs, _, err := a.db.Results(ctx, keepwatch.CheckID(x.Series), store.Page{Limit: 1000})
		if err != nil {
			return e, err
		}
		for _, r := range slices.Backward(runs) {
			if r.Watch != nil && !r.At.Before(x.Since) {
				e.Readings[x.Series] = append(e.Readings[x.Series], *r.Watch)
			}
		}
	}
	return e, nil
}

// failedRuns are the single runs of credentials that failed lately and whose tiers
// differ, oldest first.
func (a *App) failedRuns(ctx context.Context, old, next backtest.Rules, since, now time.Time) (map[keepwatch.CredentialID][]keepwatch.Observation, error) {
	out := map[keepwatch.CredentialID][]keepwatch.Observation{}
	var ids []keepwatch.CredentialID
	for _, c := range next.Credentials {
		if old.FailAfter(c.ID) != next.FailAfter(c.ID) {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	hours, err := a.db.Hourly(ctx, since, now)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		failed := func(r keepwatch.Rollup) bool { return r.Failed > 0 }
		if len(out) == mostReplayed || !slices.ContainsFunc(hours[keepwatch.SeriesOf(keepwatch.CheckID(id), "")], failed) {
			continue
		}
		if out[id], err = a.runsOf(ctx, keepwatch.CheckID(id), since); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// runsOf are the single runs of a check since an instant, oldest first.
func (a *App) runsOf(ctx context.Context, check keepwatch.CheckID, since time.Time) ([]keepwatch.Observation, error) {
	var out []keepwatch.Observation
	for cursor := ""; ; {
		list, next, err := a.db.Results(ctx, check, store.Page{Limit: 1000, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if r.At.Before(since) {
				next = ""
				break
			}
			out = append(out, r.Observation)
		}
		if next == "" {
			slices.Reverse(out)
			return out, nil
		}
		cursor = next
	}
}
