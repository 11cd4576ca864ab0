package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/collect"
)

func effectsConfig(t *testing.T) *Config { return mustLoad(t, good("effects.yaml")) }

// said is a subject in a line: what it hangs on, and over what.
func said(w collect.Wanted) string {
	ways := make([]string, len(w.Upstream))
	for i, u := range w.Upstream {
		ways[i] = string(u.Credential)
		for _, via := range u.Via {
			ways[i] += " > " + via
		}
	}
	return fmt.Sprintf("%s: %s", w.Subject.ID(), strings.Join(ways, "; "))
}

func TestDependentsBecomeSubjects(t *testing.T) {
	c := effectsConfig(t)
	got := map[string][]string{}
	for _, p := range c.EffectsPlans() {
		for _, w := range p.Subjects {
			if w.Subject.Unit != p.Unit || FamilyOf(w.Subject.Kind) != p.Family {
				t.Errorf("%s is in the plan of unit %s, family %s", w.Subject, p.Unit, p.Family)
			}
			got[string(p.Check)] = append(got[string(p.Check)], said(w))
		}
		if p.All {
			got[string(p.Check)] = []string{"all"}
		}
	}
	want := map[string][]string{
		"effects:emea:510000123:journeys": {
			"journey/loyalty: erp; shop > automation/nightly-orders > data_extension/Orders",
			"journey/welcome-series: shop; shop > automation/nightly-orders > data_extension/Orders",
		},
		"effects:emea:510000123:data_extensions": {"data_extension/Orders: shop > automation/nightly-orders", "data_extension/Points: "},
		"effects:emea:510000123:automations":     {"automation/nightly-orders: shop"},
		"effects:emea:510000123:queues":          {"transactional_email/order-confirmation: erp; shop"},
		"effects:emea:510000124:automations":     {"automation/nightly-orders: drop"},
		"effects:emea:510000124:sends":           {"triggered_send/password-reset: drop"},
		"effects:apac:530000300:journeys":        {"all"}, "effects:apac:530000300:data_extensions": {"all"}, "effects:apac:530000300:automations": {"all"},
		"effects:apac:530000300:queues": {"all"}, "effects:apac:530000300:sends": {"all"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	p, _ := c.EffectsPlan("effects:emea:510000123:queues")
	wantMail := keepwatch.Expectation{ContactsPerDay: 500, MaxQueueAge: 5 * time.Minute, Zone: "Asia/Tokyo"}
	if diff := cmp.Diff(wantMail, p.Subjects[0].Expect); diff != "" {
		t.Errorf("what two credentials say of one thing:\n%s", diff)
	}
	p, _ = c.EffectsPlan("effects:emea:510000123:journeys")
	wantJourney := keepwatch.Expectation{ContactsPerDay: 10000, ValuePerContact: 0.42, OnOutage: "lost", Reads: []string{"Orders"}, Zone: "Asia/Tokyo"}
	if diff := cmp.Diff(wantJourney, p.Subjects[1].Expect); diff != "" {
		t.Error(diff)
	}
	p, _ = c.EffectsPlan("effects:emea:510000123:data_extensions")
	if w := p.Subjects[0]; w.TimestampField != "ModifiedDate" || w.Expect.RowsEvery != time.Hour || w.Expect.FedBy != "nightly-orders" {
		t.Errorf("%+v", w)
	}
	if p.Calendar.Location().String() != "Asia/Tokyo" || !slices.Equal(p.Off, []string{"journey_history"}) {
		t.Errorf("%+v", p)
	}
	if _, ok := c.EffectsPlan("effects:americas::journeys"); ok {
		t.Error("a tenant without a reader is looked at")
	}
}

// What an automation fills is reached over it, by whoever names the automation; and
// things that feed each other come to an end.
func TestWaysOfTheWeb(t *testing.T) {
	w := &web{unit: 7, things: map[string]*thing{}}
	add := func(owner, kind, key, fedBy string, reads ...string) {
		w.add(keepwatch.CredentialID(owner), keepwatch.Dependent{Kind: kind, Key: key, FedBy: fedBy, Reads: reads}, "UTC")
	}
	add("file-drop", "automation", "load", "", "Raw")
	add("shop", "data_extension", "Raw", "load")
	add("shop", "journey", "welcome", "", "Raw")
	add("crm", "data_extension", "Points", "book")
	add("loyalty", "data_extension", "Badges", "book")
	var got []string
	for _, f := range keepwatch.Families {
		for _, s := range w.families()[f] {
			got = append(got, said(s))
		}
	}
	want := []string{
		"journey/welcome: shop; shop > data_extension/Raw; file-drop > automation/load > data_extension/Raw",
		"data_extension/Badges: crm > automation/book; loyalty > automation/book",
		"data_extension/Points: crm > automation/book; loyalty > automation/book",
		"data_extension/Raw: shop; file-drop > automation/load",
		"automation/book: crm; loyalty",
		"automation/load: file-drop; shop > data_extension/Raw",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ways (-want +got):\n%s", diff)
	}
	var tangled []string
	for i := range 40 {
		tangled = append(tangled, fmt.Sprint(i))
	}
	for _, key := range tangled {
		add("all", "data_extension", key, "", tangled...)
	}
	began := time.Now()
	if n := len(w.families()[keepwatch.FamilyDataExtensions][0].Upstream); n > maxWays || time.Since(began) > 5*time.Second {
		t.Errorf("%d ways after %s", n, time.Since(began))
	}
}

func TestEffectsChecks(t *testing.T) {
	c := effectsConfig(t)
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	rows := 0
	for _, check := range c.Checks() {
		if check.Kind != keepwatch.CheckEffects {
			continue
		}
		rows++
		p, ok := c.EffectsPlan(check.ID)
		first := c.Next(check, now)
		if second := c.Next(check, first); !ok || check.Credential != "" || check.Phase != keepwatch.PhaseOf(p.Tenant, check.ID) ||
			!first.After(now) || second.Sub(first) != p.Every {
			t.Errorf("%+v: %s, then %s; every %s", check, first, second, p.Every)
		}
	}
	if rows != 11 {
		t.Errorf("%d rows", rows)
	}
	for id, want := range map[keepwatch.CheckID]time.Duration{
		"effects:emea:510000123:journeys": 5 * time.Minute, "effects:emea:510000123:queues": 30 * time.Second,
		"effects:emea:510000123:data_extensions": time.Hour, "effects:emea:510000123:automations": 15 * time.Minute,
	} {
		if p, _ := c.EffectsPlan(id); p.Every != want {
			t.Errorf("%s every %s", id, p.Every)
		}
	}
	gone := keepwatch.Check{ID: "effects:emea:1:sends", Kind: keepwatch.CheckEffects}
	if next := c.Next(gone, now); !next.After(now) || next.After(now.Add(time.Hour)) {
		t.Errorf("a check that a reload removed is due at %s", next)
	}
}

// What a look depends on changes its fingerprint, and nothing else does.
func TestEffectsFingerprint(t *testing.T) {
	base := effectsConfig(t)
	const id = "effects:emea:510000123:journeys"
	of := func(c *Config) string {
		for _, check := range c.Checks() {
			if check.ID == id {
				return check.Fingerprint
			}
		}
		return "none"
	}
	record := func(change func(*keepwatch.Credential)) *Config {
		r := keepwatch.Credential{ID: "later", Tenant: "emea", Kind: keepwatch.ServerToServer, ClientID: "abc", SecretRef: "env:CRM", Tests: []string{"identity"}}
		change(&r)
		c, warnings := base.With([]keepwatch.Credential{r})
		if len(warnings) > 0 {
			t.Fatal(warnings)
		}
		return c
	}
	before := of(record(func(*keepwatch.Credential) {}))
	if before == of(base) {
		t.Error("a further reader went unnoticed")
	}
	for name, change := range map[string]func(*keepwatch.Credential){
		"client":    func(r *keepwatch.Credential) { r.ClientID = "other" },
		"generated": func(r *keepwatch.Credential) { r.SecretGenerated = keepwatch.Day(2026, 9, 29) },
		"no secret": func(r *keepwatch.Credential) { r.SecretRef = "" },
		"kind":      func(r *keepwatch.Credential) { r.Kind, r.ClientID, r.Username = keepwatch.APIUser, "", "u" },
		"dependents": func(r *keepwatch.Credential) {
			r.BusinessUnit, r.Dependents = 510000123, []keepwatch.Dependent{{Kind: "journey", Key: "new"}}
		},
	} {
		if of(record(change)) == before {
			t.Errorf("%s went unnoticed", name)
		}
	}
	if of(record(func(r *keepwatch.Credential) { r.Purpose, r.Owner.Team = "other", "other" })) != before {
		t.Error("a look begins anew although nothing that it depends on changed")
	}
}

func TestReadersAndTheirWarnings(t *testing.T) {
	c := effectsConfig(t)
	e, ok := c.Effects("emea")
	if !ok || !slices.Equal(e.Readers, []keepwatch.CredentialID{"watcher", "later"}) || e.Allowance != 6000000 || len(e.ENS) != 1 {
		t.Errorf("%+v", e)
	}
	if readers := c.Readers("emea"); len(readers) != 1 || readers[0].ID != "watcher" {
		t.Errorf("readers %v", readers)
	}
	if _, ok := c.Effects("americas"); ok {
		t.Error("a tenant that says nothing of effects is watched")
	}
	var got []string
	for _, w := range c.Warnings {
		got = append(got, w.String())
	}
	want := []string{
		`testdata/good/effects.yaml:12: tenants.emea.effects.readers[1]: no file has the credential "later"; nothing is read with it until a record has that id`,
		`testdata/good/effects.yaml:19: tenants.americas: credentials of this tenant have dependents, but effects.readers names nobody to look at them with`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
