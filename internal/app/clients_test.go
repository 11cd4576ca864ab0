package app

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/rotate"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/clients"
	"keepwatch/internal/view"
)

// lane is a listener in memory: what goes to the gateway inside a bubble.
type lane struct {
	incoming chan net.Conn
	done     chan struct{}
	close    func()
}

const laneHost = "127.0.0.1:8443"

func newLane() *lane {
	done := make(chan struct{})
	return &lane{incoming: make(chan net.Conn), done: done, close: sync.OnceFunc(func() { close(done) })}
}

func (l *lane) listen(context.Context, string) (net.Listener, error) { return l, nil }

func (l *lane) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *lane) Close() error   { l.close(); return nil }
func (l *lane) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8443} }

func (l *lane) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.incoming <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// estateStage is the whole program with a gateway, a simulated SFMC behind it, and real
// clients in front of it.
type estateStage struct {
	*stage
	through *http.Transport
	load    *clients.Load
	stop    func()
}

// newEstateStage starts the program and lets the integrations work from now on.
func newEstateStage(t *testing.T, estate scenario.Estate, integrations func(*estateStage) []clients.Spec) *estateStage {
	t.Helper()
	story := scenario.Story{Start: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), Estate: estate}
	time.Sleep(time.Until(story.Start))
	e := &estateStage{stage: newSet(t, story)}
	e.gateway = newLane()
	dir := memoryDir(t)
	e.build(dir, dir+"/keepwatch.db")
	e.must(e.app.Start(t.Context()))
	e.through = &http.Transport{DialContext: e.gateway.dial}
	var err error
	e.load, err = clients.New(11, e.through, integrations(e)...)
	e.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { e.load.Run(ctx) })
	e.stop = func() {
		cancel()
		working.Wait()
		e.through.CloseIdleConnections()
		e.close()
	}
	return e
}

// holdersEstate is one tenant with one credential of several holders, and two
// credentials beside it.
func holdersEstate(holders ...string) scenario.Estate {
	e := scenario.Estate{Tenants: []keepwatch.Tenant{{ID: "emea", Subdomain: "mc563885gzs27c5t9-63k636ttgm", BusinessUnits: []keepwatch.BusinessUnit{{MID: 510000123, Name: "Germany"}}}}}
	for _, id := range []keepwatch.CredentialID{"orders", "loyalty", "tracking"} {
		c := keepwatch.Credential{
			ID: id, Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer, Criticality: keepwatch.Transactional, SecretRef: scenario.SecretRef(id),
			Tests: []string{"identity", "rest:/messaging/v1/email/definitions?$pageSize=1"}, SecretGenerated: keepwatch.Exactly(time.Date(2026, 8, 2, 0, 0, 0, 0, time.UTC)),
			Owner: keepwatch.Owner{Team: "shop", Contact: "shop@example.com"},
		}
		for _, h := range holders {
			c.Holders = append(c.Holders, keepwatch.Holder{Name: h})
		}
		e.Credentials = append(e.Credentials, c)
	}
	return e
}

// works is an integration with the first credential, behind the gateway.
func (e *estateStage) works(holder string, lib clients.Library, pause time.Duration) clients.Spec {
	return clients.Spec{
		Name: holder, Library: lib, Auth: "http://" + laneHost + "/emea/" + holder + "/auth/", ClientID: e.clientOf("orders"), Unit: 510000123,
		Secrets: func() []string { v, _ := e.refs.lookup(scenario.SecretVariable("orders")); return []string{v} },
		Calls:   []clients.Call{{Path: "messaging/v1/email/definitions?$pageSize=1"}}, Pause: pause,
	}
}

func (e *estateStage) incidents() []keepwatch.Incident {
	e.t.Helper()
	list, _, err := e.db.Incidents(e.t.Context(), view.IncidentFilter{Status: "open"}, view.Page{Limit: 50})
	e.must(err)
	return list
}

// TestMaskedClient: an integration keeps two old secrets in front of the one that works,
// so each token costs it three requests. It is named at the end of its third refresh.
func TestMaskedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstateStage(t, holdersEstate("mulesoft-prod"), func(e *estateStage) []clients.Spec {
			masked := e.works("mulesoft-prod", clients.MCECLI, time.Minute)
			good := masked.Secrets
			masked.Secrets = func() []string { return append([]string{"of last year", "of last spring"}, good()...) }
			return []clients.Spec{masked}
		})
		defer e.stop()
		granted := func() int { return e.load.Tally("mulesoft-prod").Granted }
		for granted() < 3 {
			time.Sleep(10 * time.Second)
			if open := e.incidents(); granted() < 3 && len(open) > 0 {
				t.Fatalf("named after %d refreshes: %+v", granted(), open)
			}
		}
		time.Sleep(15 * time.Second)
		tally, open := e.load.Tally("mulesoft-prod"), e.incidents()
		if tally.Granted != 3 || tally.Tokens != 9 || tally.Failed > 0 || len(open) != 1 || open[0].Key != "holder:orders:mulesoft-prod" || open[0].Outcome != keepwatch.RetryMasked ||
			!strings.Contains(open[0].Message, "3.0 requests per token over the last 3 refreshes of mulesoft-prod; the first 2 of each are refused with HTTP 401 invalid_client") {
			t.Fatalf("%+v: %+v", tally, open)
		}
	})
}

// TestNoisyClient: ten tokens an hour, of whose requests one in two hundred fails, for days.
// Nobody is told of it.
func TestNoisyClient(t *testing.T) {
	days := 2
	if campaign() {
		days = 10
	}
	synctest.Test(t, func(t *testing.T) {
		e := newEstateStage(t, holdersEstate("shop-backend"), func(e *estateStage) []clients.Spec {
			noisy := e.works("shop-backend", clients.Careful, time.Second)
			noisy.Every, noisy.PerRun = 6*time.Minute, 1
			return []clients.Spec{noisy}
		})
		defer e.stop()
		_, err := e.sim.Inject(sim.Fault{Name: "token_server_error", ClientID: e.clientOf("orders"), Probability: 0.005, Seed: 11})
		e.must(err)
		for range 4 * days {
			time.Sleep(6 * time.Hour)
			for _, in := range e.incidents() {
				if in.Outcome != keepwatch.Expiring { // the days go by
					t.Fatalf("%s %s: %s", in.Key, in.Outcome, in.Message)
				}
			}
		}
		noise := e.load.Tally("shop-backend")
		t.Logf("%d days: %+v", days, noise)
		if noise.Tokens == noise.Granted || noise.Tokens < 230*days || noise.Failed > 0 {
			t.Errorf("there was no noise: %+v", noise)
		}
	})
}

func campaign() bool {
	return os.Getenv("KEEPWATCH_CAMPAIGN") == "1" || os.Getenv("CI") == "true"
}

// TestSecretKilledUnderCalls: a secret and its tokens die under five calls a second of a
// real client, at any second of the plan of tests. What counts is the time from its first
// refused call to the incident.
func TestSecretKilledUnderCalls(t *testing.T) {
	runs := 13
	if n, err := strconv.Atoi(os.Getenv("KEEPWATCH_KILLS")); err == nil { // 200 take some minutes
		runs = n
	}
	var took []time.Duration
	for run := range runs {
		lib := clients.Libraries()[run%13]
		lib.GivesUp = false // mcdev is a job; here it is started again and again
		synctest.Test(t, func(t *testing.T) {
			e := newEstateStage(t, holdersEstate("shop-backend"), func(e *estateStage) []clients.Spec {
				return []clients.Spec{e.works("shop-backend", lib, 200*time.Millisecond)}
			})
			defer e.stop()
			e.until(time.Minute + time.Duration(run)*time.Duration(run)*617*time.Millisecond%(15*time.Minute))
			failed := e.load.Tally("shop-backend").Failed
			for _, kill := range []func(string) (sim.Client, error){e.sim.Expire, e.sim.Revoke} {
				_, err := kill(e.clientOf("orders"))
				e.must(err)
			}
			for e.load.Tally("shop-backend").Failed == failed {
				time.Sleep(50 * time.Millisecond)
			}
			first := time.Now()
			for len(e.incidents()) == 0 && time.Since(first) < 20*time.Minute {
				time.Sleep(250 * time.Millisecond)
			}
			open := e.incidents()
			if len(open) != 1 || open[0].Key != "credential:orders" || failed > 0 {
				t.Fatalf("%s: %d failed before; open: %+v", lib.Name, failed, open)
			}
			took = append(took, open[0].DetectedAt.Sub(first))
			if took[len(took)-1] >= time.Minute {
				t.Errorf("%s: it took %s", lib.Name, took[len(took)-1])
			}
		})
	}
	slices.Sort(took)
	t.Logf("%d runs: p50 %s, p99 %s, longest %s", len(took), took[len(took)/2], took[min(len(took)-1, len(took)*99/100)], took[len(took)-1])
}

// TestRotationUnderCalls: a rotation in which nobody ticks anything off. Which secret
// each holder shows is seen at the gateway; the last one who keeps the old is named, and
// when it has switched the old secret may go.
func TestRotationUnderCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		held := map[string]string{}
		hand := func(holder, secret string) {
			mu.Lock()
			defer mu.Unlock()
			held[holder] = secret
		}
		e := newEstateStage(t, holdersEstate("shop-backend", "mulesoft-prod"), func(e *estateStage) []clients.Spec {
			old, _ := e.refs.lookup(scenario.SecretVariable("orders"))
			var specs []clients.Spec
			for holder, lib := range map[string]clients.Library{"shop-backend": clients.Careful, "mulesoft-prod": clients.Java} {
				hand(holder, old)
				s := e.works(holder, lib, 30*time.Second)
				s.Secrets = func() []string { mu.Lock(); defer mu.Unlock(); return []string{held[holder]} }
				specs = append(specs, s)
			}
			return specs
		})
		defer e.stop()
		e.until(30 * time.Minute)
		staged, err := e.sim.Generate(e.clientOf("orders"))
		e.must(err)
		e.refs.set("STAGED", staged.Staged)
		r, err := e.app.cockpit.Start(t.Context(), rotate.StartRequest{Credential: "orders", StagedRef: "env:STAGED", Generated: keepwatch.Exactly(time.Now()), By: "jane"})
		e.must(err)
		is := func(want keepwatch.RotationState, within time.Duration) keepwatch.Rotation {
			t.Helper()
			for until := time.Now().Add(within); ; time.Sleep(10 * time.Second) {
				got, err := e.app.cockpit.Get(t.Context(), r.ID)
				e.must(err)
				if got.State == want {
					return got
				}
				if time.Now().After(until) {
					t.Fatalf("%s, want %s: %+v", got.State, want, got)
				}
			}
		}
		is(keepwatch.RotationProven, 30*time.Minute)
		hand("shop-backend", staged.Staged)
		time.Sleep(70 * time.Minute)
		got := is(keepwatch.RotationProven, 0)
		shop, mule := holderOf(got, "shop-backend"), holderOf(got, "mulesoft-prod")
		if shop.SwitchedBy != "keepwatch, by its calls" || shop.SeenNewAt.IsZero() || !mule.SwitchedAt.IsZero() || !mule.SeenNewAt.IsZero() || time.Since(mule.SeenOldAt) > 45*time.Minute {
			t.Fatalf("after the first has switched: %+v\n%+v", shop, mule)
		}
		if open := e.incidents(); len(open) > 0 {
			t.Errorf("both secrets work, and %+v", open)
		}
		hand("mulesoft-prod", staged.Staged)
		is(keepwatch.RotationSwitched, 70*time.Minute)
		_, err = e.sim.Activate(e.clientOf("orders"))
		e.must(err)
		is(keepwatch.RotationActivated, 2*time.Hour)
		for _, holder := range []string{"shop-backend", "mulesoft-prod"} {
			if tally := e.load.Tally(holder); tally.Failed > 0 || tally.Tokens != tally.Granted {
				t.Errorf("%s felt it: %+v", holder, tally)
			}
		}
	})
}

func holderOf(r keepwatch.Rotation, name string) keepwatch.RotationHolder {
	for _, h := range r.Holders {
		if h.Name == name {
			return h
		}
	}
	return keepwatch.RotationHolder{}
}
