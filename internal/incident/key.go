package incident

import (
	"strings"

	"keepwatch"
)

// Keys of causes that are not one series' own.
const (
	PlatformKey = "platform"
	BlindKey    = "monitor:blind"
)

// KeyOf names the cause that an observation speaks of. At most one incident is
// open under a key: that is what makes forty failures one message.
func KeyOf(o *keepwatch.Observation) string {
	info := o.Outcome.Info()
	switch {
	case pointOf(o) != "":
		return "point:" + pointOf(o)
	case o.Outcome == keepwatch.Drifted:
		return driftKey(o)
	case info.Confirm == keepwatch.ConfirmDate:
		return dateKey(o)
	}
	switch info.Scope {
	case keepwatch.ScopeCredential:
		return credentialKey(o.Credential)
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

func credentialKey(id keepwatch.CredentialID) string { return "credential:" + string(id) }

// expiryPrefix begins the keys of a credential's dates.
func expiryPrefix(id keepwatch.CredentialID) string { return "expiry:" + string(id) + ":" }

// dateKey names one clock of a credential, whatever a look at it found.
func dateKey(o *keepwatch.Observation) string { return expiryPrefix(o.Credential) + clockOf(o) }

func driftKey(o *keepwatch.Observation) string { return "drift:" + string(o.Series) }

// clockOf is the clock that was looked at: by name, else by the series' subject.
func clockOf(o *keepwatch.Observation) string {
	if o.Due != nil && o.Due.Clock.Name != "" {
		return o.Due.Clock.Name
	}
	_, subject, _ := strings.Cut(string(o.Series), "#")
	return subject
}

// effectKey names what an effect incident is about: the thing, or the credential, that
// the others hang on.
func effectKey(t keepwatch.TenantID, root string) string { return "effect:" + string(t) + ":" + root }

// subjectKey tells subjects of one tenant apart: two business units may use one key.
func subjectKey(s keepwatch.Subject) string {
	if s.Unit == 0 {
		return s.ID()
	}
	return s.ID() + "@" + s.Unit.String()
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
		if summary(o) { // one incident for a business unit, whatever is read there
			id = id[:strings.LastIndexByte(id, ':')]
		}
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
