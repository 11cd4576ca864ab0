package detect_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

var aspects = []keepwatch.Aspect{
	keepwatch.AspectEntry, keepwatch.AspectActivities, keepwatch.AspectRows, keepwatch.AspectRuns, keepwatch.AspectImports, keepwatch.AspectQueue, keepwatch.AspectVolume, "another",
}

// wild draws readings and models as nobody would send them.
type wild struct{ *rand.Rand }

func (w wild) count() int64 {
	switch w.IntN(6) {
	case 0:
		return 0
	case 1:
		return int64(w.IntN(10))
	case 2:
		return -int64(w.IntN(1000))
	case 3:
		return math.MaxInt64 - int64(w.IntN(3))
	case 4:
		return math.MinInt64 + int64(w.IntN(3))
	}
	return int64(w.IntN(100_000))
}

func (w wild) number() float64 {
	return []float64{0, 1, -1, .5, 1e-300, 1e300, math.NaN(), math.Inf(1), w.Float64() * 100}[w.IntN(9)]
}

func (w wild) time(near time.Time) time.Time {
	switch w.IntN(5) {
	case 0:
		return time.Time{}
	case 1:
		return near.Add(time.Duration(w.Int64()))
	}
	return near.Add(time.Duration(w.IntN(200)-150) * time.Hour)
}

func (w wild) word() string {
	return []string{"", "Published", "Paused", "Stopped", "Draft", "Complete", "Error", "Skipped", "Running", "PausedSchedule", "Inactive", "Active", "process", "skip", "Completed", "\x00<x>"}[w.IntN(16)]
}

func pick[T any](w wild, value T) *T {
	if w.IntN(3) == 0 {
		return nil
	}
	return &value
}

func (w wild) reading(at time.Time) keepwatch.Reading {
	r := keepwatch.Reading{At: at, Amount: w.count(), Window: time.Duration(w.Int64()), Holiday: w.IntN(9) == 0, Maintenance: w.IntN(9) == 0}
	j := keepwatch.JourneyReading{
		Status: w.word(), Version: w.IntN(3), Entered: pick(w, w.count()), Inside: pick(w, w.count()), Quicksend: w.IntN(9) == 0,
		BatchDueAt: w.time(at), Attempted: pick(w, w.count()), Errored: pick(w, w.count()), HistoryLag: pick(w, time.Duration(w.count())), Moved: pick(w, w.count()),
		ChangedBy: w.word(), Change: w.word(), ChangedAt: w.time(at),
	}
	if w.IntN(3) > 0 {
		j.BatchDueAt = time.Time{}
	}
	for range w.IntN(12) {
		j.Activities = append(j.Activities, keepwatch.ActivityReading{Name: strings.Repeat("a", w.IntN(60)), Done: w.count(), Failed: w.count()})
	}
	r.Journey = pick(w, j)
	r.Extension = pick(w, keepwatch.ExtensionReading{Rows: pick(w, w.count()), Newest: w.time(at), Retention: w.IntN(2) == 0, Overwritten: w.IntN(2) == 0, FedAt: w.time(at)})
	a := keepwatch.AutomationReading{
		Status: w.word(), DueAt: w.time(at), NextAt: w.time(at), LastRunAt: w.time(at), LastEndAt: w.time(at), LastStatus: w.word(), FailingStep: w.word(),
		Triggered: w.IntN(2) == 0, Every: time.Duration(w.count()), PausedBy: w.word(), PausedAt: w.time(at),
	}
	for range w.IntN(12) {
		a.Imports = append(a.Imports, keepwatch.ImportReading{
			Key: strings.Repeat("k", w.IntN(40)), Target: w.word(), At: w.time(at), Status: w.word(), Total: w.count(), Imported: w.count(), Errors: w.count(),
			BlankFile: w.word(), Overwrite: w.IntN(2) == 0, AllowErrors: w.IntN(2) == 0,
		})
	}
	r.Automation = pick(w, a)
	r.Send = pick(w, keepwatch.SendReading{Status: w.word(), Queued: pick(w, w.count()), Oldest: pick(w, time.Duration(w.count())), Sent: pick(w, w.count()), NotSent: pick(w, w.count()), TopError: w.word()})
	return r
}

func (w wild) model() *keepwatch.Model {
	m := &keepwatch.Model{
		Zone: []string{"", "Europe/Berlin", "nowhere"}[w.IntN(3)], Weeks: 6, Events: 1000, Cells: make([]float64, 168),
		Clump: w.Float64() * 2, Slow: w.Float64(), Starts: w.Float64() * 700, Tail: 1 + w.Float64(), Spare: w.Float64(), Longest: 3, Needs: 5, Wait: 1, Budget: w.number(),
	}
	for c := range m.Cells {
		m.Cells[c] = w.Float64() * math.Pow(10, float64(w.IntN(8)-3))
	}
	if w.IntN(3) == 0 {
		m.Batch = &keepwatch.Batch{Empty: make([]float64, 168), Miss: 3, Least: 10}
		for c := range m.Batch.Empty {
			m.Batch.Empty[c] = w.Float64()
		}
		for d := range m.Batch.Deadline {
			m.Batch.Deadline[d] = w.IntN(30) - 3
		}
	}
	switch w.IntN(8) { // and spoiled, as a stored document can be
	case 0:
		return nil
	case 1:
		m.Cells[w.IntN(168)] = w.number()
	case 2:
		m.Clump, m.Slow = w.number(), w.number()
	case 3:
		m.Starts, m.Tail, m.Spare, m.Holiday, m.Longest = w.number(), w.number(), w.number(), w.number(), w.number()
	case 4:
		m.Thin, m.Needs, m.Wait = []float64{w.number()}, w.number(), w.number()
	case 5:
		m.Cells = m.Cells[:w.IntN(168)]
	case 6:
		if m.Batch != nil {
			m.Batch.Empty[w.IntN(168)], m.Batch.Miss, m.Batch.Least = w.number(), w.number(), w.number()
		}
	}
	return m
}

// story of one aspect: every look is judged twice, and nothing that was given is changed.
func wildStory(t *testing.T, w wild, looks int) {
	t.Helper()
	aspect := aspects[w.IntN(len(aspects))]
	model := w.model()
	at := quietBegin
	var prev *keepwatch.Watch
	for range looks {
		at = at.Add(time.Duration(w.IntN(180)-5) * time.Minute)
		next := keepwatch.Watch{
			Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "k"}, Aspect: aspect, Reading: w.reading(at),
			Expect: keepwatch.Expectation{ContactsPerDay: float64(w.IntN(500)), RowsEvery: time.Duration(w.IntN(2)) * time.Hour, MaxQueueAge: time.Duration(w.IntN(2)) * time.Minute, Zone: w.word()},
		}
		if w.IntN(20) == 0 {
			model = w.model()
		}
		before := document(t, prev)
		got := detect.Judge(prev, model, next)
		if after := document(t, prev); !bytes.Equal(before, after) {
			t.Fatalf("what was remembered was changed:\n%s\n%s", before, after)
		}
		if again := detect.Judge(prev, model, next); !reflect.DeepEqual(got, again) {
			t.Fatalf("judged again:\n%+v\n%+v", got, again)
		}
		sane(t, got)
		prev = &got
	}
}

// document fails on numbers that are none, which no document can hold.
func document(t *testing.T, v any) []byte {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v: %+v", err, v)
	}
	return doc
}

func sane(t *testing.T, w keepwatch.Watch) {
	t.Helper()
	document(t, w.Verdict)
	if doc := document(t, w.Memory); len(doc) >= 1536 {
		t.Fatalf("a memory of %d bytes: %s", len(doc), doc)
	}
	v := w.Verdict
	bad := v.Outcome != "" && v.Outcome != keepwatch.OK
	switch {
	case bad && (v.Since.After(w.Reading.At) || v.Noticed.After(w.Reading.At) || v.Evidence == "" || v.Confidence <= 0 || v.Confidence > 1):
		t.Fatalf("%s: %+v", w.Aspect, v)
	case !bad && (v.Page || v.Learning == "" && v.Evidence == "" && w.Aspect != "another"):
		t.Fatalf("%s: %+v", w.Aspect, v)
	case strings.Contains(v.Evidence, "NaN") || strings.Contains(v.Evidence, "Inf") || strings.Contains(v.Evidence, "%!"):
		t.Fatalf("%s: %s", w.Aspect, v.Evidence)
	case w.Reading.Window > detect.Longest || w.Reading.Window < 0 || w.Reading.Amount < 0:
		t.Fatalf("%d in %s", w.Reading.Amount, w.Reading.Window)
	}
}

func TestWildReadings(t *testing.T) {
	for seed := range uint64(200) {
		wildStory(t, wild{rand.New(rand.NewPCG(seed, 17))}, 60)
	}
}

func FuzzJudge(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, seed*7, uint8(20))
	}
	f.Fuzz(func(t *testing.T, a, b uint64, looks uint8) {
		wildStory(t, wild{rand.New(rand.NewPCG(a, b))}, int(looks))
	})
}

func FuzzFit(f *testing.F) {
	f.Add(uint64(1), uint64(2), 1000)
	f.Fuzz(func(t *testing.T, a, b uint64, n int) {
		w := wild{rand.New(rand.NewPCG(a, b))}
		var hours []keepwatch.Hour
		for range min(max(n, 0), 3000) {
			hours = append(hours, keepwatch.Hour{Start: quietBegin.Add(-time.Duration(w.IntN(5000)) * time.Hour), Amount: w.count(), Observed: time.Duration(w.count())})
		}
		m, ok := detect.Fit("s", hours, nil, quietBegin, []detect.Span{{From: w.time(quietBegin), To: w.time(quietBegin)}}, func(at time.Time) bool { return at.Day() == 3 })
		if doc := document(t, m); len(doc) >= 6*1024 {
			t.Fatalf("a model of %d bytes", len(doc))
		}
		low, mid, high := detect.Expected(&m, nil, quietBegin, quietBegin.Add(30*time.Hour))
		if !(low >= 0 && low <= mid && mid <= high) || math.IsInf(high, 0) || ok && (m.Tail < 1 || !(m.Spare >= 0)) {
			t.Fatalf("%f %f %f of %s", low, mid, high, document(t, m))
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	s := story{month: 10_000, zone: "Europe/Berlin", began: quietBegin, chance: rand.New(rand.NewPCG(1, 1))}
	l := newLife(s, lead)
	model := l.fit(lead, lead, nil)
	w := detect.Judge(nil, model, look(quietBegin, 0, "Europe/Berlin"))
	entered := int64(0)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		entered += int64(i % 3)
		w = detect.Judge(&w, model, look(quietBegin.Add(time.Duration(i)*quarter), entered, "Europe/Berlin"))
	}
}

func BenchmarkFit(b *testing.B) {
	s := story{month: 10_000, clump: .5, slow: .1, zone: "Europe/Berlin", began: quietBegin, chance: rand.New(rand.NewPCG(1, 1))}
	l := newLife(s, lead)
	b.ReportAllocs()
	for b.Loop() {
		l.fit(lead, lead, nil)
	}
}
