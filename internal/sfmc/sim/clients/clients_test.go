package clients_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/clients"
)

const (
	clientID = "4xq0client00000000000000"
	secret   = "the-secret-that-works"
	unit     = 510000123
)

var (
	read     = clients.Call{Path: "messaging/v1/email/definitions?$pageSize=1"}
	retrieve = clients.Call{SOAP: "DataFolder"}
)

// site is a simulator and the integrations that work with it.
type site struct {
	sim  *sim.Sim
	load *clients.Load
	mu   sync.Mutex
	seen []string // what was asked, with the instant
}

// play lets integrations work for a while inside a bubble of their own.
func play(t *testing.T, lasts time.Duration, settings sim.Settings, script func(*site), specs ...clients.Spec) *site {
	t.Helper()
	s := &site{}
	synctest.Test(t, func(t *testing.T) {
		s.sim = sim.New(sim.Options{Settings: settings, Clients: []sim.ClientSpec{
			{ClientID: clientID, Secret: secret, MID: unit, EID: 510000100},
			{ClientID: "webapp", Secret: secret, Kind: keepwatch.WebApp, MID: unit, EID: 510000100, RedirectURI: "https://shop.example.com/back"},
			{ClientID: "etl", Secret: secret, Kind: keepwatch.APIUser, MID: unit, EID: 510000100},
		}})
		began := time.Now()
		pipe := sim.NewPipe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.seen = append(s.seen, fmt.Sprintf("%s %s %s %s", time.Since(began), r.Method, r.URL.Path, r.UserAgent()))
			s.mu.Unlock()
			s.sim.ServeHTTP(w, r)
		}))
		through := &http.Transport{DialContext: pipe.Dial, MaxIdleConnsPerHost: 16}
		var err error
		if s.load, err = clients.New(7, through, specs...); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), lasts)
		var working sync.WaitGroup
		working.Go(func() { s.load.Run(ctx) })
		if script != nil {
			script(s)
		}
		working.Wait()
		cancel()
		through.CloseIdleConnections()
		_ = s.sim.Close()
		_ = pipe.Close()
	})
	return s
}

func integration(lib clients.Library, calls ...clients.Call) clients.Spec {
	return clients.Spec{
		Name: lib.Name, Library: lib, Auth: sim.PipeURL, ClientID: clientID, Secrets: clients.Static(secret), Unit: unit,
		Calls: calls, Pause: time.Minute,
	}
}

// How often each library asks for tokens in an hour of one call a minute: what its
// margin makes of 1079 seconds.
func TestTokensInAnHour(t *testing.T) {
	for _, row := range []struct {
		lib         clients.Library
		least, most int
	}{
		{clients.SFMCSDK, 4, 4}, {clients.MCDev, 4, 4}, {clients.Fuel, 4, 4}, {clients.Python, 5, 5}, {clients.PHP, 5, 5}, {clients.Ruby, 5, 5}, {clients.Java, 5, 5},
		{clients.CSharp, 5, 5}, {clients.Tap, 11, 13}, {clients.MCECLI, 4, 4}, {clients.Careful, 4, 4}, {clients.Wasteful, 55, 65}, {clients.Stubborn, 4, 4},
	} {
		t.Run(row.lib.Name, func(t *testing.T) {
			s := play(t, time.Hour, sim.Settings{}, nil, integration(row.lib, read, retrieve))
			got := s.load.Tally(row.lib.Name)
			if got.Tokens < row.least || got.Tokens > row.most || got.Granted != got.Tokens || got.Failed > 0 || got.Calls < 55 || got.Calls > 65 {
				t.Errorf("%+v, want %d to %d tokens", got, row.least, row.most)
			}
			if int64(got.Tokens) != s.sim.TokenRequests(clientID) {
				t.Errorf("the simulator saw %d token requests", s.sim.TokenRequests(clientID))
			}
			agent := strings.TrimSpace(row.lib.Agent)
			for _, seen := range s.seen {
				if !strings.HasSuffix(seen, " "+agent) {
					t.Fatalf("sent %q", seen)
				}
			}
		})
	}
	all := clients.Libraries()
	slices.SortFunc(all, func(a, b clients.Library) int { return strings.Compare(a.Name, b.Name) })
	if n := len(slices.CompactFunc(all, func(a, b clients.Library) bool { return a.Name == b.Name })); n != 13 {
		t.Errorf("%d libraries", n)
	}
}

// Five that need a token at the same time.
func TestTokenForManyAtOnce(t *testing.T) {
	for lib, want := range map[*clients.Library]int{&clients.SFMCSDK: 5, &clients.Careful: 1, &clients.MCECLI: 1} {
		spec := integration(*lib, read)
		spec.Workers, spec.Pause = 5, 50*time.Millisecond
		s := play(t, 2*time.Second, sim.Settings{Latency: sim.Duration(200 * time.Millisecond)}, nil, spec)
		if got := s.load.Tally(lib.Name); got.Tokens != want || got.Failed > 0 {
			t.Errorf("%s: %+v, want %d tokens", lib.Name, got, want)
		}
	}
}

// What a library does when its tokens are dead while its secret works.
func TestTokensThatDie(t *testing.T) {
	for _, row := range []struct {
		lib    clients.Library
		call   clients.Call
		header bool
		heals  bool
	}{
		{clients.SFMCSDK, read, true, false}, {clients.MCDev, read, false, true}, {clients.Fuel, read, false, false}, {clients.Fuel, read, true, true},
		{clients.Fuel, retrieve, true, false}, {clients.MCDev, retrieve, false, true}, {clients.Careful, read, false, true}, {clients.Careful, retrieve, false, true},
		{clients.Python, read, false, false}, {clients.MCECLI, read, false, true}, {clients.Wasteful, read, false, true},
	} {
		t.Run(fmt.Sprint(row.lib.Name, row.call.SOAP, row.header), func(t *testing.T) {
			var before clients.Tally
			s := play(t, 9*time.Minute, sim.Settings{WWWAuthenticate: row.header}, func(s *site) {
				time.Sleep(4*time.Minute + 30*time.Second)
				if _, err := s.sim.Revoke(clientID); err != nil {
					t.Error(err)
				}
				before = s.load.Tally(row.lib.Name)
			}, integration(row.lib, row.call))
			got := s.load.Tally(row.lib.Name)
			if before.Failed > 0 || row.heals != (got.Failed == 0) {
				t.Errorf("before %+v, after %+v", before, got)
			}
		})
	}
}

// A secret that is dead from the beginning: how many token requests one call costs.
func TestDeadSecret(t *testing.T) {
	for _, row := range []struct {
		lib   clients.Library
		call  clients.Call
		calls int
		each  int
	}{
		{clients.SFMCSDK, read, 0, 2}, {clients.SFMCSDK, retrieve, 0, 1}, {clients.Fuel, read, 0, 1}, {clients.Tap, retrieve, 0, 5}, {clients.Careful, read, 0, 3},
		{clients.Stubborn, read, 0, 5}, {clients.MCDev, read, 1, 2},
	} {
		t.Run(row.lib.Name+row.call.SOAP, func(t *testing.T) {
			spec := integration(row.lib, row.call)
			spec.Secrets = clients.Static("an old one")
			got := play(t, 10*time.Minute, sim.Settings{}, nil, spec).load.Tally(row.lib.Name)
			if got.Granted > 0 || got.Failed != got.Calls || got.Tokens != row.each*got.Calls || row.calls > 0 && got.Calls != row.calls || row.calls == 0 && got.Calls < 6 {
				t.Errorf("%+v, want %d token requests for each call", got, row.each)
			}
		})
	}
}

// Throttles, outages and a network that fails.
func TestWhatMayPass(t *testing.T) {
	for _, row := range []struct {
		lib    clients.Library
		fault  sim.Fault
		fails  int
		passes bool
	}{
		{clients.SFMCSDK, sim.Fault{Name: "rest_unavailable", Times: 3}, 3, true},
		{clients.MCECLI, sim.Fault{Name: "rest_unavailable", Times: 3}, 0, true},
		{clients.MCECLI, sim.Fault{Name: "rest_unavailable", Times: 5}, 1, true},
		{clients.Careful, sim.Fault{Name: "rest_rate_limited", Times: 2}, 0, true},
		{clients.Python, sim.Fault{Name: "reset", On: "rest", Times: 1}, 1, true},
		{clients.MCDev, sim.Fault{Name: "reset", On: "rest", Times: 3}, 0, true},
		{clients.Careful, sim.Fault{Name: "token_unavailable", Times: 2}, 0, true},
		{clients.PHP, sim.Fault{Name: "token_unavailable", Times: 2}, 2, true},
	} {
		t.Run(row.lib.Name+" "+row.fault.Name, func(t *testing.T) {
			spec := integration(row.lib, read)
			got := play(t, 15*time.Minute, sim.Settings{}, func(s *site) {
				if _, err := s.sim.Inject(row.fault); err != nil {
					t.Error(err)
				}
			}, spec).load.Tally(row.lib.Name)
			if got.Failed != row.fails || got.Calls < 10 {
				t.Errorf("%+v, want %d failed calls", got, row.fails)
			}
		})
	}
}

// The one whose refresh fails twice and succeeds at the third try, every time.
func TestOldSecretsInFront(t *testing.T) {
	spec := integration(clients.Careful, read)
	spec.Secrets = clients.Static("of last year", "of last spring", secret)
	got := play(t, 2*time.Hour, sim.Settings{}, nil, spec).load.Tally("careful")
	if got.Granted != 7 || got.Tokens != 3*got.Granted || got.Failed > 0 {
		t.Errorf("%+v", got)
	}
}

// A web application redeems each refresh token once; an API user signs in with each
// call; a job begins anew each time.
func TestKindsOfIntegration(t *testing.T) {
	app := integration(clients.Careful, read)
	app.Name, app.ClientID, app.Redirect, app.Unit = "web app", "webapp", "https://shop.example.com/back", 0
	user := clients.Spec{Name: "etl", Library: clients.Python, Login: "etl", SOAP: sim.PipeURL + "Service.asmx", Secrets: clients.Static(secret), Calls: []clients.Call{retrieve}, Pause: time.Minute}
	job := integration(clients.Python, read, retrieve)
	job.Name, job.Every, job.PerRun, job.Pause = "job", 20*time.Minute, 4, time.Second
	s := play(t, 2*time.Hour, sim.Settings{}, nil, app, user, job)
	if got := s.load.Tally("web app"); got.Tokens != 7 || got.Granted != 7 || got.Failed > 0 {
		t.Errorf("the web application: %+v", got)
	}
	if got := s.load.Tally("etl"); got.Tokens != got.Calls || got.Granted != got.Calls || got.Calls < 100 || got.Failed > 0 {
		t.Errorf("the API user: %+v", got)
	}
	if got := s.load.Tally("job"); got.Tokens != 6 || got.Calls != 24 || got.Failed > 0 {
		t.Errorf("the job: %+v", got)
	}
	codes := 0
	for _, line := range s.seen {
		if strings.Contains(line, "/v2/authorize") {
			codes++
		}
	}
	if codes != 1 {
		t.Errorf("%d codes: refresh tokens are not used", codes)
	}
}

// The same seed, the same day; another integration beside it changes nothing of it.
func TestTheSameSeed(t *testing.T) {
	day := func(beside ...clients.Spec) []string {
		var mine []string
		for _, line := range play(t, 3*time.Hour, sim.Settings{}, nil, append(beside, integration(clients.MCECLI, read, retrieve))...).seen {
			if strings.HasSuffix(line, clients.MCECLI.Agent) {
				mine = append(mine, line)
			}
		}
		return mine
	}
	first := day()
	if again := day(); len(first) < 100 || !slices.Equal(first, again) {
		t.Errorf("%d and %d requests differ", len(first), len(again))
	}
	if again := day(integration(clients.Ruby, read)); !slices.Equal(first, again) {
		t.Error("another integration changed it")
	}
}

// A specification that cannot work is refused by name.
func TestSpecsThatCannotWork(t *testing.T) {
	good := integration(clients.PHP, read)
	for name, spoil := range map[string]func(*clients.Spec){
		"no name": func(s *clients.Spec) { s.Name = "" }, "no secrets": func(s *clients.Spec) { s.Secrets = nil }, "no calls": func(s *clients.Spec) { s.Calls = nil },
		"no address": func(s *clients.Spec) { s.Auth = "" }, "no pause": func(s *clients.Spec) { s.Pause = 0 },
		"a user without an address": func(s *clients.Spec) { s.Login = "etl" },
		"a user that calls REST":    func(s *clients.Spec) { s.Login, s.SOAP = "etl", sim.PipeURL },
	} {
		spec := good
		spoil(&spec)
		if _, err := clients.New(1, http.DefaultTransport, spec); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
