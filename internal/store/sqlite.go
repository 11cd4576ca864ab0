package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// minSQLite is the first version whose WAL reset is sound: before it, a checkpoint
// that met a writer could lose a commit (fixed in 3.51.3).
const minSQLite = "3.51.3"

// quickCheckFor bounds the look at the whole file at start. A file too large for
// it opens all the same, and the log says so.
const quickCheckFor = 10 * time.Second

// readers is the size of the reading pool. Reads are short; more connections would
// only hold more page caches.
const readers = 4

func (db *DB) openSQLite(ctx context.Context) (err error) {
	db.dialect = sqliteDialect
	path, err := sqlitePath(db.url)
	if err != nil {
		return err
	}
	if db.file, err = lockFile(path); err != nil {
		return err
	}
	if err := db.file.prepare(); err != nil {
		return err
	}
	if db.writes, err = sql.Open("sqlite", db.sqliteDSN(path, false)); err != nil {
		return err
	}
	db.writes.SetMaxOpenConns(1)
	db.writer, db.mirror = newWriter(db.writes), newMirror()
	if err := db.checkSQLite(ctx); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("store %s: %w", path, err)
	}
	pool, err := sql.Open("sqlite", db.sqliteDSN(path, true))
	if err != nil {
		return err
	}
	db.reads = &reads{DB: pool, prepared: map[string]*sql.Stmt{}}
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	db.shed.reserve = db.file.reservePath()
	if err := db.shed.prepare(); err != nil {
		return err
	}
	db.opened, err = os.Stat(path)
	return err
}

// sqlitePath takes the path out of sqlite:PATH, also as sqlite:///abs/path.
func sqlitePath(raw string) (string, error) {
	path := strings.TrimPrefix(raw, "sqlite:")
	if rest, ok := strings.CutPrefix(path, "//"); ok {
		path = rest
	}
	if path == "" || strings.HasPrefix(path, ":memory:") {
		err := fmt.Errorf("store URL %q names no file: %w", raw, keepwatch.ErrInvalid)
		return "", keepwatch.WithHint(err, "write it like sqlite:keepwatch.db; a store in memory is not offered")
	}
	return filepath.Abs(path)
}

// sqliteDSN spells settings as modernc reads them. Anything spelled as mattn's
// driver has it (_journal_mode=WAL) would be ignored without a word, which is why
// checkSQLite asks the connection what it really has.
func (db *DB) sqliteDSN(path string, readOnly bool) string {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(5000)")
	q.Add("_pragma", "journal_mode(WAL)")
	q.Add("_pragma", "synchronous("+db.synchronous()+")")
	q.Add("_pragma", "journal_size_limit(67108864)")
	q.Add("_pragma", "temp_store(MEMORY)")
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
		q.Add("_pragma", "cache_size(-8192)")
	}
	if db.options.VFS != "" {
		q.Set("vfs", db.options.VFS)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

func (db *DB) synchronous() string {
	if db.options.Synchronous == "" {
		return "FULL"
	}
	return strings.ToUpper(db.options.Synchronous)
}

// checkSQLite refuses a library that is too old, settings that did not take, and a
// damaged file.
func (db *DB) checkSQLite(ctx context.Context) error {
	var version, mode string
	var synchronous int
	if err := db.writes.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return openError(err)
	}
	if olderThan(version, minSQLite) {
		return fmt.Errorf("SQLite %s is older than %s, whose WAL is the first to be sound: %w", version, minSQLite, keepwatch.ErrUnavailable)
	}
	if err := db.writes.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return openError(err)
	}
	if err := db.writes.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return openError(err)
	}
	want := map[string]int{"OFF": 0, "NORMAL": 1, "FULL": 2, "EXTRA": 3}[db.synchronous()]
	if mode != "wal" || synchronous != want {
		err := fmt.Errorf("SQLite runs with journal_mode=%s, synchronous=%d instead of wal, %d: %w", mode, synchronous, want, keepwatch.ErrUnavailable)
		return keepwatch.WithHint(err, "put the database on a local file system that supports shared memory")
	}
	return db.quickCheck(ctx)
}

// openError tells a damaged file from one that cannot be opened.
func openError(err error) error {
	if text := err.Error(); strings.Contains(text, "malformed") || strings.Contains(text, "not a database") {
		return damaged(text)
	}
	return fmt.Errorf("cannot be opened: %w: %w", keepwatch.ErrUnavailable, err)
}

func damaged(what string) error {
	err := fmt.Errorf("the database is damaged (%s): %w", what, keepwatch.ErrUnavailable)
	return keepwatch.WithHint(err, "keep the file as it is and put a backup in its place with `keepwatch restore`")
}

func (db *DB) quickCheck(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, quickCheckFor)
	defer cancel()
	var verdict string
	err := db.writes.QueryRowContext(bounded, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded):
		db.log.Warn("store is too large to be checked at start", "checked_for", quickCheckFor)
		return nil
	case err != nil:
		return openError(err)
	case verdict != "ok":
		return damaged(verdict)
	}
	return nil
}

// olderThan compares dotted versions by their numbers.
func olderThan(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range b {
		x, y := 0, 0
		if i < len(a) {
			x, _ = strconv.Atoi(a[i])
		}
		y, _ = strconv.Atoi(b[i])
		if x != y {
			return x < y
		}
	}
	return false
}

// file is the database file and the lock beside it.
type file struct {
	path string
	lock *os.File
}

func (f *file) reservePath() string { return f.path + ".reserve" }

// prepare makes the file before SQLite does, so that it is never readable by
// others: it holds names of people, hosts and incidents. SQLite gives the same
// mode to its -wal and -shm.
func (f *file) prepare() error {
	h, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return keepwatch.WithHint(fmt.Errorf("store cannot be written: %w", err), "the user that runs keepwatch needs to own the file and its folder")
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return h.Chmod(0o600)
	}
	return nil
}
