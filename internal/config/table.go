package config

import (
	"time"

	"keepwatch"
)

// The table of the file. Every key that Keepwatch knows stands in a row here (and
// in table_*.go), once: reading, messages and the JSON Schema come from it.

// draft is one file as it was read, before the parts are checked against each other.
type draft struct {
	version     at[int]
	server      at[serverDraft]
	store       at[storeDraft]
	calendars   []entry[calendarDraft]
	tiers       []entry[tierDraft]
	tenants     []at[tenantDraft]
	points      []at[pointDraft]
	scans       []at[scanDraft]
	otlp        at[otlpDraft]
	logs        []at[logDraft]
	credentials []at[credentialDraft]
	receivers   []at[receiverDraft]
	routes      []at[routeDraft]
	digest      at[digestDraft]
	silences    []at[silenceDraft]
	maintenance []at[silenceDraft]
	watchdog    at[watchdogDraft]
	gateway     at[gatewayDraft]
}

func fileKind() kind[draft] {
	criticalities := make([]string, len(keepwatch.Criticalities))
	for i, c := range keepwatch.Criticalities {
		criticalities[i] = string(c)
	}
	return object(
		key("version", "the format of this file", located(integer("a version of the format that this build reads", 1, Version)), func(d *draft) *at[int] { return &d.version }),
		key("server", "how Keepwatch itself is reached", located(serverKind()), func(d *draft) *at[serverDraft] { return &d.server }),
		key("store", "where results, incidents and messages are kept", located(storeKind()), func(d *draft) *at[storeDraft] { return &d.store }),
		key("calendars", "business hours, by name", mapping(calendarKind()), func(d *draft) *[]entry[calendarDraft] { return &d.calendars }),
		key("tiers", "what a criticality means; what is not named keeps its default", mapping(tierKind(), criticalities...), func(d *draft) *[]entry[tierDraft] { return &d.tiers }),
		key("tenants", "the SFMC tenants", list(located(tenantKind()), 0), func(d *draft) *[]at[tenantDraft] { return &d.tenants }),
		key("integration_points", "HTTPS addresses that are not SFMC's and that integrations depend on: middleware, webhooks", list(located(pointKind()), 1000), func(d *draft) *[]at[pointDraft] { return &d.points }),
		key("scans", "what is looked at from outside, without a credential, on a schedule", list(located(scanKind()), 500), func(d *draft) *[]at[scanDraft] { return &d.scans }),
		key("otlp", "spans of integrations that trace their calls", located(otlpKind()), func(d *draft) *at[otlpDraft] { return &d.otlp }),
		key("logs", "where log lines are pushed from", list(located(logKind()), 500), func(d *draft) *[]at[logDraft] { return &d.logs }),
		key("credentials", "the credentials to watch", list(located(credentialKind()), 0), func(d *draft) *[]at[credentialDraft] { return &d.credentials }),
		key("receivers", "who can be told, each over one channel", list(located(receiverKind()), 0), func(d *draft) *[]at[receiverDraft] { return &d.receivers }),
		key("routes", "who is told of what: the first that matches, unless it says continue", list(located(routeKind()), 0), func(d *draft) *[]at[routeDraft] { return &d.routes }),
		key("silences", "times in which nobody is told of some incidents: owner, reason and end", list(located(silenceKind()), 1000), func(d *draft) *[]at[silenceDraft] { return &d.silences }),
		key("maintenance", "announced work, once or at the same hours each week: what is found then is kept and not told", list(located(maintenanceKind()), 1000), func(d *draft) *[]at[silenceDraft] { return &d.maintenance }),
		key("gateway", "the reverse proxy that holders put before the tenants' hosts", located(gatewayKind()), func(d *draft) *at[gatewayDraft] { return &d.gateway }),
		key("digest", "the weekly letter to each owner: what ends, what is overdue, what is to be decided", located(digestKind()), func(d *draft) *at[digestDraft] { return &d.digest }),
		key("watchdog", "who outside is told that Keepwatch still proves things", located(watchdogKind()), func(d *draft) *at[watchdogDraft] { return &d.watchdog }),
	)
}

type serverDraft struct {
	listen, baseURL, auth at[string]
	connectivity          []string
	sealKey, resolver     string
}

func serverKind() kind[serverDraft] {
	return object(
		key("listen", "address and port of the web interface and the API; the default is 127.0.0.1:8484", located(hostPort(true)), func(s *serverDraft) *at[string] { return &s.listen }),
		key("base_url", "how people reach the web interface, for links in messages", located(webURL()), func(s *serverDraft) *at[string] { return &s.baseURL }),
		key("auth", "local (the default) asks for a password or a token; none is for a loopback address only", located(choice("a way to sign in", AuthLocal, AuthNone)), func(s *serverDraft) *at[string] { return &s.auth }),
		key("connectivity", "addresses, host:port, whose answer proves that our own network works", list(hostPort(false), 20), func(s *serverDraft) *[]string { return &s.connectivity }),
		key("resolver", "the name server that scans ask; the default is the system's", resolver(), func(s *serverDraft) *string { return &s.resolver }),
		key("seal_key", "reference to the key that sealed secrets will be opened with", secretRef(), func(s *serverDraft) *string { return &s.sealKey }),
	)
}

type storeDraft struct{ url string }

func storeKind() kind[storeDraft] {
	return object(
		key("url", "sqlite:PATH or postgres://USER@HOST/DATABASE; the default is sqlite:keepwatch.db", storeURL(), func(s *storeDraft) *string { return &s.url }),
	)
}

type calendarDraft struct {
	timezone, hours, holidays, ics at[string]
	dates                          []at[string]
}

func calendarKind() kind[calendarDraft] {
	return object(
		key("timezone", "IANA name of the time zone; the default is UTC", located(free(64)), func(c *calendarDraft) *at[string] { return &c.timezone }),
		key("hours", "business hours; the default is mon-fri 08:00-18:00", located(free(500)), func(c *calendarDraft) *at[string] { return &c.hours }),
		key("holidays", "public holidays of a country or region, like DE or DE-BY", located(free(200)), func(c *calendarDraft) *at[string] { return &c.holidays }),
		key("dates", "own closed days: 2026-12-24, or a range 2026-12-24/2026-12-31", list(located(free(64)), 1000), func(c *calendarDraft) *[]at[string] { return &c.dates }),
		key("ics", "iCalendar file whose events are closed days; a relative path counts from this file", located(free(1024)), func(c *calendarDraft) *at[string] { return &c.ics }),
	)
}

// everyDraft and tierDraft serve the tiers and, as overrides, each credential.
type everyDraft struct{ business, off at[time.Duration] }

type tierDraft struct {
	every     everyDraft
	failAfter at[int]
	objective at[float64]
	ladder    at[[]at[time.Duration]]
	calendar  at[string]
}

// The intervals begin at a second, so that tests and drills can run fast.
const leastInterval, mostInterval = time.Second, 31 * 24 * time.Hour

// tierFields are the rows of a tier; of finds it in whatever holds it.
func tierFields[T any](of func(*T) *tierDraft) []field[T] {
	interval := located(duration(leastInterval, mostInterval))
	every := object(
		key("business", "inside the calendar's hours", interval, func(e *everyDraft) *at[time.Duration] { return &e.business }),
		key("off", "outside them", interval, func(e *everyDraft) *at[time.Duration] { return &e.off }),
	)
	rungs := list(located(duration(time.Hour, 3650*24*time.Hour)), 20)
	return []field[T]{
		key("every", "time between two proofs", every, func(t *T) *everyDraft { return &of(t).every }),
		key("fail_after", "scheduled runs of a soft failure before it counts; a refusal does not wait for it", located(integer("a number of runs", 1, 100)), func(t *T) *at[int] { return &of(t).failAfter }),
		key("refresh_objective", "share of the token requests of each holder that are to be granted, as far as real traffic is seen", located(share), func(t *T) *at[float64] { return &of(t).objective }),
		key("expiry_ladder", "how long before its end a credential is warned of", located(rungs), func(t *T) *at[[]at[time.Duration]] { return &of(t).ladder }),
		key("calendar", "name of the calendar that says when business hours are", located(identifier[string]("the name of a calendar")), func(t *T) *at[string] { return &of(t).calendar }),
	}
}

func tierKind() kind[tierDraft] {
	return object(tierFields(func(t *tierDraft) *tierDraft { return t })...)
}

type tenantDraft struct {
	id               at[string]
	subdomain        at[string]
	currency         string
	auth, rest, soap at[string]
	units            []at[unitDraft]
	effects          at[effectsDraft]
}

type unitDraft struct {
	mid  at[keepwatch.MID]
	name string
}

func tenantKind() kind[tenantDraft] {
	type endpoints = tenantDraft
	unit := object(
		key("mid", "the business unit's number", located(mid()), func(u *unitDraft) *at[keepwatch.MID] { return &u.mid }).must(),
		key("name", "what people call it", free(200), func(u *unitDraft) *string { return &u.name }),
	)
	hosts := object(
		key("auth", "address of the authentication host", located(endpoint()), func(t *endpoints) *at[string] { return &t.auth }),
		key("rest", "address of the REST host", located(endpoint()), func(t *endpoints) *at[string] { return &t.rest }),
		key("soap", "address of the SOAP service", located(endpoint()), func(t *endpoints) *at[string] { return &t.soap }),
	)
	return object(
		key("id", "short name of the tenant", located(identifier[string]("an id")), func(t *tenantDraft) *at[string] { return &t.id }).must(),
		key("subdomain", "the 28 characters before .auth.marketingcloudapis.com", located(subdomain()), func(t *tenantDraft) *at[string] { return &t.subdomain }),
		nested("endpoints", "only to override the hosts that follow from the subdomain", hosts, func(t *tenantDraft, e endpoints) { t.auth, t.rest, t.soap = e.auth, e.rest, e.soap }),
		key("business_units", "the business units; once some are listed, credentials may only name these", list(located(unit), 0), func(t *tenantDraft) *[]at[unitDraft] { return &t.units }),
		key("currency", "what value_per_contact is counted in, such as EUR", free(20), func(t *tenantDraft) *string { return &t.currency }),
		key("effects", "how what stops in SFMC when a credential does is watched", located(effectsKind()), func(t *tenantDraft) *at[effectsDraft] { return &t.effects }),
	)
}
