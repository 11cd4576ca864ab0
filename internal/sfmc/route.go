package sfmc

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"keepwatch"
)

// Route is what a call of a host of SFMC asks for, as far as its address tells.
type Route struct {
	Tenant keepwatch.TenantID // "" of a host of SFMC that is no configured tenant's
	Kind   keepwatch.CallKind
	Family string // of a REST path; "other" where it is none that is known
}

// TenantHosts knows the hosts of tenants. It is made once for a configuration and may be
// asked by many at a time.
type TenantHosts struct{ tenants map[string]keepwatch.TenantID }

// TenantHostsOf learns the hosts of tenants. A tenant whose endpoints are wrong has none.
func TenantHostsOf(tenants []keepwatch.Tenant) TenantHosts {
	h := TenantHosts{map[string]keepwatch.TenantID{}}
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

// Names are the hosts of one tenant, without ports, in order.
func (h TenantHosts) Names(tenant keepwatch.TenantID) []string {
	var names []string
	for name, of := range h.tenants {
		if of == tenant {
			names = append(names, host(name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Route says what a call asks for; false where the host is none of SFMC's. The host
// may have a port; a path may begin with a prefix that a stand-in was given.
func (h TenantHosts) Route(address, path string) (Route, bool) {
	name := host(address)
	tenant, known := h.tenants[strings.ToLower(address)]
	if !known {
		tenant, known = h.tenants[name]
	}
	if !known && !strings.HasSuffix(name, domain) {
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

// pathFamily is the first part of a path that is a family; a path may begin with a prefix
// that a stand-in was given. Everything else is "other": a family is a label, and a path
// may hold what a contact is called.
func pathFamily(lower string) string {
	for lower != "" {
		var first string
		first, lower, _ = strings.Cut(strings.TrimLeft(lower, "/"), "/")
		if slices.Contains(restFamilies, first) {
			return first
		}
	}
	return "other"
}

// SOAPMethod is the method that a text names ("Retrieve", "\"Retrieve\"", a SOAPAction
// address), "" where it names none.
func SOAPMethod(said string) string {
	if len(said) > 200 {
		return ""
	}
	return soapMethod(said[strings.LastIndexAny(said, "#:")+1:])
}
