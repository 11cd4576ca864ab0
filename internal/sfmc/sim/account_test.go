package sim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

const everywhere = "<QueryAllAccounts>true</QueryAllAccounts>"

// enterpriseToken is one that sees the whole enterprise.
func enterpriseToken(r *rig) string {
	r.t.Helper()
	if _, err := r.sim.SetBusinessUnits(r.id, eid, france); err != nil {
		r.t.Fatal(err)
	}
	return r.token(fmt.Sprintf(`"account_id":%d`, eid))
}

func TestAddedUsers(t *testing.T) {
	r := newRig(t, Options{Users: []User{{Package: true, Name: "Forgotten", EID: eid, MID: france}}})
	token := enterpriseToken(r)
	bob := r.sim.AddUser(User{Login: "bob", EID: eid, Locked: true, PasswordChange: true, Inactive: true, BusinessUnits: []keepwatch.MID{germany}})
	r.sim.AddUser(User{Login: "jane", Person: true, EID: eid})
	r.sim.AddUser(User{Package: true, System: true, Name: strings.Repeat("long ", 20), EID: eid})
	list := func(more string) string {
		return r.soap(oauth(token), retrieve("AccountUser", "AccountUserID Name UserID Email ActiveFlag IsAPIUser IsLocked MustChangePassword", everywhere+more)).body
	}
	all := strings.Join(values(list(""), "Name"), "|")
	for _, want := range []string{"orders app user", "Forgotten app user", "bob", "jane"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among %s", want, all)
		}
	}
	if strings.Contains(all, strings.Repeat("long ", 20)) || !strings.Contains(all, strings.Repeat("long ", 9)) {
		t.Errorf("a long name is not cut: %s", all)
	}
	api := list(`<Filter xsi:type="SimpleFilterPart"><Property>IsAPIUser</Property><SimpleOperator>equals</SimpleOperator><Value>true</Value></Filter>`)
	equal(t, "people among the API users", strings.Contains(api, "jane"), false)
	contains(t, reply{body: api}, "<UserID>bob</UserID><Email>bob@example.com</Email><ActiveFlag>false</ActiveFlag><IsAPIUser>true</IsAPIUser><IsLocked>true</IsLocked><MustChangePassword>true</MustChangePassword>")
	contains(t, reply{body: api}, `Forgotten app user</Name><UserID>`)

	grants := r.soap(oauth(token), retrieve("AccountUserAccount", "AccountUser.AccountUserID Account.ID", "")).body
	contains(t, reply{body: grants}, "<AccountUser><AccountUserID>"+bob.ID+"</AccountUserID></AccountUser><Account><ID>510000123</ID></Account>")
	wellFormed(t, grants)

	if _, err := r.sim.ChangeUser(bob.ID, func(u *User) { u.Locked = false }); err != nil {
		t.Fatal(err)
	}
	contains(t, reply{body: list("")}, "<UserID>bob</UserID><Email>bob@example.com</Email><ActiveFlag>false</ActiveFlag><IsAPIUser>true</IsAPIUser><IsLocked>false</IsLocked>")
	if err := r.sim.RemoveUser(bob.ID); err != nil || strings.Contains(list(""), "bob") {
		t.Errorf("bob is still there (%v)", err)
	}
}

// From a business unit below, only its own users are seen.
func TestUsersOfOneBusinessUnit(t *testing.T) {
	r := newRig(t, Options{Users: []User{{Login: "far", EID: eid, MID: france}, {Login: "near", EID: eid, MID: germany}}})
	token := r.token()
	got := r.soap(oauth(token), retrieve("AccountUser", "UserID", everywhere)).body
	equal(t, "near", strings.Contains(got, "near"), true)
	equal(t, "far", strings.Contains(got, "far"), false)
}

func TestBusinessUnitsComeAndGo(t *testing.T) {
	r := newRig(t, Options{})
	token := enterpriseToken(r)
	r.sim.AddBusinessUnit(BusinessUnit{MID: 510000200, EID: eid, Name: "Spain", Inactive: true})
	list := func() string {
		return r.soap(oauth(token), retrieve("BusinessUnit", "ID Name ParentID IsActive", everywhere)).body
	}
	contains(t, reply{body: list()}, "<ID>510000200</ID><Name>Spain</Name><ParentID>510000100</ParentID><IsActive>false</IsActive>")
	if err := r.sim.RemoveBusinessUnit(510000200); err != nil || strings.Contains(list(), "Spain") {
		t.Errorf("Spain is still there (%v)", err)
	}
}

func TestAuditTrail(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRig(t, Options{Now: func() time.Time { return at }})
	r.sim.AddAuditEntry(AuditEntry{At: at.AddDate(0, 0, -40), Kind: "Installed Package", Operation: "Create", Object: "ancient", EID: eid})
	r.sim.AddAuditEntry(AuditEntry{Kind: "User", Operation: "Modify", Object: "somebody else's", EID: 7})
	token := enterpriseToken(r)
	kinds := func(query string) string {
		t.Helper()
		got := r.do("GET", "data/v1/audit/auditEvents?"+query, token, "")
		var page struct {
			Items []struct {
				CreatedDate string
				ObjectType  struct{ Name string }
				Operation   struct{ Name string }
				Object      struct{ Name string }
			}
		}
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			t.Fatalf("%v in %s", err, got.body)
		}
		var out []string
		for _, i := range page.Items {
			out = append(out, i.ObjectType.Name+" "+i.Operation.Name+" "+i.Object.Name)
			equal(t, "in Central time", i.CreatedDate[10:13], "T06")
		}
		return strings.Join(out, "|")
	}
	equal(t, "newest first", kinds(""), "Component Modify orders|Installed Package Create orders")
	equal(t, "oldest first", kinds("$orderBy=createdDate%20ASC"), "Installed Package Create orders|Component Modify orders")
	equal(t, "second page", kinds("$page=2&$pagesize=1"), "Installed Package Create orders")
	equal(t, "earlier", kinds("startdate=2026-10-01T00:00:00&enddate=2026-11-01"), "Installed Package Create ancient")
	if _, err := r.sim.Delete("nobody"); err == nil {
		t.Fatal("nobody was deleted")
	}
	equal(t, "a refused verb leaves nothing", kinds("$pagesize=1"), "Component Modify orders")
	r.sim.Configure(func(s *Settings) { s.AuditDelay = Duration(time.Hour) })
	equal(t, "not in real time", kinds(""), "")
	at = at.Add(time.Hour)
	token = r.token(fmt.Sprintf(`"account_id":%d`, eid))
	equal(t, "an hour later", kinds("$pagesize=1"), "Component Modify orders")
	r.sim.Configure(func(s *Settings) { s.AuditArray, s.AuditDelay = true, 0 })
	contains(t, r.do("GET", "data/v1/audit/auditevents", token, ""), `[{"count":2`)
	r.sim.Configure(func(s *Settings) { s.AuditOff = true })
	contains(t, r.do("GET", "data/v1/audit/auditEvents", token, ""), `"errorcode":20002`)
}

func TestAccountControl(t *testing.T) {
	r := newRig(t, Options{})
	post := func(method, path, body string, status int) reply {
		t.Helper()
		got := r.do(method, "control/"+path, "", body)
		if got.status != status {
			t.Errorf("%s %s %s: %d %s", method, path, body, got.status, got.body)
		}
		return got
	}
	id := post("POST", "users", `{"package":true,"name":"Forgotten","eid":510000100}`, 201).field(t, "id")
	contains(t, post("PATCH", "users/"+id, `{"inactive":true}`, 200), `"name":"Forgotten"`)
	contains(t, post("GET", "users", "", 200), `"inactive":true`)
	contains(t, post("GET", "state", "", 200), `"Forgotten"`)
	post("DELETE", "users/"+id, "", 204)
	post("DELETE", "users/"+id, "", 404)
	post("PATCH", "users/"+id, `{}`, 404)
	post("POST", "users", `{"id":"x"}`, 400)
	post("POST", "users", `{"colour":"red"}`, 400)
	post("POST", "users/7", `{}`, 404)
	post("POST", "units", `{"mid":510000300,"eid":510000100,"name":"Spain"}`, 201)
	post("POST", "units", `{"mid":0}`, 400)
	post("DELETE", "units/510000300", "", 204)
	post("DELETE", "units/x", "", 404)
	post("POST", "audit", `{"kind":"Installed Package","operation":"Delete","object":"orders","eid":510000100}`, 204)
	post("POST", "audit", `{"operation":"Delete"}`, 400)
	post("GET", "audit", "", 404)
	contains(t, r.do("GET", "data/v1/audit/auditEvents", enterpriseToken(r), ""), `"operation":{"id":1,"name":"Delete"}`)
}
