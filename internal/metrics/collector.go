package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keepwatch"
)

// Snapshot is what stands at the moment of a scrape.
type Snapshot struct {
	Credentials []Credential
	Incidents   []OpenIncidents
	// OutboxOldest is the age of the oldest message that is not delivered yet; 0
	// when everything is.
	OutboxOldest time.Duration
	Traffic      TrafficSeen
	Effects      []OpenEffects
	Subjects     []WatchedSubjects
}

// TrafficSeen is what became of the calls that were reported.
type TrafficSeen struct {
	NoRoom       int64 // calls of known credentials that went by uncounted
	Unattributed int64 // calls of which nobody knows the credential
	Refused      int64 // windows that intake did not take
	Repeats      int64 // reports that had come before
	Waiting      int   // windows that the store has not taken yet
}

// OpenEffects counts the subjects of one kind that show one effect.
type OpenEffects struct {
	Kind    keepwatch.SubjectKind
	Outcome keepwatch.Outcome
	Count   int
}

// WatchedSubjects counts the subjects of one kind that are watched in a tenant.
type WatchedSubjects struct {
	Tenant keepwatch.TenantID
	Kind   keepwatch.SubjectKind
	Count  int
}

// Credential is one credential as the metrics show it.
type Credential struct {
	ID           keepwatch.CredentialID
	Tenant       keepwatch.TenantID
	BusinessUnit keepwatch.MID
	Criticality  keepwatch.Criticality
	State        keepwatch.State // as it may be shown now, see keepwatch.Series.StateAt
	LastProven   time.Time       // zero: never
	Expiries     []Expiry
	Ratios       []Ratio
	Refreshes    []Ratio // of its holders' token requests that were granted
	Attempts     []Ratio // token requests for each token, at least 1
}

// Expiry is one known date on which the credential ends.
type Expiry struct {
	Clock string // what ends: "secret", "certificate" …
	At    time.Time
}

// Ratio is the share of good runs in a window. A window without runs has none.
type Ratio struct {
	Window string // "1h", "24h", "30d"
	Value  float64
}

// OpenIncidents counts the open incidents of one kind.
type OpenIncidents struct {
	Category keepwatch.Category
	Severity keepwatch.Severity
	Count    int
}

// states is every value of the state label, so that a query can rely on a zero.
var states = []keepwatch.State{
	keepwatch.StateHealthy, keepwatch.StateDegraded, keepwatch.StateFailing, keepwatch.StateExpired,
	keepwatch.StateUnknown, keepwatch.StatePaused, keepwatch.StateMaintenance,
}

// Collector turns a snapshot into gauges at each scrape.
type Collector struct {
	snapshot func() Snapshot

	up, state, expiry, proven, ratio, refreshes, attempts, incidents, outbox, effects, subjects, uncounted, waiting *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector registers the state gauges. snapshot is called once a scrape, from
// any goroutine, and should answer from memory.
func NewCollector(reg *prometheus.Registry, snapshot func() Snapshot) *Collector {
	who := []string{"credential", "tenant", "business_unit", "criticality"}
	with := func(label string) []string { return append(who[:len(who):len(who)], label) }
	c := &Collector{
		snapshot: snapshot,
		up: prometheus.NewDesc("keepwatch_credential_up",
			"1 when the credential works, 0 when it is failing or expired; absent while that is not known.", who, nil),
		state: prometheus.NewDesc("keepwatch_credential_state",
			"1 for the state that the credential is in, 0 for the others.", with("state"), nil),
		expiry: prometheus.NewDesc("keepwatch_credential_expiry_timestamp_seconds",
			"When the credential ends, as far as that is known.", with("clock"), nil),
		proven: prometheus.NewDesc("keepwatch_credential_last_proven_timestamp_seconds",
			"When the credential was last proven to work.", who, nil),
		ratio: prometheus.NewDesc("keepwatch_credential_success_ratio",
			"Share of good runs in a window.", []string{"credential", "window"}, nil),
		refreshes: prometheus.NewDesc("keepwatch_refresh_success_ratio",
			"Share of the token requests of real clients that were granted in a window.", []string{"credential", "window"}, nil),
		attempts: prometheus.NewDesc("keepwatch_refresh_attempts_per_token",
			"Token requests of real clients for each token that they got in a window.", []string{"credential", "window"}, nil),
		incidents: prometheus.NewDesc("keepwatch_incidents_open",
			"Open incidents.", []string{"category", "severity"}, nil),
		outbox: prometheus.NewDesc("keepwatch_outbox_oldest_age_seconds",
			"Age of the oldest message that is not delivered yet; 0 when all are.", nil, nil),
		effects: prometheus.NewDesc("keepwatch_effects_open",
			"Subjects in SFMC that show an effect.", []string{"kind", "outcome"}, nil),
		subjects: prometheus.NewDesc("keepwatch_subjects_watched",
			"Subjects in SFMC that are watched.", []string{"tenant", "kind"}, nil),
		uncounted: prometheus.NewDesc("keepwatch_traffic_uncounted_total",
			"Calls of real clients, and windows of them, that were reported and are in no figure, by why.", []string{"reason"}, nil),
		waiting: prometheus.NewDesc("keepwatch_traffic_waiting_windows",
			"Windows of real traffic that the store has not taken yet.", nil, nil),
	}
	reg.MustRegister(c)
	return c
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.up, c.state, c.expiry, c.proven, c.ratio, c.refreshes, c.attempts, c.incidents, c.outbox, c.effects, c.subjects, c.uncounted, c.waiting} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	s := c.snapshot()
	for _, credential := range s.Credentials {
		c.collectCredential(out, credential)
	}
	for _, i := range s.Incidents {
		gauge(out, c.incidents, float64(i.Count), string(i.Category), string(i.Severity))
	}
	gauge(out, c.outbox, max(0, s.OutboxOldest.Seconds()))
	for _, u := range []struct {
		reason string
		count  int64
	}{{"no_room", s.Traffic.NoRoom}, {"unattributed", s.Traffic.Unattributed}, {"refused", s.Traffic.Refused}, {"repeat", s.Traffic.Repeats}} {
		if m, err := prometheus.NewConstMetric(c.uncounted, prometheus.CounterValue, float64(u.count), u.reason); err == nil {
			out <- m
		}
	}
	gauge(out, c.waiting, float64(s.Traffic.Waiting))
	for _, e := range s.Effects {
		gauge(out, c.effects, float64(e.Count), string(e.Kind), string(e.Outcome))
	}
	for _, w := range s.Subjects {
		gauge(out, c.subjects, float64(w.Count), string(w.Tenant), string(w.Kind))
	}
}

func (c *Collector) collectCredential(out chan<- prometheus.Metric, k Credential) {
	who := []string{string(k.ID), string(k.Tenant), k.BusinessUnit.String(), string(k.Criticality)}
	with := func(label string) []string { return append(who[:len(who):len(who)], label) }
	if up, known := isUp(k.State); known {
		gauge(out, c.up, up, who...)
	}
	for _, state := range states {
		gauge(out, c.state, boolValue(k.State == state), with(string(state))...)
	}
	if !k.LastProven.IsZero() {
		gauge(out, c.proven, unixSeconds(k.LastProven), who...)
	}
	for _, e := range k.Expiries {
		if !e.At.IsZero() {
			gauge(out, c.expiry, unixSeconds(e.At), with(e.Clock)...)
		}
	}
	for _, r := range k.Ratios {
		gauge(out, c.ratio, r.Value, string(k.ID), r.Window)
	}
	for _, r := range k.Refreshes {
		gauge(out, c.refreshes, r.Value, string(k.ID), r.Window)
	}
	for _, r := range k.Attempts {
		gauge(out, c.attempts, r.Value, string(k.ID), r.Window)
	}
}

// isUp says what keepwatch_credential_up shows. Paused and maintenance prove
// nothing either way, so they are as absent as unknown.
func isUp(s keepwatch.State) (up float64, known bool) {
	switch s {
	case keepwatch.StateHealthy, keepwatch.StateDegraded:
		return 1, true
	case keepwatch.StateFailing, keepwatch.StateExpired:
		return 0, true
	}
	return 0, false
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// gauge emits one value. The only error it can make is a wrong number of labels,
// which the golden test would show; a scrape never fails for one value.
func gauge(out chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	for i := range labels {
		labels[i] = clean(labels[i])
	}
	if m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, labels...); err == nil {
		out <- m
	}
}
