package sfmc

import "keepwatch"

const (
	srcHTTP  = "RFC 9110 (HTTP)"
	srcTCP   = "operating system"
	srcTLS   = "RFC 8446 (TLS), RFC 5280 (certificates)"
	srcDNS   = "DNS"
	srcOwn   = "Keepwatch"
	hintPath = "Look at what stands between here and SFMC: proxy, firewall, captive portal. Compare the hosts with the base URIs under " + clickPackage + "."
	hintSize = "Look whether a proxy answers in SFMC's place, and compare the hosts with the base URIs under " + clickPackage + "."
)

// wireCauses are what happens below the interface. They are named by the code
// that sees them, not by a match, but for the pages of a platform in maintenance.
var wireCauses = []Cause{
	{
		Name: "maintenance", Outcome: keepwatch.Maintenance, Source: srcErrors + ", 503; wording of the page not published", Assumed: true,
		Message: "SFMC answered that it is probably in maintenance.",
		Hint:    "Wait for the end of the window on trust.salesforce.com (Setup > Company Settings > Account Settings names the stack).",
		Fault:   "maintenance",
	},
	{
		Name: "unavailable", Outcome: keepwatch.PlatformError, Source: srcErrors + ", 5xx",
		Message: "SFMC answered with a server error.",
		Hint:    hintTrust,
	},
	{
		Name: "html", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "A web page came back where SFMC promises data.",
		Hint:    hintPath, Fault: "html",
	},
	{
		Name: "redirect", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "The host redirects elsewhere; Keepwatch does not follow, because it would hand over the secret.",
		Hint:    hintPath, Fault: "redirect",
	},
	{
		Name: "malformed_body", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "The answer cannot be read as what SFMC promises.",
		Hint:    hintPath, Fault: "malformed",
	},
	{
		Name: "empty_body", Outcome: keepwatch.UnexpectedResponse, Source: "rudder-transformer's SFMC tests (synthetic)",
		Message: "The answer is empty.",
		Hint:    hintPath, Fault: "empty_body",
	},
	{
		Name: "wrong_type", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "The answer has another content type than SFMC promises.",
		Hint:    hintPath, Fault: "wrong_type",
	},
	{
		Name: "missing_fields", Outcome: keepwatch.UnexpectedResponse, Source: srcS2S + "; " + srcUserinfo,
		Message: "The answer lacks fields that SFMC promises.",
		Hint:    hintPath,
	},
	{
		Name: "duplicate_keys", Outcome: keepwatch.UnexpectedResponse, Source: "RFC 8259 §4 (JSON)",
		Message: "The answer gives one field twice, so it cannot be trusted.",
		Hint:    hintPath,
	},
	{
		Name: "wrong_encoding", Outcome: keepwatch.UnexpectedResponse, Source: "RFC 8259 §8.1 (JSON)",
		Message: "The answer is not in UTF-8.",
		Hint:    hintPath,
	},
	{
		Name: "unknown_status", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "The answer has a status that SFMC does not document.",
		Hint:    hintPath,
	},
	{
		Name: "huge", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "The answer is larger than 1 MiB, so Keepwatch stopped reading.",
		Hint:    hintSize, Fault: "huge",
	},
	{
		Name: "gzip_bomb", Outcome: keepwatch.UnexpectedResponse, Source: srcHTTP,
		Message: "The answer is larger than 1 MiB once unpacked, so Keepwatch stopped reading.",
		Hint:    hintSize, Fault: "gzip_bomb", LooksLike: "huge",
	},
	{
		Name: "drip", Outcome: keepwatch.Timeout, Source: srcTCP,
		Message: "The answer trickled in and was not whole in the time allowed.",
		Hint:    hintPath, Fault: "drip",
	},
	{
		Name: "hang", Outcome: keepwatch.Timeout, Source: srcTCP,
		Message: "No answer came in the time allowed.",
		Hint:    hintPath, Fault: "hang",
	},
	{
		Name: "reset", Outcome: keepwatch.ConnectionReset, Source: srcTCP,
		Message: "The connection broke before an answer came.",
		Hint:    hintPath, Fault: "reset",
	},
	{
		Name: "truncated", Outcome: keepwatch.ConnectionReset, Source: srcTCP,
		Message: "The connection broke before the answer was whole.",
		Hint:    hintPath, Fault: "truncated",
	},
	{
		Name: "dns_failure", Outcome: keepwatch.DNSFailure, Source: srcDNS,
		Message: "The host's name does not resolve.",
		Hint:    "Compare the subdomain with the base URIs under " + clickPackage + ", then ask this machine's name server for the host.",
	},
	{
		Name: "connect_failure", Outcome: keepwatch.ConnectFailure, Source: srcTCP,
		Message: "No connection to the host could be made.",
		Hint:    "Look whether a firewall allows this machine to reach the host; the base URIs stand under " + clickPackage + ".",
	},
	{
		Name: "tls_failure", Outcome: keepwatch.TLSFailure, Source: srcTLS,
		Message: "The TLS handshake failed, or the certificate is not trusted for this host.",
		Hint:    "Look whether a proxy breaks TLS open (add its authority to this machine's trust store) and whether the host is the one under " + clickPackage + ".",
	},
	{
		Name: "certificate_expired", Outcome: keepwatch.CertificateExpired, Source: srcTLS,
		Message: "The host's certificate has ended.",
		Hint:    "Look at the certificate with a browser; if it is SFMC's own, open a case with Salesforce support, naming the base URI under " + clickPackage + ".",
	},
	{
		Name: "monitor_fault", Outcome: keepwatch.MonitorFault, Source: srcOwn,
		Message: "Keepwatch could not look.",
		Hint:    "Look at this process's log; nothing needs changing in SFMC Setup.",
	},
}
