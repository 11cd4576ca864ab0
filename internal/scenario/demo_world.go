package scenario

import (
	"cmp"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// demoReaders read the counters of their tenants, and nothing else.
var demoReaders = []demoRow{
	{"keepwatch-emea", 510000100, keepwatch.Reporting, "marketing-ops", 26, "reads counters for Keepwatch", "keepwatch", restJourneys, ""},
	{"keepwatch-americas", 520000200, keepwatch.Reporting, "marketing-ops", 26, "reads counters for Keepwatch", "keepwatch", restJourneys, ""},
	{"keepwatch-apac", 530000300, keepwatch.Reporting, "marketing-ops", 26, "reads counters for Keepwatch", "keepwatch", restJourneys, ""},
}

// Readers are the credentials of a tenant that its counters are read with.
func (e Estate) Readers(id keepwatch.TenantID) []keepwatch.CredentialID {
	var out []keepwatch.CredentialID
	for _, r := range demoReaders {
		if tenantOf(r.mid) == id {
			out = append(out, keepwatch.CredentialID(r.id))
		}
	}
	return out
}

// demoDependents hang on the credential that dies: a flow of contacts, the rows that it
// writes, what it asks to be sent.
var demoDependents = []keepwatch.Dependent{
	{Kind: string(keepwatch.SubjectJourney), Key: "welcome-series", ContactsPerDay: 90_000, ValuePerContact: 0.42, OnOutage: "late"},
	{Kind: string(keepwatch.SubjectDataExtension), Key: "Orders"},
	{Kind: string(keepwatch.SubjectTransactionalEmail), Key: "shop-order-confirmation", MaxQueueAge: 5 * time.Minute},
}

// demoPerDay is how much comes to what nobody says anything of.
const demoPerDay = 1_440

// World is what lives in the demo's SFMC: everything that a credential names, fed by
// the system that holds the credential. It began long enough ago to have a history.
func (e Estate) World(now time.Time) world.Spec {
	spec := world.Spec{Seed: 7, Since: now.Add(-(HistoryDays + 1) * day)}
	for _, c := range e.Credentials {
		if c.SecretRef == "" || len(c.Dependents) == 0 {
			continue
		}
		spec.Callers = append(spec.Callers, world.Caller{Name: string(c.ID), ClientID: cmp.Or(c.ClientID, c.Username), Unit: c.BusinessUnit, OnFailure: world.OnFailureLate})
		for _, d := range c.Dependents {
			live(&spec, c, d)
		}
	}
	return spec
}

func live(spec *world.Spec, c keepwatch.Credential, d keepwatch.Dependent) {
	volume := world.Volume{PerDay: cmp.Or(d.ContactsPerDay, demoPerDay)}
	if c.ID == DemoDies {
		volume.PerDay = cmp.Or(d.ContactsPerDay, 40_000)
	}
	caller, unit := string(c.ID), c.BusinessUnit
	switch kind := keepwatch.SubjectKind(d.Kind); kind {
	case keepwatch.SubjectJourney:
		steps := []world.Step{{Name: "Wait", Kind: "waitactivity", Dwell: world.Duration(10 * time.Minute)}, {Name: "Mail", Kind: "emailv2"}}
		spec.Journeys = append(spec.Journeys, world.Journey{Key: d.Key, Unit: unit, Entry: world.Entry{Caller: caller, Volume: volume}, Steps: steps})
	case keepwatch.SubjectDataExtension:
		spec.Extensions = append(spec.Extensions, world.Extension{Key: d.Key, Unit: unit, Writer: caller, Volume: volume, Rows: 100_000})
	case keepwatch.SubjectAutomation:
		target := d.Key + "-rows"
		spec.Extensions = append(spec.Extensions, world.Extension{Key: target, Unit: unit, Rows: 1_000})
		spec.Automations = append(spec.Automations, world.Automation{
			Key: d.Key, Unit: unit, Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1"},
			Steps: []world.Activity{{Kind: "import", Target: target, Mode: "add", File: world.File{Volume: volume, Caller: caller}}},
		})
	default:
		spec.Sends = append(spec.Sends, world.Send{Kind: kind, Key: d.Key, Unit: unit, Caller: caller, Volume: volume})
	}
}
