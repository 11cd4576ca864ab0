package scenario

import (
	"time"

	"keepwatch"
)

// datedRow is a credential of the demo that nothing can be asked with: its dates
// are all there is to watch.
type datedRow struct {
	id      string
	mid     keepwatch.MID
	kind    keepwatch.Kind
	crit    keepwatch.Criticality
	team    string
	ends    int // days from today; 0 when nobody knows
	purpose string
	holder  string
}

var datedRows = []datedRow{
	{"sso-emea", 510000100, keepwatch.SSOCertificate, keepwatch.Standard, "identity", 26, "single sign-on of the marketing teams", "entra-id"},
	{"sftp-drop-de", 510000123, keepwatch.SFTPPassword, keepwatch.Standard, "data-engineering", 12, "nightly files of the shop", "airflow"},
	{"push-ios", 520000211, keepwatch.PushCertificate, keepwatch.Transactional, "mobile-app", 58, "push messages to iPhones", "marketing-cloud"},
	{"loyalty-activity", 520000213, keepwatch.JWTSecret, keepwatch.Standard, "loyalty", 0, "custom activity that books points", "loyalty-br"},
	{"account-americas", 520000200, keepwatch.Contract, keepwatch.Reporting, "marketing-ops", 83, "the account's contract", "procurement"},
}

// planned are renewals that somebody has put in the calendar: days from today.
var planned = map[keepwatch.CredentialID]int{"us-leads": 5, "br-loyalty": 9, "push-ios": 40}

// looker is the credential that may look at its account, so that the demo has
// something to discover.
const looker keepwatch.CredentialID = "content-sync-emea"

func (r datedRow) credential(today time.Time) keepwatch.Credential {
	c := keepwatch.Credential{
		ID: keepwatch.CredentialID(r.id), Tenant: tenantOf(r.mid), BusinessUnit: r.mid, Kind: r.kind, Criticality: r.crit, Purpose: r.purpose,
		Owner:      keepwatch.Owner{Team: r.team, Contact: r.team + "@example.com"},
		RunbookURL: "https://wiki.example.com/runbooks/" + r.id,
		Holders:    []keepwatch.Holder{{Name: r.holder, Contact: r.holder + "@example.com"}},
	}
	if r.ends > 0 {
		c.Expires = keepwatch.DayOf(today.AddDate(0, 0, r.ends), time.UTC)
	}
	return c
}
