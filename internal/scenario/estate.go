// Package scenario holds named stories as data: an estate, what happens to it and
// what Keepwatch must say. The demo plays one, the end-to-end tests play them all
// in virtual time. It knows the simulator and the vocabulary, not the daemon.
package scenario

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

// Estate is a believable set of tenants and the credentials that integrate with
// them. Hosts and secrets are filled in by whoever runs it.
type Estate struct {
	Tenants     []keepwatch.Tenant
	Credentials []keepwatch.Credential
}

// SecretRef is where the estate's secrets are read from: a variable that exists
// only inside the process that plays the story.
func SecretRef(id keepwatch.CredentialID) string {
	return "env:" + SecretVariable(id)
}

// SecretVariable names that variable.
func SecretVariable(id keepwatch.CredentialID) string {
	return "DEMO_" + strings.ToUpper(strings.ReplaceAll(string(id), "-", "_"))
}

var demoTenants = []keepwatch.Tenant{
	{ID: "emea", Currency: "EUR", Subdomain: "mc563885gzs27c5t9-63k636ttgm", BusinessUnits: []keepwatch.BusinessUnit{
		{MID: 510000100, Name: "EMEA parent"}, {MID: 510000123, Name: "Germany"}, {MID: 510000124, Name: "France"}, {MID: 510000125, Name: "Nordics"}}},
	{ID: "americas", Currency: "USD", Subdomain: "mcq7w1r8t5y2-4p0l9k8j7h6g5f4", BusinessUnits: []keepwatch.BusinessUnit{
		{MID: 520000200, Name: "Americas parent"}, {MID: 520000211, Name: "United States"}, {MID: 520000212, Name: "Canada"}, {MID: 520000213, Name: "Brazil"}}},
	{ID: "apac", Currency: "AUD", Subdomain: "mcz1x2c3v4b5n6m7-8a9s0d1f2g3", BusinessUnits: []keepwatch.BusinessUnit{
		{MID: 530000300, Name: "APAC parent"}, {MID: 530000331, Name: "Japan"}, {MID: 530000332, Name: "Australia"}, {MID: 530000333, Name: "Singapore"}}},
}

// demoRow is one credential of the demo in a line. age is how many days ago its
// secret was generated; negative means nobody knows.
type demoRow struct {
	id       string
	mid      keepwatch.MID
	crit     keepwatch.Criticality
	team     string
	age      int
	purpose  string
	holders  string
	tests    string
	dependon string
}

const (
	restJourneys   = "rest:/interaction/v1/interactions?$pageSize=1"
	restMessaging  = "rest:/messaging/v1/email/definitions?$pageSize=1"
	restAssets     = "rest:/asset/v1/content/categories?$pageSize=1"
	restAutomation = "rest:/automation/v1/automations?$pageSize=1"
	restContacts   = "rest:/contacts/v1/schema"
	soapStatus     = "soap:GetSystemStatus"
)

var demoRows = []demoRow{
	{"crm-sync", 510000123, keepwatch.Transactional, "crm-platform", 179, "order confirmations from the shop", "mulesoft-prod,shop-backend", restMessaging, "journey:welcome-series"},
	{"loyalty-points", 510000123, keepwatch.Standard, "loyalty", 121, "points balance into the profile", "loyalty-service", restContacts, "data_extension:LoyaltyBalance"},
	{"webshop-carts", 510000123, keepwatch.Standard, "ecommerce", 64, "abandoned carts", "shop-backend", restJourneys, "journey:abandoned-cart"},
	{"newsletter-signup", 510000123, keepwatch.Standard, "marketing-ops", 33, "double opt-in from the site", "cms", restContacts, "journey:double-opt-in"},
	{"bi-export-de", 510000123, keepwatch.Reporting, "data-engineering", 90, "opens and clicks to the warehouse", "airflow", restAutomation, "automation:nightly-tracking"},
	{"password-reset", 510000124, keepwatch.Transactional, "identity", 101, "password reset mail", "auth-service", restMessaging, "triggered_send:password-reset"},
	{"store-events-fr", 510000124, keepwatch.Standard, "retail-it", 77, "store visits", "store-gateway", restJourneys, "journey:store-visit"},
	{"invoice-mail-fr", 510000124, keepwatch.Transactional, "billing", 15, "invoices", "erp", restMessaging, "transactional_email:invoice"},
	{"segment-feed-fr", 510000124, keepwatch.Standard, "data-engineering", 141, "audiences from the data platform", "segment", restContacts, "data_extension:Audiences"},
	{"consent-sync", 510000125, keepwatch.Standard, "privacy", 52, "consent changes", "consent-hub", restContacts, "data_extension:Consent"},
	{"shipping-updates", 510000125, keepwatch.Transactional, "logistics", 88, "parcel status mail and SMS", "tms", restMessaging, "transactional_email:parcel-status"},
	{"dwh-import-nordics", 510000125, keepwatch.Reporting, "data-engineering", 110, "campaign figures", "airflow", restAutomation, "automation:weekly-figures"},
	{"survey-results", 510000125, keepwatch.Reporting, "customer-insight", -1, "survey answers", "survey-tool", restContacts, "data_extension:Surveys"},
	{"content-sync-emea", 510000100, keepwatch.Standard, "marketing-ops", 20, "images and blocks", "dam", restAssets, "automation:content-refresh"},

	{"us-orders", 520000211, keepwatch.Transactional, "crm-platform", 45, "order confirmations", "mulesoft-us", restMessaging, "transactional_email:order-confirmation"},
	{"us-otp", 520000211, keepwatch.Transactional, "identity", 71, "one-time passwords", "auth-service", restMessaging, "triggered_send:one-time-password"},
	{"us-carts", 520000211, keepwatch.Standard, "ecommerce", 131, "abandoned carts", "shop-us", restJourneys, "journey:us-abandoned-cart"},
	{"us-leads", 520000211, keepwatch.Standard, "sales-ops", 160, "lead nurturing", "salesforce-core", restJourneys, "journey:lead-nurture"},
	{"us-pos", 520000211, keepwatch.Standard, "retail-it", 28, "store purchases", "pos-hub", restContacts, "data_extension:Purchases"},
	{"us-tracking", 520000211, keepwatch.Reporting, "data-engineering", 66, "tracking extract", "databricks", restAutomation, "automation:us-tracking"},
	{"us-mobile", 520000211, keepwatch.Standard, "mobile-app", 12, "app events", "app-backend", restJourneys, "journey:app-onboarding"},
	{"ca-orders", 520000212, keepwatch.Transactional, "crm-platform", 45, "order confirmations", "mulesoft-us", restMessaging, "transactional_email:ca-order"},
	{"ca-privacy", 520000212, keepwatch.Standard, "privacy", 59, "access requests", "consent-hub", restContacts, "data_extension:Requests"},
	{"ca-dwh", 520000212, keepwatch.Reporting, "data-engineering", 118, "figures", "airflow", restAutomation, "automation:ca-figures"},
	{"br-orders", 520000213, keepwatch.Transactional, "latam-it", 84, "order confirmations", "vtex", restMessaging, "transactional_email:br-order"},
	{"br-whatsapp", 520000213, keepwatch.Standard, "latam-it", 97, "chat opt-ins", "chat-gateway", restContacts, "data_extension:ChatOptIn"},
	{"br-loyalty", 520000213, keepwatch.Standard, "loyalty", 150, "points", "loyalty-br", restContacts, "data_extension:Points"},
	{"americas-content", 520000200, keepwatch.Standard, "marketing-ops", 38, "images and blocks", "dam", restAssets, "automation:us-content"},

	{"jp-orders", 530000331, keepwatch.Transactional, "crm-platform", 41, "order confirmations", "mulesoft-apac", restMessaging, "transactional_email:jp-order"},
	{"jp-line", 530000331, keepwatch.Standard, "mobile-app", 93, "chat messages", "line-bridge", restJourneys, "journey:line-welcome"},
	{"jp-stores", 530000331, keepwatch.Standard, "retail-it", 126, "store visits", "store-gateway", restContacts, "data_extension:Visits"},
	{"jp-dwh", 530000331, keepwatch.Reporting, "data-engineering", 57, "figures", "airflow", restAutomation, "automation:jp-figures"},
	{"au-orders", 530000332, keepwatch.Transactional, "crm-platform", 73, "order confirmations", "mulesoft-apac", restMessaging, "transactional_email:au-order"},
	{"au-carts", 530000332, keepwatch.Standard, "ecommerce", 109, "abandoned carts", "shop-au", restJourneys, "journey:au-cart"},
	{"au-survey", 530000332, keepwatch.Reporting, "customer-insight", 145, "survey answers", "survey-tool", restContacts, "data_extension:AuSurvey"},
	{"au-partner", 530000332, keepwatch.Standard, "partnerships", -1, "partner offers", "agency", restContacts, "data_extension:Offers"},
	{"sg-otp", 530000333, keepwatch.Transactional, "identity", 62, "one-time passwords", "auth-service", restMessaging, "triggered_send:sg-otp"},
	{"sg-travel", 530000333, keepwatch.Standard, "travel", 81, "itineraries", "booking", restJourneys, "journey:trip"},
	{"sg-dwh", 530000333, keepwatch.Reporting, "data-engineering", 134, "figures", "airflow", restAutomation, "automation:sg-figures"},
	{"apac-connect", 530000300, keepwatch.Standard, "salesforce-core", 0, "connected sends of the CRM", "mc-connect", soapStatus, "triggered_send:case-closed"},
}

// Demo is the estate of `keepwatch demo`: three tenants, a dozen business units,
// forty credentials of several teams, one more a tenant that counters are read with,
// and a few things that only have dates.
func Demo(now time.Time) Estate {
	e := Estate{Tenants: append([]keepwatch.Tenant(nil), demoTenants...)}
	today := now.UTC().Truncate(24 * time.Hour)
	for _, row := range demoRows {
		e.Credentials = append(e.Credentials, row.credential(today))
	}
	for _, row := range demoReaders {
		e.Credentials = append(e.Credentials, row.credential(today))
	}
	for _, row := range datedRows {
		e.Credentials = append(e.Credentials, row.credential(today))
	}
	for i := range e.Credentials {
		c := &e.Credentials[i]
		if in, ok := planned[c.ID]; ok {
			c.Renewal = keepwatch.Renewal{Planned: keepwatch.DayOf(today.AddDate(0, 0, in), time.UTC), By: c.Owner.Team}
		}
		c.Discover = c.ID == looker
		if c.ID == DemoDies {
			c.Dependents = demoDependents
		}
	}
	return e
}

func (r demoRow) credential(today time.Time) keepwatch.Credential {
	id := keepwatch.CredentialID(r.id)
	c := keepwatch.Credential{
		ID: id, Tenant: tenantOf(r.mid), BusinessUnit: r.mid, Kind: keepwatch.ServerToServer,
		SecretRef: SecretRef(id), Criticality: r.crit, Purpose: r.purpose,
		Owner:      keepwatch.Owner{Team: r.team, Contact: r.team + "@example.com"},
		RunbookURL: "https://wiki.example.com/runbooks/" + r.id,
		Tests:      []string{"identity", r.tests},
	}
	if r.id == "apac-connect" {
		c.Kind, c.Username = keepwatch.APIUser, "mc-connect-api"
		c.Tests = []string{r.tests}
	}
	if c.Kind == keepwatch.ServerToServer && r.age >= 0 {
		c.SecretGenerated = keepwatch.DayOf(today.AddDate(0, 0, -r.age), time.UTC)
	}
	c.Deadline = keepwatch.SecretDeadline(c.SecretGenerated)
	for _, h := range strings.Split(r.holders, ",") {
		c.Holders = append(c.Holders, keepwatch.Holder{Name: h, Contact: h + "@example.com"})
	}
	if kind, key, some := strings.Cut(r.dependon, ":"); some {
		c.Dependents = []keepwatch.Dependent{{Kind: kind, Key: key}}
	}
	return c
}

func tenantOf(mid keepwatch.MID) keepwatch.TenantID {
	for _, t := range demoTenants {
		for _, bu := range t.BusinessUnits {
			if bu.MID == mid {
				return t.ID
			}
		}
	}
	panic(fmt.Sprintf("scenario: MID %d belongs to no tenant", mid))
}
