package collect_test

import (
	"cmp"
	"net/http/httptest"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/detect"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/world"
)

// living is a simulator with a shop, its nightly load and what hangs on them.
type living struct {
	t    *testing.T
	sim  *sim.Sim
	c    *collect.Collector
	now  time.Time
	jobs map[keepwatch.Family]collect.Job
	seen map[keepwatch.SeriesID]keepwatch.Watch
	last map[string]keepwatch.Watch
}

func newLiving(t *testing.T) *living {
	t.Helper()
	l := &living{t: t, now: start, jobs: map[keepwatch.Family]collect.Job{}, seen: map[keepwatch.SeriesID]keepwatch.Watch{}, last: map[string]keepwatch.Watch{}}
	even := func(perDay float64) world.Volume { return world.Volume{PerDay: perDay, Noise: world.NoiseNone} }
	l.sim = sim.New(sim.Options{Now: func() time.Time { return l.now }})
	scopes := []string{"journeys_read", "list_and_subscribers_read", "data_extensions_read", "automations_read", "email_read", "sms_read", "tracking_events_read"}
	l.sim.AddClient(sim.ClientSpec{ClientID: "w", Secret: open, MID: germany, EID: 510000100, Scopes: scopes})
	l.sim.AddClient(sim.ClientSpec{ClientID: "shop", Secret: "another-secret-0123456789", MID: germany, EID: 510000100, Scopes: append(scopes, "data_extensions_write", "email_send")})
	err := l.sim.AddWorld(world.Spec{
		Seed: 7, Since: start.AddDate(0, 0, -3), Unit: germany, Zone: "Europe/Berlin",
		Callers:     []world.Caller{{Name: "shop", ClientID: "shop", OnFailure: world.OnFailureLate}},
		Extensions:  []world.Extension{{Key: "Customers", Rows: 1000, Timestamp: "LoadedAt"}, {Key: "Orders", Timestamp: "ModifiedDate", Writer: "shop", Volume: even(2880)}},
		Journeys:    []world.Journey{{Key: "welcome", Version: 2, Entry: world.Entry{Event: "APIEvent-welcome", Caller: "shop", Volume: even(2880)}, Steps: []world.Step{{Name: "Call", Kind: "rest"}, {Name: "Wait", Dwell: world.Duration(2 * time.Hour)}}}},
		Automations: []world.Automation{{Key: "nightly", Name: "Nightly", Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1", At: "00:20"}, Steps: []world.Activity{{Key: "load", Kind: "import", Target: "Customers", Blank: "skip", AllowErrors: true, File: world.File{Volume: even(2400), Caller: "shop"}}}}},
		Sends:       []world.Send{{Kind: keepwatch.SubjectTransactionalEmail, Key: "receipt", Caller: "shop", Volume: even(1440)}, {Kind: keepwatch.SubjectTriggeredSend, Key: "alert", Caller: "shop", Volume: even(1440)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.sim.Handler())
	t.Cleanup(func() { server.Close(); _ = l.sim.Close() })
	l.c = collect.New(collect.Options{Secrets: secrets{}, Egress: egress.New(egress.Policy{}), Judge: detect.Judge})
	wanted := map[keepwatch.Family][]collect.Wanted{}
	for kind, key := range map[keepwatch.SubjectKind]string{
		keepwatch.SubjectJourney: "welcome", keepwatch.SubjectDataExtension: "Orders", keepwatch.SubjectAutomation: "nightly", keepwatch.SubjectTransactionalEmail: "receipt", keepwatch.SubjectTriggeredSend: "alert",
	} {
		family := map[keepwatch.SubjectKind]keepwatch.Family{
			keepwatch.SubjectJourney: keepwatch.FamilyJourneys, keepwatch.SubjectDataExtension: keepwatch.FamilyDataExtensions, keepwatch.SubjectAutomation: keepwatch.FamilyAutomations,
			keepwatch.SubjectTriggeredSend: keepwatch.FamilySends,
		}[kind]
		family = cmp.Or(family, keepwatch.FamilyQueues)
		w := collect.Wanted{Subject: keepwatch.Subject{Kind: kind, Key: key, Unit: germany}}
		if kind == keepwatch.SubjectDataExtension {
			w.TimestampField, w.Expect.RowsEvery = "ModifiedDate", time.Hour
		}
		wanted[family] = append(wanted[family], w)
	}
	for _, family := range keepwatch.Families {
		l.jobs[family] = collect.Job{
			Check: keepwatch.EffectsCheck("t", germany, family), Unit: germany, Family: family, Gap: collect.DefaultEvery[family], Wanted: wanted[family], Previous: l.seen,
			Tenant:  keepwatch.Tenant{ID: "t", AuthURL: server.URL, RESTURL: server.URL, SOAPURL: server.URL + "/Service.asmx"},
			Readers: []keepwatch.Credential{{ID: "watcher", Tenant: "t", Kind: keepwatch.ServerToServer, ClientID: "w", SecretRef: "env:X"}},
		}
	}
	return l
}

// pass lets time pass, with every look that falls into it.
func (l *living) pass(d time.Duration) {
	l.t.Helper()
	for end := l.now.Add(d); l.now.Before(end); l.now = l.now.Add(5 * time.Minute) {
		for _, family := range keepwatch.Families {
			job := l.jobs[family]
			if l.now.Sub(start)%job.Gap != 0 {
				continue
			}
			job.At, job.Slot = l.now, l.now
			found, _ := l.c.Look(l.t.Context(), job)
			for _, o := range found {
				if o.Watch == nil {
					if o.Outcome != keepwatch.OK {
						l.t.Fatalf("%s: %s: %s %+v", family, o.Outcome, o.Message, o.Steps)
					}
					continue
				}
				l.seen[o.Series] = *o.Watch
				l.last[keepwatch.SubjectSeries(o.Watch.Subject, o.Watch.Aspect)] = *o.Watch
			}
		}
	}
}

// A day with the simulated SFMC: every part of a reading that it offers is read, and
// says what happened in the world.
func TestADayInALivingAccount(t *testing.T) {
	l := newLiving(t)
	l.pass(6 * time.Hour)
	for _, series := range []string{
		"journey/welcome:entry", "journey/welcome:activities", "data_extension/Orders:rows", "automation/nightly:runs", "automation/nightly:imports", "transactional_email/receipt:queue",
		"triggered_send/alert:queue", "triggered_send/alert:volume",
	} {
		w, ok := l.last[series]
		if !ok {
			t.Errorf("%s was not seen", series)
		} else if o := w.Verdict.Outcome; o != "" && o != keepwatch.OK {
			t.Errorf("%s: %+v", series, w.Verdict)
		}
	}
	entry := l.last["journey/welcome:entry"].Reading
	if j := entry.Journey; j.Version != 2 || j.EventKey != "APIEvent-welcome" || j.EventType != "APIEvent" || entry.Amount != 30 || entry.Window != 15*time.Minute {
		t.Errorf("entry %+v %+v", entry, j)
	}
	rows := l.last["data_extension/Orders:rows"].Reading
	if x := rows.Extension; rows.Amount != 120 || l.now.Sub(x.Newest) > 2*time.Hour || x.Newest.After(l.now) {
		t.Errorf("rows %+v %+v", rows, x)
	}
	runs := l.last["automation/nightly:runs"].Reading.Automation
	if runs.Status != "Scheduled" || runs.LastStatus != "Complete" || runs.Every != time.Hour || l.now.Sub(runs.DueAt) > 80*time.Minute || runs.LastRunAt.Before(runs.DueAt) || !runs.NextAt.After(l.now.Add(-15*time.Minute)) {
		t.Errorf("runs %+v at %s", runs, l.now)
	}
	imports := l.last["automation/nightly:imports"].Reading.Automation.Imports
	if len(imports) != 1 || imports[0].Imported != 100 || imports[0].BlankFile != "skip" || imports[0].Target != "Customers" || !imports[0].AllowErrors {
		t.Errorf("imports %+v", imports)
	}
	if s := l.last["triggered_send/alert:volume"].Reading; s.Amount != 15 || *s.Send.Queued != 0 {
		t.Errorf("volume %+v %+v", s, s.Send)
	}
	if s := l.last["transactional_email/receipt:queue"].Reading.Send; s.Status != "Active" || *s.Queued > 5 || s.NotSent == nil {
		t.Errorf("queue %+v", s)
	}
}

// The credential of the shop dies, and what hangs on it starves: the looks go on with
// the reader's, and what they bring tells the causes apart.
func TestADeadCredentialInALivingAccount(t *testing.T) {
	l := newLiving(t)
	l.pass(6 * time.Hour)
	if _, err := l.sim.Delete("shop"); err != nil {
		t.Fatal(err)
	}
	died := l.now
	l.pass(6 * time.Hour)
	if w := l.last["data_extension/Orders:rows"]; w.Verdict.Outcome != keepwatch.DataStale || w.Verdict.Since.After(died) || w.Reading.Extension.Newest.After(died) {
		t.Errorf("rows %+v", w.Verdict)
	}
	entry := l.last["journey/welcome:entry"].Reading
	if j := entry.Journey; entry.Amount != 0 || entry.Window == 0 || j.Attempted == nil || j.Moved == nil || j.Errored == nil || *j.Errored != 0 {
		t.Errorf("entry %+v %+v", entry, j)
	}
	if w := l.last["automation/nightly:imports"]; len(w.Reading.Automation.Imports) != 1 || w.Reading.Automation.Imports[0].Imported != 0 {
		t.Errorf("imports %+v %+v", w.Verdict, w.Reading.Automation.Imports)
	}
	if w := l.last["automation/nightly:runs"]; w.Verdict.Outcome != keepwatch.AutomationFailed || w.Reading.Automation.FailingStep != "1 (import)" || w.Reading.Automation.LastRunAt.Before(died) {
		t.Errorf("runs %+v %+v", w.Verdict, w.Reading.Automation)
	}
	if s := l.last["triggered_send/alert:volume"].Reading; s.Amount != 0 || *s.Send.Queued != 0 {
		t.Errorf("volume %+v", s)
	}
}
