package keepwatch

import "time"

// Item is a record that belongs to the interface (made there, by import or by the
// API), not to a file.
type Item struct {
	Credential Credential
	Version    int // counts changes; a writer names the one it saw
	CreatedAt  time.Time
	UpdatedAt  time.Time
	UpdatedBy  string
}

// ChangeKind is what happened to a record.
type ChangeKind string

const (
	ChangeCreated ChangeKind = "created"
	ChangeUpdated ChangeKind = "updated"
	ChangeRemoved ChangeKind = "removed"
)

// Change is one row of a record's history. A secret is never in it: a new one
// reads as the field "secret" with the values "set" or a reference.
type Change struct {
	Credential CredentialID
	At         time.Time
	By         string // a person, a token's name, "file keepwatch.yaml:12"
	Via        string // ui, api, import, file, rotation
	Kind       ChangeKind
	Fields     []FieldChange
}

// FieldChange is one field's old and new value as text.
type FieldChange struct {
	Field string
	Old   string
	New   string
}

// Finding is something about the estate that somebody should know or decide:
// not a failure. Its id stays the same while it holds.
type Finding struct {
	ID         string // Digest of kind and subject
	Kind       FindingKind
	Severity   Severity
	Tenant     TenantID
	Credential CredentialID // "" when it concerns none that is registered
	Subject    string       // what it is about: a credential, a package, a user
	Message    string       // the fact
	Reason     string       // why it matters
	Hint       string       // what to do
	Accepted   *Acceptance  // nil while nobody accepted it, or when that ended
}

// FindingKind is the fixed name of a finding.
type FindingKind string

// The findings about the inventory, and those of discovery.
const (
	FindingNoOwner           FindingKind = "no_owner"
	FindingNoDate            FindingKind = "no_date"
	FindingStaleDate         FindingKind = "date_not_confirmed"
	FindingSharedByHolders   FindingKind = "shared_by_holders"
	FindingDuplicateClientID FindingKind = "duplicate_client_id"
	FindingNoDependents      FindingKind = "no_dependents"
	FindingNoHolders         FindingKind = "no_holders"
	FindingNeverProven       FindingKind = "never_proven"
	FindingWideScopes        FindingKind = "scopes_wider_than_needed"
	FindingMissingScopes     FindingKind = "scopes_missing_for_tests"
	FindingScopeDrift        FindingKind = "scopes_changed"
	FindingDateContradicted  FindingKind = "date_contradicted"
	FindingRenewalOverdue    FindingKind = "renewal_overdue"
	FindingLegacy            FindingKind = "legacy_package"
	FindingIdle              FindingKind = "idle"
	FindingFileShadows       FindingKind = "file_and_interface" // both hold the same id
	FindingUnknownPackage    FindingKind = "package_not_registered"
	FindingPackageGone       FindingKind = "package_gone"
	FindingPackageInactive   FindingKind = "package_inactive"
	FindingUnknownUser       FindingKind = "user_not_registered" // an API user
	FindingUserLocked        FindingKind = "user_locked"
	FindingUserInactive      FindingKind = "user_inactive"
	FindingMustChange        FindingKind = "user_must_change_password"
	FindingNoLogin           FindingKind = "user_without_recent_login"
	FindingUnknownUnit       FindingKind = "business_unit_not_registered"
	FindingUnitGone          FindingKind = "business_unit_gone"
	FindingPackageChanged    FindingKind = "package_changed"       // audit trail
	FindingUnknownClient     FindingKind = "client_not_registered" // seen in traffic
	FindingUnclearClient     FindingKind = "client_unclear"        // seen in traffic: it may be one of several
)

// FindingKinds are all of them, in the order above.
var FindingKinds = []FindingKind{
	FindingNoOwner, FindingNoDate, FindingStaleDate, FindingSharedByHolders, FindingDuplicateClientID, FindingNoDependents,
	FindingNoHolders, FindingNeverProven, FindingWideScopes, FindingMissingScopes, FindingScopeDrift, FindingDateContradicted,
	FindingRenewalOverdue, FindingLegacy, FindingIdle, FindingFileShadows, FindingUnknownPackage, FindingPackageGone, FindingPackageInactive,
	FindingUnknownUser, FindingUserLocked, FindingUserInactive, FindingMustChange, FindingNoLogin, FindingUnknownUnit, FindingUnitGone,
	FindingPackageChanged, FindingUnknownClient, FindingUnclearClient,
}

// Acceptance is a decision to live with a finding until a date. It always ends.
type Acceptance struct {
	Finding string
	By      string
	Reason  string
	At      time.Time
	Until   time.Time
}

// Feed is one calendar feed. Only a hash of its unguessable token is kept.
type Feed struct {
	ID        string
	Owner     string // "" is everybody's
	Hash      string
	CreatedAt time.Time
	CreatedBy string
	RevokedAt time.Time
}

// FeedEvent remembers what a calendar event said last, so that a moved date
// raises its sequence.
type FeedEvent struct {
	UID       string
	Digest    string
	Sequence  int
	ChangedAt time.Time
}
