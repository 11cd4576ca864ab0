package scenario

import (
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// Living is an account in which something goes on: what its credentials feed, and the
// systems outside that feed it.
type Living struct {
	Estate Estate
	World  world.Spec
	// Readers are the credentials that its counters are read with.
	Readers []keepwatch.CredentialID
}

// The journeys, automations and definitions that stories speak of.
const (
	germany keepwatch.MID = 510000123

	welcome   = "journey/welcome"
	points    = "journey/points"
	winback   = "journey/winback"
	orders    = "data_extension/Orders"
	customers = "data_extension/Customers"
	stock     = "data_extension/Stock"
	clicks    = "data_extension/Clicks"
	nightly   = "automation/nightly-customers"
	hourly    = "automation/hourly-stock"
	prices    = "automation/drop-prices"
	confirm   = "transactional_email/order-confirmation"
	reset     = "triggered_send/password-reset"
)

// Shop is a business unit with a web shop: three integrations with a credential each,
// and one that reads.
func Shop() Living {
	l := Living{
		Estate: Estate{Tenants: []keepwatch.Tenant{
			{ID: "emea", Subdomain: "mc563885gzs27c5t9-63k636ttgm", BusinessUnits: []keepwatch.BusinessUnit{{MID: germany, Name: "Germany"}}},
		}},
		Readers: []keepwatch.CredentialID{"watcher"},
		World:   shopWorld(),
	}
	add := func(id keepwatch.CredentialID, crit keepwatch.Criticality, holder string, deps ...keepwatch.Dependent) {
		c := keepwatch.Credential{
			ID: id, Tenant: "emea", BusinessUnit: germany, Kind: keepwatch.ServerToServer, Criticality: crit, SecretRef: SecretRef(id), Tests: []string{"identity"},
			Owner:           keepwatch.Owner{Team: string(id) + "-team", Contact: string(id) + "@example.com"},
			SecretGenerated: keepwatch.Exactly(monday.Add(-90 * day)), Dependents: deps,
		}
		if holder != "" {
			c.Holders = []keepwatch.Holder{{Name: holder}}
		}
		c.Deadline = keepwatch.SecretDeadline(c.SecretGenerated)
		l.Estate.Credentials = append(l.Estate.Credentials, c)
	}
	add("watcher", keepwatch.Standard, "")
	add("shop", keepwatch.Transactional, "shop-backend",
		keepwatch.Dependent{Kind: "journey", Key: "welcome", ContactsPerDay: 10_000, Reads: []string{"Customers"}, OnOutage: "lost"},
		keepwatch.Dependent{Kind: "data_extension", Key: "Orders", ExpectRowsEvery: time.Hour, TimestampField: "ModifiedDate"},
		keepwatch.Dependent{Kind: "transactional_email", Key: "order-confirmation", MaxQueueAge: 10 * time.Minute},
		keepwatch.Dependent{Kind: "triggered_send", Key: "password-reset"})
	add("middleware", keepwatch.Standard, "middleware",
		keepwatch.Dependent{Kind: "automation", Key: "nightly-customers"}, keepwatch.Dependent{Kind: "automation", Key: "hourly-stock"},
		keepwatch.Dependent{Kind: "automation", Key: "drop-prices"},
		keepwatch.Dependent{Kind: "data_extension", Key: "Customers", ExpectRowsEvery: day, TimestampField: "Loaded", FedBy: "nightly-customers"},
		keepwatch.Dependent{Kind: "data_extension", Key: "Stock", ExpectRowsEvery: time.Hour, TimestampField: "Loaded", FedBy: "hourly-stock"},
		keepwatch.Dependent{Kind: "journey", Key: "winback", Reads: []string{"Customers"}})
	add("loyalty", keepwatch.Standard, "loyalty-app",
		keepwatch.Dependent{Kind: "journey", Key: "points", OnOutage: "late"}, keepwatch.Dependent{Kind: "data_extension", Key: "Clicks"})
	return l
}

func shopWorld() world.Spec {
	wait := func(d time.Duration) world.Step {
		return world.Step{Name: "Wait", Kind: "waitactivity", Dwell: world.Duration(d)}
	}
	mail := world.Step{Name: "Mail", Kind: "emailv2"}
	return world.Spec{
		Seed: 7, Unit: germany, Zone: "UTC",
		Callers: []world.Caller{
			{Name: "shop-backend", ClientID: "client-shop", Unit: germany, OnFailure: world.OnFailureLost},
			{Name: "middleware", ClientID: "client-middleware", Unit: germany, OnFailure: world.OnFailureLate},
			{Name: "loyalty-app", ClientID: "client-loyalty", Unit: germany, OnFailure: world.OnFailureLate, ReplayPerMinute: 20},
		},
		Journeys: []world.Journey{
			{Key: "welcome", Name: "Welcome series", Version: 3, Entry: world.Entry{Caller: "shop-backend", Volume: world.Volume{PerDay: 10_000, Shape: world.ShapeDay}},
				Steps: []world.Step{wait(45 * time.Minute), {Name: "Stock check", Kind: "rest"}, mail}},
			{Key: "points", Name: "Points", Entry: world.Entry{Caller: "loyalty-app", Volume: world.Volume{PerDay: 1440}}, Steps: []world.Step{wait(2 * time.Hour), mail}},
			{Key: "winback", Name: "Win back", Entry: world.Entry{Extension: "Customers", Automation: "nightly-customers"}, Steps: []world.Step{wait(24 * time.Hour), mail}},
		},
		Extensions: []world.Extension{
			{Key: "Orders", Rows: 500_000, Timestamp: "ModifiedDate", Writer: "shop-backend", Volume: world.Volume{PerDay: 4800, Shape: world.ShapeDay}},
			{Key: "Customers", Rows: 80_000, Timestamp: "Loaded", Sendable: true},
			{Key: "Stock", Rows: 12_000, Timestamp: "Loaded"},
			{Key: "Clicks", Rows: 60_000, Writer: "loyalty-app", Volume: world.Volume{PerDay: 6000}, Retention: world.Duration(10 * day)},
		},
		Automations: []world.Automation{
			{Key: "nightly-customers", Name: "Nightly customers", Schedule: world.Schedule{Rule: "FREQ=DAILY;INTERVAL=1", At: "03:00"},
				Steps: []world.Activity{{Key: "load-customers", Kind: "import", Duration: world.Duration(10 * time.Minute), Target: "Customers", Mode: "add_update", Blank: "skip",
					File: world.File{Volume: world.Volume{PerDay: 9000}, Caller: "middleware"}}}},
			{Key: "hourly-stock", Name: "Hourly stock", Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1", At: "00:10"},
				Steps: []world.Activity{{Key: "load-stock", Kind: "import", Target: "Stock", Mode: "overwrite", SameSize: true, Blank: "process",
					File: world.File{Volume: world.Volume{PerDay: 288_000, Noise: world.NoiseNone}, Caller: "middleware"}}}},
			{Key: "drop-prices", Name: "Prices", Status: "AwaitingTrigger", Steps: []world.Activity{{Key: "load-prices", Kind: "import", Target: "Stock", Mode: "update", Blank: "fail",
				File: world.File{Volume: world.Volume{PerDay: 4000}, Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=6", At: "05:00"}, Caller: "middleware"}}}},
		},
		Sends: []world.Send{
			{Kind: keepwatch.SubjectTransactionalEmail, Key: "order-confirmation", Name: "Order confirmation", Caller: "shop-backend", Volume: world.Volume{PerDay: 4800, Shape: world.ShapeDay}, PerMinute: 60},
			{Kind: keepwatch.SubjectTriggeredSend, Key: "password-reset", Name: "Password reset", Caller: "shop-backend", Volume: world.Volume{PerDay: 1440}},
		},
	}
}

// Fed are the data extensions that an automation of the shop fills, by ID.
func Fed(automation string) []string {
	var ids []string
	for _, a := range shopWorld().Automations {
		if automation != "automation/"+a.Key {
			continue
		}
		for _, step := range a.Steps {
			ids = append(ids, "data_extension/"+step.Target)
		}
	}
	return ids
}
