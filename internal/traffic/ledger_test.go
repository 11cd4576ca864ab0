package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/traffic"
)

// book is intake in a few lines; broken while err is set.
type book struct {
	mu   sync.Mutex
	err  error
	seen []keepwatch.Observation
	keys map[string]bool
	at   []time.Time
}

func (b *book) record(_ context.Context, obs []keepwatch.Observation, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	for _, o := range obs {
		if b.keys[o.Key] {
			continue
		}
		if b.keys == nil {
			b.keys = map[string]bool{}
		}
		b.keys[o.Key] = true
		b.seen, b.at = append(b.seen, o), append(b.at, now)
	}
	return nil
}

func (b *book) fail(err error) { b.mu.Lock(); defer b.mu.Unlock(); b.err = err }

func (b *book) all() []keepwatch.Observation {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]keepwatch.Observation(nil), b.seen...)
}

// sum adds all windows up.
func (b *book) sum() (r keepwatch.Refreshes, calls, lost int) {
	for _, o := range b.all() {
		t := o.Traffic.Tokens
		r.Requests, r.OK, r.Cycles, r.Attempts, r.Masked = r.Requests+t.Requests, r.OK+t.OK, r.Cycles+t.Cycles, r.Attempts+t.Attempts, r.Masked+t.Masked
		r.GivenUp, r.Healed, r.Early = r.GivenUp+t.GivenUp, r.Healed+t.Healed, r.Early+t.Early
		for _, c := range o.Traffic.Calls {
			calls += c.Count
		}
		lost += o.Traffic.Lost
	}
	return r, calls, lost
}

var directory = traffic.NewDirectory([]traffic.Known{
	{ID: "crm", Tenant: "emea", ClientID: "client-crm", Secret: "ours"},
	{ID: "de", Tenant: "emea", ClientID: "shared", Unit: 1, Secret: "s1"},
	{ID: "fr", Tenant: "emea", ClientID: "shared", Unit: 2, Secret: "s2"},
})

// within runs a story with a ledger that is started.
func within(t *testing.T, story func(t *testing.T, l *traffic.Ledger, b *book)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		l := traffic.New(directory, b.record, slog.New(slog.DiscardHandler))
		l.Start()
		defer func() {
			b.fail(nil)
			if err := l.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		story(t, l, b)
	})
}

func token(outcome keepwatch.Outcome, change ...func(*keepwatch.Call)) keepwatch.Call {
	c := keepwatch.Call{Via: keepwatch.ViaGateway, Tenant: "emea", ClientID: "client-crm", Holder: "shop", Kind: keepwatch.CallToken, Outcome: outcome, Status: 200, Secret: "ours"}
	if outcome != keepwatch.OK {
		c.Status, c.Evidence = 401, "invalid_client"
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func rest(status int, outcome keepwatch.Outcome) keepwatch.Call {
	return keepwatch.Call{Via: keepwatch.ViaGateway, Tenant: "emea", Credential: "crm", Holder: "shop", Kind: keepwatch.CallREST, Family: "messaging", Status: status, Outcome: outcome}
}

func TestCyclesAreCounted(t *testing.T) {
	within(t, func(t *testing.T, l *traffic.Ledger, b *book) {
		for range 3 {
			l.Saw(token(keepwatch.BadSecretOrPackage))
			l.Saw(token(keepwatch.BadSecretOrPackage))
			time.Sleep(time.Second)
			l.Saw(token(keepwatch.OK))
			time.Sleep(20 * time.Minute)
		}
		l.Saw(token(keepwatch.PlatformError))
		time.Sleep(6 * time.Minute) // the client stops asking
		r, _, lost := b.sum()
		if r.Requests != 10 || r.OK != 3 || r.Cycles != 3 || r.Attempts != 9 || r.Masked != 3 || r.GivenUp != 1 || lost != 0 {
			t.Errorf("%+v, %d lost", r, lost)
		}
		for _, o := range b.all() {
			if o.Series != keepwatch.TrafficSeries("crm", "shop") || o.Source != keepwatch.SourceTraffic || o.Traffic.Tokens.Requests > 0 && !o.Traffic.Compared {
				t.Fatalf("%+v", o)
			}
		}
	})
}

func TestChangesThatMatterAreToldWithinASecond(t *testing.T) {
	within(t, func(t *testing.T, l *traffic.Ledger, b *book) {
		for _, c := range []keepwatch.Call{
			token(keepwatch.OK),                 // a new secret
			token(keepwatch.BadSecretOrPackage), // the first refusal
			token(keepwatch.OK),                 // the first success after it
			token(keepwatch.OK, func(c *keepwatch.Call) { c.Secret = "other" }),
		} {
			n, began := len(b.all()), time.Now()
			l.Saw(c)
			for len(b.all()) == n && time.Since(began) < 5*time.Second {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("%s with %s took %s", c.Outcome, c.Secret, took)
			}
		}
		n := len(b.all())
		for i := range 60 { // refused and granted in turn is no news every second
			l.Saw(token([]keepwatch.Outcome{keepwatch.BadSecretOrPackage, keepwatch.OK}[i%2]))
			time.Sleep(time.Second)
		}
		if got := len(b.all()) - n; got > 15 {
			t.Errorf("%d windows in a minute", got)
		}
	})
}

func TestA401ThatANewTokenHealsIsCounted(t *testing.T) {
	within(t, func(t *testing.T, l *traffic.Ledger, b *book) {
		l.Saw(token(keepwatch.OK))
		time.Sleep(19 * time.Minute) // the token's own end
		l.Saw(rest(401, keepwatch.TokenRejected))
		l.Saw(token(keepwatch.OK))
		l.Saw(rest(200, keepwatch.OK))
		time.Sleep(2 * time.Minute) // before its time
		l.Saw(rest(401, keepwatch.TokenRejected))
		l.Saw(rest(200, keepwatch.OK)) // beside it, with another token
		l.Saw(token(keepwatch.OK))
		l.Saw(rest(200, keepwatch.OK))
		time.Sleep(2 * time.Minute)
		l.Saw(rest(401, keepwatch.TokenRejected))
		l.Saw(token(keepwatch.OK))
		time.Sleep(2 * time.Minute) // too late
		l.Saw(rest(200, keepwatch.OK))
		time.Sleep(2 * time.Minute)
		r, calls, _ := b.sum()
		if r.Healed != 2 || r.Early != 1 || calls != 7 {
			t.Errorf("%+v, %d calls", r, calls)
		}
	})
}

// TestTheStoreMayBeDown: nobody waits, nothing is counted twice or forgotten, and
// memory does not grow with time.
func TestTheStoreMayBeDown(t *testing.T) {
	within(t, func(t *testing.T, l *traffic.Ledger, b *book) {
		l.Saw(token(keepwatch.OK))
		time.Sleep(15 * time.Second)
		b.fail(errors.New("disk full"))
		began := time.Now()
		for range 3600 {
			l.Saw(token(keepwatch.BadSecretOrPackage))
			l.Saw(rest(200, keepwatch.OK))
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took != time.Hour {
			t.Errorf("callers waited: %s", took-time.Hour)
		}
		s := l.Stats()
		if s.Waiting == 0 || s.Waiting > 2 || s.Since.IsZero() {
			t.Errorf("%+v", s)
		}
		b.fail(nil)
		time.Sleep(time.Minute)
		if s := l.Stats(); s.Waiting != 0 || !s.Since.IsZero() || s.Lost != 0 {
			t.Errorf("%+v", s)
		}
		r, calls, _ := b.sum()
		if r.Requests != 3601 || calls != 3600 {
			t.Errorf("%d requests, %d calls", r.Requests, calls)
		}
		if n := len(b.all()); n > 20 {
			t.Errorf("%d windows for an hour that could not be recorded", n)
		}
	})
}

func TestStopReportsWhatTheStoreDidNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{err: errors.New("gone")}
		l := traffic.New(directory, b.record, slog.New(slog.DiscardHandler))
		l.Start()
		l.Saw(token(keepwatch.OK))
		time.Sleep(time.Minute)
		if err := l.Stop(t.Context()); err == nil {
			t.Error("it says that all is recorded")
		}
		b.fail(nil)
		if err := l.Stop(t.Context()); err != nil { // once more, and it is
			t.Error(err)
		}
		if len(b.all()) != 1 {
			t.Errorf("%d windows", len(b.all()))
		}
	})
}

func TestEveryBoundCountsWhatIsLost(t *testing.T) {
	within(t, func(t *testing.T, l *traffic.Ledger, b *book) {
		const n = 200
		for i := range n {
			l.Saw(token(keepwatch.OK, func(c *keepwatch.Call) { c.Holder = fmt.Sprint("holder-", i) }))
		}
		for i := range n {
			c := rest(200, keepwatch.OK)
			c.Family = fmt.Sprint("family-", i)
			l.Saw(c)
			l.Saw(token(keepwatch.OK, func(c *keepwatch.Call) { c.Secret = keepwatch.Fingerprint(fmt.Sprint("secret-", i)) }))
		}
		for i := range 1000 {
			l.Saw(token(keepwatch.OK, func(c *keepwatch.Call) { c.ClientID = fmt.Sprint("stranger-", i) }))
		}
		time.Sleep(2 * time.Minute)
		s := l.Stats()
		_, calls, lost := b.sum()
		if s.Lost == 0 || lost == 0 || s.Lines > 66 || calls > n {
			t.Errorf("%+v; %d calls, %d lost", s, calls, lost)
		}
		if got := len(l.Strays(time.Now())); got != 256 {
			t.Errorf("%d strangers", got)
		}
		for _, o := range b.all() {
			if len(o.Traffic.Calls) > 64 || len(o.Traffic.Uses) > 8 {
				t.Errorf("a window with %d rows and %d secrets", len(o.Traffic.Calls), len(o.Traffic.Uses))
			}
		}
	})
}

func TestCallsAreTiedToCredentials(t *testing.T) {
	for _, tc := range []struct {
		name string
		call keepwatch.Call
		want keepwatch.CredentialID
		sure bool
	}{
		{"by its id", keepwatch.Call{Tenant: "emea", Credential: "crm"}, "crm", true},
		{"not one of another tenant", keepwatch.Call{Tenant: "apac", Credential: "crm"}, "", false},
		{"by client id", keepwatch.Call{Tenant: "emea", ClientID: "client-crm"}, "crm", true},
		{"not at another tenant", keepwatch.Call{Tenant: "apac", ClientID: "client-crm"}, "", false},
		{"by business unit", keepwatch.Call{Tenant: "emea", ClientID: "shared", Unit: 2}, "fr", true},
		{"by secret", keepwatch.Call{Tenant: "emea", ClientID: "shared", Secret: "s2"}, "fr", true},
		{"the first, where nothing tells", keepwatch.Call{Tenant: "emea", ClientID: "shared"}, "de", false},
		{"nobody's", keepwatch.Call{Tenant: "emea", ClientID: "unknown"}, "", false},
	} {
		k, found, sure := directory.Find(&tc.call)
		if k.ID != tc.want || found != (tc.want != "") || sure != tc.sure {
			t.Errorf("%s: %q, %v, %v", tc.name, k.ID, found, sure)
		}
	}
}

func TestAReportThatComesTwiceCountsOnce(t *testing.T) {
	within(t, func(t *testing.T, l *traffic.Ledger, b *book) {
		for range 2 {
			l.Saw(token(keepwatch.OK, func(c *keepwatch.Call) { c.Key, c.Count = "event-1", 5 }))
		}
		time.Sleep(time.Minute)
		if r, _, _ := b.sum(); r.Requests != 5 || r.Cycles != 5 || l.Stats().Repeats != 5 {
			t.Errorf("%+v", r)
		}
	})
}

func TestManyMaySawAtATime(t *testing.T) {
	b := &book{}
	l := traffic.New(directory, b.record, slog.New(slog.DiscardHandler))
	l.Start()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				l.Saw(rest(200, keepwatch.OK))
			}
		})
	}
	wg.Wait()
	if err := l.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, calls, _ := b.sum(); calls != 4000 {
		t.Errorf("%d calls", calls)
	}
}

func BenchmarkSaw(b *testing.B) {
	l := traffic.New(directory, (&book{}).record, slog.New(slog.DiscardHandler))
	c := rest(200, keepwatch.OK)
	for b.Loop() {
		l.Saw(c)
	}
}
