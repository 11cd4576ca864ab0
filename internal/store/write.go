package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"keepwatch"
	"keepwatch/internal/incident"
)

func marshal(v any) ([]byte, error) { return json.Marshal(v) }

// write stores what the step made of the view.
func (a *application) write(ctx context.Context, t *tx) error {
	if err := a.writeSeries(ctx, t); err != nil {
		return err
	}
	if err := a.writeNeighbourhoods(ctx, t); err != nil {
		return err
	}
	if err := a.writeCalls(ctx, t); err != nil {
		return err
	}
	if err := a.db.writeIncidents(ctx, t, &a.changes); err != nil {
		return err
	}
	return a.db.writePlans(ctx, t, a.changes.Plans)
}

// seriesWidth is the number of columns that a series is written with.
const seriesWidth = 9

// Series whose identity is as it was are written by the first form: SQLite rewrites
// every index whose column is named in SET, changed or not, and three indexes in
// the order of ids would dirty three pages a row.
var (
	updateSeries = &shape{
		head: "INSERT INTO series (" + seriesColumns + ", peer) VALUES ",
		row:  "(?,?,?,?,?,?,?,?,?)",
		tail: " ON CONFLICT (pos) DO UPDATE SET last_slot = excluded.last_slot, doc = excluded.doc",
	}
	upsertSeries = &shape{
		head: updateSeries.head, row: updateSeries.row,
		tail: updateSeries.tail + ", check_id = excluded.check_id, credential = excluded.credential, tenant = excluded.tenant, place = excluded.place, peer = excluded.peer",
	}
)

func (a *application) writeSeries(ctx context.Context, t *tx) error {
	same := make([]any, 0, len(a.changes.Series)*seriesWidth)
	written := make([]mirrored, 0, len(a.changes.Series))
	var fresh []any
	for i := range a.changes.Series {
		s := &a.changes.Series[i]
		if s.ID == "" {
			return fmt.Errorf("step returned a series without an id: %w", keepwatch.ErrInvalid)
		}
		doc, err := encodeSeries(s)
		if err != nil {
			return err
		}
		pos, ok := a.known[s.ID]
		if !ok {
			pos = position(s.Phase, s.ID)
		}
		written = append(written, mirrored{Series: *s, pos: pos})
		rows, peer := &same, incident.Peer(s)
		if old := a.view.Series[s.ID]; !ok || peer != incident.Peer(&old) || old.Check != s.Check || old.Credential != s.Credential || old.Tenant != s.Tenant || old.Place != s.Place {
			rows = &fresh
		}
		*rows = append(*rows, pos, string(s.ID), string(s.Check), string(s.Credential), string(s.Tenant), string(s.Place), millis(s.LastSlot), string(doc), flag(peer))
	}
	changed, inserted := a.changes.Series, a.inserted
	t.afterCommit(func() {
		a.db.mirror.put(written...)
		if !a.shedding { // hours first: whoever hears that a series moved finds its hours
			a.db.live.note(ofHours, func(l *live) { l.count(inserted) })
		}
		a.db.live.note(ofSeries, func(l *live) { l.put(changed) })
	})
	if _, err := a.db.insert(ctx, t, updateSeries, len(same)/seriesWidth, same); err != nil {
		return err
	}
	_, err := a.db.insert(ctx, t, upsertSeries, len(fresh)/seriesWidth, fresh)
	return err
}

// writeNeighbourhoods writes those whose document differs from the one that was
// read: a step may hand one back unchanged, and a write would cost a page.
func (a *application) writeNeighbourhoods(ctx context.Context, t *tx) error {
	for i := range a.changes.Neighbourhoods {
		n := &a.changes.Neighbourhoods[i]
		doc, err := encodeNeighbourhood(n)
		if err != nil {
			return err
		}
		if bytes.Equal(doc, a.hoods[n.Key]) {
			continue
		}
		_, err = t.exec(ctx, "INSERT INTO neighbourhoods (tenant, place, doc) VALUES ($1, $2, $3) ON CONFLICT (tenant, place) DO UPDATE SET doc = excluded.doc",
			string(n.Key.Tenant), string(n.Key.Place), string(doc))
		if err != nil {
			return err
		}
	}
	return nil
}

// writeIncidents stores incidents with the transitions and notices that made them
// what they are.
func (db *DB) writeIncidents(ctx context.Context, t *tx, c *incident.Changes) error {
	// A cause may end and begin again in one step: what closes is written first, so
	// that its key is free.
	for _, open := range []bool{false, true} {
		var rows, links rowArgs
		for i := range c.Incidents {
			if in := &c.Incidents[i]; (in.Status == keepwatch.IncidentOpen) == open {
				if err := rows.incident(in); err != nil {
					return err
				}
				links.credentials(in)
			}
		}
		if err := rows.insert(ctx, db, t, upsertIncident); err != nil {
			return err
		}
		if err := links.insert(ctx, db, t, linkCredential); err != nil {
			return err
		}
	}
	var transitions, notices rowArgs
	for i := range c.Transitions {
		if err := transitions.transition(&c.Transitions[i]); err != nil {
			return err
		}
	}
	if err := transitions.insert(ctx, db, t, insertTransition); err != nil {
		return err
	}
	for i := range c.Notices {
		if n := &c.Notices[i]; n.Canary != nil {
			if err := db.writeCanary(ctx, t, n); err != nil {
				return err
			}
		} else if err := notices.notice(n); err != nil {
			return err
		}
	}
	return notices.insert(ctx, db, t, insertNotice)
}

// rowArgs gathers the arguments of a multi-row statement: in a flood the statements
// cost more than the rows.
type rowArgs struct {
	args []any
	n    int
}

func (r *rowArgs) add(args ...any) { r.args, r.n = append(r.args, args...), r.n+1 }

func (r *rowArgs) insert(ctx context.Context, db *DB, t *tx, s *shape) error {
	_, err := db.insert(ctx, t, s, r.n, r.args)
	return err
}

var upsertIncident = &shape{
	head: "INSERT INTO incidents (id, key, status, scope, tenant, credential, category, severity, detected_at, doc) VALUES ",
	row:  "(?,?,?,?,?,?,?,?,?,?)",
	tail: " ON CONFLICT (id) DO UPDATE SET key = excluded.key, status = excluded.status, scope = excluded.scope, tenant = excluded.tenant," +
		" credential = excluded.credential, category = excluded.category, severity = excluded.severity, doc = excluded.doc",
}

func (r *rowArgs) incident(in *keepwatch.Incident) error {
	if in.ID == "" || in.Key == "" {
		return fmt.Errorf("incident without id or key: %w", keepwatch.ErrInvalid)
	}
	if err := storable("incident "+string(in.ID), string(in.ID), in.Key, in.Message, in.Hint, in.Evidence, in.AcknowledgedBy); err != nil {
		return err
	}
	doc, err := marshal(in)
	if err != nil {
		return err
	}
	r.add(string(in.ID), in.Key, string(in.Status), string(in.Scope), string(in.Tenant), string(in.Credential),
		string(in.Category), string(in.Severity), millis(in.DetectedAt), string(doc))
	return nil
}

var linkCredential = &shape{head: "INSERT INTO incident_credentials (credential, incident) VALUES ", row: "(?,?)", tail: " ON CONFLICT DO NOTHING"}

// credentials lets a credential find the incidents that it is or was part of.
func (r *rowArgs) credentials(in *keepwatch.Incident) {
	ids := map[keepwatch.CredentialID]bool{}
	add := func(id keepwatch.CredentialID) {
		if id != "" && !ids[id] {
			ids[id] = true
			r.add(string(id), string(in.ID))
		}
	}
	add(in.Credential)
	for _, m := range in.Members {
		add(m.Credential)
	}
	for i := range in.Effects {
		add(in.Effects[i].Credential)
	}
	for i := range in.Causes {
		add(in.Causes[i].Credential)
	}
}

var insertTransition = &shape{head: "INSERT INTO transitions (incident, seq, kind, at, reason, detail, person) VALUES ", row: "(?,?,?,?,?,?,?)"}

func (r *rowArgs) transition(tr *keepwatch.Transition) error {
	if err := storable("transition of "+string(tr.Incident), tr.Reason, tr.Detail, tr.By); err != nil {
		return err
	}
	r.add(string(tr.Incident), tr.Seq, string(tr.Kind), millis(tr.At), tr.Reason, tr.Detail, tr.By)
	return nil
}

var insertNotice = &shape{head: "INSERT INTO notices (id, incident, seq, kind, at, doc) VALUES ", row: "(?,?,?,?,?,?)"}

func (r *rowArgs) notice(n *keepwatch.Notice) error {
	doc, err := marshal(&n.Incident)
	if err != nil {
		return err
	}
	r.add(string(n.ID), string(n.Incident.ID), n.Seq, string(n.Kind), millis(n.At), string(doc))
	return nil
}
