package world

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// Statuses of an automation, in SFMC's words: of the schedule, not of the last run.
const (
	Scheduled       = "Scheduled"
	PausedSchedule  = "PausedSchedule"
	AwaitingTrigger = "AwaitingTrigger"
	InactiveTrigger = "InactiveTrigger"
	RunError        = "Error"
	RunSkipped      = "Skipped"
	RunMissed       = "Missed"
	RunRunning      = "Running"
	RunComplete     = "Complete"
)

type automation struct {
	spec   Automation
	id     string
	random *rand.Rand
	record deeds

	status    string
	plan      *timetable // nil: triggered by a file
	next      minute
	intakes   []*intake // by step; nil where the step reads no file
	journeys  []*journey
	sources   []*extension // that queries read
	created   minute
	modified  minute
	pausedBy  string
	pausedAt  minute
	broken    int
	breaking  string
	hang      minute
	runs      []*run
	current   *run
	numbered  int
	fails     int
	failsFrom minute
}

type run struct {
	Run
	ends    []minute // of its steps
	step    int
	planned minute
	started minute
	ended   minute
}

// intake is what one step of an automation reads: files, or a data extension.
type intake struct {
	owner  *automation
	step   int
	target *extension
	source *stream    // of a file
	drops  *timetable // nil: just in time
	dropAt minute

	outside []lot // in the source, in no file yet
	inside  []lot // in the file, or read by the query and not written yet
	landed  bool  // there is a file
	rows    int   // in it
	part    bool  // it was truncated
	former  int   // in the one before
	full    int64 // rows of a whole overwrite
	spoil   string
	spoils  int // files still to spoil; -1: until mended
	keep    float64
	rejects float64
	results []Import
}

// Import is the result of one import.
type Import struct {
	TaskID     int
	Definition string
	Target     string
	Started    time.Time
	Ended      time.Time
	Status     string
	Total      int
	Successful int
	Errors     int
}

// offset is when a step ends, counted from the begin of a run.
func (a *automation) offset(step int) minute {
	sum := minute(0)
	for i := 0; i <= step; i++ {
		d := minutes(a.spec.Steps[i].Duration)
		if a.spec.Steps[i].Duration == 0 {
			d = 5
		}
		sum += max(1, d)
	}
	return sum
}

func (a *automation) length() minute { return a.offset(len(a.spec.Steps) - 1) }

// dueAfter is when the end of a step of some run falls behind an instant.
func (a *automation) dueAfter(m minute, step int) minute {
	offset := a.offset(step)
	if a.plan == nil {
		return a.fileIntake().landing(m-offset) + offset
	}
	return a.plan.after(m-offset-1) + offset
}

// fileIntake is the first step that reads a file.
func (a *automation) fileIntake() *intake {
	for _, in := range a.intakes {
		if in != nil && in.source != nil {
			return in
		}
	}
	return nil
}

// landing is when the first file lands at or behind an instant.
func (in *intake) landing(m minute) minute {
	if in.drops != nil {
		return in.drops.after(m - 1)
	}
	if in.owner.plan != nil {
		return in.owner.plan.after(m - 1)
	}
	return m
}

// due is when a row that arrives in the source would be written.
func (in *intake) due(m minute) minute {
	file := in.landing(m + 1)
	offset := in.owner.offset(in.step)
	if in.owner.plan == nil {
		return file + offset
	}
	return in.owner.plan.after(file-1) + offset
}

// The source's rows gather outside until a file takes them.
func (in *intake) offer(_ *World, l lot, m minute) (uint16, bool) {
	if l.due == m {
		l.due = in.due(m)
	}
	in.outside = append(in.outside, l)
	return 0, true
}

func (in *intake) lose(w *World, l lot, why uint16) {
	if in.target != nil {
		in.target.lose(w, l, why)
	}
}

// A query's rows are those that its source got.
func (in *intake) receive(_ *World, l lot, _ minute) {
	l.due = in.dueFor(l.due)
	in.outside = append(in.outside, l)
}

func (in *intake) dueFor(due minute) minute { return in.owner.dueAfter(due, in.step) }

func (in *intake) waiting() []lot {
	out := append(append([]lot(nil), in.inside...), in.outside...)
	if s := in.owner.activity(in.step).Source; s != "" && in.source == nil {
		if e := in.upstream(); e != nil {
			return append(out, e.upstream(in)...)
		}
	}
	return out
}

func (in *intake) upstream() *extension {
	for _, e := range in.owner.sources {
		if slices.Contains(e.sinks, sink(in)) {
			return e
		}
	}
	return nil
}

func (a *automation) activity(step int) *Activity { return &a.spec.Steps[step] }

// drop lands a file, as it is or spoilt.
func (in *intake) drop(w *World, m minute) bool {
	mode := in.spoiling()
	if c := in.fileCaller(w); c != nil && mode != "withhold" {
		if why, ok := w.permitted(c, NeedToken, m); !ok {
			hold(in.outside, m+in.owner.length(), why)
			in.discard(w, why)
			return false
		}
	}
	in.part = mode == "truncate"
	switch mode {
	case "withhold":
		why := w.reason(Reason{Kind: keepwatch.CauseHolderSilent, By: in.owner.id, Detail: "the file did not come"})
		hold(in.outside, m+in.owner.length(), why)
		in.discard(w, why)
		return false
	case "empty":
		in.hollow(w, 0, m)
	case "truncate":
		in.hollow(w, int(float64(total(in.outside))*in.keep), m)
	default:
		in.inside, in.outside = append(in.inside, in.outside...), nil
	}
	in.landed, in.rows = true, total(in.inside)
	return true
}

func (in *intake) spoiling() string {
	mode := in.spoil
	if in.spoils > 0 {
		if in.spoils--; in.spoils == 0 {
			in.spoil = ""
		}
	}
	return mode
}

func (in *intake) fileCaller(w *World) *caller {
	return w.callers[in.owner.activity(in.step).File.Caller]
}

// hollow lands so many rows; the others wait for the next file, or are lost.
func (in *intake) hollow(w *World, n int, m minute) {
	why := w.reason(Reason{Kind: keepwatch.CauseEmptyImport, By: in.owner.id, Detail: "the file held " + strconv.Itoa(n) + " of " + strconv.Itoa(total(in.outside)) + " rows"})
	front, rest := take(in.outside, n)
	in.inside = append(in.inside, front...)
	in.outside = append([]lot(nil), rest...)
	hold(in.outside, m+in.owner.length(), why)
	in.discard(w, why)
}

// discard loses what waits outside, where the source does not repeat it.
func (in *intake) discard(w *World, why uint16) {
	if !in.owner.activity(in.step).File.Lost {
		return
	}
	for _, l := range in.outside {
		in.lose(w, l, why)
	}
	in.outside = nil
}

// step is one minute: files land, the run goes on, the next begins.
func (a *automation) step(w *World, m minute) {
	for _, in := range a.intakes {
		if in == nil || in.source == nil {
			continue
		}
		if in.drops != nil && m >= in.dropAt {
			landed := in.drop(w, m)
			in.dropAt = in.drops.after(m)
			if a.plan == nil && landed {
				a.begin(w, m, m)
			}
		}
	}
	if a.current != nil {
		a.progress(w, m)
	}
	if a.plan != nil && m >= a.next {
		planned := a.next
		a.next = a.plan.after(m)
		a.begin(w, planned, m)
	}
	for _, in := range a.intakes {
		if in != nil && in.source != nil {
			in.source.step(w, m)
		}
	}
}

// begin starts a planned run, or says why there is none.
func (a *automation) begin(w *World, planned, m minute) {
	r := &run{planned: planned}
	switch {
	case !oneOf(a.status, Scheduled, AwaitingTrigger):
		r.Status, r.Why = RunMissed, a.halted()
	case a.current != nil:
		r.Status, r.ended = RunSkipped, m
		r.Why = Reason{Kind: keepwatch.CauseAutomation, By: a.id, Detail: "skipped: the run before still goes on"}
		a.announce(w, r, "Skipped", m)
	default:
		a.start(w, r, m)
	}
	if r.Status != RunRunning {
		a.held(w.reason(r.Why), planned)
	}
	a.add(r)
}

func (a *automation) add(r *run) {
	a.numbered++
	r.ID = GUID(a.id, strconv.Itoa(a.numbered))
	if a.runs = append(a.runs, r); len(a.runs) > 20_000 {
		a.runs = a.runs[1:]
	}
}

func (a *automation) start(w *World, r *run, m minute) {
	r.Status, r.started = RunRunning, m
	for i := range a.spec.Steps {
		r.ends = append(r.ends, m+a.offset(i))
	}
	if a.hang > 0 {
		for i := range r.ends {
			r.ends[i] = m + a.hang
		}
	}
	for _, in := range a.intakes {
		if in != nil && in.source != nil && in.drops == nil {
			in.drop(w, m)
		}
	}
	a.current = r
	a.announce(w, r, "Started", m)
}

// halted is why an automation that should run does not.
func (a *automation) halted() Reason {
	if a.pausedBy == "system" {
		return Reason{Kind: keepwatch.CauseDeactivated, By: a.id, Detail: "deactivated after failures"}
	}
	return Reason{Kind: keepwatch.CauseStopped, By: a.pausedBy, Detail: "pause"}
}

// held marks what a run should have brought.
func (a *automation) held(why uint16, planned minute) {
	due := planned + a.length()
	for _, in := range a.intakes {
		if in != nil {
			hold(in.inside, due, why)
			hold(in.outside, due, why)
		}
	}
	for _, j := range a.journeys {
		hold(j.fresh, due, why)
	}
}

func (a *automation) progress(w *World, m minute) {
	r := a.current
	for r.step < len(r.ends) && m >= r.ends[r.step] {
		begun := r.started
		if r.step > 0 {
			begun = r.ends[r.step-1]
		}
		if why, ok := a.perform(w, r, begun, m); !ok {
			a.failed(w, r, why, m)
			return
		}
		r.step++
	}
	if r.step < len(r.ends) {
		return
	}
	r.Status, r.ended, a.current, a.fails = RunComplete, m, nil, 0
	a.announce(w, r, "Completed", m)
	for _, j := range a.journeys {
		j.takeAudience(w, m)
	}
}

func (a *automation) failed(w *World, r *run, why Reason, m minute) {
	r.Status, r.ended, r.Failed, r.Why, a.current = RunError, m, r.step+1, why, nil
	a.announce(w, r, "Errored", m)
	a.held(w.reason(why), r.planned)
	if a.fails++; a.fails == 1 {
		a.failsFrom = m
	}
	if a.fails >= 30 && m-a.failsFrom >= 30*day {
		a.deactivate(m)
	}
}

// deactivate is what SFMC does to what has failed for a month.
func (a *automation) deactivate(m minute) {
	a.status = Stopped
	if a.plan == nil {
		a.status = InactiveTrigger
	}
	a.pausedBy, a.pausedAt, a.modified = "system", m, m
}

// perform does one step.
func (a *automation) perform(w *World, r *run, begun, m minute) (Reason, bool) {
	if a.broken == r.step+1 {
		return Reason{Kind: keepwatch.CauseAutomation, By: a.id, Detail: "step " + strconv.Itoa(a.broken) + " failed: " + a.breaking}, false
	}
	switch in := a.intakes[r.step]; {
	case in == nil:
		return Reason{}, true
	case in.source != nil:
		return in.load(w, r, begun, m)
	default:
		in.query(w, r, m)
		return Reason{}, true
	}
}

// load imports the file that is there.
func (in *intake) load(w *World, r *run, begun, m minute) (Reason, bool) {
	spec := in.owner.activity(in.step)
	result := Import{TaskID: w.nextTask, Definition: spec.Key, Target: spec.Target, Started: begun.time(), Ended: m.time(), Status: "Completed"}
	w.nextTask++
	why := Reason{Kind: keepwatch.CauseAutomation, By: in.owner.id}
	defer func() { in.results = append(in.results, result) }()
	switch {
	case !in.landed && spec.OldFiles && in.former > 0:
		result.Total, result.Successful = in.former, in.former
		in.target.synced(in.former, m)
		return why, true
	case !in.landed:
		result.Status, why.Detail = "Error", "there was no file"
		return why, false
	case in.rows == 0 && oneOf(spec.Blank, "", "fail"):
		in.landed, result.Status = false, "Error"
		why.Kind, why.Detail = keepwatch.CauseEmptyImport, "the file was empty"
		return why, false
	case in.rows == 0:
		in.landed = false
		if spec.Blank == "process" && spec.Mode == "overwrite" {
			in.target.replace(0, m)
		}
		return why, true
	}
	rejects := spec.Rejects
	if in.rejects > 0 {
		rejects = in.rejects
	}
	bad := share(in.owner.random, in.rows, rejects)
	result.Total, result.Errors, result.Successful = in.rows, bad, in.rows-bad
	if bad > 0 && !spec.AllowErrors {
		result.Status, result.Successful = "Error", 0
		why.Detail = strconv.Itoa(bad) + " rows could not be read"
		in.landed = false // the file is spent; its rows come with the next one
		in.outside, in.inside = append(in.inside, in.outside...), nil
		return why, false
	}
	in.former, in.landed = in.rows, false
	r.Imported += int64(in.rows - bad)
	in.write(w, bad, m)
	return why, true
}

// write puts what was read into the target, without the rows that were bad.
func (in *intake) write(w *World, bad int, m minute) {
	spec := in.owner.activity(in.step)
	lots := in.inside
	in.inside = nil
	if bad > 0 {
		why := w.reason(Reason{Kind: keepwatch.CauseEmptyImport, By: in.owner.id, Detail: "rows were rejected and the import allowed that"})
		var front []lot
		front, lots = take(lots, bad)
		for _, l := range front {
			in.lose(w, l, why)
		}
	}
	if in.target == nil {
		return
	}
	if spec.Mode != "overwrite" {
		in.pour(w, lots, m, spec.Mode == "update")
		return
	}
	if in.full += int64(total(lots)); spec.SameSize && in.target.rows > 0 {
		in.full = in.target.rows
	}
	rows := in.full
	if in.part { // it overwrites with what it holds
		rows = int64(float64(rows) * in.keep)
	}
	in.pour(w, lots, m, true)
	in.target.replace(rows, m)
}

func (in *intake) pour(w *World, lots []lot, m minute, sameRows bool) {
	updates := in.target.spec.Updates
	if sameRows {
		in.target.spec.Updates = 1
	}
	for _, l := range lots {
		in.target.write(w, l, m)
	}
	in.target.spec.Updates = updates
}

// query writes the source's new rows into the target. It succeeds with none, too,
// and an overwrite then empties the target.
func (in *intake) query(w *World, r *run, m minute) {
	spec := in.owner.activity(in.step)
	lots := in.outside
	in.outside = nil
	r.Imported += int64(total(lots))
	if in.target == nil {
		return
	}
	in.pour(w, lots, m, oneOf(spec.Mode, "update", "overwrite"))
	if spec.Mode == "overwrite" {
		in.target.replace(int64(total(lots)), m)
	}
}

func (a *automation) announce(w *World, r *run, what string, m minute) {
	w.notify(Notice{At: m.time(), Kind: what, Automation: a.spec.Key, Name: a.spec.Name, Triggered: a.plan == nil, Unit: a.spec.Unit, Run: r.ID, Planned: r.planned.time()})
}

func (a *automation) runList() []Run {
	out := make([]Run, 0, len(a.runs))
	for _, r := range a.runs {
		one := r.Run
		one.Planned, one.Started, one.Ended = r.planned.time(), timeOf(r.started), timeOf(r.ended)
		out = append(out, one)
	}
	return out
}
