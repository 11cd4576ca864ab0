// Package storetest opens stores for tests and holds the conformance suite that
// both databases pass. It is for tests alone.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // to make databases; the store itself registers it too

	"keepwatch"
	"keepwatch/internal/store"
)

// New opens a fresh SQLite store that is closed when the test ends. It is a file
// with a write-ahead log, as in the product, in memory where the system has
// a file system there: then with the product's own synchronous=FULL, which costs nothing, else with NORMAL. May be
// called in a synctest bubble; the store is then closed inside it.
func New(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, filepath.Join(Dir(t), "keepwatch.db"), store.Options{})
}

// Open opens the SQLite file at path, and closes it when the test ends.
func Open(t testing.TB, path string, options store.Options) *store.DB {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	if options.Synchronous == "" && !inMemory(path) {
		options.Synchronous = "NORMAL"
	}
	if options.VFS == "" { // whoever records through one wants to see the file from its first byte
		if err := Ready(path); err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.Open(t.Context(), "sqlite:"+path, options)
	if err != nil {
		t.Fatalf("open store: %v (%s)", err, keepwatch.HintOf(err))
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return db
}

const memory = "/dev/shm"

func inMemory(path string) bool { return len(path) > len(memory) && path[:len(memory)] == memory }

// Dir is a directory for databases, in memory where there is a file system for it.
func Dir(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "keepwatch-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// PostgresEnv names the variable with the URL of a PostgreSQL superuser database.
const PostgresEnv = "KEEPWATCH_TEST_POSTGRES"

// Postgres opens a store in a database of its own, which is dropped when the test
// ends. Without a server the test is skipped, with CI=true it fails.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return OpenPostgres(t, PostgresURL(t))
}

// Postgreses makes a database and returns what opens an empty store on it, time and
// again: to make and migrate one for each test would prove the same every time, and
// takes longer than most tests.
func Postgreses(t testing.TB) func(t *testing.T) *store.DB {
	t.Helper()
	dsn := PostgresURL(t)
	if err := OpenPostgres(t, dsn).Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	empty, err := emptying(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) *store.DB {
		t.Helper()
		if _, err := raw.ExecContext(t.Context(), empty); err != nil {
			t.Fatal(err)
		}
		return OpenPostgres(t, dsn)
	}
}

// emptying makes the statements that bring a migrated database back to what it is now:
// all rows go, and those that the migrations wrote come back.
func emptying(ctx context.Context, db *sql.DB) (string, error) {
	var statements string
	err := db.QueryRowContext(ctx, "SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY' FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'").Scan(&statements)
	if err != nil {
		return "", err
	}
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA kept"); err != nil {
		return "", err
	}
	for table := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(statements, "TRUNCATE "), " RESTART IDENTITY"), ", ") {
		result, err := db.ExecContext(ctx, "CREATE TABLE kept."+table+" AS TABLE "+table)
		if err != nil {
			return "", err
		}
		if rows, err := result.RowsAffected(); err != nil {
			return "", err
		} else if rows > 0 {
			statements += "; INSERT INTO " + table + " SELECT * FROM kept." + table
		}
	}
	return statements, nil
}

// OpenPostgres opens one more store on the database behind a URL of PostgresURL.
func OpenPostgres(t testing.TB, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), dsn, store.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatalf("open store: %v (%s)", err, keepwatch.HintOf(err))
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return db
}

// PostgresURL makes an empty database for the test and returns its URL.
func PostgresURL(t testing.TB) string {
	t.Helper()
	base := os.Getenv(PostgresEnv)
	if base == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: CI runs the store's tests on PostgreSQL too", PostgresEnv)
		}
		t.Skipf("%s is not set: what PostgreSQL does is not tested in this run", PostgresEnv)
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("keepwatch_%d_%d", os.Getpid(), time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" ENCODING 'UTF8' TEMPLATE template0"); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		_, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		if err != nil {
			t.Errorf("drop database: %v", err)
		}
		_ = admin.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}
