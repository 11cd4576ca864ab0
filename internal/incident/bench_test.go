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

// wellRead is a group of readings that say that all is well, of a tenant with an open
// incident.
func wellRead(n int) incident.View {
	at := start.Add(time.Hour)
	v := incident.View{Series: map[keepwatch.SeriesID]keepwatch.Series{}}
	for i := range n {
		o := read(fmt.Sprintf("journey/%04d", i), at, from("crm"))
		before := read(fmt.Sprintf("journey/%04d", i), at.Add(-15*time.Minute), from("crm"))
		v.Series[o.Series] = keepwatch.Series{ID: o.Series, Check: o.Check, Tenant: "emea", Place: keepwatch.Local, State: keepwatch.StateHealthy, Outcome: keepwatch.OK,
			LastSlot: before.Slot, LastAt: before.At, LastProvenAt: before.At, PlannedGap: 15 * time.Minute, NextProofAt: at, Watch: before.Watch}
		v.Observations = append(v.Observations, o)
	}
	return v
}

func BenchmarkStepWellRead(b *testing.B) {
	const n = 100
	v := wellRead(n)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := incident.Step(v, incident.Policy{}, start.Add(time.Hour+time.Second)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/observation")
}

// BenchmarkStepHit is the worst of it: everything of a tenant hangs on one credential
// and has stopped, and another hundred are judged.
func BenchmarkStepHit(b *testing.B) {
	for _, effects := range []int{100, 1000, 7000} {
		b.Run(fmt.Sprint(effects), func(b *testing.B) {
			w := newWorld(b, incident.Policy{})
			w.tell2(append([]keepwatch.Observation{seen("crm", at(-14, 0), keepwatch.OK)}, refuses("crm", 0)...)...)
			var obs []keepwatch.Observation
			for i := range effects {
				o := stops(fmt.Sprintf("journey/%05d", i), at(5, 0), from("crm"))
				w.tenants["emea"] = append(w.tenants["emea"], o.Series)
				obs = append(obs, o)
			}
			w.apply(at(5, 1), obs...)
			again := make([]keepwatch.Observation, 100)
			for i := range again {
				again[i] = stops(fmt.Sprintf("journey/%05d", i), at(20, 0), from("crm"))
			}
			v := w.view(again)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := incident.Step(v, incident.Policy{}, at(20, 1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestReadingsThatAreWellCostLittle(t *testing.T) {
	v := wellRead(100)
	allocs := testing.AllocsPerRun(20, func() {
		c, err := incident.Step(v, incident.Policy{}, start.Add(time.Hour+time.Second))
		if err != nil || len(c.Series) != 100 || len(c.Incidents)+len(c.Neighbourhoods)+len(c.Plans) != 0 {
			t.Fatalf("%d series, %d incidents, %v", len(c.Series), len(c.Incidents), err)
		}
	})
	if allocs > 50 {
		t.Errorf("a group of 100 readings allocates %.0f times, want at most 50", allocs)
	}
}
