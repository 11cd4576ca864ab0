package keepwatch

// Kind is what a credential is to SFMC.
type Kind string

// The kinds of credentials that integrate with SFMC.
const (
	ServerToServer      Kind = "server_to_server"      // installed package with a client secret
	WebApp              Kind = "web_app"               // installed package for people who sign in; its secret ends, too
	PublicApp           Kind = "public_app"            // installed package without a secret
	RefreshToken        Kind = "refresh_token"         // what a web or public app keeps of a person's sign-in
	LegacyPackage       Kind = "legacy_package"        // package of before 2019, with v1 tokens
	APIUser             Kind = "api_user"              // SOAP user name and password
	Certificate         Kind = "certificate"           // X.509: file, keystore or TLS endpoint
	SSOCertificate      Kind = "sso_certificate"       // SAML signing certificate of the account or of its identity provider
	SFTPPassword        Kind = "sftp_password"         // of an Enhanced FTP user
	SFTPKey             Kind = "sftp_key"              // SSH key of one
	EncryptionKey       Kind = "encryption_key"        // Key Management: symmetric, IV, salt, asymmetric
	ENSSignatureKey     Kind = "ens_signature_key"     // of an Event Notification Service callback
	JWTSecret           Kind = "jwt_signing_secret"    // of a journey's custom activity
	PushCertificate     Kind = "push_certificate"      // APNs .p12
	PushKey             Kind = "push_key"              // APNs .p8, FCM service account
	PersonalAccessToken Kind = "personal_access_token" // My Trust Center
	ConnectedApp        Kind = "connected_app"         // core Salesforce: JWT-bearer certificate
	Contract            Kind = "contract"              // the account's own contract
)

// Proof is how a kind can be proven from here.
type Proof string

const (
	ProofToken       Proof = "token"       // a token request with the real secret
	ProofSOAP        Proof = "soap"        // a SOAP login
	ProofCertificate Proof = "certificate" // the certificate is read
	ProofNone        Proof = "none"        // not at all: its clocks and its traffic are what is known
)

// KindInfo is one row of the table of kinds. The clocks of each: package expiry.
type KindInfo struct {
	Kind    Kind
	Proof   Proof
	Meaning string
}

// KindTable has every kind that a record may name, in the order shown to users.
var KindTable = []KindInfo{
	{ServerToServer, ProofToken, "installed package, server-to-server: client id and secret"},
	{WebApp, ProofNone, "installed package, web app: client id and secret, used with a person's sign-in"},
	{PublicApp, ProofNone, "installed package, public app: no secret"},
	{RefreshToken, ProofNone, "refresh token that a holder keeps; never redeemed by a test, because each use replaces it"},
	{LegacyPackage, ProofToken, "package of before 2019 with v1 tokens"},
	{APIUser, ProofSOAP, "API user: SOAP user name and password"},
	{Certificate, ProofCertificate, "X.509 certificate: file, keystore or TLS endpoint"},
	{SSOCertificate, ProofCertificate, "SAML signing certificate for single sign-on"},
	{SFTPPassword, ProofNone, "password of an SFTP user"},
	{SFTPKey, ProofNone, "SSH key of an SFTP user"},
	{EncryptionKey, ProofNone, "key of Key Management"},
	{ENSSignatureKey, ProofNone, "signature key of an Event Notification Service callback"},
	{JWTSecret, ProofNone, "JWT signing secret of a custom activity"},
	{PushCertificate, ProofCertificate, "APNs push certificate"},
	{PushKey, ProofNone, "APNs .p8 key or FCM service account"},
	{PersonalAccessToken, ProofNone, "personal access token of My Trust Center"},
	{ConnectedApp, ProofCertificate, "connected app of core Salesforce with a JWT-bearer certificate"},
	{Contract, ProofNone, "the account's contract"},
}

// Kinds lists every kind, in the order of the table.
var Kinds = func() []Kind {
	out := make([]Kind, len(KindTable))
	for i, k := range KindTable {
		out[i] = k.Kind
	}
	return out
}()

// Info is the kind's row; an unknown kind can be proven by nothing.
func (k Kind) Info() KindInfo {
	for _, row := range KindTable {
		if row.Kind == k {
			return row
		}
	}
	return KindInfo{Kind: k, Proof: ProofNone}
}

// Proof is how the kind can be proven.
func (k Kind) Proof() Proof { return k.Info().Proof }
