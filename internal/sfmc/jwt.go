package sfmc

import (
	"bytes"
	"encoding/base64"
)

// Claims is what an access token says about itself. The form is undocumented:
// whoever uses it has to live without.
type Claims struct {
	EID        int64  // enterprise id
	Stack      string // "S7"
	ClientType string // "ServerToServer", "Confidential"
}

const maxToken = 4096

// ClaimsOf reads the second of three or four dot-separated parts. Tokens of live
// tenants have four: header, payload, signature and an opaque rest. Nothing of
// the token is kept.
func ClaimsOf(token []byte) (Claims, bool) {
	if len(token) > maxToken || bytes.Count(token, []byte(".")) < 2 || bytes.Count(token, []byte(".")) > 3 {
		return Claims{}, false
	}
	_, rest, _ := bytes.Cut(token, []byte("."))
	part, _, _ := bytes.Cut(rest, []byte("."))
	var room [1024]byte
	part = bytes.TrimRight(part, "=")
	if base64.RawURLEncoding.DecodedLen(len(part)) > len(room) {
		return Claims{}, false
	}
	n, err := base64.RawURLEncoding.Decode(room[:], part)
	if err != nil || !valid(room[:n]) {
		return Claims{}, false
	}
	want := [...]field{{key: "eid"}, {key: "stack_key"}, {key: "client_type"}}
	if pick(room[:n], want[:]) != nil {
		return Claims{}, false
	}
	c := Claims{EID: whole(want[0].value), Stack: stackKey(want[1].value), ClientType: name(want[2].value)}
	return c, c.EID != 0 || c.Stack != ""
}

// name reads a short plain identifier; what is not one is dropped, because it
// would be shown.
// stackKey reads the name of a stack, like S7 or S50, and nothing of another shape:
// it is shown and stored, and a server may put anything here.
func stackKey(raw []byte) string {
	s := text(raw)
	if len(s) < 2 || len(s) > 6 || s[0] < 'A' || s[0] > 'Z' {
		return ""
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return ""
		}
	}
	return s
}

func name(raw []byte) string {
	s := text(raw)
	if len(s) > 20 {
		return ""
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return ""
		}
	}
	return s
}
