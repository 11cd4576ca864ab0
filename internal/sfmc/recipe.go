package sfmc

import (
	"slices"
	"strings"
)

// Need says which scope a test needs, so that a package can have that and no more.
type Need struct {
	Test    string
	Scope   string // "" none in particular
	Assumed bool   // no public source says it: taken from how clients use the route
}

// NeedsOf is the least-privilege recipe of some tests, in their order. A test that
// does not ask SFMC needs no scope.
func NeedsOf(tests []string) []Need {
	needs := make([]Need, 0, len(tests))
	for _, s := range tests {
		need := Need{Test: s}
		if test, err := ParseTest(s); err == nil {
			need.Scope, need.Assumed = test.Scope, false
			if need.Scope == "" {
				need.Scope, need.Assumed = assumedScope(test)
			}
		}
		needs = append(needs, need)
	}
	return needs
}

// ScopesFor lists the scopes that some tests need, sorted.
func ScopesFor(tests []string) []string {
	var scopes []string
	for _, need := range NeedsOf(tests) {
		if need.Scope != "" {
			scopes = append(scopes, need.Scope)
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// assumedScopes are the scopes of routes and objects beyond Families, by how they
// begin: a REST path, or a SOAP object.
var assumedScopes = []struct{ prefix, scope string }{
	{"/asset/", "documents_and_images_read"},
	{"/automation/", "automations_read"},
	{"/contacts/", "list_and_subscribers_read"},
	{"/data/v1/audit/", "tracking_events_read"},
	{"/data/", "data_extensions_read"},
	{"/hub/v1/campaigns", "campaign_read"},
	{"/hub/v1/contacts/", "list_and_subscribers_read"},
	{"/interaction/", "journeys_read"},
	{"/legacy/v1/beta/mobile/", "sms_read"},
	{"/messaging/v1/email/", "email_read"},
	{"/messaging/v1/push/", "push_read"},
	{"/messaging/v1/sms/", "sms_read"},
	{"/platform/v1/ens-", "event_notification_callback_read"},
	{"/platform/v1/key", "key_manage_view"},
	{"/push/", "push_read"},
	{"soap:AccountUser", "users_read"},
	{"soap:Automation", "automations_read"},
	{"soap:DataExtension", "data_extensions_read"},
	{"soap:Email", "email_read"},
	{"soap:List", "list_and_subscribers_read"},
	{"soap:QueryDefinition", "automations_read"},
	{"soap:Role", "users_read"},
	{"soap:Send", "tracking_events_read"},
	{"soap:Subscriber", "list_and_subscribers_read"},
	{"soap:TriggeredSend", "email_read"},
}

func assumedScope(t Test) (scope string, assumed bool) {
	key := strings.ToLower(t.Path)
	if t.SOAP() {
		key = strings.ToLower("soap:" + t.Object)
	}
	for _, row := range assumedScopes {
		if strings.HasPrefix(key, strings.ToLower(row.prefix)) {
			return row.scope, true
		}
	}
	return "", false
}

// DiscoveryNeeds is what a look at the account needs, part by part.
var DiscoveryNeeds = []Need{
	{"business units", "accounts_read", false},
	{"packages and API users", "users_read", false},
	{"business units of each user", "users_read", true},
	{"audit trail", "tracking_events_read", false},
}

// ReadsOnly reports whether a scope allows to look and nothing else. "offline" only
// lets a refresh token live longer.
func ReadsOnly(scope string) bool {
	return strings.HasSuffix(scope, "_read") || strings.HasSuffix(scope, "_view") || scope == "offline"
}
