package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keepwatch"
)

// gatewayMetrics count what goes through the gateway.
type gatewayMetrics struct {
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec
	lost     prometheus.Counter
	added    prometheus.Histogram
}

func newGatewayMetrics() gatewayMetrics {
	return gatewayMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_gateway_requests_total", Help: "Requests that the gateway forwarded, by the class of SFMC's answer; none without one.",
		}, []string{"tenant", "host", "class"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepwatch_gateway_refused_total", Help: "Requests and connections that the gateway did not let through.",
		}, []string{"reason"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keepwatch_gateway_observations_lost_total", Help: "Requests that were forwarded and not looked at.",
		}),
		added: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keepwatch_gateway_added_seconds", Help: "Time that the gateway adds to a request: until it is sent on, and from SFMC's answer until that goes out.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1},
		}),
	}
}

func (g gatewayMetrics) register(reg *prometheus.Registry) {
	reg.MustRegister(g.requests, g.refused, g.lost, g.added)
}

// GatewayRequest counts a request that was forwarded. class is "2xx" … "5xx" or "none".
func (m *Metrics) GatewayRequest(tenant keepwatch.TenantID, host, class string) {
	if m == nil {
		return
	}
	m.gateway.requests.WithLabelValues(clean(string(tenant)), host, class).Inc()
}

// GatewayRefused counts what was not let through. The reasons are a fixed list.
func (m *Metrics) GatewayRefused(reason string) {
	if m == nil {
		return
	}
	m.gateway.refused.WithLabelValues(reason).Inc()
}

// GatewayLost counts an observation that got lost.
func (m *Metrics) GatewayLost() {
	if m == nil {
		return
	}
	m.gateway.lost.Inc()
}

// GatewayAdded records what the gateway added to a request.
func (m *Metrics) GatewayAdded(d time.Duration) {
	if m == nil {
		return
	}
	m.gateway.added.Observe(max(0, d.Seconds()))
}
