package app

import (
	"context"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/rotate"
)

// recordsRevision is a setting that every change of the records raises, so that
// other nodes on the same database notice it without reading all records.
const recordsRevision = "records.revision"

// recordsStale is no revision: the records in force, here or on another node, may
// not be those of the store.
const recordsStale = "stale"

// estate is a configuration in three layers: what the files say, the records of
// the interface with it, and the secrets that running rotations put in the place
// of some. Everybody reads the last one; the cockpit judges by the second.
type estate struct {
	files    *config.Config
	recorded *config.Config
	whole    *config.Config
	watched  []keepwatch.CredentialID // whose rotation is in the schedule
	warnings []config.Warning
}

// compose joins the layers as the store has them now.
func (a *App) compose(ctx context.Context, files *config.Config, now time.Time) (estate, error) {
	items, err := a.db.Items(ctx)
	if err != nil {
		return estate{}, fmt.Errorf("records: %w", err)
	}
	records := make([]keepwatch.Credential, len(items))
	for i, it := range items {
		records[i] = it.Credential
	}
	e := estate{files: files}
	e.recorded, e.warnings = files.With(records)
	rotations, err := a.db.Rotations(ctx, true)
	if err != nil {
		return estate{}, fmt.Errorf("rotations: %w", err)
	}
	e.whole = e.recorded.Using(staged(e.recorded, rotate.Overrides(rotations)))
	if a.cockpit != nil {
		if e.watched, err = a.cockpit.Watched(ctx, now); err != nil {
			return estate{}, fmt.Errorf("rotations: %w", err)
		}
	}
	return e, nil
}

// staged are the overrides in the configuration's words. While the old secret
// still works its date goes on counting.
func staged(cfg *config.Config, over map[keepwatch.CredentialID]rotate.Override) map[keepwatch.CredentialID]config.Secret {
	out := make(map[keepwatch.CredentialID]config.Secret, len(over))
	for id, o := range over {
		if c, ok := cfg.Credential(id); ok {
			c = o.Apply(c)
			out[id] = config.Secret{Ref: c.SecretRef, Generated: c.SecretGenerated}
		}
	}
	return out
}

// checks are the rows that the schedule should hold.
func (e estate) checks(node string) []keepwatch.Check {
	rows := e.whole.Checks()
	if canary, ok := e.whole.CanaryRow(node); ok {
		rows = append(rows, canary)
	}
	for _, id := range e.watched {
		if c, ok := e.whole.Credential(id); ok {
			check := keepwatch.CheckOf(keepwatch.CheckRotation, id)
			rows = append(rows, keepwatch.Check{
				ID: check, Kind: keepwatch.CheckRotation, Credential: id, Tenant: c.Tenant,
				Phase: keepwatch.PhaseOf(c.Tenant, check), Fingerprint: keepwatch.Digest(string(check)),
			})
		}
	}
	return rows
}

// adopt brings an estate into force: the gateway's listeners and the schedule first,
// because they may fail.
func (a *App) adopt(ctx context.Context, e estate, now time.Time) error {
	change, err := a.gateway.Prepare(ctx, gatewaySetup(e.whole))
	if err != nil {
		return err
	}
	if err := a.db.SyncChecks(ctx, now, e.checks(a.db.Node())); err != nil {
		change.Drop()
		return fmt.Errorf("schedule: %w", err)
	}
	change.Apply()
	a.use(e)
	a.tieTraffic(ctx)
	return nil
}

// use shows an estate to everybody.
func (a *App) use(e estate) {
	a.estate.Store(&e)
	a.config.Store(e.whole)
	a.show()
	a.warn(e.warnings)
}

// refresh works the estate out anew after a record or a rotation changed. The files
// are not read again.
func (a *App) refresh(ctx context.Context) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	now := time.Now()
	e, err := a.compose(ctx, a.estate.Load().files, now)
	if err != nil {
		return err
	}
	return a.adopt(ctx, e, now)
}

// recordsChanged brings a change of the records into force here and tells the
// other nodes. The change itself is stored already: what fails here is done again
// by recordsElsewhere, so it is logged and not an error of the change.
func (a *App) recordsChanged(ctx context.Context) {
	if err := a.tellRecords(ctx); err != nil {
		a.log.Error("a change of the records is stored and not in force yet", "error", err)
	}
}

// tellRecords raises the revision for the other nodes, and refreshes this one.
func (a *App) tellRecords(ctx context.Context) error {
	revision := keepwatch.Digest(time.Now().String(), a.URL())
	a.revision.Store(&revision)
	err := a.db.SetSetting(ctx, recordsRevision, revision)
	if err == nil {
		err = a.refresh(ctx)
	}
	if err != nil {
		a.revision.Store(new(recordsStale))
	}
	return err
}

// recordsEvery is how often recordsElsewhere looks. Without other nodes it is there
// for the change that is stored and could not be brought into force.
func (a *App) recordsEvery() time.Duration {
	if a.db.Driver() == "postgres" {
		return recordsShared
	}
	return recordsAlone
}

// recordsElsewhere notices what another node changed. A change of this node's own
// that is not in force yet is told again: its request may have been given up before
// the others heard of it. A node that starts does so, too, for it may have ended
// between the two.
func (a *App) recordsElsewhere(ctx context.Context, _ time.Time) error {
	known := a.revision.Load()
	if *known == recordsStale {
		return a.tellRecords(ctx)
	}
	revision, err := a.db.Setting(ctx, recordsRevision)
	if err != nil || revision == *known {
		return err
	}
	if err := a.refresh(ctx); err != nil {
		return err
	}
	a.revision.CompareAndSwap(known, &revision) // unless this node changed something meanwhile
	return nil
}
