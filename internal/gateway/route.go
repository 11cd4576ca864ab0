package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// face is what a listener is at a moment. It is never changed: a reload puts another
// one in its place, and a request keeps the one that it began with.
type face struct {
	Listener
	shared  *shared
	names   map[string]HostName
	keys    *keyring // nil: plain HTTP
	baseURL *url.URL // its own, else the gateway's; nil takes the request's
}

// shared is what all faces of one setup have.
type shared struct {
	Config
	tenants map[string]*tenant
	known   known
}

type tenant struct {
	id        keepwatch.TenantID
	subdomain string
	hosts     map[sfmc.Host]*url.URL // with a slash at the end
}

func sharedOf(s Setup) (*shared, error) {
	sh := &shared{Config: s.Config, tenants: map[string]*tenant{}, known: knownOf(s)}
	sh.Limits = s.Limits.whole()
	for _, t := range s.Tenants {
		e, err := sfmc.EndpointsOf(t)
		if err != nil {
			return nil, err
		}
		soap := *e.SOAP
		soap.Path = strings.TrimSuffix(path.Dir(soap.Path), "/") + "/"
		sh.tenants[string(t.ID)] = &tenant{t.ID, t.Subdomain, map[sfmc.Host]*url.URL{sfmc.HostAuth: e.Auth, sfmc.HostREST: e.REST, sfmc.HostSOAP: &soap}}
	}
	return sh, nil
}

func faceOf(l Listener, sh *shared, keys *keyring) (*face, error) {
	f := &face{Listener: l, shared: sh, names: map[string]HostName{}, keys: keys, baseURL: l.BaseURL}
	if f.baseURL == nil {
		f.baseURL = sh.BaseURL
	}
	for _, n := range l.Hosts {
		if _, ok := sh.tenants[string(n.Tenant)]; !ok {
			return nil, fmt.Errorf("listener %s: there is no tenant %q: %w", l.Name, n.Tenant, keepwatch.ErrInvalid)
		}
		f.names[strings.ToLower(n.Name)] = n
	}
	return f, nil
}

// route is where a request goes and whose it is.
type route struct {
	tenant  *tenant
	host    sfmc.Host
	target  string // path and query as they go to SFMC, byte for byte as they came
	prefix  string // of the client's path, before target: "/emea/shop/auth"; "" where the name alone tells
	segment string // the holder as the path names it, not unescaped
	holder  string // the same in the inventory's spelling
	named   string // SFMC's own name for the host, where the client put it in the path
}

// route finds the way of a request. The host of an absolute target is net/http's
// r.Host; it picks one of our names or nothing, never an address.
func (f *face) route(r *http.Request) (route, refusal) {
	target := originForm(r.RequestURI)
	if !strings.HasPrefix(target, "/") {
		return route{}, refuseTarget
	}
	if n, named := f.names[hostOnly(r.Host)]; named {
		rt := route{tenant: f.shared.tenants[string(n.Tenant)], host: n.Host, target: target}
		return rt, rt.stripOrigin()
	}
	first, rest := segment(target)
	t, ok := f.shared.tenants[first]
	if !ok {
		return route{}, refuseTenant
	}
	rt := route{tenant: t}
	next, after := segment(rest)
	if !isService(next) {
		rt.segment = next
		if next, after = segment(after); !isService(next) {
			return route{}, refuseService
		}
		name, err := url.PathUnescape(rt.segment)
		if err != nil {
			return route{}, refuseHolder
		}
		// A name that nobody knows is a slip of the pen, and would be a new holder for
		// every stranger who knows the address.
		if rt.holder, ok = f.shared.known.holder(t.id, name); !ok {
			return route{}, refuseHolder
		}
	}
	rt.host, rt.target, rt.prefix = sfmc.Host(next), after, target[:len(target)-len(after)]
	if !strings.HasPrefix(after, "/") {
		rt.target = "/" + after // the address of the host itself, perhaps with a query
	}
	return rt, rt.stripOrigin()
}

// originForm cuts scheme and authority off an absolute target.
func originForm(target string) string {
	scheme, rest, found := strings.Cut(target, "://")
	if !found || scheme != "http" && scheme != "https" {
		return target
	}
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		if rest[at] == '?' {
			return "/" + rest[at:]
		}
		return rest[at:]
	}
	return "/"
}

// segment takes the first one of a path; what is left begins with a slash or a query.
func segment(target string) (first, rest string) {
	target = strings.TrimPrefix(target, "/")
	at := strings.IndexAny(target, "/?")
	if at < 0 {
		return target, ""
	}
	return target[:at], target[at:]
}

func isService(name string) bool {
	return name == string(sfmc.HostAuth) || name == string(sfmc.HostREST) || name == string(sfmc.HostSOAP)
}

// stripOrigin removes SFMC's own address from the front of a path, which sfmc-sdk
// insists on: https://gateway/emea/auth/https://SUBDOMAIN.auth.…/v2/token. Another
// address than the tenant's own is refused.
func (rt *route) stripOrigin() refusal {
	lower := strings.ToLower(rt.target[:min(len(rt.target), len("/https:/"))])
	if !strings.HasPrefix(lower, "/http:/") && !strings.HasPrefix(lower, "/https:/") {
		return ""
	}
	_, rest, _ := strings.Cut(rt.target, ":")
	name, after := segment(strings.TrimLeft(rest, "/")) // something on the way may have merged the slashes
	if !sfmc.IsHost(rt.tenant.subdomain, rt.host, name) {
		return refuseForeign
	}
	if rt.target, rt.named = after, name; !strings.HasPrefix(after, "/") {
		rt.target = "/" + after
	}
	return ""
}

func hostOnly(host string) string {
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host = host[:at]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// upstream is the address that a request is sent to. It is opaque, so that every
// escape stays as it is.
func (rt *route) upstream() *url.URL {
	base := rt.tenant.hosts[rt.host]
	whole, query, asked := strings.Cut(rt.target, "?")
	whole = strings.TrimSuffix(base.EscapedPath(), "/") + whole
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Opaque: whole, RawQuery: query, ForceQuery: asked && query == ""}
	if strings.HasPrefix(whole, "//") { // net/http would make an absolute target of it
		u.Opaque, u.Path, u.RawPath = "", whole, ""
		if plain, err := url.PathUnescape(whole); err == nil {
			u.Path, u.RawPath = plain, whole
		}
	}
	return u
}

// path is what SFMC's facts are asked with.
func (rt *route) path() string {
	p, _, _ := strings.Cut(rt.target, "?")
	return p
}

// base is the address under which the client reaches one host of its tenant, with a
// slash at the end. A client that needs to see SFMC's name in one needs it in all.
func (f *face) base(r *http.Request, rt route, h sfmc.Host) string {
	at := f.place(r, rt, h)
	if rt.named != "" {
		at += "https://" + sfmc.SiblingHost(rt.named, h) + "/"
	}
	return at
}

func (f *face) place(r *http.Request, rt route, h sfmc.Host) string {
	origin := f.origin(r)
	for _, n := range f.Hosts {
		if rt.prefix == "" && n.Tenant == rt.tenant.id && n.Host == h {
			port := ""
			if at := strings.LastIndexByte(r.Host, ':'); at > strings.LastIndexByte(r.Host, ']') {
				port = r.Host[at:]
			}
			scheme, _, _ := strings.Cut(origin, "://")
			return scheme + "://" + strings.ToLower(n.Name) + port + "/"
		}
	}
	at := origin + "/" + string(rt.tenant.id) + "/"
	if rt.segment != "" {
		at += rt.segment + "/"
	}
	return at + string(h) + "/"
}

// origin is scheme and authority as the client sees us, without a slash at the end.
func (f *face) origin(r *http.Request) string {
	if f.baseURL != nil {
		return strings.TrimSuffix(f.baseURL.String(), "/")
	}
	scheme, host := "http", r.Host
	if f.keys != nil {
		scheme = "https"
	}
	if f.trusts(r) {
		if p := r.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
			scheme = p
		}
		if h := r.Header.Get("X-Forwarded-Host"); plainHost([]byte(h)) {
			host = h
		}
	}
	return scheme + "://" + host
}

// trusts reports whether the peer is one of the proxies in front of us.
func (f *face) trusts(r *http.Request) bool {
	if len(f.shared.Trusted) == 0 {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, p := range f.shared.Trusted {
		if p.Contains(peer.Addr().Unmap()) {
			return true
		}
	}
	return false
}
