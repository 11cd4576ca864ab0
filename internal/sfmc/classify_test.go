package sfmc

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
)

const (
	docURI   = `"documentation":"https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm"`
	errorURI = `"error_uri":"https://developer.salesforce.com/docs"`
	jsonType = "application/json; charset=utf-8"
	xmlType  = "text/xml; charset=utf-8"
)

// answer wraps the body of a SOAP answer as the recordings do: prefix soap:, a
// header of addressing and a timestamp, children without prefix.
func answer(body string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsse="` + wsse + `"><soap:Header><wsa:Action>X</wsa:Action><wsa:MessageID>urn:uuid:1</wsa:MessageID></soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func fault(code, text, detail string) string {
	return answer(`<soap:Fault><faultcode xmlns:q0="` + wsse + `">` + code + `</faultcode><faultstring>` + text + `</faultstring><faultactor>https://x.soap.example/Service.asmx</faultactor>` + detail + `</soap:Fault>`)
}

func apifault(code, text string) string {
	return `<detail><apifault xmlns="urn:fault.partner.exacttarget.com"><Code>` + code + `</Code><Message>` + text + `</Message></apifault></detail>`
}

func overall(status string) string {
	return answer(`<RetrieveResponseMsg xmlns="` + partnerAPI + `"><OverallStatus>` + status + `</OverallStatus><RequestID>r-1</RequestID></RetrieveResponseMsg>`)
}

func systemStatus(s string) string {
	return answer(`<SystemStatusResponseMsg xmlns="` + partnerAPI + `"><Results><Result><StatusCode>OK</StatusCode><SystemStatus>` + s + `</SystemStatus></Result></Results><OverallStatus>OK</OverallStatus><RequestID>r-1</RequestID></SystemStatusResponseMsg>`)
}

const goodToken = `{"access_token":"aaa.bbb.ccc.ddd","token_type":"Bearer","expires_in":1079,"scope":"email_read offline","rest_instance_url":"https://x.rest.marketingcloudapis.com/","soap_instance_url":"https://x.soap.marketingcloudapis.com/"}`

// Each row names where the shape comes from.
var classifyTable = []struct {
	name   string
	on     Surface
	status int
	kind   string // content type; "" is that of the surface
	body   string
	cause  string
}{
	// Token endpoint: documentation and SFMC-SDK test/resources/auth.js.
	{"auth.js success: a token", OnToken, 200, "", goodToken, ""},
	{"auth.js unauthorized: wrong secret or package", OnToken, 401, "", `{"error":"invalid_client","error_description":"Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled.",` + errorURI + `}`, "bad_secret"},
	{"auth.js expired: Not Authorized at the token endpoint", OnToken, 401, "", `{` + docURI + `,"errorcode":0,"message":"Not Authorized"}`, "token_not_authorized"},
	{"access-token-s2s: unknown client id", OnToken, 401, "", `{"error":"invalid_client","error_description":"Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.",` + errorURI + `}`, "bad_client_id"},
	{"the text wins over the status", OnToken, 400, "", `{"error":"invalid_client","error_description":"Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."}`, "bad_client_id"},
	{"BigQuery docs: allowlist, 400", OnToken, 400, "", `{"error":"invalid_grant","error_description":"The client's IP address is unauthorized for this account. Allowlist the client's IP address in Marketing Cloud Administration."}`, "ip_blocked"},
	{"allowlist, 401", OnToken, 401, "", `{"error":"invalid_grant","error_description":"The client's IP address is unauthorized for this account."}`, "ip_blocked"},
	{"allowlist, 403", OnToken, 403, "", `{"error":"invalid_grant","error_description":"The client's IP address is unauthorized for this account."}`, "ip_blocked"},
	{"access-token-app: unauthorized client", OnToken, 401, "", `{"error":"unauthorized_client","error_description":"The client is not authorized to request an authorization code using this method."}`, "unauthorized_client"},
	{"RFC: grant refused", OnToken, 400, "", `{"error":"invalid_grant","error_description":"The refresh token is invalid or expired."}`, "grant_refused"},
	{"RFC: scope refused", OnToken, 400, "", `{"error":"invalid_scope","error_description":"x"}`, "invalid_scope"},
	{"assumed: business unit refused", OnToken, 401, "", `{"error":"invalid_grant","error_description":"The package is not granted to this business unit."}`, "business_unit_refused"},
	{"RFC: unsupported grant", OnToken, 400, "", `{"error":"unsupported_grant_type"}`, "token_unsupported_grant"},
	{"RFC: invalid request", OnToken, 400, "", `{"error":"invalid_request","error_description":"Missing grant_type"}`, "token_invalid_request"},
	{"REST envelope on the auth host: validation", OnToken, 400, "", `{"message":"x","errorcode":10003,"documentation":""}`, "token_validation"},
	{"REST envelope on the auth host: blocked", OnToken, 429, "", `{"message":"Your requests are temporarily blocked.","errorcode":50200,` + docURI + `}`, "token_blocked"},
	{"rate limited", OnToken, 429, "", `{"message":"Rate limit exceeded","errorcode":50100,"retryAfter":5}`, "token_rate_limited"},
	{"429 without words", OnToken, 429, "", ``, "token_rate_limited_status"},
	{"FuelSDK-PHP 125: server error", OnToken, 500, "", `{"message":"Internal Server Error","errorcode":0,` + docURI + `}`, "token_server_error"},
	{"rudder: empty object with 500", OnToken, 500, "", `{}`, "token_server_error"},
	{"rudder: empty object with 400", OnToken, 400, "", `{}`, "missing_fields"},
	{"unavailable", OnToken, 503, "", `{"message":"Service Unavailable","errorcode":50300}`, "token_unavailable"},
	{"v1 keys refused, FuelSDK-PHP 136", OnLegacy, 401, "", `{"message":"Unauthorized","errorcode":1,"documentation":""}`, "legacy_unauthorized"},
	{"v1 Not Authorized", OnLegacy, 401, "", `{` + docURI + `,"errorcode":0,"message":"Not Authorized"}`, "legacy_unauthorized"},
	{"v1 good", OnLegacy, 200, "", `{"accessToken":"a","expiresIn":3600,"legacyToken":"l","refreshToken":"r"}`, ""},

	// REST: documentation, mcdev.
	{"rest.js pages", OnREST, 200, "", `{"count":6,"page":1,"pageSize":5,"links":{},"items":[]}`, ""},
	{"audit as array", OnREST, 200, "", `[{"page":1,"items":[]}]`, ""},
	{"error-handling: 401", OnREST, 401, "", `{` + docURI + `,"errorcode":0,"message":"Not Authorized"}`, "token_rejected"},
	{"40004", OnREST, 401, "", `{"message":"Authorization token invalid on URL or request body","errorcode":40004}`, "token_in_url"},
	{"40003", OnREST, 403, "", `{"message":"x","errorcode":40003}`, "token_in_url"},
	{"40002", OnREST, 403, "", `{"message":"x","errorcode":40002}`, "wrong_stack"},
	{"40001", OnREST, 403, "", `{"message":"x","errorcode":40001}`, "not_authenticated"},
	{"20002", OnREST, 403, "", `{"message":"Insufficient Privileges to complete this action.","errorcode":20002,"documentation":""}`, "scope_missing"},
	{"20001", OnREST, 403, "", `{"message":"x","errorcode":20001}`, "business_rule"},
	{"messaging without code", OnREST, 403, "", `{"message":"Failed to pass authorization"}`, "scope_missing_messaging"},
	{"lower-case privileges", OnREST, 403, "", `{"message":"Insufficient privileges to complete this action."}`, "scope_missing_messaging"},
	{"10000", OnREST, 400, "", `{"message":"Campaign ID is invalid","errorcode":10000,"documentation":""}`, "rest_bad_request"},
	{"10006 with additionalErrors", OnREST, 400, "", `{"message":"Multiple errors","errorcode":10006,"additionalErrors":[{"message":"a","errorcode":10005}]}`, "rest_bad_request"},
	{"30003", OnREST, 404, "", `{"message":"x","errorcode":30003}`, "rest_not_found"},
	{"30004", OnREST, 409, "", `{"message":"x","errorcode":30004}`, "rest_bad_request"},
	{"mcdev rest404-response.json", OnREST, 404, "", `{` + docURI + `,"errorcode":404,"message":"Not Found"}`, "rest_not_found"},
	{"mcdev validateStatus failed: errors[] with a string code", OnREST, 400, "", `{"errors":[{"errorCode":"121226","message":"The journey has no entry source"}]}`, "rest_validation_list"},
	{"mcdev automation: validationErrors[]", OnREST, 400, "", `{"validationErrors":[{"message":"Name is taken"}]}`, "rest_validation_list"},
	{"string errorcode", OnREST, 403, "", `{"message":"x","errorcode":"20002"}`, "scope_missing"},
	{"415", OnREST, 415, "", `{"message":"Unsupported Media Type"}`, "rest_media_type_status"},
	{"596", OnREST, 596, "text/html", `<h1>596 Service Not Found</h1>`, "rest_unknown_service"},
	{"50100", OnREST, 429, "", `{"message":"Rate limit exceeded","errorcode":50100,"retryAfter":5}`, "rest_rate_limited"},
	{"50200", OnREST, 429, "", `{"message":"Your requests are temporarily blocked.","errorcode":50200}`, "rest_blocked"},
	{"50300", OnREST, 503, "", `{"message":"Unavailable","errorcode":50300}`, "rest_unavailable"},
	{"500 without words", OnREST, 500, "", ``, "rest_server_error"},
	{"an error under a good status", OnREST, 200, "", `{"message":"x","errorcode":20002}`, "scope_missing"},

	// Identity.
	{"userinfo, CumulusCI's shape", OnIdentity, 200, "", `{"exp":1,"user":{"sub":"7","name":"n"},"organization":{"member_id":510000123,"enterprise_id":510000001,"stack_key":"S7"},"application":{"id":"x","name":"p"}}`, ""},
	{"tokenContext with 202", OnIdentity, 202, "", `{"enterprise":{"id":1},"organization":{"id":2},"user":{"id":3}}`, ""},
	{"userinfo refused", OnIdentity, 401, "", `{"error":"invalid_token"}`, "token_rejected_identity"},
	{"userinfo without organization", OnIdentity, 200, "", `{"user":{"sub":"7"}}`, "missing_fields"},

	// SOAP: SFMC-SDK test/resources/soap.js, mcdev test/resources, documentation.
	{"mcdev retrieve-response.xml: no rows", OnSOAP, 200, "", overall("OK"), ""},
	{"MoreDataAvailable", OnSOAP, 200, "", overall("MoreDataAvailable"), ""},
	{"soap.js expiredToken", OnSOAP, 500, "", fault("q0:Security", "Token Expired", ""), "soap_token_expired"},
	{"login failed with a token", OnSOAP, 500, "", fault("q0:Security", "Login Failed", ""), "soap_token_refused"},
	{"login failed of an API user", OnLogin, 500, "", fault("q0:Security", "Login failed", ""), "soap_login_failed"},
	{"locked", OnLogin, 500, "", fault("q0:Security", "Login failed. The account is locked.", ""), "soap_account_locked"},
	{"password change", OnLogin, 500, "", fault("q0:Security", "You must change your password before logging in.", ""), "soap_password_change"},
	{"rate limited is a 500", OnSOAP, 500, "", fault("soap:Server", "Rate Limited", apifault("17", "Rate Limited")), "soap_rate_limited"},
	{"outage", OnSOAP, 500, "", fault("soap:Server", "Unplanned Outage", apifault("2", "Unplanned Outage")), "soap_outage"},
	{"in maintenance", OnSOAP, 500, "", fault("soap:Server", "InMaintenance", apifault("9", "InMaintenance")), "soap_in_maintenance"},
	{"in maintenance, by code", OnSOAP, 500, "", fault("soap:Server", "x", apifault("9", "x")), "soap_in_maintenance"},
	{"authorization", OnSOAP, 500, "", fault("soap:Client", "AuthorizationFailure", apifault("11", "AuthorizationFailure")), "soap_authorization"},
	{"unknown action", OnSOAP, 500, "", fault("soap:Client", "Server did not recognize the value of HTTP Header SOAPAction: Foo.", ""), "soap_unknown_action"},
	{"server fault", OnSOAP, 500, "", fault("soap:Server", "RemoteDB", apifault("1", "RemoteDB")), "soap_server_fault"},
	{"client fault", OnSOAP, 500, "", fault("soap:Client", "x", ""), "soap_client_fault"},
	{"SOAP 1.2 fault", OnSOAP, 500, "application/soap+xml", answer(`<soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code><soap:Reason><soap:Text>x</soap:Text></soap:Reason></soap:Fault>`), "soap_server_fault"},
	{"soap.js badRequest: plain text", OnSOAP, 400, "text/plain", "Bad Request", "soap_bad_request"},
	{"soap.js noObjectHandlerFound", OnSOAP, 200, "", overall("Error: Unable to find a handler for object type: DeliveryProfile. Object types are case-sensitive, check spelling."), "soap_unknown_object"},
	{"tap: permission", OnSOAP, 200, "", overall("Error: API Permission Failed. Object: Account"), "soap_permission"},
	{"mcecli: property", OnSOAP, 200, "", overall("Error: The Request Property(s) Foo do not match with the fields of List retrieve"), "soap_bad_property"},
	{"some other error", OnSOAP, 200, "", overall("Error: x"), "soap_overall_error"},
	{"status good", OnSOAP, 200, "", systemStatus("OK"), ""},
	{"status maintenance", OnSOAP, 200, "", systemStatus("InMaintenance"), "soap_status_maintenance"},
	{"status outage", OnSOAP, 200, "", systemStatus("UnplannedOutage"), "soap_status_outage"},
	{"body before header", OnSOAP, 200, "", `<Envelope><Body><RetrieveResponseMsg><OverallStatus>OK</OverallStatus></RetrieveResponseMsg></Body><Header/></Envelope>`, ""},
	{"a fault under a good status", OnSOAP, 200, "", fault("soap:Server", "x", ""), "soap_server_fault"},
	{"no OverallStatus", OnSOAP, 200, "", answer(`<RetrieveResponseMsg/>`), "missing_fields"},
	{"an entity bomb", OnSOAP, 200, "", `<!DOCTYPE x [<!ENTITY a "b">]>` + overall("OK"), "malformed_body"},
	{"cut off", OnSOAP, 200, "", overall("OK")[:400], "malformed_body"},

	// What is not the interface at all: never a credential's fault.
	{"HTML with 200", OnToken, 200, "text/html", `<!doctype html><html><body>Sign in to the hotel</body></html>`, "html"},
	{"HTML with 401", OnToken, 401, "text/html", `<html><body>proxy authorization</body></html>`, "html"},
	{"HTML with 403", OnREST, 403, "text/html", `<html><body>WAF</body></html>`, "html"},
	{"HTML with 502", OnREST, 502, "text/html", `<html><body>Bad Gateway</body></html>`, "unavailable"},
	{"maintenance page", OnToken, 503, "text/html", `<html><title>Scheduled Maintenance</title></html>`, "maintenance"},
	{"redirect", OnToken, 302, "", ``, "redirect"},
	{"malformed", OnToken, 200, "", `{"access_token":"a`, "malformed_body"},
	{"malformed with 401", OnToken, 401, "", `{"error":"invalid_client`, "malformed_body"},
	{"a bare null", OnToken, 200, "", `null`, "malformed_body"},
	{"a list", OnToken, 200, "", `[]`, "malformed_body"},
	{"empty", OnToken, 200, "", ``, "empty_body"},
	{"empty with 401", OnToken, 401, "", ``, "empty_body"},
	{"wrong type", OnToken, 200, "text/plain", goodToken, "wrong_type"},
	{"HTML type over JSON", OnToken, 200, "text/html", goodToken, "wrong_type"},
	{"UTF-16", OnToken, 200, "", "\xff\xfe{\x00}\x00", "wrong_encoding"},
	{"Latin-1", OnToken, 200, "", "caf\xe9", "wrong_encoding"},
	{"a byte-order mark is let pass", OnToken, 200, "", "\xef\xbb\xbf" + goodToken, ""},
	{"one key twice", OnToken, 200, "", `{"access_token":"a",` + goodToken[1:], "duplicate_keys"},
	{"one key twice, spelled otherwise", OnToken, 200, "", `{"access\u005ftoken":"a",` + goodToken[1:], "duplicate_keys"},
	{"one error twice", OnToken, 401, "", `{"error":"x","error":"invalid_client"}`, "duplicate_keys"},
	{"other case is another key", OnToken, 200, "", strings.Replace(goodToken, "access_token", "Access_Token", 1), "missing_fields"},
	{"no token", OnToken, 200, "", strings.Replace(goodToken, "aaa.bbb.ccc.ddd", "", 1), "missing_fields"},
	{"a token with a line break", OnToken, 200, "", strings.Replace(goodToken, "aaa.", `a\r\nX: y`, 1), "missing_fields"},
	{"no life", OnToken, 200, "", strings.Replace(goodToken, "1079", "0", 1), "missing_fields"},
	{"negative life", OnToken, 200, "", strings.Replace(goodToken, "1079", "-1", 1), "missing_fields"},
	{"another token type", OnToken, 200, "", strings.Replace(goodToken, "Bearer", "mac", 1), "missing_fields"},
	{"no rest address", OnToken, 200, "", strings.Replace(goodToken, "rest_instance_url", "x", 1), "missing_fields"},
	{"an OAuth error under a good status", OnToken, 200, "", `{"error":"invalid_client","error_description":"Client authentication failed."}`, "bad_secret"},
	{"teapot", OnREST, 418, "", `{"message":"x"}`, "unknown_status"},
	{"REST empty object", OnREST, 200, "", `{}`, "missing_fields"},
}

func TestClassifyNamesEveryAnswer(t *testing.T) {
	for _, row := range classifyTable {
		t.Run(row.name, func(t *testing.T) {
			v := Classify(replyOf(row.on, row.status, row.kind, row.body))
			if v.Cause != row.cause {
				t.Fatalf("cause %q, want %q (evidence %q)", v.Cause, row.cause, v.Evidence)
			}
			want := keepwatch.OK
			if row.cause != "" {
				want = mustCause(row.cause).Outcome
			}
			if v.Outcome != want || v.HTTPStatus != row.status {
				t.Errorf("outcome %s status %d, want %s %d", v.Outcome, v.HTTPStatus, want, row.status)
			}
			if row.cause != "" && (v.Message == "" || v.Hint == "") {
				t.Error("a failure without message or hint")
			}
			if len(v.Evidence) > maxEvidence {
				t.Errorf("evidence of %d bytes", len(v.Evidence))
			}
		})
	}
}

func replyOf(on Surface, status int, kind, body string) Reply {
	if kind == "" {
		kind = jsonType
		if on&onAnySOAP != 0 {
			kind = xmlType
		}
	}
	return Reply{On: on, Status: status, ContentType: kind, Body: []byte(body), Now: time.Unix(0, 0)}
}

// Every row that can be read from an answer has one in the table above, so that
// a new row cannot come without its example.
func TestEveryMatchHasAnExample(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range classifyTable {
		seen[row.cause] = true
	}
	// Named by the client or from more than one answer; see client_test.go.
	elsewhere := map[string]bool{
		"ip_blocked_rest": true, "token_client_refused": true, "token_refused_status": true, "token_forbidden_status": true,
		"token_bad_request_status": true, "token_route_missing": true, "rest_rate_limited_status": true, "rest_unauthorized_status": true,
		"rest_forbidden_status": true, "rest_not_found_status": true, "rest_bad_request_status": true, "rest_conflict_status": true,
		"soap_rate_limited_text": true, "soap_in_maintenance_text": true, "soap_authorization_text": true, "soap_login_security_fault": true,
		"soap_security_fault": true, "soap_rate_limited_status": true, "soap_route_missing": true,
	}
	for _, c := range Catalogue {
		if c.Match.On != 0 && !seen[c.Name] && !elsewhere[c.Name] {
			t.Errorf("cause %s has no example", c.Name)
		}
	}
}

// The fallbacks, each by its own answer.
func TestFallbacks(t *testing.T) {
	for _, row := range []struct {
		on     Surface
		status int
		body   string
		cause  string
	}{
		{OnREST, 403, `{"message":"The client's IP address is unauthorized for this account."}`, "ip_blocked_rest"},
		{OnToken, 401, `{"error":"invalid_client","error_description":"Something new."}`, "token_client_refused"},
		{OnToken, 401, `{"message":"?"}`, "token_refused_status"},
		{OnToken, 403, `{"message":"?"}`, "token_forbidden_status"},
		{OnToken, 400, `{"message":"?"}`, "token_bad_request_status"},
		{OnToken, 404, `{"message":"?"}`, "token_route_missing"},
		{OnREST, 429, `{"message":"?"}`, "rest_rate_limited_status"},
		{OnREST, 401, `{"message":"?"}`, "rest_unauthorized_status"},
		{OnREST, 403, `{"message":"?"}`, "rest_forbidden_status"},
		{OnREST, 404, ``, "rest_not_found_status"},
		{OnREST, 400, `{"message":"?"}`, "rest_bad_request_status"},
		{OnREST, 409, `{"message":"?"}`, "rest_conflict_status"},
		{OnSOAP, 500, fault("soap:Server", "Rate Limited", ""), "soap_rate_limited_text"},
		{OnSOAP, 200, fault("soap:Server", "InMaintenance", ""), "soap_in_maintenance_text"},
		{OnSOAP, 500, fault("soap:Client", "Insufficient Privileges", ""), "soap_authorization_text"},
		{OnLogin, 500, fault("q0:Security", "?", ""), "soap_login_security_fault"},
		{OnSOAP, 500, fault("q0:Security", "?", ""), "soap_security_fault"},
		{OnSOAP, 429, ``, "soap_rate_limited_status"},
		{OnSOAP, 404, ``, "soap_route_missing"},
	} {
		if v := Classify(replyOf(row.on, row.status, "", row.body)); v.Cause != row.cause {
			t.Errorf("%d %s: cause %q, want %q", row.status, row.body, v.Cause, row.cause)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"5": 5 * time.Second, " 5 ": 5 * time.Second, "0": 0, "": 0, "-5": 0, "soon": 0, "1e9": 0,
		"86401": maxRetryAfter, "99999999999999999999999": maxRetryAfter,
		"Mon, 23 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Mon, 23 Nov 2026 11:00:00 GMT": 0,
		"Mon, 23 Nov 2076 12:00:00 GMT": maxRetryAfter,
	} {
		if got := RetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestRetryAfterIsTakenFromHeaderThenBody(t *testing.T) {
	r := replyOf(OnREST, 429, "", `{"message":"Rate limit exceeded","errorcode":50100,"retryAfter":7}`)
	if v := Classify(r); v.RetryAfter != 7*time.Second {
		t.Errorf("from the body: %v", v.RetryAfter)
	}
	r.RetryAfter = "9"
	if v := Classify(r); v.RetryAfter != 9*time.Second {
		t.Errorf("from the header: %v", v.RetryAfter)
	}
	r.Status, r.Body = 401, []byte(`{"message":"Not Authorized","errorcode":0}`)
	if v := Classify(r); v.RetryAfter != 0 {
		t.Errorf("a refusal asks for no wait: %v", v.RetryAfter)
	}
}
