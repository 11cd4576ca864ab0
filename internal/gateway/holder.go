package gateway

import (
	"crypto/tls"
	"net/http"
	"strings"
)

// maxHolder bounds a holder's name that only a certificate or a header knows.
const maxHolder = 100

// holderOf names who sends a request: by what is proven first, by what the listener
// is for last. state is nil without TLS.
func (f *face) holderOf(r *http.Request, rt route, state *tls.ConnectionState) string {
	if name := certified(state); name != "" {
		return f.spelt(rt, name)
	}
	if header := f.shared.HolderHeader; header != "" && f.trusts(r) {
		if name := shown(r.Header.Get(header)); name != "" {
			return f.spelt(rt, name)
		}
	}
	if rt.holder != "" {
		return rt.holder
	}
	return f.spelt(rt, f.Holder)
}

// spelt prefers the inventory's spelling.
func (f *face) spelt(rt route, name string) string {
	if known, ok := f.shared.known.holder(rt.tenant.id, name); ok {
		return known
	}
	return name
}

// certified is the name in a client's certificate that was verified: the common name,
// else the first DNS name, else the first URI (SPIFFE).
func certified(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	leaf := state.PeerCertificates[0]
	switch {
	case leaf.Subject.CommonName != "":
		return shown(leaf.Subject.CommonName)
	case len(leaf.DNSNames) > 0:
		return shown(leaf.DNSNames[0])
	case len(leaf.URIs) > 0:
		return shown(leaf.URIs[0].String())
	}
	return ""
}

// shown makes a foreign name fit to be shown.
func shown(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(name), ""))
	if len(name) > maxHolder {
		name = strings.ToValidUTF8(name[:maxHolder], "")
	}
	return name
}
