package incident

import "keepwatch"

// Keys of causes that are not one series' own.
const (
	PlatformKey = "platform"
	BlindKey    = "monitor:blind"
)

// KeyOf names the cause that an observation speaks of. At most one incident is
// open under a key: that is what makes forty failures one message.
func KeyOf(o *keepwatch.Observation) string {
	info := o.Outcome.Info()
	switch info.Scope {
	case keepwatch.ScopeCredential:
		return "credential:" + string(o.Credential)
	case keepwatch.ScopePlatform:
		return PlatformKey
	case keepwatch.ScopeTenant:
		return "tenant:" + string(o.Tenant) + ":throttle"
	case keepwatch.ScopePlace:
		if info.Category == keepwatch.CategoryPermission {
			return placeKey(o.Place, o.Tenant, "allowlist")
		}
		return placeKey(o.Place, o.Tenant, "network")
	case keepwatch.ScopeMonitor:
		return monitorKey(o)
	}
	return ""
}

func monitorKey(o *keepwatch.Observation) string {
	id := string(o.Check)
	if id == "" {
		id = string(o.Series)
	}
	switch o.Outcome {
	case keepwatch.MonitoringBlind:
		return BlindKey
	case keepwatch.MonitorFault:
		return "monitor:" + id
	}
	return "monitor:" + id + ":request"
}

// everywhereKey names the cause when every credential of a place is refused in
// the same way.
func everywhereKey(p keepwatch.Place, t keepwatch.TenantID, o keepwatch.Outcome) string {
	return placeKey(p, t, string(o))
}

func placeKey(p keepwatch.Place, t keepwatch.TenantID, what string) string {
	return "place:" + string(p) + ":" + string(t) + ":" + what
}
