package app

import (
	"context"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/detect"
	"keepwatch/internal/store"
)

const (
	fitEvery = time.Minute
	// fitMost bounds the baselines of one round: a day has 1,440 of them.
	fitMost = 50
	// fitListed is how long the list of what has a baseline is used.
	fitListed = 15 * time.Minute
	// fitReach is how far back the hours of one count are read.
	fitReach = 26 * 7 * 24 * time.Hour
)

// fitter learns the baselines of counts anew once a day, each at its own time of the
// day. It keeps nothing that has to outlive it: when a baseline was fitted stands in
// the baseline. Two nodes that fit the same one do it twice and write the same.
type fitter struct {
	app    *App
	listed time.Time
	list   []fitting
	spans  spans
}

// fitting is one count and when its baseline was fitted last.
type fitting struct {
	series keepwatch.SeriesID
	plan   config.EffectsPlan
	up     []keepwatch.Upstream
	fitted time.Time
}

// due reports whether the day's instant of a series has come since it was last
// fitted. One without a baseline is fitted at once.
func (f fitting) due(now time.Time) bool {
	const day = 24 * time.Hour
	offset := day * time.Duration(keepwatch.PhaseOf(f.plan.Tenant, keepwatch.CheckID(f.series))) / 65536
	turn := now.UTC().Truncate(day).Add(offset)
	if turn.After(now) {
		turn = turn.Add(-day)
	}
	return f.fitted.Before(turn)
}

// round fits what is due, up to a bound.
func (t *fitter) round(ctx context.Context, now time.Time) error {
	if now.Sub(t.listed) >= fitListed || now.Before(t.listed) {
		if err := t.relist(ctx, now); err != nil {
			return err
		}
	}
	var models []keepwatch.Model
	checks := map[keepwatch.CheckID]bool{}
	for i := range t.list {
		if len(models) == fitMost || ctx.Err() != nil {
			break
		}
		f := &t.list[i]
		if !f.due(now) {
			continue
		}
		hours, err := t.app.db.Hours(ctx, f.series, now.Add(-fitReach), now)
		if err != nil {
			return err
		}
		// One that has not enough is kept as well: it says how far it has come.
		model, _ := detect.Fit(f.series, hours, f.plan.Calendar.Location(), now, t.spans.of(*f), f.plan.Calendar.Holiday)
		model.Budget = detect.BudgetOf(len(t.list))
		models = append(models, model)
		checks[f.plan.Check] = true
		f.fitted = now
	}
	if len(models) == 0 {
		return nil
	}
	if err := t.app.db.SaveModels(ctx, models); err != nil {
		t.listed = time.Time{}
		return err
	}
	for check := range checks {
		t.app.effects.forgetModels(check)
	}
	return nil
}

// all fits everything that is due, however long it takes.
func (t *fitter) all(ctx context.Context, now time.Time) error {
	for {
		if err := t.round(ctx, now); err != nil {
			return err
		}
		if !slices.ContainsFunc(t.list, func(f fitting) bool { return f.due(now) }) {
			return nil
		}
	}
}

// relist works out anew what has a baseline, and which times teach nothing.
func (t *fitter) relist(ctx context.Context, now time.Time) error {
	var list []fitting
	for _, plan := range t.app.config.Load().EffectsPlans() {
		watches, err := t.app.effects.previous(ctx, plan.Check)
		if err != nil {
			return err
		}
		ids := counts(watches)
		models, err := t.app.db.Models(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			list = append(list, fitting{id, plan, watches[id].Upstream, models[id].FittedAt})
		}
	}
	spans := spans{series: map[keepwatch.SeriesID][]detect.Span{}, credentials: map[keepwatch.CredentialID][]detect.Span{}}
	if len(list) > 0 {
		if err := spans.read(ctx, t.app.db, now.Add(-fitReach)); err != nil {
			return err
		}
	}
	t.list, t.spans, t.listed = list, spans, now
	return nil
}

// spans are the times that say nothing of what is usual: something was broken.
type spans struct {
	series      map[keepwatch.SeriesID][]detect.Span
	credentials map[keepwatch.CredentialID][]detect.Span
}

// of are the spans of one count: its own effects, and the failures of what it hangs on.
func (s spans) of(f fitting) []detect.Span {
	out := slices.Clone(s.series[f.series])
	for _, u := range f.up {
		out = append(out, s.credentials[u.Credential]...)
	}
	return out
}

// read gathers the spans of all incidents since an instant. What came late is caught
// up until the incident is resolved, so that is where a credential's span ends.
func (s spans) read(ctx context.Context, db *store.DB, since time.Time) error {
	for cursor := ""; ; {
		list, next, err := db.Incidents(ctx, store.IncidentFilter{Status: "all"}, store.Page{Limit: 200, Cursor: cursor})
		if err != nil {
			return err
		}
		for _, in := range list {
			s.add(in)
		}
		// Newest first: an old one that is still open would be far down the list.
		if next == "" || list[len(list)-1].DetectedAt.Before(since) {
			return nil
		}
		cursor = next
	}
}

func (s spans) add(in keepwatch.Incident) {
	for _, e := range in.Effects {
		s.series[e.Series] = append(s.series[e.Series], detect.Span{From: earlier(e.Since, e.NoticedAt), To: e.EndedAt})
	}
	if in.Severity == keepwatch.SeverityInfo || in.Outcome.Info().Confirm == keepwatch.ConfirmDate {
		return // a date that comes near breaks nothing
	}
	for _, m := range in.Members {
		if m.Credential != "" {
			s.credentials[m.Credential] = append(s.credentials[m.Credential], detect.Span{From: earlier(m.Since, in.DetectedAt), To: in.ResolvedAt})
		}
	}
}

// earlier is the first of two instants, of those that are known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
