package impact

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"keepwatch"
)

// The kinds of thing to do once the cause is gone.
const (
	DoReplay     = "replay"     // the caller sends again what was missed
	DoRefire     = "refire"     // contacts went on without something; put them in again
	DoRerun      = "rerun"      // an automation
	DoResume     = "resume"     // a journey, or a schedule, that somebody stopped
	DoReactivate = "reactivate" // a send definition
	DoSwitch     = "switch"     // a holder that still has the old secret
)

// queuedFor is how long SFMC keeps a send that waits: what is older is dropped.
const queuedFor = 72 * time.Hour

// Action is one thing that somebody has to do after the cause is gone.
type Action struct {
	Kind    string
	Subject string    // its ID
	Text    string    // a sentence that stands alone
	Until   time.Time // afterwards it is too late; zero: nothing runs out
	Done    bool      // the effect has ended since
}

// Actions are what has to be replayed, rerun or resumed, what runs out first at the top.
func Actions(c Case) []Action {
	w := newWork(c)
	if w.stops == nothing {
		return nil
	}
	w.subjects()
	var out []Action
	for _, s := range c.Subjects {
		out = append(out, w.actions(s)...)
	}
	slices.SortStableFunc(out, func(a, b Action) int {
		return cmp.Or(compareDone(a, b), compareUntil(a.Until, b.Until), cmp.Compare(doing(a.Kind), doing(b.Kind)), cmp.Compare(a.Subject, b.Subject))
	})
	return slices.CompactFunc(out, func(a, b Action) bool { return a.Kind == b.Kind && a.Subject == b.Subject })
}

// doing is the order of the work: first what opens the way, then what goes through it.
func doing(kind string) int {
	return slices.Index([]string{DoSwitch, DoReactivate, DoResume, DoRerun, DoReplay, DoRefire}, kind)
}

func compareDone(a, b Action) int {
	switch {
	case a.Done == b.Done:
		return 0
	case b.Done:
		return -1
	}
	return 1
}

func compareUntil(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

func (w *work) actions(s Subject) []Action {
	var out []Action
	add := func(kind, text string, until time.Time, done bool) {
		out = append(out, Action{Kind: kind, Subject: s.ID(), Text: text, Until: until, Done: done})
	}
	direct, _, _ := w.link(s)
	for _, e := range w.Incident.Effects {
		if e.Subject.ID() == s.ID() && e.Subject.Unit == s.Unit {
			w.afterEffect(s, e, add)
		}
	}
	delayed, ok := w.part(ContactsDelayed, s)
	if ok && delayed.e.mid > 0 && (direct || s.Kind == keepwatch.SubjectJourney) {
		add(DoReplay, w.replay(s, delayed), time.Time{}, false)
	}
	return out
}

func (w *work) part(name string, s Subject) (part, bool) {
	for _, p := range w.found {
		if p.name == name && p.subject == s.ID() {
			return p, true
		}
	}
	return part{}, false
}

// replay says what the caller has to send again, and for which span: all that may
// have been missed, since what came twice is easier found than what is missing.
func (w *work) replay(s Subject, p part) string {
	direct, _, during := w.link(s)
	if e, stalled := w.effect(s, keepwatch.JourneyStalled, keepwatch.VolumeDropped); stalled {
		during = w.effectSpan(s, e, during)
	}
	what := "events"
	if isSend(s.Kind) {
		what = "messages"
	}
	text := fmt.Sprintf("Replay the %s of %s from %s to %s: about %s did not come.", what, s.Subject, stamp(during.from[0]), stamp(during.to[1]), number(p.e.mid))
	switch {
	case s.Expect.OnOutage == "lost":
		return text + " The caller does not keep them, so they are taken from its source."
	case s.Expect.OnOutage == "late":
		return text + " The caller keeps them; see that it has sent them all."
	case direct:
		return text + " If the caller keeps what it could not send, see that it has sent it all."
	}
	return text
}

func (w *work) afterEffect(s Subject, e keepwatch.Effect, add func(kind, text string, until time.Time, done bool)) {
	newest, over := s.newest(e.Aspect), !e.EndedAt.IsZero()
	switch e.Outcome {
	case keepwatch.JourneyStalled, keepwatch.VolumeDropped:
		if j := newest.Journey; j != nil && (j.Status == "Paused" || j.Status == "Stopped" || j.Status == "Unpublished") {
			text := fmt.Sprintf("Resume %s: it is %s", s.Subject, lower(j.Status))
			if j.ChangedBy != "" {
				text += ", by " + j.ChangedBy + ", " + stamp(j.ChangedAt)
			}
			add(DoResume, text+".", time.Time{}, over)
		}
	case keepwatch.JourneyActivityFailing:
		add(DoRefire, fmt.Sprintf("Contacts of %s went on without the activity that failed since %s, and SFMC counts them as done. Decide whether they are put in again.", s.Subject, stamp(e.Since)), time.Time{}, false)
	case keepwatch.AutomationMissed, keepwatch.AutomationFailed, keepwatch.ImportEmpty:
		w.rerun(s, newest, over, add)
	case keepwatch.DataStale:
		if s.Expect.FedBy != "" {
			add(DoRerun, fmt.Sprintf("Run automation %s once: it fills %s, which is stale since %s.", s.Expect.FedBy, s.Subject, stamp(e.Since)), time.Time{}, over)
			return
		}
		add(DoReplay, fmt.Sprintf("Send the rows of %s again from %s on.", s.Subject, stamp(e.Since)), time.Time{}, over)
	case keepwatch.QueueBackingUp:
		w.drain(s, e, newest, over, add)
	}
}

func (w *work) rerun(s Subject, newest keepwatch.Reading, over bool, add func(kind, text string, until time.Time, done bool)) {
	if a := newest.Automation; a != nil && (a.Status == "PausedSchedule" || a.Status == "Paused" || a.Status == "Stopped" || a.PausedBy != "") {
		text := fmt.Sprintf("Activate the schedule of %s again", s.Subject)
		if a.PausedBy != "" {
			text += ": " + a.PausedBy + " paused it, " + stamp(a.PausedAt)
		}
		add(DoResume, text+".", time.Time{}, over)
	}
	if s.Kind == keepwatch.SubjectDataExtension {
		if s.Expect.FedBy != "" {
			add(DoRerun, fmt.Sprintf("Run automation %s once, when its source has data again: it fills %s.", s.Expect.FedBy, s.Subject), time.Time{}, over)
		}
		return
	}
	add(DoRerun, fmt.Sprintf("Run %s once, when its source has data again.", s.Subject), time.Time{}, over)
}

// drain: what waits in SFMC is sent by itself once the definition is active, unless it
// is too old by then.
func (w *work) drain(s Subject, e keepwatch.Effect, newest keepwatch.Reading, over bool, add func(kind, text string, until time.Time, done bool)) {
	if r := newest.Send; e.Aspect == keepwatch.AspectBacklog && r != nil {
		add(DoReplay, fmt.Sprintf("See that %s works off what it holds back for %s, and send again what it dropped since %s.", r.Holder, s.Subject, stamp(e.Since)), time.Time{}, over)
		return
	}
	queued, since, known := e.Since, "about "+stamp(e.Since), false
	if r := newest.Send; r != nil && r.Oldest != nil {
		queued, known = newest.At.Add(-*r.Oldest), true
		since = stamp(queued)
	}
	until := queued.Add(queuedFor)
	if over {
		until = time.Time{}
	}
	text := fmt.Sprintf("Activate the definition of %s and let its queue run empty", s.Subject)
	kind := DoReactivate
	if r := newest.Send; r != nil && r.Status == "Active" {
		text = fmt.Sprintf("See that the queue of %s runs empty", s.Subject)
	}
	text += ": the oldest message waits since " + since + ", and SFMC drops what waited for 72 h"
	switch {
	case over:
	case !w.Now.Before(until):
		text += ". The oldest are lost already; send them again"
	case known:
		text += fmt.Sprintf(": %s are left", words(until.Sub(w.Now)))
	default:
		text += fmt.Sprintf(": at least %s are left", words(until.Sub(w.Now)))
	}
	add(kind, text+".", until, over)
}

// newest is the newest reading of an aspect.
func (s Subject) newest(aspect keepwatch.Aspect) keepwatch.Reading {
	for _, r := range slices.Backward(s.Readings) {
		if r.Aspect == aspect {
			return r.Reading
		}
	}
	return keepwatch.Reading{}
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]|0x20) + s[1:]
}
