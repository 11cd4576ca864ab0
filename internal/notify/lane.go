package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"keepwatch"
)

// lane is one receiver's queue and the one goroutine that serves it: a receiver
// gets one message at a time, and a slow one keeps only itself waiting.
type lane struct {
	p        *Pipeline
	receiver string
	turn     chan struct{} // holds one token: whoever has it may send
	woken    chan struct{}

	mu    sync.Mutex
	queue []job
	busy  keepwatch.DeliveryID
	since time.Time // of busy
	gate  gate
}

type job struct {
	d     keepwatch.Delivery
	lease time.Time // ours until then
}

func newLane(p *Pipeline, receiver string) *lane {
	l := &lane{p: p, receiver: receiver, turn: make(chan struct{}, 1), woken: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// push queues a claimed delivery; false when there is no room.
func (l *lane) push(d keepwatch.Delivery, lease time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == d.ID || slices.ContainsFunc(l.queue, func(j job) bool { return j.d.ID == d.ID }) {
		return true
	}
	if len(l.queue) >= laneLimit {
		return false
	}
	l.queue = append(l.queue, job{d, lease})
	select {
	case l.woken <- struct{}{}:
	default:
	}
	return true
}

func (l *lane) pop() (job, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.busy = ""
		return job{}, false
	}
	j := l.queue[0]
	l.queue = l.queue[1:]
	l.busy, l.since = j.d.ID, l.p.now()
	return j, true
}

// room is how long to wait for a place in a full queue: a moment when the
// receiver answers fast, a whole timeout when it seems to hang, so that the rows
// that wait for it are not written again and again.
func (l *lane) room(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == "" || now.Sub(l.since) < time.Second {
		return time.Second
	}
	return l.p.opts.SendTimeout
}

func (l *lane) holds(id keepwatch.DeliveryID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.queue, func(j job) bool { return j.d.ID == id })
}

// run serves the queue until the pipeline stops, and then gives back what is left
// of it, so that another node or the next start need not wait for the leases.
func (l *lane) run() {
	for {
		j, ok := l.pop()
		switch {
		case l.p.stopped():
			if !ok {
				return
			}
			l.release(j.d)
		case ok:
			l.serve(l.p.sending, j)
		default:
			select {
			case <-l.woken:
			case <-l.p.quit:
			}
		}
	}
}

func (l *lane) release(d keepwatch.Delivery) {
	d.NextAttemptAt = l.p.now()
	l.p.settle(l.p.sending, d)
}

func (l *lane) postpone(d keepwatch.Delivery, until time.Time) {
	d.NextAttemptAt = until
	l.p.settle(l.p.sending, d)
}

// serve brings one delivery a step further.
func (l *lane) serve(ctx context.Context, j job) {
	now := l.p.now()
	if until := l.closedUntil(); until.After(now) {
		l.postpone(j.d, until)
		return
	}
	if j.lease.Before(now.Add(l.p.opts.SendTimeout)) {
		// The wait in the queue has used the lease up: sending now could overlap
		// with another node's.
		l.release(j.d)
		return
	}
	if j.d.Notice.Canary != nil {
		l.beat(ctx, j.d)
		return
	}
	v, facts, target, err := l.judge(ctx, j.d, now)
	if err != nil {
		l.p.log.Error("cannot read the incident of a delivery", "delivery", j.d.ID, "error", err)
		l.postpone(j.d, now.Add(backoffBase))
		return
	}
	switch v.act {
	case actDefer:
		l.postpone(j.d, v.until)
	case actCollapse:
		l.collapse(j.d, v, now)
	case actHold:
		l.hold(ctx, j.d, v, now)
	case actGather:
		l.gather(ctx, j.d, facts, v, now)
	case actSend:
		facts.Untold = v.untold
		if facts.Together != nil {
			if err := l.take(ctx, j.d, &facts, now); err != nil {
				l.p.log.Error("cannot read the members of a message", "delivery", j.d.ID, "error", err)
				l.postpone(j.d, now.Add(backoffBase))
				return
			}
		}
		if j.d.Notice.Letter == nil && facts.Together == nil {
			facts.Impact = l.p.opts.Impact(ctx, facts.Incident)
		}
		l.send(ctx, j.d, facts, target)
	case actDrop:
	}
}

// judge reads the rows and decides.
func (l *lane) judge(ctx context.Context, d keepwatch.Delivery, now time.Time) (verdict, Facts, Target, error) {
	if d.Notice.Letter != nil { // waits for no other, and is told once
		return verdict{act: actSend}, letterFacts(*d.Notice.Letter, l.p.setup.Load()), Target{Receiver: l.receiver}, nil
	}
	if d.Notice.Bundle != nil {
		return l.judgeBundle(ctx, d, now)
	}
	all, err := l.p.opts.Outbox.Deliveries(ctx, d.Notice.Incident.ID)
	if err != nil {
		return verdict{}, Facts{}, Target{}, err
	}
	inc := d.Notice.Incident
	if !isMessage(d) {
		// A reminder or an escalation tells how it stands now, not how it stood.
		switch current, err := l.p.opts.Outbox.Incident(ctx, inc.ID); {
		case err == nil:
			inc = current
		case !errors.Is(err, keepwatch.ErrNotFound):
			return verdict{}, Facts{}, Target{}, err
		default:
			inc.Status = keepwatch.IncidentResolved // retention has removed it
		}
	}
	setup := l.p.setup.Load()
	if _, known := setup.sender(l.receiver); !known && !isMessage(d) {
		return verdict{act: actCollapse, reason: "not needed: the receiver is not configured any more"}, Facts{}, Target{}, nil
	}
	facts := FactsOf(inc, setup.Directory, setup.BaseURL)
	target := setup.Routes.target(facts, l.receiver, d.Notice.At)
	siblings := slices.DeleteFunc(slices.Clone(all), func(s keepwatch.Delivery) bool { return s.Receiver != l.receiver })
	facts.Thread = threadOf(siblings)
	q := question{d: d, siblings: siblings, incident: inc, wait: target.Wait, now: now}
	v := decide(q)
	if v.act == actSend && !q.passes() {
		l.p.readMutes(ctx, now) // what was ended a moment ago must not hold anything back
		if h, ok := hold(target, l.p.mutes(), facts, now); ok {
			v = verdict{act: actHold, held: h, reason: "held back: " + h.why}
		}
	}
	if v.act == actSend && isMessage(d) {
		into, err := l.together(ctx, d, siblings, facts, target)
		if err != nil {
			return verdict{}, Facts{}, Target{}, err
		}
		if into != nil {
			v = verdict{act: actGather, into: *into}
		}
	}
	return v, facts, target, nil
}

// hold puts a row for later in the place of one that must not be told yet. The new
// row is made first: a crash between the two makes it once more, and loses nothing.
func (l *lane) hold(ctx context.Context, d keepwatch.Delivery, v verdict, now time.Time) {
	later := heldUntil(d, v.held)
	if err := l.p.opts.Outbox.Remind(context.WithoutCancel(ctx), later, now); err != nil {
		l.p.log.Error("cannot hold a message back", "delivery", d.ID, "error", err)
		l.postpone(d, now.Add(backoffBase))
		return
	}
	l.collapse(d, v, now)
	l.p.nudge(later.NextAttemptAt)
}

// collapse hands the turn on before it gives it up: the other way round another
// node could send and mark the next one between the two writes, and the second
// write would undo its mark.
func (l *lane) collapse(d keepwatch.Delivery, v verdict, now time.Time) {
	if v.next != nil && v.next.NextAttemptAt.After(now) && !l.holds(v.next.ID) {
		l.postpone(*v.next, now)
	}
	for _, s := range append(v.also, d) {
		s.Status, s.LastError, s.NextAttemptAt = keepwatch.DeliveryCollapsed, v.reason, now
		if l.p.settle(l.p.sending, s) {
			l.p.opts.Observe(l.receiver, ResultCollapsed)
		}
	}
}

func (l *lane) closedUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gate.closedUntil
}

func (l *lane) health() ReceiverHealth {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gate
	waiting, since := len(l.queue), time.Time{}
	if l.busy != "" {
		waiting, since = waiting+1, l.since
	}
	return ReceiverHealth{
		BusySince:     since,
		LastSuccessAt: g.lastSuccess, LastErrorAt: g.lastError, LastError: g.lastErrorText,
		FailingSince: g.failingSince, NextTryAt: g.closedUntil, Waiting: waiting,
	}
}

// threadOf is the receipt of the first message that the receiver took.
func threadOf(siblings []keepwatch.Delivery) Receipt {
	var first keepwatch.Delivery
	for _, s := range siblings {
		if s.Status == keepwatch.DeliverySent && s.Receipt != "" && s.Bundle == "" && (first.ID == "" || s.SentAt.Before(first.SentAt)) {
			first = s
		}
	}
	return Receipt(first.Receipt)
}
