package keepwatch

import "time"

// Kind is what a credential is to SFMC.
type Kind string

const (
	// ServerToServer is an installed package with a client secret.
	ServerToServer Kind = "server_to_server"
	// LegacyPackage is a package of before 2019, with v1 tokens.
	LegacyPackage Kind = "legacy_package"
	// APIUser is a SOAP user name and password.
	APIUser Kind = "api_user"
)

// Kinds lists every kind that a configuration may name, in the order shown to users.
var Kinds = []Kind{ServerToServer, LegacyPackage, APIUser}

// Criticality says how soon a failure hurts. It names a tier.
type Criticality string

const (
	Transactional Criticality = "transactional"
	Standard      Criticality = "standard"
	Reporting     Criticality = "reporting"
)

// Criticalities in falling order.
var Criticalities = []Criticality{Transactional, Standard, Reporting}

// Tenant is one SFMC enterprise account as Keepwatch reaches it.
type Tenant struct {
	ID            TenantID
	Subdomain     string // 28 characters; the hosts follow from it
	AuthURL       string // only to override a host; "" means derived
	RESTURL       string
	SOAPURL       string
	BusinessUnits []BusinessUnit
}

// BusinessUnit is one account below a tenant.
type BusinessUnit struct {
	MID  MID
	Name string
}

// Credential is one registered credential. It holds references to its secrets,
// never the secrets.
type Credential struct {
	ID              CredentialID
	Tenant          TenantID
	BusinessUnit    MID
	Kind            Kind
	ClientID        string // server-to-server, legacy
	Username        string // API user
	SecretRef       string // "env:NAME", "file:/path"
	SecretGenerated time.Time
	Deadline        Deadline // when the secret ends, and how we know
	Criticality     Criticality
	Owner           Owner
	Purpose         string
	Holders         []Holder
	Dependents      []Dependent
	RunbookURL      string
	Tests           []string // as configured, in order; "identity" first
	Scopes          []string // asked for in the token request; nil asks for all
	File            string   // the file and line that define it, for messages
}

// Owner is who answers for a credential.
type Owner struct {
	Team    string
	Contact string
}

// Holder is a system that keeps a copy of the secret.
type Holder struct {
	Name    string
	Contact string
}

// Dependent is something in SFMC that stops when the credential does.
type Dependent struct {
	Kind string // journey, automation, data_extension, triggered_send, transactional_email, transactional_sms
	Key  string

	ContactsPerDay  float64
	ValuePerContact float64
	Reads           []string
	FedBy           string
	OnOutage        string // "late" or "lost"
	ExpectRowsEvery time.Duration
	TimestampField  string
	MaxQueueAge     time.Duration
}
