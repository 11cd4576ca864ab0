package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/auth"
<<<<<<< HEAD
=======
	"keepwatch/internal/cli"
>>>>>>> pages-proof
	"keepwatch/internal/config"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/incident"
	"keepwatch/internal/link"
	"keepwatch/internal/notify"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
	"keepwatch/internal/web"
)

const (
	tickToken = "the-token-of-a-tick-link-that-was-sent-000" // and a digit
	scanID    = "scan-of-the-shop"
	// dead is the credential that is refused, and its owner's team; elsewhere is one of
	// another tenant.
	dead, elsewhere = keepwatch.CredentialID("au-carts"), keepwatch.CredentialID("us-leads")
	historyDays     = 8
)

// estate is the demo's estate behind a real daemon with sign-in, before a simulator.
type estate struct {
	base   scenario.Estate
	sim    *sim.Sim
	db     *store.DB
	dbPath string
	app    *app.App
	url    string
	zero   map[string]string // the environment of its secrets

	admin    string // passwords
	people   map[string]string
	incident keepwatch.Incident // of dead
	rotation keepwatch.RotationID
	series   keepwatch.SeriesID // of something that is watched
	silence  keepwatch.Silence
	token    string // of an administrator
	close    []func()
}

// quick shortens what a real estate has minutes for, and nothing else.
var quick = incident.Policy{
	HardConfirm: time.Second, SoftConfirmEvery: time.Second, SoftConfirmOver: 2 * time.Second, ContradictedOver: time.Minute,
	RefusalBackoff: []time.Duration{10 * time.Second}, MaxTriesPerDay: 100_000, Propagation: time.Second, ChangeWindow: time.Second, BlockedPause: time.Second,
}

// newEstate builds and fills one. It lives as long as all tests of this package. A still
// one has no history and never starts: nothing changes in it but by requests.
func newEstate(ctx context.Context, dir string, still bool) (e *estate, err error) {
	now := time.Now()
	e = &estate{base: scenario.DemoEstate(now), zero: map[string]string{}, people: map[string]string{}, dbPath: filepath.Join(dir, "keepwatch.db")}
	defer func() {
		if err != nil {
			e.stop()
		}
	}()
	if err := e.simulate(now); err != nil {
		return e, err
	}
	if e.db, err = store.Open(ctx, "sqlite:"+e.dbPath, store.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return e, err
	}
	e.close = append(e.close, func() { _ = e.db.Close() })
	if !still {
		if err := e.remember(ctx, dir, now); err != nil {
			return e, err
		}
	}
	if e.app, err = e.daemon(ctx, dir); err != nil {
		return e, err
	}
	e.close = append(e.close, func() { _ = e.app.Stop() })
	if still {
		server := httptest.NewServer(e.app.Handler())
		e.close = append(e.close, server.Close)
		e.url = server.URL
		return e, e.furnish(ctx, now)
	}
	if err := e.app.Start(ctx); err != nil {
		return e, err
	}
	e.url = e.app.URL()
	return e, errors.Join(e.furnish(ctx, now), e.knowSeries(ctx))
}

func (e *estate) stop() {
	for _, c := range slices.Backward(e.close) {
		c()
	}
}

// simulate puts the estate into a simulator, with one credential that is refused.
func (e *estate) simulate(now time.Time) error {
	e.sim = sim.New(sim.Options{})
	server := httptest.NewServer(e.sim.Handler())
	e.close = append(e.close, func() { _ = e.sim.Close(); server.Close() })
	e.zero["SFMC"] = server.URL + "/"
	for _, c := range e.base.Credentials {
		if c.SecretRef == "" {
			continue
		}
		spec := sim.ClientSpec{ClientID: c.ClientID, Name: string(c.ID), Kind: c.Kind, MID: c.BusinessUnit, EID: e.units(c.Tenant)[0], Generated: c.SecretGenerated.In(time.UTC)}
		if c.Kind == keepwatch.APIUser {
			spec.ClientID = c.Username
		}
		if slices.Contains(e.base.Readers(c.Tenant), c.ID) {
			spec.BusinessUnits = e.units(c.Tenant)
		}
		e.zero[scenario.SecretVariable(c.ID)] = e.sim.AddClient(spec).Secret
		if c.ID == dead {
			if _, err := e.sim.Inject(sim.Fault{Name: "bad_secret", ClientID: c.ClientID}); err != nil {
				return err
			}
		}
	}
	return e.sim.AddWorld(e.base.World(now))
}

func (e *estate) units(id keepwatch.TenantID) (out []keepwatch.MID) {
	for _, t := range e.base.Tenants {
		for _, u := range t.BusinessUnits {
			if t.ID == id {
				out = append(out, u.MID)
			}
		}
	}
	return out
}

func (e *estate) find(id keepwatch.CredentialID) keepwatch.Credential {
	return e.base.Credentials[slices.IndexFunc(e.base.Credentials, func(c keepwatch.Credential) bool { return c.ID == id })]
}

func (e *estate) lookup(name string) (string, bool) {
	v, ok := e.zero[name]
	return v, ok
}

func (e *estate) daemon(ctx context.Context, dir string) (*app.App, error) {
	path := filepath.Join(dir, "keepwatch.yaml")
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	inbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	e.close = append(e.close, inbox.Close)
	text := e.base.Config(fmt.Sprintf(`version: 1
server: {listen: %q, base_url: %q}
store: {url: %q}
tiers:
  transactional: {every: {business: 60s, off: 60s}, fail_after: 1}
  standard: {every: {business: 5m, off: 5m}, fail_after: 2}
  reporting: {every: {business: 5m, off: 5m}, fail_after: 2}
receivers:
  - {name: on-call, webhook: {url: %q}}
  - {name: nobody-there, webhook: {url: "http://127.0.0.1:9/"}}
routes:
  - {name: money, match: {criticality: transactional}, to: [on-call, nobody-there], repeat_every: 30m}
  - {name: rest, to: [on-call], wait: 2m}
`, listener.Addr(), "http://"+listener.Addr().String(), "sqlite:"+e.dbPath, inbox.URL), func(keepwatch.TenantID) scenario.Hosts {
		return scenario.Hosts{Auth: e.zero["SFMC"], REST: e.zero["SFMC"], SOAP: e.zero["SFMC"] + "Service.asmx"}
	})
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return app.New(ctx, app.Options{
		Load: func() (*config.Config, error) { return config.Load(path, e.lookup) }, LookupEnv: e.lookup, Version: "test", Policy: quick, Store: e.db, Listener: listener,
		Banner: "This is a banner above every page.",
		Announce: func(line string) {
			if m := regexp.MustCompile(`password (\S+)`).FindStringSubmatch(line); m != nil {
				e.admin = m[1]
			}
		},
	})
}

// remember writes some days of history, with a daemon that never starts.
func (e *estate) remember(ctx context.Context, dir string, now time.Time) error {
	daemon, err := e.daemon(ctx, dir)
	if err != nil {
		return err
	}
	cfg, err := config.Load(filepath.Join(dir, "keepwatch.yaml"), e.lookup)
	if err != nil {
		return errors.Join(err, daemon.Stop())
	}
	var subjects []scenario.Looked
	for _, p := range cfg.EffectsPlans() {
		for _, w := range p.Subjects {
			subjects = append(subjects, scenario.Looked{Check: p.Check, Tenant: p.Tenant, Subject: w.Subject, Upstream: w.Upstream, Expect: w.Expect})
		}
	}
	since := now.Add(-historyDays * 24 * time.Hour)
	tests := e.base.History(now, func(_ keepwatch.CredentialID, after time.Time) time.Time {
		return after.Add(time.Hour).Truncate(time.Hour)
	})
	tests = slices.DeleteFunc(tests, func(o keepwatch.Observation) bool { return o.Slot.Before(since) })
	all := slices.Concat(tests, scenario.Readings(e.sim.Truth(), subjects, since, now))
	slices.SortStableFunc(all, func(a, b keepwatch.Observation) int { return a.Slot.Compare(b.Slot) })
	return errors.Join(daemon.Recall(ctx, all), daemon.Stop())
}

// furnish adds what people and time would have added.
func (e *estate) furnish(ctx context.Context, now time.Time) error {
	for range 3 {
		if _, err := e.app.CheckNow(ctx, dead); err != nil {
			return err
		}
		time.Sleep(1100 * time.Millisecond) // a refusal is confirmed after a second of the wall clock
	}
	token, hash := auth.NewToken()
	e.token = string(token.Reveal())
	return errors.Join(
		e.db.SaveToken(ctx, store.Token{ID: "t-admin", Name: "grafana", Role: "admin", Hash: hash, CreatedAt: now, CreatedBy: "admin"}),
		e.knowIncident(ctx), e.addPeople(ctx, now), e.addRotation(ctx, now), e.addScan(ctx, now), e.addSilences(ctx, now),
	)
}

func (e *estate) knowIncident(ctx context.Context) error {
	list, _, err := e.db.Incidents(ctx, store.IncidentFilter{Status: "open"}, store.Page{Limit: 100})
	if err != nil {
		return err
	}
	for _, i := range list {
		if i.Credential == dead {
			e.incident = i
			return nil
		}
	}
	return fmt.Errorf("%s has no open incident among %d", dead, len(list))
}

// The people, and what they may do where.
var roles = map[string]string{
	"vera": "viewer", "olga": "operator", "tom": "operator@" + string(elsewhereTenant) + ", viewer@*/nobody-has-this-team",
}

const elsewhereTenant = keepwatch.TenantID("americas")

func (e *estate) addPeople(ctx context.Context, now time.Time) error {
	accounts := app.Accounts{DB: e.db, Hasher: auth.NewHasher(2)}
	for name, role := range roles {
		made, err := accounts.Create(ctx, client.NewUser{Name: name, Role: role}, "admin", now.UTC().Truncate(time.Millisecond))
		if err != nil {
			return err
		}
		e.people[name] = made.Password
	}
	e.people["admin"] = e.admin
	return nil
}

func (e *estate) addRotation(ctx context.Context, now time.Time) error {
	c := e.find("crm-sync")
	e.rotation = "rotation-of-crm-sync"
	r := keepwatch.Rotation{
		ID: e.rotation, Credential: c.ID, Tenant: c.Tenant, State: keepwatch.RotationProven, OldRef: c.SecretRef, NewRef: "env:SFMC_CRM_SYNC_NEW",
		Generated: keepwatch.DayOf(now, time.UTC), StagedAt: now.Add(-time.Hour), OldEndsAt: now.Add(9 * 24 * time.Hour), StartedAt: now.Add(-2 * time.Hour), StartedBy: "admin",
		Evidence: []keepwatch.Evidence{{At: now.Add(-time.Hour), Step: "staged_proven", By: "keepwatch", Outcome: keepwatch.OK, Detail: "A token was granted with the staged secret."}},
	}
	for i, h := range c.Holders {
		held := keepwatch.RotationHolder{Holder: h, TickHash: tickHash(fmt.Sprint(tickToken, i)), TickMadeAt: now.Add(-time.Hour), NotifiedAt: now.Add(-time.Hour)}
		if i == 0 {
			held.SwitchedAt, held.SwitchedBy = now.Add(-time.Minute), "admin"
		}
		r.Holders = append(r.Holders, held)
	}
	return e.db.SaveRotation(ctx, r)
}

func (e *estate) addScan(ctx context.Context, now time.Time) error {
	doc, err := json.Marshal(map[string]any{"by": "admin", "started": now.Add(-time.Hour), "done": true, "report": map[string]any{
		"schema_version": 1, "target": "shop.example.com", "targets": []string{"shop.example.com"}, "at": now.Add(-time.Hour), "took_ms": 4211.5,
		"summary": map[string]int{"critical": 1, "ok": 1},
		"findings": []map[string]any{
			{"check": "tls_expiry", "subject": "click.example.com", "severity": "critical", "message": "The certificate of click.example.com ended on 1 November 2026.", "hint": "Renew it.", "evidence": map[string]any{"not_after": "2026-11-01T00:00:00Z", "issuer": "Example CA"}},
			{"check": "dns", "subject": "shop.example.com", "severity": "ok", "message": "The name resolves.", "evidence": map[string]any{}},
		}, "cannot": []string{"Whether a secret works."},
	}})
	if err != nil {
		return err
	}
	return e.db.SaveScan(ctx, store.Scan{ID: scanID, At: now.Add(-time.Hour), Doc: doc})
}

func (e *estate) addSilences(ctx context.Context, now time.Time) error {
	at := now.UTC().Truncate(time.Second)
	e.silence = keepwatch.Silence{
		ID: "silence-of-us", Kind: keepwatch.Silenced, Match: keepwatch.Match{Tenant: []string{string(elsewhereTenant)}}, Owner: "sales-ops",
		Reason: "the vendor is at work", From: at.Add(-time.Hour), Until: at.Add(6 * time.Hour), CreatedAt: at.Add(-time.Hour), CreatedBy: "admin",
	}
	return e.db.SaveSilence(ctx, e.silence)
}

func (e *estate) knowSeries(ctx context.Context) error {
	list, err := e.db.Series(ctx)
	for _, s := range list {
		if strings.Contains(string(s.ID), "journey/") && s.Tenant == e.find(dead).Tenant {
			e.series = s.ID
			return nil
		}
	}
	return errors.Join(err, errors.New("no journey is watched"))
}

// acts are the paths of the links in a message about the incident.
func (e *estate) acts(ctx context.Context) (map[keepwatch.LinkAction]string, error) {
	text, err := e.db.Setting(ctx, "link_key")
	if err != nil {
		return nil, err
	}
	key, err := link.ParseKey(text)
	if err != nil {
		return nil, err
	}
	desk := link.Desk{
		Store: e.db, Key: func(context.Context) (link.Key, error) { return key, nil }, Logger: slog.New(slog.DiscardHandler),
		Zone: func(keepwatch.Incident) *time.Location { return time.UTC }, Ends: func(context.Context, keepwatch.Incident) time.Time { return time.Time{} },
	}
	out := map[keepwatch.LinkAction]string{}
	for _, a := range desk.Acts(ctx, e.url, "webhook", notify.Message{Key: "m", Receiver: "on-call", Now: time.Now()}, e.incident) {
		out[a.Action] = strings.TrimPrefix(a.URL, e.url)
	}
	return out, nil
}

// apiPatterns and pagePatterns are every route of the daemon, from the muxes that serve
// them.
func (e *estate) apiPatterns() []string { return e.handler().Patterns() }

func (e *estate) pagePatterns() []string { return e.handler().Pages().(*web.Pages).Patterns() }

func (e *estate) handler() *httpapi.Handler { return e.app.Handler().(*httpapi.Handler) }

// visitor is a person with a session, or with "" a stranger.
type visitor struct {
	e    *estate
	http *http.Client
	name string
}

func (e *estate) visitor(t testing.TB, name string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{e: e, name: name, http: &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if name == "" {
		return v
	}
	a := v.ask(t, http.MethodPost, "/sign-in", url.Values{"name": {name}, "password": {e.people[name]}, "next": {"/"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
		t.Fatalf("%s cannot sign in: %d %s", name, a.status, a.header.Get("Location"))
	}
	return v
}

type answered struct {
	status int
	header http.Header
	body   []byte
}

func (v *visitor) ask(t testing.TB, method, path, body string, header ...string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, v.e.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, bytes.TrimSpace(b)}
}

// shared is the one estate of this package.
var shared struct {
	once sync.Once
	e    *estate
	err  error
	dir  string
}

func demoEstate(t testing.TB) *estate {
	t.Helper()
	shared.once.Do(func() {
		begun := time.Now()
		if shared.dir, shared.err = os.MkdirTemp("", "keepwatch-pages-"); shared.err == nil {
			shared.e, shared.err = newEstate(context.Background(), shared.dir, false)
		}
		t.Logf("the estate stands after %s", time.Since(begun).Round(time.Millisecond))
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.e
}

func TestMain(m *testing.M) {
<<<<<<< HEAD
=======
	if listen := os.Getenv(demoVariable); listen != "" { // this process is the demo
		os.Exit(cli.Main([]string{"demo", "--listen", listen}, os.Stdout, os.Stderr))
	}
>>>>>>> pages-proof
	code := m.Run()
	for _, e := range []*estate{shared.e, calm.e} {
		if e != nil {
			e.stop()
		}
	}
	stopChromium()
	_ = errors.Join(os.RemoveAll(shared.dir), os.RemoveAll(calm.dir)) // the machine's own tidying takes the rest
	os.Exit(code)
}
