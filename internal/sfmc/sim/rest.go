package sim

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// family is one cheap read of an API family: where it is, which scope it needs,
// and a plausible answer.
type family struct {
	route  string // as counters name it; * stands for one segment
	scope  string
	denied string          // how it says that the scope is missing: "403", "401" or "messaging"
	body   func(*call) any // without a world; nil: there is no such route

	// With a world:
	live    func(*call) (answer, bool) // false: body answers
	also    string                     // a second scope
	write   string                     // the scope of all but GET, where it is another one
	methods string                     // "" is GET
	free    bool                       // live takes the lock by itself
}

// scopes are what a request needs.
func (f *family) scopes(method string) []string {
	need := []string{f.scope}
	if f.write != "" && method != http.MethodGet && method != http.MethodHead {
		need[0] = f.write
	}
	if f.also != "" {
		need = append(need, f.also)
	}
	return need
}

func (f *family) takes(method string, living bool) bool {
	methods := cmp.Or(f.methods, http.MethodGet)
	if !living {
		methods = http.MethodGet
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return slices.Contains(strings.Fields(methods), method)
}

// families are the reads that a monitor makes. Bodies have the shapes that
// clients recorded, with a handful of items.
var families = []family{
	{route: "/contacts/v1/schema", scope: "list_and_subscribers_read", denied: "403", body: contactSchemas},
	{route: "/hub/v1/contacts/schema/attributeGroups", scope: "list_and_subscribers_read", denied: "403", body: attributeGroups},
	{route: "/asset/v1/content/categories", scope: "documents_and_images_read", denied: "403", body: assetCategories},
	{route: "/asset/v1/content/assets", scope: "documents_and_images_read", denied: "403", body: assets},
	{route: "/data/v1/async/*/status", scope: "data_extensions_read", denied: "403", body: asyncStatus},
	{route: "/data/v1/customobjectdata/key/*/rowset", scope: "data_extensions_read", denied: "403", body: rowset},
	{route: "/interaction/v1/interactions", scope: "journeys_read", denied: "403", body: interactions},
	{route: "/interaction/v1/eventDefinitions", scope: "journeys_read", denied: "403", body: eventDefinitions},
	{route: "/automation/v1/automations", scope: "automations_read", denied: "403", body: automations},
	{route: "/messaging/v1/email/definitions", scope: "email_read", denied: "messaging", body: definitions("email")},
	{route: "/messaging/v1/sms/definitions", scope: "sms_read", denied: "messaging", body: definitions("sms")},
	{route: "/messaging/v1/push/definitions", scope: "push_read", denied: "messaging", body: definitions("push")},
	{route: "/push/v1/message", scope: "push_read", denied: "403", body: pushMessages},
	{route: "/push/v1/location", scope: "push_read", denied: "403", body: emptyPage},
	{route: "/legacy/v1/beta/mobile/code", scope: "sms_read", denied: "403", body: mobileCodes},
	{route: "/hub/v1/campaigns", scope: "campaign_read", denied: "401", body: campaigns},
	{route: "/platform/v1/ens-callbacks", scope: "event_notification_callback_read", denied: "messaging", body: ensCallbacks},
	{route: "/data/v1/audit/securityEvents", scope: "tracking_events_read", denied: "403", body: securityEvents},
	{route: "/data/v1/audit/auditEvents", scope: "tracking_events_read", denied: "403", body: func(c *call) any { return c.auditTrail() }},
	{route: "/platform/v1/key", scope: "key_manage_view", denied: "403", body: emptyPage},
}

// familyTable is families with their paths in lower case, split for matching.
var familyTable = func() []familyPattern {
	all := append(append([]family(nil), families...), liveFamilies...)
	table := make([]familyPattern, len(all))
	for i := range all {
		f := &all[i]
		if f.live == nil {
			f.live = liveBodies[f.route].live
			f.methods, f.write, f.free = liveBodies[f.route].methods, liveBodies[f.route].write, liveBodies[f.route].free
		}
		table[i] = familyPattern{f, strings.Split(strings.Trim(strings.ToLower(f.route), "/"), "/")}
	}
	return table
}()

type familyPattern struct {
	family   *family
	segments []string
}

// familyOf finds the family a path ends with, and where it begins in the path.
func familyOf(path string) (*family, int) {
	trimmed := strings.TrimSuffix(path, "/")
	have := strings.Split(trimmed, "/")
	for _, p := range familyTable {
		if len(have) < len(p.segments) {
			continue
		}
		tail := have[len(have)-len(p.segments):]
		if !matches(tail, p.segments) {
			continue
		}
		return p.family, len(trimmed) - len(strings.Join(tail, "/")) - 1
	}
	return nil, 0
}

func matches(have, want []string) bool {
	for i := range want {
		if want[i] != have[i] && (want[i] != "*" || have[i] == "") {
			return false
		}
	}
	return true
}

// read serves a family: the token first, then the scope, then the method; SFMC
// checks authorisation before it looks at anything else.
func (c *call) read() answer {
	f := c.route.family
	living := c.s.living()
	if f.body == nil && !living {
		return c.notFound()
	}
	if c.bearer == bearerMissing && c.r.URL.Query().Get("access_token") != "" {
		return restError(http.StatusUnauthorized, 40004, "Authorization token invalid on URL or request body")
	}
	if refusal, ok := c.requireBearer(); !ok {
		return refusal
	}
	if refusal, off := c.routeOff(); off {
		return refusal
	}
	need := f.scopes(http.MethodGet)
	if living {
		need = f.scopes(c.r.Method)
	}
	c.s.mu.Lock()
	allowed := !slices.ContainsFunc(need, func(scope string) bool { return !c.s.scopes.holds(c.ticket.scopes, scope) })
	c.s.mu.Unlock()
	switch {
	case !allowed:
		return c.scopeMissing(f.denied)
	case !f.takes(c.r.Method, living):
		return restError(http.StatusMethodNotAllowed, 0, "Method Not Allowed")
	}
	if refusal, off := c.auditOff(); off {
		return refusal
	}
	if f.live != nil && living {
		if a, ok := c.alive(f); ok {
			return a
		}
	}
	if f.body == nil {
		return c.notFound()
	}
	return jsonAnswer(http.StatusOK, f.body(c))
}

// segment returns the nth part of the family's path.
func (c *call) segment(n int) string {
	parts := strings.Split(strings.Trim(c.route.path, "/"), "/")
	if n >= len(parts) {
		return ""
	}
	return parts[n]
}

// paging reads $page and $pageSize, with or without the dollar, in any case.
func (c *call) paging() (page, size int) { return c.pagingUpTo(50) }

func (c *call) pagingUpTo(limit int) (page, size int) {
	page, size = 1, min(50, limit)
	for key, values := range c.r.URL.Query() {
		n, err := strconv.Atoi(values[0])
		if err != nil || n < 1 {
			continue
		}
		switch strings.ToLower(strings.TrimPrefix(key, "$")) {
		case "page":
			page = n
		case "pagesize", "top":
			size = min(n, limit)
		}
	}
	return page, size
}

// pageOf cuts the asked page out of items. An empty page has no items key: some
// routes of SFMC omit it, and clients must live with that.
func (c *call) pageOf(items []object) object {
	page, size := c.paging()
	return pageOf(items, page, size)
}

func pageOf(items []object, page, size int) object {
	from := min((page-1)*size, len(items))
	if page > 1<<20 {
		from = len(items)
	}
	out := object{"count": len(items), "page": page, "pageSize": size, "links": object{}}
	if cut := items[from:min(from+size, len(items))]; len(cut) > 0 {
		out["items"] = cut
	}
	return out
}

func emptyPage(c *call) any {
	_, size := c.paging()
	return object{"count": 0, "page": 1, "pageSize": size, "items": []object{}}
}

// serverTime is how journeys print times: US Central, no offset.
func (c *call) serverTime(ago time.Duration) string {
	return centralTime(c.now.Add(-ago))
}

func contactSchemas(*call) any {
	return object{"items": []object{{"schemaId": guidOf("schema", "1"), "name": "Contact", "version": 1}}, "count": 1, "page": 1, "pageSize": 50}
}

func attributeGroups(c *call) any {
	return c.pageOf([]object{{"id": guidOf("group", "1"), "key": "Email Addresses", "name": "Email Addresses", "isSystemDefined": true}})
}

func assetCategories(c *call) any {
	id := int64(c.mid % 100_000)
	return c.pageOf([]object{
		{"id": id, "name": "Content Builder", "parentId": 0, "categoryType": "asset", "enterpriseId": c.mid, "memberId": c.mid},
		{"id": id + 1, "name": "Templates", "parentId": id, "categoryType": "asset", "enterpriseId": c.mid, "memberId": c.mid},
	})
}

func assets(c *call) any {
	return c.pageOf([]object{{"id": 1001, "customerKey": "welcome", "name": "Welcome", "assetType": object{"id": 208, "name": "htmlemail"}}})
}

// asyncStatus answers for a request id that never existed: that is the safe way
// to ask whether the route is allowed.
func asyncStatus(c *call) any {
	return object{
		"status":         nil,
		"requestId":      guidOf("request", c.segment(3)),
		"resultMessages": []object{{"resultType": "Error", "resultClass": "RequestError", "resultCode": "AsyncRequestStatusNotFound", "message": "No request status was found for the given id."}},
	}
}

func rowset(c *call) any {
	page, size := c.paging()
	return object{
		"links": object{"self": "/v1/customobjectdata/token/" + guidOf("rowset", c.segment(4)) + "/rowset?$page=" + strconv.Itoa(page)},
		"page":  page, "pageSize": size, "count": 1, "customObjectKey": c.segment(4), "requestToken": guidOf("rowset", c.segment(4)),
		"items": []object{{"keys": object{"id": "1"}, "values": object{"modifieddate": c.serverTime(time.Hour)}}},
	}
}

func interactions(c *call) any {
	return c.pageOf([]object{
		c.journey("welcome-series", "Welcome", "Published", 3),
		c.journey("win-back", "Win back", "Draft", 1),
	})
}

func (c *call) journey(key, name, status string, version int) object {
	return object{
		"id": guidOf("journey", key), "key": key, "name": name, "description": "", "version": version, "workflowApiVersion": 1.0,
		"createdDate": c.serverTime(2000 * time.Hour), "modifiedDate": c.serverTime(100 * time.Hour), "lastPublishedDate": c.serverTime(90 * time.Hour),
		"goals": []object{}, "exits": []object{}, "notifiers": []object{},
		"stats":     object{"currentPopulation": 120, "cumulativePopulation": 4200, "metGoal": 0, "metExitCriteria": 0, "goalPerformance": 0.0},
		"entryMode": "MultipleEntries", "definitionType": "Multistep", "channel": "", "executionMode": "Production",
		"status": status, "definitionId": guidOf("definition", key), "scheduledStatus": "Draft", "tags": []object{},
	}
}

func eventDefinitions(c *call) any {
	return c.pageOf([]object{{"id": guidOf("event", "1"), "eventDefinitionKey": "APIEvent-welcome", "name": "Welcome", "type": "APIEvent", "isVisibleInPicker": false}})
}

func automations(c *call) any {
	return c.pageOf([]object{{"id": guidOf("automation", "1"), "key": "nightly-orders", "name": "Nightly orders", "typeId": 1, "type": "scheduled", "statusId": 6, "status": "Scheduled"}})
}

func definitions(channel string) func(*call) any {
	return func(c *call) any {
		_, size := c.paging()
		return object{
			"requestId": guidOf("request", channel), "count": 1, "page": 1, "pageSize": size,
			"definitions": []object{{
				"name": "Order confirmation", "definitionKey": "order-confirmation", "status": "Active",
				"createdDate": c.now.Add(-2000 * time.Hour).Format(time.RFC3339), "modifiedDate": c.now.Add(-100 * time.Hour).Format(time.RFC3339),
			}},
		}
	}
}

func pushMessages(*call) any {
	return []object{{"id": "MTA6MTE0OjA", "name": "Parcel sent", "messageType": 1, "status": 2}}
}

func mobileCodes(*call) any {
	return object{"entry": []object{{"id": "c1", "code": "55555", "codeType": "shortCode"}}, "totalResults": 1, "startIndex": 1, "itemsPerPage": 1}
}

func campaigns(c *call) any {
	return c.pageOf([]object{{"id": "1", "name": "Autumn", "campaignCode": "A-1", "color": "0000ff", "favorite": false}})
}

func ensCallbacks(*call) any {
	return []object{{"callbackId": guidOf("callback", "1"), "callbackName": "orders", "url": "https://callback.example.com/ens", "maxBatchSize": 1000, "status": "verified", "statusReason": ""}}
}

func securityEvents(c *call) any {
	return c.audit([]object{{
		"id": "1", "createdDate": c.serverTime(time.Hour), "memberId": c.mid, "enterpriseId": c.enterprise(),
		"employee":  object{"employeeName": "Sample Admin", "userName": "admin"},
		"ipAddress": "192.0.2.10", "sessionId": "", "userAgent": "Mozilla/5.0",
		"eventType": object{"id": 1, "name": "Login Attempted"}, "loginStatus": object{"id": 4, "name": "Successful"}, "eventSource": object{"id": 11, "name": "Hub CAS"},
	}})
}

func (c *call) enterprise() int64 {
	return int64(cmp.Or(c.client.spec.EID, c.mid))
}

// audit wraps a page the way a working client reads it, or as the documentation shows it.
func (c *call) audit(items []object) any {
	page := c.pageOf(items)
	if c.settings.AuditArray {
		return []object{page}
	}
	return page
}
