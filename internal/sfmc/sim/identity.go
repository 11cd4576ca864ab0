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
		a = a.with("WWW-Authenticate", `Bearer realm="`+c.base()+`", error="invalid_token"`)
	}
	return a
}

var timezone = object{"longName": "(GMT-06:00) Central Time (No Daylight Saving)", "shortName": "CST", "offset": -6, "dst": false}

// userinfo serves GET /v2/userinfo.
func (c *call) userinfo() answer {
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	k := c.client
	scopes := c.s.scopes.list(c.ticket.scopes)
	permissions := make([]object, 0, len(scopes))
	for i, scope := range scopes {
		noun, verb, _ := cutLast(scope, "_")
		permissions = append(permissions, object{"objectTypeName": noun, "operationName": verb, "name": scope, "id": 1000 + i})
	}
	enterprise := c.s.units[k.spec.EID]
	accountType := "enterprise"
	if c.ticket.mid != k.spec.EID {
		accountType = "business_unit"
	}
	return jsonAnswer(http.StatusOK, object{
		"exp": c.ticket.expires.Unix(), "iss": "https://mc.exacttarget.com",
		"user": object{
			"sub": userIDText(k), "name": k.spec.Name + " app user", "preferred_username": guidOf("user", k.spec.ClientID),
			"email": "", "locale": "en-US", "zoneinfo": "America/Chicago", "timezone": timezone,
		},
		"organization": object{
			"member_id": c.ticket.mid, "enterprise_id": k.spec.EID, "enterprise_name": enterprise.Name,
			"account_type": accountType, "stack_key": k.spec.Stack, "region": "NA1",
			"locale": "en-US", "zoneinfo": "America/Chicago", "timezone": timezone,
		},
		"rest":        object{"rest_instance_url": c.base(), "soap_instance_url": c.base()},
		"application": object{"id": guidOf("app", k.spec.ClientID), "name": k.spec.Name, "redirectUrl": []string{k.spec.RedirectURI}, "appScopes": scopes},
		"permissions": permissions,
	})
}

// discovery serves GET /v2/discovery.
func (c *call) discovery() answer {
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	return jsonAnswer(http.StatusOK, object{
		"subject": c.r.URL.Query().Get("resource"),
		"links": []object{
			{"rel": "auth_instance_url", "href": c.base()},
			{"rel": "rest_instance_url", "href": c.base()},
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
		{"type": "rest", "url": c.base()},
		{"type": "soap", "url": c.base() + "Service.asmx"},
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
