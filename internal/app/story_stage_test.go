package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/world"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

// stage is the whole program with a simulated SFMC around it, inside one
// testing/synctest bubble: an hour costs a few milliseconds, and every instant of
// it is exact. Only the network is replaced; the store is SQLite on a real file.
type stage struct {
	t       *testing.T
	story   scenario.Story
	start   time.Time
	sim     *sim.Sim
	pipe    *sim.Pipe
	db      *store.DB
	app     *App
	config  string // path
	refs    *references
	hook    *receiver
	record  *recorder
	began   map[keepwatch.CredentialID]time.Time // generation dates as they are configured
	readers []keepwatch.CredentialID             // who reads the counters; nil: they are not read
	stopped bool
	deadman *deadman    // nil: there is no watchdog
	gateway *lane       // nil: there is no gateway
	truth   world.Truth // the simulator's log at the end
}

const hookHost = "hook"

// answerTime is what every answer takes: without it there is no pace to be slower than.
const answerTime = sim.Duration(40 * time.Millisecond)

// afterSecond is how far after the full second events happen: due checks stand on full
// seconds, and an event must not race with one.
const afterSecond = 250 * time.Millisecond

// newStage raises the curtain: call it inside the bubble.
func newStage(t *testing.T, story scenario.Story) *stage {
	t.Helper()
	time.Sleep(time.Until(story.Start))
	s := newSet(t, story)
	dir := memoryDir(t)
	s.build(dir, filepath.Join(dir, "keepwatch.db"))
	s.must(s.app.Start(t.Context()))
	return s
}

// newSet is a stage without the program on it.
func newSet(t *testing.T, story scenario.Story) *stage {
	s := &stage{
		t: t, story: story, start: time.Now(), refs: newReferences(), hook: &receiver{}, record: newRecorder(),
		began: map[keepwatch.CredentialID]time.Time{},
		sim:   sim.New(sim.Options{Now: time.Now, Settings: sim.Settings{Latency: answerTime}}),
	}
	for _, c := range story.Estate.Credentials {
		s.admit(c)
	}
	s.pipe = sim.NewPipe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == hookHost {
			s.hook.ServeHTTP(w, r)
			return
		}
		if s.deadman != nil && r.Host == deadmanHost {
			s.deadman.ServeHTTP(w, r)
			return
		}
		if s.deadman != nil && r.Host == "127.0.0.1:8484" {
			s.app.Handler().ServeHTTP(w, r)
			return
		}
		s.sim.ServeHTTP(w, r)
	}))
	return s
}

// build makes the program over a database that may have a past.
func (s *stage) build(dir, db string) {
	s.t.Helper()
	s.config = filepath.Join(dir, "keepwatch.yaml")
	s.configure()
	var err error
	s.must(storetest.Ready(db))
	s.db, err = store.Open(s.t.Context(), "sqlite:"+db, store.Options{Synchronous: "NORMAL"})
	s.must(err)
	opts := Options{
		Load:      func() (*config.Config, error) { return config.Load(s.config, s.refs.lookup) },
		LookupEnv: s.refs.lookup, Network: s.pipe, Listener: newStillListener(), Store: s.db,
		Random: func() float64 { return 0 },
	}
	if s.gateway != nil {
		opts.Listen = s.gateway.listen
	}
	s.app, err = New(s.t.Context(), opts)
	s.must(err)
	// The same door, with somebody who writes down what passes.
	s.app.intake = intake.New(observed{s.db, s.record}, s.app.policy)
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// memoryDir is a folder that costs no disk where there is one: sixty stories write
// a few hundred thousand small transactions.
func memoryDir(t *testing.T) string {
	if dir, err := os.MkdirTemp("/dev/shm", "keepwatch"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

// close ends everything that the bubble holds.
func (s *stage) close() {
	if s.stopped {
		return
	}
	s.stopped = true
	if err := s.app.Stop(); err != nil {
		s.t.Error(err)
	}
	_ = s.sim.Close()
	_ = s.pipe.Close()
	if err := s.db.Close(); err != nil {
		s.t.Error(err)
	}
}

// clientOf is the name under which the simulator knows a credential.
func (s *stage) clientOf(id keepwatch.CredentialID) string {
	for _, c := range s.story.Estate.Credentials {
		if c.ID == id && c.Kind == keepwatch.APIUser {
			return c.Username
		}
	}
	return "client-" + string(id)
}

// eid is a tenant's enterprise: what a fault aims at to hit the tenant.
func (s *stage) eid(id keepwatch.TenantID) keepwatch.MID {
	for i, t := range s.story.Estate.Tenants {
		if t.ID == id {
			return keepwatch.MID(700_000_000 + i)
		}
	}
	s.t.Fatalf("no tenant %q", id)
	return 0
}

func (s *stage) admit(c keepwatch.Credential) {
	client := s.sim.AddClient(sim.ClientSpec{
		ClientID: s.clientOf(c.ID), Name: string(c.ID), Kind: c.Kind, MID: c.BusinessUnit, EID: s.eid(c.Tenant), Generated: c.SecretGenerated.In(time.UTC),
	})
	s.refs.set(scenario.SecretVariable(c.ID), client.Secret)
	s.began[c.ID] = c.SecretGenerated.In(time.UTC)
}

// configure writes the configuration file of the estate: all tiers as they are by
// default, and one receiver that is told of everything at once.
func (s *stage) configure() {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("version: 1\nserver: {listen: 127.0.0.1:8484, auth: none}\nstore: {url: sqlite:unused.db}\ndigest: {send: never}")
	if zone := s.story.Zone; zone != "" {
		p("calendars: {office: {timezone: %s}}\ntiers: {transactional: {calendar: office}, standard: {calendar: office}, reporting: {calendar: office}}", zone)
	}
	p("tenants:")
	for _, t := range s.story.Estate.Tenants {
		auth, rest, soap := "auth-"+string(t.ID), "rest-"+string(t.ID), "soap-"+string(t.ID)
		if s.gateway != nil { // the simulator names one host in its answers, and the gateway puts its own in the place of the tenant's
			auth, rest, soap = "sfmc-"+string(t.ID), "sfmc-"+string(t.ID), "sfmc-"+string(t.ID)
		}
		p("  - id: %s\n    subdomain: %s\n    endpoints: {auth: http://%s/, rest: http://%s/, soap: http://%s/Service.asmx}", t.ID, t.Subdomain, auth, rest, soap)
		if len(s.readers) > 0 {
			p("    effects: {readers: %s, every: {queues: 15m}}", flow(s.readers))
		}
	}
	p("credentials:")
	for _, c := range s.story.Estate.Credentials {
		p("  - id: %s\n    tenant: %s\n    kind: %s\n    criticality: %s\n    secret: %s\n    owner: {team: %s, contact: %s}",
			c.ID, c.Tenant, c.Kind, c.Criticality, c.SecretRef, c.Owner.Team, c.Owner.Contact)
		if c.Kind == keepwatch.APIUser {
			p("    username: %s", c.Username)
		} else {
			p("    client_id: %s\n    business_unit: %d", s.clientOf(c.ID), c.BusinessUnit)
		}
		if at := s.began[c.ID]; !at.IsZero() {
			p("    secret_generated: %s", at.Format(time.RFC3339))
		}
		p("    tests:")
		for _, test := range c.Tests {
			p("      - %q", test)
		}
		for i, h := range c.Holders {
			if i == 0 {
				p("    holders:")
			}
			if i == 0 || s.gateway != nil {
				p("      - {name: %s}", h.Name)
			}
		}
		if len(c.Dependents) > 0 {
			p("    dependents:")
		}
		for _, d := range c.Dependents {
			p("      - %s", flow(dependentOf(d)))
		}
	}
	p("receivers: [{name: ops, webhook: {url: http://%s/}}]\nroutes: [{to: ops, wait: 0s}]", hookHost)
	if s.gateway != nil {
		p("gateway: {listeners: [{name: all, listen: %s}]}", laneHost)
	}
	if s.deadman != nil {
		p("watchdog: {addresses: [{name: outside, url: http://%s/ping}]}", deadmanHost)
	}
	s.must(os.WriteFile(s.config, []byte(b.String()), 0o600))
}

// flow is a value on one line: JSON is YAML.
func flow(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// dependentOf is a dependent with the keys of the file, as far as stories use them.
func dependentOf(d keepwatch.Dependent) map[string]any {
	out := map[string]any{"kind": d.Kind, "key": d.Key}
	for key, v := range map[string]any{
		"contacts_per_day": d.ContactsPerDay, "reads": d.Reads, "fed_by": d.FedBy, "on_outage": d.OnOutage, "timestamp_field": d.TimestampField,
	} {
		if !reflect.ValueOf(v).IsZero() {
			out[key] = v
		}
	}
	for key, v := range map[string]time.Duration{"expect_rows_every": d.ExpectRowsEvery, "max_queue_age": d.MaxQueueAge} {
		if v > 0 {
			out[key] = keepwatch.FormatDuration(v)
		}
	}
	return out
}

// until sleeps to an instant of the story.
func (s *stage) until(at time.Duration) {
	time.Sleep(time.Until(s.start.Add(at)))
}

// play does the story's events, each shortly after its full second, and waits for
// the end.
func (s *stage) play() {
	for _, e := range s.story.Events {
		s.until(e.At + afterSecond)
		s.do(e)
	}
	s.until(s.story.For)
}

// do is one event. It is one long switch on purpose: the verbs are a list.
func (s *stage) do(e scenario.Event) {
	client, err := s.clientOf(e.Credential), error(nil)
	switch e.Do {
	case scenario.Inject:
		s.inject(e)
	case scenario.Clear:
		s.sim.ClearAll()
	case scenario.Expire:
		_, err = s.sim.Expire(client)
	case scenario.Rotate:
		s.rotate(e.Credential, client)
	case scenario.Disable:
		_, err = s.sim.Disable(client)
	case scenario.Enable:
		_, err = s.sim.Enable(client)
	case scenario.Lock:
		_, err = s.sim.Lock(client)
	case scenario.Unlock:
		_, err = s.sim.Unlock(client)
	case scenario.Cut:
		s.network(&net.DNSError{Err: "network is unreachable", IsTemporary: true})
	case scenario.Mend:
		s.network(nil)
	case scenario.HideRef:
		s.refs.hide(scenario.SecretVariable(e.Credential))
	case scenario.ShowRef:
		s.refs.show(scenario.SecretVariable(e.Credential))
	case scenario.CheckNow:
		_, err = s.app.CheckNow(s.t.Context(), e.Credential)
	case scenario.Ack:
		s.acknowledge()
	default:
		err = errors.New("unknown verb")
	}
	if err != nil {
		s.t.Fatalf("%s %s: %v", e.Do, e.Credential, err)
	}
}

func (s *stage) inject(e scenario.Event) {
	f := sim.Fault{Name: e.Fault, Variant: e.Variant, On: e.On, Probability: e.Probability, Seed: 7}
	if e.Credential != "" {
		f.ClientID = s.clientOf(e.Credential)
	}
	if e.Tenant != "" {
		f.EID = s.eid(e.Tenant)
	}
	_, err := s.sim.Inject(f)
	s.must(err)
}

// network takes every name and every connection away, or gives them back.
func (s *stage) network(err error) {
	names := []string{"", hookHost}
	for _, t := range s.story.Estate.Tenants {
		for _, host := range []string{"auth", "rest", "soap"} {
			names = append(names, host+"-"+string(t.ID))
		}
	}
	s.pipe.Break(err, names...)
}

// rotate is what a careful person does: stage, wait until it works, hand it over,
// activate, and note the new date in the configuration.
func (s *stage) rotate(id keepwatch.CredentialID, client string) {
	staged, err := s.sim.Generate(client)
	s.must(err)
	time.Sleep(time.Until(staged.StagedFrom))
	_, err = s.sim.Activate(client)
	s.must(err)
	s.refs.set(scenario.SecretVariable(id), staged.Staged)
	s.began[id] = staged.StagedFrom.Add(-5 * time.Minute).Truncate(time.Second)
	s.configure()
	_, err = s.app.Reload(s.t.Context())
	s.must(err)
}

func (s *stage) acknowledge() {
	open, _, err := s.db.Incidents(s.t.Context(), store.IncidentFilter{Status: "open"}, store.Page{})
	s.must(err)
	for _, in := range open {
		_, err := s.db.Acknowledge(s.t.Context(), in.ID, "somebody@example.com", time.Now())
		s.must(err)
	}
}

// references are the variables that secrets are read from.
type references struct {
	mu     sync.Mutex
	values map[string]string
	hidden map[string]bool
}

func newReferences() *references {
	return &references{values: map[string]string{}, hidden: map[string]bool{}}
}

func (r *references) lookup(name string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.values[name]
	return v, ok && !r.hidden[name]
}

func (r *references) set(name, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[name] = value
}

func (r *references) hide(name string) { r.mark(name, true) }
func (r *references) show(name string) { r.mark(name, false) }

func (r *references) mark(name string, hidden bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hidden[name] = hidden
}

// message is what the receiver was told.
type message struct {
	at                        time.Time
	status, outcome, groupKey string
	delivery                  string
}

// receiver is somebody's webhook.
type receiver struct {
	mu   sync.Mutex
	told []message
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var body struct {
		Status       string            `json:"status"`
		GroupKey     string            `json:"groupKey"`
		CommonLabels map[string]string `json:"commonLabels"`
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, message{time.Now(), body.Status, body.CommonLabels["outcome"], body.GroupKey, req.Header.Get("X-Keepwatch-Delivery")})
}

// moved is one change of a series' state.
type moved struct {
	at       time.Time
	series   keepwatch.SeriesID
	from, to keepwatch.State
	outcome  keepwatch.Outcome
}

// recorder writes down what the machine decided, as it was committed.
type recorder struct {
	mu          sync.Mutex
	states      map[keepwatch.SeriesID]keepwatch.State
	moves       []moved
	transitions []keepwatch.Transition
	outcomes    map[keepwatch.Outcome]bool
}

func newRecorder() *recorder {
	return &recorder{states: map[keepwatch.SeriesID]keepwatch.State{}, outcomes: map[keepwatch.Outcome]bool{}}
}

func (r *recorder) note(c incident.Changes, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range c.Series {
		before, known := r.states[s.ID]
		r.outcomes[s.Last.Outcome] = true
		if before != s.State {
			r.states[s.ID] = s.State
			if known {
				r.moves = append(r.moves, moved{now, s.ID, before, s.State, s.Outcome})
			}
		}
	}
	r.transitions = append(r.transitions, c.Transitions...)
}

// observed is the store behind the intake, with the recorder beside it.
type observed struct {
	*store.DB
	record *recorder
}

func (o observed) Apply(ctx context.Context, obs []keepwatch.Observation, now time.Time,
	step func(incident.View) (incident.Changes, error),
) (incident.Changes, error) {
	changes, err := o.DB.Apply(ctx, obs, now, step)
	if err == nil {
		o.record.note(changes, now)
	}
	return changes, err
}

// stillListener is an address at which nobody calls.
type stillListener struct {
	done  chan struct{}
	close func()
}

func newStillListener() stillListener {
	done := make(chan struct{})
	return stillListener{done, sync.OnceFunc(func() { close(done) })}
}

func (l stillListener) Accept() (net.Conn, error) { <-l.done; return nil, net.ErrClosed }
func (l stillListener) Close() error              { l.close(); return nil }
func (l stillListener) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8484} }
