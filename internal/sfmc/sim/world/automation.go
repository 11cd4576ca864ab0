package world

import (
	"math/rand/v2"
	"strconv"

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

func (a *automation) activity(step int) *Activity { return &a.spec.Steps[step] }

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
