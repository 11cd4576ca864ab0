package client

import "time"

// Record is a credential as somebody writes it down: the same names as in a
// configuration file. Dates are days such as 2026-09-28, or an RFC 3339 time where
// the time of day is known; durations read like 90s, 12h or 180d.
type Record struct {
	ID              string             `json:"id" minLength:"1" maxLength:"200" doc:"unique over all tenants; it never changes"`
	Tenant          string             `json:"tenant" minLength:"1" maxLength:"200"`
	BusinessUnit    *int64             `json:"business_unit,omitempty" doc:"MID; left out, the business unit that owns the package"`
	Kind            string             `json:"kind" minLength:"1" maxLength:"50"`
	ClientID        string             `json:"client_id,omitempty" maxLength:"500"`
	Package         string             `json:"package,omitempty" maxLength:"500" doc:"the installed package's name in Setup, where it differs from the id"`
	Username        string             `json:"username,omitempty" maxLength:"500"`
	Secret          string             `json:"secret,omitempty" maxLength:"1000" doc:"a reference such as env:NAME or file:/path, never the secret itself; a sealed one is set by PUT …/secret"`
	SecretGenerated string             `json:"secret_generated,omitempty" maxLength:"40"`
	Expires         string             `json:"expires,omitempty" maxLength:"40" doc:"typed by a person; beats a derived date"`
	LastUsed        string             `json:"last_used,omitempty" maxLength:"40" doc:"by anybody but Keepwatch"`
	ValidFor        string             `json:"valid_for,omitempty" maxLength:"40" doc:"how long it lives where the account decides"`
	IdleFor         string             `json:"idle_for,omitempty" maxLength:"40" doc:"how long it may lie idle where the account decides"`
	DatesConfirmed  string             `json:"dates_confirmed,omitempty" maxLength:"40"`
	Certificate     *CertificateSource `json:"certificate,omitempty"`
	Criticality     string             `json:"criticality,omitempty" enum:"transactional,standard,reporting" doc:"standard when left out"`
	Owner           *RecordOwner       `json:"owner,omitempty"`
	Purpose         string             `json:"purpose,omitempty" maxLength:"2000"`
	Environment     string             `json:"environment,omitempty" maxLength:"200"`
	Region          string             `json:"region,omitempty" maxLength:"200"`
	Area            string             `json:"area,omitempty" maxLength:"200"`
	Holders         []RecordHolder     `json:"holders,omitempty" maxItems:"200"`
	Dependents      []RecordDependent  `json:"dependents,omitempty" maxItems:"1000"`
	Renewal         *Renewal           `json:"renewal,omitempty"`
	ExpiryLadder    []string           `json:"expiry_ladder,omitempty" maxItems:"20" doc:"own warnings before the end, such as 30d"`
	RunbookURL      string             `json:"runbook_url,omitempty" maxLength:"2000"`
	PushedEvery     string             `json:"pushed_every,omitempty" maxLength:"40" doc:"how often somebody else pushes a verdict; it is then not tested here"`
	Discover        bool               `json:"discover,omitempty" doc:"may be used to look at the account itself"`
	Tests           []string           `json:"tests,omitempty" maxItems:"50"`
	Scopes          []string           `json:"scopes,omitempty" maxItems:"200"`
}

// RecordOwner is who answers for a credential.
type RecordOwner struct {
	Team    string `json:"team,omitempty" maxLength:"200"`
	Contact string `json:"contact,omitempty" maxLength:"500"`
}

// RecordHolder is a system that keeps a copy of the secret.
type RecordHolder struct {
	Name    string `json:"name" minLength:"1" maxLength:"200"`
	Contact string `json:"contact,omitempty" maxLength:"500"`
}

// CertificateSource is where a certificate is read.
type CertificateSource struct {
	File       string `json:"file,omitempty" maxLength:"1000"`
	Endpoint   string `json:"endpoint,omitempty" maxLength:"500" doc:"host:port that shows it in a TLS handshake"`
	ServerName string `json:"server_name,omitempty" maxLength:"300"`
	Password   string `json:"password,omitempty" maxLength:"1000" doc:"a reference, for a keystore"`
	Alias      string `json:"alias,omitempty" maxLength:"300"`
}

// RecordDependent is something that stops when the credential does.
type RecordDependent struct {
	Kind            string   `json:"kind" minLength:"1" maxLength:"50"`
	Key             string   `json:"key" minLength:"1" maxLength:"500"`
	ContactsPerDay  float64  `json:"contacts_per_day,omitempty" minimum:"0"`
	ValuePerContact float64  `json:"value_per_contact,omitempty" minimum:"0"`
	Reads           []string `json:"reads,omitempty" maxItems:"200"`
	FedBy           string   `json:"fed_by,omitempty" maxLength:"500"`
	OnOutage        string   `json:"on_outage,omitempty" enum:"late,lost"`
	ExpectRowsEvery string   `json:"expect_rows_every,omitempty" maxLength:"40"`
	TimestampField  string   `json:"timestamp_field,omitempty" maxLength:"200"`
	MaxQueueAge     string   `json:"max_queue_age,omitempty" maxLength:"40"`
}

// Renewal is how a credential is planned to be renewed.
type Renewal struct {
	Every   string `json:"every,omitempty" maxLength:"40"`
	Planned string `json:"planned,omitempty" maxLength:"40"`
	Window  string `json:"window,omitempty" maxLength:"40"`
	By      string `json:"by,omitempty" maxLength:"200"`
	Ticket  bool   `json:"ticket,omitempty" doc:"a warning opens a ticket instead of paging"`
}

// StoredRecord is a record as it stands. A file's record has no version: it is
// changed where it is written.
type StoredRecord struct {
	Record
	Version   int        `json:"version" doc:"counts changes; send it as If-Match. 0: a file defines the record"`
	CreatedAt *time.Time `json:"created_at"`
	UpdatedAt *time.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by"`
	DefinedIn string     `json:"defined_in" doc:"the file and line that define it; empty when it belongs to the interface"`
}

// NewSecret is a secret on its way in. No answer ever carries one.
type NewSecret struct {
	Secret    string `json:"secret" minLength:"1" maxLength:"8192" writeOnly:"true" doc:"sealed at once; it cannot be read back"`
	Generated string `json:"generated,omitempty" maxLength:"40" doc:"the day it was made; the clock counts from it"`
}

// Change is one row of a record's history. A secret never stands in it.
type Change struct {
	Credential string        `json:"credential"`
	At         time.Time     `json:"at"`
	By         string        `json:"by"`
	Via        string        `json:"via" doc:"ui, api, import, file or rotation"`
	Kind       string        `json:"kind" enum:"created,updated,removed"`
	Fields     []FieldChange `json:"fields" nullable:"false"`
}

// FieldChange is one field's old and new value as text.
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Clock is one clock of a credential: a date on which it ends, or on which it has
// lain idle for too long.
type Clock struct {
	Name        string     `json:"name" doc:"secret, password, certificate, login, …"`
	Kind        string     `json:"kind" enum:"hard_date,idle,session"`
	EndsAt      *time.Time `json:"ends_at" doc:"null when nobody knows"`
	EndsOn      string     `json:"ends_on" doc:"the same as a day in the zone of its calendar; empty when nobody knows"`
	Zone        string     `json:"zone"`
	DaysLeft    *int       `json:"days_left" doc:"in that zone; negative once it has passed, null when nobody knows"`
	Source      string     `json:"source" enum:"read,derived,typed,assumed,unknown"`
	Basis       string     `json:"basis" doc:"where the date comes from, in words"`
	Since       string     `json:"since" doc:"what it counts from; empty when unknown"`
	ConfirmedOn string     `json:"confirmed_on" doc:"when the date was last confirmed; empty when never"`
}

// Ending is one clock of one credential in the list of what ends.
type Ending struct {
	Credential   string `json:"credential"`
	Tenant       string `json:"tenant"`
	BusinessUnit *int64 `json:"business_unit"`
	Kind         string `json:"kind" doc:"of the credential"`
	Purpose      string `json:"purpose"`
	Owner        string `json:"owner"`
	OwnerContact string `json:"owner_contact"`
	Criticality  string `json:"criticality"`
	State        string `json:"state" doc:"of the credential"`
	DefinedIn    string `json:"defined_in"`

	Clock Clock `json:"clock"`

	PlannedRenewal string `json:"planned_renewal" doc:"the day; empty when none is planned"`
	RenewalBy      string `json:"renewal_by"`
	Quiet          bool   `json:"quiet" doc:"the planned renewal quiets the warnings until it has passed"`
	Attention      string `json:"attention" doc:"what is wrong with the plan; empty when nothing is"`
	Contradicted   bool   `json:"contradicted" doc:"the date has passed, yet the credential was proven after it"`
	Severity       string `json:"severity" enum:"info,warning,critical,unknown" doc:"critical once a known date has passed, warning in its last two weeks, unknown without a date"`
}

// Expiring is one page of what ends, soonest first; those that nobody knows come
// last and are never left out.
type Expiring struct {
	At      time.Time `json:"at" doc:"when this was true"`
	Within  string    `json:"within" doc:"how far it looks ahead"`
	Items   []Ending  `json:"items" nullable:"false"`
	Next    *string   `json:"next" doc:"cursor of the next page; null on the last one"`
	Ended   int       `json:"ended" doc:"of all pages: have ended"`
	Soon    int       `json:"soon" doc:"of all pages: end within the time asked for"`
	Undated int       `json:"undated" doc:"of all pages: nobody knows when"`

	Days []AheadEnd `json:"days" nullable:"false" doc:"of all pages: the days on which something ends"`
}

// Import says what an import will do, or has done.
type Import struct {
	Format    string        `json:"format"`
	Applied   bool          `json:"applied" doc:"false: a preview, nothing was written"`
	Rows      int           `json:"rows" doc:"rows of the sheet: new + changed + unchanged + wrong"`
	New       []ImportRow   `json:"new" nullable:"false"`
	Changed   []ImportRow   `json:"changed" nullable:"false"`
	Unchanged []ImportRow   `json:"unchanged" nullable:"false"`
	Wrong     []ImportFault `json:"wrong" nullable:"false"`
	Ignored   []string      `json:"ignored" nullable:"false" doc:"columns that mean nothing here"`
	Notes     []string      `json:"notes" nullable:"false" doc:"what was understood in a way worth knowing"`
}

// ImportRow is one row that goes in.
type ImportRow struct {
	Credential string        `json:"credential"`
	Line       int           `json:"line"`
	MatchedBy  string        `json:"matched_by" doc:"how the record was found: id, client_id or package; empty for a new one"`
	Fields     []FieldChange `json:"fields" nullable:"false" doc:"what changes; of a new record all that is set"`
}

// ImportFault is one row that does not, and why.
type ImportFault struct {
	Line       int    `json:"line"`
	Column     string `json:"column" doc:"as the sheet calls it; empty when it is the row as a whole"`
	Credential string `json:"credential" doc:"the record that the row is about, where that can be told"`
	Message    string `json:"message"`
	Hint       string `json:"hint"`
}

// Finding is something about the estate that somebody should know or decide.
type Finding struct {
	ID         string      `json:"id" doc:"stays the same while it holds"`
	Kind       string      `json:"kind"`
	Severity   string      `json:"severity" enum:"info,warning,critical"`
	Tenant     string      `json:"tenant"`
	Credential *string     `json:"credential" doc:"null when it concerns none that is registered"`
	Owner      string      `json:"owner"`
	Subject    string      `json:"subject"`
	Message    string      `json:"message" doc:"the fact"`
	Reason     string      `json:"reason" doc:"why it matters"`
	Hint       string      `json:"hint" doc:"what to do"`
	Accepted   *Acceptance `json:"accepted" doc:"null while nobody accepted it, or when that ended"`
}

// Acceptance is a decision to live with a finding until a date.
type Acceptance struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
}

// NewAcceptance accepts a finding. It always ends.
type NewAcceptance struct {
	Reason string    `json:"reason" minLength:"1" maxLength:"1000"`
	Until  time.Time `json:"until" doc:"at most a year ahead"`
}

// Feed is one calendar feed, without its address.
type Feed struct {
	ID        string     `json:"id"`
	Owner     string     `json:"owner" doc:"the team whose dates it holds; empty: everybody's"`
	CreatedAt *time.Time `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	RevokedAt *time.Time `json:"revoked_at"`
}

// NewFeed asks for a calendar feed.
type NewFeed struct {
	Owner string `json:"owner,omitempty" maxLength:"200" doc:"the team whose dates it holds; left out: everybody's"`
}

// CreatedFeed is the one answer that carries the feed's address.
type CreatedFeed struct {
	Feed
	Path    string `json:"path" doc:"shown once; whoever knows it may read the feed without an account"`
	Address string `json:"address" doc:"the same in full; empty where server.base_url is not set"`
}

// Discovery is what a look at one account found.
type Discovery struct {
	Tenant     string         `json:"tenant"`
	Credential string         `json:"credential" doc:"the one that looked"`
	At         time.Time      `json:"at"`
	Calls      int            `json:"calls" doc:"made for this look"`
	Seen       map[string]int `json:"seen" nullable:"false" doc:"how many of each thing"`
	Notes      []string       `json:"notes" nullable:"false" doc:"what could not be looked at, and why"`
	Unlisted   []ListedUnit   `json:"unlisted_business_units" nullable:"false" doc:"in the account and not in business_units of the tenant: a proposal to take over"`
	Findings   []Finding      `json:"findings" nullable:"false"`
}

// ListedUnit is an entry of a tenant's business_units, as the configuration has it.
type ListedUnit struct {
	MID  int64  `json:"mid"`
	Name string `json:"name"`
}

// InventoryItem is one credential in the table of all.
type InventoryItem struct {
	Credential
	ClientID       string  `json:"client_id"`
	Package        string  `json:"package"`
	Username       string  `json:"username"`
	Environment    string  `json:"environment"`
	Region         string  `json:"region"`
	Area           string  `json:"area"`
	Holders        int     `json:"holders" doc:"systems that keep a copy"`
	Dependents     int     `json:"dependents" doc:"what stops with it"`
	PlannedRenewal string  `json:"planned_renewal" doc:"the day; empty when none is planned"`
	RenewalBy      string  `json:"renewal_by"`
	EverySeconds   float64 `json:"every_seconds" doc:"between two proofs in business hours; 0 where it has no test"`
	DefinedIn      string  `json:"defined_in" doc:"the file and line that define it; empty when it belongs to the interface"`
}

// Inventory is one page of the table of all credentials.
type Inventory struct {
	At      time.Time       `json:"at"`
	Items   []InventoryItem `json:"items" nullable:"false"`
	Next    *string         `json:"next" doc:"cursor of the next page; null on the last one"`
	Matched int             `json:"matched" doc:"of all pages: what the filter lets through"`
	Total   int             `json:"total" doc:"without a filter"`
	From    int             `json:"from" doc:"the place of the first item in the whole list, from 1"`
	Counts  map[string]int  `json:"counts" nullable:"false" doc:"of all pages: credentials by state"`
}

// NewBulk asks to change many records alike.
type NewBulk struct {
	Records []SeenRecord      `json:"records" minItems:"1" maxItems:"1000" nullable:"false"`
	Set     map[string]string `json:"set" nullable:"false" doc:"values by the names of fields, such as owner.team; an empty one clears the field"`
	Apply   bool              `json:"apply,omitempty" doc:"write it; else the answer says what would happen, and nothing is written"`
}

// SeenRecord is a record in the version in which somebody saw it.
type SeenRecord struct {
	ID      string `json:"id" minLength:"1" maxLength:"200"`
	Version int    `json:"version,omitempty" minimum:"0" doc:"another one is a conflict; left out, whichever it is"`
}

// Bulk says what a change of many records will do, or has done.
type Bulk struct {
	Applied   bool          `json:"applied" doc:"false: a preview, nothing was written"`
	Changed   []BulkRow     `json:"changed" nullable:"false"`
	Unchanged []string      `json:"unchanged" nullable:"false" doc:"have these values already"`
	Refused   []ImportFault `json:"refused" nullable:"false" doc:"stay as they are, and why"`
}

// BulkRow is one record that changes.
type BulkRow struct {
	Credential string        `json:"credential"`
	Version    int           `json:"version" doc:"that was compared"`
	Fields     []FieldChange `json:"fields" nullable:"false"`
}
