package view_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
	"keepwatch/internal/impact"
	"keepwatch/internal/incident"
	"keepwatch/internal/report"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/view"
)

// ward is one credential in a real store, with a journey that hangs on it.
type ward struct {
	t    *testing.T
	db   *store.DB
	cred keepwatch.Credential
	read *view.Reader
}

var nine = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func newWard(t *testing.T) *ward {
	w := &ward{t: t, db: storetest.New(t), cred: keepwatch.Credential{
		ID: "crm-sync", Tenant: "emea", BusinessUnit: 7, Kind: keepwatch.ServerToServer, SecretRef: "env:CRM", Owner: keepwatch.Owner{Team: "crm-platform"},
		SecretGenerated: keepwatch.Day(2026, time.June, 1),
	}}
	snap := view.Snapshot{
		Tenants: []keepwatch.Tenant{{ID: "emea"}}, Credentials: []keepwatch.Credential{w.cred},
		Depends: func(keepwatch.TenantID) []impact.Subject {
			return []impact.Subject{{
				Subject:  keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome-series", Unit: 7},
				Upstream: []keepwatch.Upstream{{Credential: "crm-sync"}}, Expect: keepwatch.Expectation{ContactsPerDay: 10000, OnOutage: "lost"},
			}}
		},
	}
	w.read = view.NewReader(view.From(w.db), func() view.Snapshot { return snap })
	return w
}

func (w *ward) apply(now time.Time, batch ...keepwatch.Observation) {
	w.t.Helper()
	_, err := w.db.Apply(w.t.Context(), batch, now, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.DefaultPolicy(), now)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *ward) run(at time.Time, outcome keepwatch.Outcome) {
	check := keepwatch.CheckID(w.cred.ID)
	w.apply(at, keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: w.cred.ID, Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: 10 * time.Minute, Outcome: outcome, Connectivity: keepwatch.ConnectivityProven,
	})
}

// look is a look at the date of the secret.
func (w *ward) look(at time.Time, generated keepwatch.Date) {
	c := w.cred
	c.SecretGenerated = generated
	check := keepwatch.CheckOf(keepwatch.CheckExpiry, c.ID)
	for _, due := range expiry.Look(c, expiry.Clocks(c, time.UTC, nil), []time.Duration{30 * 24 * time.Hour, 7 * 24 * time.Hour}, time.UTC, at) {
		o := keepwatch.Observation{
			Key: keepwatch.SlotKey(check, at) + "#" + due.Clock.Name, Series: keepwatch.SeriesOf(check, due.Clock.Name), Check: check, Credential: c.ID, Tenant: "emea",
			Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: 24 * time.Hour, Outcome: keepwatch.OK, Due: &due,
		}
		if len(due.Passed) > 0 {
			o.Outcome = keepwatch.Expiring
			o.Message, o.Hint = expiry.Words(due, time.UTC, at)
		}
		w.apply(at, o)
	}
}

func (w *ward) only() keepwatch.Incident {
	w.t.Helper()
	list, _, err := w.db.Incidents(w.t.Context(), store.IncidentFilter{}, store.Page{})
	if err != nil || len(list) != 1 {
		w.t.Fatalf("%d incidents, %v", len(list), err)
	}
	return list[0]
}

// The reference case, from the rows of a store: ten minutes between two looks, an
// outage of four hours.
func TestTheReferenceCaseFromRows(t *testing.T) {
	w := newWard(t)
	w.run(nine, keepwatch.OK)
	for at := nine.Add(10 * time.Minute); at.Before(nine.Add(4*time.Hour + 10*time.Minute)); at = at.Add(10 * time.Minute) {
		w.run(at, keepwatch.BadSecretOrPackage)
		if at.Equal(nine.Add(10 * time.Minute)) {
			w.run(at.Add(30*time.Second), keepwatch.BadSecretOrPackage)
		}
	}
	open, err := w.read.Incident(t.Context(), nine.Add(2*time.Hour), w.only().ID)
	if err != nil || !strings.HasSuffix(open.Cost, ", so far") {
		t.Errorf("%q, %v", open.Cost, err)
	}
	w.run(nine.Add(4*time.Hour+10*time.Minute), keepwatch.OK)
	inc := w.only()
	cost, err := w.read.Assess(t.Context(), nine.Add(5*time.Hour), inc)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := impact.Sum(cost, impact.ContactsLost)
	if !ok || f.Mid != 1667 || f.Formula != "4 h 00 m × 10,000 / 24 h = 1,667" || !cost.Final {
		t.Errorf("%+v", f)
	}
	if err := w.db.SaveImpact(t.Context(), inc.ID, cost); err != nil {
		t.Fatal(err)
	}
	list, err := w.read.Incidents(t.Context(), view.IncidentSearch{IncidentFilter: view.IncidentFilter{Status: "all"}}, view.Page{Limit: 10})
	if err != nil || list.Items[0].Impact["contacts_lost"].Mid != 1667 || !strings.HasPrefix(list.Items[0].Cost, "about 1,667 contacts lost (") {
		t.Errorf("%+v, %v", list.Items[0], err)
	}
	m, err := w.read.MonthReport(t.Context(), nine.AddDate(0, 1, 0), "2026-11")
	if err != nil || len(m.Incidents) != 1 || m.Totals["contacts_lost"].Mid != 1667 || m.Owners[0].Name != "crm-platform" || m.SoFar {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err = w.read.MonthReport(t.Context(), nine.AddDate(0, 1, 0), "2026-10"); err != nil || len(m.Incidents) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	for _, format := range report.Formats {
		r, err := w.read.IncidentReport(t.Context(), nine.Add(5*time.Hour), inc.ID)
		var b bytes.Buffer
		if err == nil {
			err = report.WriteIncident(&b, format, r)
		}
		if err != nil || !strings.Contains(b.String(), "4 h 00 m × 10,000 / 24 h = 1,667") {
			t.Errorf("%s: %v\n%s", format, err, b.String())
		}
	}
}

// The words that package incident writes about a renewal are those that are read.
func TestPreventedFromRows(t *testing.T) {
	end := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for name, x := range map[string]struct {
		renewed time.Time
		want    int
	}{"in time": {end.Add(-48 * time.Hour), 1}, "after the end": {end.Add(24 * time.Hour), 0}} {
		w := newWard(t)
		for at := end.Add(-20 * 24 * time.Hour); at.Before(x.renewed); at = at.Add(24 * time.Hour) {
			w.look(at.Add(9*time.Hour+time.Minute), w.cred.SecretGenerated)
		}
		w.look(x.renewed.Add(9*time.Hour+time.Minute), keepwatch.DayOf(x.renewed, time.UTC))
		m, err := w.read.MonthReport(t.Context(), end.AddDate(0, 1, 0), "2026-11")
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Prevented) != x.want {
			t.Errorf("%s: %+v of %+v", name, m.Prevented, w.only())
		}
		if x.want == 1 && (m.Prevented[0].PerDay.Mid != 10000 || m.Prevented[0].Owner != "crm-platform") {
			t.Errorf("%+v", m.Prevented[0])
		}
	}
}
