package traffic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// Start begins to hand over. It returns at once.
func (l *Ledger) Start() {
	l.life.Lock()
	defer l.life.Unlock()
	if l.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop, l.stopped = cancel, make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		l.loop(ctx)
	}(l.stopped)
}

// Stop ends the loop and hands over what is there, within the context's time. What
// the store does not take then is lost, and the error says how much that is.
func (l *Ledger) Stop(ctx context.Context) error {
	l.life.Lock()
	defer l.life.Unlock()
	if l.stop != nil {
		l.stop()
		<-l.stopped
		l.stop = nil
	}
	err := l.Flush(ctx)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%d windows of real traffic were not recorded: %w", l.Stats().Waiting, err)
}

func (l *Ledger) loop(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.wake:
			if !sleep(ctx, gather) {
				return
			}
		}
		err := l.deliver(ctx, time.Now(), false)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failed { // said once, not every second
			if failed = err != nil; failed {
				l.log.Error("real traffic is counted in memory: the store does not take it", "error", err)
			} else {
				l.log.Info("the store takes real traffic again")
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// Flush closes every window and hands it over.
func (l *Ledger) Flush(ctx context.Context) error {
	if err := l.deliver(ctx, time.Now(), false); err != nil {
		return err // what waited came first; the open windows only grow until it is taken
	}
	return l.deliver(ctx, time.Now(), true)
}

// deliver hands over what waits, then the windows that are due. A window is closed
// only when everything before it was recorded: while the store is down, the open
// ones go on adding up, so nothing piles up and nothing is counted twice.
func (l *Ledger) deliver(ctx context.Context, now time.Time, all bool) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	if len(l.unsent) == 0 {
		l.unsent = l.take(now, all)
	}
	for len(l.unsent) > 0 {
		n := min(len(l.unsent), batch)
		err := l.record(ctx, l.unsent[:n], time.Now())
		if err != nil {
			l.waiting(len(l.unsent), now)
			return err
		}
		l.unsent = l.unsent[n:]
	}
	l.unsent = nil
	l.waiting(0, time.Time{})
	return nil
}

func (l *Ledger) waiting(n int, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Waiting = n
	if n == 0 || l.stats.Since.IsZero() {
		l.stats.Since = since
	}
}

// Refuse counts observations that intake did not take and never will.
func (l *Ledger) Refuse(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Refused += int64(n)
}

// take closes the windows that are due.
func (l *Ledger) take(now time.Time, all bool) []keepwatch.Observation {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []keepwatch.Observation
	for key, ln := range l.lines {
		if ln.giveUp(now) && ln.opened.IsZero() {
			ln.opened, ln.busy = now, true
			ln.tally.From, ln.tally.To = ln.triedAt, ln.triedAt
		}
		switch {
		case ln.due(now) || all && !ln.opened.IsZero():
			out = append(out, ln.close(now, l.node))
		case ln.opened.IsZero() && now.Sub(ln.lastCall) > forget:
			delete(l.lines, key)
			if l.of[key.credential]--; l.of[key.credential] <= 0 {
				delete(l.of, key.credential)
			}
		}
	}
	slices.SortFunc(out, func(a, b keepwatch.Observation) int { return cmp.Compare(a.Series, b.Series) })
	return out
}

func (ln *line) due(now time.Time) bool {
	if ln.opened.IsZero() {
		return false
	}
	window := CalmWindow
	if ln.busy {
		window = Window
	}
	return ln.urgent || now.Sub(ln.opened) >= window
}

// close makes the window's observation and opens an empty one.
func (ln *line) close(now time.Time, node string) keepwatch.Observation {
	t := ln.tally
	series := keepwatch.TrafficSeries(ln.credential, ln.holder)
	t.Holder = ln.holder
	o := keepwatch.Observation{
		Key:    string(series) + "@" + strconv.FormatInt(now.UnixMilli(), 10) + "!" + node,
		Series: series, Credential: ln.credential, Tenant: ln.tenant, Place: keepwatch.Local,
		Source: keepwatch.SourceTraffic, Slot: now, At: now, Window: max(t.To.Sub(t.From), 0),
		Outcome: keepwatch.OK, Connectivity: keepwatch.ConnectivityProven, Scopes: t.Scopes, Traffic: &t,
	}
	if ln.failing && t.Tokens.LastWhy != "" {
		o.Outcome, o.Evidence, o.Step, o.RetryAfter = t.Tokens.LastWhy, ln.evidence, "token", ln.retryAfter
	} else if len(t.Tokens.Failed) > 0 {
		o.Evidence = ln.evidence
	}
	if o.Took = min(t.Tokens.Took, time.Hour); t.Tokens.Requests > 0 {
		o.Took /= time.Duration(t.Tokens.Requests)
	}
	ln.tally, ln.opened, ln.busy, ln.urgent = keepwatch.Tally{}, time.Time{}, false, false
	return o
}
