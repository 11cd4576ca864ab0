package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/world"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

// living is a daemon beside an SFMC in which something lives, inside a bubble.
type living struct {
	t     *testing.T
	sim   *sim.Sim
	pipe  *sim.Pipe
	db    *store.DB
	app   *App
	hook  *receiver
	refs  *references
	start time.Time
}

const (
	livingUnit = 510000123
	livingEID  = 510000100
	shopClient = "client-shop"
)

// livingFile watches an estate in which everything hangs on the credential shop.
const livingFile = `version: 1
server: {listen: 127.0.0.1:8484, auth: none}
store: {url: sqlite:unused.db}
digest: {send: never}
tenants:
  - id: emea
    endpoints: {auth: "http://auth/", rest: "http://rest/", soap: "http://soap/Service.asmx"}
    effects: {readers: [watcher]}
credentials:
  - {id: watcher, tenant: emea, business_unit: 510000123, client_id: client-watcher, secret: "env:WATCHER", tests: [identity]}
  - id: shop
    tenant: emea
    business_unit: 510000123
    client_id: client-shop
    secret: env:SHOP
    owner: {team: crm, contact: crm@example.com}
    tests: [identity]
    dependents:
      - {kind: journey, key: welcome, reads: [Orders]}
      - {kind: data_extension, key: Orders}
      - {kind: transactional_email, key: receipt}
receivers: [{name: ops, webhook: {url: "http://hook/"}}]
routes: [{to: ops}]
`

func livingWorld(start time.Time) *world.Spec {
	even := func(perDay float64) world.Volume { return world.Volume{PerDay: perDay, Noise: world.NoiseNone} }
	return &world.Spec{
		Seed: 1, Since: start.Add(-30 * 24 * time.Hour), Unit: livingUnit,
		Callers:    []world.Caller{{Name: "shop", ClientID: shopClient, Unit: livingUnit, OnFailure: world.OnFailureLate, ReplayPerMinute: 60}},
		Extensions: []world.Extension{{Key: "Orders", Writer: "shop", Volume: even(4320), Rows: 1000}},
		Sends:      []world.Send{{Kind: keepwatch.SubjectTransactionalEmail, Key: "receipt", Caller: "shop", Volume: even(2880), PerMinute: 20}},
		Journeys:   []world.Journey{{Key: "welcome", Name: "Welcome series", Entry: world.Entry{Caller: "shop", Volume: even(10_000)}}},
	}
}

func newLiving(t *testing.T) *living { return newLivingOf(t, livingFile, livingWorld) }

func newLivingOf(t *testing.T, content string, lives func(start time.Time) *world.Spec) *living {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 24, 8, 50, 0, 0, time.UTC)))
	l := &living{t: t, start: time.Now(), hook: &receiver{}}
	l.sim = sim.New(sim.Options{Now: time.Now, Settings: sim.Settings{Latency: answerTime}})
	l.refs = newReferences()
	for name, id := range map[string]string{"WATCHER": "client-watcher", "SHOP": shopClient} {
		l.refs.set(name, l.sim.AddClient(sim.ClientSpec{ClientID: id, Kind: keepwatch.ServerToServer, MID: livingUnit, EID: livingEID}).Secret)
	}
	l.must(l.sim.AddWorld(*lives(l.start)))
	l.pipe = sim.NewPipe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == hookHost {
			l.hook.ServeHTTP(w, r)
			return
		}
		l.sim.ServeHTTP(w, r)
	}))
	dir := memoryDir(t)
	file := filepath.Join(dir, "keepwatch.yaml")
	l.must(os.WriteFile(file, []byte(content), 0o600))
	path := filepath.Join(dir, "keepwatch.db")
	l.must(storetest.Ready(path))
	var err error
	l.db, err = store.Open(t.Context(), "sqlite:"+path, store.Options{Synchronous: "NORMAL"})
	l.must(err)
	l.app, err = New(t.Context(), Options{
		Load: func() (*config.Config, error) { return config.Load(file, l.refs.lookup) }, LookupEnv: l.refs.lookup,
		Network: l.pipe, Listener: newStillListener(), Store: l.db, Random: func() float64 { return 0 },
	})
	l.must(err)
	l.must(l.app.Recall(t.Context(), scenario.Readings(l.sim.Truth(), lookedAt(l.app.config.Load()), l.start.Add(-30*24*time.Hour), l.start)))
	l.must(l.app.Start(t.Context()))
	return l
}

// lookedAt are all subjects that the configuration names.
func lookedAt(cfg *config.Config) []scenario.Looked {
	var out []scenario.Looked
	for _, p := range cfg.EffectsPlans() {
		for _, w := range p.Subjects {
			out = append(out, scenario.Looked{Check: p.Check, Tenant: p.Tenant, Subject: w.Subject, Upstream: w.Upstream, Expect: w.Expect})
		}
	}
	return out
}

func (l *living) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *living) close() {
	if err := l.app.Stop(); err != nil {
		l.t.Error(err)
	}
	_ = l.sim.Close()
	_ = l.pipe.Close()
	if err := l.db.Close(); err != nil {
		l.t.Error(err)
	}
}

// said are all incidents in a line each: key, outcome, status, and what each effect is.
func (l *living) said() []string {
	all, _, err := l.db.Incidents(l.t.Context(), store.IncidentFilter{}, store.Page{Limit: 100})
	l.must(err)
	var out []string
	for _, in := range all {
		line := fmt.Sprintf("%s %s %s:", in.Key, in.Outcome, in.Status)
		for _, e := range in.Effects {
			line += fmt.Sprintf(" %s=%s", e.Subject.ID(), e.Outcome)
			if !e.EndedAt.IsZero() {
				line += "(over)"
			}
		}
		out = append(out, line)
	}
	return out
}

// A dead credential and all that stops with it are one incident, from the refusal to
// the last contact that came late.
func TestADeadCredentialAndItsEffectsAreOneIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLiving(t)
		defer l.close()
		time.Sleep(2 * time.Hour)
		if said := l.said(); len(said) > 0 {
			t.Fatalf("on a calm morning: %s", strings.Join(said, "\n"))
		}
		_, err := l.sim.Expire(shopClient)
		l.must(err)
		died := time.Now()
		time.Sleep(3 * time.Hour)
		want := []string{"credential:shop bad_secret_or_package open: journey/welcome=journey_stalled data_extension/Orders=data_stale"}
		if diff := cmp.Diff(want, l.said()); diff != "" {
			t.Errorf("three hours after the death (-want +got):\n%s", diff)
		}
		l.judgeEffects(died)
		l.refs.set("SHOP", l.sim.AddClient(sim.ClientSpec{ClientID: shopClient, Kind: keepwatch.ServerToServer, MID: livingUnit, EID: livingEID}).Secret)
		l.must(l.sim.Do(world.Deed{Subject: "caller/shop", Verb: "learn"}))
		_, err = l.app.CheckNow(t.Context(), "shop")
		l.must(err)
		time.Sleep(4 * time.Hour)
		want = []string{"credential:shop bad_secret_or_package resolved: journey/welcome=journey_stalled(over) data_extension/Orders=data_stale(over)"}
		if diff := cmp.Diff(want, l.said()); diff != "" {
			t.Errorf("four hours after the new secret (-want +got):\n%s", diff)
		}
		// The second one says that the cause is gone while effects still catch up.
		if got := l.told(); !slices.Equal(got, []string{"firing bad_secret_or_package", "firing bad_secret_or_package", "resolved bad_secret_or_package"}) {
			t.Errorf("told %v", got)
		}
	})
}

// judgeEffects holds what the incident says against what really happened.
func (l *living) judgeEffects(died time.Time) {
	l.t.Helper()
	page, _, err := l.db.Incidents(l.t.Context(), store.IncidentFilter{}, store.Page{Limit: 1})
	l.must(err)
	for _, e := range page[0].Effects {
		if e.Since.Before(died.Add(-time.Hour)) || e.Since.After(died.Add(time.Minute)) || e.Credential != "shop" || e.Evidence == "" || e.Confidence < 0.9 {
			l.t.Errorf("%s, which died at %s: %+v", e.Subject, died, e)
		}
	}
}

// told are the states of the messages in the order in which they came.
func (l *living) told() []string {
	var out []string
	l.hook.mu.Lock()
	defer l.hook.mu.Unlock()
	for _, m := range l.hook.told {
		out = append(out, m.status+" "+m.outcome)
	}
	return out
}
