package detect

import (
	"fmt"
	"time"

	"keepwatch"
)

const (
	alarmMissed  = "missed"
	alarmFailed  = "failed"
	alarmSkipped = "skipped"
	alarmPaused  = "paused"

	runEarly      = 5 * time.Minute // a run may begin before its planned instant
	runGraceLeast = 15 * time.Minute
	runGraceMost  = time.Hour
	skipsPaging   = 3
	filesLeast    = 10 // gaps between files that make a rhythm

	// SFMC switches off what has failed in so many runs in a row, over so many days
	// (help: mc_as_automatically_paused_or_deactivated_automations).
	offRuns     = 30
	offDays     = 30
	offForeseen = 10 // failed runs in a row, from which on it is said
)

// runs judges whether an automation runs as it is planned.
func (j *judge) runs() {
	r := j.w.Reading.Automation
	if r == nil {
		j.w.Verdict = held(j.was, "SFMC shows nothing of this automation.")
		return
	}
	j.ran(r)
	last, v := j.mem, &j.w.Verdict
	late := j.overdue(r)
	switch {
	case is(r.Status, "pausedschedule", "paused", "stopped", "inactivetrigger"):
		j.switchedOff(r, late)
	case is(r.Status, "error", "errored", "buildingerror"), is(r.LastStatus, "error", "errored", "failed", "buildingerror") && !running(r):
		j.raise(alarmFailed, keepwatch.AutomationFailed)
		v.Page, v.Confidence = true, 0.99
		v.Evidence = failedRun(r, last.Bad) + j.untilOff(r)
		v.Hint = "Open the run in Automation Studio and read the failing step's message; the file's place and the credential behind it come first."
	case is(r.LastStatus, "skipped") && !running(r):
		j.raise(alarmSkipped, keepwatch.AutomationMissed)
		v.Page, v.Confidence = last.Bad >= skipsPaging, 0.95
		v.Evidence = fmt.Sprintf("The run of %s was skipped%s: the run before it was still going, or SFMC was busy.", stamp(r.LastRunAt), inARow(last.Bad))
		v.Hint = "Give it more time between runs, or look for the step that takes so long."
	case late > 0 && !running(r) && (!j.w.Reading.Maintenance || last.Alarm == alarmMissed):
		j.raise(alarmMissed, keepwatch.AutomationMissed)
		v.Page, v.Confidence = true, 0.95
		v.Evidence = j.missedRun(r)
		v.Hint = "The schedule is active and the run did not begin: start it once by hand, and see whether the start source still exists."
		if r.Triggered {
			v.Page, v.Confidence = false, 0.7
			v.Hint = "Look whether the file still comes, at its place and under its name."
		}
	default:
		last.Alarm = ""
		v.Outcome = keepwatch.OK
		v.Evidence = calmRun(r)
	}
}

// ran remembers the newest run, and what good runs are like.
func (j *judge) ran(r *keepwatch.AutomationReading) {
	m := j.mem
	good := is(r.LastStatus, "complete", "completed", "success")
	fresh := r.LastRunAt.After(m.RunAt) && !r.LastRunAt.After(j.now)
	if fresh && !m.RunAt.IsZero() {
		if r.Triggered {
			m.Delay = max(m.Delay, r.LastRunAt.Sub(m.RunAt))
		}
		m.Events++
		m.Runs++
	}
	if fresh {
		m.RunAt = r.LastRunAt
		if good || running(r) {
			m.Bad = 0
		} else {
			m.Bad++
		}
	}
	if end := laterOf(r.LastEndAt, r.LastRunAt); good && end.After(m.LastSign) && !end.After(j.now) {
		m.LastSign, m.Span = end, 0
	}
	if good {
		m.Bad = 0
	}
}

// running reports whether the newest run has not ended.
func running(r *keepwatch.AutomationReading) bool {
	return is(r.Status, "running") || is(r.LastStatus, "running", "inprocess") || !r.LastRunAt.IsZero() && r.LastEndAt.Before(r.LastRunAt) && r.LastStatus == ""
}

// overdue is by how much the newest planned run is late beyond its grace; 0 where
// it is not.
func (j *judge) overdue(r *keepwatch.AutomationReading) time.Duration {
	if r.Triggered {
		m := j.mem
		if m.Runs < filesLeast {
			return 0
		}
		return max(0, j.now.Sub(r.LastRunAt)-m.Delay-max(m.Delay/2, time.Hour))
	}
	due := r.DueAt
	if due.IsZero() || !r.LastRunAt.Before(due.Add(-min(runEarly, r.Every/4+time.Second))) {
		return 0
	}
	return max(0, j.now.Sub(due)-grace(r))
}

func grace(r *keepwatch.AutomationReading) time.Duration {
	return min(max(runGraceLeast, r.Every/4), runGraceMost)
}

// switchedOff judges an automation that does not run by its status. A pause that a
// person made is quiet until data is due; one that nobody made is SFMC's own, which
// switches off what has failed for long.
func (j *judge) switchedOff(r *keepwatch.AutomationReading, late time.Duration) {
	v := &j.w.Verdict
	failing := is(r.LastStatus, "error", "errored", "failed")
	if r.PausedBy == "" && failing {
		j.raise(alarmFailed, keepwatch.AutomationFailed)
		v.Page, v.Confidence = true, 0.9
		v.Evidence = fmt.Sprintf("It is %s, nobody is known to have paused it, and its last run at %s failed: SFMC switches off an automation that has failed in %d runs in a row for %d days.", r.Status, stamp(r.LastRunAt), offRuns, offDays)
		v.Hint = "Mend what fails, then activate its schedule again."
		return
	}
	by := ""
	if r.PausedBy != "" {
		by = " by " + r.PausedBy
	}
	if !r.PausedAt.IsZero() {
		by += " since " + stamp(r.PausedAt)
	}
	if late <= 0 && !j.standingStill(r) {
		j.mem.Alarm = ""
		*v = keepwatch.Verdict{Outcome: keepwatch.OK, Evidence: "It is paused" + by + "."}
		return
	}
	j.raise(alarmPaused, keepwatch.AutomationMissed)
	v.Page, v.Confidence = false, 0.95
	v.Evidence = fmt.Sprintf("It is paused%s; its data is due and did not come.%s", by, lastRun(r))
	v.Hint = "If this was meant, acknowledge it; else activate its schedule again."
}

// standingStill reports whether a run would be due by the rhythm of the runs
// before, where a paused schedule plans none.
func (j *judge) standingStill(r *keepwatch.AutomationReading) bool {
	return r.DueAt.IsZero() && r.Every > 0 && !r.LastRunAt.IsZero() && j.now.Sub(r.LastRunAt) > r.Every+grace(r)
}

func failedRun(r *keepwatch.AutomationReading, bad int) string {
	step := ""
	if r.FailingStep != "" {
		step = " in the step " + r.FailingStep
	}
	if is(r.Status, "buildingerror") {
		return "It cannot be built: a part of it is missing or wrong."
	}
	return fmt.Sprintf("The run of %s ended in an error%s%s.", stamp(r.LastRunAt), step, inARow(bad))
}

// untilOff says how far an automation that fails is from being switched off by SFMC. Runs
// of before Keepwatch looked are known by the health report, if none of them was good.
func (j *judge) untilOff(r *keepwatch.AutomationReading) string {
	failed := j.mem.Bad
	if r.Completed != nil && *r.Completed == 0 && r.Errors != nil {
		failed = max(failed, int(min(*r.Errors, 1_000_000)))
	}
	if failed < offForeseen {
		return ""
	}
	text := fmt.Sprintf(" SFMC switches off what has failed in %d runs in a row for %d days; %d have failed", offRuns, offDays, failed)
	if left := offRuns - failed; left > 0 {
		text += fmt.Sprintf(", %d are left", left)
	}
	if good := j.mem.LastSign; !good.IsZero() {
		text += ", and the days are over on " + stamp(good.AddDate(0, 0, offDays))
	}
	return text + "."
}

func inARow(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", %d in a row", n)
}

func (j *judge) missedRun(r *keepwatch.AutomationReading) string {
	if r.Triggered {
		return fmt.Sprintf("No file has started it for %s; between %d runs before, the longest wait was %s.", spoken(j.now.Sub(r.LastRunAt)), j.mem.Runs, spoken(j.mem.Delay))
	}
	return fmt.Sprintf("The run planned for %s did not begin in %s.%s", stamp(r.DueAt), spoken(j.now.Sub(r.DueAt)), lastRun(r))
}

func lastRun(r *keepwatch.AutomationReading) string {
	if r.LastRunAt.IsZero() {
		return " It has never run."
	}
	return fmt.Sprintf(" Its last run was at %s.", stamp(r.LastRunAt))
}

func calmRun(r *keepwatch.AutomationReading) string {
	switch {
	case running(r) && !r.LastRunAt.IsZero():
		return "It is running since " + stamp(r.LastRunAt) + "."
	case r.LastRunAt.IsZero():
		return "It has not run yet."
	}
	return "Its last run was at " + stamp(r.LastRunAt) + "."
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
