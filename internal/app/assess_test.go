package app

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

// ran records one run of the shop's own test.
func (a *App) ran(t *testing.T, at time.Time, outcome keepwatch.Outcome, reason keepwatch.Reason) {
	t.Helper()
	_, err := a.db.Apply(t.Context(), []keepwatch.Observation{{
		Key: keepwatch.SlotKey("shop", at), Series: "shop", Check: "shop", Credential: "shop", Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest,
		Reason: reason, Slot: at, At: at, Gap: 10 * time.Minute, Outcome: outcome, Connectivity: keepwatch.ConnectivityProven,
	}}, at, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.DefaultPolicy(), at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (a *App) cost(t *testing.T) (keepwatch.Incident, keepwatch.Impact) {
	t.Helper()
	list, _, err := a.db.Incidents(t.Context(), store.IncidentFilter{}, store.Page{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d incidents, %v", len(list), err)
	}
	known, err := a.db.Impacts(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return list[0], known[list[0].ID]
}

// outage lets the shop fail for four hours, looked at every ten minutes.
func (a *App) outage(t *testing.T, start time.Time, during func(now time.Time)) {
	t.Helper()
	a.ran(t, start, keepwatch.OK, keepwatch.ReasonScheduled)
	for m := 10; m <= 240; m += 10 {
		at := start.Add(time.Duration(m) * time.Minute)
		a.ran(t, at, keepwatch.BadSecretOrPackage, keepwatch.ReasonScheduled)
		if m == 10 {
			a.ran(t, at.Add(30*time.Second), keepwatch.BadSecretOrPackage, keepwatch.ReasonConfirm)
		}
		during(at.Add(time.Minute))
	}
	a.ran(t, start.Add(250*time.Minute), keepwatch.OK, keepwatch.ReasonScheduled)
}

const costly = "dependents: [{kind: journey, key: welcome, contacts_per_day: 10000, on_outage: lost, value_per_contact: 0.42}, {kind: automation, key: nightly}]"

// The duty keeps what an open incident costs so far, and once more what it cost.
func TestAssess(t *testing.T) {
	a := newWatcherWith(t, strings.Replace(watchedFile, "dependents: [{kind: journey, key: welcome}, {kind: automation, key: nightly}]", costly, 1))
	d := newDuties(a)
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	last := -1.0
	a.outage(t, start, func(now time.Time) {
		if err := d.assess(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		_, cost := a.cost(t)
		f, _ := impact.Sum(cost, impact.ContactsLost)
		if cost.Final || f.Mid <= last || !strings.HasSuffix(f.Formula, ", so far") {
			t.Fatalf("at %s after %v: %+v", now, last, f)
		}
		last = f.Mid
	})
	end := start.Add(5 * time.Hour)
	if err := d.assess(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	inc, cost := a.cost(t)
	f, _ := impact.Sum(cost, impact.ContactsLost)
	if !cost.Final || f.Mid != 1667 || f.Formula != "4 h 00 m × 10,000 / 24 h = 1,667" {
		t.Errorf("%+v of %+v", f, inc)
	}
	if v, _ := impact.Sum(cost, impact.Value); v.Mid != 700.14 {
		t.Errorf("%+v", v)
	}
	// What is final stays, also for a process that starts anew.
	if err := newDuties(a).assess(t.Context(), end.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, again := a.cost(t); !again.At.Equal(cost.At) {
		t.Errorf("it was worked out again at %s", again.At)
	}
	if got := impact.Headline(a.impactOf(t.Context(), inc)); !strings.HasPrefix(got, "about 1,667 contacts lost (") {
		t.Error(got)
	}
}

// A process that was not there at the end finds the incident when it starts.
func TestAssessAfterARestart(t *testing.T) {
	a := newWatcher(t)
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	a.outage(t, start, func(time.Time) {})
	if err := newDuties(a).assess(t.Context(), start.Add(20*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, cost := a.cost(t); !cost.Final {
		t.Errorf("%+v", cost)
	}
}

// The whole way of a backtest: another file, the rows of the store.
func TestBacktest(t *testing.T) {
	a := newWatcher(t)
	start := time.Now().UTC().Truncate(time.Minute).Add(-20 * time.Hour)
	a.outage(t, start, func(time.Time) {})
	inc, _ := a.cost(t)
	notices, err := a.db.Unrouted(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notices {
		if err := a.db.Route(t.Context(), n.ID, []keepwatch.Delivery{{Notice: n, Receiver: "ops"}}, n.At); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(text string) (client.Backtest, error) {
		return a.Backtest(t.Context(), client.BacktestRequest{Days: 30, Files: []client.ConfigFile{{Name: "new.yaml", Text: text}}}, time.Now())
	}
	same, err := ask(watchedFile)
	if err != nil || len(same.Messages) > 0 || len(same.Incidents) > 0 || len(same.Receivers) != 1 || same.Receivers[0].Before != 2 {
		t.Errorf("%+v, %v", same, err)
	}
	other, err := ask(strings.Replace(watchedFile, "routes: [{to: ops}]", "routes: [{to: ops, wait: 10h}]", 1))
	if err != nil || other.Receivers[0].Removed != 2 || !other.Parts[0].Differs || other.Messages[0].Incident != string(inc.ID) {
		t.Errorf("%+v, %v", other, err)
	}
	rarer, err := ask(watchedFile + "tiers: {standard: {every: {business: 2h, off: 2h}, fail_after: 2}}\n")
	if err != nil || len(rarer.Incidents) != 1 || rarer.Incidents[0].Change != "later" {
		t.Errorf("%+v, %v", rarer, err)
	}
	if _, err := ask("version: 1\nroutes: nonsense\n"); err == nil || !strings.Contains(err.Error(), "new.yaml") {
		t.Errorf("a faulty file: %v", err)
	}
	// What the environment holds does not come out.
	_, err = ask(strings.Replace(watchedFile, "to: ops", `to: "${env:SECRET}"`, 1))
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("an environment variable: %v", err)
	}
}
