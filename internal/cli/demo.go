package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/world"
)

type demoCmd struct {
	Listen string `default:"127.0.0.1:8484" help:"Address of the page; a loopback address, for the demo has no sign-in."`
}

const demoBanner = "This is the demo: a simulated estate, tested every few seconds and looked at every minute, with thresholds shortened so that a failure is confirmed within seconds instead of minutes."

// demoPolicy shortens what a real estate has minutes for. Nothing else may.
var demoPolicy = incident.Policy{
	HardConfirm: 3 * time.Second, SoftConfirmEvery: 4 * time.Second, SoftConfirmOver: 8 * time.Second, ContradictedOver: time.Minute,
	RefusalBackoff: []time.Duration{10 * time.Second, 15 * time.Second, 20 * time.Second}, MaxTriesPerDay: 100_000,
	Propagation: 4 * time.Second, ChangeWindow: 10 * time.Second, BlockedPause: 20 * time.Second,
}

// demo is the stage: a simulator, a daemon and the script between them.
type demo struct {
	env    *env
	dir    string
	estate scenario.Estate
	sim    *sim.Sim
	base   string // of the simulator, with a slash at the end
	listen string

	mu      sync.Mutex
	secrets map[string]string // the environment that only this process has
}

// Run plays the demo until it is interrupted.
func (c demoCmd) Run(e *env) error {
	dir, err := os.MkdirTemp("", "keepwatch-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d := &demo{env: e, dir: dir, listen: c.Listen, estate: scenario.DemoEstate(time.Now().Add(time.Hour)), secrets: map[string]string{}}
	stop, err := d.startSimulator()
	if err != nil {
		return err
	}
	defer stop()
	return d.play()
}

// forgotten is a package that somebody installed long ago and that is in no
// inventory: `keepwatch discover emea` finds it.
func forgotten(now time.Time) sim.ClientSpec {
	return sim.ClientSpec{
		ClientID: "demoforgottenpackage0001", Name: "agency landing pages", Kind: keepwatch.ServerToServer, MID: 510000124, EID: 510000100,
		Generated: now.AddDate(0, 0, -100),
	}
}

// startSimulator puts SFMC and the inbox of the demo's messages on one loopback port.
func (d *demo) startSimulator() (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(d.env.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.base = "http://" + listener.Addr().String() + "/"
	d.sim = sim.New(sim.Options{})
	for _, c := range d.estate.Credentials {
		if c.SecretRef != "" {
			d.register(c)
		}
	}
	d.sim.AddClient(forgotten(time.Now()))
	if err := d.sim.AddWorld(d.estate.World(time.Now())); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /demo-inbox", d.inbox)
	mux.Handle("/", d.sim.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	return func() {
		_ = d.sim.Close()
		_ = server.Close()
		serving.Wait()
	}, nil
}

// register makes the credential known to the simulator and its secret to us.
func (d *demo) register(c keepwatch.Credential) {
	spec := sim.ClientSpec{ClientID: c.ClientID, Name: string(c.ID), Kind: c.Kind, MID: c.BusinessUnit, EID: d.enterprise(c.Tenant), Generated: c.SecretGenerated.In(time.UTC)}
	if c.Kind == keepwatch.APIUser {
		spec.ClientID = c.Username
	}
	if slices.Contains(d.estate.Readers(c.Tenant), c.ID) {
		spec.BusinessUnits = d.units(c.Tenant) // it looks at all of them
	}
	d.keep(c.ID, d.sim.AddClient(spec).Secret)
}

// units are the business units of a tenant.
func (d *demo) units(id keepwatch.TenantID) []keepwatch.MID {
	var out []keepwatch.MID
	for _, t := range d.estate.Tenants {
		for _, u := range t.BusinessUnits {
			if t.ID == id {
				out = append(out, u.MID)
			}
		}
	}
	return out
}

// enterprise is the account above all business units of a tenant: the first one.
func (d *demo) enterprise(id keepwatch.TenantID) keepwatch.MID {
	for _, t := range d.estate.Tenants {
		if t.ID == id {
			return t.BusinessUnits[0].MID
		}
	}
	return 0
}

func (d *demo) keep(id keepwatch.CredentialID, secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secrets[scenario.SecretVariable(id)] = secret
}

func (d *demo) lookup(name string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.secrets[name]
	return v, ok
}

// load writes the estate as a file and reads it the way that serve reads one: the
// demo has no configuration path of its own.
func (d *demo) load() (*config.Config, error) {
	d.mu.Lock()
	head := fmt.Sprintf(`version: 1
server: {listen: %q, base_url: %q, auth: none}
store: {url: %q}
tiers:
  transactional: {every: {business: 10s, off: 10s}, fail_after: 1}
  standard: {every: {business: 15s, off: 15s}, fail_after: 2}
  reporting: {every: {business: 30s, off: 30s}, fail_after: 2}
receivers:
  - {name: demo-inbox, webhook: {url: %q}}
routes:
  - {to: [demo-inbox]}
gateway: {listeners: [{name: %s, listen: "127.0.0.1:0"}]}
`, d.listen, "http://"+d.listen, "sqlite:"+filepath.Join(d.dir, "demo.db"), d.base+"demo-inbox", demoListener)
	text := d.estate.Config(head, func(keepwatch.TenantID) scenario.Hosts {
		return scenario.Hosts{Auth: d.base, REST: d.base, SOAP: d.base + "Service.asmx"}
	})
	d.mu.Unlock()
	path := filepath.Join(d.dir, "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return config.Load(path, d.lookup)
}

func (d *demo) play() error {
	if err := d.remember(); err != nil {
		return err
	}
	if err := d.begin(); err != nil {
		return err
	}
	daemon, err := d.daemon()
	if err != nil {
		return err
	}
	d.env.progress("the page is at %s (stop with Ctrl-C)", daemon.URL())
	ctx, cancel := context.WithCancel(d.env.ctx)
	var script sync.WaitGroup
	script.Go(func() { d.unfold(ctx, daemon) })
	script.Go(func() {
		if err := d.traffic(ctx, daemon.Gateway()[demoListener]); err != nil {
			d.env.progress("demo: %v", err)
		}
	})
	err = daemon.Run(ctx)
	cancel()
	script.Wait()
	return err
}

func (d *demo) daemon() (*app.App, error) {
	quiet := slog.New(slog.DiscardHandler)
	if d.env.Verbose {
		quiet = d.env.log
	}
	return app.New(d.env.ctx, app.Options{
		Load: d.load, LookupEnv: d.lookup, Version: Version(), Logger: quiet, Policy: demoPolicy, Banner: demoBanner,
	})
}

// remember writes the history, with a daemon that never starts.
func (d *demo) remember() error {
	d.env.progress("writing %d days of history …", scenario.HistoryDays)
	daemon, err := d.daemon()
	if err != nil {
		return err
	}
	past, err := d.past(time.Now())
	if err == nil {
		err = daemon.Recall(d.env.ctx, past)
	}
	return errors.Join(err, daemon.Stop())
}

// begin winds the clock of the secret that ends: however long the history took, the
// story begins when somebody can look.
func (d *demo) begin() error {
	d.mu.Lock()
	d.estate.Begin(time.Now())
	d.mu.Unlock()
	return d.renew(scenario.DemoDies)
}

// renew gives a credential a new secret, made at the date that its record has, and
// tells everybody who holds it.
func (d *demo) renew(id keepwatch.CredentialID) error {
	d.mu.Lock()
	var renewed keepwatch.Credential
	for _, c := range d.estate.Credentials {
		if c.ID == id {
			renewed = c
		}
	}
	d.mu.Unlock()
	d.register(renewed)
	return d.sim.Do(world.Deed{Subject: "caller/" + string(id), Verb: "learn", By: "the demo"})
}

// past is what the daemon would have seen in the days before: its tests, and its looks
// at what lives in the simulator.
func (d *demo) past(now time.Time) ([]keepwatch.Observation, error) {
	cfg, err := d.load()
	if err != nil {
		return nil, err
	}
	var subjects []scenario.Looked
	for _, p := range cfg.EffectsPlans() {
		for _, w := range p.Subjects {
			subjects = append(subjects, scenario.Looked{Check: p.Check, Tenant: p.Tenant, Subject: w.Subject, Upstream: w.Upstream, Expect: w.Expect})
		}
	}
	tests := d.estate.History(now, pastSchedule())
	looks := scenario.Readings(d.sim.Truth(), subjects, now.Add(-scenario.HistoryDays*24*time.Hour), now)
	all := slices.Concat(tests, looks)
	slices.SortStableFunc(all, func(a, b keepwatch.Observation) int { return a.Slot.Compare(b.Slot) })
	return all, nil
}

// pastSchedule is the schedule that the estate would have had: the default tiers.
func pastSchedule() func(keepwatch.CredentialID, time.Time) time.Time {
	cadences := map[keepwatch.CredentialID]func(time.Time) time.Time{}
	tiers := config.DefaultTiers()
	for _, c := range scenario.Demo(time.Now()).Credentials {
		tier := tiers[c.Criticality]
		phase := keepwatch.PhaseOf(c.Tenant, keepwatch.CheckID(c.ID))
		cadence := config.DefaultCadence(tier)
		cadences[c.ID] = func(after time.Time) time.Time { return cadence.Next(after, phase) }
	}
	return func(id keepwatch.CredentialID, after time.Time) time.Time { return cadences[id](after) }
}

// unfold plays the script again and again; what happens only once, like the end
// of a secret, happens in the first round.
func (d *demo) unfold(ctx context.Context, daemon *app.App) {
	start := time.Now()
	for round := 0; ; round++ {
		for _, event := range scenario.DemoStory() {
			at := start.Add(time.Duration(round)*scenario.DemoCycle + event.At)
			if !waitUntil(ctx, at) {
				return
			}
			if event.Do == scenario.Rotate && round > 0 {
				continue
			}
			if err := d.do(ctx, daemon, event); err != nil && ctx.Err() == nil {
				d.env.progress("demo: %v", err)
			}
		}
	}
}

func waitUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (d *demo) do(ctx context.Context, daemon *app.App, event scenario.Event) error {
	switch event.Do {
	case scenario.Inject:
		_, err := d.sim.Inject(sim.Fault{
			Name: event.Fault, Variant: event.Variant, On: event.On, ClientID: d.clientID(event.Credential), EID: d.enterprise(event.Tenant),
		})
		return err
	case scenario.Clear:
		d.sim.ClearAll()
		return nil
	case scenario.CheckNow:
		_, err := daemon.CheckNow(ctx, event.Credential)
		return err
	case scenario.Rotate:
		return d.rotate(ctx, daemon, event.Credential)
	default:
		return fmt.Errorf("the demo has no %q: %w", event.Do, keepwatch.ErrInvalid)
	}
}

func (d *demo) clientID(id keepwatch.CredentialID) string {
	for _, c := range d.estate.Credentials {
		if c.ID == id {
			return c.ClientID
		}
	}
	return ""
}

// rotate gives the credential a new secret on both sides, as a person would do in
// Setup and in the configuration.
func (d *demo) rotate(ctx context.Context, daemon *app.App, id keepwatch.CredentialID) error {
	d.mu.Lock()
	now := time.Now().UTC().Truncate(time.Second)
	for i := range d.estate.Credentials {
		if c := &d.estate.Credentials[i]; c.ID == id {
			c.SecretGenerated = keepwatch.Exactly(now)
			c.Deadline = keepwatch.SecretDeadline(c.SecretGenerated)
		}
	}
	d.mu.Unlock()
	if err := d.renew(id); err != nil {
		return err
	}
	_, err := daemon.Reload(ctx)
	return err
}
