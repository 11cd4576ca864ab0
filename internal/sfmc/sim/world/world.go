package world

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

// World is a living estate. It is not safe for concurrent use: its owner locks.
type World struct {
	// Refresh is how many minutes the counters of journeys lag: they are renewed
	// once in so long. 0 shows every minute.
	Refresh int

	ask     Judge
	seed    uint64
	unit    keepwatch.MID
	zone    *time.Location
	started minute
	next    minute // the first minute that has not been lived

	callers map[string]*caller
	ordered []*caller

	journeys    map[string]*journey
	extensions  map[string]*extension
	automations map[string]*automation
	sends       map[string]*send
	order       struct {
		journeys    []*journey
		extensions  []*extension
		automations []*automation
		sends       []*send
	}

	reasons   []Reason
	reasonIDs map[Reason]uint16
	notices   []Notice
	nextTask  int
	nextEvent int64
}

// Notice is an event that the Event Notification Service may push.
type Notice struct {
	At   time.Time
	Kind string // Started, Completed, Errored, Skipped, Stopped of an automation; Sent, NotSent of a definition
	Unit keepwatch.MID

	Automation, Name, Run string
	Triggered             bool
	Planned               time.Time

	Send    string
	Channel keepwatch.SubjectKind
	Code    int
	Count   int
}

// maxNotices bounds what nobody fetches.
const maxNotices = 20_000

// New returns a world that begins at now, or earlier when the spec says so.
func New(spec Spec, now time.Time, ask Judge) (*World, error) {
	w := &World{
		ask: ask, reasons: []Reason{{}}, reasonIDs: map[Reason]uint16{{}: 0}, nextTask: 100_001, nextEvent: 1,
		callers: map[string]*caller{}, journeys: map[string]*journey{}, extensions: map[string]*extension{},
		automations: map[string]*automation{}, sends: map[string]*send{},
	}
	w.next = minuteOf(now)
	if !spec.Since.IsZero() && spec.Since.Before(now) {
		if now.Sub(spec.Since) > 400*24*time.Hour {
			return nil, invalid("since %s is more than 400 days ago", spec.Since.Format(time.DateOnly))
		}
		w.next = minuteOf(spec.Since)
	}
	w.started, w.seed, w.unit = w.next, spec.Seed, spec.Unit
	zone, err := location(spec.Zone, time.UTC)
	if err != nil {
		return nil, err
	}
	w.zone = zone
	if err := w.Add(spec); err != nil {
		return nil, err
	}
	return w, nil
}

// Advance lives every whole minute that is over.
func (w *World) Advance(now time.Time) {
	until := minuteOf(now)
	for w.next < until {
		m := w.next
		for _, a := range w.order.automations {
			a.step(w, m)
		}
		for _, e := range w.order.extensions {
			if e.source != nil {
				e.source.step(w, m)
			}
		}
		for _, j := range w.order.journeys {
			j.step(w, m)
		}
		for _, d := range w.order.sends {
			d.step(w, m)
		}
		if m%day == 0 {
			w.nightly(m)
		}
		w.next++
	}
}

// remembered is how long ledgers go back.
const remembered = 200 * day

// nightly deletes rows past their retention, and forgets what is old.
func (w *World) nightly(m minute) {
	for _, e := range w.order.extensions {
		e.retain(m)
		e.ledger.trim(m - remembered)
		e.syncs = newer(e.syncs, func(s syncEntry) bool { return s.at < m-remembered })
	}
	for _, j := range w.order.journeys {
		j.trim(m)
		j.ledger.trim(m - remembered)
	}
	for _, d := range w.order.sends {
		d.ledger.trim(m - remembered)
		d.depths = newer(d.depths, func(q depth) bool { return q.at < m-remembered })
	}
	for _, a := range w.order.automations {
		for _, in := range a.intakes {
			if in != nil {
				in.results = newer(in.results, func(i Import) bool { return minuteOf(i.Ended) < m-remembered })
			}
		}
	}
}

// newer cuts the old ones off the front of what is in order.
func newer[T any](list []T, old func(T) bool) []T {
	n := 0
	for n < len(list) && old(list[n]) {
		n++
	}
	return list[n:]
}

// now is the minute that is being lived: what deeds are stamped with.
func (w *World) now() minute { return w.next }

// reason gives a reason its number. Beyond 65,535 different ones all are the last.
func (w *World) reason(r Reason) uint16 {
	if id, ok := w.reasonIDs[r]; ok {
		return id
	}
	if len(w.reasons) == 1<<16 {
		return 1<<16 - 1
	}
	id := uint16(len(w.reasons))
	w.reasons, w.reasonIDs[r] = append(w.reasons, r), id
	return id
}

func (w *World) notify(n Notice) {
	if w.notices = append(w.notices, n); len(w.notices) > maxNotices {
		w.notices = w.notices[len(w.notices)-maxNotices/2:]
	}
}

// Notices hands over what happened since they were last asked for.
func (w *World) Notices() []Notice {
	n := w.notices
	w.notices = nil
	return n
}

// GUID is a stable GUID for a thing that has none of its own.
func GUID(kind, id string) string {
	b := sha256.Sum256([]byte(kind + "\x00" + id))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Truth copies what really happened up to now.
func (w *World) Truth() Truth {
	t := Truth{At: w.next.time(), subjects: map[string]*Record{}}
	for _, c := range w.ordered {
		t.subjects[c.id] = &Record{Deeds: c.record.copy()}
	}
	for _, j := range w.order.journeys {
		t.subjects[j.id] = &Record{Lots: j.ledger.lots(w, j.waiting()), Steps: j.work(), Deeds: j.record.copy()}
	}
	for _, e := range w.order.extensions {
		r := &Record{Lots: e.ledger.lots(w, e.waiting()), Deeds: e.record.copy()}
		for _, s := range e.syncs {
			r.Syncs = append(r.Syncs, Sync{s.at.time(), int(s.rows), s.total})
		}
		t.subjects[e.id] = r
	}
	for _, a := range w.order.automations {
		t.subjects[a.id] = &Record{Runs: a.runList(), Deeds: a.record.copy()}
	}
	for _, d := range w.order.sends {
		r := &Record{Lots: d.ledger.lots(w, d.waiting()), Deeds: d.record.copy()}
		for _, q := range d.depths {
			r.Queue = append(r.Queue, Depth{q.at.time(), int(q.n), time.Duration(q.oldest) * time.Minute})
		}
		t.subjects[d.id] = r
	}
	return t
}

func (j *journey) work() []Work {
	var out []Work
	at := map[[2]int]int{}
	for _, t := range j.history {
		if t.activity == 0 {
			continue
		}
		key := [2]int{int(t.from), int(t.activity)}
		i, ok := at[key]
		if !ok {
			i, at[key] = len(out), len(out)
			out = append(out, Work{At: t.from.time(), Step: int(t.activity)})
		}
		switch t.result {
		case Hollow:
			out[i].Hollow += int(t.n)
		case Failed:
			out[i].Failed += int(t.n)
		default:
			out[i].Done += int(t.n)
		}
	}
	return out
}

func subjectID(kind keepwatch.SubjectKind, key string) string {
	return keepwatch.Subject{Kind: kind, Key: key}.ID()
}

// sameKey: paths reach the simulator in lower case.
func sameKey(a, b string) bool { return strings.EqualFold(a, b) }
