package schedule

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// table is a due-table in memory with the store's semantics: the longest due
// first, next lies after now, handed over before it counts as claimed.
type table struct {
	mu      sync.Mutex
	checks  []keepwatch.Check
	err     error // of every call, while set
	repeat  bool  // hand over twice, as a repeated transaction does
	reads   int
	claims  int
	claimed int
}

func (t *table) ClaimDue(ctx context.Context, now time.Time, limit int,
	next func(keepwatch.Check, time.Time) time.Time, hand func(context.Context, []keepwatch.Group) error) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return 0, t.err
	}
	t.claims++
	slices.SortFunc(t.checks, func(a, b keepwatch.Check) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.ID, b.ID))
	})
	var slots []keepwatch.Slot
	for i := range t.checks {
		c := &t.checks[i]
		if c.DueAt.After(now) || len(slots) == limit {
			break
		}
		at := next(*c, now)
		slots = append(slots, keepwatch.Slot{Check: *c, At: c.DueAt, Next: at, Gap: at.Sub(c.DueAt), Reason: c.Reason})
		c.DueAt, c.Reason = at, keepwatch.ReasonScheduled
	}
	var groups []keepwatch.Group
	for part := range slices.Chunk(slots, 100) {
		groups = append(groups, keepwatch.Group{Slots: part, ClaimedAt: now})
	}
	for range map[bool]int{false: 1, true: 2}[t.repeat] {
		if err := hand(ctx, groups); err != nil {
			return 0, err
		}
	}
	t.claimed += len(slots)
	return len(slots), nil
}

func (t *table) NextDue(context.Context) (time.Time, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reads++
	if t.err != nil || len(t.checks) == 0 {
		return time.Time{}, false, t.err
	}
	return slices.MinFunc(t.checks, func(a, b keepwatch.Check) int { return a.DueAt.Compare(b.DueAt) }).DueAt, true, nil
}

func (t *table) setErr(err error) {
	t.mu.Lock()
	t.err = err
	t.mu.Unlock()
}

// world is a dispatcher with its surroundings in a bubble.
type world struct {
	t       *testing.T
	table   *table
	cadence calendar.Cadence
	shift   time.Duration // of the wall clock
	d       *Dispatcher

	mu      sync.Mutex
	began   map[keepwatch.CheckID][]time.Time // by elapsed time, not by the wall
	lags    []time.Duration
	records [][]keepwatch.Observation
	peak    map[keepwatch.TenantID]int
	now     map[keepwatch.TenantID]int
}

func newWorld(t *testing.T, n int, cadence calendar.Cadence, set func(*Options)) *world {
	w := &world{t: t, table: &table{}, cadence: cadence, began: map[keepwatch.CheckID][]time.Time{},
		peak: map[keepwatch.TenantID]int{}, now: map[keepwatch.TenantID]int{}}
	for i := range n {
		c := keepwatch.Check{ID: keepwatch.CheckID(fmt.Sprintf("c%05d", i)), Credential: keepwatch.CredentialID(fmt.Sprintf("c%05d", i)),
			Tenant: "emea", Kind: keepwatch.CheckCredential, Reason: keepwatch.ReasonScheduled}
		c.Phase = keepwatch.PhaseOf(c.Tenant, c.ID)
		c.DueAt = cadence.Next(time.Now(), c.Phase)
		w.table.checks = append(w.table.checks, c)
	}
	o := Options{
		Source: w.table,
		Next:   func(c keepwatch.Check, now time.Time) time.Time { return cadence.Next(now, c.Phase) },
		Run: func(context.Context, keepwatch.Slot) []keepwatch.Observation {
			time.Sleep(20 * time.Millisecond)
			return nil
		},
		Record: func(context.Context, []keepwatch.Observation, time.Time) error { return nil },
		Lag: func(d time.Duration) {
			w.mu.Lock()
			w.lags = append(w.lags, d)
			w.mu.Unlock()
		},
		Fleet: func() (int, time.Duration) { return n, min(cadence.Business, cadence.Off) },
	}
	if set != nil {
		set(&o)
	}
	run, record := o.Run, o.Record
	o.Run = func(ctx context.Context, s keepwatch.Slot) []keepwatch.Observation {
		w.enter(s)
		defer w.leave(s)
		found := run(ctx, s)
		if len(found) == 0 {
			found = []keepwatch.Observation{ok(s)}
		}
		return found
	}
	o.Record = func(ctx context.Context, found []keepwatch.Observation, now time.Time) error {
		if err := record(ctx, found, now); err != nil {
			return err
		}
		w.mu.Lock()
		w.records = append(w.records, slices.Clone(found))
		w.mu.Unlock()
		return nil
	}
	w.d = New(o)
	w.d.clock = newClock(func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return time.Now().Add(w.shift)
	})
	t.Cleanup(func() { _ = w.d.Stop(context.Background()) }) // a failed test must not leave runs in the bubble
	return w
}

func ok(s keepwatch.Slot) keepwatch.Observation {
	o := fault(s, time.Now(), keepwatch.Local)
	o.Outcome = keepwatch.OK
	return o
}

func (w *world) enter(s keepwatch.Slot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began[s.Check.ID] = append(w.began[s.Check.ID], time.Now())
	w.now[s.Check.Tenant]++
	w.peak[s.Check.Tenant] = max(w.peak[s.Check.Tenant], w.now[s.Check.Tenant])
}

func (w *world) leave(s keepwatch.Slot) {
	w.mu.Lock()
	w.now[s.Check.Tenant]--
	w.mu.Unlock()
}

func (w *world) setWall(by time.Duration) {
	w.mu.Lock()
	w.shift += by
	w.mu.Unlock()
}

func (w *world) stop() {
	w.t.Helper()
	if err := w.d.Stop(context.Background()); err != nil {
		w.t.Error(err)
	}
}

func (w *world) recorded() []keepwatch.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Concat(w.records...)
}

func (w *world) sizes() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int
	for _, r := range w.records {
		out = append(out, len(r))
	}
	return out
}

// bubble runs the test with a fake clock that begins at midnight in 2000.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func every(d time.Duration) calendar.Cadence { return calendar.Cadence{Business: d, Off: d} }

// dueTogether makes every check due now, and not again before half its interval.
func (w *world) dueTogether() {
	for i := range w.table.checks {
		w.table.checks[i].Phase = 1<<15 + uint16(i)
		w.table.checks[i].DueAt = time.Now().Truncate(time.Second)
	}
}
