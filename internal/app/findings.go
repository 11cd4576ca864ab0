package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/discovery"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/inventory"
)

// findings are what somebody should decide: about the inventory, and what looks at
// the accounts found.
type findings struct{ *App }

// Findings lists all of them, those that were accepted with their acceptance.
func (f findings) Findings(ctx context.Context, now time.Time) ([]keepwatch.Finding, error) {
	states, err := f.db.Moved(ctx, 0)
	if err != nil {
		return nil, err
	}
	items, err := f.db.Items(ctx)
	if err != nil {
		return nil, err
	}
	accepted, err := f.db.Acceptances(ctx)
	if err != nil {
		return nil, err
	}
	cfg := f.estate.Load().recorded
	all := inventory.Findings(inventory.Estate{Credentials: cfg.Credentials, Items: items, Series: states.Series, Acceptances: accepted, Zone: cfg.Zone, Now: now})
	for _, t := range cfg.Tenants {
		report, err := f.lookedAt(ctx, t.ID)
		if errors.Is(err, keepwatch.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, withAcceptances(discovery.Findings(report, nil, cfg.Credentials, now), accepted, now)...)
	}
	seen, err := f.seenInTraffic(ctx, now)
	if err != nil {
		return nil, err
	}
	return append(all, withAcceptances(seen, accepted, now)...), nil
}

// withAcceptances marks the findings that somebody decided to live with.
func withAcceptances(found []keepwatch.Finding, accepted []keepwatch.Acceptance, now time.Time) []keepwatch.Finding {
	for i := range found {
		for j := range accepted {
			if a := &accepted[j]; a.Finding == found[i].ID && now.Before(a.Until) {
				found[i].Accepted = a
			}
		}
	}
	return found
}

func (f findings) Accept(ctx context.Context, a keepwatch.Acceptance) error {
	return f.db.Accept(ctx, a)
}

func (f findings) Withdraw(ctx context.Context, finding string) error {
	accepted, err := f.db.Acceptances(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(accepted, func(a keepwatch.Acceptance) bool { return a.Finding == finding }) {
		return keepwatch.WithHint(fmt.Errorf("nothing is accepted under %.80q: %w", finding, keepwatch.ErrNotFound), "list the findings that are accepted to see which there are")
	}
	return f.db.Withdraw(ctx, finding)
}

// lookedAt is the newest look at an account.
func (a *App) lookedAt(ctx context.Context, tenant keepwatch.TenantID) (discovery.Report, error) {
	_, doc, err := a.db.Snapshot(ctx, tenant)
	if err != nil {
		return discovery.Report{}, err
	}
	var report discovery.Report
	if err := json.Unmarshal(doc, &report); err != nil {
		return report, fmt.Errorf("the look at tenant %q cannot be read: %w", tenant, err)
	}
	return report, nil
}

// Discover looks at an account with the credential that may, and keeps what it saw.
func (a *App) Discover(ctx context.Context, tenant keepwatch.TenantID, now time.Time) (httpapi.Discovery, error) {
	cfg := a.config.Load()
	if _, ok := cfg.Tenant(tenant); !ok {
		return httpapi.Discovery{}, fmt.Errorf("tenant %q: %w", tenant, keepwatch.ErrNotFound)
	}
	i := slices.IndexFunc(cfg.Credentials, func(c keepwatch.Credential) bool { return c.Tenant == tenant && c.Discover && c.SecretRef != "" })
	if i < 0 {
		return httpapi.Discovery{}, keepwatch.WithHint(fmt.Errorf("no credential of tenant %q may look at the account: %w", tenant, keepwatch.ErrInvalid),
			"mark one with discover: true; it needs the scopes that docs/discovery.md lists")
	}
	return a.lookAt(ctx, cfg.Credentials[i], now)
}

func (a *App) lookAt(ctx context.Context, cred keepwatch.Credential, now time.Time) (httpapi.Discovery, error) {
	cfg := a.config.Load()
	tenant, _ := cfg.Tenant(cred.Tenant)
	report, err := a.discoverer.Run(ctx, cred, tenant, now)
	if err != nil {
		return httpapi.Discovery{}, err
	}
	var previous *discovery.Report
	switch last, err := a.lookedAt(ctx, tenant.ID); {
	case err == nil:
		previous = &last
	case !errors.Is(err, keepwatch.ErrNotFound):
		a.log.Warn("the look before is lost", "tenant", tenant.ID, "error", err)
	}
	report = discovery.Follow(report, previous)
	doc, err := json.Marshal(report)
	if err != nil {
		return httpapi.Discovery{}, fmt.Errorf("the look at tenant %q: %w", tenant.ID, err)
	}
	if err := a.db.SaveSnapshot(ctx, tenant.ID, report.At, doc); err != nil {
		return httpapi.Discovery{}, err
	}
	return httpapi.Discovery{
		Tenant: tenant.ID, Credential: cred.ID, At: report.At, Calls: report.Calls, Seen: report.Seen(), Notes: report.Notes(), Unlisted: report.Unlisted(),
		Findings: discovery.Findings(report, previous, cfg.Credentials, now),
	}, nil
}

// explore is the run of a check of kind discovery. What SFMC refuses is said by the
// credential's own test: here it only means that nothing was seen.
func (a *App) explore(ctx context.Context, cred keepwatch.Credential, s keepwatch.Slot) keepwatch.Observation {
	found, err := a.lookAt(ctx, cred, time.Now())
	if err != nil {
		return a.couldNot(s, "The account could not be looked at: "+err.Error(), cmp.Or(keepwatch.HintOf(err), "Look at the credential that is marked with discover."))
	}
	o := a.couldNot(s, "", "")
	o.Outcome, o.Message = keepwatch.OK, fmt.Sprintf("Looked at the account with %d calls: %d findings.", found.Calls, len(found.Findings))
	return o
}
