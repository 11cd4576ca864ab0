package incident_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// thing is a subject under watch, in the words of these tests: "journey/welcome" or
// "journey/welcome@7" in business unit 7.
func thing(id string) keepwatch.Subject {
	id, unit, _ := strings.Cut(id, "@")
	kind, key, _ := strings.Cut(id, "/")
	s := keepwatch.Subject{Kind: keepwatch.SubjectKind(kind), Key: key}
	_, _ = fmt.Sscan(unit, &s.Unit)
	return s
}

// usual is the aspect that a kind of subject is mostly judged by, and how it fails.
func usual(kind keepwatch.SubjectKind) (keepwatch.Aspect, keepwatch.Outcome, keepwatch.Family) {
	switch kind {
	case keepwatch.SubjectJourney:
		return keepwatch.AspectEntry, keepwatch.JourneyStalled, keepwatch.FamilyJourneys
	case keepwatch.SubjectAutomation:
		return keepwatch.AspectRuns, keepwatch.AutomationMissed, keepwatch.FamilyAutomations
	case keepwatch.SubjectDataExtension:
		return keepwatch.AspectRows, keepwatch.DataStale, keepwatch.FamilyDataExtensions
	}
	return keepwatch.AspectVolume, keepwatch.VolumeDropped, keepwatch.FamilySends
}

// read is a reading of a thing that says that all is well.
func read(id string, when time.Time, change ...func(*keepwatch.Observation)) keepwatch.Observation {
	s := thing(id)
	aspect, _, family := usual(s.Kind)
	w := keepwatch.Watch{Subject: s, Aspect: aspect, Reading: keepwatch.Reading{At: when, Window: 15 * time.Minute, Amount: 3},
		Verdict: keepwatch.Verdict{Outcome: keepwatch.OK, Evidence: "3 came."}}
	o := keepwatch.Observation{
		Check: keepwatch.EffectsCheck("emea", s.Unit, family), Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: when, At: when, Gap: 15 * time.Minute, Outcome: keepwatch.OK, Watch: &w,
	}
	for _, f := range change {
		f(&o)
	}
	o.Series = keepwatch.SeriesOf(o.Check, keepwatch.SubjectSeries(w.Subject, w.Aspect))
	o.Key = keepwatch.SlotKey(o.Check, o.Slot) + "#" + keepwatch.SubjectSeries(w.Subject, w.Aspect)
	return o
}

// stops is a reading that is judged to be an effect, whose last sign of life was an hour
// before.
func stops(id string, when time.Time, change ...func(*keepwatch.Observation)) keepwatch.Observation {
	_, outcome, _ := usual(thing(id).Kind)
	first := func(o *keepwatch.Observation) {
		o.Outcome, o.Message, o.Hint = outcome, thing(id).String()+" shows nothing for 1h.", "Ask who feeds it."
		o.Watch.Verdict = keepwatch.Verdict{Outcome: outcome, Since: when.Add(-time.Hour), Noticed: when, Evidence: o.Message, Confidence: 0.99, Page: true}
		o.Watch.Reading.Amount = 0
	}
	return read(id, when, append([]func(*keepwatch.Observation){first}, change...)...)
}

// from says what a thing hangs on: a credential, and what lies between.
func from(credential string, via ...string) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		o.Watch.Upstream = append(o.Watch.Upstream, keepwatch.Upstream{Credential: keepwatch.CredentialID(credential), Via: via})
	}
}

func lastSign(when time.Time) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Watch.Verdict.Since = when }
}

func nobodysNight(o *keepwatch.Observation) { o.Watch.Verdict.Page = false }

func outcome(x keepwatch.Outcome, a keepwatch.Aspect) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Outcome, o.Watch.Verdict.Outcome, o.Watch.Aspect = x, x, a }
}

func of(tenant string) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) {
		o.Tenant = keepwatch.TenantID(tenant)
		if o.Watch != nil {
			_, _, family := usual(o.Watch.Subject.Kind)
			o.Check = keepwatch.EffectsCheck(o.Tenant, o.Watch.Subject.Unit, family)
		}
	}
}

func journey(r keepwatch.JourneyReading) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Watch.Reading.Journey = &r }
}

func automation(r keepwatch.AutomationReading) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Watch.Reading.Automation = &r }
}

func send(r keepwatch.SendReading) func(*keepwatch.Observation) {
	return func(o *keepwatch.Observation) { o.Watch.Reading.Send = &r }
}

// refuses are the runs that open the incident of a credential: proven before, refused
// twice.
func refuses(id string, minute int) []keepwatch.Observation {
	return []keepwatch.Observation{seen(id, at(minute, 0), keepwatch.BadClientID), confirm(id, at(minute, 30), keepwatch.BadClientID)}
}

// causes renders an incident's causes as "kind subject-or-credential confidence".
func causes(in keepwatch.Incident) string {
	var out []string
	for _, c := range in.Causes {
		words := []string{string(c.Kind), cmp.Or(c.Subject, string(c.Credential)), fmt.Sprintf("%.2f", c.Confidence)}
		out = append(out, strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " "))
	}
	return strings.Join(out, ", ")
}

// openOne is the only open incident.
func (w *world) openOne() keepwatch.Incident {
	w.t.Helper()
	if len(w.open) != 1 {
		w.t.Fatalf("%d incidents are open:\n%s", len(w.open), w.tell())
	}
	return w.open[0]
}

func (w *world) noticesOf(kind keepwatch.TransitionKind) (n int) {
	for _, x := range w.notices {
		if x.Kind == kind {
			n++
		}
	}
	return n
}

// TestEffectStories tells what is seen and what follows, as TestStories does.
func TestEffectStories(t *testing.T) {
	ok := keepwatch.OK
	cat := func(parts ...[]keepwatch.Observation) []keepwatch.Observation { return slices.Concat(parts...) }
	one := func(o ...keepwatch.Observation) []keepwatch.Observation { return o }
	proven := one(seen("crm", at(-14, 0), ok))
	dead := cat(proven, refuses("crm", 0))
	const died = "credential:crm opened confirmed_refusal"
	tests := []struct {
		name string
		obs  []keepwatch.Observation
		want string
	}{
		{"a reading that is well opens nothing", one(read("journey/welcome", at(0, 0), from("crm"))), ""},
		{"an effect alone opens its own incident", one(stops("journey/welcome", at(0, 0))), "effect:emea:journey/welcome opened effect_judged"},
		{"and ends it", one(stops("journey/welcome", at(0, 0)), read("journey/welcome", at(15, 0))),
			"effect:emea:journey/welcome opened effect_judged\neffect:emea:journey/welcome resolved caught_up"},
		{"what still lasts is no news", one(stops("journey/welcome", at(0, 0)), stops("journey/welcome", at(15, 0)), stops("journey/welcome", at(30, 0))),
			"effect:emea:journey/welcome opened effect_judged"},
		{"nothing that can be said ends nothing", one(stops("journey/welcome", at(0, 0)), read("journey/welcome", at(15, 0), learning)),
			"effect:emea:journey/welcome opened effect_judged"},
		{"what flows, but slowly, works again all the same", one(stops("journey/welcome", at(0, 0)), read("journey/welcome", at(15, 0), slowly)),
			"effect:emea:journey/welcome opened effect_judged\neffect:emea:journey/welcome resolved caught_up"},
		{"unless it is so for a day", one(stops("journey/welcome", at(0, 0)), read("journey/welcome", at(15, 0), learning), read("journey/welcome", at(15+24*60, 0), learning)),
			"effect:emea:journey/welcome opened effect_judged\neffect:emea:journey/welcome resolved not_judged"},
		{"an effect of a refused credential is a line of its incident", cat(dead, one(stops("journey/welcome", at(5, 0), from("crm")))),
			died + "\ncredential:crm affected hangs_on_cause"},
		{"one of another credential is not", cat(dead, one(stops("journey/welcome", at(5, 0), from("shop")))),
			died + "\neffect:emea:credential:shop opened effect_judged"},
		{"one that was noticed before the credential last worked is not", cat(one(stops("journey/welcome", at(-20, 0), from("crm"))), dead),
			"effect:emea:credential:crm opened effect_judged\n" + died},
		{"an effect first, then the refusal", cat(proven, one(stops("journey/welcome", at(-5, 0), from("crm"))), refuses("crm", 0)),
			"effect:emea:credential:crm opened effect_judged\neffect:emea:credential:crm merged_into cause_found\n" + died + "\ncredential:crm affected hangs_on_cause"},
		{"restored, and the effects catch up one by one", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), stops("journey/b", at(5, 0), from("crm")),
			seen("crm", at(25, 0), ok), read("journey/a", at(30, 0), from("crm")), read("journey/b", at(45, 0), from("crm")))),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm affected hangs_on_cause\ncredential:crm restored proven\ncredential:crm relieved caught_up\ncredential:crm resolved caught_up"},
		{"effects that end before the cause leave it open", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), read("journey/a", at(20, 0), from("crm")), seen("crm", at(25, 0), ok))),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm relieved caught_up\ncredential:crm resolved proven"},
		{"an effect that is noticed after the cause is gone", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), seen("crm", at(25, 0), ok), stops("data_extension/orders", at(60, 0), from("crm"), lastSign(at(-30, 0))))),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm restored proven\ncredential:crm affected hangs_on_cause"},
		{"one that lived after that is another matter", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), seen("crm", at(25, 0), ok), seen("crm", at(39, 0), ok), stops("data_extension/orders", at(60, 0), from("crm"), lastSign(at(30, 0))))),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm restored proven\neffect:emea:credential:crm opened effect_judged"},
		{"the cause comes back before they caught up", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), seen("crm", at(25, 0), ok)), refuses("crm", 39)),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm restored proven\ncredential:crm joined confirmed_refusal\ncredential:crm changed fails_again"},
		{"a journey that a person stopped in the outage leaves when the credential works", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), seen("crm", at(25, 0), ok),
			stops("journey/a", at(30, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Stopped", Change: "Stop", ChangedBy: "ada", ChangedAt: at(10, 0)})))),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm restored proven\ncredential:crm resolved stopped_otherwise\neffect:emea:journey/a opened effect_judged"},
		{"and not while it is dead", cat(dead, one(stops("journey/a", at(5, 0), from("crm")),
			stops("journey/a", at(20, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Stopped", Change: "Stop", ChangedBy: "ada", ChangedAt: at(10, 0)})))),
			died + "\ncredential:crm affected hangs_on_cause"},
		{"an effect that outlives its cause by a day", cat(dead, one(stops("journey/a", at(5, 0), from("crm")), seen("crm", at(25, 0), ok), stops("journey/a", at(25+24*60-5, 0), from("crm")), seen("crm", at(25+24*60, 0), ok), stops("journey/a", at(25+24*60+1, 0), from("crm")))),
			died + "\ncredential:crm affected hangs_on_cause\ncredential:crm restored proven\ncredential:crm resolved effects_outlive\neffect:emea:credential:crm opened effect_judged"},
		{"a holder that does not call is the root of all that he feeds", cat(proven, one(seen("crm", at(0, 0), ok), stops("journey/a", at(5, 0), from("crm")), stops("journey/b", at(6, 0), from("crm")), stops("data_extension/x", at(7, 0), from("crm")))),
			"effect:emea:credential:crm opened effect_judged\neffect:emea:credential:crm affected hangs_on_cause\neffect:emea:credential:crm affected hangs_on_cause"},
		{"a person stops a journey while its credential is dead", cat(dead, one(stops("journey/a", at(5, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Paused", Change: "Pause", ChangedBy: "ada", ChangedAt: at(1, 0)})))),
			died + "\neffect:emea:journey/a opened effect_judged"},
		{"a definition that a person switched off is no matter of the credential", cat(dead, one(stops("triggered_send/a", at(5, 0), from("crm"), send(keepwatch.SendReading{Status: "Inactive"})))),
			died + "\neffect:emea:triggered_send/a opened effect_judged"},
		{"a ticket is a warning at most, and what pages raises it", one(stops("journey/a", at(0, 0), nobodysNight), stops("journey/a", at(15, 0))),
			"effect:emea:journey/a opened effect_judged\neffect:emea:journey/a changed severity_raised"},
		{"automation, extension, journey", one(stops("automation/nightly", at(0, 0), lastSign(at(-120, 0))), stops("data_extension/orders", at(10, 0), from("sftp", "automation/nightly")), stops("journey/a", at(20, 0), from("sftp", "automation/nightly", "data_extension/orders"))),
			"effect:emea:automation/nightly opened effect_judged\neffect:emea:automation/nightly affected hangs_on_cause\neffect:emea:automation/nightly affected hangs_on_cause\neffect:emea:automation/nightly changed severity_raised"},
		{"the root is seen last", one(stops("data_extension/orders", at(10, 0), from("sftp", "automation/nightly")), stops("automation/nightly", at(20, 0), lastSign(at(-120, 0)))),
			"effect:emea:data_extension/orders opened effect_judged\neffect:emea:data_extension/orders affected cause_found"},
		{"the root of two that were told apart is seen last", one(stops("data_extension/a", at(10, 0), from("sftp", "automation/nightly")), stops("data_extension/b", at(11, 0), from("sftp", "automation/nightly")), stops("automation/nightly", at(20, 0), lastSign(at(-120, 0)))),
			"effect:emea:data_extension/a opened effect_judged\neffect:emea:data_extension/a affected cause_found\neffect:emea:data_extension/a affected hangs_on_cause\n" +
				"effect:emea:data_extension/b opened effect_judged\neffect:emea:data_extension/b merged_into cause_found"},
		{"a root that a person stopped is told in what hangs on it, too", one(stops("data_extension/orders", at(10, 0), from("sftp", "automation/nightly")), stops("automation/nightly", at(20, 0), lastSign(at(-120, 0)), automation(keepwatch.AutomationReading{Status: "PausedSchedule", PausedBy: "ada"}))),
			"effect:emea:data_extension/orders opened effect_judged\neffect:emea:data_extension/orders affected cause_found"},
		{"what hangs on something else as well keeps its own incident", one(stops("data_extension/orders", at(10, 0), from("sftp", "automation/other")), stops("automation/nightly", at(20, 0), lastSign(at(-120, 0)))),
			"effect:emea:data_extension/orders opened effect_judged\neffect:emea:automation/nightly opened effect_judged"},
		{"what began after the other was noticed did not cause it", one(stops("data_extension/orders", at(10, 0), from("sftp", "automation/nightly")), stops("automation/nightly", at(200, 0), lastSign(at(100, 0)))),
			"effect:emea:data_extension/orders opened effect_judged\neffect:emea:automation/nightly opened effect_judged"},
		{"two aspects of one thing are one incident", one(stops("automation/n", at(0, 0)), stops("automation/n", at(1, 0), outcome(keepwatch.ImportEmpty, keepwatch.AspectImports))),
			"effect:emea:automation/n opened effect_judged\neffect:emea:automation/n affected hangs_on_cause"},
		{"one key in two business units is two things", one(stops("journey/a@7", at(0, 0)), stops("journey/a@8", at(1, 0))),
			"effect:emea:journey/a@7 opened effect_judged\neffect:emea:journey/a@8 opened effect_judged"},
		{"two tenants never mix", one(stops("automation/n", at(0, 0)), stops("data_extension/x", at(1, 0), from("other", "automation/n"), of("apac"))),
			"effect:emea:automation/n opened effect_judged\neffect:apac:data_extension/x opened effect_judged"},
		{"a credential that is refused otherwise takes its effects along", cat(one(seen("crm", at(-14, 0), ok)), burstOf("crm", 0, keepwatch.PlatformError), burstOf("erp", 0, keepwatch.PlatformError),
			one(stops("journey/a", at(5, 0), from("crm"))), refuses("crm", 10)),
			"platform opened burst_confirmed\nplatform joined same_cause\nplatform affected hangs_on_cause\nplatform left superseded\nplatform relieved cause_found\ncredential:crm opened confirmed_refusal\ncredential:crm affected hangs_on_cause"},
		{"an effect of a short outage at night", cat(dead, one(seen("crm", at(25, 0), ok), seen("crm", at(600, 0), ok), stops("data_extension/x", at(601, 0), from("crm"), lastSign(at(-60, 0))))),
			died + "\ncredential:crm resolved proven\neffect:emea:credential:crm opened effect_judged"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := story(t, tc.obs...)
			if got := w.lines(); got != tc.want {
				t.Errorf("timeline:\n%s\nwant:\n%s\n%s", got, tc.want, w.tell())
			}
		})
	}
}

// TestWhatAnotherIncidentExplainsIsNamed: an effect that goes over says where to, in the data and in the timeline.
func TestWhatAnotherIncidentExplainsIsNamed(t *testing.T) {
	w := story(t, slices.Concat([]keepwatch.Observation{seen("crm", at(-14, 0), keepwatch.OK)}, burstOf("crm", 0, keepwatch.PlatformError), burstOf("erp", 0, keepwatch.PlatformError),
		[]keepwatch.Observation{stops("journey/a", at(5, 0), from("crm"))}, refuses("crm", 10))...)
	ids := map[string]keepwatch.IncidentID{}
	for _, in := range w.open {
		ids[in.Key] = in.ID
	}
	for _, in := range w.open {
		if len(in.Effects) != 1 {
			t.Fatalf("%s has %d effects\n%s", in.Key, len(in.Effects), w.tell())
		}
		if ef := in.Effects[0]; in.Key == incident.PlatformKey && (ef.MovedTo != ids["credential:crm"] || ef.EndedAt.IsZero()) || in.Key == "credential:crm" && ef.MovedTo != "" {
			t.Errorf("%s: moved to %q, ended %s\n%s", in.Key, ef.MovedTo, ef.EndedAt, w.tell())
		}
	}
	if len(ids) != 2 || !strings.Contains(w.tell(), "journey a hangs on crm, whose incident counts what that cost.") {
		t.Error(w.tell())
	}
}

// TestAnEffectThatGoesOnElsewhereIsDivided: the first incident has it until its cause was
// gone, the other one from then on, whatever the last sign of life was.
func TestAnEffectThatGoesOnElsewhereIsDivided(t *testing.T) {
	stopped := journey(keepwatch.JourneyReading{Status: "Stopped", Change: "Stop", ChangedBy: "ada", ChangedAt: at(10, 0)})
	w := story(t, append([]keepwatch.Observation{seen("crm", at(-14, 0), keepwatch.OK)}, refuses("crm", 0)...)...)
	w.tell2(stops("journey/a", at(5, 0), from("crm")))
	w.tell2(seen("crm", at(25, 0), keepwatch.OK))
	w.tell2(stops("journey/a", at(30, 0), from("crm"), stopped, lastSign(at(-55, 0))))
	w.tell2(stops("journey/a", at(45, 0), from("crm"), stopped, lastSign(at(-55, 0))))
	second := w.openOne()
	var first keepwatch.Incident
	for _, in := range w.recent("emea", at(45, 0)) {
		if in.Credential == "crm" {
			first = in
		}
	}
	if len(first.Effects) != 1 || len(second.Effects) != 1 {
		t.Fatal(w.tell())
	}
	a, b := first.Effects[0], second.Effects[0]
	if !a.EndedAt.Equal(first.RestoredAt) || !b.Since.Equal(a.EndedAt) || !b.EndedAt.IsZero() || second.FirstFailedAt.Before(a.EndedAt) {
		t.Errorf("divided at %s and %s, restored %s; the second began %s\n%s", a.EndedAt, b.Since, first.RestoredAt, second.FirstFailedAt, w.tell())
	}
	if second.Causes[0].Kind != keepwatch.CauseStopped || second.Causes[0].By != "ada" {
		t.Errorf("causes %s", causes(second))
	}
}

func learning(o *keepwatch.Observation) {
	o.Watch.Verdict, o.Watch.Reading.Window, o.Watch.Reading.Amount = keepwatch.Verdict{Learning: "the counter was reset"}, 0, 0
}

func slowly(o *keepwatch.Observation) {
	o.Watch.Verdict.Learning = "A stop can be judged after 9 days."
}

// TestNotKnowingIsNotHealthy: a reading that nothing can be said of, or not for a long
// time, leaves the state unknown.
func TestNotKnowingIsNotHealthy(t *testing.T) {
	for name, change := range map[string]func(*keepwatch.Observation){"nothing can be said": learning, "not for a long time": slowly} {
		o := read("journey/a", at(0, 0), change)
		w := story(t, read("journey/a", at(-15, 0)), o)
		if s := w.series[o.Series]; s.State != keepwatch.StateUnknown {
			t.Errorf("%s: %s", name, s.State)
		}
	}
	o := read("journey/a", at(0, 0))
	s := story(t, o).series[o.Series]
	if s.State != keepwatch.StateHealthy || s.StateAt(at(29, 0)) != keepwatch.StateHealthy || s.StateAt(at(31, 0)) != keepwatch.StateUnknown {
		t.Errorf("a good reading is %s, and after two gaps %s", s.State, s.StateAt(at(31, 0)))
	}
	if s.Last.Watch != nil || s.Watch == nil {
		t.Error("the reading is not kept once")
	}
}

func burstOf(id string, m int, o keepwatch.Outcome) []keepwatch.Observation {
	return []keepwatch.Observation{seen(id, at(m, 0), o), confirm(id, at(m+1, 0), o), confirm(id, at(m+2, 0), o)}
}

// TestEveryEffectIsHandled checks state, scope and severity of each against the table.
func TestEveryEffectIsHandled(t *testing.T) {
	for _, info := range keepwatch.Outcomes {
		if info.Confirm != keepwatch.ConfirmJudged || info.Scope != keepwatch.ScopeEffect {
			continue
		}
		t.Run(string(info.Outcome), func(t *testing.T) {
			o := stops("journey/a", at(0, 0), outcome(info.Outcome, keepwatch.AspectEntry))
			in := story(t, o)
			got, s := in.openOne(), in.series[o.Series]
			if got.Scope != info.Scope || got.Severity != info.Severity || got.Outcome != info.Outcome || s.State != info.State || s.Outcome != info.Outcome {
				t.Errorf("opened %s %s %s, state %s %s", got.Scope, got.Severity, got.Outcome, s.State, s.Outcome)
			}
			if got.Credential != "" || len(got.Members) != 0 || got.Hint == "" || got.Tenant != "emea" {
				t.Errorf("%+v", got)
			}
			quiet := story(t, stops("journey/a", at(0, 0), outcome(info.Outcome, keepwatch.AspectEntry), nobodysNight)).openOne()
			if quiet.Severity != keepwatch.SeverityWarning {
				t.Errorf("a ticket is %s", quiet.Severity)
			}
		})
	}
}

// TestCauses tells which causes an effect alone names, the likeliest first.
func TestCauses(t *testing.T) {
	ok := keepwatch.OK
	n := func(v int64) *int64 { return &v }
	cat := func(parts ...[]keepwatch.Observation) []keepwatch.Observation { return slices.Concat(parts...) }
	one := func(o ...keepwatch.Observation) []keepwatch.Observation { return o }
	works := one(seen("crm", at(-14, 0), ok), seen("crm", at(0, 0), ok))
	tests := []struct {
		name string
		obs  []keepwatch.Observation
		want string
	}{
		{"nothing is known", one(stops("journey/a", at(0, 0))), "unknown 0.10"},
		{"the holder does not call", cat(works, one(stops("journey/a", at(5, 0), from("crm")))), "holder_silent crm 0.50, unknown 0.10"},
		{"the holder does not call; the last proof is older than the last sign", one(seen("crm", at(-14, 0), ok), stops("journey/a", at(5, 0), from("crm"), lastSign(at(-5, 0)))), "holder_silent crm 0.40, unknown 0.10"},
		{"the credential is not tested", one(stops("journey/a", at(5, 0), from("crm"))), "credential_failing crm 0.30, unknown 0.10"},
		{"nor tested, but a gateway sees no call", one(traffic("crm", at(-70, 0)), stops("journey/a", at(5, 0), from("crm"))), "holder_silent crm 0.92, unknown 0.10"},
		{"and others fell silent, too", cat(works, one(stops("journey/a", at(5, 0), from("crm")), stops("data_extension/x", at(6, 0), from("crm")))), "holder_silent crm 0.55, unknown 0.10"},
		{"and a gateway sees no call", cat(works, one(traffic("crm", at(-70, 0)), stops("journey/a", at(5, 0), from("crm")))), "holder_silent crm 0.92, unknown 0.10"},
		{"a gateway sees calls", cat(works, one(traffic("crm", at(0, 0)), stops("journey/a", at(5, 0), from("crm")))), "holder_silent crm 0.20, unknown 0.10"},
		{"an automation feeds it: no holder calls", cat(works, one(stops("journey/a", at(5, 0), from("crm", "automation/n")))), "unknown 0.10"},
		{"SFMC counts no attempt", cat(works, one(read("journey/a", at(-10, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Published", Attempted: n(70), Met: n(60)})),
			stops("journey/a", at(5, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Published", Attempted: n(70), Met: n(60)})))), "holder_silent crm 0.70, unknown 0.10"},
		{"events come and none is taken", cat(works, one(read("journey/a", at(-10, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Published", Attempted: n(70), Met: n(60)})),
			stops("journey/a", at(5, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Published", Attempted: n(90), Met: n(60)})))), "events_refused journey/a 0.75, holder_silent crm 0.50, unknown 0.10"},
		{"events come and fail", cat(works, one(stops("journey/a", at(5, 0), from("crm"), journey(keepwatch.JourneyReading{Status: "Published", Errored: n(9)})))), "events_refused journey/a 0.85, holder_silent crm 0.50, unknown 0.10"},
		{"the credential was refused once", cat(works, one(seen("crm", at(14, 0), keepwatch.BadClientID), stops("journey/a", at(14, 10), from("crm")))), "credential_failing crm 0.75, unknown 0.10"},
		{"the credential fails softly", cat(works, one(seen("crm", at(14, 0), keepwatch.Timeout), stops("journey/a", at(14, 10), from("crm")))), "credential_failing crm 0.50, unknown 0.10"},
		{"the credential is not proven", one(seen("crm", at(-200, 0), ok), stops("journey/a", at(0, 0), from("crm"))), "credential_failing crm 0.35, unknown 0.10"},
		{"it failed for a while at night", cat(one(seen("crm", at(-14, 0), ok)), refuses("crm", 0), one(seen("crm", at(25, 0), ok), seen("crm", at(600, 0), ok), stops("data_extension/x", at(601, 0), from("crm"), lastSign(at(-60, 0))))),
			"credential_failing crm 0.85, unknown 0.10"},
		{"by a person, says the audit log", one(stops("journey/a", at(0, 0), journey(keepwatch.JourneyReading{Status: "Stopped", Change: "Stop", ChangedBy: "ada"}))), "stopped_by_person journey/a 0.95, unknown 0.10"},
		{"by somebody", one(stops("journey/a", at(0, 0), journey(keepwatch.JourneyReading{Status: "Stopped"}))), "stopped_by_person journey/a 0.60, unknown 0.10"},
		{"an automation that a person paused", one(stops("automation/n", at(0, 0), automation(keepwatch.AutomationReading{Status: "PausedSchedule", PausedBy: "ada"}))), "stopped_by_person automation/n 0.93, unknown 0.10"},
		{"an automation that SFMC switched off", one(stops("automation/n", at(0, 0), automation(keepwatch.AutomationReading{Status: "InactiveTrigger", LastStatus: "Error"}))), "deactivated automation/n 0.90, unknown 0.10"},
		{"and what hangs on it", one(stops("automation/n", at(0, 0), automation(keepwatch.AutomationReading{Status: "PausedSchedule", PausedBy: "ada"})), stops("data_extension/x", at(1, 0), from("sftp", "automation/n"))), "stopped_by_person automation/n 0.98, unknown 0.10"},
		{"an automation that is late", one(stops("automation/n", at(0, 0)), stops("data_extension/x", at(1, 0), from("sftp", "automation/n"))), "automation_late automation/n 0.93, unknown 0.10"},
		{"an import that brought nothing", one(stops("automation/n", at(0, 0), outcome(keepwatch.ImportEmpty, keepwatch.AspectImports), automation(keepwatch.AutomationReading{Imports: []keepwatch.ImportReading{{Key: "i", Target: "x"}}})),
			stops("data_extension/x", at(1, 0), from("sftp", "automation/n"))), "import_empty automation/n 0.98, unknown 0.10"},
		{"an import of something else", one(stops("automation/n", at(0, 0), outcome(keepwatch.ImportEmpty, keepwatch.AspectImports)), stops("data_extension/x", at(1, 0), from("sftp", "automation/n"))), "import_empty automation/n 0.75, unknown 0.10"},
		{"what it reads is stale", one(stops("data_extension/x", at(0, 0)), stops("journey/a", at(1, 0), from("sftp", "automation/n", "data_extension/x"))), "upstream_stale data_extension/x 0.85, unknown 0.10"},
		{"a definition that only queues", one(stops("triggered_send/a", at(0, 0), send(keepwatch.SendReading{Status: "Inactive"}))), "definition_inactive triggered_send/a 0.90, unknown 0.10"},
		{"a definition that cannot be built", one(stops("triggered_send/a", at(0, 0), send(keepwatch.SendReading{Status: "Active", TopError: "AMPscript"}))), "definition_inactive triggered_send/a 0.60, unknown 0.10"},
		{"an activity that fails", one(stops("journey/a", at(0, 0), outcome(keepwatch.JourneyActivityFailing, keepwatch.AspectActivities), journey(keepwatch.JourneyReading{Status: "Published",
			Activities: []keepwatch.ActivityReading{{Name: "mail", Kind: "emailv2", Done: 9}, {Name: "sync", Kind: "rest", Done: 1, Failed: 8}}}))), "activity_failing journey/a 0.85, unknown 0.10"},
		{"SFMC fails", cat(burstOf("erp", 0, keepwatch.PlatformError), one(stops("journey/a", at(5, 0)))), "platform_failing 0.60, unknown 0.10"},
		{"the way to SFMC fails", cat(burstOf("erp", 0, keepwatch.Timeout), burstOf("erp", 14, keepwatch.Timeout), one(stops("journey/a", at(25, 0)))), "place_failing 0.30, unknown 0.10"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := story(t, tc.obs...)
			last := w.opened[len(w.opened)-1]
			in := w.incidents[last.ID]
			if got := causes(in); got != tc.want {
				t.Errorf("causes %s, want %s\n%s", got, tc.want, w.tell())
			}
			for _, c := range in.Causes {
				if c.Evidence == "" || !strings.HasSuffix(c.Evidence, ".") {
					t.Errorf("%s says %q", c.Kind, c.Evidence)
				}
			}
		})
	}
}

// traffic is a call of a credential's holder, as a gateway sees it.
func traffic(id string, when time.Time) keepwatch.Observation {
	o := seen(id, when, keepwatch.OK)
	o.Series, o.Check, o.Source, o.Reason, o.Gap = keepwatch.SeriesID("traffic:"+id), "", keepwatch.SourceTraffic, "", 0
	return o
}

// hit are the 23 things that hang on crm, noticed after minute m.
func hit(m int) []keepwatch.Observation {
	var list []keepwatch.Observation
	add := func(n int, kind string) {
		for i := range n {
			list = append(list, stops(fmt.Sprintf("%s/%02d", kind, i), at(m, len(list)), from("crm"), lastSign(at(-30, 0))))
		}
	}
	add(12, "journey")
	add(8, "data_extension")
	add(3, "triggered_send")
	return list
}

func TestOneDeadCredentialIsOneIncident(t *testing.T) {
	obs := append([]keepwatch.Observation{seen("crm", at(-14, 0), keepwatch.OK)}, refuses("crm", 0)...)
	w := story(t, append(obs, hit(10)...)...)
	in := w.openOne()
	if lasting(in) != 23 || len(w.opened) != 1 || w.noticesOf(keepwatch.Opened) != 1 || len(w.notices) != 1 {
		t.Errorf("%d effects, %d incidents, %d notices", lasting(in), len(w.opened), len(w.notices))
	}
	if want := "crm: the client id is unknown; 23 things stopped: 12 journeys, 8 data extensions, 3 sends"; in.Message != want {
		t.Errorf("message %q, want %q", in.Message, want)
	}
	for _, ef := range in.Effects {
		if ef.Credential != "crm" || ef.Evidence == "" {
			t.Fatalf("effect %+v", ef)
		}
	}
	w.tell2(seen("crm", at(60, 0), keepwatch.OK))
	in = w.openOne()
	if want := "crm: the client id is unknown; 23 things have not caught up: 12 journeys, 8 data extensions, 3 sends"; in.Message != want || in.Severity != keepwatch.SeverityWarning || !in.RestoredAt.Equal(at(60, 0)) {
		t.Errorf("%s %s: %q", in.Severity, in.RestoredAt, in.Message)
	}
	back := hit(70)
	for i := range back {
		o := read(back[i].Watch.Subject.ID(), at(70, i), from("crm"))
		w.tell2(o)
	}
	if len(w.open) != 0 || w.noticesOf(keepwatch.Restored) != 1 || w.noticesOf(keepwatch.Resolved) != 1 || len(w.notices) != 3 {
		t.Errorf("%d open, %d notices\n%s", len(w.open), len(w.notices), w.tell())
	}
	if got := w.incidents[in.ID].Message; got != "crm: the client id is unknown; 23 things had stopped: 12 journeys, 8 data extensions, 3 sends" {
		t.Errorf("at the end: %q", got)
	}
}

// TestOneIncidentInWhateverOrder shuffles the runs of a dying credential and what its 23
// things show. It ends as one incident, and no joined effect is a message.
func TestOneIncidentInWhateverOrder(t *testing.T) {
	for seed := range seeds(60, 1000) {
		r := rand.New(rand.NewPCG(uint64(seed), 23))
		w := story(t, seen("crm", at(-14, 0), keepwatch.OK))
		effects := hit(10)
		r.Shuffle(len(effects), func(i, j int) { effects[i], effects[j] = effects[j], effects[i] })
		first, second := r.IntN(24), r.IntN(24)
		if first > second {
			first, second = second, first
		}
		now := at(10, 0)
		apply := func(obs ...keepwatch.Observation) {
			for i := range obs { // the plan of the order is what arrives when
				obs[i].At, obs[i].Slot = now, now
				if obs[i].Watch != nil {
					obs[i].Watch.Verdict.Noticed, obs[i].Watch.Reading.At = now, now
				}
			}
			for _, o := range obs {
				if !slices.Contains(w.tenants["emea"], o.Series) {
					w.tenants["emea"] = append(w.tenants["emea"], o.Series)
				}
			}
			now = now.Add(30 * time.Second)
			w.apply(now, obs...)
		}
		for i := 0; i <= 23; {
			if i == first {
				apply(seen("crm", now, keepwatch.BadClientID))
			}
			if i == second {
				apply(confirm("crm", now, keepwatch.BadClientID))
			}
			n := min(1+r.IntN(6), 23-i)
			for _, stop := range []int{first, second} {
				if i < stop && i+n > stop {
					n = stop - i
				}
			}
			apply(effects[i : i+n]...)
			i += max(n, 1)
		}
		in := w.openOne()
		if in.Key != "credential:crm" || lasting(in) != 23 {
			t.Fatalf("seed %d: %s with %d effects\n%s", seed, in.Key, lasting(in), w.tell())
		}
		if opened := w.noticesOf(keepwatch.Opened); opened > 2 || (second == 0 && opened != 1) {
			t.Fatalf("seed %d: %d messages say that something opened\n%s", seed, opened, w.tell())
		}
	}
}

// TestAChainIsOneIncidentInEveryOrder: a missed automation, the extension that it fills
// and the journey that reads it.
func TestAChainIsOneIncidentInEveryOrder(t *testing.T) {
	via := []string{"automation/nightly", "data_extension/orders"}
	build := []func(when time.Time) keepwatch.Observation{
		func(when time.Time) keepwatch.Observation {
			return stops("automation/nightly", when, from("sftp"), lastSign(at(-300, 0)))
		},
		func(when time.Time) keepwatch.Observation {
			return stops("data_extension/orders", when, from("sftp", via[:1]...), lastSign(at(-280, 0)))
		},
		func(when time.Time) keepwatch.Observation {
			return stops("journey/welcome", when, from("sftp", via...), lastSign(at(-260, 0)))
		},
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			w := newWorld(t, incident.Policy{})
			for i, n := range order {
				w.tell2(build[n](at(i, 0)))
			}
			in := w.openOne()
			first := build[order[0]](at(0, 0)).Watch.Subject.ID()
			if in.Key != "effect:emea:"+first || w.noticesOf(keepwatch.Opened) != 1 || w.noticesOf(keepwatch.Merged) != 0 || lasting(in) != 3 || in.Causes[0].Kind != keepwatch.CauseAutomation || in.Causes[0].Confidence <= 0.9 {
				t.Errorf("%s with %d effects, %s\n%s", in.Key, lasting(in), causes(in), w.tell())
			}
			if !strings.Contains(in.Message, "automation nightly") || !strings.Contains(in.Message, "3 things stopped") || !strings.Contains(in.Message, "Cause: ") {
				t.Errorf("message %q", in.Message)
			}
		})
	}
}

// TestWhatIsOverNeedsItsOwnBurst: an incident that only waits for its effects must not
// make the next single failure an outage.
func TestWhatIsOverNeedsItsOwnBurst(t *testing.T) {
	w := story(t, burstOf("erp", 0, keepwatch.PlatformError)...)
	w.tell2(stops("journey/a", at(5, 0), from("erp")), seen("erp", at(14, 0), keepwatch.OK))
	if in := w.openOne(); in.RestoredAt.IsZero() {
		t.Fatalf("not restored:\n%s", w.tell())
	}
	w.tell2(seen("erp", at(28, 0), keepwatch.PlatformError))
	if in := w.openOne(); in.RestoredAt.IsZero() {
		t.Errorf("a single failure opened it again:\n%s", w.tell())
	}
	w.tell2(confirm("erp", at(29, 0), keepwatch.PlatformError), confirm("erp", at(30, 0), keepwatch.PlatformError))
	if in := w.openOne(); !in.RestoredAt.IsZero() || in.Severity != keepwatch.SeverityCritical {
		t.Errorf("a burst did not:\n%s", w.tell())
	}
}

func TestEveryCredentialOfAPlaceTakesItsEffectsAlong(t *testing.T) {
	w := newWorld(t, incident.Policy{})
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		w.tell2(seen(id, at(-14, 0), keepwatch.OK))
	}
	for i, id := range ids {
		w.tell2(seen(id, at(i, 0), keepwatch.BadClientID), confirm(id, at(i, 30), keepwatch.BadClientID))
		w.tell2(stops("journey/"+id, at(i, 40), from(id)))
	}
	in := w.openOne()
	if in.Scope != keepwatch.ScopePlace || lasting(in) != 3 || in.Active() != 3 {
		t.Errorf("%s with %d members and %d effects\n%s", in.Key, in.Active(), lasting(in), w.tell())
	}
}

func TestForgetEndsWhatIsNoLongerWatched(t *testing.T) {
	w := story(t, stops("journey/a", at(0, 0), from("x")), stops("journey/b", at(0, 0), from("y")))
	gone := w.opened[0].Effects[0].Series
	w.write(incident.Forget(w.open, []keepwatch.SeriesID{gone}, at(1, 0)))
	if got, want := w.lines(), "effect:emea:credential:x opened effect_judged\neffect:emea:credential:x resolved removed\neffect:emea:credential:y opened effect_judged"; got != want {
		t.Errorf("timeline:\n%s\nwant:\n%s", got, want)
	}
}

func TestASummaryOpensAnIncidentOfTheMonitor(t *testing.T) {
	check := keepwatch.EffectsCheck("emea", 0, keepwatch.FamilyJourneys)
	look := func(m int, outcome keepwatch.Outcome, steps ...keepwatch.Step) keepwatch.Observation {
		o := seen(string(check), at(m, 0), outcome)
		o.Credential, o.Steps = "", steps
		return o
	}
	fault := keepwatch.MonitorFault
	queues := func(m int, outcome keepwatch.Outcome) keepwatch.Observation {
		o := seen(string(keepwatch.EffectsCheck("emea", 0, keepwatch.FamilyQueues)), at(m, 0), outcome)
		o.Credential = ""
		return o
	}
	const opened = "monitor:effects:emea: opened cannot_look"
	dead := append([]keepwatch.Observation{seen("crm", at(-14, 0), keepwatch.OK)}, refuses("crm", 0)...)
	reader := keepwatch.Step{Name: "token:crm", Outcome: keepwatch.BadClientID}
	for _, tc := range []struct {
		name string
		obs  []keepwatch.Observation
		want string
	}{
		{"one that could be made opens nothing", []keepwatch.Observation{look(0, keepwatch.OK), look(15, keepwatch.OK)}, ""},
		{"one fault is none", []keepwatch.Observation{look(0, keepwatch.OK), look(15, fault), look(30, keepwatch.OK), look(45, fault)}, ""},
		{"nor are those of less than two hours", []keepwatch.Observation{look(0, fault), look(60, fault), look(119, fault)}, ""},
		{"those of two hours are one", []keepwatch.Observation{look(0, fault), look(60, fault), look(120, fault), look(135, fault)}, opened},
		{"one good look begins them anew", []keepwatch.Observation{look(0, fault), look(60, keepwatch.OK), look(120, fault), look(180, fault)}, ""},
		{"and it ends", []keepwatch.Observation{look(0, fault), look(60, fault), look(120, fault), look(135, keepwatch.OK)}, opened + "\nmonitor:effects:emea: resolved looked_again"},
		{"what else is read of the unit joins", []keepwatch.Observation{look(0, fault), queues(1, fault), look(120, fault), queues(121, fault), queues(125, keepwatch.OK), look(135, keepwatch.OK)},
			opened + "\nmonitor:effects:emea: joined cannot_look\nmonitor:effects:emea: left looked_again\nmonitor:effects:emea: resolved looked_again"},
		{"the reader is refused: that is said already", slices.Concat(dead, []keepwatch.Observation{look(5, fault, reader), look(125, fault, reader)}), "credential:crm opened confirmed_refusal"},
		{"another reader could: the refused one is no reason", slices.Concat(dead, []keepwatch.Observation{look(5, fault, reader, keepwatch.Step{Name: "token:erp", Outcome: keepwatch.OK}), look(125, fault, reader, keepwatch.Step{Name: "token:erp", Outcome: keepwatch.OK})}),
			"credential:crm opened confirmed_refusal\n" + opened},
		{"another credential is no reason", slices.Concat(dead, []keepwatch.Observation{look(5, fault), look(125, fault)}), "credential:crm opened confirmed_refusal\n" + opened},
		{"SFMC fails", slices.Concat(burstOf("crm", 0, keepwatch.PlatformError), []keepwatch.Observation{look(5, fault), look(125, fault)}), "platform opened burst_confirmed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := story(t, tc.obs...)
			if got := w.lines(); got != tc.want {
				t.Errorf("timeline:\n%s\nwant:\n%s", got, tc.want)
			}
			if s := w.series[keepwatch.SeriesID(check)]; len(s.Latencies) != 0 {
				t.Error("a look at counters has a baseline of latency")
			}
			for _, h := range w.hoods {
				if _, there := h.LastOK[""]; there {
					t.Error("a look at counters is somebody's neighbour")
				}
			}
		})
	}
}

// TestRandomHistoriesOfEffects runs random estates, with chains, cycles and several
// credentials for a thing, through random days. world.check holds what must always be
// true of incidents and effects.
func TestRandomHistoriesOfEffects(t *testing.T) {
	opened, folded, merged, restored, outlived := 0, 0, 0, 0, 0
	for seed := range seeds(150, 1000) {
		r := rand.New(rand.NewPCG(uint64(seed), 99))
		w := newWorld(t, incident.Policy{CatchUp: 3 * time.Hour})
		estate := randomLandscape(r)
		now, state := at(0, 0), map[string]keepwatch.Outcome{}
		begun := map[keepwatch.SeriesID]time.Time{}
		for range 120 {
			now = now.Add(time.Duration(20+r.IntN(600)) * time.Second)
			var obs []keepwatch.Observation
			for range 1 + r.IntN(4) {
				if r.IntN(3) == 0 {
					c := estate.credentials[r.IntN(len(estate.credentials))]
					state[c] = randomOutcome(r, state[c])
					obs = append(obs, seen(c, now, state[c], of(estate.tenant(c))))
					continue
				}
				obs = append(obs, estate.reading(r, now, begun))
			}
			slices.SortFunc(obs, func(a, b keepwatch.Observation) int { return strings.Compare(a.Key, b.Key) })
			obs = slices.CompactFunc(obs, func(a, b keepwatch.Observation) bool { return a.Key == b.Key })
			for _, o := range obs {
				if w.series[o.Series] == nil {
					w.tenants[o.Tenant] = append(w.tenants[o.Tenant], o.Series)
					w.series[o.Series] = &keepwatch.Series{ID: o.Series, Check: o.Check, Credential: o.Credential, Tenant: o.Tenant, Place: o.Place}
				}
			}
			same(t, w, obs, now)
			w.apply(now.Add(time.Second), obs...)
			w.checkJudged(seed)
		}
		opened += len(w.opened)
		for _, tl := range w.timeline {
			for _, tr := range tl {
				switch {
				case tr.Kind == keepwatch.Affected:
					folded++
				case tr.Kind == keepwatch.Merged && tr.Reason == incident.ReasonCauseFound:
					merged++
				case tr.Kind == keepwatch.Restored:
					restored++
				case tr.Reason == incident.ReasonOutlived:
					outlived++
				}
			}
		}
	}
	if folded < 200 || merged < 20 || restored < 20 || outlived < 5 {
		t.Errorf("%d opened, %d folded, %d merged, %d restored, %d outlived: the histories prove little", opened, folded, merged, restored, outlived)
	}
}

// same: Step is a function of its view, and changes nothing of it.
func same(t *testing.T, w *world, obs []keepwatch.Observation, now time.Time) {
	t.Helper()
	first, err := incident.Step(w.view(obs), w.policy, now.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	second, _ := incident.Step(w.view(obs), w.policy, now.Add(time.Second))
	if !reflect.DeepEqual(first, second) {
		t.Fatalf("two runs of one step differ:\n%+v\n%+v", first, second)
	}
}

// checkJudged: what is judged to have stopped lasts in an incident, and what works does
// not.
func (w *world) checkJudged(seed int) {
	w.t.Helper()
	where := map[keepwatch.SeriesID]bool{}
	for _, in := range w.open {
		for _, ef := range in.Effects {
			where[ef.Series] = where[ef.Series] || ef.EndedAt.IsZero()
		}
	}
	for id, s := range w.series {
		if s.Watch == nil || s.State == keepwatch.StateUnknown {
			continue
		}
		if judged := s.Outcome.Info().Confirm == keepwatch.ConfirmJudged; judged != where[id] {
			w.t.Fatalf("seed %d: %s is %s, and lasts in an incident: %v\n%s", seed, id, s.Outcome, where[id], w.tell())
		}
	}
}

// landscape is a random set of credentials and of things that hang on them.
type landscape struct {
	credentials []string
	things      []string
	upstream    map[string][]func(*keepwatch.Observation)
}

func (e *landscape) tenant(of string) string {
	if strings.HasSuffix(of, "2") {
		return "apac"
	}
	return "emea"
}

func randomLandscape(r *rand.Rand) *landscape {
	e := &landscape{credentials: []string{"c1", "c2", "c3"}, upstream: map[string][]func(*keepwatch.Observation){}}
	for i, kind := range []string{"automation", "automation", "data_extension", "data_extension", "journey", "journey", "journey", "triggered_send"} {
		e.things = append(e.things, fmt.Sprintf("%s/t%d", kind, i%4))
	}
	for _, id := range e.things {
		for range r.IntN(3) {
			var via []string
			for range r.IntN(3) {
				via = append(via, e.things[r.IntN(len(e.things))])
			}
			e.upstream[id] = append(e.upstream[id], from(e.credentials[r.IntN(3)], via...))
		}
	}
	return e
}

func (e *landscape) reading(r *rand.Rand, now time.Time, begun map[keepwatch.SeriesID]time.Time) keepwatch.Observation {
	id := e.things[r.IntN(len(e.things))]
	change := append(slices.Clone(e.upstream[id]), of([]string{"emea", "emea", "apac"}[r.IntN(3)]))
	switch n := r.IntN(10); {
	case n < 4:
		o := read(id, now, change...)
		delete(begun, o.Series)
		return o
	case n < 5:
		return read(id, now, append(change, learning)...)
	}
	if r.IntN(6) == 0 {
		change = append(change, nobodysNight)
	}
	if r.IntN(8) == 0 {
		change = append(change, journey(keepwatch.JourneyReading{Status: "Paused", Change: "Pause", ChangedBy: "ada"}))
	}
	o := stops(id, now, change...)
	if begun[o.Series].IsZero() {
		begun[o.Series] = now
	}
	o.Watch.Verdict.Noticed = begun[o.Series]
	o.Watch.Verdict.Since = begun[o.Series].Add(-time.Duration(r.IntN(240)) * time.Minute)
	return o
}
