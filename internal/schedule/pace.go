package schedule

import "time"

const (
	// catchUpAfter is how late the oldest slot must be to speak of a standstill:
	// a suspended machine, a stopped process, a database that was away.
	catchUpAfter = time.Minute
	caughtUp     = 2 * time.Second
	// catchUpSpread is the time over which the checks that became due meanwhile
	// are spread. They are claimed once each, however many slots were missed, but
	// all at the same moment would be a burst that SFMC answers with a throttle.
	catchUpSpread = time.Minute
)

// pace measures the claims of a catch-up.
type pace struct {
	on     bool
	since  time.Time
	credit float64
}

// allow says how many slots may be claimed now, and how long to wait afterwards.
func (p *pace) allow(now, oldest time.Time, fleet func() (int, time.Duration), most int) (limit int, pause time.Duration) {
	checks, shortest := 0, time.Duration(0)
	if fleet != nil {
		checks, shortest = fleet()
	}
	late := catchUpAfter
	if p.on {
		// Held on to until the backlog is gone: what came due meanwhile would be
		// a burst as well.
		late = caughtUp
	}
	if checks == 0 || now.Sub(oldest) < late {
		p.on = false
		return most, 0
	}
	// Twice as fast as the fastest check comes due again, or it would never end.
	spread := max(time.Second, min(catchUpSpread, shortest/2))
	rate := float64(checks) / spread.Seconds()
	if !p.on {
		p.on, p.since, p.credit = true, now, max(1, rate) // the first goes at once
	}
	p.credit = min(p.credit+rate*now.Sub(p.since).Seconds(), max(1, 2*rate))
	p.since = now
	limit = min(int(p.credit), most)
	p.credit -= float64(limit)
	if p.credit >= 1 {
		return limit, 0 // only the size of one claim held it back
	}
	// One claim a second, or a whole slot's time where slots are rarer. Never no
	// time at all: a rounded-off share of a slot must not become a busy loop.
	pause = time.Second
	if rate < 1 {
		pause = max(contended, time.Duration((1-p.credit)/rate*float64(time.Second)))
	}
	return limit, pause
}
