package metrics

import (
	"cmp"

	"keepwatch"
)

// maxFamilies bounds the label family: it comes from the paths that holders call.
const maxFamilies = 64

// Lived counts a window of real traffic.
func (m *Metrics) Lived(o keepwatch.Observation) {
	if m == nil || o.Traffic == nil {
		return
	}
	id, t := clean(string(o.Credential)), o.Traffic
	count := func(outcome keepwatch.Outcome, n int) {
		if n > 0 {
			m.tokenRequests.WithLabelValues(id, string(keepwatch.SourceTraffic), clean(string(outcome))).Add(float64(n))
		}
	}
	count(keepwatch.OK, t.Tokens.OK)
	for outcome, n := range t.Tokens.Failed {
		count(outcome, n)
	}
	for _, c := range t.Calls {
		if c.Count > 0 {
			m.apiCalls.WithLabelValues(id, clean(string(c.Kind)), m.familyLabel(c.Family), clean(c.Class)).Add(float64(c.Count))
		}
	}
}

// familyLabel keeps a label from growing with whatever somebody calls.
func (m *Metrics) familyLabel(family string) string {
	family = cmp.Or(clean(family), "none")
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.families[family] {
		if len(m.families) >= maxFamilies {
			return "other"
		}
		m.families[family] = true
	}
	return family
}
