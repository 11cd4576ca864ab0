package sfmc

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"keepwatch"
)

func TestPassingOf(t *testing.T) {
	for _, row := range []struct {
		host         Host
		method, path string
		kind         keepwatch.CallKind
		on           Surface
		family       string
	}{
		{HostAuth, "POST", "/v2/token", keepwatch.CallToken, OnToken, ""},
		{HostAuth, "POST", "/V2/Token", keepwatch.CallToken, OnToken, ""},
		{HostAuth, "POST", "/v1/requestToken", keepwatch.CallToken, OnLegacy, ""},
		{HostAuth, "GET", "/v2/token", keepwatch.CallREST, OnREST, "auth"},
		{HostAuth, "GET", "/v2/userinfo", keepwatch.CallREST, OnIdentity, "userinfo"},
		{HostREST, "GET", "/platform/v1/tokencontext", keepwatch.CallREST, OnIdentity, "platform"},
		{HostREST, "POST", "/messaging/v1/email/messages/1", keepwatch.CallREST, OnREST, "messaging"},
		{HostREST, "GET", "/a-secret-in-a-path/x", keepwatch.CallREST, OnREST, "other"},
		{HostREST, "POST", "/v2/token", keepwatch.CallREST, OnREST, "other"},
		{HostSOAP, "POST", "/service.asmx", keepwatch.CallSOAP, OnSOAP, "other"},
		{HostSOAP, "GET", "/etframework.wsdl", keepwatch.CallSOAP, OnREST, "wsdl"},
	} {
		if p := PassingOf(row.host, row.method, row.path); p.Kind != row.kind || p.On != row.on || p.Family != row.family {
			t.Errorf("%s %s %s: %+v", row.host, row.method, row.path, p)
		}
	}
}

func TestReadTokenAsk(t *testing.T) {
	for name, row := range map[string]struct {
		kind, body string
		want       TokenAsk
	}{
		"v2":      {"application/json", `{"grant_type":"client_credentials","client_id":"abc","client_secret":"s\"1","account_id":"510000123"}`, TokenAsk{Grant: "client_credentials", ClientID: "abc", Account: 510000123, Secret: []byte(`s"1`)}},
		"refresh": {"", `{"grant_type":"refresh_token","client_id":"abc","refresh_token":"r"}`, TokenAsk{Grant: "refresh_token", ClientID: "abc", Refresh: []byte("r")}},
		"v1":      {"application/json", `{"clientId":"abc","clientSecret":"s1"}`, TokenAsk{Grant: "legacy", ClientID: "abc", Secret: []byte("s1")}},
		"form":    {"application/x-www-form-urlencoded; charset=utf-8", "grant_type=client_credentials&client_id=abc&client_secret=a%2Bb+c%zz&account_id=7", TokenAsk{Grant: "client_credentials", ClientID: "abc", Account: 7, Secret: []byte("a+b c%zz")}},
	} {
		got, ok := ReadTokenAsk(row.kind, []byte(row.body))
		if !ok || got.Grant != row.want.Grant || got.ClientID != row.want.ClientID || got.Account != row.want.Account || !bytes.Equal(got.Secret, row.want.Secret) || !bytes.Equal(got.Refresh, row.want.Refresh) {
			t.Errorf("%s: %v %+v", name, ok, got)
		}
		got.Wipe()
		if bytes.ContainsAny(got.Secret, "sab") {
			t.Errorf("%s: not wiped", name)
		}
	}
	for _, body := range []string{"", "{}", "[]", `{"client_id":"a","client_id":"b"}`, `{"client_id":"a b"}`, `{"client_id":` + strings.Repeat(" ", MaxTokenAsk) + `"a"}`, "\x00"} {
		if got, ok := ReadTokenAsk("application/json", []byte(body)); ok {
			t.Errorf("%.40q: %+v", body, got)
		}
	}
}

func TestReadSOAPAsk(t *testing.T) {
	const header = `<Header><fueloauth xmlns="http://exacttarget.com">tok.en</fueloauth></Header>`
	body := `<Body><CreateRequest xmlns="http://exacttarget.com/wsdl/partnerAPI">` + strings.Repeat("<Objects><Header>no</Header></Objects>", 400) + `</CreateRequest></Body>`
	envelope := `<?xml version="1.0"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/">` + body + header + `</Envelope>`
	for name, row := range map[string]struct{ action, begin, end, method, token, user string }{
		"header first":    {"", `<s:Envelope><s:Header><etns:fueloauth>tok</etns:fueloauth></s:Header><s:Body><RetrieveRequestMsg>`, "", "Retrieve", "tok", ""},
		"header last":     {"Create", envelope[:8<<10], envelope[len(envelope)-4<<10:], "Create", "tok.en", ""},
		"legacy":          {`"Retrieve"`, `<Envelope><Header><oAuth><oAuthToken>leg</oAuthToken></oAuth></Header>`, "", "Retrieve", "leg", ""},
		"user":            {"http://x/Update", `<Envelope><Header><Security><UsernameToken><Username>bob</Username><Password>p</Password>`, "", "Update", "", "bob"},
		"token in a body": {"", `<Envelope><Body><X><Header><fueloauth>no</fueloauth></Header></X></Body></Envelope>`, "", "", "", ""},
		"a doctype":       {"", `<!DOCTYPE x [<!ENTITY a "b">]><Envelope><Header><fueloauth>no</fueloauth>`, "", "", "", ""},
		"nonsense":        {"nonsense", "\xff<<", "Header Header<Header", "", "", ""},
	} {
		got := ReadSOAPAsk(row.action, []byte(row.begin), []byte(row.end))
		if got.Method != row.method || string(got.Token) != row.token || got.Username != row.user || got.Login() != (row.user != "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A good status is good, but where the beginning of the answer says otherwise.
func TestClassifyPart(t *testing.T) {
	soap := PassingOf(HostSOAP, "POST", "/Service.asmx")
	rest := PassingOf(HostREST, "GET", "/hub/v1/x")
	const begin = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><RetrieveResponseMsg><OverallStatus>`
	for name, row := range map[string]struct {
		p      Passing
		status int
		body   string
		want   keepwatch.Outcome
	}{
		"a long answer":    {rest, 200, `{"items":[{`, keepwatch.OK},
		"no content":       {rest, 204, "", keepwatch.OK},
		"a file":           {rest, 200, "\x89PNG", keepwatch.OK},
		"refused":          {rest, 401, `{"message":"Not Authorized","errorcode":0,"documentation":""}`, keepwatch.TokenRejected},
		"SOAP, long":       {soap, 200, begin + `OK</OverallStatus><Results>`, keepwatch.OK},
		"SOAP, no right":   {soap, 200, begin + `Error: API Permission Failed. x</OverallStatus><Results>`, keepwatch.ScopeMissing},
		"SOAP, not so far": {soap, 200, `<soap:Envelope><soap:Header>`, keepwatch.OK},
	} {
		if v := ClassifyPart(Reply{Status: row.status, ContentType: "x/y", Body: []byte(row.body)}, row.p, false); v.Outcome != row.want {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func FuzzReadTokenAsk(f *testing.F) {
	f.Add("application/json", []byte(`{"client_id":"a","client_secret":"b","account_id":1}`))
	f.Add("application/x-www-form-urlencoded", []byte("client_id=a&client_secret=%41"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		before := bytes.Clone(body)
		a, ok := ReadTokenAsk(kind, body)
		if ok && (a.ClientID == "" || len(a.ClientID) > 100) {
			t.Errorf("%q", a.ClientID)
		}
		a.Wipe()
		if !bytes.Equal(before, body) {
			t.Error("the body was changed")
		}
	})
}

func FuzzReadSOAPAsk(f *testing.F) {
	f.Add("Retrieve", []byte(`<Envelope><Header><fueloauth>t</fueloauth></Header><Body>`), []byte(`<Header><fueloauth>t`))
	f.Fuzz(func(t *testing.T, action string, begin, end []byte) {
		a := ReadSOAPAsk(action, begin, end)
		if len(a.Token) > maxToken || len(a.Password) > maxToken || len(a.Username) > 100 {
			t.Errorf("%+v", a)
		}
		if a.Method != "" && soapMethod(a.Method) != a.Method {
			t.Errorf("method %q", a.Method)
		}
	})
}

// FuzzSwapInstances: outside the two addresses every byte stays, and what was JSON
// stays so.
func FuzzSwapInstances(f *testing.F) {
	f.Add([]byte(`{"rest_instance_url":"a","x":1,"soap_instance_url":"b"}`), true)
	f.Add([]byte("{\"soap_instance_url\":\"\xfe\xc4\"}"), true)
	f.Add([]byte(` {"rest":{"soap_instance_url":"b\/","rest_instance_url":"a"}} `), false)
	f.Fuzz(func(t *testing.T, body []byte, token bool) {
		on := OnIdentity
		if token {
			on = OnToken
		}
		const mark = "https://swapped.example/"
		before := bytes.Clone(body)
		var olds []string
		out, ok := SwapInstances(on, body, func(_ Host, old string) (string, bool) { olds = append(olds, old); return mark, true })
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed in place")
		}
		if !ok {
			if !bytes.Equal(out, body) {
				t.Fatal("an answer that was not swapped is another one")
			}
			return
		}
		if !json.Valid(trimBOM(bytes.TrimSpace(out))) {
			t.Fatalf("%q became %q", body, out)
		}
		// Swapped back, in whatever spelling, it is what it was.
		back, _ := SwapInstances(on, out, func(Host, string) (string, bool) { old := olds[0]; olds = olds[1:]; return old, true })
		var a, b any
		if json.Unmarshal(trimBOM(bytes.TrimSpace(body)), &a) == nil && json.Unmarshal(trimBOM(bytes.TrimSpace(back)), &b) == nil {
			x, _ := json.Marshal(a)
			if y, _ := json.Marshal(b); !bytes.Equal(x, y) {
				t.Fatalf("%s\n%s", x, y)
			}
		}
	})
}
