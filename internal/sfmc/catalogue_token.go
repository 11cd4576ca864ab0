package sfmc

import "keepwatch"

// Where the facts come from. Titles of public pages; where no literal answer is
// published the row is marked assumed.
const (
	srcS2S     = `Salesforce, "Server-to-Server access token"`
	srcApp     = `Salesforce, "Web and public app access token"`
	srcRotate  = `Salesforce, "Rotate OAuth 2.0 client secrets"`
	srcErrors  = `Salesforce, "Error handling" (REST)`
	srcRates   = `Salesforce, "Rate limiting errors"`
	srcRFC     = `RFC 6749 §5.2 (no literal SFMC text published)`
	srcSDKAuth = `SFMC-SDK test/resources/auth.js`
	srcGoogle  = `Google, "Salesforce Marketing Cloud transfers" (BigQuery), quoting SFMC`
	srcFuelPHP = `FuelSDK-PHP issues 136 and 146`
	srcNone    = `no published source`
)

// Clicks in SFMC Setup that several hints begin with.
const (
	clickPackage = "Setup > Platform Tools > Apps > Installed Packages"
	clickIP      = "Setup > Security > Login IP Allowlist"
)

// tokenCauses are refusals at the token endpoints. Order matters: the first row
// that fits wins, so narrow texts stand before wide ones.
var tokenCauses = []Cause{
	{
		Name: "ip_blocked", Outcome: keepwatch.IPBlocked, Source: srcGoogle, Assumed: true,
		Message: "SFMC refused the request: the caller's address is probably not on the account's API allowlist.",
		Hint:    "Open " + clickIP + " and add this machine's egress address to the API ranges of the business unit or its parent.",
		Fault:   "ip_blocked", Variant: "400",
		Match: Match{On: onAuth, Text: "ip address is unauthorized|ip address is not authorized|allowlist the client"},
	},
	{
		Name: "ip_blocked_401", Outcome: keepwatch.IPBlocked, Source: srcGoogle, Assumed: true,
		Message: "SFMC refused the request: the caller's address is probably not on the account's API allowlist.",
		Hint:    "Open " + clickIP + " and add this machine's egress address to the API ranges.",
		Fault:   "ip_blocked", Variant: "401", LooksLike: "ip_blocked",
	},
	{
		Name: "ip_blocked_403", Outcome: keepwatch.IPBlocked, Source: srcGoogle, Assumed: true,
		Message: "SFMC refused the request: the caller's address is probably not on the account's API allowlist.",
		Hint:    "Open " + clickIP + " and add this machine's egress address to the API ranges.",
		Fault:   "ip_blocked", Variant: "403", LooksLike: "ip_blocked",
	},
	{
		Name: "bad_client_id", Outcome: keepwatch.BadClientID, Source: srcS2S,
		Message: "SFMC does not know the client id.",
		Hint:    "Open " + clickPackage + ", choose the package, and compare the Client Id of its API Integration with client_id here; check that the subdomain is this tenant's.",
		Fault:   "bad_client_id",
		Match:   Match{On: OnToken, Error: "invalid_client", Text: "invalid client id"},
	},
	{
		Name: "bad_secret", Outcome: keepwatch.BadSecretOrPackage, Source: srcSDKAuth + `, "unauthorized"; mcdev relies on the text`,
		Message: "SFMC refused the client secret: it is wrong, or the package is deleted, disabled or not installed.",
		Hint:    "Open " + clickPackage + ": is the package there and enabled? If so, generate a secret under Staged Secret, store it here, wait five minutes and activate it.",
		Fault:   "bad_secret",
		Match:   Match{On: OnToken, Error: "invalid_client", Text: "client authentication failed"},
	},
	{
		Name: "secret_expired", Outcome: keepwatch.SecretExpired, Source: srcRotate + "; literal answer not published", Assumed: true,
		Message: "SFMC refused the client secret, and its known end date has passed: it has probably expired.",
		Hint:    "Open " + clickPackage + ", choose the package, generate a new secret under Staged Secret, hand it to every holder, wait five minutes and activate it.",
		Fault:   "secret_expired", LooksLike: "bad_secret",
	},
	{
		Name: "package_deleted", Outcome: keepwatch.BadSecretOrPackage, Source: srcSDKAuth + ` (the text itself names the three causes)`,
		Message: "SFMC refused the client: the package is deleted, disabled or not installed, or the secret is wrong.",
		Hint:    "Open " + clickPackage + " and look whether the package still exists; Setup > Security > Audit Trail tells who deleted it.",
		Fault:   "package_deleted", LooksLike: "bad_secret",
	},
	{
		Name: "business_unit_refused", Outcome: keepwatch.BusinessUnitRefused, Source: srcNone, Assumed: true,
		Message: "SFMC refused the account_id: the package is probably not granted to this business unit.",
		Hint:    "Open " + clickPackage + ", choose the package, tab Access, and enable the business unit; compare its MID with business_unit here.",
		Fault:   "business_unit_refused",
		Match:   Match{On: onAuth, Error: "invalid_grant|invalid_client|invalid_request|unauthorized_client|access_denied", Text: "business unit|not granted|access to account|access to the account|access to this account|account_id is not|invalid account"},
	},
	{
		Name: "unauthorized_client", Outcome: keepwatch.GrantRefused, Source: srcApp,
		Message: "SFMC does not allow this client to use this kind of grant.",
		Hint:    "Open " + clickPackage + ", choose the package, and look at the API Integration's type: client_credentials needs Server-to-Server.",
		Fault:   "unauthorized_client",
		Match:   Match{On: OnToken, Error: "unauthorized_client"},
	},
	{
		Name: "grant_refused", Outcome: keepwatch.GrantRefused, Source: srcRFC, Assumed: true,
		Message: "SFMC refused the grant: the refresh token or code is probably used, revoked or too old.",
		Hint:    "Sign in through the application once more to get a new refresh token; look at the package under " + clickPackage + " for the offline scope.",
		Fault:   "grant_refused",
		Match:   Match{On: OnToken, Error: "invalid_grant|access_denied"},
	},
	{
		Name: "invalid_scope", Outcome: keepwatch.ScopeMissing, Source: srcRFC, Assumed: true,
		Message: "SFMC refused the scopes that were asked for: the package probably does not have them.",
		Hint:    "Open " + clickPackage + ", choose the package, edit the API Integration and tick the scopes, or take them out of scopes here; changes take up to five minutes.",
		Fault:   "invalid_scope",
		Match:   Match{On: OnToken, Error: "invalid_scope"},
	},
	{
		Name: "token_unsupported_grant", Outcome: keepwatch.BadRequest, Source: srcRFC, Assumed: true,
		Message: "SFMC does not support the grant type of the request, so the request is probably wrong.",
		Hint:    "Check kind and client_id here against the API Integration under " + clickPackage + ".",
		Fault:   "token_bad_request", Variant: "unsupported_grant_type",
		Match: Match{On: OnToken, Error: "unsupported_grant_type"},
	},
	{
		Name: "token_invalid_request", Outcome: keepwatch.BadRequest, Source: srcRFC, Assumed: true,
		Message: "SFMC says that the token request is malformed, so the request is probably wrong.",
		Hint:    "Check client_id, business_unit (a number) and scopes here against the package under " + clickPackage + ".",
		Fault:   "token_bad_request", Variant: "invalid_request",
		Match: Match{On: OnToken, Error: "invalid_request"},
	},
	{
		Name: "legacy_unauthorized", Outcome: keepwatch.BadSecretOrPackage, Source: srcFuelPHP,
		Message: "SFMC refused the legacy client id or secret, or the package is of the new kind.",
		Hint:    "Open " + clickPackage + ": a package with enhanced functionality needs kind server_to_server here; for a legacy one compare id and secret.",
		Fault:   "legacy_unauthorized",
		Match:   Match{On: OnLegacy, Status: 401, Text: "unauthorized|not authorized"},
	},
	{
		Name: "token_client_refused", Outcome: keepwatch.BadSecretOrPackage, Source: srcRFC + "; texts of invalid_client vary", Assumed: true,
		Message: "SFMC refused the client: probably a wrong secret, or a package that is deleted, disabled or not installed.",
		Hint:    "Open " + clickPackage + ": is the package there and enabled, and is this its client id and secret?",
		Match:   Match{On: onAuth, Error: "invalid_client"},
	},
	{
		Name: "token_not_authorized", Outcome: keepwatch.BadSecretOrPackage, Source: srcSDKAuth + `, "expired"`, Assumed: true,
		Message: "The token endpoint answered Not Authorized: probably a wrong secret, or a package that is deleted or disabled.",
		Hint:    "Open " + clickPackage + ": is the package there and enabled, and is this its client id and secret?",
		Match:   Match{On: onAuth, Status: 401, Text: "not authorized|unauthorized"},
	},
	{
		Name: "token_rate_limited", Outcome: keepwatch.RateLimited, Source: srcRates,
		Message: "SFMC limits the rate of token requests and asks to wait.",
		Hint:    "Wait as asked. Then look who asks for tokens too often: Setup > Platform Tools > Apps > Installed Packages lists the packages, each holder should reuse a token for its 18 minutes.",
		Fault:   "token_rate_limited",
		Match:   Match{On: onAuth, Code: "50100"},
	},
	{
		Name: "token_blocked", Outcome: keepwatch.TemporarilyBlocked, Source: srcErrors + ", 50200",
		Message: "SFMC blocks requests for a while because too many came at once.",
		Hint:    "Stop parallel token requests of all holders of the package (Setup > Platform Tools > Apps > Installed Packages); if the block stays, open a case with Salesforce support, which must lift it.",
		Fault:   "token_blocked",
		Match:   Match{On: onAuth, Code: "50200"},
	},
	{
		Name: "token_unavailable", Outcome: keepwatch.PlatformError, Source: srcErrors + ", 50300",
		Message: "SFMC's token endpoint is not available.",
		Hint:    "Look at the stack on trust.salesforce.com (Setup > Company Settings > Account Settings names it); nothing in the package needs changing.",
		Fault:   "token_unavailable",
		Match:   Match{On: onAuth, Code: "50300"},
	},
	{
		Name: "token_validation", Outcome: keepwatch.BadRequest, Source: srcErrors + ", 10000 to 10006", Assumed: true,
		Message: "SFMC refused a value of the token request, so the request is probably wrong.",
		Hint:    "Check client_id, business_unit (a number) and scopes here against the package under " + clickPackage + ".",
		Fault:   "token_bad_request", Variant: "validation",
		Match: Match{On: onAuth, Code: "10000|10001|10002|10003|10004|10005|10006"},
	},
	{
		Name: "token_rate_limited_status", Outcome: keepwatch.RateLimited, Source: srcRates,
		Message: "SFMC limits the rate of token requests and asks to wait.",
		Hint:    "Wait as asked, and let each holder of the package (" + clickPackage + ") reuse its token for 18 minutes.",
		Match:   Match{On: onAuth, Status: 429},
	},
	{
		Name: "token_server_error", Outcome: keepwatch.PlatformError, Source: "FuelSDK-PHP issue 125",
		Message: "SFMC's token endpoint failed with a server error.",
		Hint:    "Look at the stack on trust.salesforce.com (Setup > Company Settings > Account Settings names it); nothing in the package needs changing.",
		Fault:   "token_server_error",
		Match:   Match{On: onAuth, Status: 500},
	},
	{
		Name: "token_refused_status", Outcome: keepwatch.BadSecretOrPackage, Source: srcErrors + "; no known text", Assumed: true,
		Message: "The token endpoint answered 401 without a known reason: probably the secret or the package.",
		Hint:    "Open " + clickPackage + ": is the package there and enabled, and is this its client id and secret?",
		Match:   Match{On: onAuth, Status: 401},
	},
	{
		Name: "token_forbidden_status", Outcome: keepwatch.IPBlocked, Source: srcErrors + "; no known text", Assumed: true,
		Message: "The token endpoint answered 403 without a known reason: probably the caller's address is not allowed.",
		Hint:    "Open " + clickIP + " and look whether this machine's egress address is in the API ranges.",
		Match:   Match{On: onAuth, Status: 403},
	},
	{
		Name: "token_bad_request_status", Outcome: keepwatch.BadRequest, Source: srcErrors + "; no known text", Assumed: true,
		Message: "The token endpoint answered 400 without a known reason, so the request is probably wrong.",
		Hint:    "Check client_id, business_unit and scopes here against the package under " + clickPackage + ".",
		Match:   Match{On: onAuth, Status: 400},
	},
	{
		Name: "token_route_missing", Outcome: keepwatch.NotFound, Source: srcErrors + ", 404",
		Message: "There is no token endpoint at this address.",
		Hint:    "Compare the subdomain, or endpoints.auth, with the Authentication Base URI under " + clickPackage + " > API Integration.",
		Match:   Match{On: onAuth, Status: 404},
	},
}
