package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/intake"
	"keepwatch/internal/rotate"
	"keepwatch/internal/traffic"
)

// Printer makes the fingerprint of a secret as one login shows it. Whoever watches
// the calls of holders brings it, so that fingerprints compare.
type Printer func(tenant keepwatch.TenantID, login string, secret []byte) keepwatch.Fingerprint

// quietEvery is how often holders are looked for that do not call any more.
const quietEvery = time.Hour

// newTraffic makes the ledger of what the real clients live through.
func (a *App) newTraffic() *traffic.Ledger {
	return traffic.New(traffic.Directory{}, a.recordTraffic, a.opts.Logger.With("component", "traffic"))
}

// recordTraffic hands windows of traffic over to intake. What intake refuses it refuses
// for good; only what the store did not take is worth another try.
func (a *App) recordTraffic(ctx context.Context, found []keepwatch.Observation, now time.Time) error {
	err := a.record(ctx, found, now)
	if err != nil && !intake.OnlyRefused(err) {
		return err
	}
	if err != nil {
		a.traffic.Refuse(intake.CountRefused(err))
		a.log.Error("windows of real traffic were refused", "error", err)
	}
	for _, o := range found {
		a.metrics.Lived(o)
	}
	return nil
}

// directory ties calls to the credentials of a configuration, each with the fingerprint
// that print knows of its secret.
func directory(cfg *config.Config, print func(keepwatch.Credential) keepwatch.Fingerprint) traffic.Directory {
	known := make([]traffic.Known, 0, len(cfg.Credentials))
	for _, c := range cfg.Credentials {
		known = append(known, traffic.Known{ID: c.ID, Tenant: c.Tenant, Unit: c.BusinessUnit, ClientID: loginOf(c), Secret: print(c)})
	}
	return traffic.NewDirectory(known)
}

// nameTraffic ties calls to credentials by what they sign in as alone: no secret is read
// for it, so that no call that comes before the store answers belongs to nobody.
func (a *App) nameTraffic() {
	a.traffic.Configure(directory(a.config.Load(), func(keepwatch.Credential) keepwatch.Fingerprint { return "" }))
}

// loginOf is what a credential signs in as.
func loginOf(c keepwatch.Credential) string {
	if c.Kind == keepwatch.APIUser {
		return c.Username
	}
	return c.ClientID
}

func (a *App) printOf(ctx context.Context, c keepwatch.Credential, ref string) keepwatch.Fingerprint {
	if a.print == nil || ref == "" || loginOf(c) == "" {
		return ""
	}
	secret, err := a.secrets.Resolve(ctx, ref)
	if err != nil || secret.Empty() {
		return ""
	}
	return a.print(c.Tenant, loginOf(c), secret.Reveal())
}

// tieTraffic renews the directory: after a reload, and when a secret changed behind its
// reference. A secret that cannot be read is told from no other; its own test says why.
func (a *App) tieTraffic(ctx context.Context) {
	a.traffic.Configure(directory(a.config.Load(), func(c keepwatch.Credential) keepwatch.Fingerprint { return a.printOf(ctx, c, c.SecretRef) }))
}

// quietHolders looks at holders that have not called for a day and says so, which ends
// what stood open about them. What belongs to no credential any more is forgotten.
func (a *App) quietHolders(ctx context.Context, now time.Time) error {
	all, err := a.db.PlainSeries(ctx)
	if err != nil {
		return err
	}
	cfg := a.config.Load()
	var quiet []keepwatch.Observation
	var gone []keepwatch.SeriesID
	for _, s := range all {
		if s.Traffic == nil {
			continue
		}
		if _, known := cfg.Credential(s.Credential); !known || now.Sub(s.LastAt) > keepQuiet {
			gone = append(gone, s.ID)
			continue
		}
		if s.State == keepwatch.StateUnknown && s.FirstFailedAt.IsZero() || now.Sub(s.Traffic.LastAt) <= 24*time.Hour {
			continue
		}
		t := &keepwatch.Tally{Holder: s.Traffic.Holder}
		quiet = append(quiet, keepwatch.Observation{
			Key: fmt.Sprintf("%s@%d!quiet", s.ID, now.UnixMilli()), Series: s.ID, Credential: s.Credential, Tenant: s.Tenant, Place: s.Place,
			Source: keepwatch.SourceTraffic, Slot: now, At: now, Outcome: keepwatch.OK, Connectivity: keepwatch.ConnectivityProven, Traffic: t,
		})
	}
	if err := a.db.ForgetSeries(ctx, now, gone...); err != nil || len(quiet) == 0 {
		return err
	}
	return a.record(ctx, quiet, now)
}

// keepQuiet is how long a holder is remembered that does not call.
const keepQuiet = 30 * 24 * time.Hour

// uses says which of a rotation's two secrets its holders show, as far as somebody
// watches their calls.
func (a *App) uses(ctx context.Context, r keepwatch.Rotation) ([]rotate.Use, error) {
	cred, _, ok := a.recorded(r.Credential)
	if !ok || a.print == nil {
		return nil, nil
	}
	fresh, old := a.printOf(ctx, cred, r.NewRef), a.printOf(ctx, cred, r.OldRef)
	if fresh == "" || fresh == old {
		return nil, nil
	}
	series, err := a.db.PlainSeries(ctx)
	if err != nil {
		return nil, errors.Join(errors.New("which secret holders use cannot be read"), err)
	}
	var list []rotate.Use
	for _, s := range series {
		if s.Traffic == nil || s.Credential != r.Credential || s.Traffic.Holder == "" {
			continue
		}
		u := rotate.Use{Holder: s.Traffic.Holder}
		for _, seen := range s.Traffic.Uses {
			if seen.Secret == fresh {
				u.NewAt = latest(u.NewAt, seen.Accept)
			} else {
				u.OldAt = latest(u.OldAt, seen.At)
			}
		}
		if !u.NewAt.IsZero() || !u.OldAt.IsZero() {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, func(x, y rotate.Use) int { return x.NewAt.Compare(y.NewAt) })
	return list, nil
}

// seenInTraffic are the findings about who calls: clients that stand in no record, and
// those whose record cannot be told from others.
func (a *App) seenInTraffic(ctx context.Context, now time.Time) ([]keepwatch.Finding, error) {
	found, err := a.strangerFindings(ctx, now)
	if err != nil {
		return nil, err
	}
	cfg := a.config.Load()
	for _, id := range a.traffic.Unsure(now) {
		c, known := cfg.Credential(id)
		if !known {
			continue
		}
		found = append(found, keepwatch.Finding{
			ID:   keepwatch.Digest(string(keepwatch.FindingUnclearClient), string(c.Tenant), string(id)),
			Kind: keepwatch.FindingUnclearClient, Severity: keepwatch.SeverityInfo, Tenant: c.Tenant, Credential: id, Subject: loginOf(c),
			Message: fmt.Sprintf("Several credentials have the client id of %s, and calls with it name neither business unit nor a secret that tells them apart; they are counted under %s.", id, id),
			Reason:  "What one of them lives through is shown under another.",
			Hint:    "Let the holders send account_id in their token requests, or keep one record for the client id.",
		})
	}
	return found, nil
}
