package detect

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

// meantAfter is how long a journey must stand still by a person's hand to be taken
// as meant: nobody forgets for a week that a journey was stopped.
const meantAfter = 7 * day

// pauseMeant is how long a pause that the audit log lays to a person is left alone:
// whether it keeps who arrives, no reading shows.
const pauseMeant = 4 * time.Hour

// entry judges whether contacts still enter a journey.
func (j *judge) entry() {
	r := j.w.Reading.Journey
	if r == nil || r.Entered == nil && !stands(r) {
		j.w.Verdict = held(j.was, "SFMC shows no count of entries for this journey.")
		return
	}
	if j.prev != nil && j.prev.Journey != nil {
		j.count(j.prev.Journey.Entered, r.Entered)
		if r.Entered == nil {
			j.nobody()
		}
	}
	if j.delta > 0 && r.Attempted != nil {
		j.mem.Tried = *r.Attempted
	}
	j.phase(r)
	j.flow()
	switch {
	case r.Quicksend:
		j.quiet("It sends once; nothing is expected of it.")
	case is(r.Status, "published"):
		j.running(r)
	case stands(r):
		j.standing(r)
	default:
		j.quiet(fmt.Sprintf("It is %s: nothing is expected of it.", strings.ToLower(r.Status)))
	}
}

// stands reports a journey that somebody, or its own pause, has stopped.
func stands(r *keepwatch.JourneyReading) bool {
	return is(r.Status, "paused", "stopped", "unpublished", "deleted")
}

// nobody notes that nobody came: SFMC keeps no count of a journey of which no version
// lives, and none can take anybody in.
func (j *judge) nobody() {
	if gap := j.now.Sub(j.prev.At); gap <= Longest {
		j.w.Reading.Amount, j.w.Reading.Window = 0, gap
	}
}

// phase begins the silence anew where the journey's state changes, or a new version
// is published: what was silent before says nothing about what is in force now. An
// alarm that is open stays: only events end it.
func (j *judge) phase(r *keepwatch.JourneyReading) {
	m := j.mem
	state := fmt.Sprintf("%s %d", strings.ToLower(r.Status), r.Version)
	if m.State == state {
		return
	}
	if m.State != "" && m.Alarm == "" {
		j.afresh()
		m.Drops = nil
	}
	m.State, m.Moved = state, j.now
}

// running judges a journey that should take contacts.
func (j *judge) running(r *keepwatch.JourneyReading) {
	if !r.BatchDueAt.IsZero() {
		j.planned(r.BatchDueAt, keepwatch.JourneyStalled)
	} else {
		j.flowing(keepwatch.JourneyStalled)
	}
	v := &j.w.Verdict
	if v.Outcome == keepwatch.JourneyStalled {
		v.Evidence = sentences(v.Evidence, j.inside(r), j.arrivals(r))
		v.Hint = j.entryHint(r)
		if j.was.Outcome == v.Outcome && j.was.Noticed.Before(j.mem.Moved) && j.now.Sub(j.mem.Moved) < pauseMeant {
			v.Page = j.was.Page // it has only just been published again
		}
	}
}

// standing judges a journey that a person, or its own pause, has stopped. Whoever
// stopped it knows; that contacts were expected meanwhile is worth a ticket.
func (j *judge) standing(r *keepwatch.JourneyReading) {
	m, v := j.mem, &j.w.Verdict
	who := stoppedBy(r)
	since := r.ChangedAt
	if since.IsZero() {
		since = m.Moved
	}
	final := !is(r.Status, "paused")
	if !final && r.ChangedBy != "" && j.now.Sub(since) < pauseMeant && m.Alarm == "" {
		v.Outcome, v.Evidence = keepwatch.OK, who+" A pause of some hours is taken as meant."
		return
	}
	if final && j.now.Sub(since) > meantAfter || j.model == nil && m.Alarm == "" {
		j.quiet(who + " Nothing is expected of it.")
		return
	}
	if j.model == nil {
		*v = j.was
		return
	}
	s := j.score()
	ticket, _ := j.bars()
	open := m.Alarm == alarmSilent && m.Back < backAfter
	if !open && s < ticket {
		m.Alarm = ""
		v.Outcome, v.Evidence = keepwatch.OK, who+fmt.Sprintf(" %s enrolments were expected since.", figure(m.Due))
		return
	}
	j.raise(alarmSilent, keepwatch.JourneyStalled)
	v.Confidence = 0.95
	v.Page = j.was.Page && open
	v.Evidence = sentences(who, fmt.Sprintf("%s enrolments were expected since the last one, %s ago.", figure(m.Due), spoken(j.now.Sub(j.shown()))), j.arrivals(r))
	v.Hint = "If this was meant, acknowledge it; else resume the journey or publish it again. While it is paused, contacts that arrive are dropped unless the pause was told to keep them."
	if final {
		v.Hint = "If this was meant, acknowledge it: after a week it is taken as meant. Else publish a version again; contacts that came meanwhile must be sent in once more."
	}
}

// shown is the last sign of life, as one tells it.
func (j *judge) shown() time.Time {
	if j.mem.LastSign.IsZero() {
		return j.mem.Since
	}
	return j.mem.LastSign
}

// quiet is the verdict on what need not flow. It ends an alarm.
func (j *judge) quiet(why string) {
	j.afresh()
	j.mem.Alarm, j.mem.Drops = "", nil
	j.w.Verdict = keepwatch.Verdict{Outcome: keepwatch.OK, Evidence: why}
}

// held keeps an effect that is open where a look shows nothing; else it says why
// nothing can be said.
func held(was keepwatch.Verdict, why string) keepwatch.Verdict {
	if was.Outcome != "" && was.Outcome != keepwatch.OK {
		return was
	}
	return keepwatch.Verdict{Learning: why}
}

func stoppedBy(r *keepwatch.JourneyReading) string {
	text := "The journey is " + strings.ToLower(r.Status)
	if r.ChangedBy != "" {
		text += ", by " + r.ChangedBy
	}
	if !r.ChangedAt.IsZero() {
		text += " at " + stamp(r.ChangedAt)
	}
	if r.Change != "" && r.ChangedBy != "" {
		text += " (" + r.Change + ")"
	}
	return text + "."
}

// inside says whether contacts that are in already move on: then the journey works,
// and only its entry does not.
func (j *judge) inside(r *keepwatch.JourneyReading) string {
	fresh := r.HistoryLag == nil || *r.HistoryLag <= time.Hour
	switch {
	case fresh && r.Moved != nil && *r.Moved > 0:
		return fmt.Sprintf("Contacts inside move on (%s steps since the last look), so only the entry stands still.", figure(float64(*r.Moved)))
	case r.Inside != nil && *r.Inside > 0:
		return fmt.Sprintf("%s contacts are inside.", figure(float64(*r.Inside)))
	}
	return ""
}

// arrivals says whether events came and were turned away.
func (j *judge) arrivals(r *keepwatch.JourneyReading) string {
	var text []string
	if r.Attempted != nil && j.mem.Tried > 0 {
		if n := *r.Attempted - j.mem.Tried; n > 0 {
			text = append(text, fmt.Sprintf("%s events arrived since then and none was let in.", figure(float64(n))))
		} else {
			text = append(text, "No event arrived since then.")
		}
	}
	if r.Errored != nil && *r.Errored > 0 {
		text = append(text, fmt.Sprintf("%s events failed in the queue.", figure(float64(*r.Errored))))
	}
	return sentences(text...)
}

func (j *judge) entryHint(r *keepwatch.JourneyReading) string {
	turnedAway := r.Attempted != nil && j.mem.Tried > 0 && *r.Attempted > j.mem.Tried
	switch {
	case turnedAway, r.Errored != nil && *r.Errored > 0:
		return "Events come and are turned away: compare their payload with the entry event, and look at the entry criteria and the re-entry rule."
	case r.Automation != "":
		return fmt.Sprintf("Look at the automation %s that feeds it, then at the credential that fills its data extension.", r.Automation)
	case r.EventKey != "":
		return fmt.Sprintf("Look at what sends the event %s: its credential, its log, its last call.", r.EventKey)
	}
	return "Look at what sends its contacts: its credential, its log, its last call."
}

func is(word string, any ...string) bool {
	for _, a := range any {
		if strings.EqualFold(word, a) {
			return true
		}
	}
	return false
}

// sentences puts what is not empty behind one another.
func sentences(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}
