package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// blindSeries gathers whether this place sees anything.
const blindSeries keepwatch.SeriesID = "monitor:blind"

const (
	watchEvery  = 30 * time.Second // blindness
	foldEvery   = 10 * time.Minute // history into its final order; small slices
	retainEvery = 6 * time.Hour
	longDuty    = 30 * time.Minute // one turn of those that walk over all rows
	rereadEvery = time.Minute      // secrets behind files

	recordsShared = 2 * time.Second  // what other nodes change
	recordsAlone  = 30 * time.Second // what this one could not bring into force
)

// duties are the low-rate things that a daemon does beside its schedule.
type duties struct {
	app    *App
	cancel context.CancelFunc
	wg     sync.WaitGroup

	allowed map[string]time.Duration // longest turn, of those that may take long

	prints map[string]string // fingerprints of file references, by reference
	seeing bool              // at the last look, and so it was recorded
	inVain bool              // the last look found one without an answer since the newest that had one
	lookBy time.Time         // look again by then, however fresh the proofs are

	digested keepwatch.Date // the week of letters that is known to be done

	lasting map[keepwatch.IncidentID]bool     // open when their cost was worked out last; nil: never was
	costs   map[keepwatch.IncidentID]assessed // of those
}

func newDuties(a *App) *duties {
	return &duties{app: a, prints: map[string]string{}, allowed: map[string]time.Duration{}}
}

func (d *duties) start() {
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	for _, long := range []string{"fold", "retain", "baselines"} { // they walk over all there is
		d.allowed[long] = longDuty
	}
	d.every(ctx, watchEvery, "watch", d.watch)
	d.every(ctx, watchEvery, "pushed verdicts", d.app.ingest.silences)
	d.every(ctx, watchEvery, "messages", d.app.messagesAgain)
	d.every(ctx, foldEvery, "fold", func(ctx context.Context, now time.Time) error { return d.app.db.Fold(ctx, now) })
	d.every(ctx, retainEvery, "retain", func(ctx context.Context, now time.Time) error { return d.app.db.Retain(ctx, now) })
	d.every(ctx, rereadEvery, "secrets", d.reread)
	d.every(ctx, digestEvery, "digest", d.digests)
	d.every(ctx, fitEvery, "baselines", (&fitter{app: d.app}).round)
	d.every(ctx, assessEvery, "assess", d.assess)
	d.every(ctx, quietEvery, "holders", d.app.quietHolders)
	d.every(ctx, strangersEvery, "strangers", d.app.keepStrangers)
	d.every(ctx, d.app.recordsEvery(), "records", d.app.recordsElsewhere)
}

func (d *duties) stop(context.Context) error {
	d.cancel()
	d.wg.Wait()
	return nil
}

func (d *duties) every(ctx context.Context, pause time.Duration, name string, do func(context.Context, time.Time) error) {
	d.app.pulses.Watch(name, pause, d.allowed[name])
	d.wg.Go(func() {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				end := d.app.pulses.Turn(name)
				if err := do(ctx, now); err != nil && ctx.Err() == nil {
					d.app.log.Error("duty failed", "duty", name, "error", err)
				}
				end()
			}
		}
	})
}

// watch raises monitoring_blind when this whole place has proven nothing for
// longer than two planned gaps, and ends it with the next proof. A single unknown
// credential has its own state; blindness is when nobody could be looked at.
func (d *duties) watch(ctx context.Context, now time.Time) error {
	if d.sees(now) {
		return nil
	}
	states, err := d.app.db.Moved(ctx, 0)
	if err != nil {
		return err
	}
	all := states.Series
	blind, since := blindness(all, now)
	d.seeing, d.lookBy = !blind && !saidBlind(all), now.Add(lookAgain)
	d.inVain = inVain(all)
	if blind == saidBlind(all) || now.Sub(d.app.started) < startGrace {
		return nil
	}
	o := keepwatch.Observation{
		Key: fmt.Sprintf("monitor:blind@%d", now.UnixMilli()), Series: blindSeries, Place: keepwatch.Local,
		Source: keepwatch.SourceMonitor, Slot: now, At: now, Outcome: keepwatch.OK, Message: "Keepwatch can look again.",
	}
	if blind {
		o.Outcome = keepwatch.MonitoringBlind
		o.Message = "Keepwatch sees nothing: no credential can be looked at from here" + sinceWhen(since)
		o.Hint = "Look at this machine's network, proxy and name resolution first; keepwatch doctor names what does not answer."
	}
	return d.app.record(ctx, []keepwatch.Observation{o}, now)
}

// sees reports that this place sees, by what this process has recorded since the series
// were read. Blindness takes a look in vain that is newer than any answer, so without one
// there is nothing to read.
func (d *duties) sees(now time.Time) bool {
	if !d.seeing || !now.Before(d.lookBy) {
		return false
	}
	return now.Before(d.app.sight.until()) || (!d.inVain && d.app.sight.clear())
}

// saidBlind is what was recorded last. It is read from the store, since another
// process may have said it: the one before a restart, or another node.
func saidBlind(all []*keepwatch.Series) bool {
	return slices.ContainsFunc(all, func(s *keepwatch.Series) bool {
		return s.ID == blindSeries && s.Last.Outcome == keepwatch.MonitoringBlind
	})
}

// blindness says whether this place sees nothing, and since when nothing was
// proven: since something last answered there were looks, all of them in vain, for
// two of the shortest gaps among them. Refusals are answers, too.
func blindness(all []*keepwatch.Series, now time.Time) (blind bool, since time.Time) {
	sight, looked, gap := newestSight(all), false, time.Duration(0)
	for _, s := range all {
		if !proves(s) {
			continue
		}
		since = latest(since, s.LastProvenAt)
		if s.LastAt.After(sight) {
			looked = true
			gap = shorter(gap, s.PlannedGap)
		}
	}
	return looked && now.After(sight.Add(2*gap)), since
}

// inVain reports a look that is newer than any answer.
func inVain(all []*keepwatch.Series) bool {
	sight := newestSight(all)
	return slices.ContainsFunc(all, func(s *keepwatch.Series) bool { return proves(s) && s.LastAt.After(sight) })
}

// newestSight is when anything last had an answer.
func newestSight(all []*keepwatch.Series) (sight time.Time) {
	for _, s := range all {
		if proves(s) {
			sight = latest(sight, lastSight(s))
		}
	}
	return sight
}

// proves reports whether a series is of a credential's own proofs, made here. A look at a
// date always succeeds, also on a machine that sees nothing.
func proves(s *keepwatch.Series) bool {
	return s.Credential != "" && s.Traffic == nil && (s.Place == "" || s.Place == keepwatch.Local) && (s.Check == "" || s.Check == keepwatch.CheckID(s.Credential))
}

// lastSight is when a series last had an answer, whatever it said.
func lastSight(s *keepwatch.Series) time.Time {
	if answers(&s.Last) {
		return s.LastAt
	}
	return s.LastProvenAt
}

// shorter is the shorter of two gaps; zero is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// sinceWhen ends a sentence with the last proof, where there was one.
func sinceWhen(t time.Time) string {
	if t.IsZero() {
		return "."
	}
	return ", and none was proven since " + t.UTC().Format("2006-01-02 15:04 UTC") + "."
}

// lookAgain bounds how long proofs of this process spare the next look: another node
// may have said that this place is blind, and ended.
const lookAgain = 10 * time.Minute

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// reread looks whether the content behind file references changed. A credential
// that is refused is then tried at once instead of at the end of its back-off.
func (d *duties) reread(ctx context.Context, now time.Time) error {
	cfg := d.app.config.Load()
	var plans []incident.Plan
	for _, c := range cfg.Credentials {
		if !strings.HasPrefix(c.SecretRef, "file:") || !d.changed(ctx, c) {
			continue
		}
		plans = append(plans, incident.Plan{Check: keepwatch.CheckID(c.ID), At: now.UTC().Truncate(time.Second), Reason: keepwatch.ReasonChanged})
	}
	if len(plans) == 0 {
		return nil
	}
	d.app.tieTraffic(ctx) // holders are compared with the secret that is there now
	return d.app.db.Plan(ctx, plans...)
}

// changed compares with the last look; the first look only remembers.
func (d *duties) changed(ctx context.Context, c keepwatch.Credential) bool {
	print, err := d.app.secrets.Fingerprint(ctx, c.SecretRef)
	if err != nil {
		return false // the test itself says so
	}
	last, known := d.prints[c.SecretRef]
	d.prints[c.SecretRef] = print
	return known && last != print
}
