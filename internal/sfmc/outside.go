package sfmc

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// What anybody can see of a tenant from outside, without a credential. Sources are
// named in docs/scan.md.

// BrandedLabels are the hosts that SFMC serves under a customer's domain: pages,
// links and pictures in mails, the view in a browser.
var BrandedLabels = []string{"cloud", "click", "view", "image", "pages"}

// MailLabels are the names under a sending domain whose mail servers are SFMC's.
var MailLabels = []string{"reply", "leave", "bounce"}

// SPFInclude authorises SFMC's senders. "custo-spf" stands in one published sample
// and resolves for nobody.
const SPFInclude = "cust-spf.exacttarget.com"

// DKIMSelectors are those that SFMC signs with. DNS lists no selectors, so these are
// asked one by one; another one may be in use.
var DKIMSelectors = []string{"10dkim1", "11dkim1", "12dkim1", "13dkim1", "50dkim1", "51dkim1", "200608"}

// SSOCertificateEnds is the end of SFMC's own single sign-on certificate of December 2024.
var SSOCertificateEnds = keepwatch.Day(2026, time.December, 20)

// outsideWave are the days on which secrets end that were generated in the last
// month before the common end of 2026-09-30.
const outsideWave = "2027-02-28 to 2027-03-29"

// SecretWave names those days.
func SecretWave() string { return outsideWave }

var (
	stackHost  = regexp.MustCompile(`(?i)^(?:[a-z0-9-]+\.)*s([0-9]{1,3})\.exacttarget\.com\.?$`)
	serverName = regexp.MustCompile(`(?i)^ns[0-9]{1,2}\.exacttarget\.com\.?$`)
)

// StackOf reads the stack out of the name of one of its mail servers.
func StackOf(host string) (stack string, ok bool) {
	m := stackHost.FindStringSubmatch(host)
	if m == nil {
		return "", false
	}
	return "S" + m[1], true
}

// Delegated reports whether a name server is SFMC's: then the zone is kept by Salesforce.
func Delegated(server string) bool { return serverName.MatchString(server) }

// ManagedIssuer reports whether SFMC buys and renews certificates of this issuer by itself.
func ManagedIssuer(issuer string) bool {
	return strings.Contains(strings.ToLower(issuer), "digicert")
}

// DefaultPageHost reports whether a page stands on the host that SFMC gives every account.
func DefaultPageHost(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".pub.sfmc-content.com")
}

const apiDomain = ".marketingcloudapis.com"

// SubdomainOf finds the subdomain in the name of an API host.
func SubdomainOf(host string) (string, bool) {
	rest, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), apiDomain)
	if !ok {
		return "", false
	}
	for _, kind := range []string{".auth", ".rest", ".soap"} {
		if sub, ok := strings.CutSuffix(rest, kind); ok && ValidSubdomain(sub) == nil {
			return sub, true
		}
	}
	return "", false
}

// Door is one request that anybody may make to an API host, and what proves that the
// host is up.
type Door struct {
	Host string // auth, rest or soap
	URL  *url.URL
}

// Doors are one request to each API host. None carries a credential: a guess at one
// would count against the tenant's lock-out and throttling.
func Doors(e Endpoints) []Door {
	wsdl := *e.SOAP
	wsdl.Path = wsdl.Path[:strings.LastIndex(wsdl.Path, "/")+1] + "etframework.wsdl"
	return []Door{{"auth", e.Auth}, {"rest", e.REST.JoinPath("platform/v1/endpoints")}, {"soap", &wsdl}}
}

// Answered judges the answer of a door: OK when it is what a living gateway says.
// The words name shapes only, never what stands in the body.
func (d Door) Answered(status int, contentType string, body []byte) (keepwatch.Outcome, string) {
	switch {
	case status == http.StatusTooManyRequests:
		return keepwatch.RateLimited, "it asks to wait (HTTP 429)"
	case status >= 500 && bytes.Contains(bytes.ToLower(body[:min(len(body), 4096)]), []byte("maintenance")):
		return keepwatch.Maintenance, "it announces maintenance"
	case status >= 500:
		return keepwatch.PlatformError, "it fails (HTTP " + strconv.Itoa(status) + ")"
	case d.Host == "auth": // what its root says is not documented; that it answers is enough
		return keepwatch.OK, "it answers"
	case d.Host == "soap":
		return wsdlAnswer(status, body)
	}
	if status == http.StatusUnauthorized {
		if f, shape := (Reply{On: OnREST, Status: status, ContentType: contentType, Body: body}).envelope(); shape == "" && f.parsed {
			return keepwatch.OK, "the tenant's gateway answers that it wants a token"
		}
	}
	return keepwatch.UnexpectedResponse, "it does not answer as the tenant's gateway does"
}

func wsdlAnswer(status int, body []byte) (keepwatch.Outcome, string) {
	switch {
	case status == http.StatusOK && bytes.Contains(body, []byte("definitions")) && bytes.HasPrefix(trimBOM(bytes.TrimSpace(body)), []byte("<")) && !looksHTML(trimBOM(bytes.TrimSpace(body))):
		return keepwatch.OK, "the interface's description is served"
	case status == http.StatusOK:
		return keepwatch.UnexpectedResponse, "what it serves is not the interface's description"
	}
	return keepwatch.UnexpectedResponse, "it does not serve the interface's description"
}

// TrustURL is where Salesforce publishes the status of a stack, without a credential.
func TrustURL(base, stack string) string {
	return strings.TrimSuffix(base, "/") + "/v1/instances/" + url.PathEscape(stack) + "/status/preview"
}

// TrustBase is the public status interface. It is being replaced by one that wants a
// token of a person; see docs/scan.md.
const TrustBase = "https://api.status.salesforce.com"

// TrustStatus reads the status word of an answer; ok is false for what is none.
func TrustStatus(body []byte) (status string, ok bool) {
	var doc struct{ Status string }
	if json.Unmarshal(body, &doc) != nil || doc.Status == "" || len(doc.Status) > 60 {
		return "", false
	}
	for _, c := range doc.Status {
		if c != '_' && (c < 'A' || c > 'Z') {
			return "", false
		}
	}
	return doc.Status, true
}

// How a call for a token looks in the scripts of a page. Each is found by itself,
// because scripts put addresses together from pieces.
var (
	// TokenHost finds a token host.
	TokenHost = regexp.MustCompile(`(?i)(?:([0-9a-z-]{28})\.)?auth\.marketingcloudapis\.com|auth\.exacttargetapis\.com|www\.exacttargetapis\.com`)
	// TokenPath finds the path of a token request.
	TokenPath = regexp.MustCompile(`(?i)v2(?:\\{0,2}/|%2f)token|v1(?:\\{0,2}/|%2f)requesttoken`)
	// SecretKey finds the name under which a request carries the secret.
	SecretKey = regexp.MustCompile(`(?i)client[_-]?secret`)
	// SecretLiteral finds the name with a text that may be a secret behind it.
	SecretLiteral = regexp.MustCompile(`(?i)client[_-]?secret(?:\\?["'` + "`" + `])?\s*(?:[:=,]|%3d)\s*\\?["'` + "`" + `]?([0-9a-z]{20,64})(?:[^0-9a-z]|$)`)
)
