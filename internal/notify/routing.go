package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"keepwatch"
)

// routeAll addresses notices, and reports whether there may be more: in a flood there
// always are, and what is due must not wait for its end. A batch that cannot be routed
// stops the turn: those behind it may be of the same incidents.
func (p *Pipeline) routeAll(ctx context.Context, now time.Time) (more bool, err error) {
	notices, err := p.opts.Outbox.Unrouted(ctx, routeBatch)
	if err != nil {
		return false, err
	}
	return len(notices) == routeBatch, p.routeBatch(ctx, notices, now)
}

// routeBatch decides about notices and writes what was decided in one transaction: in
// a flood the transactions are what takes the time. Those that follow on another notice
// of the batch wait for the next one, which sees what was decided about it.
func (p *Pipeline) routeBatch(ctx context.Context, notices []keepwatch.Notice, now time.Time) error {
	setup := p.setup.Load()
	for len(notices) > 0 {
		var plans []*plan
		var later []keepwatch.Notice
		seen := map[keepwatch.IncidentID]bool{}
		for _, n := range notices {
			if n.Canary != nil {
				if err := p.routeCanary(ctx, n, now); err != nil {
					return fmt.Errorf("notice %s: %w", n.ID, err)
				}
				continue
			}
			if n.Letter == nil && seen[n.Incident.ID] {
				later = append(later, n)
				continue
			}
			seen[n.Incident.ID] = true
			one, err := p.plan(ctx, n, setup, now)
			if err != nil {
				return fmt.Errorf("notice %s: %w", n.ID, err)
			}
			plans = append(plans, one)
		}
		if err := p.storm(ctx, plans, now); err != nil {
			return err
		}
		list := make([]keepwatch.Routing, len(plans))
		for i, one := range plans {
			list[i] = one.routing(now)
		}
		if err := p.opts.Outbox.RouteAll(ctx, list, now); err != nil {
			return err
		}
		for _, one := range plans {
			p.routed(ctx, one, now)
		}
		notices = later
	}
	return nil
}

// plan is what is decided about one notice.
type plan struct {
	notice keepwatch.Notice
	facts  Facts
	rows   []planRow
	nobody string // why nobody is told
}

// planRow is one receiver of a notice.
type planRow struct {
	keepwatch.Delivery
	into *keepwatch.Bundle // it is told together with others; nil by itself
	due  time.Time         // of the bundle's message
	// soon: it is to be told now, and nothing holds it back; a storm may take it in.
	soon bool
	beat time.Duration // that it waits where others are being told
}

func (p *Pipeline) plan(ctx context.Context, n keepwatch.Notice, setup *Setup, now time.Time) (*plan, error) {
	if n.Letter != nil {
		targets, _ := letterTargets(*n.Letter, setup)
		out := &plan{notice: n}
		if len(targets) == 0 {
			out.nobody = nobody(*setup, "no route matches this letter, and no e-mail receiver carries it")
		}
		for _, t := range targets {
			out.rows = append(out.rows, planRow{Delivery: rowOf(n, t, now)})
		}
		return out, nil
	}
	out := &plan{notice: n, facts: FactsOf(n.Incident, setup.Directory, setup.BaseURL)}
	var earlier []keepwatch.Delivery
	if n.Seq > 1 { // before the first there was nothing
		var err error
		if earlier, err = p.opts.Outbox.Deliveries(ctx, n.Incident.ID); err != nil {
			return nil, err
		}
	}
	targets := address(n, earlier, setup.Routes.For(out.facts, n.At))
	if len(targets) == 0 {
		out.nobody = nobody(*setup, "no route matches this incident")
	}
	for _, t := range targets {
		row, err := p.planRow(ctx, out, t, earlier, setup, now)
		if err != nil {
			return nil, err
		}
		out.rows = append(out.rows, row)
	}
	return out, nil
}

// planRow decides whether a receiver is told of a notice together with others. What it
// heard by itself goes on by itself, and what it heard in a bundle goes on in it.
func (p *Pipeline) planRow(ctx context.Context, of *plan, t Target, earlier []keepwatch.Delivery, setup *Setup, now time.Time) (planRow, error) {
	n := of.notice
	row := planRow{Delivery: rowOf(n, t, now)}
	row.Rank, row.beat = rank(of.facts), beatOf(of.facts)
	alone := false
	for _, e := range earlier {
		switch {
		case e.Receiver != t.Receiver || e.Notice.Seq >= n.Seq:
		case e.Bundle == "":
			alone = alone || isMessage(e)
		default:
			b, err := p.opts.Outbox.Bundle(ctx, e.Bundle)
			if err != nil {
				return row, err
			}
			if b.ClosedAt.IsZero() {
				row.into, row.due = &b.Bundle, n.At.Add(b.Wait)
				if b.Kind == keepwatch.BundleStorm { // what ends together is told together
					row.due = n.At.Add(stormSoon)
				}
				return row, nil
			}
		}
	}
	if t.After == 0 && !t.bundled() && !alone && n.Kind != keepwatch.Opened {
		t = setup.Routes.target(of.facts, t.Receiver, n.At)
	}
	h, held := hold(t, p.mutes(), of.facts, now)
	// A group's message waits for the hours as a whole; who would wait for them alone could
	// come too late for it.
	if t.bundled() && !alone && (!held || h.hours && t.Digest == nil) {
		b, due := t.bundle(setup.Routes.rule(t.Route), of.facts, n.At)
		row.into, row.due = &b, due
	}
	row.soon = !held && t.After == 0 && t.Digest == nil && !(alone && !stormable(row.Delivery)) && (row.into != nil || !row.NextAttemptAt.After(now))
	return row, nil
}

// storm lets storms take in what is to be told now, where it is more than may be told
// one by one.
func (p *Pipeline) storm(ctx context.Context, plans []*plan, now time.Time) error {
	count := map[string]int{}
	groups := map[[2]string]bool{}
	for _, one := range plans {
		for _, row := range one.rows {
			if !row.soon {
				continue
			}
			if row.into != nil {
				key := [2]string{row.Receiver, row.into.Key}
				if groups[key] {
					continue // the same message
				}
				groups[key] = true
			}
			count[row.Receiver]++
		}
	}
	for receiver, n := range count {
		w, limited, err := p.weather(ctx, receiver, now)
		if err != nil {
			return err
		}
		switch rows := soonOf(plans, receiver); {
		case !limited:
		case w.raging || n > w.spare:
			for _, row := range rows {
				b := stormOf(receiver)
				row.into, row.due = &b, now
			}
		default:
			letWait(rows, w, now)
		}
	}
	return nil
}

// soonOf are the rows that tell a receiver something now, the worst first.
func soonOf(plans []*plan, receiver string) []*planRow {
	var out []*planRow
	for _, one := range plans {
		for i := range one.rows {
			if row := &one.rows[i]; row.soon && row.Receiver == receiver {
				out = append(out, row)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *planRow) int { return cmp.Compare(a.Rank, b.Rank) })
	return out
}

// letWait lets what begins wait a beat, all but the first that a quiet receiver hears of.
func letWait(rows []*planRow, w weather, now time.Time) {
	for _, row := range rows {
		if row.into != nil || row.Notice.Kind != keepwatch.Opened {
			continue
		}
		if w.stirred {
			row.NextAttemptAt = now.Add(row.beat)
		}
		w.stirred = true
	}
}

// routing is the plan as the rows that are written.
func (one *plan) routing(now time.Time) keepwatch.Routing {
	out := keepwatch.Routing{Notice: one.notice.ID}
	if one.nobody != "" {
		out.Deliveries = []keepwatch.Delivery{{
			ID: keepwatch.DeliveryIDOf(one.notice.ID, NoReceiver), Notice: one.notice, Receiver: NoReceiver,
			Status: keepwatch.DeliveryDead, LastError: one.nobody, CreatedAt: now, NextAttemptAt: now,
		}}
	}
	for _, row := range one.rows {
		if row.into == nil {
			out.Deliveries = append(out.Deliveries, row.Delivery)
			continue
		}
		out.Gathered = append(out.Gathered, keepwatch.Gathering{
			Delivery: row.Delivery, Into: *row.into, Due: row.due, Rouse: row.into.Kind == keepwatch.BundleStorm && row.into.ID == "",
		})
	}
	return out
}

func rowOf(n keepwatch.Notice, t Target, now time.Time) keepwatch.Delivery {
	if t.After > 0 {
		return escalationOf(n, t, now)
	}
	row := keepwatch.Delivery{
		ID: keepwatch.DeliveryIDOf(n.ID, t.Receiver), Notice: n, Receiver: t.Receiver,
		Status: keepwatch.DeliveryPending, CreatedAt: now, NextAttemptAt: now,
	}
	if n.Kind == keepwatch.Opened {
		row.NextAttemptAt = firstDue(row, t.Wait)
	}
	return row
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

// routed counts what was decided. An incident nobody was told of is the worst kind: its
// row says so, so that it does not look like one that was.
func (p *Pipeline) routed(ctx context.Context, one *plan, now time.Time) {
	for _, row := range one.rows {
		if row.into != nil {
			p.opts.Observe(row.Receiver, ResultGathered)
		}
	}
	if one.nobody == "" {
		return
	}
	p.opts.Observe(NoReceiver, ResultNoReceiver)
	p.mu.Lock()
	news := !p.nobodyWas
	p.nobodyWas = true
	p.mu.Unlock()
	if news {
		p.report(ctx, Trouble{
			Kind: TroubleNoReceiver, Incident: one.notice.Incident.ID, Delivery: keepwatch.DeliveryIDOf(one.notice.ID, NoReceiver), Reason: one.nobody, Since: now,
		})
	}
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
