package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/schedule"
	"keepwatch/internal/store"
)

// dueTable shows the store to the dispatcher, which does not know SQL.
type dueTable struct{ *store.DB }

func (t dueTable) ClaimDue(ctx context.Context, now time.Time, limit int, next func(keepwatch.Check, time.Time) time.Time,
	hand func(context.Context, []keepwatch.Group) error,
) (int, error) {
	return t.DB.ClaimDue(ctx, now, limit, next, store.Local(hand))
}

// pollShared is how often a store that other nodes write, too, is read again.
const pollShared = time.Second

func (a *App) newDispatcher() *schedule.Dispatcher {
	due, _ := a.db.Woken()
	options := schedule.Options{
		Source: dueTable{a.db},
		Next:   func(c keepwatch.Check, now time.Time) time.Time { return a.config.Load().Next(c, now) },
		Run:    a.run, Record: a.record, Wake: due, Lag: a.metrics.ScheduleLag, Fleet: a.fleet, Limit: a.limitOf, Logger: a.opts.Logger,
	}
	if a.db.Driver() == "postgres" {
		options.Poll = pollShared
	}
	return schedule.New(options)
}

// run makes one run of a check and returns what it found, the slot's own observation
// first. A kind of check is one line here.
func (a *App) run(ctx context.Context, s keepwatch.Slot) []keepwatch.Observation {
	cfg := a.config.Load()
	if s.Check.Kind == keepwatch.CheckEffects {
		return a.effects.look(ctx, cfg, s)
	}
	if s.Check.Kind == keepwatch.CheckCanary {
		return []keepwatch.Observation{a.proveOurselves(ctx, cfg, s)}
	}
	if s.Check.Kind == keepwatch.CheckScan {
		return a.scans.scheduled(ctx, cfg, s)
	}
	cred, ok := cfg.Credential(s.Check.Credential)
	if !ok {
		return []keepwatch.Observation{a.gone(s)}
	}
	switch s.Check.Kind {
	case keepwatch.CheckExpiry:
		return a.prober.Look(ctx, cred, cfg.Zone(cred.ID), cfg.Ladder(cred.ID), s)
	case keepwatch.CheckRotation:
		return a.cockpit.Look(ctx, s, time.Now())
	case keepwatch.CheckDiscovery:
		return []keepwatch.Observation{a.explore(ctx, cred, s)}
	case keepwatch.CheckCredential:
		return a.prove(ctx, cfg, cred, s)
	}
	return []keepwatch.Observation{a.unknown(s)}
}

// prove asks SFMC with the credential itself.
func (a *App) prove(ctx context.Context, cfg *config.Config, cred keepwatch.Credential, s keepwatch.Slot) []keepwatch.Observation {
	tenant, _ := cfg.Tenant(cred.Tenant)
	o := a.prober.Run(ctx, cred, tenant, s)
	a.metrics.Observed(o)
	return []keepwatch.Observation{o}
}

// gone is the run of a check whose credential a reload has just removed.
func (a *App) gone(s keepwatch.Slot) keepwatch.Observation {
	return a.couldNot(s, "The credential was removed from the configuration before it was tested.", "Nothing to do: the check ends with the reload.")
}

// unknown is the run of a check that a newer version has written.
func (a *App) unknown(s keepwatch.Slot) keepwatch.Observation {
	return a.couldNot(s, "This version of Keepwatch does not know checks of the kind "+strconv.Quote(string(s.Check.Kind))+".",
		"Run the same version on every node.")
}

func (a *App) couldNot(s keepwatch.Slot, message, hint string) keepwatch.Observation {
	key := keepwatch.SlotKey(s.Check.ID, s.At)
	if s.Reason == keepwatch.ReasonDemand {
		key = keepwatch.DemandKey(s.Check.ID, s.At)
	}
	return keepwatch.Observation{
		Key: key, Series: keepwatch.SeriesOf(s.Check.ID, ""), Check: s.Check.ID, Credential: s.Check.Credential,
		Tenant: s.Check.Tenant, Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: s.Reason, Slot: s.At, At: time.Now(), Gap: s.Gap,
		Outcome: keepwatch.MonitorFault, Message: message, Hint: hint,
	}
}

// record takes observations through the one door and counts what followed.
func (a *App) record(ctx context.Context, found []keepwatch.Observation, now time.Time) error {
	changes, err := a.intake.Record(ctx, found, now)
	a.effects.recorded(found, err)
	if err == nil {
		a.sight.record(found)
	}
	for _, t := range changes.Transitions {
		if t.Kind == keepwatch.Opened {
			a.detected(changes, t)
		}
	}
	return err
}

func (a *App) detected(changes incident.Changes, t keepwatch.Transition) {
	for _, in := range changes.Incidents {
		if in.ID != t.Incident {
			continue
		}
		if !in.FirstFailedAt.IsZero() {
			a.metrics.TimeToDetect(in.DetectedAt.Sub(in.FirstFailedAt))
		}
		a.log.Warn("incident opened", "incident", in.ID, "key", in.Key, "outcome", in.Outcome, "reason", t.Reason)
	}
}

// fleet sets the pace of a catch-up after a standstill.
func (a *App) fleet() (int, time.Duration) {
	cfg := a.config.Load()
	shortest := time.Duration(0)
	for _, tier := range cfg.Tiers {
		if shortest == 0 || tier.Business < shortest {
			shortest = tier.Business
		}
	}
	plans := cfg.EffectsPlans()
	for _, p := range plans {
		shortest = shorter(shortest, p.Every)
	}
	return len(cfg.Credentials) + len(plans), shortest
}

// CheckNow proves one credential at once, under a slot of its own.
func (a *App) CheckNow(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Observation, error) {
	cfg := a.config.Load()
	cred, ok := cfg.Credential(id)
	if !ok {
		return keepwatch.Observation{}, fmt.Errorf("credential %q: %w", id, keepwatch.ErrNotFound)
	}
	now := a.dispatcher.Now().UTC().Truncate(time.Millisecond)
	check := keepwatch.CheckID(id)
	return a.dispatcher.Do(ctx, keepwatch.Slot{
		Check: keepwatch.Check{ID: check, Kind: keepwatch.CheckCredential, Credential: id, Tenant: cred.Tenant, Phase: keepwatch.PhaseOf(cred.Tenant, check)},
		At:    now, Gap: cfg.Cadence(id).GapAt(now), Reason: keepwatch.ReasonDemand,
	})
}
