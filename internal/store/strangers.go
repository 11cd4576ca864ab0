package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"keepwatch"
)

const (
	keepStrangers = 7 * 24 * time.Hour
	mostStrangers = 1000 // somebody may make ids up
)

// Stranger is a client id that asks for tokens and stands in no record, as one run of the
// daemon counted it.
type Stranger struct {
	Tenant    keepwatch.TenantID
	ClientID  string
	Run       string
	Holder    string
	Via       keepwatch.Via
	FirstSeen time.Time
	LastSeen  time.Time
	Requests  int
	Granted   int
}

// SaveStrangers keeps what a run has counted so far. Writing it again changes nothing.
// Those that were not seen for a week go, and the oldest of too many.
func (db *DB) SaveStrangers(ctx context.Context, seen []Stranger, now time.Time) error {
	for i := range seen {
		s := &seen[i]
		if err := storable("stranger", string(s.Tenant), s.ClientID, s.Run, s.Holder, string(s.Via)); err != nil {
			return err
		}
	}
	return db.write(ctx, "save strangers", func(ctx context.Context, t *tx) error {
		for i := range seen {
			s := &seen[i]
			_, err := t.exec(ctx, "INSERT INTO strangers (tenant, client_id, run, holder, via, first_seen, last_seen, requests, granted)"+
				" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant, client_id, run) DO UPDATE SET holder = excluded.holder, via = excluded.via,"+
				" last_seen = excluded.last_seen, requests = excluded.requests, granted = excluded.granted WHERE strangers.requests <= excluded.requests",
				string(s.Tenant), s.ClientID, s.Run, s.Holder, string(s.Via), millis(s.FirstSeen), millis(s.LastSeen), int64(s.Requests), int64(s.Granted))
			if err != nil {
				return fmt.Errorf("stranger: %w", err)
			}
		}
		_, err := t.exec(ctx, "DELETE FROM strangers WHERE last_seen < $1", millis(now.Add(-keepStrangers)))
		if err == nil {
			_, err = t.exec(ctx, "DELETE FROM strangers WHERE last_seen < (SELECT min(last_seen) FROM (SELECT last_seen FROM strangers ORDER BY last_seen DESC LIMIT $1) AS newest)", mostStrangers)
		}
		return err
	})
}

// Strangers lists those that were seen since, in the order of tenant, client id and run.
func (db *DB) Strangers(ctx context.Context, since time.Time) (list []Stranger, err error) {
	err = db.read(ctx, "strangers", func(q querier) error {
		list = nil
		rows, err := q.query(ctx, "SELECT tenant, client_id, run, holder, via, first_seen, last_seen, requests, granted FROM strangers"+
			" WHERE last_seen >= $1 ORDER BY tenant, client_id, run", millis(since))
		return each(rows, err, func(r *sql.Rows) error {
			var s Stranger
			var first, last int64
			err := r.Scan(&s.Tenant, &s.ClientID, &s.Run, &s.Holder, &s.Via, &first, &last, &s.Requests, &s.Granted)
			s.FirstSeen, s.LastSeen = instant(first), instant(last)
			list = append(list, s)
			return err
		})
	})
	return list, err
}
