package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"keepwatch"
)

const noticeColumns = "n.id, n.seq, n.kind, n.at, n.doc, n.letter, n.bundle"

// noticeRow is a notice as it stands in its columns.
type noticeRow struct {
	keepwatch.Notice
	at                  int64
	doc, letter, bundle sql.RawBytes
}

func (n *noticeRow) dest() []any {
	return []any{&n.ID, &n.Seq, &n.Kind, &n.at, &n.doc, &n.letter, &n.bundle}
}

func (n *noticeRow) notice() (keepwatch.Notice, error) {
	n.At = instant(n.at)
	if n.Kind == keepwatch.ProofOfLife {
		err := json.Unmarshal(n.doc, &n.Canary)
		return n.Notice, err
	}
	if len(n.letter) > 0 {
		err := json.Unmarshal(n.letter, &n.Letter)
		return n.Notice, err
	}
	if len(n.bundle) > 0 {
		if err := json.Unmarshal(n.bundle, &n.Bundle); err != nil {
			return n.Notice, err
		}
	}
	err := json.Unmarshal(n.doc, &n.Incident)
	return n.Notice, err
}

// Unrouted lists notices that nobody has decided about yet, oldest first.
func (db *DB) Unrouted(ctx context.Context, limit int) ([]keepwatch.Notice, error) {
	var list []keepwatch.Notice
	rows, err := db.reads.QueryContext(ctx, "SELECT "+noticeColumns+" FROM notices n WHERE n.routed_at = 0 AND "+oursOf("n.incident", "$1")+" ORDER BY n.at, n.incident, n.seq LIMIT $2", db.canary(), limit)
	err = each(rows, err, func(r *sql.Rows) error {
		var row noticeRow
		if err := r.Scan(row.dest()...); err != nil {
			return err
		}
		n, err := row.notice()
		list = append(list, n)
		return err
	})
	if err != nil {
		return nil, fail("unrouted notices", err)
	}
	return list, nil
}

// Route writes the deliveries of a notice and takes it from the unrouted ones. A
// second call for the same notice changes nothing, whatever it brings: the first
// decision holds. No deliveries is a decision too.
func (db *DB) Route(ctx context.Context, notice keepwatch.NoticeID, deliveries []keepwatch.Delivery, now time.Time) error {
	return db.RouteAll(ctx, []keepwatch.Routing{{Notice: notice, Deliveries: deliveries}}, now)
}

// RouteAll is Route for several notices, in one transaction, with deliveries that are
// told by the messages of bundles.
func (db *DB) RouteAll(ctx context.Context, list []keepwatch.Routing, now time.Time) error {
	err := db.write(ctx, "route", func(ctx context.Context, t *tx) error {
		g := db.newGatherer(t, now)
		var rows deliveryRows
		for i := range list {
			if err := db.routeOne(ctx, g, &list[i], &rows); err != nil {
				return err
			}
		}
		_, err := db.insert(ctx, t, insertDeliveries, rows.n, rows.args)
		return err
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}

// routeOne adds the rows of one notice, unless it was routed before.
func (db *DB) routeOne(ctx context.Context, g *gatherer, r *keepwatch.Routing, rows *deliveryRows) error {
	var incident string
	found, err := g.t.query(ctx, "UPDATE notices SET routed_at = $1 WHERE id = $2 AND routed_at = 0 RETURNING incident", millis(g.now), string(r.Notice))
	first, err := one(found, err, &incident)
	if err != nil {
		return err
	}
	if !first {
		return db.mustExist(ctx, g.t, r.Notice)
	}
	for i := range r.Deliveries {
		d := &r.Deliveries[i]
		if d.ID == "" {
			d.ID = keepwatch.DeliveryIDOf(r.Notice, d.Receiver)
		}
		if err := rows.add(r.Notice, incident, d, g.now); err != nil {
			return err
		}
	}
	for i := range r.Gathered {
		d, err := g.into(ctx, &r.Gathered[i])
		if err != nil {
			return err
		}
		if err := rows.add(r.Notice, incident, &d, g.now); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) mustExist(ctx context.Context, t *tx, notice keepwatch.NoticeID) error {
	var n int64
	rows, err := t.query(ctx, "SELECT count(*) FROM notices WHERE id = $1", string(notice))
	if _, err = one(rows, err, &n); err == nil && n == 0 {
		err = fmt.Errorf("notice %.80q: %w", notice, keepwatch.ErrNotFound)
	}
	return err
}

var insertDeliveries = &shape{
	head: "INSERT INTO deliveries (id, notice, incident, receiver, status, attempts, next_attempt_at, last_error, receipt, created_at, sent_at, bundle, bundle_seq, bundle_rank, cause) VALUES ",
	row:  "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	tail: " ON CONFLICT (id) DO NOTHING",
}

// deliveryRows are the arguments of insertDeliveries.
type deliveryRows struct {
	args []any
	n    int
}

func (r *deliveryRows) add(notice keepwatch.NoticeID, incident string, d *keepwatch.Delivery, now time.Time) error {
	if err := storable("delivery "+string(d.ID), string(d.ID), d.Receiver, d.LastError, d.Receipt); err != nil {
		return err
	}
	status, created, next := d.Status, d.CreatedAt, d.NextAttemptAt
	if status == "" {
		status = keepwatch.DeliveryPending
	}
	if created.IsZero() {
		created = now
	}
	if next.IsZero() {
		next = now
	}
	cause := ""
	if d.Bundle != "" {
		cause = string(d.Notice.Incident.Outcome)
	}
	r.args = append(r.args, string(d.ID), string(notice), incident, d.Receiver, string(status), d.Attempts,
		millis(next), d.LastError, d.Receipt, millis(created), millis(d.SentAt), string(d.Bundle), d.BundleSeq, d.Rank, cause)
	r.n++
	return nil
}

func (db *DB) insertDelivery(ctx context.Context, t *tx, notice keepwatch.NoticeID, incident string, d *keepwatch.Delivery, now time.Time) error {
	if d.ID == "" {
		d.ID = keepwatch.DeliveryIDOf(notice, d.Receiver)
	}
	var rows deliveryRows
	if err := rows.add(notice, incident, d, now); err != nil {
		return err
	}
	_, err := db.insert(ctx, t, insertDeliveries, 1, rows.args)
	return err
}

const deliveryColumns = "d.id, d.receiver, d.status, d.attempts, d.next_attempt_at, d.last_error, d.receipt, d.created_at, d.sent_at, d.bundle, d.bundle_seq, d.bundle_rank"

func scanDelivery(r *sql.Rows) (keepwatch.Delivery, error) {
	var d keepwatch.Delivery
	var row noticeRow
	var next, created, sent int64
	dest := []any{&d.ID, &d.Receiver, &d.Status, &d.Attempts, &next, &d.LastError, &d.Receipt, &created, &sent, &d.Bundle, &d.BundleSeq, &d.Rank}
	if err := r.Scan(append(dest, row.dest()...)...); err != nil {
		return d, err
	}
	d.NextAttemptAt, d.CreatedAt, d.SentAt = instant(next), instant(created), instant(sent)
	var err error
	d.Notice, err = row.notice()
	return d, err
}

// ClaimDeliveries hands out pending deliveries whose time has come, the oldest due
// first, and puts their next attempt a lease away: whoever claimed them has that
// long to Settle, then they are handed out again.
func (db *DB) ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]keepwatch.Delivery, error) {
	var list []keepwatch.Delivery
	err := db.write(ctx, "claim deliveries", func(ctx context.Context, t *tx) error {
		list = list[:0]
		var ids []string
		rows, err := t.query(ctx, "SELECT id FROM deliveries WHERE status = 'pending' AND next_attempt_at <= $1 AND "+oursOf("incident", "$2")+" ORDER BY next_attempt_at, id LIMIT $3"+db.skipLocked, millis(now), db.canary(), limit)
		err = each(rows, err, func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		until := millis(normal(now).Add(lease))
		for _, id := range ids {
			if _, err := t.exec(ctx, "UPDATE deliveries SET next_attempt_at = $1 WHERE id = $2", until, id); err != nil {
				return err
			}
			rows, err := t.query(ctx, "SELECT "+deliveryColumns+", "+noticeColumns+" FROM deliveries d JOIN notices n ON n.id = d.notice WHERE d.id = $1", id)
			err = each(rows, err, func(r *sql.Rows) error {
				d, err := scanDelivery(r)
				list = append(list, d)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Settle writes how an attempt went: status, attempts, next attempt, error and
// receipt as they stand in d. A delivery that is settled for good stays so, whatever
// a slower attempt says later. The first message sent sets the incident's
// NotifiedAt. A bundle's message that is settled as sent with a next attempt after that
// plans the bundle's next message for then.
func (db *DB) Settle(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	if err := storable("delivery "+string(d.ID), string(d.ID), d.LastError, d.Receipt); err != nil {
		return err
	}
	sent := d.SentAt
	if d.Status == keepwatch.DeliverySent && sent.IsZero() {
		sent = now
	}
	var unmarked error
	if d.Status == keepwatch.DeliverySent && d.Notice.Bundle != nil {
		// Before the row is settled: a crash between the two repeats the message and marks
		// the rest; the other way round nobody would.
		unmarked = db.notifiedAll(ctx, d.Notice.Bundle.ID, d.Notice.Seq, normal(sent))
	}
	err := db.write(ctx, "settle", func(ctx context.Context, t *tx) error {
		changed, err := t.exec(ctx, "UPDATE deliveries SET status = $1, attempts = $2, next_attempt_at = $3, last_error = $4, receipt = $5, sent_at = $6 WHERE id = $7 AND status = 'pending'",
			string(d.Status), d.Attempts, millis(d.NextAttemptAt), d.LastError, d.Receipt, millis(sent), string(d.ID))
		if err != nil || changed > 0 && d.Status != keepwatch.DeliverySent {
			return err
		}
		var incident, bundle keepwatch.IncidentID
		rows, err := t.query(ctx, "SELECT d.incident, coalesce(b.id, '') FROM deliveries d LEFT JOIN bundles b ON b.id = d.incident WHERE d.id = $1", string(d.ID))
		found, err := one(rows, err, &incident, &bundle)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("delivery %.80q: %w", d.ID, keepwatch.ErrNotFound)
		}
		if changed > 0 && bundle != "" && d.NextAttemptAt.After(sent) {
			return db.continueBundle(ctx, t, bundle, d.NextAttemptAt, normal(now))
		}
		if changed == 0 || incident == "" || keepwatch.CheckID(incident).OfCanary() || bundle != "" {
			return nil
		}
		return db.notified(ctx, t, incident, normal(sent))
	})
	if err == nil && d.Status == keepwatch.DeliveryPending {
		wake(db.outbox)
	}
	if err == nil {
		err = unmarked
	}
	return err
}

func (db *DB) notified(ctx context.Context, t *tx, id keepwatch.IncidentID, at time.Time) error {
	in, err := db.incident(ctx, t, id, db.forUpdate)
	if err != nil || !in.NotifiedAt.IsZero() {
		return err
	}
	in.NotifiedAt = at
	doc, err := marshal(&in)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "UPDATE incidents SET doc = $1 WHERE id = $2", string(doc), string(id))
	return err
}

// NextDelivery is when the next delivery wants an attempt of this node.
func (db *DB) NextDelivery(ctx context.Context) (time.Time, bool, error) {
	return db.earliest(ctx, "next delivery", "SELECT min(next_attempt_at) FROM (SELECT next_attempt_at FROM deliveries WHERE status = 'pending' AND "+oursOf("incident", "$1")+
		" ORDER BY next_attempt_at LIMIT 1) AS first", db.canary())
}

// Waiting counts a receiver's deliveries that are due until then and that nobody has
// claimed, limit at most.
func (db *DB) Waiting(ctx context.Context, receiver string, until time.Time, limit int) (n int, err error) {
	rows, err := db.reads.QueryContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE status = 'pending' AND next_attempt_at <= $1 AND receiver = $2 LIMIT $3) AS waiting", millis(until), receiver, limit)
	if _, err = one(rows, err, &n); err != nil {
		return 0, fail("what waits for a receiver", err)
	}
	return n, nil
}

// OldestUndelivered is since when the oldest message waits, routed or not.
func (db *DB) OldestUndelivered(ctx context.Context) (time.Time, bool, error) {
	return db.earliest(ctx, "oldest undelivered", "SELECT min(at) FROM ("+
		"SELECT min(created_at) AS at FROM deliveries WHERE status = 'pending' AND "+noCanary("incident")+
		" UNION ALL SELECT min(at) FROM notices WHERE routed_at = 0 AND "+noCanary("incident")+") AS waiting")
}

// Deliveries lists an incident's deliveries, oldest first.
func (db *DB) Deliveries(ctx context.Context, incident keepwatch.IncidentID) ([]keepwatch.Delivery, error) {
	var list []keepwatch.Delivery
	// CAST, since SQLite plans anew, at each use, where a bare argument may match the condition of a partial index.
	rows, err := db.reads.QueryContext(ctx, "SELECT "+deliveryColumns+", "+noticeColumns+" FROM deliveries d JOIN notices n ON n.id = d.notice WHERE d.incident = CAST($1 AS TEXT) ORDER BY d.created_at, d.id", string(incident))
	err = each(rows, err, func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		list = append(list, d)
		return err
	})
	if err == nil {
		err = db.overlay(ctx, list)
	}
	if err != nil {
		return nil, fail("deliveries", err)
	}
	return list, nil
}

// Standing lists, for each open incident and bundle, the last message that a receiver
// took.
func (db *DB) Standing(ctx context.Context, receiver string) ([]keepwatch.Delivery, error) {
	var list []keepwatch.Delivery
	rows, err := db.reads.QueryContext(ctx, "SELECT "+deliveryColumns+", "+noticeColumns+" FROM (SELECT id FROM incidents WHERE status = 'open' UNION ALL SELECT id FROM bundles WHERE closed_at = 0) AS i"+
		" JOIN deliveries d ON d.incident = i.id JOIN notices n ON n.id = d.notice WHERE d.receiver = $1 AND d.status = 'sent' ORDER BY i.id, n.seq, d.sent_at, d.id", receiver)
	err = each(rows, err, func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		if n := len(list); n > 0 && list[n-1].Notice.Incident.ID == d.Notice.Incident.ID {
			list[n-1] = d
		} else {
			list = append(list, d)
		}
		return err
	})
	if err != nil {
		return nil, fail("what stands at a receiver", err)
	}
	return list, nil
}
