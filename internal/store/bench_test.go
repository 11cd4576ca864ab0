package store_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

// The hot path at the pace of a large installation: 1,000 credentials in groups of
// 100, as claim and Apply see them, on a disk with synchronous=FULL. One op is one
// observation, so ns/op is the figure per proof.

const (
	benchChecks = 1000
	benchGroup  = 100
)

func benchStore(b *testing.B) *store.DB {
	b.Helper()
	path := filepath.Join(b.TempDir(), "keepwatch.db")
	db, err := store.Open(b.Context(), "sqlite:"+path, store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func benchCheck(i int) keepwatch.Check {
	id := fmt.Sprintf("credential-%04d", i)
	tenant := keepwatch.TenantID(fmt.Sprintf("tenant-%d", i%3))
	return keepwatch.Check{
		ID: keepwatch.CheckID(id), Kind: keepwatch.CheckCredential, Credential: keepwatch.CredentialID(id), Tenant: tenant,
		Phase: keepwatch.PhaseOf(tenant, keepwatch.CheckID(id)), Fingerprint: keepwatch.Digest(id),
	}
}

// benchSet is in order of phase, as checks come due.
func benchSet() []keepwatch.Check {
	checks := make([]keepwatch.Check, benchChecks)
	for i := range checks {
		checks[i] = benchCheck(i)
	}
	slices.SortFunc(checks, func(a, b keepwatch.Check) int { return int(a.Phase) - int(b.Phase) })
	return checks
}

// benchObservation is a good run as the prober makes it.
func benchObservation(c keepwatch.Check, slot time.Time) keepwatch.Observation {
	took := 41700 * time.Microsecond
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(c.ID, slot), Series: keepwatch.SeriesOf(c.ID, ""), Check: c.ID, Credential: c.Credential, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: slot, At: slot.Add(137 * time.Millisecond), Took: took, Gap: 10 * time.Second, Outcome: keepwatch.OK,
		Connectivity: keepwatch.ConnectivityProven, Stack: "S7", Scopes: []string{"email_read", "journeys_read", "data_extensions_read"},
	}
	for _, name := range []string{"resolve:auth", "connect:auth", "tls:auth", "token", "identity"} {
		o.Steps = append(o.Steps, keepwatch.Step{Name: name, Outcome: keepwatch.OK, Took: 8123 * time.Microsecond})
	}
	o.Steps[0].Shared, o.Steps[1].Shared, o.Steps[2].Shared = true, true, true
	o.Steps[3].HTTPStatus, o.Steps[4].HTTPStatus = 200, 200
	return o
}

func BenchmarkApply(b *testing.B) {
	db := benchStore(b)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	step := func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.DefaultPolicy(), now)
	}
	checks := benchSet()
	if err := db.SyncChecks(b.Context(), now, checks); err != nil {
		b.Fatal(err)
	}
	apply := func(i int, group []keepwatch.Observation) {
		at := i % (benchChecks / benchGroup) * benchGroup
		if at == 0 {
			now = now.Add(10 * time.Second)
		}
		group = group[:0]
		for _, c := range checks[at : at+benchGroup] {
			group = append(group, benchObservation(c, now.Add(time.Duration(c.Phase)*10/65536*time.Second)))
		}
		if _, err := db.Apply(b.Context(), group, now.Add(time.Second), step); err != nil {
			b.Fatal(err)
		}
	}
	group := make([]keepwatch.Observation, 0, benchGroup)
	i := 0
	for ; i < 35*benchChecks/benchGroup; i++ { // until the baseline of latencies is full
		apply(i, group)
	}
	written, cpu := writtenBy(b), cpuTime(b)
	b.ResetTimer()
	start := i
	for n := 0; n < b.N; n += benchGroup {
		apply(i, group)
		i++
	}
	b.StopTimer()
	b.ReportMetric(float64(writtenBy(b)-written)/float64((i-start)*benchGroup), "written-B/op")
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64((i-start)*benchGroup), "cpu-ns/op")
}

func BenchmarkClaim(b *testing.B) {
	db := benchStore(b)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	checks := benchSet()
	if err := db.SyncChecks(b.Context(), now, checks); err != nil {
		b.Fatal(err)
	}
	now = now.Add(time.Minute)
	next := func(c keepwatch.Check, after time.Time) time.Time {
		return after.Truncate(10 * time.Second).Add(10*time.Second + 10*time.Second*time.Duration(c.Phase)/65536).Truncate(time.Second)
	}
	if _, err := db.ClaimDue(b.Context(), now, benchChecks, next, nil); err != nil {
		b.Fatal(err)
	}
	now = now.Truncate(10 * time.Second).Add(10 * time.Second)
	cpu, n := cpuTime(b), 0
	b.ResetTimer()
	for n < b.N {
		now = now.Add(time.Second)
		got, err := db.ClaimDue(b.Context(), now, benchGroup*2, next, nil)
		if err != nil {
			b.Fatal(err)
		}
		n += max(got, 1)
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(n), "cpu-ns/op")
}

// cpuTime of this process, system calls included: on a shared machine the wall
// clock measures the neighbours.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func writtenBy(b *testing.B) int64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	var v int64
	for _, line := range strings.Split(string(raw), "\n") {
		if n, _ := fmt.Sscanf(line, "wchar: %d", &v); n == 1 {
			return v
		}
	}
	return 0
}

// benchReading is a reading of one of many journeys of a tenant, as a look makes it.
func benchReading(i int, slot time.Time, outcome keepwatch.Outcome) keepwatch.Observation {
	check := keepwatch.EffectsCheck("tenant-0", 7, keepwatch.FamilyJourneys)
	n := int64(1000 + i)
	w := keepwatch.Watch{
		Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: fmt.Sprintf("journey-%05d", i), Unit: 7, Name: "Welcome series"}, Aspect: keepwatch.AspectEntry,
		Upstream: []keepwatch.Upstream{{Credential: "credential-0000"}},
		Reading:  keepwatch.Reading{At: slot, Amount: 3, Window: 15 * time.Minute, Journey: &keepwatch.JourneyReading{Status: "Published", Version: 3, Versions: 3, Entered: &n, Inside: &n, Attempted: &n, Met: &n}},
		Memory:   keepwatch.Memory{Since: slot, Events: n, LastSign: slot},
		Verdict:  keepwatch.Verdict{Outcome: outcome, Evidence: "3 contacts entered in 15m; 4 were expected."},
	}
	if outcome != keepwatch.OK {
		w.Verdict.Since, w.Verdict.Noticed, w.Verdict.Page = slot.Add(-time.Hour), slot, true
	}
	subject := keepwatch.SubjectSeries(w.Subject, w.Aspect)
	return keepwatch.Observation{
		Key: keepwatch.SlotKey(check, slot) + "#" + subject, Series: keepwatch.SeriesOf(check, subject), Check: check, Tenant: "tenant-0", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: slot, At: slot, Gap: 15 * time.Minute, Outcome: outcome, Message: w.Verdict.Evidence, Watch: &w,
	}
}

// BenchmarkApplyReadings is what a look at journeys that are well costs, a reading an op.
func BenchmarkApplyReadings(b *testing.B) {
	db := benchStore(b)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	apply := func() {
		now = now.Add(15 * time.Minute)
		group := make([]keepwatch.Observation, benchGroup)
		for i := range group {
			group[i] = benchReading(i, now, keepwatch.OK)
		}
		benchApply(b, db, now.Add(time.Second), group...)
	}
	for range 3 {
		apply()
	}
	written, cpu := writtenBy(b), cpuTime(b)
	b.ResetTimer()
	for n := 0; n < b.N; n += benchGroup {
		apply()
	}
	groups := float64((b.N + benchGroup - 1) / benchGroup * benchGroup)
	b.ReportMetric(float64(writtenBy(b)-written)/groups, "written-B/op")
	b.ReportMetric(float64(cpuTime(b)-cpu)/groups, "cpu-ns/op")
}

// BenchmarkApplyBesideReadings is a failing test of a credential of a tenant that has
// readings of 7,000 subjects, all of them well, and none.
func BenchmarkApplyBesideReadings(b *testing.B) {
	for _, subjects := range []int{0, 7000} {
		b.Run(fmt.Sprint(subjects), func(b *testing.B) {
			db := benchStore(b)
			now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
			for i := 0; i < subjects; i += 1000 {
				group := make([]keepwatch.Observation, 1000)
				for j := range group {
					group[j] = benchReading(i+j, now, keepwatch.OK)
				}
				benchApply(b, db, now, group...)
			}
			for i := range 300 {
				benchApply(b, db, now, benchObservation(benchCheck(3*i), now))
			}
			cpu := cpuTime(b)
			n := 0
			for b.Loop() {
				now = now.Add(10 * time.Second)
				o := benchObservation(benchCheck(3*(n%300)), now)
				o.Outcome = keepwatch.Timeout
				benchApply(b, db, now.Add(time.Second), o)
				n++
			}
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(n), "cpu-ns/op")
		})
	}
}

// BenchmarkApplyDuringOutage is a group of good tests of a tenant one of whose credentials
// has 7,000 things stopped.
func BenchmarkApplyDuringOutage(b *testing.B) {
	for _, effects := range []int{0, 7000} {
		b.Run(fmt.Sprint(effects), func(b *testing.B) {
			db := benchStore(b)
			now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
			dead := benchObservation(benchCheck(0), now)
			dead.Outcome = keepwatch.LoginFailed
			benchApply(b, db, now, dead)
			for i := 0; i < effects; i += 1000 {
				group := make([]keepwatch.Observation, 1000)
				for j := range group {
					group[j] = benchReading(i+j, now, keepwatch.JourneyStalled)
				}
				benchApply(b, db, now, group...)
			}
			cpu, n := cpuTime(b), 0
			for b.Loop() {
				now = now.Add(10 * time.Second)
				group := make([]keepwatch.Observation, benchGroup)
				for i := range group {
					group[i] = benchObservation(benchCheck(3*(i+1)), now)
				}
				benchApply(b, db, now.Add(time.Second), group...)
				n += benchGroup
			}
			b.ReportMetric(float64(cpuTime(b)-cpu)/float64(n), "cpu-ns/observation")
		})
	}
}

func benchApply(b *testing.B, db *store.DB, now time.Time, group ...keepwatch.Observation) {
	b.Helper()
	if _, err := db.Apply(b.Context(), group, now, func(v incident.View) (incident.Changes, error) { return incident.Step(v, incident.Policy{}, now) }); err != nil {
		b.Fatal(err)
	}
}
