package sim

import (
	"strings"
)

// Hosts of a tenant, as a Fault's On names them.
const (
	hostAuth = "auth"
	hostREST = "rest"
	hostSOAP = "soap"
)

// Names of routes, as counters and a Fault's On show them. REST reads are named
// by their path.
const (
	routeToken        = "token"
	routeLegacyToken  = "legacy_token"
	routeAuthorize    = "authorize"
	routeUserinfo     = "userinfo"
	routeDiscovery    = "discovery"
	routeTokenContext = "tokenContext"
	routeEndpoints    = "endpoints"
	routeWSDL         = "wsdl"
	routeSOAP         = "soap"
	routeUnknown      = "unknown"
)

// route is where a request goes.
type route struct {
	host   string
	name   string
	path   string // lower case, without what a client put before it
	family *family
	serve  func(*call) answer
}

// identity reports whether the route tells who a token belongs to and so needs
// no scope.
func (r *route) identity() bool { return r.name == routeUserinfo || r.name == routeTokenContext }

// find tells routes apart by how their path ends, in any case. Clients put
// whole URLs before it (to pass their own checks of the host) and lower-case it.
func find(path string) route {
	path = strings.ToLower(path)
	_, path = cutOrigin(path)
	for _, r := range suffixRoutes {
		if strings.HasSuffix(path, r.path) {
			return r
		}
	}
	if i := strings.Index(path, "/platform/v1/endpoints/"); i >= 0 {
		return route{hostREST, routeEndpoints, path[i:], nil, (*call).endpoints}
	}
	if f, at := familyOf(path); f != nil {
		return route{hostREST, f.route, path[at:], f, (*call).read}
	}
	return route{hostREST, routeUnknown, path, nil, (*call).notFound}
}

// cutOrigin splits a whole URL off the front of a path: the host in it, and the
// path behind it. Something on the way may have merged its slashes.
func cutOrigin(path string) (host, rest string) {
	if i := strings.LastIndex(path, ":/"); i >= 0 {
		host, rest, _ = strings.Cut(strings.TrimLeft(path[i+1:], "/"), "/")
		path = rest
	}
	return host, "/" + strings.TrimLeft(path, "/")
}

var suffixRoutes = []route{
	{hostAuth, routeToken, "/v2/token", nil, (*call).token},
	{hostAuth, routeLegacyToken, "/v1/requesttoken", nil, (*call).legacyToken},
	{hostAuth, routeAuthorize, "/v2/authorize", nil, (*call).authorize},
	{hostAuth, routeUserinfo, "/v2/userinfo", nil, (*call).userinfo},
	{hostAuth, routeDiscovery, "/v2/discovery", nil, (*call).discovery},
	{hostREST, routeTokenContext, "/platform/v1/tokencontext", nil, (*call).tokenContext},
	{hostREST, routeEndpoints, "/platform/v1/endpoints", nil, (*call).endpoints},
	{hostSOAP, routeWSDL, "/etframework.wsdl", nil, (*call).wsdl},
	{hostSOAP, routeSOAP, "/service.asmx", nil, (*call).soap},
}
