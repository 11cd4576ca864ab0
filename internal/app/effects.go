package app

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/config"
	"keepwatch/internal/detect"
)

const (
	// lookLimit bounds one look at counters: hundreds of calls, one after the other
	// where SFMC asks to be slow.
	lookLimit = 5 * time.Minute
	// modelsKept is how long baselines are used before they are read again: another
	// node may have fitted them anew.
	modelsKept = time.Hour
	// unlistedFor is how long the lists may be without a subject that nobody named
	// before it is forgotten.
	unlistedFor = 3 * 24 * time.Hour
)

// effects looks at SFMC's counters. What the looks before found is kept in memory, so
// that a look does not read hundreds of documents that it has just written.
type effects struct {
	app       *App
	collector *collect.Collector
	shared    bool // other nodes look, too

	running sync.WaitGroup  // what goes on beside a request
	ending  context.Context // ends with the daemon

	mu      sync.Mutex
	watches map[keepwatch.CheckID]map[keepwatch.SeriesID]keepwatch.Watch
	models  map[keepwatch.CheckID]keptModels
	under   map[keepwatch.TenantID]bool // SFMC announced maintenance
	wished  map[keepwatch.CheckID]time.Time
}

type keptModels struct {
	by    map[keepwatch.SeriesID]keepwatch.Model
	until time.Time
}

func (a *App) newEffects() *effects {
	ending, end := context.WithCancel(context.Background())
	f := &effects{
		app: a, ending: ending, shared: a.db.Driver() == "postgres",
		collector: collect.New(collect.Options{Secrets: a.secrets, Egress: a.egress, Judge: detect.Judge, Logger: a.opts.Logger}),
		watches:   map[keepwatch.CheckID]map[keepwatch.SeriesID]keepwatch.Watch{}, models: map[keepwatch.CheckID]keptModels{},
		under: map[keepwatch.TenantID]bool{}, wished: map[keepwatch.CheckID]time.Time{},
	}
	a.lifecycle.onStop("effects", func(context.Context) error { end(); f.running.Wait(); return nil })
	return f
}

// look is the run of a check of kind effects.
func (f *effects) look(ctx context.Context, cfg *config.Config, s keepwatch.Slot) []keepwatch.Observation {
	plan, ok := cfg.EffectsPlan(s.Check.ID)
	if !ok {
		return []keepwatch.Observation{f.app.couldNot(s, "What this looked at was removed from the configuration before the look.", "Nothing to do: the check ends with the reload.")}
	}
	previous, err := f.previous(ctx, plan.Check)
	if err != nil {
		return []keepwatch.Observation{f.app.couldNot(s, "What the look before found could not be read: "+err.Error(), "Look at the store; keepwatch doctor asks it.")}
	}
	models, err := f.modelsOf(ctx, plan.Check, previous)
	if err != nil {
		return []keepwatch.Observation{f.app.couldNot(s, "The baselines could not be read: "+err.Error(), "Look at the store; keepwatch doctor asks it.")}
	}
	job := jobOf(cfg, plan, s, time.Now())
	job.Previous, job.Models, job.Maintenance = previous, models, f.inMaintenance(plan.Tenant)
	found, calls := f.collector.Look(ctx, job)
	found = ownFirst(found, s.Check.ID)
	if len(found) == 0 {
		return []keepwatch.Observation{f.app.couldNot(s, "The look found nothing to say.", "This is a fault of Keepwatch. Please report it with the log of this time.")}
	}
	f.app.metrics.Collected(plan.Tenant, plan.Family, found[0].Outcome, calls)
	f.leave(ctx, plan, previous, found[0].Outcome, job.At)
	return found
}

// ownFirst puts how the look itself went before what it saw: so the schedule takes it.
func ownFirst(found []keepwatch.Observation, check keepwatch.CheckID) []keepwatch.Observation {
	own := keepwatch.SeriesOf(check, "")
	i := slices.IndexFunc(found, func(o keepwatch.Observation) bool { return o.Series == own })
	if i <= 0 {
		return found
	}
	summary := found[i]
	return slices.Insert(slices.Delete(found, i, i+1), 0, summary)
}

// jobOf is what a look is given of the configuration.
func jobOf(cfg *config.Config, plan config.EffectsPlan, s keepwatch.Slot, now time.Time) collect.Job {
	tenant, _ := cfg.Tenant(plan.Tenant)
	e, _ := cfg.Effects(plan.Tenant)
	return collect.Job{
		Check: plan.Check, Tenant: tenant, Unit: plan.Unit, Family: plan.Family, Readers: cfg.Readers(plan.Tenant),
		Wanted: plan.Subjects, All: plan.All, Off: plan.Off, Zone: plan.Calendar.Location(), Holiday: plan.Calendar.Holiday(now),
		Slot: s.At, At: now, Gap: s.Gap, Reason: s.Reason, ChangedAt: s.Check.ChangedAt, Allowance: e.CallsPerDay(),
	}
}

// previous are the watches that the look before left.
func (f *effects) previous(ctx context.Context, check keepwatch.CheckID) (map[keepwatch.SeriesID]keepwatch.Watch, error) {
	if !f.shared {
		f.mu.Lock()
		kept := maps.Clone(f.watches[check])
		f.mu.Unlock()
		if kept != nil {
			return kept, nil
		}
	}
	stored, err := f.app.db.Watches(ctx, check)
	if err == nil && !f.shared {
		f.mu.Lock()
		f.watches[check] = maps.Clone(stored)
		f.mu.Unlock()
	}
	return stored, err
}

// recorded keeps what was stored for the next look. Where storing failed, nobody knows
// what is in the store: the next look reads it.
func (f *effects) recorded(found []keepwatch.Observation, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range found {
		o := &found[i]
		switch {
		case o.Watch == nil:
			f.noteMaintenance(o)
		case err != nil:
			delete(f.watches, o.Check)
		case f.watches[o.Check] != nil:
			f.watches[o.Check][o.Series] = *o.Watch
		}
	}
}

// noteMaintenance remembers whether a tenant's own tests meet announced maintenance.
func (f *effects) noteMaintenance(o *keepwatch.Observation) {
	if o.Credential == "" || o.Check != keepwatch.CheckID(o.Credential) {
		return
	}
	if o.Outcome == keepwatch.Maintenance {
		f.under[o.Tenant] = true
	} else if o.Outcome == keepwatch.OK {
		delete(f.under, o.Tenant)
	}
}

func (f *effects) inMaintenance(t keepwatch.TenantID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.under[t]
}

// modelsOf are the baselines of what a check looks at.
func (f *effects) modelsOf(ctx context.Context, check keepwatch.CheckID, watches map[keepwatch.SeriesID]keepwatch.Watch) (map[keepwatch.SeriesID]keepwatch.Model, error) {
	now := time.Now()
	f.mu.Lock()
	kept, ok := f.models[check]
	f.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.by, nil
	}
	by, err := f.app.db.Models(ctx, counts(watches))
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.models[check] = keptModels{by, now.Add(modelsKept)}
	return by, nil
}

// forgetModels has the baselines of a check read again.
func (f *effects) forgetModels(check keepwatch.CheckID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.models, check)
}

// counts are the series that have a baseline, in order.
func counts(watches map[keepwatch.SeriesID]keepwatch.Watch) []keepwatch.SeriesID {
	var ids []keepwatch.SeriesID
	for id, w := range watches {
		switch w.Aspect {
		case keepwatch.AspectEntry, keepwatch.AspectRows, keepwatch.AspectVolume:
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// leave takes out what is no longer watched, so that no incident stays open for it:
// what the configuration named and does not name any more, and what the lists have
// been without for days.
func (f *effects) leave(ctx context.Context, plan config.EffectsPlan, previous map[keepwatch.SeriesID]keepwatch.Watch, outcome keepwatch.Outcome, now time.Time) {
	wanted := make(map[string]bool, len(plan.Subjects))
	for _, w := range plan.Subjects {
		wanted[w.Subject.ID()] = true
	}
	var gone []keepwatch.SeriesID
	for id, w := range previous {
		listed := plan.All && (outcome != keepwatch.OK || now.Sub(w.Reading.At) < unlistedFor)
		if !wanted[w.Subject.ID()] && !listed {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return
	}
	if err := f.app.db.ForgetSeries(ctx, now, gone...); err != nil {
		f.app.log.Error("subjects that are no longer watched stay for now", "check", plan.Check, "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range gone {
		delete(f.watches[plan.Check], id)
	}
}

// limitOf lets a look at counters take longer than a test, but never into the next one.
func (a *App) limitOf(s keepwatch.Slot) time.Duration {
	if s.Check.Kind != keepwatch.CheckEffects {
		return 0
	}
	plan, ok := a.config.Load().EffectsPlan(s.Check.ID)
	if !ok {
		return 0
	}
	return max(time.Minute, min(lookLimit, plan.Every))
}
