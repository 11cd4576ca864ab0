package store

import (
	"context"
	"database/sql"
	"time"

	"keepwatch"
)

// CallRow is one hour of the calls of one holder that ended alike. Requests for a
// token have the kind token and no family.
type CallRow struct {
	Credential keepwatch.CredentialID
	Tenant     keepwatch.TenantID
	Holder     string
	Start      time.Time
	keepwatch.CallCount
}

var addCalls = &shape{
	head: "INSERT INTO calls (credential, start, holder, kind, family, class, outcome, tenant, calls, took, slowest) VALUES ",
	row:  "(?,?,?,?,?,?,?,?,?,?,?)",
	tail: " ON CONFLICT (credential, start, holder, kind, family, class, outcome) DO UPDATE SET calls = calls.calls + excluded.calls," +
		" took = calls.took + excluded.took, slowest = CASE WHEN excluded.slowest > calls.slowest THEN excluded.slowest ELSE calls.slowest END, tenant = excluded.tenant",
}

const callsWidth = 11

// callKey is the primary key: one INSERT may name a row once only.
type callKey struct {
	credential keepwatch.CredentialID
	start      int64
	holder     string
	kind       keepwatch.CallKind
	family     string
	class      string
	outcome    keepwatch.Outcome
}

// writeCalls adds the calls of the windows of traffic that were inserted to their
// hours. Not while history is shed: it is history.
func (a *application) writeCalls(ctx context.Context, t *tx) error {
	if a.shedding {
		return nil
	}
	rows := map[callKey]*keepwatch.CallCount{}
	tenants := map[callKey]keepwatch.TenantID{}
	var order []callKey
	add := func(o *keepwatch.Observation, c keepwatch.CallCount) {
		if c.Count <= 0 {
			return
		}
		key := callKey{o.Credential, millis(o.Traffic.To.UTC().Truncate(time.Hour)), o.Traffic.Holder, c.Kind, c.Family, c.Class, c.Outcome}
		sum := rows[key]
		if sum == nil {
			rows[key], tenants[key] = &c, o.Tenant
			order = append(order, key)
			return
		}
		sum.Count, sum.Took, sum.Slowest = sum.Count+c.Count, sum.Took+c.Took, max(sum.Slowest, c.Slowest)
	}
	for i := range a.inserted {
		o := &a.inserted[i].Observation
		if o.Traffic == nil {
			continue
		}
		r := &o.Traffic.Tokens
		add(o, keepwatch.CallCount{Kind: keepwatch.CallToken, Class: "2xx", Outcome: keepwatch.OK, Count: r.OK, Took: r.Took})
		for outcome, n := range r.Failed {
			add(o, keepwatch.CallCount{Kind: keepwatch.CallToken, Outcome: outcome, Count: n})
		}
		for _, c := range o.Traffic.Calls {
			add(o, c)
		}
	}
	args := make([]any, 0, len(order)*callsWidth)
	for _, key := range order {
		c := rows[key]
		args = append(args, string(key.credential), key.start, key.holder, string(key.kind), key.family, key.class, string(key.outcome),
			string(tenants[key]), int64(c.Count), micros(c.Took), micros(c.Slowest))
	}
	_, err := a.db.insert(ctx, t, addCalls, len(order), args)
	return err
}

// Calls lists the hours of traffic that begin in [from, to), of one credential, or of
// all of them where it is "". In the order of credential, hour, holder, kind, family,
// class and outcome.
func (db *DB) Calls(ctx context.Context, credential keepwatch.CredentialID, from, to time.Time) (list []CallRow, err error) {
	if err := storable("credential id", string(credential)); err != nil {
		return nil, err
	}
	where, args := "start >= $1 AND start < $2", []any{millis(from), millis(to)}
	if credential != "" {
		where, args = where+" AND credential = $3", append(args, string(credential))
	}
	err = db.read(ctx, "calls", func(q querier) error {
		rows, err := q.query(ctx, "SELECT credential, tenant, start, holder, kind, family, class, outcome, calls, took, slowest FROM calls WHERE "+where+
			" ORDER BY credential, start, holder, kind, family, class, outcome", args...)
		return each(rows, err, func(r *sql.Rows) error {
			var c CallRow
			var start, took, slowest int64
			err := r.Scan(&c.Credential, &c.Tenant, &start, &c.Holder, &c.Kind, &c.Family, &c.Class, &c.Outcome, &c.Count, &took, &slowest)
			c.Start, c.Took, c.Slowest = instant(start), span(took), span(slowest)
			list = append(list, c)
			return err
		})
	})
	if err != nil {
		return nil, fail("calls", err)
	}
	return list, nil
}

// expireCalls deletes the hours of traffic that are older than hours are kept.
func (db *DB) expireCalls(ctx context.Context, now time.Time) error {
	return db.write(ctx, "expire calls", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM calls WHERE start < $1", millis(now.Add(-keepHourly)))
		return err
	})
}

// storableTally checks what goes into columns.
func storableTally(what string, t *keepwatch.Tally) error {
	err := storable(what, t.Holder)
	for i := range t.Calls {
		if err == nil {
			err = storable(what, string(t.Calls[i].Kind), t.Calls[i].Family, t.Calls[i].Class, string(t.Calls[i].Outcome))
		}
	}
	return err
}
