package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/inventory"
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
	return rotate.New(rotate.Options{
		Store: a.db, Prober: a.prober, Secrets: a.secrets, Records: cockpitRecords{a}, Link: link,
		Zone:    func(id keepwatch.CredentialID) *time.Location { return a.config.Load().Zone(id) },
		Changed: a.rotationChanged, Logger: a.opts.Logger,
	})
}

// rotationChanged brings what tests sign in with into force. The caller may be a
// request that ends with its answer, so the work does not hang on its context.
func (a *App) rotationChanged(keepwatch.Rotation) {
	ctx, cancel := context.WithTimeout(context.Background(), afterRotation)
	defer cancel()
	a.recordsChanged(ctx)
}

// cockpitRecords show the inventory to the cockpit.
type cockpitRecords struct{ *App }

// Record is a credential without what a rotation puts in its place.
func (r cockpitRecords) Record(_ context.Context, id keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, error) {
	cfg := r.estate.Load().recorded
	cred, ok := cfg.Credential(id)
	if !ok {
		return keepwatch.Credential{}, keepwatch.Tenant{}, fmt.Errorf("credential %q: %w", id, keepwatch.ErrNotFound)
	}
	tenant, _ := cfg.Tenant(cred.Tenant)
	return cred, tenant, nil
}

// Renew writes the new secret into a record of the interface.
func (r cockpitRecords) Renew(ctx context.Context, id keepwatch.CredentialID, ref string, generated keepwatch.Date, by string, now time.Time) error {
	item, err := r.db.Item(ctx, id)
	if err != nil {
		return err
	}
	cred := item.Credential
	if cred.SecretRef == ref && cred.SecretGenerated == generated {
		return nil
	}
	cred.SecretRef, cred.SecretGenerated = ref, generated
	_, err = r.book().Put(ctx, cred, item.Version, inventory.Author{By: by, Via: "rotation"}, now)
	if err == nil {
		r.recordsChanged(ctx)
	}
	return err
}
