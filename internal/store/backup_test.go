package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

func TestBackupOfARunningStoreIsRestored(t *testing.T) {
	folder := storetest.Dir(t)
	path, copyOf := filepath.Join(folder, "keepwatch.db"), filepath.Join(folder, "backup.db")
	db := storetest.Open(t, path, store.Options{})
	openRefused(t, db, 1, start)
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() { // the store goes on meanwhile
		defer close(done)
		for i := 2; ; i++ {
			select {
			case <-stop:
				return
			default:
				o, step := refused(i, start.Add(time.Duration(i)*time.Second))
				if _, err := db.Apply(t.Context(), []keepwatch.Observation{o}, start, step); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	must(t, db.Backup(t.Context(), copyOf))
	close(stop)
	<-done
	if err := db.Backup(t.Context(), copyOf); !errors.Is(err, keepwatch.ErrConflict) {
		t.Errorf("a backup over a file that is there: %v", err)
	}
	if info, err := os.Stat(copyOf); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := store.Restore(t.Context(), copyOf, "sqlite:"+path); !errors.Is(err, keepwatch.ErrConflict) {
		t.Errorf("a restore under a running store: %v", err)
	}
	openRefused(t, db, 900, start.Add(time.Hour)) // after the backup
	must(t, db.Close())

	must(t, store.Restore(t.Context(), copyOf, "sqlite:"+path))
	db = storetest.Open(t, path, store.Options{})
	first, _ := refused(1, start)
	if _, err := db.SeriesByID(t.Context(), first.Series); err != nil {
		t.Errorf("what was there before the backup: %v", err)
	}
	late, _ := refused(900, start.Add(time.Hour))
	if _, err := db.SeriesByID(t.Context(), late.Series); !errors.Is(err, keepwatch.ErrNotFound) {
		t.Errorf("what came after the backup: %v", err)
	}
	must(t, db.Close())
	aside := storetest.Open(t, path+".before-restore", store.Options{}) // nothing is thrown away
	if _, err := aside.SeriesByID(t.Context(), late.Series); err != nil {
		t.Errorf("the store that stood there: %v", err)
	}
	must(t, store.Restore(t.Context(), copyOf, "sqlite:"+path))
	if _, err := os.Stat(path + ".before-restore-2"); err != nil {
		t.Errorf("the second one aside: %v", err)
	}
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	folder := storetest.Dir(t)
	path := filepath.Join(folder, "keepwatch.db")
	db := storetest.Open(t, path, store.Options{})
	for i := range 50 {
		openRefused(t, db, i, start.Add(time.Duration(i)*time.Second))
	}
	must(t, db.Backup(t.Context(), filepath.Join(folder, "good.db")))
	must(t, db.Close())
	before, err := os.ReadFile(path)
	must(t, err)

	good, err := os.ReadFile(filepath.Join(folder, "good.db"))
	must(t, err)
	torn := append([]byte(nil), good...)
	for i := range 4096 {
		torn[len(torn)/4096/2*4096+i] = 0xa5
	}
	must(t, os.WriteFile(filepath.Join(folder, "torn.db"), torn, 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "text.db"), []byte("this is not a database, but long enough to be looked at"), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "empty.db"), nil, 0o600))
	foreign := raw(t, filepath.Join(folder, "foreign.db"))
	_, err = foreign.ExecContext(t.Context(), "CREATE TABLE t (x)")
	must(t, err)
	newer := filepath.Join(folder, "newer.db")
	must(t, os.WriteFile(newer, good, 0o600))
	_, err = raw(t, newer).ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	must(t, err)

	for _, name := range []string{"torn.db", "text.db", "empty.db", "foreign.db", "newer.db", "missing.db"} {
		err := store.Restore(t.Context(), filepath.Join(folder, name), "sqlite:"+path)
		if err == nil {
			t.Errorf("%s was taken", name)
		} else if name != "missing.db" && keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v has no hint", name, err)
		}
	}
	if err := store.Restore(t.Context(), filepath.Join(folder, "good.db"), "postgres://x"); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
		t.Errorf("into PostgreSQL: %v", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if string(before) != string(after) {
		t.Error("a refused restore changed the store")
	}
	if left, _ := filepath.Glob(path + ".restoring*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
