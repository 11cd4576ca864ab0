package config

import (
	"slices"

	"keepwatch"
	"keepwatch/internal/collect"
)

// Subjects are all that the credentials of a tenant name, each once, with the ways
// on which it hangs on them. They are known whether or not anybody looks at them.
func (c *Config) Subjects(id keepwatch.TenantID) []collect.Wanted {
	var out []collect.Wanted
	named := c.named(id)
	units := make([]keepwatch.MID, 0, len(named))
	for unit := range named {
		units = append(units, unit)
	}
	slices.Sort(units)
	for _, unit := range units {
		for _, f := range keepwatch.Families {
			out = append(out, named[unit][f]...)
		}
	}
	return out
}
