package detect_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// Quiet lives: what happens to a healthy subject in ten weeks must not look like a
// stop. Each is looked at every 15 minutes, and half of the looks are lost.

// watcher looks at one series as the collector does, and keeps its hours as the
// store does.
type watcher struct {
	t      *testing.T
	chance *rand.Rand
	lost   float64
	zone   *time.Location
	watch  *keepwatch.Watch
	model  *keepwatch.Model
	hours  map[time.Time]*keepwatch.Hour
	except []detect.Span
	days   map[string]bool // holidays
	fitted time.Time
	bad    []keepwatch.Verdict
	size   int // of the largest memory
	looks  int
}

func newWatcher(t *testing.T, seed uint64, lost float64) *watcher {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{t: t, chance: rand.New(rand.NewPCG(seed, 11)), lost: lost, zone: zone, hours: map[time.Time]*keepwatch.Hour{}, days: map[string]bool{}}
}

func (w *watcher) holiday(at time.Time) bool { return w.days[at.In(w.zone).Format(time.DateOnly)] }

// look judges one reading, if it is not lost.
func (w *watcher) look(next keepwatch.Watch) {
	w.t.Helper()
	if w.chance.Float64() < w.lost {
		return
	}
	at := next.Reading.At
	next.Reading.Holiday = w.holiday(at)
	next.Expect.Zone = "Europe/Berlin"
	if at.Sub(w.fitted) >= 24*time.Hour {
		w.fit(at)
	}
	got := detect.Judge(w.watch, w.model, next)
	w.keep(got)
	if w.watch == nil || got.Verdict.Outcome != w.watch.Verdict.Outcome {
		switch v := got.Verdict; {
		case v.Outcome == "", v.Outcome == keepwatch.OK:
		case !v.Page && strings.HasPrefix(v.Evidence, "The journey is paused"):
			// True, and a ticket: hundreds were expected in the night.
		default:
			w.bad = append(w.bad, got.Verdict)
		}
	}
	w.watch, w.looks = &got, w.looks+1
}

// keep counts a reading into its hours, and checks that the memory is small.
func (w *watcher) keep(got keepwatch.Watch) {
	w.t.Helper()
	doc, err := json.Marshal(got.Memory)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.size = max(w.size, len(doc)); len(doc) >= 1024 {
		w.t.Fatalf("a memory of %d bytes: %s", len(doc), doc)
	}
	r := got.Reading
	left := r.Amount
	for from := r.At.Add(-r.Window); from.Before(r.At); {
		end := from.Truncate(time.Hour).Add(time.Hour)
		if end.After(r.At) {
			end = r.At
		}
		part := int64(float64(r.Amount) * float64(end.Sub(from)) / float64(r.Window))
		if end.Equal(r.At) {
			part = left
		}
		left -= part
		h := w.hours[from.Truncate(time.Hour)]
		if h == nil {
			h = &keepwatch.Hour{Start: from.Truncate(time.Hour)}
			w.hours[h.Start] = h
		}
		h.Amount, h.Observed = h.Amount+part, h.Observed+end.Sub(from)
		from = end
	}
}

func (w *watcher) fit(now time.Time) {
	hours := make([]keepwatch.Hour, 0, len(w.hours))
	for _, h := range w.hours {
		hours = append(hours, *h)
	}
	if m, ok := detect.Fit("s", hours, w.zone, now, w.except, w.holiday); ok {
		// Chance would raise an alarm now and then; the suite counts those. Here nothing
		// but the quiet life itself may.
		m.Budget = detect.BudgetOf(1000)
		w.model = &m
		if doc, err := json.Marshal(m); err != nil || len(doc) >= 6*1024 {
			w.t.Fatalf("a model of %d bytes, %v", len(doc), err)
		}
	}
	w.fitted = now
}

// calm fails where anything bad was said.
func (w *watcher) calm() {
	w.t.Helper()
	for _, v := range w.bad {
		w.t.Errorf("%s %s: %s", v.Noticed.In(w.zone).Format("Mon 2006-01-02 15:04"), v.Outcome, v.Evidence)
	}
	if w.watch == nil || w.watch.Verdict.Outcome != keepwatch.OK {
		w.t.Errorf("ends as %+v", w.watch.Verdict)
	}
}

var quietBegin = time.Date(2026, time.February, 2, 0, 0, 0, 0, time.UTC) // the clocks change on March 29

const quarter = 15 * time.Minute

func TestQuietJourneys(t *testing.T) {
	for _, month := range []float64{60, 900, 9000, 300_000} {
		for _, lost := range []float64{0, .5} {
			t.Run(fmt.Sprintf("%.0f a month, %.0f %% lost", month, 100*lost), func(t *testing.T) {
				t.Parallel()
				quietJourney(t, month, lost)
			})
		}
	}
}

func quietJourney(t *testing.T, month, lost float64) {
	w := newWatcher(t, uint64(month), lost)
	for _, d := range []string{"2026-02-20", "2026-04-03", "2026-04-06"} {
		w.days[d] = true
	}
	s := story{month: month, clump: .2, slow: .02, zone: "Europe/Berlin", began: quietBegin, chance: w.chance}
	weeks := 12
	counts, _ := s.hours(weeks * 168)
	versions := []int64{0}
	inside := int64(1000)
	for i := range counts {
		at := quietBegin.Add(time.Duration(i) * time.Hour)
		local := at.In(w.zone)
		n := counts[i]
		if w.holiday(at) {
			n /= 4
		}
		switch day := local.YearDay() - 32; {
		case day == 40 && local.Hour() == 9, day == 66 && local.Hour() == 15:
			versions = append(versions, 0) // a new version: its counter begins at nothing
		case day == 50 && local.Hour() == 11:
			versions = versions[1:] // an old version is deleted, and its count with it
		}
		status := "Published"
		if day := local.YearDay() - 32; day == 58 && local.Hour() >= 1 && local.Hour() < 5 {
			status, n = "Paused", 0 // for a night's change
		}
		parts := [4]int64{}
		for range n {
			parts[w.chance.IntN(4)]++
		}
		for q := range 4 {
			versions[len(versions)-1] += parts[q]
			sum := int64(0)
			for _, v := range versions {
				sum += v
			}
			next := look(at.Add(time.Duration(q+1)*quarter), sum, "Europe/Berlin")
			next.Reading.Journey.Status, next.Reading.Journey.Version = status, len(versions)
			next.Reading.Journey.Inside = &inside
			if d := next.Reading.At.Sub(quietBegin); d > 61*24*time.Hour && d < 61*24*time.Hour+9*time.Hour {
				continue // Keepwatch itself is down
			}
			w.look(next)
		}
	}
	w.calm()
	t.Logf("%d looks, memory at most %d bytes, %s", w.looks, w.size, w.watch.Verdict.Evidence)
}

// extension is a data extension on its way through a quiet life.
type extension struct {
	name    string
	reading keepwatch.ExtensionReading
	every   time.Duration
	step    func(e *extension, at, local time.Time)
	rows    int64
}

func TestQuietDataExtensions(t *testing.T) {
	hourly := func(local time.Time) bool { return local.Minute() == 15 }
	workday := func(local time.Time) bool {
		return local.Weekday() >= time.Monday && local.Weekday() <= time.Friday
	}
	tests := []extension{
		{name: "a load each hour", step: func(e *extension, at, local time.Time) {
			if hourly(local) {
				e.rows += 900 + int64(local.Minute()+local.Day())
			}
		}},
		{name: "a load each hour, promised", every: time.Hour, step: func(e *extension, at, local time.Time) {
			if hourly(local) {
				e.rows += 40
			}
		}},
		{name: "nightly on workdays, with retention", reading: keepwatch.ExtensionReading{Retention: true}, step: func(e *extension, at, local time.Time) {
			if workday(local) && local.Hour() == 2 && local.Minute() == 30 {
				e.rows += 5000
			}
			if local.Hour() == 4 && local.Minute() == 0 {
				e.rows = max(0, e.rows-4000) // the purge
			}
		}},
		{name: "overwritten each night by as many rows", reading: keepwatch.ExtensionReading{Overwritten: true}, step: func(e *extension, at, local time.Time) {
			e.rows = 10_000
			if local.Hour() == 1 && local.Minute() == 15 {
				e.reading.FedAt = at
			}
		}},
		{name: "updated in place", step: func(e *extension, at, local time.Time) {
			e.rows = 5000
			if local.Hour() >= 7 && local.Hour() < 20 && local.Minute() == 45 {
				e.reading.Newest = at.Add(-2 * time.Minute)
			}
		}},
		{name: "overwritten each night, promised", every: 24 * time.Hour, reading: keepwatch.ExtensionReading{Overwritten: true}, step: func(e *extension, at, local time.Time) {
			e.rows = 10_000
			if local.Hour() == 1 && local.Minute() == 15 {
				e.reading.FedAt = at
				e.rows = 0 // the load is on its way at the moment of this look
			}
		}},
	}
	for _, e := range tests {
		for _, lost := range []float64{0, .5} {
			t.Run(fmt.Sprintf("%s, %.0f %% lost", e.name, 100*lost), func(t *testing.T) {
				t.Parallel()
				e := e
				w := newWatcher(t, 5, lost)
				for at := quietBegin; at.Before(quietBegin.Add(12 * 7 * 24 * time.Hour)); at = at.Add(quarter) {
					e.step(&e, at, at.In(w.zone))
					r := e.reading
					r.Rows = new(e.rows)
					w.look(keepwatch.Watch{
						Subject: keepwatch.Subject{Kind: keepwatch.SubjectDataExtension, Key: "Orders"}, Aspect: keepwatch.AspectRows,
						Expect:  keepwatch.Expectation{RowsEvery: e.every},
						Reading: keepwatch.Reading{At: at.Add(time.Minute), Extension: &r},
					})
				}
				w.calm()
				t.Logf("memory at most %d bytes, %s", w.size, w.watch.Verdict.Evidence)
			})
		}
	}
}

// An automation each hour and one each night, whose runs take longer now and then,
// and whose files are empty on Sundays.
func TestQuietAutomations(t *testing.T) {
	for _, lost := range []float64{0, .5} {
		runs, imports := newWatcher(t, 3, lost), newWatcher(t, 4, lost)
		for at := quietBegin; at.Before(quietBegin.Add(12 * 7 * 24 * time.Hour)); at = at.Add(quarter) {
			due := at.Truncate(time.Hour)
			r := keepwatch.AutomationReading{Status: "Scheduled", Every: time.Hour, DueAt: due, NextAt: due.Add(time.Hour), LastRunAt: due.Add(time.Minute), LastEndAt: due.Add(20 * time.Minute), LastStatus: "Complete"}
			if !at.After(due) { // it is about to begin
				r.LastRunAt, r.LastEndAt = due.Add(-59*time.Minute), due.Add(-40*time.Minute)
			} else if at.Before(r.LastEndAt) {
				r.LastEndAt, r.LastStatus = time.Time{}, "Running"
			}
			if at.Hour() == 3 && at.Minute() == 30 {
				r.Status = "Running"
			}
			night := at.Truncate(24 * time.Hour).Add(2 * time.Hour)
			if at.Before(night.Add(time.Hour)) {
				night = night.Add(-24 * time.Hour)
			}
			n := int64(9000 + night.YearDay()*37%4000)
			if night.Weekday() == time.Sunday {
				n = 600
			}
			r.Imports = []keepwatch.ImportReading{{Key: "orders", At: night, Status: "Completed", Total: n, Imported: n - 3, Errors: 3, AllowErrors: true, BlankFile: "skip"}}
			next := keepwatch.Watch{Subject: keepwatch.Subject{Kind: keepwatch.SubjectAutomation, Key: "a"}, Reading: keepwatch.Reading{At: at, Automation: &r}}
			next.Aspect = keepwatch.AspectRuns
			runs.look(next)
			next.Aspect = keepwatch.AspectImports
			imports.look(next)
		}
		runs.calm()
		for _, v := range imports.bad {
			if v.Page || !strings.Contains(v.Evidence, "brought 597 rows") {
				t.Errorf("%+v", v)
			}
		}
		if n := len(imports.bad); n > 2 {
			t.Errorf("%d tickets for files that are small every Sunday", n)
		}
	}
}

// A definition that a campaign fills for an hour each Tuesday, and that drains.
func TestQuietQueues(t *testing.T) {
	for _, lost := range []float64{0, .5} {
		w := newWatcher(t, 8, lost)
		for at := quietBegin; at.Before(quietBegin.Add(6 * 7 * 24 * time.Hour)); at = at.Add(5 * time.Minute) {
			n, age := int64(w.chance.IntN(4)), time.Duration(w.chance.IntN(9))*time.Second
			if at.Weekday() == time.Tuesday && at.Hour() == 9 {
				n, age = int64(at.Minute()*200), time.Duration(30+at.Minute())*time.Second/2
			}
			w.look(keepwatch.Watch{Subject: keepwatch.Subject{Kind: keepwatch.SubjectTransactionalEmail, Key: "welcome"}, Aspect: keepwatch.AspectQueue,
				Reading: keepwatch.Reading{At: at, Send: &keepwatch.SendReading{Status: "Active", Queued: &n, Oldest: &age}}})
		}
		w.calm()
	}
}
