package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keepwatch"
)

// Options of Open. The zero value is what the product runs with.
type Options struct {
	Logger *slog.Logger
	// Node tells this process from the others on the same database; "" is DefaultNode.
	// The canary of a node passes through no other.
	Node string

	// Synchronous overrides SQLite's synchronous=FULL. Tests only: with NORMAL a
	// power cut loses acknowledged commits, with OFF it corrupts the file.
	Synchronous string
	// VFS names a registered SQLite VFS. Tests only: the power-cut harness records
	// through one.
	VFS string
	// OnCommit is called before and after each COMMIT. Tests only: a kill harness
	// aims at the time between the two.
	OnCommit func(before bool)
}

// DB is an open store. Its methods may be called from many goroutines.
type DB struct {
	*dialect
	log     *slog.Logger
	options Options
	url     string

	writes  *sql.DB     // SQLite: one connection; PostgreSQL: the pool
	reads   *reads      // SQLite: a pool that cannot write; PostgreSQL: the same pool
	writer  *writer     // SQLite only
	file    *file       // SQLite only
	opened  os.FileInfo // SQLite only: the file as it was opened
	mirror  *mirror     // SQLite only
	live    live
	due     chan struct{}
	outbox  chan struct{}
	ring    ring
	large   large
	shed    shedding
	folding folding
	folded  atomic.Int64 // newest slot this process has folded, ms
	sqlText sync.Map     // text of multi-row statements, by shape

	closeOnce sync.Once
	closeErr  error
}

// Open opens the store behind url ("sqlite:PATH" or "postgres://…"), brings its
// schema up to date and checks it.
func Open(ctx context.Context, url string, options Options) (*DB, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Node == "" {
		options.Node = DefaultNode
	}
	db := &DB{
		options: options, url: url, log: options.Logger,
		due: make(chan struct{}, 1), outbox: make(chan struct{}, 1),
	}
	scheme := db.scheme()
	open := map[string]func(context.Context) error{
		"sqlite": db.openSQLite, "postgres": db.openPostgres, "postgresql": db.openPostgres,
	}[scheme]
	if open == nil {
		err := fmt.Errorf("store URL has scheme %q: %w", scheme, keepwatch.ErrInvalid)
		return nil, keepwatch.WithHint(err, "use sqlite:PATH or postgres://user@host/database")
	}
	if err := open(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// Driver is "sqlite" or "postgres".
func (db *DB) Driver() string { return db.name }

// Ping reports whether the store can be read.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.reads.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("store does not answer: %w: %w", keepwatch.ErrUnavailable, err)
	}
	return nil
}

// Close writes what is only in memory (the transcripts of good runs), closes the
// database and releases its lock.
func (db *DB) Close() error {
	db.closeOnce.Do(func() { db.closeErr = db.close() })
	return db.closeErr
}

func (db *DB) close() error {
	var errs []error
	if db.reads != nil && db.ring.len() > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		errs = append(errs, db.persistTranscripts(ctx))
		cancel()
	}
	if db.writer != nil {
		db.writer.drop()
	}
	if db.reads != nil && db.reads.DB != db.writes {
		errs = append(errs, db.reads.Close())
	}
	if db.writes != nil {
		errs = append(errs, db.writes.Close())
	}
	if db.file != nil {
		errs = append(errs, db.file.unlock())
	}
	return errors.Join(errs...)
}

// Woken returns two channels that are signalled after a commit of this process
// made a check due, or put something into the outbox. They hold one signal each: a
// reader that was busy looks once, not once a commit. Other nodes are not heard.
func (db *DB) Woken() (due, outbox <-chan struct{}) { return db.due, db.outbox }

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (db *DB) scheme() string {
	scheme, _, _ := strings.Cut(db.url, ":")
	return scheme
}
