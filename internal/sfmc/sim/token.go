package sim

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keepwatch"
)

// grantRequest is a token request of v2 or of the legacy endpoint.
type grantRequest struct {
	GrantType    string    `json:"grant_type"`
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	AccountID    accountID `json:"account_id"`
	Scope        *string   `json:"scope"`
	Code         string    `json:"code"`
	RedirectURI  string    `json:"redirect_uri"`
	RefreshToken string    `json:"refresh_token"`

	// legacy names
	LegacyID      string `json:"clientId"`
	LegacySecret  string `json:"clientSecret"`
	LegacyRefresh string `json:"refreshToken"`

	form, basic, broken bool
}

// accountID is a MID; clients send it as a number or as a string.
type accountID struct {
	mid   keepwatch.MID
	given bool
	bad   bool
}

func (a *accountID) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if text == "" || text == "null" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	a.mid, a.given, a.bad = keepwatch.MID(n), true, err != nil || n <= 0
	return nil //nolint:nilerr // a value that is no number is kept as bad; the route answers it
}

// readGrant reads JSON, and forms too: whether SFMC takes them is not known, so
// only the strict setting refuses them.
func readGrant(r *http.Request, body []byte) grantRequest {
	var g grantRequest
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		g = readForm(string(body))
	} else if err := json.Unmarshal(body, &g); err != nil {
		g = grantRequest{broken: true}
	}
	if id, secret, ok := r.BasicAuth(); ok {
		g.basic = true
		if g.ClientID == "" {
			g.ClientID, g.ClientSecret = id, secret
		}
	}
	if g.ClientID == "" {
		g.ClientID, g.ClientSecret = g.LegacyID, g.LegacySecret
	}
	return g
}

func readForm(body string) grantRequest {
	values, err := url.ParseQuery(body)
	g := grantRequest{
		GrantType: values.Get("grant_type"), ClientID: values.Get("client_id"), ClientSecret: values.Get("client_secret"),
		Code: values.Get("code"), RedirectURI: values.Get("redirect_uri"), RefreshToken: values.Get("refresh_token"),
		form: true, broken: err != nil,
	}
	_ = g.AccountID.UnmarshalJSON([]byte(values.Get("account_id")))
	if values.Has("scope") {
		scope := values.Get("scope")
		g.Scope = &scope
	}
	return g
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
	SOAP         string `json:"soap_instance_url"`
	REST         string `json:"rest_instance_url"`
}

// token serves POST /v2/token.
func (c *call) token() answer {
	g := &c.grant
	switch {
	case c.r.Method != http.MethodPost:
		return restError(http.StatusMethodNotAllowed, 0, "Method Not Allowed")
	case g.broken:
		return invalidRequest("The request body is not valid JSON.")
	case c.settings.Strict && (g.form || g.basic):
		return invalidRequest("The request must be JSON with the client's credentials in its body.")
	case c.settings.Strict && !g.AccountID.given:
		return invalidRequest("account_id is missing.")
	case g.AccountID.bad:
		return invalidRequest("account_id is not a number.")
	case !slices.Contains([]string{"client_credentials", "authorization_code", "refresh_token"}, g.GrantType):
		return unsupportedGrant()
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if refusal, ok := c.authenticate(); !ok {
		return refusal
	}
	switch g.GrantType {
	case "authorization_code":
		return c.redeemCode()
	case "refresh_token":
		return c.redeemRefresh()
	}
	if c.client.spec.Kind != keepwatch.ServerToServer {
		return unauthorizedClient()
	}
	return c.issue(c.client.current(c.now).scopes, "")
}

// authenticate judges client, secret and address. The order is SFMC's as far as
// it shows: the client first, where it calls from second.
func (c *call) authenticate() (refusal answer, ok bool) {
	k := c.client
	switch {
	case k == nil || k.spec.Kind == keepwatch.APIUser || k.spec.Kind == keepwatch.LegacyPackage:
		return badClientID(), false
	case !k.installed || !k.enabled:
		return badSecret(), false
	case k.spec.Kind != keepwatch.PublicApp && !k.secrets.accepts(c.grant.ClientSecret, c.now, k.hasOAuthSecret()):
		return badSecret(), false
	case !k.current(c.now).admits(c.r.RemoteAddr):
		return ipBlocked(c.settings.IPBlockedStatus), false
	}
	return answer{}, true
}

// permit says for which business unit and with which scopes a token would be
// issued. granted are the scopes the grant may carry at most.
func (c *call) permit(granted []string) (mid keepwatch.MID, scopes []string, refusal answer, ok bool) {
	k := c.client
	mid, scopes = k.spec.MID, granted
	if c.grant.AccountID.given {
		mid = c.grant.AccountID.mid
	}
	if mid != k.spec.MID && !slices.Contains(k.current(c.now).units, mid) {
		return 0, nil, businessUnitRefused(), false
	}
	if c.grant.Scope != nil {
		scopes = strings.Fields(*c.grant.Scope)
		for _, scope := range scopes {
			if !slices.Contains(granted, scope) {
				return 0, nil, invalidScope(), false
			}
		}
	}
	return mid, scopes, answer{}, true
}

// issue answers with a token for the business unit asked for.
func (c *call) issue(granted []string, refresh string) answer {
	k := c.client
	mid, scopes, refusal, ok := c.permit(granted)
	if !ok {
		return refusal
	}
	t := ticket{
		clientID: k.spec.ClientID, mid: mid, epoch: k.epoch,
		expires: c.now.Add(c.s.opts.TokenLife), scopes: c.s.scopes.set(scopes),
	}
	return jsonAnswer(http.StatusOK, tokenAnswer{
		AccessToken: c.s.mint(t, &k.spec), RefreshToken: refresh, TokenType: "Bearer",
		ExpiresIn: advertised(c.s.opts.TokenLife), Scope: joined(scopes), SOAP: c.base(hostSOAP), REST: c.base(hostREST),
	}).with("Cache-Control", "no-store")
}
