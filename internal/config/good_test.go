package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/expiry"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/email"
	"keepwatch/internal/notify/ticket"
	"keepwatch/internal/notify/webhook"
)

// goodEnv has every variable that the good files name.
func goodEnv(t *testing.T) func(string) (string, bool) {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", "good"))
	if err != nil {
		t.Fatal(err)
	}
	return env(map[string]string{
		"CRM": "s3cret", "HOOK_KEY": "k3y", "HOOK_URL": "https://example.com/hook", "SFMC_CRM_SYNC": "s3cret", "SLACK_CRM": "https://hooks.slack.com/services/x",
		"WIDE": "0.0.0.0:8484", "HOST": "keepwatch.example.com", "DB": "postgres://u:p4ss@db/k", "PACE": "20s", "RUNS": "7", "TENANT": "emea",
		"POINT_CERT": "c3rt", "POINT_KEY": "k3y", "POINT_ROOTS": "r00ts", "ENS_KEY": "k3y",
		"ONCE": "${env:CRM}", "DIR": dir,
	})
}

func mustLoad(t *testing.T, path string) *Config {
	t.Helper()
	c, err := Validate(t.Context(), path, goodEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func good(name string) string { return filepath.Join("testdata", "good", name) }

// goodPaths are all configurations that must load, old formats included.
func goodPaths(t *testing.T) []string {
	t.Helper()
	paths := []string{"example.yaml", good("folder")}
	for _, pattern := range []string{good("*.yaml"), filepath.Join("testdata", "config", "*.yaml")} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		paths = append(paths, found...)
	}
	return paths
}

func TestGoodFilesLoad(t *testing.T) {
	for _, path := range goodPaths(t) {
		t.Run(path, func(t *testing.T) { mustLoad(t, path) })
	}
}

// The published sample, field by field.
func TestSample(t *testing.T) {
	c := mustLoad(t, filepath.Join("testdata", "config", "v1.yaml"))
	end := time.Date(2027, 3, 26, 23, 0, 0, 0, time.UTC) // midnight in the office
	wantTenants := []keepwatch.Tenant{{
		ID: "emea", Subdomain: "mc563885gzs27c5t9-63k636ttgm",
		AuthURL: "http://127.0.0.1:8485/", RESTURL: "http://127.0.0.1:8485/", SOAPURL: "http://127.0.0.1:8485/Service.asmx",
		BusinessUnits: []keepwatch.BusinessUnit{{MID: 510000123, Name: "Germany"}},
	}}
	if diff := cmp.Diff(wantTenants, c.Tenants); diff != "" {
		t.Errorf("tenants (-want +got):\n%s", diff)
	}
	wantCredentials := []keepwatch.Credential{{
		ID: "crm-sync", Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer, ClientID: "4xq0example",
		SecretRef: "env:SFMC_CRM_SYNC", SecretGenerated: keepwatch.Day(2026, 9, 28), Deadline: keepwatch.Deadline{At: end, Source: keepwatch.DateDerived},
		Criticality: keepwatch.Transactional, Owner: keepwatch.Owner{Team: "crm-platform", Contact: "crm-oncall@example.com"},
		Purpose: "order confirmations from the shop",
		Holders: []keepwatch.Holder{{Name: "mulesoft-prod", Contact: "middleware@example.com"}, {Name: "shop-backend"}},
		Dependents: []keepwatch.Dependent{
			{Kind: "journey", Key: "welcome-series", ContactsPerDay: 10000, ValuePerContact: 0.42, Reads: []string{"Orders"}, OnOutage: "lost"},
			{Kind: "data_extension", Key: "Orders", ExpectRowsEvery: time.Hour, TimestampField: "ModifiedDate", FedBy: "nightly-orders"},
			{Kind: "automation", Key: "nightly-orders"},
			{Kind: "transactional_email", Key: "order-confirmation", MaxQueueAge: 5 * time.Minute},
			{Kind: "triggered_send", Key: "password-reset"},
		},
		RunbookURL: "https://wiki.example.com/runbooks/crm-sync",
		Renewal:    keepwatch.Renewal{Every: 150 * 24 * time.Hour, Planned: keepwatch.Day(2027, 3, 10), Window: 48 * time.Hour, By: "crm-platform"},
		Tests:      []string{"identity", "rest:/messaging/v1/email/definitions?$pageSize=1", "soap:GetSystemStatus"},
		File:       "testdata/config/v1.yaml:23",
	}}
	wantCredentials[0].Clocks = expiry.Clocks(wantCredentials[0], end.Location(), nil)
	wantCredentials[0].Clocks[0].At = end
	if diff := cmp.Diff(wantCredentials, c.Credentials); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	wantRoutes := notify.Routes{
		{Match: notify.Match{Criticality: []string{"transactional"}}, To: []string{"crm", "ops"}, RepeatEvery: 30 * time.Minute},
		{To: []string{"ops"}, Wait: 2 * time.Minute},
	}
	if diff := cmp.Diff(wantRoutes, c.Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	wantServer := Server{Listen: "127.0.0.1:8484", BaseURL: "https://keepwatch.example.com", Auth: AuthLocal}
	if diff := cmp.Diff(wantServer, c.Server); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	if c.Store.URL != "sqlite:keepwatch.db" || len(c.Receivers) != 2 || c.Receivers[0].Channel != "slack" || c.Receivers[1].Channel != "webhook" {
		t.Errorf("store %q, receivers %+v", c.Store.URL, c.Receivers)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].String(), "effects.readers names nobody") {
		t.Errorf("warnings %v", c.Warnings)
	}
}

// The tiers that the sample writes out are said to be the defaults; so they are.
func TestSampleTiersAreTheDefaults(t *testing.T) {
	written, none := mustLoad(t, filepath.Join("testdata", "config", "v1.yaml")), mustLoad(t, good("minimal.yaml"))
	for criticality, tier := range none.Tiers {
		if tier.Calendar != DefaultCalendar {
			t.Errorf("%s has the calendar %q by default", criticality, tier.Calendar)
		}
		tier.Calendar = "office"
		if diff := cmp.Diff(tier, written.Tiers[criticality]); diff != "" {
			t.Errorf("%s (-default +written):\n%s", criticality, diff)
		}
	}
}

func TestMinimalHasDefaults(t *testing.T) {
	c := mustLoad(t, good("minimal.yaml"))
	if diff := cmp.Diff(Server{Listen: "127.0.0.1:8484", BaseURL: "http://127.0.0.1:8484", Auth: AuthLocal}, c.Server); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	if c.Store.URL != "sqlite:keepwatch.db" || len(c.Checks()) != 0 || len(c.Warnings) != 1 {
		t.Errorf("store %q, warnings %v", c.Store.URL, c.Warnings)
	}
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	office := c.Calendars[DefaultCalendar]
	for hour, open := range map[int]bool{7: false, 8: true, 17: true, 18: false} {
		if office.Open(monday.Add(time.Duration(hour)*time.Hour)) != open {
			t.Errorf("the default calendar at %d o'clock", hour)
		}
	}
}

func TestKinds(t *testing.T) {
	c := mustLoad(t, good("kinds.yaml"))
	get := func(id keepwatch.CredentialID) keepwatch.Credential {
		cred, ok := c.Credential(id)
		if !ok {
			t.Fatalf("no %s", id)
		}
		return cred
	}
	pkg, old, user := get("package"), get("old"), get("soap-user")
	if pkg.ClientID != "12345" || pkg.BusinessUnit != 510000124 || pkg.Kind != keepwatch.ServerToServer || pkg.Criticality != keepwatch.Standard {
		t.Errorf("package: %+v", pkg)
	}
	if pkg.Deadline.Source != keepwatch.DateUnknown || !slices.Equal(pkg.Tests, []string{"identity"}) || !slices.Equal(pkg.Scopes, []string{"email_read", "data_extensions_read"}) {
		t.Errorf("package: %+v", pkg)
	}
	if want := time.Date(2026, 9, 28, 12, 30, 0, 0, time.UTC); old.SecretGenerated != keepwatch.Exactly(want) || old.Deadline.Source != keepwatch.DateUnknown {
		t.Errorf("old: %+v", old)
	}
	if !filepath.IsAbs(strings.TrimPrefix(old.SecretRef, "file:")) {
		t.Errorf("a relative file: reference stayed relative: %s", old.SecretRef)
	}
	if user.Username != "keepwatch" || user.Deadline.Source != keepwatch.DateUnknown || !slices.Equal(user.Tests, []string{"identity", "soap:Account"}) {
		t.Errorf("soap-user: %+v", user)
	}
	want := Tier{Business: 30 * time.Second, Off: time.Hour, FailAfter: 5, Calendar: "night"}
	if diff := cmp.Diff(want, c.TierOf("soap-user")); diff != "" {
		t.Errorf("own tier (-want +got):\n%s", diff)
	}
	if c.FailAfter("soap-user") != 5 || c.FailAfter("old") != 3 || c.FailAfter("package") != 2 {
		t.Error("fail_after")
	}
	reporting := c.TierOf("old")
	if reporting.Off != 36*time.Hour || reporting.Business != time.Hour || !slices.IsSortedFunc(reporting.ExpiryLadder, func(a, b time.Duration) int { return int(b - a) }) {
		t.Errorf("partly overridden tier: %+v", reporting)
	}
	night := c.Calendars["night"]
	closed := time.Date(2026, 11, 2, 23, 0, 0, 0, time.FixedZone("", -5*3600)) // by the ICS file
	if night.Open(closed) || !night.Open(closed.AddDate(0, 0, 2)) {
		t.Error("the ICS file's day is not closed, or another one is")
	}
}

func TestReceivers(t *testing.T) {
	c := mustLoad(t, good("kinds.yaml"))
	want := []Receiver{
		{Name: "mail", Channel: "email", Config: email.Config{SMTP: "mail.example.com:465", From: "Keepwatch <keepwatch@example.com>", To: []string{"a@example.com", "b@example.com"}, TLS: email.TLS, Username: "keepwatch", Password: "env:CRM"}, Links: true, Pace: notify.DefaultPace},
		{Name: "relay", Channel: "email", Config: email.Config{SMTP: "localhost:25", From: "keepwatch@example.com", To: []string{"ops@example.com"}, TLS: email.None}, Links: true, Pace: notify.DefaultPace},
		{Name: "hook", Channel: "webhook", Config: webhook.Config{URL: "https://example.com/hook"}, Pace: notify.Pace{Count: 3, Within: 5 * time.Minute}},
		{Name: "hidden", Channel: "webhook", Config: webhook.Config{URL: "env:HOOK_URL", Secret: "env:HOOK_KEY"}},
	}
	if diff := cmp.Diff(want, c.Receivers); diff != "" {
		t.Errorf("receivers (-want +got):\n%s", diff)
	}
	match := notify.Match{
		Tenant: []string{"emea", "apac"}, BusinessUnit: []string{"510000123"}, Owner: []string{"crm"}, Credential: []string{"package"},
		Category: []string{"credential", "throttle"}, Outcome: []string{"secret_expired"}, Severity: []string{"critical"}, Scope: []string{"credential"},
	}
	if diff := cmp.Diff(match, c.Routes[0].Match); diff != "" {
		t.Errorf("match (-want +got):\n%s", diff)
	}
	if r := c.Routes[1]; !slices.Equal(r.GroupBy, []string{"tenant", "owner"}) || r.Digest == nil || r.Digest.String() != "monday 08:30 America/New_York" {
		t.Errorf("route %+v with digest %v", r, r.Digest)
	}
}

func TestRoutingAndSilences(t *testing.T) {
	c := mustLoad(t, good("routing.yaml"))
	r := c.Routes[0]
	if r.Name != "the team" || r.OnlyIn != c.Calendars["office"] || !slices.Equal(r.Otherwise, []string{"duty"}) || len(r.Escalate) != 2 || r.Escalate[1].After != time.Hour ||
		!slices.Equal(r.Escalate[1].To, []string{"duty", "lead"}) || !slices.Equal(r.Match.Kind, []string{"server_to_server"}) {
		t.Errorf("route %+v", r)
	}
	if len(c.Mutes) != 3 || len(c.Warnings) != 0 {
		t.Fatalf("%d silences, warnings %v", len(c.Mutes), c.Warnings)
	}
	known, weekly, move := c.Mutes[0].Silence, c.Mutes[1].Silence, c.Mutes[2].Silence
	if known.Kind != keepwatch.Silenced || !known.Until.Equal(time.Date(2026, 12, 24, 5, 0, 0, 0, time.UTC)) || !strings.HasSuffix(known.File, "routing.yaml:17") {
		t.Errorf("a day ends where it is a day: %+v", known)
	}
	if weekly.Kind != keepwatch.Maintained || weekly.Hours != "sun 02:00-04:00" || move.From.Hour() != 20 || move.Hours != "" {
		t.Errorf("%+v\n%+v", weekly, move)
	}
}

// Every channel can be configured, and names all its secrets.
func TestChannels(t *testing.T) {
	c := mustLoad(t, good("channels.yaml"))
	seen := map[string]bool{}
	for _, r := range c.Receivers {
		seen[r.Channel] = true
		if err := r.Config.Validate(); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
	for _, name := range channelKeys {
		if !seen[name] && name != "email" {
			t.Errorf("no receiver over %s", name)
		}
	}
	own, ok := c.Receivers[3].Config.(webhook.Config)
	if !ok || own.Template != "{\"text\": \"{{.Title}}\",\n \"team\": \"{{.Labels.owner}}\"}\n" {
		t.Errorf("template %+v", own)
	}
	jira, ok := c.Receivers[9].Config.(ticket.Config)
	if !ok || len(jira.Fields) != 2 || jira.Fields[1] != (ticket.Field{Name: "customfield_10010", Value: "{{.Labels.owner}}"}) {
		t.Errorf("fields %+v", jira.Fields)
	}
	if diff := cmp.Diff([]string{"env:CRM"}, c.References()); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

func TestExpansion(t *testing.T) {
	c := mustLoad(t, good("expanded.yaml"))
	cred := c.Credentials[0]
	if c.Server.Listen != "0.0.0.0:8484" || c.Server.BaseURL != "https://keepwatch.example.com/watch" {
		t.Errorf("server %+v", c.Server)
	}
	if cred.ClientID != "${env:CRM}" {
		t.Errorf("a value from the environment was expanded again, to %q", cred.ClientID)
	}
	if !strings.Contains(cred.Tests[1], "$pageSize=1") || cred.Tenant != "emea" || c.FailAfter("crm") != 7 || c.TierOf("crm").Business != 20*time.Second {
		t.Errorf("credential %+v", cred)
	}
	if c.Store.URL != "postgres://u:p4ss@db/k" || c.Store.String() != "postgres://…@db/k" {
		t.Errorf("store %q, shown as %q", c.Store.URL, c.Store.String())
	}
}

func TestFolder(t *testing.T) {
	c := mustLoad(t, good("folder"))
	if len(c.Files) != 3 || len(c.Credentials) != 2 || c.TierOf("shop").Calendar != "office" {
		t.Errorf("files %v, credentials %+v", c.Files, c.Credentials)
	}
}

func TestRuntimeLoadAsksForNoSecret(t *testing.T) {
	sample := filepath.Join("testdata", "config", "v1.yaml")
	c, err := Load(sample, nil)
	if err != nil {
		t.Fatalf("without the secrets: %v", err)
	}
	want := []string{"env:SFMC_CRM_SYNC", "env:SLACK_CRM", "env:HOOK_KEY"}
	if diff := cmp.Diff(want, c.References()); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
	if _, err := Validate(t.Context(), sample, nil); err == nil || strings.Count(err.Error(), "is not set") != 3 {
		t.Errorf("Validate: %v", err)
	}
}

// What a test depends on changes the fingerprint; what it does not, does not.
func TestFingerprint(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "config", "v1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	of := func(old, replacement string) keepwatch.Check {
		changed := strings.Replace(string(content), old, replacement, 1)
		if old != "" && changed == string(content) {
			t.Fatalf("%q is not in the sample", old)
		}
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Checks()[0]
	}
	before := of("", "")
	want := keepwatch.Check{ID: "crm-sync", Kind: keepwatch.CheckCredential, Credential: "crm-sync", Tenant: "emea", Phase: keepwatch.PhaseOf("emea", "crm-sync"), Fingerprint: before.Fingerprint}
	if diff := cmp.Diff(want, before); diff != "" || before.Fingerprint == "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
	for old, replacement := range map[string]string{
		"4xq0example":              "5xq0example",
		"env:SFMC_CRM_SYNC":        "env:SFMC_CRM_SYNC_2",
		"2026-09-28":               "2026-11-02",
		"mc563885gzs27c5t9":        "mc563885gzs27c5t0",
		"rest: http://127.0.0.1":   "rest: http://127.0.0.2",
		"soap:GetSystemStatus":     "soap:Account",
		"every: {business: 10m":    "every: {business: 11m",
		"08:00-18:00\"":            "08:00-17:00\"",
		"holidays: DE":             "holidays: AT",
		"business_unit: 510000123": "",
		"kind: server_to_server":   "kind: legacy_package",
		"timezone: Europe/Berlin,": "timezone: Europe/Paris,",
	} {
		if of(old, replacement).Fingerprint == before.Fingerprint {
			t.Errorf("%q to %q went unnoticed", old, replacement)
		}
	}
	for old, replacement := range map[string]string{
		"order confirmations": "receipts", "crm-oncall@example.com": "x@example.com", "fail_after: 1": "fail_after: 2", "wait: 2m": "wait: 3m", "name: Germany": "name: DACH",
	} {
		if of(old, replacement).Fingerprint != before.Fingerprint {
			t.Errorf("%q to %q counts as a change of the test", old, replacement)
		}
	}
}

func TestCadence(t *testing.T) {
	c := mustLoad(t, filepath.Join("testdata", "config", "v1.yaml"))
	check := c.Checks()[0]
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	next := c.Next(check, noon)
	if !next.After(noon) || next.After(noon.Add(10*time.Minute)) || c.Cadence("crm-sync").GapAt(noon) != 10*time.Minute {
		t.Errorf("next %v", next)
	}
	if unknown := c.TierOf("nobody"); unknown.Business != 14*time.Minute {
		t.Errorf("an unknown credential has %+v", unknown)
	}
	if _, ok := c.Tenant("nobody"); ok {
		t.Error("a tenant that does not exist")
	}
}

func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "open.secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "keepwatch.yaml")
	content := `version: 1
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]
credentials:
  - {id: crm, tenant: emea, client_id: abc, secret: "file:open.secret", owner: {team: crm}}
receivers:
  - {name: ops, webhook: {url: "https://example.com/"}}
  - {name: idle, webhook: {url: "https://example.com/"}}
routes:
  - {match: {owner: crmm}, to: ops}
`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, strings.ReplaceAll(w.String(), dir+string(filepath.Separator), ""))
	}
	want := []string{
		"keepwatch.yaml:4: credentials.crm.secret: file:open.secret has mode 0644: others than its owner may read or change it; chmod 600 is enough",
		"keepwatch.yaml:9: routes[0]: the last route does not catch all: what no route matches is told to nobody",
		"keepwatch.yaml:7: receivers.idle: no route names this receiver",
		`keepwatch.yaml:9: routes[0].match.owner: no credential is owned by "crmm"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
