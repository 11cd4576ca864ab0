package collect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// maxDetails is how many automations are read singly in one look: SFMC answers bursts
// of these with HTTP 500.
const maxDetails = 20

// automations looks at automations: the list that knows the newest runs, the health
// report, and of the wanted ones the schedule and what their imports brought.
func (l *look) automations() {
	wanted := l.wanted(keepwatch.SubjectAutomation)
	if len(wanted) == 0 && !l.job.All {
		return
	}
	found, gap, read := l.automationList(wanted)
	if !read {
		return
	}
	health, details := l.health(), maxDetails
	var importing []*automation
	for _, key := range sortedKeys(found) {
		a := &automation{is: found[key]}
		a.wanted, a.named = wanted[key]
		prev := l.automationBefore(key)
		if !a.named && prev == nil && !watchable(a.is) {
			continue
		}
		a.wanted.Subject = cmp.Or(a.wanted.Subject, keepwatch.Subject{Kind: keepwatch.SubjectAutomation, Key: key, Unit: l.job.Unit})
		a.wanted.Subject.Name = cmp.Or(a.wanted.Subject.Name, a.is.Name)
		r := l.automationReading(a, prev, &details)
		if h, ok := health[a.is.Name]; ok {
			r.Completed, r.Errors, r.Skips = h.Completed, h.Errors, h.Skips
		}
		l.remember(a, r)
		l.seen(a.wanted, keepwatch.AspectRuns, keepwatch.Reading{Automation: &r}, gap)
		if a.reading = r; a.named {
			importing = append(importing, a)
		}
	}
	l.imports(importing, &details)
	for _, key := range sortedKeys(wanted) {
		if _, there := found[key]; !there {
			l.lose("there is no automation with the key "+key, "compare the key with the automation's properties (External Key); a name is not a key")
		}
	}
}

// automation is one automation in one look.
type automation struct {
	is      sfmc.Automation
	wanted  Wanted
	named   bool
	reading keepwatch.AutomationReading
}

// watchable leaves out what is only built, and what people start by hand.
func watchable(a sfmc.Automation) bool {
	switch a.Status {
	case "Building", "BuildingError", "Ready", "Deleted", "":
		return false
	}
	return !a.NextAt.IsZero() || !a.LastRunAt.IsZero() || a.Triggered()
}

// automationList reads the list, or where that costs less the wanted ones singly.
func (l *look) automationList(wanted map[string]Wanted) (map[string]sfmc.Automation, time.Duration, bool) {
	found := map[string]sfmc.Automation{}
	if !l.job.All && l.fewer(len(wanted), l.unit.known().Automations, sfmc.AutomationPage) && l.automationsByID(found, wanted) {
		return found, l.every, true
	}
	turn, gap := true, l.every
	if l.job.All {
		turn, gap = l.due(RouteAutomationList)
	}
	if !turn {
		l.automationsByID(found, wanted)
		return found, gap, len(found) == len(wanted)
	}
	seen := 0
	ok := pages(l, request{route: RouteAutomationList, sweep: true}, "automations", func(s *session, _ int) (sfmc.Paged[sfmc.Automation], sfmc.Verdict) {
		p, v := l.c.client.Automations(s.ctx, l.endpoints, s.access, seen)
		seen += p.Read
		return p, v
	}, func(a sfmc.Automation) {
		l.unit.ids.put(a.Key, a.ID, l.job.At.Add(2*day))
		found[a.Key] = a
	})
	if !ok {
		l.again(RouteAutomationList)
		return nil, gap, false
	}
	l.unit.learn(func(s *Sizes) { s.Automations = len(found) })
	return found, gap, true
}

// automationsByID reads the wanted ones, when the ids of all of them are known.
func (l *look) automationsByID(found map[string]sfmc.Automation, wanted map[string]Wanted) bool {
	for key := range wanted {
		if _, known := l.unit.ids.get(key, l.job.At); !known {
			return false
		}
	}
	for _, key := range sortedKeys(wanted) {
		id, _ := l.unit.ids.get(key, l.job.At)
		a, v := l.schedule(id)
		if !v.OK() {
			l.unit.ids.drop(key)
			clear(found)
			return false
		}
		found[key] = a
	}
	return true
}

// schedule reads one automation of the old interface, and keeps its plan.
func (l *look) schedule(id string) (a sfmc.Automation, v sfmc.Verdict) {
	v = l.ask(request{route: RouteSchedule, thing: id}, one(func(s *session) (v sfmc.Verdict) {
		a, v = l.c.client.AutomationSchedule(s.ctx, l.endpoints, s.access, id)
		return v
	}))
	if v.OK() {
		l.unit.schedules.put(id, a, l.job.At.Add(detailKept))
	}
	return a, v
}

func (l *look) automationBefore(key string) *keepwatch.Reading {
	s := keepwatch.Subject{Kind: keepwatch.SubjectAutomation, Key: key}
	if prev := l.previous(s, keepwatch.AspectRuns); prev != nil && prev.Reading.Automation != nil {
		return &prev.Reading
	}
	return nil
}

// automationReading puts together what the list says and what was read singly.
func (l *look) automationReading(a *automation, prev *keepwatch.Reading, details *int) keepwatch.AutomationReading {
	r := keepwatch.AutomationReading{
		Status: a.is.Status, LastRunAt: a.is.LastRunAt, LastEndAt: a.is.EndedAt, LastStatus: a.is.LastStatus, FailingStep: a.is.Failing(), Triggered: a.is.Triggered(),
	}
	if a.is.StartedAt.After(a.is.LastRunAt) {
		r.LastRunAt = a.is.StartedAt
	}
	plan := l.plan(a, prev, details)
	if plan.PausedAt.After(time.Time{}) && paused(r.Status) {
		r.PausedBy, r.PausedAt = plan.PausedBy, plan.PausedAt
	}
	if paused(r.Status) && prev != nil && prev.Automation.Status == r.Status && r.PausedAt.IsZero() {
		r.PausedBy, r.PausedAt = prev.Automation.PausedBy, prev.Automation.PausedAt
	}
	if !r.Triggered && !paused(r.Status) {
		l.planned(&r, a.is.NextAt, plan.Recurrence, prev)
	}
	return r
}

func paused(status string) bool { return strings.HasPrefix(status, "Paused") }

// plan is the detail of an automation: of the wanted ones once a day, and anew when its
// state changed. Of others it is read only when they were just paused.
func (l *look) plan(a *automation, prev *keepwatch.Reading, details *int) sfmc.Automation {
	changed := prev != nil && prev.Automation.Status != a.is.Status
	known, fresh := l.unit.schedules.get(a.is.ID, l.job.At)
	if fresh && !changed {
		return known
	}
	if *details <= 0 || (!a.named && !(changed && paused(a.is.Status))) {
		return known
	}
	*details--
	detail, v := l.schedule(a.is.ID)
	if !v.OK() {
		return known
	}
	return detail
}

const (
	// agree is how far a rule's next run may lie from the one that the list names.
	agree = 2 * time.Minute
	// promptly is how soon after its plan a run begins whose plan is understood.
	promptly = 15 * time.Minute
)

// planned says when a run was due, and when the next one is. Due is only what fell due
// while it was looked at: an automation that was paused and goes on owes nobody the
// runs of before.
func (l *look) planned(r *keepwatch.AutomationReading, listed time.Time, rule *sfmc.Recurrence, prev *keepwatch.Reading) {
	now, since := l.job.At, l.job.At
	if prev != nil {
		r.DueAt, r.Every = prev.Automation.DueAt, prev.Automation.Every
		if !paused(prev.Automation.Status) {
			since = prev.At
		}
		if next := prev.Automation.NextAt; next.After(r.DueAt) && !next.After(now) {
			r.DueAt = next // the last look saw the plan, and its time has come
		}
	}
	due := listed
	if listed.After(now) {
		r.NextAt, due = listed, time.Time{}
	}
	if rule != nil && understood(rule, listed, r.LastRunAt, now) {
		r.Every = rule.Every()
		if next := rule.Next(now); r.NextAt.IsZero() && !next.IsZero() {
			r.NextAt = next.UTC()
		}
		if last := rule.Last(now); last.After(due) {
			due = last.UTC()
		}
	}
	if due.After(r.DueAt) && (due.After(since) || !r.LastRunAt.Before(due)) {
		r.DueAt = due
	}
}

// understood reports that a rule's runs are the automation's. Whose clock a rule is
// written for is not documented, so it is believed only when it names the same next run
// as the list, or the newest run came when the rule says.
func understood(rule *sfmc.Recurrence, listed, ran, now time.Time) bool {
	if listed.After(now) {
		next := rule.Next(now)
		return !next.IsZero() && next.Sub(listed).Abs() <= agree
	}
	last := rule.Last(ran)
	return !ran.IsZero() && !last.IsZero() && ran.Sub(last) <= promptly
}

// remember keeps what other families want to know.
func (l *look) remember(a *automation, r keepwatch.AutomationReading) {
	if a.is.GUID == "" {
		return
	}
	guid := strings.ToLower(a.is.GUID)
	l.unit.automations.put(guid, feeder{key: a.is.Key, dueAt: r.DueAt}, l.job.At.Add(detailKept))
	detail, known := l.unit.details.get(guid, l.job.At)
	if !known || !succeeded(r.LastStatus) || r.LastEndAt.IsZero() {
		return
	}
	for _, activity := range detail.Activities {
		for _, target := range activity.Targets {
			for _, id := range []string{strings.ToLower(target.ID), target.Key} {
				if was, ok := l.unit.fed.get(id, l.job.At); id != "" && (!ok || r.LastEndAt.After(was)) {
					l.unit.fed.put(id, r.LastEndAt, l.job.At.Add(30*day))
				}
			}
		}
	}
}

func succeeded(status string) bool {
	return strings.EqualFold(status, "Complete") || strings.EqualFold(status, "Completed")
}

// health reads the report of the last 30 days once an hour. It knows automations by
// name only; a name that two of them have says nothing of either.
func (l *look) health() map[string]sfmc.AutomationHealth {
	const name = "report"
	if known, ok := l.unit.health.get(name, l.job.At); ok {
		return known
	}
	if !l.offered(RouteHealthReport) {
		return nil
	}
	var rows []sfmc.AutomationHealth
	v := l.ask(request{route: RouteHealthReport}, one(func(s *session) (v sfmc.Verdict) {
		rows, _, v = l.c.client.HealthReport(s.ctx, l.endpoints, s.access)
		return v
	}))
	if !v.OK() {
		return nil
	}
	byName, twice := map[string]sfmc.AutomationHealth{}, []string{}
	for _, row := range rows {
		if row.Unit != 0 && l.job.Unit != 0 && row.Unit != l.job.Unit {
			continue
		}
		if _, there := byName[row.Name]; there {
			twice = append(twice, row.Name)
		}
		byName[row.Name] = row
	}
	for _, name := range twice {
		delete(byName, name)
	}
	l.unit.health.put(name, byName, l.job.At.Add(time.Hour-l.every/2))
	return byName
}

// automationDetail reads one automation of the newer interface.
func (l *look) automationDetail(guid string) (sfmc.AutomationDetail, bool) {
	guid = strings.ToLower(guid)
	if d, ok := l.unit.details.get(guid, l.job.At); ok {
		return d, true
	}
	var d sfmc.AutomationDetail
	v := l.ask(request{route: RouteAutomationDetail, thing: guid}, one(func(s *session) (v sfmc.Verdict) {
		d, v = l.c.client.AutomationDetail(s.ctx, l.endpoints, s.access, guid)
		return v
	}))
	if v.OK() {
		l.unit.details.put(guid, d, l.job.At.Add(detailKept))
		for _, activity := range d.Activities {
			for _, target := range activity.Targets {
				l.unit.keys.put(strings.ToLower(target.ID), target.Key, l.job.At.Add(2*day))
			}
		}
	}
	return d, v.OK()
}

const importActivity = 43

// imports looks at what the imports of the wanted automations brought.
func (l *look) imports(automations []*automation, details *int) {
	definitions := map[string][]sfmc.Import{} // by key of the automation
	var keys []string
	fresh := false
	for _, a := range automations {
		definitions[a.is.Key] = l.importsOf(a, details)
		for _, d := range definitions[a.is.Key] {
			keys = append(keys, d.Key)
		}
		// Results lag behind the run, so they are asked for until it is two hours old.
		fresh = fresh || l.job.At.Sub(a.reading.LastEndAt) < resultsLag
	}
	if len(keys) == 0 {
		return
	}
	results, read := l.importResults(keys, fresh)
	if !read {
		return
	}
	for _, a := range automations {
		if len(definitions[a.is.Key]) == 0 {
			continue
		}
		r := a.reading
		for _, d := range definitions[a.is.Key] {
			r.Imports = append(r.Imports, l.importReading(d, results[d.Key]))
		}
		l.seen(a.wanted, keepwatch.AspectImports, keepwatch.Reading{Automation: &r}, l.every)
	}
}

// importsOf are the definitions of the imports in an automation.
func (l *look) importsOf(a *automation, details *int) []sfmc.Import {
	if a.is.GUID == "" {
		return nil
	}
	detail, known := l.unit.details.get(strings.ToLower(a.is.GUID), l.job.At)
	if !known {
		if *details <= 0 {
			return nil
		}
		*details--
		if detail, known = l.automationDetail(a.is.GUID); !known {
			return nil
		}
	}
	l.remember(a, a.reading)
	var out []sfmc.Import
	for _, activity := range detail.Activities {
		if activity.Kind != importActivity || activity.Object == "" {
			continue
		}
		if d, ok := l.importDefinition(activity.Object, details); ok {
			out = append(out, d)
			l.replaces(d, activity.Targets)
		}
	}
	return out
}

// replaces remembers the data extensions whose content an import replaces.
func (l *look) replaces(d sfmc.Import, targets []sfmc.Extension) {
	ids := []string{strings.ToLower(d.Target), l.keyOf(d.Target)}
	for _, t := range targets {
		ids = append(ids, strings.ToLower(t.ID), t.Key)
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if id != "" {
			l.unit.replaced.put(id, d.Update == "Overwrite", l.job.At.Add(2*day))
		}
	}
}

func (l *look) importDefinition(id string, details *int) (sfmc.Import, bool) {
	if d, ok := l.unit.imports.get(id, l.job.At); ok {
		return d, true
	}
	if *details <= 0 {
		return sfmc.Import{}, false
	}
	*details--
	var d sfmc.Import
	v := l.ask(request{route: RouteImports, thing: id}, one(func(s *session) (v sfmc.Verdict) {
		d, v = l.c.client.Import(s.ctx, l.endpoints, s.access, id)
		return v
	}))
	if v.OK() {
		l.unit.imports.put(id, d, l.job.At.Add(detailKept))
	}
	return d, v.OK()
}

const (
	resultsLag   = 2 * time.Hour
	resultsEvery = 6 * time.Hour // while nothing runs
	resultsReach = 3 * day
)

// importResults reads the newest result of each import. Which filter a tenant takes is
// found out once a day, from the most sparing one on.
func (l *look) importResults(keys []string, fresh bool) (map[string]sfmc.ImportResult, bool) {
	const name = "results"
	known, ok := l.unit.results.get(name, l.job.At)
	if ok && (!fresh || !l.offered(RouteImportResults)) && covers(known, keys) {
		return known, true
	}
	first := sfmc.ByStart
	for by := sfmc.ByStart; by < sfmc.ByNone; by++ {
		if _, refused := l.unit.refused.get(filterName(by), l.job.At); refused {
			first = by + 1
		}
	}
	for by := first; by <= sfmc.ByNone; by++ {
		var found []sfmc.ImportResult
		v := l.ask(request{route: RouteImportResults}, rows(func(s *session) (list sfmc.Listing, v sfmc.Verdict) {
			found, list, v = l.c.client.ImportResults(s.ctx, l.endpoints, s.login, by, l.job.At.Add(-resultsReach), keys)
			if v.Outcome == keepwatch.BadRequest && by < sfmc.ByNone {
				l.unit.refused.put(filterName(by), v, l.job.At.Add(offeredAgain))
			}
			return list, v
		}))
		if v.OK() {
			newest := newestResults(found, known, keys)
			l.unit.results.put(name, newest, l.job.At.Add(resultsEvery))
			return newest, true
		}
		if v.Outcome != keepwatch.BadRequest {
			break
		}
	}
	return nil, false
}

func filterName(by sfmc.ImportFilter) string { return RouteImportResults + ":" + string('0'+rune(by)) }

// covers reports that all imports were asked after.
func covers(known map[string]sfmc.ImportResult, keys []string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool { _, ok := known[k]; return !ok })
}

// newestResults takes the newest result of each import. An import without any is kept
// as one without a status: asked after, and nothing found.
func newestResults(found []sfmc.ImportResult, known map[string]sfmc.ImportResult, keys []string) map[string]sfmc.ImportResult {
	out := map[string]sfmc.ImportResult{}
	for _, k := range keys {
		out[k] = known[k]
	}
	for _, r := range found {
		if was, wanted := out[r.Import]; wanted && !r.Start.Before(was.Start) {
			out[r.Import] = r
		}
	}
	return out
}

func (l *look) importReading(d sfmc.Import, r sfmc.ImportResult) keepwatch.ImportReading {
	out := keepwatch.ImportReading{
		Key: d.Key, Target: cmp.Or(l.keyOf(d.Target), d.TargetName), BlankFile: d.BlankFile, Overwrite: d.Update == "Overwrite", AllowErrors: d.AllowErrors,
		Status: r.Status, At: r.End, Imported: r.Imported, Errors: r.Errors,
	}
	if out.At.IsZero() {
		out.At = r.Start
	}
	if r.Total != nil {
		out.Total = *r.Total
	} else {
		out.Total = r.Imported + r.Errors + r.Duplicates
	}
	return out
}
