package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"keepwatch"
)

// members are the incidents of a bundle up to a message: how bad each is, why it is
// there, and which message told it first. $3 is the last message that was told and $4
// is 1 where one that came and went without being told is left out.
const members = " FROM (SELECT incident, min(bundle_rank) AS worst, max(cause) AS cause, min(bundle_seq) AS first FROM deliveries" +
	" WHERE bundle = $1 AND bundle <> '' AND bundle_seq <= $2 AND status = 'gathered' GROUP BY incident) m JOIN incidents i ON i.id = m.incident" +
	" WHERE ($4 = 0 OR m.first <= $3 OR i.status = 'open')"

// Members says what a message of a bundle tells: told is the last message that reached
// the receiver, brief leaves out what came and went since.
func (db *DB) Members(ctx context.Context, id keepwatch.IncidentID, seq, told int, brief bool, limit int) (m keepwatch.Membership, err error) {
	leave := 0
	if brief {
		leave = 1
	}
	args := []any{string(id), seq, told, leave}
	err = db.read(ctx, "members", func(q querier) error {
		m = keepwatch.Membership{}
		rows, err := q.query(ctx, "SELECT m.cause, count(*), sum(CASE WHEN i.status = 'open' THEN 1 ELSE 0 END), sum(CASE WHEN m.first > $3 THEN 1 ELSE 0 END),"+
			" sum(CASE WHEN i.status = 'open' AND NOT EXISTS (SELECT 1 FROM transitions t WHERE t.incident = i.id AND t.kind = 'acknowledged') THEN 1 ELSE 0 END)"+
			members+" GROUP BY m.cause ORDER BY count(*) DESC, m.cause", args...)
		err = each(rows, err, func(r *sql.Rows) error {
			var c keepwatch.BundleCause
			var fresh, alone int
			err := r.Scan(&c.Outcome, &c.Count, &c.Open, &fresh, &alone)
			m.Causes = append(m.Causes, c)
			m.Total, m.Open, m.New, m.Unacknowledged = m.Total+c.Count, m.Open+c.Open, m.New+fresh, m.Unacknowledged+alone
			return err
		})
		if err != nil {
			return err
		}
		rows, err = q.query(ctx, "SELECT i.doc"+members+" ORDER BY CASE WHEN i.status = 'open' THEN 0 ELSE 1 END, m.worst, i.detected_at, i.id LIMIT $5", append(args, limit)...)
		return each(rows, err, func(r *sql.Rows) error {
			in, err := scanIncident(r)
			m.Worst = append(m.Worst, in)
			return err
		})
	})
	return m, err
}

// EachMember calls fn for the deliveries that a message of a bundle tells, in the order
// of their ids, a thousand at a time.
func (db *DB) EachMember(ctx context.Context, id keepwatch.IncidentID, seq int, fn func(keepwatch.Delivery) error) error {
	for after := ""; ; {
		var list []keepwatch.Delivery
		rows, err := db.reads.QueryContext(ctx, "SELECT "+deliveryColumns+", "+noticeColumns+" FROM deliveries d JOIN notices n ON n.id = d.notice"+
			" WHERE d.bundle = $1 AND d.bundle <> '' AND d.bundle_seq = $2 AND d.status = 'gathered' AND d.incident > $3 ORDER BY d.incident, n.seq LIMIT $4", string(id), seq, after, maxLimit)
		err = each(rows, err, func(r *sql.Rows) error {
			d, err := scanDelivery(r)
			list = append(list, d)
			return err
		})
		if err != nil {
			return fail("members of a bundle", err)
		}
		full := len(list) == maxLimit
		if full { // an incident may have several rows: the last one's come with the next page
			last := list[len(list)-1].Notice.Incident.ID
			for len(list) > 1 && list[len(list)-1].Notice.Incident.ID == last {
				list = list[:len(list)-1]
			}
		}
		for i := range list {
			if err := fn(list[i]); err != nil {
				return err
			}
		}
		if !full {
			return nil
		}
		after = string(list[len(list)-1].Notice.Incident.ID)
	}
}

// Release takes a member out of its bundle: its row is collapsed for a reason, and
// another one in its place waits until due.
func (db *DB) Release(ctx context.Context, member, later keepwatch.Delivery, reason string, now time.Time) error {
	err := db.write(ctx, "release", func(ctx context.Context, t *tx) error {
		changed, err := t.exec(ctx, "UPDATE deliveries SET status = 'collapsed', last_error = $1, bundle = '', bundle_seq = 0 WHERE id = $2 AND status = 'gathered'", reason, string(member.ID))
		if err != nil || changed == 0 {
			return err
		}
		return db.insertDelivery(ctx, t, later.Notice.ID, string(member.Notice.Incident.ID), &later, now)
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}

// SentSince lists when a receiver took messages, the newest first, at most limit.
func (db *DB) SentSince(ctx context.Context, receiver string, since time.Time, limit int) ([]time.Time, error) {
	var list []time.Time
	rows, err := db.reads.QueryContext(ctx, "SELECT sent_at FROM deliveries WHERE status = 'sent' AND receiver = $1 AND sent_at > $2 ORDER BY sent_at DESC LIMIT $3", receiver, millis(since), limit)
	err = each(rows, err, func(r *sql.Rows) error {
		var at int64
		err := r.Scan(&at)
		list = append(list, instant(at))
		return err
	})
	if err != nil {
		return nil, fail("sent messages", err)
	}
	return list, nil
}

// overlay gives the members of bundles the state of the message that tells them: the
// first that reached the receiver, else one that is on its way, else the last one.
func (db *DB) overlay(ctx context.Context, list []keepwatch.Delivery) error {
	for i := range list {
		d := &list[i]
		if d.Status != keepwatch.DeliveryGathered {
			continue
		}
		rows, err := db.reads.QueryContext(ctx, "SELECT d.id, d.status, d.last_error, d.sent_at, d.attempts FROM deliveries d JOIN notices n ON n.id = d.notice"+
			" WHERE d.incident = $1 AND d.receiver = $2 AND n.seq >= $3 ORDER BY n.seq, d.id", string(d.Bundle), d.Receiver, d.BundleSeq)
		err = each(rows, err, func(r *sql.Rows) error {
			var by, status, reason string
			var sent int64
			var attempts int
			if err := r.Scan(&by, &status, &reason, &sent, &attempts); err != nil || strings.ContainsAny(by, "#^") {
				return err // a reminder tells nothing new
			}
			speak(d, by, keepwatch.DeliveryStatus(status), reason, instant(sent), attempts)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// speak notes one message that tells a member; they come in their order.
func speak(d *keepwatch.Delivery, by string, status keepwatch.DeliveryStatus, reason string, sent time.Time, attempts int) {
	d.Attempts = max(d.Attempts, attempts)
	switch {
	case d.Status == keepwatch.DeliverySent:
	case status == keepwatch.DeliverySent:
		d.Status, d.SentAt, d.LastError, d.Receipt = status, sent, "", "said together with others in "+by
	case status == keepwatch.DeliveryPending:
		d.Status, d.LastError = keepwatch.DeliveryGathered, ""
	default:
		d.Status, d.LastError = status, reason
	}
}

// notifiedSlice is how many incidents one transaction marks as told.
const notifiedSlice = 2000

// notifiedAll sets NotifiedAt of the incidents that a message of a bundle told first. It
// is a fact of the documents and no other writer's: the empty time in them is replaced.
func (db *DB) notifiedAll(ctx context.Context, id keepwatch.IncidentID, seq int, at time.Time) error {
	never, err := marshal(time.Time{})
	if err != nil {
		return err
	}
	then, err := marshal(at)
	if err != nil {
		return err
	}
	const field = `"NotifiedAt":`
	told, err := db.toldBefore(ctx, id, seq)
	if err != nil {
		return err
	}
	for after := ""; ; {
		var last sql.NullString
		err := db.write(ctx, "mark as told", func(ctx context.Context, t *tx) error {
			const slice = "SELECT DISTINCT incident FROM deliveries WHERE bundle = $1 AND bundle <> '' AND bundle_seq <= $2 AND bundle_seq > $5 AND status = 'gathered' AND incident > $3 ORDER BY incident LIMIT $4"
			rows, err := t.query(ctx, "SELECT max(incident) FROM ("+slice+") s", string(id), seq, after, notifiedSlice, told)
			if _, err = one(rows, err, &last); err != nil || !last.Valid {
				return err
			}
			_, err = t.exec(ctx, "UPDATE incidents SET doc = replace(doc, $6, $7) WHERE id IN ("+slice+") AND doc LIKE $8",
				string(id), seq, after, notifiedSlice, told, field+string(never), field+string(then), "%"+field+string(never)+"%")
			return err
		})
		if err != nil || !last.Valid {
			return err
		}
		after = last.String
	}
}

// toldBefore is the last message of a bundle that somebody took before one; those that
// it told are marked.
func (db *DB) toldBefore(ctx context.Context, id keepwatch.IncidentID, seq int) (told int, err error) {
	err = db.read(ctx, "last message", func(q querier) error {
		rows, err := q.query(ctx, "SELECT coalesce(max(n.seq), 0) FROM deliveries d JOIN notices n ON n.id = d.notice WHERE d.incident = $1 AND d.status = 'sent' AND n.seq < $2", string(id), seq)
		_, err = one(rows, err, &told)
		return err
	})
	return told, err
}
