// Package metrics holds the names under which Keepwatch shows itself to
// Prometheus. The names are a promise to users, and this is the only place that
// spells them.
//
// What happens is counted where it happens, through the methods of Metrics. What
// stands (states, dates, open incidents) is read from a snapshot when somebody
// scrapes, see Collector: updating a gauge per credential at every observation
// costs more than the observation.
package metrics

import (
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keepwatch"
)

// Metrics counts what happens. It is safe for concurrent use. The zero value is
// not usable; a nil *Metrics counts nothing, so tests may leave it out.
type Metrics struct {
	stepDuration  *prometheus.HistogramVec
	steps         *prometheus.CounterVec
	tokenRequests *prometheus.CounterVec
	timeToDetect  prometheus.Histogram
	notifications *prometheus.CounterVec
	scheduleLag   prometheus.Histogram
	collectCalls  *prometheus.CounterVec
	apiCalls      *prometheus.CounterVec
	gateway       gatewayMetrics
	ingested      *prometheus.CounterVec
	reload        prometheus.Gauge
	beats         *prometheus.CounterVec
	lastBeat      *prometheus.GaugeVec
	buildInfo     *prometheus.GaugeVec

	mu    sync.RWMutex
	known map[string]bool // step labels in use
	// families are the API families in use as labels.
	families map[string]bool
	seen     map[stepKey]stepCounter
}

// stepKey is what StepObserved counts under.
type stepKey struct {
	step    string
	outcome keepwatch.Outcome
}

// stepCounter holds the counters of one key: to look them up by their labels costs
// more than to count.
type stepCounter struct {
	count prometheus.Counter
	took  prometheus.Observer // nil for skipped steps
}

// New registers every counted metric on the registry. It panics when a name is
// taken: two of them on one registry is a mistake in the wiring.
func New(reg *prometheus.Registry) *Metrics {
	m := &Metrics{
		stepDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keepwatch_step_duration_seconds", Help: "Duration of one step of a test.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"step"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_steps_total", Help: "Steps of tests, by outcome.",
		}, []string{"step", "outcome"}),
		tokenRequests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_token_requests_total", Help: "Token requests seen, by who made them: our tests or real traffic.",
		}, []string{"credential", "source", "outcome"}),
		timeToDetect: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keepwatch_time_to_detect_seconds", Help: "Time from the first failure that was seen to the incident.",
			Buckets: []float64{15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400},
		}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_notifications_total", Help: "Attempts to deliver a message, by result.",
		}, []string{"receiver", "result"}),
		scheduleLag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keepwatch_schedule_lag_seconds", Help: "Time from a test's due time to its start.",
			Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 3600},
		}),
		collectCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_collect_calls_total", Help: "Calls of SFMC made to look at counters, by how the look went.",
		}, []string{"tenant", "family", "outcome"}),
		apiCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_api_calls_total", Help: "Calls of SFMC's APIs by real clients, as far as they are seen.",
		}, []string{"credential", "kind", "family", "class"}),
		ingested: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_ingest_total", Help: "Spans, events and log lines that were pushed in, by the way and by what became of them.",
		}, []string{"via", "result"}),
		reload: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "keepwatch_config_last_reload_successful", Help: "Whether the configuration on disk is the one in force.",
		}),
		beats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_watchdog_beats_total", Help: "Calls of dead-man addresses, by what came of them.",
		}, []string{"address", "result"}),
		lastBeat: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keepwatch_watchdog_last_beat_timestamp_seconds", Help: "When the address last took a beat.",
		}, []string{"address"}),
		buildInfo: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keepwatch_build_info", Help: "Always 1; the labels say what runs.",
		}, []string{"version", "revision", "goversion"}),
		gateway: newGatewayMetrics(),
		known:   map[string]bool{}, families: map[string]bool{}, seen: map[stepKey]stepCounter{},
	}
	reg.MustRegister(m.stepDuration, m.steps, m.tokenRequests, m.timeToDetect, m.notifications, m.scheduleLag, m.collectCalls, m.apiCalls, m.ingested, m.reload, m.beats, m.lastBeat, m.buildInfo)
	m.gateway.register(reg)
	return m
}

// StepObserved counts one step of a test. Skipped steps are counted, not timed.
func (m *Metrics) StepObserved(step string, outcome keepwatch.Outcome, took time.Duration) {
	if m == nil {
		return
	}
	c := m.stepCounter(step, outcome)
	c.count.Inc()
	if c.took != nil {
		c.took.Observe(took.Seconds())
	}
}

func (m *Metrics) stepCounter(step string, outcome keepwatch.Outcome) stepCounter {
	key := stepKey{step, outcome}
	m.mu.RLock()
	c, ok := m.seen[key]
	m.mu.RUnlock()
	if ok {
		return c
	}
	label := m.stepLabel(step)
	c.count = m.steps.WithLabelValues(label, clean(string(outcome)))
	if outcome != keepwatch.Skipped {
		c.took = m.stepDuration.WithLabelValues(label)
	}
	if label == step && outcome.Known() { // both are of a bounded set
		m.mu.Lock()
		m.seen[key] = c
		m.mu.Unlock()
	}
	return c
}

// Observed counts every step of an observation, and its token request. A step
// that was proven once for its host is counted by the run that proved it.
func (m *Metrics) Observed(o keepwatch.Observation) {
	if m == nil {
		return
	}
	for _, s := range o.Steps {
		if s.Shared {
			continue
		}
		m.StepObserved(s.Name, s.Outcome, s.Took)
		if s.Name == "token" && s.Outcome != keepwatch.Skipped {
			m.TokenRequested(o.Credential, o.Source, s.Outcome)
		}
	}
}

// TokenRequested counts one token request.
func (m *Metrics) TokenRequested(credential keepwatch.CredentialID, source keepwatch.Source, outcome keepwatch.Outcome) {
	if m == nil {
		return
	}
	m.tokenRequests.WithLabelValues(clean(string(credential)), clean(string(source)), clean(string(outcome))).Inc()
}

// Ingested counts what was pushed in. Both labels are of fixed sets.
func (m *Metrics) Ingested(via, result string, n int) {
	if m == nil || n <= 0 {
		return
	}
	m.ingested.WithLabelValues(via, result).Add(float64(n))
}

// ForgetCredential drops the counters of a credential that is no more.
func (m *Metrics) ForgetCredential(credential keepwatch.CredentialID) {
	if m == nil {
		return
	}
	m.tokenRequests.DeletePartialMatch(prometheus.Labels{"credential": clean(string(credential))})
}

// TimeToDetect records the time from the first failure that was seen to the incident.
func (m *Metrics) TimeToDetect(d time.Duration) {
	if m == nil {
		return
	}
	m.timeToDetect.Observe(max(0, d.Seconds()))
}

// Notified counts one attempt to deliver: sent, retried, dead, collapsed.
func (m *Metrics) Notified(receiver, result string) {
	if m == nil {
		return
	}
	m.notifications.WithLabelValues(clean(receiver), clean(result)).Inc()
}

// ScheduleLag records how late a test began.
func (m *Metrics) ScheduleLag(d time.Duration) {
	if m == nil {
		return
	}
	m.scheduleLag.Observe(max(0, d.Seconds()))
}

// Collected counts the calls of one look at a family of counters.
func (m *Metrics) Collected(tenant keepwatch.TenantID, family keepwatch.Family, outcome keepwatch.Outcome, calls int) {
	if m == nil {
		return
	}
	m.collectCalls.WithLabelValues(clean(string(tenant)), clean(string(family)), clean(string(outcome))).Add(float64(max(0, calls)))
}

// ReloadResult records whether the last load of the configuration was good.
func (m *Metrics) ReloadResult(ok bool) {
	if m == nil {
		return
	}
	m.reload.Set(boolValue(ok))
}

// Beat counts one call of a dead-man address; taken says that it was a beat, and that
// the address took it.
func (m *Metrics) Beat(address, result string, taken bool, at time.Time) {
	if m == nil {
		return
	}
	m.beats.WithLabelValues(clean(address), clean(result)).Inc()
	if taken {
		m.lastBeat.WithLabelValues(clean(address)).Set(unixSeconds(at))
	}
}

// Build says what runs. The last call holds.
func (m *Metrics) Build(version, revision, goVersion string) {
	if m == nil {
		return
	}
	m.buildInfo.Reset()
	m.buildInfo.WithLabelValues(clean(version), clean(revision), clean(goVersion)).Set(1)
}

// maxSteps bounds the step label. Steps are named by the configuration, so an
// estate stays far below; the bound is against a file that is made by a program.
const maxSteps = 256

func (m *Metrics) stepLabel(step string) string {
	step = clean(step)
	m.mu.RLock()
	known := m.known[step]
	m.mu.RUnlock()
	if known {
		return step
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxSteps && !m.known[step] {
		return "other"
	}
	m.known[step] = true
	return step
}

// clean makes a label value that Prometheus accepts: it refuses bad UTF-8 with a
// panic, and label values come from configurations.
func clean(s string) string { return strings.ToValidUTF8(s, "�") }

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
