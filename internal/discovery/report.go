package discovery

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Report is what one look at an account found. It is stored as JSON and holds no
// secret, no address of a person, and of people only the user names in the audit
// trail.
type Report struct {
	Tenant     keepwatch.TenantID     `json:"tenant"`
	Credential keepwatch.CredentialID `json:"credential"` // the one that looked
	At         time.Time              `json:"at"`
	Calls      int                    `json:"calls"` // requests made

	Enterprise     keepwatch.MID `json:"enterprise,omitempty"`
	EnterpriseName string        `json:"enterprise_name,omitempty"`
	Unit           keepwatch.MID `json:"unit,omitempty"` // where the token stood: the enterprise, unless that was refused
	Stack          string        `json:"stack,omitempty"`
	Package        string        `json:"package,omitempty"` // of the credential that looked
	User           string        `json:"user,omitempty"`    // its hidden user
	Scopes         []string      `json:"scopes,omitempty"`  // of its token, sorted
	Asked          []string      `json:"asked,omitempty"`   // for which scopes; empty: for all

	Parts      []Part    `json:"parts"`
	Units      []Unit    `json:"units,omitempty"`
	Packages   []Package `json:"packages,omitempty"`
	APIUsers   []APIUser `json:"api_users,omitempty"`
	Events     []Event   `json:"events,omitempty"`     // of packages, newest first
	Registered []Unit    `json:"registered,omitempty"` // the tenant's business units as they were defined then

	// What Follow carries from report to report.
	Unseen      []Package                         `json:"unseen,omitempty"` // known from before; this look was not complete enough to tell
	Gone        []GonePackage                     `json:"gone,omitempty"`
	ScopeChange *ScopeChange                      `json:"scope_change,omitempty"`
	Links       map[keepwatch.CredentialID]string `json:"links,omitempty"` // credential to hidden user, proven by identity
}

// Unit is one business unit.
type Unit struct {
	MID    keepwatch.MID `json:"mid"`
	Parent keepwatch.MID `json:"parent,omitempty"` // 0: the enterprise itself
	Name   string        `json:"name,omitempty"`
	Active bool          `json:"active"`
}

// Package is one installed package with an API integration, as its hidden user
// shows it. Its client id, scopes and dates are not to be seen.
type Package struct {
	User     string          `json:"user"`
	Name     string          `json:"name"`
	Cut      bool            `json:"cut,omitempty"`    // the name is too long, and SFMC cut it
	System   bool            `json:"system,omitempty"` // installed by SFMC itself
	Active   bool            `json:"active"`
	Unit     keepwatch.MID   `json:"unit,omitempty"`
	Granted  []keepwatch.MID `json:"granted,omitempty"` // business units; only where that part was read
	Created  time.Time       `json:"created,omitzero"`
	Modified time.Time       `json:"modified,omitzero"`
}

// APIUser is one user that a program signs in as with a password.
type APIUser struct {
	User       string          `json:"user"`
	Login      string          `json:"login"`
	Active     bool            `json:"active"`
	Locked     bool            `json:"locked,omitempty"`
	MustChange bool            `json:"must_change_password,omitempty"`
	LastLogin  time.Time       `json:"last_login,omitzero"`
	Created    time.Time       `json:"created,omitzero"`
	Unit       keepwatch.MID   `json:"unit,omitempty"`
	Granted    []keepwatch.MID `json:"granted,omitempty"`
}

// Event is one entry of the audit trail about packages.
type Event struct {
	ID        string        `json:"id,omitempty"`
	At        time.Time     `json:"at"`
	Unit      keepwatch.MID `json:"unit,omitempty"`
	By        string        `json:"by,omitempty"`
	Kind      string        `json:"kind"`
	Operation string        `json:"operation"`
	Object    string        `json:"object,omitempty"`
}

// GonePackage is a package that was there at an earlier look and is not any more.
type GonePackage struct {
	Package
	Since time.Time `json:"since"` // the first look without it
}

// ScopeChange is how the scopes of the token differ from those before.
type ScopeChange struct {
	At      time.Time `json:"at"` // the first look with the new ones
	Added   []string  `json:"added,omitempty"`
	Removed []string  `json:"removed,omitempty"`
}

// PartName is one thing that a look reads.
type PartName string

// The parts, in the order in which they are read.
const (
	PartIdentity PartName = "identity"
	PartUnits    PartName = "business_units"
	PartUsers    PartName = "users"
	PartGrants   PartName = "grants"
	PartAudit    PartName = "audit"
)

// PartState is how a part went.
type PartState string

const (
	PartComplete   PartState = "complete"
	PartPartial    PartState = "partial"     // some came; Missing says what did not
	PartNotOffered PartState = "not_offered" // scope, permission or feature missing: unknown, not absent
	PartFailed     PartState = "failed"      // SFMC or the network did not answer
	PartSkipped    PartState = "skipped"     // not asked, because of what failed before
)

// Part says how the reading of one thing went.
type Part struct {
	Name    PartName          `json:"name"`
	State   PartState         `json:"state"`
	Outcome keepwatch.Outcome `json:"outcome"` // of the call that decided
	Read    int               `json:"read"`    // entries
	Missing string            `json:"missing,omitempty"`
	Hint    string            `json:"hint,omitempty"`
}

// Part returns how a thing went; one that is not in the report was skipped.
func (r Report) Part(name PartName) Part {
	for _, p := range r.Parts {
		if p.Name == name {
			return p
		}
	}
	return Part{Name: name, State: PartSkipped}
}

// Complete reports whether a thing was read to its end, so that what is not in it
// does not exist.
func (r Report) Complete(name PartName) bool { return r.Part(name).State == PartComplete }

// Seen counts what was found, by its name in the report.
func (r Report) Seen() map[string]int {
	return map[string]int{
		"business_units": len(r.Units), "packages": len(r.Packages), "api_users": len(r.APIUsers),
		"scopes": len(r.Scopes), "events": len(r.Events),
	}
}

// Notes say in a sentence each what could not be looked at.
func (r Report) Notes() []string {
	notes := []string{}
	for _, p := range r.Parts {
		if p.Missing != "" {
			notes = append(notes, "Not read: "+strings.TrimSuffix(p.Missing, ".")+".")
		}
	}
	return notes
}

// Unlisted are those of BusinessUnits that the tenant's definition does not list.
func (r Report) Unlisted() []keepwatch.BusinessUnit {
	return slices.DeleteFunc(r.BusinessUnits(), func(u keepwatch.BusinessUnit) bool {
		return slices.ContainsFunc(r.Registered, func(known Unit) bool { return known.MID == u.MID })
	})
}

// BusinessUnits is the tree as a proposal for the tenant's business_units: the
// active ones, the enterprise first, then by name.
func (r Report) BusinessUnits() []keepwatch.BusinessUnit {
	var out []keepwatch.BusinessUnit
	sorted := slices.SortedFunc(slices.Values(r.Units), func(a, b Unit) int {
		return cmp.Or(cmp.Compare(min(a.Parent, 1), min(b.Parent, 1)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.MID, b.MID))
	})
	for _, u := range sorted {
		if u.Active {
			out = append(out, keepwatch.BusinessUnit{MID: u.MID, Name: u.Name})
		}
	}
	return out
}
