package app_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/notify/webhook"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
)

// TestKill kills a process that records and tells as fast as it can, many times,
// more than a third of the time inside a COMMIT, and asks after each kill: is every
// transition that was acknowledged still there, is every notice of one in the
// outbox or on its way, is no incident there twice, is the file sound, and did the
// receiver see repeats only under the same key.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for seconds")
	}
	cycles := 15
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		cycles = 1000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	began := time.Now()
	var total killFigures
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range killWorkers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(worker)))
			for first := worker * killPerFile; first < cycles; first += killWorkers * killPerFile {
				f := killFile(t, random, first, min(killPerFile, cycles-first))
				mu.Lock()
				total.add(f)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d cycles (%d with the whole daemon, which made %d proofs), %d acknowledged transitions, %d notices, %d kills inside a COMMIT (%d aimed), "+
		"%d messages received, %d of them repeats under the same key, %d deliveries brought to their end, %.1fs",
		total.cycles, total.whole, total.proofs, total.transitions, total.notices, total.inside, total.aimed, total.messages, total.repeats, total.drained, time.Since(began).Seconds())
	if total.cycles != cycles || total.transitions < 50*cycles {
		t.Errorf("%d cycles with %d transitions; wanted %d with at least 50 each", total.cycles, total.transitions, cycles)
	}
	if total.whole > 0 && total.proofs < 20*total.whole {
		t.Errorf("the whole daemon made %d proofs in %d cycles", total.proofs, total.whole)
	}
	if total.inside*10 < total.cycles*3 {
		t.Errorf("only %d of %d kills hit a COMMIT", total.inside, total.cycles)
	}
}

// killDrained says whether a file's deliveries are brought to their end: in each
// fourth file, and never where the whole daemon ran, whose leases outlive a test.
// In the others it is enough that every row is there.
func killDrained(first int) bool { return first/killPerFile%4 == 0 }

const (
	killWorkers = 2
	killPerFile = 10 // cycles on one file; then a fresh one, so that starts stay short
	killWhole   = 20 // each this many cycles the whole daemon runs
	killLeast   = 50 // acknowledged transitions before a kill
)

type killFigures struct {
	cycles, whole, transitions, notices, aimed, inside, messages, repeats, drained, proofs int
}

func (f *killFigures) add(g killFigures) {
	f.cycles += g.cycles
	f.whole += g.whole
	f.transitions += g.transitions
	f.notices += g.notices
	f.aimed += g.aimed
	f.inside += g.inside
	f.messages += g.messages
	f.repeats += g.repeats
	f.drained += g.drained
	f.proofs += g.proofs
}

// killPromises is what children said was done.
type killPromises struct {
	transitions map[keepwatch.IncidentID]map[int]keepwatch.TransitionKind
	notices     map[keepwatch.IncidentID][]keepwatch.NoticeID
	fresh       map[keepwatch.IncidentID]bool // not looked at yet
}

func newKillPromises() *killPromises {
	return &killPromises{
		map[keepwatch.IncidentID]map[int]keepwatch.TransitionKind{}, map[keepwatch.IncidentID][]keepwatch.NoticeID{}, map[keepwatch.IncidentID]bool{},
	}
}

func (p *killPromises) take(line string) (transition bool) {
	var id, rest, kind string
	if n, _ := fmt.Sscanf(line, "T %s %s %s", &id, &rest, &kind); n == 3 {
		var seq int
		_, _ = fmt.Sscan(rest, &seq)
		in := keepwatch.IncidentID(id)
		if p.transitions[in] == nil {
			p.transitions[in] = map[int]keepwatch.TransitionKind{}
		}
		p.fresh[in] = true
		p.transitions[in][seq] = keepwatch.TransitionKind(kind)
		return true
	}
	if n, _ := fmt.Sscanf(line, "N %s %s", &id, &rest); n == 2 {
		p.notices[keepwatch.IncidentID(id)] = append(p.notices[keepwatch.IncidentID(id)], keepwatch.NoticeID(rest))
	}
	return false
}

// killSinkServer receives messages and remembers under which key each came.
type killSinkServer struct {
	mu      sync.Mutex
	keys    map[string]int    // how often each key came
	meaning map[string]string // of a key
	keyOf   map[string]string // of a meaning
	faults  []string
}

func (s *killSinkServer) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var m struct {
		Status string
		Reason string `json:"notification_reason"`
		Alerts []struct {
			Fingerprint string
		}
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &m) != nil || len(m.Alerts) != 1 {
		return // cut off by a kill
	}
	key := r.Header.Get(webhook.HeaderDelivery)
	meaning := m.Alerts[0].Fingerprint + " " + m.Status + " " + m.Reason
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key]++
	if other, ok := s.meaning[key]; ok && other != meaning {
		s.faults = append(s.faults, fmt.Sprintf("key %s means %q and %q", key, other, meaning))
	}
	if other, ok := s.keyOf[meaning]; ok && other != key {
		s.faults = append(s.faults, fmt.Sprintf("%q came under %s and %s", meaning, other, key))
	}
	s.meaning[key], s.keyOf[meaning] = meaning, key
}

// killFile runs some cycles on one file.
func killFile(t *testing.T, random *rand.Rand, first, count int) (f killFigures) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keepwatch.db")
	sink := &killSinkServer{keys: map[string]int{}, meaning: map[string]string{}, keyOf: map[string]string{}}
	receiver := httptest.NewServer(sink)
	defer receiver.Close()
	platform := sim.New(sim.Options{})
	sfmc := httptest.NewServer(platform.Handler())
	defer sfmc.Close()
	defer platform.Close()
	whole := killConfigFile(t, dir, receiver.URL, sfmc.URL+"/", platform)
	promises := newKillPromises()
	for i := range count {
		cycle := first + i
		c := &killed{t: t, random: random, promises: promises}
		environ := []string{killStore + "=" + path, killSink + "=" + receiver.URL, fmt.Sprintf("%s=%d", killCycle, cycle), "KILL_SECRET=kill-secret-000000000000"}
		if cycle%killWhole == killWhole/2 {
			environ = append(environ, killConfig+"="+whole)
			f.whole++
			c.hold = time.Second
		}
		c.aimed = random.IntN(3) > 0
		if !c.run(environ) {
			return f
		}
		f.cycles++
		f.transitions += c.transitions
		f.notices += c.notices
		if c.aimed {
			f.aimed++
		}
		if c.inside {
			f.inside++
		}
		if err := killCheck(t.Context(), path, promises, sink); err != nil {
			t.Errorf("cycle %d: %v", cycle, err)
			return f
		}
	}
	for _, c := range platform.Clients() {
		f.proofs += int(c.TokenRequests)
	}
	f.drained = killFinish(t, path, receiver.URL, killDrained(first), promises, sink)
	sink.mu.Lock()
	defer sink.mu.Unlock()
	for _, n := range sink.keys {
		f.messages += n
		f.repeats += n - 1
	}
	for _, fault := range sink.faults {
		t.Error(fault)
	}
	return f
}

// killConfigFile is for the cycles in which the whole daemon runs, against a
// simulator whose credentials come and go.
func killConfigFile(t *testing.T, dir, sink, sfmc string, platform *sim.Sim) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nserver: {listen: \"127.0.0.1:8484\"}\ntiers: {standard: {every: {business: 1s, off: 1s}}}\nreceivers: [{name: sink, at_most: unlimited, webhook: {url: %q}}]\nroutes: [{to: sink}]\n"+
		"tenants: [{id: t, endpoints: {auth: %q, rest: %q, soap: %q}}]\ncredentials:\n", sink, sfmc, sfmc, sfmc+"Service.asmx")
	for i := range killReal {
		spec := platform.AddClient(sim.ClientSpec{ClientID: fmt.Sprintf("client%018d", i), Secret: "kill-secret-000000000000"})
		fmt.Fprintf(&b, "  - {id: real-%d, tenant: t, business_unit: %d, client_id: %s, secret: \"env:KILL_SECRET\"}\n", i, spec.MID, spec.ClientID)
	}
	if _, err := platform.Inject(sim.Fault{Name: "bad_secret", Probability: 0.5}); err != nil {
		t.Error(err)
	}
	path := filepath.Join(dir, "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Error(err)
	}
	return path
}

// killed is one child from its start to its end.
type killed struct {
	t        *testing.T
	random   *rand.Rand
	promises *killPromises
	aimed    bool
	hold     time.Duration // the child lives at least this long

	transitions, notices int
	inside               bool
}

func (c *killed) run(environ []string) bool {
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), environ...)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	ackRead, ackWrite, err := os.Pipe()
	if err == nil {
		defer ackRead.Close()
		defer ackWrite.Close()
	}
	commitRead, commitWrite, err2 := os.Pipe()
	if err != nil || err2 != nil {
		c.t.Error(err, err2)
		return false
	}
	defer commitRead.Close()
	defer commitWrite.Close()
	child.ExtraFiles = []*os.File{ackWrite, commitWrite}
	if err := child.Start(); err != nil {
		c.t.Error(err)
		return false
	}
	_ = ackWrite.Close()
	_ = commitWrite.Close()
	watchdog := time.AfterFunc(30*time.Second, func() { _ = child.Process.Kill() })

	armed := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { c.listen(ackRead, armed) })
	wg.Go(func() { c.aim(commitRead, armed, func() { _ = child.Process.Kill() }) })
	_ = child.Wait()
	wg.Wait()
	if !watchdog.Stop() || c.transitions < killLeast {
		c.t.Errorf("the child made %d transitions and ended: %s", c.transitions, stderr.String())
		return false
	}
	return true
}

// listen takes promises until the child is gone. A last line without its end was
// not said.
func (c *killed) listen(r io.Reader, armed chan<- struct{}) {
	in, began, told := bufio.NewReader(r), time.Now(), false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if !c.promises.take(line) {
			c.notices++
			continue
		}
		if c.transitions++; !told && c.transitions >= killLeast && time.Since(began) >= c.hold {
			close(armed)
			told = true
		}
	}
}

// aim reads the marks around COMMITs and kills once the child has promised enough:
// at the first mark before a COMMIT, or after a moment of chance.
func (c *killed) aim(r io.Reader, armed <-chan struct{}, kill func()) {
	skip := c.random.IntN(4)
	var chance <-chan time.Time
	marks := make(chan byte, 4096)
	go func() {
		defer close(marks)
		b := make([]byte, 1)
		for {
			if _, err := r.Read(b); err != nil {
				return
			}
			marks <- b[0]
		}
	}()
	last, ready, done := byte('a'), false, false
	for {
		select {
		case m, ok := <-marks:
			if !ok {
				c.inside = last == 'b'
				return
			}
			last = m
			if ready && !done && c.aimed && m == 'b' {
				if skip--; skip < 0 {
					kill()
					done = true
				}
			}
		case <-armed:
			armed, ready = nil, true
			if !c.aimed {
				chance = time.After(time.Duration(c.random.IntN(20_000)) * time.Microsecond)
			}
		case <-chance:
			kill()
			done = true
		}
	}
}

// killCheck reopens the store, which checks the file, and looks for what was
// promised.
func killCheck(ctx context.Context, path string, p *killPromises, sink *killSinkServer) error {
	db, err := killOpen(ctx, path, store.Options{})
	if err != nil {
		return fmt.Errorf("reopen: %w", err)
	}
	defer func() { _ = db.Close() }()
	unrouted, err := db.Unrouted(ctx, 100_000)
	if err != nil {
		return err
	}
	waiting := map[keepwatch.NoticeID]bool{}
	for _, n := range unrouted {
		waiting[n.ID] = true
	}
	for id := range p.fresh {
		if err := killCheckIncident(ctx, db, id, p, waiting, sink); err != nil {
			return err
		}
	}
	clear(p.fresh) // the end of the file looks at all once more
	return killCheckKeys(ctx, db, "open")
}

// killCheckIncident compares an incident's rows with what was promised of it.
func killCheckIncident(ctx context.Context, db *store.DB, id keepwatch.IncidentID, p *killPromises, waiting map[keepwatch.NoticeID]bool, sink *killSinkServer) error {
	found, err := db.Transitions(ctx, id)
	if err != nil {
		return err
	}
	kinds := map[int]keepwatch.TransitionKind{}
	for i, t := range found {
		kinds[t.Seq] = t.Kind
		if i > 0 && t.Seq != found[i-1].Seq+1 {
			return fmt.Errorf("incident %s: transition %d follows %d: %w", id, t.Seq, found[i-1].Seq, errKillOracle)
		}
	}
	for seq, kind := range p.transitions[id] {
		if kinds[seq] != kind {
			return fmt.Errorf("incident %s: transition %d, %s, was acknowledged and is %q: %w", id, seq, kind, kinds[seq], errKillOracle)
		}
	}
	deliveries, err := db.Deliveries(ctx, id)
	if err != nil {
		return err
	}
	told := map[keepwatch.NoticeID]bool{}
	for _, d := range deliveries {
		told[d.Notice.ID] = true
		if d.Status == keepwatch.DeliverySent && !sink.has(string(d.ID)) {
			return fmt.Errorf("delivery %s is marked as sent and never came: %w", d.ID, errKillOracle)
		}
	}
	for _, n := range p.notices[id] {
		if !waiting[n] && !told[n] {
			return fmt.Errorf("notice %s was acknowledged and is neither in the outbox nor on its way: %w", n, errKillOracle)
		}
	}
	return nil
}

func (s *killSinkServer) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[key] > 0
}

// killCheckKeys looks for two incidents of one cause. Each credential of the load
// fails once, so that its resolved incidents count, too.
func killCheckKeys(ctx context.Context, db *store.DB, status string) error {
	seen, page := map[string]bool{}, store.Page{Limit: 1000}
	for {
		list, next, err := db.Incidents(ctx, store.IncidentFilter{Status: status}, page)
		if err != nil {
			return err
		}
		for _, in := range list {
			once := in.Status == keepwatch.IncidentOpen || strings.HasPrefix(in.Key, "credential:load-")
			if once && seen[in.Key] {
				return fmt.Errorf("two incidents of %s: %w", in.Key, errKillOracle)
			}
			seen[in.Key] = seen[in.Key] || once
		}
		if page.Cursor = next; next == "" {
			return nil
		}
	}
}

// killFinish looks at everything once more. Before that, where it drains, the
// pipeline delivers all that is left, to the last row.
func killFinish(t *testing.T, path, receiver string, drain bool, p *killPromises, sink *killSinkServer) (drained int) {
	t.Helper()
	ctx := t.Context()
	db, err := killOpen(ctx, path, store.Options{})
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = db.Close() }()
	if drain {
		if err := killDrain(ctx, db, receiver); err != nil {
			t.Error(err)
		}
	}
	unrouted, err := db.Unrouted(ctx, 100_000)
	if err != nil {
		t.Error(err)
	}
	waiting := map[keepwatch.NoticeID]bool{}
	for _, n := range unrouted {
		waiting[n.ID] = true
	}
	for id := range p.transitions {
		if err := killCheckIncident(ctx, db, id, p, waiting, sink); err != nil {
			t.Error(err)
		}
		deliveries, err := db.Deliveries(ctx, id)
		if err != nil {
			t.Error(err)
		}
		for _, d := range deliveries {
			switch {
			case d.Status == keepwatch.DeliveryDead, drain && d.Status == keepwatch.DeliveryPending:
				t.Errorf("delivery %s is %s at the end: %s", d.ID, d.Status, d.LastError)
			case drain:
				drained++
			}
		}
	}
	if err := killCheckKeys(ctx, db, "all"); err != nil {
		t.Error(err)
	}
	return drained
}

// killDrain runs the pipeline until nothing waits.
func killDrain(ctx context.Context, db *store.DB, receiver string) error {
	pipeline, err := killPipeline(db, receiver, 10*time.Second)
	if err != nil {
		return err
	}
	pipeline.Start()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		unrouted, err := db.Unrouted(ctx, 1)
		_, some, err2 := db.NextDelivery(ctx)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		if len(unrouted) == 0 && !some {
			return pipeline.Stop(ctx)
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("not everything was delivered: %w", errKillOracle), pipeline.Stop(ctx))
		}
	}
}

// TestKillOracleNoticesALie proves that the check can fail: a promise that the
// store does not keep, of a transition, of a notice and of a delivery.
func TestKillOracleNoticesALie(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keepwatch.db")
	db, err := killOpen(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	changes, err := intake.New(db, func() incident.Policy { return incident.Policy{} }).Record(t.Context(), killLoad("0", 0, keepwatch.LoginFailed, now), now)
	if err != nil {
		t.Fatal(err)
	}
	n := changes.Notices[0]
	sent := keepwatch.Delivery{ID: "d", Notice: n, Receiver: "sink", Status: keepwatch.DeliveryPending, CreatedAt: now, NextAttemptAt: now}
	if err := db.Route(t.Context(), n.ID, []keepwatch.Delivery{sent}, now); err != nil {
		t.Fatal(err)
	}
	sent.Status = keepwatch.DeliverySent
	if err := db.Settle(t.Context(), sent, now); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	other := string(changes.Notices[1].Incident.ID)
	for lie, line := range map[string]string{
		"a transition that is not there": "T " + other + " 2 resolved\n",
		"another kind":                   "T " + other + " 1 resolved\n",
		"an incident that is not there":  "T nowhere 1 opened\n",
		"a notice that is not there":     "T " + other + " 1 opened\nN " + other + " nothing\n",
		"a message that never came":      "T " + string(n.Incident.ID) + " 1 opened\n",
		"":                               "T " + other + " 1 opened\nN " + other + " " + string(changes.Notices[1].ID) + "\n",
	} {
		p := newKillPromises()
		for l := range strings.Lines(line) {
			p.take(l)
		}
		if err := killCheck(t.Context(), path, p, &killSinkServer{}); errors.Is(err, errKillOracle) != (lie != "") || lie == "" && err != nil {
			t.Errorf("%s: %v", lie, err)
		}
	}
}
