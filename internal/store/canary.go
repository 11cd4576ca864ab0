package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepwatch"
)

// DefaultNode is the name of a process that has the database for itself.
const DefaultNode = "local"

// canaryLost is how long the canary of another node may stand still before its row is
// taken for that of a node which is no more.
const canaryLost = 10 * time.Minute

// Node tells this process from the others on the same database.
func (db *DB) Node() string { return db.options.Node }

// canary is this node's own, the id of its check and what its notices stand under.
func (db *DB) canary() string { return string(keepwatch.CanaryCheck(db.options.Node)) }

// noCanary selects rows that are about no canary.
func noCanary(column string) string {
	return column + " NOT LIKE '" + string(keepwatch.CheckCanary) + ":%'"
}

// oursOf selects those, and the one canary that argument names. What another node took
// on its way would prove nothing of this one.
func oursOf(column, argument string) string {
	return "(" + noCanary(column) + " OR " + column + " = " + argument + ")"
}

// elsewhere reports that a check is the canary of another node, which is alive as far
// as one can see.
func (db *DB) elsewhere(c keepwatch.Check, now time.Time) bool {
	return c.Kind == keepwatch.CheckCanary && string(c.ID) != db.canary() && c.DueAt.After(now.Add(-canaryLost))
}

// writeCanary puts a canary in the place of the one before, wherever on its way that is:
// a canary is never tried again, and the outbox does not grow by it. Rows of nodes that
// are no more go with it.
func (db *DB) writeCanary(ctx context.Context, t *tx, n *keepwatch.Notice) error {
	own, lost := string(n.Canary.Check), millis(n.At.Add(-canaryLost))
	if err := storable("canary", string(n.ID), own, n.Canary.Fault); err != nil {
		return err
	}
	doc, err := marshal(n.Canary)
	if err != nil {
		return err
	}
	for _, table := range []struct{ name, time string }{{"deliveries", "created_at"}, {"notices", "at"}} {
		// Bounds of the id instead of LIKE: they are what the key can serve.
		_, err := t.exec(ctx, "DELETE FROM "+table.name+" WHERE id >= '"+canaryFrom+"' AND id < '"+canaryTo+"' AND (incident = $1 OR "+table.time+" < $2)", own, lost)
		if err != nil {
			return fmt.Errorf("canary: %w", err)
		}
	}
	_, err = t.exec(ctx, "INSERT INTO notices (id, incident, seq, kind, at, doc) VALUES ($1, $2, 0, $3, $4, $5)", string(n.ID), own, string(n.Kind), millis(n.At), string(doc))
	return err
}

// The ids of canaries lie between these: ';' follows ':'.
const (
	canaryFrom = string(keepwatch.CheckCanary) + ":"
	canaryTo   = string(keepwatch.CheckCanary) + ";"
)

// partCanaries parts the canaries among observations from the others.
func partCanaries(all []incoming) (canaries, others []incoming) {
	isCanary := func(o incoming) bool { return o.Check.OfCanary() }
	if !slices.ContainsFunc(all, isCanary) {
		return nil, all
	}
	for _, o := range all {
		if isCanary(o) {
			canaries = append(canaries, o)
		} else {
			others = append(others, o)
		}
	}
	return canaries, others
}
