package sim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
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
	f.Add("POST", "world", `{"callers":[{"name":"n","client_id":"c"}],"journeys":[{"key":"k","entry":{"caller":"n","volume":{"per_day":10,"shape":"day","dates":{"2026-01-01":0}}},"steps":[{"name":"s","dwell":"1h"}]}]}`)
	f.Add("POST", "world", `{"since":"2026-01-01T00:00:00Z","extensions":[{"key":"e","rows":5,"retention":"30d"}],"automations":[{"key":"x","schedule":{"rule":"FREQ=WEEKLY;BYDAY=MO","at":"06:00","zone":"Europe/Berlin"},"steps":[{"kind":"import","target":"e","blank":"skip"}]}]}`)
	f.Add("POST", "world/deeds", `{"subject":"journey/j","verb":"pause","by":"x","days":3,"then":"Stop"}`)
	f.Add("POST", "world/deeds", `{"subject":"automation/a","verb":"truncate","share":0.5,"files":2}`)
	f.Add("POST", "world/deeds", `{"subject":"transactional_email/t","verb":"inactivate"}`)
	f.Add("PATCH", "world/clock", `{"speed":60,"skip":"4h"}`)
	f.Add("PATCH", "settings", `{"routes_off":{"/x":404},"stats_every":"15m","async_deadlocks":0.1}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		now := time.Now()
		s := New(Options{Now: func() time.Time { return now }, Clients: []ClientSpec{{ClientID: "c", Secret: "s"}}, World: &world.Spec{
			Callers:     []world.Caller{{Name: "n0", ClientID: "c"}},
			Extensions:  []world.Extension{{Key: "e0", Rows: 10}},
			Journeys:    []world.Journey{{Key: "j", Entry: world.Entry{Caller: "n0", Volume: world.Volume{PerDay: 1000}}, Steps: []world.Step{{Name: "s"}}}},
			Automations: []world.Automation{{Key: "a", Schedule: world.Schedule{Rule: "FREQ=HOURLY"}, Steps: []world.Activity{{Kind: "import", Target: "e0", File: world.File{Volume: world.Volume{PerDay: 100}}}}}},
			Sends:       []world.Send{{Kind: keepwatch.SubjectTransactionalEmail, Key: "t", Caller: "n0", Volume: world.Volume{PerDay: 100}}},
		}})
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
		now = now.Add(2 * time.Hour)
		if a := jsonAnswer(200, s.State()); a.kind == "text/plain" {
			t.Fatalf("cannot be written: %s", a.body)
		}
		if v, _, _ := s.worldCommand("GET", nil, nil); v != 200 {
			t.Fatal("the world is gone")
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

// The living routes read foreign bodies, paths and parameters.
func FuzzLiveRoutes(f *testing.F) {
	spec := estate()
	spec.Since = time.Time{}
	now := monday
	s := New(Options{Now: func() time.Time { return now }, TokenLife: 10_000 * time.Hour, Clients: []ClientSpec{{ClientID: shopID, Secret: "s", MID: germany, EID: eid, Scopes: AllScopes()}}, World: &spec})
	token := s.mint(ticket{clientID: shopID, mid: germany, expires: now.Add(10_000 * time.Hour), scopes: s.scopes.set(AllScopes())}, &s.clients[shopID].spec)
	now = now.Add(8 * time.Hour)
	f.Add("POST", "/interaction/v1/events", `{"ContactKey":"c","EventDefinitionKey":"APIEvent-welcome"}`)
	f.Add("POST", "/interaction/v1/async/events", `{"eventDefinitionKey":"APIEvent-basket","members":[{"contactKey":"a"}]}`)
	f.Add("POST", "/interaction/v1/interactions/journeyhistory/search?$pageSize=9&$page=2", `{"start":"2026-03-02T00:00:00Z","activityTypes":["trigger"]}`)
	f.Add("POST", "/interaction/v1/interactions/journeyhistory/download?columns=,,x&format=tsv", `{}`)
	f.Add("GET", "/interaction/v1/interactions/key:welcome?versionNumber=-1&extras=all", ``)
	f.Add("GET", "/data/v1/customobjectdata/key/Orders/rowset?$filter=ModifiedDate%20gt%202026-03-02T00:00:00&$pageSize=3", ``)
	f.Add("POST", "/data/v1/async/dataextensions/key:Orders/rows", `{"items":[{"a":1}]}`)
	f.Add("POST", "/platform/v1/ens-subscriptions", `[{"callbackId":"x","eventCategoryTypes":["y"]}]`)
	f.Add("POST", "/messaging/v1/email/messages", `{"definitionKey":"receipt","recipients":[{}]}`)
	f.Add("GET", "/messaging/v1/email/messages/?type=notSent&lastEventId=-9", ``)
	f.Add("GET", "/legacy/v1/beta/bulk/automations/automation/definition/?$skip=-5&$top=-1", ``)
	f.Fuzz(func(t *testing.T, method, target, body string) {
		r, err := http.NewRequest(method, "http://x.test", strings.NewReader(body))
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		r.URL.Path, r.URL.RawQuery, r.RemoteAddr = "/"+strings.TrimPrefix(path, "/"), query, "192.0.2.1:1"
		if strings.HasPrefix(r.URL.Path, ControlPath) || strings.Contains(path, "ens-callbacks") {
			return // it would call the address that it is given
		}
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 596 && !strings.Contains(r.URL.Path, "automations") && !strings.HasSuffix(strings.ToLower(r.URL.Path), "service.asmx") {
			t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
	})
}
