package backtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/notify"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// directory knows two credentials.
type directory map[keepwatch.CredentialID]keepwatch.Credential

func (d directory) Credential(id keepwatch.CredentialID) (keepwatch.Credential, bool) {
	c, ok := d[id]
	return c, ok
}

func (d directory) Tenant(id keepwatch.TenantID) (keepwatch.Tenant, bool) {
	return keepwatch.Tenant{ID: id}, true
}

func rules() Rules {
	creds := []keepwatch.Credential{
		{ID: "crm", Tenant: "emea", Kind: keepwatch.ServerToServer, Criticality: keepwatch.Transactional, Owner: keepwatch.Owner{Team: "crm"}, SecretGenerated: keepwatch.Day(2026, time.July, 1)},
		{ID: "bi", Tenant: "emea", Kind: keepwatch.ServerToServer, Criticality: keepwatch.Reporting},
	}
	dir := directory{}
	for _, c := range creds {
		dir[c.ID] = c
	}
	setup := notify.Setup{Routes: notify.Routes{{To: []string{"ops"}}}, Directory: dir}
	for _, name := range []string{"ops", "crm", "log"} {
		setup.Receivers = append(setup.Receivers, notify.Receiver{Name: name})
	}
	return Rules{
		Setup: setup, Credentials: creds,
		FailAfter: func(keepwatch.CredentialID) int { return 2 },
		Gap:       func(keepwatch.CredentialID, time.Time) time.Duration { return 10 * time.Minute },
		Ladder:    func(keepwatch.CredentialID) []time.Duration { return days(30) },
		Zone:      func(keepwatch.CredentialID) *time.Location { return time.UTC },
		Expect:    func(keepwatch.TenantID, keepwatch.Subject) keepwatch.Expectation { return keepwatch.Expectation{} },
	}
}

func days(n ...int) []time.Duration {
	out := make([]time.Duration, len(n))
	for i, d := range n {
		out[i] = time.Duration(d) * 24 * time.Hour
	}
	return out
}

// episode is an incident of one credential, from its first failure on.
func episode(id string, cred keepwatch.CredentialID, outcome keepwatch.Outcome, reason string, failed, detected, resolved int) Episode {
	inc := keepwatch.Incident{
		ID: keepwatch.IncidentID(id), Scope: outcome.Info().Scope, Tenant: "emea", Place: keepwatch.Local, Outcome: outcome, Severity: keepwatch.SeverityCritical,
		Status: keepwatch.IncidentOpen, FirstFailedAt: at(failed), DetectedAt: at(detected),
		Members: []keepwatch.Member{{Credential: cred, Outcome: outcome, Since: at(failed)}},
	}
	if inc.Scope == keepwatch.ScopeCredential {
		inc.Credential = cred
	}
	opened := inc
	inc.Status, inc.ResolvedAt, inc.Members = keepwatch.IncidentResolved, at(resolved), slices.Clone(inc.Members)
	inc.Members[0].EndedAt = at(resolved)
	return Episode{
		Incident: inc, Opened: keepwatch.Transition{Kind: keepwatch.Opened, At: at(detected), Reason: reason},
		Notices: []keepwatch.Notice{
			{ID: keepwatch.NoticeID(id + ".1"), Incident: opened, Kind: keepwatch.Opened, Seq: 1, At: at(detected)},
			{ID: keepwatch.NoticeID(id + ".2"), Incident: inc, Kind: keepwatch.Resolved, Seq: 2, At: at(resolved)},
		},
	}
}

func past(episodes ...Episode) Past {
	return Past{From: noon.AddDate(0, 0, -30), To: noon.AddDate(0, 0, 1), RunsSince: noon.AddDate(0, 0, -6), Incidents: episodes, Runs: map[keepwatch.CredentialID][]keepwatch.Observation{}}
}

// runs fails n planned runs in a row, each with the retries that confirm it, and
// then works.
func runs(cred keepwatch.CredentialID, from, n int) []keepwatch.Observation {
	var out []keepwatch.Observation
	add := func(at time.Time, reason keepwatch.Reason, outcome keepwatch.Outcome) {
		out = append(out, keepwatch.Observation{
			Credential: cred, Tenant: "emea", Place: keepwatch.Local, At: at, Slot: at, Reason: reason, Outcome: outcome, Source: keepwatch.SourceTest, Connectivity: keepwatch.ConnectivityProven,
		})
	}
	for i := range n {
		start := at(from + 10*i)
		add(start, keepwatch.ReasonScheduled, keepwatch.Timeout)
		for k := 1; k <= 3; k++ {
			add(start.Add(time.Duration(k)*time.Minute), keepwatch.ReasonConfirm, keepwatch.Timeout)
		}
	}
	add(at(from+10*n), keepwatch.ReasonScheduled, keepwatch.OK)
	return out
}

// told says in lines what differs.
func differences(b client.Backtest) string {
	var lines []string
	for _, i := range b.Incidents {
		lines = append(lines, fmt.Sprintf("%s %s by %gs, estimated %v", i.Title, i.Change, i.BySeconds, i.Estimated))
	}
	for _, m := range b.Messages {
		lines = append(lines, fmt.Sprintf("%s: %s of %s%s %s by %gs", m.Receiver, m.Kind, m.Incident, m.Credential, m.Change, m.BySeconds))
	}
	return strings.Join(lines, "\n")
}

func TestCompare(t *testing.T) {
	refused := func() Episode {
		return episode("a", "crm", keepwatch.BadSecretOrPackage, "confirmed_refusal", 0, 1, 60)
	}
	timedOut := func() Episode { return episode("b", "bi", keepwatch.Timeout, reasonRuns, 0, 12, 25) }
	for _, x := range []struct {
		name   string
		past   func() Past
		change func(*Rules)
		want   string
	}{
		{"the same", func() Past { return past(refused(), timedOut()) }, func(*Rules) {}, ""},
		{"another receiver", func() Past { return past(refused()) }, func(r *Rules) {
			r.Routes = notify.Routes{{Match: notify.Match{Criticality: []string{"transactional"}}, To: []string{"crm"}}, {To: []string{"ops"}}}
		}, "crm: opened of acrm added by 0s\nops: opened of acrm removed by 0s\ncrm: resolved of acrm added by 0s\nops: resolved of acrm removed by 0s"},
		{"a wait", func() Past { return past(refused()) }, func(r *Rules) {
			r.Routes = notify.Routes{{To: []string{"ops"}, Wait: 5 * time.Minute}}
		}, "ops: opened of acrm later by 300s"},
		{"a wait that outlasts it", func() Past { return past(refused()) }, func(r *Rules) {
			r.Routes = notify.Routes{{To: []string{"ops"}, Wait: 2 * time.Hour}}
		}, "ops: opened of acrm removed by 0s\nops: resolved of acrm removed by 0s"},
		{"more runs than failed", func() Past { p := past(timedOut()); p.Runs["bi"] = runs("bi", 0, 2); return p }, func(r *Rules) {
			r.FailAfter = func(keepwatch.CredentialID) int { return 3 }
		}, "tenant emea: timeout removed by 0s, estimated false\nops: opened of b removed by 0s\nops: resolved of b removed by 0s"},
		{"fewer runs", func() Past { p := past(timedOut()); p.Runs["bi"] = runs("bi", 0, 2); return p }, func(r *Rules) {
			r.FailAfter = func(keepwatch.CredentialID) int { return 1 }
		}, "tenant emea: timeout sooner by 600s, estimated false\nops: opened of b sooner by 600s"},
		{"fewer runs, and the single ones are gone", func() Past { return past(timedOut()) }, func(r *Rules) {
			r.FailAfter = func(keepwatch.CredentialID) int { return 1 }
		}, "tenant emea: timeout sooner by 600s, estimated true\nops: opened of b sooner by 600s"},
		{"one that never opened", func() Past { p := past(); p.Runs["bi"] = runs("bi", 0, 1); return p }, func(r *Rules) {
			r.FailAfter = func(keepwatch.CredentialID) int { return 1 }
		}, "bi: timeout added by 0s, estimated false\nops: opened of  added by 0s\nops: resolved of  added by 0s"},
		{"rarer looks", func() Past { return past(refused()) }, func(r *Rules) {
			r.Gap = func(keepwatch.CredentialID, time.Time) time.Duration { return 30 * time.Minute }
		}, "crm: bad secret or package later by 600s, estimated true\nops: opened of acrm later by 600s"},
		{"looks rarer than it lasted", func() Past { return past(refused()) }, func(r *Rules) {
			r.Gap = func(keepwatch.CredentialID, time.Time) time.Duration { return 2 * time.Hour }
		}, "crm: bad secret or package maybe_missed by 0s, estimated true"},
		// The secret ends on 28 December: 30 days before is in the span, and so is 60 before.
		{"another ladder", func() Past { return past() }, func(r *Rules) {
			r.Ladder = func(keepwatch.CredentialID) []time.Duration { return days(60, 30) }
		}, "ops: rung 60d of secret of crm added by 0s"},
	} {
		next := rules()
		x.change(&next)
		b := Compare(rules(), next, x.past(), noon)
		if got := differences(b); got != x.want {
			t.Errorf("%s:\n%s\nwant:\n%s", x.name, got, x.want)
		}
		for _, p := range b.Parts {
			if p.NotKnown == "" {
				t.Errorf("%s: %s says nothing of what it does not know", x.name, p.Name)
			}
		}
	}
}

func TestReminders(t *testing.T) {
	next := rules()
	next.Routes = notify.Routes{{To: []string{"ops"}, RepeatEvery: 20 * time.Minute}}
	b := Compare(rules(), next, past(episode("a", "crm", keepwatch.BadSecretOrPackage, "confirmed_refusal", 0, 0, 60)), noon)
	if len(b.Receivers) != 1 || b.Receivers[0].RemindersBefore != 0 || b.Receivers[0].RemindersAfter != 2 || len(b.Messages) != 0 {
		t.Errorf("%+v", b.Receivers)
	}
	if !b.Parts[0].Differs || b.Parts[1].Differs {
		t.Errorf("%+v", b.Parts)
	}
}

func TestThresholds(t *testing.T) {
	s := keepwatch.Subject{Kind: keepwatch.SubjectTransactionalEmail, Key: "order", Unit: 7}
	e := episode("q", "", keepwatch.QueueBackingUp, "judged", 0, 10, 60)
	e.Incident.Members = nil
	e.Incident.Effects = []keepwatch.Effect{{Series: "q", Subject: s, Outcome: keepwatch.QueueBackingUp, Since: at(0), NoticedAt: at(10), EndedAt: at(60)}}
	e.Readings = map[keepwatch.SeriesID][]keepwatch.Watch{}
	for m := 10; m < 60; m += 5 {
		oldest := time.Duration(m) * time.Minute
		e.Readings["q"] = append(e.Readings["q"], keepwatch.Watch{Reading: keepwatch.Reading{At: at(m), Send: &keepwatch.SendReading{Oldest: &oldest}}})
	}
	age := func(d time.Duration) func(keepwatch.TenantID, keepwatch.Subject) keepwatch.Expectation {
		return func(keepwatch.TenantID, keepwatch.Subject) keepwatch.Expectation {
			return keepwatch.Expectation{MaxQueueAge: d}
		}
	}
	old := rules()
	old.Expect = age(5 * time.Minute)
	for limit, want := range map[time.Duration]string{
		5 * time.Minute:  "",
		28 * time.Minute: "tenant emea: queue backing up later by 1200s, estimated false\nops: opened of q later by 1200s",
		2 * time.Hour:    "tenant emea: queue backing up removed by 0s, estimated false\nops: opened of q removed by 0s\nops: resolved of q removed by 0s",
		2 * time.Minute:  "tenant emea: queue backing up sooner by 180s, estimated true\nops: opened of q sooner by 180s",
	} {
		next := rules()
		next.Expect = age(limit)
		if got := differences(Compare(old, next, past(e), noon)); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", limit, got, want)
		}
	}
	stale := e
	stale.Incident.Outcome = keepwatch.DataStale
	stale.Incident.Effects = []keepwatch.Effect{{Series: "q", Subject: s, Outcome: keepwatch.DataStale, Since: at(0), NoticedAt: at(10), EndedAt: at(60)}}
	every := func(d time.Duration) func(keepwatch.TenantID, keepwatch.Subject) keepwatch.Expectation {
		return func(keepwatch.TenantID, keepwatch.Subject) keepwatch.Expectation {
			return keepwatch.Expectation{RowsEvery: d}
		}
	}
	old.Expect = every(time.Hour)
	next := rules()
	next.Expect = every(3 * time.Hour)
	if got := differences(Compare(old, next, past(stale), noon)); got != "tenant emea: data stale later by 1200s, estimated true\nops: opened of q later by 1200s" {
		t.Error(got)
	}
}

// What is told together is one message, and what a receiver is spared stands beside it.
func TestTogether(t *testing.T) {
	var episodes []Episode
	for i := range 40 {
		episodes = append(episodes, episode(fmt.Sprint("e", i), []keepwatch.CredentialID{"crm", "bi"}[i%2], keepwatch.BadSecretOrPackage, "confirmed_refusal", 0, 1, 60))
	}
	for _, x := range []struct {
		name   string
		change func(*Rules)
		want   string // of messages that are added: kind, incidents, minute
		after  int
	}{
		{"a group", func(r *Rules) {
			r.Routes = notify.Routes{{To: []string{"ops"}, GroupBy: []string{"owner"}, Wait: 5 * time.Minute}}
		}, "group 20 6, group 20 6, group 20 65, group 20 65", 4},
		{"a digest", func(r *Rules) {
			r.Routes = notify.Routes{{To: []string{"ops"}, Digest: &notify.Hour{At: 14 * time.Hour}}}
		}, "digest 20 120", 41}, // what is transactional and fails does not wait,
		{"a limit", func(r *Rules) {
			r.Receivers = []notify.Receiver{{Name: "ops", Pace: notify.DefaultPace}}
		}, "storm 40 1, storm 40 2, storm 40 61", 3},
	} {
		next := rules()
		x.change(&next)
		b := Compare(rules(), next, past(episodes...), noon)
		var got []string
		for _, m := range b.Messages {
			if m.Change == "added" {
				got = append(got, fmt.Sprintf("%s %d %.0f", m.Kind, m.Incidents, m.At.Sub(noon).Minutes()))
			}
		}
		if r := b.Receivers[0]; strings.Join(got, ", ") != x.want || r.Before != 80 || r.After != x.after {
			t.Errorf("%s: %s; %+v", x.name, strings.Join(got, ", "), r)
		}
		if !b.Parts[0].Differs {
			t.Errorf("%s: the routes do not differ", x.name)
		}
	}
}

// Whatever the past was: the same rules say the same, and what one direction adds
// the other takes away.
func TestBothDirections(t *testing.T) {
	var episodes []Episode
	for i := range 40 {
		outcome, reason := keepwatch.BadSecretOrPackage, "confirmed_refusal"
		if i%3 == 0 {
			outcome, reason = keepwatch.Timeout, reasonRuns
		}
		episodes = append(episodes, episode(fmt.Sprint("e", i), []keepwatch.CredentialID{"crm", "bi"}[i%2], outcome, reason, -100*i, -100*i+1+i%20, -100*i+25+i))
	}
	a, b := rules(), rules()
	b.Routes = notify.Routes{{Match: notify.Match{Criticality: []string{"transactional"}}, To: []string{"crm"}, Wait: 3 * time.Minute, Continue: true}, {To: []string{"ops", "log"}}}
	if got := differences(Compare(a, a, past(episodes...), noon)); got != "" {
		t.Error(got)
	}
	there, back := Compare(a, b, past(episodes...), noon), Compare(b, a, past(episodes...), noon)
	for _, r := range there.Receivers {
		i := slices.IndexFunc(back.Receivers, func(x client.BacktestReceiver) bool { return x.Receiver == r.Receiver })
		if i < 0 || r.Added != back.Receivers[i].Removed || r.Later != back.Receivers[i].Sooner || r.Before+r.Added-r.Removed != r.After {
			t.Errorf("%+v, and back %+v", r, back.Receivers)
		}
	}
}
