package app

import (
	"context"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/rotate"
)

// afterRotation bounds what follows a rotation's change of state.
const afterRotation = 30 * time.Second

func (a *App) newCockpit(cfg *config.Config) *rotate.Cockpit {
	base := strings.TrimSuffix(cfg.Server.BaseURL, "/")
	link := func(token string) string { return base + "/rotations/tick/" + token }
	if base == "" {
		link = nil
	}
	shelf := rotate.Shelf{Find: a.recorded, Items: a.db, Secrets: a.secrets, Seal: a.seal, Changed: a.recordsChanged}
	return rotate.New(rotate.Options{
		Store: a.db, Prober: rotationProber{a}, Secrets: a.secrets, Records: shelf, Link: link,
		Zone: func(id keepwatch.CredentialID) *time.Location { return a.config.Load().Zone(id) },
		Uses: a.uses, Changed: a.rotationChanged, Logger: a.opts.Logger,
	})
}

// rotationChanged brings what tests sign in with into force. The caller may be a
// request that ends with its answer, so the work does not hang on its context.
func (a *App) rotationChanged(keepwatch.Rotation) {
	ctx, cancel := context.WithTimeout(context.Background(), afterRotation)
	defer cancel()
	a.recordsChanged(ctx)
}

// recorded is a credential without what a rotation puts in its place.
func (a *App) recorded(id keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, bool) {
	cfg := a.estate.Load().recorded
	cred, ok := cfg.Credential(id)
	if !ok {
		return keepwatch.Credential{}, keepwatch.Tenant{}, false
	}
	tenant, _ := cfg.Tenant(cred.Tenant)
	return cred, tenant, true
}

// rotationProber asks for the cockpit. Its token requests count like every other.
type rotationProber struct{ app *App }

func (p rotationProber) Run(ctx context.Context, c keepwatch.Credential, t keepwatch.Tenant, s keepwatch.Slot) keepwatch.Observation {
	o := p.app.prober.Run(ctx, c, t, s)
	p.app.metrics.Observed(o)
	return o
}
