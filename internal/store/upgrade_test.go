package store_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

// A database of an older version, with its states, incidents, messages and history, is
// read by this one as it was, and takes records and readings.
func TestUpgradeKeepsWhatIsThere(t *testing.T) {
	for _, version := range []int64{1, 2} {
		t.Run(strconv.FormatInt(version, 10), func(t *testing.T) { upgradeFrom(t, version) })
	}
}

func upgradeFrom(t *testing.T, version int64) {
	path := filepath.Join(t.TempDir(), "keepwatch.db")
	open := func() *store.DB {
		db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
		must(t, err)
		return db
	}
	read := func(db *store.DB) (all []any) {
		series, err := db.Series(t.Context())
		must(t, err)
		incidents, _, err := db.Incidents(t.Context(), store.IncidentFilter{}, store.Page{})
		must(t, err)
		notices, err := db.Unrouted(t.Context(), 10)
		must(t, err)
		hours, err := db.Hourly(t.Context(), start.Add(-time.Hour), start.Add(24*time.Hour))
		must(t, err)
		return []any{series, incidents, notices, hours}
	}
	db := open()
	o := keepwatch.Observation{
		Key: "crm@1", Series: "crm", Check: "crm", Credential: "crm", Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: start, At: start, Gap: time.Minute, Outcome: keepwatch.LoginFailed, Connectivity: keepwatch.ConnectivityProven, Message: "refused",
	}
	_, err := db.Apply(t.Context(), []keepwatch.Observation{o}, start, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.Policy{}, start)
	})
	must(t, err)
	must(t, db.Fold(t.Context(), start.Add(2*time.Hour))) // one run in the results …
	o.Key, o.Slot, o.At = "crm@2", start.Add(3*time.Hour), start.Add(3*time.Hour)
	_, err = db.Apply(t.Context(), []keepwatch.Observation{o}, o.At, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.Policy{}, o.At)
	})
	must(t, err) // … and one that is hot
	before := read(db)
	must(t, db.Close())

	older, err := goose.NewProvider(goose.DialectSQLite3, raw(t, path), os.DirFS("migrations/sqlite"), goose.WithDisableGlobalRegistry(true))
	must(t, err)
	_, err = older.DownTo(t.Context(), version)
	must(t, err)

	db = open()
	defer func() { _ = db.Close() }()
	after := read(db)
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("after the upgrade (-before +after):\n%s", d)
	}
	if list, _ := before[1].([]keepwatch.Incident); len(list) != 1 {
		t.Errorf("there was nothing to keep: %+v", before)
	}
	change := keepwatch.Change{Credential: "shop", At: start, By: "ada", Via: "api", Kind: keepwatch.ChangeCreated}
	must(t, db.SaveItems(t.Context(), start, []store.ItemWrite{{Change: change, Record: keepwatch.Credential{ID: "shop", Tenant: "emea"}}}))
	w := keepwatch.Watch{Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "a"}, Aspect: keepwatch.AspectEntry, Reading: keepwatch.Reading{At: o.At, Amount: 7, Window: 30 * time.Minute}}
	reading := keepwatch.Observation{Key: "r@1#a", Series: "r#a", Check: "r", Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest, Slot: o.At, At: o.At, Outcome: keepwatch.OK, Watch: &w}
	_, err = db.Apply(t.Context(), []keepwatch.Observation{reading}, o.At, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.Policy{}, o.At)
	})
	must(t, err)
	must(t, db.Fold(t.Context(), start.Add(6*time.Hour)))
	hours, err := db.Hours(t.Context(), reading.Series, start, start.Add(6*time.Hour))
	must(t, err)
	if len(hours) != 1 || hours[0].Amount != 7 {
		t.Errorf("hours of a count after the upgrade: %+v", hours)
	}
	crm, err := db.HourlyOf(t.Context(), "crm", start.Add(-time.Hour), start.Add(6*time.Hour))
	must(t, err)
	if len(crm) != 2 {
		t.Errorf("hours of a credential after the upgrade and a fold: %+v", crm)
	}
}
