package view_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/view"
)

// Every field of a record survives the way through the wire type: one that is
// forgotten there would be wiped out by the first change over the API.
func TestARecordKeepsEveryField(t *testing.T) {
	c := keepwatch.Credential{
		ID: "crm", Tenant: "emea", BusinessUnit: 7, Kind: keepwatch.APIUser, ClientID: "id", Package: "CRM", Username: "api", SecretRef: "env:CRM",
		SecretGenerated: keepwatch.Day(2026, 9, 28), Expires: keepwatch.Exactly(time.Date(2027, 3, 1, 12, 30, 0, 0, time.UTC)), LastUsed: keepwatch.Day(2026, 11, 1),
		ValidFor: 90 * 24 * time.Hour, IdleFor: 36 * time.Hour, DatesConfirmed: keepwatch.Day(2026, 11, 2),
		Certificate: keepwatch.CertificateSource{File: "a.p12", Endpoint: "mw.example.com:443", ServerName: "mw", Password: "env:P", Alias: "one"},
		Criticality: keepwatch.Reporting, Owner: keepwatch.Owner{Team: "crm", Contact: "crm@example.com"}, Purpose: "orders",
		Environment: "production", Region: "eu", Area: "commerce", Holders: []keepwatch.Holder{{Name: "shop", Contact: "s@example.com"}},
		Dependents: []keepwatch.Dependent{{
			Kind: "data_extension", Key: "Orders", ContactsPerDay: 1.5, ValuePerContact: 2, Reads: []string{"a"}, FedBy: "b", OnOutage: "late",
			ExpectRowsEvery: time.Hour, TimestampField: "at", MaxQueueAge: 5 * time.Minute,
		}},
		Renewal: keepwatch.Renewal{Every: 24 * time.Hour, Planned: keepwatch.Day(2027, 1, 2), Window: time.Hour, By: "anna", Ticket: true},
		Ladder:  []time.Duration{48 * time.Hour}, RunbookURL: "https://wiki.example.com", Pushed: time.Hour, Discover: true, Tests: []string{"identity"}, Scopes: []string{"email_read"},
	}
	// What follows from the record, and where it stands, is not part of it.
	derived := map[string]bool{"Clocks": true, "Deadline": true, "File": true}
	for v, i := reflect.ValueOf(c), 0; i < v.NumField(); i++ {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() != derived[name] {
			t.Errorf("this test does not fill %s", name)
		}
	}
	got, err := view.CredentialOf(view.RecordOf(c))
	if diff := cmp.Diff(c, got, cmp.Comparer(keepwatch.Date.Equal)); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

var now = time.Date(2026, 11, 24, 22, 30, 0, 0, time.UTC)

// look is a series of a credential's dates, as the daily look leaves it.
func look(id keepwatch.CredentialID, clock string, outcome keepwatch.Outcome, due *keepwatch.Due) keepwatch.Series {
	check := keepwatch.CheckOf(keepwatch.CheckExpiry, id)
	s := keepwatch.Series{
		ID: keepwatch.SeriesOf(check, clock), Check: check, Credential: id, Place: keepwatch.Local, State: outcome.Info().State, Outcome: outcome,
		LastAt: now.Add(-time.Hour), LastSlot: now.Add(-time.Hour), PlannedGap: 24 * time.Hour, NextProofAt: now.Add(23 * time.Hour),
	}
	if outcome == keepwatch.OK {
		s.LastProvenAt = s.LastAt
	}
	s.Last.Due, s.Last.Outcome, s.Last.At = due, outcome, s.LastAt
	return s
}

func expiring(t *testing.T, snap view.Snapshot, series []keepwatch.Series, f view.ExpiringFilter) map[string]string {
	t.Helper()
	list, err := view.Expiring(snap, series, now, f, view.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range list.Items {
		out[e.Credential+" "+e.Clock.Name] = strings.Join([]string{e.Clock.EndsOn, e.Clock.Source, e.Severity, e.State}, " ")
	}
	return out
}

func TestWhatCannotBeProvenStandsAsItsDatesDo(t *testing.T) {
	day := func(n int) keepwatch.Date { return keepwatch.DayOf(now, time.UTC).AddDays(n) }
	read := func(n int) *keepwatch.Due {
		return &keepwatch.Due{Clock: keepwatch.Clock{Name: "certificate", Kind: keepwatch.ClockHard, At: now.AddDate(0, 0, n), Source: keepwatch.DateRead}}
	}
	snap := view.Snapshot{Credentials: []keepwatch.Credential{
		{ID: "contract", Kind: keepwatch.Contract, Expires: day(5)},
		{ID: "contract-over", Kind: keepwatch.Contract, Expires: day(-5)},
		{ID: "unseen", Kind: keepwatch.Contract, Expires: day(5)},
		{ID: "undated", Kind: keepwatch.SFTPPassword},
		{ID: "no-secret", Kind: keepwatch.ServerToServer, SecretGenerated: day(-150)},
		{ID: "assumed", Kind: keepwatch.PersonalAccessToken, SecretGenerated: day(-31)},
		{ID: "cert", Kind: keepwatch.Certificate, Expires: day(900)},
		{ID: "cert-gone", Kind: keepwatch.Certificate},
		{ID: "tried", Kind: keepwatch.SFTPPassword, Expires: day(80)},
		{ID: "point", Kind: keepwatch.SFTPPassword, Expires: day(80), Tests: []string{"https:mulesoft"}},
	}}
	var series []keepwatch.Series
	for _, id := range []keepwatch.CredentialID{"contract", "contract-over", "undated", "no-secret", "assumed", "cert", "cert-gone", "tried", "point"} {
		series = append(series, look(id, "", keepwatch.OK, nil))
	}
	series = append(series, look("cert", "certificate", keepwatch.Expiring, read(9)), look("cert-gone", "certificate", keepwatch.Expired, read(-9)))
	// Somebody asked for a test of what cannot be tested; a point can be.
	for _, id := range []keepwatch.CredentialID{"tried", "point"} {
		own := look(id, "", keepwatch.MonitorFault, nil)
		own.Check = keepwatch.CheckID(id)
		own.ID = keepwatch.SeriesOf(own.Check, "")
		series = append(series, own)
	}
	got := expiring(t, snap, series, view.ExpiringFilter{Within: 90 * 24 * time.Hour})
	want := map[string]string{
		"contract contract":      "2026-11-29 typed warning healthy",
		"contract-over contract": "2026-11-19 typed critical expired",
		"contract-over access":   "2027-02-17 derived info expired",
		"unseen contract":        "2026-11-29 typed warning unknown",
		"undated password":       " unknown unknown unknown",
		"no-secret secret":       "2026-12-24 derived info unknown", // a date in the future proves no secret
		"assumed token":          "2026-11-23 assumed warning unknown",
		"cert certificate":       "2026-12-03 read warning healthy", // what was read beats what was typed
		"cert-gone certificate":  "2026-11-15 read critical expired",
		"tried password":         "2027-02-12 typed info healthy",
		"point password":         "2027-02-12 typed info unknown",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDaysAreThoseOfTheZone(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	snap := view.Snapshot{
		Credentials: []keepwatch.Credential{{ID: "utc", Kind: keepwatch.Contract, Expires: keepwatch.Day(2026, 11, 25)}, {ID: "tokyo", Kind: keepwatch.Contract, Expires: keepwatch.Day(2026, 11, 25)}},
		Zone: func(id keepwatch.CredentialID) *time.Location {
			if id == "tokyo" {
				return tokyo
			}
			return nil
		},
	}
	list, err := view.Expiring(snap, nil, now, view.ExpiringFilter{Within: 24 * time.Hour}, view.Page{Limit: 10})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	// At 22:30 UTC the 25th has begun in Tokyo: it has ended there, and ends tomorrow here.
	first, second := list.Items[0], list.Items[1]
	if first.Credential != "tokyo" || *first.Clock.DaysLeft != 0 || first.Severity != "critical" || first.Clock.Zone != "Asia/Tokyo" || first.Clock.EndsOn != "2026-11-25" {
		t.Errorf("%+v", first)
	}
	if second.Credential != "utc" || *second.Clock.DaysLeft != 1 || second.Severity != "warning" {
		t.Errorf("%+v", second)
	}
}

func TestAProofAfterItsEndContradictsADate(t *testing.T) {
	cred := keepwatch.Credential{ID: "crm", Kind: keepwatch.ServerToServer, SecretRef: "env:X", SecretGenerated: keepwatch.Day(2026, 5, 1)}
	own := keepwatch.Series{ID: "crm", Check: "crm", Credential: "crm", Place: keepwatch.Local, State: keepwatch.StateHealthy, Outcome: keepwatch.OK, LastProvenAt: now.Add(-time.Minute), LastAt: now, PlannedGap: time.Hour}
	snap := view.Snapshot{Credentials: []keepwatch.Credential{cred}}
	list, err := view.Expiring(snap, []keepwatch.Series{own}, now, view.ExpiringFilter{}, view.Page{Limit: 10})
	if err != nil || len(list.Items) != 1 || !list.Items[0].Contradicted || list.Items[0].Severity != "warning" || list.Items[0].State != "healthy" {
		t.Errorf("%+v %v", list.Items, err)
	}
	list, err = view.Expiring(snap, nil, now, view.ExpiringFilter{}, view.Page{Limit: 10})
	if err != nil || len(list.Items) != 1 || list.Items[0].Contradicted || list.Items[0].Severity != "critical" {
		t.Errorf("%+v %v", list.Items, err)
	}
}

func TestClocksAreNeverMixed(t *testing.T) {
	snap := view.Snapshot{Credentials: []keepwatch.Credential{{ID: "user", Kind: keepwatch.APIUser, LastUsed: keepwatch.Day(2026, 9, 1), Expires: keepwatch.Day(2026, 12, 1)}}}
	if got := expiring(t, snap, nil, view.ExpiringFilter{}); len(got) != 1 || got["user password"] == "" {
		t.Errorf("dates: %v", got)
	}
	if got := expiring(t, snap, nil, view.ExpiringFilter{Clock: keepwatch.ClockIdle}); len(got) != 1 || got["user login"] == "" {
		t.Errorf("ages: %v", got)
	}
}
