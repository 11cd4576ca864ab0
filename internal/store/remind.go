package store

import (
	"context"
	"fmt"
	"time"

	"keepwatch"
)

// Remind adds a delivery to a notice that was routed already: the next reminder of
// an incident that lasts. A delivery whose id exists stays as it is, so planning
// the same reminder twice makes one. It stands beside Route because there the
// first decision holds.
func (db *DB) Remind(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	err := db.write(ctx, "remind", func(ctx context.Context, t *tx) error {
		var incident string
		rows, err := t.query(ctx, "SELECT incident FROM notices WHERE id = $1", string(d.Notice.ID))
		found, err := one(rows, err, &incident)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("notice %.80q: %w", d.Notice.ID, keepwatch.ErrNotFound)
		}
		return db.insertDelivery(ctx, t, d.Notice.ID, incident, &d, now)
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}
