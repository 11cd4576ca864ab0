package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/config"
	"keepwatch/internal/store"
)

// lookAtReaders says of each reader which families of counters it may read. Its scopes
// are those of its last token, so nothing is asked for it.
func (c doctorCmd) lookAtReaders(ctx context.Context, e *env, cfg *config.Config) []finding {
	var findings []finding
	for _, t := range cfg.Tenants {
		effects, watched := cfg.Effects(t.ID)
		if !watched {
			continue
		}
		granted := map[keepwatch.CredentialID][]string{}
		for _, r := range effects.Readers {
			granted[r] = c.scopesOf(ctx, e, cfg, r)
		}
		for _, f := range familiesOf(cfg, t.ID) {
			findings = append(findings, readersOf(effects, granted, f)...)
		}
	}
	return findings
}

// scopesOf asks the running daemon, else the store; nil where nobody knows.
func (c doctorCmd) scopesOf(ctx context.Context, e *env, cfg *config.Config, id keepwatch.CredentialID) []string {
	if daemon, err := c.daemon(e); err == nil && daemon != nil {
		d, err := daemon.Credential(ctx, string(id))
		if err != nil {
			return nil
		}
		return d.Scopes
	}
	url, err := e.storeURL(cfg)
	if err != nil || missingStore(url) != "" {
		return nil
	}
	db, err := store.Open(ctx, url, store.Options{Logger: e.log})
	if err != nil {
		return nil
	}
	defer func() { _ = db.Close() }()
	s, err := db.SeriesByID(ctx, keepwatch.SeriesOf(keepwatch.CheckID(id), ""))
	if err != nil {
		return nil
	}
	return s.Scopes
}

// familiesOf are the families that a tenant is looked at for, in their order.
func familiesOf(cfg *config.Config, id keepwatch.TenantID) []keepwatch.Family {
	var out []keepwatch.Family
	for _, f := range keepwatch.Families {
		if slices.ContainsFunc(cfg.EffectsPlans(), func(p config.EffectsPlan) bool { return p.Tenant == id && p.Family == f }) {
			out = append(out, f)
		}
	}
	return out
}

// readersOf is a line for each reader. A family is at fault when no reader may read
// its first route, which everything else hangs on.
func readersOf(effects config.Effects, granted map[keepwatch.CredentialID][]string, family keepwatch.Family) []finding {
	var routes []collect.Route
	for _, r := range collect.Routes {
		if r.Family == family && !slices.Contains(effects.Off, r.Name) {
			routes = append(routes, r)
		}
	}
	if len(routes) == 0 {
		return []finding{{Check: "family " + string(family), Message: "every route of it is switched off", Hint: "take some out of effects.off"}}
	}
	anybody := slices.ContainsFunc(effects.Readers, func(id keepwatch.CredentialID) bool {
		return granted[id] == nil || slices.Contains(granted[id], routes[0].Scope)
	})
	var findings []finding
	for _, id := range effects.Readers {
		f := finding{Check: fmt.Sprintf("reader %s: %s", id, family), OK: anybody}
		missing, without := lacking(routes, granted[id])
		switch {
		case granted[id] == nil:
			f.Message = "its scopes are not known before its first test"
		case len(missing) == 0:
			f.Message = "may read all of it"
		case slices.Contains(missing, routes[0].Scope):
			f.Message = "may not read it: its last token has no " + strings.Join(missing, ", ")
			f.Hint = "add the permission to its installed package; it takes about ten minutes until tokens have it"
		default:
			f.Message = fmt.Sprintf("may read it; without %s it is not known %s", strings.Join(missing, ", "), strings.Join(without, "; "))
			f.Hint = "add the permission to its installed package, or switch the routes off"
		}
		findings = append(findings, f)
	}
	return findings
}

// lacking are the scopes that were not granted, and what stays unknown without them.
func lacking(routes []collect.Route, granted []string) (scopes, without []string) {
	for _, r := range routes {
		if slices.Contains(granted, r.Scope) {
			continue
		}
		without = append(without, r.For)
		if !slices.Contains(scopes, r.Scope) {
			scopes = append(scopes, r.Scope)
		}
	}
	return scopes, without
}
