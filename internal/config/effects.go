package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/collect"
)

// Effects is how one tenant is watched for what stops when a credential does.
type Effects struct {
	Readers   []keepwatch.CredentialID
	Every     map[keepwatch.Family]time.Duration // of every family
	All       bool                               // also what nobody named
	Off       []string                           // routes that are never asked
	Calendar  *calendar.Calendar                 // whose zone and holidays hold
	Allowance int64                              // calls a year of the edition; 0: nobody said
	ENS       map[string]string                  // references to signature keys, by callback
}

// CallsPerDay is how many calls a day all looks may make together; 0 where the
// edition's allowance is not known. Half of it stays for whoever works with SFMC.
func (e Effects) CallsPerDay() int { return int(e.Allowance / 365 / 2) }

// Effects is how a tenant is watched; false where it names no reader.
func (c *Config) Effects(id keepwatch.TenantID) (Effects, bool) {
	e, ok := c.effects[id]
	return e, ok && len(e.Readers) > 0
}

// effectsOf checks a tenant's section as far as the tenant alone tells. Who the
// readers are is checked once the credentials are known.
func (m *merger) effectsOf(c *Config, id keepwatch.TenantID, d at[effectsDraft]) {
	if !d.at.set() {
		return
	}
	e := Effects{Every: maps.Clone(collect.DefaultEvery), All: d.v.watch == watchAll, Allowance: d.v.allowance, ENS: map[string]string{}}
	maps.Copy(e.Every, d.v.every)
	e.Calendar = c.Calendars[c.Tiers[keepwatch.Standard].Calendar]
	if name := d.v.calendar; name.at.set() {
		known := false
		if e.Calendar, known = c.Calendars[name.v]; !known {
			unknown(name.at, "calendar", name.v, calendarNames(c))
		}
	}
	seen := names{}
	for _, route := range d.v.off {
		if !slices.Contains(routeNames(), route.v) {
			unknown(route.at, "route", route.v, routeNames())
		} else if seen.first(route.v, route.at, "route") {
			e.Off = append(e.Off, route.v)
		}
	}
	for _, k := range d.v.ens {
		e.ENS[k.name] = k.v
	}
	c.effects[id] = e
}

// readers checks who may read. An id that no file has may be that of a record.
func (m *merger) readers(c *Config) {
	for _, t := range m.all.tenants {
		id := keepwatch.TenantID(t.v.id.v)
		e, has := c.effects[id]
		if !has {
			continue
		}
		seen := names{}
		for _, r := range t.v.effects.v.readers {
			if !seen.first(r.v, r.at, "reader") {
				continue
			}
			reader := keepwatch.CredentialID(r.v)
			e.Readers = append(e.Readers, reader)
			cred, known := c.Credential(reader)
			switch {
			case !known:
				note := r.at.where()
				note.Message = "no file has the credential " + quote(r.at.node.Value) + "; nothing is read with it until a record has that id"
				m.notes = append(m.notes, note)
			case cred.Tenant != id:
				r.at.fault("a credential of tenant "+string(id), "%s belongs to tenant %s", quote(r.v), quote(string(cred.Tenant)))
			case !readable(cred.Kind):
				r.at.fault("a credential of a kind that gets tokens: "+namesAllowed(tokenKinds()), "nothing can be read with a credential of the kind %s", cred.Kind)
			}
		}
		c.effects[id] = e
	}
}

// readable reports whether the counters can be asked with a credential of the kind.
func readable(kind keepwatch.Kind) bool { return kind.Proof() == keepwatch.ProofToken }

func tokenKinds() []string {
	var out []string
	for _, k := range keepwatch.Kinds {
		if readable(k) {
			out = append(out, string(k))
		}
	}
	return out
}

// warnOfEffects finds tenants whose dependents nobody looks at, and readers that
// would be dead when they are needed.
func (m *merger) warnOfEffects(c *Config) {
	for _, t := range m.all.tenants {
		id := keepwatch.TenantID(t.v.id.v)
		e, watched := c.Effects(id)
		bearing := credentialsOf(c, id, func(cred keepwatch.Credential) bool { return len(cred.Dependents) > 0 })
		switch {
		case len(bearing) == 0:
		case !watched:
			c.warn(t.at.where(), "credentials of this tenant have dependents, but effects.readers names nobody to look at them with")
		case len(e.Readers) == 1 && slices.Equal(bearing, e.Readers):
			c.warn(t.v.effects.at.where(), "the only reader is the credential whose effects are watched: when it is dead, nothing can be read")
		}
	}
}

func credentialsOf(c *Config, id keepwatch.TenantID, which func(keepwatch.Credential) bool) []keepwatch.CredentialID {
	var out []keepwatch.CredentialID
	for _, cred := range c.Credentials {
		if cred.Tenant == id && which(cred) {
			out = append(out, cred.ID)
		}
	}
	return out
}

// Readers are the credentials that a tenant's counters can be read with now.
func (c *Config) Readers(id keepwatch.TenantID) []keepwatch.Credential {
	e := c.effects[id]
	var out []keepwatch.Credential
	for _, r := range e.Readers {
		if cred, ok := c.Credential(r); ok && cred.Tenant == id && readable(cred.Kind) && c.Tested(r) {
			out = append(out, cred)
		}
	}
	return out
}

// EffectsPlan is what one effects check looks at.
type EffectsPlan struct {
	Check    keepwatch.CheckID
	Tenant   keepwatch.TenantID
	Unit     keepwatch.MID
	Family   keepwatch.Family
	Every    time.Duration
	All      bool
	Off      []string
	Calendar *calendar.Calendar
	Subjects []collect.Wanted // that credentials name
}

// EffectsPlan finds what a check looks at; false where the configuration has no
// such check any more.
func (c *Config) EffectsPlan(id keepwatch.CheckID) (EffectsPlan, bool) {
	i, ok := c.effectChecks[id]
	if !ok {
		return EffectsPlan{}, false
	}
	return c.effectPlans[i], true
}

// EffectsPlans are the plans of all effects checks, in a fixed order.
func (c *Config) EffectsPlans() []EffectsPlan { return c.effectPlans }

// planEffects works out the checks anew: after the files were read, and after each
// change of the records. A tenant without a reader that can be asked has none.
func (c *Config) planEffects() {
	c.effectPlans, c.effectChecks = nil, map[keepwatch.CheckID]int{}
	for _, t := range c.Tenants {
		e, watched := c.Effects(t.ID)
		if !watched || len(c.Readers(t.ID)) == 0 {
			continue
		}
		named := c.named(t.ID)
		units := slices.Collect(maps.Keys(named))
		if e.All {
			units = c.unitsOf(t, units)
		}
		slices.Sort(units)
		for _, unit := range units {
			for _, f := range keepwatch.Families {
				subjects := named[unit][f]
				if len(subjects) == 0 && !e.All {
					continue
				}
				p := EffectsPlan{
					Check: keepwatch.EffectsCheck(t.ID, unit, f), Tenant: t.ID, Unit: unit, Family: f, Every: e.Every[f],
					All: e.All, Off: e.Off, Calendar: e.Calendar, Subjects: subjects,
				}
				c.effectChecks[p.Check] = len(c.effectPlans)
				c.effectPlans = append(c.effectPlans, p)
			}
		}
	}
}

// unitsOf are the units to list where everything is watched: those that the tenant
// lists, else those that its credentials live in.
func (c *Config) unitsOf(t keepwatch.Tenant, named []keepwatch.MID) []keepwatch.MID {
	units := map[keepwatch.MID]bool{}
	for _, u := range named {
		units[u] = true
	}
	for _, u := range t.BusinessUnits {
		units[u.MID] = true
	}
	if len(t.BusinessUnits) == 0 {
		for _, cred := range c.Credentials {
			if cred.Tenant == t.ID && asked(cred.Kind) {
				units[cred.BusinessUnit] = true
			}
		}
	}
	return slices.Collect(maps.Keys(units))
}

// effectsCadence is how often an effects check is due. One that has just left the
// configuration comes no sooner than the rarest.
func (c *Config) effectsCadence(id keepwatch.CheckID) calendar.Cadence {
	every := time.Hour
	if p, ok := c.EffectsPlan(id); ok {
		every = p.Every
	}
	return calendar.Cadence{Business: every}
}

// effectsCheck is the row of a plan.
func (c *Config) effectsCheck(p EffectsPlan) keepwatch.Check {
	return keepwatch.Check{
		ID: p.Check, Kind: keepwatch.CheckEffects, Tenant: p.Tenant, Phase: keepwatch.PhaseOf(p.Tenant, p.Check),
		Fingerprint: c.effectsFingerprint(p),
	}
}

// effectsFingerprint changes when a look would find something else: other subjects,
// other readers, another interval, other routes.
func (c *Config) effectsFingerprint(p EffectsPlan) string {
	tenant, _ := c.Tenant(p.Tenant)
	parts := []string{tenant.Subdomain, tenant.AuthURL, tenant.RESTURL, tenant.SOAPURL, p.Every.String(), fmt.Sprint(p.All), strings.Join(p.Off, "\x01"), p.Calendar.Name()}
	for _, r := range c.Readers(p.Tenant) {
		parts = append(parts, string(r.ID), string(r.Kind), r.ClientID, r.SecretRef, r.SecretGenerated.String(), strings.Join(r.Scopes, "\x01"))
	}
	for _, w := range p.Subjects {
		parts = append(parts, w.Subject.ID(), w.TimestampField, fmt.Sprintf("%+v %+v", w.Upstream, w.Expect))
	}
	return keepwatch.Digest(parts...)
}

// routeNames are those that may be switched off.
func routeNames() []string {
	out := make([]string, len(collect.Routes))
	for i, r := range collect.Routes {
		out[i] = r.Name
	}
	return out
}
