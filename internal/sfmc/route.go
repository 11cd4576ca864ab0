package sfmc

import (
	"net"
	"net/url"
	"strings"

	"keepwatch"
)

// Route is what a call of a host of SFMC asks for, as far as its address tells.
type Route struct {
	Tenant keepwatch.TenantID // "" of a host of SFMC that is no configured tenant's
	Kind   keepwatch.CallKind
	Family string // of a REST path; "other" where it is none that is known
}

// Hosts knows the hosts of tenants. It is made once for a configuration and may be
// asked by many at a time.
type Hosts struct{ tenants map[string]keepwatch.TenantID }

// HostsOf learns the hosts of tenants. A tenant whose endpoints are wrong has none.
func HostsOf(tenants []keepwatch.Tenant) Hosts {
	h := Hosts{map[string]keepwatch.TenantID{}}
	for _, t := range tenants {
		e, err := EndpointsOf(t)
		if err != nil {
			continue
		}
		for _, u := range []*url.URL{e.Auth, e.REST, e.SOAP} {
			for _, name := range []string{strings.ToLower(u.Host), host(u.Host)} { // several stand-ins may share a host
				if _, taken := h.tenants[name]; !taken {
					h.tenants[name] = t.ID
				}
			}
		}
	}
	return h
}

// apis ends the hosts that answer for SFMC.
const apis = ".marketingcloudapis.com"

// Route says what a call asks for; false where the host is none of SFMC's. The host
// may have a port; a path may begin with a prefix that a stand-in was given.
func (h Hosts) Route(address, path string) (Route, bool) {
	name := host(address)
	tenant, known := h.tenants[strings.ToLower(address)]
	if !known {
		tenant, known = h.tenants[name]
	}
	if !known && !strings.HasSuffix(name, apis) {
		return Route{}, false
	}
	r := Route{Tenant: tenant, Kind: keepwatch.CallREST}
	lower := strings.ToLower(strings.TrimRight(path, "/"))
	switch {
	case strings.HasSuffix(lower, "/v2/token"), strings.HasSuffix(lower, "/v1/requesttoken"):
		r.Kind = keepwatch.CallToken
	case strings.HasSuffix(lower, ".asmx"), path == "" && strings.Contains(name, ".soap."):
		r.Kind = keepwatch.CallSOAP
	case path == "" && strings.Contains(name, ".auth."):
		r.Kind = keepwatch.CallToken // an older convention leaves the path out, and the host is called for little else
	default:
		r.Family = pathFamily(lower)
	}
	return r, true
}

// host is a name without its port, in the form in which names are compared.
func host(address string) string {
	if name, _, err := net.SplitHostPort(address); err == nil {
		address = name
	}
	return strings.ToLower(strings.TrimSuffix(address, "."))
}

// pathFamilies are the first parts of REST paths. Everything else is "other": a family
// is a label, and a path may hold what a contact is called.
var pathFamilies = func() map[string]bool {
	known := map[string]bool{"sms": true, "email": true, "guide": true, "events": true, "device": true, "ott": true, "mobilepush": true, "v2": true}
	for _, f := range Families {
		if path, ok := strings.CutPrefix(f.Test, "rest:/"); ok {
			first, _, _ := strings.Cut(path, "/")
			known[first] = true
		}
	}
	return known
}()

func pathFamily(lower string) string {
	for lower != "" {
		var first string
		first, lower, _ = strings.Cut(strings.TrimLeft(lower, "/"), "/")
		if pathFamilies[first] {
			return first
		}
	}
	return "other"
}

// soapMethods are the methods of the SOAP interface.
var soapMethods = []string{"Create", "Retrieve", "Update", "Delete", "Perform", "Configure", "Describe", "Execute", "Extract", "Query", "Schedule", "GetSystemStatus", "VersionInfo"}

// SOAPMethod is the method that a text names ("Retrieve", "\"Retrieve\"", a SOAPAction
// address), "" where it names none.
func SOAPMethod(said string) string {
	if len(said) > 200 {
		return ""
	}
	word := strings.Trim(said, `"' `)
	word = word[strings.LastIndexAny(word, "/#:")+1:]
	for _, m := range soapMethods {
		if strings.EqualFold(word, m) {
			return m
		}
	}
	return ""
}
