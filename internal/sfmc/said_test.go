package sfmc_test

import (
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

func TestWhatACallerSaysIsNamed(t *testing.T) {
	for _, tt := range []struct {
		said sfmc.Said
		want keepwatch.Outcome
	}{
		{sfmc.Said{Kind: keepwatch.CallToken, Status: 200}, keepwatch.OK},
		{sfmc.Said{Kind: keepwatch.CallToken, Status: 401}, keepwatch.BadSecretOrPackage},
		{sfmc.Said{Kind: keepwatch.CallToken, Status: 401, Text: "invalid_client: Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."}, keepwatch.BadClientID},
		{sfmc.Said{Kind: keepwatch.CallToken, Text: `{"error":"invalid_client","error_description":"Client authentication failed."}`}, keepwatch.BadSecretOrPackage},
		{sfmc.Said{Kind: keepwatch.CallREST, Status: 429}, keepwatch.RateLimited},
		{sfmc.Said{Kind: keepwatch.CallREST, Status: 503}, keepwatch.PlatformError},
		{sfmc.Said{Kind: keepwatch.CallSOAP, Status: 500, Text: "Login Failed"}, keepwatch.LoginFailed},
		{sfmc.Said{Kind: keepwatch.CallREST, Error: "ETIMEDOUT"}, keepwatch.Timeout},
		{sfmc.Said{Kind: keepwatch.CallREST, Error: "java.net.UnknownHostException"}, keepwatch.DNSFailure},
		{sfmc.Said{Kind: keepwatch.CallREST, Text: "read: connection reset by peer"}, keepwatch.ConnectionReset},
		{sfmc.Said{Kind: keepwatch.CallREST, Error: "*tls.CertificateVerificationError"}, keepwatch.TLSFailure},
		{sfmc.Said{Kind: keepwatch.CallREST, Status: 404, Text: "canary-9f8e7d6c5b4a39281706"}, keepwatch.NotFound},
	} {
		v := tt.said.Verdict()
		if v.Outcome != tt.want {
			t.Errorf("%+v: %s, want %s", tt.said, v.Outcome, tt.want)
		}
		if strings.Contains(v.Evidence+v.Message, "canary") {
			t.Errorf("%+v: the evidence %q repeats the caller", tt.said, v.Evidence)
		}
	}
}

func TestRoutes(t *testing.T) {
	const sub = "mc563885gzs27c5t9-63k636ttgm"
	hosts := sfmc.TenantHostsOf([]keepwatch.Tenant{{ID: "emea", Subdomain: sub}, {ID: "lab", AuthURL: "http://127.0.0.1:9/", RESTURL: "http://127.0.0.1:9/", SOAPURL: "http://127.0.0.1:9/Service.asmx"}})
	for _, tt := range []struct {
		host, path string
		want       sfmc.Route
		ok         bool
	}{
		{sub + ".auth.marketingcloudapis.com", "/v2/token", sfmc.Route{Tenant: "emea", Kind: keepwatch.CallToken}, true},
		{strings.ToUpper(sub) + ".REST.marketingcloudapis.com:443", "/Hub/v1/campaigns", sfmc.Route{Tenant: "emea", Kind: keepwatch.CallREST, Family: "hub"}, true},
		{sub + ".soap.marketingcloudapis.com", "/Service.asmx", sfmc.Route{Tenant: "emea", Kind: keepwatch.CallSOAP}, true},
		{sub + ".rest.marketingcloudapis.com", "/somebody@example.com/x", sfmc.Route{Tenant: "emea", Kind: keepwatch.CallREST, Family: "other"}, true},
		{"mc000000000000000000000000-9.rest.marketingcloudapis.com", "/hub", sfmc.Route{Kind: keepwatch.CallREST, Family: "hub"}, true},
		{"127.0.0.1:9", "/v2/token", sfmc.Route{Tenant: "lab", Kind: keepwatch.CallToken}, true},
		{"127.0.0.1", "/", sfmc.Route{Tenant: "lab", Kind: keepwatch.CallREST, Family: "other"}, true},
		{"api.example.com", "/v2/token", sfmc.Route{}, false},
		{"marketingcloudapis.com.evil.example", "/v2/token", sfmc.Route{}, false},
	} {
		got, ok := hosts.Route(tt.host, tt.path)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s%s: %+v %v", tt.host, tt.path, got, ok)
		}
	}
	for said, want := range map[string]string{"Retrieve": "Retrieve", `"Create"`: "Create", "http://exacttarget.com/wsdl/partnerAPI/update": "Update", "DROP": ""} {
		if got := sfmc.SOAPMethod(said); got != want {
			t.Errorf("%s: %q", said, got)
		}
	}
}

func FuzzSaid(f *testing.F) {
	f.Add("token", 401, "invalid_client", "0", "Client authentication failed.")
	f.Add("rest", 0, "ECONNRESET", "", "\xff\x00")
	f.Fuzz(func(t *testing.T, kind string, status int, errorType, code, text string) {
		v := sfmc.Said{Kind: keepwatch.CallKind(kind), Status: status, Error: errorType, Code: code, Text: text}.Verdict()
		if !v.Outcome.Known() || len(v.Evidence) > 300 {
			t.Errorf("%+v", v)
		}
	})
}
