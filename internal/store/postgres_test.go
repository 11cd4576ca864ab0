package store_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

func TestPostgresBackupNamesTheToolForIt(t *testing.T) {
	db := storetest.Postgres(t)
	err := db.Backup(t.Context(), filepath.Join(t.TempDir(), "x"))
	if !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
		t.Errorf("%v (%s)", err, keepwatch.HintOf(err))
	}
}

// TestPostgresNodesShareOneStore has four nodes open an empty database at once,
// claim, record and fold side by side.
func TestPostgresNodesShareOneStore(t *testing.T) {
	dsn := storetest.PostgresURL(t)
	nodes := make([]*store.DB, 4)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			db, err := store.Open(context.Background(), dsn, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			nodes[i] = db
		})
	}
	wg.Wait()
	for _, db := range nodes {
		if db == nil {
			t.Fatal("not every node opened the store")
		}
		defer func() { _ = db.Close() }()
	}
	const n = 2000
	list := make([]keepwatch.Check, n)
	for i := range list {
		list[i] = benchCheck(i)
	}
	for _, db := range nodes { // each node reads the same configuration
		wg.Go(func() {
			if err := db.SyncChecks(t.Context(), start, list); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	now := start.Add(time.Minute)
	for _, db := range nodes {
		wg.Go(func() { work(t, db, now) })
	}
	wg.Wait()
	for _, db := range nodes {
		wg.Go(func() {
			if err := db.Fold(t.Context(), now.Add(3*time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, nodes[0].Fold(t.Context(), now.Add(3*time.Hour)))
	hours, err := nodes[1].Hourly(t.Context(), start, now.Add(time.Hour))
	must(t, err)
	runs := 0
	for _, of := range hours {
		for _, r := range of {
			runs += r.Runs
		}
	}
	left, err := nodes[2].Unfinished(t.Context(), now)
	must(t, err)
	open, _, err := nodes[3].Incidents(t.Context(), store.IncidentFilter{Status: "open"}, store.Page{})
	must(t, err)
	if runs != n || len(hours) != n || len(left) != 0 || len(open) != 1 {
		t.Errorf("%d runs of %d series, %d unfinished, %d incidents are open", runs, len(hours), len(left), len(open))
	}
}

// work claims until nothing is due and records what it claimed; every group also
// reports the same outage.
func work(t *testing.T, db *store.DB, now time.Time) {
	next := func(_ keepwatch.Check, after time.Time) time.Time { return after.Add(time.Hour) }
	for empty := 0; empty < 5; {
		var slots []keepwatch.Slot
		got, err := db.ClaimDue(t.Context(), now, 50, next, func(_ context.Context, _ *sql.Tx, groups []keepwatch.Group) error {
			slots = groups[0].Slots
			return nil
		})
		if err != nil {
			t.Error(err)
			return
		}
		if got == 0 {
			empty++
			continue
		}
		var batch []keepwatch.Observation
		for _, s := range slots {
			o := benchObservation(s.Check, s.At)
			o.Outcome = keepwatch.PlatformError
			batch = append(batch, o)
		}
		if _, err := db.Apply(t.Context(), batch, now, outage(now)); err != nil {
			t.Error(err)
			return
		}
	}
}

// outage opens the platform's incident, or joins it.
func outage(now time.Time) func(incident.View) (incident.Changes, error) {
	return func(v incident.View) (incident.Changes, error) {
		in := keepwatch.Incident{Key: incident.PlatformKey, Scope: keepwatch.ScopePlatform, Status: keepwatch.IncidentOpen, DetectedAt: now}
		kind := keepwatch.Opened
		for _, open := range v.Open {
			in, kind = open, keepwatch.Joined
		}
		var c incident.Changes
		for _, o := range v.Observations {
			s := v.Series[o.Series]
			s.LastSlot, s.Last = o.Slot, o
			c.Series = append(c.Series, s)
			in.Members = append(in.Members, keepwatch.Member{Series: o.Series, Since: o.At})
		}
		if in.ID == "" {
			in.ID = keepwatch.IncidentID(keepwatch.Digest(v.Observations[0].Key))
		}
		in.Revision++
		c.Incidents = []keepwatch.Incident{in}
		c.Transitions = []keepwatch.Transition{{Incident: in.ID, Seq: in.Revision, Kind: kind, At: now}}
		return c, nil
	}
}

// Each node proves itself by a canary of its own: it never meets that of another one on
// its way, and a new canary takes the place of the node's last one alone.
func TestPostgresNodesHaveACanaryEach(t *testing.T) {
	dsn := storetest.PostgresURL(t)
	nodes := map[string]*store.DB{}
	for _, name := range []string{"one", "two"} {
		db, err := store.Open(t.Context(), dsn, store.Options{Node: name})
		must(t, err)
		defer func() { _ = db.Close() }()
		nodes[name] = db
	}
	sing := func(name string, at time.Time) {
		check := keepwatch.CanaryCheck(name)
		c := keepwatch.Canary{Check: check, Slot: at}
		o := keepwatch.Observation{Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Slot: at, At: at, Outcome: keepwatch.OK}
		_, err := nodes[name].Apply(t.Context(), []keepwatch.Observation{o}, at, func(incident.View) (incident.Changes, error) {
			return incident.Changes{Notices: []keepwatch.Notice{c.NoticeOf(at)}}, nil
		})
		must(t, err)
	}
	for slot := range 3 {
		at := start.Add(time.Duration(slot) * time.Minute)
		for name := range nodes {
			sing(name, at)
		}
		for name, db := range nodes {
			list, err := db.Unrouted(t.Context(), 10)
			must(t, err)
			if len(list) != 1 || list[0].Canary == nil || list[0].Canary.Check != keepwatch.CanaryCheck(name) || !list[0].Canary.Slot.Equal(at) {
				t.Fatalf("node %s meets %+v", name, list)
			}
			must(t, db.Route(t.Context(), list[0].ID, []keepwatch.Delivery{{
				ID: keepwatch.DeliveryIDOf(list[0].ID, "(watchdog)"), Notice: list[0], Receiver: "(watchdog)", Status: keepwatch.DeliveryPending, NextAttemptAt: at, CreatedAt: at,
			}}, at))
		}
		for name, db := range nodes {
			due, err := db.ClaimDeliveries(t.Context(), at, time.Minute, 10)
			must(t, err)
			if len(due) != 1 || due[0].Notice.Canary == nil || due[0].Notice.Canary.Check != keepwatch.CanaryCheck(name) {
				t.Fatalf("node %s claims %+v", name, due)
			}
		}
	}
}
