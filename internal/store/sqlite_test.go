package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, keepwatch.HintOf(err))
	}
}

// raw opens the database file beside the store.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// refused is an observation of a fresh check, and the step that opens its incident.
func refused(i int, at time.Time) (keepwatch.Observation, func(incident.View) (incident.Changes, error)) {
	c := benchCheck(i)
	o := benchObservation(c, at)
	o.Outcome, o.Steps = keepwatch.BadClientID, nil
	return o, func(v incident.View) (incident.Changes, error) {
		s := v.Series[o.Series]
		s.LastSlot, s.State, s.Last = o.Slot, keepwatch.StateFailing, o
		in := keepwatch.Incident{ID: keepwatch.IncidentID(keepwatch.Digest(o.Key)), Key: "credential:" + string(o.Credential), Tenant: o.Tenant,
			Status: keepwatch.IncidentOpen, DetectedAt: at, Revision: 1}
		return incident.Changes{
			Series: []keepwatch.Series{s}, Incidents: []keepwatch.Incident{in},
			Transitions: []keepwatch.Transition{{Incident: in.ID, Seq: 1, Kind: keepwatch.Opened, At: at}},
			Notices:     []keepwatch.Notice{{ID: keepwatch.NoticeIDOf(in.ID, 1), Incident: in, Kind: keepwatch.Opened, Seq: 1, At: at}},
		}, nil
	}
}

func openRefused(t testing.TB, db *store.DB, i int, at time.Time) keepwatch.Observation {
	t.Helper()
	o, step := refused(i, at)
	_, err := db.Apply(t.Context(), []keepwatch.Observation{o}, at, step)
	must(t, err)
	return o
}

func TestTwoProcessesNeverWriteOneFile(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "keepwatch.db")
	first := storetest.Open(t, path, store.Options{})
	_, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if !errors.Is(err, keepwatch.ErrConflict) {
		t.Fatalf("the second open: %v", err)
	}
	if pid := strconv.Itoa(os.Getpid()); !strings.Contains(err.Error(), pid) || !strings.Contains(keepwatch.HintOf(err), pid) {
		t.Errorf("neither %q nor its hint %q names process %s", err, keepwatch.HintOf(err), pid)
	}
	must(t, first.Close())
	storetest.Open(t, path, store.Options{}) // the lock went with the first
}

func TestWhatWasWrittenIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "keepwatch.db")
	db := storetest.Open(t, path, store.Options{})
	o := openRefused(t, db, 1, start)
	good := benchObservation(benchCheck(2), start)
	good.Transcript = "a good run"
	_, err := db.Apply(t.Context(), []keepwatch.Observation{good}, start, func(incident.View) (incident.Changes, error) { return incident.Changes{}, nil })
	must(t, err)
	must(t, db.Close())
	must(t, db.Close())
	db = storetest.Open(t, path, store.Options{})
	if list, _, err := db.Incidents(t.Context(), store.IncidentFilter{Status: "open"}, store.Page{}); err != nil || len(list) != 1 {
		t.Errorf("%d incidents, %v", len(list), err)
	}
	if s, err := db.SeriesByID(t.Context(), o.Series); err != nil || s.State != keepwatch.StateFailing {
		t.Errorf("series %+v, %v", s, err)
	}
	if r, err := db.Result(t.Context(), good.Check, good.Key); err != nil || r.Transcript != "a good run" {
		t.Errorf("transcript %q, %v: Close did not keep it", r.Transcript, err)
	}
}

func TestStoreFilesAreTheOwnersAlone(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "keepwatch.db")
	must(t, os.WriteFile(path, nil, 0o644))
	db := storetest.Open(t, path, store.Options{})
	openRefused(t, db, 1, start)
	files, err := filepath.Glob(path + "*")
	must(t, err)
	if len(files) < 4 { // database, log, shared memory, lock, reserve
		t.Errorf("files %v", files)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
}

func TestSettingsOfTheConnectionAreWhatThePromiseNeeds(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "keepwatch.db")
	storetest.Open(t, path, store.Options{})
	var mode string
	must(t, raw(t, path).QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode))
	if mode != "wal" {
		t.Errorf("journal_mode %s", mode)
	}
	// A setting that does not take is refused: this is what synchronous=FULL relies on.
	_, err := store.Open(t.Context(), "sqlite:"+filepath.Join(storetest.Dir(t), "x.db"), store.Options{Synchronous: "nonsense"})
	if !errors.Is(err, keepwatch.ErrUnavailable) {
		t.Errorf("a setting that did not take: %v", err)
	}
}

func TestUnusableURLs(t *testing.T) {
	for _, tc := range []struct {
		url  string
		want error
	}{
		{"mysql://x", keepwatch.ErrInvalid}, {"", keepwatch.ErrInvalid}, {"sqlite:", keepwatch.ErrInvalid}, {"sqlite::memory:", keepwatch.ErrInvalid},
		{"postgres://%zz", keepwatch.ErrInvalid}, {"sqlite:" + filepath.Join(t.TempDir(), "no", "such", "folder.db"), os.ErrNotExist},
	} {
		db, err := store.Open(t.Context(), tc.url, store.Options{})
		if !errors.Is(err, tc.want) || keepwatch.HintOf(err) == "" {
			t.Errorf("%q: %v, hint %q", tc.url, err, keepwatch.HintOf(err))
		}
		if db != nil {
			t.Errorf("%q: a store and an error", tc.url)
		}
	}
	_, err := store.Open(t.Context(), "postgres://ada:tell-nobody@127.0.0.1:1/x?connect_timeout=1", store.Options{})
	if !errors.Is(err, keepwatch.ErrUnavailable) || strings.Contains(err.Error(), "tell-nobody") {
		t.Errorf("a server that is not there: %v", err)
	}
}

func TestPathsMayHoldAnything(t *testing.T) {
	for _, name := range []string{"with space.db", "100%25.db", "a?b#c.db", "größe.db"} {
		path := filepath.Join(storetest.Dir(t), name)
		must(t, storetest.Open(t, path, store.Options{}).Close())
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "keepwatch.db")
	must(t, storetest.Open(t, path, store.Options{}).Close())
	_, err := raw(t, path).ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	must(t, err)
	_, err = store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if !errors.Is(err, keepwatch.ErrConflict) || !strings.Contains(err.Error(), "99999") || keepwatch.HintOf(err) == "" {
		t.Errorf("%v (%s)", err, keepwatch.HintOf(err))
	}
}

// TestDamageIsFoundOrHarmless flips a byte of every page. Opening finds it, or what
// can be read is what was written: never something else.
func TestDamageIsFoundOrHarmless(t *testing.T) {
	folder := storetest.Dir(t)
	path := filepath.Join(folder, "keepwatch.db")
	db := storetest.Open(t, path, store.Options{})
	for i := range 50 {
		openRefused(t, db, i, start.Add(time.Duration(i)*time.Second))
	}
	want, _, err := db.Incidents(t.Context(), store.IncidentFilter{}, store.Page{Limit: 100})
	must(t, err)
	must(t, db.Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	found := 0
	for at := 3; at < len(whole); at += 4096 {
		spoilt := append([]byte(nil), whole...)
		spoilt[at] ^= 0xff
		image := filepath.Join(folder, fmt.Sprintf("image-%d.db", at))
		must(t, os.WriteFile(image, spoilt, 0o600))
		db, err := store.Open(t.Context(), "sqlite:"+image, store.Options{Synchronous: "OFF"})
		if err != nil {
			found++
			if keepwatch.HintOf(err) == "" {
				t.Errorf("byte %d: %v has no hint", at, err)
			}
		} else {
			got, _, err := db.Incidents(t.Context(), store.IncidentFilter{}, store.Page{Limit: 100})
			if err == nil && len(got) != len(want) {
				t.Errorf("byte %d: %d incidents of %d, and no error", at, len(got), len(want))
			}
			must(t, db.Close())
		}
		must(t, os.Remove(image))
		_ = os.Remove(image + ".reserve")
	}
	if found < 10 {
		t.Errorf("only %d damaged pages of %d were found", found, len(whole)/4096)
	}
}

func TestStoreRunsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.New(t)
		at := time.Now()
		must(t, db.SyncChecks(t.Context(), at, benchSet()[:10]))
		for range 100 {
			time.Sleep(time.Hour)
			if _, err := db.ClaimDue(t.Context(), time.Now(), 100, func(_ keepwatch.Check, after time.Time) time.Time { return after.Add(time.Hour) }, nil); err != nil {
				t.Fatal(err)
			}
		}
		if passed := time.Since(at); passed != 100*time.Hour {
			t.Errorf("%v passed in the bubble", passed)
		}
	})
}

func TestOnCommitIsCalledAroundEachCommit(t *testing.T) {
	var calls []bool
	db := storetest.Open(t, filepath.Join(storetest.Dir(t), "keepwatch.db"), store.Options{OnCommit: func(before bool) { calls = append(calls, before) }})
	calls = nil
	must(t, db.SetSetting(t.Context(), "x", "y"))
	if len(calls) != 2 || !calls[0] || calls[1] {
		t.Errorf("calls %v", calls)
	}
}

func TestCanceledContextWritesNothing(t *testing.T) {
	db := storetest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, step := refused(1, start)
	if _, err := db.Apply(ctx, []keepwatch.Observation{o}, start, step); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if list, err := db.Unrouted(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("%d notices, %v", len(list), err)
	}
}

// TestFullDiskShedsHistoryBeforeIncidents runs on a file system of a few megabytes.
func TestFullDiskShedsHistoryBeforeIncidents(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("a small file system cannot be mounted (%v): a full disk is not tested in this run", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	path := filepath.Join(folder, "keepwatch.db")
	db := storetest.Open(t, path, store.Options{Synchronous: "FULL"})
	now := start
	lift := func(v incident.View) (incident.Changes, error) {
		var c incident.Changes
		for _, o := range v.Observations {
			s := v.Series[o.Series]
			s.LastSlot, s.OKStreak, s.Last = o.Slot, s.OKStreak+1, o
			s.Last.Evidence = ""
			c.Series = append(c.Series, s)
		}
		return c, nil
	}
	run := func(n int) {
		t.Helper()
		now = now.Add(10 * time.Second)
		var batch []keepwatch.Observation
		for _, c := range benchSet()[:n] {
			o := benchObservation(c, now)
			o.Evidence = strings.Repeat("e", 900)
			batch = append(batch, o)
		}
		if _, err := db.Apply(t.Context(), batch, now, lift); err != nil {
			t.Fatalf("at %v: %v", now, err)
		}
	}
	rounds := 0
	for ; !db.Shedding(); rounds++ {
		if rounds > 1000 {
			t.Fatal("the disk does not fill")
		}
		run(100)
	}
	t.Logf("full after %d rounds", rounds)
	for i := range 20 { // incidents open, states move, while history is given up
		run(100)
		openRefused(t, db, 5000+i, now) // none of those that run
	}
	if list, _, err := db.Incidents(t.Context(), store.IncidentFilter{Status: "open"}, store.Page{}); err != nil || len(list) != 20 {
		t.Errorf("%d incidents, %v", len(list), err)
	}
	series, err := db.SeriesByID(t.Context(), keepwatch.SeriesID(benchSet()[0].ID))
	must(t, err)
	if series.OKStreak != rounds+20 || !series.LastSlot.Equal(now) {
		t.Errorf("the state stands at %d of %d rounds, %v", series.OKStreak, rounds+20, series.LastSlot)
	}
	o := benchObservation(benchSet()[0], now)
	if _, err := db.Apply(t.Context(), []keepwatch.Observation{o}, now, func(incident.View) (incident.Changes, error) {
		t.Error("a known slot reached the step")
		return incident.Changes{}, nil
	}); err != nil {
		t.Error(err)
	}
	results, _, err := db.Results(t.Context(), benchSet()[0].ID, store.Page{Limit: 1})
	must(t, err)
	if results[0].Slot.Equal(now) {
		t.Error("history was kept though the disk is full")
	}

	must(t, syscall.Mount("", folder, "", syscall.MS_REMOUNT, "size=64m"))
	now = now.Add(2 * time.Minute)
	run(100)
	if db.Shedding() {
		t.Error("history is still given up though there is room")
	}
	results, _, err = db.Results(t.Context(), benchSet()[0].ID, store.Page{Limit: 1})
	must(t, err)
	if !results[0].Slot.Equal(now) {
		t.Errorf("the newest result is of %v", results[0].Slot)
	}
}

// TestPeersAreWholeAfterReopening: a series that a step looked at but did not write
// is a peer of the next step all the same.
func TestPeersAreWholeAfterReopening(t *testing.T) {
	path := filepath.Join(storetest.Dir(t), "keepwatch.db")
	db := storetest.Open(t, path, store.Options{})
	a, b := openRefused(t, db, 1, start), openRefused(t, db, 4, start) // of one tenant
	must(t, db.Close())
	db = storetest.Open(t, path, store.Options{})
	peers := func(o keepwatch.Observation, at time.Time) (ids []keepwatch.SeriesID) {
		o.Slot = at
		o.Key = keepwatch.SlotKey(o.Check, at)
		_, err := db.Apply(t.Context(), []keepwatch.Observation{o}, start, func(v incident.View) (incident.Changes, error) {
			for _, p := range v.Peers {
				ids = append(ids, p.ID)
			}
			return incident.Changes{}, nil // an old slot, say
		})
		must(t, err)
		return ids
	}
	if got := peers(a, start.Add(-time.Minute)); len(got) != 1 || got[0] != b.Series {
		t.Errorf("peers of the first: %v", got)
	}
	if got := peers(b, start.Add(time.Minute)); len(got) != 1 || got[0] != a.Series {
		t.Errorf("peers of the second: %v", got)
	}
}
