package incident_test

import (
	"fmt"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// healthyGroup is what nearly every transaction looks like: a group of proofs of
// healthy series.
func healthyGroup(n int) incident.View {
	at := start.Add(time.Hour)
	key := incident.NeighbourhoodKey{Tenant: "emea", Place: keepwatch.Local}
	v := incident.View{
		Series: map[keepwatch.SeriesID]keepwatch.Series{},
		Neighbourhoods: map[incident.NeighbourhoodKey]incident.Neighbourhood{
			key: {Key: key, LastOK: map[keepwatch.CredentialID]time.Time{"other": at.Add(-10 * time.Second)}},
		},
	}
	for i := range n {
		id := fmt.Sprintf("cred-%03d", i)
		s := keepwatch.Series{ID: keepwatch.SeriesID(id), Check: keepwatch.CheckID(id), Credential: keepwatch.CredentialID(id),
			Tenant: "emea", Place: keepwatch.Local, State: keepwatch.StateHealthy, Outcome: keepwatch.OK,
			LastSlot: at.Add(-14 * time.Minute), LastAt: at.Add(-14 * time.Minute), LastProvenAt: at.Add(-14 * time.Minute),
			PlannedGap: 14 * time.Minute, NextProofAt: at}
		for range 30 {
			s.Latencies = append(s.Latencies, 80*time.Millisecond)
		}
		v.Series[s.ID] = s
		v.Observations = append(v.Observations, keepwatch.Observation{
			Key: id, Series: s.ID, Check: s.Check, Credential: s.Credential, Tenant: s.Tenant, Place: s.Place,
			Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Took: 85 * time.Millisecond,
			Gap: 14 * time.Minute, Outcome: keepwatch.OK,
			Steps: []keepwatch.Step{{Name: "token", Outcome: keepwatch.OK, Took: 50 * time.Millisecond}, {Name: "identity", Outcome: keepwatch.OK, Took: 30 * time.Millisecond}},
		})
	}
	return v
}

// BenchmarkStepHealthy measures a group of 100 proofs; the target is under 3 µs
// an observation.
func BenchmarkStepHealthy(b *testing.B) {
	const n = 100
	v := healthyGroup(n)
	now := start.Add(time.Hour + time.Second)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := incident.Step(v, incident.Policy{}, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/observation")
}

func TestStepOfHealthyGroupAllocatesLittle(t *testing.T) {
	v := healthyGroup(100)
	now := start.Add(time.Hour + time.Second)
	allocs := testing.AllocsPerRun(20, func() {
		if _, err := incident.Step(v, incident.Policy{}, now); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 150 {
		t.Errorf("a group of 100 proofs allocates %.0f times, want at most 150", allocs)
	}
}

func TestHealthyProofsDoNotWriteTheNeighbourhood(t *testing.T) {
	c, err := incident.Step(healthyGroup(100), incident.Policy{}, start.Add(time.Hour+time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Neighbourhoods) != 0 || len(c.Plans) != 0 || len(c.Incidents) != 0 {
		t.Errorf("proofs of healthy series wrote %d neighbourhoods, %d plans, %d incidents", len(c.Neighbourhoods), len(c.Plans), len(c.Incidents))
	}
	if len(c.Series) != 100 {
		t.Errorf("%d series changed, want 100", len(c.Series))
	}
}

var start = time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC) // a Monday
