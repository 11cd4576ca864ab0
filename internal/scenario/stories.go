package scenario

import (
	"time"

	"keepwatch"
)

// monday is a working day in an ordinary week: stories start on it at midnight UTC.
var monday = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

const (
	day  = 24 * time.Hour
	min  = time.Minute
	hour = time.Hour
)

// small is the estate of most stories: two tenants, every tier, an API user.
func small() Estate {
	e := Estate{Tenants: []keepwatch.Tenant{
		{ID: "emea", Subdomain: "mc563885gzs27c5t9-63k636ttgm", BusinessUnits: []keepwatch.BusinessUnit{{MID: 510000123, Name: "Germany"}}},
		{ID: "apac", Subdomain: "mcz1x2c3v4b5n6m7-8a9s0d1f2g3", BusinessUnits: []keepwatch.BusinessUnit{{MID: 530000331, Name: "Japan"}}},
	}}
	add := func(id keepwatch.CredentialID, tenant keepwatch.TenantID, mid keepwatch.MID, crit keepwatch.Criticality, kind keepwatch.Kind, tests ...string) {
		c := keepwatch.Credential{ID: id, Tenant: tenant, BusinessUnit: mid, Kind: kind, Criticality: crit, SecretRef: SecretRef(id), Tests: tests,
			Owner: keepwatch.Owner{Team: string(id) + "-team", Contact: string(id) + "@example.com"}}
		if kind == keepwatch.APIUser {
			c.Username = string(id)
		} else {
			c.SecretGenerated = keepwatch.Exactly(monday.Add(-90 * day))
			c.Deadline = keepwatch.SecretDeadline(c.SecretGenerated)
		}
		e.Credentials = append(e.Credentials, c)
	}
	add("orders", "emea", 510000123, keepwatch.Transactional, keepwatch.ServerToServer, "identity", restMessaging)
	add("loyalty", "emea", 510000123, keepwatch.Standard, keepwatch.ServerToServer, "identity", restContacts)
	add("tracking", "emea", 510000123, keepwatch.Reporting, keepwatch.ServerToServer, "identity", restAutomation)
	add("connect", "emea", 510000123, keepwatch.Standard, keepwatch.APIUser, soapStatus)
	add("jp-orders", "apac", 530000331, keepwatch.Transactional, keepwatch.ServerToServer, "identity", restMessaging)
	add("jp-stores", "apac", 530000331, keepwatch.Standard, keepwatch.ServerToServer, "identity", restContacts)
	return e
}

// lone is one transactional credential, for the edges of the state machine.
func lone() Estate {
	e := small()
	e.Tenants = e.Tenants[:1]
	e.Credentials = e.Credentials[:1]
	return e
}

// office is the first tenant with its packages only: no API user, no second tenant.
func office() Estate {
	e := small()
	e.Tenants = e.Tenants[:1]
	e.Credentials = e.Credentials[:3]
	return e
}

// endsAt moves the end of a credential's secret to an instant of the story.
func (e Estate) endsAt(id keepwatch.CredentialID, at time.Duration) Estate {
	for i := range e.Credentials {
		if c := &e.Credentials[i]; c.ID == id {
			c.SecretGenerated = keepwatch.Exactly(monday.Add(at - keepwatch.ClientSecretLife))
			c.Deadline = keepwatch.SecretDeadline(c.SecretGenerated)
		}
	}
	return e
}

// Stories is the table that end-to-end tests, the demo's claims and
// docs/scenarios.md read. Each story lasts one to three days.
func Stories() []Story {
	var all []Story
	for _, part := range [][]Story{refusals(), logins(), beginnings(), permissions(), weather(), turns(), ourselves(), mixtures(), crowds(), rhythms()} {
		all = append(all, part...)
	}
	for i := range all {
		if all[i].Start.IsZero() {
			all[i].Start = monday
		}
	}
	return all
}

// permissions: the credential is good, something it needs is not allowed.
func permissions() []Story {
	return []Story{
		{
			Name: "a scope is removed", Summary: "Somebody removed a scope; the token is good, the route is not allowed.",
			For: day, Estate: small(), Detect: 15 * min,
			Events:    []Event{{At: 9 * hour, Do: Inject, Credential: "loyalty", Fault: "scope_missing", Variant: "403"}, {At: 16 * hour, Do: Clear}},
			Incidents: []string{"credential:loyalty scope_missing critical resolved 1"},
			Messages:  []string{"firing scope_missing credential:loyalty", "resolved scope_missing credential:loyalty"},
		},
		{
			Name: "a missing scope that looks like a dead token", Summary: "401 with errorcode 0: the identity route tells scope from token.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 9 * hour, Do: Inject, Credential: "orders", Fault: "scope_missing", Variant: "401"}, {At: 16 * hour, Do: Clear}},
			Incidents: []string{"credential:orders scope_missing critical resolved 1"},
			Messages:  []string{"firing scope_missing credential:orders", "resolved scope_missing credential:orders"},
		},
		{
			Name: "a business unit is taken away", Summary: "The package is no longer granted to the business unit.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 9 * hour, Do: Inject, Credential: "orders", Fault: "business_unit_refused"}, {At: 10 * hour, Do: Clear}},
			Incidents: []string{"credential:orders business_unit_refused critical resolved 1"},
			Messages:  []string{"firing business_unit_refused credential:orders", "resolved business_unit_refused credential:orders"},
		},
		{
			Name: "the allowlist loses our address", Summary: "Every package of the tenant is refused from here: one incident of the place.",
			For: day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 9 * hour, Do: Inject, Tenant: "apac", Fault: "ip_blocked", Variant: "400"}, {At: 12 * hour, Do: Clear}},
			Incidents: []string{"place:local:apac:allowlist ip_blocked critical resolved 2"},
			Messages:  []string{"firing ip_blocked place:local:apac:allowlist", "resolved ip_blocked place:local:apac:allowlist"},
		},
	}
}

// weather: throttles, outages and networks, which are nobody's credential.
func weather() []Story {
	return []Story{
		{
			Name: "a minute of 503", Summary: "One bad minute is not an outage.",
			For: day, Estate: small(),
			Events: []Event{{At: 10 * hour, Do: Inject, Fault: "token_unavailable"}, {At: 10*hour + min, Do: Clear}},
		},
		{
			Name: "ten minutes of 503", Summary: "One platform incident for all tenants, whatever their number.",
			For: day, Estate: small(), Detect: 13 * min, Confirm: 3 * min,
			Events:    []Event{{At: 10 * hour, Do: Inject, Fault: "token_unavailable"}, {At: 10*hour + 10*min, Do: Clear}},
			Incidents: []string{"platform platform_error critical resolved 3"},
			Messages:  []string{"firing platform_error platform", "resolved platform_error platform"},
		},
		{
			Name: "an hour of internal errors", Summary: "500 on the REST host of everybody.",
			For: day, Estate: small(), Detect: 13 * min,
			Events:    []Event{{At: 10 * hour, Do: Inject, Fault: "rest_server_error"}, {At: 11 * hour, Do: Clear}},
			Incidents: []string{"platform platform_error critical resolved 5"},
			Messages:  []string{"firing platform_error platform", "resolved platform_error platform"},
		},
		{
			Name: "announced maintenance", Summary: "Maintenance is said once, quietly.",
			For: day, Estate: small(),
			Events:    []Event{{At: 3 * hour, Do: Inject, Fault: "maintenance", On: "auth"}, {At: 5 * hour, Do: Clear}},
			Incidents: []string{"platform maintenance info resolved 5"},
			Messages:  []string{"firing maintenance platform", "resolved maintenance platform"},
		},
		{
			Name: "a short throttle", Summary: "429 with Retry-After for a minute says nothing.",
			For: day, Estate: small(),
			Events: []Event{{At: 10 * hour, Do: Inject, Tenant: "emea", Fault: "token_rate_limited"}, {At: 10*hour + min, Do: Clear}},
		},
		{
			Name: "a lasting throttle", Summary: "An hour of 429 is one throttle incident of the tenant.",
			For: day, Estate: small(), Detect: 14 * min,
			Events:    []Event{{At: 10 * hour, Do: Inject, Tenant: "emea", Fault: "token_rate_limited"}, {At: 11 * hour, Do: Clear}},
			Incidents: []string{"tenant:emea:throttle rate_limited warning resolved 3"},
			Messages:  []string{"firing rate_limited tenant:emea:throttle", "resolved rate_limited tenant:emea:throttle"},
		},
		{
			Name: "temporarily blocked", Summary: "50200 names no time; we stay away for fifteen minutes.",
			For: day, Estate: small(),
			Events:    []Event{{At: 10 * hour, Do: Inject, Tenant: "apac", Fault: "token_blocked"}, {At: 12 * hour, Do: Clear}},
			Incidents: []string{"tenant:apac:throttle temporarily_blocked warning resolved 2"},
			Messages:  []string{"firing temporarily_blocked tenant:apac:throttle", "resolved temporarily_blocked tenant:apac:throttle"},
		},
		{
			Name: "one tenant cannot be reached", Summary: "Connections of one tenant break while the other answers: the way there, not the credentials.",
			For: day, Estate: small(),
			Events:    []Event{{At: 10 * hour, Do: Inject, Tenant: "apac", Fault: "reset", On: "auth"}, {At: 12 * hour, Do: Clear}},
			Incidents: []string{"place:local:apac:network connection_reset critical resolved 2"},
			Messages:  []string{"firing connection_reset place:local:apac:network", "resolved connection_reset place:local:apac:network"},
		},
		{
			Name: "answers never come", Summary: "Requests hang until our deadline.",
			For: day, Estate: small(),
			Events:    []Event{{At: 10 * hour, Do: Inject, Tenant: "apac", Fault: "hang", On: "auth"}, {At: 12 * hour, Do: Clear}},
			Incidents: []string{"place:local:apac:network timeout critical resolved 2"},
			Messages:  []string{"firing timeout place:local:apac:network", "resolved timeout place:local:apac:network"},
		},
		{
			Name: "a login page in between", Summary: "A proxy answers 200 with HTML: protocol, never a credential, never ok.",
			For: day, Estate: small(),
			Events:    []Event{{At: 10 * hour, Do: Inject, Tenant: "apac", Fault: "html", On: "auth"}, {At: 12 * hour, Do: Clear}},
			Incidents: []string{"place:local:apac:network unexpected_response critical resolved 2"},
			Messages:  []string{"firing unexpected_response place:local:apac:network", "resolved unexpected_response place:local:apac:network"},
		},
	}
}

// turns: one trouble becomes another.
func turns() []Story {
	return []Story{
		{
			Name: "maintenance becomes an outage", Summary: "What was announced goes wrong: the same incident, raised to critical.",
			For: day, Estate: lone(),
			Events: []Event{{At: 2 * hour, Do: Inject, Fault: "maintenance", On: "auth"}, {At: 4 * hour, Do: Clear},
				{At: 4 * hour, Do: Inject, Fault: "token_server_error"}, {At: 6 * hour, Do: Clear}},
			Incidents: []string{"platform platform_error critical resolved 1"},
			Messages:  []string{"firing maintenance platform", "firing platform_error platform", "resolved platform_error platform"},
		},
		{
			Name: "maintenance ends in a throttle", Summary: "After maintenance everybody comes back at once and SFMC asks to wait.",
			For: day, Estate: lone(),
			Events: []Event{{At: 2 * hour, Do: Inject, Fault: "maintenance", On: "auth"}, {At: 4 * hour, Do: Clear},
				{At: 4 * hour, Do: Inject, Fault: "token_rate_limited"}, {At: 6 * hour, Do: Clear}},
			Incidents: []string{"platform maintenance info resolved 1", "tenant:emea:throttle rate_limited warning resolved 1"},
			Messages: []string{"firing maintenance platform", "firing rate_limited tenant:emea:throttle", "resolved maintenance platform",
				"resolved rate_limited tenant:emea:throttle"},
		},
		{
			Name: "no secret to look with during maintenance", Summary: "During maintenance the reference breaks: two causes, each said once.",
			For: day, Estate: small(),
			Events: []Event{{At: 2 * hour, Do: Inject, Fault: "maintenance", On: "auth"}, {At: 3 * hour, Do: HideRef, Credential: "orders"},
				{At: 5 * hour, Do: Clear}, {At: 6 * hour, Do: ShowRef, Credential: "orders"}},
			Incidents: []string{"platform maintenance info resolved 5", "monitor:orders monitor_fault warning resolved 1"},
			Messages: []string{"firing maintenance platform", "firing monitor_fault monitor:orders",
				"resolved monitor_fault monitor:orders", "resolved maintenance platform"},
		},
		{
			Name: "started into maintenance", Summary: "SFMC is in maintenance when Keepwatch first looks.",
			For: day, Estate: lone(),
			Events:    []Event{{At: 0, Do: Inject, Fault: "maintenance", On: "auth"}, {At: 2 * hour, Do: Clear}},
			Incidents: []string{"platform maintenance info resolved 1"},
			Messages:  []string{"firing maintenance platform", "resolved maintenance platform"},
		},
		{
			Name: "started into a throttle", Summary: "The first calls ever are too many.",
			For: day, Estate: lone(),
			Events:    []Event{{At: 0, Do: Inject, Fault: "token_rate_limited"}, {At: 2 * hour, Do: Clear}},
			Incidents: []string{"tenant:emea:throttle rate_limited warning resolved 1"},
			Messages:  []string{"firing rate_limited tenant:emea:throttle", "resolved rate_limited tenant:emea:throttle"},
		},
		{
			Name: "started into an outage", Summary: "SFMC is down when Keepwatch first looks.",
			For: day, Estate: lone(), Detect: 4 * min, Confirm: 3 * min,
			Events:    []Event{{At: 0, Do: Inject, Fault: "token_unavailable"}, {At: 2 * hour, Do: Clear}},
			Incidents: []string{"platform platform_error critical resolved 1"},
			Messages:  []string{"firing platform_error platform", "resolved platform_error platform"},
		},
		{
			Name: "a slow morning", Summary: "Tokens take four seconds: degraded, and no incident.",
			For: 2 * day, Estate: lone(),
			Events: []Event{{At: 30 * hour, Do: Inject, Fault: "slow", Variant: "4s", On: "auth"}, {At: 32 * hour, Do: Clear}},
		},
		{
			Name: "on and off within minutes", Summary: "A package that flickers: once it is known to, an incident ends only after three proofs in a row.",
			For: day, Estate: lone(),
			Events:    flaps(8*hour, 40, 90*time.Second),
			Incidents: repeated(2, "credential:orders bad_secret_or_package critical resolved 1"),
			Messages:  repeated(2, "firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"),
		},
	}
}

// ourselves: what is our own fault is never the credential's.
func ourselves() []Story {
	return []Story{
		{
			Name: "our own network is gone", Summary: "Nothing answers anywhere: unknown, and blindness is said, not forty failures.",
			For: day, Estate: small(),
			Events:    []Event{{At: 10 * hour, Do: Cut}, {At: 12 * hour, Do: Mend}},
			Incidents: []string{"monitor:blind monitoring_blind critical resolved 1", "monitor:receiver-ops monitor_fault warning resolved 1"},
			// The way to the receiver was gone, too: what had ended by then is said
			// once, by its end.
			Messages: []string{"firing monitor_fault monitor:receiver-ops", "resolved monitoring_blind monitor:blind", "resolved monitor_fault monitor:receiver-ops"},
		},
		{
			Name: "a request of ours is wrong", Summary: "400 on one route after a change at Salesforce: our request, our incident.",
			For: day, Estate: small(),
			Events:    []Event{{At: 9 * hour, Do: Inject, Credential: "loyalty", Fault: "rest_bad_request"}, {At: 15 * hour, Do: Clear}},
			Incidents: []string{"monitor:loyalty:request bad_request warning resolved 1"},
			Messages:  []string{"firing bad_request monitor:loyalty:request", "resolved bad_request monitor:loyalty:request"},
		},
		{
			Name: "a route is gone", Summary: "404 on a configured route.",
			For: day, Estate: small(),
			Events:    []Event{{At: 9 * hour, Do: Inject, Credential: "orders", Fault: "rest_not_found"}, {At: 10 * hour, Do: Clear}},
			Incidents: []string{"monitor:orders:request not_found warning resolved 1"},
			Messages:  []string{"firing not_found monitor:orders:request", "resolved not_found monitor:orders:request"},
		},
		{
			Name: "a secret cannot be read", Summary: "The reference points nowhere for a while: we could not look.",
			For: day, Estate: small(),
			Events:    []Event{{At: 9 * hour, Do: HideRef, Credential: "loyalty"}, {At: 11 * hour, Do: ShowRef, Credential: "loyalty"}},
			Incidents: []string{"monitor:loyalty monitor_fault warning resolved 1"},
			Messages:  []string{"firing monitor_fault monitor:loyalty", "resolved monitor_fault monitor:loyalty"},
		},
	}
}

// mixtures: things that happen at once, which is how they happen.
func mixtures() []Story {
	return []Story{
		{
			Name: "an outage over a dead secret", Summary: "A secret dies, then the platform fails: the refusal is neither ended nor doubled.",
			For: 2 * day, Estate: lone(), Detect: 11 * min,
			Events: []Event{{At: 8 * hour, Do: Disable, Credential: "orders"}, {At: 10 * hour, Do: Inject, Fault: "token_unavailable"}, {At: 14 * hour, Do: Clear},
				{At: 20 * hour, Do: Enable, Credential: "orders"}},
			Incidents: []string{"credential:orders bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"},
		},
		{
			Name: "acknowledged, then repaired", Summary: "Somebody takes it, which is told to the others; the end is said all the same.",
			For: day, Estate: lone(), Detect: 11 * min,
			Events: []Event{{At: 8 * hour, Do: Inject, Credential: "orders", Fault: "bad_secret"}, {At: 9 * hour, Do: Ack}, {At: 11 * hour, Do: Clear},
				{At: 11*hour + min, Do: CheckNow, Credential: "orders"}},
			Incidents: []string{"credential:orders bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:orders", "firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"},
		},
		{
			Name: "a dead secret turns out to have ended", Summary: "The date passes while the refusal is open: one incident, told better.",
			For: 2 * day, Estate: lone().endsAt("orders", 20*hour), Detect: 11 * min,
			Events:    []Event{{At: 8 * hour, Do: Disable, Credential: "orders"}, {At: 30 * hour, Do: Enable, Credential: "orders"}, {At: 30 * hour, Do: Rotate, Credential: "orders"}},
			Incidents: []string{"expiry:orders:secret expiring critical resolved 1", "credential:orders secret_expired critical resolved 1"},
			Messages: []string{
				"firing expiring expiry:orders:secret", "firing bad_secret_or_package credential:orders",
				"firing bad_secret_or_package credential:orders", "resolved expiring expiry:orders:secret",
				"firing secret_expired credential:orders", "resolved secret_expired credential:orders",
			},
		},
	}
}

// crowds: what several credentials see together, and what one of them sees alone.
func crowds() []Story {
	return []Story{
		{
			Name: "noise on one line", Summary: "Three days in which one request in fifty of everybody breaks: nothing is said.",
			For: 3 * day, Estate: small(),
			Events: []Event{{At: 0, Do: Inject, Fault: "reset", On: "auth", Probability: 0.02}},
		},
		{
			Name: "one route of one credential fails for hours", Summary: "503 for one credential while its neighbours are proven: slower, and still said.",
			For: day, Estate: small(),
			Events:    []Event{{At: 9 * hour, Do: Inject, Credential: "orders", Fault: "rest_unavailable"}, {At: 13 * hour, Do: Clear}},
			Incidents: []string{"platform platform_error critical resolved 1"},
			Messages:  []string{"firing platform_error platform", "resolved platform_error platform"},
		},
		{
			Name: "refused everywhere in the same way", Summary: "Every credential of a tenant is refused alike from here: one incident of the place.",
			For: day, Estate: office(),
			Events: []Event{{At: 9 * hour, Do: Inject, Tenant: "emea", Fault: "unauthorized_client"}, {At: 15 * hour, Do: Clear}},
			Incidents: []string{
				"credential:tracking grant_refused critical resolved 1",
				"credential:orders grant_refused critical resolved 1",
				"credential:loyalty grant_refused critical resolved 1",
				"place:local:emea:grant_refused grant_refused critical resolved 3",
			},
			// The third is told as part of the place's at once.
			Messages: []string{"firing grant_refused credential:tracking", "firing grant_refused credential:orders",
				"firing grant_refused place:local:emea:grant_refused", "resolved grant_refused credential:orders",
				"resolved grant_refused credential:tracking", "resolved grant_refused credential:loyalty", // what follows soon on other messages waits a beat
				"resolved grant_refused place:local:emea:grant_refused"},
		},
		{
			Name: "refused alike, but for one", Summary: "An API user of the tenant still works, so it is not the place: each credential has its own incident.",
			For: day, Estate: small(),
			Events: []Event{{At: 9 * hour, Do: Inject, Tenant: "emea", Fault: "unauthorized_client"}, {At: 15 * hour, Do: Clear}},
			Incidents: []string{
				"credential:tracking grant_refused critical resolved 1",
				"credential:orders grant_refused critical resolved 1",
				"credential:loyalty grant_refused critical resolved 1",
			},
			Messages: []string{"firing grant_refused credential:tracking", "firing grant_refused credential:orders", "firing grant_refused credential:loyalty",
				"resolved grant_refused credential:tracking", "resolved grant_refused credential:orders", "resolved grant_refused credential:loyalty"},
		},
	}
}

// rhythms: the clock, and a failure that comes and goes.
func rhythms() []Story {
	return []Story{
		{
			Name: "the night the clocks go back", Summary: "A secret dies in the hour that happens twice; the schedule does not stumble.",
			Start: time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC), Zone: "Europe/Berlin", For: 3 * day, Estate: small(), Detect: 11 * min,
			Events:    []Event{{At: 12*hour + 30*min, Do: Disable, Credential: "orders"}, {At: 16 * hour, Do: Enable, Credential: "orders"}},
			Incidents: []string{"credential:orders bad_secret_or_package critical resolved 1"},
			Messages:  []string{"firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"},
		},
		{
			Name: "on and off", Summary: "A quarter of an hour dead, a quarter alive, in turn: each time is said, and known to flap it must be steady before it ends.",
			For: day, Estate: lone(), Detect: 11 * min,
			Events:    flaps(8*hour, 6, 15*min),
			Incidents: repeated(6, "credential:orders bad_secret_or_package critical resolved 1"),
			Messages:  repeated(6, "firing bad_secret_or_package credential:orders", "resolved bad_secret_or_package credential:orders"),
		},
	}
}

// flaps disables and enables the lone credential n times.
func flaps(at time.Duration, n int, every time.Duration) []Event {
	var events []Event
	for i := range n {
		start := at + time.Duration(2*i)*every
		events = append(events,
			Event{At: start, Do: Disable, Credential: "orders"},
			Event{At: start + every, Do: Enable, Credential: "orders"})
	}
	return events
}

func repeated(n int, lines ...string) []string {
	var out []string
	for range n {
		out = append(out, lines...)
	}
	return out
}
