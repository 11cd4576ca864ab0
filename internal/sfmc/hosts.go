package sfmc

import (
	"fmt"
	"net/url"
	"strings"

	"keepwatch"
)

// Endpoints are where one tenant is reached. Auth and REST end with a slash,
// SOAP is the whole address of the service.
type Endpoints struct {
	Auth, REST, SOAP *url.URL

	// Made once: a proof is too short to join paths in it.
	token, legacy, userinfo, context *url.URL
}

// subdomainLength is that of every tenant-specific subdomain seen.
const subdomainLength = 28

// EndpointsOf derives the hosts from the subdomain; an override wins.
func EndpointsOf(t keepwatch.Tenant) (Endpoints, error) {
	var e Endpoints
	var err error
	if e.Auth, err = endpoint(t, "auth", t.AuthURL); err != nil {
		return Endpoints{}, err
	}
	if e.REST, err = endpoint(t, "rest", t.RESTURL); err != nil {
		return Endpoints{}, err
	}
	if e.SOAP, err = endpoint(t, "soap", t.SOAPURL); err != nil {
		return Endpoints{}, err
	}
	if !strings.HasSuffix(strings.ToLower(e.SOAP.Path), ".asmx") {
		e.SOAP = e.SOAP.JoinPath("Service.asmx")
	}
	e.token, e.userinfo = e.Auth.JoinPath("v2/token"), e.Auth.JoinPath("v2/userinfo")
	e.legacy = e.Auth.JoinPath("v1/requestToken")
	e.legacy.RawQuery = "legacy=1"
	e.context = e.REST.JoinPath("platform/v1/tokenContext")
	return e, nil
}

func endpoint(t keepwatch.Tenant, host, override string) (*url.URL, error) {
	if override == "" {
		if err := ValidSubdomain(t.Subdomain); err != nil {
			return nil, err
		}
		return &url.URL{Scheme: "https", Host: strings.ToLower(t.Subdomain) + "." + host + ".marketingcloudapis.com", Path: "/"}, nil
	}
	u, err := url.Parse(override)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, keepwatch.WithHint(
			fmt.Errorf("tenant %q: endpoints.%s is not an address: %w", t.ID, host, keepwatch.ErrInvalid),
			"write http:// or https://, a host and perhaps a path, without name, query or fragment")
	}
	if u.Path == "" || (host != "soap" && !strings.HasSuffix(u.Path, "/")) {
		u.Path += "/"
	}
	return u, nil
}

// ValidSubdomain checks the form. Runs of hyphens do occur.
func ValidSubdomain(s string) error {
	ok := len(s) == subdomainLength && s[0] != '-' && s[len(s)-1] != '-'
	for i := 0; ok && i < len(s); i++ {
		c := s[i] | 0x20
		ok = c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '-'
	}
	if !ok {
		return keepwatch.WithHint(fmt.Errorf("subdomain %q: %w", cut(oneLine(s), 60), keepwatch.ErrInvalid),
			"copy the 28 characters before .auth.marketingcloudapis.com from "+clickPackage+" > API Integration")
	}
	return nil
}
