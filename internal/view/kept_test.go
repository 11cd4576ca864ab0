package view_test

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/incident"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/view"
)

// What a reader keeps from one look to the next changes no answer: through random
// evidence, records and clocks, one that has looked all the time says what one says that looks for the
// first time.
func TestWhatIsKeptIsNeverStale(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 30))
	db, now := storetest.New(t), nine
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	snap := view.Snapshot{Tenants: []keepwatch.Tenant{{ID: "emea"}, {ID: "apac"}}, Plans: map[keepwatch.CredentialID]view.Plan{}}
	rewrite := func() { // every configuration is new, down to the list
		snap.Credentials = nil
		for i := range 12 {
			c := keepwatch.Credential{
				ID: keepwatch.CredentialID("cred-" + string(rune('a'+i))), Tenant: snap.Tenants[i%2].ID, BusinessUnit: keepwatch.MID(i % 3), Criticality: keepwatch.Criticalities[rng.IntN(len(keepwatch.Criticalities))],
				Kind: []keepwatch.Kind{keepwatch.ServerToServer, keepwatch.ServerToServer, keepwatch.APIUser, keepwatch.Certificate}[i%4], Owner: keepwatch.Owner{Team: []string{"crm", "data", ""}[i%3]},
			}
			if rng.IntN(4) > 0 {
				c.SecretRef = "env:S"
			}
			if rng.IntN(3) > 0 {
				c.SecretGenerated = keepwatch.DayOf(now.AddDate(0, 0, -rng.IntN(200)), time.UTC)
			}
			if rng.IntN(3) == 0 {
				c.Expires = keepwatch.DayOf(now.AddDate(0, 0, rng.IntN(12)-2), time.UTC)
			}
			snap.Credentials = append(snap.Credentials, c)
			snap.Plans[c.ID] = view.Plan{CallsPerYear: int64(1000 + i)}
		}
		if rng.IntN(2) == 0 {
			slices.Reverse(snap.Credentials)
		}
		zone := []*time.Location{time.UTC, berlin}[rng.IntN(2)]
		snap.Zone = func(keepwatch.CredentialID) *time.Location { return zone }
	}
	rewrite()
	source := func() view.Snapshot { return snap }
	kept := view.NewReader(view.From(db), source)
	part := auth.PrincipalOf("p", []auth.Grant{{Role: auth.Viewer, Tenant: "emea"}}, auth.ViaSession)
	for range 400 {
		switch rng.IntN(12) {
		case 0:
			rewrite()
		case 1:
			now = now.Add(-time.Duration(rng.IntN(90)) * time.Minute) // somebody's request came first and was late
		case 2:
			now = now.Add(time.Duration(rng.IntN(72)) * time.Hour)
		case 3, 4, 5:
			now = now.Add(time.Duration(rng.IntN(1200)) * time.Second)
		default:
			for range 1 + rng.IntN(3) {
				note(t, db.Apply, rng, snap.Credentials[rng.IntN(len(snap.Credentials))], now)
			}
		}
		for _, who := range []auth.Principal{auth.Everybody(), part} {
			got, want := answers(t, kept.For(who), rng.Uint64(), now), answers(t, view.NewReader(view.From(db), source).For(who), 0, now)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("at %s for %s (-first look +kept):\n%s", now, who.Name, diff)
			}
		}
	}
}

// note writes what a run, a look at dates or a holder's traffic may leave behind.
func note(t *testing.T, apply func(ctx context.Context, all []keepwatch.Observation, now time.Time, step func(incident.View) (incident.Changes, error)) (incident.Changes, error), rng *rand.Rand, c keepwatch.Credential, now time.Time) {
	t.Helper()
	kind := []keepwatch.CheckKind{keepwatch.CheckCredential, keepwatch.CheckCredential, keepwatch.CheckExpiry}[rng.IntN(3)]
	check := keepwatch.CheckOf(kind, c.ID)
	subject := ""
	if kind == keepwatch.CheckExpiry && rng.IntN(2) == 0 {
		subject = "secret"
	}
	outcome := []keepwatch.Outcome{keepwatch.OK, keepwatch.OK, keepwatch.Timeout, keepwatch.BadSecretOrPackage}[rng.IntN(4)]
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, now) + subject, Series: keepwatch.SeriesOf(check, subject), Check: check, Credential: c.ID, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Slot: now, At: now, Outcome: outcome, Message: "said",
	}
	if subject != "" {
		o.Due = &keepwatch.Due{Clock: keepwatch.Clock{Name: subject, Kind: keepwatch.ClockHard, Source: keepwatch.DateRead, At: now.AddDate(0, 0, rng.IntN(40)-10)}}
	}
	s := keepwatch.Series{
		ID: o.Series, Check: check, Credential: c.ID, Tenant: c.Tenant, Place: o.Place, Outcome: outcome, Last: o, LastSlot: now, LastAt: now, Since: now,
		State:      []keepwatch.State{keepwatch.StateHealthy, keepwatch.StateHealthy, keepwatch.StateDegraded, keepwatch.StateFailing, keepwatch.StateMaintenance}[rng.IntN(5)],
		PlannedGap: time.Duration(rng.IntN(60)) * time.Minute, NextProofAt: now.Add(time.Duration(rng.IntN(60)) * time.Minute),
	}
	if rng.IntN(4) > 0 {
		s.LastProvenAt = now.Add(-time.Duration(rng.IntN(30)) * time.Minute)
	}
	if kind == keepwatch.CheckCredential && rng.IntN(6) == 0 {
		s.ID, o.Series = keepwatch.SeriesOf(check, "shop"), keepwatch.SeriesOf(check, "shop")
		s.Traffic = &keepwatch.Lived{Holder: "shop", FirstAt: now, LastAt: now.Add(-time.Duration(rng.IntN(30)) * time.Hour)}
	}
	if _, err := apply(t.Context(), []keepwatch.Observation{o}, now, func(incident.View) (incident.Changes, error) {
		return incident.Changes{Series: []keepwatch.Series{s}}, nil
	}); err != nil {
		t.Fatal(err)
	}
}

// answers are what pages are made of. A seed asks in another order, which may not matter.
func answers(t *testing.T, r *view.Reader, seed uint64, now time.Time) map[string]string {
	t.Helper()
	asks := map[string]func() (any, error){
		"overview": func() (any, error) { return r.Overview(t.Context(), now, view.OverviewFilter{}) },
		"by owner": func() (any, error) { return r.Overview(t.Context(), now, view.OverviewFilter{GroupBy: "owner"}) },
		"by tier": func() (any, error) {
			return r.Overview(t.Context(), now, view.OverviewFilter{GroupBy: "tier", CredentialFilter: view.CredentialFilter{State: "healthy"}})
		},
		"inventory": func() (any, error) {
			return r.Inventory(t.Context(), now, view.InventoryFilter{Sort: "ends", Desc: true}, view.Page{Limit: 7})
		},
		"credentials": func() (any, error) {
			return r.Credentials(t.Context(), now, view.CredentialFilter{}, view.Page{Limit: 50})
		},
		"expiring": func() (any, error) { return r.Expiring(t.Context(), now, view.ExpiringFilter{}, view.Page{Limit: 20}) },
		"status":   func() (any, error) { return r.Status(t.Context(), now) },
	}
	names := slices.Sorted(maps.Keys(asks))
	rng := rand.New(rand.NewPCG(seed, 1))
	rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	out := map[string]string{}
	for _, name := range names {
		v, err := asks[name]()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		out[name] = string(text)
	}
	return out
}
