package sim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// liveFamilies are the routes that only a world has.
var liveFamilies = []family{
	{route: "/interaction/v1/interactions/journeyhistory/freshness", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", live: historyFreshness},
	{route: "/interaction/v1/interactions/journeyhistory/estimate", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", methods: "POST", live: historyEstimate},
	{route: "/interaction/v1/interactions/journeyhistory/search", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", methods: "POST", live: historySearch},
	{route: "/interaction/v1/interactions/journeyhistory/download", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", methods: "POST", live: historyDownload},
	{route: "/interaction/v1/interactions/status/*", scope: "journeys_read", denied: "403", live: liveStatus},
	{route: "/interaction/v1/interactions/*/summary", scope: "journeys_read", denied: "403", live: liveSummary},
	{route: "/interaction/v1/interactions/*/audit/*", scope: "journeys_read", denied: "403", live: liveAudit},
	{route: "/interaction/v1/interactions/*", scope: "journeys_read", denied: "403", live: liveInteraction},
	{route: "/interaction/v1/eventDefinitions/*", scope: "journeys_read", denied: "403", live: liveEventDefinition},
	{route: "/interaction/v1/events", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", methods: "POST", live: postEvent},
	{route: "/interaction/v1/async/events", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", methods: "POST", live: postEvents},
	{route: "/interaction/v1/async/events/status", scope: "journeys_read", also: "list_and_subscribers_read", denied: "403", live: eventsStatus},
	{route: "/interaction/v1/triggerstats/*", scope: "journeys_read", denied: "403", live: triggerStats},
	{route: "/interaction/v1/triggerstats/*/*", scope: "journeys_read", denied: "403", live: triggerStats},

	{route: "/data/v1/customobjectdata/token/*/rowset", scope: "data_extensions_read", denied: "403", live: liveRowset},
	{route: "/data/v1/customobjects", scope: "data_extensions_read", denied: "403", live: customObjects},
	{route: "/data/v1/customobjects/*", scope: "data_extensions_read", denied: "403", live: customObject},
	{route: "/data/v1/customobjects/*/fields", scope: "data_extensions_read", denied: "403", live: customObjectFields},
	{route: "/data/v1/async/dataextensions/*/rows", scope: "data_extensions_write", denied: "403", methods: "POST PUT", live: upsertRows},
	{route: "/data/v1/async/*/results", scope: "data_extensions_read", denied: "403", live: upsertResults},
	{route: "/hub/v1/dataevents/*/rowset", scope: "data_extensions_write", denied: "403", methods: "POST", live: dataEvents},

	{route: "/automation/v1/automations/healthreport", scope: "automations_read", denied: "403", live: healthReport},
	{route: "/automation/v1/automations/*", scope: "automations_read", denied: "403", live: automationDetail},
	{route: "/automation/v1/imports", scope: "automations_read", denied: "403", live: imports},
	{route: "/automation/v1/imports/*", scope: "automations_read", denied: "403", live: importDetail},
	{route: "/automation/v1/queries", scope: "automations_read", denied: "403", live: queries},
	{route: "/legacy/v1/beta/bulk/automations/automation/definition", scope: "automations_read", denied: "403", live: legacyAutomations},
	{route: "/legacy/v1/beta/bulk/automations/automation/definition/*", scope: "automations_read", denied: "403", live: legacyAutomation},
	{route: "/legacy/v1/beta/automations/notifications/*", scope: "automations_read", denied: "403", live: legacyNotifications},

	{route: "/messaging/v1/email/definitions/*", scope: "email_read", denied: "messaging", live: liveDefinition(keepwatch.SubjectTransactionalEmail)},
	{route: "/messaging/v1/email/definitions/*/queue", scope: "email_read", denied: "messaging", live: liveQueue(keepwatch.SubjectTransactionalEmail)},
	{route: "/messaging/v1/email/messages", scope: "email_read", write: "email_send", denied: "messaging", methods: "GET POST", live: liveMessages(keepwatch.SubjectTransactionalEmail)},
	{route: "/messaging/v1/email/messages/*", scope: "email_send", denied: "messaging", methods: "POST", live: liveMessages(keepwatch.SubjectTransactionalEmail)},
	{route: "/messaging/v1/sms/definitions/*", scope: "sms_read", denied: "messaging", live: liveDefinition(keepwatch.SubjectTransactionalSMS)},
	{route: "/messaging/v1/sms/definitions/*/queue", scope: "sms_read", denied: "messaging", live: liveQueue(keepwatch.SubjectTransactionalSMS)},
	{route: "/messaging/v1/sms/messages", scope: "sms_read", write: "sms_send", denied: "messaging", methods: "GET POST", live: liveMessages(keepwatch.SubjectTransactionalSMS)},
	{route: "/messaging/v1/sms/messages/*", scope: "sms_send", denied: "messaging", methods: "POST", live: liveMessages(keepwatch.SubjectTransactionalSMS)},
	{route: "/messaging/v1/messageDefinitionSends/*/send", scope: "email_send", denied: "messaging", methods: "POST", live: legacySend},
	{route: "/messaging/v1/domainverification", scope: "email_read", denied: "messaging", live: domainVerification},

	{route: "/platform/v1/ens-verify", scope: "event_notification_callback_create", denied: "messaging", methods: "POST", live: ensVerify},
	{route: "/platform/v1/ens-subscriptions", scope: "event_notification_subscription_create", denied: "messaging", methods: "POST", live: ensSubscribe},
	{route: "/platform/v1/ens-subscriptions-by-cb/*", scope: "event_notification_subscription_read", denied: "messaging", live: ensSubscriptions},
}

// liveBodies are what the routes that a still simulator has answer with a world.
var liveBodies = map[string]family{
	"/interaction/v1/interactions":           {live: liveInteractions},
	"/interaction/v1/eventDefinitions":       {live: liveEventDefinitions},
	"/data/v1/customobjectdata/key/*/rowset": {live: liveRowset},
	"/data/v1/async/*/status":                {live: upsertStatus},
	"/automation/v1/automations":             {live: automationList},
	"/messaging/v1/email/definitions":        {live: liveDefinitions(keepwatch.SubjectTransactionalEmail)},
	"/messaging/v1/sms/definitions":          {live: liveDefinitions(keepwatch.SubjectTransactionalSMS)},
	"/platform/v1/ens-callbacks":             {live: ensCallback, methods: "GET POST", write: "event_notification_callback_create", free: true},
}

// living reports that there is a world.
func (s *Sim) living() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.world != nil
}

// alive answers from the world.
func (c *call) alive(f *family) (answer, bool) {
	if !f.free {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
	}
	return f.live(c)
}

// part is the nth segment of the family's path as the caller wrote it: keys have
// their case.
func (c *call) part(n int) string {
	pattern := strings.Split(strings.Trim(c.route.family.route, "/"), "/")
	have := strings.Split(strings.TrimSuffix(c.r.URL.Path, "/"), "/")
	if at := len(have) - len(pattern) + n; at >= 0 && at < len(have) {
		return have[at]
	}
	return ""
}

// query is a parameter in any case, with or without its dollar.
func (c *call) query(name string) string {
	for key, values := range c.r.URL.Query() {
		if strings.EqualFold(strings.TrimPrefix(key, "$"), name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// keyed reads "key:abc" or an id.
func keyed(part string) (value string, isKey bool) {
	if len(part) > 4 && strings.EqualFold(part[:4], "key:") {
		return part[4:], true
	}
	return part, false
}

func ok(v any) (answer, bool) { return jsonAnswer(http.StatusOK, v), true }

// RoutesOff are statuses by the names of routes.
type RoutesOff map[string]int

// UnmarshalJSON makes a map of its own: settings are copied by value.
func (r *RoutesOff) UnmarshalJSON(b []byte) error {
	var m map[string]int
	if err := unmarshal(b, &m); err != nil {
		return err
	}
	*r = m
	return nil
}

func (s *Settings) check() error {
	for route, status := range s.RoutesOff {
		if status != http.StatusNotFound && status != http.StatusForbidden {
			return fmt.Errorf("routes_off: %s: %d is neither 404 nor 403: %w", route, status, keepwatch.ErrInvalid)
		}
	}
	if !(s.AsyncDeadlocks >= 0 && s.AsyncDeadlocks <= 1) || s.DetailBurst < 0 || s.StatsEvery < 0 || s.HistoryLag < 0 || s.ImportLag < 0 {
		return fmt.Errorf("async_deadlocks, detail_burst, stats_every, history_lag or import_lag: %w", keepwatch.ErrInvalid)
	}
	return nil
}

// routeOff answers for a route that this tenant does not offer.
func (c *call) routeOff() (answer, bool) {
	switch c.settings.RoutesOff[c.route.name] {
	case http.StatusNotFound:
		return c.notFound(), true
	case http.StatusForbidden:
		return insufficientPrivileges(), true
	}
	return answer{}, false
}

// burst counts what one client asked within a minute.
type burst struct {
	from time.Time
	n    int
}

// bursting: SFMC answers many details of automations in a row with 500.
func (c *call) bursting() bool {
	limit := c.settings.DetailBurst
	if limit == 0 {
		limit = 100
	}
	b := c.s.burst[c.clientID]
	if b == nil || c.now.Sub(b.from) >= time.Minute {
		b = &burst{from: c.now}
		c.s.burst[c.clientID] = b
	}
	b.n++
	return b.n > limit
}

// never is how a time that never was is written.
const never = "0001-01-01T00:00:00"

func centralOrNever(t time.Time) string {
	if t.IsZero() {
		return never
	}
	return centralTime(t)
}

func zulu(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// americanTime is how rows and reports write times: of a server in US English, Central.
func americanTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(centralZone).Format("1/2/2006 3:04:05 PM")
}

// windowsZone is SFMC's name of a zone; those that are not in this short list keep
// that of the tz database.
func windowsZone(name string) string {
	if short, ok := map[string]string{
		"UTC": "UTC", "Europe/Berlin": "W. Europe Standard Time", "Europe/London": "GMT Standard Time", "Europe/Paris": "Romance Standard Time",
		"America/New_York": "Eastern Standard Time", "America/Chicago": "Central Standard Time", "America/Los_Angeles": "Pacific Standard Time",
		"Asia/Tokyo": "Tokyo Standard Time", "Asia/Kolkata": "India Standard Time", "Australia/Sydney": "AUS Eastern Standard Time",
	}[name]; ok {
		return short
	}
	return name
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }
