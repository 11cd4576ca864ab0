package sim

import (
	"net/http"
	"strings"

	"keepwatch"
)

type object = map[string]any

// requireBearer refuses what is not a live token of this Sim.
func (c *call) requireBearer() (answer, bool) {
	if c.bearer == bearerGood {
		return answer{}, true
	}
	return c.unauthorized(), false
}

// unauthorized is SFMC's one answer to missing, bogus and expired tokens.
func (c *call) unauthorized() answer {
	a := notAuthorized()
	if c.settings.WWWAuthenticate {
		a = a.with("WWW-Authenticate", `Bearer realm="`+c.base(hostREST)+`", error="invalid_token"`)
	}
	return a
}

// infoCache keeps the long end of userinfo, which depends on the scopes alone: a
// monitor asks for the same again and again, and it is most of the work.
type infoCache struct {
	set  scopeSet
	tail []byte // from the comma before "application" to the last brace
}

func (i *infoCache) fill(k *client, set scopeSet, table *scopeTable) {
	if i.set == set && i.tail != nil {
		return
	}
	scopes := table.list(set)
	permissions := make([]object, 0, len(scopes))
	for n, scope := range scopes {
		noun, verb, _ := cutLast(scope, "_")
		permissions = append(permissions, object{"objectTypeName": noun, "operationName": verb, "name": scope, "id": 1000 + n})
	}
	tail := jsonAnswer(http.StatusOK, struct {
		Application infoApplication `json:"application"`
		Permissions []object        `json:"permissions"`
	}{infoApplication{guidOf("app", k.spec.ClientID), k.spec.Name, []string{k.spec.RedirectURI}, scopes}, permissions}).body
	tail[0] = ','
	i.set, i.tail = set, tail
}

type userinfoAnswer struct {
	Exp          int64         `json:"exp"`
	Issuer       string        `json:"iss"`
	User         infoUser      `json:"user"`
	Organization infoAccount   `json:"organization"`
	REST         infoInstances `json:"rest"`
}

type infoUser struct {
	Sub      string   `json:"sub"`
	Name     string   `json:"name"`
	Username string   `json:"preferred_username"`
	Email    string   `json:"email"`
	Locale   string   `json:"locale"`
	Zone     string   `json:"zoneinfo"`
	Timezone infoZone `json:"timezone"`
}

type infoAccount struct {
	MemberID       keepwatch.MID `json:"member_id"`
	EnterpriseID   keepwatch.MID `json:"enterprise_id"`
	EnterpriseName string        `json:"enterprise_name"`
	AccountType    string        `json:"account_type"`
	StackKey       string        `json:"stack_key"`
	Region         string        `json:"region"`
	Locale         string        `json:"locale"`
	Zone           string        `json:"zoneinfo"`
	Timezone       infoZone      `json:"timezone"`
}

type infoInstances struct {
	REST string `json:"rest_instance_url"`
	SOAP string `json:"soap_instance_url"`
}

type infoApplication struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Redirect []string `json:"redirectUrl"`
	Scopes   []string `json:"appScopes"`
}

type infoZone struct {
	Long   string `json:"longName"`
	Short  string `json:"shortName"`
	Offset int    `json:"offset"`
	DST    bool   `json:"dst"`
}

// central is the zone that servers of the platform keep, without summer time.
func central() infoZone {
	return infoZone{"(GMT-06:00) Central Time (No Daylight Saving)", "CST", -6, false}
}

// userinfo serves GET /v2/userinfo.
func (c *call) userinfo() answer {
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	k := c.client
	k.info.fill(k, c.ticket.scopes, &c.s.scopes)
	accountType := "enterprise"
	if c.ticket.mid != k.spec.EID {
		accountType = "business_unit"
	}
	a := jsonAnswer(http.StatusOK, userinfoAnswer{
		Exp: c.ticket.expires.Unix(), Issuer: "https://mc.exacttarget.com",
		User: infoUser{
			Sub: userIDText(k), Name: k.spec.Name + " app user", Username: guidOf("user", k.spec.ClientID),
			Locale: "en-US", Zone: "America/Chicago", Timezone: central(),
		},
		Organization: infoAccount{
			MemberID: c.ticket.mid, EnterpriseID: k.spec.EID, EnterpriseName: c.s.units[k.spec.EID].Name,
			AccountType: accountType, StackKey: k.spec.Stack, Region: "NA1", Locale: "en-US", Zone: "America/Chicago", Timezone: central(),
		},
		REST: infoInstances{c.base(hostREST), c.base(hostSOAP)},
	})
	a.body = append(a.body[:len(a.body)-1], k.info.tail...)
	return a
}

// discovery serves GET /v2/discovery.
func (c *call) discovery() answer {
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	return jsonAnswer(http.StatusOK, object{
		"subject": c.r.URL.Query().Get("resource"),
		"links": []object{
			{"rel": "auth_instance_url", "href": c.base(hostAuth)},
			{"rel": "rest_instance_url", "href": c.base(hostREST)},
		},
	})
}

// tokenContext serves GET /platform/v1/tokenContext.
func (c *call) tokenContext() answer {
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	status := http.StatusOK
	if c.settings.TokenContext202 {
		status = http.StatusAccepted
	}
	id := func(mid keepwatch.MID) object { return object{"id": mid} }
	return jsonAnswer(status, object{
		"enterprise": id(c.client.spec.EID), "organization": id(c.ticket.mid), "user": object{"id": userID(c.client)},
	})
}

// endpoints serves GET /platform/v1/endpoints and /endpoints/{type}.
func (c *call) endpoints() answer {
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	items := []object{
		{"type": "ftp", "url": "ftp://sim.ftp.marketingcloudops.com"},
		{"type": "rest", "url": c.base(hostREST)},
		{"type": "soap", "url": c.base(hostSOAP) + "Service.asmx"},
	}
	if kind, one := strings.CutPrefix(c.route.path, "/platform/v1/endpoints/"); one && kind != "" {
		for _, item := range items {
			if item["type"] == strings.TrimSuffix(kind, "/") {
				return jsonAnswer(http.StatusOK, item)
			}
		}
		return c.notFound()
	}
	return jsonAnswer(http.StatusOK, object{"page": 1, "pageSize": len(items), "count": len(items), "items": items})
}

// notFound is the answer to routes that do not exist.
func (c *call) notFound() answer {
	return restError(http.StatusNotFound, http.StatusNotFound, "Not Found")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
