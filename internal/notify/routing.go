package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"keepwatch"
)

// routeAll addresses every notice. A notice that cannot be routed stops the turn:
// those behind it may be of the same incident.
func (p *Pipeline) routeAll(ctx context.Context, now time.Time) error {
	for !p.stopped() {
		notices, err := p.opts.Outbox.Unrouted(ctx, batch)
		if err != nil {
			return err
		}
		for _, n := range notices {
			if err := p.route(ctx, n, now); err != nil {
				return fmt.Errorf("notice %s: %w", n.ID, err)
			}
		}
		if len(notices) < batch {
			return nil
		}
	}
	return nil
}

func (p *Pipeline) route(ctx context.Context, n keepwatch.Notice, now time.Time) error {
	if n.Letter != nil {
		return p.routeLetter(ctx, n, now)
	}
	if n.Canary != nil {
		return p.routeCanary(ctx, n, now)
	}
	earlier, err := p.opts.Outbox.Deliveries(ctx, n.Incident.ID)
	if err != nil {
		return err
	}
	setup := p.setup.Load()
	targets := address(n, earlier, setup.Routes.For(FactsOf(n.Incident, setup.Directory, setup.BaseURL), n.At))
	if len(targets) == 0 {
		return p.routeToNobody(ctx, n, setup, now)
	}
	return p.opts.Outbox.Route(ctx, n.ID, rowsOf(n, targets, now), now)
}

// routeLetter addresses a letter. It belongs to no incident, so nothing goes before it.
func (p *Pipeline) routeLetter(ctx context.Context, n keepwatch.Notice, now time.Time) error {
	setup := p.setup.Load()
	targets, _ := letterTargets(*n.Letter, setup)
	if len(targets) == 0 {
		return p.routeToNobody(ctx, n, setup, now)
	}
	return p.opts.Outbox.Route(ctx, n.ID, rowsOf(n, targets, now), now)
}

func rowsOf(n keepwatch.Notice, targets []Target, now time.Time) []keepwatch.Delivery {
	rows := make([]keepwatch.Delivery, len(targets))
	for i, t := range targets {
		if t.After > 0 {
			rows[i] = escalationOf(n, t, now)
			continue
		}
		rows[i] = keepwatch.Delivery{
			ID: keepwatch.DeliveryIDOf(n.ID, t.Receiver), Notice: n, Receiver: t.Receiver,
			Status: keepwatch.DeliveryPending, CreatedAt: now, NextAttemptAt: now,
		}
		if n.Kind == keepwatch.Opened {
			rows[i].NextAttemptAt = firstDue(rows[i], t.Wait)
		}
	}
	return rows
}

// address decides who hears of a notice. Whoever heard of an incident hears how it
// goes on, although its outcome or the configuration has changed meanwhile and the
// routes now name others. An end or an acknowledgement is news to nobody else.
func address(n keepwatch.Notice, earlier []keepwatch.Delivery, routed []Target) []Target {
	var known []Target
	for _, d := range earlier {
		untold := marksOf(d).escalation > 0 && d.Status != keepwatch.DeliverySent
		if d.Receiver != NoReceiver && d.Notice.Seq < n.Seq && !untold {
			known = append(known, Target{Receiver: d.Receiver})
		}
	}
	out := slices.Clone(routed)
	if n.Kind != keepwatch.Opened { // the clock of an escalation runs from the begin
		out = slices.DeleteFunc(out, func(t Target) bool { return t.After > 0 })
	}
	if len(known) > 0 && (ends(n.Kind) || n.Kind == keepwatch.Acknowledged) {
		out = nil
	}
	out = append(out, known...)
	slices.SortStableFunc(out, func(a, b Target) int { return cmp.Compare(a.Receiver, b.Receiver) })
	return slices.CompactFunc(out, func(a, b Target) bool { return a.Receiver == b.Receiver })
}

// routeToNobody keeps a row that says so: an incident nobody was told of is the
// worst kind, and must not look like one that was.
func (p *Pipeline) routeToNobody(ctx context.Context, n keepwatch.Notice, setup *Setup, now time.Time) error {
	reason := "no route matches this incident"
	if n.Letter != nil {
		reason = "no route matches this letter, and no e-mail receiver carries it"
	}
	reason = nobody(*setup, reason)
	row := keepwatch.Delivery{
		ID: keepwatch.DeliveryIDOf(n.ID, NoReceiver), Notice: n, Receiver: NoReceiver,
		Status: keepwatch.DeliveryDead, LastError: reason, CreatedAt: now, NextAttemptAt: now,
	}
	if err := p.opts.Outbox.Route(ctx, n.ID, []keepwatch.Delivery{row}, now); err != nil {
		return err
	}
	p.opts.Observe(NoReceiver, ResultNoReceiver)
	p.mu.Lock()
	news := !p.nobodyWas
	p.nobodyWas = true
	p.mu.Unlock()
	if news {
		p.report(ctx, Trouble{Kind: TroubleNoReceiver, Incident: n.Incident.ID, Delivery: row.ID, Reason: reason, Since: now})
	}
	return nil
}

// inOrder sorts by incident and transition, oldest incidents first, so that a
// batch that holds several messages of one incident meets them in order.
func inOrder(ds []keepwatch.Delivery) {
	slices.SortStableFunc(ds, func(a, b keepwatch.Delivery) int {
		return cmp.Or(
			a.Notice.Incident.DetectedAt.Compare(b.Notice.Incident.DetectedAt),
			cmp.Compare(a.Notice.Incident.ID, b.Notice.Incident.ID),
			cmp.Compare(a.Notice.Seq, b.Notice.Seq),
			cmp.Compare(reminderNumber(a), reminderNumber(b)),
		)
	})
}
