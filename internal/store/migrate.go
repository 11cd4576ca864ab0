package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"keepwatch"
)

// migrate brings the schema up to date. Every migration is one transaction, so an
// interrupted one leaves the old schema. On PostgreSQL a session lock lets one node
// migrate while the others wait.
func (db *DB) migrate(ctx context.Context) error {
	p, err := db.migrator()
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if current > target {
		return newerSchema(current, target)
	}
	if current == target {
		return nil
	}
	applied, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate schema from %d to %d: %w", current, target, err)
	}
	db.log.Info("schema migrated", "from", current, "to", target, "steps", len(applied))
	return nil
}

func newerSchema(current, target int64) error {
	err := fmt.Errorf("the schema is version %d, this program knows %d: %w", current, target, keepwatch.ErrConflict)
	return keepwatch.WithHint(err, "run the newer keepwatch that made it, or restore a backup of before the upgrade")
}

func (db *DB) migrator() (*goose.Provider, error) {
	folder, err := db.migrations()
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithSlog(db.log)}
	if db.dialect == postgresDialect {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(db.goose, db.writes, folder, options...)
}

// newestSchema is the highest version among the migrations of SQLite.
func newestSchema() int64 {
	names, _ := fs.Glob(migrations, "migrations/sqlite/*.sql") // the pattern is well formed
	var newest int64
	for _, name := range names {
		if v, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}
