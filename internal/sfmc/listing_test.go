package sfmc

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

// soapPages answers each Retrieve with the next body; past the last it goes on with it.
func soapPages(t *testing.T, pages ...string) (*Client, Endpoints, *[]string) {
	var asked []string
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, string(body))
		page := pages[min(len(asked), len(pages))-1]
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		if strings.Contains(page, "Fault>") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, page)
	})
	return c, e, &asked
}

func soapPage(status, rows string) string {
	return `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body><RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>` +
		status + `</OverallStatus><RequestID>r-1</RequestID>` + rows + `</RetrieveResponseMsg></soap:Body></soap:Envelope>`
}

const faultPage = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>Rate Limited</faultstring><detail><apifault xmlns="urn:fault.partner.exacttarget.com"><Code>17</Code></apifault></detail></soap:Fault></soap:Body></soap:Envelope>`

func unitRow(id, parent int, active string) string {
	return fmt.Sprintf(`<Results xsi:type="BusinessUnit"><PartnerKey xsi:nil="true"/><ID>%d</ID><Name>U %d</Name><ParentID>%d</ParentID><IsActive>%s</IsActive></Results>`, id, id, parent, active)
}

var testLogin = Login{Token: keepwatch.NewSecret([]byte("tok-0123456789-abcdefghij"))}

func TestBusinessUnitsOverPages(t *testing.T) {
	c, e, asked := soapPages(t, soapPage("MoreDataAvailable", unitRow(1, 0, "true")+unitRow(0, 1, "true")), soapPage("OK", unitRow(2, 1, "false")))
	units, list, v := c.BusinessUnits(t.Context(), e, testLogin)
	want := []Unit{{MID: 1, Name: "U 1", Active: true}, {MID: 2, Parent: 1, Name: "U 2"}}
	if d := cmp.Diff(want, units); d != "" || !v.OK() || list != (Listing{Complete: true, Calls: 2, Unread: 1}) {
		t.Errorf("%s %+v %+v", d, list, v)
	}
	if !strings.Contains((*asked)[0], "<QueryAllAccounts>true<") || !strings.Contains((*asked)[1], "<ContinueRequest>r-1<") {
		t.Errorf("asked %q", *asked)
	}
}

func TestAListThatBreaksKeepsWhatCame(t *testing.T) {
	c, e, _ := soapPages(t, soapPage("MoreDataAvailable", unitRow(1, 0, "true")), faultPage)
	units, list, v := c.BusinessUnits(t.Context(), e, testLogin)
	if len(units) != 1 || list.Complete || v.Outcome != keepwatch.RateLimited {
		t.Errorf("%v %+v %+v", units, list, v)
	}
}

func TestAListThatNeverEndsIsCutOff(t *testing.T) {
	c, e, asked := soapPages(t, soapPage("MoreDataAvailable", unitRow(1, 0, "true")))
	_, list, v := c.BusinessUnits(t.Context(), e, testLogin)
	if list.Complete || list.Calls != unitPages || len(*asked) != unitPages || !v.OK() {
		t.Errorf("%+v after %d requests, %+v", list, len(*asked), v)
	}
	if _, list, _ := c.AccountUsers(t.Context(), e, testLogin); list.Complete || list.Calls != userPages {
		t.Errorf("users: %+v", list)
	}
	if _, list, _ := c.Grants(t.Context(), e, testLogin); list.Complete || list.Calls != grantPages {
		t.Errorf("grants: %+v", list)
	}
}

func userRow(fields ...string) string {
	var b strings.Builder
	b.WriteString(`<Results xsi:type="AccountUser">`)
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%s>", fields[i], fields[i+1], fields[i])
	}
	return b.String() + "</Results>"
}

func TestAccountUsers(t *testing.T) {
	const login = "2026-08-01T03:04:05.123"
	rows := userRow("AccountUserID", "1", "UserID", "8c5f3f4e-1111-4222-8333-444455556666", "Name", "Orders app user", "Email", "", "ActiveFlag", "true", "IsAPIUser", "true", "MustChangePassword", "false", "LastSuccessfulLogin", login, "DefaultBusinessUnit", "7") +
		userRow("AccountUserID", "2", "UserID", "bob", "Name", "Bob", "Email", "bob@example.com", "ActiveFlag", "true", "IsAPIUser", "true", "IsLocked", "true", "MustChangePassword", "true", "LastSuccessfulLogin", login) +
		userRow("AccountUserID", "3", "UserID", "jane", "Name", "Jane", "Email", "jane@example.com", "IsAPIUser", "false") +
		userRow("AccountUserID", "4", "Name", "A package whose name is so long that SFMC cut ", "ActiveFlag", "false", "IsAPIUser", "true") +
		userRow("AccountUserID", "5", "Name", "Salesforce internal app user", "MustChangePassword", "true") +
		userRow("AccountUserID", "six", "Name", "x", "IsAPIUser", "true")
	c, e, asked := soapPages(t, soapPage("OK", rows))
	users, list, v := c.AccountUsers(t.Context(), e, testLogin)
	at := time.Date(2026, 8, 1, 9, 4, 5, 123e6, time.UTC)
	want := []AccountUser{
		{ID: "1", Login: "8c5f3f4e-1111-4222-8333-444455556666", Name: "Orders app user", Unit: 7, Package: true, Active: true},
		{ID: "2", Login: "bob", Name: "Bob", Active: true, Locked: true, MustChange: true, LastLogin: at},
		{ID: "4", Name: "A package whose name is so long that SFMC cut", Package: true},
		{ID: "5", Name: "Salesforce internal app user", Package: true, System: true, Active: true},
	}
	if d := cmp.Diff(want, users); d != "" || !v.OK() || list != (Listing{Complete: true, Calls: 1, Unread: 1}) {
		t.Errorf("%s %+v %+v", d, list, v)
	}
	if users[0].PackageName() != "Orders" || users[1].PackageName() != "" {
		t.Errorf("names %q and %q", users[0].PackageName(), users[1].PackageName())
	}
	if len(*asked) != 1 || !strings.Contains((*asked)[0], "<Property>IsAPIUser</Property>") {
		t.Errorf("people are asked for: %q", *asked)
	}
}

// A server that does not take the filter is asked once more without it, and people
// are left out here.
func TestAccountUsersWithoutTheFilter(t *testing.T) {
	c, e, asked := soapPages(t, soapPage("Error: The Filter Property IsAPIUser is not filterable", ""),
		soapPage("OK", userRow("AccountUserID", "2", "UserID", "bob", "Email", "b@example.com", "IsAPIUser", "true")+userRow("AccountUserID", "3", "UserID", "jane", "Email", "j@example.com", "IsAPIUser", "false")))
	users, list, v := c.AccountUsers(t.Context(), e, testLogin)
	if len(users) != 1 || users[0].Login != "bob" || list.Calls != 2 || !list.Complete || !v.OK() || strings.Contains((*asked)[1], "IsAPIUser</Property>") {
		t.Errorf("%+v %+v %+v", users, list, v)
	}
}

func TestGrants(t *testing.T) {
	row := func(user, unit string) string {
		return `<Results xsi:type="AccountUserAccount"><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/><AccountUser><PartnerKey/><AccountUserID>` + user + `</AccountUserID></AccountUser><Account><ID>` + unit + `</ID></Account></Results>`
	}
	c, e, _ := soapPages(t, soapPage("OK", row("11", "7")+row("11", "")))
	grants, list, v := c.Grants(t.Context(), e, testLogin)
	if d := cmp.Diff([]Grant{{User: "11", Unit: 7}}, grants); d != "" || list.Unread != 1 || !v.OK() {
		t.Errorf("%s %+v %+v", d, list, v)
	}
}

// A server that puts what it was told into a name shows nothing.
func TestNamesThatRepeatASecretAreWithheld(t *testing.T) {
	token := string(testLogin.Token.Reveal())
	for _, echo := range []string{token, "x" + token[3:15] + "y", strings.ToUpper(token), reversed([]byte(token))} {
		c, e, _ := soapPages(t, soapPage("OK", strings.ReplaceAll(unitRow(1, 0, "true"), "U 1", echo)))
		units, _, _ := c.BusinessUnits(t.Context(), e, testLogin)
		if len(units) != 1 || units[0].Name != withheld {
			t.Errorf("%q: %+v", echo, units)
		}
	}
	password := Login{Username: "bob", Password: secret("pa55-w")}
	c, e, _ := soapPages(t, soapPage("OK", strings.ReplaceAll(unitRow(1, 0, "true"), "U 1", "my PA55-W is")))
	if units, _, _ := c.BusinessUnits(t.Context(), e, password); units[0].Name != withheld {
		t.Errorf("a short password: %+v", units)
	}
	c, e, _ = soapPages(t, soapPage("OK", unitRow(1, 0, "true")))
	if units, _, _ := c.BusinessUnits(Hiding(t.Context(), secret("an unrelated secret")), e, testLogin); units[0].Name != "U 1" {
		t.Errorf("an innocent name: %+v", units)
	}
}

func TestInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-07-01T00:30:00":       "2026-07-01T06:30:00Z", // no summer time
		"2026-01-01T00:30:00.5":     "2026-01-01T06:30:00.5Z",
		"2026-01-01T00:30:00Z":      "2026-01-01T00:30:00Z",
		"2026-01-01T00:30:00+02:00": "2025-12-31T22:30:00Z",
	} {
		if got := instant(text).Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "yesterday", "0001-01-01T00:00:00", "2026-13-01T00:00:00", strings.Repeat("2", 100)} {
		if got := instant(text); !got.IsZero() {
			t.Errorf("%s: %s", text, got)
		}
	}
}
