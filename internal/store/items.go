package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"keepwatch"
)

// ItemWrite is one change of one record, whole: the change, and what the record is
// after it.
type ItemWrite struct {
	Change keepwatch.Change
	// Record is ignored when the change removes it. What follows from it (clocks,
	// deadline) and the file are not stored.
	Record keepwatch.Credential
	// Seen is the version that the writer saw; 0: the record was not there.
	Seen int
	// Sealed is a new secret of the record, stored in the same transaction; nil: as it was.
	Sealed *Sealed
}

const itemColumns = "id, version, created_at, updated_at, updated_by, doc"

func scanItem(r *sql.Rows) (keepwatch.Item, error) {
	var it keepwatch.Item
	var created, updated int64
	var id string
	var doc sql.RawBytes
	if err := r.Scan(&id, &it.Version, &created, &updated, &it.UpdatedBy, &doc); err != nil {
		return it, err
	}
	if err := json.Unmarshal(doc, &it.Credential); err != nil {
		return it, fmt.Errorf("record %.80q: document: %w", id, err)
	}
	it.CreatedAt, it.UpdatedAt = instant(created), instant(updated)
	return it, nil
}

// Items lists the records that belong to the interface, by id.
func (db *DB) Items(ctx context.Context) ([]keepwatch.Item, error) {
	var list []keepwatch.Item
	rows, err := db.reads.QueryContext(ctx, "SELECT "+itemColumns+" FROM items ORDER BY id")
	err = each(rows, err, func(r *sql.Rows) error {
		it, err := scanItem(r)
		list = append(list, it)
		return err
	})
	if err != nil {
		return nil, fail("records", err)
	}
	return list, nil
}

// Item is one of them.
func (db *DB) Item(ctx context.Context, id keepwatch.CredentialID) (it keepwatch.Item, err error) {
	if err := storable("record id", string(id)); err != nil {
		return it, err
	}
	err = db.read(ctx, "record", func(q querier) error {
		found := false
		rows, err := q.query(ctx, "SELECT "+itemColumns+" FROM items WHERE id = $1", string(id))
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			it, err = scanItem(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("record %.80q: %w", id, keepwatch.ErrNotFound)
		}
		return err
	})
	return it, err
}

// SaveItems makes, changes and removes records, all of them or none, and writes
// the history with them. A record that somebody else has changed since the writer
// saw it is a conflict. A removed record takes its sealed secrets with it; its
// history stays.
//
// A repeat of a call that took effect changes nothing: it is known by its newest
// changes.
func (db *DB) SaveItems(ctx context.Context, now time.Time, writes []ItemWrite) error {
	batch, err := newItemBatch(normal(now), writes)
	if err != nil || len(batch.rows) == 0 {
		return err
	}
	return db.write(ctx, "save records", func(ctx context.Context, t *tx) error {
		return batch.write(ctx, db, t)
	})
}

// itemBatch is one call of SaveItems.
type itemBatch struct {
	now  time.Time
	rows []itemRow
	ids  []any
}

type itemRow struct {
	ItemWrite
	id, tenant  string
	doc, fields []byte
}

func newItemBatch(now time.Time, writes []ItemWrite) (*itemBatch, error) {
	b := &itemBatch{now: now}
	seen := map[keepwatch.CredentialID]bool{}
	for _, w := range writes {
		id := w.Change.Credential
		if seen[id] {
			return nil, fmt.Errorf("record %.80q is written twice in one call: %w", id, keepwatch.ErrInvalid)
		}
		seen[id] = true
		row, err := newItemRow(w, now)
		if err != nil {
			return nil, err
		}
		b.rows, b.ids = append(b.rows, row), append(b.ids, row.id)
	}
	return b, nil
}

func newItemRow(w ItemWrite, now time.Time) (itemRow, error) {
	row := itemRow{ItemWrite: w, id: string(w.Change.Credential), tenant: string(w.Record.Tenant)}
	if err := checkChange(&row.Change, now); err != nil {
		return row, err
	}
	if !row.removes() && w.Record.ID != w.Change.Credential {
		return row, fmt.Errorf("change of %.80q brings the record %.80q: %w", row.id, w.Record.ID, keepwatch.ErrInvalid)
	}
	if s := w.Sealed; s != nil {
		if err := s.check(); err != nil {
			return row, err
		}
		if s.Credential != w.Change.Credential || row.removes() {
			return row, fmt.Errorf("change of %.80q brings a secret that is not its own: %w", row.id, keepwatch.ErrInvalid)
		}
	}
	record := w.Record
	record.Clocks, record.Deadline, record.File = nil, keepwatch.Deadline{}, ""
	var err error
	if row.doc, err = marshal(record); err != nil {
		return row, err
	}
	row.fields, err = marshal(row.Change.Fields)
	return row, err
}

func (r *itemRow) removes() bool { return r.Change.Kind == keepwatch.ChangeRemoved }

// stored is what the database holds of a record.
type stored struct {
	version   int // 0: no record
	seq       int // of the newest change
	createdAt int64
	doc       []byte
}

var (
	selectItems   = &shape{head: "SELECT id, version, created_at, doc FROM items WHERE id IN (", row: "?", tail: ")"}
	selectNewest  = &shape{head: "SELECT credential, max(seq) FROM changes WHERE credential IN (", row: "?", tail: ") GROUP BY credential"}
	insertChanges = &shape{head: "INSERT INTO changes (credential, seq, id, at, person, via, kind, fields) VALUES ", row: "(?,?,?,?,?,?,?,?)"}
	upsertItems   = &shape{
		head: "INSERT INTO items (id, tenant, version, created_at, updated_at, updated_by, doc) VALUES ", row: "(?,?,?,?,?,?,?)",
		tail: " ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, version = excluded.version, updated_at = excluded.updated_at," +
			" updated_by = excluded.updated_by, doc = excluded.doc",
	}
	dropItems       = &shape{head: "DELETE FROM items WHERE id IN (", row: "?", tail: ")"}
	dropItemSecrets = &shape{head: "DELETE FROM sealed WHERE credential IN (", row: "?", tail: ")"}
)

func (b *itemBatch) write(ctx context.Context, db *DB, t *tx) error {
	held, err := b.load(ctx, db, t)
	if err != nil {
		return err
	}
	var changes, items, removed []any
	var secrets []*Sealed
	for i := range b.rows {
		row := &b.rows[i]
		was := held[row.id]
		if was.version != row.Seen {
			again, err := row.written(ctx, t, was)
			if err != nil {
				return err
			}
			if !again {
				return row.conflict(was)
			}
			continue
		}
		if row.removes() && was.version == 0 {
			return fmt.Errorf("record %.80q: %w", row.id, keepwatch.ErrNotFound)
		}
		changes = append(changes, changeArgs(&row.Change, was.seq+1, row.fields)...)
		if row.removes() {
			removed = append(removed, row.id)
			continue
		}
		created := was.createdAt
		if was.version == 0 {
			created = millis(b.now)
		}
		items = append(items, row.id, row.tenant, was.seq+1, created, millis(b.now), row.Change.By, string(row.doc))
		if row.Sealed != nil {
			secrets = append(secrets, row.Sealed)
		}
	}
	return db.writeItems(ctx, t, changes, items, removed, secrets)
}

// load reads the newest changes first and the records after them. Another node may
// commit between the two; then the record is newer than its change here and the
// version gives the conflict away. In the other order the change would be newer, its
// number the next free one, and the other's write lost.
func (b *itemBatch) load(ctx context.Context, db *DB, t *tx) (map[string]*stored, error) {
	held := make(map[string]*stored, len(b.rows))
	for _, row := range b.rows {
		held[row.id] = &stored{}
	}
	err := db.selectIn(ctx, t, selectNewest, b.ids, func(r *sql.Rows) error {
		var id string
		var seq int
		err := r.Scan(&id, &seq)
		held[id].seq = seq
		return err
	})
	if err != nil {
		return nil, err
	}
	err = db.selectIn(ctx, t, selectItems, b.ids, func(r *sql.Rows) error {
		var id string
		var s stored
		err := r.Scan(&id, &s.version, &s.createdAt, &s.doc)
		s.seq = held[id].seq
		*held[id] = s
		return err
	})
	return held, err
}

// written reports whether exactly this write is the record's newest change: then
// this is a repeat of a call whose COMMIT reported an error and was durable.
func (r *itemRow) written(ctx context.Context, t *tx, was *stored) (bool, error) {
	if r.removes() != (was.version == 0) || (was.version != 0 && (was.version != was.seq || !bytes.Equal(was.doc, r.doc))) {
		return false, nil
	}
	return sameChange(ctx, t, &r.Change, was.seq, r.fields)
}

func (r *itemRow) conflict(was *stored) error {
	switch {
	case was.version == 0:
		err := fmt.Errorf("record %.80q is not there any more: %w", r.id, keepwatch.ErrConflict)
		return keepwatch.WithHint(err, "look at its history, and make it again if it is still needed")
	case r.Seen == 0:
		err := fmt.Errorf("there is a record %.80q already: %w", r.id, keepwatch.ErrConflict)
		return keepwatch.WithHint(err, "take another id, or change the record that is there")
	}
	err := fmt.Errorf("record %.80q was changed meanwhile: version %d, not %d: %w", r.id, was.version, r.Seen, keepwatch.ErrConflict)
	return keepwatch.WithHint(err, "read it again and repeat the change")
}

func (db *DB) writeItems(ctx context.Context, t *tx, changes, items, removed []any, secrets []*Sealed) error {
	if _, err := db.insert(ctx, t, insertChanges, len(changes)/8, changes); err != nil {
		if db.duplicate(err) { // another node was a moment faster
			err = fmt.Errorf("a record was changed at the same moment: %w", keepwatch.ErrConflict)
			return keepwatch.WithHint(err, "read it again and repeat the change")
		}
		return err
	}
	if _, err := db.insert(ctx, t, upsertItems, len(items)/7, items); err != nil {
		return err
	}
	for _, drop := range []*shape{dropItems, dropItemSecrets} {
		if _, err := db.insert(ctx, t, drop, len(removed), removed); err != nil {
			return err
		}
	}
	for _, s := range secrets {
		if err := saveSealed(ctx, t, s); err != nil {
			return err
		}
	}
	return nil
}

// selectIn runs a statement over many keys.
func (db *DB) selectIn(ctx context.Context, q querier, s *shape, keys []any, scan func(*sql.Rows) error) error {
	return chunks(len(keys), func(from, to int) error {
		rows, err := q.query(ctx, db.text(s, to-from), keys[from:to]...)
		return each(rows, err, scan)
	})
}
