package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/gateway"
	"keepwatch/internal/sfmc"
)

type gatewayDraft struct {
	listeners                           []at[listenerDraft]
	baseURL                             at[string]
	rewrite                             at[bool]
	trusted                             []netip.Prefix
	holderHeader                        at[string]
	connections, perAddress, maxBodyMiB at[int]
}

type listenerDraft struct {
	name, listen, holder, baseURL at[string]
	tls                           at[gatewayTLSDraft]
	hosts                         []at[hostDraft]
}

type gatewayTLSDraft struct{ cert, key, clientCA at[string] }

type hostDraft struct {
	name, tenant at[string]
	to           sfmc.Host
}

func gatewayKind() kind[gatewayDraft] {
	return object(
		key("listeners", "the addresses that holders reach it at; none switches it off", list(located(listenerKind()), 100), func(g *gatewayDraft) *[]at[listenerDraft] { return &g.listeners }),
		key("base_url", "how holders reach it; without it, the address that each request was sent to", located(webURL()), func(g *gatewayDraft) *at[string] { return &g.baseURL }),
		key("rewrite_instance_urls", "whether the addresses in token answers become the gateway's, so that holders stay on it; the default is true", located(boolean()), func(g *gatewayDraft) *at[bool] { return &g.rewrite }),
		key("trusted_peers", "addresses or networks of proxies in front of it; only they may name a holder and the address that it came to", list(network(), 100), func(g *gatewayDraft) *[]netip.Prefix { return &g.trusted }),
		key("holder_header", "the header in which a trusted peer names the holder; it is never passed on", located(headerName()), func(g *gatewayDraft) *at[string] { return &g.holderHeader }),
		key("max_connections", "open connections of holders; the default is 10000", located(integer("a number of connections", 1, 1_000_000)), func(g *gatewayDraft) *at[int] { return &g.connections }),
		key("max_connections_per_address", "of them from one address; the default is 1000", located(integer("a number of connections", 1, 1_000_000)), func(g *gatewayDraft) *at[int] { return &g.perAddress }),
		key("max_body_mib", "size of one request's body in MiB; the default is 256", located(integer("a size in MiB", 1, 1<<20)), func(g *gatewayDraft) *at[int] { return &g.maxBodyMiB }),
	)
}

func listenerKind() kind[listenerDraft] {
	return object(
		key("name", "what it is called in logs and in /readyz; the default is the address", located(identifier[string]("a name")), func(l *listenerDraft) *at[string] { return &l.name }),
		key("listen", "address and port", located(hostPort(true)), func(l *listenerDraft) *at[string] { return &l.listen }).must(),
		key("holder", "whom everybody who comes here is taken for, where nothing better is known", located(free(100)), func(l *listenerDraft) *at[string] { return &l.holder }),
		key("base_url", "how holders reach this listener, where it is not gateway.base_url", located(webURL()), func(l *listenerDraft) *at[string] { return &l.baseURL }),
		key("tls", "what it shows; without it, it speaks plain HTTP", located(gatewayTLSKind()), func(l *listenerDraft) *at[gatewayTLSDraft] { return &l.tls }),
		key("hosts", "names that each stand for one host of one tenant", list(located(gatewayHostKind()), 1000), func(l *listenerDraft) *[]at[hostDraft] { return &l.hosts }),
	)
}

func gatewayTLSKind() kind[gatewayTLSDraft] {
	return object(
		key("certificate", "reference to its certificate, in PEM, with its chain; read again when it changes", located(secretRef()), func(t *gatewayTLSDraft) *at[string] { return &t.cert }).must(),
		key("key", "reference to the key of that certificate", located(secretRef()), func(t *gatewayTLSDraft) *at[string] { return &t.key }).must(),
		key("client_ca", "reference to the issuers of the holders' certificates, in PEM; with it, nobody comes without one", located(secretRef()), func(t *gatewayTLSDraft) *at[string] { return &t.clientCA }),
	)
}

func gatewayHostKind() kind[hostDraft] {
	return object(
		key("name", "the name that holders use", located(hostName()), func(h *hostDraft) *at[string] { return &h.name }).must(),
		key("tenant", "id of the tenant", located(identifier[string]("the id of a tenant")), func(h *hostDraft) *at[string] { return &h.tenant }).must(),
		key("to", "the host of the tenant", choice("a host of a tenant", sfmc.Hosts...), func(h *hostDraft) *sfmc.Host { return &h.to }).must(),
	)
}

// network reads an address or a network.
func network() kind[netip.Prefix] {
	return parsed(schema{"type": "string"}, "an address or a network", "an address like 10.0.0.5, or a network like 10.0.0.0/8", func(v string) (netip.Prefix, bool) {
		if addr, err := netip.ParseAddr(v); err == nil && addr.Zone() == "" {
			return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), true
		}
		p, err := netip.ParsePrefix(v)
		return p, err == nil && p.Masked() == p
	})
}

// headerName reads the name of a header that is nobody else's.
func headerName() kind[string] {
	return parsed(schema{"type": "string", "pattern": "^[A-Za-z0-9-]+$"}, "the name of a header of your own", "a name like X-Holder, of letters, digits and dashes, that HTTP itself does not use", func(v string) (string, bool) {
		taken := []string{"host", "connection", "content-length", "content-type", "transfer-encoding", "authorization", "soapaction", "te", "trailer", "upgrade", "expect", "cookie"}
		good := v != "" && len(v) <= 100 && strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == ""
		return v, good && !slices.Contains(taken, strings.ToLower(v))
	})
}

// gateway needs the tenants.
func (m *merger) gateway(c *Config) {
	d := m.all.gateway.v
	g := gateway.Config{
		BaseURL: gatewayBase(d.baseURL), KeepInstanceURLs: d.rewrite.at.set() && !d.rewrite.v, Trusted: d.trusted, HolderHeader: d.holderHeader.v,
		Limits: gateway.Limits{Connections: d.connections.v, PerAddress: d.perAddress.v, Body: int64(d.maxBodyMiB.v) << 20},
	}
	if d.holderHeader.at.set() && len(d.trusted) == 0 {
		d.holderHeader.at.fault("trusted_peers beside it", "nobody is trusted to name a holder")
	}
	addresses, called := names{}, names{}
	for _, l := range d.listeners {
		if !l.v.listen.at.set() || !addresses.first(l.v.listen.v, l.v.listen.at, "address of a listener") {
			continue
		}
		if l.v.listen.v == c.Server.Listen && !strings.HasSuffix(l.v.listen.v, ":0") {
			l.v.listen.at.fault("another port", "the web interface listens on %s already", quote(l.v.listen.v))
		}
		name := cmp.Or(l.v.name.v, l.v.listen.v)
		if l.v.name.at.set() && !called.first(name, l.v.name.at, "listener") {
			continue
		}
		listener := gateway.Listener{Name: name, Listen: l.v.listen.v, Holder: l.v.holder.v, BaseURL: gatewayBase(l.v.baseURL), Hosts: hostNames(c, l.v.hosts)}
		if l.v.tls.at.set() {
			t := l.v.tls.v
			listener.TLS = &gateway.TLS{Certificate: t.cert.v, Key: t.key.v, ClientCA: t.clientCA.v}
		}
		g.Listeners = append(g.Listeners, listener)
	}
	c.Gateway = g
}

func hostNames(c *Config, drafts []at[hostDraft]) []gateway.HostName {
	seen := names{}
	var out []gateway.HostName
	for _, d := range drafts {
		if !d.v.name.at.set() || !d.v.tenant.at.set() || !seen.first(strings.ToLower(d.v.name.v), d.v.name.at, "host name of a listener") {
			continue
		}
		id := keepwatch.TenantID(d.v.tenant.v)
		if _, known := c.tenants[id]; !known {
			unknown(d.v.tenant.at, "tenant", d.v.tenant.v, tenantNames(c))
			continue
		}
		out = append(out, gateway.HostName{Name: strings.ToLower(d.v.name.v), Tenant: id, Host: d.v.to})
	}
	return out
}

// gatewayBase parses what webURL has accepted; a query would end up in the middle of
// addresses.
func gatewayBase(d at[string]) *url.URL {
	if !d.at.set() {
		return nil
	}
	u, ok := parseWeb(strings.TrimRight(d.v, "/"))
	if !ok || u.RawQuery != "" {
		d.at.fault("https://HOST or https://HOST/PATH", "the address that others begin with has a query")
		return nil
	}
	return u
}

// reserved are the segments that tell the hosts of a tenant apart in the gateway's
// addresses.
func reserved(name string) bool { return slices.Contains(sfmc.Hosts, sfmc.Host(strings.ToLower(name))) }

// warnOfGateway finds what works and is unwise.
func (m *merger) warnOfGateway(c *Config) {
	for _, l := range m.all.gateway.v.listeners {
		if !l.v.tls.at.set() && !loopback(l.v.listen.v) && len(c.Gateway.Trusted) == 0 {
			c.warn(l.v.listen.at.where(), "the gateway speaks plain HTTP on an address that others reach: secrets and tokens travel in clear. Give it tls, or name the proxy before it in trusted_peers")
		}
	}
	if len(c.Gateway.Listeners) == 0 {
		return
	}
	for _, cred := range c.Credentials {
		for _, h := range cred.Holders {
			if reserved(h.Name) {
				c.warn(Fault{File: cred.File, Key: "credentials." + string(cred.ID) + ".holders"}, "a holder called %s cannot be named in the gateway's addresses", quote(h.Name))
			}
		}
	}
}
