package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"keepwatch"
)

// auditHead is the setting that holds the hash of the newest entry. Its row is what
// two nodes wait for each other on.
const auditHead = "audit_head"

// Audit writes an entry behind the newest. It returns only when the entry is durable:
// what it is about must not happen before.
func (db *DB) Audit(ctx context.Context, e keepwatch.AuditEntry) (keepwatch.AuditEntry, error) {
	doc, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	if err := storable("audit", e.Who, string(doc)); err != nil {
		return e, err
	}
	err = db.write(ctx, "audit", func(ctx context.Context, t *tx) error {
		var head string
		rows, err := t.query(ctx, "SELECT value FROM settings WHERE key = $1"+db.forUpdate, auditHead)
		if _, err = one(rows, err, &head); err != nil {
			return err
		}
		rows, err = t.query(ctx, "SELECT coalesce(max(seq), 0) FROM audit")
		if _, err = one(rows, err, &e.Seq); err != nil {
			return err
		}
		e.Seq++
		hash := auditHash(head, e.Seq, doc)
		if _, err := t.exec(ctx, "INSERT INTO audit (seq, at, who, doc, hash) VALUES ($1, $2, $3, $4, $5)", e.Seq, millis(e.At), e.Who, string(doc), hash); err != nil {
			return err
		}
		return setSetting(ctx, t, auditHead, hash)
	})
	return e, err
}

func auditHash(before string, seq int64, doc []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n", before, seq)
	h.Write(doc)
	return hex.EncodeToString(h.Sum(nil))
}

// AuditLog lists entries below a number, newest first; before 0 begins at the newest.
func (db *DB) AuditLog(ctx context.Context, f keepwatch.AuditFilter, before int64, limit int) ([]keepwatch.AuditEntry, error) {
	if before <= 0 {
		before = 1 << 62
	}
	where, args := "seq < $1", []any{before}
	add := func(condition string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(condition, len(args))
	}
	if f.Who != "" {
		add(" AND who = $%d", f.Who)
	}
	if !f.From.IsZero() {
		add(" AND at >= $%d", millis(f.From))
	}
	if !f.To.IsZero() {
		add(" AND at < $%d", millis(f.To))
	}
	if err := storable("audit filter", f.Who, f.Action); err != nil {
		return nil, err
	}
	var list []keepwatch.AuditEntry
	action := strings.ToLower(f.Action)
	rows, err := db.reads.QueryContext(ctx, "SELECT seq, doc FROM audit WHERE "+where+" ORDER BY seq DESC", args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var e keepwatch.AuditEntry
		var seq int64
		var doc sql.RawBytes
		if err := r.Scan(&seq, &doc); err != nil {
			return err
		}
		err := json.Unmarshal(doc, &e)
		e.Seq = seq
		if err == nil && strings.Contains(strings.ToLower(e.Action), action) {
			list = append(list, e)
		}
		if err == nil && len(list) == limit {
			return errEnough // what an entry is about stands within its document, so the reader looks
		}
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fail("audit log", err)
	}
	return list, nil
}

// errEnough ends the reading of a log once a page is full.
var errEnough = errors.New("enough")

// errBroken ends the reading of a log at its first entry that does not fit.
var errBroken = errors.New("broken")

// VerifyAudit reads the whole log and reports how many entries it has and the first
// that does not fit the one before it; 0 when all do.
func (db *DB) VerifyAudit(ctx context.Context) (entries, broken int64, err error) {
	var head, before string
	if head, err = db.Setting(ctx, auditHead); err != nil {
		return 0, 0, err
	}
	last := int64(0)
	rows, err := db.reads.QueryContext(ctx, "SELECT seq, doc, hash FROM audit ORDER BY seq")
	err = each(rows, err, func(r *sql.Rows) error {
		var seq int64
		var doc sql.RawBytes
		var hash string
		if err := r.Scan(&seq, &doc, &hash); err != nil {
			return err
		}
		if seq != last+1 || hash != auditHash(before, seq, doc) {
			broken = last + 1
			return errBroken
		}
		last, before = seq, hash
		entries++
		return nil
	})
	switch {
	case errors.Is(err, errBroken):
		return entries, broken, nil
	case err != nil:
		return 0, 0, fail("audit log", err)
	case before != head: // the newest entries were taken out
		return entries, last + 1, nil
	}
	return entries, 0, nil
}
