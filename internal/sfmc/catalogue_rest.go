package sfmc

import "keepwatch"

const (
	srcInsufficient = `Salesforce Help 000384391, "Insufficient Privileges"`
	srcUserinfo     = `Salesforce, "getUserInfo"`
	srcLive         = "third-party notes of a live tenant (mcecli, endpoint-notes)"
	srcMcdev404     = "mcdev test/resources/rest404-response.json"
	srcMcdevErrors  = "mcdev lib/metadataTypes (journey and automation errors)"

	hintScope  = "Open " + clickPackage + ", choose the package, edit the API Integration and tick the scope that the route needs; changes take up to ten minutes."
	hintTrust  = "Look at the stack on trust.salesforce.com (Setup > Company Settings > Account Settings names it); nothing in the package needs changing."
	hintDegree = "Compare the path and its parameters in tests with the REST reference; Setup > Platform Tools > Apps > Installed Packages shows the REST Base URI."
)

// restCauses are refusals of a route that takes the token.
var restCauses = []Cause{
	{
		Name: "ip_blocked_rest", Outcome: keepwatch.IPBlocked, Source: srcGoogle, Assumed: true,
		Message: "SFMC refused the token's use from here: the caller's address is probably not on the API allowlist.",
		Hint:    "Open " + clickIP + " and add this machine's egress address to the API ranges.",
		Match:   Match{On: onBearer | onAnySOAP, Text: "ip address is unauthorized|ip address is not authorized|allowlist the client"},
	},
	{
		Name: "token_in_url", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 40003 and 40004",
		Message: "SFMC says that the token stands in the URL or the body instead of the header.",
		Hint:    "Take access_token out of the path of this test; Keepwatch sends the token in the header. Setup > Platform Tools > Apps > Installed Packages shows the plain REST Base URI.",
		Fault:   "token_in_url",
		Match:   Match{On: onBearer, Code: "40003|40004"},
	},
	{
		Name: "wrong_stack", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 40002",
		Message: "SFMC says that the token was sent to another stack's endpoint.",
		Hint:    "Compare subdomain and endpoints.rest with the REST Base URI under " + clickPackage + " > API Integration; a tenant may have moved.",
		Fault:   "wrong_stack",
		Match:   Match{On: onBearer, Code: "40002"},
	},
	{
		Name: "scope_missing", Outcome: keepwatch.ScopeMissing, Source: srcInsufficient + "; " + srcLive,
		Message: "The token is good, but the package lacks a scope that this route needs.",
		Hint:    hintScope,
		Fault:   "scope_missing", Variant: "403",
		Match: Match{On: onBearer, Code: "20002"},
	},
	{
		Name: "business_rule", Outcome: keepwatch.ScopeMissing, Source: srcErrors + ", 20000 and 20001",
		Message: "The token is good, but a rule of the account does not allow this route.",
		Hint:    "Open " + clickPackage + ", choose the package, and check scopes and the business units under Access; the account may lack the feature.",
		Fault:   "business_rule",
		Match:   Match{On: onBearer, Code: "20000|20001"},
	},
	{
		Name: "scope_missing_messaging", Outcome: keepwatch.ScopeMissing, Source: srcLive + "; messaging and event notification routes",
		Message: "The token is good, but the package lacks a scope that this route needs.",
		Hint:    hintScope,
		Fault:   "scope_missing", Variant: "messaging",
		Match: Match{On: onBearer, Text: "insufficient privileges|failed to pass authorization"},
	},
	{
		Name: "scope_missing_401", Outcome: keepwatch.ScopeMissing, Source: srcLive,
		Message: "The route refused the token that the identity route accepts: the package lacks a scope.",
		Hint:    hintScope,
		Fault:   "scope_missing", Variant: "401", LooksLike: "token_rejected",
	},
	{
		Name: "token_rejected", Outcome: keepwatch.TokenRejected, Source: srcErrors + ", 401; " + srcSDKAuth + `, "expired"`, Ambiguous: true,
		Message: "SFMC refuses a token that it issued a moment ago.",
		Hint:    "Open " + clickPackage + ": was the package disabled, changed or moved to another business unit just now? Changes take up to ten minutes; then look at trust.salesforce.com.",
		Fault:   "token_rejected",
		Match:   Match{On: onBearer, Status: 401, Text: "not authorized|unauthorized"},
	},
	{
		Name: "token_rejected_identity", Outcome: keepwatch.TokenRejected, Source: srcUserinfo + "; its error answer is not published", Assumed: true,
		Message: "The identity route refuses a token that was issued a moment ago, so the token is probably dead.",
		Hint:    "Open " + clickPackage + ": was the package disabled or changed just now? Changes take up to ten minutes; then look at trust.salesforce.com.",
		Match:   Match{On: OnIdentity, Status: 401},
	},
	{
		Name: "not_authenticated", Outcome: keepwatch.TokenRejected, Source: srcErrors + ", 40000 and 40001", Ambiguous: true,
		Message: "SFMC refuses a token that it issued a moment ago.",
		Hint:    "Open " + clickPackage + ": was the package disabled or changed just now? Changes take up to ten minutes; then look at trust.salesforce.com.",
		Match:   Match{On: onBearer, Code: "40000|40001"},
	},
	{
		Name: "rest_rate_limited", Outcome: keepwatch.RateLimited, Source: srcRates,
		Message: "SFMC limits the rate of REST calls and asks to wait.",
		Hint:    "Wait as asked. Then find the caller that calls too often among the packages under " + clickPackage + " and slow it down.",
		Fault:   "rest_rate_limited",
		Match:   Match{On: onBearer, Code: "50100"},
	},
	{
		Name: "rest_blocked", Outcome: keepwatch.TemporarilyBlocked, Source: srcErrors + ", 50200",
		Message: "SFMC blocks requests for a while because too many came at once.",
		Hint:    "Lower the concurrency of the integrations under " + clickPackage + "; if the block stays, open a case with Salesforce support, which must lift it.",
		Fault:   "rest_blocked",
		Match:   Match{On: onBearer, Code: "50200"},
	},
	{
		Name: "rest_unavailable", Outcome: keepwatch.PlatformError, Source: srcErrors + ", 50300",
		Message: "SFMC's REST interface is not available.",
		Hint:    hintTrust,
		Fault:   "rest_unavailable",
		Match:   Match{On: onBearer, Code: "50300"},
	},
	{
		Name: "rest_not_found", Outcome: keepwatch.NotFound, Source: srcErrors + ", 404 and 30003; " + srcMcdev404,
		Message: "SFMC does not know this route or the thing it names.",
		Hint:    hintDegree,
		Fault:   "rest_not_found",
		Match:   Match{On: onBearer, Code: "404|30003"},
	},
	{
		Name: "rest_bad_request", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 10000 to 10006, 30000 to 30004",
		Message: "SFMC refused a value of the request.",
		Hint:    hintDegree,
		Fault:   "rest_bad_request",
		Match:   Match{On: onBearer, Code: "10000|10001|10002|10003|10004|10005|10006|30000|30001|30002|30004"},
	},
	{
		Name: "rest_validation_list", Outcome: keepwatch.BadRequest, Source: srcMcdevErrors + ": errors[], validationErrors[]",
		Message: "SFMC answered with a list of validation errors.",
		Hint:    hintDegree,
		Match:   Match{On: onBearer, Error: "errors[]|validationErrors[]"},
	},
	{
		Name: "rest_rate_limited_status", Outcome: keepwatch.RateLimited, Source: srcRates,
		Message: "SFMC limits the rate of REST calls and asks to wait.",
		Hint:    "Wait as asked. Then find the caller that calls too often among the packages under " + clickPackage + " and slow it down.",
		Match:   Match{On: onBearer, Status: 429},
	},
	{
		Name: "rest_server_error", Outcome: keepwatch.PlatformError, Source: srcErrors + ", 500",
		Message: "SFMC's REST interface failed with a server error.",
		Hint:    hintTrust,
		Fault:   "rest_server_error",
		Match:   Match{On: onBearer, Status: 500},
	},
	{
		Name: "rest_unknown_service", Outcome: keepwatch.NotFound, Source: srcErrors + ", 596",
		Message: "SFMC's gateway does not know a service at this path.",
		Hint:    hintDegree,
		Fault:   "rest_unknown_service",
		Match:   Match{On: onBearer, Status: 596},
	},
	{
		Name: "rest_unauthorized_status", Outcome: keepwatch.TokenRejected, Source: srcErrors + ", 401", Ambiguous: true,
		Message: "SFMC refuses a token that it issued a moment ago.",
		Hint:    "Open " + clickPackage + ": was the package disabled or changed just now? Changes take up to ten minutes; then look at trust.salesforce.com.",
		Match:   Match{On: onBearer, Status: 401},
	},
	{
		Name: "rest_forbidden_status", Outcome: keepwatch.ScopeMissing, Source: srcErrors + ", 403",
		Message: "The token is good, but SFMC does not allow this route.",
		Hint:    hintScope,
		Match:   Match{On: onBearer, Status: 403},
	},
	{
		Name: "rest_not_found_status", Outcome: keepwatch.NotFound, Source: srcErrors + ", 404",
		Message: "SFMC does not know this route or the thing it names.",
		Hint:    hintDegree,
		Match:   Match{On: onBearer, Status: 404},
	},
	{
		Name: "rest_bad_request_status", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 400",
		Message: "SFMC says that the request is wrong.",
		Hint:    hintDegree,
		Match:   Match{On: onBearer, Status: 400},
	},
	{
		Name: "rest_conflict_status", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 409",
		Message: "SFMC says that the request conflicts with what exists.",
		Hint:    hintDegree,
		Match:   Match{On: onBearer, Status: 409},
	},
	{
		Name: "rest_media_type_status", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 415",
		Message: "SFMC does not take the media type of the request.",
		Hint:    hintDegree,
		Match:   Match{On: onBearer, Status: 415},
	},
}
