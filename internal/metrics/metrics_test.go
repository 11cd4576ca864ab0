package metrics

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"keepwatch"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func scrape(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("scrape answers %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func sample() Snapshot {
	proven := time.Date(2026, 11, 23, 12, 0, 0, 500e6, time.UTC)
	return Snapshot{
		Credentials: []Credential{
			{ID: "crm-sync", Tenant: "emea", BusinessUnit: 510000123, Criticality: keepwatch.Transactional, State: keepwatch.StateHealthy,
				LastProven: proven, Expiries: []Expiry{{"secret", time.Date(2027, 3, 27, 0, 0, 0, 0, time.UTC)}}, Ratios: []Ratio{{"1h", 1}, {"24h", 0.9965}},
				Refreshes: []Ratio{{"1h", 0.5}}, Attempts: []Ratio{{"1h", 2}}},
			{ID: "old-feed", Tenant: "emea", Criticality: keepwatch.Reporting, State: keepwatch.StateExpired, LastProven: proven.Add(-time.Hour), Expiries: []Expiry{{Clock: "secret"}}},
			{ID: "never-seen", Tenant: "apac", Criticality: keepwatch.Standard, State: keepwatch.StateUnknown},
		},
		Incidents:    []OpenIncidents{{keepwatch.CategoryCredential, keepwatch.SeverityCritical, 1}, {keepwatch.CategoryThrottle, keepwatch.SeverityWarning, 2}},
		OutboxOldest: 90 * time.Second,
	}
}

// All names, labels and types as /metrics shows them.
func TestTextOutput(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	NewCollector(reg, sample)
	m.Build("1.2.3", "abc1234", "go1.26")
	m.ReloadResult(true)
	m.Observed(keepwatch.Observation{Credential: "crm-sync", Source: keepwatch.SourceTest, Steps: []keepwatch.Step{
		{Name: "resolve:auth", Outcome: keepwatch.OK, Took: time.Millisecond, Shared: true},
		{Name: "token", Outcome: keepwatch.BadSecretOrPackage, Took: 41700 * time.Microsecond},
		{Name: "identity", Outcome: keepwatch.Skipped},
	}})
	m.StepObserved("rest:/asset/v1/content/categories", keepwatch.OK, 80*time.Millisecond)
	m.Notified("crm", "sent")
	m.ScheduleLag(40 * time.Millisecond)
	m.TimeToDetect(11 * time.Minute)

	got := scrape(t, reg)
	const file = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("/metrics differs from %s (-want +got):\n%s", file, diff)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}

// The contract's list of names, spelled once more so that a changed golden file
// cannot hide a lost name.
func TestEveryPromisedNameIsThere(t *testing.T) {
	golden, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`keepwatch_credential_up{business_unit="510000123",credential="crm-sync",criticality="transactional",tenant="emea"} 1`,
		`keepwatch_credential_up{business_unit="",credential="old-feed",criticality="reporting",tenant="emea"} 0`,
		`keepwatch_credential_state{business_unit="510000123",credential="crm-sync",criticality="transactional",state="healthy",tenant="emea"} 1`,
		`keepwatch_credential_state{business_unit="510000123",credential="crm-sync",criticality="transactional",state="failing",tenant="emea"} 0`,
		`keepwatch_credential_expiry_timestamp_seconds{business_unit="510000123",clock="secret",credential="crm-sync",criticality="transactional",tenant="emea"} 1.8061056e+09`,
		`keepwatch_credential_last_proven_timestamp_seconds{`, `keepwatch_credential_success_ratio{credential="crm-sync",window="24h"} 0.9965`,
		`keepwatch_step_duration_seconds_bucket{step="token",le="0.05"} 1`, `keepwatch_steps_total{outcome="bad_secret_or_package",step="token"} 1`,
		`keepwatch_token_requests_total{credential="crm-sync",outcome="bad_secret_or_package",source="test"} 1`,
		`keepwatch_incidents_open{category="credential",severity="critical"} 1`, `keepwatch_time_to_detect_seconds_count 1`,
		`keepwatch_notifications_total{receiver="crm",result="sent"} 1`, `keepwatch_outbox_oldest_age_seconds 90`,
		`keepwatch_schedule_lag_seconds_count 1`, `keepwatch_config_last_reload_successful 1`, `keepwatch_build_info{`,
	} {
		if !strings.Contains(string(golden), line) {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(string(golden), `keepwatch_credential_up{business_unit="",credential="never-seen"`) {
		t.Error("up of an unknown credential must be absent")
	}
}

func TestUpByState(t *testing.T) {
	for state, want := range map[keepwatch.State]string{
		keepwatch.StateHealthy: "1", keepwatch.StateDegraded: "1", keepwatch.StateFailing: "0", keepwatch.StateExpired: "0",
		keepwatch.StateUnknown: "absent", keepwatch.StatePaused: "absent", keepwatch.StateMaintenance: "absent",
	} {
		got := "absent"
		if up, known := isUp(state); known {
			got = fmt.Sprint(up)
		}
		if got != want {
			t.Errorf("%s: up is %s, want %s", state, got, want)
		}
	}
}

func TestStepLabelIsBounded(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	for i := range 10 * maxSteps {
		m.StepObserved(fmt.Sprintf("rest:/made/up/%d", i), keepwatch.OK, time.Millisecond)
	}
	if n := testutil.CollectAndCount(m.steps); n != maxSteps+1 {
		t.Errorf("%d step labels, want %d and one for the others", n, maxSteps)
	}
}

func TestForgetCredential(t *testing.T) {
	m := New(prometheus.NewRegistry())
	m.TokenRequested("a", keepwatch.SourceTest, keepwatch.OK)
	m.TokenRequested("a", keepwatch.SourceTraffic, keepwatch.BadClientID)
	m.TokenRequested("b", keepwatch.SourceTest, keepwatch.OK)
	m.ForgetCredential("a")
	if n := testutil.CollectAndCount(m.tokenRequests); n != 1 {
		t.Errorf("%d series are left, want that of b", n)
	}
}

func TestBadLabelsNeverPanic(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := New(reg)
	NewCollector(reg, func() Snapshot {
		return Snapshot{Credentials: []Credential{{ID: "a\xff", State: keepwatch.StateHealthy}}}
	})
	m.StepObserved("rest:\xff", "\xff", -time.Second)
	m.TokenRequested("\xff", "\xff", "\xff")
	m.Notified("\xff", "\xff")
	m.ScheduleLag(-time.Second)
	m.TimeToDetect(-time.Second)
	m.Build("\xff", "", "")
	if out := scrape(t, reg); !strings.Contains(out, `credential="a�"`) {
		t.Error("a credential with a bad name is missing")
	}
}

func TestNilCountsNothing(t *testing.T) {
	var m *Metrics
	m.StepObserved("token", keepwatch.OK, 0)
	m.Observed(keepwatch.Observation{})
	m.TokenRequested("a", keepwatch.SourceTest, keepwatch.OK)
	m.ForgetCredential("a")
	m.TimeToDetect(0)
	m.Notified("a", "sent")
	m.ScheduleLag(0)
	m.ReloadResult(true)
	m.Build("", "", "")
}
