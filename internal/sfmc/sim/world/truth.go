package world

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"keepwatch"
)

// Truth is what really happened, up to an instant. It is a copy: the world goes on.
type Truth struct {
	At       time.Time
	subjects map[string]*Record
}

// Record is what happened to one subject.
type Record struct {
	// Lots are contacts (of an extension: rows; of a definition: messages) in the
	// order in which they arrived in the outside world.
	Lots  []Lot
	Runs  []Run   // of an automation
	Syncs []Sync  // of an extension: each time something was written
	Queue []Depth // of a definition: each change of what waits
	Steps []Work  // of a journey: what its activities did
	Deeds []Done  // what people did to it
}

// Lot is so many contacts that share one fate.
type Lot struct {
	Arrived time.Time // in the source
	Due     time.Time // when it would have been taken in on a good day
	Done    time.Time // when it was; zero: not, or not yet
	Count   int
	Fate    Fate
	Why     Reason // of what was held up, lost or rejected
}

// Fate is what became of a contact.
type Fate uint8

// The fates.
const (
	OnTime   Fate = iota
	Pending       // not due yet
	Late          // taken in, after it was due
	Waiting       // due and not yet taken in
	Lost          // will never be taken in
	Rejected      // turned away by design: criteria, entry mode, a bad address
)

func (f Fate) String() string {
	return [...]string{"on time", "pending", "late", "waiting", "lost", "rejected"}[f]
}

// Reason is why: the kind of cause, and who or what it was.
type Reason struct {
	Kind   keepwatch.CauseKind
	By     string // a caller, a subject's ID, or a person
	Detail string
}

// Run is one planned run of an automation, whether it took place or not.
type Run struct {
	ID       string
	Planned  time.Time
	Started  time.Time // zero: skipped
	Ended    time.Time // zero: still running
	Status   string    // Running, Complete, Error, Skipped, Missed
	Failed   int       // the step that failed, from 1
	Why      Reason
	Imported int64
}

// Sync is one write to an extension.
type Sync struct {
	At    time.Time
	Rows  int   // written
	Total int64 // in the extension afterwards
}

// Depth is how much waits in a definition's queue.
type Depth struct {
	At     time.Time
	Count  int
	Oldest time.Duration
}

// Work is what one activity of a journey did in a few minutes.
type Work struct {
	At     time.Time
	Step   int // from 1
	Done   int
	Failed int
	// Hollow is how often what it calls refused, and SFMC counted it as done.
	Hollow int
}

// Done is a deed that was done.
type Done struct {
	Deed
	At time.Time
}

// Of returns what happened to a subject, by its ID ("journey/welcome"), or nil.
func (t Truth) Of(subject string) *Record { return t.subjects[subject] }

// Subjects returns the IDs of all subjects.
func (t Truth) Subjects() []string {
	var ids []string
	for id := range t.subjects {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Contact is one contact of a Lot.
type Contact struct {
	Lot
	Number int // of the contact, by arrival, from 1
}

// Contacts yields a subject's contacts one by one.
func (t Truth) Contacts(subject string) iter.Seq[Contact] {
	return func(yield func(Contact) bool) {
		number := 0
		for _, l := range t.lots(subject) {
			for range l.Count {
				number++
				one := l
				one.Count = 1
				if !yield(Contact{one, number}) {
					return
				}
			}
		}
	}
}

func (t Truth) lots(subject string) []Lot {
	if r := t.subjects[subject]; r != nil {
		return r.Lots
	}
	return nil
}

// Count adds up the contacts that were due in a span and have one of the fates;
// no fate means all of them.
func (t Truth) Count(subject string, from, to time.Time, fates ...Fate) int {
	n := 0
	for _, l := range t.lots(subject) {
		if !l.Due.Before(from) && l.Due.Before(to) && (len(fates) == 0 || slices.Contains(fates, l.Fate)) {
			n += l.Count
		}
	}
	return n
}

// Delayed is how many of those due in a span came late or still wait.
func (t Truth) Delayed(subject string, from, to time.Time) int {
	return t.Count(subject, from, to, Late, Waiting)
}

// LostIn is how many of those due in a span are lost.
func (t Truth) LostIn(subject string, from, to time.Time) int {
	return t.Count(subject, from, to, Lost)
}

// ByCause adds up what was delayed or lost in a span, by kind of cause.
func (t Truth) ByCause(subject string, from, to time.Time) map[keepwatch.CauseKind]int {
	sum := map[keepwatch.CauseKind]int{}
	for _, l := range t.lots(subject) {
		if !l.Due.Before(from) && l.Due.Before(to) && (l.Fate == Late || l.Fate == Waiting || l.Fate == Lost) {
			sum[l.Why.Kind] += l.Count
		}
	}
	return sum
}

// DelayHours adds up how long the contacts of a span waited, in contact-hours.
func (t Truth) DelayHours(subject string, from, to time.Time) float64 {
	var sum float64
	for _, l := range t.lots(subject) {
		if l.Due.Before(from) || !l.Due.Before(to) {
			continue
		}
		switch l.Fate {
		case Late:
			sum += float64(l.Count) * l.Done.Sub(l.Due).Hours()
		case Waiting:
			sum += float64(l.Count) * t.At.Sub(l.Due).Hours()
		}
	}
	return sum
}

// Span is a piece of time.
type Span struct{ From, To time.Time }

// Stale are the spans in which something was due in a subject and not there: from
// when it was due until it came, or, where it never came, until anything else did.
func (t Truth) Stale(subject string) []Span {
	r := t.subjects[subject]
	if r == nil {
		return nil
	}
	var spans []Span
	for _, l := range r.Lots {
		switch l.Fate {
		case Late:
			spans = append(spans, Span{l.Due, l.Done})
		case Waiting:
			spans = append(spans, Span{l.Due, t.At})
		case Lost:
			spans = append(spans, Span{l.Due, r.nextSign(l.Due, t.At)})
		}
	}
	return union(spans)
}

// nextSign is when something was taken in after an instant.
func (r *Record) nextSign(after, otherwise time.Time) time.Time {
	next := otherwise
	for _, l := range r.Lots {
		if !l.Done.IsZero() && l.Done.After(after) && l.Done.Before(next) {
			next = l.Done
		}
		if l.Arrived.After(next) {
			break
		}
	}
	return next
}

func union(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	var out []Span
	for _, s := range spans {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			if s.To.After(out[n-1].To) {
				out[n-1].To = s.To
			}
			continue
		}
		if s.To.After(s.From) {
			out = append(out, s)
		}
	}
	return out
}

// HoursStale is how much of a span a subject was stale.
func (t Truth) HoursStale(subject string, from, to time.Time) float64 {
	var sum time.Duration
	for _, s := range t.Stale(subject) {
		begin, end := s.From, s.To
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(0, end.Sub(begin))
	}
	return sum.Hours()
}

// Unwritten are the spans between two writes of rows into a data extension that lie
// further apart than usual, as far as they end behind an instant or have not ended. One
// that updates the rows of an empty extension writes none.
func (t Truth) Unwritten(subject string, from time.Time, usual time.Duration) []Span {
	r := t.subjects[subject]
	if r == nil {
		return nil
	}
	var writes []time.Time
	for _, s := range r.Syncs {
		if s.Rows > 0 && s.Total > 0 {
			writes = append(writes, s.At)
		}
	}
	return t.apart(writes, from, usual)
}

// Still are the spans between two runs of an automation that completed, in the same way.
func (t Truth) Still(subject string, from time.Time, usual time.Duration) []Span {
	r := t.subjects[subject]
	if r == nil {
		return nil
	}
	var good []time.Time
	for _, run := range r.Runs {
		if run.Status == RunComplete {
			good = append(good, run.Ended)
		}
	}
	return t.apart(good, from, usual)
}

func (t Truth) apart(signs []time.Time, from time.Time, usual time.Duration) []Span {
	var spans []Span
	for i, at := range signs {
		next := t.At
		if i+1 < len(signs) {
			next = signs[i+1]
		}
		if next.After(from) && next.Sub(at) > usual {
			spans = append(spans, Span{at, next})
		}
	}
	return spans
}

// TakenIn is how many contacts were taken in within some spans.
func (t Truth) TakenIn(subject string, spans []Span) int {
	n := 0
	for _, l := range t.lots(subject) {
		if !l.Done.IsZero() && slices.ContainsFunc(spans, func(s Span) bool { return !l.Done.Before(s.From) && l.Done.Before(s.To) }) {
			n += l.Count
		}
	}
	return n
}

// Hours adds up the hours of spans.
func Hours(spans []Span) float64 {
	var sum time.Duration
	for _, s := range spans {
		sum += s.To.Sub(s.From)
	}
	return sum.Hours()
}

// MaxQueue is the deepest queue of a definition in a span, and its greatest age.
func (t Truth) MaxQueue(subject string, from, to time.Time) (count int, oldest time.Duration) {
	if r := t.subjects[subject]; r != nil {
		for _, d := range r.Queue {
			if !d.At.Before(from) && d.At.Before(to) {
				count, oldest = max(count, d.Count), max(oldest, d.Oldest)
			}
		}
	}
	return count, oldest
}
