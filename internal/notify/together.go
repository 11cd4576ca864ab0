package notify

import (
	"context"
	"time"

	"keepwatch"
)

// judgeBundle decides about a message that tells of several incidents. It is decided as
// one about an incident is: a bundle has its messages, reminders and hours.
func (l *lane) judgeBundle(ctx context.Context, d keepwatch.Delivery, now time.Time) (verdict, Facts, Target, error) {
	none := func(v verdict, err error) (verdict, Facts, Target, error) { return v, Facts{}, Target{}, err }
	state, err := l.p.opts.Outbox.Bundle(ctx, d.Notice.Incident.ID)
	if err != nil {
		return none(verdict{}, err)
	}
	siblings, err := l.siblings(ctx, d)
	if err != nil {
		return none(verdict{}, err)
	}
	if state.Taken < d.Notice.Seq {
		if held, err := l.releaseHeld(ctx, d, now); err != nil {
			return none(verdict{}, err)
		} else if held > 0 {
			l.p.log.Info("members of a message are held back", "delivery", d.ID, "members", held)
		}
	}
	f := Facts{Incident: d.Notice.Incident, Thread: threadOf(siblings)}
	if state.Kind == keepwatch.BundleStorm && state.Taken < d.Notice.Seq && isMessage(d) {
		// Before the members are read: there may be a hundred thousand.
		q := question{d: d, siblings: siblings, now: now}
		if v, err := l.paced(ctx, q, verdict{act: actSend}); err != nil || v.act != actSend {
			return none(v, err)
		}
		if l.receiver == state.Receiver && !l.p.setup.Load().Routes.hours(l.receiver) {
			// Nothing can hold it back any more: they are read once.
			if state, err = l.p.opts.Outbox.Take(ctx, state.ID, d.Notice.Seq, now); err != nil {
				return none(verdict{}, err)
			}
		}
	}
	if err := l.p.together(ctx, &f, d, state, d.Notice.Seq, siblings...); err != nil {
		return none(verdict{}, err)
	}
	q := question{d: d, siblings: siblings, incident: f.Incident, now: now}
	v := decide(q)
	if v.act != actSend {
		return v, f, Target{Receiver: l.receiver}, nil
	}
	t := l.manners(f)
	send := v
	v, err = l.judgeTogether(ctx, q, f, t, send)
	if err != nil || v.act != actCollapse || !isMessage(d) || state.Taken >= d.Notice.Seq || l.receiver != state.Receiver {
		return v, f, t, err
	}
	// Nobody may join a message that is not sent. Who did so until now has it sent.
	if err := l.take(ctx, d, &f, now); err != nil {
		return none(verdict{}, err)
	}
	v, err = l.judgeTogether(ctx, q, f, t, send)
	return v, f, t, err
}

func (l *lane) siblings(ctx context.Context, d keepwatch.Delivery) ([]keepwatch.Delivery, error) {
	all, err := l.p.opts.Outbox.Deliveries(ctx, d.Notice.Incident.ID)
	var out []keepwatch.Delivery
	for _, s := range all {
		if s.Receiver == l.receiver {
			out = append(out, s)
		}
	}
	return out, err
}

// judgeTogether looks at what only bundles have.
func (l *lane) judgeTogether(ctx context.Context, q question, f Facts, t Target, v verdict) (verdict, error) {
	b, m := f.Together.BundleState, f.Together.Members
	told := toldBy(q.siblings) > 0
	switch {
	case m.Total == 0:
		return verdict{act: actCollapse, reason: "not needed: nothing is left to tell of"}, nil
	case b.Kind == keepwatch.BundleGroup && !told && m.Open == 0 && m.New == m.Total && b.Wait > 0:
		return verdict{act: actCollapse, reason: "all of it began and ended within " + keepwatch.FormatDuration(b.Wait)}, nil
	case t.After > 0 && !told && m.Unacknowledged == 0:
		return verdict{act: actCollapse, reason: "not needed: acknowledged or over"}, nil
	}
	if h, ok := hold(Target{Receiver: l.receiver, OnlyIn: t.OnlyIn}, nil, f, q.now); ok && m.Open > 0 {
		return verdict{act: actHold, held: h, reason: "held back: " + h.why}, nil
	}
	if !isMessage(q.d) || b.Taken >= q.d.Notice.Seq {
		return v, nil
	}
	if b.Kind == keepwatch.BundleGroup && !told && l.receiver == b.Receiver {
		raging, err := l.p.raging(ctx, l.receiver)
		if err != nil {
			return v, err
		}
		if raging {
			err := l.p.opts.Outbox.CloseBundle(ctx, b.ID, q.d.Notice.Seq, stormOf(l.receiver), q.now)
			return verdict{act: actCollapse, reason: "said with a storm"}, err
		}
	}
	return v, nil
}

// paced lets a storm's message wait until the receiver may have one.
func (l *lane) paced(ctx context.Context, q question, v verdict) (verdict, error) {
	sent, err := l.p.opts.Outbox.SentSince(ctx, l.receiver, q.now.Add(-2*stormGap), 100)
	if err != nil {
		return v, err
	}
	var told []time.Time
	for _, s := range q.siblings {
		if s.Status == keepwatch.DeliverySent && isMessage(s) {
			told = append(told, s.SentAt)
		}
	}
	if due := stormDue(told, sent); due.After(q.now) {
		return verdict{act: actDefer, reason: "waits for its turn", until: due}, nil
	}
	return v, nil
}

// manners are those of the route of its worst member: reminders, hours, and whether it
// is an escalation.
func (l *lane) manners(f Facts) Target {
	t := Target{Receiver: l.receiver}
	if len(f.Together.Facts) == 0 {
		return t
	}
	worst := f.Together.Facts[0]
	return l.p.setup.Load().Routes.target(worst, l.receiver, worst.Incident.DetectedAt)
}

// toldBy is the last message that the receiver took; 0 for none.
func toldBy(siblings []keepwatch.Delivery) int {
	told := 0
	for _, s := range siblings {
		if s.Status == keepwatch.DeliverySent && isMessage(s) {
			told = max(told, s.Notice.Seq)
		}
	}
	return told
}

// together reads what a message tells, and how its bundle stands as an incident.
func (p *Pipeline) together(ctx context.Context, f *Facts, d keepwatch.Delivery, state keepwatch.BundleState, seq int, siblings ...keepwatch.Delivery) error {
	told := 0
	for _, s := range siblings {
		if s.ID != d.ID && s.Status == keepwatch.DeliverySent && isMessage(s) && s.Notice.Seq < seq {
			told = max(told, s.Notice.Seq)
		}
	}
	if !isMessage(d) {
		seq = state.Seq // a reminder tells how it stands now
	}
	brief := state.Kind == keepwatch.BundleGroup && state.Wait > 0
	m, err := p.opts.Outbox.Members(ctx, state.ID, seq, told, brief, mostListed)
	if err != nil {
		return err
	}
	setup := p.setup.Load()
	f.BaseURL, f.Together = setup.BaseURL, &Together{BundleState: state, Members: m}
	for _, inc := range m.Worst {
		f.Together.Facts = append(f.Together.Facts, FactsOf(inc, setup.Directory, setup.BaseURL))
	}
	f.Incident.Status = keepwatch.IncidentOpen
	if m.Open == 0 {
		f.Incident.Status = keepwatch.IncidentResolved
	}
	if m.Open > 0 && m.Unacknowledged == 0 {
		f.Incident.AcknowledgedAt = d.Notice.At
	}
	return nil
}

// take fixes what a message tells, right before it is sent.
func (l *lane) take(ctx context.Context, d keepwatch.Delivery, f *Facts, now time.Time) error {
	state := f.Together.BundleState
	if !isMessage(d) || state.Taken >= d.Notice.Seq {
		return nil // it is fixed, and was read a moment ago
	}
	state, err := l.p.opts.Outbox.Take(ctx, state.ID, d.Notice.Seq, now)
	if err != nil {
		return err
	}
	siblings, err := l.siblings(ctx, d)
	if err != nil {
		return err
	}
	return l.p.together(ctx, f, d, state, d.Notice.Seq, siblings...)
}

// releaseHeld takes those members out of a message that somebody has silenced: they
// wait for themselves.
func (l *lane) releaseHeld(ctx context.Context, d keepwatch.Delivery, now time.Time) (int, error) {
	l.p.readMutes(ctx, now)
	mutes := l.p.mutes()
	if len(mutes) == 0 || !isMessage(d) {
		return 0, nil
	}
	setup, n := l.p.setup.Load(), 0
	err := l.p.opts.Outbox.EachMember(ctx, d.Notice.Incident.ID, d.Notice.Seq, func(m keepwatch.Delivery) error {
		if m.Notice.Kind != keepwatch.Opened && m.Notice.Kind != keepwatch.Changed && m.Notice.Kind != keepwatch.Warning {
			return nil // who was told that it began is told how it went on
		}
		f := FactsOf(m.Notice.Incident, setup.Directory, setup.BaseURL)
		h, ok := hold(Target{Receiver: l.receiver}, mutes, f, now)
		if !ok {
			return nil
		}
		n++
		later := heldUntil(m, h)
		l.p.nudge(later.NextAttemptAt)
		return l.p.opts.Outbox.Release(ctx, m, later, "held back: "+h.why, now)
	})
	return n, err
}

// rages reports a message of a storm that is not over.
func (f Facts) rages() bool {
	t := f.Together
	return t != nil && t.Kind == keepwatch.BundleStorm && !t.Calm && t.ClosedAt.IsZero()
}

// allOver reports a message whose members are all over, or one that is told once.
func (f Facts) allOver() bool {
	t := f.Together
	return t != nil && (t.Members.Open == 0 || t.Members.Unacknowledged == 0 || t.Kind == keepwatch.BundleDigest)
}
