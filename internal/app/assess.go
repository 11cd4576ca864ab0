package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

const (
	assessEvery = time.Minute
	assessShare = 60 // of an incident's age: how old its figures may be
	assessMost  = 15 * time.Minute
	// assessWithin is how long an incident may be resolved and still be looked at after
	// a start: single runs, which say when it really ended, are kept for a week.
	assessWithin = 7 * 24 * time.Hour
)

// assess works out what the open incidents cost so far, and once more what those cost
// that have ended since the last time.
func (d *duties) assess(ctx context.Context, now time.Time) error {
	open, err := d.app.incidents(ctx, store.IncidentFilter{Status: string(keepwatch.IncidentOpen)}, time.Time{})
	if err != nil {
		return err
	}
	lasting := make(map[keepwatch.IncidentID]bool, len(open))
	due := open[:0]
	for _, inc := range open {
		lasting[inc.ID] = true
		delete(d.lasting, inc.ID)
		if d.costs[inc.ID].due(inc, now) {
			due = append(due, inc)
		}
	}
	ended, err := d.ended(ctx, now)
	if err != nil {
		return err
	}
	var failed []error
	costs := make(map[keepwatch.IncidentID]assessed, len(lasting))
	for id := range lasting {
		costs[id] = d.costs[id]
	}
	for _, inc := range append(due, ended...) {
		if inc.MergedInto != "" {
			continue // it counts in the one that took it in
		}
		if err := d.app.assessOne(ctx, now, inc); err != nil {
			lasting[inc.ID] = true // once more
			failed = append(failed, fmt.Errorf("incident %s: %w", inc.ID, err))
			continue
		}
		if lasting[inc.ID] {
			costs[inc.ID] = assessed{inc.Revision, now}
		}
	}
	d.lasting, d.costs = lasting, costs
	return errors.Join(failed...)
}

// assessed is when the cost of an incident was worked out, and of which form of it.
type assessed struct {
	revision int
	at       time.Time
}

// due reports whether the cost should be worked out anew: when the incident has changed, and
// else the more rarely the older it is. What an hour costs changes by the minute, what a day
// costs does not.
func (a assessed) due(inc keepwatch.Incident, now time.Time) bool {
	pace := min(now.Sub(inc.DetectedAt)/assessShare, assessMost)
	return a.at.IsZero() || a.revision != inc.Revision || now.Sub(a.at) >= pace
}

// ended are the incidents that were open at the last look. After a start nobody
// knows which those were, so all that ended lately are looked at; a figure that is final stays.
func (d *duties) ended(ctx context.Context, now time.Time) ([]keepwatch.Incident, error) {
	if d.lasting == nil {
		lately, err := d.app.incidents(ctx, store.IncidentFilter{Status: string(keepwatch.IncidentResolved)}, now.Add(-assessWithin))
		if err != nil {
			return nil, err
		}
		ids := make([]keepwatch.IncidentID, len(lately))
		for i, inc := range lately {
			ids[i] = inc.ID
		}
		known, err := d.app.db.Impacts(ctx, ids...)
		out := lately[:0]
		for _, inc := range lately {
			if !known[inc.ID].Final {
				out = append(out, inc)
			}
		}
		return out, err
	}
	var out []keepwatch.Incident
	for id := range d.lasting {
		inc, err := d.app.db.Incident(ctx, id)
		if errors.Is(err, keepwatch.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, inc)
	}
	return out, nil
}

// incidents lists those that were detected since an instant, at most a thousand: the
// newest matter.
func (a *App) incidents(ctx context.Context, f store.IncidentFilter, since time.Time) ([]keepwatch.Incident, error) {
	list, _, err := a.db.Incidents(ctx, f, store.Page{Limit: 1000})
	for i, inc := range list {
		if inc.DetectedAt.Before(since) {
			return list[:i], err
		}
	}
	return list, err
}

func (a *App) assessOne(ctx context.Context, now time.Time, inc keepwatch.Incident) error {
	cost, err := a.reader.Assess(ctx, now, inc)
	if err != nil {
		return err
	}
	return a.db.SaveImpact(ctx, inc.ID, cost)
}

// impactOf is what a message says of the cost. A message is worth more than its
// figure: where that cannot be worked out, it goes without.
func (a *App) impactOf(ctx context.Context, inc keepwatch.Incident) keepwatch.Impact {
	cost, err := a.reader.Assess(ctx, time.Now(), inc)
	if err != nil {
		a.log.Warn("the cost of an incident is not known for its message", "incident", inc.ID, "error", err)
	}
	return cost
}
