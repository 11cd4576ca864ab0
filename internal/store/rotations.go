package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"keepwatch"
)

func scanRotation(r *sql.Rows) (rotation keepwatch.Rotation, err error) {
	var doc sql.RawBytes
	if err = r.Scan(&doc); err == nil {
		err = json.Unmarshal(doc, &rotation)
	}
	return rotation, err
}

// Rotations lists rotations, the newest first: those that run, or all.
func (db *DB) Rotations(ctx context.Context, openOnly bool) ([]keepwatch.Rotation, error) {
	where := ""
	if openOnly {
		where = " WHERE ended_at = 0"
	}
	var list []keepwatch.Rotation
	rows, err := db.reads.QueryContext(ctx, "SELECT doc FROM rotations"+where+" ORDER BY started_at DESC, id DESC")
	err = each(rows, err, func(r *sql.Rows) error {
		rotation, err := scanRotation(r)
		list = append(list, rotation)
		return err
	})
	if err != nil {
		return nil, fail("rotations", err)
	}
	return list, nil
}

// Rotation is one rotation.
func (db *DB) Rotation(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error) {
	if err := storable("rotation", string(id)); err != nil {
		return keepwatch.Rotation{}, err
	}
	return db.rotation(ctx, fmt.Sprintf("rotation %.80q", id), "SELECT doc FROM rotations WHERE id = $1", string(id))
}

// RotationByTick finds the rotation that a holder's link belongs to, running or
// ended, by the hash of the link's token.
func (db *DB) RotationByTick(ctx context.Context, hash string) (keepwatch.Rotation, error) {
	if err := storable("link", hash); err != nil {
		return keepwatch.Rotation{}, err
	}
	return db.rotation(ctx, "rotation of this link", "SELECT r.doc FROM rotation_ticks t JOIN rotations r ON r.id = t.rotation WHERE t.hash = $1", hash)
}

func (db *DB) rotation(ctx context.Context, what, text, key string) (rotation keepwatch.Rotation, err error) {
	err = db.read(ctx, "rotation", func(q querier) error {
		found := false
		rows, err := q.query(ctx, text, key)
		err = each(rows, err, func(r *sql.Rows) (err error) {
			found = true
			rotation, err = scanRotation(r)
			return err
		})
		if err == nil && !found {
			err = fmt.Errorf("%s: %w", what, keepwatch.ErrNotFound)
		}
		return err
	})
	return rotation, err
}

// SaveRotation writes a rotation. r.Revision is the one that the writer saw, 0 for
// a new one; what is stored has the next. When somebody else was faster, or
// another rotation of the credential runs, it is a conflict. A repeat of a call
// that took effect changes nothing.
func (db *DB) SaveRotation(ctx context.Context, r keepwatch.Rotation) error {
	seen := r.Revision
	r = normalRotation(r)
	r.Revision++
	doc, err := rotationDoc(&r)
	if err != nil {
		return err
	}
	return db.write(ctx, "save rotation", func(ctx context.Context, t *tx) error {
		done, err := db.writeRotation(ctx, t, &r, seen, doc)
		if err != nil || done {
			return err
		}
		return db.writeTicks(ctx, t, &r)
	})
}

// normalRotation has the store's times, so that it reads back as it was written.
func normalRotation(r keepwatch.Rotation) keepwatch.Rotation {
	r.StagedAt, r.OldEndsAt, r.StartedAt, r.EndedAt, r.NextAt = normal(r.StagedAt), normal(r.OldEndsAt), normal(r.StartedAt), normal(r.EndedAt), normal(r.NextAt)
	r.Holders, r.Evidence = slices.Clone(r.Holders), slices.Clone(r.Evidence)
	for i := range r.Holders {
		r.Holders[i].SwitchedAt = normal(r.Holders[i].SwitchedAt)
		r.Holders[i].SeenNewAt, r.Holders[i].SeenOldAt = normal(r.Holders[i].SeenNewAt), normal(r.Holders[i].SeenOldAt)
	}
	for i := range r.Evidence {
		r.Evidence[i].At = normal(r.Evidence[i].At)
	}
	return r
}

func rotationDoc(r *keepwatch.Rotation) ([]byte, error) {
	if r.ID == "" || r.Credential == "" || r.StartedAt.IsZero() {
		return nil, fmt.Errorf("rotation without id, credential or start: %w", keepwatch.ErrInvalid)
	}
	if err := storable("rotation", string(r.ID), string(r.Credential), string(r.Tenant)); err != nil {
		return nil, err
	}
	for i := range r.Holders {
		if err := storable("link", r.Holders[i].TickHash); err != nil {
			return nil, err
		}
	}
	return marshal(r)
}

// writeRotation compares and sets. done: exactly this is stored already.
func (db *DB) writeRotation(ctx context.Context, t *tx, r *keepwatch.Rotation, seen int, doc []byte) (done bool, _ error) {
	var revision int
	var held []byte
	rows, err := t.query(ctx, "SELECT revision, doc FROM rotations WHERE id = $1"+db.forUpdate, string(r.ID))
	if _, err = one(rows, err, &revision, &held); err != nil {
		return false, err
	}
	if revision != seen {
		if bytes.Equal(held, doc) {
			return true, nil
		}
		err := fmt.Errorf("rotation %.80q was changed meanwhile: revision %d, not %d: %w", r.ID, revision, seen, keepwatch.ErrConflict)
		return false, keepwatch.WithHint(err, "read it again and repeat the step")
	}
	_, err = t.exec(ctx, "INSERT INTO rotations (id, credential, tenant, revision, started_at, ended_at, doc) VALUES ($1, $2, $3, $4, $5, $6, $7)"+
		" ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, ended_at = excluded.ended_at, doc = excluded.doc",
		string(r.ID), string(r.Credential), string(r.Tenant), r.Revision, millis(r.StartedAt), millis(r.EndedAt), string(doc))
	if db.duplicate(err) {
		err = fmt.Errorf("a rotation of %.80q is running already: %w", r.Credential, keepwatch.ErrConflict)
		return false, keepwatch.WithHint(err, "finish or abort that one first")
	}
	return false, err
}

// writeTicks lets the links of today find the rotation, and no others.
func (db *DB) writeTicks(ctx context.Context, t *tx, r *keepwatch.Rotation) error {
	if _, err := t.exec(ctx, "DELETE FROM rotation_ticks WHERE rotation = $1", string(r.ID)); err != nil {
		return err
	}
	for i := range r.Holders {
		hash := r.Holders[i].TickHash
		if hash == "" {
			continue
		}
		_, err := t.exec(ctx, "INSERT INTO rotation_ticks (hash, rotation) VALUES ($1, $2)", hash, string(r.ID))
		if db.duplicate(err) {
			return fmt.Errorf("two holders have the same link: %w", keepwatch.ErrConflict)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
