package store

import (
	"context"
	"database/sql"
	"sync"
)

// mostPrepared bounds how many statements the reading pool keeps prepared. Texts that
// are made for a number of arguments are many; those beyond it are prepared each time.
const mostPrepared = 200

// reads is the pool that reads. On SQLite it keeps its statements prepared: the small
// reads of a process that waits (is a check due, does a notice wait) took longer to
// be parsed than to be answered. Pgx keeps its own.
//
// A reading transaction does not use them. It holds a connection, and to prepare a
// statement would wait for another one.
type reads struct {
	*sql.DB
	mu       sync.Mutex
	prepared map[string]*sql.Stmt // nil on PostgreSQL
}

func (r *reads) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if stmt := r.statement(ctx, text); stmt != nil { //nolint:sqlclosecheck // kept for the pool's life
		return stmt.QueryContext(ctx, args...)
	}
	return r.DB.QueryContext(ctx, text, args...)
}

func (r *reads) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if stmt := r.statement(ctx, text); stmt != nil { //nolint:sqlclosecheck // kept for the pool's life
		return stmt.QueryRowContext(ctx, args...)
	}
	return r.DB.QueryRowContext(ctx, text, args...)
}

// statement is text prepared; nil when it is not kept, or cannot be prepared: then the
// query itself says why.
func (r *reads) statement(ctx context.Context, text string) *sql.Stmt {
	r.mu.Lock()
	stmt, known := r.prepared[text]
	room := r.prepared != nil && len(r.prepared) < mostPrepared
	r.mu.Unlock()
	if known || !room {
		return stmt
	}
	fresh, err := r.PrepareContext(ctx, text)
	if err != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt, known = r.prepared[text]; known {
		_ = fresh.Close() //nolint:sqlclosecheck // somebody else was quicker
		return stmt
	}
	r.prepared[text] = fresh
	return fresh
}
