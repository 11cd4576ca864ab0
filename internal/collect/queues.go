package collect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

const (
	// maxQueues is how many queues one look asks for.
	maxQueues = 100
	// notSentEvery is how often the feed of unsent messages is read on.
	notSentEvery = 15 * time.Minute
	// notSentPages is how many pages of it one look reads.
	notSentPages = 10
	// definitionsKept is how long a list of definitions, with their states, is current.
	definitionsKept = time.Hour
	// waitsLong is an age at which a queue is worth another look at its definition.
	waitsLong = 5 * time.Minute
)

// channel is what differs between e-mail and SMS.
type channel struct {
	name        sfmc.Channel
	kind        keepwatch.SubjectKind
	definitions string
	queue       string
	notSent     string
}

var channels = []channel{
	{sfmc.Email, keepwatch.SubjectTransactionalEmail, RouteEmailDefinitions, RouteEmailQueue, RouteNotSent},
	{sfmc.SMS, keepwatch.SubjectTransactionalSMS, RouteSMSDefinitions, RouteSMSQueue, RouteSMSNotSent},
}

// feed is where the reading of unsent messages stands.
type feed struct {
	cursor int64
	// from is the time from which events count: what was there before the first look of
	// this process is in the counts of the looks before, or of nobody.
	from   time.Time
	counts map[string]*unsent // of pages before the end was reached
}

// unsent is what one definition did not send, for reasons that are not the contact's.
type unsent struct {
	n       int64
	reasons map[string]int64
}

// queues looks at what waits in the transactional definitions.
func (l *look) queues() {
	left := maxQueues
	for _, ch := range channels {
		wanted := l.wanted(ch.kind)
		if len(wanted) == 0 && !l.job.All {
			continue
		}
		if !l.offered(ch.definitions) && len(wanted) == 0 {
			l.closed(ch.definitions)
			continue // an account without this channel
		}
		definitions, complete := l.definitions(ch, wanted)
		if l.stopped != nil {
			return
		}
		var counts map[string]*unsent
		if len(definitions) > 0 {
			counts = l.notSent(ch)
		}
		for _, d := range definitions {
			w, named := wanted[d.Key]
			if !named && !l.job.All {
				continue
			}
			if left--; left < 0 {
				l.lose(fmt.Sprintf("more than %d queues are more than one look asks for", maxQueues), "set watch: dependents")
				return
			}
			w.Subject = cmp.Or(w.Subject, keepwatch.Subject{Kind: ch.kind, Key: d.Key, Unit: l.job.Unit})
			w.Subject.Name = cmp.Or(w.Subject.Name, d.Name)
			if !l.queue(ch, w, d, counts) {
				return
			}
		}
		l.missingDefinitions(definitions, wanted, complete)
	}
}

// definitions are the definitions of a channel. The list is read once an hour; where it
// is not to be had, the wanted keys alone are asked for.
func (l *look) definitions(ch channel, wanted map[string]Wanted) (list []sfmc.Definition, complete bool) {
	if known, ok := l.unit.definitions.get(string(ch.name), l.job.At); ok {
		return known, true
	}
	ok := false
	if l.offered(ch.definitions) {
		ok = pages(l, request{route: ch.definitions}, "the definitions of "+string(ch.name), func(s *session, page int) (sfmc.Paged[sfmc.Definition], sfmc.Verdict) {
			return l.c.client.Definitions(s.ctx, l.endpoints, s.access, ch.name, page)
		}, func(d sfmc.Definition) { list = append(list, d) })
	}
	if !ok {
		for _, key := range sortedKeys(wanted) {
			list = append(list, sfmc.Definition{Key: key})
		}
		return list, false
	}
	slices.SortFunc(list, func(a, b sfmc.Definition) int { return cmp.Compare(a.Key, b.Key) })
	list = slices.CompactFunc(list, func(a, b sfmc.Definition) bool { return a.Key == b.Key })
	list = slices.DeleteFunc(list, func(d sfmc.Definition) bool { return strings.EqualFold(d.Status, "Deleted") })
	l.unit.definitions.put(string(ch.name), list, l.job.At.Add(definitionsKept-l.every/2))
	l.unit.learn(func(s *Sizes) {
		if ch.name == sfmc.Email {
			s.Definitions = len(list)
		} else {
			s.SMSDefinitions = len(list)
		}
	})
	return list, true
}

func (l *look) missingDefinitions(list []sfmc.Definition, wanted map[string]Wanted, complete bool) {
	for _, key := range sortedKeys(wanted) {
		if complete && !slices.ContainsFunc(list, func(d sfmc.Definition) bool { return d.Key == key }) {
			l.lose(fmt.Sprintf("there is no definition with the key %s", key), "compare the key with the send definition's definitionKey")
		}
	}
}

// queue reads one queue. It reports whether the next one is worth asking for.
func (l *look) queue(ch channel, w Wanted, d sfmc.Definition, counts map[string]*unsent) bool {
	var q sfmc.Queue
	v := l.ask(request{route: ch.queue, thing: d.Key}, one(func(s *session) (v sfmc.Verdict) {
		q, v = l.c.client.Queue(s.ctx, l.endpoints, s.access, ch.name, d.Key)
		return v
	}))
	if !v.OK() {
		l.failed("the queue of "+d.Key, v)
		return l.stopped == nil && v.Outcome != keepwatch.Skipped
	}
	if q.Oldest > waitsLong {
		// Whether the definition is still active matters now, not within the hour.
		l.unit.definitions.drop(string(ch.name))
	}
	r := keepwatch.SendReading{Status: d.Status, Queued: &q.Count, Oldest: &q.Oldest}
	if d.Status == "" {
		r.Status = "Unknown"
	}
	prev := l.previous(w.Subject, keepwatch.AspectQueue)
	if counts != nil {
		var before int64
		if prev != nil && prev.Reading.Send != nil && prev.Reading.Send.NotSent != nil {
			before, r.TopError = *prev.Reading.Send.NotSent, prev.Reading.Send.TopError
		}
		if u := counts[d.Key]; u != nil {
			before, r.TopError = before+u.n, u.top()
		}
		r.NotSent = &before
	} else if prev != nil && prev.Reading.Send != nil {
		// Between two reads of the feed the count stands where it stood.
		r.NotSent, r.TopError = prev.Reading.Send.NotSent, prev.Reading.Send.TopError
	}
	l.seen(w, keepwatch.AspectQueue, keepwatch.Reading{Send: &r}, l.every)
	return true
}

func (u *unsent) top() string {
	best := ""
	for _, reason := range slices.Sorted(maps.Keys(u.reasons)) {
		if best == "" || u.reasons[reason] > u.reasons[best] {
			best = reason
		}
	}
	return best
}

// notSent reads the feed of unsent messages on from where the last look left it. What
// it brought belongs to this look alone; nil: the feed was not read to its end.
func (l *look) notSent(ch channel) map[string]*unsent {
	if !l.offered(ch.notSent) || !l.oncePer("feed:"+string(ch.name), notSentEvery) {
		return nil
	}
	f, known := l.unit.channels.get(string(ch.name), l.job.At)
	if !known {
		f = feed{from: l.feedFrom(ch)}
	}
	if f.counts == nil {
		f.counts = map[string]*unsent{}
	}
	ended := false
	for page := 0; page < notSentPages && !ended; page++ {
		var events []sfmc.NotSent
		next := f.cursor
		v := l.ask(request{route: ch.notSent, thing: string(ch.name)}, one(func(s *session) (v sfmc.Verdict) {
			events, next, v = l.c.client.NotSent(s.ctx, l.endpoints, s.access, ch.name, f.cursor)
			return v
		}))
		if !v.OK() {
			return nil
		}
		for _, e := range events {
			f.count(e)
		}
		// A page that brings the cursor no further is the end.
		ended = len(events) == 0 || next <= f.cursor
		f.cursor = next
	}
	counts := f.counts
	if ended {
		f.counts = nil
	}
	l.unit.channels.put(string(ch.name), f, l.job.At.Add(7*day))
	if !ended {
		return nil
	}
	return counts
}

// feedFrom is the newest look at the channel that the store knows.
func (l *look) feedFrom(ch channel) time.Time {
	from := time.Time{}
	for _, w := range l.job.Previous {
		if w.Subject.Kind == ch.kind && w.Reading.At.After(from) {
			from = w.Reading.At
		}
	}
	if from.IsZero() {
		return l.job.At
	}
	return from
}

func (f *feed) count(e sfmc.NotSent) {
	if e.ID <= f.cursor || !e.At.After(f.from) || sfmc.FaultOf(e.Code) == sfmc.FaultContact {
		return
	}
	u := f.counts[e.Definition]
	if u == nil {
		u = &unsent{reasons: map[string]int64{}}
		f.counts[e.Definition] = u
	}
	u.n++
	if reason := cmp.Or(e.Reason, fmt.Sprintf("code %d", e.Code)); len(u.reasons) < 100 {
		u.reasons[reason]++
	}
}
