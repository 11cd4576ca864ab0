package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"keepwatch"
)

// A statement about the members of a bundle says bundle <> ” beside bundle = $n: it is
// the condition of their index, and no database concludes it from a parameter.
const bundleColumns = "doc, seq, taken, calm, closed_at"

func scanBundle(r *sql.Rows) (s keepwatch.BundleState, err error) {
	var doc sql.RawBytes
	var calm, closed int64
	if err = r.Scan(&doc, &s.Seq, &s.Taken, &calm, &closed); err != nil {
		return s, err
	}
	s.Calm, s.ClosedAt = calm > 0, instant(closed)
	return s, json.Unmarshal(doc, &s.Bundle)
}

func findBundle(ctx context.Context, q querier, where string, args ...any) (s keepwatch.BundleState, found bool, err error) {
	rows, err := q.query(ctx, "SELECT "+bundleColumns+" FROM bundles WHERE "+where, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		found = true
		s, err = scanBundle(r)
		return err
	})
	return s, found, err
}

// OpenBundle is the open bundle of a receiver and key.
func (db *DB) OpenBundle(ctx context.Context, receiver, key string) (s keepwatch.BundleState, found bool, err error) {
	err = db.read(ctx, "open bundle", func(q querier) error {
		s, found, err = findBundle(ctx, q, "receiver = $1 AND key = $2 AND closed_at = 0", receiver, key)
		return err
	})
	return s, found, err
}

// Bundle is one bundle, open or closed.
func (db *DB) Bundle(ctx context.Context, id keepwatch.IncidentID) (s keepwatch.BundleState, err error) {
	if err := storable("bundle", string(id)); err != nil {
		return s, err
	}
	err = db.read(ctx, "bundle", func(q querier) error {
		var found bool
		s, found, err = findBundle(ctx, q, "id = $1", string(id))
		if err == nil && !found {
			err = fmt.Errorf("bundle %.80q: %w", id, keepwatch.ErrNotFound)
		}
		return err
	})
	return s, err
}

// gatherer puts deliveries into bundles within one transaction. What it has read of a
// bundle stays locked, so it is read once.
type gatherer struct {
	db      *DB
	t       *tx
	now     time.Time
	bundles map[[2]string]*keepwatch.BundleState
}

func (db *DB) newGatherer(t *tx, now time.Time) *gatherer {
	return &gatherer{db, t, normal(now), map[[2]string]*keepwatch.BundleState{}}
}

// into plans the message that tells a delivery, and returns the row that names it.
func (g *gatherer) into(ctx context.Context, in *keepwatch.Gathering) (keepwatch.Delivery, error) {
	d := in.Delivery
	if d.Notice.Incident.ID == "" {
		return d, fmt.Errorf("delivery %.80q is of no incident and cannot be told with others: %w", d.ID, keepwatch.ErrInvalid)
	}
	s, err := g.bundle(ctx, in)
	if err != nil {
		return d, err
	}
	if in.Rouse && s.Calm {
		s.Calm = false
		if _, err := g.t.exec(ctx, "UPDATE bundles SET calm = 0 WHERE id = $1", string(s.ID)); err != nil {
			return d, err
		}
	}
	if s.Seq == s.Taken {
		if err := g.db.planMessage(ctx, g.t, s, in.Due, g.now); err != nil {
			return d, err
		}
	}
	d.Status, d.Bundle, d.BundleSeq = keepwatch.DeliveryGathered, s.ID, s.Seq
	return d, nil
}

// bundle finds or makes the bundle of a delivery. One that was closed a moment ago
// takes nobody in any more: there is another one then.
func (g *gatherer) bundle(ctx context.Context, in *keepwatch.Gathering) (*keepwatch.BundleState, error) {
	b := in.Into
	key := [2]string{b.Receiver, b.Key}
	if s := g.bundles[key]; s != nil {
		return s, nil
	}
	s, found, err := findBundle(ctx, g.t, "receiver = $1 AND key = $2 AND closed_at = 0"+g.db.forUpdate, b.Receiver, b.Key)
	if err != nil {
		return nil, err
	}
	if !found {
		b.ID = keepwatch.IncidentID(string(b.Kind) + "-" + keepwatch.Digest(b.Receiver, b.Key, string(in.Delivery.ID)))
		b.OpenedAt = g.now
		s = keepwatch.BundleState{Bundle: b}
		if err := g.db.createBundle(ctx, g.t, &s); err != nil {
			return nil, err
		}
	}
	g.bundles[key] = &s
	return &s, nil
}

func (db *DB) createBundle(ctx context.Context, t *tx, s *keepwatch.BundleState) error {
	if err := storable("bundle", string(s.ID), s.Receiver, s.Key); err != nil {
		return err
	}
	doc, err := marshal(&s.Bundle)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO bundles (id, receiver, key, doc, seq, taken, calm, closed_at) VALUES ($1, $2, $3, $4, 0, 0, 0, 0)",
		string(s.ID), s.Receiver, s.Key, string(doc))
	return err
}

// planMessage writes the next message of a bundle: a notice that is routed from the
// start, and its delivery.
func (db *DB) planMessage(ctx context.Context, t *tx, s *keepwatch.BundleState, due, now time.Time) error {
	s.Seq++
	inc := keepwatch.Incident{
		ID: s.ID, Key: "bundle:" + s.Receiver + ":" + s.Key, Scope: keepwatch.ScopeMonitor, Status: keepwatch.IncidentOpen,
		DetectedAt: s.OpenedAt, Revision: s.Seq,
	}
	n := keepwatch.Notice{ID: keepwatch.NoticeIDOf(s.ID, s.Seq), Incident: inc, Kind: keepwatch.Changed, Seq: s.Seq, At: now, Bundle: &s.Bundle}
	if s.Seq == 1 {
		n.Kind = keepwatch.Opened
	}
	doc, err := marshal(&n.Incident)
	if err != nil {
		return err
	}
	bundle, err := marshal(n.Bundle)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, "INSERT INTO notices (id, incident, seq, kind, at, routed_at, doc, bundle) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		string(n.ID), string(s.ID), n.Seq, string(n.Kind), millis(n.At), millis(now), string(doc), string(bundle))
	if err != nil {
		return err
	}
	if due.Before(now) {
		due = now
	}
	row := keepwatch.Delivery{Receiver: s.Receiver, CreatedAt: due, NextAttemptAt: due}
	if err := db.insertDelivery(ctx, t, n.ID, string(s.ID), &row, now); err != nil {
		return err
	}
	_, err = t.exec(ctx, "UPDATE bundles SET seq = $1 WHERE id = $2", s.Seq, string(s.ID))
	return err
}

// Gather hands rows that wait for themselves over to bundles. A row that was settled
// meanwhile stays as it is.
func (db *DB) Gather(ctx context.Context, list []keepwatch.Gathering, now time.Time) error {
	err := db.write(ctx, "gather", func(ctx context.Context, t *tx) error {
		g := db.newGatherer(t, now)
		for i := range list {
			var status keepwatch.DeliveryStatus
			rows, err := t.query(ctx, "SELECT status FROM deliveries WHERE id = $1"+db.forUpdate, string(list[i].Delivery.ID))
			if _, err = one(rows, err, &status); err != nil {
				return err
			}
			if status != keepwatch.DeliveryPending {
				continue
			}
			d, err := g.into(ctx, &list[i])
			if err != nil {
				return err
			}
			_, err = t.exec(ctx, "UPDATE deliveries SET status = $1, bundle = $2, bundle_seq = $3, bundle_rank = $4, cause = $5 WHERE id = $6",
				string(d.Status), string(d.Bundle), d.BundleSeq, d.Rank, string(d.Notice.Incident.Outcome), string(d.ID))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}

// Take closes a planned message of a bundle to newcomers, right before it is sent for
// the first time. A digest ends with it, and so does a bundle none of whose members is
// open any more; one that nobody has joined since its last message is calm.
func (db *DB) Take(ctx context.Context, id keepwatch.IncidentID, seq int, now time.Time) (s keepwatch.BundleState, err error) {
	err = db.write(ctx, "take", func(ctx context.Context, t *tx) error {
		var found bool
		s, found, err = findBundle(ctx, t, "id = $1"+db.forUpdate, string(id))
		if err != nil || !found {
			return orNotFound(err, id)
		}
		if s.Taken >= seq {
			return nil
		}
		if err := db.leaveOut(ctx, t, &s, seq); err != nil {
			return err
		}
		var joined, open int64
		rows, err := t.query(ctx, "SELECT count(*) FROM deliveries WHERE bundle = $1 AND bundle <> '' AND bundle_seq = $2 AND status = 'gathered'", string(id), seq)
		if _, err = one(rows, err, &joined); err != nil {
			return err
		}
		rows, err = t.query(ctx, "SELECT count(*) FROM deliveries d JOIN incidents i ON i.id = d.incident WHERE d.bundle = $1 AND d.bundle <> '' AND d.status = 'gathered' AND i.status = 'open'", string(id))
		if _, err = one(rows, err, &open); err != nil {
			return err
		}
		s.Taken, s.Calm = seq, s.Calm || joined == 0
		if s.Kind == keepwatch.BundleDigest || open == 0 {
			s.ClosedAt = normal(now)
		}
		calm := 0
		if s.Calm {
			calm = 1
		}
		_, err = t.exec(ctx, "UPDATE bundles SET taken = $1, calm = $2, closed_at = $3 WHERE id = $4", s.Taken, calm, millis(s.ClosedAt), string(id))
		return err
	})
	return s, err
}

// leaveOut collapses the members of a group that came and went within its wait.
func (db *DB) leaveOut(ctx context.Context, t *tx, s *keepwatch.BundleState, seq int) error {
	if s.Kind != keepwatch.BundleGroup || s.Wait <= 0 {
		return nil
	}
	_, err := t.exec(ctx, "UPDATE deliveries SET status = 'collapsed', last_error = $1 WHERE bundle = $2 AND bundle <> '' AND bundle_seq = $3 AND status = 'gathered'"+
		" AND incident IN (SELECT id FROM incidents WHERE status = 'resolved' AND id IN (SELECT incident FROM deliveries WHERE bundle = $2 AND bundle <> '' AND bundle_seq = $3))"+
		" AND incident NOT IN (SELECT incident FROM deliveries WHERE bundle = $2 AND bundle <> '' AND bundle_seq < $3 AND status = 'gathered')",
		"began and ended within "+keepwatch.FormatDuration(s.Wait), string(s.ID), seq)
	return err
}

func orNotFound(err error, id keepwatch.IncidentID) error {
	if err == nil {
		err = fmt.Errorf("bundle %.80q: %w", id, keepwatch.ErrNotFound)
	}
	return err
}

// continueBundle plans the next message of an open bundle, unless one is planned already.
func (db *DB) continueBundle(ctx context.Context, t *tx, id keepwatch.IncidentID, due, now time.Time) error {
	s, found, err := findBundle(ctx, t, "id = $1"+db.forUpdate, string(id))
	if err != nil || !found || s.Seq > s.Taken || !s.ClosedAt.IsZero() {
		return err
	}
	return db.planMessage(ctx, t, &s, due, now)
}

// CloseBundle ends a bundle early and hands the members of one message to another
// bundle: a storm takes over what a group was about to say.
func (db *DB) CloseBundle(ctx context.Context, id keepwatch.IncidentID, seq int, into keepwatch.Bundle, now time.Time) error {
	err := db.write(ctx, "close bundle", func(ctx context.Context, t *tx) error {
		s, found, err := findBundle(ctx, t, "id = $1"+db.forUpdate, string(id))
		if err != nil || !found {
			return orNotFound(err, id)
		}
		var first string
		rows, err := t.query(ctx, "SELECT min(id) FROM deliveries WHERE bundle = $1 AND bundle <> '' AND bundle_seq = $2 AND status = 'gathered' HAVING count(*) > 0", string(id), seq)
		some, err := one(rows, err, &first)
		if err != nil || !some {
			return err
		}
		g := db.newGatherer(t, now)
		member := keepwatch.Delivery{ID: keepwatch.DeliveryID(first), Notice: keepwatch.Notice{Incident: keepwatch.Incident{ID: id}}}
		d, err := g.into(ctx, &keepwatch.Gathering{Delivery: member, Into: into, Due: now, Rouse: true})
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE deliveries SET bundle = $1, bundle_seq = $2 WHERE bundle = $3 AND bundle <> '' AND bundle_seq = $4 AND status = 'gathered'", string(d.Bundle), d.BundleSeq, string(id), seq)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, "UPDATE bundles SET taken = seq, closed_at = $1 WHERE id = $2", millis(normal(now)), string(s.ID))
		return err
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}
