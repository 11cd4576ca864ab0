package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// ends is the date of most stories here.
var ends = time.Date(2026, time.November, 28, 0, 0, 0, 0, time.UTC)

// glance is a daily look at the secret's clock of a credential, so many days before
// its end.
func glance(id string, days int, passed []string, change ...func(*keepwatch.Observation)) keepwatch.Observation {
	when := ends.AddDate(0, 0, -days)
	check := keepwatch.CheckOf(keepwatch.CheckExpiry, keepwatch.CredentialID(id))
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, when) + "#secret", Series: keepwatch.SeriesOf(check, "secret"), Check: check, Credential: keepwatch.CredentialID(id),
		Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: when, At: when, Gap: 24 * time.Hour, Outcome: keepwatch.OK, Message: "The secret ends.", Hint: "Rotate it.",
		Due: &keepwatch.Due{Clock: keepwatch.Clock{Name: "secret", Kind: keepwatch.ClockHard, At: ends, Source: keepwatch.DateDerived, Basis: "generated"}, Passed: passed},
	}
	if len(passed) > 0 {
		o.Outcome = keepwatch.Expiring
	}
	if slices.Contains(passed, keepwatch.RungExpired) {
		o.Outcome = keepwatch.Expired
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func rungs(names ...string) []string { return names }

func hushed(o *keepwatch.Observation) { o.Due.Quiet, o.Outcome = true, keepwatch.OK }

func assumed(o *keepwatch.Observation) { o.Due.Clock.Source = keepwatch.DateAssumed }

func ticket(o *keepwatch.Observation) { o.Due.Ticket = true }

func until(t time.Time) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Due.Clock.At = t }
}

// sayings are the notices as "kind severity outcome rung".
func (w *world) sayings() string {
	var out []string
	for _, n := range w.notices {
		rung, _, _ := strings.Cut(strings.TrimPrefix(n.Incident.Evidence, "rung "), ";")
		if !strings.HasPrefix(n.Incident.Evidence, "rung ") {
			rung = "-"
		}
		out = append(out, strings.Join([]string{string(n.Kind), string(n.Incident.Severity), string(n.Incident.Outcome), rung}, " "))
	}
	return strings.Join(out, "\n")
}

// TestDates tells what each course of looks says, once.
func TestDates(t *testing.T) {
	const (
		ok, expired = keepwatch.OK, keepwatch.RungExpired
		refused     = keepwatch.BadSecretOrPackage
	)
	moved := ends.AddDate(0, 0, 180)
	at := func(days int, hour int) time.Time {
		return ends.AddDate(0, 0, -days).Add(time.Duration(hour) * time.Hour)
	}
	tests := map[string]struct {
		obs   []keepwatch.Observation
		want  string
		state keepwatch.State
		open  int
	}{
		"far away nothing is said": {
			[]keepwatch.Observation{glance("a", 90, nil)},
			"", keepwatch.StateHealthy, 0,
		},
		"each rung once, rising": {
			[]keepwatch.Observation{
				glance("a", 60, rungs("60d")), glance("a", 59, rungs("60d")), glance("a", 14, rungs("60d", "14d")), glance("a", 13, rungs("60d", "14d")),
				glance("a", 1, rungs("60d", "14d", "1d")), glance("a", 0, rungs("60d", "14d", "1d", expired)), glance("a", -1, rungs("60d", "14d", "1d", expired)),
			},
			"opened info expiring 60d\nwarning warning expiring 14d\nwarning critical expiring 1d\nwarning critical expired expired", keepwatch.StateExpired, 1,
		},
		"late rungs are one message": {
			[]keepwatch.Observation{glance("a", 5, rungs("60d", "30d", "14d", "7d")), glance("a", 4, rungs("60d", "30d", "14d", "7d"))},
			"opened warning expiring 7d", keepwatch.StateHealthy, 1,
		},
		"another date ends it and arms the ladder again": {
			[]keepwatch.Observation{
				glance("a", 30, rungs("30d")), glance("a", 20, nil, until(moved)), glance("a", -150, rungs("30d"), until(moved)),
			},
			"opened info expiring 30d\nresolved info expiring 30d\nopened info expiring 30d", keepwatch.StateHealthy, 1,
		},
		"a date that moves a little goes on in the same incident": {
			[]keepwatch.Observation{glance("a", 13, rungs("14d")), glance("a", 12, rungs("14d"), until(ends.AddDate(0, 0, -1)))},
			"opened warning expiring 14d\nwarning warning expiring 14d", keepwatch.StateHealthy, 1,
		},
		"a planned renewal quiets the rungs, and they come when it is over": {
			[]keepwatch.Observation{
				glance("a", 60, rungs("60d")), glance("a", 30, rungs("60d", "30d"), hushed), glance("a", 14, rungs("60d", "30d", "14d"), hushed),
				glance("a", 10, rungs("60d", "30d", "14d", "renewal 2026-11-17")),
			},
			"opened info expiring 60d\nwarning warning expiring renewal 2026-11-17", keepwatch.StateHealthy, 1,
		},
		"the end is never quiet": {
			[]keepwatch.Observation{glance("a", 0, rungs("1d", expired), func(o *keepwatch.Observation) { o.Due.Quiet = true })},
			"opened critical expired expired", keepwatch.StateExpired, 1,
		},
		"an assumed date wakes nobody": {
			[]keepwatch.Observation{glance("a", 1, rungs("1d"), assumed), glance("a", 0, rungs("1d", expired), assumed)},
			"opened warning expiring 1d\nwarning warning expired expired", keepwatch.StateDegraded, 1,
		},
		"a ticket pages nobody before the end": {
			[]keepwatch.Observation{glance("a", 1, rungs("1d"), ticket), glance("a", 0, rungs("1d", expired), ticket)},
			"opened warning expiring 1d\nwarning critical expired expired", keepwatch.StateExpired, 1,
		},
		"a proof before the look contradicts the date": {
			[]keepwatch.Observation{seen("a", at(0, 1), ok), glance("a", -1, rungs(expired))},
			"opened warning expired expired", keepwatch.StateHealthy, 1,
		},
		"a proof after it calms the incident down": {
			[]keepwatch.Observation{
				glance("a", 0, rungs(expired)),
				seen("a", at(0, 1), ok, func(o *keepwatch.Observation) { o.Findings = []keepwatch.Outcome{keepwatch.DateContradicted} }),
			},
			"opened critical expired expired\nchanged warning expired expired", keepwatch.StateExpired, 1,
		},
		"a refused credential tells it in its own incident": {
			[]keepwatch.Observation{
				glance("a", 1, rungs("1d")), seen("a", at(1, 1), refused), seen("a", at(1, 2), refused), glance("a", 0, rungs("1d", expired)), glance("a", -1, rungs("1d", expired)),
			},
			"opened critical expiring 1d\nopened critical bad_secret_or_package -\nmerged_into critical expiring 1d\nwarning critical bad_secret_or_package -", keepwatch.StateExpired, 1,
		},
		"a refusal takes the passed date in": {
			[]keepwatch.Observation{glance("a", 0, rungs(expired)), seen("a", at(0, 1), refused), seen("a", at(0, 2), refused)},
			"opened critical expired expired\nopened critical bad_secret_or_package -\nmerged_into critical expired expired", keepwatch.StateExpired, 1,
		},
		"a clock that is no more ends its warnings": {
			[]keepwatch.Observation{glance("a", 7, rungs("7d")), glance("a", 6, nil, summary)},
			"opened warning expiring 7d\nresolved warning expiring 7d", keepwatch.StateHealthy, 0,
		},
		"a clock that stands keeps them": {
			[]keepwatch.Observation{glance("a", 7, rungs("7d")), glance("a", 6, nil, summary, func(o *keepwatch.Observation) { o.Steps = []keepwatch.Step{{Name: "secret"}} })},
			"opened warning expiring 7d", keepwatch.StateHealthy, 1,
		},
		"a reporter without a date ends its own": {
			[]keepwatch.Observation{glance("a", 7, rungs("7d")), glance("a", 6, nil, func(o *keepwatch.Observation) { o.Due = nil })},
			"opened warning expiring 7d\nresolved warning expiring 7d", keepwatch.StateHealthy, 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := story(t, tt.obs...)
			if got := w.sayings(); got != tt.want {
				t.Errorf("said\n%s\nwant\n%s\n%s", got, tt.want, w.tell())
			}
			if s := w.series["expiry:a#secret"]; s.State != tt.state {
				t.Errorf("state %s, want %s", s.State, tt.state)
			}
			if len(w.open) != tt.open {
				t.Errorf("%d incidents are open, want %d:\n%s", len(w.open), tt.open, w.tell())
			}
		})
	}
}

// summary makes a glance the look itself, which names no clock.
func summary(o *keepwatch.Observation) {
	o.Key, o.Series, o.Due = keepwatch.SlotKey(o.Check, o.Slot), keepwatch.SeriesID(o.Check), nil
}

func TestAWarningSaysTheDateAndItsOrigin(t *testing.T) {
	w := story(t, glance("a", 7, rungs("14d", "7d")))
	in := w.open[0]
	if in.Key != "expiry:a:secret" || in.Credential != "a" || in.Message != "a: The secret ends." || in.Hint != "Rotate it." ||
		in.Evidence != "rung 7d; ends 2026-11-28T00:00:00Z; derived: generated" {
		t.Errorf("incident %+v", in)
	}
	if tr := w.timeline[in.ID][0]; !strings.Contains(tr.Detail, "Passed before without a look: 14d.") {
		t.Errorf("detail %q", tr.Detail)
	}
}

func TestAnAcknowledgementEndsWithTheDate(t *testing.T) {
	w := story(t, glance("a", 7, rungs("7d")))
	acknowledge(w)
	w.tell2(glance("a", 1, rungs("7d", "1d")))
	if w.open[0].AcknowledgedAt.IsZero() {
		t.Error("a further rung took the acknowledgement away")
	}
	w.tell2(glance("a", 0, rungs("7d", "1d", keepwatch.RungExpired)))
	if !w.open[0].AcknowledgedAt.IsZero() {
		t.Error("what was acknowledged was that it will end, not that it has")
	}
}

// acknowledge does what a person does to the first open incident.
func acknowledge(w *world) {
	in := w.open[0]
	in.AcknowledgedAt, in.AcknowledgedBy = w.series["expiry:a#secret"].LastAt, "somebody"
	w.incidents[in.ID] = in
	w.reindex()
}

func TestTheNextRungBringsTheLookForward(t *testing.T) {
	next := func(d time.Duration) func(*keepwatch.Observation) {
		return func(o *keepwatch.Observation) { o.Due.Next = o.At.Add(d) }
	}
	for name, tt := range map[string]struct {
		o    keepwatch.Observation
		want time.Duration // 0: the schedule's own
	}{
		"within the day": {glance("a", 31, nil, next(9*time.Hour)), 9 * time.Hour},
		"a day later":    {glance("a", 31, nil, next(33*time.Hour)), 0},
		"never":          {glance("a", 31, nil), 0},
		"passed already": {glance("a", 31, nil, next(-time.Hour)), 0},
		"after a late slot": {glance("a", 31, nil, func(o *keepwatch.Observation) {
			o.Due.Next, o.Slot = o.At.Add(9*time.Hour), o.At.AddDate(0, 0, -10)
		}), 9 * time.Hour},
		"between": {glance("a", 31, nil, next(90*time.Minute+time.Millisecond)), 90*time.Minute + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, incident.Policy{})
			c := w.apply(tt.o.At.Add(time.Second), tt.o)
			var got time.Duration
			if len(c.Plans) > 0 {
				got = c.Plans[0].At.Sub(tt.o.At)
			}
			if got != tt.want || (got > 0 && c.Plans[0].Check != "expiry:a") {
				t.Errorf("plans %+v, want after %s", c.Plans, tt.want)
			}
		})
	}
	// Of several clocks the soonest holds, whatever their order.
	first, second := glance("a", 31, nil, next(5*time.Hour)), glance("a", 31, nil, next(3*time.Hour))
	second.Key, second.Series, second.Due.Clock.Name = second.Key+"2", "expiry:a#login", "login"
	third := second
	third.Key, third.Series = third.Key+"3", "expiry:a#other"
	d := *third.Due
	d.Clock.Name, d.Next = "other", third.At.Add(4*time.Hour)
	third.Due = &d
	c := newWorld(t, incident.Policy{}).apply(first.At.Add(time.Second), first, second, third)
	if len(c.Plans) != 1 || c.Plans[0].At.Sub(first.At) != 3*time.Hour {
		t.Errorf("plans %+v", c.Plans)
	}
}

// TestLooksAreNoProofs: a look at a date neither proves a credential nor stands in
// its neighbourhood's way.
func TestLooksAreNoProofs(t *testing.T) {
	var obs []keepwatch.Observation
	for _, id := range []string{"a", "b", "c"} {
		o := glance(id, 0, nil)
		o.Slot, o.At = at(-20, 0), at(-20, 0)
		obs = append(obs, o)
	}
	for _, minute := range []int{0, 1} {
		for _, id := range []string{"a", "b", "c"} {
			obs = append(obs, seen(id, at(minute, 0), secret))
		}
	}
	w := story(t, obs...)
	if len(w.open) != 1 || w.open[0].Key != "place:local:emea:bad_secret_or_package" {
		t.Errorf("looks kept the refusals of a whole tenant apart:\n%s", w.tell())
	}
	for key, n := range w.hoods {
		for id, proven := range n.LastOK {
			t.Errorf("neighbourhood %v took a look at %s for a proof at %s", key, id, proven)
		}
	}
}

func TestALookThatCannotBeMade(t *testing.T) {
	fault := func(o *keepwatch.Observation) { summary(o); o.Outcome = keepwatch.MonitorFault }
	w := story(t, glance("a", 9, nil, summary), glance("a", 8, nil, fault))
	if len(w.open) != 0 {
		t.Fatalf("a single fault opened:\n%s", w.tell())
	}
	c := w.tell2(glance("a", 7, nil, fault))
	if got := w.lines(); got != "monitor:expiry:a opened cannot_look" {
		t.Errorf("lines %q", got)
	}
	if len(c.Plans) != 1 || c.Plans[0].At.Sub(ends.AddDate(0, 0, -7)) > time.Hour+2*time.Second {
		t.Errorf("it is not looked again within the hour: %+v", c.Plans)
	}
	w.tell2(glance("a", 6, nil, summary))
	if len(w.open) != 0 {
		t.Errorf("a look did not end it:\n%s", w.tell())
	}
}

func facts(pairs ...string) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		for i := 0; i < len(pairs); i += 2 {
			o.Seen = append(o.Seen, keepwatch.Fact{Name: pairs[i], Value: pairs[i+1]})
		}
	}
}

func TestDrift(t *testing.T) {
	base, other := facts("issuer", "A", "names", "x"), facts("issuer", "B", "names", "x")
	w := story(t, glance("a", 60, nil, base), glance("a", 59, nil, base))
	if len(w.opened) != 0 {
		t.Fatalf("nothing changed:\n%s", w.tell())
	}
	w.tell2(glance("a", 58, nil, other))
	in := w.open[0]
	if in.Key != "drift:expiry:a#secret" || in.Outcome != keepwatch.Drifted || in.Severity != keepwatch.SeverityWarning || in.Evidence != "issuer: A -> B" {
		t.Errorf("incident %+v", in)
	}
	if s := w.series["expiry:a#secret"]; s.State != keepwatch.StateDegraded || s.Outcome != keepwatch.Drifted {
		t.Errorf("state %s %s", s.State, s.Outcome)
	}
	w.tell2(glance("a", 57, nil, other))
	if len(w.open) != 1 || w.open[0].Revision != 1 {
		t.Errorf("the same facts again are news:\n%s", w.tell())
	}
	acknowledge(w)
	w.tell2(glance("a", 56, nil, other))
	if len(w.open) != 0 || !strings.HasSuffix(w.lines(), "resolved drift_acknowledged") {
		t.Errorf("an acknowledged change stays open:\n%s", w.tell())
	}
	w.tell2(glance("a", 50, nil, facts("issuer", "C", "names", "x", "key", "new to us")))
	w.tell2(glance("a", 49, nil, facts("issuer", "C", "names", "y", "key", "new to us")))
	if got := w.open[0]; got.Revision != 2 || got.Evidence != "names: x -> y" {
		t.Errorf("a second change: %+v", got)
	}
	w.tell2(glance("a", 42, nil, facts("issuer", "C", "names", "y")))
	if len(w.open) != 0 || !strings.HasSuffix(w.lines(), "resolved drift_aged") {
		t.Errorf("a change of a week ago stays open:\n%s", w.tell())
	}
}

// TestIntegrationPoints: middleware that fails is its own incident, whatever the
// name of what it did, and says nothing about SFMC.
func TestIntegrationPoints(t *testing.T) {
	pointed := func(o *keepwatch.Observation) { o.Step = "https:middleware" }
	for _, outcome := range []keepwatch.Outcome{keepwatch.PlatformError, keepwatch.Timeout, keepwatch.UnexpectedResponse, keepwatch.TLSFailure, keepwatch.RateLimited} {
		t.Run(string(outcome), func(t *testing.T) {
			w := newWorld(t, incident.Policy{FailAfter: func(keepwatch.CredentialID) int { return 1 }})
			w.tell2(seen("a", at(-14, 0), keepwatch.OK), seen("b", at(-13, 0), keepwatch.OK), seen("c", at(-12, 0), keepwatch.OK))
			for m := range 4 {
				w.tell2(confirm("b", at(m, 5), keepwatch.OK)) // a neighbour that works contradicts nothing
				w.tell2(seen("a", at(m, 10), outcome, pointed), seen("c", at(m, 20), outcome, pointed))
			}
			if len(w.open) != 1 || w.open[0].Key != "point:middleware" || w.open[0].Scope != keepwatch.ScopePlace || w.open[0].Tenant != "" || len(w.open[0].Members) != 2 {
				t.Fatalf("open %+v\n%s", w.open, w.tell())
			}
			for _, n := range w.hoods {
				if len(n.Failures) != 0 {
					t.Errorf("the neighbourhood remembers %+v", n.Failures)
				}
			}
			w.tell2(seen("a", at(20, 0), keepwatch.OK), seen("c", at(20, 1), keepwatch.OK))
			if len(w.open) != 0 {
				t.Errorf("it does not end:\n%s", w.tell())
			}
		})
	}
}
