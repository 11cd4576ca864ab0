package sfmc

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Token is a good answer of a token endpoint.
type Token struct {
	Access    keepwatch.Secret
	Legacy    keepwatch.Secret // v1 with legacy=1: what SOAP takes
	Refresh   keepwatch.Secret // of a refresh grant: the next one, the old is used up
	ExpiresIn time.Duration
	Scopes    []string
	REST      string // instance addresses as answered; not followed, only compared
	SOAP      string
	Claims    Claims
}

// parseToken reads a v2 answer. Everything that the documentation promises has
// to be there, but scope: a client may have none.
func parseToken(r Reply) (Token, Verdict) {
	want := [...]field{
		{key: "access_token"}, {key: "token_type"}, {key: "expires_in"}, {key: "rest_instance_url"},
		{key: "soap_instance_url"}, {key: "scope"}, {key: "refresh_token"}, {key: "error"},
	}
	if v, ok := r.read(want[:]); !ok {
		return Token{}, v
	}
	if want[7].value != nil && text(want[7].value) != "" {
		return Token{}, r.failure() // an OAuth error under a good status
	}
	access := tokenBytes(want[0].value)
	life := whole(want[2].value)
	t := Token{REST: text(want[3].value), SOAP: text(want[4].value)}
	switch {
	case access == nil:
		return Token{}, r.wire("missing_fields", "access_token")
	case !strings.EqualFold(text(want[1].value), "bearer"):
		return Token{}, r.wire("missing_fields", "token_type")
	case life < 1 || life > int64(400*24*time.Hour/time.Second):
		return Token{}, r.wire("missing_fields", "expires_in")
	case t.REST == "" || t.SOAP == "":
		return Token{}, r.wire("missing_fields", "rest_instance_url, soap_instance_url")
	}
	t.Access, t.Refresh = keepwatch.NewSecret(access), secretOf(tokenBytes(want[6].value))
	t.ExpiresIn = time.Duration(life) * time.Second
	t.Claims, _ = ClaimsOf(access)
	t.Scopes = scopesOf(text(want[5].value))
	return t, r.ok()
}

// parseLegacyToken reads a v1 answer.
func parseLegacyToken(r Reply) (Token, Verdict) {
	want := [...]field{{key: "accessToken"}, {key: "expiresIn"}, {key: "legacyToken"}, {key: "refreshToken"}}
	if v, ok := r.read(want[:]); !ok {
		return Token{}, v
	}
	access, life := tokenBytes(want[0].value), whole(want[1].value)
	if access == nil || life < 1 || life > int64(400*24*time.Hour/time.Second) {
		return Token{}, r.wire("missing_fields", "accessToken, expiresIn")
	}
	return Token{
		Access: keepwatch.NewSecret(access), Legacy: secretOf(tokenBytes(want[2].value)),
		Refresh: secretOf(tokenBytes(want[3].value)), ExpiresIn: time.Duration(life) * time.Second,
	}, r.ok()
}

// read checks shape and type of a good JSON answer and picks its fields.
func (r Reply) read(want []field) (Verdict, bool) {
	if shape := r.badShape(); shape != "" {
		return r.wire(shape, r.mediaType()), false
	}
	if r.badType() {
		return r.wire("wrong_type", r.mediaType()), false
	}
	if err := pick(trimBOM(bytes.TrimSpace(r.Body)), want); err != nil {
		return r.wire(shapeOf(err), err.Error()), false
	}
	return Verdict{}, true
}

// tokenBytes reads a token out of JSON; one that could not stand in a header is
// no token. The copy is its only one: the body's buffer is reused.
func tokenBytes(raw []byte) []byte {
	s := text(raw)
	if s == "" || len(s) > maxToken {
		return nil
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return nil
		}
	}
	return []byte(s)
}

func secretOf(b []byte) keepwatch.Secret {
	if b == nil {
		return keepwatch.Secret{}
	}
	return keepwatch.NewSecret(b)
}

// scopesOf are the granted scopes that look like one of SFMC's (email_read, offline).
// A server that repeats our secret here shows nothing: a shape is cheaper to check
// in each good answer than the many encodings of a secret.
func scopesOf(granted string) []string {
	return slices.DeleteFunc(strings.Fields(granted), func(s string) bool { return !isScope(s) })
}

func isScope(s string) bool {
	if len(s) > 64 || s != "offline" && !strings.Contains(s, "_") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return true
}

// TokenRequest asks for a token with a client secret.
type TokenRequest struct {
	ClientID  string
	Secret    keepwatch.Secret
	AccountID keepwatch.MID // 0 leaves it out: the business unit that owns the package
	Scopes    []string      // nil leaves it out: all scopes of the package
	// RefreshToken makes it the refresh grant of web and public apps. The answer
	// holds the next one and the old one is used up: never for a holder's token.
	RefreshToken keepwatch.Secret
}

// body writes the JSON that Salesforce documents, and nothing else. It is built
// anew each time because it holds the secret, and a template would keep it.
func (t TokenRequest) body() []byte {
	b := make([]byte, 0, 256)
	b = append(b, `{"grant_type":"`...)
	if t.RefreshToken.Empty() {
		b = append(b, `client_credentials"`...)
	} else {
		b = append(b, `refresh_token","refresh_token":`...)
		b = appendString(b, t.RefreshToken.Reveal())
	}
	b = append(b, `,"client_id":`...)
	b = appendString(b, []byte(t.ClientID))
	if !t.Secret.Empty() { // public apps have none
		b = append(b, `,"client_secret":`...)
		b = appendString(b, t.Secret.Reveal())
	}
	if t.Scopes != nil {
		b = append(b, `,"scope":`...)
		b = appendString(b, []byte(strings.Join(t.Scopes, " ")))
	}
	if t.AccountID != 0 {
		b = append(b, `,"account_id":`...)
		b = append(b, t.AccountID.String()...)
	}
	return append(b, '}')
}

func (t TokenRequest) legacyBody() []byte {
	b := append(make([]byte, 0, 192), `{"clientId":`...)
	b = appendString(b, []byte(t.ClientID))
	b = append(b, `,"clientSecret":`...)
	b = appendString(b, t.Secret.Reveal())
	return append(b, '}')
}

// Identity is whom a token speaks for.
type Identity struct {
	MID, EID keepwatch.MID
	Stack    string
	UserSub  string // the hidden user of the package
}

// parseIdentity reads userinfo, or tokenContext where a stack has no userinfo.
func parseIdentity(r Reply) (Identity, Verdict) {
	want := [...]field{{key: "organization"}, {key: "enterprise"}, {key: "user"}}
	if v, ok := r.read(want[:]); !ok {
		return Identity{}, v
	}
	org := [...]field{{key: "member_id"}, {key: "enterprise_id"}, {key: "stack_key"}, {key: "id"}}
	if want[0].value == nil || pick(want[0].value, org[:]) != nil {
		return Identity{}, r.wire("missing_fields", "organization")
	}
	id := Identity{MID: keepwatch.MID(whole(org[0].value)), EID: keepwatch.MID(whole(org[1].value)), Stack: stackKey(org[2].value)}
	user := [...]field{{key: "sub"}, {key: "id"}}
	if want[2].value == nil || pick(want[2].value, user[:]) != nil {
		return Identity{}, r.wire("missing_fields", "user")
	}
	id.UserSub = scalar(user[0].value)
	if id.MID == 0 { // tokenContext
		ent := [...]field{{key: "id"}}
		if want[1].value == nil || pick(want[1].value, ent[:]) != nil {
			return Identity{}, r.wire("missing_fields", "organization.member_id")
		}
		id.MID, id.EID, id.UserSub = keepwatch.MID(whole(org[3].value)), keepwatch.MID(whole(ent[0].value)), scalar(user[1].value)
	}
	if id.MID == 0 {
		return Identity{}, r.wire("missing_fields", "organization")
	}
	return id, r.ok()
}

// classifyREST names a good-looking answer of a REST route.
func classifyREST(r Reply) Verdict {
	if shape := r.badShape(); shape != "" {
		return r.wire(shape, r.mediaType())
	}
	if r.badType() {
		return r.wire("wrong_type", r.mediaType())
	}
	body := trimBOM(bytes.TrimSpace(r.Body))
	if body[0] == '[' {
		return r.ok() // some routes answer with a bare list
	}
	var room [8]field // enough for a proof, which then allocates nothing
	want := append(room[:0], field{key: "errorcode"})
	for _, key := range r.Promise {
		want = append(want, field{key: key})
	}
	switch err := pick(body, want); {
	case err != nil:
		return r.wire(shapeOf(err), err.Error())
	case want[0].value != nil:
		return r.failure() // an error envelope under a good status
	}
	return r.promised(body, want[1:])
}

func (r Reply) promised(body []byte, want []field) Verdict {
	for _, f := range want {
		if f.value != nil {
			return r.ok()
		}
	}
	if f, shape := jsonFailure(body, failure{status: r.Status}); shape == "" && f.oauth != "" {
		return r.failure()
	}
	if len(want) > 0 || bytes.Equal(body, []byte("{}")) || !valid(body) {
		return r.wire("missing_fields", strings.Join(r.Promise, ", "))
	}
	return r.ok()
}
