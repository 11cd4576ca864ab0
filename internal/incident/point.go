package incident

import (
	"strings"

	"keepwatch"
)

// pointStep begins the name of a step that asks an integration point.
const pointStep = "https:"

// pointOf names the integration point whose test failed, "" where none did. It is
// not SFMC: its trouble is its own incident, and neither proves nor contradicts
// anything about the platform or the network path to it.
func pointOf(o *keepwatch.Observation) string {
	name, ok := strings.CutPrefix(o.Step, pointStep)
	if !ok || o.Outcome == keepwatch.OK || o.Outcome == keepwatch.MonitorFault {
		return ""
	}
	return name
}

// scope is what the incident of a grievance is about.
func (c grievance) scope() keepwatch.Scope {
	if c.observation.Traffic != nil {
		return keepwatch.ScopeCredential // one holder's trouble, whatever it is
	}
	if pointOf(c.observation) != "" {
		return keepwatch.ScopePlace
	}
	scope := c.outcome.Info().Scope
	if scope == keepwatch.ScopeCredential && c.observation.Check.OfScan() { // of a host or a domain
		if c.observation.Tenant != "" {
			return keepwatch.ScopeTenant
		}
		return keepwatch.ScopePlace
	}
	return scope
}
