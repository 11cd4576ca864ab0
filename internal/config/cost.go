package config

import (
	"keepwatch"
	"keepwatch/internal/collect"
)

// EffectsCost is what the looks at one tenant's counters ask of SFMC.
type EffectsCost struct {
	Subjects int // that credentials name
	PerDay   int
	PerYear  int
}

// EffectsCost is what the looks at a tenant's counters cost, in calls. sizes says how
// much there is of everything in a business unit, as far as anybody knows.
func (c *Config) EffectsCost(id keepwatch.TenantID, sizes func(keepwatch.MID) collect.Sizes) EffectsCost {
	var sum EffectsCost
	tenant, _ := c.Tenant(id)
	for _, p := range c.effectPlans {
		if p.Tenant != id {
			continue
		}
		var known collect.Sizes
		if sizes != nil {
			known = sizes(p.Unit)
		}
		one := collect.Cost(collect.Job{
			Check: p.Check, Tenant: tenant, Unit: p.Unit, Family: p.Family, Readers: c.Readers(id),
			Wanted: p.Subjects, All: p.All, Off: p.Off, Zone: p.Calendar.Location(), Gap: p.Every,
		}, known)
		sum.Subjects += len(p.Subjects)
		sum.PerDay += one.PerDay
		sum.PerYear += one.PerYear
	}
	return sum
}
