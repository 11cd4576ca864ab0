package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"keepwatch"
)

// attempts bounds how often a transaction is run again after a conflict with
// another node, or a server that went away.
const attempts = 8

// querier runs one statement: a transaction that writes, or a reading one.
type querier interface {
	query(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// tx is a writing transaction.
type tx struct {
	*sql.Tx
	writer *writer // prepared statements; nil on PostgreSQL, where pgx keeps its own
	after  []func()
}

// afterCommit has fn called once the transaction is durable, while no other writer
// of this process has begun.
func (t *tx) afterCommit(fn func()) { t.after = append(t.after, fn) }

func (t *tx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	var res sql.Result
	var err error
	if t.writer == nil {
		res, err = t.ExecContext(ctx, text, args...)
	} else {
		var stmt *sql.Stmt
		if stmt, err = t.writer.prepare(ctx, text); err != nil { //nolint:sqlclosecheck // kept for the writer's life
			return 0, err
		}
		res, err = stmt.ExecContext(ctx, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *tx) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if t.writer == nil {
		return t.QueryContext(ctx, text, args...)
	}
	stmt, err := t.writer.prepare(ctx, text) //nolint:sqlclosecheck // kept for the writer's life
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// writer is SQLite's one writing connection and the statements prepared on it.
//
// Statements are prepared on the connection and executed on it while its
// transaction is open, not through Tx.StmtContext: that prepares a statement of a
// connection anew on each call, which costs more than the insert itself. And not
// on the pool either: with one connection DB.Prepare inside a transaction waits
// for itself.
type writer struct {
	pool  *sql.DB
	turn  chan struct{} // holds one token: whoever has it may write
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	// doubtful is set while the log may hold commits that are not on the disk: at
	// the start, and after a commit that reported an I/O error. See settle.
	doubtful bool
}

func newWriter(pool *sql.DB) *writer {
	w := &writer{pool: pool, turn: make(chan struct{}, 1), stmts: map[string]*sql.Stmt{}, doubtful: true}
	w.turn <- struct{}{}
	return w
}

// begin waits for its turn and opens a transaction. The caller's context ends the
// wait but not what comes after: watching it would cost a goroutine a statement,
// and the statements of a transaction are short.
func (w *writer) begin(ctx context.Context) (*tx, context.Context, error) {
	select {
	case <-w.turn:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		w.release()
		return nil, nil, err
	}
	inner := context.WithoutCancel(ctx)
	t, err := w.start(inner)
	if err != nil {
		w.release()
		return nil, nil, err
	}
	return t, inner, nil
}

func (w *writer) start(ctx context.Context) (*tx, error) {
	if w.conn == nil {
		conn, err := w.pool.Conn(ctx)
		if err != nil {
			return nil, err
		}
		w.conn = conn
	}
	if w.doubtful {
		if err := w.settle(ctx); err != nil {
			w.drop()
			return nil, err
		}
	}
	t, err := w.conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &tx{Tx: t, writer: w}, nil
}

// settle makes sure that what can be read is on the disk. After a sync that failed,
// the log may show a commit that no disk has: the kernel forgets that it could not
// write a page, and the next sync succeeds without it. So the log's content is written
// anew, into the database, and that is synced. Until this works, nothing is
// written and nothing acknowledged.
func (w *writer) settle(ctx context.Context) error {
	var busy, frames, moved int
	err := w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	if err == nil && busy != 0 {
		err = errors.New("a reader is in the way")
	}
	if err != nil {
		return fmt.Errorf("make the log durable: %w: %w", keepwatch.ErrUnavailable, err)
	}
	w.doubtful = false
	return nil
}

func (w *writer) release() { w.turn <- struct{}{} }

func (w *writer) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	w.stmts[text] = stmt
	return stmt, nil
}

// drop closes the connection for good, not back into the pool. After an I/O error
// of a commit nothing that the handle believes about the file may be trusted: the
// kernel may have dropped pages that it could not write.
func (w *writer) drop() {
	for text, stmt := range w.stmts {
		_ = stmt.Close()
		delete(w.stmts, text)
	}
	if w.conn != nil {
		_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = w.conn.Close()
		w.conn = nil
	}
}

// commitError is a COMMIT whose outcome is unknown: it may be durable.
type commitError struct{ err error }

func (e *commitError) Error() string { return "commit: " + e.err.Error() }
func (e *commitError) Unwrap() error { return e.err }

// write runs fn in a transaction, again when a conflict asks for it. fn must be
// harmless to run again after a commit that was durable after all; where the
// caller needs to know, it looks for a commitError itself (once).
func (db *DB) write(ctx context.Context, what string, fn func(context.Context, *tx) error) error {
	var err error
	for i := range attempts {
		var unknown *commitError
		if err = db.once(ctx, fn); err == nil {
			return nil
		}
		if ctx.Err() != nil || (!errors.As(err, &unknown) && !db.again(err)) {
			break
		}
		if !pause(ctx, i) {
			break
		}
	}
	return fail(what, err)
}

// pause waits before attempt i is repeated, at random, so that two nodes that met
// do not meet again.
func pause(ctx context.Context, i int) bool {
	t := time.NewTimer(time.Duration(1+rand.IntN(5<<min(i, 7))) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once runs fn in one transaction.
func (db *DB) once(ctx context.Context, fn func(context.Context, *tx) error) (err error) {
	t, inner, err := db.begin(ctx)
	if err != nil {
		return err
	}
	if db.writer != nil {
		defer db.writer.release()
	}
	done := false
	defer func() {
		if !done { // also when fn panics: the writer must not stay in a transaction
			_ = t.Rollback()
		}
	}()
	if err := fn(inner, t); err != nil {
		return err
	}
	done = true
	if err := db.commit(t); err != nil {
		return err
	}
	for _, fn := range t.after {
		fn()
	}
	return nil
}

func (db *DB) begin(ctx context.Context) (*tx, context.Context, error) {
	if db.writer != nil {
		return db.writer.begin(ctx)
	}
	t, err := db.writes.BeginTx(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	return &tx{Tx: t}, ctx, nil
}

func (db *DB) commit(t *tx) error {
	if db.options.OnCommit != nil {
		db.options.OnCommit(true)
		defer db.options.OnCommit(false)
	}
	if err := t.Commit(); err != nil {
		if t.writer != nil && !db.full(err) { // full: nothing was written, nothing is in doubt
			t.writer.drop()
			t.writer.doubtful = true
		}
		db.mirror.forget()
		db.live.forget()
		return &commitError{err}
	}
	return nil
}

// reading is a read-only transaction: all its statements see one moment.
type reading struct{ *sql.Tx }

func (r reading) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return r.QueryContext(ctx, text, args...)
}

// read runs fn over one moment of the store.
func (db *DB) read(ctx context.Context, what string, fn func(querier) error) error {
	t, err := db.reads.BeginTx(ctx, db.snapshot())
	if err != nil {
		return fail(what, err)
	}
	defer func() { _ = t.Rollback() }() // nothing was written
	return fail(what, fn(reading{t}))
}

// callersError is an error of a function that the caller passed in.
type callersError struct{ err error }

func (e *callersError) Error() string { return e.err.Error() }
func (e *callersError) Unwrap() error { return e.err }

// fail names the operation that failed. What the caller asked wrongly is passed on
// as it is; an error of the database is one kind to the outside: unavailable.
func fail(what string, err error) error {
	var theirs *callersError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keepwatch.ErrNotFound), errors.Is(err, keepwatch.ErrInvalid), errors.Is(err, keepwatch.ErrConflict):
		return err
	case strings.HasPrefix(err.Error(), "store: "): // named already, closer to the cause
		return err
	case errors.As(err, &theirs), errors.Is(err, context.Canceled), errors.Is(err, keepwatch.ErrUnavailable):
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return fmt.Errorf("store: %s: %w: %w", what, keepwatch.ErrUnavailable, err)
}

// each calls scan for every row.
func each(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one scans the only row; found is false when there is none.
func one(rows *sql.Rows, err error, dest ...any) (found bool, _ error) {
	err = each(rows, err, func(r *sql.Rows) error {
		found = true
		return r.Scan(dest...)
	})
	return found, err
}
