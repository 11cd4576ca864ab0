package sfmc

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"keepwatch"
)

// TokenAsk is what somebody's token request says. Secret is the reader's own copy:
// Wipe it when it is no longer needed.
type TokenAsk struct {
	Grant    string // "client_credentials", "authorization_code", "refresh_token"; "legacy" of v1
	ClientID string
	Account  keepwatch.MID // 0: the business unit that owns the package
	Secret   []byte
	Refresh  []byte
}

// Wipe overwrites the secrets.
func (a *TokenAsk) Wipe() {
	clear(a.Secret)
	clear(a.Refresh)
}

// MaxTokenAsk is more than any client sends for a token.
const MaxTokenAsk = 16 << 10

// ReadTokenAsk reads the body of a token request: the JSON of v2 or v1, or a form,
// which some blogs show and no documentation. It is false where no client is named.
func ReadTokenAsk(contentType string, body []byte) (TokenAsk, bool) {
	if len(body) > MaxTokenAsk {
		return TokenAsk{}, false
	}
	want := []field{
		{key: "client_id"}, {key: "client_secret"}, {key: "grant_type"}, {key: "account_id"}, {key: "refresh_token"},
		{key: "clientId"}, {key: "clientSecret"}, {key: "refreshToken"},
	}
	if t, _, _ := mime.ParseMediaType(contentType); t == "application/x-www-form-urlencoded" {
		pickForm(body, want)
	} else if body = trimBOM(bytes.TrimSpace(body)); !valid(body) || pick(body, want) != nil {
		return TokenAsk{}, false
	}
	a := TokenAsk{
		Grant: keepShort(text(want[2].value)), ClientID: keepShort(scalar(want[0].value)), Account: keepwatch.MID(whole(want[3].value)),
		Secret: ownBytes(want[1].value), Refresh: ownBytes(want[4].value),
	}
	if a.ClientID == "" {
		a.Grant, a.ClientID = "legacy", keepShort(scalar(want[5].value))
		a.Secret, a.Refresh = ownBytes(want[6].value), ownBytes(want[7].value)
	}
	return a, a.ClientID != ""
}

// keepShort drops what is too long, or not printable ASCII, to be a client's name:
// it will be shown.
func keepShort(s string) string {
	if len(s) > 100 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// ownBytes copies a string value, so that it can be wiped.
func ownBytes(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return bytes.Clone(inner)
	}
	return []byte(text(raw))
}

// pickForm finds fields of a form. Values become JSON strings, as pick's are.
func pickForm(body []byte, want []field) {
	for pair := range bytes.SplitSeq(body, []byte("&")) {
		name, value, _ := bytes.Cut(pair, []byte("="))
		for i := range want {
			if want[i].key == string(name) && want[i].value == nil {
				plain := unescapeForm(value)
				want[i].value = appendString(make([]byte, 0, len(plain)+2), plain)
				clear(plain)
			}
		}
	}
}

// unescapeForm decodes a value of a form. url.QueryUnescape would leave the secret
// in a string, which cannot be wiped.
func unescapeForm(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '+':
			out = append(out, ' ')
		case b[i] == '%' && i+2 < len(b) && hexDigit(b[i+1]) >= 0 && hexDigit(b[i+2]) >= 0:
			out = append(out, byte(hexDigit(b[i+1])<<4|hexDigit(b[i+2])))
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// ReadToken reads the answer to somebody's token request, on OnToken or OnLegacy.
func ReadToken(r Reply) (Token, Verdict) {
	if r.Status < 200 || r.Status >= 300 || r.TooLarge {
		return Token{}, Classify(r)
	}
	if r.On == OnLegacy {
		return parseLegacyToken(r)
	}
	return parseToken(r)
}

// SwapInstances replaces the addresses of the instances in the answer of a token
// endpoint or of userinfo, and leaves every other byte. swap is asked for each with
// its host and returns the new one, or false to leave it. SwapInstances is false
// where nothing was replaced, or the answer is no JSON object.
func SwapInstances(on Surface, body []byte, swap func(Host, string) (string, bool)) ([]byte, bool) {
	object := trimBOM(bytes.TrimSpace(body))
	if !valid(object) {
		return body, false
	}
	if on == OnIdentity {
		block := []field{{key: "rest"}}
		if pick(object, block) != nil || len(block[0].value) == 0 || block[0].value[0] != '{' {
			return body, false
		}
		object = block[0].value
	}
	want := []field{{key: "rest_instance_url"}, {key: "soap_instance_url"}}
	if pick(object, want) != nil {
		return body, false
	}
	out, last := make([]byte, 0, len(body)+128), 0
	if offset(body, want[0].value) > offset(body, want[1].value) {
		want[0], want[1] = want[1], want[0]
	}
	for _, f := range want {
		old := text(f.value)
		if old == "" || !utf8.Valid(f.value) { // no address; the client may make of it what it does
			continue
		}
		host := HostREST
		if f.key[0] == 's' {
			host = HostSOAP
		}
		next, ok := swap(host, old)
		if !ok {
			continue
		}
		at := offset(body, f.value)
		out = appendString(append(out, body[last:at]...), []byte(next))
		last = at + len(f.value)
	}
	if last == 0 {
		return body, false
	}
	return append(out, body[last:]...), true
}

// offset is where part, a slice of whole that reaches to the end of its room,
// begins in it.
func offset(whole, part []byte) int {
	if part == nil {
		return 0
	}
	return cap(whole) - cap(part)
}
