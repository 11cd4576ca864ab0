package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
)

const (
	every = 14 * time.Minute
	group = 100 // proofs of one transaction
)

type estate struct {
	snap view.Snapshot
	now  time.Time
}

func newEstate() *estate {
	e := &estate{now: time.Now().UTC().Truncate(time.Second)}
	e.snap.Plans = map[keepwatch.CredentialID]view.Plan{}
	for t := range *tenants {
		tenant := keepwatch.Tenant{ID: keepwatch.TenantID(fmt.Sprintf("tenant-%02d", t))}
		for u := range *units {
			tenant.BusinessUnits = append(tenant.BusinessUnits, keepwatch.BusinessUnit{MID: keepwatch.MID(500000000 + t*1000 + u), Name: fmt.Sprintf("Unit %02d of %02d", u, t)})
		}
		e.snap.Tenants = append(e.snap.Tenants, tenant)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range *credentials {
		t := e.snap.Tenants[i%*tenants]
		c := keepwatch.Credential{
			ID: keepwatch.CredentialID(fmt.Sprintf("credential-%05d", i)), Tenant: t.ID, BusinessUnit: t.BusinessUnits[(i / *tenants)%*units].MID, Kind: keepwatch.ServerToServer,
			ClientID: fmt.Sprintf("client%05d", i), SecretRef: "env:SECRET", Criticality: keepwatch.Criticalities[i%3], Purpose: "moves contacts and orders, every hour",
			Owner:           keepwatch.Owner{Team: fmt.Sprintf("team-%02d", rng.IntN(40)), Contact: "oncall@example.com"},
			SecretGenerated: keepwatch.DayOf(e.now, time.UTC).AddDays(-rng.IntN(179)), Tests: []string{"identity", "soap:GetSystemStatus"}, File: "keepwatch.yaml:7",
		}
		e.snap.Credentials = append(e.snap.Credentials, c)
		e.snap.Plans[c.ID] = view.Plan{Calendar: "office", Business: every, Off: time.Hour, CallsPerYear: 100000, DetectWithin: every}
	}
	return e
}

func (e *estate) observation(c keepwatch.Credential, at time.Time, outcome keepwatch.Outcome, reason keepwatch.Reason) keepwatch.Observation {
	check := keepwatch.CheckOf(keepwatch.CheckCredential, c.ID)
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: c.ID, Tenant: c.Tenant, Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: reason, Slot: at, At: at.Add(300 * time.Millisecond), Took: 300 * time.Millisecond, Gap: every,
		Outcome: outcome, Connectivity: keepwatch.ConnectivityProven, Stack: "S7", Scopes: []string{"email_send", "list_and_subscribers_read"},
	}
	for _, name := range []string{"resolve:auth", "connect:auth", "tls:auth", "token", "identity", "soap:GetSystemStatus"} {
		o.Steps = append(o.Steps, keepwatch.Step{Name: name, Outcome: keepwatch.OK, Took: 40 * time.Millisecond, HTTPStatus: 200})
	}
	if outcome != keepwatch.OK {
		o.Step, o.Message, o.Hint, o.Evidence = "token", "The client secret is refused.", "Generate a new one in Setup.", "401 invalid_client"
		o.Steps[3].Outcome = outcome
	}
	return o
}

// dead are the few that fail.
func dead(i int) bool { return i%501 == 7 }

func (e *estate) outcome(i int) keepwatch.Outcome {
	if dead(i) {
		return keepwatch.BadSecretOrPackage
	}
	return keepwatch.OK
}

func (e *estate) prove(ctx context.Context, db *store.DB, from, to int, at time.Time, reason keepwatch.Reason) error {
	var batch []keepwatch.Observation
	for i := from; i < to; i++ {
		batch = append(batch, e.observation(e.snap.Credentials[i], at, e.outcome(i), reason))
	}
	_, err := db.Apply(ctx, batch, at.Add(time.Second), func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.DefaultPolicy(), at.Add(time.Second))
	})
	return err
}

// proveAll proves every credential now, and confirms what fails.
func (e *estate) proveAll(ctx context.Context, db *store.DB) error {
	now := time.Now().UTC().Truncate(time.Second)
	for from := 0; from < len(e.snap.Credentials); from += group {
		if err := e.prove(ctx, db, from, min(from+group, len(e.snap.Credentials)), now, keepwatch.ReasonScheduled); err != nil {
			return err
		}
	}
	var batch []keepwatch.Observation
	at := now.Add(30 * time.Second)
	for i, c := range e.snap.Credentials {
		if dead(i) {
			batch = append(batch, e.observation(c, at, e.outcome(i), keepwatch.ReasonConfirm))
		}
	}
	_, err := db.Apply(ctx, batch, at, func(v incident.View) (incident.Changes, error) { return incident.Step(v, incident.DefaultPolicy(), at) })
	return err
}

// live lets proofs come in as the schedule would have them: all of them once in a gap.
func (e *estate) live(ctx context.Context, db *store.DB) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	pause := every / time.Duration(max(1, len(e.snap.Credentials)/group))
	work.Go(func() {
		from := 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			if err := e.prove(ctx, db, from, min(from+group, len(e.snap.Credentials)), time.Now().UTC().Truncate(time.Second), keepwatch.ReasonDemand); err != nil && ctx.Err() == nil {
				fmt.Println("proofs:", err)
			}
			from = (from + group) % len(e.snap.Credentials)
		}
	})
	return func() { cancel(); work.Wait() }
}

// seed makes the database: states by the store itself, and history, which nobody waits for
// it to live through, in its tables.
func (e *estate) seed(ctx context.Context, path string) error {
	db, err := store.Open(ctx, "sqlite:"+path, store.Options{Synchronous: "OFF"})
	if err != nil {
		return err
	}
	for _, ago := range []time.Duration{3 * every, 2 * every, every} {
		for from := 0; from < len(e.snap.Credentials); from += group {
			if err := e.prove(ctx, db, from, min(from+group, len(e.snap.Credentials)), e.now.Add(-ago), keepwatch.ReasonScheduled); err != nil {
				return err
			}
		}
	}
	if err := db.Close(); err != nil {
		return err
	}
	plain, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(0)&_pragma=cache_size(-400000)")
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }()
	plain.SetMaxOpenConns(1)
	hour := e.now.Truncate(time.Hour).Add(-2 * time.Hour).UnixMilli()
	for _, q := range []string{
		"CREATE TEMP TABLE ids AS SELECT id FROM series WHERE check_id = credential ORDER BY id",
		"CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)",
		"INSERT INTO n WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000) SELECT i FROM c",
		fmt.Sprintf("INSERT OR IGNORE INTO hourly (series, start, runs, ok, failed, took_sum, took_max, requests, counts) SELECT id, %d - i * 3600000, 4, 4, 0, 1200000, 400000, 4, '{\"ok\":4}' FROM ids CROSS JOIN n WHERE i <= %d", hour, *hourly*24),
		fmt.Sprintf("INSERT OR IGNORE INTO daily (series, start, runs, ok, failed, took_sum, took_max, requests, counts) SELECT id, %d - i * 86400000, 80, 80, 0, 24000000, 400000, 80, '{\"ok\":80}' FROM ids CROSS JOIN n WHERE i <= %d", e.now.Truncate(24*time.Hour).UnixMilli(), *daily),
		fmt.Sprintf("INSERT OR IGNORE INTO results (series, slot, key, outcome, runs, took, requests, recorded_at, doc) SELECT ids.id, %d - i * %d, ids.id || '@' || i, 'ok', 1, 300000, 1, 0, (SELECT doc FROM hot LIMIT 1) FROM ids CROSS JOIN n WHERE i <= %d",
			hour, every.Milliseconds(), int(time.Duration(*raw)*24*time.Hour/every)),
		"PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		began := time.Now()
		if _, err := plain.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%.60s: %w", q, err)
		}
		if took := time.Since(began); took > time.Second {
			fmt.Printf("  %-50s %s\n", q[:min(len(q), 40)], took.Round(time.Second))
		}
	}
	return nil
}
