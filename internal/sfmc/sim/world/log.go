package world

import (
	"cmp"
	"slices"
	"time"
)

// lot is so many contacts on their way, that arrived in the same minute.
type lot struct {
	arrived, due minute
	queued       minute // in the queue of a definition
	n            int32
	why          uint16 // what held it up first; 0: nothing did
}

// entry is a lot whose fate is known.
type entry struct {
	arrived, due, done minute
	n                  int32
	why                uint16
	fate               Fate
}

// ledger is what happened to the contacts of one subject.
type ledger struct{ entries []entry }

// slack is how much later than due is still on time, when nothing held it up: a
// queue takes its minutes.
const slack = 10

func (g *ledger) done(l lot, at minute) {
	fate := OnTime
	if l.why != 0 || at-l.due > slack {
		fate = Late
	}
	g.add(entry{l.arrived, l.due, at, l.n, l.why, fate})
}

func (g *ledger) lost(l lot, why uint16) { g.add(entry{l.arrived, l.due, 0, l.n, why, Lost}) }

func (g *ledger) rejected(l lot, n int, why uint16) {
	if n > 0 {
		g.add(entry{l.arrived, l.due, 0, int32(n), why, Rejected})
	}
}

// add joins an entry with the newest where nothing tells them apart.
func (g *ledger) add(e entry) {
	if n := len(g.entries); n > 0 {
		last := &g.entries[n-1]
		if same := (entry{e.arrived, e.due, e.done, last.n, e.why, e.fate}); *last == same {
			last.n += e.n
			return
		}
	}
	g.entries = append(g.entries, e)
}

// trim forgets what arrived before an instant; ledgers are nearly in order.
func (g *ledger) trim(before minute) {
	if len(g.entries) > 0 && g.entries[0].arrived < before {
		g.entries = slices.DeleteFunc(g.entries, func(e entry) bool { return e.arrived < before })
	}
}

func (g *ledger) lots(w *World, waiting []lot) []Lot {
	out := make([]Lot, 0, len(g.entries)+len(waiting))
	for _, e := range g.entries {
		l := Lot{Arrived: e.arrived.time(), Due: e.due.time(), Count: int(e.n), Fate: e.fate, Why: w.reasons[e.why]}
		if e.done != 0 {
			l.Done = e.done.time()
		}
		out = append(out, l)
	}
	for _, l := range waiting {
		fate := Waiting
		if l.why == 0 && l.due+slack >= w.next {
			fate = Pending
		}
		out = append(out, Lot{Arrived: l.arrived.time(), Due: l.due.time(), Count: int(l.n), Fate: fate, Why: w.reasons[l.why]})
	}
	slices.SortStableFunc(out, func(a, b Lot) int { return cmp.Compare(a.Arrived.UnixNano(), b.Arrived.UnixNano()) })
	return out
}

// take cuts up to n contacts off the front of a queue.
func take(queue []lot, n int) (front, rest []lot) {
	for i := range queue {
		l := &queue[i]
		if int(l.n) > n {
			if n > 0 {
				part := *l
				part.n = int32(n)
				l.n -= part.n
				front = append(front, part)
			}
			return front, queue[i:]
		}
		n -= int(l.n)
		front = append(front, *l)
	}
	return front, nil
}

func total(lots []lot) int {
	n := 0
	for _, l := range lots {
		n += int(l.n)
	}
	return n
}

// hold writes the reason on lots that are due by an instant and have none.
func hold(lots []lot, due minute, why uint16) {
	for i := range lots {
		if lots[i].why == 0 && lots[i].due <= due {
			lots[i].why = why
		}
	}
}

func timeOf(m minute) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return m.time()
}
