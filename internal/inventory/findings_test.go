package inventory_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
	"keepwatch/internal/inventory"
)

// sound is a record about which there is nothing to say, when it is proven.
func sound(change func(*keepwatch.Credential)) keepwatch.Credential {
	c := keepwatch.Credential{
		ID: "a", Tenant: "emea", BusinessUnit: 1, Kind: keepwatch.ServerToServer, ClientID: "client-a", SecretRef: "env:A", SecretGenerated: keepwatch.Day(2026, 11, 1),
		Criticality: keepwatch.Standard, Owner: keepwatch.Owner{Team: "crm", Contact: "crm@example.com"}, Holders: []keepwatch.Holder{{Name: "shop"}},
		Dependents: []keepwatch.Dependent{{Kind: "journey", Key: "welcome"}}, Tests: []string{"identity"}, File: "keepwatch.yaml:3",
	}
	if change != nil {
		change(&c)
	}
	c.Clocks = expiry.Clocks(c, time.UTC, nil)
	return c
}

func proven(id keepwatch.CredentialID, change func(*keepwatch.Series)) *keepwatch.Series {
	s := keepwatch.Series{ID: keepwatch.SeriesID(id), Check: keepwatch.CheckID(id), Credential: id, LastProvenAt: now.Add(-time.Minute)}
	if change != nil {
		change(&s)
	}
	return &s
}

// Each kind of finding has a story in which it, and nothing else, is said: with a
// severity, a reason and what to do.
func TestFindings(t *testing.T) {
	type story struct {
		name     string
		estate   inventory.Estate
		want     keepwatch.FindingKind
		severity keepwatch.Severity
		message  string
	}
	one := func(change func(*keepwatch.Credential)) inventory.Estate {
		return inventory.Estate{Credentials: []keepwatch.Credential{sound(change)}, Series: []*keepwatch.Series{proven("a", nil)}}
	}
	stories := []story{
		{"nothing", one(nil), "", "", ""},
		{"nobody owns it", one(func(c *keepwatch.Credential) { c.Owner = keepwatch.Owner{} }), keepwatch.FindingNoOwner, keepwatch.SeverityWarning, "nobody owns it"},
		{"no date", one(func(c *keepwatch.Credential) { c.SecretGenerated = keepwatch.Date{} }), keepwatch.FindingNoDate, keepwatch.SeverityWarning, "nobody knows when its secret ends"},
		{"typed, not confirmed", one(func(c *keepwatch.Credential) { c.Expires = keepwatch.Day(2027, 3, 1) }), keepwatch.FindingStaleDate, keepwatch.SeverityInfo, "typed, and nobody has confirmed it"},
		{"confirmed long ago", one(func(c *keepwatch.Credential) {
			c.Expires, c.DatesConfirmed = keepwatch.Day(2027, 3, 1), keepwatch.Day(2026, 2, 1)
		}), keepwatch.FindingStaleDate, keepwatch.SeverityInfo, "last confirmed on 2026-02-01"},
		{"confirmed lately", one(func(c *keepwatch.Credential) {
			c.Expires, c.DatesConfirmed = keepwatch.Day(2027, 3, 1), keepwatch.Day(2026, 11, 1)
		}), "", "", ""},
		{"shared", one(func(c *keepwatch.Credential) { c.Holders = []keepwatch.Holder{{Name: "shop"}, {Name: "mulesoft"}} }), keepwatch.FindingSharedByHolders, keepwatch.SeverityInfo, "2 systems share it: shop, mulesoft"},
		{"no holder", one(func(c *keepwatch.Credential) { c.Holders = nil }), keepwatch.FindingNoHolders, keepwatch.SeverityInfo, "no system is named"},
		{"no dependent", one(func(c *keepwatch.Credential) { c.Dependents = nil }), keepwatch.FindingNoDependents, keepwatch.SeverityInfo, "nothing is named that depends on it"},
		{"never proven", inventory.Estate{Credentials: []keepwatch.Credential{sound(nil)}}, keepwatch.FindingNeverProven, keepwatch.SeverityWarning, "it has never been proven"},
		{"cannot be proven", inventory.Estate{Credentials: []keepwatch.Credential{sound(func(c *keepwatch.Credential) { c.SecretRef = "" })}}, keepwatch.FindingNeverProven, keepwatch.SeverityWarning, "the reference to its secret is missing"},
		{"legacy", one(func(c *keepwatch.Credential) { c.Kind = keepwatch.LegacyPackage }), keepwatch.FindingLegacy, keepwatch.SeverityWarning, "package of before 2019"},
		{"contradicted", inventory.Estate{Credentials: []keepwatch.Credential{sound(nil)}, Series: []*keepwatch.Series{proven("a", func(s *keepwatch.Series) {
			s.Findings = []keepwatch.Outcome{keepwatch.DateContradicted}
		})}}, keepwatch.FindingDateContradicted, keepwatch.SeverityWarning, "it works although its date has passed"},
		{"renewal missed", one(func(c *keepwatch.Credential) { c.Renewal.Planned = keepwatch.Day(2026, 11, 20) }), keepwatch.FindingRenewalOverdue, keepwatch.SeverityWarning, "planned for 2026-11-20"},
		{"renewal done", one(func(c *keepwatch.Credential) {
			c.Renewal.Planned, c.SecretGenerated = keepwatch.Day(2026, 11, 20), keepwatch.Day(2026, 11, 20)
		}), "", "", ""},
		{"rule broken", one(func(c *keepwatch.Credential) {
			c.Renewal.Every, c.SecretGenerated = 90*24*time.Hour, keepwatch.Day(2026, 7, 1)
		}), keepwatch.FindingRenewalOverdue, keepwatch.SeverityWarning, "to be renewed every 90d"},
		{"in a file and in the interface", inventory.Estate{Credentials: []keepwatch.Credential{sound(nil)}, Series: []*keepwatch.Series{proven("a", nil)}, Items: []keepwatch.Item{{Credential: sound(nil)}}},
			keepwatch.FindingFileShadows, keepwatch.SeverityInfo, "both define it; the file holds"},
		{"twice", inventory.Estate{Credentials: []keepwatch.Credential{sound(nil), sound(func(c *keepwatch.Credential) { c.ID = "b" })}, Series: []*keepwatch.Series{proven("a", nil), proven("b", nil)}},
			keepwatch.FindingDuplicateClientID, keepwatch.SeverityWarning, "stands in a, b"},
		{"in two business units", inventory.Estate{Credentials: []keepwatch.Credential{sound(nil), sound(func(c *keepwatch.Credential) { c.ID, c.BusinessUnit = "b", 2 })}, Series: []*keepwatch.Series{proven("a", nil), proven("b", nil)}},
			keepwatch.FindingDuplicateClientID, keepwatch.SeverityInfo, "stands in a, b"},
	}
	for _, s := range stories {
		s.estate.Now = now
		found := inventory.Findings(s.estate)
		if s.want == "" {
			if len(found) != 0 {
				t.Errorf("%s: %+v", s.name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Kind != s.want || found[0].Severity != s.severity || !strings.Contains(found[0].Message, s.message) {
			t.Errorf("%s: %+v", s.name, found)
			continue
		}
		if f := found[0]; f.Reason == "" || f.Hint == "" || f.ID == "" || f.Subject == "" {
			t.Errorf("%s says too little: %+v", s.name, f)
		}
	}
}

// The worst come first; an id stays while the finding holds; an acceptance marks it
// until it ends, and does not hide it.
func TestFindingsAreAcceptedForAWhile(t *testing.T) {
	estate := inventory.Estate{Now: now, Credentials: []keepwatch.Credential{sound(func(c *keepwatch.Credential) {
		c.Holders, c.Dependents, c.Owner, c.SecretGenerated = nil, nil, keepwatch.Owner{}, keepwatch.Date{}
	})}}
	first := inventory.Findings(estate)
	if len(first) < 4 || !slices.IsSortedFunc(first, func(a, b keepwatch.Finding) int { return strings.Compare(string(b.Severity), string(a.Severity)) }) {
		t.Fatalf("%+v", first)
	}
	id := first[0].ID
	estate.Acceptances = []keepwatch.Acceptance{
		{Finding: id, By: "ada", Reason: "ends soon", At: now, Until: now.AddDate(0, 1, 0)}, {Finding: first[1].ID, By: "ada", Reason: "over", Until: now},
	}
	second := inventory.Findings(estate)
	for i, f := range second {
		if accepted := f.Accepted != nil; f.ID != first[i].ID || accepted != (f.ID == id) {
			t.Errorf("%s: accepted %v", f.Kind, accepted)
		}
	}
}
