package app

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/store"
)

// nightWatch is the watch over blindness in a place that was proven once.
type nightWatch struct {
	tb    testing.TB
	app   *App
	duty  *duties
	first time.Time
	ids   []keepwatch.CredentialID
}

func newNightWatch(tb testing.TB, credentials int, first time.Time) *nightWatch {
	db, err := store.Open(tb.Context(), "sqlite:"+filepath.Join(tb.TempDir(), "keepwatch.db"), store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	a := &App{log: slog.New(slog.DiscardHandler), db: db, intake: intake.New(db, func() incident.Policy { return incident.Policy{} }), effects: &effects{}, started: first.Add(-time.Hour)}
	w := &nightWatch{tb: tb, app: a, duty: newDuties(a), first: first}
	for i := range credentials {
		w.ids = append(w.ids, keepwatch.CredentialID(fmt.Sprintf("credential-%04d", i)))
	}
	for i := 0; i < credentials; i += 100 {
		var found []keepwatch.Observation
		for k := i; k < min(i+100, credentials); k++ {
			found = append(found, w.look(k, first, keepwatch.OK))
		}
		w.record(first, found...)
	}
	return w
}

// look is one of a night, when an hour lies between two.
func (w *nightWatch) look(i int, at time.Time, outcome keepwatch.Outcome) keepwatch.Observation {
	id := w.ids[i%len(w.ids)]
	return keepwatch.Observation{
		Key: keepwatch.SlotKey(keepwatch.CheckID(id), at), Series: keepwatch.SeriesOf(keepwatch.CheckID(id), ""), Check: keepwatch.CheckID(id), Credential: id, Tenant: "emea",
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: 10 * time.Minute, Outcome: outcome,
		Steps: []keepwatch.Step{{Name: "token", Outcome: outcome, HTTPStatus: 200, Took: 40 * time.Millisecond}, {Name: "identity", Outcome: outcome, HTTPStatus: 200, Took: 40 * time.Millisecond}},
	}
}

func (w *nightWatch) record(at time.Time, found ...keepwatch.Observation) {
	if err := w.app.record(w.tb.Context(), found, at); err != nil {
		w.tb.Fatal(err)
	}
}

// turn is one of the duty; it reports whether the series were read.
func (w *nightWatch) turn(at time.Time) (read bool) {
	before := w.duty.lookBy
	if err := w.duty.watch(w.tb.Context(), at); err != nil {
		w.tb.Fatal(err)
	}
	return w.duty.lookBy != before
}

func (w *nightWatch) blind() bool {
	s, err := w.app.db.SeriesByID(w.tb.Context(), blindSeries)
	return err == nil && s.Last.Outcome == keepwatch.MonitoringBlind
}

// What nobody recorded is not read: in a quiet hour the series are read every ten minutes,
// because another node may have said something, and not twice a minute. A look in vain has
// them read at once, for as long as nothing has answered since.
func TestTheWatchReadsOnlyWhatMayHaveChanged(t *testing.T) {
	first := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	w := newNightWatch(t, 3, first)
	reads, at := 0, first
	for ; at.Before(first.Add(time.Hour)); at = at.Add(watchEvery) {
		if w.turn(at) {
			reads++
		}
	}
	if reads > 7 || w.blind() {
		t.Errorf("read %d times in a quiet hour, blind %v", reads, w.blind())
	}
	w.record(at, w.look(0, at, keepwatch.Timeout))
	at = at.Add(watchEvery)
	if !w.turn(at) || !w.blind() {
		t.Errorf("a look in vain an hour after the last proof: blind %v", w.blind())
	}
	at = at.Add(watchEvery)
	w.record(at, w.look(1, at, keepwatch.BadClientID))
	if !w.turn(at) || w.blind() {
		t.Errorf("a refusal is an answer: blind %v", w.blind())
	}
}

// A look in vain that was recorded before the start counts as well.
func TestTheWatchRemembersLooksInVainOverARestart(t *testing.T) {
	first := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	w := newNightWatch(t, 3, first)
	w.record(first.Add(10*time.Minute), w.look(0, first.Add(10*time.Minute), keepwatch.Timeout))
	w.app.sight, w.duty = sight{}, newDuties(w.app)
	w.turn(first.Add(11 * time.Minute))
	if w.blind() {
		t.Fatal("blind before two gaps are over")
	}
	w.turn(first.Add(20*time.Minute + watchEvery))
	if !w.blind() {
		t.Error("not blind after two gaps")
	}
}

// BenchmarkWatch is one hour of the watch at night, over 1,000 credentials that are looked
// at once in it: as it is, and as if it read all of them each time.
func BenchmarkWatch(b *testing.B) {
	for _, always := range []bool{false, true} {
		b.Run(fmt.Sprintf("always=%v", always), func(b *testing.B) {
			first := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
			w := newNightWatch(b, 1000, first)
			at, reads := first.Add(30*time.Minute), 0
			for b.Loop() {
				for range int(time.Hour / watchEvery) {
					at = at.Add(watchEvery)
					w.app.sight.record([]keepwatch.Observation{w.look(0, at.Add(-25*time.Minute), keepwatch.OK)})
					if always {
						w.duty.seeing = false
					}
					if w.turn(at) {
						reads++
					}
				}
			}
			b.ReportMetric(float64(reads)/float64(b.N), "reads/op")
		})
	}
}
