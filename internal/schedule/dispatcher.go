// Package schedule makes things happen when they are due. It claims due checks
// from a due-table, runs them beside each other without letting a slow one hold
// the rest, and records what they found. It knows neither the table's database nor
// what a check does: both are handed in, so that the same claim, run and record
// serve one process and, through another hand-over, several nodes.
//
// Durable is only the table. A slot that was claimed and not recorded when the
// process ended is found again at the next start, see Recover.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"keepwatch"
)

// Source is the due-table as the dispatcher needs it.
type Source interface {
	// ClaimDue claims up to limit due checks in one transaction, moves each on to
	// next(check, now) and hands them over in groups before it commits. It may
	// call hand again when it has to repeat the transaction.
	ClaimDue(ctx context.Context, now time.Time, limit int,
		next func(keepwatch.Check, time.Time) time.Time,
		hand func(ctx context.Context, groups []keepwatch.Group) error) (claimed int, err error)
	// NextDue is when the next check is due; false when there is none.
	NextDue(ctx context.Context) (time.Time, bool, error)
}

// Options make a dispatcher. Zero fields mean the defaults that are named there.
type Options struct {
	Source Source
	// Next is the regular due time after now: the check's calendar.Cadence.
	Next func(check keepwatch.Check, now time.Time) time.Time
	// Run makes one run and returns what it found: the slot's own observation first,
	// under the slot's key, then those of the subjects that it looked at. They are
	// recorded together. Its context ends at the run's own deadline.
	Run func(ctx context.Context, slot keepwatch.Slot) []keepwatch.Observation
	// Record stores what was found. now is the dispatcher's clock, see Now.
	Record func(ctx context.Context, found []keepwatch.Observation, now time.Time) error

	// Wake says that something may be due sooner than was known.
	Wake <-chan struct{}
	// Lag hears of each run how late it began.
	Lag func(time.Duration)
	// Fleet says how many checks there are and the shortest interval in force; it
	// sets the pace of a catch-up. Without it a catch-up runs at full speed.
	Fleet func() (checks int, shortest time.Duration)
	// Limit is the deadline of one run that takes longer than Timeout by nature; 0
	// means Timeout.
	Limit  func(keepwatch.Slot) time.Duration
	Logger *slog.Logger
	Place  keepwatch.Place // keepwatch.Local

	Concurrency int           // runs at the same time: 256
	PerTenant   int           // of them for one tenant: 64
	Claim       int           // slots claimed at once: 500
	InFlight    int           // claimed and not recorded before claiming stops: 2,000
	Timeout     time.Duration // of one run: 1m
	Flush       time.Duration // wait for others of a group before recording: 1s
	Poll        time.Duration // re-read the table at least this often: 0, never
	Drain       time.Duration // Stop lets runs finish for this long: 5s
}

func (o Options) withDefaults() Options {
	number := func(v *int, or int) {
		if *v <= 0 {
			*v = or
		}
	}
	duration := func(v *time.Duration, or time.Duration) {
		if *v <= 0 {
			*v = or
		}
	}
	number(&o.Concurrency, 256)
	number(&o.PerTenant, 64)
	number(&o.Claim, 500)
	number(&o.InFlight, 2000)
	duration(&o.Timeout, time.Minute)
	duration(&o.Flush, time.Second)
	duration(&o.Drain, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Place == "" {
		o.Place = keepwatch.Local
	}
	return o
}

// Dispatcher runs what is due. New makes it, Start sets it going, Stop ends it.
type Dispatcher struct {
	opts  Options
	log   *slog.Logger
	clock *clock
	lanes *lanes
	pace  pace

	runs      context.Context // ends when runs are to break off
	breakRuns context.CancelFunc
	records   context.Context // ends when recording is given up
	endRecord context.CancelFunc

	stopping chan struct{}
	looped   chan struct{} // closed when the loop has ended
	started  atomic.Bool
	ending   atomic.Bool
	stopped  chan struct{} // closed when Stop is done, then stopErr holds
	stopErr  error
	batches  sync.WaitGroup
	gate     sync.RWMutex  // held while a batch begins; Stop closes the door under it
	inFlight atomic.Int64  // slots taken on and not recorded
	room     chan struct{} // poked when there may be room again

	mu       sync.Mutex
	status   Status
	keeping  map[int64]time.Time // when each call of keep that goes on began
	keepings int64
}

// Status is how the dispatcher stands, for /readyz and doctor.
type Status struct {
	// AnsweredAt is when the due-table last answered. A dispatcher that waits for
	// a slow writer or a dead database does not move it.
	AnsweredAt time.Time
	Err        error // of the last turn; nil when it went well
	NextDue    time.Time
	InFlight   int // claimed and not recorded
	Running    int
	Waiting    int  // for a place among their tenant's runs
	CatchingUp bool // after a standstill, at a measured pace
	// UnrecordedSince is when the oldest results were found that the store has not taken
	// yet; zero when it has them all.
	UnrecordedSince time.Time
	// SetBack is how far the wall clock runs behind the dispatcher's, because somebody
	// set it back.
	SetBack time.Duration
}

// New makes a dispatcher that does nothing yet.
func New(o Options) *Dispatcher {
	o = o.withDefaults()
	d := &Dispatcher{
		opts: o, log: o.Logger.With("component", "schedule"), clock: newClock(nil), keeping: map[int64]time.Time{},
		stopping: make(chan struct{}), looped: make(chan struct{}), stopped: make(chan struct{}), room: make(chan struct{}, 1),
	}
	d.runs, d.breakRuns = context.WithCancel(context.Background())
	d.records, d.endRecord = context.WithCancel(context.Background())
	d.lanes = newLanes(o.Concurrency, o.PerTenant, d.attempt, d.expire)
	return d
}

// Start begins to claim. Only the first call does anything.
func (d *Dispatcher) Start() {
	if d.started.CompareAndSwap(false, true) {
		go d.loop()
	}
}

// Now is the dispatcher's clock: the wall clock, but it never runs backwards. Due
// times, slots and what is recorded for them belong to it.
func (d *Dispatcher) Now() time.Time { return d.clock.now() }

// Status reports how the dispatcher stands.
func (d *Dispatcher) Status() Status {
	d.mu.Lock()
	s := d.status
	for _, began := range d.keeping {
		if s.UnrecordedSince.IsZero() || began.Before(s.UnrecordedSince) {
			s.UnrecordedSince = began
		}
	}
	d.mu.Unlock()
	s.SetBack = d.clock.setBack()
	s.InFlight = int(d.inFlight.Load())
	s.Running, s.Waiting = d.lanes.count()
	return s
}

// recordGrace is how long Stop waits, after runs were broken off, for what was
// finished to be recorded.
const recordGrace = 2 * time.Second

// Stop ends claiming at once, lets running checks finish for Options.Drain, then
// breaks them off, and always records what was finished. It returns within Drain
// and two seconds more, or when ctx ends, with an error that says what was left
// behind. Slots that did not run stay claimed and are found by the next start. A
// run that was broken off is not recorded: it would blame SFMC for our stopping.
func (d *Dispatcher) Stop(ctx context.Context) error {
	if d.ending.CompareAndSwap(false, true) {
		d.stopErr = d.stop(ctx)
		close(d.stopped)
		return d.stopErr
	}
	// Not a sync.Once: a second caller waits no longer than its own context says.
	select {
	case <-d.stopped:
		return d.stopErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Dispatcher) stop(ctx context.Context) error {
	defer d.breakRuns()
	defer d.endRecord()
	d.gate.Lock()
	close(d.stopping)
	d.gate.Unlock()
	for _, t := range d.lanes.close() {
		t.out <- result{}
	}
	done := make(chan struct{})
	go func() {
		if d.started.Load() {
			<-d.looped
		}
		d.batches.Wait()
		close(done)
	}()
	if wait(ctx, done, d.opts.Drain) {
		return nil
	}
	d.breakRuns()
	if wait(ctx, done, recordGrace) {
		return nil
	}
	left := d.inFlight.Load()
	return fmt.Errorf("schedule: %d runs did not end in time: %w", left, keepwatch.ErrUnavailable)
}

// wait reports whether done was closed within d.
func wait(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

const (
	sourceTimeout = 30 * time.Second // of one call of the due-table
	longest       = time.Hour        // of one sleep, where nothing is due at all
	contended     = 100 * time.Millisecond
)

func (d *Dispatcher) loop() {
	defer close(d.looped)
	failures := 0
	for {
		pause, err := d.turn()
		d.note(func(s *Status) { s.Err = err })
		if err == nil {
			failures = 0
		} else {
			if d.isStopping() {
				return
			}
			failures++
			pause = backoff(failures)
			d.log.Error("the due-table does not answer", "error", err, "again_in", pause)
		}
		if !d.sleep(pause) {
			return
		}
	}
}

// backoff doubles from a second to half a minute.
func backoff(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 5), 30*time.Second)
}

func (d *Dispatcher) note(change func(*Status)) {
	d.mu.Lock()
	change(&d.status)
	d.mu.Unlock()
}

// turn claims what is due and says how long there is nothing to do.
func (d *Dispatcher) turn() (time.Duration, error) {
	room, ok := d.waitForRoom()
	if !ok {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(d.runs, sourceTimeout)
	defer cancel()
	due, some, err := d.opts.Source.NextDue(ctx)
	if err != nil {
		return 0, err
	}
	now := d.clock.now()
	d.note(func(s *Status) { s.AnsweredAt, s.NextDue, s.CatchingUp = now, due, d.pace.on })
	if !some {
		return longest, nil
	}
	if early := due.Sub(now); early > 0 {
		d.pace.on = false
		return min(early, longest), nil
	}
	limit, pause := d.pace.allow(now, due, d.opts.Fleet, d.opts.Claim)
	if limit == 0 {
		return pause, nil
	}
	claimed, err := d.claim(ctx, now, min(limit, room))
	if err == nil && claimed == 0 {
		pause = max(pause, contended) // another node holds them and has not committed yet
	}
	return pause, err
}

func (d *Dispatcher) claim(ctx context.Context, now time.Time, limit int) (int, error) {
	var groups []keepwatch.Group
	claimed, err := d.opts.Source.ClaimDue(ctx, now, limit, d.opts.Next, func(_ context.Context, g []keepwatch.Group) error {
		// Kept, not run: this is inside the transaction, and the runs need the
		// store to finish. Set, not appended: a repeated transaction hands over anew.
		groups = g
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	for _, g := range groups {
		d.begin(g.Slots, false)
	}
	return claimed, nil
}

// waitForRoom blocks while too much is claimed and not recorded: a slow writer
// stalls the claim, not the memory. Slots that wait for their tenant do not count,
// or one slow tenant would stall everybody; they are bounded by the tenant's
// number of checks, for a slot is given up when the check's next one is due.
func (d *Dispatcher) waitForRoom() (int, bool) {
	for {
		if d.isStopping() {
			return 0, false
		}
		if room := d.opts.InFlight - int(d.inFlight.Load()) + d.lanes.held(); room > 0 {
			return room, true
		}
		select {
		case <-d.room:
		case <-d.stopping:
		}
	}
}

func (d *Dispatcher) poke() {
	select {
	case d.room <- struct{}{}:
	default:
	}
}

func (d *Dispatcher) isStopping() bool {
	select {
	case <-d.stopping:
		return true
	default:
		return false
	}
}

// sleep returns true when it is time for the next turn, false when the dispatcher
// stops. It asks the clock again and again, without touching the table: a timer
// does not see that the wall clock was set, or that the machine was suspended.
func (d *Dispatcher) sleep(pause time.Duration) bool {
	if d.opts.Poll > 0 {
		pause = min(pause, d.opts.Poll)
	}
	for until := d.clock.now().Add(pause); ; {
		left := until.Sub(d.clock.now())
		if left <= 0 {
			return !d.isStopping()
		}
		timer := time.NewTimer(min(left, clockWatch))
		select {
		case <-timer.C:
		case <-d.opts.Wake:
			timer.Stop()
			return true
		case <-d.stopping:
			timer.Stop()
			return false
		}
	}
}

// ErrStopping is what a run on demand gets while the program ends.
var ErrStopping = errors.New("the schedule is stopping")
