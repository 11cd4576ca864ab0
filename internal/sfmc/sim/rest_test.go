package sim

import (
	"encoding/json"
	"strings"
	"testing"
)

// Each family is allowed by its scope alone, refuses without it, and is found in
// lower case and behind a whole URL.
func TestFamilies(t *testing.T) {
	r := newRig(t, Options{})
	for _, f := range families {
		t.Run(f.route, func(t *testing.T) {
			path := strings.NewReplacer("*", "7f3e").Replace(f.route)
			r.sim.SetScopes(r.id, f.scope)
			token := r.token()
			for _, at := range []string{path, strings.ToLower(path), path + "/?$pageSize=1", "/https://x.rest.marketingcloudapis.com" + path} {
				got := r.do("GET", at, token, "")
				equal(t, at, got.status, 200)
				if !json.Valid([]byte(got.body)) {
					t.Errorf("%s: %s", at, got.body)
				}
			}
			equal(t, "write", r.do("DELETE", path, token, "").status, 405)
			equal(t, "no token", r.do("GET", path, "", "").status, 401)
			r.sim.SetScopes(r.id, "offline")
			without := r.do("GET", path, r.token(), "")
			switch f.denied {
			case "401":
				contains(t, without, "Not Authorized")
			case "messaging":
				contains(t, without, "Failed to pass authorization")
			default:
				contains(t, without, `"errorcode":20002`)
			}
			equal(t, "counter", r.sim.Requests()[0].ClientID == "" || r.sim.Requests()[0].Count > 0, true)
		})
	}
}

func TestRESTPages(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token()
	var page struct {
		Count, Page, PageSize int
		Items                 []json.RawMessage
	}
	for query, want := range map[string]int{"?$pageSize=1": 1, "?%24pageSize=1&%24page=2": 1, "?$pagesize=1&$page=3": 0, "": 2, "?$page=9223372036854775807": 0, "?$page=99999999999999999999": 2, "?$page=2000000": 0} {
		page.Items = nil
		got := r.do("GET", "interaction/v1/interactions"+query, token, "")
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			t.Fatal(err)
		}
		equal(t, query, len(page.Items), want)
		if want == 0 && strings.Contains(got.body, "items") {
			t.Error("an empty page has items")
		}
	}
}

func TestIdentityRoutes(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token(`"account_id":510000124`)
	info := r.do("GET", "v2/userinfo", token, "")
	var v struct {
		Organization struct {
			Member     int `json:"member_id"`
			Enterprise int `json:"enterprise_id"`
		}
		Application struct {
			Name   string
			Scopes []string `json:"appScopes"`
		}
		REST struct {
			URL string `json:"rest_instance_url"`
		}
		Permissions []struct{ ID int }
	}
	if err := json.Unmarshal([]byte(info.body), &v); err != nil {
		t.Fatal(err)
	}
	equal(t, "member", v.Organization.Member, int(france))
	equal(t, "enterprise", v.Organization.Enterprise, int(eid))
	equal(t, "application", v.Application.Name, "orders")
	equal(t, "scopes", len(v.Application.Scopes), len(TypicalScopes()))
	equal(t, "permissions", len(v.Permissions), len(TypicalScopes()))
	equal(t, "rest", v.REST.URL, r.base)
	few := r.token(`"scope":"email_read"`)
	contains(t, r.do("GET", "v2/userinfo", few, ""), `"appScopes":["email_read"]`)

	got := r.do("GET", "platform/v1/tokenContext", token, "")
	equal(t, "tokenContext", got.status, 200)
	contains(t, got, `"organization":{"id":510000124}`)
	r.sim.Configure(func(s *Settings) { s.TokenContext202 = true })
	equal(t, "tokenContext", r.do("GET", "platform/v1/tokenContext", token, "").status, 202)
	contains(t, r.do("GET", "platform/v1/endpoints?IsTSE=true", token, ""), `"count":3`)
	contains(t, r.do("GET", "platform/v1/endpoints/soap", token, ""), r.base+"Service.asmx")
	equal(t, "endpoints/telex", r.do("GET", "platform/v1/endpoints/telex", token, "").status, 404)
	contains(t, r.do("GET", "v2/discovery?resource=acct:x", token, ""), `"subject":"acct:x"`)
	for _, path := range []string{"v2/userinfo", "v2/discovery", "platform/v1/tokenContext", "platform/v1/endpoints", "platform/v1/endpoints/soap"} {
		got := r.do("GET", path, "bogus", "")
		equal(t, path, got.status, 401)
		equal(t, path, got.header.Get("WWW-Authenticate"), "")
	}
	r.sim.Configure(func(s *Settings) { s.WWWAuthenticate = true })
	contains(t, reply{body: r.do("GET", "platform/v1/tokenContext", "bogus", "").header.Get("WWW-Authenticate")}, "invalid_token")
	contains(t, r.do("GET", "asset/v1/content/categories?access_token="+token, "", ""), "40004")
	contains(t, r.do("GET", "no/such/route", token, ""), `"errorcode":404`)
}

// Instance URLs repeat the host that a client put into the path.
func TestInstanceURLs(t *testing.T) {
	r := newRig(t, Options{})
	for path, want := range map[string]string{
		"v2/token": r.base,
		"https://mcx--y.auth.marketingcloudapis.com/v2/token":     r.base + "https://mcx--y.rest.marketingcloudapis.com/",
		"https:/mcx--y.auth.marketingcloudapis.com//V2/Token":     r.base + "https://mcx--y.rest.marketingcloudapis.com/",
		"prefix/https://mcx.auth.marketingcloudapis.com/v2/token": r.base + "https://mcx.rest.marketingcloudapis.com/",
	} {
		got := r.do("POST", path, "", `{"grant_type":"client_credentials","client_id":"`+r.id+`","client_secret":"`+r.open+`"}`)
		equal(t, path, got.field(t, "rest_instance_url"), want)
		token := got.field(t, "access_token")
		follow := r.do("GET", strings.TrimPrefix(want, r.base)+"platform/v1/tokenContext", token, "")
		equal(t, want, follow.status, 200)
	}
	own := newRig(t, Options{BaseURL: "https://sim.example.com/"})
	equal(t, "own base", own.tokenWith(own.open).field(t, "soap_instance_url"), "https://sim.example.com/")
}
