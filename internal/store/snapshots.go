package store

import (
	"context"
	"fmt"
	"time"

	"keepwatch"
)

// maxSnapshot caps a document about one account: a thousand business units and
// as many users and packages stay far below it.
const maxSnapshot = 16 << 20

// Snapshot is what the last look at an account found, and when that was.
func (db *DB) Snapshot(ctx context.Context, tenant keepwatch.TenantID) (at time.Time, doc []byte, err error) {
	if err := storable("tenant", string(tenant)); err != nil {
		return at, nil, err
	}
	err = db.read(ctx, "snapshot", func(q querier) error {
		var ms int64
		rows, err := q.query(ctx, "SELECT at, doc FROM snapshots WHERE tenant = $1", string(tenant))
		found, err := one(rows, err, &ms, &doc)
		if err == nil && !found {
			err = fmt.Errorf("snapshot of tenant %.80q: %w", tenant, keepwatch.ErrNotFound)
		}
		at = instant(ms)
		return err
	})
	return at, doc, err
}

// SaveSnapshot keeps what a look at an account found, in the place of an older one.
// An older look that comes late changes nothing.
func (db *DB) SaveSnapshot(ctx context.Context, tenant keepwatch.TenantID, at time.Time, doc []byte) error {
	if tenant == "" || len(doc) == 0 || len(doc) > maxSnapshot {
		return fmt.Errorf("snapshot without a tenant, empty, or larger than %d MiB: %w", maxSnapshot>>20, keepwatch.ErrInvalid)
	}
	if err := storable("snapshot", string(tenant), string(doc)); err != nil {
		return err
	}
	return db.write(ctx, "save snapshot", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "INSERT INTO snapshots (tenant, at, doc) VALUES ($1, $2, $3) ON CONFLICT (tenant) DO UPDATE SET"+
			" at = excluded.at, doc = excluded.doc WHERE snapshots.at <= excluded.at", string(tenant), millis(at), string(doc))
		return err
	})
}
