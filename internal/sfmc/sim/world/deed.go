package world

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
)

// deeds are what was done to one subject.
type deeds struct{ list []Done }

func (d *deeds) copy() []Done { return slices.Clone(d.list) }

// record finds a subject's deeds by its ID.
func (w *World) record(id string) (*deeds, bool) {
	kind, key, _ := strings.Cut(id, "/")
	switch keepwatch.SubjectKind(kind) {
	case keepwatch.SubjectJourney:
		if j := w.journeys[key]; j != nil {
			return &j.record, true
		}
	case keepwatch.SubjectDataExtension:
		if e := w.extensions[key]; e != nil {
			return &e.record, true
		}
	case keepwatch.SubjectAutomation:
		if a := w.automations[key]; a != nil {
			return &a.record, true
		}
	case "caller":
		if c := w.callers[key]; c != nil {
			return &c.record, true
		}
	default:
		if d := w.sends[id]; d != nil {
			return &d.record, true
		}
	}
	return nil, false
}

// Do does a deed, with effect from the minute that is being lived.
func (w *World) Do(d Deed) error {
	record, ok := w.record(d.Subject)
	if !ok {
		return fmt.Errorf("%s: %w", d.Subject, keepwatch.ErrNotFound)
	}
	if !portion(d.Share) || d.Duration < 0 || d.Rows < 0 || d.Files < 0 || d.Days < 0 || d.Days > 1000 {
		return invalid("share, duration, rows, files or days")
	}
	d.By = cmp.Or(d.By, "admin")
	// The deed is on record before it acts: what it holds up is its doing.
	record.list = append(record.list, Done{d, w.now().time()})
	err := w.act(d)
	if err != nil {
		record.list = record.list[:len(record.list)-1]
		err = fmt.Errorf("%s %s: %w", d.Verb, d.Subject, err)
	} else if len(record.list) > 10_000 {
		record.list = record.list[1:]
	}
	return err
}

func (w *World) act(d Deed) error {
	kind, key, _ := strings.Cut(d.Subject, "/")
	switch keepwatch.SubjectKind(kind) {
	case keepwatch.SubjectJourney:
		return w.journeys[key].do(w, d)
	case keepwatch.SubjectAutomation:
		return w.automations[key].do(w, d)
	case keepwatch.SubjectDataExtension:
		if d.Verb != "purge" {
			return unknown("purge")
		}
		w.extensions[key].purge(d.Rows)
		return nil
	case "caller":
		return w.callers[key].do(d)
	}
	return w.sends[d.Subject].do(w, d)
}

func unknown(verbs string) error {
	return keepwatch.WithHint(fmt.Errorf("no such verb: %w", keepwatch.ErrInvalid), "it can "+verbs)
}

func conflict(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, keepwatch.ErrConflict)...)
}

func (c *caller) do(d Deed) error {
	switch d.Verb {
	case "silence":
		c.spec.Silent = true
	case "resume":
		c.spec.Silent = false
	case "learn":
		c.spec.Secret = d.Secret
	default:
		return unknown("silence, resume, learn")
	}
	return nil
}

func (j *journey) do(w *World, d Deed) error {
	v, m := j.running(), w.now()
	switch d.Verb {
	case "publish":
		j.publish(d.By, m)
	case "stop":
		if !oneOf(v.status, Published, Unpublished, Paused) {
			return conflict("it is %s", v.status)
		}
		j.stop(w, d.By, m)
	case "unpublish":
		if v.status != Published {
			return conflict("it is %s", v.status)
		}
		v.status, v.modified = Unpublished, m
		j.note("Unpublish", d.By, m, 0)
	case "pause":
		if v.status != Published || !oneOf(d.Then, "", "Stop", "Resume") {
			return conflict("it is %s; then is Stop or Resume", v.status)
		}
		v.status, v.modified = Paused, m
		j.pause = &pause{until: m + minute(cmp.Or(d.Days, 14))*day, resume: d.Then == "Resume", drop: d.Drop, by: d.By}
		j.note("Pause", d.By, m, 0)
	case "resume":
		if v.status != Paused {
			return conflict("it is %s", v.status)
		}
		j.resume(w, d.By, m)
	case "break":
		return j.breaks(d)
	case "mend":
		j.payload, j.broken = "", map[int]string{}
	default:
		return unknown("publish, stop, unpublish, pause, resume, break, mend")
	}
	return nil
}

func (j *journey) breaks(d Deed) error {
	switch {
	case d.Step < 0 || d.Step > len(j.spec.Steps):
		return invalid("it has %d steps", len(j.spec.Steps))
	case d.Step > 0 && oneOf(d.Mode, "refused", "failing"):
		j.broken[d.Step] = d.Mode
	case d.Step == 0 && oneOf(d.Mode, "", "payload", "criteria", "invalid"):
		j.payload, j.badShare = cmp.Or(d.Mode, "payload"), cmp.Or(d.Share, 1)
	default:
		return invalid("mode %q: events break by payload, criteria or invalid, a step by refused or failing", d.Mode)
	}
	return nil
}

func (a *automation) do(w *World, d Deed) error {
	m := w.now()
	switch d.Verb {
	case "pause":
		if !oneOf(a.status, Scheduled, AwaitingTrigger) {
			return conflict("it is %s", a.status)
		}
		a.status, a.pausedBy, a.pausedAt, a.modified = PausedSchedule, d.By, m, m
		if a.plan == nil {
			a.status = InactiveTrigger
		}
	case "resume":
		if oneOf(a.status, Scheduled, AwaitingTrigger) {
			return conflict("it is %s", a.status)
		}
		if a.status = Scheduled; a.plan == nil {
			a.status = AwaitingTrigger
		}
		a.pausedBy, a.fails, a.modified = "", 0, m
	case "run":
		if a.current != nil {
			return conflict("it runs")
		}
		r := &run{planned: m}
		a.start(w, r, m)
		a.add(r)
	case "stop":
		if a.current == nil {
			return conflict("it does not run")
		}
		r := a.current
		r.Status, r.ended, r.Why, a.current = Stopped, m, Reason{Kind: keepwatch.CauseStopped, By: d.By, Detail: "stop"}, nil
		a.held(w.reason(r.Why), r.planned)
		a.announce(w, r, "Stopped", m)
	case "hang":
		a.hang = minutes(d.Duration)
	case "break":
		if d.Step = max(1, d.Step); d.Step > len(a.spec.Steps) {
			return invalid("it has %d steps", len(a.spec.Steps))
		}
		a.broken, a.breaking = d.Step, cmp.Or(d.Mode, "an error occurred")
	case "mend":
		a.broken, a.hang = 0, 0
		for _, in := range a.intakes {
			if in != nil {
				in.spoil, in.spoils, in.rejects = "", 0, 0
			}
		}
	case "empty", "truncate", "withhold", "reject":
		return a.spoil(d)
	default:
		return unknown("pause, resume, run, stop, hang, break, mend, empty, truncate, withhold, reject")
	}
	return nil
}

// spoil makes the files of an import bad: of the given step, or of all.
func (a *automation) spoil(d Deed) error {
	found := false
	for i, in := range a.intakes {
		if in == nil || in.source == nil || d.Step != 0 && d.Step != i+1 {
			continue
		}
		found = true
		if d.Verb == "reject" {
			in.rejects = cmp.Or(d.Share, 1)
			continue
		}
		in.spoil, in.spoils, in.keep = d.Verb, cmp.Or(d.Files, -1), 1
		if d.Verb == "truncate" {
			in.keep = cmp.Or(d.Share, 0.005)
		}
	}
	if !found {
		return invalid("no import is there")
	}
	return nil
}

func (s *send) do(w *World, d Deed) error {
	m := w.now()
	switch d.Verb {
	case "activate":
		s.status = Active
	case "inactivate":
		s.status = Inactive
	case "delete":
		s.status = Deleted
	default:
		return unknown("activate, inactivate, delete")
	}
	s.modified = m
	return nil
}
