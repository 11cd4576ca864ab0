package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/sfmc/sim"
)

const (
	hookKey   = "the-key-that-signs-messages"
	rigSecret = "secret-of-the-client-0001"
	rigMID    = 510000123
)

// quick shortens what a real estate has minutes for, and nothing else.
var quick = incident.Policy{
	HardConfirm: time.Second, SoftConfirmEvery: time.Second, SoftConfirmOver: 2 * time.Second, ContradictedOver: time.Minute,
	RefusalBackoff: []time.Duration{time.Second}, MaxTriesPerDay: 100_000, Propagation: time.Second, ChangeWindow: time.Second, BlockedPause: time.Second,
}

// rig is what surrounds daemons: SFMC, a receiver of messages, a file and a store.
type rig struct {
	t     *testing.T
	sim   *sim.Sim
	sfmc  string // its address, with a slash at the end
	hook  *signedInbox
	file  string
	store string
}

func newRig(t *testing.T, store string) *rig {
	t.Helper()
	r := &rig{t: t, sim: sim.New(sim.Options{}), hook: &signedInbox{t: t}, file: filepath.Join(t.TempDir(), "keepwatch.yaml"), store: store}
	platform, hook := httptest.NewServer(r.sim.Handler()), httptest.NewServer(r.hook)
	t.Cleanup(func() { _ = r.sim.Close(); platform.Close(); hook.Close() })
	r.sfmc, r.hook.url = platform.URL+"/", hook.URL
	return r
}

// early is an id whose first test comes within a second: fresh checks are spread
// over the first minute by a number that follows from their id.
func early(prefix string) string {
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%d", prefix, i)
		if keepwatch.PhaseOf("emea", keepwatch.CheckID(id)) < 65536/60 {
			return id
		}
	}
}

func clientOf(id string) string { return "client-of-" + id }

// configure writes the file, and makes SFMC know the credentials in it.
func (r *rig) configure(ids ...string) {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `version: 1
server: {listen: "127.0.0.1:8484", auth: none, base_url: "http://keepwatch.example.com"}
store: {url: %q}
tiers:
  standard: {every: {business: 1s, off: 1s}, fail_after: 1}
tenants:
  - id: emea
    endpoints: {auth: %[2]q, rest: %[2]q, soap: "%[2]sService.asmx"}
    business_units: [{mid: %[3]d, name: Germany}]
receivers: [{name: ops, at_most: unlimited, webhook: {url: %[4]q, secret: "env:HOOK_KEY"}}]
routes: [{to: [ops]}]
credentials:
`, r.store, r.sfmc, rigMID, r.hook.url)
	for _, id := range ids {
		if _, err := r.sim.Client(clientOf(id)); err != nil {
			r.sim.AddClient(sim.ClientSpec{ClientID: clientOf(id), Secret: rigSecret, MID: rigMID, EID: 510000100})
		}
		fmt.Fprintf(&b, "  - {id: %[1]s, tenant: emea, business_unit: %d, client_id: %s, secret: \"env:SECRET\", owner: {team: team-of-%[1]s, contact: a@example.com}, tests: [identity]}\n", id, rigMID, clientOf(id))
	}
	r.write(b.String())
}

func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) lookup(name string) (string, bool) {
	v, ok := map[string]string{"HOOK_KEY": hookKey, "SECRET": rigSecret}[name]
	return v, ok
}

// kill makes SFMC refuse the secret of one credential until it is revived.
func (r *rig) kill(id string) (revive func()) {
	r.t.Helper()
	fault, err := r.sim.Inject(sim.Fault{Name: "bad_secret", ClientID: clientOf(id)})
	if err != nil {
		r.t.Fatal(err)
	}
	return func() {
		if err := r.sim.Clear(fault); err != nil {
			r.t.Error(err)
		}
	}
}

// node is one running daemon and a client of it.
type node struct {
	*client.Client
	r         *rig
	app       *app.App
	transport *http.Transport
}

func (r *rig) start() *node {
	r.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(r.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := app.New(r.t.Context(), app.Options{
		Load:      func() (*config.Config, error) { return config.Load(r.file, r.lookup) },
		LookupEnv: r.lookup, Listener: l, Version: "test", Policy: quick,
		Logger: slog.New(slog.NewTextHandler(r.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	n := &node{r: r, app: a, transport: &http.Transport{}}
	r.t.Cleanup(n.stop)
	if err := a.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	n.Client, err = client.New(a.URL(), "", client.WithHTTPClient(&http.Client{Transport: n.transport, Timeout: 30 * time.Second}))
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (n *node) stop() {
	n.transport.CloseIdleConnections()
	if err := n.app.Stop(); err != nil {
		n.r.t.Errorf("stop: %v", err)
	}
}

// patience is how long a thing may take on a machine that is busy with others.
const patience = 20 * time.Second

// wait polls until ready says "", and fails with what it said last.
func (r *rig) wait(what string, ready func() (missing string)) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		missing := ready()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waited in vain for %s: %s", what, missing)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// state waits until a credential is in a state.
func (n *node) state(id, want string) {
	n.r.t.Helper()
	n.r.wait(id+" "+want, func() string {
		c, err := n.Credential(n.r.t.Context(), id)
		switch {
		case err != nil:
			return err.Error()
		case c.State != want:
			return "it is " + c.State
		}
		return ""
	})
}

// incidents are those of one credential, or with "" those of the monitor itself.
func (n *node) incidents(credential string) []client.Incident {
	n.r.t.Helper()
	var out []client.Incident
	for i, err := range n.Incidents(n.r.t.Context(), client.IncidentFilter{Status: "all"}) {
		if err != nil {
			n.r.t.Fatal(err)
		}
		if (i.Credential != nil && *i.Credential == credential) || (credential == "" && i.Scope == "monitor") {
			out = append(out, i)
		}
	}
	return out
}

// incident waits for the only incident of a credential to have a status.
func (n *node) incident(credential, status string) client.Incident {
	n.r.t.Helper()
	var found client.Incident
	n.r.wait("one "+status+" incident of "+credential, func() string {
		all := n.incidents(credential)
		if len(all) != 1 || all[0].Status != status {
			return fmt.Sprintf("%+v", all)
		}
		found = all[0]
		return ""
	})
	return found
}

// metric waits for a line of /metrics that starts and ends so.
func (n *node) metric(start, value string) {
	n.r.t.Helper()
	n.r.wait(start+" "+value, func() string {
		seen := "no such line"
		for line := range strings.Lines(n.metrics()) {
			if !strings.HasPrefix(line, start) {
				continue
			}
			if seen = strings.TrimSpace(line); strings.HasSuffix(seen, "} "+value) || strings.HasSuffix(seen, start+" "+value) {
				return ""
			}
		}
		return seen
	})
}

func (n *node) metrics() string {
	n.r.t.Helper()
	req, err := http.NewRequestWithContext(n.r.t.Context(), http.MethodGet, n.app.URL()+"/metrics", nil)
	if err != nil {
		n.r.t.Fatal(err)
	}
	res, err := n.transport.RoundTrip(req)
	if err != nil {
		n.r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		n.r.t.Fatalf("metrics: %d, %v", res.StatusCode, err)
	}
	return string(body)
}

// told is one message as its receiver got it.
type told struct {
	Status string `json:"status"`
	Alerts []struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
		EndsAt      time.Time         `json:"endsAt"`
		URL         string            `json:"generatorURL"`
	} `json:"alerts"`
}

// signedInbox takes messages and refuses none, but reports each that is not signed.
type signedInbox struct {
	t   *testing.T
	url string

	mu   sync.Mutex
	list []told
}

func (h *signedInbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	// Worked out here once more, as a receiver would from the documentation.
	signature := r.Header.Get("X-Keepwatch-Signature")
	at, _, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
	mac := hmac.New(sha256.New, []byte(hookKey))
	_, _ = io.WriteString(mac, at+"."+string(body))
	if want := "t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil)); signature != want {
		h.t.Errorf("a message is signed %q, want %q", signature, want)
	}
	var m told
	if err := json.Unmarshal(body, &m); err != nil || len(m.Alerts) != 1 {
		h.t.Errorf("message %s: %v", body, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, m)
}

// of returns the messages of one status about one incident.
func (h *signedInbox) of(incident, status string) (out []told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.list {
		if m.Status == status && strings.HasSuffix(m.Alerts[0].URL, "/incidents/"+incident) {
			out = append(out, m)
		}
	}
	return out
}

// message waits for the one message of a status about an incident.
func (r *rig) message(incident, status string) told {
	r.t.Helper()
	r.wait("a "+status+" message", func() string {
		if len(r.hook.of(incident, status)) == 0 {
			return "none came"
		}
		return ""
	})
	all := r.hook.of(incident, status)
	if len(all) != 1 {
		r.t.Errorf("%d %s messages about one incident, want one", len(all), status)
	}
	return all[0]
}
