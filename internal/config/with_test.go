package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keepwatch"
	"keepwatch/internal/secrets"
)

// dates compares dates as they are written.
var dates = cmp.Comparer(func(a, b keepwatch.Date) bool { return a.Equal(b) })

// fullRecord has a value in every field that a person can give.
func fullRecord() keepwatch.Credential {
	return keepwatch.Credential{
		ID: "shop", Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer, ClientID: "4xq0example", Package: "Shop #1: \"main\"",
		SecretRef: "env:CRM", SecretGenerated: keepwatch.Day(2026, 9, 28), Expires: keepwatch.Exactly(time.Date(2027, 3, 1, 12, 30, 0, 0, time.UTC)),
		LastUsed: keepwatch.Day(2026, 11, 20), ValidFor: 90 * day, IdleFor: 36 * time.Hour, DatesConfirmed: keepwatch.Day(2026, 10, 1),
		Criticality: keepwatch.Reporting, Owner: keepwatch.Owner{Team: "crm", Contact: "crm@example.com"}, Purpose: "Bestellungen für den Shop: 100 %",
		Environment: "production", Region: "EMEA", Area: "commerce",
		Holders: []keepwatch.Holder{{Name: "mulesoft", Contact: "m@example.com"}, {Name: "shop"}},
		Dependents: []keepwatch.Dependent{{
			Kind: "journey", Key: "welcome", ContactsPerDay: 1e4, ValuePerContact: 0.42, Reads: []string{"Orders"}, FedBy: "nightly", OnOutage: "late",
			ExpectRowsEvery: time.Hour, TimestampField: "Modified", MaxQueueAge: 5 * time.Minute,
		}},
		Renewal: keepwatch.Renewal{Every: 150 * day, Planned: keepwatch.Day(2027, 2, 10), Window: 90 * time.Minute, By: "crm", Ticket: true},
		Ladder:  []time.Duration{45 * day, 7 * day}, RunbookURL: "https://wiki.example.com/shop", Discover: true,
		Tests: []string{"identity", "rest:/asset/v1/content/categories?$pageSize=1", "https:mule"}, Scopes: []string{"email_read"},
	}
}

const small = `version: 1
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm, business_units: [{mid: 510000123}]}]
integration_points: [{name: mule, url: "https://mule.example.com/"}]
credentials:
  - {id: crm, tenant: emea, client_id: abc, secret: env:CRM, tests: ["https:mule"]}
receivers: [{name: ops, webhook: {url: "https://example.com/"}}]
routes: [{to: ops}]
`

func smallConfig(t *testing.T) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	writeFile(t, path, small)
	return mustLoad(t, path)
}

// A record comes through as it is, in every field: a new field of the vocabulary
// that the format forgets fails here.
func TestRecordGoesThroughWhole(t *testing.T) {
	full, certificate := fullRecord(), fullRecord()
	certificate.ID, certificate.Kind, certificate.ClientID, certificate.Package = "tls", keepwatch.Certificate, "", ""
	certificate.Tests, certificate.Scopes, certificate.Discover, certificate.ValidFor, certificate.IdleFor = nil, nil, false, 0, 0
	certificate.Certificate = keepwatch.CertificateSource{Endpoint: "shop.example.com:443", ServerName: "api.example.com"}
	keystore := certificate
	keystore.ID, keystore.Certificate = "jks", keepwatch.CertificateSource{File: "/etc/shop.jks", Password: "env:CRM", Alias: "client"}
	user := fullRecord()
	user.ID, user.Kind, user.ClientID, user.Package, user.Username = "user", keepwatch.APIUser, "", "", "robot"
	user.Tests, user.Scopes = []string{"identity", "soap:Account"}, nil

	pushed := user
	pushed.ID, pushed.SecretRef, pushed.Pushed = "agent", "", time.Hour

	records := []keepwatch.Credential{full, certificate, keystore, user, pushed}
	allSet := map[string]bool{}
	for _, r := range records {
		for v, i := reflect.ValueOf(r), 0; i < v.NumField(); i++ {
			allSet[v.Type().Field(i).Name] = allSet[v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
	}
	for name, set := range allSet {
		if made := name == "Clocks" || name == "Deadline" || name == "File"; !set && !made {
			t.Errorf("no record of this test has a %s", name)
		}
	}
	c, warnings := smallConfig(t).With(records)
	for _, w := range warnings {
		if !strings.Contains(w.Message, "is not used: no clock of the kind") {
			t.Errorf("a good record: %v", w)
		}
	}
	got := c.Credentials[1:]
	if diff := cmp.Diff(records, got, dates, cmpopts.IgnoreFields(keepwatch.Credential{}, "Clocks", "Deadline")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if got[0].Deadline.Source != keepwatch.DateTyped || len(got[0].Clocks) == 0 || !slices.Equal(c.Ladder("shop"), full.Ladder) {
		t.Errorf("deadline %+v, clocks %+v", got[0].Deadline, got[0].Clocks)
	}
	if !c.Tested("shop") || c.Tested("tls") || !c.Tested("user") || c.Tested("agent") {
		t.Error("what is tested")
	}
}

// What does not fit is a warning and is not tested, but its dates are watched, and
// the rest is as if it were not there.
func TestWithWarns(t *testing.T) {
	bad := func(change func(*keepwatch.Credential)) keepwatch.Credential {
		r := keepwatch.Credential{ID: "rec", Tenant: "emea", Kind: keepwatch.ServerToServer, ClientID: "abc", SecretRef: "env:CRM", SecretGenerated: keepwatch.Day(2026, 9, 28)}
		change(&r)
		return r
	}
	for want, change := range map[string]func(*keepwatch.Credential){
		`record rec: tenant: there is no tenant "emae"; did you mean emea?; allowed: emea`:                                                                                        func(r *keepwatch.Credential) { r.Tenant = "emae" },
		`record rec: client_id: is missing; allowed: what a credential of the kind server_to_server signs in with`:                                                                func(r *keepwatch.Credential) { r.ClientID = "" },
		`record rec: business_unit: there is no business unit in tenant emea with the MID "7"; allowed: 510000123`:                                                                func(r *keepwatch.Credential) { r.BusinessUnit = 7 },
		`record rec: tests[1]: there is no integration point "muel"; did you mean mule?; allowed: mule`:                                                                           func(r *keepwatch.Credential) { r.Tests = []string{"identity", "https:muel"} },
		`record rec: secret: this is a literal value, not a reference to a secret; allowed: ` + secrets.Allowed:                                                                   func(r *keepwatch.Credential) { r.SecretRef = canary },
		`record rec: expires: ends on 2026-01-01, but was made on 2026-09-28; allowed: a day after 2026-09-28`:                                                                    func(r *keepwatch.Credential) { r.Expires = keepwatch.Day(2026, 1, 1) },
		`record rec: certificate: has no meaning for the kind server_to_server; allowed: another kind, or without this key`:                                                       func(r *keepwatch.Credential) { r.Certificate.File = "/x.pem" },
		`record rec: criticality: "urgent" is not a criticality; allowed: transactional, standard, reporting`:                                                                     func(r *keepwatch.Credential) { r.Criticality = "urgent" },
		`record rec: purpose: is empty, too long or has control characters; allowed: 1 to 500 characters on one line`:                                                             func(r *keepwatch.Credential) { r.Purpose = "a\nb" },
		`record rec: dependents[0].kind: "poem" is not a kind of dependent; allowed: journey, automation, data_extension, triggered_send, transactional_email, transactional_sms`: func(r *keepwatch.Credential) { r.Dependents = []keepwatch.Dependent{{Kind: "poem", Key: "x"}} },
		`record rec: runbook_url: "javascript:alert(1)" is not a web address without user name, spaces and fragment; allowed: ` + webAllowed:                                      func(r *keepwatch.Credential) { r.RunbookURL = "javascript:alert(1)" },
		`record rec: expiry_ladder[0]: "1m" is not a duration that fits here; allowed: 1h to 3650d, written like 90s, 15m, 2h or 30d`:                                             func(r *keepwatch.Credential) { r.Ladder = []time.Duration{time.Minute} },
	} {
		c, warnings := smallConfig(t).With([]keepwatch.Credential{bad(change)})
		if len(warnings) != 1 || warnings[0].String() != want {
			t.Errorf("warnings %v\nwant     %s", warnings, want)
		}
		var kinds []keepwatch.CheckKind
		for _, check := range c.Checks() {
			if check.Credential == "rec" {
				kinds = append(kinds, check.Kind)
			}
		}
		if !slices.Equal(kinds, []keepwatch.CheckKind{keepwatch.CheckExpiry}) || c.Tested("rec") || !c.Tested("crm") {
			t.Errorf("%s: checks of the record are %v", want, kinds)
		}
		if cred, ok := c.Credential("rec"); !ok || cred.Deadline.At.IsZero() || strings.Contains(fmt.Sprint(cred), canary) {
			t.Errorf("%s: the record is %+v", want, cred)
		}
		if _, err := calendarOf(c); err != nil {
			t.Error(err)
		}
	}
}

// calendarOf asks for everything that depends on a record's tier: nothing panics.
func calendarOf(c *Config) (time.Time, error) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, check := range c.Checks() {
		if next := c.Next(check, now); !next.After(now) || next.After(now.Add(31*day)) {
			return next, fmt.Errorf("%s is due at %s", check.ID, next)
		}
		_, _ = c.Zone(check.Credential), c.Ladder(check.Credential)
	}
	return now, nil
}

func TestWithAnUnknownKindIsWatchedAsNothingElse(t *testing.T) {
	c, warnings := smallConfig(t).With([]keepwatch.Credential{{ID: "rec", Tenant: "emea", Kind: "poem", SecretRef: "env:CRM", ClientID: "abc"}})
	cred, ok := c.Credential("rec")
	if len(warnings) != 1 || !ok || cred.Kind != "poem" || cred.Tests != nil || c.Tested("rec") || !cred.Deadline.At.IsZero() {
		t.Errorf("%+v, %v", cred, warnings)
	}
}

func TestWithoutASecretOnlyTheDatesAreWatched(t *testing.T) {
	c, warnings := smallConfig(t).With([]keepwatch.Credential{{ID: "rec", Tenant: "emea", ClientID: "abc", SecretGenerated: keepwatch.Day(2026, 6, 1)}})
	cred, _ := c.Credential("rec")
	if len(warnings) != 0 || c.Tested("rec") || len(c.Checks()) != 3 || cred.Kind != keepwatch.ServerToServer || cred.File != "" {
		t.Errorf("%+v, %v, %v", cred, warnings, c.Checks())
	}
	if want := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC); !cred.Deadline.At.Equal(want) || cred.Deadline.Source != keepwatch.DateDerived {
		t.Errorf("deadline %+v", cred.Deadline)
	}
}

// The file wins, records of before are replaced, and the configuration that With
// was asked of stays as it was.
func TestWithReplacesAndFilesWin(t *testing.T) {
	base := smallConfig(t)
	before := fmt.Sprintf("%+v %+v %v", base.Credentials, base.Checks(), base.References())
	record := func(id keepwatch.CredentialID, ref string) keepwatch.Credential {
		return keepwatch.Credential{ID: id, Tenant: "emea", ClientID: "abc", SecretRef: ref, Ladder: []time.Duration{day}}
	}
	first, warnings := base.With([]keepwatch.Credential{record("a", "env:A"), record("crm", "env:B"), record("b", "env:C"), record("b", "env:D")})
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	want := []string{
		"record crm: the id is taken by " + base.Credentials[0].File + ", which wins; allowed: another id, or only one of the two",
		"record b: the id is taken by another record, which wins; allowed: another id, or only one of the two",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if crm, _ := first.Credential("crm"); crm.SecretRef != "env:CRM" || len(first.Credentials) != 3 || !slices.Equal(first.References(), []string{"env:CRM", "env:A", "env:C"}) {
		t.Errorf("%+v, %v", first.Credentials, first.References())
	}
	second, warnings := first.With([]keepwatch.Credential{record("c", "env:C")})
	if _, still := second.Credential("a"); still || len(warnings) != 0 || len(second.Credentials) != 2 || !slices.Equal(second.References(), []string{"env:CRM", "env:C"}) {
		t.Errorf("%+v, %v", second.Credentials, second.References())
	}
	if len(second.Ladder("a")) == 1 {
		t.Error("a removed record's ladder is still in force")
	}
	if after := fmt.Sprintf("%+v %+v %v", base.Credentials, base.Checks(), base.References()); after != before {
		t.Errorf("the configuration changed:\n%s\n%s", before, after)
	}
}

// Whoever may write a record must not read the environment with it.
func TestRecordsAreNotExpanded(t *testing.T) {
	c, _ := smallConfig(t).With([]keepwatch.Credential{
		{ID: "rec", Tenant: "emea", ClientID: "${env:CRM}", Purpose: "${env:CRM}", SecretRef: "env:CRM"},
		{ID: "ref", Tenant: "emea", ClientID: "abc", SecretRef: "file:${env:CRM}"},
	})
	if cred, _ := c.Credential("rec"); cred.ClientID != "${env:CRM}" || cred.Purpose != "${env:CRM}" {
		t.Errorf("%+v", cred)
	}
	if cred, _ := c.Credential("ref"); strings.Contains(cred.SecretRef, "s3cret") {
		t.Errorf("%+v", cred)
	}
}

func TestUsing(t *testing.T) {
	base, _ := smallConfig(t).With([]keepwatch.Credential{{ID: "rec", Tenant: "emea", ClientID: "abc", SecretRef: "env:CRM", SecretGenerated: keepwatch.Day(2026, 6, 1)}})
	before, _ := base.Credential("rec")
	used := base.Using(map[keepwatch.CredentialID]Secret{"rec": {Ref: "env:STAGED", Generated: keepwatch.Day(2026, 11, 20)}, "nobody": {Ref: "env:X"}})
	cred, _ := used.Credential("rec")
	if cred.SecretRef != "env:STAGED" || !cred.Deadline.At.After(before.Deadline.At) || used.Fingerprint(cred) == base.Fingerprint(before) {
		t.Errorf("%+v", cred)
	}
	if after, _ := base.Credential("rec"); after.SecretRef != "env:CRM" || !after.Deadline.At.Equal(before.Deadline.At) {
		t.Errorf("the configuration changed: %+v", after)
	}
}

// All kinds load from a file, and each has the checks that it can have.
func TestEstate(t *testing.T) {
	c, err := Load(good("estate.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	has := map[keepwatch.CheckID]keepwatch.CheckKind{}
	for _, check := range c.Checks() {
		has[check.ID] = check.Kind
		if check.Fingerprint == "" || check.Phase != keepwatch.PhaseOf("emea", check.ID) {
			t.Errorf("%+v", check)
		}
	}
	kinds := map[keepwatch.Kind]bool{}
	for _, cred := range c.Credentials {
		kinds[cred.Kind] = true
		tested := has[keepwatch.CheckID(cred.ID)] == keepwatch.CheckCredential
		if tested != (cred.ID == "shop" || cred.ID == "soap" || cred.ID == "old") || has[keepwatch.CheckOf(keepwatch.CheckExpiry, cred.ID)] != keepwatch.CheckExpiry {
			t.Errorf("checks of %s", cred.ID)
		}
	}
	if len(kinds) != len(keepwatch.Kinds) || len(has) != len(c.Credentials)+4 || has["discovery:shop"] != keepwatch.CheckDiscovery {
		t.Errorf("%d kinds of %d, checks %v", len(kinds), len(keepwatch.Kinds), has)
	}
	shop, _ := c.Credential("shop")
	if want := time.Date(2027, 3, 26, 15, 0, 0, 0, time.UTC); !shop.Deadline.At.Equal(want) || c.Zone("shop").String() != "Asia/Tokyo" || c.Zone("soap") != time.UTC {
		t.Errorf("the end is %s, midnight in %s", shop.Deadline.At, c.Zone("shop"))
	}
	if !slices.Equal(shop.Ladder, []time.Duration{45 * day, 7 * day}) || !slices.Equal(shop.Ladder, c.Ladder("shop")) || len(c.Ladder("soap")) != 4 {
		t.Errorf("ladders %v", shop.Ladder)
	}
	mule, ok := c.IntegrationPoint("mulesoft")
	wantPoint := keepwatch.IntegrationPoint{Name: "mulesoft", URL: "https://mule.example.com/health", ClientCert: "env:POINT_CERT", ClientKey: "env:POINT_KEY", Roots: "env:POINT_ROOTS", Expect: []int{200, 204}}
	if diff := cmp.Diff(wantPoint, mule); diff != "" || !ok {
		t.Errorf("integration point (-want +got):\n%s", diff)
	}
	if _, ok := c.IntegrationPoint("nobody"); ok {
		t.Error("an integration point that does not exist")
	}
	keystore, _ := c.Credential("keystore")
	if !filepath.IsAbs(keystore.Certificate.File) {
		t.Errorf("a relative path stayed relative: %s", keystore.Certificate.File)
	}
	var warnings []string
	for _, w := range c.Warnings {
		warnings = append(warnings, w.String())
	}
	if !slices.Equal(warnings, []string{`testdata/good/estate.yaml:48: routes[0].match.credential: no file has the credential "later"; the route waits for a record of that id`}) {
		t.Errorf("warnings %q", warnings)
	}
}

func TestNextOfTheOtherKinds(t *testing.T) {
	c, err := Load(good("estate.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	cred, now := c.Credentials[0], time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	for kind, every := range map[keepwatch.CheckKind]time.Duration{keepwatch.CheckExpiry: day, keepwatch.CheckDiscovery: day, keepwatch.CheckRotation: time.Minute} {
		check := c.Check(kind, cred)
		first := c.Next(check, now)
		second := c.Next(check, first)
		if !first.After(now) || first.After(now.Add(every)) || second.Sub(first) != every {
			t.Errorf("%s: %s, then %s", kind, first, second)
		}
	}
}

// What a look at the dates depends on changes its fingerprint; a new test does not.
func TestLookFingerprint(t *testing.T) {
	base := smallConfig(t)
	of := func(change func(*keepwatch.Credential)) string {
		r := fullRecord()
		change(&r)
		c, _ := base.With([]keepwatch.Credential{r})
		cred, _ := c.Credential(r.ID)
		return c.Check(keepwatch.CheckExpiry, cred).Fingerprint
	}
	before := of(func(*keepwatch.Credential) {})
	for name, change := range map[string]func(*keepwatch.Credential){
		"generated": func(r *keepwatch.Credential) { r.SecretGenerated = keepwatch.Day(2026, 9, 29) },
		"expires":   func(r *keepwatch.Credential) { r.Expires = keepwatch.Day(2027, 3, 2) },
		"last used": func(r *keepwatch.Credential) { r.LastUsed = keepwatch.Day(2026, 11, 21) },
		"planned":   func(r *keepwatch.Credential) { r.Renewal.Planned = keepwatch.Day(2027, 2, 11) },
		"every":     func(r *keepwatch.Credential) { r.Renewal.Every = 120 * day },
		"ladder":    func(r *keepwatch.Credential) { r.Ladder = nil },
		"confirmed": func(r *keepwatch.Credential) { r.DatesConfirmed = keepwatch.Day(2026, 10, 2) },
	} {
		if of(change) == before {
			t.Errorf("%s went unnoticed", name)
		}
	}
	if of(func(r *keepwatch.Credential) { r.Tests, r.Purpose, r.Scopes = nil, "other", nil }) != before {
		t.Error("a look at dates begins anew although no date changed")
	}
}

// A test of an integration point changes with the point's definition.
func TestFingerprintOfIntegrationPoints(t *testing.T) {
	of := func(url string) string {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		writeFile(t, path, strings.Replace(small, "https://mule.example.com/", url, 1))
		c, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Checks()[0].Fingerprint
	}
	if of("https://mule.example.com/") == of("https://mule.example.com/health") {
		t.Error("another address went unnoticed")
	}
}

// Two thousand records take as long as a page; a hundred thousand some seconds.
func TestWithLargeEstate(t *testing.T) {
	n := 2000
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		n = 100_000
	}
	records := make([]keepwatch.Credential, n)
	for i := range records {
		records[i] = fullRecord()
		records[i].ID = keepwatch.CredentialID(fmt.Sprintf("shop-%06d", i))
	}
	begin := time.Now()
	c, warnings := smallConfig(t).With(records)
	t.Logf("%d records in %s", n, time.Since(begin))
	if len(c.Credentials) != n+1 || len(warnings) > maxFaults || time.Since(begin) > 2*time.Minute {
		t.Errorf("%d credentials, %d warnings", len(c.Credentials), len(warnings))
	}
}
