package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

// A database of the first version, with its states, incidents and messages, is read
// by this one as it was, and takes records.
func TestUpgradeKeepsWhatIsThere(t *testing.T) {
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
		return []any{series, incidents, notices}
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
	before := read(db)
	must(t, db.Close())

	older, err := goose.NewProvider(goose.DialectSQLite3, raw(t, path), os.DirFS("migrations/sqlite"), goose.WithDisableGlobalRegistry(true))
	must(t, err)
	_, err = older.DownTo(t.Context(), 1)
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
}
