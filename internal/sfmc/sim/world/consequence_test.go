package world

import (
	"fmt"
	"testing"
	"time"

	"keepwatch"
)

const allTime = 1000 * time.Hour

// A good day: rows come by the nightly file, go through the query and enter.
func TestAGoodDay(t *testing.T) {
	s := open(t, nightly(nil))
	s.pass(4 * 24 * time.Hour)
	equal(t, "rows", s.extension("Customers").Count, 10_000+360+3*1440)
	equal(t, "fresh", s.extension("Fresh").Count, 1440)
	equal(t, "entered", s.journey("hello").Newest().Entered, 360+3*1440)
	truth := s.truth()
	for _, id := range []string{"data_extension/Customers", "data_extension/Fresh", "journey/hello"} {
		equal(t, id+" in time", truth.Count(id, monday, s.now.Add(allTime), OnTime), 360+3*1440)
		equal(t, id+" to come", truth.Count(id, monday, s.now.Add(allTime), Pending), 18*60)
		equal(t, id+" not in time", truth.Count(id, monday, s.now.Add(allTime), Late, Waiting, Lost), 0)
		equal(t, id+" stale", truth.HoursStale(id, monday, s.now), 0)
	}
	runs := s.runs("nightly")
	equal(t, "runs", len(runs), 4)
	equal(t, "status", runs[3].Status, RunComplete)
	equal(t, "length", runs[3].Ended.Sub(runs[3].Started), 10*time.Minute)
	equal(t, "imported", runs[3].Imported, 2*1440)
	equal(t, "next", s.automation("nightly").Planned, monday.Add(4*24*time.Hour+6*time.Hour))
}

// What an empty file does, by setting and way of updating.
func TestBlankFiles(t *testing.T) {
	for _, blank := range []string{"fail", "skip", "process"} {
		for _, mode := range []string{"add", "update", "add_update", "overwrite"} {
			for _, allow := range []bool{false, true} {
				t.Run(fmt.Sprint(blank, mode, allow), func(t *testing.T) {
					s := open(t, nightly(func(a *Activity) { a.Blank, a.Mode, a.AllowErrors = blank, mode, allow }))
					s.pass(24 * time.Hour)
					before := s.extension("Customers").Count
					s.do(Deed{Subject: "automation/nightly", Verb: "empty", Files: 1})
					s.pass(24 * time.Hour)
					run := s.runs("nightly")[1]
					result := s.w.Imports(0)[1]
					wantStatus, wantImport, wantRows := RunComplete, "Completed", before
					switch {
					case blank == "fail":
						wantStatus, wantImport = RunError, "Error"
						equal(t, "step", run.Failed, 1)
						equal(t, "cause", run.Why.Kind, keepwatch.CauseEmptyImport)
					case blank == "process" && mode == "overwrite":
						wantRows = 0
					}
					equal(t, "run", run.Status, wantStatus)
					equal(t, "import", result.Status, wantImport)
					equal(t, "read", result.Total, 0)
					equal(t, "rows", s.extension("Customers").Count, wantRows)
					from, to := monday.Add(24*time.Hour), monday.Add(48*time.Hour)
					equal(t, "waiting", s.truth().ByCause("data_extension/Customers", from, to)[keepwatch.CauseEmptyImport], 1440)
					equal(t, "stale since 06:05", s.truth().HoursStale("data_extension/Customers", from, to), 17.0+55.0/60)

					s.pass(24 * time.Hour) // the next file has it all
					equal(t, "late", s.truth().Count("data_extension/Customers", from, to, Late), 1440)
					equal(t, "stale for a day", s.truth().HoursStale("data_extension/Customers", from, s.now), 24)
					if mode == "add" {
						equal(t, "all there", s.extension("Customers").Count, 10_000+360+2*1440)
					}
				})
			}
		}
	}
}

// A truncated file is imported without complaint.
func TestTruncatedFile(t *testing.T) {
	for _, lost := range []bool{false, true} {
		s := open(t, nightly(func(a *Activity) { a.File.Lost = lost }))
		s.pass(24 * time.Hour)
		s.do(Deed{Subject: "automation/nightly", Verb: "truncate", Share: 0.1, Files: 1})
		s.pass(48 * time.Hour)
		equal(t, "run", s.runs("nightly")[1].Status, RunComplete)
		equal(t, "imported", s.w.Imports(0)[1].Successful, 144)
		late, gone := 1440-144, 0
		if lost {
			late, gone = gone, late
		}
		from, to := monday.Add(24*time.Hour), monday.Add(48*time.Hour)
		for _, id := range []string{"data_extension/Customers", "data_extension/Fresh", "journey/hello"} {
			equal(t, id+" late", s.truth().Count(id, from, to, Late), late)
			equal(t, id+" lost", s.truth().Count(id, from, to, Lost), gone)
		}
	}
}

// A truncated file that overwrites leaves what it holds; one of the same size hides
// that anything was written.
func TestOverwrites(t *testing.T) {
	s := open(t, nightly(func(a *Activity) { a.Mode = "overwrite" }))
	s.pass(24 * time.Hour)
	equal(t, "whole", s.extension("Customers").Count, 10_360)
	s.do(Deed{Subject: "automation/nightly", Verb: "truncate", Share: 0.5, Files: 1})
	s.pass(24 * time.Hour)
	equal(t, "half", s.extension("Customers").Count, (10_360+720)/2)
	s.pass(24 * time.Hour)
	equal(t, "whole again", s.extension("Customers").Count, 10_360+2*1440)

	same := open(t, nightly(func(a *Activity) { a.Mode, a.SameSize = "overwrite", true }))
	same.pass(48 * time.Hour)
	equal(t, "same", same.extension("Customers").Count, 10_000)
	equal(t, "newest", same.extension("Customers").Newest, monday.Add(30*time.Hour+5*time.Minute))
}

// Rows that cannot be read fail the import, or go silently.
func TestRejectedRows(t *testing.T) {
	s := open(t, nightly(func(a *Activity) { a.AllowErrors = true }))
	s.pass(time.Hour)
	s.do(Deed{Subject: "automation/nightly", Verb: "reject", Share: 1})
	s.pass(24 * time.Hour)
	equal(t, "silent", s.runs("nightly")[0].Status, RunComplete)
	equal(t, "errors", s.w.Imports(0)[0].Errors, 360)
	equal(t, "lost", s.truth().LostIn("data_extension/Customers", monday, s.now), 360)
	equal(t, "lost to the journey", s.truth().LostIn("journey/hello", monday, s.now), 360)

	strict := open(t, nightly(nil))
	strict.pass(time.Hour)
	strict.do(Deed{Subject: "automation/nightly", Verb: "reject", Share: 0.5})
	strict.pass(24 * time.Hour)
	equal(t, "loud", strict.runs("nightly")[0].Status, RunError)
	equal(t, "nothing came", strict.extension("Customers").Count, 10_000)
	strict.do(Deed{Subject: "automation/nightly", Verb: "mend"})
	strict.pass(24 * time.Hour)
	equal(t, "late", strict.truth().Count("data_extension/Customers", monday, strict.now, Late), 360)
}

// Without a file an import fails, or takes the former one again and is content.
func TestNoFile(t *testing.T) {
	for _, old := range []bool{false, true} {
		s := open(t, nightly(func(a *Activity) { a.OldFiles = old }))
		s.pass(24 * time.Hour)
		rows := s.extension("Customers").Count
		s.do(Deed{Subject: "automation/nightly", Verb: "withhold"})
		s.pass(24 * time.Hour)
		want := RunError
		if old {
			want = RunComplete
			equal(t, "rows of the former file", s.w.Imports(0)[1].Total, 360)
		}
		equal(t, "run", s.runs("nightly")[1].Status, want)
		equal(t, "rows", s.extension("Customers").Count, rows)
		equal(t, "waiting", s.truth().ByCause("journey/hello", monday.Add(24*time.Hour), s.now)[keepwatch.CauseHolderSilent], 1440)
	}
}

// An automation that a file starts does nothing without one, and nobody is told.
func TestFileNeverArrived(t *testing.T) {
	spec := nightly(func(a *Activity) { a.File.Schedule = Schedule{At: "05:30"} })
	spec.Automations[0].Schedule = Schedule{}
	s := open(t, spec)
	s.pass(24 * time.Hour)
	equal(t, "started", s.runs("nightly")[0].Started, monday.Add(5*time.Hour+30*time.Minute))
	s.do(Deed{Subject: "automation/nightly", Verb: "withhold", Files: 2})
	s.pass(48 * time.Hour)
	equal(t, "runs", len(s.runs("nightly")), 1)
	equal(t, "status", s.automation("nightly").Status, AwaitingTrigger)
	s.pass(24 * time.Hour)
	equal(t, "late", s.truth().Count("journey/hello", monday.Add(24*time.Hour), s.now, Late), 2*1440)
}

// A file whose dropper's credential is dead does not come.
func TestFileDropperIsDead(t *testing.T) {
	spec := nightly(func(a *Activity) { a.File.Caller = "erp" })
	spec.Callers = []Caller{{Name: "erp", ClientID: "x"}}
	s := open(t, spec)
	s.kill()
	s.pass(24 * time.Hour)
	equal(t, "waiting", s.truth().ByCause("data_extension/Customers", monday, s.now)[keepwatch.CauseCredential], 360)
}

// A run that is due while the one before goes on is skipped.
func TestSkippedRuns(t *testing.T) {
	spec := nightly(nil)
	spec.Automations[0].Schedule = Schedule{Rule: "FREQ=HOURLY"}
	s := open(t, spec)
	s.pass(2 * time.Hour)
	s.do(Deed{Subject: "automation/nightly", Verb: "hang", Duration: Duration(150 * time.Minute)})
	s.pass(4 * time.Hour)
	var statuses []string
	for _, r := range s.runs("nightly") {
		statuses = append(statuses, r.Status)
	}
	equal(t, "runs", fmt.Sprint(statuses), "[Error Complete Complete Skipped Skipped Running]") // the first file of all is empty
	equal(t, "cause", s.runs("nightly")[3].Why.Kind, keepwatch.CauseAutomation)
	equal(t, "late", s.truth().Count("data_extension/Customers", monday, s.now, Late) > 0, true)
	s.do(Deed{Subject: "automation/nightly", Verb: "stop"})
	equal(t, "stopped", s.runs("nightly")[5].Status, Stopped)
}

// A month of failures and SFMC switches the automation off.
func TestDeactivation(t *testing.T) {
	s := open(t, nightly(nil))
	s.do(Deed{Subject: "automation/nightly", Verb: "break", Step: 2, Mode: "no permission"})
	s.pass(29 * 24 * time.Hour)
	equal(t, "on", s.automation("nightly").Status, Scheduled)
	equal(t, "step", s.runs("nightly")[0].Failed, 2)
	equal(t, "first step worked", s.extension("Customers").Count > 10_000, true)
	s.pass(4 * 24 * time.Hour)
	equal(t, "off", s.automation("nightly").Status, Stopped)
	equal(t, "nobody did it", s.automation("nightly").PausedBy, "system")
	runs := s.runs("nightly")
	equal(t, "missed", runs[len(runs)-1].Status, RunMissed)
	equal(t, "cause", runs[len(runs)-1].Why.Kind, keepwatch.CauseDeactivated)
	for _, r := range s.automation("nightly").Runs {
		if r.Status == RunMissed {
			t.Fatal("SFMC shows a run that never was")
		}
	}
	s.do(Deed{Subject: "automation/nightly", Verb: "mend"})
	s.do(Deed{Subject: "automation/nightly", Verb: "resume"})
	s.pass(24 * time.Hour)
	equal(t, "well again", s.automation("nightly").Last().Status, RunComplete)
}

// Somebody pauses an automation: what it feeds starves, and those inside go on.
func TestPausedAutomationStarvesAJourney(t *testing.T) {
	s := open(t, nightly(nil))
	s.pass(24 * time.Hour)
	s.do(Deed{Subject: "automation/nightly", Verb: "pause"})
	s.pass(3 * 24 * time.Hour)
	v := s.journey("hello").Newest()
	equal(t, "entered", v.Entered, 360)
	equal(t, "gone through", v.Current, 0)
	equal(t, "by", s.automation("nightly").PausedBy, "jane")
	from, to := monday.Add(24*time.Hour), s.now
	for _, id := range []string{"data_extension/Customers", "data_extension/Fresh", "journey/hello"} {
		equal(t, id, s.truth().ByCause(id, from, to)[keepwatch.CauseStopped], 3*1440)
	}
	s.do(Deed{Subject: "automation/nightly", Verb: "resume"})
	s.pass(24 * time.Hour)
	equal(t, "late", s.truth().Count("journey/hello", from, to, Late), 3*1440)
	s.do(Deed{Subject: "automation/nightly", Verb: "run"})
	s.pass(time.Hour)
	equal(t, "once more", s.automation("nightly").Last().Planned, to.Add(24*time.Hour))
}

// posts is a journey of events, 1,440 a day, with two steps.
func posts(change func(*Journey)) Spec {
	j := Journey{Key: "welcome", Entry: Entry{Caller: "shop", Volume: even(1440)}, Steps: []Step{{Name: "wait", Dwell: Duration(time.Hour)}, {Name: "crm", Kind: "rest"}}}
	if change != nil {
		change(&j)
	}
	return Spec{Callers: []Caller{{Name: "shop", ClientID: "x"}}, Journeys: []Journey{j}}
}

// A pause drops who comes, or keeps them for later; at its end it stops or goes on.
func TestPausedJourney(t *testing.T) {
	for _, drop := range []bool{false, true} {
		s := open(t, posts(nil))
		s.pass(2 * time.Hour)
		s.do(Deed{Subject: "journey/welcome", Verb: "pause", Drop: drop})
		s.pass(3 * time.Hour)
		equal(t, "status", s.journey("welcome").Newest().Status, Paused)
		equal(t, "frozen", s.journey("welcome").Newest().Current, 60)
		s.do(Deed{Subject: "journey/welcome", Verb: "resume"})
		s.pass(time.Minute)
		fate := Late
		if drop {
			fate = Lost
		}
		equal(t, fate.String(), s.truth().Count("journey/welcome", monday, s.now, fate), 180)
		equal(t, "cause", s.truth().ByCause("journey/welcome", monday, s.now)[keepwatch.CauseStopped], 180)
		equal(t, "attempted", s.journey("welcome").Attempted, 301)
	}
	for then, status := range map[string]string{"Stop": Stopped, "Resume": Published} {
		s := open(t, posts(nil))
		s.do(Deed{Subject: "journey/welcome", Verb: "pause", Days: 2, Then: then})
		s.pass(49 * time.Hour)
		equal(t, then, s.journey("welcome").Newest().Status, status)
		audit := s.journey("welcome").Audit
		equal(t, "who", audit[len(audit)-1].By, "system")
	}
}

// A stopped journey throws out who is inside; callers get 400 and do as is their habit.
func TestStoppedJourney(t *testing.T) {
	s := open(t, posts(nil))
	s.pass(2 * time.Hour)
	s.do(Deed{Subject: "journey/welcome", Verb: "stop", By: "max"})
	s.pass(time.Hour)
	j := s.journey("welcome")
	equal(t, "status", j.Newest().Status, Stopped)
	last := j.Audit[len(j.Audit)-1]
	equal(t, "audit", last, Audit{Action: "Stop", By: "max", At: monday.Add(2 * time.Hour), Version: 1, Ejected: 60})
	truth := s.truth()
	equal(t, "waiting outside", truth.ByCause("journey/welcome", monday, s.now)[keepwatch.CauseStopped], 60)
	equal(t, "by", truth.Of("journey/welcome").Lots[130].Why.By, "max")
	s.do(Deed{Subject: "journey/welcome", Verb: "publish"})
	s.pass(time.Hour)
	equal(t, "second version", s.journey("welcome").Newest().Entered, 120)
}

// A new version begins at nothing; the old one finishes.
func TestNewVersion(t *testing.T) {
	s := open(t, posts(nil))
	s.pass(2 * time.Hour)
	s.do(Deed{Subject: "journey/welcome", Verb: "publish"})
	s.pass(30 * time.Minute)
	v := s.journey("welcome").Versions
	equal(t, "versions", len(v), 2)
	equal(t, "old", v[0].Status, Unpublished)
	equal(t, "old entered", v[0].Entered, 120)
	equal(t, "old inside", v[0].Current, 30)
	equal(t, "new", v[1].Status, Published)
	equal(t, "new entered", v[1].Entered, 30)
	equal(t, "published", v[1].Published, monday.Add(2*time.Hour))
	equal(t, "different", v[0].DefinitionID != v[1].DefinitionID, true)
	equal(t, "nobody is late", s.truth().Delayed("journey/welcome", monday, s.now), 0)
	s.do(Deed{Subject: "journey/welcome", Verb: "unpublish"})
	s.pass(30 * time.Minute)
	equal(t, "finishing", s.journey("welcome").Newest().Status, Unpublished)
	equal(t, "closed", s.journey("welcome").Newest().Entered, 30)
}

// Bad events: accepted and failed inside, accepted and not fitting, refused at once.
func TestBrokenEvents(t *testing.T) {
	for mode, want := range map[string]struct {
		attempted, met, failed int64
		lost, waiting          int
		history                string
	}{
		"payload":  {120, 60, 60, 60, 0, "ErrorValidatingContact"},
		"criteria": {120, 60, 0, 60, 0, "DidNotMeetEntryCriteria"},
		"invalid":  {60, 60, 0, 0, 60, ""},
	} {
		t.Run(mode, func(t *testing.T) {
			s := open(t, posts(nil))
			s.pass(time.Hour)
			s.do(Deed{Subject: "journey/welcome", Verb: "break", Mode: mode})
			s.pass(time.Hour)
			j := s.journey("welcome")
			equal(t, "attempted", j.Attempted, want.attempted)
			equal(t, "met", j.Met, want.met)
			equal(t, "failed", j.Failed, want.failed)
			truth := s.truth()
			equal(t, "lost", truth.LostIn("journey/welcome", monday, s.now), want.lost)
			equal(t, "waiting", truth.Count("journey/welcome", monday, s.now, Waiting), want.waiting)
			equal(t, "cause", truth.ByCause("journey/welcome", monday, s.now)[keepwatch.CauseBadEvents], 60)
			if want.history != "" {
				equal(t, "history", s.w.CountHistory(HistoryFilter{From: monday, To: s.now, Types: []string{"trigger"}, Statuses: []string{want.history}}), 60)
			}
			s.do(Deed{Subject: "journey/welcome", Verb: "mend"})
			s.pass(time.Hour)
			equal(t, "mended", s.journey("welcome").Newest().Entered, int64(60+want.waiting+60))
		})
	}
	part := open(t, posts(nil))
	part.do(Deed{Subject: "journey/welcome", Verb: "break", Mode: "invalid", Share: 0.5})
	part.pass(24 * time.Hour)
	if late := part.truth().Delayed("journey/welcome", monday, part.now); late > 900 || late < 300 {
		t.Errorf("%d of 1440 are refused", late)
	}
}

// What a custom activity refuses, SFMC counts as done; what breaks, it does not.
func TestBrokenActivity(t *testing.T) {
	for mode, want := range map[string]Work{"refused": {Hollow: 60}, "failing": {Failed: 60}} {
		s := open(t, posts(nil))
		s.pass(2 * time.Hour)
		s.do(Deed{Subject: "journey/welcome", Verb: "break", Step: 2, Mode: mode})
		from := s.now
		s.pass(time.Hour)
		var sum Work
		for _, w := range s.truth().Of("journey/welcome").Steps {
			if w.Step == 2 && !w.At.Before(from) {
				sum.Done, sum.Failed, sum.Hollow = sum.Done+w.Done, sum.Failed+w.Failed, sum.Hollow+w.Hollow
			}
		}
		equal(t, mode, sum, want)
		status := map[string]string{"refused": "Complete", "failing": "Failed"}[mode]
		equal(t, "history", s.w.CountHistory(HistoryFilter{From: from, To: s.now, Types: []string{"rest"}, Statuses: []string{status}}), 60)
		for row := range s.w.History(HistoryFilter{From: from, To: s.now, Types: []string{"rest"}}) {
			if row.Message == "" {
				t.Fatalf("history says nothing: %+v", row)
			}
		}
	}
}

// A Sales Cloud activity needs the connected user's credential.
func TestActivityWithACredential(t *testing.T) {
	spec := posts(func(j *Journey) { j.Steps[1].Caller = "crm" })
	spec.Callers = append(spec.Callers, Caller{Name: "crm", ClientID: "y"})
	s := open(t, spec)
	s.pass(2 * time.Hour)
	s.do(Deed{Subject: "caller/crm", Verb: "silence"})
	s.pass(time.Hour)
	equal(t, "failed", s.w.CountHistory(HistoryFilter{From: monday, To: s.now, Statuses: []string{"Failed"}}), 60)
}

// Who may enter once does not enter twice, and that is nobody's loss.
func TestRejectedByDesign(t *testing.T) {
	s := open(t, posts(func(j *Journey) { j.EntryMode, j.Entry.Repeats, j.Entry.Meets = "OnceAndDone", 1, 0.5 }))
	s.pass(24 * time.Hour)
	truth := s.truth()
	equal(t, "rejected", truth.Count("journey/welcome", monday, s.now, Rejected), 1440)
	equal(t, "lost", truth.LostIn("journey/welcome", monday, s.now), 0)
	equal(t, "met", s.journey("welcome").Met, 0)
	equal(t, "attempted", s.journey("welcome").Attempted, 1440)
	equal(t, "entered", s.journey("welcome").Newest().Entered, 0)
}

func mails(change func(*Send)) Spec {
	d := Send{Kind: keepwatch.SubjectTransactionalEmail, Key: "receipt", Caller: "shop", Volume: even(1440), PerMinute: 10}
	if change != nil {
		change(&d)
	}
	return Spec{Callers: []Caller{{Name: "shop", ClientID: "x"}}, Sends: []Send{d}}
}

func (s *theatre) definition() SendView { return s.w.Sends(0, keepwatch.SubjectTransactionalEmail)[0] }

// An inactive definition goes on accepting: its queue grows and grows older. On
// restart it drains at its pace, and what is older than 72 hours is not sent.
func TestInactiveDefinition(t *testing.T) {
	s := open(t, mails(nil))
	s.pass(time.Hour)
	equal(t, "queue", s.definition().Queued, 0)
	s.do(Deed{Subject: "transactional_email/receipt", Verb: "inactivate"})
	off := s.now
	s.pass(4 * time.Hour)
	equal(t, "queued", s.definition().Queued, 240)
	equal(t, "oldest", s.definition().Oldest, 4*time.Hour)
	equal(t, "sent", s.definition().Sent, 60)
	s.do(Deed{Subject: "transactional_email/receipt", Verb: "activate"})
	s.pass(10 * time.Minute)
	equal(t, "draining", s.definition().Queued, 240+10-100)
	s.pass(time.Hour)
	equal(t, "drained", s.definition().Queued, 0)
	truth := s.truth()
	equal(t, "late", truth.ByCause("transactional_email/receipt", off, off.Add(4*time.Hour))[keepwatch.CauseInactive], 240)
	count, oldest := truth.MaxQueue("transactional_email/receipt", off, s.now)
	equal(t, "deepest", count, 240)
	equal(t, "eldest", oldest, 4*time.Hour-time.Minute)

	s.do(Deed{Subject: "transactional_email/receipt", Verb: "inactivate"})
	off = s.now
	s.pass(80 * time.Hour)
	s.do(Deed{Subject: "transactional_email/receipt", Verb: "activate"})
	s.pass(24 * time.Hour)
	lost := s.truth().LostIn("transactional_email/receipt", off, s.now)
	if lost < 8*60 || lost > 9*60 {
		t.Errorf("%d are lost, want about 8 hours' worth", lost)
	}
	equal(t, "failed", s.definition().Failed, int64(lost))
	unsent := s.w.Unsent(0, keepwatch.SubjectTransactionalEmail, 0, 10_000)
	equal(t, "feed", len(unsent), lost)
	equal(t, "code", unsent[0].Code, codeExpired)
	equal(t, "rest", len(s.w.Unsent(0, keepwatch.SubjectTransactionalEmail, unsent[9].ID, 10_000)), lost-10)
}

// A dead caller leaves nothing in the queue: volume falls to nothing.
func TestDeadCallerLeavesAnEmptyQueue(t *testing.T) {
	s := open(t, mails(nil))
	s.pass(time.Hour)
	s.kill()
	s.pass(time.Hour)
	equal(t, "queue", s.definition().Queued, 0)
	equal(t, "sent", s.definition().Sent, 60)
}

func TestVolumeLimit(t *testing.T) {
	s := open(t, mails(func(d *Send) { d.CapPerDay = 1000 }))
	s.pass(24 * time.Hour)
	equal(t, "sent", s.definition().Sent, 1000)
	equal(t, "not sent", s.definition().Failed, 440)
	equal(t, "code", s.w.Unsent(0, keepwatch.SubjectTransactionalEmail, 0, 1)[0].Code, codeVolume)
	s.pass(time.Hour)
	equal(t, "the next day", s.definition().Sent, 1060)
}

func TestBadContactsAndDeletedDefinitions(t *testing.T) {
	s := open(t, mails(func(d *Send) { d.BadContacts = 0.1 }))
	s.pass(24 * time.Hour)
	d := s.definition()
	if d.BadAddress < 100 || d.BadAddress > 190 || d.Failed != 0 {
		t.Errorf("%d bad addresses, %d failures", d.BadAddress, d.Failed)
	}
	equal(t, "rejected", s.truth().Count("transactional_email/receipt", monday, s.now, Rejected), int(d.BadAddress))
	s.do(Deed{Subject: "transactional_email/receipt", Verb: "delete"})
	s.pass(time.Hour)
	equal(t, "refused", s.truth().ByCause("transactional_email/receipt", monday, s.now)[keepwatch.CauseInactive], 60)
}

// Retention takes what is old, so that counts fall with nothing wrong.
func TestRetention(t *testing.T) {
	s := open(t, Spec{Extensions: []Extension{{Key: "Log", Rows: 3000, Retention: Duration(30 * 24 * time.Hour), Volume: even(50), Timestamp: "At"}}})
	s.pass(10 * 24 * time.Hour)
	if n := s.extension("Log").Count; n < 2450 || n > 2600 {
		t.Errorf("%d rows after ten days of -100 +50", n)
	}
	equal(t, "in time", s.truth().Count("data_extension/Log", monday, s.now, OnTime), 500)
	s.do(Deed{Subject: "data_extension/Log", Verb: "purge", Rows: 1000})
	if n := s.extension("Log").Count; n < 1450 || n > 1600 {
		t.Errorf("%d rows after a purge", n)
	}
	s.do(Deed{Subject: "data_extension/Log", Verb: "purge"})
	equal(t, "empty", s.extension("Log").Count, 0)
	equal(t, "newest", s.extension("Log").Newest.IsZero(), true)
}

// An API writer that is dead leaves an extension stale with no automation at all.
func TestDeadWriter(t *testing.T) {
	s := open(t, Spec{
		Callers:    []Caller{{Name: "crm", ClientID: "x"}},
		Extensions: []Extension{{Key: "Leads", Rows: 100, Writer: "crm", Volume: even(1440), Every: Duration(time.Hour), Updates: 0.5, Timestamp: "At"}},
	})
	s.pass(6*time.Hour + time.Minute)
	rows := s.extension("Leads").Count
	if rows < 100+130 || rows > 100+230 {
		t.Errorf("%d rows of 360 writes of which half are updates", rows)
	}
	equal(t, "newest", s.extension("Leads").Newest, monday.Add(6*time.Hour))
	equal(t, "syncs", len(s.truth().Of("data_extension/Leads").Syncs), 7)
	s.kill()
	s.pass(5 * time.Hour)
	equal(t, "rows", s.extension("Leads").Count, rows)
	equal(t, "stale since 07:00", s.truth().HoursStale("data_extension/Leads", monday, s.now), 4+1.0/60)
	s.dead = nil
	s.pass(time.Hour)
	equal(t, "late", s.truth().Count("data_extension/Leads", monday, s.now, Late), 300)
}

// Habits of callers: how fast they replay, when they try again, when they give up.
func TestHabits(t *testing.T) {
	habit := func(c Caller) *theatre {
		c.Name, c.ClientID = "shop", "x"
		spec := posts(nil)
		spec.Callers[0] = c
		s := open(t, spec)
		s.pass(time.Hour)
		s.kill()
		s.pass(2 * time.Hour)
		s.dead = nil
		return s
	}
	slow := habit(Caller{ReplayPerMinute: 2})
	slow.pass(30 * time.Minute)
	equal(t, "replayed", slow.truth().Count("journey/welcome", monday, slow.now, Late), 60)
	equal(t, "to be replayed", slow.truth().Count("journey/welcome", monday, slow.now, Waiting), 60)
	slow.pass(time.Hour)
	equal(t, "all", slow.truth().Count("journey/welcome", monday, slow.now, Late), 120)

	lazy := habit(Caller{Retry: Duration(50 * time.Minute)})
	lazy.pass(29 * time.Minute)
	equal(t, "not tried yet", lazy.truth().Count("journey/welcome", monday, lazy.now, Late), 0)
	lazy.pass(time.Hour)
	equal(t, "tried", lazy.truth().Count("journey/welcome", monday, lazy.now, Late), 150)
	equal(t, "asked seldom", lazy.asks < 200, true)

	short := habit(Caller{GiveUp: Duration(30 * time.Minute)})
	short.pass(time.Minute)
	equal(t, "given up", short.truth().LostIn("journey/welcome", monday, short.now), 91)
}

// Contact-hours, and where a lost contact leaves a subject stale.
func TestTruthSums(t *testing.T) {
	s := open(t, posts(nil))
	s.pass(time.Hour)
	s.kill()
	s.pass(time.Hour)
	s.dead = nil
	s.pass(time.Hour)
	truth := s.truth()
	if h := truth.DelayHours("journey/welcome", monday, s.now); h < 30 || h > 31 {
		t.Errorf("%v contact-hours for 60 contacts that waited half an hour on average", h)
	}
	spans := truth.Stale("journey/welcome")
	equal(t, "spans", len(spans), 1)
	equal(t, "span", spans[0], Span{monday.Add(time.Hour), monday.Add(2 * time.Hour)})
	equal(t, "unknown", len(truth.Stale("journey/nobody")), 0)
	equal(t, "subjects", fmt.Sprint(truth.Subjects()), "[caller/shop journey/welcome]")

	spec := posts(nil)
	spec.Callers[0].OnFailure = OnFailureLost
	l := open(t, spec)
	l.kill()
	l.pass(time.Hour)
	l.dead = nil
	l.pass(time.Hour)
	equal(t, "stale while all is lost", l.truth().HoursStale("journey/welcome", monday, l.now), 1)
}

// History from before: a world may have lived for weeks when a test begins.
func TestSince(t *testing.T) {
	spec := posts(nil)
	spec.Since = monday.AddDate(0, 0, -28)
	s := open(t, spec)
	s.pass(0)
	equal(t, "entered", s.journey("welcome").Newest().Entered, 28*1440)
	equal(t, "history", s.w.CountHistory(HistoryFilter{From: monday.Add(-time.Hour), To: monday, Types: []string{"trigger"}}), 60)
	n := 0
	for range s.w.History(HistoryFilter{From: monday.Add(-62 * time.Minute), To: monday.Add(-2 * time.Minute), Types: []string{"trigger"}}) {
		n++
	}
	equal(t, "rows", n, 60)
}

// A counter that is renewed every quarter of an hour stands still in between.
func TestRefresh(t *testing.T) {
	s := open(t, posts(nil))
	s.w.Refresh = 15
	s.pass(29 * time.Minute)
	equal(t, "shown", s.journey("welcome").Newest().Entered, 16)
	s.pass(2 * time.Minute)
	equal(t, "renewed", s.journey("welcome").Newest().Entered, 31)
}
