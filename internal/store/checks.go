package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// groupSize is how many slots are handed out together at most.
const groupSize = 100

// never is when a check is due that is not to run again by itself.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// HandOver passes claimed groups on. It runs inside the claiming transaction, so a
// queue in the same database can take them in atomically; an error gives the slots
// back, and after a conflict it is called again with what is due then. It must not
// wait: the workers that would make room need the store. A hand-over inside the
// process therefore keeps the groups and passes them on after ClaimDue has
// returned without an error.
type HandOver func(ctx context.Context, tx *sql.Tx, groups []keepwatch.Group) error

// Local is the hand-over to workers of this process: they need no transaction.
func Local(hand func(ctx context.Context, groups []keepwatch.Group) error) HandOver {
	return func(ctx context.Context, _ *sql.Tx, groups []keepwatch.Group) error { return hand(ctx, groups) }
}

const checkColumns = "phase, id, kind, credential, tenant, fingerprint, changed_at, due_at, reason"

func scanCheck(rows *sql.Rows, more ...any) (keepwatch.Check, error) {
	var c keepwatch.Check
	var changed, due int64
	dest := append([]any{&c.Phase, &c.ID, &c.Kind, &c.Credential, &c.Tenant, &c.Fingerprint, &changed, &due, &c.Reason}, more...)
	err := rows.Scan(dest...)
	c.ChangedAt, c.DueAt = instant(changed), instant(due)
	return c, err
}

// SyncChecks makes the due-table hold exactly the desired checks. An unchanged one
// keeps its due time; a new one, or one whose fingerprint changed, is due within a
// minute, spread by phase. What is no longer desired leaves the table and the live
// states with its series, and its memberships in open incidents end; its history stays.
func (db *DB) SyncChecks(ctx context.Context, now time.Time, desired []keepwatch.Check) error {
	now = normal(now)
	for i := range desired {
		c := &desired[i]
		if c.ID == "" {
			return fmt.Errorf("check without an id: %w", keepwatch.ErrInvalid)
		}
		if err := storable("check "+string(c.ID), string(c.ID), string(c.Kind), string(c.Credential), string(c.Tenant), c.Fingerprint); err != nil {
			return err
		}
	}
	noticed := false
	err := db.write(ctx, "synchronise checks", func(ctx context.Context, t *tx) error {
		if db.dialect != sqliteDialect {
			// Nodes that start together read the same table and write the same new checks.
			if _, err := t.exec(ctx, "LOCK TABLE checks IN SHARE ROW EXCLUSIVE MODE"); err != nil {
				return err
			}
		}
		present, err := db.allChecks(ctx, t)
		if err != nil {
			return err
		}
		write, remove := compareChecks(present, desired, now)
		remove = slices.DeleteFunc(remove, func(c keepwatch.Check) bool { return db.elsewhere(c, now) })
		if err := db.removeChecks(ctx, t, remove); err != nil {
			return err
		}
		if err := db.upsertChecks(ctx, t, write); err != nil {
			return err
		}
		gone := slices.DeleteFunc(remove, func(c keepwatch.Check) bool {
			return slices.ContainsFunc(write, func(w keepwatch.Check) bool { return w.ID == c.ID && w.Tenant == c.Tenant })
		})
		noticed, err = db.forget(ctx, t, gone, now)
		return err
	})
	if err != nil {
		return err
	}
	wake(db.due)
	if noticed {
		wake(db.outbox)
	}
	return nil
}

func (db *DB) allChecks(ctx context.Context, t *tx) (map[keepwatch.CheckID]keepwatch.Check, error) {
	present := map[keepwatch.CheckID]keepwatch.Check{}
	rows, err := t.query(ctx, "SELECT "+checkColumns+" FROM checks ORDER BY phase, id"+db.forUpdate)
	err = each(rows, err, func(r *sql.Rows) error {
		c, err := scanCheck(r)
		present[c.ID] = c
		return err
	})
	return present, err
}

// compareChecks decides what to write and what to remove. A check that changed its
// phase is both: the phase is part of its key.
func compareChecks(present map[keepwatch.CheckID]keepwatch.Check, desired []keepwatch.Check, now time.Time) (write, remove []keepwatch.Check) {
	wanted := make(map[keepwatch.CheckID]bool, len(desired))
	for _, c := range desired {
		if wanted[c.ID] {
			continue
		}
		wanted[c.ID] = true
		old, known := present[c.ID]
		c.ChangedAt, c.DueAt, c.Reason = old.ChangedAt, old.DueAt, old.Reason
		if !known || old.Fingerprint != c.Fingerprint {
			c.DueAt, c.Reason = firstDue(now, c.Phase), keepwatch.ReasonChanged
		}
		if known && old.Fingerprint != c.Fingerprint {
			c.ChangedAt = now // a new check has not changed: nothing has to propagate
		}
		if known && (old.Phase != c.Phase || old.Tenant != c.Tenant) {
			remove = append(remove, old)
		}
		if c != old {
			write = append(write, c)
		}
	}
	for id, old := range present {
		if !wanted[id] {
			remove = append(remove, old)
		}
	}
	slices.SortFunc(remove, byPhase)
	slices.SortFunc(write, byPhase)
	return write, remove
}

func byPhase(a, b keepwatch.Check) int {
	switch {
	case a.Phase != b.Phase:
		return int(a.Phase) - int(b.Phase)
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

// firstDue is within a minute, on a whole second, spread by phase.
func firstDue(now time.Time, phase uint16) time.Time {
	return now.Add(time.Minute * time.Duration(phase) / 65536).Truncate(time.Second)
}

func (db *DB) removeChecks(ctx context.Context, t *tx, remove []keepwatch.Check) error {
	for _, c := range remove {
		if _, err := t.exec(ctx, "DELETE FROM checks WHERE phase = $1 AND id = $2", c.Phase, c.ID); err != nil {
			return err
		}
	}
	return nil
}

var upsertCheck = &shape{
	head: "INSERT INTO checks (" + checkColumns + ") VALUES ",
	row:  "(?,?,?,?,?,?,?,?,?)",
	tail: " ON CONFLICT (phase, id) DO UPDATE SET kind = excluded.kind, credential = excluded.credential, tenant = excluded.tenant," +
		" fingerprint = excluded.fingerprint, changed_at = excluded.changed_at, due_at = excluded.due_at, reason = excluded.reason",
}

func (db *DB) upsertChecks(ctx context.Context, t *tx, checks []keepwatch.Check) error {
	args := make([]any, 0, len(checks)*9)
	for _, c := range checks {
		args = append(args, int64(c.Phase), string(c.ID), string(c.Kind), string(c.Credential), string(c.Tenant), c.Fingerprint,
			millis(c.ChangedAt), millis(c.DueAt), string(c.Reason))
	}
	_, err := db.insert(ctx, t, upsertCheck, len(checks), args)
	return err
}

// forget deletes the live series of removed checks and ends their memberships, so
// that no incident stays open for something that nobody looks at any more.
func (db *DB) forget(ctx context.Context, t *tx, gone []keepwatch.Check, now time.Time) (noticed bool, _ error) {
	var ids []keepwatch.SeriesID
	for _, c := range gone {
		rows, err := t.query(ctx, "DELETE FROM series WHERE check_id = $1 RETURNING id", string(c.ID))
		err = each(rows, err, func(r *sql.Rows) error {
			var id keepwatch.SeriesID
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return false, err
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	return db.leaveIncidents(ctx, t, ids, now)
}

// ClaimDue hands out up to limit due checks, the longest due first, and moves each
// one's due time to next(check, now), which must lie after now: a slot that is
// hours late after a standstill is thus claimed once, not once for each slot that
// was missed. A zero next means that the check does not run again by itself.
func (db *DB) ClaimDue(ctx context.Context, now time.Time, limit int, next func(keepwatch.Check, time.Time) time.Time, hand HandOver) (claimed int, err error) {
	now = normal(now)
	var slots []keepwatch.Slot
	claim := func(ctx context.Context, t *tx) error {
		var err error
		if slots, err = db.takeDue(ctx, t, now, limit, next); err != nil || len(slots) == 0 {
			return err
		}
		if hand == nil {
			return nil
		}
		if err := hand(ctx, t.Tx, groupsOf(slots, now)); err != nil {
			return &callersError{fmt.Errorf("hand over: %w", err)}
		}
		return nil
	}
	err = db.claimOnce(ctx, claim, &slots)
	if err != nil {
		return 0, fail("claim", err)
	}
	return len(slots), nil
}

// claimOnce does not run a claim again whose commit may be durable: the groups have
// been handed over. It looks whether the due time of the first slot has moved.
func (db *DB) claimOnce(ctx context.Context, claim func(context.Context, *tx) error, slots *[]keepwatch.Slot) error {
	var err error
	for i := range attempts {
		if err = db.once(ctx, claim); err == nil || ctx.Err() != nil {
			return err
		}
		var unknown *commitError
		if errors.As(err, &unknown) {
			if db.wasClaimed(ctx, (*slots)[0]) {
				return nil
			}
			return err
		}
		if !db.again(err) || !pause(ctx, i) {
			return err
		}
	}
	return err
}

func (db *DB) wasClaimed(ctx context.Context, s keepwatch.Slot) (yes bool) {
	_ = db.write(ctx, "look for a claim", func(ctx context.Context, t *tx) error {
		var slot int64
		rows, err := t.query(ctx, "SELECT claimed_slot FROM checks WHERE phase = $1 AND id = $2", int64(s.Check.Phase), string(s.Check.ID))
		found, err := one(rows, err, &slot)
		yes = found && slot == millis(s.At)
		return err
	})
	return yes
}

func (db *DB) takeDue(ctx context.Context, t *tx, now time.Time, limit int, next func(keepwatch.Check, time.Time) time.Time) ([]keepwatch.Slot, error) {
	var slots []keepwatch.Slot
	rows, err := t.query(ctx, "SELECT "+checkColumns+" FROM checks WHERE due_at <= $1 AND "+oursOf("id", "$2")+" ORDER BY due_at, phase, id LIMIT $3"+db.skipLocked, millis(now), db.canary(), limit)
	err = each(rows, err, func(r *sql.Rows) error {
		c, err := scanCheck(r)
		slots = append(slots, slotOf(c, now, next))
		return err
	})
	if err != nil {
		return nil, err
	}
	return slots, db.advance(ctx, t, slots)
}

func slotOf(c keepwatch.Check, now time.Time, next func(keepwatch.Check, time.Time) time.Time) keepwatch.Slot {
	at := next(c, now)
	switch {
	case at.IsZero():
		at = never
	case !at.After(now): // would be handed out again at once, for ever
		at = now.Truncate(time.Second).Add(time.Second)
	}
	at = normal(at)
	return keepwatch.Slot{Check: c, At: c.DueAt, Next: at, Gap: gapOf(c, now, at, next), Reason: c.Reason}
}

// gapOf is the planned distance to the next proof. A slot that is handed out late,
// after a standstill, must not count the standstill as planned: evidence would then
// pass for fresh for twice as long. Such a slot takes the interval that follows.
func gapOf(c keepwatch.Check, now, at time.Time, next func(keepwatch.Check, time.Time) time.Time) time.Duration {
	gap := at.Sub(c.DueAt)
	if now.Sub(c.DueAt) < time.Minute || at.Equal(never) {
		return gap
	}
	if following := normal(next(c, at)).Sub(at); following > 0 && following < gap {
		return following
	}
	return gap
}

var advanceCheck = &shape{
	head: "UPDATE checks SET due_at = v.column3, reason = '" + string(keepwatch.ReasonScheduled) + "', claimed_slot = v.column4, claimed_reason = v.column5 FROM (VALUES ",
	row:  "(CAST(? AS bigint),CAST(? AS text),CAST(? AS bigint),CAST(? AS bigint),CAST(? AS text))",
	tail: ") AS v WHERE checks.phase = v.column1 AND checks.id = v.column2",
}

func (db *DB) advance(ctx context.Context, t *tx, slots []keepwatch.Slot) error {
	args := make([]any, 0, len(slots)*5)
	for i := range slots {
		s := &slots[i]
		args = append(args, int64(s.Check.Phase), string(s.Check.ID), millis(s.Next), millis(s.At), string(s.Reason))
	}
	_, err := db.insert(ctx, t, advanceCheck, len(slots), args)
	return err
}

func groupsOf(slots []keepwatch.Slot, now time.Time) []keepwatch.Group {
	groups := make([]keepwatch.Group, 0, len(slots)/groupSize+1)
	for part := range slices.Chunk(slots, groupSize) {
		groups = append(groups, keepwatch.Group{Slots: part, ClaimedAt: now})
	}
	return groups
}

// NextDue is when the next check is due that this node may claim; false when there is
// none.
func (db *DB) NextDue(ctx context.Context) (time.Time, bool, error) {
	return db.earliest(ctx, "next due", "SELECT min(due_at) FROM (SELECT due_at FROM checks WHERE "+oursOf("id", "$1")+" ORDER BY due_at LIMIT 1) AS first", db.canary())
}

// earliest runs a query for one time that may be missing.
func (db *DB) earliest(ctx context.Context, what, text string, args ...any) (time.Time, bool, error) {
	var at sql.NullInt64
	if err := db.reads.QueryRowContext(ctx, text, args...).Scan(&at); err != nil {
		return time.Time{}, false, fail(what, err)
	}
	return instant(at.Int64), at.Valid, nil
}

// Unfinished lists the slots that were claimed but have no result: what was in
// flight when the process ended. For the start only; in a running system they
// are simply still being worked on. Check.DueAt and At are the claimed slot, Next
// is the due time that now stands in the table.
func (db *DB) Unfinished(ctx context.Context, now time.Time) ([]keepwatch.Slot, error) {
	var slots []keepwatch.Slot
	err := db.read(ctx, "unfinished slots", func(q querier) error {
		// The result is in hot under the slot's key, or folded away from there.
		rows, err := q.query(ctx, "SELECT "+checkColumns+", claimed_slot, claimed_reason FROM checks c"+
			" WHERE claimed_slot > 0 AND claimed_slot <= $1 AND kind <> '"+string(keepwatch.CheckCanary)+"'"+
			" AND NOT EXISTS (SELECT 1 FROM hot h WHERE h.slot = c.claimed_slot AND h.key = c.id || '@' || c.claimed_slot)"+
			" AND NOT EXISTS (SELECT 1 FROM results r WHERE r.series = c.id AND r.slot = c.claimed_slot AND r.key = c.id || '@' || c.claimed_slot)"+
			" ORDER BY claimed_slot, phase, id", millis(now))
		return each(rows, err, func(r *sql.Rows) error {
			var slot int64
			var reason keepwatch.Reason
			c, err := scanCheck(r, &slot, &reason)
			s := keepwatch.Slot{Check: c, At: instant(slot), Next: c.DueAt, Reason: reason}
			s.Gap = s.Next.Sub(s.At)
			s.Check.DueAt, s.Check.Reason = s.At, reason
			slots = append(slots, s)
			return err
		})
	})
	return slots, err
}

// Plan moves due times from outside a step: a person asked, a secret's reference
// changed. A check that is gone is passed over.
func (db *DB) Plan(ctx context.Context, plans ...incident.Plan) error {
	err := db.write(ctx, "plan", func(ctx context.Context, t *tx) error { return db.writePlans(ctx, t, plans) })
	if err == nil && len(plans) > 0 {
		wake(db.due)
	}
	return err
}

// writePlans sets due times. In id order, as every writer of several checks takes
// them, so that two nodes do not wait for each other.
func (db *DB) writePlans(ctx context.Context, t *tx, plans []incident.Plan) error {
	plans = slices.Clone(plans)
	slices.SortStableFunc(plans, func(a, b incident.Plan) int {
		switch {
		case a.Check < b.Check:
			return -1
		case a.Check > b.Check:
			return 1
		}
		return 0
	})
	for _, p := range plans {
		if _, err := t.exec(ctx, "UPDATE checks SET due_at = $1, reason = $2 WHERE id = $3", millis(p.At), string(p.Reason), string(p.Check)); err != nil {
			return err
		}
	}
	return nil
}
