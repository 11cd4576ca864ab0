package gateway

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Config is how the gateway is reached and what it allows. Its zero value is off.
type Config struct {
	Listeners []Listener
	// BaseURL is where clients reach the gateway; nil takes what each request was
	// sent to. It has no slash at the end.
	BaseURL *url.URL
	// KeepInstanceURLs leaves the addresses in token answers as SFMC wrote them, so
	// that clients go on without us.
	KeepInstanceURLs bool
	// Trusted are proxies in front of us. Only they may say who a holder is, and
	// under what address the client came.
	Trusted      []netip.Prefix
	HolderHeader string // in which a trusted proxy names the holder; "" is none
	Limits       Limits
}

// Limits protect the gateway. A zero takes the default.
type Limits struct {
	Connections int   // at a time, over all listeners; 10,000
	PerAddress  int   // of them from one address; 1,000
	Body        int64 // bytes of one request; 256 MiB
}

// The defaults of Limits. SFMC publishes no limit of a body; the cap is against a
// client that never ends.
const (
	DefaultConnections = 10_000
	DefaultPerAddress  = 1_000
	DefaultBody        = 256 << 20
)

func (l Limits) whole() Limits {
	if l.Connections <= 0 {
		l.Connections = DefaultConnections
	}
	if l.PerAddress <= 0 {
		l.PerAddress = DefaultPerAddress
	}
	if l.Body <= 0 {
		l.Body = DefaultBody
	}
	return l
}

// What protects against clients that are slow or endless. The figures are those of
// Envoy's guide for servers at the edge where it has some.
const (
	maxHead     = 32 << 10
	maxFields   = 100
	headTime    = 5 * time.Second  // from the first byte of a head to its last
	idleTime    = 60 * time.Second // of a connection between two requests
	bodyGrace   = 20 * time.Second // that a body may be waited for at all …
	bodyRate    = 500              // … and bytes a second that win more of it
	writeTime   = 60 * time.Second // that a client may take to accept a piece of an answer
	maxStreams  = 100              // of one HTTP/2 connection
	handshaking = 10 * time.Second
)

// Listener is one address that is listened on.
type Listener struct {
	Name    string
	Listen  string // HOST:PORT
	Holder  string // whom everybody here is taken for where nothing better is known
	BaseURL *url.URL
	TLS     *TLS // nil: plain HTTP, for a loopback or behind a proxy
	Hosts   []HostName
}

// TLS are references to what a listener shows, in PEM.
type TLS struct {
	Certificate string // with its chain
	Key         string
	ClientCA    string // who may come; "" lets everybody come
}

// HostName is a name under which clients reach one host of one tenant.
type HostName struct {
	Name   string // lower case
	Tenant keepwatch.TenantID
	Host   sfmc.Host
}

// Setup is a configuration with the estate that it serves.
type Setup struct {
	Config
	Tenants     []keepwatch.Tenant
	Credentials []keepwatch.Credential
}

// known finds credentials by what a request names, and holders by how an address
// spells them.
type known struct {
	logins  map[login][]keepwatch.Credential
	holders map[holderKey]string
}

type login struct {
	tenant keepwatch.TenantID
	name   string // client id or user name
}

type holderKey struct {
	tenant keepwatch.TenantID
	name   string // folded
}

func knownOf(s Setup) known {
	k := known{logins: map[login][]keepwatch.Credential{}, holders: map[holderKey]string{}}
	for _, c := range s.Credentials {
		for _, name := range []string{c.ClientID, c.Username} {
			if name != "" {
				at := login{c.Tenant, name}
				k.logins[at] = append(k.logins[at], c)
			}
		}
		for _, h := range c.Holders {
			k.holders[holderKey{c.Tenant, fold(h.Name)}] = h.Name
		}
	}
	return k
}

// credential is who logs in. One package may be in the inventory once for each
// business unit: the one that is asked for wins.
func (k known) credential(tenant keepwatch.TenantID, name string, unit keepwatch.MID) keepwatch.CredentialID {
	all := k.logins[login{tenant, name}]
	for _, c := range all {
		if c.BusinessUnit == unit {
			return c.ID
		}
	}
	if len(all) > 0 {
		return all[0].ID
	}
	return ""
}

// holder is the inventory's spelling of a holder of the tenant.
func (k known) holder(tenant keepwatch.TenantID, name string) (string, bool) {
	spelt, ok := k.holders[holderKey{tenant, fold(name)}]
	return spelt, ok
}

// fold makes "Shop backend" and "shop-backend" the same.
func fold(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		if r < 0x80 && !(r >= 'a' && r <= 'z') && !(r >= '0' && r <= '9') {
			dash = b.Len() > 0
			continue
		}
		if dash {
			b.WriteByte('-')
		}
		dash = false
		b.WriteRune(r)
	}
	return b.String()
}
