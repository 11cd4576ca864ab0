package keepwatch

import "time"

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
	Currency      string // what a value per contact is counted in; "" where nobody said
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
	ClientID        string        // packages
	Package         string        // name of the installed package as Setup shows it, where it is not the id's or the purpose
	Username        string        // API user, SFTP user
	SecretRef       string        // "env:NAME", "file:/path", "sealed:ID"; "" where Keepwatch needs none
	SecretGenerated Date          // when the secret, password or key was made
	Expires         Date          // typed by a person; beats a derived end
	LastUsed        Date          // typed or pushed: by anybody but Keepwatch
	ValidFor        time.Duration // how long it lives from SecretGenerated where the account decides, such as a password policy
	IdleFor         time.Duration // how long it may lie idle where the account decides
	DatesConfirmed  Date          // when a person last confirmed the dates
	Certificate     CertificateSource
	Clocks          []Clock  // what follows from the dates and the kind, the hard ones first
	Deadline        Deadline // of the first hard clock: when the secret ends, and how we know
	Criticality     Criticality
	Owner           Owner
	Purpose         string
	Environment     string // production, staging, …
	Region          string
	Area            string // functional area: commerce, service, …
	Holders         []Holder
	Dependents      []Dependent
	Renewal         Renewal
	Ladder          []time.Duration // own warnings before the end, widest first; nil: the tier's
	RunbookURL      string
	Discover        bool     // may be used to look at the account itself
	Tests           []string // as configured, in order; "identity" first
	Scopes          []string // asked for in the token request; nil asks for all
	// Pushed is how often somebody else is expected to push a verdict; 0: it is tested here.
	Pushed time.Duration
	File   string // the file and line that define it; "" when it belongs to the interface
}

// CertificateSource is where a certificate is read.
type CertificateSource struct {
	File       string // PEM, DER, PKCS#12 or JKS
	Endpoint   string // host:port that shows it in a TLS handshake
	ServerName string // to ask for, when it is not the endpoint's host
	Password   string // reference, for a keystore
	Alias      string // entry of a JKS; "" takes every one
}

// IsZero reports whether no source is named.
func (s CertificateSource) IsZero() bool { return s == CertificateSource{} }

// IntegrationPoint is an HTTPS address that is not SFMC's and that integrations
// depend on: middleware, a webhook. The test "https:NAME" asks it.
type IntegrationPoint struct {
	Name       string
	URL        string
	ClientCert string // reference to a PEM certificate, with its chain
	ClientKey  string // reference to its key
	Roots      string // reference to PEM roots to trust instead of the system's
	Expect     []int  // statuses that prove it; nil: any 2xx
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
