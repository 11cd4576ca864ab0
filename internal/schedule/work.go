package schedule

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"keepwatch"
)

// result is what came of a task, the slot's own observation first; the zero one
// says that it did not run.
type result struct {
	found []keepwatch.Observation
	ran   bool
}

// single is the result of a slot that found one thing.
func single(o keepwatch.Observation) result {
	return result{[]keepwatch.Observation{o}, true}
}

// batch is the slots of one group on their way to be recorded together.
type batch struct {
	results chan result
	done    chan struct{} // closed when all that ran is recorded
	// Valid once done is closed.
	ran  int
	last keepwatch.Observation
	err  error
}

// Work runs a group and returns when its results are recorded. It is what the
// worker of a queue calls; the dispatcher's own groups take the same way.
func (d *Dispatcher) Work(ctx context.Context, g keepwatch.Group) error {
	b := d.begin(g.Slots, false)
	select {
	case <-b.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b.err == nil && b.ran < len(g.Slots) {
		return ErrStopping
	}
	return b.err
}

// Do runs one slot now, ahead of the tenant's others, and returns the slot's own
// observation once all that the run found is recorded.
func (d *Dispatcher) Do(ctx context.Context, slot keepwatch.Slot) (keepwatch.Observation, error) {
	b := d.begin([]keepwatch.Slot{slot}, true)
	select {
	case <-b.done:
	case <-ctx.Done():
		return keepwatch.Observation{}, ctx.Err()
	}
	if b.ran == 0 {
		return keepwatch.Observation{}, ErrStopping
	}
	return b.last, b.err
}

// Recover deals with slots that were claimed before the process ended and have no
// result. One whose check's next slot has passed, too, is recorded as missed: run
// now, it would pretend to have looked back then. The others run now. It returns
// when the missed ones are recorded and may be called before Start.
func (d *Dispatcher) Recover(ctx context.Context, unfinished []keepwatch.Slot) error {
	now := d.clock.now()
	var missed []keepwatch.Observation
	var again []keepwatch.Slot
	for _, s := range unfinished {
		if overdue(s, now) {
			missed = append(missed, missedRun(s, now, d.opts.Place, causeEnded))
		} else {
			again = append(again, s)
		}
	}
	for len(missed) > 0 {
		part := missed[:min(len(missed), d.opts.Claim)]
		missed = missed[len(part):]
		if err := d.opts.Record(ctx, part, now); err != nil {
			return fmt.Errorf("record missed runs: %w", err)
		}
	}
	for len(again) > 0 {
		n := min(len(again), 100)
		d.begin(again[:n], false)
		again = again[n:]
	}
	return nil
}

// begin takes slots on. Every one of them leaves through the batch's results, run
// or not.
func (d *Dispatcher) begin(slots []keepwatch.Slot, urgent bool) *batch {
	b := &batch{results: make(chan result, len(slots)), done: make(chan struct{})}
	d.gate.RLock()
	defer d.gate.RUnlock()
	if len(slots) == 0 || d.isStopping() {
		close(b.done)
		return b
	}
	d.inFlight.Add(int64(len(slots)))
	d.batches.Add(1)
	go d.collect(b, len(slots))
	now := d.clock.now()
	for _, s := range slots {
		t := task{s, b.results}
		if !d.lanes.submit(t, urgent || s.Reason == keepwatch.ReasonDemand, now) {
			b.results <- result{}
		}
	}
	return b
}

// collect gathers a batch's results and records them in as few pieces as it can:
// all together when they end within Options.Flush of each other, else what is
// finished by then. One that hangs never holds the others.
func (d *Dispatcher) collect(b *batch, left int) {
	defer d.batches.Done()
	defer close(b.done)
	var ready []keepwatch.Observation
	var flush <-chan time.Time
	slots := 0 // whose observations are ready
	for left > 0 {
		select {
		case r := <-b.results:
			left--
			if !r.ran {
				d.settle(1)
				continue
			}
			if ready == nil {
				ready = make([]keepwatch.Observation, 0, left+len(r.found)) // most runs find one thing
			}
			ready = append(ready, r.found...)
			slots++
			b.ran++
			if len(r.found) > 0 {
				b.last = r.found[0]
			}
			if flush == nil {
				flush = time.After(d.opts.Flush)
			}
		case <-flush:
			b.err = errors.Join(b.err, d.record(ready, slots))
			ready, slots, flush = nil, 0, nil
		}
	}
	b.err = errors.Join(b.err, d.record(ready, slots))
}

// settle counts slots as done with and lets the claim look for room.
func (d *Dispatcher) settle(n int) {
	d.inFlight.Add(-int64(n))
	d.poke()
}

// recordTimeout bounds one try to record.
const recordTimeout = time.Minute

// record stores what the runs of so many slots found, and then counts those as done
// with.
func (d *Dispatcher) record(found []keepwatch.Observation, slots int) error {
	err := d.keep(found)
	if slots > 0 {
		d.settle(slots)
	}
	return err
}

// keep stores observations, however long the store is away: a proof that was
// made is not thrown away. Meanwhile the claim stalls. Only an observation that
// the store refuses as invalid is dropped, by itself and with a line in the log.
func (d *Dispatcher) keep(found []keepwatch.Observation) error {
	if len(found) == 0 {
		return nil
	}
	defer d.noteKeeping()()
	err := d.try(found)
	for failures := 1; err != nil && !errors.Is(err, keepwatch.ErrInvalid); failures++ {
		again := backoff(failures)
		d.log.Error("results are not recorded yet", "results", len(found), "error", err, "again_in", again)
		select {
		case <-time.After(again):
			err = d.try(found)
		case <-d.records.Done():
			return err
		}
	}
	if err != nil && len(found) > 1 {
		errs := make([]error, 0, len(found))
		for i := range found {
			errs = append(errs, d.keep(found[i:i+1]))
		}
		return errors.Join(errs...)
	}
	if err != nil {
		d.log.Error("a result was refused and is lost", "check", found[0].Check, "key", found[0].Key, "error", err)
	}
	return err
}

// noteKeeping remembers that results wait for the store, until the function that it
// returns is called. The times keep their monotonic reading: they are about a wait.
func (d *Dispatcher) noteKeeping() (kept func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keepings++
	id := d.keepings
	d.keeping[id] = time.Now()
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.keeping, id)
	}
}

func (d *Dispatcher) try(found []keepwatch.Observation) error {
	ctx, cancel := context.WithTimeout(d.records, recordTimeout)
	defer cancel()
	return d.opts.Record(ctx, found, d.clock.now())
}

// hangGrace is how long after its deadline a run may take to notice it.
const hangGrace = 5 * time.Second

// attempt makes one run. Exactly one result goes out: the run's own, or the fault
// that it did not end. A run that never returns keeps its place among its tenant's:
// to give it away would pile up runs that never return.
func (d *Dispatcher) attempt(t task) {
	defer d.poke()
	begun := d.clock.now()
	if overdue(t.slot, begun) {
		d.expire(t)
		return
	}
	if d.opts.Lag != nil {
		d.opts.Lag(begun.Sub(t.slot.At))
	}
	timeout := d.timeoutOf(t.slot)
	ctx, cancel := context.WithTimeout(d.runs, timeout)
	defer cancel()
	hang := time.AfterFunc(timeout+hangGrace, func() {
		d.log.Error("a run does not end", "check", t.slot.Check.ID, "timeout", timeout)
		t.out <- single(hung(t.slot, begun, d.opts.Place, timeout))
	})
	found := d.guarded(ctx, t.slot, begun)
	switch {
	case !hang.Stop():
	case d.runs.Err() != nil:
		t.out <- result{}
	default:
		t.out <- result{found, true}
	}
}

func (d *Dispatcher) timeoutOf(s keepwatch.Slot) time.Duration {
	if d.opts.Limit != nil {
		if own := d.opts.Limit(s); own > 0 {
			return own
		}
	}
	return d.opts.Timeout
}

// expire records a slot as missed, because it waited for too long.
func (d *Dispatcher) expire(t task) {
	t.out <- single(missedRun(t.slot, d.clock.now(), d.opts.Place, causeBusy))
}

// guarded turns a panic into an observation. What was thrown may quote a secret,
// so the log gets its type, the runtime's own words, and the stack.
func (d *Dispatcher) guarded(ctx context.Context, s keepwatch.Slot, begun time.Time) (found []keepwatch.Observation) {
	defer func() {
		thrown := recover()
		if thrown == nil {
			return
		}
		said := fmt.Sprintf("%T", thrown)
		if e, ok := thrown.(runtime.Error); ok {
			said = e.Error()
		}
		d.log.Error("a run panicked", "check", s.Check.ID, "panic", said, "stack", string(debug.Stack()))
		found = []keepwatch.Observation{panicked(s, begun, d.opts.Place, said)}
	}()
	return d.opts.Run(ctx, s)
}
