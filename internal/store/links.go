package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"keepwatch"
)

// keepUses is how long it is known that a link was used: longer than any link holds.
const keepUses = 30 * 24 * time.Hour

const useColumns = "id, incident, action, person, at, until"

func (db *DB) linkUse(ctx context.Context, q querier, id string) (u keepwatch.LinkUse, found bool, err error) {
	rows, err := q.query(ctx, "SELECT "+useColumns+" FROM link_uses WHERE id = $1", id)
	err = each(rows, err, func(r *sql.Rows) error {
		found = true
		var at, until int64
		err := r.Scan(&u.ID, &u.Incident, &u.Action, &u.By, &at, &until)
		u.At, u.Until = instant(at), instant(until)
		return err
	})
	return u, found, err
}

// LinkUse is the use of a link, an ErrNotFound as long as nobody used it.
func (db *DB) LinkUse(ctx context.Context, id string) (u keepwatch.LinkUse, err error) {
	if err := storable("link", id); err != nil {
		return u, err
	}
	err = db.read(ctx, "link use", func(q querier) error {
		found := false
		u, found, err = db.linkUse(ctx, q, id)
		if err == nil && !found {
			err = fmt.Errorf("use of a link: %w", keepwatch.ErrNotFound)
		}
		return err
	})
	return u, err
}

// errUsed ends a transaction in which a link turns out to be used.
var errUsed = errors.New("the link was used")

// UseLink does what a link is for and notes that it was used, in one transaction: an
// acknowledgement, or the silence that is given. It returns the use that counts, which
// is another one when the link was used before; then nothing is done. An incident that
// is over, or acknowledged already, is a conflict.
func (db *DB) UseLink(ctx context.Context, u keepwatch.LinkUse, quiet *keepwatch.Silence) (keepwatch.LinkUse, error) {
	if u.ID == "" || u.By == "" || (u.Action == keepwatch.LinkAcknowledge) != (quiet == nil) {
		return u, fmt.Errorf("use of a link without its name, its sender or what it does: %w", keepwatch.ErrInvalid)
	}
	if err := storable("link", u.ID, string(u.Incident), string(u.Action), u.By); err != nil {
		return u, err
	}
	u.At, u.Until = normal(u.At), normal(u.Until)
	var before keepwatch.LinkUse
	err := db.write(ctx, "use link", func(ctx context.Context, t *tx) error {
		// The incident's row comes first: two that press at the same moment meet here.
		in, err := db.incident(ctx, t, u.Incident, db.forUpdate)
		if err != nil {
			return err
		}
		used := false
		if before, used, err = db.linkUse(ctx, t, u.ID); err != nil {
			return err
		}
		switch {
		case used:
			return errUsed
		case in.Status != keepwatch.IncidentOpen:
			return fmt.Errorf("incident %s is resolved already: %w", in.ID, keepwatch.ErrConflict)
		case quiet == nil && !in.AcknowledgedAt.IsZero():
			return fmt.Errorf("incident %s is acknowledged already: %w", in.ID, keepwatch.ErrConflict)
		case quiet != nil:
			err = db.insertSilence(ctx, t, *quiet)
		default:
			err = db.acknowledge(ctx, t, &in, u.By, u.At)
		}
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "INSERT INTO link_uses ("+useColumns+") VALUES ($1, $2, $3, $4, $5, $6)", u.ID, string(u.Incident), string(u.Action), u.By, millis(u.At), millis(u.Until))
		return err
	})
	switch {
	case errors.Is(err, errUsed):
		return before, nil
	case err == nil:
		wake(db.outbox)
	}
	return u, err
}

// expireUses forgets uses of links that hold no more.
func (db *DB) expireUses(ctx context.Context, before int64) error {
	return db.write(ctx, "expire uses of links", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM link_uses WHERE at < $1", before)
		return err
	})
}
