package notify

import (
	"context"
	"errors"
	"time"

	"keepwatch"
)

// WatchdogReceiver is the built-in receiver at the end of the canary's way. No
// configured one can have this name: names have no parentheses.
const WatchdogReceiver = "(watchdog)"

// Heart is told of each canary that came out of the pipeline. It is the only way to the
// heartbeat: whatever holds up messages to people holds up the beat, too.
type Heart interface {
	// Beat tells the world, or does not, and says what came of it. It returns no error,
	// for a beat is never repeated: the next one says more.
	Beat(ctx context.Context, c keepwatch.Canary) Receipt
}

// routeCanary addresses a canary. No route of the file names it, and nobody else hears
// of it.
func (p *Pipeline) routeCanary(ctx context.Context, n keepwatch.Notice, now time.Time) error {
	routing := keepwatch.Routing{Notice: n.ID}
	if p.setup.Load().Heart != nil {
		routing.Deliveries = []keepwatch.Delivery{rowOf(n, Target{Receiver: WatchdogReceiver}, now)}
	}
	err := p.opts.Outbox.RouteAll(ctx, []keepwatch.Routing{routing}, now)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return nil // the next one has taken its place
	}
	return err
}

// beat brings a canary to its end and marks it afterwards, like every message.
func (l *lane) beat(ctx context.Context, d keepwatch.Delivery) {
	now := l.p.now()
	d.Status, d.SentAt, d.NextAttemptAt = keepwatch.DeliverySent, now, now
	if heart := l.p.setup.Load().Heart; heart != nil {
		within, cancel := context.WithTimeoutCause(ctx, l.p.opts.SendTimeout, errTooSlow)
		defer cancel()
		d.Receipt = clean(string(heart.Beat(within, *d.Notice.Canary)), 300)
		d.Attempts++
	}
	if ctx.Err() == nil { // else we were stopped, and the row goes with the next canary
		l.p.settle(ctx, d)
	}
}

// overtaken reports that a delivery could not be marked because the next canary has
// taken its place meanwhile.
func overtaken(d keepwatch.Delivery, err error) bool {
	return d.Notice.Canary != nil && errors.Is(err, keepwatch.ErrNotFound)
}
