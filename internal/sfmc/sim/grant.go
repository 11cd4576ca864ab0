package sim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

const (
	codeLife    = 5 * time.Minute
	refreshLife = 30 * 24 * time.Hour
	// maxGrants bounds what is remembered: codes not yet redeemed and refresh
	// tokens not yet used. The oldest go first.
	maxGrants = 4096
)

// grants remembers codes and refresh tokens: each works once, so it cannot be
// told from its own bytes alone whether it still does.
type grants struct {
	byValue map[string]grant
	order   []string
}

type grant struct {
	clientID string
	redirect string
	scopes   []string
	epoch    uint32
	expires  time.Time
}

func (g *grants) put(value string, entry grant) {
	if g.byValue == nil {
		g.byValue = map[string]grant{}
	}
	g.byValue[value] = entry
	g.order = append(g.order, value)
	for len(g.order) > maxGrants {
		delete(g.byValue, g.order[0])
		g.order = g.order[1:]
	}
}

// take removes a grant: it is spent even when it turns out to be useless.
func (g *grants) take(value string) (grant, bool) {
	entry, ok := g.byValue[value]
	if ok {
		delete(g.byValue, value)
		g.order = slices.DeleteFunc(g.order, func(v string) bool { return v == value })
	}
	return entry, ok
}

// authorize serves GET /v2/authorize and signs its one user in at once.
func (c *call) authorize() answer {
	q := c.r.URL.Query()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	k := c.s.clients[q.Get("client_id")]
	if k == nil || (k.spec.Kind != keepwatch.WebApp && k.spec.Kind != keepwatch.PublicApp) {
		return badClientID() // by documentation not redirected
	}
	target, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("redirect_uri") == "" || (k.spec.RedirectURI != "" && q.Get("redirect_uri") != k.spec.RedirectURI) {
		return invalidRequest("redirect_uri does not match the package.")
	}
	back := target.Query()
	if state := q.Get("state"); state != "" {
		back.Set("state", state)
	}
	scopes := k.current(c.now).scopes
	if asked := strings.Fields(q.Get("scope")); len(asked) > 0 {
		scopes = slices.DeleteFunc(asked, func(s string) bool { return !slices.Contains(scopes, s) })
	}
	if q.Get("response_type") != "code" {
		back.Set("error", "unsupported_response_type")
	} else {
		code := randomText(64)
		c.s.grants.put(code, grant{k.spec.ClientID, q.Get("redirect_uri"), scopes, k.epoch, c.now.Add(codeLife)})
		back.Set("code", code)
	}
	target.RawQuery = back.Encode()
	return answer{status: http.StatusFound, kind: "text/html"}.with("Location", target.String())
}

// redeemCode turns a code into the first pair of tokens.
func (c *call) redeemCode() answer {
	g, ok := c.s.grants.take(c.grant.Code)
	if !ok || !c.holds(g) || g.redirect != c.grant.RedirectURI {
		return invalidGrant()
	}
	return c.issuePair(g.scopes)
}

// redeemRefresh turns a refresh token into a new pair; the old one is spent.
func (c *call) redeemRefresh() answer {
	g, ok := c.s.grants.take(c.grant.RefreshToken)
	if !ok || !c.holds(g) {
		return invalidGrant()
	}
	return c.issuePair(g.scopes)
}

func (c *call) holds(g grant) bool {
	return g.clientID == c.client.spec.ClientID && g.epoch == c.client.epoch && c.now.Before(g.expires)
}

func (c *call) issuePair(scopes []string) answer {
	refresh := randomText(128)
	a := c.issue(scopes, refresh)
	if a.status == http.StatusOK {
		c.s.grants.put(refresh, grant{c.client.spec.ClientID, "", scopes, c.client.epoch, c.now.Add(refreshLife)})
	}
	return a
}

// legacyGranted judges the keys of a legacy package.
func (c *call) legacyGranted() bool {
	k := c.client
	return k != nil && k.spec.Kind == keepwatch.LegacyPackage && k.enabled && k.installed && k.secrets.accepts(c.grant.ClientSecret, c.now, false)
}

// legacyToken serves POST /v1/requestToken for packages of before 2019. Its
// tokens are as short-lived as the answer says and work like any other.
func (c *call) legacyToken() answer {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	k, g := c.client, &c.grant
	switch {
	case c.r.Method != http.MethodPost:
		return restError(http.StatusMethodNotAllowed, 0, "Method Not Allowed")
	case g.broken || !c.legacyGranted():
		return legacyUnauthorized()
	}
	t := ticket{
		clientID: k.spec.ClientID, mid: k.spec.MID, epoch: k.epoch,
		expires: c.now.Add(time.Hour), scopes: c.s.scopes.set(k.current(c.now).scopes),
	}
	reply := map[string]any{"accessToken": c.s.mint(t, &k.spec), "expiresIn": 3600}
	if c.r.URL.Query().Get("legacy") == "1" {
		reply["legacyToken"] = c.s.mint(t, &k.spec)
	}
	return jsonAnswer(http.StatusOK, reply)
}
