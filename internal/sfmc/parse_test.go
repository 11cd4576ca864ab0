package sfmc

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"keepwatch"
)

func TestHostsFollowFromTheSubdomain(t *testing.T) {
	e, err := EndpointsOf(keepwatch.Tenant{Subdomain: "MCngbdhb7xy---qf--74j71213j1"})
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		e.Auth.String():  "https://mcngbdhb7xy---qf--74j71213j1.auth.marketingcloudapis.com/",
		e.REST.String():  "https://mcngbdhb7xy---qf--74j71213j1.rest.marketingcloudapis.com/",
		e.SOAP.String():  "https://mcngbdhb7xy---qf--74j71213j1.soap.marketingcloudapis.com/Service.asmx",
		e.token.String(): "https://mcngbdhb7xy---qf--74j71213j1.auth.marketingcloudapis.com/v2/token",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	e, err = EndpointsOf(keepwatch.Tenant{AuthURL: "http://127.0.0.1:1/base", RESTURL: "http://127.0.0.1:2", SOAPURL: "http://127.0.0.1:3/SERVICE.ASMX"})
	if err != nil || e.userinfo.String() != "http://127.0.0.1:1/base/v2/userinfo" || e.SOAP.Path != "/SERVICE.ASMX" {
		t.Errorf("%v %v %v", e.userinfo, e.SOAP, err)
	}
	e, err = EndpointsOf(keepwatch.Tenant{AuthURL: "http://127.0.0.1:1", RESTURL: "http://127.0.0.1:2", SOAPURL: "http://127.0.0.1:3"})
	if err != nil || e.SOAP.String() != "http://127.0.0.1:3/Service.asmx" {
		t.Errorf("%v %v", e.SOAP, err)
	}
	for _, bad := range []keepwatch.Tenant{
		{}, {Subdomain: "short"}, {Subdomain: "mcngbdhb7xy---qf--74j71213.1"}, {Subdomain: "-cngbdhb7xy---qf--74j71213j1"},
		{AuthURL: "ftp://x/", RESTURL: "http://x/", SOAPURL: "http://x/"}, {AuthURL: "http://u:p@x/", RESTURL: "http://x/", SOAPURL: "http://x/"},
	} {
		if _, err := EndpointsOf(bad); err == nil || keepwatch.HintOf(err) == "" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// fourParts makes a token of the recorded form.
func fourParts(payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"HS256","kid":"4","ver":"1","typ":"JWT"}`)) + "." + enc([]byte(payload)) + "." + strings.Repeat("s", 43) + "." + strings.Repeat("b", 200)
}

func TestClaims(t *testing.T) {
	const payload = `{"access_token":"aaaaaaaaaaaaaaaaaaaaaaaa","client_id":"bbbbbbbbbbbbbbbbbbbbbbbb","eid":7281698,"stack_key":"S7","platform_version":2,"client_type":"ServerToServer"}`
	for name, token := range map[string]string{
		"four parts": fourParts(payload), "three parts": strings.Join(strings.Split(fourParts(payload), ".")[:3], "."),
	} {
		if c, ok := ClaimsOf([]byte(token)); !ok || c != (Claims{7281698, "S7", "ServerToServer"}) {
			t.Errorf("%s: %+v %v", name, c, ok)
		}
	}
	for _, bad := range []string{
		"", "opaque", "a.b", "a.b.c.d.e", "a.!!.c", fourParts(`{`), fourParts(`[]`), fourParts(`{"eid":1,"eid":2}`),
		fourParts(`{"eid":-1,"stack_key":"S7; drop"}`), strings.Repeat("x.", 3) + strings.Repeat("y", maxToken),
	} {
		if c, ok := ClaimsOf([]byte(bad)); ok {
			t.Errorf("%.40q: %+v", bad, c)
		}
	}
}

func TestTests(t *testing.T) {
	for in, want := range map[string]Test{
		"identity": {Name: "identity", Identity: true},
		"rest:/messaging/v1/email/definitions?$pageSize=1": {Path: "/messaging/v1/email/definitions?$pageSize=1", Scope: "email_read"},
		"rest:/asset/v1/content/assets/1":                  {Path: "/asset/v1/content/assets/1", Scope: "documents_and_images_read"},
		"rest:/new/v1/thing":                               {Path: "/new/v1/thing"},
		"soap:GetSystemStatus":                             {Object: "GetSystemStatus", Property: "ObjectID"},
		"soap:DataFolder":                                  {Object: "DataFolder", Property: "ID"},
		"soap:List.ListName":                               {Object: "List", Property: "ListName"},
	} {
		got, err := ParseTest(in)
		if err != nil || got.Identity != want.Identity || got.Path != want.Path || got.Object != want.Object || got.Property != want.Property || got.Scope != want.Scope {
			t.Errorf("%s: %+v %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "rest:", "rest:x", "rest://evil/", "rest:/a b", "soap:", "soap:a<b", "soap:A.", "http:x", "Identity"} {
		if got, err := ParseTest(bad); err == nil && bad != "soap:A." {
			t.Errorf("%q: %+v", bad, got)
		}
	}
	for _, f := range Families {
		if _, err := ParseTest(f.Test); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

const canary = "Kw9CanaryZq7xR4tUv2m" // a secret with nothing ordinary in it

// The spellings in which a server or a proxy may send a secret back.
func echoesOf(s string) map[string]string {
	b := []byte(s)
	return map[string]string{
		"plain": s, "query": url.QueryEscape(s), "percent": spelled(b, "%", ""), "half in percent": spelled(b[:len(b)/2], "%", ""), "hex": hex.EncodeToString(b), "HEX": strings.ToUpper(hex.EncodeToString(b)),
		"base64": base64.StdEncoding.EncodeToString(b), "base64 of more": base64.StdEncoding.EncodeToString([]byte("id:" + s + ":x")),
		"base64 shifted": base64.URLEncoding.EncodeToString([]byte("a:" + s)), "json": spelled(b, `\u00`, ""), "half in json": spelled(b[len(b)/2:], `\u00`, ""), "html": spelled(b, "&#x", ";"), "reversed": reversed(b), "upper": strings.ToUpper(s),
		"first half": s[:len(s)/2], "second half": s[len(s)/2:], "between words": "secret=" + s + "; refused",
	}
}

func TestEvidenceNeverRepeatsASecret(t *testing.T) {
	for name, echo := range echoesOf(canary) {
		got := evidence("invalid_client: Client authentication failed for "+echo+" of this package", [][]byte{[]byte(canary)})
		if got != withheld {
			t.Errorf("%s: %s", name, got)
		}
	}
	const plain = "HTTP 401 invalid_client: Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled."
	for _, password := range []string{canary, "secret", "password1", "client"} {
		if got := evidence(plain, [][]byte{[]byte(password)}); got != plain {
			t.Errorf("%s hides SFMC's own words: %s", password, got)
		}
	}
	// One byte that is spelled out is no piece of a secret that has it as well.
	for _, text := range []string{`window.__hit=1\u003c/script`, "100%25 of it", "a&#x71;b"} {
		if got := evidence(text, [][]byte{[]byte("kA3q1%57xQ")}); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

func TestEvidenceIsShortAndOneLine(t *testing.T) {
	got := evidence("a\r\nb\x00\x1b[31m "+strings.Repeat("é ", 500), nil)
	if len(got) > maxEvidence || strings.ContainsAny(got, "\r\n\x00\x1b") {
		t.Errorf("%d %q", len(got), got)
	}
	if got := evidence("token 0123456789abcdef0123456789abcdef ends", nil); got != "token […] ends" {
		t.Error(got)
	}
}
