package app_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/webhook"
	"keepwatch/internal/store"
)

// What a parent tells its child, by environment.
const (
	killStore  = "KEEPWATCH_KILL_STORE"
	killSink   = "KEEPWATCH_KILL_SINK"
	killCycle  = "KEEPWATCH_KILL_CYCLE"
	killConfig = "KEEPWATCH_KILL_CONFIG" // set: the whole daemon runs, too
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if os.Getenv(killStore) != "" {
		fmt.Fprintln(os.Stderr, "child:", killChild(context.Background()))
		os.Exit(3) // it is to be killed; it never ends by itself
	}
	if os.Getenv(app.WedgeConfig) != "" {
		fmt.Fprintln(os.Stderr, "child:", app.WedgeChild(context.Background()))
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// killChild makes incidents open, be acknowledged and resolve as fast as it can,
// through the one door that every observation takes, and says of each transition
// and notice that it is done only after the store has said so.
func killChild(ctx context.Context) error {
	acknowledged, commits := os.NewFile(3, "acknowledged"), os.NewFile(4, "commits")
	db, err := killOpen(ctx, os.Getenv(killStore), store.Options{OnCommit: func(before bool) {
		b := []byte{'a'}
		if before {
			b[0] = 'b'
		}
		_, _ = commits.Write(b)
	}})
	if err != nil {
		return err
	}
	if err := killServe(ctx, db); err != nil {
		return err
	}
	in := intake.New(db, func() incident.Policy { return incident.Policy{} })
	cycle := os.Getenv(killCycle)
	for round := 0; ; round++ {
		if os.Getenv(killConfig) != "" {
			time.Sleep(50 * time.Millisecond) // it lives long: its outbox has to be emptied within the test
		}
		for _, outcome := range []keepwatch.Outcome{keepwatch.LoginFailed, keepwatch.OK} {
			now := time.Now()
			changes, err := in.Record(ctx, killLoad(cycle, round, outcome, now), now)
			if err != nil {
				return err
			}
			if _, err := acknowledged.WriteString(killReport(changes)); err != nil {
				return err
			}
			if outcome == keepwatch.OK || round%2 == 1 {
				continue
			}
			acked, err := db.Acknowledge(ctx, changes.Incidents[0].ID, "someone", time.Now())
			if err != nil {
				return err
			}
			line := fmt.Sprintf("T %s %d %s\n", acked.ID, acked.Revision, keepwatch.Acknowledged)
			if _, err := acknowledged.WriteString(line); err != nil {
				return err
			}
		}
	}
}

// killServe starts what works beside the intake: in most cycles the pipeline that
// empties the outbox, in some the whole daemon.
func killServe(ctx context.Context, db *store.DB) error {
	if path := os.Getenv(killConfig); path != "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		daemon, err := app.New(ctx, app.Options{
			Load: func() (*config.Config, error) { return config.Load(path, os.LookupEnv) }, LookupEnv: os.LookupEnv, Listener: l, Store: db,
		})
		if err != nil {
			return err
		}
		if err := daemon.Start(ctx); err != nil {
			return err
		}
		// New checks are spread over a minute; here there is no minute.
		var plans []incident.Plan
		for i := range killReal {
			plans = append(plans, incident.Plan{Check: keepwatch.CheckID(fmt.Sprintf("real-%d", i)), At: time.Now().UTC().Truncate(time.Second), Reason: keepwatch.ReasonChanged})
		}
		return db.Plan(ctx, plans...)
	}
	p, err := killPipeline(db, os.Getenv(killSink), time.Second)
	if err == nil {
		p.Start()
	}
	return err
}

// killPipeline is the real one, with leases that end within a test.
func killPipeline(db *store.DB, sink string, lease time.Duration) (*notify.Pipeline, error) {
	sender, err := webhook.New(webhook.Config{URL: sink}, webhook.Deps{Client: http.DefaultClient})
	if err != nil {
		return nil, err
	}
	_, outbox := db.Woken()
	return notify.New(notify.Options{Outbox: db, Woken: outbox, SendTimeout: lease / 2, Lease: lease}, notify.Setup{
		Routes: notify.Routes{{To: []string{"sink"}}}, Receivers: []notify.Receiver{{Name: "sink", Channel: "webhook", Sender: sender}}, Directory: nobody{},
	}), nil
}

// nobody is an inventory without entries.
type nobody struct{}

func (nobody) Credential(keepwatch.CredentialID) (keepwatch.Credential, bool) {
	return keepwatch.Credential{}, false
}

func (nobody) Tenant(keepwatch.TenantID) (keepwatch.Tenant, bool) { return keepwatch.Tenant{}, false }

const killReal = 20 // credentials of the whole daemon's own

const killGroup = 10 // observations of one transaction

// killLoad are observations of credentials of one tenant each, so that none of
// them is explained by another.
func killLoad(cycle string, round int, outcome keepwatch.Outcome, now time.Time) []keepwatch.Observation {
	list := make([]keepwatch.Observation, killGroup)
	for i := range list {
		id := "load-" + cycle + "-" + strconv.Itoa(round) + "-" + strconv.Itoa(i)
		check := keepwatch.CheckID(id)
		list[i] = keepwatch.Observation{
			Key: keepwatch.SlotKey(check, now), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: keepwatch.CredentialID(id),
			Tenant: keepwatch.TenantID("of-" + id), Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
			Slot: now, At: now, Gap: 10 * time.Minute, Outcome: outcome, Message: "A made-up answer.",
		}
	}
	return list
}

func killReport(changes incident.Changes) string {
	var b strings.Builder
	for _, t := range changes.Transitions {
		fmt.Fprintf(&b, "T %s %d %s\n", t.Incident, t.Seq, t.Kind)
	}
	for _, n := range changes.Notices {
		fmt.Fprintf(&b, "N %s %s\n", n.Incident.ID, n.ID)
	}
	return b.String()
}

var errKillOracle = errors.New("the store and what was acknowledged differ")

// killOpen opens a store whose lock may still be held for a moment: a process that
// another worker is just starting holds every descriptor until it has become its
// own program.
func killOpen(ctx context.Context, path string, o store.Options) (*store.DB, error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		db, err := store.Open(ctx, "sqlite:"+path, o)
		if !errors.Is(err, keepwatch.ErrConflict) || time.Now().After(deadline) {
			return db, err
		}
	}
}
