package world

import (
	"math/rand/v2"
	"time"

	"keepwatch"
)

// Statuses of a definition, in SFMC's words.
const (
	Active   = "Active"
	Inactive = "Inactive"
	Deleted  = "Deleted"
)

// Codes with which a message is not sent.
const (
	codeBadAddress = 5
	codeExpired    = 43
	codeVolume     = 126
	codeTimedOut   = 138
)

// queueLife is how old a queued request may get and still be sent.
const queueLife = 72 * hour

type send struct {
	spec   Send
	id     string
	random *rand.Rand
	source *stream
	ledger ledger
	record deeds

	status             string
	created, modified  minute
	queue              []lot
	credit             float64
	today              minute
	sentToday          int
	sent               int64
	badAddress, failed int64
	depths             []depth
	unsent             []unsent
}

type depth struct {
	at, oldest minute
	n          int32
}

// unsent are messages that were not sent, with the ids of their events.
type unsent struct {
	at    minute
	n     int32
	code  int16
	first int64
}

// offer accepts a request whatever the status, unless the definition is gone: an
// inactive one queues.
func (d *send) offer(w *World, l lot, m minute) (uint16, bool) {
	if d.status == Deleted {
		return w.reason(Reason{Kind: keepwatch.CauseInactive, By: d.id, Detail: "the definition is deleted"}), false
	}
	l.queued = m
	if d.status == Inactive && l.why == 0 {
		l.why = w.reason(d.inactive())
	}
	d.queue = append(d.queue, l)
	return 0, true
}

func (d *send) lose(_ *World, l lot, why uint16) { d.ledger.lost(l, why) }

func (d *send) inactive() Reason {
	r := Reason{Kind: keepwatch.CauseInactive, By: d.id, Detail: "inactive: it queues"}
	if n := len(d.record.list); n > 0 && d.record.list[n-1].By != "" {
		r.Detail += ", switched off by " + d.record.list[n-1].By
	}
	return r
}

func (d *send) step(w *World, m minute) {
	if d.source != nil {
		d.source.step(w, m)
	}
	if len(d.queue) > 0 && d.status == Active {
		d.drain(w, m)
	}
	d.measure(m)
}

// drain sends what waits, at the definition's pace and up to its volume limit.
func (d *send) drain(w *World, m minute) {
	budget := total(d.queue)
	if d.spec.PerMinute > 0 {
		d.credit = min(d.credit+d.spec.PerMinute, d.spec.PerMinute+float64(budget))
		budget = min(budget, int(d.credit))
		d.credit -= float64(budget)
	}
	if today := m - m%day; today != d.today {
		d.today, d.sentToday = today, 0
	}
	front, rest := take(d.queue, budget)
	for _, l := range front {
		d.dispatch(w, l, m)
	}
	if d.queue = append(d.queue[:0], rest...); len(d.queue) == 0 {
		d.credit = 0
	}
}

func (d *send) dispatch(w *World, l lot, m minute) {
	if m-l.queued > queueLife {
		d.fail(w, l, codeExpired, l.why, m)
		return
	}
	if over := d.sentToday + int(l.n) - d.spec.CapPerDay; d.spec.CapPerDay > 0 && over > 0 {
		part := l
		part.n = int32(min(over, int(l.n)))
		d.fail(w, part, codeVolume, w.reason(Reason{Kind: keepwatch.CausePlatform, By: d.id, Detail: "volume limit"}), m)
		l.n -= part.n
	}
	if bad := share(d.random, int(l.n), d.spec.BadContacts); bad > 0 {
		d.ledger.rejected(l, bad, w.reason(Reason{By: d.id, Detail: "bad address"}))
		d.notSent(w, bad, codeBadAddress, m)
		d.badAddress += int64(bad)
		l.n -= int32(bad)
	}
	if l.n > 0 {
		d.sent += int64(l.n)
		d.sentToday += int(l.n)
		d.ledger.done(l, m)
		w.notify(Notice{At: m.time(), Kind: "Sent", Send: d.spec.Key, Channel: d.spec.Kind, Unit: d.spec.Unit, Count: int(l.n)})
	}
}

func (d *send) fail(w *World, l lot, code int, why uint16, m minute) {
	if l.n <= 0 {
		return
	}
	d.ledger.lost(l, why)
	d.failed += int64(l.n)
	d.notSent(w, int(l.n), code, m)
}

func (d *send) notSent(w *World, n, code int, m minute) {
	d.unsent = append(d.unsent, unsent{m, int32(n), int16(code), w.nextEvent})
	w.nextEvent += int64(n)
	if len(d.unsent) > 100_000 {
		d.unsent = d.unsent[1:]
	}
	w.notify(Notice{At: m.time(), Kind: "NotSent", Send: d.spec.Key, Channel: d.spec.Kind, Unit: d.spec.Unit, Code: code, Count: n})
}

// measure notes the queue where it changed.
func (d *send) measure(m minute) {
	now := depth{at: m, n: int32(total(d.queue))}
	if len(d.queue) > 0 {
		now.oldest = m - d.queue[0].queued
	}
	if k := len(d.depths); k == 0 && now.n == 0 || k > 0 && d.depths[k-1].n == 0 && now.n == 0 {
		return
	}
	d.depths = append(d.depths, now)
}

func (d *send) waiting() []lot {
	out := append([]lot(nil), d.queue...)
	if d.source != nil {
		out = append(out, d.source.waiting()...)
	}
	return out
}

func (d *send) oldest(m minute) time.Duration {
	if len(d.queue) == 0 {
		return 0
	}
	return time.Duration(m-d.queue[0].queued) * time.Minute
}
