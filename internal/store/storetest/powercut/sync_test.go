package powercut_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/store/storetest/powercut"
)

// A disk that cannot sync: COMMIT reports an error, and whether it is durable is
// not known.

func failing(t *testing.T) (*store.DB, *atomic.Int64) {
	t.Helper()
	recorder := powercut.Record(t)
	var left atomic.Int64
	recorder.FailSync = func(file string) bool { return strings.HasSuffix(file, "-wal") && left.Add(-1) >= 0 }
	db := storetest.Open(t, filepath.Join(storetest.Dir(t), dbName), store.Options{VFS: recorder.Name})
	must(t, db.SyncChecks(t.Context(), start, checks()))
	return db, &left
}

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestCommitThatFailsOnceIsRunAgain(t *testing.T) {
	db, left := failing(t)
	for round := range 20 {
		left.Store(1)
		now := start.Add(time.Duration(round+1) * time.Minute)
		outcome := []keepwatch.Outcome{keepwatch.BadClientID, keepwatch.OK}[round%2]
		steps := 0
		step := openAndResolve(now)
		changes, err := db.Apply(t.Context(), []keepwatch.Observation{observation(checks()[0], now, outcome)}, now, func(v incident.View) (incident.Changes, error) {
			steps++
			return step(v)
		})
		must(t, err)
		if left.Load() > 0 {
			t.Fatal("no sync has failed")
		}
		if len(changes.Transitions) != 1 || steps < 2 {
			t.Fatalf("round %d: %d transitions after %d steps", round, len(changes.Transitions), steps)
		}
	}
	notices, err := db.Unrouted(t.Context(), 100)
	must(t, err)
	results, _, err := db.Results(t.Context(), checks()[0].ID, store.Page{})
	must(t, err)
	if len(notices) != 20 || len(results) != 20 {
		t.Errorf("%d notices and %d results of 20 rounds", len(notices), len(results))
	}
}

func TestDiskThatCannotSyncAcknowledgesNothing(t *testing.T) {
	db, left := failing(t)
	left.Store(1 << 40)
	now := start.Add(time.Minute)
	o := observation(checks()[0], now, keepwatch.BadClientID)
	if _, err := db.Apply(t.Context(), []keepwatch.Observation{o}, now, openAndResolve(now)); err == nil {
		t.Fatal("a commit that cannot be synced was acknowledged")
	}
	next := func(_ keepwatch.Check, after time.Time) time.Time { return after.Add(time.Minute) }
	if n, err := db.ClaimDue(t.Context(), now.Add(time.Minute), 10, next, nil); err == nil || n != 0 {
		t.Fatalf("claimed %d, %v", n, err)
	}
	left.Store(0) // the disk is back
	// What was refused may have become durable since, or not: either way the repeat
	// leaves it there once.
	_, err := db.Apply(t.Context(), []keepwatch.Observation{o}, now, openAndResolve(now))
	must(t, err)
	notices, err := db.Unrouted(t.Context(), 10)
	must(t, err)
	if len(notices) != 1 {
		t.Errorf("%d notices", len(notices))
	}
	if n, err := db.ClaimDue(t.Context(), now.Add(2*time.Minute), 10, next, nil); err != nil || n != len(checks()) {
		t.Errorf("claimed %d, %v", n, err)
	}
}
