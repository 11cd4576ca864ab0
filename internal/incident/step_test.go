package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// at is minutes and seconds after the start: at(2, 30).
func at(minutes, seconds int) time.Time {
	return start.Add(time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second)
}

// seen is one scheduled run of a credential of the tenant emea, every 14 minutes.
func seen(id string, when time.Time, outcome keepwatch.Outcome, change ...func(*keepwatch.Observation)) keepwatch.Observation {
	o := keepwatch.Observation{
		Key: id + when.String(), Series: keepwatch.SeriesID(id), Check: keepwatch.CheckID(id), Credential: keepwatch.CredentialID(id),
		Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: when, At: when, Took: time.Second, Gap: 14 * time.Minute, Outcome: outcome,
		Connectivity: keepwatch.ConnectivityProven, Hint: "look", Evidence: "seen",
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func because(r keepwatch.Reason) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Reason = r }
}

func blind(o *keepwatch.Observation) { o.Connectivity = keepwatch.ConnectivityUnproven }

func asksToWait(d time.Duration) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.RetryAfter = d }
}

func changed(when time.Time) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.ChangedAt = when }
}

// story applies observations one by one, a second after each began.
func story(t *testing.T, obs ...keepwatch.Observation) *world {
	t.Helper()
	w := newWorld(t, incident.Policy{})
	w.tell2(obs...)
	return w
}

func (w *world) tell2(obs ...keepwatch.Observation) incident.Changes {
	w.t.Helper()
	var c incident.Changes
	for _, o := range obs {
		known := false
		for _, id := range w.tenants[o.Tenant] {
			known = known || id == o.Series
		}
		if !known {
			w.tenants[o.Tenant] = append(w.tenants[o.Tenant], o.Series)
		}
		c = w.apply(o.At.Add(time.Second), o)
	}
	return c
}

// lines renders all timelines as "key kind reason".
func (w *world) lines() string {
	var out []string
	for _, in := range w.opened {
		for _, tr := range w.timeline[in.ID] {
			out = append(out, in.Key+" "+string(tr.Kind)+" "+tr.Reason)
		}
	}
	return strings.Join(out, "\n")
}

func confirm(id string, when time.Time, o keepwatch.Outcome, change ...func(*keepwatch.Observation)) keepwatch.Observation {
	return seen(id, when, o, append(change, because(keepwatch.ReasonConfirm))...)
}

const secret = keepwatch.BadSecretOrPackage

// TestStories tells, for every way through the machine, what is seen and what
// follows. want lists the timelines, state and next the series at the end.
func TestStories(t *testing.T) {
	ok, timeout, platform := keepwatch.OK, keepwatch.Timeout, keepwatch.PlatformError
	burst := func(id string, m int, o keepwatch.Outcome, change ...func(*keepwatch.Observation)) []keepwatch.Observation {
		return []keepwatch.Observation{seen(id, at(m, 0), o, change...), confirm(id, at(m+1, 0), o, change...), confirm(id, at(m+2, 0), o, change...)}
	}
	refusedTwice := []keepwatch.Observation{seen("a", at(0, 0), ok), seen("a", at(14, 0), secret), confirm("a", at(14, 30), secret)}
	cat := func(parts ...[]keepwatch.Observation) (all []keepwatch.Observation) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	one := func(o ...keepwatch.Observation) []keepwatch.Observation { return o }
	tests := []struct {
		name  string
		obs   []keepwatch.Observation
		want  string
		state keepwatch.State
		plan  string // of the last observation: "reason after it", "" none
	}{
		{"a first proof makes healthy", one(seen("a", at(0, 0), ok)), "", "healthy", ""},
		{"a first refusal is asked again after 30 s", refusedTwice[:2], "", "degraded", "confirm 30s"},
		{"a second refusal opens and is tried again after 10 min", refusedTwice, "credential:a opened confirmed_refusal", "failing", "retry 10m1s"},
		{"the third try waits 30 min", cat(refusedTwice, one(seen("a", at(25, 0), secret, because("retry")))), "credential:a opened confirmed_refusal", "failing", "retry 30m1s"},
		{"a proof resolves", cat(refusedTwice, one(seen("a", at(25, 0), ok, because("retry")))), "credential:a opened confirmed_refusal\ncredential:a resolved proven", "healthy", ""},
		{"a refusal that was not repeated opens nothing", cat(refusedTwice[:2], one(confirm("a", at(14, 30), ok))), "", "healthy", ""},
		{"an expired secret is told from a wrong one", cat(refusedTwice, one(seen("a", at(25, 0), keepwatch.SecretExpired, because("retry")))),
			"credential:a opened confirmed_refusal\ncredential:a changed outcome_changed", "expired", "retry 30m1s"},
		{"a soft failure changes nothing about an open refusal", cat(refusedTwice, burst("a", 25, timeout), burst("a", 40, platform)),
			"credential:a opened confirmed_refusal", "failing", "retry 10m1s"},
		{"a refused login opens at once and is never tried by itself", one(seen("a", at(0, 0), keepwatch.LoginFailed)), "credential:a opened first_refusal", "failing", "never"},
		{"a locked account is not tried after a soft failure either", one(seen("a", at(0, 0), keepwatch.AccountLocked), seen("a", at(9, 0), timeout, because("demand"))),
			"credential:a opened first_refusal", "failing", "never"},
		{"a login that works again on demand is back on its schedule", one(seen("a", at(0, 0), keepwatch.AccountLocked), seen("a", at(9, 0), ok, because("demand"))),
			"credential:a opened first_refusal\ncredential:a resolved proven", "healthy", "scheduled 14m1s"},
		{"so is a secret that was repaired during the back-off", cat(refusedTwice, one(seen("a", at(16, 0), ok, because("demand")))),
			"credential:a opened confirmed_refusal\ncredential:a resolved proven", "healthy", "scheduled 14m1s"},
		{"a refusal after a change waits for propagation", one(seen("a", at(0, 0), ok), seen("a", at(1, 0), secret, changed(at(0, 30)), because("changed"))), "", "degraded", "confirm 5m"},
		{"a run on demand meanwhile does not confirm", one(seen("a", at(1, 0), secret, changed(at(0, 30))), confirm("a", at(2, 0), secret, changed(at(0, 30)), because("demand"))), "", "unknown", "confirm 5m"},
		{"after propagation it does", one(seen("a", at(1, 0), secret, changed(at(0, 30))), confirm("a", at(6, 0), secret, changed(at(0, 30)))), "credential:a opened confirmed_refusal", "failing", "retry 10m1s"},
		{"what was refused before a change says nothing about after", one(seen("a", at(0, 0), secret), confirm("a", at(1, 0), secret, changed(at(0, 30)))), "", "unknown", "confirm 5m"},
		{"an open refusal after a change is tried when it is known", cat(refusedTwice, one(seen("a", at(20, 0), secret, changed(at(19, 0)), because("changed")))), "credential:a opened confirmed_refusal", "failing", "retry 4m"},
		{"a soft failure is confirmed a minute later", one(seen("a", at(0, 0), ok), seen("a", at(14, 0), timeout)), "", "degraded", "confirm 1m"},
		{"a burst of timeouts waits for the next run", cat(one(seen("a", at(0, 0), ok)), burst("a", 14, timeout)), "", "degraded", ""},
		{"two runs of timeouts open the place", cat(one(seen("a", at(0, 0), ok)), burst("a", 14, timeout), burst("a", 28, timeout)), "place:local:emea:network opened runs_confirmed", "failing", ""},
		{"an answer of SFMC between two runs begins the count anew", cat(burst("a", 0, timeout), one(seen("a", at(7, 0), secret, because("demand"))), burst("a", 14, timeout)), "", "unknown", ""},
		{"a burst of 503 opens the platform", cat(one(seen("a", at(0, 0), ok)), burst("a", 14, platform)), "platform opened burst_confirmed", "failing", ""},
		{"maintenance is a state of its own", cat(one(seen("a", at(0, 0), ok)), burst("a", 14, keepwatch.Maintenance)), "platform opened burst_confirmed", "maintenance", ""},
		{"maintenance that turns into an outage is raised", cat(burst("a", 0, keepwatch.Maintenance), one(seen("a", at(14, 0), platform))), "platform opened burst_confirmed\nplatform changed severity_raised", "failing", ""},
		{"a throttle opens the tenant's incident", cat(one(seen("a", at(0, 0), ok)), burst("a", 14, keepwatch.RateLimited)), "tenant:emea:throttle opened burst_confirmed", "degraded", ""},
		{"Retry-After is obeyed", one(seen("a", at(0, 0), keepwatch.RateLimited, asksToWait(20*time.Minute))), "", "unknown", "confirm 20m1s"},
		{"Retry-After is clamped", one(seen("a", at(0, 0), keepwatch.RateLimited, asksToWait(1e9*time.Second))), "", "unknown", "confirm 1d1s"},
		{"50200 pauses for 15 min", one(seen("a", at(0, 0), keepwatch.TemporarilyBlocked)), "", "unknown", "confirm 15m1s"},
		{"a burst without connectivity is not known", cat(one(seen("a", at(0, 0), ok)), burst("a", 14, timeout, blind), burst("a", 28, timeout, blind)), "", "unknown", ""},
		{"a 400 is the monitor's own", cat(burst("a", 0, keepwatch.BadRequest), burst("a", 14, keepwatch.BadRequest)), "monitor:a:request opened runs_confirmed", "degraded", ""},
		{"a missing name too", cat(burst("a", 0, keepwatch.NotFound), burst("a", 14, keepwatch.NotFound)), "monitor:a:request opened runs_confirmed", "degraded", ""},
		{"HTML belongs to the network", cat(burst("a", 0, keepwatch.UnexpectedResponse), burst("a", 14, keepwatch.UnexpectedResponse)), "place:local:emea:network opened runs_confirmed", "failing", ""},
		{"one fault of the monitor is looked at again", one(seen("a", at(0, 0), ok), seen("a", at(14, 0), keepwatch.MonitorFault)), "", "healthy", "confirm 30s"},
		{"two open the monitor's incident", one(seen("a", at(0, 0), ok), seen("a", at(14, 0), keepwatch.MonitorFault), confirm("a", at(14, 30), keepwatch.MonitorFault)), "monitor:a opened cannot_look", "unknown", ""},
		{"any answer ends it", one(seen("a", at(0, 0), keepwatch.MonitorFault), confirm("a", at(0, 30), keepwatch.MonitorFault), seen("a", at(14, 0), secret)), "monitor:a opened cannot_look\nmonitor:a resolved looked_again", "unknown", "confirm 30s"},
		{"a fault of the monitor does not end a refusal", cat(refusedTwice, one(seen("a", at(25, 0), keepwatch.MonitorFault), seen("a", at(26, 0), keepwatch.MonitorFault))),
			"credential:a opened confirmed_refusal\nmonitor:a opened cannot_look", "failing", "retry 10m1s"},
		{"a blocked address is the place's", one(seen("a", at(0, 0), keepwatch.IPBlocked), confirm("a", at(0, 30), keepwatch.IPBlocked)), "place:local:emea:allowlist opened confirmed_refusal", "failing", "retry 10m1s"},
		{"a second blocked credential joins at once", one(seen("b", at(0, 0), keepwatch.IPBlocked), confirm("b", at(0, 30), keepwatch.IPBlocked), seen("a", at(1, 0), keepwatch.IPBlocked)),
			"place:local:emea:allowlist opened confirmed_refusal\nplace:local:emea:allowlist joined same_cause", "failing", "retry 10m1s"},
		{"an outage that turns into a refusal changes hands", cat(burst("a", 0, platform), one(seen("a", at(14, 0), secret), confirm("a", at(14, 30), secret))),
			"platform opened burst_confirmed\nplatform resolved superseded\ncredential:a opened confirmed_refusal", "failing", "retry 10m1s"},
		{"a refusal that turns into a blocked address is merged", cat(refusedTwice, one(seen("a", at(25, 0), keepwatch.IPBlocked), confirm("a", at(25, 30), keepwatch.IPBlocked))),
			"credential:a opened confirmed_refusal\ncredential:a merged_into superseded\nplace:local:emea:allowlist opened confirmed_refusal", "failing", "retry 10m1s"},
		{"a network failure that turns into a throttle goes on failing", cat(burst("a", 0, timeout), burst("a", 14, timeout), burst("a", 28, keepwatch.RateLimited)),
			"place:local:emea:network opened runs_confirmed\nplace:local:emea:network resolved superseded\ntenant:emea:throttle opened burst_confirmed", "failing", ""},
		{"a neighbour that works contradicts a burst", one(seen("a", at(0, 0), ok), seen("b", at(1, 0), ok), seen("a", at(14, 0), platform), seen("b", at(14, 30), ok), confirm("a", at(15, 0), platform), confirm("a", at(16, 0), platform)), "", "degraded", ""},
		{"repeated over half an hour it opens all the same", cat(burst("a", 0, platform)[:1], one(seen("b", at(0, 30), ok)), burst("a", 0, platform)[1:],
			burst("a", 14, platform)[:1], one(seen("b", at(14, 30), ok)), burst("a", 14, platform)[1:], burst("a", 28, platform)[:1], one(seen("b", at(28, 30), ok)), burst("a", 28, platform)[1:]),
			"platform opened runs_confirmed", "failing", ""},
		{"three credentials make the burst together", one(seen("b", at(0, 0), platform), seen("c", at(1, 10), platform), seen("a", at(2, 5), platform)), "platform opened neighbours_confirmed", "failing", ""},
		{"another credential joins an outage and the last one resolves it", cat(burst("b", 0, platform), one(seen("a", at(3, 0), platform), seen("b", at(14, 0), ok), seen("a", at(17, 0), ok))),
			"platform opened burst_confirmed\nplatform joined same_cause\nplatform left proven\nplatform resolved proven", "healthy", ""},
		{"working and failing in turn is flapping", one(seen("a", at(0, 0), ok), seen("a", at(14, 0), timeout), confirm("a", at(15, 0), ok), seen("a", at(28, 0), timeout), confirm("a", at(29, 0), ok)), "", "degraded", ""},
		{"a flapping series needs three proofs", cat(one(seen("a", at(0, 0), ok), seen("a", at(1, 0), timeout), confirm("a", at(2, 0), ok)), one(seen("a", at(14, 0), secret), confirm("a", at(14, 30), secret), seen("a", at(25, 0), ok), confirm("a", at(26, 0), ok))),
			"credential:a opened confirmed_refusal", "degraded", "confirm 1m"},
		{"and then resolves", cat(one(seen("a", at(0, 0), ok), seen("a", at(1, 0), timeout), confirm("a", at(2, 0), ok)), one(seen("a", at(14, 0), secret), confirm("a", at(14, 30), secret), seen("a", at(25, 0), ok), confirm("a", at(26, 0), ok), confirm("a", at(27, 0), ok))),
			"credential:a opened confirmed_refusal\ncredential:a resolved proven_steadily", "degraded", ""},
		{"traffic that is refused twice in a window opens without a plan", one(seen("a", at(0, 0), secret, func(o *keepwatch.Observation) {
			o.Source, o.Check, o.Reason, o.Gap, o.Count, o.Window = keepwatch.SourceTraffic, "", "", 0, 7, time.Minute
		})), "credential:a opened confirmed_refusal", "failing", ""},
		{"the watchdog's word opens at once and a proof ends it", one(seen("a", at(0, 0), keepwatch.MonitoringBlind, because("")), seen("a", at(1, 0), ok)), "monitor:blind opened reported\nmonitor:blind resolved proven", "healthy", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := story(t, tt.obs[:len(tt.obs)-1]...)
			last := tt.obs[len(tt.obs)-1]
			c := w.tell2(last)
			if got := w.lines(); got != tt.want {
				t.Errorf("timelines:\n%s\nwant:\n%s\n\n%s", got, tt.want, w.tell())
			}
			if got := w.series["a"].State; got != tt.state {
				t.Errorf("state is %s (%s), want %s", got, w.series["a"].Outcome, tt.state)
			}
			if got := planOf(c, last); got != tt.plan {
				t.Errorf("plan is %q, want %q", got, tt.plan)
			}
		})
	}
}

func planOf(c incident.Changes, o keepwatch.Observation) string {
	for _, p := range c.Plans {
		if p.Check != o.Check {
			continue
		}
		if p.At.Year() == 9999 {
			return "never"
		}
		return fmt.Sprintf("%s %s", p.Reason, keepwatch.FormatDuration(p.At.Sub(o.At)))
	}
	return ""
}

func TestSameRefusalEverywhereIsOneIncidentOfThePlace(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	for i, id := range []string{"a", "b", "c"} {
		w.tell2(seen(id, at(i, 0), keepwatch.OK))
	}
	for i, id := range []string{"a", "b", "c"} {
		w.tell2(seen(id, at(14+i, 0), secret), confirm(id, at(14+i, 30), secret))
	}
	if len(w.open) != 1 || w.open[0].Key != "place:local:emea:bad_secret_or_package" || w.open[0].Active() != 3 {
		t.Fatalf("open: %+v\n%s", w.open, w.tell())
	}
	place := w.open[0]
	if !place.FirstFailedAt.Equal(at(14, 0)) || place.Scope != keepwatch.ScopePlace {
		t.Errorf("the place failed first at %s with scope %s", place.FirstFailedAt, place.Scope)
	}
	merged := 0
	for _, n := range w.notices {
		if n.Kind == keepwatch.Merged {
			merged++
			if n.Incident.MergedInto != place.ID {
				t.Errorf("%s is merged into %q", n.Incident.Key, n.Incident.MergedInto)
			}
		}
	}
	if merged != 3 {
		t.Errorf("%d merged notices, want 3", merged)
	}
	// A further refusal is the same one; a fourth credential joins; proofs end it.
	w.tell2(seen("a", at(25, 0), secret, because(keepwatch.ReasonRetry)))
	w.tell2(seen("d", at(26, 0), secret), confirm("d", at(26, 30), secret))
	if len(w.open) != 1 || w.open[0].Active() != 4 {
		t.Fatalf("open: %+v\n%s", w.open, w.tell())
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		w.tell2(seen(id, at(40+i, 0), keepwatch.OK, because(keepwatch.ReasonRetry)))
	}
	if len(w.open) != 0 {
		t.Errorf("still open:\n%s", w.tell())
	}
}

func TestSameRefusalIsNotMergedWhileOneCredentialWorks(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	w.tell2(seen("ok", at(0, 0), keepwatch.OK))
	for i, id := range []string{"a", "b", "c"} {
		w.tell2(seen(id, at(14+i, 0), secret), confirm(id, at(14+i, 30), secret))
	}
	if len(w.open) != 3 {
		t.Errorf("%d incidents are open, want one a credential:\n%s", len(w.open), w.tell())
	}
}

func TestMessagesNameCredentialAndCause(t *testing.T) {
	own := func(o *keepwatch.Observation) { o.Message = "SFMC does not know the client id." }
	w := story(t, seen("crm-sync", at(0, 0), keepwatch.BadClientID), confirm("crm-sync", at(0, 30), keepwatch.BadClientID, own))
	if got, want := w.open[0].Message, "crm-sync: SFMC does not know the client id."; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if w.open[0].Hint != "look" || w.open[0].Evidence != "seen" {
		t.Errorf("hint %q, evidence %q", w.open[0].Hint, w.open[0].Evidence)
	}
	w = story(t, seen("crm-sync", at(0, 0), keepwatch.BusinessUnitRefused), confirm("crm-sync", at(0, 30), keepwatch.BusinessUnitRefused))
	if got, want := w.open[0].Message, "crm-sync: probably the package is not granted to this business unit"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	w = newWorld(t, incident.Policy{})
	for m := range 3 {
		w.tell2(seen("a", at(m, 0), keepwatch.PlatformError, because(keepwatch.ReasonConfirm)))
	}
	for _, id := range []string{"b", "c", "d", "e"} {
		w.tell2(seen(id, at(4, 0), keepwatch.PlatformError))
	}
	if got, want := w.open[0].Message, "a, b, c and 2 more: SFMC itself fails (5xx or an outage fault)"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

func TestTimesOfAnIncident(t *testing.T) {
	w := story(t, seen("a", at(0, 0), keepwatch.OK), seen("a", at(14, 0), secret), confirm("a", at(14, 30), secret))
	in := w.open[0]
	if !in.LastProvenAt.Equal(at(0, 0)) || !in.FirstFailedAt.Equal(at(14, 0)) || !in.DetectedAt.Equal(at(14, 31)) {
		t.Errorf("proven %s, failed %s, detected %s", in.LastProvenAt, in.FirstFailedAt, in.DetectedAt)
	}
	if in.ID != keepwatch.NewIncidentID(at(14, 30), "credential:a") {
		t.Errorf("id %s does not follow from key and slot", in.ID)
	}
}

func TestSlowIsThreeTimesItsOwnBaseline(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	took := func(d time.Duration) func(*keepwatch.Observation) {
		return func(o *keepwatch.Observation) {
			o.Steps = []keepwatch.Step{{Name: "token", Took: d / 2}, {Name: "identity", Took: d / 2}, {Name: "rest:/x", Took: time.Hour}}
		}
	}
	m := 0
	run := func(n int, d time.Duration) {
		for range n {
			w.tell2(seen("a", at(m, 0), keepwatch.OK, took(d)))
			m += 14
		}
	}
	run(10, 400*time.Millisecond)
	run(2, 1200*time.Millisecond)
	if w.series["a"].State != keepwatch.StateHealthy {
		t.Errorf("two slow runs made %s", w.series["a"].State)
	}
	run(1, 1200*time.Millisecond)
	if s := w.series["a"]; s.State != keepwatch.StateDegraded || s.Outcome != keepwatch.Slow {
		t.Errorf("three slow runs made %s, %s", s.State, s.Outcome)
	}
	run(1, 400*time.Millisecond)
	if w.series["a"].State != keepwatch.StateHealthy || len(w.opened) != 0 {
		t.Errorf("a quick run made %s, %d incidents", w.series["a"].State, len(w.opened))
	}
}

func TestOlderSlotsAndUnknownSeries(t *testing.T) {
	w := story(t, seen("a", at(14, 0), keepwatch.OK))
	c := w.tell2(seen("a", at(0, 0), secret))
	if len(c.Series) != 0 || len(c.Plans) != 0 {
		t.Errorf("an older slot changed %d series", len(c.Series))
	}
	v := incident.View{Observations: []keepwatch.Observation{seen("a", at(0, 0), keepwatch.OK)}}
	if _, err := incident.Step(v, incident.Policy{}, at(0, 1)); err == nil {
		t.Error("an observation of a series that is not in the view was accepted")
	}
}

func TestForgetResolvesWhatNobodyLooksAt(t *testing.T) {
	w := story(t, seen("a", at(0, 0), secret), confirm("a", at(0, 30), secret))
	w.write(incident.Forget(w.open, []keepwatch.SeriesID{"a"}, at(1, 0)))
	if got, want := w.lines(), "credential:a opened confirmed_refusal\ncredential:a resolved removed"; got != want {
		t.Errorf("timeline:\n%s\nwant:\n%s", got, want)
	}
}

func TestDailyCapHoldsOverAWholeDay(t *testing.T) {
	w := newWorld(t, incident.Policy{RefusalBackoff: []time.Duration{10 * time.Minute}})
	c := w.add("a", "emea", 10*time.Minute, 10*time.Minute, 0, start)
	var tries []time.Time
	w.run(start.Add(72*time.Hour), func(_ *check, o *keepwatch.Observation) {
		o.Outcome = secret
		tries = append(tries, o.At)
	})
	for i := 30; i < len(tries); i++ {
		if tries[i].Sub(tries[i-30]) < 24*time.Hour {
			t.Fatalf("31 tries between %s and %s", tries[i-30], tries[i])
		}
	}
	if c.runs < 80 {
		t.Errorf("only %d tries in three days", c.runs)
	}
}

func TestRefusedCredentialIsNotHammered(t *testing.T) {
	for _, every := range []time.Duration{time.Minute, 10 * time.Minute, 14 * time.Minute, time.Hour} {
		w := newWorld(t, incident.Policy{})
		w.add("a", "emea", every, every, 0.3, start)
		var tries []time.Time
		w.run(start.Add(48*time.Hour), func(_ *check, o *keepwatch.Observation) {
			o.Outcome = secret
			tries = append(tries, o.At)
		})
		early := 0
		for _, x := range tries {
			if x.Sub(tries[0]) < 20*time.Minute {
				early++
			}
		}
		if early > 3 {
			t.Errorf("every %s: %d tries in the first 20 minutes", every, early)
		}
		if len(tries) < 40 {
			t.Errorf("every %s: only %d tries in two days: recovery would not be seen", every, len(tries))
		}
	}
}
