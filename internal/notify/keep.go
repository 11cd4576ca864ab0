package notify

import (
	"context"
	"time"

	"keepwatch"
)

// Keeper is a Sender whose receiver forgets: what is open has to be told again and
// again. Repeats are made from rows, like everything else, and leave none: they say
// what the last delivered message said.
type Keeper interface {
	KeepEvery() time.Duration
	Keep(ctx context.Context, open []Message) error
}

// keep repeats what is open to every receiver that forgets, until the pipeline stops.
func (p *Pipeline) keep() {
	next := map[string]time.Time{}
	for {
		now, end := time.Now(), p.opts.Turn("repeats")
		wake := now.Add(p.opts.Poll)
		for _, r := range p.setup.Load().Receivers {
			k, ok := r.Sender.(Keeper)
			if !ok {
				continue
			}
			if due, known := next[r.Name]; !known || !due.After(now) {
				p.keepOne(p.sending, r.Name, k)
				next[r.Name] = now.Add(k.KeepEvery())
			}
			if next[r.Name].Before(wake) {
				wake = next[r.Name]
			}
		}
		end()
		timer := time.NewTimer(wake.Sub(now))
		select {
		case <-p.quit:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (p *Pipeline) keepOne(ctx context.Context, receiver string, k Keeper) {
	ctx, cancel := context.WithTimeout(ctx, p.opts.SendTimeout)
	defer cancel()
	// In the receiver's turn: an end that is just being told must not be followed by
	// a repeat of what was read before it.
	l := p.lane(receiver)
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return
	}
	rows, err := p.opts.Standing(ctx, receiver)
	if err != nil {
		p.log.Error("cannot read what is open at a receiver", "receiver", receiver, "error", err)
		return
	}
	setup, now := p.setup.Load(), time.Now()
	var open []Message
	for _, d := range rows {
		if ends(d.Notice.Kind) || d.Notice.Kind == KindTest || d.Notice.Kind == keepwatch.Posted {
			continue
		}
		f := FactsOf(d.Notice.Incident, setup.Directory, setup.BaseURL)
		f.Now = now
		if d.Notice.Bundle != nil {
			state, err := p.opts.Outbox.Bundle(ctx, d.Notice.Incident.ID)
			if err == nil {
				err = p.together(ctx, &f, d, state, d.Notice.Seq)
			}
			if err != nil {
				p.log.Error("cannot read the members of a message", "delivery", d.ID, "error", err)
				continue
			}
		}
		open = append(open, Compose(d, f))
	}
	if len(open) == 0 {
		return
	}
	if err := k.Keep(ctx, open); err != nil && ctx.Err() == nil {
		// Nothing is lost: a repeat is due again, and messages have their own retries.
		p.log.Warn("what is open could not be told again", "receiver", receiver, "incidents", len(open), "error", err)
	}
}
