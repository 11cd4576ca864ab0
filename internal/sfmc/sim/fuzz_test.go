package sim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whatever a caller posts to the SOAP endpoint is answered in well-formed XML or
// with Bad Request, and quickly.
func FuzzSOAP(f *testing.F) {
	s := New(Options{Clients: []ClientSpec{{ClientID: "c", Secret: "s", MID: 510000123, EID: 510000100}}})
	t0 := ticket{clientID: "c", mid: 510000123, expires: time.Now().Add(1000 * time.Hour), scopes: s.scopes.set(TypicalScopes())}
	token := s.mint(t0, &s.clients["c"].spec)
	f.Add(envelope(oauth("TOKEN"), retrieve("DataFolder", "ID Name ParentFolder.Name", "<Options><BatchSize>2</BatchSize></Options>")))
	f.Add(envelope(oauth("TOKEN"), retrieve("BusinessUnit", "ID Client", `<Filter xsi:type="ComplexFilterPart"><LeftOperand><Property>ID</Property><SimpleOperator>equals</SimpleOperator><Value>1</Value></LeftOperand><LogicalOperator>AND</LogicalOperator><RightOperand/></Filter>`)))
	f.Add(envelope(login("u", "p"), systemStatusRequest))
	f.Add(envelope(oauth("TOKEN"), retrieve("AccountUserAccount", "AccountUser.AccountUserID Account.ID", "")))
	f.Add(envelope(oauth("TOKEN"), retrieve("AccountUser", "Name Email IsAPIUser", "<QueryAllAccounts>true</QueryAllAccounts>")))
	f.Add(envelope(oauth("TOKEN"), "<x/>"))
	f.Add(strings.Repeat("<a>", 100))
	f.Fuzz(func(t *testing.T, body string) {
		body = strings.ReplaceAll(body, "TOKEN", token)
		r := httptest.NewRequest("POST", "/Service.asmx", strings.NewReader(body))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		switch w.Code {
		case 200, 500:
			wellFormed(t, w.Body.String())
		case 400, 413:
		default:
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}

// The control API takes any bytes without a panic and never with a 5xx; the
// simulator still answers afterwards.
func FuzzControl(f *testing.F) {
	f.Add("POST", "faults", `{"fault":"hang","client_id":"c","for":"10m","probability":0.5,"seed":1}`)
	f.Add("POST", "clients", `{"client_id":"d","mid":1,"scopes":["x"],"allowlist":["10.0.0.0/8"]}`)
	f.Add("PATCH", "clients/c", `{"scopes":["a"],"business_units":[1],"generated":"2026-01-01T00:00:00Z"}`)
	f.Add("PATCH", "settings", `{"strict":true,"latency":"1s"}`)
	f.Add("POST", "clients/c/generate", ``)
	f.Add("DELETE", "faults/f1", ``)
	f.Add("POST", "users", `{"package":true,"name":"x","eid":1,"business_units":[2],"last_login":"2026-01-01T00:00:00Z"}`)
	f.Add("POST", "units", `{"mid":3,"eid":1,"inactive":true}`)
	f.Add("POST", "audit", `{"kind":"Component","operation":"Modify","at":"2026-01-01T00:00:00Z"}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		s := New(Options{Clients: []ClientSpec{{ClientID: "c", Secret: "s"}}})
		status, v, err := s.command(method, strings.Split(strings.Trim(path, "/"), "/"), []byte(body))
		if err != nil {
			status, v = controlError(err)
		}
		if status >= 500 || status < 200 {
			t.Fatalf("%s %s %s: %d %v", method, path, body, status, v)
		}
		if a := jsonAnswer(status, v); a.kind == "text/plain" {
			t.Fatalf("cannot be written: %s", a.body)
		}
		s.ClearAll()
		s.Configure(func(now *Settings) { *now = Settings{} })
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", "/v2/token", strings.NewReader(`{}`)))
		if w.Code == 0 || w.Code >= 500 {
			t.Fatalf("afterwards: %d", w.Code)
		}
	})
}

// Token requests and bearer tokens are foreign bytes too.
func FuzzToken(f *testing.F) {
	s := New(Options{Clients: []ClientSpec{{ClientID: "c", Secret: "s"}}})
	f.Add(`{"grant_type":"client_credentials","client_id":"c","client_secret":"s","account_id":"1","scope":""}`, "a.b.c.d", "application/json")
	f.Add("grant_type=client_credentials&client_id=c", "", "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, body, token, kind string) {
		for _, path := range []string{"/v2/token", "/v1/requestToken", "/v2/userinfo", "/x:///y/platform/v1/endpoints/"} {
			r := httptest.NewRequest("POST", path, strings.NewReader(body))
			r.Header = http.Header{"Content-Type": {kind}, "Authorization": {"Bearer " + token}}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}
