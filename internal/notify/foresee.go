package notify

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"keepwatch"
)

// Foreseen is a message that a setup would have sent.
type Foreseen struct {
	Notice    keepwatch.Notice // whose news it tells, of an incident or of a bundle; earlier ones may be told with it
	Receiver  string
	Kind      keepwatch.TransitionKind // as it is told: to whom nothing was told yet, it begins
	At        time.Time
	Incidents int         // that it tells of
	Reminders []time.Time // that follow on it
}

// Foresee says what a setup would have sent about notices, where every receiver takes
// every message at once: groups, storms, digests, silences, escalations and reminders
// among them. It is the pipeline itself, over rows in memory and the clock of the past: a
// second set of rules would drift from the first. Until bounds the reminders.
func Foresee(notices []keepwatch.Notice, s Setup, until time.Time) []Foreseen {
	f := &forecast{rows: newLedger(), last: map[[2]string]int{}}
	s.Receivers = slices.Clone(s.Receivers)
	for i := range s.Receivers {
		s.Receivers[i].Sender = f
	}
	f.pipe = New(Options{Outbox: f.rows, Random: func() float64 { return 0 }}, s)
	f.pipe.now = func() time.Time { return f.now }
	notices = slices.Clone(notices)
	slices.SortStableFunc(notices, func(a, b keepwatch.Notice) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Incident.ID, b.Incident.ID), cmp.Compare(a.Seq, b.Seq))
	})
	f.run(notices, until)
	slices.SortStableFunc(f.seen, func(a, b Foreseen) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receiver, b.Receiver)) })
	return f.seen
}

// forecast is a pipeline that is taken through the past, and the sender of all its
// receivers.
type forecast struct {
	rows *ledger
	pipe *Pipeline
	now  time.Time
	seen []Foreseen
	last map[[2]string]int // of a receiver and an incident: its last message in seen
}

// run goes from one moment at which something happens to the next.
func (f *forecast) run(notices []keepwatch.Notice, until time.Time) {
	ctx := context.Background()
	for {
		next, ok, _ := f.rows.NextDelivery(ctx)
		if len(notices) > 0 && (!ok || !next.Before(notices[0].At)) {
			next, ok = notices[0].At, true
		}
		if !ok || next.After(until) {
			return
		}
		if next.After(f.now) {
			f.now = next
		}
		n := 0
		for n < len(notices) && !notices[n].At.After(f.now) {
			n++
		}
		f.rows.add(notices[:n]...)
		notices = notices[n:]
		if !f.turn(ctx) {
			return
		}
	}
}

// turn does what is due now, as a turn of the loop and of every lane does.
func (f *forecast) turn(ctx context.Context) bool {
	for more := true; more; {
		var err error
		if more, err = f.pipe.routeAll(ctx, f.now); err != nil {
			return false // rows in memory have no reason to fail; better no forecast than a wrong one
		}
	}
	if f.pipe.claimAll(ctx, f.now) != nil {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(f.pipe.lanes)) {
		l := f.pipe.lane(name)
		for j, ok := l.pop(); ok; j, ok = l.pop() {
			l.serve(ctx, j)
		}
	}
	return true
}

// Send notes a message in the place of sending it.
func (f *forecast) Send(_ context.Context, m Message) (Receipt, error) {
	of := [2]string{m.Receiver, string(m.Incident)}
	i, told := f.last[of]
	if m.Kind == KindReminder && told {
		f.seen[i].Reminders = append(f.seen[i].Reminders, m.Now)
		return "foreseen", nil
	}
	f.last[of] = len(f.seen)
	f.seen = append(f.seen, Foreseen{
		Notice: f.rows.rows[m.Key].Notice, Receiver: m.Receiver, Kind: m.Kind, At: m.Now, Incidents: max(1, len(m.Members)+m.More),
	})
	return "foreseen", nil
}
