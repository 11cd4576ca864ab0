package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"keepwatch"
)

// Backup writes a consistent copy of a running SQLite store to a new file. Writers
// are not stopped. The copy appears under its name only when it is whole and on
// the disk.
func (db *DB) Backup(ctx context.Context, path string) error {
	if db.dialect != sqliteDialect {
		return keepwatch.WithHint(fmt.Errorf("backup of a PostgreSQL store: %w", keepwatch.ErrInvalid), "use pg_dump, or the base backups of your PostgreSQL")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return keepwatch.WithHint(fmt.Errorf("backup: %s exists: %w", path, keepwatch.ErrConflict), "name a file that is not there yet")
	}
	if db.writer != nil {
		if err := db.persistTranscripts(ctx); err != nil {
			return err
		}
	}
	temporary := path + ".partial"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	if err := db.vacuumInto(ctx, temporary); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("backup: %w", err)
	}
	return publish(temporary, path)
}

// BackupOf is Backup for a store that another process has open: SQLite's own
// locks let a copy run beside the daemon. Good transcripts that the daemon still
// holds in memory are not in it.
func BackupOf(ctx context.Context, storeURL, path string) error {
	from, err := restoreTarget(storeURL)
	if err != nil {
		return err
	}
	if _, err := os.Stat(from); err != nil {
		return keepwatch.WithHint(fmt.Errorf("backup: there is no store at %s: %w", from, keepwatch.ErrNotFound), "look at store.url; a relative path begins in the working folder")
	}
	db := &DB{dialect: sqliteDialect, file: &file{path: from}}
	return db.Backup(ctx, path)
}

// vacuumInto copies through a connection of its own: the readers cannot write, and
// the writer has other things to do.
func (db *DB) vacuumInto(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM INTO takes an empty file, and keeps its mode
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	source, err := sql.Open("sqlite", db.sqliteDSN(db.file.path, false))
	if err != nil {
		return err
	}
	defer source.Close()
	_, err = source.ExecContext(ctx, "VACUUM INTO $1", path)
	return err
}

// publish makes a finished file durable and gives it its name.
func publish(temporary, path string) error {
	f, err := os.OpenFile(temporary, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename durable: the name is the folder's data, not the file's.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Restore puts a backup in the place of the SQLite store behind storeURL. It
// checks the backup first, and moves what stands there aside, with its log, under
// a name that ends in .before-restore. No keepwatch may run on the store.
func Restore(ctx context.Context, from, storeURL string) error {
	path, err := restoreTarget(storeURL)
	if err != nil {
		return err
	}
	lock, err := lockFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = lock.unlock() }()
	temporary := path + ".restoring"
	if err := copyFile(from, temporary); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer os.Remove(temporary)
	// The copy is checked, not the original: to look into a database may write to it.
	if err := checkBackup(ctx, temporary); err != nil {
		return fmt.Errorf("restore: %s: %w", from, err)
	}
	if err := moveAside(path); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return publish(temporary, path)
}

func restoreTarget(storeURL string) (string, error) {
	if scheme := (&DB{url: storeURL}).scheme(); scheme != "sqlite" {
		return "", keepwatch.WithHint(fmt.Errorf("restore into a %s store: %w", scheme, keepwatch.ErrInvalid), "use pg_restore for PostgreSQL")
	}
	return sqlitePath(storeURL)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// checkBackup refuses a file that is damaged, no store, or of a newer program.
func checkBackup(ctx context.Context, path string) error {
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=query_only(1)"}).String()
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer func() {
		_ = pool.Close()
		for _, suffix := range []string{"-wal", "-shm", "-journal"} {
			_ = os.Remove(path + suffix)
		}
	}()
	pool.SetMaxOpenConns(1)
	var verdict string
	if err := pool.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return openError(err)
	}
	if verdict != "ok" {
		return damaged(verdict)
	}
	var version int64
	if err := pool.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied = 1").Scan(&version); err != nil {
		return keepwatch.WithHint(fmt.Errorf("it is no store of keepwatch: %w", keepwatch.ErrInvalid), "name a file that `keepwatch backup` wrote")
	}
	if newest := newestSchema(); version > newest {
		return newerSchema(version, newest)
	}
	return nil
}

// moveAside renames a store and its log together: a log without its database, or
// beside another one, would be worse than either.
func moveAside(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside := path + ".before-restore"
	for i := 2; ; i++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = path + ".before-restore-" + strconv.Itoa(i)
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFolder(filepath.Dir(path))
}
