package notify

import (
	"context"
	"time"

	"keepwatch"
)

// weather is how a receiver stands, within one look at the outbox.
type weather struct {
	raging bool // a storm is on, and takes new incidents in
	spare  int  // messages that may still go out one by one
	// stirred: one went out a moment ago, or is about to. What begins now waits a beat.
	stirred bool
}

// A flood may begin with one incident, then two, then five. The first is told at once;
// what follows on it soon waits a beat, so that it is seen whether more are coming. What
// is transactional and fails waits a shorter one.
const (
	beat      = 10 * time.Second
	shortBeat = 3 * time.Second
)

func beatOf(f Facts) time.Duration {
	if f.criticality() == keepwatch.Transactional && f.Incident.Severity == keepwatch.SeverityCritical {
		return shortBeat
	}
	return beat
}

// raging reports whether a storm is on at a receiver, and takes new incidents in.
func (p *Pipeline) raging(ctx context.Context, receiver string) (bool, error) {
	if p.setup.Load().pace(receiver).Count <= 0 {
		return false, nil
	}
	s, open, err := p.opts.Outbox.OpenBundle(ctx, receiver, stormKey)
	return err == nil && open && !s.Calm, err
}

// weather reads how a receiver stands; false when it has no limit.
func (p *Pipeline) weather(ctx context.Context, receiver string, now time.Time) (weather, bool, error) {
	pace := p.setup.Load().pace(receiver)
	if pace.Count <= 0 {
		return weather{}, false, nil
	}
	if on, err := p.raging(ctx, receiver); err != nil || on {
		return weather{raging: on}, true, err
	}
	sent, err := p.opts.Outbox.SentSince(ctx, receiver, now.Add(-pace.Within), pace.Count)
	if err != nil {
		return weather{}, false, err
	}
	recent := 0
	for _, at := range sent {
		if now.Sub(at) <= stormSoon {
			recent++
		}
	}
	coming, err := p.opts.Outbox.Waiting(ctx, receiver, now.Add(beat), pace.Count)
	if err != nil {
		return weather{}, false, err
	}
	coming += p.lane(receiver).health().Waiting
	return weather{spare: min(pace.Count-len(sent), pace.burst()-recent) - coming, stirred: recent+coming > 0}, true, nil
}

// storms hands what is due over to storms, where more is due than may be told one by
// one, and returns the rest.
func (p *Pipeline) storms(ctx context.Context, due []keepwatch.Delivery, now time.Time) ([]keepwatch.Delivery, error) {
	alone := map[string]int{}
	for _, d := range due {
		if stormable(d) {
			alone[d.Receiver]++
		}
	}
	rest := due[:0:0]
	var gathered []keepwatch.Gathering
	skies := map[string]bool{}
	for _, d := range due {
		storm, known := skies[d.Receiver]
		if !known {
			w, limited, err := p.weather(ctx, d.Receiver, now)
			if err != nil {
				return nil, err
			}
			storm = limited && (w.raging || alone[d.Receiver] > w.spare)
			skies[d.Receiver] = storm
		}
		f, free := p.free(d, now)
		if !storm || !stormable(d) || !free {
			rest = append(rest, d)
			continue
		}
		gathered = append(gathered, gatheringOf(d, f, stormOf(d.Receiver), now))
	}
	if len(gathered) == 0 {
		return due, nil
	}
	if err := p.opts.Outbox.Gather(ctx, gathered, now); err != nil {
		return nil, err
	}
	for _, g := range gathered {
		p.opts.Observe(g.Delivery.Receiver, ResultGathered)
	}
	return rest, nil
}

// stormable is a message of one incident. Its end and its acknowledgement are told by
// themselves where it was told by itself: a pager that rings has to be able to stop.
func stormable(d keepwatch.Delivery) bool {
	quiet := ends(d.Notice.Kind) || d.Notice.Kind == keepwatch.Acknowledged
	return d.Notice.Letter == nil && d.Notice.Bundle == nil && isMessage(d) && !quiet
}

// free reports whether nothing holds a delivery back at a moment.
func (p *Pipeline) free(d keepwatch.Delivery, now time.Time) (Facts, bool) {
	if !stormable(d) {
		return Facts{}, false
	}
	setup := p.setup.Load()
	if _, known := setup.sender(d.Receiver); !known {
		return Facts{}, false
	}
	f := FactsOf(d.Notice.Incident, setup.Directory, setup.BaseURL)
	_, held := hold(setup.Routes.target(f, d.Receiver, d.Notice.At), p.mutes(), f, now)
	return f, !held
}

func gatheringOf(d keepwatch.Delivery, f Facts, into keepwatch.Bundle, due time.Time) keepwatch.Gathering {
	d.Rank = rank(f)
	return keepwatch.Gathering{Delivery: d, Into: into, Due: due, Rouse: into.Kind == keepwatch.BundleStorm}
}

// together is the bundle that a message which is due belongs to, nil when it is told by
// itself: a storm that began meanwhile, the bundle that has told of its incident, or the
// group that it could not join while somebody wanted quiet.
func (l *lane) together(ctx context.Context, d keepwatch.Delivery, siblings []keepwatch.Delivery, f Facts, t Target) (*keepwatch.Bundle, error) {
	alone := false
	for _, s := range siblings {
		switch {
		case s.Bundle == "" && s.Status == keepwatch.DeliverySent && isMessage(s):
			alone = true
		case s.Bundle != "" && s.Notice.Seq < d.Notice.Seq:
			b, err := l.p.opts.Outbox.Bundle(ctx, s.Bundle)
			if err != nil {
				return nil, err
			}
			if b.ClosedAt.IsZero() {
				return &b.Bundle, nil
			}
		}
	}
	if d.Attempts == 0 && stormable(d) {
		raging, err := l.p.raging(ctx, l.receiver)
		if err != nil || raging {
			b := stormOf(l.receiver)
			return &b, err
		}
	}
	if t.bundled() && !alone && d.Attempts == 0 {
		b, _ := t.bundle(l.p.setup.Load().Routes.rule(t.Route), f, d.Notice.At)
		return &b, nil
	}
	return nil, nil //nolint:nilnil // told by itself
}

// gather hands a message that is due over to a bundle.
func (l *lane) gather(ctx context.Context, d keepwatch.Delivery, f Facts, v verdict, now time.Time) {
	due := now
	if v.into.Kind == keepwatch.BundleDigest {
		if t := l.p.setup.Load().Routes.target(f, l.receiver, d.Notice.At); t.Digest != nil {
			due = t.Digest.Next(now)
		}
	}
	g := gatheringOf(d, f, v.into, due)
	g.Rouse = g.Rouse && d.Notice.Kind == keepwatch.Opened
	if err := l.p.opts.Outbox.Gather(context.WithoutCancel(ctx), []keepwatch.Gathering{g}, now); err != nil {
		l.p.log.Error("cannot tell a message together with others", "delivery", d.ID, "error", err)
		l.postpone(d, now.Add(backoffBase))
		return
	}
	l.p.opts.Observe(l.receiver, ResultGathered)
	l.p.nudge(due)
}
