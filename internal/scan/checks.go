package scan

// Check is one thing that a scan looks at.
type Check struct {
	Name   string
	Title  string // for people
	Proves string // what a good answer shows, and what it does not
	Rule   string // how loud a bad one is
	Source string // where the rule comes from
	// Network: the answer comes over the network, so that unknown everywhere means
	// that there is none.
	Network bool
}

// Checks is the table of everything that a scan looks at, in the order in which it is
// shown. docs/scan.md repeats it.
var Checks = []Check{
	{"public_token_call", "Secrets in public scripts", "that no script of the page holds a client secret or asks for a token, as far as scripts can be read without running them",
		"critical with a secret, or with a call that puts one together; warning for a token call without one", "Salesforce: secrets of server-to-server packages belong on servers", true},
	{"host", "Hosts", "that the host's name resolves and that it answers on its port", "critical when it refuses or its name is gone; unknown when nothing answers, which may be this machine's network", "RFC 1034, RFC 9293", true},
	{"tls_expiry", "Certificates: dates", "when the certificate, or one of its chain, ends", "critical once ended and in the last week (or twelfth of its life); warning in the last 30 days (or quarter)", "RFC 5280 §4.1.2.5; CA/Browser Forum limits", true},
	{"tls_name", "Certificates: names", "that the certificate is for this host", "critical when it is not: every click in a mail ends at a warning", "RFC 9525", true},
	{"tls_chain", "Certificates: chain", "that a caller with the usual roots trusts it", "critical when it is self-signed, incomplete or from an unknown root", "RFC 5280 §6", true},
	{"tls_strength", "Certificates: strength", "that key and signature are not of a kind that is broken", "warning when they are", "CA/Browser Forum Baseline Requirements §6.1.5", true},
	{"tls_issuer", "Certificates: issuer", "who renews it: SFMC buys from DigiCert and renews by itself, others are the customer's to renew", "info when it is the customer's", "Salesforce Help: Marketing Cloud SSL Certification Information", true},
	{"caa", "Certificates: CAA", "that the authority behind the certificate may issue the next one", "warning when it may not; critical when it is due within 30 days", "RFC 8659", true},
	{"subdomain", "Tenant subdomain", "that auth, rest and soap of the tenant all resolve; not that somebody uses it", "critical when one does not", "Salesforce Developers: tenant-specific endpoints", true},
	{"api_host", "API hosts", "that the host answers one request without a credential, and how fast; not that any credential works", "critical when it fails; warning when it answers otherwise than documented or takes over 3 s", "Salesforce Developers: error handling", true},
	{"wsdl", "SOAP description", "that clients which read the WSDL at start can start", "warning when it is not served; critical when the host fails", "Salesforce Developers: SOAP API", true},
	{"spf", "SPF", "that the record can be evaluated and lets SFMC send", "critical when it cannot be evaluated or lets everybody send; warning when it is missing, or when the domain is SFMC's and SFMC is not in it", "RFC 7208 §4.6.4", true},
	{"dkim", "DKIM", "that keys under the selectors that SFMC uses can be used; other selectors cannot be listed", "critical when a key is broken; warning when it is revoked, short or marked as a test, or when an SFMC domain has none", "RFC 6376 §3.6.1, RFC 8301", true},
	{"dmarc", "DMARC", "what receivers do with mail that fails", "critical when there are several records; warning when there is none or it is malformed; info for p=none", "RFC 7489 §6.3, §6.6.3", true},
	{"mx", "Replies and bounces", "that mail to the domain can be delivered", "critical when a mail server's name is gone; warning when there is none", "RFC 5321 §5.1, RFC 7505", true},
	{"dnssec", "DNSSEC", "what the name server says of signatures; it is believed, not checked", "critical when validation fails; ok when validated; info when the zone is not signed or nobody says", "RFC 4035 §4.9", true},
	{"stack", "Stack", "on which SFMC stack the domain's mail ends", "warning when names point to different stacks; info when none shows it", "Trailhead: Sender Authentication Package", true},
	{"trust_status", "Trust status", "what Salesforce publishes of the stack now", "critical in a major incident, warning in a minor one, info in maintenance or when it cannot be read", "status.salesforce.com", false},
	{"page", "Page", "that the page is served", "critical when it fails, warning when it is not found", "RFC 9110 §15", true},
	{"redirect", "Redirects", "where a visitor ends, and that nothing is asked for in the open on the way", "critical for a loop and for a step from https to http; warning for too many steps and for a page that is served without TLS", "RFC 9110 §15.4", true},
	{"hsts", "HSTS", "that browsers refuse to ask in the open", "info when it is missing or under 30 days", "RFC 6797", true},
	{"mixed_content", "Mixed content", "that the page loads nothing over http", "warning for scripts, styles and frames, which browsers block; info for pictures", "W3C Mixed Content", true},
	{"default_host", "Default host", "whether the page stands on a name of the customer's own", "info when it stands on sfmc-content.com", "Salesforce Help: CloudPages domains", false},
	{"secret_rule", "Client secrets", "when a secret ends that was generated on a day; nothing outside shows that day", "info; with the day of generation like a certificate", "Salesforce Developers: rotate OAuth 2.0 secrets", false},
	{"sso_certificate", "SSO certificate", "a date that is the same for everybody who signs in by SAML", "info", "Salesforce Help 000393017", false},
	{"egress_address", "Our address", "which address of this machine the scan left from; behind NAT the world sees another one", "info", "Salesforce Help: login IP allowlist", false},
}

var checkIndex = func() map[string]Check {
	m := make(map[string]Check, len(Checks))
	for _, c := range Checks {
		m[c.Name] = c
	}
	return m
}()

// CheckNamed finds a row of the table.
func CheckNamed(name string) (Check, bool) {
	c, ok := checkIndex[name]
	return c, ok
}
