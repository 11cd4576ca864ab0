package powercut_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/store/storetest/powercut"
)

const dbName = "keepwatch.db"

// cuts is how many cuts a test makes: enough for a look, or all of them.
func cuts(few, campaign int) int {
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		return campaign
	}
	return few
}

// workload is what the product does to a store, short: claims, observations that
// open and resolve incidents, acknowledgements, deliveries. acknowledged is told what the
// store has confirmed, after it has.
func workload(t testing.TB, path string, options store.Options, rounds int, acknowledged func(note string)) {
	t.Helper()
	ctx, now := t.Context(), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	options.Logger = slog.New(slog.DiscardHandler)
	db, err := store.Open(ctx, "sqlite:"+path, options)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	must(t, db.SyncChecks(ctx, now, checks()))
	for round := range rounds {
		now = now.Add(time.Minute)
		claim(t, db, now)
		var batch []keepwatch.Observation
		for i, c := range checks() {
			outcome := keepwatch.OK
			if (round+i)%3 == 0 {
				outcome = keepwatch.BadClientID
			}
			batch = append(batch, observation(c, now, outcome))
		}
		changes, err := db.Apply(ctx, batch, now, openAndResolve(now))
		must(t, err)
		for _, n := range changes.Notices {
			acknowledged("notice " + string(n.ID))
		}
		for _, tr := range changes.Transitions {
			acknowledged(fmt.Sprintf("transition %s.%d", tr.Incident, tr.Seq))
		}
		deliver(t, db, now, acknowledged)
		if round%8 == 7 {
			checkpoint(t, path, options)
		}
		if round%20 == 19 {
			must(t, db.Fold(ctx, now.Add(3*time.Hour)))
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func checks() (list []keepwatch.Check) {
	for i := range 6 {
		id := keepwatch.CheckID(fmt.Sprintf("check-%d", i))
		list = append(list, keepwatch.Check{ID: id, Credential: keepwatch.CredentialID(id), Tenant: "emea", Phase: keepwatch.PhaseOf("emea", id), Fingerprint: "f"})
	}
	return list
}

func observation(c keepwatch.Check, slot time.Time, outcome keepwatch.Outcome) keepwatch.Observation {
	return keepwatch.Observation{
		Key: keepwatch.SlotKey(c.ID, slot), Series: keepwatch.SeriesOf(c.ID, ""), Check: c.ID, Credential: c.Credential, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: slot, At: slot, Gap: time.Minute, Outcome: outcome,
		Message: "one sentence about it", Evidence: "invalid_client: the client is unknown", Transcript: strings.Repeat("POST /v2/token\n", 8),
	}
}

func claim(t testing.TB, db *store.DB, now time.Time) {
	t.Helper()
	_, err := db.ClaimDue(t.Context(), now, 100, func(_ keepwatch.Check, after time.Time) time.Time { return after.Add(time.Minute) }, nil)
	must(t, err)
}

// openAndResolve opens an incident for each refused credential and resolves those
// of the proven ones.
func openAndResolve(now time.Time) func(incident.View) (incident.Changes, error) {
	return func(v incident.View) (incident.Changes, error) {
		var c incident.Changes
		open := map[string]keepwatch.Incident{}
		for _, in := range v.Open {
			open[in.Key] = in
		}
		for _, o := range v.Observations {
			s := v.Series[o.Series]
			s.LastSlot, s.LastAt, s.Outcome, s.Last = o.Slot, o.At, o.Outcome, o
			s.Last.Transcript = ""
			c.Series = append(c.Series, s)
			key := "credential:" + string(o.Credential)
			in, is := open[key]
			switch kind := keepwatch.Opened; {
			case !is && o.Outcome != keepwatch.OK:
				in = keepwatch.Incident{ID: keepwatch.IncidentID(keepwatch.Digest(key, o.Key)), Key: key, Tenant: o.Tenant, Credential: o.Credential,
					Status: keepwatch.IncidentOpen, Outcome: o.Outcome, DetectedAt: now}
				c = transition(c, in, kind, now)
			case is && o.Outcome == keepwatch.OK:
				in.Status, in.ResolvedAt = keepwatch.IncidentResolved, now
				c = transition(c, in, keepwatch.Resolved, now)
			}
		}
		return c, nil
	}
}

func transition(c incident.Changes, in keepwatch.Incident, kind keepwatch.TransitionKind, now time.Time) incident.Changes {
	in.Revision++
	c.Incidents = append(c.Incidents, in)
	c.Transitions = append(c.Transitions, keepwatch.Transition{Incident: in.ID, Seq: in.Revision, Kind: kind, At: now})
	c.Notices = append(c.Notices, keepwatch.Notice{ID: keepwatch.NoticeIDOf(in.ID, in.Revision), Incident: in, Kind: kind, Seq: in.Revision, At: now})
	return c
}

// deliver routes what is new and sends it.
func deliver(t testing.TB, db *store.DB, now time.Time, acknowledged func(string)) {
	t.Helper()
	notices, err := db.Unrouted(t.Context(), 100)
	must(t, err)
	for _, n := range notices {
		must(t, db.Route(t.Context(), n.ID, []keepwatch.Delivery{{Receiver: "ops"}}, now))
	}
	list, err := db.ClaimDeliveries(t.Context(), now, time.Minute, 3)
	must(t, err)
	for _, d := range list {
		d.Status, d.Receipt = keepwatch.DeliverySent, "receipt"
		must(t, db.Settle(t.Context(), d, now))
		acknowledged("sent " + string(d.ID))
	}
}

// checkpoint moves the log into the database and has the next writer begin the log
// anew, which SQLite does by itself every thousand pages.
func checkpoint(t testing.TB, path string, options store.Options) {
	t.Helper()
	dsn := "file:" + path + "?_pragma=synchronous(" + cmp.Or(options.Synchronous, "FULL") + ")&_pragma=busy_timeout(5000)"
	if options.VFS != "" {
		dsn += "&vfs=" + options.VFS
	}
	pool, err := sql.Open("sqlite", dsn)
	must(t, err)
	defer pool.Close()
	_, err = pool.ExecContext(t.Context(), "PRAGMA wal_checkpoint(RESTART)")
	must(t, err)
}

// verdict is what became of the images of one mode.
type verdict struct{ cuts, acknowledged, lost, corrupt int }

// examine records a workload with a mode of synchronous and looks at n images.
func examine(t *testing.T, synchronous string, n int) verdict {
	t.Helper()
	recorder := powercut.Record(t)
	path := filepath.Join(storetest.Dir(t), dbName)
	workload(t, path, store.Options{Synchronous: synchronous, VFS: recorder.Name}, 60, recorder.Mark)
	ops := recorder.Ops()
	seed := uint64(20261123)
	rng := rand.New(rand.NewPCG(seed, uint64(n))) // a test that repeats
	at := make([]int, len(ops))                   // how often the power fails after each operation
	for range n {
		at[rng.IntN(len(ops))]++
	}
	v := verdict{}
	disk := powercut.NewDisk()
	var acknowledged []string
	folder := storetest.Dir(t)
	for i, op := range ops {
		disk.Do(op)
		if op.Kind == powercut.Mark {
			acknowledged = append(acknowledged, op.Note)
		}
		for range at[i] {
			image := filepath.Join(folder, "image")
			must(t, os.Mkdir(image, 0o700))
			must(t, disk.Cut(image, rng))
			missing, err := look(t, image, acknowledged, v.cuts%50 == 0)
			must(t, os.RemoveAll(image))
			v.cuts++
			v.acknowledged += len(acknowledged)
			switch {
			case err != nil:
				v.corrupt++
				if synchronous != "OFF" { // there it is what is wanted
					t.Logf("cut after operation %d of %d, seed %d: %v", i, len(ops), seed, err)
				}
			case len(missing) > 0:
				v.lost++
			}
		}
	}
	t.Logf("synchronous=%s: %d operations, %d cuts, %d with something lost, %d damaged", synchronous, len(ops), v.cuts, v.lost, v.corrupt)
	return v
}

// look opens an image and lists what was acknowledged but is not there. An error
// means that the image is damaged. Every so often the store itself opens it.
func look(t *testing.T, folder string, acknowledged []string, whole bool) (missing []string, _ error) {
	t.Helper()
	path := filepath.Join(folder, dbName)
	if whole {
		db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{Synchronous: "OFF"})
		if err != nil {
			return nil, err
		}
		if err := db.Close(); err != nil {
			return nil, err
		}
	}
	pool, err := sql.Open("sqlite", "file:"+path)
	must(t, err)
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	var verdict string
	if err := pool.QueryRowContext(t.Context(), "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return nil, err
	}
	if verdict != "ok" {
		return nil, fmt.Errorf("quick_check: %s", verdict)
	}
	if len(acknowledged) == 0 {
		return nil, nil // perhaps not even a table
	}
	there := map[string]bool{}
	rows, err := pool.QueryContext(t.Context(), "SELECT 'notice ' || id FROM notices UNION ALL SELECT 'transition ' || incident || '.' || seq FROM transitions"+
		" UNION ALL SELECT 'sent ' || id FROM deliveries WHERE status = 'sent'")
	if err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return acknowledged, nil
		}
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		there[s] = true
	}
	for _, note := range acknowledged {
		if !there[note] {
			missing = append(missing, note)
		}
	}
	return missing, rows.Err()
}

func TestPowerCutsLoseNothing(t *testing.T) {
	v := examine(t, "FULL", cuts(500, 20_000))
	if v.lost > 0 || v.corrupt > 0 {
		t.Errorf("of %d cuts %d lost something acknowledged and %d damaged the database", v.cuts, v.lost, v.corrupt)
	}
	if v.acknowledged < 20*v.cuts {
		t.Errorf("only %d acknowledged rows over %d cuts: the workload proves little", v.acknowledged, v.cuts)
	}
}

// The two controls: what the harness says of FULL is worth something only if it
// sees what NORMAL loses and OFF damages.

func TestHarnessSeesThatNormalLoses(t *testing.T) {
	if v := examine(t, "NORMAL", cuts(300, 3_000)); v.lost == 0 || v.corrupt > 0 {
		t.Errorf("of %d cuts %d lost something and %d damaged the database", v.cuts, v.lost, v.corrupt)
	}
}

func TestHarnessSeesThatOffCorrupts(t *testing.T) {
	if v := examine(t, "OFF", cuts(100, 1_000)); v.corrupt == 0 {
		t.Errorf("none of %d cuts damaged the database", v.cuts)
	}
}
