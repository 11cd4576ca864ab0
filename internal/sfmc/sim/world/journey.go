package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"keepwatch"
)

// Statuses of a journey, in SFMC's words.
const (
	Draft       = "Draft"
	Published   = "Published"
	Unpublished = "Unpublished" // finishing: nobody enters, those inside go on
	Paused      = "Paused"
	Stopped     = "Stopped"
)

type journey struct {
	spec   Journey
	id     string
	random *rand.Rand
	source *stream
	ledger ledger
	record deeds

	versions []*version
	inject   *timetable // of a batch source
	injectAt minute
	injected minute // newest planned batch
	fresh    []lot  // rows that wait for the automation or the batch
	dueAfter func(minute) minute
	feeder   *extension // whose rows enter

	retained []lot // arrived while paused
	pause    *pause
	payload  string  // what is wrong with events
	badShare float64 // of them
	broken   map[int]string

	audit   []Audit
	entries entryCounts
	history []tally
	errored []erroredEvent
}

type pause struct {
	until  minute
	resume bool
	drop   bool
	by     string
}

// version is one version with its contacts.
type version struct {
	number                       int
	status                       string
	created, modified, published minute
	entered, current             int64
	shownEntered, shownCurrent   int64 // what the counters show
	stages                       []stage
}

// stage is one activity with the contacts in it, by when they leave.
type stage struct {
	queue []lot // due is the minute in which they leave
}

// entryCounts are the trigger statistics: one sum per day.
type entryCounts struct{ days []entryDay }

type entryDay struct {
	day                             minute
	attempted, met, failed, waiting int64
}

func (c *entryCounts) at(m minute) *entryDay {
	d := m - m%day
	if n := len(c.days); n == 0 || c.days[n-1].day != d {
		c.days = append(c.days, entryDay{day: d})
		if len(c.days) > 30 {
			c.days = c.days[1:]
		}
	}
	return &c.days[len(c.days)-1]
}

// tally counts what one activity did in a few minutes; activity 0 is the entry.
type tally struct {
	from     minute
	n        int32
	version  int16
	activity int8
	result   Result
}

// tallySpan is how finely history is kept.
const tallySpan = 5

// Result is how one activity ended for one contact.
type Result uint8

// The results, in the words of journey history.
const (
	Complete       Result = iota
	Hollow                // refused by what it calls, and counted as done
	Failed                // broke
	NotMet                // DidNotMeetEntryCriteria
	AlreadyIn             // ContactPreviouslyInSameInteraction
	ContactInvalid        // ErrorValidatingContact
)

// String is the status of a history row.
func (r Result) String() string {
	return [...]string{"Complete", "Complete", "Failed", "DidNotMeetEntryCriteria", "ContactPreviouslyInSameInteraction", "ErrorValidatingContact"}[r]
}

type erroredEvent struct {
	at minute
	n  int32
}

// Audit is one entry of a journey's audit log.
type Audit struct {
	Action  string
	By      string
	At      time.Time
	Version int
	Ejected int64
}

func (j *journey) running() *version { return j.versions[len(j.versions)-1] }

func (j *journey) note(action, by string, m minute, ejected int64) {
	j.audit = append(j.audit, Audit{action, by, m.time(), j.running().number, ejected})
}

func (j *journey) count(m minute, v *version, activity int, r Result, n int) {
	if n <= 0 {
		return
	}
	from := m - m%tallySpan
	for i := len(j.history) - 1; i >= 0 && j.history[i].from == from; i-- {
		t := &j.history[i]
		if t.activity == int8(activity) && t.result == r && t.version == int16(v.number) {
			t.n += int32(n)
			return
		}
	}
	j.history = append(j.history, tally{from, int32(n), int16(v.number), int8(activity), r})
}

// offer takes events: the door is open while a version is published or paused.
// What comes of them is decided behind it.
func (j *journey) offer(w *World, l lot, m minute) (uint16, bool) {
	v := j.running()
	if !oneOf(v.status, Published, Paused) {
		return w.reason(j.closed()), false
	}
	bad := 0
	if j.payload != "" {
		bad = share(j.random, int(l.n), j.badShare)
	}
	if j.payload == "invalid" && bad > 0 {
		return w.reason(j.refuses("400: data failed validation")), bad < int(l.n) && j.split(w, v, &l, bad, m)
	}
	if j.source != nil && j.feeder != nil {
		j.feeder.write(w, l, m) // each event leaves a row, whatever becomes of it
	}
	j.arrive(w, v, l, bad, m)
	return 0, true
}

// split turns a part of an invalid lot away for good, so that the rest can go on.
func (j *journey) split(w *World, v *version, l *lot, bad int, m minute) bool {
	part := *l
	part.n = int32(bad)
	j.lose(w, part, w.reason(j.refuses("400: data failed validation")))
	l.n -= part.n
	j.arrive(w, v, *l, 0, m)
	return true
}

func (j *journey) refuses(detail string) Reason {
	return Reason{Kind: keepwatch.CauseBadEvents, By: j.id, Detail: detail}
}

// closed is why a journey takes nobody in.
func (j *journey) closed() Reason {
	r := Reason{Kind: keepwatch.CauseUnknown, By: j.id, Detail: "400: the event is not active in a published journey"}
	for _, d := range slices.Backward(j.record.list) {
		if oneOf(d.Verb, "stop", "unpublish") {
			return Reason{Kind: keepwatch.CauseStopped, By: d.By, Detail: d.Verb}
		}
	}
	return r
}

// arrive is what happens behind the door: attempted, then failed, met or not met.
func (j *journey) arrive(w *World, v *version, l lot, bad int, m minute) {
	sum := j.entries.at(m)
	sum.attempted += int64(l.n)
	if bad > 0 {
		bad = j.misfit(w, v, l, bad, m, sum)
		if l.n -= int32(bad); l.n == 0 {
			return
		}
	}
	if v.status == Paused {
		j.wait(w, l, m)
		return
	}
	if p := j.spec.Entry.Meets; p > 0 {
		out := int(l.n) - share(j.random, int(l.n), p)
		j.reject(w, v, &l, out, NotMet, "does not meet the entry criteria", m)
	}
	if oneOf(j.spec.EntryMode, "OnceAndDone", "SingleEntryAcrossAllVersions") {
		out := share(j.random, int(l.n), j.spec.Entry.Repeats)
		j.reject(w, v, &l, out, AlreadyIn, "was in the journey before", m)
	}
	if l.n > 0 {
		sum.met += int64(l.n)
		j.enter(w, v, l, m)
	}
}

// misfit takes bad events out: their contacts are lost, and nobody but SFMC knows.
func (j *journey) misfit(w *World, v *version, l lot, bad int, m minute, sum *entryDay) int {
	l.n = int32(bad)
	result, detail := ContactInvalid, "accepted, and failed inside"
	switch {
	case j.payload == "criteria":
		result, detail = NotMet, "accepted, and meets no entry criteria"
	case j.source != nil && j.source.need == NeedAsyncEvent:
		j.errored = append(j.errored, erroredEvent{m, l.n})
		sum.failed += int64(bad)
	default:
		sum.failed += int64(bad)
	}
	j.count(m, v, 0, result, bad)
	j.ledger.lost(l, w.reason(j.refuses(detail)))
	return bad
}

func (j *journey) reject(w *World, v *version, l *lot, n int, r Result, why string, m minute) {
	if n <= 0 {
		return
	}
	j.ledger.rejected(*l, n, w.reason(Reason{By: j.id, Detail: why}))
	j.count(m, v, 0, r, n)
	l.n -= int32(n)
}

// wait is an arrival in a paused journey: kept for later or dropped, as the pause says.
func (j *journey) wait(w *World, l lot, m minute) {
	why := w.reason(Reason{Kind: keepwatch.CauseStopped, By: j.pause.by, Detail: "pause"})
	if j.pause.drop {
		j.ledger.lost(l, why)
		return
	}
	j.entries.at(m).waiting += int64(l.n)
	if l.why == 0 {
		l.why = why
	}
	j.retained = append(j.retained, l)
}

func (j *journey) enter(w *World, v *version, l lot, m minute) {
	v.entered += int64(l.n)
	v.current += int64(l.n)
	j.count(m, v, 0, Complete, int(l.n))
	j.ledger.done(l, m)
	l.why = 0
	j.pass(v, 0, l, m)
}

// pass moves contacts into a stage, or out of the journey.
func (j *journey) pass(v *version, to int, l lot, m minute) {
	if to >= len(v.stages) {
		v.current -= int64(l.n)
		return
	}
	l.due = m + minutes(j.spec.Steps[to].Dwell)
	v.stages[to].queue = append(v.stages[to].queue, l)
}

// step is one minute of a journey.
func (j *journey) step(w *World, m minute) {
	if j.pause != nil && m >= j.pause.until {
		j.pauseEnds(w, m)
	}
	if j.source != nil {
		j.source.step(w, m)
	}
	if j.inject != nil && m >= j.injectAt {
		j.injected = j.injectAt
		j.takeAudience(w, m)
		j.injectAt = j.inject.after(m)
	}
	for _, v := range j.versions {
		if v.current > 0 && oneOf(v.status, Published, Unpublished) {
			j.move(w, v, m)
		}
		if w.Refresh <= 1 || int(m)%w.Refresh == 0 {
			v.shownEntered, v.shownCurrent = v.entered, v.current
		}
	}
}

// move lets contacts go through the activities; those without dwell pass several
// in one minute.
func (j *journey) move(w *World, v *version, m minute) {
	for i := range v.stages {
		queue := v.stages[i].queue
		n := 0
		for n < len(queue) && queue[n].due <= m {
			n++
		}
		if n == 0 {
			continue
		}
		moving := total(queue[:n])
		rest := queue[n:]
		if left := j.act(w, v, i, moving, m); left > 0 {
			j.pass(v, i+1, lot{arrived: m, n: int32(left)}, m)
		}
		if v.stages[i].queue = rest; len(rest) == 0 {
			v.stages[i].queue = queue[:0]
		}
	}
}

// act does one activity for so many contacts and returns how many go on. What it
// calls may refuse, and SFMC counts that as done; may break; and may be an account
// whose credential is dead.
func (j *journey) act(w *World, v *version, i, n int, m minute) int {
	s := &j.spec.Steps[i]
	mode := j.broken[i+1]
	if mode == "" && s.Caller != "" {
		if c := w.callers[s.Caller]; c != nil {
			if _, ok := w.permitted(c, NeedToken, m); !ok {
				mode = "failing"
			}
		}
	}
	switch mode {
	case "refused":
		j.count(m, v, i+1, Hollow, n)
		return n
	case "failing":
		j.count(m, v, i+1, Failed, n)
		v.current -= int64(n)
		return 0
	}
	failed := share(j.random, n, s.Fails)
	j.count(m, v, i+1, Failed, failed)
	j.count(m, v, i+1, Complete, n-failed)
	v.current -= int64(failed)
	if s.Send != "" {
		if d := w.sends[keepwatch.Subject{Kind: keepwatch.SubjectTriggeredSend, Key: s.Send}.ID()]; d != nil {
			d.offer(w, lot{arrived: m, due: m, n: int32(n - failed)}, m)
		}
	}
	return n - failed
}

func (j *journey) pauseEnds(w *World, m minute) {
	if j.pause.resume {
		j.resume(w, "system", m)
	} else {
		j.stop(w, "system", m)
	}
}

func (j *journey) resume(w *World, by string, m minute) {
	j.pause = nil
	v := j.running()
	v.status, v.modified = Published, m
	j.note("Resume", by, m, 0)
	kept := j.retained
	j.retained = nil
	for _, l := range kept {
		j.entries.at(m).met += int64(l.n)
		j.enter(w, v, l, m)
	}
}

// stop throws everybody out.
func (j *journey) stop(w *World, by string, m minute) {
	why := w.reason(Reason{Kind: keepwatch.CauseStopped, By: by, Detail: "stop"})
	for _, l := range j.retained {
		j.ledger.lost(l, why)
	}
	j.retained, j.pause = nil, nil
	ejected := int64(0)
	for _, v := range j.versions {
		ejected += v.current
		v.current = 0
		for i := range v.stages {
			v.stages[i].queue = nil
		}
		if oneOf(v.status, Published, Unpublished, Paused) {
			v.status, v.modified = Stopped, m
		}
	}
	j.note("Stop", by, m, ejected)
}

// publish makes a draft run, or a new version run in the place of the old one,
// whose contacts go on to its end.
func (j *journey) publish(by string, m minute) {
	v := j.running()
	if v.status != Draft {
		if oneOf(v.status, Published, Paused) {
			v.status, v.modified = Unpublished, m
		}
		v = j.addVersion(v.number+1, m)
		j.note("Create", by, m, 0)
	}
	v.status, v.published, v.modified = Published, m, m
	j.pause = nil
	j.note("Publish", by, m, 0)
}

func (j *journey) addVersion(number int, m minute) *version {
	v := &version{number: number, status: Draft, created: m, modified: m, stages: make([]stage, len(j.spec.Steps))}
	j.versions = append(j.versions, v)
	return v
}

// receive is a new row of the entry data extension.
func (j *journey) receive(_ *World, l lot, _ minute) {
	l.due = j.dueFor(l.due)
	j.fresh = append(j.fresh, l)
}

func (j *journey) lose(_ *World, l lot, why uint16) { j.ledger.lost(l, why) }

func (j *journey) dueFor(due minute) minute {
	if j.dueAfter == nil {
		return due
	}
	return j.dueAfter(due)
}

// takeAudience lets the rows that came since the last time enter.
func (j *journey) takeAudience(w *World, m minute) {
	v := j.running()
	if !oneOf(v.status, Published, Paused) {
		hold(j.fresh, m, w.reason(j.closed()))
		return // the rows wait for a version that takes them
	}
	kept := j.fresh
	j.fresh = nil
	for _, l := range kept {
		j.arrive(w, v, l, 0, m)
	}
}

func (j *journey) waiting() []lot {
	out := append(append([]lot(nil), j.fresh...), j.retained...)
	if j.source != nil {
		return append(out, j.source.waiting()...)
	}
	if j.feeder != nil {
		out = append(out, j.feeder.upstream(j)...)
	}
	return out
}

func (j *journey) trim(m minute) {
	if k := m - 31*day; len(j.history) > 0 && j.history[0].from < k {
		j.history = slices.DeleteFunc(j.history, func(t tally) bool { return t.from < k })
	}
	j.errored = slices.DeleteFunc(j.errored, func(e erroredEvent) bool { return e.at < m-30*day })
}
