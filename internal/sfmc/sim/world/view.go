package world

import (
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// The views are what SFMC shows of the world; the simulator puts them into words.

// in reports whether a subject shows in a business unit.
func in(own, unit keepwatch.MID) bool { return own == 0 || unit == 0 || own == unit }

// JourneyView is one journey with all its versions.
type JourneyView struct {
	Journey
	ID       string
	Versions []VersionView // oldest first
	Audit    []Audit       // oldest first
	Injected time.Time     // newest planned batch
	Feeder   *ExtensionView

	Attempted, Met, Failed, Waiting int64 // of thirty days, as a whole number of days
}

// VersionView is one version.
type VersionView struct {
	Number                       int
	DefinitionID                 string
	Status                       string
	Created, Modified, Published time.Time // Published is zero when it never was
	Entered, Current             int64
}

// Newest is the version that was made last.
func (j JourneyView) Newest() VersionView { return j.Versions[len(j.Versions)-1] }

// Journeys are those of a business unit, in the order in which they were added.
func (w *World) Journeys(unit keepwatch.MID) []JourneyView {
	var out []JourneyView
	for _, j := range w.order.journeys {
		if in(j.spec.Unit, unit) {
			out = append(out, j.view())
		}
	}
	return out
}

func (j *journey) view() JourneyView {
	v := JourneyView{Journey: j.spec, ID: GUID("journey", j.spec.Key), Audit: j.audit, Injected: timeOf(j.injected)}
	for _, x := range j.versions {
		v.Versions = append(v.Versions, VersionView{
			Number: x.number, DefinitionID: j.definition(x.number), Status: x.status,
			Created: x.created.time(), Modified: x.modified.time(), Published: timeOf(x.published), Entered: x.shownEntered, Current: x.shownCurrent,
		})
	}
	if j.feeder != nil {
		e := j.feeder.view()
		v.Feeder = &e
	}
	for _, d := range j.entries.days {
		v.Attempted, v.Met, v.Failed, v.Waiting = v.Attempted+d.attempted, v.Met+d.met, v.Failed+d.failed, v.Waiting+d.waiting
	}
	return v
}

// definition is the id of a version; the first has the journey's own.
func (j *journey) definition(number int) string {
	if number == 1 {
		return GUID("journey", j.spec.Key)
	}
	return GUID("definition", j.spec.Key+"\x00"+strconv.Itoa(number))
}

// HistoryFilter says which rows of journey history are wanted; what is empty wants all.
type HistoryFilter struct {
	Unit        keepwatch.MID
	From, To    time.Time // To is exclusive
	Definitions []string  // ids of versions or journeys
	Types       []string  // activity types; "trigger" is the entry
	Statuses    []string
	Most        int // rows of one journey; 0: all
}

// HistoryRow is what one activity did for one contact.
type HistoryRow struct {
	Journey, Name, DefinitionID string
	ContactKey                  string
	At                          time.Time
	Activity                    string // id
	ActivityName, ActivityType  string
	Status, Message             string
}

// History yields rows by journey, in each the newest first.
func (w *World) History(f HistoryFilter) iter.Seq[HistoryRow] {
	return func(yield func(HistoryRow) bool) {
		for _, j := range w.order.journeys {
			if in(j.spec.Unit, f.Unit) && !j.rows(f, yield) {
				return
			}
		}
	}
}

// CountHistory is how many rows there are, without making them.
func (w *World) CountHistory(f HistoryFilter) int {
	n := 0
	for _, j := range w.order.journeys {
		if !in(j.spec.Unit, f.Unit) {
			continue
		}
		for _, t := range j.history {
			if !j.wanted(t, f) {
				continue
			}
			begin, end := t.from.time(), (t.from + tallySpan).time()
			if !begin.Before(f.From) && !end.After(f.To) {
				n += int(t.n)
				continue
			}
			for i := range t.n {
				if at := t.at(i); !at.Before(f.From) && at.Before(f.To) {
					n++
				}
			}
		}
	}
	return n
}

// at is when the ith of a tally happened.
func (t tally) at(i int32) time.Time {
	return t.from.time().Add(time.Duration(i) * tallySpan * time.Minute / time.Duration(t.n))
}

func (j *journey) wanted(t tally, f HistoryFilter) bool {
	id := j.definition(int(t.version))
	return t.from.time().Before(f.To) && (t.from + tallySpan).time().After(f.From) &&
		(len(f.Definitions) == 0 || slices.Contains(f.Definitions, id) || slices.Contains(f.Definitions, GUID("journey", j.spec.Key)) || slices.Contains(f.Definitions, j.spec.Key)) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, j.activityType(t))) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, t.result.String()))
}

func (j *journey) activityType(t tally) string {
	if t.activity == 0 {
		return "trigger"
	}
	if kind := j.spec.Steps[t.activity-1].Kind; kind != "" {
		return kind
	}
	return "waitactivity"
}

func (j *journey) rows(f HistoryFilter, yield func(HistoryRow) bool) bool {
	given := 0
	for n, t := range slices.Backward(j.history) {
		if !j.wanted(t, f) {
			continue
		}
		row := HistoryRow{
			Journey: j.spec.Key, Name: j.spec.Name, DefinitionID: j.definition(int(t.version)), ActivityType: j.activityType(t),
			ActivityName: j.spec.Entry.Event, Status: t.result.String(), Activity: GUID("activity", j.spec.Key+"\x00"+strconv.Itoa(int(t.activity))),
		}
		if t.activity > 0 {
			row.ActivityName = j.spec.Steps[t.activity-1].Name
		}
		switch t.result {
		case Hollow:
			row.Message = "The custom activity answered 400 Bad Request."
		case Failed:
			row.Message = "The activity failed: 500 Internal Server Error."
		}
		for i := t.n - 1; i >= 0; i-- {
			if row.At = t.at(i); row.At.Before(f.From) || !row.At.Before(f.To) {
				continue
			}
			if given++; f.Most > 0 && given > f.Most {
				return true
			}
			row.ContactKey = contactKey(j.spec.Key, n, int(i))
			if !yield(row) {
				return false
			}
		}
	}
	return true
}

// contactKey is a name for a contact; the same contact has another in each activity.
func contactKey(journey string, tally, n int) string {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, journey, tally, ".", n)
	return fmt.Sprintf("C-%08x", h.Sum32())
}

// Errored are batch events that failed, newest last.
type Errored struct {
	At    time.Time
	Event string
	Count int
}

// Errored lists the failed asynchronous events of thirty days.
func (w *World) Errored(unit keepwatch.MID, event string) []Errored {
	var out []Errored
	for _, j := range w.order.journeys {
		if !in(j.spec.Unit, unit) || event != "" && !sameKey(j.spec.Entry.Event, event) {
			continue
		}
		for _, e := range j.errored {
			out = append(out, Errored{e.at.time(), j.spec.Entry.Event, int(e.n)})
		}
	}
	return out
}

// ExtensionView is one data extension.
type ExtensionView struct {
	Extension
	ID      string
	Count   int64
	Newest  time.Time // when the newest row was written
	written func(int64) time.Time
}

// Written is when the nth newest row was written, from 0.
func (e ExtensionView) Written(n int64) time.Time { return e.written(n) }

// Extensions are those of a business unit.
func (w *World) Extensions(unit keepwatch.MID) []ExtensionView {
	var out []ExtensionView
	for _, e := range w.order.extensions {
		if in(e.spec.Unit, unit) {
			out = append(out, e.view())
		}
	}
	return out
}

func (e *extension) view() ExtensionView {
	return ExtensionView{Extension: e.spec, ID: GUID("de", e.spec.Key), Count: e.rows, Newest: timeOf(e.newest), written: e.written}
}

// Extension finds one by its key or ID, in any case.
func (w *World) Extension(unit keepwatch.MID, key string) (ExtensionView, bool) {
	for _, e := range w.order.extensions {
		if in(e.spec.Unit, unit) && (sameKey(e.spec.Key, key) || sameKey(GUID("de", e.spec.Key), key)) {
			return e.view(), true
		}
	}
	return ExtensionView{}, false
}

// AutomationView is one automation.
type AutomationView struct {
	Automation
	ID                string
	Status            string
	Created, Modified time.Time
	PausedBy          string
	PausedAt          time.Time
	Planned           time.Time // the next run; zero: a file triggers it
	Zone              string
	Runs              []Run // that SFMC knows of, oldest first
	Running           bool
	Targets           []*ExtensionView // by step; nil where there is none
}

// Last is the newest run, or nil.
func (a AutomationView) Last() *Run {
	if len(a.Runs) == 0 {
		return nil
	}
	return &a.Runs[len(a.Runs)-1]
}

// Automations are those of a business unit.
func (w *World) Automations(unit keepwatch.MID) []AutomationView {
	var out []AutomationView
	for _, a := range w.order.automations {
		if !in(a.spec.Unit, unit) {
			continue
		}
		v := AutomationView{
			Automation: a.spec, ID: GUID("automation", a.spec.Key), Status: a.status, Created: a.created.time(), Modified: a.modified.time(),
			PausedBy: a.pausedBy, PausedAt: timeOf(a.pausedAt), Running: a.current != nil, Zone: w.zone.String(),
		}
		if a.plan != nil {
			v.Planned, v.Zone = a.next.time(), a.plan.zone.String()
		}
		v.Runs = slices.DeleteFunc(a.runList(), func(r Run) bool { return r.Status == RunMissed })
		for _, s := range a.spec.Steps {
			var target *ExtensionView
			if e := w.extensions[s.Target]; e != nil {
				x := e.view()
				target = &x
			}
			v.Targets = append(v.Targets, target)
		}
		out = append(out, v)
	}
	return out
}

// Imports are the results of the imports of a business unit, oldest first of each.
func (w *World) Imports(unit keepwatch.MID) []Import {
	var out []Import
	for _, a := range w.order.automations {
		if !in(a.spec.Unit, unit) {
			continue
		}
		for _, i := range a.intakes {
			if i != nil {
				out = append(out, i.results...)
			}
		}
	}
	return out
}

// SendView is one definition.
type SendView struct {
	Send
	ID                string
	Status            string
	Created, Modified time.Time
	Queued            int
	Oldest            time.Duration
	Sent              int64
	BadAddress        int64 // not sent, for the contact's sake
	Failed            int64 // not sent, for other reasons
}

// Sends are the definitions of a kind in a business unit.
func (w *World) Sends(unit keepwatch.MID, kind keepwatch.SubjectKind) []SendView {
	var out []SendView
	for _, d := range w.order.sends {
		if d.spec.Kind == kind && in(d.spec.Unit, unit) {
			out = append(out, SendView{
				Send: d.spec, ID: GUID(string(kind), d.spec.Key), Status: d.status, Created: d.created.time(), Modified: d.modified.time(),
				Queued: total(d.queue), Oldest: d.oldest(w.next), Sent: d.sent, BadAddress: d.badAddress, Failed: d.failed,
			})
		}
	}
	return out
}

// Unsent is one message that was not sent.
type Unsent struct {
	ID   int64
	At   time.Time
	Send string
	Code int
}

// Unsent are the messages of a kind that were not sent, behind an event id.
func (w *World) Unsent(unit keepwatch.MID, kind keepwatch.SubjectKind, after int64, limit int) []Unsent {
	var out []Unsent
	for _, d := range w.order.sends {
		if d.spec.Kind != kind || !in(d.spec.Unit, unit) {
			continue
		}
		taken := 0
		for _, u := range d.unsent {
			for i := range int64(u.n) {
				if id := u.first + i; id > after && taken < limit {
					out = append(out, Unsent{id, u.at.time(), d.spec.Key, int(u.code)})
					taken++
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Unsent) int { return int(a.ID - b.ID) })
	return out[:min(limit, len(out))]
}

// Post takes an event that somebody posts for one contact. It goes to every
// journey that listens to the key.
func (w *World) Post(unit keepwatch.MID, event string) error {
	found, open := false, false
	for _, j := range w.order.journeys {
		if !in(j.spec.Unit, unit) || !sameKey(j.spec.Entry.Event, event) {
			continue
		}
		found = true
		if _, ok := j.offer(w, lot{arrived: w.next, due: w.next, n: 1}, w.next); ok {
			open = true
		}
	}
	switch {
	case !found:
		return invalid("the event key is not known")
	case !open:
		return conflict("the event is not active in a published journey")
	}
	return nil
}

// Write takes rows that somebody upserts.
func (w *World) Write(unit keepwatch.MID, key string, rows int) bool {
	for _, e := range w.order.extensions {
		if in(e.spec.Unit, unit) && (sameKey(e.spec.Key, key) || sameKey(GUID("de", e.spec.Key), key)) {
			e.write(w, lot{arrived: w.next, due: w.next, n: int32(rows)}, w.next)
			return true
		}
	}
	return false
}

// Request takes messages that somebody asks for.
func (w *World) Request(unit keepwatch.MID, kind keepwatch.SubjectKind, key string, n int) error {
	for _, d := range w.order.sends {
		if d.spec.Kind == kind && in(d.spec.Unit, unit) && sameKey(d.spec.Key, key) {
			if _, ok := d.offer(w, lot{arrived: w.next, due: w.next, n: int32(n)}, w.next); !ok {
				return conflict("the definition is deleted")
			}
			return nil
		}
	}
	return invalid("the definition is not known")
}

// Began is when the world began to live.
func (w *World) Began() time.Time { return w.started.time() }
