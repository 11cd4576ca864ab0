package discovery

import (
	"fmt"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Scopes is what a credential's tests need and what its token has.
type Scopes struct {
	Missing []string // a test needs it
	Unused  []string // no test and no look at the account needs it
	Writes  []string // of the unused, those that allow more than to look
}

// ScopesOf compares the granted scopes of a credential with what its tests, and its
// looks at the account, need.
func ScopesOf(c keepwatch.Credential, granted []string) Scopes {
	need := sfmc.ScopesFor(c.Tests)
	s := Scopes{Missing: without(need, granted)}
	if c.Discover {
		for _, n := range sfmc.DiscoveryNeeds {
			need = append(need, n.Scope)
		}
	}
	for _, scope := range without(granted, need) {
		s.Unused = append(s.Unused, scope)
		if !sfmc.ReadsOnly(scope) {
			s.Writes = append(s.Writes, scope)
		}
	}
	return s
}

// scopeFindings judges the scopes of the credential that looked.
func scopeFindings(r Report, c keepwatch.Credential) []keepwatch.Finding {
	if r.Complete(PartIdentity) && len(r.Scopes) == 0 && c.Kind == keepwatch.LegacyPackage {
		return nil // a v1 token does not name its scopes
	}
	f := finder{report: r}
	s := ScopesOf(c, r.Scopes)
	if len(s.Missing) > 0 {
		f.add("tests", keepwatch.Finding{
			Kind: keepwatch.FindingMissingScopes, Severity: keepwatch.SeverityWarning, Credential: c.ID, Subject: string(c.ID),
			Message: "The token lacks scopes that the tests need: " + strings.Join(s.Missing, ", ") + ".",
			Reason:  "These tests are refused, although the credential is good.",
			Hint:    "Open " + setupPackages + ", edit the API Integration and tick them, or take the tests out.",
		})
	}
	if lacking, parts := discoveryLacks(r.Scopes); len(lacking) > 0 {
		f.add("discovery", keepwatch.Finding{
			Kind: keepwatch.FindingMissingScopes, Severity: keepwatch.SeverityInfo, Credential: c.ID, Subject: string(c.ID),
			Message: fmt.Sprintf("A look at the account lacks %s, so it may not see: %s.", strings.Join(lacking, ", "), strings.Join(parts, ", ")),
			Reason:  "What cannot be seen is unknown here, neither present nor absent.",
			Hint:    "Open " + setupPackages + ", edit the API Integration and tick them.",
		})
	}
	// With holders the scopes are theirs: that a test does not need one says nothing.
	if len(s.Unused) > 0 && len(c.Holders)+len(c.Dependents) == 0 {
		severity, what := keepwatch.SeverityInfo, s.Unused
		if len(s.Writes) > 0 {
			severity, what = keepwatch.SeverityWarning, s.Writes
		}
		f.add("wide", keepwatch.Finding{
			Kind: keepwatch.FindingWideScopes, Severity: severity, Credential: c.ID, Subject: string(c.ID),
			Message: "The package may do more than its tests and looks at the account need: " + strings.Join(what, ", ") + ".",
			Reason:  "Nobody else is known to hold its secret, so these scopes serve nobody but a thief.",
			Hint:    "Open " + setupPackages + ", edit the API Integration and untick them, or name the holders that need them.",
		})
	}
	return f.found
}

// discoveryLacks lists the scopes that a look needs and has not, and what they are for.
func discoveryLacks(granted []string) (scopes, parts []string) {
	for _, n := range sfmc.DiscoveryNeeds {
		if slices.Contains(granted, n.Scope) {
			continue
		}
		parts = append(parts, n.Test)
		if !slices.Contains(scopes, n.Scope) {
			scopes = append(scopes, n.Scope)
		}
	}
	return scopes, parts
}
