package config

import (
	"strings"
	"time"

	"keepwatch"
)

type credentialDraft struct {
	id, tenant         at[string]
	unit               at[keepwatch.MID]
	kind               at[keepwatch.Kind]
	clientID, username at[string]
	pkg                at[string]
	secret             at[string]
	generated, expires at[keepwatch.Date]
	lastUsed           keepwatch.Date
	validFor, idleFor  at[time.Duration]
	confirmed          keepwatch.Date
	certificate        at[certificateDraft]
	criticality        keepwatch.Criticality
	owner              keepwatch.Owner
	purpose            string
	environment        string
	region, area       string
	holders            []keepwatch.Holder
	dependents         []at[keepwatch.Dependent]
	renewal            at[keepwatch.Renewal]
	runbook            string
	tests              at[[]at[string]]
	scopes             at[[]string]
	pushed             at[time.Duration]
	discover           at[bool]
	tier               tierDraft
}

const day = 24 * time.Hour

const secretDoc = "reference to the client secret or password"

func credentialKind() kind[credentialDraft] {
	type draft = credentialDraft
	holder := object(
		key("name", "the system that keeps a copy of the secret", free(200), func(h *keepwatch.Holder) *string { return &h.Name }).must(),
		key("contact", "who answers for it", free(200), func(h *keepwatch.Holder) *string { return &h.Contact }),
	)
	owner := object(
		key("team", "who owns the credential", free(200), func(o *keepwatch.Owner) *string { return &o.Team }),
		key("contact", "how to reach them", free(200), func(o *keepwatch.Owner) *string { return &o.Contact }),
	)
	return object(append([]field[draft]{
		key("id", "short name of the credential, unique over all tenants", located(identifier[string]("an id")), func(c *draft) *at[string] { return &c.id }).must(),
		key("tenant", "id of its tenant", located(identifier[string]("the id of a tenant")), func(c *draft) *at[string] { return &c.tenant }).must(),
		key("business_unit", "MID to prove it in; without it the one that owns the package", located(mid()), func(c *draft) *at[keepwatch.MID] { return &c.unit }),
		key("kind", "what it is to SFMC; the default is server_to_server", located(choice("a kind of credential", keepwatch.Kinds...)), func(c *draft) *at[keepwatch.Kind] { return &c.kind }),
		key("client_id", "the package's client id", located(free(200)), func(c *draft) *at[string] { return &c.clientID }),
		key("package", "the installed package's name as Setup shows it", located(free(200)), func(c *draft) *at[string] { return &c.pkg }),
		key("username", "the name that goes with it: of an API user, of an SFTP user", located(free(200)), func(c *draft) *at[string] { return &c.username }),
		key("secret", secretDoc, located(secretRef()), func(c *draft) *at[string] { return &c.secret }),
		key("secret_generated", "the day the secret, password or key was made; a client secret ends 180 days later", located(date()), func(c *draft) *at[keepwatch.Date] { return &c.generated }),
		key("expires", "the day it ends, where somebody knows it; beats an end that follows from other dates", located(date()), func(c *draft) *at[keepwatch.Date] { return &c.expires }),
		key("last_used", "the day it was last used by anybody but Keepwatch", date(), func(c *draft) *keepwatch.Date { return &c.lastUsed }),
		key("valid_for", "how long it lives from secret_generated, where the account decides: the password policy", located(duration(day, 3650*day)), func(c *draft) *at[time.Duration] { return &c.validFor }),
		key("idle_for", "how long it may lie unused before it ends, where the account decides", located(duration(day, 3650*day)), func(c *draft) *at[time.Duration] { return &c.idleFor }),
		key("dates_confirmed", "the day somebody last confirmed these dates", date(), func(c *draft) *keepwatch.Date { return &c.confirmed }),
		key("certificate", "where its certificate is read", located(certificateKind()), func(c *draft) *at[certificateDraft] { return &c.certificate }),
		key("criticality", "how soon a failure hurts; the default is standard", choice("a criticality", keepwatch.Criticalities...), func(c *draft) *keepwatch.Criticality { return &c.criticality }),
		key("owner", "who answers for it", owner, func(c *draft) *keepwatch.Owner { return &c.owner }),
		key("purpose", "what it is for", free(500), func(c *draft) *string { return &c.purpose }),
		key("environment", "production, staging or the like", free(200), func(c *draft) *string { return &c.environment }),
		key("region", "where in the world it is used", free(200), func(c *draft) *string { return &c.region }),
		key("area", "what part of the business it serves: commerce, service", free(200), func(c *draft) *string { return &c.area }),
		key("holders", "the systems that keep a copy of the secret", list(holder, 200), func(c *draft) *[]keepwatch.Holder { return &c.holders }),
		key("renewal", "how it is planned to be renewed", located(renewalKind()), func(c *draft) *at[keepwatch.Renewal] { return &c.renewal }),
		key("runbook_url", "what to read when it fails", webURL(), func(c *draft) *string { return &c.runbook }),
		key("tests", "what is asked in each run, after the token", located(list(located(testKind()), 20)), func(c *draft) *at[[]at[string]] { return &c.tests }),
		key("scopes", "scopes to ask for in the token request; without it all that were granted", located(list(scope(), 200)), func(c *draft) *at[[]string] { return &c.scopes }),
		key("pushed_every", "how often somebody else pushes a verdict of it; it is then not tested here, and needs no secret", located(duration(time.Minute, 31*day)), func(c *draft) *at[time.Duration] { return &c.pushed }),
		key("discover", "whether it may be used to look at the account itself: business units, packages, users", located(boolean()), func(c *draft) *at[bool] { return &c.discover }),
		key("dependents", "what stops when it does", list(located(dependentKind()), 1000), func(c *draft) *[]at[keepwatch.Dependent] { return &c.dependents }),
	}, tierFields(func(c *draft) *tierDraft { return &c.tier })...)...)
}

func renewalKind() kind[keepwatch.Renewal] {
	return object(
		key("every", "how often it is renewed", duration(day, 3650*day), func(r *keepwatch.Renewal) *time.Duration { return &r.Every }),
		key("planned", "the day of the next renewal", date(), func(r *keepwatch.Renewal) *keepwatch.Date { return &r.Planned }),
		key("window", "how long the renewal may take", duration(time.Minute, 90*day), func(r *keepwatch.Renewal) *time.Duration { return &r.Window }),
		key("by", "who does it", free(200), func(r *keepwatch.Renewal) *string { return &r.By }),
		key("ticket", "whether a warning opens a ticket in place of paging somebody", boolean(), func(r *keepwatch.Renewal) *bool { return &r.Ticket }),
	)
}

type certificateDraft struct{ file, endpoint, serverName, password, alias at[string] }

func certificateKind() kind[certificateDraft] {
	type draft = certificateDraft
	return object(
		key("file", "certificate file in PEM, DER, PKCS#12 or JKS; a relative path counts from this file", located(free(1024)), func(c *draft) *at[string] { return &c.file }),
		key("endpoint", "host:port that shows it when a TLS connection is made", located(hostPort(false)), func(c *draft) *at[string] { return &c.endpoint }),
		key("server_name", "the name to ask the endpoint for, when it is not the endpoint's host", located(hostName()), func(c *draft) *at[string] { return &c.serverName }),
		key("password", "reference to the password of a PKCS#12 or JKS file", located(secretRef()), func(c *draft) *at[string] { return &c.password }),
		key("alias", "the entry of a JKS file; without it, every one", located(free(200)), func(c *draft) *at[string] { return &c.alias }),
	)
}

func hostName() kind[string] {
	return parsed(schema{"type": "string"}, "the name of a host", "a name like api.example.com", func(v string) (string, bool) {
		return v, v != "" && len(v) <= 253 && !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/:@\\", r) })
	})
}

// dependentKinds and what an outage does to them, as the format names them.
var (
	dependentKinds = []string{"journey", "automation", "data_extension", "triggered_send", "transactional_email", "transactional_sms"}
	outageKinds    = []string{"late", "lost"}
)

func dependentKind() kind[keepwatch.Dependent] {
	type dependent = keepwatch.Dependent
	return object(
		key("kind", "what it is in SFMC", choice("a kind of dependent", dependentKinds...), func(d *dependent) *string { return &d.Kind }).must(),
		key("key", "its key in SFMC", free(400), func(d *dependent) *string { return &d.Key }).must(),
		key("contacts_per_day", "how many contacts pass in a day", amount(), func(d *dependent) *float64 { return &d.ContactsPerDay }),
		key("value_per_contact", "what a contact is worth", amount(), func(d *dependent) *float64 { return &d.ValuePerContact }),
		key("reads", "keys of the data extensions that it reads", list(free(400), 200), func(d *dependent) *[]string { return &d.Reads }),
		key("fed_by", "key of the automation that fills it", free(400), func(d *dependent) *string { return &d.FedBy }),
		key("on_outage", "whether what an outage misses comes late or is lost", choice("late or lost", outageKinds...), func(d *dependent) *string { return &d.OnOutage }),
		key("expect_rows_every", "how often new rows are expected", duration(time.Minute, 366*day), func(d *dependent) *time.Duration { return &d.ExpectRowsEvery }),
		key("timestamp_field", "field that holds a row's time", free(200), func(d *dependent) *string { return &d.TimestampField }),
		key("max_queue_age", "how old the oldest queued message may be", duration(time.Second, 7*day), func(d *dependent) *time.Duration { return &d.MaxQueueAge }),
	)
}

const testAllowed = `identity, rest:/PATH, soap:GetSystemStatus, soap:OBJECT, https:NAME of an integration point`

// testKind reads the name of a test, which is also the name of its step.
func testKind() kind[string] {
	sch := schema{"type": "string", "pattern": `^(identity$|rest:/|soap:[A-Za-z]|https:[A-Za-z0-9])`}
	return parsed(sch, "a test", testAllowed, func(v string) (string, bool) {
		what, rest, _ := strings.Cut(v, ":")
		switch what {
		case "identity":
			return v, v == what
		case "rest":
			return v, isRoute(rest)
		case "soap":
			return v, isObject(rest)
		case "https":
			return v, idPattern.MatchString(rest)
		}
		return v, false
	})
}

// isRoute accepts a path with a query on the tenant's own REST host. "//host"
// would leave that host, and the token with it.
func isRoute(path string) bool {
	outside := !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, "\\") || strings.Contains(path, "#")
	return !outside && len(path) <= 1000 && !strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func isObject(name string) bool {
	return name != "" && len(name) <= 100 && name[0] > '9' && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func scope() kind[string] {
	return parsed(schema{"type": "string"}, "a scope", "names like email_read", func(v string) (string, bool) {
		return v, v != "" && len(v) <= 100 && strings.Trim(v, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	})
}

func mid() kind[keepwatch.MID] {
	return integer("the number of a business unit", keepwatch.MID(1), keepwatch.MID(1e15))
}

func subdomain() kind[string] {
	allowed := "28 characters, a-z, 0-9 and dashes"
	return parsed(schema{"type": "string", "pattern": "^[0-9a-z-]{28}$"}, "an SFMC subdomain", allowed, func(v string) (string, bool) {
		return v, len(v) == 28 && strings.Trim(v, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	})
}
