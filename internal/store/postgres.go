package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"keepwatch"
)

// poolSize of PostgreSQL. Transactions are short; the claim, the writers of results
// and the readers of a page rarely need more at once, and servers ration connections.
const poolSize = 16

func (db *DB) openPostgres(ctx context.Context) error {
	db.dialect = postgresDialect
	config, err := pgx.ParseConfig(db.url)
	if err != nil {
		// pgx's message may repeat the URL, and with it a password.
		return keepwatch.WithHint(fmt.Errorf("store URL cannot be read: %w", keepwatch.ErrInvalid), "write it like postgres://user@host/keepwatch, the password in PGPASSWORD or a .pgpass file")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "keepwatch"
	}
	db.writes = stdlib.OpenDB(*config)
	db.writes.SetMaxOpenConns(poolSize)
	db.writes.SetMaxIdleConns(poolSize)
	db.writes.SetConnMaxIdleTime(5 * time.Minute)
	db.reads = &reads{DB: db.writes}
	where := fmt.Sprintf("store postgres://%s:%d/%s", config.Host, config.Port, config.Database)
	if err := db.checkPostgres(ctx); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	return nil
}

// checkPostgres asserts what the rules rely on: UTF-8 text and a server that
// answers a commit only when it is durable.
func (db *DB) checkPostgres(ctx context.Context) error {
	var encoding, synchronous string
	row := db.writes.QueryRowContext(ctx, "SELECT current_setting('server_encoding'), current_setting('synchronous_commit')")
	if err := row.Scan(&encoding, &synchronous); err != nil {
		return fmt.Errorf("cannot be reached: %w: %w", keepwatch.ErrUnavailable, withoutConfig(err))
	}
	if encoding != "UTF8" {
		err := fmt.Errorf("the database's encoding is %s: %w", encoding, keepwatch.ErrInvalid)
		return keepwatch.WithHint(err, "create it with ENCODING 'UTF8'")
	}
	if synchronous == "off" {
		db.log.Warn("synchronous_commit is off: a crash of the server may lose acknowledged transitions")
	}
	return nil
}

// withoutConfig keeps the cause of a failed connection without its settings.
func withoutConfig(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		if inner := errors.Unwrap(connect); inner != nil {
			return inner
		}
	}
	return err
}

// snapshot are the options of a transaction whose reads see one moment.
func (d *dialect) snapshot() *sql.TxOptions {
	if d == postgresDialect {
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return &sql.TxOptions{ReadOnly: true} // WAL: a deferred transaction is a snapshot
}
