package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keepwatch/internal/httpapi"
)

// routes are all there are, and who may use them.
var routes = []struct {
	method, path string
	needs        string // "", viewer, operator, admin
}{
	{"GET", "/healthz", ""},
	{"GET", "/readyz", ""},
	{"GET", "/static/app.css", ""},
	{"GET", "/sign-in", ""},
	{"GET", "/metrics", "viewer"},
	{"GET", "/api/v1/openapi.json", "viewer"},
	{"GET", "/api/v1/overview", "viewer"},
	{"GET", "/api/v1/status", "viewer"},
	{"GET", "/api/v1/inventory", "viewer"},
	{"POST", "/api/v1/inventory/bulk", "operator"},
	{"GET", "/api/v1/credentials", "viewer"},
	{"GET", "/api/v1/credentials/cred-00", "viewer"},
	{"GET", "/api/v1/credentials/cred-00/results", "viewer"},
	{"GET", "/api/v1/credentials/cred-00/results/k", "viewer"},
	{"POST", "/api/v1/credentials/cred-00/check", "operator"},
	{"GET", "/api/v1/credentials/cred-00/record", "viewer"},
	{"GET", "/api/v1/credentials/cred-00/changes", "viewer"},
	{"POST", "/api/v1/credentials", "operator"},
	{"PUT", "/api/v1/credentials/cred-00", "operator"},
	{"DELETE", "/api/v1/credentials/cred-00", "operator"},
	{"PUT", "/api/v1/credentials/cred-00/secret", "operator"},
	{"POST", "/api/v1/import?format=csv", "operator"},
	{"GET", "/api/v1/export?format=csv", "viewer"},
	{"GET", "/api/v1/expiring", "viewer"},
	{"GET", "/api/v1/findings", "viewer"},
	{"POST", "/api/v1/findings/x/accept", "operator"},
	{"DELETE", "/api/v1/findings/x/accept", "operator"},
	{"POST", "/api/v1/discover/emea", "admin"},
	{"GET", "/api/v1/feeds", "viewer"},
	{"POST", "/api/v1/feeds", "operator"},
	{"DELETE", "/api/v1/feeds/x", "operator"},
	{"GET", "/calendar/x.ics", ""},
	{"GET", "/api/v1/rotations", "viewer"},
	{"GET", "/api/v1/rotations/x", "viewer"},
	{"POST", "/api/v1/rotations", "operator"},
	{"POST", "/api/v1/rotations/x/resume", "operator"},
	{"POST", "/api/v1/rotations/x/activated", "operator"},
	{"POST", "/api/v1/rotations/x/abort", "operator"},
	{"POST", "/api/v1/rotations/x/switched", "operator"},
	{"POST", "/api/v1/rotations/x/ask", "operator"},
	{"POST", "/api/v1/rotations/x/letter", "operator"},
	{"GET", "/api/v1/rotations/x/evidence", "viewer"},
	{"GET", "/rotations/tick/x", ""},
	{"POST", "/rotations/tick/x", ""},
	{"GET", "/api/v1/incidents", "viewer"},
	{"GET", "/api/v1/incidents/x", "viewer"},
	{"POST", "/api/v1/incidents/x/ack", "operator"},
	{"POST", "/api/v1/incidents/x/notes", "operator"},
	{"GET", "/api/v1/incidents/x/shares", "operator"},
	{"POST", "/api/v1/incidents/x/shares", "operator"},
	{"DELETE", "/api/v1/incidents/x/shares/y", "operator"},
	{"GET", "/share/x", ""},
	{"GET", "/api/v1/credentials/cred-00/history?day=2026-11-23", "viewer"},
	{"GET", "/api/v1/effects", "viewer"},
	{"GET", "/api/v1/effects/x", "viewer"},
	{"GET", "/api/v1/reports/2026-11/compared", "viewer"},
	{"GET", "/api/v1/config", "admin"},
	{"GET", "/api/v1/users", "admin"},
	{"POST", "/api/v1/users", "admin"},
	{"PATCH", "/api/v1/users/x", "admin"},
	{"DELETE", "/api/v1/users/x", "admin"},
	{"POST", "/api/v1/users/x/password", "admin"},
	{"PUT", "/api/v1/account/password", "viewer"},
	{"GET", "/api/v1/audit", "admin"},
	{"GET", "/api/v1/audit/state", "admin"},
	{"GET", "/api/v1/tokens", "admin"},
	{"POST", "/api/v1/tokens", "admin"},
	{"DELETE", "/api/v1/tokens/x", "admin"},
	{"POST", "/-/reload", "admin"},
	{"GET", "/api/v1/no/such", "viewer"},
	{"GET", "/", "viewer"},
	{"GET", "/credentials/cred-00", "viewer"},
}

// bodyFor is a body of the route's shape: one that does not fit is refused before
// anybody asks who is there.
func bodyFor(path string) string {
	switch {
	case path == "/api/v1/tokens":
		return `{"name":"x","role":"viewer"}`
	case path == "/api/v1/inventory/bulk":
		return `{"records":[{"id":"cred-00"}],"set":{"region":"EMEA"}}`
	case path == "/api/v1/rotations":
		return `{"credential":"cred-00","staged_ref":"env:X","generated":"2026-11-23"}`
	case strings.HasSuffix(path, "/switched"), strings.HasSuffix(path, "/letter"):
		return `{"holder":"shop"}`
	case strings.HasSuffix(path, "/notes"):
		return `{"text":"x"}`
	case strings.HasSuffix(path, "/feeds"), strings.HasSuffix(path, "/shares"):
		return `{}`
	case strings.HasSuffix(path, "/accept"):
		return `{"reason":"x","until":"2027-01-01T00:00:00Z"}`
	case strings.HasPrefix(path, "/api/v1/import"):
		return "id,tenant\n"
	case strings.HasSuffix(path, "/secret"):
		return `{"secret":"x"}`
	case strings.HasSuffix(path, "/resume"):
		return `{}`
	case path == "/api/v1/users":
		return `{"name":"anna","role":"viewer"}`
	case path == "/api/v1/users/x":
		return `{"disabled":true}`
	case path == "/api/v1/account/password":
		return `{"current":"x","password":"y"}`
	case path == "/api/v1/credentials", path == "/api/v1/credentials/cred-00":
		return `{"id":"cred-00","tenant":"emea","kind":"contract"}`
	}
	return ""
}

func TestEveryRouteAsksWhoIsThere(t *testing.T) {
	d := start(t)
	refused := func(status int) bool {
		return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusSeeOther
	}
	for _, r := range routes {
		body := bodyFor(r.path)
		for _, caller := range []struct {
			token string
			may   map[string]bool
		}{
			{"", map[string]bool{"": true}},
			{"kw_wrong", map[string]bool{"": true}},
			{d.viewer, map[string]bool{"": true, "viewer": true}},
			{d.operator, map[string]bool{"": true, "viewer": true, "operator": true}},
			{d.admin, map[string]bool{"": true, "viewer": true, "operator": true, "admin": true}},
		} {
			header := []string{"Content-Type", "application/json"}
			if caller.token != "" {
				header = append(header, "Authorization", "Bearer "+caller.token)
			}
			res, _ := d.do(r.method, r.path, body, header...)
			if got := !refused(res.StatusCode); got != caller.may[r.needs] {
				t.Errorf("%s %s needs %q: token %.6q got %d", r.method, r.path, r.needs, caller.token, res.StatusCode)
			}
		}
	}
}

func TestRefusalsAreFitForWhoAsks(t *testing.T) {
	d := start(t)
	res, body := d.do("GET", "/api/v1/credentials", "")
	if res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), "Bearer") || !strings.Contains(body, `"code":"unauthorized"`) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	res, _ = d.do("GET", "/credentials/x?run=1", "")
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/sign-in?next="+url.QueryEscape("/credentials/x?run=1") {
		t.Errorf("%d %s", res.StatusCode, res.Header.Get("Location"))
	}
	res, body = d.do("POST", "/-/reload", "", "Authorization", "Bearer "+d.viewer)
	if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "admin") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := d.do("GET", "/api/v1/credentials", "", "Authorization", "Basic YWRtaW46eA=="); res.StatusCode != http.StatusUnauthorized {
		t.Error(res.Status)
	}
}

const form = "application/x-www-form-urlencoded"

func TestSignInAndOut(t *testing.T) {
	d := start(t)
	fields := url.Values{"name": {"admin"}, "password": {password}, "next": {"/incidents?status=all"}}
	res, _ := d.do("POST", "/sign-in", fields.Encode(), "Content-Type", form)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/incidents?status=all" || len(res.Cookies()) != 1 {
		t.Fatalf("%d to %q with %v", res.StatusCode, res.Header.Get("Location"), res.Cookies())
	}
	cookie := res.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
		t.Errorf("cookie %+v", cookie)
	}
	header := []string{"Cookie", cookie.Name + "=" + cookie.Value}
	if _, body := d.do("GET", "/", "", header...); body != "page for admin" {
		t.Errorf("%q", body)
	}
	if res, _ := d.do("POST", "/api/v1/credentials/cred-05/check", "", header...); res.StatusCode != http.StatusOK {
		t.Errorf("a session may use the API: %s", res.Status)
	}
	if res, _ := d.do("GET", "/", "", "Cookie", cookie.Name+"="+cookie.Value, "Authorization", "Bearer kw_wrong"); res.StatusCode == http.StatusOK {
		t.Error("a wrong token hides behind a good cookie")
	}
	res, _ = d.do("POST", "/sign-out", "", header...)
	if c := res.Cookies(); len(c) != 1 || c[0].Value != "" || res.Header.Get("Location") != "/sign-in" {
		t.Errorf("sign-out: %v to %q", c, res.Header.Get("Location"))
	}
}

func TestSignInRefuses(t *testing.T) {
	d := start(t)
	bad := url.Values{"name": {"admin"}, "password": {"wrong"}, "next": {"/x"}}.Encode()
	res, _ := d.do("POST", "/sign-in", bad, "Content-Type", form)
	if want := "/sign-in?failed=wrong&next=%2Fx"; res.Header.Get("Location") != want || len(res.Cookies()) != 0 {
		t.Errorf("to %q with %v", res.Header.Get("Location"), res.Cookies())
	}
	last := ""
	for range 40 {
		res, _ = d.do("POST", "/sign-in", bad, "Content-Type", form)
		if last = res.Header.Get("Location"); strings.Contains(last, "failed=wait") {
			break
		}
	}
	if !strings.Contains(last, "failed=wait") {
		t.Errorf("guessing is never slowed: %q", last)
	}
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	d := start(t, func(o *httpapi.Options) { o.Auth = nil })
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/\t/evil.example", "evil", "", "/sign-out"} {
		res, _ := d.do("POST", "/sign-in", url.Values{"next": {next}}.Encode(), "Content-Type", form)
		if got := res.Header.Get("Location"); got != "/" {
			t.Errorf("next %q leads to %q", next, got)
		}
	}
}

func TestOtherSitesMayNotActForTheVisitor(t *testing.T) {
	d := start(t)
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/sign-in", "/-/reload", "/api/v1/credentials/cred-00/check", "/credentials/cred-00/check"} {
			res, body := d.do("POST", path, "", append(header, "Authorization", "Bearer "+d.admin)...)
			if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "cross_origin") {
				t.Errorf("%s with %v: %d %s", path, header, res.StatusCode, body)
			}
		}
	}
	if res, _ := d.do("POST", "/-/reload", "", "Sec-Fetch-Site", "same-origin", "Authorization", "Bearer "+d.admin); res.StatusCode != http.StatusOK {
		t.Errorf("our own page: %s", res.Status)
	}
}

// Without sign-in a site could point its own name at loopback and read along.
func TestWithoutSignInOnlyLocalNamesAreAnswered(t *testing.T) {
	d := start(t, func(o *httpapi.Options) { o.Auth = nil })
	for host, want := range map[string]int{
		"": 200, "localhost": 200, "localhost:8484": 200, "127.0.0.1:8484": 200, "[::1]:8484": 200,
		"evil.example": 403, "evil.example:8484": 403, "127.0.0.1.evil.example": 403, "10.0.0.1": 403,
	} {
		res, _ := d.do("GET", "/api/v1/credentials", "", "Host", host)
		if res.StatusCode != want {
			t.Errorf("host %q: %d, want %d", host, res.StatusCode, want)
		}
	}
	if _, body := d.do("GET", "/", ""); body != "page for local" {
		t.Errorf("%q", body)
	}
}

func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	d := start(t)
	for _, path := range []string{"/", "/sign-in", "/api/v1/credentials", "/api/none", "/metrics", "/healthz"} {
		res, _ := d.do("GET", path, "", "Authorization", "Bearer "+d.viewer)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if got := res.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if csp := res.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", path, csp)
		}
	}
}
