package app_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch/internal/app"
	"keepwatch/internal/sfmc/sim"
)

const (
	wedgeEvery = 3 * time.Second
	wedgeBeats = 5 // within which somebody outside hears of a wedge
)

// wedgeSwitch is a dead-man service: it raises the alarm when it was told of trouble, or
// was told nothing for three beats.
type wedgeSwitch struct {
	mu     sync.Mutex
	skewed time.Duration // how far its clock is from ours
	beat   time.Time
	fail   time.Time
	said   string
	beats  int
}

func (s *wedgeSwitch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	w.Header().Set("Date", now.Add(s.skewed).UTC().Format(http.TimeFormat))
	if strings.HasSuffix(r.URL.Path, "/fail") {
		s.fail, s.said = now, string(body)
		return
	}
	s.beat = now
	s.beats++
}

// alarmed says what the service would tell people of, "" for nothing.
func (s *wedgeSwitch) alarmed(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fail.After(s.beat):
		return "told: " + s.said
	case now.Sub(s.beat) > 3*wedgeEvery:
		return "silence"
	}
	return ""
}

func (s *wedgeSwitch) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beats
}

// wedge is one way to bring the daemon to a standstill.
type wedge struct {
	name  string
	cheap bool // runs always
	do    func(*wedgedDaemon) error
}

func breaks(fault string) func(*wedgedDaemon) error {
	return func(d *wedgedDaemon) error { _, err := io.WriteString(d.faults, fault+"\n"); return err }
}

// trigger lets the database refuse one kind of statement from now on.
func trigger(statement string) func(*wedgedDaemon) error {
	return func(d *wedgedDaemon) error {
		return d.sql("CREATE TRIGGER wedge BEFORE " + statement + " BEGIN SELECT RAISE(FAIL, 'wedged'); END")
	}
}

var wedges = []wedge{
	{"the stop signal", true, breaks("stop")},
	{"the process is killed", true, func(d *wedgedDaemon) error { return d.child.Process.Kill() }},
	{"a goroutine panics", false, breaks("panic")},
	{"the dispatcher ends", false, breaks("schedule")},
	{"nothing can be claimed", false, trigger("UPDATE ON checks")},
	{"the intake hangs", false, breaks("records")},
	{"results cannot be recorded", false, trigger("INSERT ON hot")},
	{"notices cannot be written", false, trigger("INSERT ON notices")},
	{"nothing can be addressed", false, trigger("INSERT ON deliveries")},
	{"nothing can be sent", false, trigger("UPDATE ON deliveries")},
	{"the pipeline ends", false, breaks("notify")},
	{"the receiver hangs", false, func(d *wedgedDaemon) error { return d.hang() }},
	{"a duty hangs", false, breaks("duty")},
	{"a reload hangs", false, breaks("reload")},
	{"the web interface hangs", true, breaks("accepts")},
	{"the store is closed", false, breaks("store")},
	{"another connection locks the database", false, func(d *wedgedDaemon) error { return d.sql("BEGIN IMMEDIATE") }},
	{"the database file is deleted", false, func(d *wedgedDaemon) error { return os.Remove(d.db) }},
	{"the database file is replaced", false, func(d *wedgedDaemon) error {
		other := d.db + ".other"
		if err := os.WriteFile(other, []byte("another file"), 0o600); err != nil {
			return err
		}
		return os.Rename(other, d.db)
	}},
	{"the disk is full", false, func(d *wedgedDaemon) error { return d.fill() }},
	{"names do not resolve", false, breaks("refused")},
	{"connections hang", false, breaks("dials")},
	{"descriptors are used up", false, breaks("descriptors")},
	{"the clock is wrong", false, func(d *wedgedDaemon) error {
		d.outside.mu.Lock()
		defer d.outside.mu.Unlock()
		d.outside.skewed = -time.Hour
		return nil
	}},
}

// TestWedges brings the real process to a standstill in each of the ways above: somebody
// outside hears of each within five beats, and not before.
func TestWedges(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for seconds")
	}
	campaign := os.Getenv("KEEPWATCH_CAMPAIGN") == "1" || os.Getenv("CI") == "true"
	places := make(chan struct{}, 9) // waiting costs nothing, starting does
	var running sync.WaitGroup
	defer running.Wait()
	for _, w := range wedges {
		if !campaign && !w.cheap {
			continue
		}
		// Not t.Parallel: that is bounded by the processors, which are idle here.
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			t.Run(w.name, func(t *testing.T) { w.run(t) })
		})
	}
}

func (w wedge) run(t *testing.T) {
	d := newWedged(t)
	d.waitBeats(2)
	if said := d.outside.alarmed(time.Now()); said != "" {
		t.Fatalf("before the wedge: %s", said)
	}
	if err := w.do(d); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for time.Since(begun) < wedgeBeats*wedgeEvery {
		if said := d.outside.alarmed(time.Now()); said != "" {
			t.Logf("after %s: %s", time.Since(begun).Round(100*time.Millisecond), said)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("nobody outside heard of it within %d beats", wedgeBeats)
}

// wedgedDaemon is a child with its surroundings.
type wedgedDaemon struct {
	t       *testing.T
	child   *exec.Cmd
	faults  io.Writer
	outside *wedgeSwitch
	hangs   atomic.Bool
	hung    chan struct{} // a message waits at the receiver
	sim     *sim.Sim
	dir, db string
}

const wedgeCredentials = 8

func newWedged(t *testing.T) *wedgedDaemon {
	dir := t.TempDir()
	d := &wedgedDaemon{t: t, outside: &wedgeSwitch{}, hung: make(chan struct{}, 1), dir: dir, db: filepath.Join(dir, "keepwatch.db"), sim: sim.New(sim.Options{})}
	outside, sfmc := httptest.NewServer(d.outside), httptest.NewServer(d.sim.Handler())
	done := make(chan struct{})
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if d.hangs.Load() {
			select {
			case d.hung <- struct{}{}:
			default:
			}
			select {
			case <-done:
			case <-r.Context().Done():
			}
		}
	}))
	config := d.configure(sfmc.URL+"/", sink.URL)
	ctx, cancel := context.WithCancel(context.Background())
	d.child = exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	d.child.Env = append(os.Environ(), app.WedgeConfig+"="+config, "SFMC_SECRET=wedge-secret-0000000000000", "BEAT="+strings.Replace(outside.URL, "127.0.0.1", "localhost", 1)+"/ping")
	var stderr bytes.Buffer
	d.child.Stderr = &stderr
	var err error
	if d.faults, err = d.child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = d.child.Wait()
		if t.Failed() {
			t.Logf("%.4000s", stderr.String())
		}
		close(done)
		for _, s := range []*httptest.Server{outside, sfmc, sink} {
			s.CloseClientConnections()
			s.Close()
		}
		_ = d.sim.Close()
	})
	return d
}

// configure has a few credentials that are proven every other second, a tenant each.
func (d *wedgedDaemon) configure(sfmc, sink string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nstore: {url: \"sqlite:%s\"}\nserver: {listen: \"127.0.0.1:8484\", auth: none}\ntiers: {standard: {every: {business: 2s, off: 2s}}}\n"+
		"receivers: [{name: sink, webhook: {url: %q}}]\nroutes: [{to: sink}]\nwatchdog: {every: 3s, addresses: [{name: outside, url: env:BEAT}]}\ntenants:\n", d.db, sink)
	for i := range wedgeCredentials {
		fmt.Fprintf(&b, "  - {id: t%d, endpoints: {auth: %q, rest: %q, soap: %q}}\n", i, sfmc, sfmc, sfmc+"Service.asmx")
	}
	b.WriteString("credentials:\n")
	for i := range wedgeCredentials {
		spec := d.sim.AddClient(sim.ClientSpec{ClientID: fmt.Sprintf("client%018d", i), Secret: "wedge-secret-0000000000000"})
		fmt.Fprintf(&b, "  - {id: c%d, tenant: t%d, business_unit: %d, client_id: %s, secret: \"env:SFMC_SECRET\"}\n", i, i, spec.MID, spec.ClientID)
	}
	path := filepath.Join(d.dir, "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *wedgedDaemon) waitBeats(n int) {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); d.outside.count() < n; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("%d beats came, want %d: %s", d.outside.count(), n, d.outside.alarmed(time.Now()))
		}
	}
}

// sql runs a statement on a connection of its own, which stays open.
func (d *wedgedDaemon) sql(statement string) error {
	db, err := sql.Open("sqlite", d.db+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	d.t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(d.t.Context())
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(d.t.Context(), statement)
	return err
}

// hang has the receiver hang on a message, from the return on.
func (d *wedgedDaemon) hang() error {
	d.hangs.Store(true)
	for _, c := range d.sim.Clients() {
		if _, err := d.sim.Disable(c.ClientID); err != nil {
			return err
		}
	}
	select {
	case <-d.hung:
		return nil
	case <-time.After(30 * time.Second):
		return errors.New("no message came to the receiver")
	}
}

// fill leaves no room for the store to grow: the process may write no file beyond the
// size that its database has now.
func (d *wedgedDaemon) fill() error {
	return exec.CommandContext(d.t.Context(), "prlimit", "--pid", strconv.Itoa(d.child.Process.Pid), "--fsize=4096:4096").Run()
}
