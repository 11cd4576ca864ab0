package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/sfmc/sim"
)

const secretText = "s3cr3t-0123456789-ABCDEFGHIJ"

func spec() sim.ClientSpec {
	return sim.ClientSpec{ClientID: "4xq0client", Secret: secretText, Name: "shop", MID: 510000123, EID: 510000123}
}

func estate(address string) Setup {
	return Setup{
		Tenants: []keepwatch.Tenant{tenantAt(address)},
		Credentials: []keepwatch.Credential{{
			ID: "crm-sync", Tenant: "emea", ClientID: "4xq0client", BusinessUnit: 510000123, Holders: []keepwatch.Holder{{Name: "Shop backend"}},
		}, {ID: "old-import", Tenant: "emea", Username: "soap-import", Kind: keepwatch.APIUser}},
	}
}

type answer struct {
	Access  string `json:"access_token"`
	REST    string `json:"rest_instance_url"`
	SOAP    string `json:"soap_instance_url"`
	Expires int    `json:"expires_in"`
}

func askToken(t *testing.T, url, secret string) (int, answer) {
	t.Helper()
	body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":"4xq0client","client_secret":%q,"account_id":510000123}`, secret)
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a answer
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == 200 {
		if err := json.Unmarshal(raw, &a); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode, a
}

// A holder's way: a token, a REST call with it, a SOAP call with it, a dead secret.
func TestCallsAreTiedToTheirCredential(t *testing.T) {
	_, address := mustSim(t, spec())
	seen := newCalls()
	_, base := mustStart(t, estate(address), Options{Witness: seen})

	status, token := askToken(t, base+"/emea/shop-backend/auth/v2/token", secretText)
	if status != 200 || token.REST != base+"/emea/shop-backend/rest/" || token.SOAP != base+"/emea/shop-backend/soap/" {
		t.Fatalf("%d %+v", status, token)
	}
	req, _ := http.NewRequest("GET", token.REST+"platform/v1/tokenContext", nil)
	req.Header.Set("Authorization", "Bearer "+token.Access)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	envelope := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataFolder</ObjectType><Properties>ID</Properties></RetrieveRequest></RetrieveRequestMsg></Body><Header><fueloauth xmlns="http://exacttarget.com">` + token.Access + `</fueloauth></Header></Envelope>`
	soap, _ := http.NewRequest("POST", token.SOAP+"Service.asmx", strings.NewReader(envelope))
	soap.Header.Set("Content-Type", "text/xml")
	soap.Header.Set("SOAPAction", "Retrieve")
	if res, err = http.DefaultClient.Do(soap); err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %v", res, err)
	}
	res.Body.Close()
	if status, _ := askToken(t, base+"/emea/auth/v2/token", "wrong-secret-9876543210"); status != 401 {
		t.Fatal(status)
	}
	all := seen.wait(t, 4)
	// A token is told of before it is handed out; the others when they are over.
	slices.SortFunc(all, func(a, b keepwatch.Call) int { return a.At.Compare(b.At) })
	for i, want := range []keepwatch.Call{
		{Kind: keepwatch.CallToken, Status: 200, Outcome: keepwatch.OK, Holder: "Shop backend"},
		{Kind: keepwatch.CallREST, Family: "platform", Status: 200, Outcome: keepwatch.OK, Holder: "Shop backend"},
		{Kind: keepwatch.CallSOAP, Family: "Retrieve", Status: 200, Outcome: keepwatch.OK, Holder: "Shop backend"},
		{Kind: keepwatch.CallToken, Status: 401, Outcome: keepwatch.BadSecretOrPackage},
	} {
		got := all[i]
		if got.Kind != want.Kind || got.Family != want.Family || got.Status != want.Status || got.Outcome != want.Outcome || got.Holder != want.Holder ||
			got.Credential != "crm-sync" || got.Tenant != "emea" || got.Via != keepwatch.ViaGateway || got.ClientID != "4xq0client" || got.Took <= 0 {
			t.Errorf("call %d: %+v", i, got)
		}
	}
	if len(all[0].Scopes) == 0 || all[0].Secret == "" || all[0].Secret == all[3].Secret || !strings.Contains(all[3].Evidence, "invalid_client") {
		t.Errorf("%+v\n%+v", all[0], all[3])
	}
}

// A login with a user's password stands for a request for a token.
func TestAUserLogsIn(t *testing.T) {
	_, address := mustSim(t, sim.ClientSpec{ClientID: "soap-import", Secret: secretText, Kind: keepwatch.APIUser, MID: 510000123, EID: 510000123})
	seen := newCalls()
	g, base := mustStart(t, estate(address), Options{Witness: seen})
	status := `<SystemStatusRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"/>`
	wrong := `<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>DataFolder</ObjectType><Properties>NoSuch</Properties></RetrieveRequest></RetrieveRequestMsg>`
	for _, try := range []struct{ password, message string }{{secretText, status}, {"another-password-1", status}, {secretText, wrong}} {
		password := try.password
		envelope := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><wsse:UsernameToken><wsse:Username>soap-import</wsse:Username><wsse:Password>` + password + `</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header><s:Body>` + try.message + `</s:Body></s:Envelope>`
		req, _ := http.NewRequest("POST", base+"/emea/soap/Service.asmx", strings.NewReader(envelope))
		req.Header.Set("Content-Type", "text/xml")
		req.Header.Set("SOAPAction", "GetSystemStatus")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	all := seen.wait(t, 3)
	good, bad := all[0], all[1]
	if through := all[2]; through.Outcome != keepwatch.OK || through.Kind != keepwatch.CallToken || through.Secret != good.Secret {
		t.Errorf("a call that was wrong itself, behind a good password: %+v", through)
	}
	if good.Credential != "old-import" || good.Kind != keepwatch.CallToken || good.Outcome != keepwatch.OK || good.Secret != g.Fingerprint("emea", "soap-import", keepwatch.NewSecret([]byte(secretText))) {
		t.Errorf("%+v", good)
	}
	if bad.Outcome != keepwatch.LoginFailed || bad.Secret == good.Secret || strings.Contains(bad.Evidence, "another") {
		t.Errorf("%+v", bad)
	}
}

// What is routed nowhere is answered by us, and cannot be taken for an answer of SFMC.
func TestRefusals(t *testing.T) {
	_, address := mustSim(t, spec())
	setup := estate(address)
	setup.Tenants = append(setup.Tenants, keepwatch.Tenant{ID: "named", Subdomain: subdomain, AuthURL: address, RESTURL: address, SOAPURL: address + "Service.asmx"})
	_, base := mustStart(t, setup, Options{})
	for path, want := range map[string]struct {
		status int
		why    refusal
	}{
		"/":                   {404, refuseTenant},
		"/apac/auth/v2/token": {404, refuseTenant},
		"/emea/mail/v2/token": {404, refuseService},
		"/emea/nobody/auth/":  {404, refuseHolder},
		"/emea":               {404, refuseService},
		"/named/auth/https://mc000000000000000000000000zz.auth.marketingcloudapis.com/v2/token": {421, refuseForeign},
		"/named/auth/https://evil.example.com/v2/token":                                         {421, refuseForeign},
		"/emea/auth/https:/evil.example.com/v2/token":                                           {421, refuseForeign},
	} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want.status || res.Header.Get(OwnHeader) != string(want.why) || !bytes.HasPrefix(body, []byte("Keepwatch gateway: ")) {
			t.Errorf("%s: %d %v %s", path, res.StatusCode, res.Header, body)
		}
	}
	for _, path := range []string{"/named/auth/https://" + subdomain + ".auth.marketingcloudapis.com/v2/userinfo", "/named/auth/https:/" + subdomain + ".auth.marketingcloudapis.com/v2/userinfo"} {
		if res, err := http.Get(base + path); err != nil || res.StatusCode != 401 || res.Header.Get(OwnHeader) != "" {
			t.Errorf("%s: %v %v", path, res, err)
		}
	}
}

// A client that has SFMC's own name in the address of the authentication host gets it
// in the others, too: fuel-rest cuts addresses at ".com/", and does so again when it
// tries again.
func TestSFMCsNameInTheAddress(t *testing.T) {
	_, address := mustSim(t, spec())
	_, base := mustStart(t, estate(address), Options{})
	name := "https://" + subdomain
	status, token := askToken(t, base+"/emea/auth/"+name+".auth.marketingcloudapis.com/v2/token", secretText)
	if status != 200 || token.REST != base+"/emea/rest/"+name+".rest.marketingcloudapis.com/" || token.SOAP != base+"/emea/soap/"+name+".soap.marketingcloudapis.com/" {
		t.Errorf("%d %+v", status, token)
	}
}
