package impact

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(hours float64) time.Time { return noon.Add(time.Duration(hours * float64(time.Hour))) }

func journey(key string, perDay float64) Subject {
	return Subject{
		Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: key, Unit: 7},
		Expect:  keepwatch.Expectation{ContactsPerDay: perDay}, Upstream: []keepwatch.Upstream{{Credential: "crm"}},
	}
}

// outage is an incident of one credential that failed from noon on, known exactly.
func outage(hours float64) Case {
	return Case{
		Now: at(hours + 10), LastFailedAt: at(hours),
		Incident: keepwatch.Incident{
			ID: "i1", Scope: keepwatch.ScopeCredential, Outcome: keepwatch.BadSecretOrPackage, Status: keepwatch.IncidentResolved, Credential: "crm",
			Members:      []keepwatch.Member{{Series: "crm", Credential: "crm", Outcome: keepwatch.BadSecretOrPackage, Since: noon, EndedAt: at(hours)}},
			LastProvenAt: noon, FirstFailedAt: noon, DetectedAt: noon.Add(time.Minute), RestoredAt: at(hours), ResolvedAt: at(hours),
		},
	}
}

func figure(t *testing.T, i keepwatch.Impact, name, subject string) keepwatch.Figure {
	t.Helper()
	f, ok := Part(i, name, subject)
	if !ok {
		t.Fatalf("no figure %s of %q in %s", name, subject, listed(i))
	}
	return f
}

func listed(i keepwatch.Impact) string {
	var b strings.Builder
	for _, f := range i.Figures {
		fmt.Fprintf(&b, "\n%s %q: %v %v %v %s (%s; %s)", f.Name, f.Subject, f.Low, f.Mid, f.High, f.Unit, f.Formula, f.Source)
	}
	return b.String()
}

// 10,000 contacts a day and a 4-hour outage is 1,667 contacts.
func TestReferenceCase(t *testing.T) {
	c := outage(4)
	c.Subjects = []Subject{journey("welcome", 10000)}
	got := Of(c)
	for _, subject := range []string{"", "journey/welcome"} {
		f := figure(t, got, ContactsDelayed, subject)
		if f.Mid != 1667 || f.Formula != "4 h 00 m × 10,000 / 24 h = 1,667" || f.Unit != "contacts" || f.Source != Configured {
			t.Errorf("%q: %+v", subject, f)
		}
		if f.Low != 1615 || f.High != 1719 {
			t.Errorf("the range of chance is %v to %v", f.Low, f.High)
		}
	}
	if f := figure(t, got, OutageHours, ""); f.Mid != 4 || f.Low != 4 || f.High != 4 {
		t.Errorf("%+v", f)
	}
	if !got.Final {
		t.Error("a resolved incident is final")
	}
}

func TestFigures(t *testing.T) {
	lost, late := journey("welcome", 10000), journey("loyalty", 2400)
	lost.Expect.OnOutage, lost.Expect.ValuePerContact = "lost", 0.42
	late.Expect.OnOutage = "late"
	said := late
	said.Backlog = &Backlog{Holder: "mulesoft", At: at(4), Depth: 390, Oldest: 4 * time.Hour}
	for _, x := range []struct {
		name     string
		change   func(*Case)
		figure   string
		subject  string
		low, mid float64
		high     float64
		formula  string
		source   string
	}{
		{"lost", func(c *Case) { c.Subjects = []Subject{lost, late} }, ContactsLost, "", 1615, 1667, 1719, "4 h 00 m × 10,000 / 24 h = 1,667", Configured},
		{"late", func(c *Case) { c.Subjects = []Subject{lost, late} }, ContactsLate, "journey/loyalty", 374, 400, 426, "4 h 00 m × 2,400 / 24 h = 400", Configured},
		{"sum", func(c *Case) { c.Subjects = []Subject{lost, late} }, ContactsDelayed, "", 2009, 2067, 2125, "400 + 1,667 = 2,067", Configured},
		{"value", func(c *Case) { c.Subjects = []Subject{lost, late} }, Value, "", 678.17, 700.14, 722.11, "1,667 lost × 0.42 = 700.14", Configured},
		{"not said", func(c *Case) { c.Subjects = []Subject{journey("welcome", 10000)} }, ContactsLate, "", 1615, 1667, 1719,
			"4 h 00 m × 10,000 / 24 h = 1,667, taken as late: on_outage is not configured", Configured},
		{"inferred backlog", func(c *Case) { c.Subjects = []Subject{late} }, CallerBacklog, "", 374, 400, 426, "4 h 00 m × 2,400 / 24 h = 400, inferred", Inferred},
		{"pushed backlog", func(c *Case) { c.Subjects = []Subject{said} }, CallerBacklog, "", 390, 390, 390, "390 waiting at mulesoft, said 2026-11-23 16:00 UTC, the oldest for 4 h 00 m", Pushed},
		{"open", func(c *Case) {
			c.Now, c.Incident.Status, c.Incident.RestoredAt, c.Incident.ResolvedAt = at(2), keepwatch.IncidentOpen, time.Time{}, time.Time{}
			c.Incident.Members[0].EndedAt = time.Time{}
			c.Subjects = []Subject{late}
		}, ContactsDelayed, "", 182, 200, 218, "2 h 00 m × 2,400 / 24 h = 200, so far", Configured},
		{"baseline", func(c *Case) {
			c.Subjects = []Subject{lost}
			c.Volume = func(_ keepwatch.Subject, from, to time.Time) (low, mid, high float64, source string) {
				h := to.Sub(from).Hours()
				return 90 * h, 100 * h, 130 * h, Baseline
			}
		}, ContactsDelayed, "", 360, 400, 520, "4 h 00 m of its usual hours (360 to 520) = 400", Baseline},
		{"less what came", func(c *Case) {
			c.Subjects = []Subject{lost}
			c.Came = func(_ keepwatch.Subject, from, _ time.Time) (int64, time.Time, time.Time) {
				return 625, from, from.Add(3 * time.Hour)
			}
		}, ContactsDelayed, "", 781, 833, 885, "4 h 00 m × 10,000 / 24 h, less the 50 % that came = 833", Measured},
		{"between two looks", func(c *Case) {
			c.Subjects = []Subject{lost}
			c.Incident.LastProvenAt, c.Incident.FirstFailedAt = at(-0.1), at(0.1)
			c.LastFailedAt, c.Incident.RestoredAt = at(3.9), at(4.1)
		}, OutageHours, "", 3.89, 4, 4.11, "2026-11-23 12:00 UTC to 2026-11-23 16:00 UTC = 4 h 00 m", Measured},
		{"never proven", func(c *Case) { c.Incident.LastProvenAt = time.Time{} }, OutageHours, "", 4, 4, 4,
			"2026-11-23 12:00 UTC (the first failure; never proven before) to 2026-11-23 16:00 UTC = 4 h 00 m", Measured},
		{"from one place", func(c *Case) {
			c.Subjects = []Subject{late}
			c.Incident.Scope, c.Incident.Outcome, c.Incident.Credential = keepwatch.ScopePlace, keepwatch.IPBlocked, ""
		}, ContactsDelayed, "", 0, 400, 426, "4 h 00 m × 2,400 / 24 h = 400, at most: seen from one place, others may get through", Configured},
		{"detected", func(c *Case) { c.Incident.LastProvenAt = at(-0.1) }, TimeToDetect, "", 96, 240, 384, "began 2026-11-23 11:57 UTC, detected 2026-11-23 12:01 UTC = 4 m", Measured},
		{"acknowledged", func(c *Case) { c.Incident.AcknowledgedAt = at(0.5) }, TimeToAcknowledge, "", 1740, 1740, 1740, "detected 2026-11-23 12:01 UTC, acknowledged 2026-11-23 12:30 UTC = 29 m", Measured},
		{"restored", func(*Case) {}, TimeToRestore, "", 14400, 14400, 14400, "began 2026-11-23 12:00 UTC, works again 2026-11-23 16:00 UTC = 4 h 00 m", Measured},
		{"caught up", func(c *Case) {
			c.Incident.Effects = []keepwatch.Effect{{Subject: lost.Subject, Outcome: keepwatch.JourneyStalled, Since: noon, EndedAt: at(5)}}
			c.Incident.ResolvedAt = at(5)
		}, TimeToCatchUp, "", 3600, 3600, 3600, "works again 2026-11-23 16:00 UTC, caught up 2026-11-23 17:00 UTC = 1 h 00 m", Measured},
	} {
		c := outage(4)
		x.change(&c)
		got := Of(c)
		f := figure(t, got, x.figure, x.subject)
		if f.Low != x.low || f.Mid != x.mid || f.High != x.high || f.Formula != x.formula || f.Source != x.source {
			t.Errorf("%s: %v %v %v, %q, %s; want %v %v %v, %q, %s", x.name, f.Low, f.Mid, f.High, f.Formula, f.Source, x.low, x.mid, x.high, x.formula, x.source)
		}
	}
}

// orders is the extension that nightly-orders fills with the credential.
func orders() Subject {
	return Subject{
		Subject:  keepwatch.Subject{Kind: keepwatch.SubjectDataExtension, Key: "Orders", Unit: 7},
		Expect:   keepwatch.Expectation{RowsEvery: time.Hour, FedBy: "nightly-orders"},
		Upstream: []keepwatch.Upstream{{Credential: "crm", Via: []string{"automation/nightly-orders"}}}, Watched: true,
	}
}

func reader() Subject {
	s := journey("recommend", 2400)
	s.Upstream = []keepwatch.Upstream{{Credential: "crm", Via: []string{"automation/nightly-orders", "data_extension/Orders"}}}
	return s
}

// A journey that reads what an automation of the dead credential fills goes on: its
// contacts are on stale data and not delayed.
func TestNestedDependents(t *testing.T) {
	c := outage(4)
	c.Subjects = []Subject{reader(), orders()}
	c.Incident.Effects = []keepwatch.Effect{{
		Subject: orders().Subject, Aspect: keepwatch.AspectRows, Outcome: keepwatch.DataStale, Since: at(-0.5), NoticedAt: at(2), EndedAt: at(4.5),
	}}
	c.Incident.ResolvedAt = at(4.5)
	got := Of(c)
	if f, ok := Sum(got, ContactsDelayed); ok {
		t.Errorf("a reader is delayed: %+v", f)
	}
	stale := figure(t, got, HoursStale, "data_extension/Orders")
	if stale.Mid != 4.75 || stale.Low != 4.55 || stale.High != 4.95 || stale.Source != Measured {
		t.Errorf("%+v", stale)
	}
	// Behind from half past twelve (a row was due) to between 16:00 and 16:30.
	on := figure(t, got, ContactsOnStaleData, "journey/recommend")
	if on.Mid != 375 || !strings.HasPrefix(on.Formula, "3 h 45 m × 2,400 / 24 h = 375 while Orders was stale") {
		t.Errorf("%+v", on)
	}
	// One that also enters with the credential: only those after the restore.
	c.Subjects[0].Upstream = append(c.Subjects[0].Upstream, keepwatch.Upstream{Credential: "crm"})
	got = Of(c)
	if f := figure(t, got, ContactsOnStaleData, ""); f.Mid != 25 {
		t.Errorf("%+v", f)
	}
	if f := figure(t, got, ContactsDelayed, ""); f.Mid != 400 {
		t.Errorf("%+v", f)
	}
}

// The rows that a batch journey takes are its contacts: none of them came while there were none.
func TestABatchJourneyIsNotOnItsOwnStaleData(t *testing.T) {
	c := outage(4)
	batch := reader()
	batch.Readings = []keepwatch.Watch{{Subject: batch.Subject, Aspect: keepwatch.AspectEntry, Reading: keepwatch.Reading{At: at(1), Journey: &keepwatch.JourneyReading{Extension: "Orders"}}}}
	c.Subjects = []Subject{batch, orders()}
	c.Incident.Effects = []keepwatch.Effect{{
		Subject: orders().Subject, Aspect: keepwatch.AspectRows, Outcome: keepwatch.DataStale, Since: at(-0.5), NoticedAt: at(2), EndedAt: at(4.5),
	}}
	c.Incident.ResolvedAt = at(4.5)
	if f, ok := Sum(Of(c), ContactsOnStaleData); ok {
		t.Errorf("%+v", f)
	}
}

// What an effect costs after its cause is gone is no part of the cause's incident, and the next
// one begins there: no contact counts in both.
func TestAnEffectThatGoesOnElsewhereCountsOnce(t *testing.T) {
	c := outage(4)
	c.Subjects = []Subject{journey("welcome", 2400)}
	c.Subjects[0].Upstream = []keepwatch.Upstream{{Credential: "crm"}}
	restored := c.Incident.RestoredAt
	if restored.IsZero() {
		restored = c.Incident.ResolvedAt
	}
	e := keepwatch.Effect{Subject: c.Subjects[0].Subject, Aspect: keepwatch.AspectEntry, Outcome: keepwatch.JourneyStalled, Since: at(0), NoticedAt: at(1), EndedAt: restored}
	c.Incident.Effects = []keepwatch.Effect{e}
	first := figure(t, Of(c), ContactsDelayed, "journey/welcome")
	e.Since, e.NoticedAt, e.EndedAt = restored, restored, restored.Add(10*time.Hour)
	rest := Case{Now: restored.Add(11 * time.Hour), Subjects: c.Subjects, Incident: keepwatch.Incident{
		Scope: keepwatch.ScopeEffect, Outcome: keepwatch.JourneyStalled, Status: keepwatch.IncidentResolved, DetectedAt: restored,
		ResolvedAt: e.EndedAt, Effects: []keepwatch.Effect{e},
	}}
	second := figure(t, Of(rest), ContactsDelayed, "journey/welcome")
	if first.Mid < 370 || first.Mid > 400 || second.Mid < 990 || second.Mid > 1000 {
		t.Errorf("of 14 hours the first counts %.0f and the second %.0f: %s; %s", first.Mid, second.Mid, first.Formula, second.Formula)
	}
}

// What another incident explains counts there, and not here as well.
func TestWhatAnotherIncidentExplainsCountsThere(t *testing.T) {
	c := outage(4)
	c.Subjects = []Subject{journey("welcome", 2400)}
	c.Subjects[0].Upstream = []keepwatch.Upstream{{Credential: "crm"}}
	c.Incident.Effects = []keepwatch.Effect{{Subject: c.Subjects[0].Subject, Aspect: keepwatch.AspectEntry, Outcome: keepwatch.JourneyStalled, Since: at(0), NoticedAt: at(1), EndedAt: at(2)}}
	figure(t, Of(c), ContactsDelayed, "journey/welcome")
	c.Incident.Effects[0].MovedTo = "other"
	if f, ok := Sum(Of(c), ContactsDelayed); ok {
		t.Errorf("%+v", f)
	}
}

func TestStalenessWhereNobodyLooks(t *testing.T) {
	c := outage(4)
	c.Subjects = []Subject{orders()}
	if f, ok := Sum(Of(c), HoursStale); ok {
		t.Errorf("it is watched and was never stale: %+v", f)
	}
	c.Subjects[0].Watched = false
	f := figure(t, Of(c), HoursStale, "")
	if f.Source != Inferred || f.Mid != 5 || !(f.Low < 5 && f.Low > 4 && f.High > 5 && f.High < 6) {
		t.Errorf("%+v", f)
	}
}

func TestQueues(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	send := Subject{Subject: keepwatch.Subject{Kind: keepwatch.SubjectTriggeredSend, Key: "reset", Unit: 7}}
	for i, depth := range []int64{10, 250, 120, 5} {
		send.Readings = append(send.Readings, keepwatch.Watch{Reading: keepwatch.Reading{
			At: at(float64(i + 1)), Send: &keepwatch.SendReading{Queued: n(depth), NotSent: n(int64(3 * i))},
		}})
	}
	c := outage(3.5)
	c.Subjects = []Subject{send}
	got := Of(c)
	for name, want := range map[string]float64{QueueDepth: 250, QueueAtRestore: 120, MessagesNotSent: 9} {
		if f := figure(t, got, name, "triggered_send/reset"); f.Mid != want || f.Low != want || f.Source != Measured {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestWhatStopsNothingCostsNothing(t *testing.T) {
	for scope, outcome := range map[keepwatch.Scope]keepwatch.Outcome{
		keepwatch.ScopeCredential: keepwatch.Expiring, keepwatch.ScopeMonitor: keepwatch.MonitorFault,
	} {
		c := outage(4)
		c.Incident.Scope, c.Incident.Outcome = scope, outcome
		c.Subjects = []Subject{journey("welcome", 10000)}
		if got := Of(c); len(got.Figures) > 0 || got.Figures == nil {
			t.Errorf("%s: %s", outcome, listed(got))
		}
	}
}

// An effect alone, without a credential: it counts from the last sign of life.
func TestEffectIncident(t *testing.T) {
	c := outage(4)
	c.Incident.Scope, c.Incident.Credential, c.Incident.Members, c.Incident.Outcome = keepwatch.ScopeEffect, "", nil, keepwatch.JourneyStalled
	c.Incident.FirstFailedAt = at(1)
	c.Incident.Effects = []keepwatch.Effect{{Subject: journey("welcome", 0).Subject, Outcome: keepwatch.JourneyStalled, Since: noon, NoticedAt: at(1), EndedAt: at(4)}}
	c.Subjects = []Subject{journey("welcome", 10000)}
	c.Subjects[0].Upstream = nil
	if f := figure(t, Of(c), ContactsLate, ""); f.Mid != 1667 {
		t.Errorf("%+v", f)
	}
	if f := figure(t, Of(c), OutageHours, ""); f.Mid != 4 {
		t.Errorf("%+v", f)
	}
}

// A random case: any spans, any subjects.
func randomCase(r *rand.Rand) Case {
	hours := 0.1 + r.Float64()*50
	c := outage(hours)
	c.Incident.LastProvenAt = noon.Add(-time.Duration(r.IntN(3600)) * time.Second)
	c.LastFailedAt = at(hours).Add(-time.Duration(r.IntN(3600)) * time.Second)
	for i := range 1 + r.IntN(6) {
		s := journey(fmt.Sprint("j", i), math.Round(r.Float64()*5000))
		s.Expect.OnOutage = []string{"", "late", "lost"}[r.IntN(3)]
		s.Expect.ValuePerContact = float64(r.IntN(3))
		s.Expect.Reads = []string{"Orders"}
		c.Subjects = append(c.Subjects, s)
	}
	o := orders()
	o.Watched = r.IntN(2) == 0
	c.Subjects = append(c.Subjects, o, reader())
	if r.IntN(2) == 0 {
		rate, wide := 1+r.Float64()*100, r.Float64()
		c.Volume = func(_ keepwatch.Subject, from, to time.Time) (low, mid, high float64, source string) {
			mid = rate * to.Sub(from).Hours()
			return mid * (1 - wide), mid, mid * (1 + 2*wide), Baseline
		}
	}
	return c
}

func TestProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for n := range 2000 {
		c := randomCase(r)
		got := Of(c)
		sums := map[string]float64{}
		for _, f := range got.Figures {
			if !(f.Low <= f.Mid && f.Mid <= f.High && f.Low >= 0) || math.IsNaN(f.Mid) {
				t.Fatalf("case %d: %+v is no range", n, f)
			}
			if f.Formula == "" || f.Unit == "" {
				t.Fatalf("case %d: %+v says too little", n, f)
			}
			if f.Subject != "" {
				sums[f.Name] += f.Mid
			}
		}
		for name, sum := range sums {
			if f, ok := Sum(got, name); name != HoursStale && (!ok || math.Abs(f.Mid-sum) > 0.02) {
				t.Fatalf("case %d: the parts of %s make %v: %s", n, name, sum, listed(got))
			}
		}
		longer := c
		longer.LastFailedAt, longer.Incident.RestoredAt = c.LastFailedAt.Add(time.Hour), c.Incident.RestoredAt.Add(time.Hour)
		longer.Incident.ResolvedAt = longer.Incident.RestoredAt
		longer.Incident.Members = []keepwatch.Member{c.Incident.Members[0]}
		longer.Incident.Members[0].EndedAt = longer.Incident.RestoredAt
		notLess(t, n, "a longer outage", got, Of(longer))
		if c.Volume == nil {
			busier := c
			busier.Subjects = append([]Subject(nil), c.Subjects...)
			for i := range busier.Subjects {
				busier.Subjects[i].Expect.ContactsPerDay *= 1.5
			}
			notLess(t, n, "more volume", got, Of(busier))
		}
	}
}

func notLess(t *testing.T, n int, what string, before, after keepwatch.Impact) {
	t.Helper()
	for _, b := range before.Figures {
		switch b.Name {
		case ContactsDelayed, ContactsLate, ContactsLost, Value, OutageHours, HoursStale:
		default:
			continue
		}
		slack := 0.01 // contacts are whole, and so is what is worked out of them
		switch b.Unit {
		case unitContacts:
			slack = 1
		case "value":
			slack = 2
		}
		a, ok := Part(after, b.Name, b.Subject)
		if !ok || a.Low < b.Low-slack || a.Mid < b.Mid-slack || a.High < b.High-slack {
			t.Fatalf("case %d: %s makes %s of %q %v %v %v, before %v %v %v", n, what, b.Name, b.Subject, a.Low, a.Mid, a.High, b.Low, b.Mid, b.High)
		}
	}
}

// The range of a span holds its true length in eight of ten cases.
func TestSpanCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, gaps := range [][2]float64{{1, 1}, {1, 0}, {1, 0.1}, {0.2, 3}, {0.01, 1}} {
		s := span{from: [2]time.Time{at(-gaps[0]), noon}, to: [2]time.Time{at(10), at(10 + gaps[1])}}
		low, _, high := s.length()
		in := 0
		const tries = 40000
		for range tries {
			d := at(10 + r.Float64()*gaps[1]).Sub(at(-r.Float64() * gaps[0]))
			if d >= low && d <= high {
				in++
			}
		}
		if share := float64(in) / tries; math.Abs(share-0.8) > 0.01 {
			t.Errorf("gaps of %v: %.3f of the cases lie within the range", gaps, share)
		}
	}
}

// Two subjects above their usual together are rarer than one: their doubt adds up in
// quadrature. How long it lasted is one doubt for both.
func TestHowRangesAddUp(t *testing.T) {
	e := estimate{mid: 100, volLow: 30, volHigh: 30}
	if sum := e.plus(e); math.Round(sum.high()) != 242 {
		t.Errorf("volumes: %v", sum.high())
	}
	e = estimate{mid: 100, durLow: 30, durHigh: 30}
	if sum := e.plus(e); sum.high() != 260 || sum.low() != 140 {
		t.Errorf("spans: %v to %v", sum.low(), sum.high())
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1667: "1,667", 1234567: "1,234,567", 0.42: "0.42", 700.139: "700.14", -1000: "-1,000", 999: "999"} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
