package detect_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// fitted is a baseline of six Poisson weeks before quietBegin.
func fitted(t *testing.T, month float64) *keepwatch.Model {
	t.Helper()
	s := story{month: month, zone: "Europe/Berlin", began: quietBegin.Add(-lead * time.Hour), chance: rand.New(rand.NewPCG(9, 9))}
	l := newLife(s, lead)
	m := l.fit(lead, lead, nil)
	if m == nil {
		t.Fatal("no baseline")
	}
	return m
}

// flow is a journey whose events come evenly, so many a look of a quarter of an hour.
type flow struct {
	model   *keepwatch.Model
	watch   *keepwatch.Watch
	at      time.Time
	entered int64
	change  func(r *keepwatch.Reading)
	expect  keepwatch.Expectation
}

func (f *flow) look(n int64) keepwatch.Watch {
	f.at, f.entered = f.at.Add(quarter), f.entered+n
	next := look(f.at, f.entered, "Europe/Berlin")
	if f.expect.ContactsPerDay > 0 {
		next.Expect = f.expect
	}
	if f.change != nil {
		f.change(&next.Reading)
	}
	got := detect.Judge(f.watch, f.model, next)
	f.watch = &got
	return got
}

// weekday is a Tuesday, 09:00 in Berlin.
var weekday = time.Date(2026, time.February, 3, 8, 0, 0, 0, time.UTC)

func flowing(t *testing.T, month float64) *flow {
	f := &flow{model: fitted(t, month), at: weekday}
	for range 8 {
		f.look(int64(month / 720))
	}
	if v := f.watch.Verdict; v.Outcome != keepwatch.OK {
		t.Fatalf("%+v", v)
	}
	return f
}

// until looks at a flow without events until it is said, and gives up after days.
func (f *flow) until(t *testing.T, days int, said func(keepwatch.Verdict) bool) keepwatch.Verdict {
	t.Helper()
	for range days * 96 {
		if v := f.look(0).Verdict; said(v) {
			return v
		}
	}
	t.Fatalf("never said; at last %+v", f.watch.Verdict)
	return keepwatch.Verdict{}
}

func paged(v keepwatch.Verdict) bool { return v.Page }

func stalled(v keepwatch.Verdict) bool { return v.Outcome == keepwatch.JourneyStalled }

func TestAStopExplainsItself(t *testing.T) {
	f := flowing(t, 1000)
	stopped := f.at
	inside, moved := int64(1204), int64(312)
	f.change = func(r *keepwatch.Reading) { r.Journey.Inside, r.Journey.Moved = &inside, &moved }
	v := f.until(t, 3, paged)
	if v.Outcome != keepwatch.JourneyStalled || v.Since.After(stopped) || stopped.Sub(v.Since) > quarter || v.Noticed != f.at {
		t.Errorf("stopped %s, said %+v", stopped, v)
	}
	for _, part := range []string{"No enrolment for ", "At this time of the week we expected ", "In 6 weeks of history the longest normal silence was worth ", "happens by chance less than once in ", "Contacts inside move on (312 steps"} {
		if !strings.Contains(v.Evidence, part) {
			t.Errorf("%q lacks %q", v.Evidence, part)
		}
	}
	if v.Expected < 5 || v.Expected > 25 || v.Confidence < .9 || v.Hint == "" {
		t.Errorf("%+v", v)
	}
	noticed := v.Noticed
	if v = f.look(0).Verdict; v.Noticed != noticed || v.Since.After(stopped) {
		t.Errorf("a quarter later it was noticed %s, since %s", v.Noticed, v.Since)
	}
	if v = f.look(1).Verdict; !stalled(v) {
		t.Errorf("one event ended the alarm: %+v", v)
	}
	if v = f.look(1).Verdict; v.Outcome != keepwatch.OK {
		t.Errorf("two events did not: %+v", v)
	}
}

// A flow that is smooth within the hour is judged within the hour.
func TestASmoothFlowIsJudgedByParts(t *testing.T) {
	f := &flow{model: fitted(t, 60_000), at: weekday}
	for range 200 {
		f.look(100)
	}
	stopped := f.at
	if v := f.until(t, 1, paged); v.Noticed.Sub(stopped) > time.Hour {
		t.Errorf("paged after %s: %+v", v.Noticed.Sub(stopped), v)
	}
	// The same flow, renewed by SFMC only each hour, has to wait for whole hours.
	f = &flow{model: f.model, at: weekday}
	for i := range 200 {
		f.look(int64(i%4/3) * 400)
	}
	stopped = f.at
	v := f.until(t, 1, paged)
	if wait := v.Noticed.Sub(stopped); wait < 2*time.Hour || wait > 4*time.Hour {
		t.Errorf("paged after %s", wait)
	}
}

func TestAThinFlowIsATicket(t *testing.T) {
	f := flowing(t, 30_000)
	for range 96 {
		f.look(int64(f.expectedNow() / 2))
	}
	v := f.watch.Verdict
	if v.Outcome != keepwatch.VolumeDropped || v.Page || !strings.Contains(v.Evidence, "far fewer enrolments come than at this time of the week") {
		t.Fatalf("%+v", v)
	}
	since := v.Since
	for range 48 {
		f.look(int64(f.expectedNow() + .5))
	}
	if v = f.watch.Verdict; v.Outcome != keepwatch.OK {
		t.Errorf("half a day of the usual did not end it (since %s): %+v", since, v)
	}
}

// expectedNow is what the next look should see.
func (f *flow) expectedNow() float64 {
	local := f.at.In(berlin())
	return f.model.Cells[int(local.Weekday())*24+local.Hour()] / 4
}

func berlin() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}

func TestWhatIsNotWatchedAddsNothing(t *testing.T) {
	f := flowing(t, 1000)
	f.look(0)
	due := f.watch.Memory.Due
	f.at = f.at.Add(30 * time.Hour) // Keepwatch was down
	if w := f.look(0); w.Verdict.Outcome != keepwatch.OK || w.Memory.Due != due || w.Reading.Window != 0 {
		t.Errorf("after a gap: window %s, %f expected, %+v", w.Reading.Window, w.Memory.Due, w.Verdict)
	}
	f.at = f.at.Add(30 * time.Hour)
	if w := f.look(7); w.Memory.Due != 0 || w.Reading.Window != 0 || w.Reading.Amount != 0 || w.Memory.LastSign != f.at {
		t.Errorf("events in a gap: %+v", w.Memory)
	}
	f.change = func(r *keepwatch.Reading) { r.Maintenance = true }
	for range 96 {
		if w := f.look(0); w.Verdict.Outcome != keepwatch.OK || w.Memory.Due != 0 {
			t.Fatalf("in maintenance: %+v", w.Verdict)
		}
	}
}

func TestAResetIsNoRate(t *testing.T) {
	f := flowing(t, 1000)
	f.entered = 0 // a version was deleted
	if w := f.look(0); w.Reading.Window != 0 || w.Reading.Amount != 0 || w.Verdict.Outcome != keepwatch.OK {
		t.Errorf("%+v %+v", w.Reading, w.Verdict)
	}
	if w := f.look(3); w.Reading.Window != quarter || w.Reading.Amount != 3 {
		t.Errorf("%+v", w.Reading)
	}
}

func TestAReplayChangesNothing(t *testing.T) {
	f := flowing(t, 1000)
	again := detect.Judge(f.watch, f.model, look(f.at, f.entered+50, "Europe/Berlin"))
	if !reflect.DeepEqual(again.Memory, f.watch.Memory) || !reflect.DeepEqual(again.Verdict, f.watch.Verdict) || again.Reading.Amount != 0 {
		t.Errorf("%+v", again)
	}
}

func TestWhoStoppedIt(t *testing.T) {
	for _, status := range []string{"Paused", "Stopped", "Unpublished"} {
		t.Run(status, func(t *testing.T) {
			f := flowing(t, 1000)
			by := f.at
			f.change = func(r *keepwatch.Reading) {
				r.Journey.Status, r.Journey.ChangedBy, r.Journey.Change, r.Journey.ChangedAt = status, "Ada", "Stop", by
			}
			if v := f.look(0).Verdict; v.Outcome != keepwatch.OK || !strings.Contains(v.Evidence, "by Ada at 2026-02-03") {
				t.Errorf("at once: %+v", v)
			}
			v := f.until(t, 3, stalled)
			if v.Page || !strings.Contains(v.Evidence, "by Ada") || f.at.Sub(by) < time.Hour {
				t.Errorf("after %s: %+v", f.at.Sub(by), v)
			}
			if status == "Paused" {
				f.change = nil
				f.look(4)
				if v := f.look(4).Verdict; v.Outcome != keepwatch.OK {
					t.Errorf("resumed: %+v", v)
				}
				return
			}
			if v = f.until(t, 8, func(v keepwatch.Verdict) bool { return v.Outcome == keepwatch.OK }); !strings.Contains(v.Evidence, "Nothing is expected") {
				t.Errorf("after a week: %+v", v)
			}
		})
	}
	f := flowing(t, 1000)
	f.change = func(r *keepwatch.Reading) { r.Journey.Quicksend = true }
	for range 500 {
		if v := f.look(0).Verdict; v.Outcome != keepwatch.OK {
			t.Fatalf("a quicksend: %+v", v)
		}
	}
}

func TestEventsThatAreTurnedAway(t *testing.T) {
	f := flowing(t, 1000)
	tried := int64(500)
	f.change = func(r *keepwatch.Reading) { r.Journey.Attempted = new(tried) }
	f.look(2)
	tried += 41
	v := f.until(t, 3, paged)
	if !strings.Contains(v.Evidence, "41 events arrived since then and none was let in") || !strings.Contains(v.Hint, "payload") {
		t.Errorf("%+v", v)
	}
}

func TestLearningSaysHowLong(t *testing.T) {
	f := &flow{at: weekday}
	for range 96 * 9 / 8 {
		f.at = f.at.Add(7 * quarter)
		f.look(1)
	}
	v := f.watch.Verdict
	if v.Outcome != "" || !strings.Contains(v.Learning, "a weekly pattern needs 3 weeks and 20 enrolments") || !strings.Contains(v.Learning, "can be judged after about") {
		t.Errorf("%+v", v)
	}
	f = flowing(t, 25)
	if v := f.watch.Verdict; !strings.Contains(v.Evidence, "can be judged after about") || !strings.Contains(v.Evidence, "days") {
		t.Errorf("a small journey: %+v", v)
	}
	f = &flow{at: weekday, expect: keepwatch.Expectation{ContactsPerDay: 200}}
	f.look(0)
	f.look(5)
	v = f.until(t, 4, stalled)
	if v.Page || !strings.Contains(v.Evidence, "configured 200 a day") {
		t.Errorf("by the configuration: %+v", v)
	}
}

func TestPlannedBatches(t *testing.T) {
	f := &flow{at: weekday}
	first := weekday.Add(16 * time.Hour)
	f.change = func(r *keepwatch.Reading) {
		if past := r.At.Sub(first); past >= 0 {
			r.Journey.BatchDueAt = first.Add(past.Truncate(24 * time.Hour))
		}
	}
	f.look(0)
	night := func(n int64) {
		for f.look(0); f.at.Sub(first)%(24*time.Hour) != 0; f.look(0) {
			if v := f.watch.Verdict; v.Outcome != "" && v.Outcome != keepwatch.OK {
				t.Fatalf("%s: %+v", f.at, v)
			}
		}
		f.look(n)
	}
	for i := range 6 {
		night(1000 + int64(i*7))
	}
	night(200) // far too few
	if v := f.until(t, 1, func(v keepwatch.Verdict) bool { return v.Outcome == keepwatch.VolumeDropped }); v.Page || !strings.Contains(v.Evidence, "brought 200 enrolments; usual are 1,0") {
		t.Errorf("%+v", v)
	}
	v := f.until(t, 1, stalled)
	if late := f.at.Sub(first) % (24 * time.Hour); !v.Page || late > 2*time.Hour {
		t.Errorf("%s after the plan: %+v", late, v)
	}
	f.look(990)
	if v := f.watch.Verdict; v.Outcome != keepwatch.OK {
		t.Errorf("the batch came: %+v", v)
	}
}

func TestActivities(t *testing.T) {
	var w *keepwatch.Watch
	at := weekday
	step := func(crm, crmFailed, mail, mailFailed int64) keepwatch.Verdict {
		at = at.Add(quarter)
		got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectActivities, Reading: keepwatch.Reading{At: at, Journey: &keepwatch.JourneyReading{
			Status: "Published", Activities: []keepwatch.ActivityReading{{Name: "Update CRM", Kind: "rest", Done: crm, Failed: crmFailed}, {Name: "Mail", Kind: "emailv2", Done: mail, Failed: mailFailed}},
		}}})
		w = &got
		return got.Verdict
	}
	for range 300 { // one in twenty fails, and has always
		if v := step(19, 1, 40, 0); v.Outcome != keepwatch.OK {
			t.Fatalf("%+v", v)
		}
	}
	begin := at
	step(0, 4, 10, 0)
	v := step(0, 12, 10, 0)
	if v.Outcome != keepwatch.JourneyActivityFailing || !v.Page || !strings.Contains(v.Evidence, "The activity Update CRM (rest) fails: ") || v.Since.After(begin) {
		t.Fatalf("%+v", v)
	}
	if v = step(0, 0, 10, 0); v.Outcome != keepwatch.JourneyActivityFailing || !strings.Contains(v.Evidence, "Update CRM") {
		t.Errorf("nothing tried: %+v", v)
	}
	if v = step(12, 0, 10, 0); v.Outcome != keepwatch.OK {
		t.Errorf("mended: %+v", v)
	}
	lag := 3 * time.Hour
	got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectActivities, Reading: keepwatch.Reading{At: at.Add(quarter), Journey: &keepwatch.JourneyReading{HistoryLag: &lag, Activities: w.Reading.Journey.Activities}}})
	if got.Verdict.Outcome != "" || got.Verdict.Learning == "" {
		t.Errorf("a stale history: %+v", got.Verdict)
	}
	none := int64(0) // the history was read, and nothing is in it
	got = detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectActivities, Reading: keepwatch.Reading{At: at.Add(quarter), Journey: &keepwatch.JourneyReading{Moved: &none}}})
	if got.Verdict.Outcome != keepwatch.OK || got.Verdict.Evidence != "Since the last look its activities did 0 steps, and 0 failed." {
		t.Errorf("a quiet hour: %+v", got.Verdict)
	}
}

func TestRows(t *testing.T) {
	var w *keepwatch.Watch
	at := weekday
	step := func(e keepwatch.Expectation, r keepwatch.ExtensionReading, wait time.Duration) keepwatch.Verdict {
		at = at.Add(wait)
		got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectRows, Expect: e, Reading: keepwatch.Reading{At: at, Extension: &r}})
		w = &got
		return got.Verdict
	}
	hourly := keepwatch.Expectation{RowsEvery: time.Hour, FedBy: "nightly-orders"}
	rows := func(n int64) keepwatch.ExtensionReading { return keepwatch.ExtensionReading{Rows: &n} }
	step(hourly, rows(100), quarter)
	if v := step(hourly, rows(140), quarter); v.Outcome != keepwatch.OK {
		t.Errorf("%+v", v)
	}
	step(hourly, rows(140), time.Hour)
	if v := step(hourly, rows(120), 31*time.Minute); v.Outcome != keepwatch.DataStale || !v.Page || !strings.Contains(v.Hint, "nightly-orders") || !v.Since.Equal(at.Add(-91*time.Minute-quarter)) {
		t.Errorf("%+v", v)
	}
	if v := step(hourly, rows(141), quarter); v.Outcome != keepwatch.OK {
		t.Errorf("new rows: %+v", v)
	}
	// A first look at what has been stale for days.
	w = nil
	if v := step(hourly, keepwatch.ExtensionReading{Newest: at.Add(-50 * time.Hour)}, quarter); v.Outcome != keepwatch.DataStale || !strings.Contains(v.Evidence, "No new row for 2 d 2 h") {
		t.Errorf("%+v", v)
	}
	// An overwritten table that a blank file emptied.
	w = nil
	over := func(n int64) keepwatch.ExtensionReading {
		return keepwatch.ExtensionReading{Rows: &n, Overwritten: true, FedAt: at}
	}
	step(keepwatch.Expectation{}, over(5000), quarter)
	lived := at
	step(keepwatch.Expectation{}, over(5000), quarter)
	if v := step(keepwatch.Expectation{}, over(0), quarter); v.Outcome == keepwatch.DataStale {
		t.Errorf("at the first look: %+v", v)
	}
	// What emptied it was no sign of life.
	if v := step(keepwatch.Expectation{}, over(0), quarter); v.Outcome != keepwatch.DataStale || !strings.Contains(v.Evidence, "It held 5,000 rows and holds none") || v.Since.After(lived) {
		t.Errorf("%+v", v)
	}
	if v := step(keepwatch.Expectation{}, over(5000), quarter); v.Outcome == keepwatch.DataStale {
		t.Errorf("filled again: %+v", v)
	}
	// Equal counts of an overwritten table say nothing, and are never healthy.
	w = nil
	n := int64(5000)
	for range 10 {
		if v := step(hourly, keepwatch.ExtensionReading{Rows: &n, Overwritten: true}, time.Hour); v.Outcome != "" || v.Learning == "" {
			t.Fatalf("%+v", v)
		}
	}
}

func TestRuns(t *testing.T) {
	due := weekday
	run := func(status, last string, began time.Duration, more func(*keepwatch.AutomationReading)) *keepwatch.AutomationReading {
		r := &keepwatch.AutomationReading{Status: status, DueAt: due, Every: 24 * time.Hour, LastRunAt: due.Add(began), LastEndAt: due.Add(began + 5*time.Minute), LastStatus: last}
		if more != nil {
			more(r)
		}
		return r
	}
	tests := map[string]struct {
		reading *keepwatch.AutomationReading
		after   time.Duration // the plan
		outcome keepwatch.Outcome
		page    bool
		says    string
	}{
		"ran":                      {run("Scheduled", "Complete", time.Minute, nil), 2 * time.Hour, keepwatch.OK, false, "Its last run"},
		"ran a little early":       {run("Scheduled", "Complete", -2*time.Minute, nil), 2 * time.Hour, keepwatch.OK, false, "Its last run"},
		"in its grace":             {run("Scheduled", "Complete", -24*time.Hour, nil), 50 * time.Minute, keepwatch.OK, false, "Its last run"},
		"missed":                   {run("Scheduled", "Complete", -24*time.Hour, nil), 61 * time.Minute, keepwatch.AutomationMissed, true, "planned for 2026-02-03 08:00 UTC did not begin in 1 h 1 m"},
		"never ran":                {run("Scheduled", "", 0, func(r *keepwatch.AutomationReading) { r.LastRunAt, r.LastEndAt = time.Time{}, time.Time{} }), 61 * time.Minute, keepwatch.AutomationMissed, true, "It has never run"},
		"still running":            {run("Running", "Complete", -24*time.Hour, func(r *keepwatch.AutomationReading) { r.LastEndAt = time.Time{} }), 3 * time.Hour, keepwatch.OK, false, "running"},
		"still running, by time":   {run("Scheduled", "", time.Minute, func(r *keepwatch.AutomationReading) { r.LastEndAt = due.Add(-time.Hour) }), 3 * time.Hour, keepwatch.OK, false, "running since"},
		"errored":                  {run("Scheduled", "Error", time.Minute, func(r *keepwatch.AutomationReading) { r.FailingStep = "2 importFile" }), time.Hour, keepwatch.AutomationFailed, true, "in the step 2 importFile"},
		"cannot be built":          {run("BuildingError", "Complete", time.Minute, nil), time.Hour, keepwatch.AutomationFailed, true, "cannot be built"},
		"skipped":                  {run("Scheduled", "Skipped", time.Minute, nil), time.Hour, keepwatch.AutomationMissed, false, "was skipped"},
		"paused, nothing due":      {run("PausedSchedule", "Complete", time.Minute, func(r *keepwatch.AutomationReading) { r.PausedBy = "Ada" }), time.Hour, keepwatch.OK, false, "by Ada"},
		"paused, and data is due":  {run("PausedSchedule", "Complete", -24*time.Hour, func(r *keepwatch.AutomationReading) { r.PausedBy = "Ada" }), 2 * time.Hour, keepwatch.AutomationMissed, false, "by Ada"},
		"paused, no plan any more": {run("PausedSchedule", "Complete", -26*time.Hour, func(r *keepwatch.AutomationReading) { r.PausedBy, r.DueAt = "Ada", time.Time{} }), 2 * time.Hour, keepwatch.AutomationMissed, false, "by Ada"},
		"soon to be switched off": {run("Scheduled", "Error", time.Minute, func(r *keepwatch.AutomationReading) { r.Completed, r.Errors = new(int64(0)), new(int64(27)) }), time.Hour, keepwatch.AutomationFailed, true,
			"ended in an error. SFMC switches off what has failed in 30 runs in a row for 30 days; 27 have failed, 3 are left."},
		"long failed":            {run("Scheduled", "Error", time.Minute, func(r *keepwatch.AutomationReading) { r.Completed, r.Errors = new(int64(0)), new(int64(700)) }), time.Hour, keepwatch.AutomationFailed, true, "700 have failed."},
		"failed among good ones": {run("Scheduled", "Error", time.Minute, func(r *keepwatch.AutomationReading) { r.Completed, r.Errors = new(int64(1)), new(int64(27)) }), time.Hour, keepwatch.AutomationFailed, true, "ended in an error."},
		"switched off by SFMC":   {run("PausedSchedule", "Error", -24*time.Hour, nil), 2 * time.Hour, keepwatch.AutomationFailed, true, "switches off"},
	}
	for name, tt := range tests {
		got := detect.Judge(nil, nil, keepwatch.Watch{Aspect: keepwatch.AspectRuns, Reading: keepwatch.Reading{At: due.Add(tt.after), Automation: tt.reading}})
		if v := got.Verdict; v.Outcome != tt.outcome || v.Page != tt.page || !strings.Contains(v.Evidence, tt.says) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	// By files: 12 of them an hour or two apart, then none.
	var w *keepwatch.Watch
	at, last := weekday, weekday
	look := func(step time.Duration) keepwatch.Verdict {
		at = at.Add(step)
		got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectRuns, Reading: keepwatch.Reading{At: at, Automation: &keepwatch.AutomationReading{
			Status: "AwaitingTrigger", Triggered: true, LastRunAt: last, LastEndAt: last.Add(time.Minute), LastStatus: "Complete",
		}}})
		w = &got
		return got.Verdict
	}
	for i := range 12 {
		last = at.Add(time.Duration(1+i%2) * time.Hour)
		if v := look(last.Sub(at) + time.Minute); v.Outcome != keepwatch.OK {
			t.Fatalf("%+v", v)
		}
	}
	if v := look(2*time.Hour + 50*time.Minute); v.Outcome != keepwatch.OK {
		t.Errorf("a wait that is not long: %+v", v)
	}
	if v := look(time.Hour); v.Outcome != keepwatch.AutomationMissed || v.Page || !strings.Contains(v.Evidence, "No file has started it for ") {
		t.Errorf("%+v", v)
	}
}

func TestImports(t *testing.T) {
	var w *keepwatch.Watch
	at := weekday
	day := func(i keepwatch.ImportReading) keepwatch.Verdict {
		at = at.Add(24 * time.Hour)
		i.Key, i.At = "orders", at.Add(-time.Hour)
		if i.Status == "" {
			i.Status = "Completed"
		}
		got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectImports, Reading: keepwatch.Reading{At: at, Automation: &keepwatch.AutomationReading{Imports: []keepwatch.ImportReading{i}}}})
		w = &got
		return got.Verdict
	}
	good := func(n int64) keepwatch.ImportReading { return keepwatch.ImportReading{Total: n, Imported: n} }
	usual := func() {
		w = nil
		for i := range 4 {
			if v := day(good(int64(9000 + i*500))); v.Outcome != keepwatch.OK {
				t.Fatalf("%+v", v)
			}
		}
	}
	tests := map[string]struct {
		result  keepwatch.ImportReading
		outcome keepwatch.Outcome
		page    bool
		says    string
	}{
		"nothing":                {keepwatch.ImportReading{BlankFile: "skip"}, keepwatch.ImportEmpty, true, `brought no rows (its policy for blank files is "skip"); usual are 10,000`},
		"nothing, and emptied":   {keepwatch.ImportReading{BlankFile: "process", Overwrite: true, Target: "Orders"}, keepwatch.ImportEmpty, true, "its target Orders was emptied"},
		"a truncated file":       {good(50), keepwatch.ImportEmpty, false, "brought 50 rows"},
		"fewer, as happens":      {good(4000), keepwatch.OK, false, "brought 4,000 rows"},
		"errors that are hidden": {keepwatch.ImportReading{Total: 10_000, Imported: 7000, Errors: 3000, AllowErrors: true}, keepwatch.ImportEmpty, false, "turned away 3,000 of 10,000 rows"},
		"nearly all errors":      {keepwatch.ImportReading{Total: 10_000, Imported: 1000, Errors: 9000, AllowErrors: true}, keepwatch.ImportEmpty, true, "turned away 9,000"},
		"failed":                 {keepwatch.ImportReading{Status: "Error", Total: 0}, keepwatch.ImportEmpty, true, "failed at"},
		"not yet over":           {keepwatch.ImportReading{Status: "Processing"}, keepwatch.OK, false, ""},
	}
	for name, tt := range tests {
		usual()
		before := at
		if v := day(tt.result); v.Outcome != tt.outcome || v.Page != tt.page || !strings.Contains(v.Evidence, tt.says) {
			t.Errorf("%s: %+v", name, v)
		} else if v.Outcome == keepwatch.ImportEmpty && !v.Since.Equal(before.Add(-time.Hour)) {
			t.Errorf("%s: since %s, the last good one was at %s", name, v.Since, before.Add(-time.Hour))
		}
		if v := day(good(9500)); v.Outcome != keepwatch.OK {
			t.Errorf("%s, then a good one: %+v", name, v)
		}
	}
	// A feed that stays empty does not become ordinary; one that is empty now and then does.
	usual()
	for range 12 {
		if v := day(good(0)); v.Outcome != keepwatch.ImportEmpty {
			t.Fatalf("%+v", v)
		}
	}
	for i := range 8 {
		day(good(int64(i%2) * 9000))
	}
	if v := day(good(0)); v.Outcome != keepwatch.OK {
		t.Errorf("every other file is empty: %+v", v)
	}
}

func TestQueues(t *testing.T) {
	var w *keepwatch.Watch
	at := weekday
	status := "Active"
	step := func(n int64, age time.Duration) keepwatch.Verdict {
		at = at.Add(5 * time.Minute)
		got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectQueue, Reading: keepwatch.Reading{At: at, Send: &keepwatch.SendReading{Status: status, Queued: &n, Oldest: &age}}})
		w = &got
		return got.Verdict
	}
	for i := range 200 {
		if v := step(int64(i%5), time.Duration(i%20)*time.Second); v.Outcome != keepwatch.OK {
			t.Fatalf("%+v", v)
		}
	}
	if v := step(20, 6*time.Minute); v.Outcome != keepwatch.OK {
		t.Errorf("one look: %+v", v)
	}
	v := step(30, 11*time.Minute)
	if v.Outcome != keepwatch.QueueBackingUp || !v.Page || !v.Since.Equal(at.Add(-11*time.Minute)) || v.Expected != 30 {
		t.Errorf("%+v", v)
	}
	since := v.Since
	status = "Inactive"
	if v = step(40, 16*time.Minute); !v.Since.Equal(since) || !strings.Contains(v.Evidence, "The definition is Inactive") || !strings.Contains(v.Hint, "dropped") {
		t.Errorf("%+v", v)
	}
	status = "Active"
	step(0, 0)
	if v = step(0, 0); v.Outcome != keepwatch.OK {
		t.Errorf("drained: %+v", v)
	}
	// A queue that grows, its messages not yet old.
	for _, n := range []int64{20, 100} {
		if v = step(n, 2*time.Minute); v.Outcome != keepwatch.OK {
			t.Errorf("%d: %+v", n, v)
		}
	}
	step(400, 2*time.Minute)
	if v = step(900, 3*time.Minute); v.Outcome != keepwatch.QueueBackingUp || !strings.Contains(v.Evidence, "The queue grew from 100 to 900") {
		t.Errorf("%+v", v)
	}
	// One that is slow as a rule has a higher limit.
	w = nil
	for i := range 200 {
		step(5, time.Duration(100+i)*time.Second)
	}
	if v = step(5, 6*time.Minute); v.Outcome != keepwatch.OK {
		t.Errorf("%+v", v)
	}
	if v = step(5, 6*time.Minute); v.Outcome != keepwatch.OK {
		t.Errorf("%+v", v)
	}
	// Where SFMC tells no age, it waits as long as nothing was sent.
	w = nil
	sent := int64(10)
	for i := range 10 {
		at = at.Add(5 * time.Minute)
		n := int64(i)
		got := detect.Judge(w, nil, keepwatch.Watch{Aspect: keepwatch.AspectQueue, Reading: keepwatch.Reading{At: at, Send: &keepwatch.SendReading{Queued: &n, Sent: &sent}}})
		w = &got
	}
	if v = w.Verdict; v.Outcome != keepwatch.QueueBackingUp || !strings.Contains(v.Evidence, "the oldest for 45 m") {
		t.Errorf("%+v", v)
	}
}

func TestVolume(t *testing.T) {
	model := fitted(t, 30_000)
	var w *keepwatch.Watch
	at, sent, unsent := weekday, int64(1000), int64(0)
	step := func(n, not int64) keepwatch.Verdict {
		at, sent, unsent = at.Add(quarter), sent+n, unsent+not
		got := detect.Judge(w, model, keepwatch.Watch{Aspect: keepwatch.AspectVolume, Expect: keepwatch.Expectation{Zone: "Europe/Berlin"}, Reading: keepwatch.Reading{At: at,
			Send: &keepwatch.SendReading{Status: "Active", Sent: new(sent), NotSent: new(unsent), TopError: "140 UnverifiedFromEmailAddress"}}})
		w = &got
		return got.Verdict
	}
	for range 8 {
		step(15, 0)
	}
	var v keepwatch.Verdict
	for range 3 {
		v = step(3, 12)
	}
	if v.Outcome != keepwatch.VolumeDropped || !v.Page || !strings.Contains(v.Evidence, "Most often: 140") || !strings.Contains(v.Hint, "domain") {
		t.Errorf("%+v", v)
	}
	for range 4 {
		v = step(15, 0)
	}
	if v.Outcome != keepwatch.OK {
		t.Errorf("%+v", v)
	}
	for range 96 {
		if v = step(0, 0); v.Page {
			break
		}
	}
	if v.Outcome != keepwatch.VolumeDropped || !strings.HasPrefix(v.Evidence, "No message for ") {
		t.Errorf("%+v", v)
	}
}

func TestABudgetIsShared(t *testing.T) {
	for series, want := range map[int]float64{0: .1, 1: .1, 10: .1, 200: .005} {
		if got := detect.BudgetOf(series); got != want {
			t.Errorf("%d series: %f", series, got)
		}
	}
	m := *fitted(t, 1000)
	f := &flow{model: &m, at: weekday}
	g := &flow{model: new(m), at: weekday}
	g.model.Budget = detect.BudgetOf(200)
	for range 8 {
		f.look(2)
		g.look(2)
	}
	early, late := f.until(t, 3, paged), g.until(t, 3, paged)
	if more := late.Expected - early.Expected; more < 1 || more > 8 {
		t.Errorf("alone after %.1f, of 200 after %.1f expected", early.Expected, late.Expected)
	}
}

func TestFitNeedsAPattern(t *testing.T) {
	s := story{month: 300, zone: "UTC", began: quietBegin.Add(-lead * time.Hour), chance: rand.New(rand.NewPCG(1, 1))}
	l := newLife(s, lead)
	hours := func(from int) (all []keepwatch.Hour) {
		for k := from; k < lead; k++ {
			all = append(all, keepwatch.Hour{Start: l.at(k), Amount: l.counts[k], Observed: time.Hour})
		}
		return all
	}
	fit := func(all []keepwatch.Hour, except ...detect.Span) (keepwatch.Model, bool) {
		return detect.Fit("s", all, time.UTC, l.at(lead), except, nil)
	}
	if m, ok := fit(hours(lead - 20*24)); ok {
		t.Errorf("20 days are a pattern: %+v", m)
	}
	if _, ok := fit(hours(lead - 22*24)); !ok {
		t.Error("22 days are none")
	}
	if _, ok := fit(hours(0), detect.Span{From: l.at(20 * 24)}); ok {
		t.Error("an incident that is open for long leaves enough")
	}
	// An incident in the training changes nothing of the level.
	whole, _ := fit(hours(0))
	broken := hours(0)
	for k := lead - 5*24; k < lead; k++ {
		broken[k].Amount = 0
	}
	without, _ := fit(broken, detect.Span{From: l.at(lead - 5*24)})
	sum := func(m keepwatch.Model) (s float64) {
		for _, c := range m.Cells {
			s += c
		}
		return s
	}
	if a, b := sum(whole), sum(without); b < .8*a || b > 1.25*a {
		t.Errorf("level %f, with an incident %f", a, b)
	}
}

func TestHolidaysAreLearned(t *testing.T) {
	s := story{month: 9000, zone: "UTC", began: quietBegin.Add(-lead * time.Hour), chance: rand.New(rand.NewPCG(1, 1))}
	l := newLife(s, lead)
	holiday := func(at time.Time) bool { return at.YearDay() == 1 || at.YearDay() == 6 }
	var all []keepwatch.Hour
	for k := range lead {
		h := keepwatch.Hour{Start: l.at(k), Amount: l.counts[k], Observed: time.Hour}
		if holiday(h.Start) {
			h.Amount /= 10
		}
		all = append(all, h)
	}
	m, ok := detect.Fit("s", all, time.UTC, l.at(lead), nil, holiday)
	if !ok || m.Holiday < .05 || m.Holiday > .25 {
		t.Errorf("%f", m.Holiday)
	}
}

// The night in which the clock is put back has one hour twice.
func TestCellsOverClockChanges(t *testing.T) {
	zone := berlin()
	began := time.Date(2026, time.September, 20, 0, 0, 0, 0, time.UTC)
	var all []keepwatch.Hour
	for k := range 6 * 168 { // the change is on October 25
		at := began.Add(time.Duration(k) * time.Hour)
		h := keepwatch.Hour{Start: at, Observed: time.Hour}
		if local := at.In(zone); local.Hour() >= 9 && local.Hour() < 17 {
			h.Amount = 40
		}
		all = append(all, h)
	}
	m, ok := detect.Fit("s", all, zone, began.Add(6*168*time.Hour), nil, nil)
	if !ok {
		t.Fatal("no baseline")
	}
	for c, mu := range m.Cells {
		if open := c%24 >= 9 && c%24 < 17; open != (mu > 30) || !open && mu > 1 {
			t.Errorf("cell %s holds %f", fmt.Sprint(time.Weekday(c/24), c%24), mu)
		}
	}
}
