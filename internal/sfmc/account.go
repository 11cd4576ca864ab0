package sfmc

import (
	"bytes"
	"context"

	"keepwatch"
)

// Account is what userinfo tells beside the identity: where the token stands and
// which package it belongs to.
type Account struct {
	Identity
	Enterprise string   // its name
	Package    string   // name of the installed package
	Scopes     []string // of the package
}

// Account proves a token like Userinfo and reads more of the same answer. Where a
// stack has no userinfo, tokenContext gives the numbers alone.
func (c *Client) Account(ctx context.Context, e Endpoints, access keepwatch.Secret) (Account, Verdict) {
	var a Account
	names := newVeil(append([][]byte{access.Reveal()}, hiddenBy(ctx)...))
	v := c.get(ctx, e.userinfo, access, Reply{On: OnIdentity}, func(r Reply) (v Verdict) {
		a, v = parseAccount(r, names)
		return v
	})
	if v.Outcome == keepwatch.NotFound {
		a.Identity, v = c.TokenContext(ctx, e, access)
	}
	return a, v
}

// LegacyAccount is Account for a v1 token, which userinfo does not know.
func (c *Client) LegacyAccount(ctx context.Context, e Endpoints, access keepwatch.Secret) (Account, Verdict) {
	id, v := c.TokenContext(ctx, e, access)
	return Account{Identity: id}, v
}

func parseAccount(r Reply, names veil) (Account, Verdict) {
	id, v := parseIdentity(r)
	a := Account{Identity: id}
	a.UserSub = names.name(a.UserSub)
	if !v.OK() {
		return Account{}, v
	}
	// Names are welcome and not promised: their absence is no fault of the answer.
	want := []field{{key: "organization"}, {key: "application"}}
	if pick(trimBOM(bytes.TrimSpace(r.Body)), want) != nil {
		return a, v
	}
	org, app := []field{{key: "enterprise_name"}}, []field{{key: "name"}, {key: "appScopes"}}
	if pick(want[0].value, org) == nil {
		a.Enterprise = names.name(text(org[0].value))
	}
	if pick(want[1].value, app) == nil {
		a.Package, a.Scopes = names.name(text(app[0].value)), scopeList(app[1].value)
	}
	return a, v
}

// scopeList reads an array of scopes, or one text with spaces between them.
func scopeList(raw []byte) []string {
	if s := text(raw); s != "" {
		return scopesOf(s)
	}
	var list []string
	for entry := range elements(raw) {
		if s := text(entry); isScope(s) && len(list) < 500 {
			list = append(list, s)
		}
	}
	return list
}
