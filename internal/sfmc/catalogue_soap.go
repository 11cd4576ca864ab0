package sfmc

import "keepwatch"

const (
	srcFaults   = `Salesforce, "SOAP faults"`
	srcSOAPRate = `Salesforce, "Rate limiting" (SOAP)`
	srcSDKSOAP  = `SFMC-SDK test/resources/soap.js`
	srcStatus   = `Salesforce, "Retrieving the availability status" (GetSystemStatus)`
	srcTap      = `singer tap-exacttarget`

	clickUser    = "Setup > Users > Users"
	hintTest     = "Check the spelling of the object and its property in tests against the SOAP object reference; the REST and SOAP base URIs stand under " + clickPackage + "."
	hintSOAPPerm = "Open " + clickUser + ", choose the user and its roles (for a package: " + clickPackage + ", its scopes) and allow the object."
)

// soapCauses are faults, and errors that hide in an answer with HTTP 200.
var soapCauses = []Cause{
	{
		Name: "soap_account_locked", Outcome: keepwatch.AccountLocked, Source: srcFaults + "; literal text not published", Assumed: true,
		Message: "SFMC refused the login: the API user is probably locked after too many bad logins.",
		Hint:    "Open " + clickUser + ", choose the API user, click Unlock, and find the holder with the old password before the next try.",
		Fault:   "soap_account_locked",
		Match:   Match{On: OnLogin, Text: "locked"},
	},
	{
		Name: "soap_password_change", Outcome: keepwatch.PasswordChangeRequired, Source: srcFaults + "; literal text not published", Assumed: true,
		Message: "SFMC refused the login: the API user probably has to change the password first.",
		Hint:    "Open " + clickUser + ", choose the API user, click Reset Password and give every holder the new one; Setup > Security > Security Settings can exclude API users from password expiration.",
		Fault:   "soap_password_change",
		Match:   Match{On: OnLogin, Text: "change password|change your password|password must be changed|must change|password has expired|password expired|expired password|change your expired"},
	},
	{
		Name: "soap_login_failed", Outcome: keepwatch.LoginFailed, Source: srcFaults,
		Message: "SFMC refused the name or the password of the API user.",
		Hint:    "Do not try again: SFMC locks the user after a few bad logins. Open " + clickUser + ", choose the API user, look at its status, reset the password if needed, and store the new one here.",
		Fault:   "soap_login_failed",
		Match:   Match{On: OnLogin, Text: "login failed|token expired|authentication failed|invalid security token|not authorized"},
	},
	{
		Name: "soap_token_expired", Outcome: keepwatch.TokenRejected, Source: srcSDKSOAP + `, "expiredToken"`,
		Message: "SOAP refuses a token, as expired, that was issued a moment ago.",
		Hint:    "Open " + clickPackage + ": was the package disabled or changed just now? Changes take up to ten minutes; then look at trust.salesforce.com.",
		Fault:   "soap_token_expired",
		Match:   Match{On: OnSOAP, Text: "token expired"},
	},
	{
		Name: "soap_token_refused", Outcome: keepwatch.TokenRejected, Source: srcFaults + "; SFMC-SDK and others match the text",
		Message: "SOAP refuses a token that was issued a moment ago.",
		Hint:    "Open " + clickPackage + ": is the package enabled for this business unit, and is endpoints.soap this tenant's SOAP Base URI?",
		Match:   Match{On: OnSOAP, Text: "login failed|invalid security token"},
	},
	{
		Name: "soap_rate_limited", Outcome: keepwatch.RateLimited, Source: srcSOAPRate + ", code 17 with HTTP 500",
		Message: "SFMC limits the rate of SOAP calls and asks to wait.",
		Hint:    "Wait. Then find the caller that calls too often among the packages under " + clickPackage + " and slow it down.",
		Fault:   "soap_rate_limited",
		Match:   Match{On: onAnySOAP, Code: "17"},
	},
	{
		Name: "soap_rate_limited_text", Outcome: keepwatch.RateLimited, Source: srcSOAPRate,
		Message: "SFMC limits the rate of SOAP calls and asks to wait.",
		Hint:    "Wait. Then find the caller that calls too often among the packages under " + clickPackage + " and slow it down.",
		Match:   Match{On: onAnySOAP, Text: "rate limited"},
	},
	{
		Name: "soap_in_maintenance", Outcome: keepwatch.Maintenance, Source: srcFaults + ", codes 8 and 9",
		Message: "SFMC says that it is in maintenance.",
		Hint:    "Wait for the end of the window on trust.salesforce.com (Setup > Company Settings > Account Settings names the stack).",
		Fault:   "soap_in_maintenance",
		Match:   Match{On: onAnySOAP, Code: "9"},
	},
	{
		Name: "soap_in_maintenance_text", Outcome: keepwatch.Maintenance, Source: srcFaults,
		Message: "SFMC says that it is in maintenance.",
		Hint:    "Wait for the end of the window on trust.salesforce.com (Setup > Company Settings > Account Settings names the stack).",
		Match:   Match{On: onAnySOAP, Text: "in maintenance|inmaintenance|maintenance window"},
	},
	{
		Name: "soap_status_maintenance", Outcome: keepwatch.Maintenance, Source: srcStatus,
		Message: "SFMC's own status says that it is in maintenance.",
		Hint:    "Wait for the end of the window on trust.salesforce.com (Setup > Company Settings > Account Settings names the stack).",
		Fault:   "soap_status_maintenance",
		Match:   Match{On: onAnySOAP, Error: "SystemStatus:InMaintenance"},
	},
	{
		Name: "soap_status_outage", Outcome: keepwatch.PlatformError, Source: srcStatus,
		Message: "SFMC's own status says that there is an unplanned outage.",
		Hint:    hintTrust,
		Fault:   "soap_status_outage",
		Match:   Match{On: onAnySOAP, Error: "SystemStatus:UnplannedOutage"},
	},
	{
		Name: "soap_outage", Outcome: keepwatch.PlatformError, Source: srcFaults + ", code 2",
		Message: "SOAP reports an unplanned outage.",
		Hint:    hintTrust,
		Fault:   "soap_outage",
		Match:   Match{On: onAnySOAP, Text: "unplanned outage"},
	},
	{
		Name: "soap_authorization", Outcome: keepwatch.ScopeMissing, Source: srcFaults + ", code 11",
		Message: "The login is good, but user or account lack the right to use this SOAP feature.",
		Hint:    hintSOAPPerm,
		Fault:   "soap_authorization",
		Match:   Match{On: onAnySOAP, Code: "11"},
	},
	{
		Name: "soap_authorization_text", Outcome: keepwatch.ScopeMissing, Source: srcFaults,
		Message: "The login is good, but user or account lack the right to use this SOAP feature.",
		Hint:    hintSOAPPerm,
		Match:   Match{On: onAnySOAP, Text: "authorizationfailure|authorization failure|insufficient privileges"},
	},
	{
		Name: "soap_permission", Outcome: keepwatch.ScopeMissing, Source: srcTap + " (OverallStatus with HTTP 200)",
		Message: "The login is good, but the object may not be read.",
		Hint:    hintSOAPPerm,
		Fault:   "soap_permission",
		Match:   Match{On: onAnySOAP, Text: "api permission failed"},
	},
	{
		Name: "soap_bad_property", Outcome: keepwatch.BadRequest, Source: srcLive + "; " + srcTap,
		Message: "SOAP does not know a property that the test asks for.",
		Hint:    hintTest,
		Fault:   "soap_bad_property",
		Match:   Match{On: onAnySOAP, Text: "do not match with the fields|invalid column name"},
	},
	{
		Name: "soap_unknown_object", Outcome: keepwatch.NotFound, Source: srcSDKSOAP + `, "noObjectHandlerFound"`,
		Message: "SOAP does not know the object that the test names.",
		Hint:    hintTest,
		Fault:   "soap_unknown_object",
		Match:   Match{On: onAnySOAP, Text: "unable to find a handler for object type"},
	},
	{
		Name: "soap_unknown_action", Outcome: keepwatch.BadRequest, Source: srcFaults,
		Message: "SOAP does not know the action of the request.",
		Hint:    hintTest,
		Fault:   "soap_unknown_action",
		Match:   Match{On: onAnySOAP, Text: "did not recognize the value of http header soapaction"},
	},
	{
		Name: "soap_bad_request", Outcome: keepwatch.BadRequest, Source: srcSDKSOAP + `, "badRequest" (plain text with HTTP 400)`,
		Message: "SOAP says that the request is malformed.",
		Hint:    hintTest,
		Fault:   "soap_bad_request",
		Match:   Match{On: onAnySOAP, Status: 400, Error: "plain:Bad Request"},
	},
	{
		Name: "soap_client_fault", Outcome: keepwatch.BadRequest, Source: srcFaults + " (Client)",
		Message: "SOAP says that the request is wrong.",
		Hint:    hintTest,
		Match:   Match{On: onAnySOAP, Error: "Client"},
	},
	{
		Name: "soap_server_fault", Outcome: keepwatch.PlatformError, Source: srcFaults + " (Server), codes 1, 2 and others",
		Message: "SOAP failed with a server fault.",
		Hint:    hintTrust,
		Fault:   "soap_server_fault",
		Match:   Match{On: onAnySOAP, Error: "Server"},
	},
	{
		Name: "soap_login_security_fault", Outcome: keepwatch.LoginFailed, Source: srcFaults + " (Security)", Assumed: true,
		Message: "SOAP answered with a security fault: probably name or password of the API user.",
		Hint:    "Do not try again: SFMC locks the user after a few bad logins. Open " + clickUser + " and look at the API user.",
		Match:   Match{On: OnLogin, Error: "Security"},
	},
	{
		Name: "soap_security_fault", Outcome: keepwatch.TokenRejected, Source: srcFaults + " (Security)", Assumed: true,
		Message: "SOAP answered with a security fault: the token is probably refused.",
		Hint:    "Open " + clickPackage + ": is the package enabled for this business unit, and is endpoints.soap this tenant's SOAP Base URI?",
		Match:   Match{On: OnSOAP, Error: "Security"},
	},
	{
		Name: "soap_overall_error", Outcome: keepwatch.BadRequest, Source: "Salesforce, WSDL (OverallStatus); texts vary", Assumed: true,
		Message: "SOAP answered with an error of the request, so the request is probably wrong.",
		Hint:    hintTest,
		Match:   Match{On: onAnySOAP, Error: "OverallStatus"},
	},
	{
		Name: "soap_rate_limited_status", Outcome: keepwatch.RateLimited, Source: srcSOAPRate,
		Message: "SFMC limits the rate of SOAP calls and asks to wait.",
		Hint:    "Wait. Then find the caller that calls too often among the packages under " + clickPackage + " and slow it down.",
		Match:   Match{On: onAnySOAP, Status: 429},
	},
	{
		Name: "soap_route_missing", Outcome: keepwatch.NotFound, Source: srcNone, Assumed: true,
		Message: "There is probably no SOAP service at this address.",
		Hint:    "Compare subdomain and endpoints.soap with the SOAP Base URI under " + clickPackage + " > API Integration.",
		Match:   Match{On: onAnySOAP, Status: 404},
	},
}
