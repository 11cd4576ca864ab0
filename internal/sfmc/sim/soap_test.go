package sim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

func TestSOAPHeaderStyles(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token()
	message := retrieve("DataFolder", "ID", "<Options><BatchSize>1</BatchSize></Options>")
	for name, body := range map[string]string{
		"fueloauth":           envelope(oauth(token), message),
		"prefixed":            envelope(`<etns:fueloauth xmlns:etns="http://exacttarget.com">`+token+`</etns:fueloauth>`, message),
		"without a namespace": envelope(`<fueloauth>`+token+`</fueloauth>`, message),
		"legacy oAuth":        envelope(`<oAuth><oAuthToken>`+token+`</oAuthToken></oAuth>`+login("*", "*"), message),
		"body before header":  `<Envelope xmlns="` + nsEnvelope11 + `"><Body>` + message + `</Body><Header><fueloauth xmlns="http://exacttarget.com">` + token + `</fueloauth></Header></Envelope>`,
		"SOAP 1.2":            strings.ReplaceAll(envelope(oauth(token), message), nsEnvelope11, nsEnvelope12),
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"Service.asmx", "service.asmx", "https://x.soap.marketingcloudapis.com/SERVICE.ASMX"} {
				got := r.do("POST", path, "", body, "Content-Type", "text/xml")
				equal(t, "status", got.status, 200)
				contains(t, got, "<OverallStatus>MoreDataAvailable</OverallStatus>")
				contains(t, got, "<soap:Envelope")
				contains(t, got, `<Results xsi:type="DataFolder">`)
				wellFormed(t, got.body)
			}
		})
	}
}

func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in %s", err, clip(text))
		}
	}
}

func TestSOAPTokens(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRig(t, Options{Now: func() time.Time { return at }})
	token := r.token()
	message := retrieve("DataFolder", "ID", "")
	contains(t, r.soap(oauth("made.up.token.x"), message), "<faultstring>Login Failed</faultstring>")
	contains(t, r.soap("", message), "<faultstring>Login Failed</faultstring>")
	at = at.Add(20 * time.Minute)
	got := r.soap(oauth(token), message)
	equal(t, "status", got.status, 500)
	contains(t, got, "q0:Security</faultcode><faultstring>Token Expired</faultstring>")
	wellFormed(t, got.body)
	r.sim.Revoke(r.id)
	contains(t, r.soap(oauth(token), message), "Token Expired")
	for name, body := range map[string]string{"empty": "", "text": "hello", "no body": "<Envelope><Header/></Envelope>", "cut": envelope("", message)[:80], "doctype": "<!DOCTYPE x>" + envelope("", message)} {
		got := r.do("POST", "Service.asmx", "", body)
		equal(t, name, got.status, 400)
		equal(t, name, got.body, "Bad Request")
	}
	token = r.token()
	contains(t, r.soap(oauth(token), `<CreateRequest xmlns="`+nsPartner+`"/>`), "did not recognize the value of HTTP Header SOAPAction: Retrieve.")
	contains(t, r.soap(oauth(token), systemStatusRequest), "<SystemStatus>OK</SystemStatus>")
}

// After three bad passwords the right one does not help any more, until
// somebody unlocks the user.
func TestLockOut(t *testing.T) {
	r := newRig(t, Options{})
	r.sim.AddClient(ClientSpec{ClientID: "user", Secret: "right", Kind: keepwatch.APIUser, MID: germany, EID: eid})
	try := func(password string) string {
		got := r.soap(login("user", password), retrieve("AccountUser", "UserID IsLocked", `<Filter xsi:type="SimpleFilterPart"><Property>UserID</Property><SimpleOperator>equals</SimpleOperator><Value>user</Value></Filter>`))
		if got.status == 200 {
			return "ok"
		}
		return regexp.MustCompile(`<faultstring>(.*)</faultstring>`).FindStringSubmatch(got.body)[1]
	}
	for i, step := range []struct{ password, want string }{
		{"right", "ok"}, {"wrong", "Login Failed"}, {"wrong", "Login Failed"}, {"right", "ok"}, // a success forgives
		{"wrong", "Login Failed"}, {"wrong", "Login Failed"}, {"wrong", "Login Failed"}, {"right", faultAccountLocked.text}, {"wrong", faultAccountLocked.text},
	} {
		equal(t, fmt.Sprint("try ", i), try(step.password), step.want)
	}
	got := r.soap(oauth(r.token()), retrieve("AccountUser", "UserID IsLocked", ""))
	contains(t, got, "<UserID>user</UserID><IsLocked>true</IsLocked>")
	r.sim.Unlock("user")
	equal(t, "unlocked", try("right"), "ok")
	r.sim.RequirePasswordChange("user", true)
	equal(t, "must change", try("right"), faultPasswordChange.text)
	equal(t, "nobody", r.soap(login("nobody", "x"), systemStatusRequest).status, 500)
	r.sim.RequirePasswordChange("user", false)
	r.sim.Configure(func(s *Settings) { s.LockAfter = 5 })
	for range 4 {
		try("wrong")
	}
	equal(t, "four of five", try("right"), "ok")
}

func TestBusinessUnits(t *testing.T) {
	r := newRig(t, Options{BusinessUnits: []BusinessUnit{{MID: 7, EID: 7, Name: "Stranger"}}})
	ids := func(mid keepwatch.MID, more string) string {
		t.Helper()
		token := r.token(fmt.Sprintf(`"account_id":%d`, mid))
		return strings.Join(values(r.soap(oauth(token), retrieve("BusinessUnit", "ID Name ParentID Client.EnterpriseID", more)).body, "ID"), " ")
	}
	const all = "<QueryAllAccounts>true</QueryAllAccounts>"
	r.sim.SetBusinessUnits(r.id, eid, france)
	equal(t, "from the enterprise", ids(eid, all), "510000100 510000123 510000124")
	equal(t, "its own", ids(eid, ""), "510000100")
	equal(t, "from a child", ids(germany, all), "510000123")
}

func values(body, name string) (out []string) {
	for _, m := range regexp.MustCompile("<"+name+">([^<]*)</"+name+">").FindAllStringSubmatch(body, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestRetrievePages(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := newRig(t, Options{Now: func() time.Time { return at }})
	token := r.token()
	ask := func(more string) (ids []string, status, request string) {
		t.Helper()
		got := r.soap(oauth(token), retrieve("DataFolder", "ID", more))
		return values(got.body, "ID"), values(got.body, "OverallStatus")[0], values(got.body, "RequestID")[0]
	}
	seen := map[string]bool{}
	ids, status, request := ask("<Options><BatchSize>5</BatchSize></Options>")
	for pages := 1; ; pages++ {
		for _, id := range ids {
			if seen[id] {
				t.Errorf("folder %s came twice", id)
			}
			seen[id] = true
		}
		if status != "MoreDataAvailable" {
			equal(t, "pages", pages, 3)
			break
		}
		equal(t, "full page", len(ids), 5)
		ids, status, request = ask("<ContinueRequest>" + request + "</ContinueRequest>")
	}
	equal(t, "folders", len(seen), len(folderTypes))
	_, status, _ = ask("<ContinueRequest>" + request + "</ContinueRequest>")
	contains(t, reply{body: status}, "is not valid")
	_, _, request = ask("<Options><BatchSize>5</BatchSize></Options>")
	at = at.Add(cursorLife)
	_, status, _ = ask("<ContinueRequest>" + request + "</ContinueRequest>")
	contains(t, reply{body: status}, "is not valid")
}

func TestRetrieveErrors(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token()
	contains(t, r.soap(oauth(token), retrieve("dataFolder", "ID", "")), "Unable to find a handler for object type: dataFolder. Object types are case-sensitive")
	contains(t, r.soap(oauth(token), retrieve("DataFolder", "ID Colour Taste", "")), "Error: The Request Property(s) Colour, Taste do not match with the fields of DataFolder retrieve")
	r.sim.SetScopes(r.id, "email_read")
	got := r.soap(oauth(r.token()), retrieve("DataExtension", "Name", ""))
	equal(t, "status", got.status, 200)
	contains(t, got, "<OverallStatus>Error: API Permission Failed")
	if strings.Contains(got.body, "<Results") {
		t.Error("rows came with the error")
	}
}

func TestFilters(t *testing.T) {
	simple := func(property, operator string, values ...string) *element {
		e := &element{kind: "SimpleFilterPart", children: []*element{{name: "Property", text: []byte(property)}, {name: "SimpleOperator", text: []byte(operator)}}}
		for _, v := range values {
			e.children = append(e.children, &element{name: "Value", text: []byte(v)})
		}
		return e
	}
	both := func(left *element, op string, right *element) *element {
		part := func(name string, e *element) *element {
			return &element{name: name, kind: e.kind, children: e.children}
		}
		return &element{kind: "ComplexFilterPart", children: []*element{part("LeftOperand", left), {name: "LogicalOperator", text: []byte(op)}, part("RightOperand", right)}}
	}
	x := row{"Name": "Orders", "ID": "10", "Empty": "", "Date": "2026-11-23T10:00:00"}
	for _, c := range []struct {
		filter *element
		want   bool
	}{
		{nil, true},
		{simple("Name", "equals", "orders"), true}, {simple("Name", "equals", "Order"), false},
		{simple("Name", "notEquals", "Orders"), false}, {simple("Empty", "isNull"), true}, {simple("Name", "isNotNull"), true},
		{simple("Name", "like", "%rder%"), true}, {simple("Name", "IN", "A", "Orders"), true}, {simple("Name", "IN", "A", "B"), false},
		{simple("Name", "beginsWith", "Ord"), true}, {simple("Name", "endsWith", "x"), false},
		{simple("ID", "greaterThan", "9"), true}, {simple("ID", "lessThan", "9"), false}, {simple("ID", "lessThanOrEqual", "10"), true},
		{simple("ID", "greaterThan", "9.5"), true}, {simple("Date", "greaterThanOrEqual", "2026-11-24T00:00:00"), false},
		{simple("Name", "isAnniversary", "x"), false},
		{both(simple("Name", "equals", "Orders"), "AND", simple("ID", "equals", "11")), false},
		{both(simple("Name", "equals", "Orders"), "OR", simple("ID", "equals", "11")), true},
	} {
		if got := x.passes(c.filter, 0); got != c.want {
			t.Errorf("%v passes = %v", c.filter, got)
		}
	}
}

func TestWSDL(t *testing.T) {
	r := newRig(t, Options{})
	got := r.do("GET", "etframework.wsdl", "", "")
	equal(t, "status", got.status, 200)
	contains(t, got, `<soap:address location="`+r.base+`Service.asmx"/>`)
	wellFormed(t, got.body)
}
