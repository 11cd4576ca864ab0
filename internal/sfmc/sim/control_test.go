package sim

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestControl(t *testing.T) {
	r := newRig(t, Options{})
	control := func(method, path, body string, status int) string {
		t.Helper()
		got := r.do(method, ControlPath+path, "", body)
		equal(t, method+" "+path, got.status, status)
		return got.body
	}
	made := control("POST", "clients", `{"client_id":"c1","client_secret":"s","mid":510000123,"eid":510000100,"name":"made"}`, 201)
	equal(t, "name", reply{body: made}.field(t, "name"), "made")
	as := func() reply {
		return r.do("POST", "v2/token", "", `{"grant_type":"client_credentials","client_id":"c1","client_secret":"s"}`)
	}
	equal(t, "made", as().status, 200)

	// Verbs, each with its effect.
	for _, step := range []struct {
		verb   string
		status int
	}{{"disable", 401}, {"enable", 200}, {"expire", 401}} {
		control("POST", "clients/c1/"+step.verb, "", 200)
		equal(t, step.verb, as().status, step.status)
	}
	staged := control("POST", "clients/c1/generate", "", 200)
	if len(reply{body: staged}.field(t, "staged_secret")) != 24 {
		t.Errorf("generate: %s", staged)
	}
	conflict := control("POST", "clients/c1/activate", "", 409)
	if !strings.Contains(conflict, `"code":"conflict"`) || !strings.Contains(conflict, "five minutes") {
		t.Errorf("conflict: %s", conflict)
	}
	control("PATCH", "clients/c1", `{"client_secret":"s","scopes":["email_read"],"allowlist":["127.0.0.1"],"business_units":[]}`, 200)
	equal(t, "patched", as().field(t, "scope"), "email_read")
	control("PATCH", "clients/c1", `{"allowlist":["192.0.2.1"]}`, 200)
	equal(t, "blocked", as().status, 400)
	control("PATCH", "clients/c1", `{"allowlist":[]}`, 200)
	control("PATCH", "clients/c1", `{"rate_per_minute":1}`, 200)
	equal(t, "first of the minute", as().status, 200)
	equal(t, "second of the minute", as().status, 429)
	control("PATCH", "clients/c1", `{"rate_per_minute":0,"generated":"2020-01-01T00:00:00Z"}`, 200)
	equal(t, "dated", as().status, 401)
	control("PATCH", "clients/c1", `{"client_secret":"s"}`, 200)
	control("POST", "clients/c1/lock", "", 200)
	control("POST", "clients/c1/unlock", "", 200)
	control("POST", "clients/c1/revoke", "", 200)

	id := reply{body: control("POST", "faults", `{"fault":"bad_secret","client_id":"c1","times":2,"for":"10m","probability":1,"seed":3}`, 201)}.field(t, "id")
	equal(t, "fault", as().status, 401)
	if list := control("GET", "faults", "", 200); !strings.Contains(list, `"hits":1`) || !strings.Contains(list, `"for":"10m"`) {
		t.Errorf("faults: %s", list)
	}
	control("DELETE", "faults/"+id, "", 204)
	control("DELETE", "faults/"+id, "", 404)
	equal(t, "lifted", as().status, 200)
	control("POST", "faults", `{"fault":"hang"}`, 201)
	control("DELETE", "faults", "", 204)

	control("PATCH", "settings", `{"maintenance":true,"latency":"1ms"}`, 200)
	equal(t, "maintenance", as().status, 503)
	control("PATCH", "settings", `{"maintenance":false}`, 200)

	var state State
	if err := json.Unmarshal([]byte(control("GET", "state", "", 200)), &state); err != nil {
		t.Fatal(err)
	}
	equal(t, "clients", len(state.Clients), 2)
	equal(t, "token requests", state.Clients[1].TokenRequests, r.sim.TokenRequests("c1"))
	equal(t, "latency", time.Duration(state.Settings.Latency), time.Millisecond)
	control("POST", "clients/c1/delete", "", 200)
	equal(t, "deleted", as().status, 401)
	control("GET", "clients/c1", "", 200)
	control("GET", "clients", "", 200)
}

func TestControlRefuses(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "faults", `{"fault":"nonsense"}`, 400}, {"POST", "faults", `{"fault":"hang","client":"x"}`, 400}, {"POST", "faults", `{`, 400}, {"POST", "faults", ``, 400},
		{"POST", "faults", `{"fault":"hang","for":"soon"}`, 400}, {"POST", "clients", `{"kind":"robot"}`, 400}, {"POST", "clients", `{"client_id":"a/b"}`, 400},
		{"POST", "clients/nobody/expire", ``, 404}, {"POST", "clients/nobody/dance", ``, 404}, {"PATCH", "clients/nobody", `{"scopes":[]}`, 404},
		{"PATCH", "settings", `{"ip_blocked_status":418}`, 400}, {"GET", "", ``, 404}, {"GET", "nothing", ``, 404}, {"DELETE", "state", ``, 404}, {"DELETE", "clients", ``, 404},
	} {
		got := r.do(c.method, ControlPath+c.path, "", c.body)
		if got.status != c.status || !strings.Contains(got.body, `"code"`) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.status, got.body)
		}
	}
}

func TestCounters(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token()
	r.tokenWith("wrong")
	r.do("GET", "v2/userinfo", token, "")
	r.do("GET", "asset/v1/content/categories", token, "")
	r.do("GET", "asset/v1/content/categories?$page=2", token, "")
	r.do("GET", "made/up", "", "")
	want := []Recorded{{"", "unknown", 1, 1, time.Time{}, time.Time{}}, {r.id, "/asset/v1/content/categories", 2, 0, time.Time{}, time.Time{}}, {r.id, "token", 2, 1, time.Time{}, time.Time{}}, {r.id, "userinfo", 1, 0, time.Time{}, time.Time{}}}
	got := r.sim.Requests()
	equal(t, "rows", len(got), len(want))
	for i := range min(len(got), len(want)) {
		if got[i].First.After(got[i].Last) || got[i].First.IsZero() {
			t.Errorf("times of %+v", got[i])
		}
		got[i].First, got[i].Last = time.Time{}, time.Time{}
		equal(t, "row", got[i], want[i])
	}
}

// A day over a Pipe in a bubble, from two places, ends with no goroutine left:
// synctest fails the test otherwise.
func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, p := newPipeRig(t, Options{})
		r.sim.Configure(func(s *Settings) { s.Latency = Duration(40 * time.Millisecond) })
		for range 96 {
			r.do("GET", "v2/userinfo", r.token(), "")
			time.Sleep(15 * time.Minute)
		}
		equal(t, "tokens", r.sim.TokenRequests(r.id), int64(96))
		equal(t, "placed", placed(t, r, p), "400 200")
		if addrs, err := p.Lookup(t.Context(), "any.example.com"); err != nil || len(addrs) != 1 {
			t.Errorf("lookup: %v %v", addrs, err)
		}
	})
}

func TestAnnouncement(t *testing.T) {
	s := New(Options{Clients: Sample()})
	line, err := json.Marshal(s.Announce("http://127.0.0.1:8485/"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Auth    string `json:"auth_url"`
		REST    string `json:"rest_url"`
		SOAP    string `json:"soap_url"`
		Control string `json:"control_url"`
		Clients []struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
			MID    int
			Name   string
		}
	}
	if err := json.Unmarshal(line, &v); err != nil {
		t.Fatal(err)
	}
	equal(t, "urls", strings.Join([]string{v.Auth, v.REST, v.SOAP, v.Control}, " "),
		"http://127.0.0.1:8485/ http://127.0.0.1:8485/ http://127.0.0.1:8485/Service.asmx http://127.0.0.1:8485/control/")
	equal(t, "clients", len(v.Clients), len(Sample()))
	for _, c := range v.Clients {
		if c.ID == "" || c.Secret == "" || c.MID == 0 || c.Name == "" {
			t.Errorf("incomplete: %+v", c)
		}
	}
	equal(t, "first", v.Clients[0].Name, "Order confirmations")
}
