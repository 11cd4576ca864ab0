package discovery

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

var at = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

func days(n int) time.Time { return at.AddDate(0, 0, n) }

// whole is a report in which every part came to its end.
func whole() Report {
	r := Report{Tenant: "t", Credential: "looker", At: at, Enterprise: 1, Unit: 1, Scopes: []string{"accounts_read", "tracking_events_read", "users_read"}}
	for _, name := range []PartName{PartIdentity, PartUnits, PartUsers, PartGrants, PartAudit} {
		r.Parts = append(r.Parts, Part{Name: name, State: PartComplete, Outcome: keepwatch.OK})
	}
	return r
}

func partial(r Report, name PartName) Report {
	r.Parts = append([]Part{}, r.Parts...)
	for i := range r.Parts {
		if r.Parts[i].Name == name {
			r.Parts[i].State = PartPartial
		}
	}
	return r
}

func looker(more ...keepwatch.Credential) []keepwatch.Credential {
	return append([]keepwatch.Credential{{ID: "looker", Tenant: "t", Kind: keepwatch.ServerToServer, Discover: true}}, more...)
}

func told(found []keepwatch.Finding) (out []string) {
	for _, f := range found {
		out = append(out, strings.TrimSpace(fmt.Sprint(f.Severity, " ", f.Kind, " ", f.Subject, " ", f.Credential)))
	}
	return out
}

func expect(t *testing.T, found []keepwatch.Finding, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, told(found)); d != "" {
		t.Error(d)
	}
	ids := map[string]bool{}
	for _, f := range found {
		if f.ID == "" || ids[f.ID] || f.Tenant != "t" || f.Message == "" || f.Reason == "" || f.Hint == "" {
			t.Errorf("incomplete or twice: %+v", f)
		}
		ids[f.ID] = true
	}
}

func TestPackagesAgainstTheInventory(t *testing.T) {
	r := whole()
	r.Links = map[keepwatch.CredentialID]string{"looker": "1"}
	r.Packages = []Package{
		{User: "1", Name: "Some other name", Active: true},
		{User: "2", Name: "Order Confirmations", Active: true},
		{User: "3", Name: "Loyalty feed", Active: true},
		{User: "4", Name: "Forgotten", Active: true},
		{User: "5", Name: "Salesforce internal", Active: true, System: true},
		{User: "6", Name: "A very long name of a package that was cut o app", Cut: true, Active: true},
		{User: "7", Name: "Retired", Active: false},
		{User: "8", Name: "Nightly", Active: false},
	}
	pkg := func(id keepwatch.CredentialID, name string) keepwatch.Credential {
		return keepwatch.Credential{ID: id, Tenant: "t", Kind: keepwatch.ServerToServer, Package: name}
	}
	creds := looker(pkg("order-confirmations", ""), pkg("x1", "LOYALTY  feed"), pkg("x2", "A very long name of a package that was cut off by SFMC"), pkg("nightly", ""),
		keepwatch.Credential{ID: "forgotten", Tenant: "another", Kind: keepwatch.ServerToServer},
		keepwatch.Credential{ID: "Forgotten", Tenant: "t", Kind: keepwatch.SFTPPassword})
	expect(t, Findings(r, nil, creds, at), "warning package_inactive Nightly nightly", "warning package_not_registered Forgotten")
}

func TestAPackageThatVanishes(t *testing.T) {
	before := whole()
	before.At = days(-1)
	before.Links = map[keepwatch.CredentialID]string{"looker": "1"}
	before.Packages = []Package{{User: "1", Name: "Looker", Active: true}, {User: "2", Name: "Orders", Active: true}}
	creds := looker(keepwatch.Credential{ID: "orders", Tenant: "t", Kind: keepwatch.ServerToServer})

	unsure := partial(whole(), PartUsers)
	unsure.Packages = before.Packages[:1]
	expect(t, Findings(unsure, &before, creds, at)) // it may be among what was not read
	unsure = Follow(unsure, &before)

	sure := whole()
	sure.At, sure.Packages = days(1), before.Packages[:1]
	sure = Follow(sure, &unsure)
	expect(t, Findings(sure, &unsure, creds, days(1)), "warning package_gone Orders orders")
	expect(t, Findings(sure, nil, creds, days(1)), "warning package_gone Orders orders")

	later := whole()
	later.At, later.Packages = days(20), before.Packages[:1]
	later = Follow(later, &sure)
	expect(t, Findings(later, nil, creds, days(20)), "warning package_gone Orders orders")
	expect(t, Findings(later, nil, looker(), days(20)), "info package_gone Orders")
	if later.Gone[0].Since != days(1) {
		t.Errorf("since %s", later.Gone[0].Since)
	}

	back := whole()
	back.At, back.Packages = days(21), before.Packages
	expect(t, Findings(Follow(back, &later), nil, creds, days(21)))
}

func TestAPIUsers(t *testing.T) {
	r := whole()
	user := func(login string, change func(*APIUser)) APIUser {
		u := APIUser{User: login, Login: login, Active: true, LastLogin: days(-1), Created: days(-400)}
		change(&u)
		return u
	}
	r.APIUsers = []APIUser{
		user("well", func(*APIUser) {}),
		user("locked", func(u *APIUser) { u.Locked = true }),
		user("must", func(u *APIUser) { u.MustChange = true }),
		user("off", func(u *APIUser) { u.Active = false }),
		user("idle59", func(u *APIUser) { u.LastLogin = days(-59) }),
		user("idle60", func(u *APIUser) { u.LastLogin = days(-60) }),
		user("idle90", func(u *APIUser) { u.LastLogin = days(-90) }),
		user("own", func(u *APIUser) { u.LastLogin = days(-90) }),
		user("never", func(u *APIUser) { u.LastLogin = time.Time{} }),
		user("stranger", func(u *APIUser) { u.Locked = true }),
		user("gone", func(u *APIUser) { u.Active = false }),
	}
	creds := looker()
	for _, login := range []string{"well", "LOCKED", "must", "off", "idle59", "idle60", "idle90", "own", "never"} {
		c := keepwatch.Credential{ID: keepwatch.CredentialID(login), Tenant: "t", Kind: keepwatch.APIUser, Username: login}
		if login == "own" {
			c.IdleFor = 365 * 24 * time.Hour
		}
		creds = append(creds, c)
	}
	expect(t, Findings(r, nil, creds, at),
		"critical user_locked locked LOCKED", "critical user_must_change_password must must",
		"warning user_inactive off off", "warning user_locked stranger", "warning user_not_registered stranger",
		"warning user_without_recent_login idle90 idle90", "warning user_without_recent_login never never",
		"info user_inactive gone", "info user_without_recent_login idle60 idle60")
}

func TestBusinessUnits(t *testing.T) {
	r := whole()
	r.Units = []Unit{{MID: 1, Name: "Group", Active: true}, {MID: 2, Parent: 1, Name: "DE", Active: true}, {MID: 3, Parent: 1, Name: "FR", Active: true}, {MID: 4, Parent: 1, Name: "Old", Active: false}}
	creds := looker(keepwatch.Credential{ID: "a", Tenant: "t", BusinessUnit: 2}, keepwatch.Credential{ID: "b", Tenant: "t", BusinessUnit: 9})
	expect(t, Findings(r, nil, creds, at), "warning business_unit_gone 9 b", "info business_unit_not_registered t")
	r.Registered = []Unit{{MID: 1, Name: "Group"}, {MID: 4, Name: "Old"}}
	expect(t, Findings(r, nil, creds, at), "warning business_unit_gone 9 b", "warning business_unit_gone Old (4)", "info business_unit_not_registered FR (3)")
	expect(t, Findings(partial(r, PartUnits), nil, creds, at), "info business_unit_not_registered FR (3)")
}

func TestScopes(t *testing.T) {
	before := whole()
	before.At = days(-1)
	r := whole()
	r.Scopes = []string{"accounts_read", "email_send", "users_read"}
	creds := looker()
	creds[0].Tests = []string{"identity", "rest:/interaction/v1/interactions?$pageSize=1"}
	found := Findings(r, &before, creds, at)
	expect(t, found, "warning scopes_changed looker looker", "warning scopes_missing_for_tests looker looker", "warning scopes_wider_than_needed looker looker", "info scopes_missing_for_tests looker looker")
	for i, want := range []string{"added email_send; removed tracking_events_read", "journeys_read", "email_send", "tracking_events_read"} {
		if !strings.Contains(found[i].Message, want) {
			t.Errorf("%q lacks %q", found[i].Message, want)
		}
	}
	creds[0].Holders = []keepwatch.Holder{{Name: "shop"}}
	r = Follow(r, &before)
	next := r
	next.At, next.ScopeChange = days(3), nil
	next = Follow(next, &r)
	expect(t, Findings(next, nil, creds, days(3)), "warning scopes_changed looker looker", "warning scopes_missing_for_tests looker looker", "info scopes_missing_for_tests looker looker")
	if got := Findings(next, nil, creds, days(8)); len(got) != 2 {
		t.Errorf("after a week: %v", told(got))
	}
	asked := r
	asked.At, asked.Asked, asked.Scopes, asked.ScopeChange = days(4), []string{"users_read"}, []string{"users_read"}, nil
	if got := Follow(asked, &next); got.ScopeChange != nil {
		t.Errorf("our own request is no drift: %+v", got.ScopeChange)
	}
}

func TestEvents(t *testing.T) {
	r := whole()
	r.Events = []Event{
		{ID: "3", At: days(-1), Kind: "Installed Package", Operation: "Delete", Object: "orders", By: "admin"},
		{ID: "2", At: days(-2), Kind: "Installed Package", Operation: "Modify", Object: "orders"},
		{ID: "1", At: days(-2), Kind: "Component", Operation: "Modify"},
		{ID: "0", At: days(-9), Kind: "Installed Package", Operation: "Create", Object: "ancient"},
	}
	found := Findings(r, nil, looker(keepwatch.Credential{ID: "orders", Tenant: "t", Kind: keepwatch.ServerToServer}), at)
	expect(t, found, "warning package_changed orders orders", "info package_changed Component")
	if want := `The audit trail has for installed package "orders": delete by admin on 2026-11-23 06:00 UTC.`; found[0].Message != want {
		t.Errorf("%s", found[0].Message)
	}
}

func TestFollowTwiceIsFollowOnce(t *testing.T) {
	before := whole()
	before.At, before.Packages, before.Scopes = days(-1), []Package{{User: "2", Name: "Orders"}}, []string{"users_read"}
	once := Follow(whole(), &before)
	if d := cmp.Diff(once, Follow(once, &before)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(once, Follow(once, &once)); d != "" {
		t.Error(d)
	}
	if len(before.Gone) != 0 || before.ScopeChange != nil {
		t.Errorf("the earlier report was changed: %+v", before)
	}
}

// A stored report is foreign bytes: another version may have written it.
func FuzzFindings(f *testing.F) {
	r := whole()
	r.Packages, r.APIUsers = []Package{{User: "1", Name: "x app", Cut: true}}, []APIUser{{User: "2", Login: "b", Active: true}}
	raw, _ := json.Marshal(r)
	f.Add(string(raw), string(raw))
	f.Add(`{"tenant":"t","gone":[{"name":"a"}],"scope_change":{},"registered":[{"mid":-1}]}`, `{"tenant":"t","links":{"looker":"1"}}`)
	f.Fuzz(func(t *testing.T, newer, older string) {
		var report, previous Report
		if json.Unmarshal([]byte(newer), &report) != nil || json.Unmarshal([]byte(older), &previous) != nil {
			return
		}
		for _, finding := range Findings(report, &previous, looker(keepwatch.Credential{ID: "x", Tenant: "t", Kind: keepwatch.APIUser, Username: "b"}), at) {
			if finding.ID == "" || finding.Kind == "" || rank(finding.Severity) < 0 {
				t.Fatalf("%+v", finding)
			}
		}
		report.Notes()
		report.BusinessUnits()
	})
}
