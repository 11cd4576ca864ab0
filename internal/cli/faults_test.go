package cli

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/probe"
	"keepwatch/internal/secrets"
	"keepwatch/internal/sfmc"
	"keepwatch/internal/sfmc/sim"
)

// provocation is one fault on one host and what check has to say about it.
type provocation struct {
	fault, variant, on string
	want               keepwatch.Outcome
	step               string
}

func (p provocation) name() string {
	return strings.Join(slices.DeleteFunc([]string{p.fault, p.variant, p.on}, func(s string) bool { return s == "" }), "/")
}

// slowToFail are the faults whose recognition takes as long as the program's own
// limits.
func (p provocation) slowToFail() bool { return p.fault == "hang" || p.fault == "drip" }

func (p provocation) kind() keepwatch.Kind {
	switch p.fault {
	case "legacy_unauthorized":
		return keepwatch.LegacyPackage
	case "soap_login_failed", "soap_account_locked", "soap_password_change":
		return keepwatch.APIUser
	}
	return keepwatch.ServerToServer
}

// passed is a date whose 180 days are over: an expired secret is told from a
// wrong one by it.
const passed = "    secret_generated: 2020-01-01\n"

func (p provocation) more() []string {
	if p.fault == "secret_expired" {
		return []string{passed}
	}
	return nil
}

// wireFaults spoil the answer below the interface, on any host.
var wireFaults = []string{
	"maintenance", "html", "redirect", "malformed", "empty_body", "wrong_type", "huge", "gzip_bomb", "drip", "reset", "hang", "truncated", "slow",
}

// provocations are all faults of the simulator with all their variants, held
// against the catalogue: by its row for the variant, else by its row for the fault.
func provocations(t *testing.T) []provocation {
	t.Helper()
	s := sim.New(sim.Options{})
	defer s.Close()
	var all []provocation
	for _, fault := range sim.FaultNames() {
		for _, variant := range variantsOf(t, s, fault) {
			want := outcomeOf(t, fault, variant)
			if !slices.Contains(wireFaults, fault) {
				all = append(all, provocation{fault, variant, "", want, stepOf(fault)})
				continue
			}
			all = append(all,
				provocation{fault, variant, "auth", want, "token"},
				provocation{fault, variant, "rest", want, testREST},
				provocation{fault, variant, "soap", want, "soap:GetSystemStatus"})
		}
	}
	return all
}

var quoted = regexp.MustCompile(`"([^"]+)"`)

// variantsOf asks the simulator: it names a fault's variants to whoever gets one
// wrong, so that a new one cannot be left out here.
func variantsOf(t *testing.T, s *sim.Sim, fault string) []string {
	t.Helper()
	id, err := s.Inject(sim.Fault{Name: fault, Variant: "1ms?"})
	if err == nil { // slow and redirect take any text
		_ = s.Clear(id)
		return []string{""}
	}
	variants := []string{""}
	for _, m := range quoted.FindAllStringSubmatch(keepwatch.HintOf(err), -1) {
		variants = append(variants, m[1])
	}
	return variants
}

func outcomeOf(t *testing.T, fault, variant string) keepwatch.Outcome {
	t.Helper()
	if fault == "slow" {
		return keepwatch.OK // late and right; that it is slow shows in a history
	}
	var found *sfmc.Cause
	for i, c := range sfmc.Catalogue {
		if c.Fault == fault && (found == nil || c.Variant == variant) {
			found = &sfmc.Catalogue[i]
		}
	}
	if found == nil {
		t.Fatalf("no row of the catalogue names the simulator's fault %q", fault)
	}
	return found.Outcome
}

// stepOf is where a fault of the interface shows first.
func stepOf(fault string) string {
	switch fault {
	case "soap_login_failed", "soap_account_locked", "soap_password_change", "token_rejected":
		return "identity"
	case "scope_missing", "business_rule", "wrong_stack", "token_in_url":
		return testREST
	}
	switch {
	case strings.HasPrefix(fault, "soap_"):
		return "soap:GetSystemStatus"
	case strings.HasPrefix(fault, "rest_"):
		return testREST
	}
	return "token"
}

// Every row of the catalogue that names a fault is provoked with its variant, and
// every fault of the simulator is: what check says is held against the catalogue.
func TestCheckNamesEveryFault(t *testing.T) {
	all := provocations(t)
	for _, c := range sfmc.Catalogue {
		if c.Fault != "" && !slices.ContainsFunc(all, func(p provocation) bool { return p.fault == c.Fault && p.variant == c.Variant && p.want == c.Outcome }) {
			t.Errorf("row %s (fault %q, variant %q, outcome %s) is not provoked", c.Name, c.Fault, c.Variant, c.Outcome)
		}
	}
	for _, p := range all {
		if p.slowToFail() {
			continue // see TestCheckNamesSlowFaults
		}
		t.Run(p.name(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, p.kind(), p.more()...)
			r.inject(p.fault, p.variant, p.on)
			code, got, stdout, stderr := r.check()
			if want := p.want.Info().Exit; code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
			if strings.Contains(stdout+stderr, testSecret) {
				t.Errorf("the secret is in the output:\n%s\n%s", stdout, stderr)
			}
			p.judge(t, got)
			want := int64(1)
			if p.kind() == keepwatch.APIUser {
				want = 0
			}
			if n := r.tokenRequests(); n != want {
				t.Errorf("%d token requests in one run, want %d", n, want)
			}
		})
	}
}

// judge holds one answer against the promise.
func (p provocation) judge(t *testing.T, got checked) {
	t.Helper()
	c, info := got.Credentials[0], p.want.Info()
	if c.Outcome != string(p.want) || c.Category != string(info.Category) || c.State != string(info.State) {
		t.Errorf("%s, %q, %s; want %s, %q, %s: %+v", c.Outcome, c.Category, c.State, p.want, info.Category, info.State, c.Steps)
	}
	if c.ID != "crm-sync" || c.Tenant != "emea" || c.BusinessUnit != testMID {
		t.Errorf("id %q, tenant %q, business unit %d", c.ID, c.Tenant, c.BusinessUnit)
	}
	if c.Message == "" || c.CheckedAt.IsZero() || len(c.Steps) == 0 {
		t.Errorf("message %q, checked at %v, %d steps", c.Message, c.CheckedAt, len(c.Steps))
	}
	failed := ""
	for _, s := range c.Steps {
		switch {
		case failed != "" && s.Outcome != "skipped":
			t.Errorf("step %s after the failed %s is %s, want skipped", s.Name, failed, s.Outcome)
		case failed == "" && s.Outcome != "ok":
			failed = s.Name
			if s.Outcome != c.Outcome {
				t.Errorf("the first failed step %s is %s, the credential %s", s.Name, s.Outcome, c.Outcome)
			}
		}
	}
	if p.want == keepwatch.OK {
		if failed != "" {
			t.Errorf("step %s failed", failed)
		}
		return
	}
	if failed != p.step {
		t.Errorf("failed at %q, want %q", failed, p.step)
	}
	if c.Hint == "" {
		t.Error("no hint")
	}
}

// Answers that never end are named too. The same code as check's runs in virtual
// time, over a network in memory: only the system's network is replaced.
func TestCheckNamesSlowFaults(t *testing.T) {
	for _, p := range provocations(t) {
		if !p.slowToFail() {
			continue
		}
		t.Run(p.name(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newPipeRig(t)
				r.inject(p.fault, p.variant, p.on)
				code, got := r.checkOverPipe()
				if code != p.want.Info().Exit {
					t.Errorf("exit code %d, want %d", code, p.want.Info().Exit)
				}
				p.judge(t, got)
			})
		})
	}
}

// The same in real time, all at once: 30 seconds, and 90 for SOAP, are the program's
// own limits.
func TestCheckNamesSlowFaultsInRealTime(t *testing.T) {
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "" && os.Getenv("CI") == "" {
		t.Skip("takes a minute and a half of real time: set KEEPWATCH_CAMPAIGN=1; TestCheckNamesSlowFaults does the same in virtual time")
	}
	t.Parallel()
	var checks sync.WaitGroup
	for _, p := range provocations(t) {
		if !p.slowToFail() {
			continue
		}
		r := newRig(t, p.kind())
		r.inject(p.fault, p.variant, p.on)
		checks.Go(func() {
			code, got, _, _ := r.check()
			if code != p.want.Info().Exit {
				t.Errorf("%s: exit code %d, want %d", p.name(), code, p.want.Info().Exit)
			}
			p.judge(t, got)
		})
	}
	checks.Wait()
}

type pipeRig struct {
	rig
	pipe *sim.Pipe
}

func newPipeRig(t *testing.T) *pipeRig {
	t.Helper()
	s := sim.New(sim.Options{Clients: []sim.ClientSpec{{ClientID: testID, Secret: testSecret, MID: testMID, EID: 510000100}}})
	p := sim.NewPipe(s.Handler())
	t.Cleanup(func() { _ = s.Close(); _ = p.Close() })
	r := &pipeRig{rig{t: t, sim: s, config: t.TempDir() + "/keepwatch.yaml"}, p}
	r.write("http://sim", keepwatch.ServerToServer)
	return r
}

func (r *pipeRig) checkOverPipe() (int, checked) {
	r.t.Helper()
	cfg, err := config.Load(r.config, os.LookupEnv)
	if err != nil {
		r.t.Fatal(err)
	}
	client := egress.New(egress.Policy{Network: r.pipe})
	defer client.CloseIdle()
	var out, messages bytes.Buffer
	e := &env{Global: Global{Output: "json"}, ctx: r.t.Context(), stdout: &out, stderr: &messages, log: slog.New(slog.DiscardHandler)}
	prober := probe.New(probe.Options{Secrets: secrets.New(secrets.Options{LookupEnv: os.LookupEnv}), Egress: client})
	results := e.proveWith(prober, cfg, cfg.Credentials)
	if err := e.printChecked(results); err != nil {
		r.t.Fatal(err)
	}
	return e.finish(worst(results)), readChecked(r.t, out.Bytes(), messages.String())
}

// A date that has passed and a secret that works: the proof wins, the date is a
// finding.
func TestCheckContradictsADate(t *testing.T) {
	t.Parallel()
	code, got, _, _ := newRig(t, keepwatch.ServerToServer, passed).check()
	c := got.Credentials[0]
	if code != 0 || c.Outcome != "ok" || c.State != "healthy" || !slices.Equal(c.Findings, []string{"date_contradicted"}) {
		t.Errorf("exit %d, %s, %s, findings %q; want 0, ok, healthy, date_contradicted", code, c.Outcome, c.State, c.Findings)
	}
}

// Without the date, the same answer is a wrong secret.
func TestCheckDerivesExpiry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		more []string
		want string
	}{{nil, "bad_secret_or_package"}, {[]string{"    secret_generated: " + time.Now().UTC().Format(time.DateOnly) + "\n"}, "bad_secret_or_package"}, {[]string{passed}, "secret_expired"}} {
		r := newRig(t, keepwatch.ServerToServer, c.more...)
		if _, err := r.sim.Expire(testID); err != nil {
			t.Fatal(err)
		}
		if _, got, _, _ := r.check(); got.Credentials[0].Outcome != c.want {
			t.Errorf("with %q: %s, want %s", c.more, got.Credentials[0].Outcome, c.want)
		}
	}
}

// A host that nobody answers for: named at the first step that needs it, no token
// request is made.
func TestCheckNamesAHostThatIsAway(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	base := server.URL
	server.Close() // the port is free again
	r := newRig(t, keepwatch.ServerToServer)
	r.write(base, keepwatch.ServerToServer)
	code, got, _, _ := r.check()
	c := got.Credentials[0]
	if code != 20 || c.Outcome != "connect_failure" || c.Category != "network" || c.Hint == "" {
		t.Errorf("exit %d, %s, %s, hint %q", code, c.Outcome, c.Category, c.Hint)
	}
	for _, s := range c.Steps {
		if s.Name == "connect:auth" && (s.Outcome != "connect_failure" || !s.Shared) {
			t.Errorf("connect:auth is %s, shared %t", s.Outcome, s.Shared)
		}
		if s.Name == "token" && s.Outcome != "skipped" {
			t.Errorf("token is %s", s.Outcome)
		}
	}
}
