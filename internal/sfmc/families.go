package sfmc

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"keepwatch"
)

// Family is one API family with its cheap read: no side effect, smallest answer.
type Family struct {
	Name    string
	Test    string   // as written in a configuration
	Scope   string   // what the package needs; "" none in particular
	Promise []string // one of these keys is in a good answer
}

// Families is the recipe: one read per family of the API.
var Families = []Family{
	{"platform", "rest:/platform/v1/tokenContext", "", []string{"organization", "enterprise"}},
	{"endpoints", "rest:/platform/v1/endpoints", "", []string{"items", "url"}},
	{"ens", "rest:/platform/v1/ens-callbacks", "event_notification_callback_read", nil},
	{"contacts", "rest:/contacts/v1/schema", "list_and_subscribers_read", []string{"items", "count", "page"}},
	{"attribute groups", "rest:/hub/v1/contacts/schema/attributeGroups", "list_and_subscribers_read", []string{"items", "count", "page"}},
	{"asset", "rest:/asset/v1/content/categories?$pageSize=1", "documents_and_images_read", []string{"items", "count", "page"}},
	{"data", "rest:/data/v1/async/00000000-0000-0000-0000-000000000000/status", "data_extensions_read", []string{"status", "resultCode", "resultMessages", "requestId"}},
	{"data rows", "rest:/data/v1/customobjectdata/key/KEY/rowset?$pageSize=1", "data_extensions_read", []string{"items", "count", "page"}},
	{"audit", "rest:/data/v1/audit/auditEvents?$pagesize=1", "tracking_events_read", []string{"items", "count", "page"}},
	{"security events", "rest:/data/v1/audit/securityEvents?$pagesize=1", "tracking_events_read", []string{"items", "count", "page"}},
	{"interaction", "rest:/interaction/v1/interactions?$pageSize=1", "journeys_read", []string{"items", "count", "page"}},
	{"automation", "rest:/automation/v1/automations?$pageSize=1", "automations_read", []string{"items", "count", "page"}},
	{"messaging e-mail", "rest:/messaging/v1/email/definitions?$pageSize=1", "email_read", []string{"definitions", "count", "page"}},
	{"messaging SMS", "rest:/messaging/v1/sms/definitions?$pageSize=1", "sms_read", []string{"definitions", "count", "page"}},
	{"messaging push", "rest:/messaging/v1/push/definitions?$pageSize=1", "push_read", []string{"definitions", "count", "page"}},
	{"push", "rest:/push/v1/message?$pagesize=1", "push_read", nil},
	{"legacy mobile", "rest:/legacy/v1/beta/mobile/code/?$top=1", "sms_read", []string{"entry", "totalResults"}},
	{"hub", "rest:/hub/v1/campaigns?$pageSize=1", "campaign_read", []string{"items", "count", "page"}},
	{"SOAP status", "soap:GetSystemStatus", "", nil},
	{"SOAP folders", "soap:DataFolder", "", nil},
	{"SOAP business units", "soap:BusinessUnit", "accounts_read", nil},
	{"SOAP users", "soap:AccountUser", "users_read", nil},
}

// Test is one configured test, read once.
type Test struct {
	Name     string // as configured; the step's name
	Identity bool
	Path     string // REST
	Object   string // SOAP; "GetSystemStatus" is no object
	Property string
	Scope    string
	promise  []string
}

// REST reports that the test asks the REST host.
func (t Test) REST() bool { return t.Path != "" }

// SOAP reports that the test asks the SOAP host.
func (t Test) SOAP() bool { return t.Object != "" }

// keyProperty is the property that is sure to be there; the rest have ObjectID.
var keyProperty = map[string]string{
	"BusinessUnit": "ID", "AccountUser": "AccountUserID", "DataFolder": "ID", "Account": "ID", "Send": "ID",
	"List": "ID", "Subscriber": "SubscriberKey", "Email": "ID", "DataExtension": "CustomerKey", "Role": "CustomerKey",
	"TriggeredSendDefinition": "CustomerKey", "QueryDefinition": "CustomerKey", "DataExtensionField": "CustomerKey",
}

// ParseTest reads identity, rest:/path?query, soap:GetSystemStatus, soap:Object
// and soap:Object.Property.
func ParseTest(s string) (Test, error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case s == "identity":
		return Test{Name: s, Identity: true}, nil
	case kind == "rest" && strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "//") && printable(rest):
		f := familyOf(rest)
		return Test{Name: s, Path: rest, Scope: f.Scope, promise: f.Promise}, nil
	case kind == "soap" && printable(rest):
		object, property, _ := strings.Cut(rest, ".")
		if !word(object) || (property != "" && !word(strings.ReplaceAll(property, ".", ""))) {
			break
		}
		if property == "" {
			property = keyProperty[object]
		}
		if property == "" {
			property = "ObjectID"
		}
		return Test{Name: s, Object: object, Property: property, Scope: familyOfSOAP(object)}, nil
	}
	return Test{}, keepwatch.WithHint(fmt.Errorf("test %q: %w", cut(oneLine(s), 80), keepwatch.ErrInvalid),
		"write identity, rest:/path?query, soap:GetSystemStatus or soap:Object")
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

func word(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

// familyOf finds the family whose path begins like this one, longest first.
func familyOf(path string) Family {
	route, _, _ := strings.Cut(strings.ToLower(path), "?")
	best, length := Family{}, 0
	for _, f := range Families {
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(f.Test, "rest:")), "?")
		if route == base {
			return f
		}
		// The first three segments name a family; its answers differ below that.
		if stem := segments(base, 3); len(stem) > length && strings.HasPrefix(route, stem) {
			best, length = Family{Name: f.Name, Scope: f.Scope}, len(stem)
		}
	}
	return best
}

func segments(path string, n int) string {
	parts := strings.SplitN(path, "/", n+2)
	return strings.Join(parts[:min(len(parts), n+1)], "/")
}

func familyOfSOAP(object string) string {
	for _, f := range Families {
		if f.Test == "soap:"+object {
			return f.Scope
		}
	}
	return ""
}

// Run makes the one request of a test.
func (c *Client) Run(ctx context.Context, e Endpoints, access keepwatch.Secret, l Login, t Test) Verdict {
	var v Verdict
	switch {
	case t.REST():
		v = c.Get(ctx, e, access, t.Path, t.promise)
	case t.Object == "GetSystemStatus":
		v = c.SystemStatus(ctx, e, l)
	default:
		_, v = c.Retrieve(ctx, e, l, Retrieve{Object: t.Object, Properties: []string{t.Property}, BatchSize: 1, MaxPages: 1})
	}
	return v.ForScope(t.Scope)
}

// ForScope says in the hint which scope is the one that is missing.
func (v Verdict) ForScope(scope string) Verdict {
	if v.Outcome == keepwatch.ScopeMissing && scope != "" {
		v.Hint += " This route needs " + scope + "."
	}
	return v
}

// Service is one entry of the endpoints route.
type Service struct{ Type, URL string }

// Services lists the addresses that the tenant's stack names.
func (c *Client) Services(ctx context.Context, e Endpoints, access keepwatch.Secret) ([]Service, Verdict) {
	u := e.REST.JoinPath("platform/v1/endpoints")
	var list []Service
	v := c.get(ctx, u, access, Reply{On: OnREST, Promise: []string{"items"}}, func(r Reply) Verdict {
		v := classifyREST(r)
		if v.OK() {
			list = services(r.Body)
		}
		return v
	})
	return list, v
}

func services(body []byte) []Service {
	want := []field{{key: "items"}}
	if body = trimBOM(bytes.TrimSpace(body)); !valid(body) || pick(body, want) != nil {
		return nil
	}
	var list []Service
	for raw := want[0].value; len(list) < 100; {
		entry := first(raw)
		if entry == nil {
			return list
		}
		one := []field{{key: "type"}, {key: "url"}}
		if pick(entry, one) == nil {
			list = append(list, Service{Type: cut(oneLine(text(one[0].value)), 40), URL: cut(oneLine(text(one[1].value)), 200)})
		}
		raw = after(raw, entry)
	}
	return list
}

// after drops the first element of an array.
func after(raw, entry []byte) []byte {
	at := skipSpace(raw, skipSpace(raw, 1)+len(entry))
	if at >= len(raw) || raw[at] != ',' {
		return nil
	}
	return append([]byte{'['}, raw[at+1:]...)
}
