package sfmc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

const auditEntry = `{"id":7,"createdDate":"2026-11-20T10:00:00.000","memberId":510000123,"enterpriseId":510000100,"employee":{"id":1,"employeeName":"A Person","userName":"admin"},
"objectType":{"id":3,"name":"Installed Package"},"operation":{"id":2,"name":"Modify"},"object":{"id":"x","name":"Orders"},"transactionId":"t"}`

var wantEvent = AuditEvent{
	ID: "7", At: time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC), Unit: 510000123, By: "admin", Kind: "Installed Package", Operation: "Modify", Object: "Orders",
}

func TestParseAudit(t *testing.T) {
	page := func(items string) string { return `{"page":1,"pageSize":50,"count":2,"items":` + items + `}` }
	for name, c := range map[string]struct {
		body   string
		events int
		unread int
		ok     bool
	}{
		"object":              {page("[" + auditEntry + "]"), 1, 0, true},
		"array":               {"[" + page("["+auditEntry+"]") + "]", 1, 0, true},
		"two":                 {page("[" + auditEntry + " , " + auditEntry + "]"), 2, 0, true},
		"without items":       {`{"count":0,"page":1,"pageSize":50}`, 0, 0, true},
		"empty array":         {`[]`, 0, 0, true},
		"an odd entry":        {page(`[5,{},` + auditEntry + `]`), 1, 2, true},
		"a field of odd type": {page("[" + strings.Replace(auditEntry, `{"id":"x","name":"Orders"}`, `"Orders"`, 1) + "]"), 1, 0, true},
		"nothing promised":    {`{"hello":1}`, 0, 0, false},
		"twice":               {`{"items":[],"items":[]}`, 0, 0, false},
		"an array of text":    {`["x"]`, 0, 0, false},
		"an error":            {`{"message":"Insufficient privileges","errorcode":20002}`, 0, 0, false},
	} {
		got, v := parseAudit(replyOf(OnREST, 200, jsonType, c.body), newVeil(nil))
		if len(got.events) != c.events || got.unread != c.unread || v.OK() != c.ok {
			t.Errorf("%s: %d events, %d unread, %+v", name, len(got.events), got.unread, v)
		}
		if len(got.events) > 0 && name != "a field of odd type" {
			if d := cmp.Diff(wantEvent, got.events[0]); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

func TestAuditPages(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	var asked []url.Values
	total := 120
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query())
		const size = 50 // whatever was asked for
		var items []json.RawMessage
		for i := (len(asked) - 1) * size; i < min(total, len(asked)*size); i++ {
			items = append(items, json.RawMessage(auditEntry))
		}
		raw, _ := json.Marshal(map[string]any{"page": len(asked), "pageSize": size, "count": len(items), "items": items})
		writeJSON(w, 200, string(raw))
	})
	events, list, v := c.AuditEvents(t.Context(), e, secret("tok"), now.Add(-24*time.Hour), now)
	if len(events) != total || list != (Listing{Complete: true, Calls: 3}) || !v.OK() {
		t.Errorf("%d events, %+v, %+v", len(events), list, v)
	}
	want := url.Values{"$page": {"3"}, "$pagesize": {"100"}, "$orderBy": {"createdDate DESC"}, "startdate": {"2026-11-22T18:00:00"}, "enddate": {"2026-11-23T18:00:00"}}
	if d := cmp.Diff(want, asked[2]); d != "" {
		t.Error(d)
	}
	asked, total = nil, 1<<20
	if _, list, v := c.AuditEvents(t.Context(), e, secret("tok"), now.Add(-time.Hour), now); list.Complete || list.Calls != auditPages || !v.OK() {
		t.Errorf("without end: %+v %+v", list, v)
	}
}

func TestAuditThatIsNotOffered(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 403, `{"message":"Insufficient Privileges to complete this action.","errorcode":20002,"documentation":""}`)
	})
	if events, list, v := c.AuditEvents(t.Context(), e, secret("tok"), time.Time{}, time.Now()); v.Outcome != keepwatch.ScopeMissing || len(events) != 0 || list.Complete {
		t.Errorf("%+v %+v", list, v)
	}
}

const userinfoBody = `{"exp":1,"iss":"x","user":{"sub":"700000001","name":"Orders app user"},"organization":{"member_id":510000123,"enterprise_id":510000100,"enterprise_name":"Sample & Sons","stack_key":"S50"},
"application":{"id":"g","name":"Orders","appScopes":["email_read","Not A Scope","users_read"]},"permissions":[]}`

func TestAccount(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, userinfoBody) })
	a, v := c.Account(t.Context(), e, secret("tok"))
	want := Account{Identity: Identity{MID: 510000123, EID: 510000100, Stack: "S50", UserSub: "700000001"}, Enterprise: "Sample & Sons", Package: "Orders", Scopes: []string{"email_read", "users_read"}}
	if d := cmp.Diff(want, a); d != "" || !v.OK() {
		t.Errorf("%s %+v", d, v)
	}
}

// A stack without userinfo is asked for the numbers alone.
func TestAccountWithoutUserinfo(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "userinfo") {
			writeJSON(w, 404, `{"documentation":"","errorcode":404,"message":"Not Found"}`)
			return
		}
		writeJSON(w, 200, `{"enterprise":{"id":510000100},"organization":{"id":510000123},"user":{"id":700000001}}`)
	})
	a, v := c.Account(t.Context(), e, secret("tok"))
	if !v.OK() || a.MID != 510000123 || a.EID != 510000100 || a.UserSub != "700000001" || a.Package != "" {
		t.Errorf("%+v %+v", a, v)
	}
}

func FuzzAudit(f *testing.F) {
	f.Add(`{"page":1,"pageSize":50,"count":1,"items":[` + auditEntry + `]}`)
	f.Add(`[{"items":[` + auditEntry + `,5,{"id":"` + canary + `"}],"pageSize":-1}]`)
	f.Add(`{"items":[[[]],{}],"pageSize":"9"}`)
	f.Fuzz(func(t *testing.T, body string) {
		hide := [][]byte{[]byte(canary)}
		r := replyOf(OnREST, 200, jsonType, body)
		r.Hide = hide
		got, v := parseAudit(r, newVeil(hide))
		judge(t, v)
		if v.OK() && (got.items != len(got.events)+got.unread || got.size < 1 || got.size > auditPage) {
			t.Fatalf("%d items, %d events, %d unread, size %d", got.items, len(got.events), got.unread, got.size)
		}
		for _, e := range got.events {
			if shown := fmt.Sprint(e); strings.Contains(shown, canary) || len(shown) > 6*maxName+100 || e.At.IsZero() || e.Kind == "" {
				t.Fatalf("shown: %s", shown)
			}
		}
	})
}

func FuzzAccount(f *testing.F) {
	f.Add(userinfoBody)
	f.Add(strings.ReplaceAll(userinfoBody, "Orders", canary))
	f.Add(`{"organization":{"id":1},"enterprise":{"id":2},"user":{"id":3},"application":{"appScopes":"email_read offline"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		hide := [][]byte{[]byte(canary)}
		r := replyOf(OnIdentity, 200, jsonType, body)
		r.Hide = hide
		a, v := parseAccount(r, newVeil(hide))
		judge(t, v)
		if shown := fmt.Sprint(a); strings.Contains(shown, canary) || v.OK() != (a.MID != 0) {
			t.Fatalf("shown: %s, %+v", shown, v)
		}
	})
}

// Rows are read from whatever envelope parses.
func FuzzRows(f *testing.F) {
	f.Add(soapPage("OK", unitRow(1, 0, "true")))
	f.Add(soapPage("OK", userRow("AccountUserID", "1", "Name", canary, "IsAPIUser", "true", "Email", "a@b", "LastSuccessfulLogin", "2026-01-01T00:00:00")))
	f.Add(soapPage("MoreDataAvailable", `<Results><AccountUser><AccountUserID>1</AccountUserID></AccountUser><Account><ID>2</ID></Account></Results>`))
	f.Fuzz(func(t *testing.T, body string) {
		e, err := parseEnvelope([]byte(body))
		if err != nil {
			return
		}
		names := newVeil([][]byte{[]byte(canary)})
		for _, row := range e.results {
			u, _ := unitOf(row, names)
			a, isOne := userOf(row, names)
			if shown := fmt.Sprint(u, a); strings.Contains(shown, canary) || len(u.Name) > maxName || len(a.Name) > maxName || len(a.Login) > maxName {
				t.Fatalf("shown: %s", shown)
			}
			if isOne && (a.ID == "" || a.Package && (a.Locked || a.MustChange || !a.LastLogin.IsZero())) {
				t.Fatalf("a user that cannot be: %+v", a)
			}
		}
	})
}
