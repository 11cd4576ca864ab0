package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/app"
	"keepwatch/internal/cli"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
)

// TestTaint lets the whole program run under every fault with secrets that stand
// nowhere else in the world, and then looks for them in every byte that it wrote:
// the database with its log and a backup, logs at debug level, every answer of the
// daemon, every message to a receiver, every request to SFMC apart from the places
// where a secret belongs, and what the commands print.
func TestTaint(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for seconds")
	}
	w := newTaintWorld(t)
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"start", w.startDaemon}, {"sign in", w.signIn}, {"faults", w.everyFault}, {"echoes", w.everyEcho}, {"commands", w.commands}, {"recovery", w.recover}, {"channels", w.channels}, {"calm", w.calm},
		{"records", w.sealedRecords}, {"imports", w.imports}, {"exports", w.exports}, {"looks", w.looks}, {"discovery", w.discover},
		{"feeds", w.feeds}, {"rotations", w.rotations}, {"digests", w.digests}, {"more commands", w.moreCommands}, {"reading", w.readEverything},
		{"next key", w.startAgain}, {"reading again", w.readAgain}, {"stop", w.stop}, {"search", w.judge},
	} {
		began := time.Now()
		part.run()
		t.Logf("%s: %.1fs", part.name, time.Since(began).Seconds())
	}
}

// wire faults hit one host; these take as long as a caller waits.
var slowToFail = []string{"hang", "drip"}

var wireFaults = []string{"maintenance", "html", "redirect", "malformed", "empty_body", "wrong_type", "huge", "gzip_bomb", "drip", "reset", "hang", "truncated", "slow"}

// variants of faults that have some; the first is the default.
var faultVariants = map[string][]string{
	"ip_blocked": {"400", "401", "403"}, "token_bad_request": {"invalid_request", "unsupported_grant_type", "validation"},
	"scope_missing": {"403", "401", "messaging"}, "rest_bad_request": {"10000", "10003", "30000"}, "slow": {"50ms"},
}

// faultPlan lists every fault of the simulator, on every host and in every variant.
func faultPlan() (plan []sim.Fault) {
	for _, name := range sim.FaultNames() {
		hosts, variants := []string{""}, faultVariants[name]
		if slices.Contains(wireFaults, name) {
			hosts = []string{"auth", "rest", "soap"}
		}
		if slices.Contains(slowToFail, name) {
			hosts = []string{"auth", "rest"}
		}
		if len(variants) == 0 {
			variants = []string{""}
		}
		for _, on := range hosts {
			for _, variant := range variants {
				plan = append(plan, sim.Fault{Name: name, On: on, Variant: variant})
			}
		}
	}
	return plan
}

// harmless are faults that a credential of another kind may not meet, or survives.
var harmless = []string{"slow", "legacy_unauthorized", "soap_permission"}

type taintWorld struct {
	t     *testing.T
	vault vault
	out   evidence
	dir   string // what the program writes
	env   map[string]string

	sim      *sim.Sim
	watched  *watched
	hostile  *hostile
	mail     *mailHost
	rude     *mailHost
	hooks    []*hookServer
	services []*service

	config   strings.Builder
	path     string
	faulty   []faultyCredential
	echoing  []string // credentials of the hostile server
	inv      *taintInventory
	log      *slog.Logger
	db       *store.DB
	daemon   *app.App
	password string // the administrator's
	token    string // an API token
	broken   atomic.Bool
	began    time.Time
}

type faultyCredential struct {
	id    string
	fault sim.Fault
}

func (c faultyCredential) slow() bool { return slices.Contains(slowToFail, c.fault.Name) }

func newTaintWorld(t *testing.T) *taintWorld {
	w := &taintWorld{t: t, dir: t.TempDir(), env: map[string]string{}, began: time.Now()}
	w.sim = sim.New(sim.Options{})
	w.watched = &watched{next: w.sim.Handler(), vault: &w.vault, out: &w.out, secrets: &keyring{}}
	w.hostile = &hostile{vault: &w.vault, out: &w.out, known: &keyring{}, owner: map[string]string{}, proven: map[string]bool{}, counts: map[string]int{}}
	good, bad := w.serve(w.watched), w.serve(w.hostile)
	t.Cleanup(func() { _ = w.sim.Close() })

	fmt.Fprintf(&w.config, "version: 1\nserver: {listen: \"127.0.0.1:8484\", base_url: \"http://keepwatch.example.com\", %s}\nstore: {url: \"sqlite:%s/keepwatch.db\"}\n", w.addInventory(), w.dir)
	w.config.WriteString("tiers:\n  standard: {every: {business: 2s, off: 2s}}\n  reporting: {every: {business: 1h, off: 1h}}\ntenants:\n")
	for i := range tenants {
		fmt.Fprintf(&w.config, "  - {id: t%d, endpoints: {auth: %q, rest: %q, soap: %q}}\n", i, good, good, good+"Service.asmx")
	}
	w.config.WriteString(w.inventoryTenant())
	fmt.Fprintf(&w.config, "  - {id: odd, endpoints: {auth: %q, rest: %q, soap: %q}}\ncredentials:\n", bad, bad, bad+"Service.asmx")
	w.addFaulty()
	w.addEchoing()
	w.addRecordsOfFiles()
	w.addReceivers()
	w.addPoints()
	w.path = filepath.Join(t.TempDir(), "keepwatch.yaml")
	w.write(w.path, w.config.String())
	return w
}

const tenants = 8

func (w *taintWorld) write(path, text string) {
	w.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// serve starts a server on loopback and returns its address with a last slash.
func (w *taintWorld) serve(h http.Handler) string {
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.Start()
	w.t.Cleanup(func() {
		_ = w.sim.Close() // answers that hang
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/"
}

// reference puts a secret where the configuration may refer to it.
func (w *taintWorld) reference(value string) string {
	n := len(w.env)
	name := fmt.Sprintf("TAINT_%d", n)
	w.env[name] = value
	w.t.Setenv(name, value) // the commands read the real environment
	if n%5 != 0 {
		return "env:" + name
	}
	path := filepath.Join(filepath.Dir(w.dir), name)
	w.write(path, value+"\n")
	w.t.Cleanup(func() { _ = os.Remove(path) })
	return "file:" + path
}

// addFaulty makes one credential for each fault, of each kind in turn.
func (w *taintWorld) addFaulty() {
	plan := faultPlan()
	for i := range len(plan) + 24 {
		strange := i%3 == 0
		id, spec := fmt.Sprintf("cred-%03d", i), sim.ClientSpec{ClientID: fmt.Sprintf("client%018d", i), MID: keepwatch.MID(510000000 + i)}
		var fault sim.Fault
		more, tier := fmt.Sprintf("client_id: %s", spec.ClientID), "standard"
		switch {
		case i < len(plan):
			fault = plan[i]
			more += `, tests: [identity, "rest:/asset/v1/content/categories", "soap:GetSystemStatus", "soap:BusinessUnit"]`
		case i%2 == 0:
			fault = sim.Fault{Name: "legacy_unauthorized"}
			spec.Kind = keepwatch.LegacyPackage
			more += ", kind: legacy_package, tests: [\"soap:GetSystemStatus\"]"
		default:
			soap := []string{"soap_login_failed", "soap_account_locked", "soap_password_change", "soap_server_fault", "soap_outage", "malformed", "html", "soap_permission", "soap_bad_property", "soap_unknown_object", "truncated", "redirect"}
			fault = sim.Fault{Name: soap[i/2%len(soap)]}
			spec.Kind = keepwatch.APIUser
			more = fmt.Sprintf("username: %s, kind: api_user", spec.ClientID)
		}
		if slices.Contains(slowToFail, fault.Name) {
			tier = "reporting" // once is enough
		}
		spec.Secret = w.vault.secret("secret of "+id, strange)
		w.sim.AddClient(spec)
		w.watched.secrets.add(spec.ClientID, spec.Secret)
		fault.ClientID = spec.ClientID
		w.faulty = append(w.faulty, faultyCredential{id, fault})
		fmt.Fprintf(&w.config, "  - {id: %s, tenant: t%d, business_unit: %d, criticality: %s, secret: %q, %s}\n", id, i%tenants, spec.MID, tier, w.reference(spec.Secret), more)
	}
}

// addEchoing makes the credentials of the hostile server: a third for each surface.
func (w *taintWorld) addEchoing() {
	for i := range 42 {
		id := fmt.Sprintf("odd-%02d", i)
		secret := w.vault.secret("secret of "+id, i%2 == 0)
		more := fmt.Sprintf("client_id: %s-%s", id, []string{"token", "rest", "soap"}[i%3])
		switch i % 6 {
		case 1, 4:
			more += `, tests: ["rest:/asset/v1/content/categories"]`
		case 2:
			more += `, tests: ["soap:GetSystemStatus"]`
		case 5:
			more = "username: odd-user, kind: api_user"
		}
		for _, surface := range []string{"-token", "-rest", "-soap"} {
			w.hostile.known.add(id+surface, secret)
		}
		w.echoing = append(w.echoing, id)
		fmt.Fprintf(&w.config, "  - {id: %s, tenant: odd, business_unit: 510000999, criticality: reporting, secret: %q, %s}\n", id, w.reference(secret), more)
	}
}

// addReceivers makes good ones and rude ones, which repeat what they were sent.
func (w *taintWorld) addReceivers() {
	w.mail = &mailHost{name: "mail", out: &w.out, password: w.vault.secret("SMTP password", true)}
	w.rude = &mailHost{name: "rude mail", out: &w.out, rude: true, password: w.vault.secret("SMTP password of the rude host", true)}
	var names []string
	w.config.WriteString("receivers:\n")
	for _, m := range []*mailHost{w.mail, w.rude} {
		name := strings.ReplaceAll(m.name, " ", "-")
		names = append(names, name)
		fmt.Fprintf(&w.config, "  - {name: %s, at_most: unlimited, email: {smtp: %q, from: kw@example.com, to: [ops@example.com], tls: none, username: kw, password: %q}}\n", name, serveMail(w.t, m), w.reference(m.password))
	}
	for i := range 20 {
		h := &hookServer{name: fmt.Sprintf("hook-%d", i), out: &w.out, rude: i >= 4}
		w.hooks, names = append(w.hooks, h), append(names, h.name)
		address := w.serve(h) + "services/T0/" + w.vault.secret("path token of "+h.name, false)
		if i%2 == 0 {
			fmt.Fprintf(&w.config, "  - {name: %s, at_most: unlimited, slack: {webhook_url: %q}}\n", h.name, w.reference(address))
			continue
		}
		fmt.Fprintf(&w.config, "  - {name: %s, at_most: unlimited, webhook: {url: %q, secret: %q}}\n", h.name, w.reference(address), w.reference(w.vault.secret("signing key of "+h.name, true)))
	}
	// A contact that is no mail address is reached by the receivers of its route.
	some := strings.Join(w.addServices(), ", ")
	fmt.Fprintf(&w.config, "routes:\n  - {match: {owner: crm}, to: [mail, hook-1]}\n  - {match: {tenant: [t1]}, to: [%s], continue: true}\n  - {to: [%s]}\n", some, strings.Join(names, ", "))
}

func (w *taintWorld) lookup(name string) (string, bool) { v, ok := w.env[name]; return v, ok }

// startDaemon runs the real thing, with short waits, logging all it has to say in
// both formats. Its store is opened here, so that dates can be moved behind its back.
func (w *taintWorld) startDaemon() {
	debug := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	// Both formats see every record: a leak may show in one of them only.
	w.log = slog.New(both{slog.NewJSONHandler(w.out.writer("log"), debug), slog.NewTextHandler(w.out.writer("log"), debug)})
	var err error
	w.db, err = store.Open(w.t.Context(), "sqlite:"+filepath.Join(w.dir, "keepwatch.db"), store.Options{Logger: w.log})
	w.must(err)
	w.run()
	if w.password == "" {
		w.t.Fatal("no password was announced")
	}
}

// run lets a daemon run on the store.
func (w *taintWorld) run() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	bad := filepath.Join(w.t.TempDir(), "bad.yaml")
	w.write(bad, w.misplaced())
	w.daemon, err = app.New(w.t.Context(), app.Options{
		Load: func() (*config.Config, error) {
			if w.broken.Load() {
				return config.Load(bad, w.lookup)
			}
			return config.Load(w.path, w.lookup)
		},
		LookupEnv: w.lookup, Logger: w.log, Listener: l, Version: "taint", Store: w.db,
		Announce: func(line string) {
			if m := regexp.MustCompile(`password (\S+) `).FindStringSubmatch(line); m != nil {
				w.password = m[1]
				w.vault.know("administrator's password", m[1])
			}
		},
		Policy: incident.Policy{
			HardConfirm: time.Second, SoftConfirmEvery: time.Second, SoftConfirmOver: 2 * time.Second, ContradictedOver: 3 * time.Second,
			RefusalBackoff: []time.Duration{time.Second}, MaxTriesPerDay: 10_000, Propagation: time.Second, ChangeWindow: time.Second, BlockedPause: time.Second,
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.daemon.Stop() })
	if err := w.daemon.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// misplaced is a configuration with secrets where references belong: the person
// has to be told without being shown them.
func (w *taintWorld) misplaced() string {
	secret := func(name string) string { return w.vault.secret(name, false) }
	return fmt.Sprintf(`version: 1
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]
credentials:
  - {id: a, tenant: emea, client_id: abc, secret: %s}
  - {id: b, tenant: emea, client_id: abc, secret: [%s], client_secret: %s}
receivers:
  - {name: s, slack: {webhook_url: "https://hooks.slack.com/services/%s"}}
  - {name: w, webhook: {url: "https://u:%s@example.com/", secret: %s}}
  - {name: m, email: {smtp: "mail.example.com:587", from: a@example.com, to: [b@example.com], username: u, password: %s}}
routes: [{to: s}]
`, secret("misplaced secret"), secret("listed secret"), secret("unknown key"), secret("misplaced Slack address"), secret("password in an address"), secret("misplaced key"), secret("misplaced password"))
}

// both hands every record to two handlers.
type both struct{ a, b slog.Handler }

func (h both) Enabled(context.Context, slog.Level) bool { return true }
func (h both) Handle(ctx context.Context, r slog.Record) error {
	_ = h.a.Handle(ctx, r)
	return h.b.Handle(ctx, r)
}
func (h both) WithAttrs(as []slog.Attr) slog.Handler {
	return both{h.a.WithAttrs(as), h.b.WithAttrs(as)}
}
func (h both) WithGroup(g string) slog.Handler { return both{h.a.WithGroup(g), h.b.WithGroup(g)} }

// ask sends one request and keeps the answer, unless it rightly holds a secret.
func (w *taintWorld) ask(method, path, body string, rightly bool, header ...string) (int, []byte, http.Header) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.daemon.URL()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	res, err := visitor.Do(req)
	if err != nil {
		w.t.Errorf("%s %s: %v", method, path, err) // not Fatal: many ask at a time
		return 0, nil, nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Errorf("%s %s: %v", method, path, err)
	}
	if !rightly {
		w.out.add("answers of the daemon", fmt.Sprint(method, " ", path, " ", res.Status, res.Header), string(answer))
	}
	return res.StatusCode, answer, res.Header
}

// visitor follows no redirect and unpacks nothing.
var visitor = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       20 * time.Second,
}

// signIn uses the page's form, wrongly first, and makes an API token.
func (w *taintWorld) signIn() {
	form := func(password string) string {
		return url.Values{"name": {"admin"}, "password": {password}, "next": {"/"}}.Encode()
	}
	kind := "application/x-www-form-urlencoded"
	w.ask("POST", "/sign-in", form(w.vault.secret("a password typed wrongly", true)), false, "Authorization", "", "Content-Type", kind)
	w.ask("GET", "/api/v1/overview", "", false, "Authorization", "Bearer kw_"+w.vault.secret("a token typed wrongly", false))
	_, _, header := w.ask("POST", "/sign-in", form(w.password), true, "Authorization", "", "Content-Type", kind)
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	_, session, ok := strings.Cut(cookie, "=")
	if !ok {
		w.t.Fatal("no session")
	}
	w.vault.know("session", session)
	for range 3 {
		status, answer, _ := w.ask("POST", "/api/v1/tokens", `{"name":"taint","role":"admin"}`, true, "Authorization", "", "Cookie", cookie, "Content-Type", "application/json")
		var created struct {
			Secret string `json:"token"`
		}
		if json.Unmarshal(answer, &created) != nil || created.Secret == "" {
			w.t.Fatalf("token: %d", status)
		}
		w.token = created.Secret
		w.vault.know("API token", w.token)
	}
	w.ask("GET", "/", "", false, "Authorization", "", "Cookie", cookie)
}

// eachOf does something for every id, a few at a time.
func (w *taintWorld) eachOf(ids []string, do func(id string)) {
	work := make(chan string)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for id := range work {
				do(id)
			}
		})
	}
	for _, id := range ids {
		work <- id
	}
	close(work)
	wg.Wait()
}

// proveAll checks credentials on demand, until each one's outcome is as wanted.
func (w *taintWorld) proveAll(ids []string, wanted func(id, outcome string) bool) {
	w.t.Helper()
	var mu sync.Mutex
	left := map[string]string{}
	w.eachOf(ids, func(id string) {
		outcome := ""
		for range 8 {
			_, answer, _ := w.ask("POST", "/api/v1/credentials/"+id+"/check", "", false)
			var seen struct{ Outcome string }
			_ = json.Unmarshal(answer, &seen)
			if outcome = seen.Outcome; wanted(id, outcome) {
				return
			}
		}
		mu.Lock()
		left[id] = outcome
		mu.Unlock()
	})
	for id, outcome := range left {
		fault := w.faulty[max(0, slices.IndexFunc(w.faulty, func(c faultyCredential) bool { return c.id == id }))].fault
		w.t.Errorf("%s: outcome %q under %s %s %s", id, outcome, fault.Name, fault.On, fault.Variant)
	}
}

// everyFault puts each credential under its fault and waits until it is seen.
func (w *taintWorld) everyFault() {
	faults := map[string]string{}
	var ids []string
	for _, c := range w.faulty {
		if _, err := w.sim.Inject(c.fault); err != nil {
			w.t.Fatal(err)
		}
		faults[c.id] = c.fault.Name
		if !c.slow() {
			ids = append(ids, c.id)
			continue
		}
		// Nobody waits for these: they end when the simulator does.
		go func() { _, _ = w.daemon.CheckNow(context.WithoutCancel(w.t.Context()), keepwatch.CredentialID(c.id)) }()
	}
	w.proveAll(ids, func(id, outcome string) bool {
		return outcome != "" && (outcome != string(keepwatch.OK) || slices.Contains(harmless, faults[id]))
	})
	w.proveAll(ids, func(string, string) bool { return true }) // confirmations
}

// everyEcho lets the hostile server answer in every place and spelling.
func (w *taintWorld) everyEcho() {
	all := len(echoes) * len(answers)
	for range 120 {
		w.proveAll(w.echoing, func(_, outcome string) bool { return outcome != "" })
		w.hostile.mu.Lock()
		done := min(w.hostile.counts["token"], w.hostile.counts["rest"]/2, w.hostile.counts["soap"])
		w.hostile.mu.Unlock()
		if done >= all {
			return
		}
	}
	w.t.Errorf("the hostile server did not give all of its %d answers: %v", all, w.hostile.counts)
}

// commands run beside the daemon. Their output is data, their errors too.
func (w *taintWorld) commands() {
	run := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		code := cli.Main(args, &stdout, &stderr)
		w.out.add("commands", fmt.Sprint(args, code), stderr.String())
		return stdout.String()
	}
	keep := func(args ...string) { w.out.add("commands", run(args...)) }
	w.t.Setenv("KEEPWATCH_CONFIG", w.path)
	w.t.Setenv("KEEPWATCH_TOKEN", w.token)
	w.t.Setenv("KEEPWATCH_SERVER", w.daemon.URL())
	var quick []string
	for _, c := range w.faulty {
		if !c.slow() {
			quick = append(quick, c.id)
		}
	}
	quick = append(quick, w.echoing...)
	keep(append([]string{"check", "-v", "--output", "json"}, quick...)...)
	keep(append([]string{"check", "-v"}, quick...)...)
	keep(append([]string{"check", "--timeout", "500ms"}, w.faulty[slices.IndexFunc(w.faulty, faultyCredential.slow)].id)...)
	for _, output := range []string{"table", "json"} {
		for _, command := range [][]string{{"validate"}, {"doctor"}, {"incidents", "--status", "all"}, {"token", "list"}, {"version"}} {
			keep(append([]string{"-v", "--output", output}, command...)...)
		}
	}
	if created := strings.TrimSpace(run("token", "create", "cli")); created != "" {
		w.vault.know("API token of the command", created)
	}
	keep("backup", filepath.Join(w.dir, "backup.db"))
	bad := filepath.Join(w.t.TempDir(), "bad.yaml")
	w.write(bad, w.misplaced())
	for _, command := range []string{"validate", "check", "doctor", "incidents"} {
		keep(command, "-v", "-c", bad)
	}
	w.t.Setenv("KEEPWATCH_TOKEN", "kw_"+w.vault.secret("a wrong token of the command", false))
	keep("incidents")
	w.broken.Store(true)
	w.ask("POST", "/-/reload", "", false)
	w.broken.Store(false)
	w.ask("POST", "/-/reload", "", false)
}

// recover lifts all faults and waits until the ends have been told.
func (w *taintWorld) recover() {
	_, page, _ := w.ask("GET", "/api/v1/incidents?status=open&limit=100", "", false)
	for _, id := range idsIn(page)[:3] {
		w.ask("POST", "/api/v1/incidents/"+id+"/ack", "", false)
	}
	w.sim.ClearAll()
	good := map[string]bool{}
	var ids []string
	for _, c := range w.faulty {
		if !c.slow() && c.fault.Name != "soap_account_locked" {
			ids = append(ids, c.id)
		}
		good[c.id] = true
	}
	w.proveAll(ids, func(string, string) bool { return true })
	w.wait("messages at every good receiver, an attempt at every rude one, and an end told", func() bool {
		for _, h := range w.hooks {
			if h.n.Load() < 3 && !h.rude || h.n.Load() == 0 {
				return false
			}
		}
		return w.mail.mails.Load() > 3 && w.rude.refusals.Load() > 0 && w.said("message to hook-1", `"resolved"`)
	})
}

// calm ends the haste in which everything was tested over and over: what follows asks
// for itself.
func (w *taintWorld) calm() {
	const hasty, calm = "standard: {every: {business: 2s, off: 2s}}", "standard: {every: {business: 1h, off: 1h}}"
	text := w.config.String()
	if !strings.Contains(text, hasty) {
		w.t.Fatal("nothing is hasty")
	}
	w.write(w.path, strings.Replace(text, hasty, calm, 1))
	if status, answer, _ := w.ask("POST", "/-/reload", "", false); status != http.StatusOK {
		w.t.Fatalf("reload: %d: %s", status, answer)
	}
}

func (w *taintWorld) said(way, text string) bool {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	b := w.out.ways[way]
	return b != nil && bytes.Contains(b.Bytes(), []byte(text))
}

// wait polls a condition. On a loaded machine the schedule lags, and catches up at its own pace.
func (w *taintWorld) wait(what string, ready func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !ready() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var idPattern = regexp.MustCompile(`"(?:id|key)":"([^"]+)"`)

func idsIn(body []byte) []string {
	var out []string
	for _, m := range idPattern.FindAllSubmatch(body, -1) {
		if id := string(m[1]); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// readEverything asks for every route and page, with and without a name.
func (w *taintWorld) readEverything() {
	get := func(path string) []byte { _, b, _ := w.ask("GET", path, "", false); return b }
	plain := []string{"/", "/incidents", "/sign-in?next=/incidents", "/metrics", "/api/v1/openapi.json", "/api/v1/overview", "/api/v1/credentials?limit=200",
		"/api/v1/incidents?status=all&limit=200", "/api/v1/tokens", "/expiring", "/expiring?within=365d", "/api/v1/expiring?within=365d&limit=200", "/api/v1/expiring?clock=idle&limit=200",
		"/api/v1/findings?status=all&limit=200", "/api/v1/feeds", "/api/v1/rotations?status=all&limit=200", "/healthz", "/readyz", "/favicon.ico", "/api/v1/nothing", "/nothing", "/api/v1/credentials/nothing"}
	for _, path := range plain {
		get(path)
		w.ask("GET", path, "", false, "Authorization", "")
		w.ask("GET", path, "", false, "Accept-Encoding", "gzip")
	}
	var ids []string
	for _, c := range w.faulty {
		ids = append(ids, c.id)
	}
	ids = append(append(ids, w.echoing...), w.readRecords()...)
	w.eachOf(ids, func(id string) {
		get("/credentials/" + id)
		get("/api/v1/credentials/" + id)
		keys := idsIn(get("/api/v1/credentials/" + id + "/results?limit=20"))
		for _, key := range keys[:min(len(keys), 2)] {
			get("/api/v1/credentials/" + id + "/results/" + url.PathEscape(key))
		}
	})
	w.eachOf(idsIn(get("/api/v1/incidents?status=all&limit=200")), func(id string) {
		get("/incidents/" + url.PathEscape(id))
		get("/api/v1/incidents/" + url.PathEscape(id))
	})
}

// stop ends the daemon; its files are taken before and after.
func (w *taintWorld) stop() {
	w.files("database while it runs")
	_ = w.sim.Close()
	w.end()
	w.must(w.db.Close())
	w.files("database at the end")
}

// end stops the daemon. On a busy machine its budget may not suffice to hand every
// message back to the outbox, one by one; that is said, and not what is asked here.
func (w *taintWorld) end() {
	w.t.Helper()
	err := w.daemon.Stop()
	if errors.Is(err, context.DeadlineExceeded) {
		w.t.Logf("stop: %v", err)
		return
	}
	w.must(err)
}

func (w *taintWorld) files(way string) {
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		w.out.add(way+": "+strings.TrimPrefix(filepath.Base(path), "keepwatch"), string(b))
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// judge looks for every canary in everything, and asks whether there was anything
// to look at.
func (w *taintWorld) judge() {
	w.sentLinks() // of what was sent since
	canaries := w.vault.all()
	if w.watched.tokens.Load() < 100 || w.inv.watched.tokens.Load() < 20 || len(canaries) < 1_000 {
		w.t.Errorf("only %d canaries and %d tokens", len(canaries), w.watched.tokens.Load())
	}
	for way, least := range map[string]int{
		"log": 80_000, "answers of the daemon": 7_000_000, "commands": 150_000, "request to SFMC": 800_000, "database at the end: .db": 4_000_000,
		"database at the end: backup.db": 2_000_000, "message to mail": 400_000, "message to hook-0": 100_000, "message to hook-1": 200_000,
		"database at the end: later.db": 3_000_000, "exports": 150_000, "calendar feeds": 30_000, "pages of holders": 50_000, "pages of links": 50_000, "tests by command": 5_000, "message to teams": 5_000, "message to slackbot": 5_000, "inventory commands": 300_000,
	} {
		if n := w.out.size(way); n < least {
			w.t.Errorf("%s: only %d bytes were looked at", way, n)
		}
	}
	hits, total := w.out.scan(newScanner(canaries))
	hits = slices.DeleteFunc(hits, rightly)
	for i, h := range hits {
		if i == 40 {
			w.t.Errorf("… %d hits in all", len(hits))
			break
		}
		w.t.Error(h)
	}
	made := 0
	for _, c := range canaries {
		if strings.Contains(c.name, "token") && strings.HasPrefix(c.name, "acc") {
			made++
		}
	}
	w.t.Logf("%d canaries (%d of them pieces of access tokens), %d encodings, %d ways, %.1f MB, %d calls to the simulator, hostile answers %v, %d hits, %.1fs",
		len(canaries), made, len(encodings)+1, len(w.out.ways), float64(total)/1e6, w.watched.calls.Load(), w.hostile.counts, len(hits), time.Since(w.began).Seconds())
}

// TestTaintScannerFindsAPlantedLeak proves that the scanner can find: a secret is
// written in each encoding as a log line, and as far as it is text as a row of the
// database, through the program's own means.
func TestTaintScannerFindsAPlantedLeak(t *testing.T) {
	var v vault
	var out evidence
	log := slog.New(slog.NewJSONHandler(out.writer("log"), nil))
	planted := map[string]canary{}
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "keepwatch.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{inGzip}
	for _, e := range encodings {
		names = append(names, e.name)
	}
	for i, name := range names {
		value := marked(randomSecret())
		v.know("planted in "+name, value)
		planted[name] = canary{"planted in " + name, value}
		text := leaked(name, "user:"+value+"\n")
		log.Info("leak", "text", text)
		out.add("raw log", text)
		if name == inGzip || name == "utf-16" {
			continue // not text: no row takes it
		}
		o := keepwatch.Observation{
			Key: "leak-" + name, Series: keepwatch.SeriesID("leak-" + name), Place: keepwatch.Local, Source: keepwatch.SourceMonitor,
			Slot: time.Now(), At: time.Now().Add(time.Duration(i)), Outcome: keepwatch.MonitorFault, Message: "A leak.", Evidence: text,
		}
		if _, err := db.Apply(t.Context(), []keepwatch.Observation{o}, time.Now(), func(view incident.View) (incident.Changes, error) {
			return incident.Step(view, incident.Policy{}, time.Now())
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "keepwatch.db"))
	if err != nil {
		t.Fatal(err)
	}
	out.add("database", string(file))
	hits, _ := out.scan(newScanner(v.all()))
	found := map[string]map[string]bool{}
	for _, h := range hits {
		if found[h.where] == nil {
			found[h.where] = map[string]bool{}
		}
		e := h.encoding
		if h.where != "raw log" || "planted in "+e == h.canary || e == "base64" && strings.HasSuffix(h.canary, "base64url") {
			found[h.where][h.canary] = true // where nothing spells it once more, in its own spelling
		}
	}
	for _, name := range names {
		c := planted[name].name
		text := name != inGzip && name != "utf-16"
		if !found["raw log"][c] || text && (!found["database"][c] || !found["log"][c]) {
			t.Errorf("a secret in %s was not found everywhere", name)
		}
	}
	if extra := slices.Collect(maps.Keys(found)); len(extra) != 3 {
		t.Errorf("hits in %q", extra)
	}
	t.Logf("%d encodings, each found in a log line and, as text, in a row", len(names))
}

// marked puts a character that every spelling changes into both halves.
func marked(secret string) string {
	b := []byte(secret)
	b[3], b[17] = '<', '<'
	return string(b)
}

// leaked spells a whole line as a careless program would.
func leaked(encoding, line string) string {
	if encoding == inGzip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, line)
		_ = z.Close()
		return "before" + b.String() + "after"
	}
	for _, e := range encodings {
		if e.name == encoding && !strings.HasPrefix(encoding, "base64") {
			return e.forms(line)[0]
		}
	}
	return base64Of(encoding, line)
}
