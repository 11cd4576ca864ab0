package world

import (
	"cmp"
	"fmt"
	"strings"

	"keepwatch"
)

// maxSubjects bounds what the control API can pile up.
const maxSubjects = 10_000

// Add lets more live, from now on. Either all of a spec is added or nothing.
func (w *World) Add(spec Spec) error {
	unit := cmp.Or(spec.Unit, w.unit)
	if err := w.check(spec); err != nil {
		return err
	}
	for _, c := range spec.Callers {
		one := &caller{spec: c, id: "caller/" + c.Name}
		w.callers[c.Name] = one
		w.ordered = append(w.ordered, one)
	}
	for _, s := range spec.Extensions {
		s.Unit, s.Name = cmp.Or(s.Unit, unit), cmp.Or(s.Name, s.Key)
		w.addExtension(s)
	}
	for _, s := range spec.Sends {
		s.Unit, s.Name = cmp.Or(s.Unit, unit), cmp.Or(s.Name, s.Key)
		w.addSend(s)
	}
	for _, s := range spec.Automations {
		s.Unit, s.Name = cmp.Or(s.Unit, unit), cmp.Or(s.Name, s.Key)
		w.addAutomation(s)
	}
	for _, s := range spec.Journeys {
		s.Unit, s.Name = cmp.Or(s.Unit, unit), cmp.Or(s.Name, s.Key)
		w.addJourney(s)
	}
	return nil
}

func (w *World) stream(name, id string, need Need, v Volume, every Duration, to target) *stream {
	return &stream{
		caller: w.callers[name], need: need, flow: newFlow(v, w.zone, w.seed, id), every: minutes(every), to: to,
	}
}

func (w *World) addExtension(s Extension) {
	e := &extension{spec: s, id: subjectID(keepwatch.SubjectDataExtension, s.Key), rows: s.Rows}
	e.random = source(w.seed, e.id)
	if s.Rows > 0 {
		age := 90 * day
		if s.Retention > 0 {
			age = minutes(s.Retention)
		}
		const pieces = 100 // so that retention takes a little every day
		for i := range minute(pieces) {
			n := s.Rows*int64(i+1)/pieces - s.Rows*int64(i)/pieces
			e.pours = append(e.pours, pour{w.next - age*(pieces-i)/pieces, w.next - age*(pieces-i-1)/pieces - 1, n})
		}
		e.newest = w.next - 1
	}
	if s.Volume.PerDay > 0 {
		e.source = w.stream(s.Writer, e.id, NeedRows, s.Volume, s.Every, e)
	}
	w.extensions[s.Key] = e
	w.order.extensions = append(w.order.extensions, e)
}

func (w *World) addSend(s Send) {
	d := &send{spec: s, id: subjectID(s.Kind, s.Key), status: cmp.Or(s.Status, Active), created: w.next, modified: w.next}
	d.random = source(w.seed, d.id)
	need := map[keepwatch.SubjectKind]Need{keepwatch.SubjectTransactionalEmail: NeedEmail, keepwatch.SubjectTransactionalSMS: NeedSMS}[s.Kind]
	if s.Volume.PerDay > 0 {
		d.source = w.stream(s.Caller, d.id, cmp.Or(need, NeedTriggered), s.Volume, 0, d)
	}
	w.sends[d.id] = d
	w.order.sends = append(w.order.sends, d)
}

func (w *World) addAutomation(s Automation) {
	a := &automation{spec: s, id: subjectID(keepwatch.SubjectAutomation, s.Key), created: w.next, modified: w.next}
	a.random = source(w.seed, a.id)
	a.spec.Steps = append([]Activity(nil), s.Steps...)
	if a.status = cmp.Or(s.Status, AwaitingTrigger); !s.Schedule.zero() {
		a.status = cmp.Or(s.Status, Scheduled)
		a.plan, _ = s.Schedule.read(w.zone) // checked
		a.next = a.plan.after(w.next - 1)
	}
	for i := range a.spec.Steps {
		a.intakes = append(a.intakes, w.intake(a, i))
	}
	w.automations[s.Key] = a
	w.order.automations = append(w.order.automations, a)
}

// intake prepares what a step reads, if it reads anything.
func (w *World) intake(a *automation, step int) *intake {
	spec := a.activity(step)
	spec.Key = cmp.Or(spec.Key, fmt.Sprintf("%s-%d", a.spec.Key, step+1))
	spec.Name = cmp.Or(spec.Name, spec.Key)
	in := &intake{owner: a, step: step, target: w.extensions[spec.Target], keep: 1}
	switch {
	case spec.Kind == "import":
		name := a.id + " " + spec.Key
		in.source = w.stream("", name, NeedToken, spec.File.Volume, 0, in)
		if !spec.File.Schedule.zero() {
			in.drops, _ = spec.File.Schedule.read(w.zone) // checked
			in.dropAt = in.drops.after(w.next - 1)
		}
	case spec.Kind == "query" && spec.Source != "":
		from := w.extensions[spec.Source]
		from.sinks = append(from.sinks, in)
		a.sources = append(a.sources, from)
	default:
		return nil
	}
	if in.target != nil {
		in.full = in.target.rows
		in.target.feeds = append(in.target.feeds, in)
	}
	return in
}

func (w *World) addJourney(s Journey) {
	s.Kind, s.EntryMode = cmp.Or(s.Kind, "Multistep"), cmp.Or(s.EntryMode, "MultipleEntries")
	s.Entry.Event = cmp.Or(s.Entry.Event, "APIEvent-"+strings.ReplaceAll(s.Key, ".", "-"))
	j := &journey{spec: s, id: subjectID(keepwatch.SubjectJourney, s.Key), broken: map[int]string{}}
	j.random = source(w.seed, j.id)
	j.spec.Steps = append([]Step(nil), s.Steps...)
	last := max(1, s.Version)
	for n := 1; n <= last; n++ {
		j.addVersion(n, w.next).status = Stopped
		j.note("Create", "admin", w.next, 0)
	}
	v := j.running()
	if v.status = cmp.Or(s.Status, Published); v.status != Draft {
		v.published = w.next
		j.note("Publish", "admin", w.next, 0)
	}
	if v.status == Paused {
		j.pause = &pause{until: w.next + 14*day, by: "admin"}
	}
	j.feeder = w.extensions[s.Entry.Extension]
	switch {
	case s.Entry.Automation != "":
		a := w.automations[s.Entry.Automation]
		a.journeys = append(a.journeys, j)
		j.dueAfter = func(m minute) minute { return a.dueAfter(m, len(a.spec.Steps)-1) }
		w.audience(j)
	case !s.Entry.Schedule.zero():
		j.inject, _ = s.Entry.Schedule.read(w.zone) // checked
		j.injectAt = j.inject.after(w.next - 1)
		j.dueAfter = func(m minute) minute { return j.inject.after(m - 1) }
		w.audience(j)
	case s.Entry.Volume.PerDay > 0:
		need := NeedEvent
		if c := w.callers[s.Entry.Caller]; c != nil && c.spec.Async {
			need = NeedAsyncEvent
		}
		j.source = w.stream(s.Entry.Caller, j.id, need, s.Entry.Volume, 0, j)
	}
	w.journeys[s.Key] = j
	w.order.journeys = append(w.order.journeys, j)
}

func (w *World) audience(j *journey) {
	if j.feeder != nil {
		j.feeder.sinks = append(j.feeder.sinks, j)
	}
}

// check refuses what would make the world talk nonsense, before anything is added.
func (w *World) check(spec Spec) error {
	if n := len(w.journeys) + len(w.extensions) + len(w.automations) + len(w.sends) + len(w.callers) +
		len(spec.Journeys) + len(spec.Extensions) + len(spec.Automations) + len(spec.Sends) + len(spec.Callers); n > maxSubjects {
		return invalid("%d subjects are more than %d", n, maxSubjects)
	}
	k := known{w: w, names: map[string]bool{}}
	for _, c := range spec.Callers {
		if err := k.caller(c); err != nil {
			return fmt.Errorf("caller %q: %w", c.Name, err)
		}
	}
	for _, s := range spec.Extensions {
		if err := k.extension(s); err != nil {
			return fmt.Errorf("extension %q: %w", s.Key, err)
		}
	}
	for _, s := range spec.Sends {
		if err := k.send(s); err != nil {
			return fmt.Errorf("send %q: %w", s.Key, err)
		}
	}
	for _, s := range spec.Automations {
		if err := k.automation(s); err != nil {
			return fmt.Errorf("automation %q: %w", s.Key, err)
		}
	}
	for _, s := range spec.Journeys {
		if err := k.journey(s); err != nil {
			return fmt.Errorf("journey %q: %w", s.Key, err)
		}
	}
	return nil
}

// known is what exists already or stands before in the same spec.
type known struct {
	w     *World
	names map[string]bool
}

func (k known) has(id string) bool {
	if k.names[id] {
		return true
	}
	_, ok := k.w.record(id)
	return ok
}

func (k known) add(kind, key string) error {
	id := kind + "/" + key
	switch {
	case key == "" || len(key) > 100 || strings.ContainsAny(key, "/\x00\n"):
		return invalid("a key has 1 to 100 characters and no slash")
	case k.has(id):
		return fmt.Errorf("%s is there already: %w", id, keepwatch.ErrConflict)
	}
	k.names[id] = true
	return nil
}

// refer checks a name that may be left out.
func (k known) refer(kind, key string) error {
	if key != "" && !k.has(kind+"/"+key) {
		return invalid("%s %q is not there", strings.ReplaceAll(kind, "_", " "), key)
	}
	return nil
}

func (k known) caller(c Caller) error {
	if c.ReplayPerMinute < 0 || c.ReplayPerMinute > 1e6 || c.Retry < 0 || c.GiveUp < 0 || !oneOf(c.OnFailure, "", OnFailureLate, OnFailureLost) || c.ClientID == "" {
		return invalid("client_id, on_failure, replay_per_minute, retry or give_up")
	}
	return k.add("caller", c.Name)
}

func (k known) extension(s Extension) error {
	if s.Rows < 0 || s.Rows > 1e12 || s.Retention < 0 || s.Every < 0 || !portion(s.Updates) {
		return invalid("rows, retention, every or updates")
	}
	return first(s.Volume.check(), k.refer("caller", s.Writer), k.add(string(keepwatch.SubjectDataExtension), s.Key))
}

func (k known) send(s Send) error {
	switch {
	case !oneOf(string(s.Kind), string(keepwatch.SubjectTriggeredSend), string(keepwatch.SubjectTransactionalEmail), string(keepwatch.SubjectTransactionalSMS)):
		return invalid("kind %q is not triggered_send, transactional_email or transactional_sms", s.Kind)
	case !oneOf(s.Status, "", Active, Inactive):
		return invalid("status %q is not Active or Inactive", s.Status)
	case !(s.PerMinute >= 0) || s.PerMinute > 1e6 || s.CapPerDay < 0 || !portion(s.BadContacts):
		return invalid("per_minute, cap_per_day or bad_contacts")
	}
	return first(s.Volume.check(), k.refer("caller", s.Caller), k.add(string(s.Kind), s.Key))
}

func (k known) automation(s Automation) error {
	if len(s.Steps) == 0 || len(s.Steps) > 50 || !oneOf(s.Status, "", Scheduled, AwaitingTrigger, PausedSchedule) {
		return invalid("it needs one to fifty steps, and a status that is Scheduled, AwaitingTrigger or PausedSchedule")
	}
	if _, err := s.Schedule.read(k.w.zone); err != nil {
		return err
	}
	drops := false
	for i, a := range s.Steps {
		if err := k.activity(a); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		drops = drops || a.Kind == "import" && !a.File.Schedule.zero()
	}
	if s.Schedule.zero() && !drops {
		return invalid("without a schedule it needs an import whose file has one")
	}
	return k.add(string(keepwatch.SubjectAutomation), s.Key)
}

func (k known) activity(a Activity) error {
	switch {
	case !oneOf(a.Kind, "import", "query", "transfer", "script", "verification", "extract", "wait"):
		return invalid("kind %q is not import, query, transfer, script, verification, extract or wait", a.Kind)
	case !oneOf(a.Mode, "", "add_update", "add", "update", "overwrite"):
		return invalid("mode %q is not add_update, add, update or overwrite", a.Mode)
	case !oneOf(a.Blank, "", "fail", "process", "skip"):
		return invalid("blank %q is not fail, process or skip", a.Blank)
	case a.Duration < 0 || !portion(a.Rejects):
		return invalid("duration or rejects")
	case a.Kind == "import" && a.Target == "":
		return invalid("an import needs a target")
	}
	_, err := a.File.Schedule.read(k.w.zone)
	const extension = string(keepwatch.SubjectDataExtension)
	return first(err, a.File.Volume.check(), k.refer("caller", a.File.Caller), k.refer(extension, a.Target), k.refer(extension, a.Source))
}

func (k known) journey(s Journey) error {
	switch {
	case !oneOf(s.Status, "", Draft, Published, Paused, Unpublished, Stopped):
		return invalid("status %q is not Draft, Published, Paused, Unpublished or Stopped", s.Status)
	case s.Version < 0 || s.Version > 1000 || len(s.Steps) > 100:
		return invalid("version or steps")
	case !portion(s.Entry.Meets) || !portion(s.Entry.Repeats):
		return invalid("meets or repeats")
	case strings.Contains(s.Entry.Event, "."):
		return invalid("an event key holds no period")
	case (s.Entry.Automation != "" || !s.Entry.Schedule.zero()) && s.Entry.Extension == "":
		return invalid("an automation or a schedule needs an extension whose rows enter")
	}
	for i, step := range s.Steps {
		if step.Dwell < 0 || !portion(step.Fails) {
			return invalid("step %d: dwell or fails", i+1)
		}
		if err := first(k.refer("caller", step.Caller), k.refer(string(keepwatch.SubjectTriggeredSend), step.Send)); err != nil {
			return err
		}
	}
	_, err := s.Entry.Schedule.read(k.w.zone)
	return first(err, s.Entry.Volume.check(), k.refer("caller", s.Entry.Caller), k.refer(string(keepwatch.SubjectDataExtension), s.Entry.Extension),
		k.refer(string(keepwatch.SubjectAutomation), s.Entry.Automation), k.add(string(keepwatch.SubjectJourney), s.Key))
}

func portion(p float64) bool { return p >= 0 && p <= 1 }

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
