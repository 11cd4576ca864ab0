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

// checkChange refuses a change that nobody could read later, and gives it its time.
func checkChange(c *keepwatch.Change, now time.Time) error {
	switch c.Kind {
	case keepwatch.ChangeCreated, keepwatch.ChangeUpdated, keepwatch.ChangeRemoved:
	default:
		return fmt.Errorf("change of kind %.40q: %w", c.Kind, keepwatch.ErrInvalid)
	}
	if c.Credential == "" || c.By == "" || c.Via == "" {
		return fmt.Errorf("change without a record, a name or a way: %w", keepwatch.ErrInvalid)
	}
	if c.At.IsZero() {
		c.At = now
	}
	c.At = normal(c.At)
	return storable("change of "+fmt.Sprintf("%.80q", c.Credential), string(c.Credential), c.By, c.Via)
}

func changeArgs(c *keepwatch.Change, seq int, fields []byte) []any {
	return []any{string(c.Credential), seq, fmt.Sprintf("%s/%010d", c.Credential, seq), millis(c.At), c.By, c.Via, string(c.Kind), string(fields)}
}

// sameChange reports whether the change numbered seq is c.
func sameChange(ctx context.Context, q querier, c *keepwatch.Change, seq int, fields []byte) (same bool, err error) {
	rows, err := q.query(ctx, "SELECT at, person, via, kind, fields FROM changes WHERE credential = $1 AND seq = $2", string(c.Credential), seq)
	err = each(rows, err, func(r *sql.Rows) error {
		var at int64
		var by, via, kind string
		var doc sql.RawBytes
		err := r.Scan(&at, &by, &via, &kind, &doc)
		same = at == millis(c.At) && by == c.By && via == c.Via && kind == string(c.Kind) && bytes.Equal(doc, fields)
		return err
	})
	return same, err
}

// RecordChanges writes history alone: of records that a file owns. A change that
// is the newest of its record already is not written again.
func (db *DB) RecordChanges(ctx context.Context, now time.Time, changes []keepwatch.Change) error {
	fields := make([][]byte, len(changes))
	list := append([]keepwatch.Change(nil), changes...)
	for i := range list {
		err := checkChange(&list[i], normal(now))
		if err == nil {
			fields[i], err = marshal(list[i].Fields)
		}
		if err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return db.write(ctx, "record changes", func(ctx context.Context, t *tx) error {
		for i := range list {
			if err := db.recordChange(ctx, t, &list[i], fields[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (db *DB) recordChange(ctx context.Context, t *tx, c *keepwatch.Change, fields []byte) error {
	var seq int
	rows, err := t.query(ctx, "SELECT coalesce(max(seq), 0) FROM changes WHERE credential = $1", string(c.Credential))
	if _, err = one(rows, err, &seq); err != nil {
		return err
	}
	if same, err := sameChange(ctx, t, c, seq, fields); same || err != nil {
		return err
	}
	_, err = db.insert(ctx, t, insertChanges, 1, changeArgs(c, seq+1, fields))
	if db.duplicate(err) {
		return fmt.Errorf("record %.80q was changed at the same moment: %w", c.Credential, keepwatch.ErrConflict)
	}
	return err
}

// Changes is the history of one record, or of all when credential is "", the newest
// first, and the cursor of the next page, "" at the end.
func (db *DB) Changes(ctx context.Context, credential keepwatch.CredentialID, p Page) (list []keepwatch.Change, next string, err error) {
	from, err := p.start()
	if err == nil {
		err = storable("record id", string(credential))
	}
	if err != nil {
		return nil, "", err
	}
	where, args := "", []any{from.at, from.text, p.limit() + 1}
	if credential != "" {
		where, args = "credential = $4 AND ", append(args, string(credential))
	}
	var ids []string
	text := "SELECT credential, id, at, person, via, kind, fields FROM changes WHERE " + where + "(at < $1 OR (at = $1 AND id < $2)) ORDER BY at DESC, id DESC LIMIT $3"
	rows, err := db.reads.QueryContext(ctx, text, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var c keepwatch.Change
		var id string
		var at int64
		var fields sql.RawBytes
		if err := r.Scan(&c.Credential, &id, &at, &c.By, &c.Via, &c.Kind, &fields); err != nil {
			return err
		}
		c.At = instant(at)
		list, ids = append(list, c), append(ids, id)
		return json.Unmarshal(fields, &list[len(list)-1].Fields)
	})
	if err != nil {
		return nil, "", fail("changes", err)
	}
	if n := p.limit(); len(list) > n {
		list = list[:n]
		next = mark{at: millis(list[n-1].At), text: ids[n-1]}.cursor()
	}
	return list, next, nil
}
