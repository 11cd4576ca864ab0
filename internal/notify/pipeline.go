package notify

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keepwatch"
)

// Options are what a pipeline is made of. Outbox is required.
type Options struct {
	Outbox Outbox
	Woken  <-chan struct{} // signalled when the outbox has something new; may be nil
	Logger *slog.Logger
	// Observe counts what became of deliveries, by receiver and Result….
	Observe func(receiver, result string)
	// Trouble hears that telling people does not work; see [Trouble].
	Trouble func(context.Context, Trouble)
	// Silences lists those that lie ahead, beside those of the files; nil for none.
	Silences func(ctx context.Context, now time.Time) ([]keepwatch.Silence, error)
	// Standing lists, for each open incident, the last message that a receiver took,
	// for those that forget; nil where no receiver does. See [Keeper].
	Standing func(ctx context.Context, receiver string) ([]keepwatch.Delivery, error)

	// Impact says what an incident costs so far, right before a message about it; nil
	// leaves it out.
	Impact func(context.Context, keepwatch.Incident) keepwatch.Impact

	// Turn hears that a loop beside the deliveries begins a turn, and by the function
	// that it returns that the turn has ended; nil for nobody.
	Turn func(loop string) (end func())

	// Lease hides a claimed delivery from other nodes; the default is 2 minutes.
	// It is longer than SendTimeout (default 30 s), or one message were sent twice.
	Lease, SendTimeout time.Duration
	// Poll is the longest sleep, for what another node has written; the default is 30 s.
	Poll time.Duration
	// Random is the jitter, in [0,1).
	Random func() float64
}

// Receiver is a configured receiver.
type Receiver struct {
	Name    string
	Channel string
	Sender  Sender
	// Fallback is told in its place when it cannot be; "" for nobody.
	Fallback string
	// Pace is how many messages it is sent one by one before they become a storm.
	Pace Pace
	// Acts says that its messages have links that act on their incident.
	Acts bool
}

// Setup is what a reload replaces.
type Setup struct {
	Routes    Routes
	Receivers []Receiver
	Mutes     []Mute // of the files
	Directory Directory
	BaseURL   string
	Heart     Heart // who is told of the canary; nil for nobody
	// Acts makes the links of a message about an open incident; nil makes none. It may
	// return none, such as for a message about many incidents.
	Acts func(context.Context, Receiver, Message, keepwatch.Incident) []Act
}

// acts are the links of a message. What is over, what somebody has just taken and what
// is about no incident needs none.
func (s *Setup) acts(ctx context.Context, m Message, inc keepwatch.Incident) []Act {
	i := slices.IndexFunc(s.Receivers, func(r Receiver) bool { return r.Name == m.Receiver && r.Acts })
	if i < 0 || s.Acts == nil || m.Status != Firing {
		return nil
	}
	switch m.Kind {
	case KindTest, keepwatch.Posted, keepwatch.Acknowledged, keepwatch.Restored:
		return nil
	}
	return s.Acts(ctx, s.Receivers[i], m, inc)
}

// fallback is who is told in the place of a receiver.
func (s *Setup) fallback(name string) string {
	for _, r := range s.Receivers {
		if r.Name == name {
			return r.Fallback
		}
	}
	return ""
}

// pace is how many messages a receiver may be sent one by one.
func (s *Setup) pace(name string) Pace {
	for _, r := range s.Receivers {
		if r.Name == name {
			return r.Pace
		}
	}
	return Pace{}
}

func (s *Setup) sender(name string) (Sender, bool) {
	for _, r := range s.Receivers {
		if r.Name == name {
			return r.Sender, true
		}
	}
	return nil, false
}

// Pipeline takes notices out of the outbox and brings them to receivers.
type Pipeline struct {
	opts  Options
	log   *slog.Logger
	now   func() time.Time // time.Now, except where the past is told again: see [Foresee]
	setup atomic.Pointer[Setup]
	muted atomic.Pointer[[]Mute] // beside those of the files
	read  atomic.Int64           // when they were read, in ms

	mu        sync.Mutex
	lanes     map[string]*lane
	started   bool
	stopping  bool
	sleeping  time.Time // when the loop looks again by itself
	nobodyWas bool      // TroubleNoReceiver was reported

	nudged  chan struct{}
	quit    chan struct{} // no new work
	abandon context.CancelFunc
	sending context.Context // the life of all sends, ended by Stop
	wg      sync.WaitGroup
}

const (
	batch      = 100
	routeBatch = 500
	laneLimit  = 256
	// minPause keeps a row that is due but claimed elsewhere from spinning the loop.
	minPause = 250 * time.Millisecond
)

// New makes a pipeline that does nothing until Start.
func New(o Options, s Setup) *Pipeline {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	if o.Impact == nil {
		o.Impact = func(context.Context, keepwatch.Incident) keepwatch.Impact { return keepwatch.Impact{} }
	}
	if o.Turn == nil {
		o.Turn = func(string) func() { return func() {} }
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	o.SendTimeout = orDefault(o.SendTimeout, 30*time.Second)
	o.Lease = max(orDefault(o.Lease, 2*time.Minute), 2*o.SendTimeout)
	o.Poll = orDefault(o.Poll, 30*time.Second)
	p := &Pipeline{
		opts: o, log: o.Logger.With("component", "notify"), now: time.Now,
		lanes: map[string]*lane{}, nudged: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	p.sending, p.abandon = context.WithCancel(context.Background())
	p.Use(s)
	return p
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Use puts another setup in force. What was sent is not sent again: that is
// decided by rows, not by routes.
func (p *Pipeline) Use(s Setup) {
	p.setup.Store(&s)
	p.mu.Lock()
	p.nobodyWas = false
	p.mu.Unlock()
	p.nudge(time.Time{})
}

// Start lets it run.
func (p *Pipeline) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started || p.stopping {
		return
	}
	p.started = true
	p.wg.Go(p.loop)
	if p.opts.Standing != nil {
		p.wg.Go(p.keep)
	}
	for _, l := range p.lanes {
		p.wg.Go(l.run)
	}
}

// Stop takes no new work and waits for messages that are just being sent. When
// the context ends first they are cut off: they stay pending and are repeated
// under their keys. It may be called twice.
func (p *Pipeline) Stop(ctx context.Context) error {
	p.mu.Lock()
	if !p.stopping {
		p.stopping = true
		close(p.quit)
	}
	p.mu.Unlock()
	defer p.abandon()
	done := make(chan struct{})
	go func() { p.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		p.abandon()
		<-done
		return context.Cause(ctx)
	}
}

// lane finds or makes the one lane of a receiver. Lanes of receivers that a
// reload removed stay, idle: they are a few bytes, and may hold a last message.
func (p *Pipeline) lane(receiver string) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.lanes[receiver]
	if !ok {
		l = newLane(p, receiver)
		p.lanes[receiver] = l
		if p.started && !p.stopping {
			p.wg.Go(l.run)
		}
	}
	return l
}

// nudge makes the loop look again, if it would sleep beyond at.
func (p *Pipeline) nudge(at time.Time) {
	p.mu.Lock()
	early := at.Before(p.sleeping)
	p.mu.Unlock()
	if !early {
		return
	}
	select {
	case p.nudged <- struct{}{}:
	default:
	}
}

// loop sleeps until something is due. It never sends itself: a receiver that
// hangs must not keep others from being served.
func (p *Pipeline) loop() {
	for {
		pause := p.turn(p.sending, time.Now())
		timer := time.NewTimer(pause)
		select {
		case <-p.quit:
			timer.Stop()
			return
		case <-p.opts.Woken:
		case <-p.nudged:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// turn does what is due and says how long to sleep.
func (p *Pipeline) turn(ctx context.Context, now time.Time) time.Duration {
	// From here on a nudge counts: what settles during the turn may be missed by it.
	p.sleepUntil(now.Add(p.opts.Poll))
	pause := p.opts.Poll
	p.readMutes(ctx, now)
	more, err := p.routeAll(ctx, now)
	if err != nil {
		p.log.Error("cannot route", "error", err)
		pause = time.Second
	}
	if err := p.claimAll(ctx, now); err != nil {
		p.log.Error("cannot claim deliveries", "error", err)
		pause = time.Second
	}
	if more && err == nil {
		return 0
	}
	next, ok, err := p.opts.Outbox.NextDelivery(ctx)
	if err != nil {
		p.log.Error("cannot read the outbox", "error", err)
		return time.Second
	}
	if ok {
		pause = min(pause, next.Sub(now))
	}
	pause = max(pause, minPause)
	p.sleepUntil(now.Add(pause))
	return pause
}

func (p *Pipeline) sleepUntil(t time.Time) {
	p.mu.Lock()
	p.sleeping = t
	p.mu.Unlock()
}

func (p *Pipeline) stopped() bool {
	select {
	case <-p.quit:
		return true
	default:
		return false
	}
}

// claimAll hands every due delivery to its receiver's lane.
func (p *Pipeline) claimAll(ctx context.Context, now time.Time) error {
	for !p.stopped() {
		ds, err := p.opts.Outbox.ClaimDeliveries(ctx, now, p.opts.Lease, batch)
		if err != nil {
			return err
		}
		inOrder(ds)
		rest, err := p.storms(ctx, ds, now)
		if err != nil {
			return err
		}
		for _, d := range rest {
			l := p.lane(d.Receiver)
			if !l.push(d, now.Add(p.opts.Lease)) {
				// No room: another node may have it, or we in a while.
				d.NextAttemptAt = now.Add(l.room(now))
				p.settle(ctx, d)
			}
		}
		if len(ds) < batch {
			return nil
		}
	}
	return nil
}

// settle writes what became of a delivery. It tries hard: a message that was sent
// and could not be marked is sent again. After the last try the lease ends by
// itself and the row is due once more.
func (p *Pipeline) settle(ctx context.Context, d keepwatch.Delivery) bool {
	ctx = context.WithoutCancel(ctx)
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		within, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := p.opts.Outbox.Settle(within, d, p.now())
		cancel()
		if err == nil {
			if d.Status == keepwatch.DeliveryPending {
				p.nudge(d.NextAttemptAt)
			}
			return true
		}
		if overtaken(d, err) {
			return true
		}
		if pause > 2*time.Second || p.stopped() {
			p.log.Error("cannot mark a delivery; it may be sent again", "delivery", d.ID, "status", d.Status, "error", err)
			return false
		}
		time.Sleep(pause)
	}
}
