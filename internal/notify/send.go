package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keepwatch"
)

var errTooSlow = errors.New("the receiver did not answer in time")

// send tells the receiver and writes down what became of it, in that order.
func (l *lane) send(ctx context.Context, d keepwatch.Delivery, f Facts, t Target) {
	receipt, err := l.attempt(ctx, d, f)
	now := l.p.now()
	if err == nil {
		l.sent(ctx, d, f, t, receipt, now)
		return
	}
	if ctx.Err() != nil {
		// We were stopped; that says nothing about the receiver.
		l.release(d)
		return
	}
	l.failed(ctx, d, err, now)
}

// attempt is the one way to a receiver, for deliveries and for tests.
func (l *lane) attempt(ctx context.Context, d keepwatch.Delivery, f Facts) (Receipt, error) {
	sender, ok := l.p.setup.Load().sender(l.receiver)
	if !ok {
		return "", Permanent(fmt.Errorf("receiver %q is not configured any more", l.receiver))
	}
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	f.Now = l.p.now()
	within, cancel := context.WithTimeoutCause(ctx, l.p.opts.SendTimeout, errTooSlow)
	defer cancel()
	receipt, err := sender.Send(within, l.words(ctx, d, f))
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		// The deadline is ours; a sender may have wrapped it as it liked.
		err = Retryable(errTooSlow)
	}
	if err == nil || ctx.Err() == nil {
		l.note(err)
	}
	return Receipt(clean(string(receipt), 300)), err
}

// words are what the receiver is told. A letter to a mail address goes there, as the
// setup of this moment has it, and not to the receiver's own addresses.
func (l *lane) words(ctx context.Context, d keepwatch.Delivery, f Facts) Message {
	if d.Notice.Letter == nil {
		m := Compose(d, f)
		m.Acts = l.p.setup.Load().acts(ctx, m, f.Incident)
		return m
	}
	_, to := letterTargets(*d.Notice.Letter, l.p.setup.Load())
	return composeLetter(d, f, to)
}

// note keeps the receiver's health.
func (l *lane) note(err error) {
	now := l.p.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.gate.succeeded(now)
		return
	}
	l.gate.failed(err, now, l.p.opts.Random())
}

// sent arms the reminder before it marks the message: a crash between the two
// repeats the message and arms the same reminder, the other order would lose it.
func (l *lane) sent(ctx context.Context, d keepwatch.Delivery, f Facts, t Target, receipt Receipt, now time.Time) {
	if t.RepeatEvery > 0 && wantsReminder(d) && !f.allOver() {
		l.p.remind(context.WithoutCancel(ctx), reminderAfter(d, t.RepeatEvery, now), now)
	}
	d.Status, d.SentAt, d.NextAttemptAt = keepwatch.DeliverySent, now, now
	if f.rages() && isMessage(d) && d.Receiver == f.Together.Receiver {
		d.NextAttemptAt = now.Add(stormSoon) // its turn decides when it may go
	}
	d.Attempts++
	d.Receipt, d.LastError = string(receipt), ""
	l.p.settle(ctx, d)
	l.p.opts.Observe(l.receiver, ResultSent)
}

// remind plans a reminder.
func (p *Pipeline) remind(ctx context.Context, d keepwatch.Delivery, now time.Time) {
	if err := p.opts.Outbox.Remind(ctx, d, now); err != nil {
		p.log.Error("cannot plan a reminder", "delivery", d.ID, "error", err)
		return
	}
	p.nudge(d.NextAttemptAt)
}

// failed keeps the message for later, or puts it aside for good.
func (l *lane) failed(ctx context.Context, d keepwatch.Delivery, err error, now time.Time) {
	d.Attempts++
	d.LastError = clean(err.Error(), 500)
	d.NextAttemptAt = l.closedUntil()
	kind, result := TroubleUnreachable, ResultRetry
	switch class, _ := ClassOf(err); class {
	case ClassPermanent:
		d.Status, d.NextAttemptAt = keepwatch.DeliveryDead, now
		kind, result = TroubleDead, ResultDead
	case ClassRateLimited:
		result = ResultRateLimited
	}
	l.divert(ctx, d, now)
	l.p.settle(ctx, d)
	l.p.opts.Observe(l.receiver, result)
	l.p.log.Info("not delivered", "receiver", l.receiver, "delivery", d.ID, "attempts", d.Attempts, "result", result, "error", d.LastError)
	l.complain(ctx, kind, d, now)
}

// divert tells the fallback what the receiver refused for good, or could not be told
// for a while: once, under a key of its own. The receiver hears of it all the same when
// it is back. It is planned before the failure is marked: a crash between the two plans
// it once more, and makes one row.
func (l *lane) divert(ctx context.Context, d keepwatch.Delivery, now time.Time) {
	to := l.p.setup.Load().fallback(l.receiver)
	l.mu.Lock()
	since := l.gate.failingSince
	l.mu.Unlock()
	if to == "" || marksOf(d).reminder > 0 || d.Status != keepwatch.DeliveryDead && now.Sub(since) < unreachableAfter {
		return
	}
	m := marksOf(d)
	m.waited, m.held = 0, 0
	row := planned(keepwatch.Delivery{Notice: d.Notice, Receiver: to}, m, now)
	l.p.remind(context.WithoutCancel(ctx), row, now)
}

// complain reports trouble once. A receiver that cannot be reached is reported
// after a while only: a restart of a chat server is nobody's news.
func (l *lane) complain(ctx context.Context, kind TroubleKind, d keepwatch.Delivery, now time.Time) {
	l.mu.Lock()
	since := l.gate.failingSince
	news := (kind == TroubleDead || now.Sub(since) >= unreachableAfter) && l.gate.first(kind)
	l.mu.Unlock()
	if news {
		l.p.report(ctx, Trouble{Kind: kind, Receiver: l.receiver, Incident: d.Notice.Incident.ID, Delivery: d.ID, Reason: d.LastError, Since: since})
	}
}

// Test sends a message that says it is a test, the way real ones go: same words,
// same sender, same limits, same health. It waits for a message that is just
// being sent, and not for a receiver's back-off: a test is how one learns that
// the receiver is back.
func (p *Pipeline) Test(ctx context.Context, receiver string) (Receipt, error) {
	setup := p.setup.Load()
	if _, ok := setup.sender(receiver); !ok {
		return "", fmt.Errorf("receiver %q: %w", receiver, keepwatch.ErrNotFound)
	}
	now := time.Now()
	inc := keepwatch.Incident{
		ID: "test", Key: "test:" + receiver, Scope: keepwatch.ScopeMonitor, Status: keepwatch.IncidentOpen, Severity: keepwatch.SeverityInfo,
		Hint: "Nothing to do. If you can read this, the receiver is set up right.", DetectedAt: now,
	}
	n := keepwatch.Notice{ID: keepwatch.NoticeID("test-" + keepwatch.Digest(receiver, now.Format(time.RFC3339Nano))), Incident: inc, Kind: KindTest, At: now}
	d := keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, receiver), Notice: n, Receiver: receiver, CreatedAt: now}
	l := p.lane(receiver)
	receipt, err := l.attempt(ctx, d, FactsOf(inc, setup.Directory, setup.BaseURL))
	if err == nil {
		p.nudge(time.Time{})
	}
	return receipt, err
}
