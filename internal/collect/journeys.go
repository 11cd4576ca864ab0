package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

const (
	// maxLookups is how many journeys are asked for by their key in one look, beside a list.
	maxLookups = 20
	// maxNeeds is how many journeys are looked at closely in one look.
	maxNeeds = 10
)

// liveStates are the versions whose counters are summed: those that take contacts or
// still have some. A version that leaves them makes the sum fall, which is read as a
// counter that began anew.
var liveStates = []string{"Published", "Paused", "Unpublished"}

// journey is one journey with all versions that were read.
type journey struct {
	wanted   Wanted
	named    bool // somebody asked for it
	versions []sfmc.Journey
	lead     sfmc.Journey // the version that takes contacts, or would
}

// journeys looks at journeys: lists first, then what the lists do not show of those
// that are wanted, then closely at those that look silent.
func (l *look) journeys() {
	wanted := l.wanted(keepwatch.SubjectJourney)
	if len(wanted) == 0 && !l.job.All {
		return
	}
	found, gap, read := l.journeyLists(wanted)
	if !read {
		return
	}
	needs := maxNeeds
	for _, key := range sortedKeys(found) {
		j := found[key]
		r, watch := l.journeyReading(j)
		if !watch {
			continue
		}
		l.source(j, &r, &needs)
		l.closely(j, &r, &needs)
		l.seen(j.wanted, keepwatch.AspectEntry, keepwatch.Reading{Journey: &r}, gap)
		l.activities(j, r, &needs)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// journeyLists reads what runs, and looks up by key the wanted ones that do not.
func (l *look) journeyLists(wanted map[string]Wanted) (found map[string]*journey, gap time.Duration, read bool) {
	found, gap = map[string]*journey{}, l.every
	listed := l.job.All || !l.fewer(len(wanted), l.unit.known().Journeys, sfmc.JourneyPage)
	if listed && l.job.All {
		var turn bool
		if turn, gap = l.due(RouteJourneyList); !turn {
			listed = false
		}
	}
	if listed {
		if !l.running(found, wanted) {
			l.again(RouteJourneyList)
			return nil, gap, false
		}
	}
	for i, key := range l.missing(found, wanted, listed) {
		if i >= maxLookups && listed {
			break
		}
		if !l.lookup(found, wanted, key) {
			break
		}
	}
	for _, j := range found {
		j.lead = lead(j.versions)
	}
	return found, gap, true
}

// fewer reports that asking for each of n things costs less than reading a list of size.
func (l *look) fewer(n, size, page int) bool { return n <= max(2, 1+size/page) }

// running lists the versions that run, and those that only finish. The newest version
// alone would not do: it may be a draft beside one that runs.
func (l *look) running(found map[string]*journey, wanted map[string]Wanted) bool {
	size := 0
	for _, status := range []string{"Published", "Unpublished"} {
		query := sfmc.JourneyQuery{Status: status, AllVersions: true}
		ok := pages(l, request{route: RouteJourneyList, sweep: true}, "journeys", func(s *session, page int) (sfmc.Paged[sfmc.Journey], sfmc.Verdict) {
			return l.c.client.Journeys(s.ctx, l.endpoints, s.access, query, page)
		}, func(v sfmc.Journey) {
			size++
			l.take(found, wanted, v)
		})
		if !ok {
			return false
		}
	}
	l.unit.learn(func(s *Sizes) { s.Journeys = size })
	return true
}

// take sorts a version in, when its journey is watched.
func (l *look) take(found map[string]*journey, wanted map[string]Wanted, v sfmc.Journey) {
	w, named := wanted[v.Key]
	if !named && (!l.job.All || v.Type == "Transactional") {
		return // transactional ones have no counters; their queues are looked at
	}
	j := found[v.Key]
	if j == nil {
		if !named {
			w.Subject = keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: v.Key, Unit: l.job.Unit}
		}
		w.Subject.Name = cmp.Or(w.Subject.Name, v.Name)
		j = &journey{wanted: w, named: named}
		found[v.Key] = j
	}
	// Lists are read page by page while SFMC goes on: a version may come twice.
	if !slices.ContainsFunc(j.versions, func(o sfmc.Journey) bool { return o.Version == v.Version }) {
		j.versions = append(j.versions, v)
	}
}

// missing are the keys that no list showed: the wanted ones, and those that ran at the
// last look. What stopped by itself is asked after once, not for ever.
func (l *look) missing(found map[string]*journey, wanted map[string]Wanted, listed bool) []string {
	var out []string
	for _, key := range sortedKeys(wanted) {
		if found[key] == nil {
			out = append(out, key)
		}
	}
	if !listed || !l.job.All {
		return out
	}
	for _, w := range l.job.Previous {
		if w.Aspect == keepwatch.AspectEntry && found[w.Subject.Key] == nil && w.Reading.Journey != nil && slices.Contains(liveStates, w.Reading.Journey.Status) {
			if _, named := wanted[w.Subject.Key]; !named {
				out = append(out, w.Subject.Key)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// lookup asks for all versions of one journey. One that is gone, and was there before,
// is told as deleted: that is news, and no reason to be silent about it.
func (l *look) lookup(found map[string]*journey, wanted map[string]Wanted, key string) bool {
	var p sfmc.Paged[sfmc.Journey]
	v := l.ask(request{route: RouteJourneyList, thing: key}, one(func(s *session) (v sfmc.Verdict) {
		p, v = l.c.client.Journeys(s.ctx, l.endpoints, s.access, sfmc.JourneyQuery{Key: key, AllVersions: true}, 1)
		return v
	}))
	if !v.OK() && v.Outcome != keepwatch.NotFound {
		l.failed("the journey "+key, v)
		return l.stopped == nil && v.Outcome != keepwatch.Skipped
	}
	for _, version := range p.Items {
		if version.Key == key {
			l.takeAny(found, wanted, version)
		}
	}
	if found[key] != nil {
		return true
	}
	w, named := wanted[key]
	if !named {
		w.Subject = keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: key, Unit: l.job.Unit}
	}
	if prev := l.previous(w.Subject, keepwatch.AspectEntry); prev != nil {
		w.Subject.Name = prev.Subject.Name
		found[key] = &journey{wanted: w, named: named, versions: []sfmc.Journey{{Key: key, Status: "Deleted"}}}
		return true
	}
	l.lose(fmt.Sprintf("there is no journey with the key %s", key), "compare the key with the journey's settings in Journey Builder; a name is not a key")
	return true
}

// takeAny is take for a version that was asked for by key.
func (l *look) takeAny(found map[string]*journey, wanted map[string]Wanted, v sfmc.Journey) {
	if _, named := wanted[v.Key]; !named {
		wanted = map[string]Wanted{v.Key: {Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: v.Key, Unit: l.job.Unit}}}
	}
	l.take(found, wanted, v)
}

// lead is the version whose state is the journey's: one that runs before one that is
// paused, before one that will run, before one that finishes, before the newest.
func lead(versions []sfmc.Journey) sfmc.Journey {
	rank := func(v sfmc.Journey) int {
		if i := slices.Index([]string{"Published", "Paused", "ScheduledToPublish", "Unpublished"}, v.Status); i >= 0 {
			return i
		}
		return 9
	}
	return slices.MinFunc(versions, func(a, b sfmc.Journey) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Version, a.Version))
	})
}

// journeyReading sums up the versions. Not watched is what nobody asked for and what
// never ran.
func (l *look) journeyReading(j *journey) (keepwatch.JourneyReading, bool) {
	r := keepwatch.JourneyReading{Status: j.lead.Status, Version: j.lead.Version, Quicksend: j.lead.Type == "Quicksend"}
	for _, v := range j.versions {
		if v.Published.After(r.PublishedAt) {
			r.PublishedAt = v.Published
		}
		if !slices.Contains(liveStates, v.Status) {
			continue
		}
		r.Versions++
		r.Entered, r.Inside = plus(r.Entered, v.Entered), plus(r.Inside, v.Inside)
	}
	prev := l.previous(j.wanted.Subject, keepwatch.AspectEntry)
	if prev != nil && prev.Reading.Journey != nil {
		l.carry(&r, *prev.Reading.Journey)
	}
	return r, j.named || prev != nil || slices.Contains(liveStates, r.Status)
}

// carry keeps what was found out earlier and is not asked for again.
func (l *look) carry(r *keepwatch.JourneyReading, prev keepwatch.JourneyReading) {
	if prev.Status == r.Status {
		r.ChangedBy, r.Change, r.ChangedAt = prev.ChangedBy, prev.Change, prev.ChangedAt
	}
	if prev.Version == r.Version {
		r.EventKey, r.EventType, r.Extension, r.Automation, r.BatchDueAt = prev.EventKey, prev.EventType, prev.Extension, prev.Automation, prev.BatchDueAt
	}
}

// plus adds counters; one that is not known makes the sum unknown only when none is.
func plus(a, b *int64) *int64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return new(*a + *b)
}

// source fills in where a journey's contacts come from.
func (l *look) source(j *journey, r *keepwatch.JourneyReading, needs *int) {
	if !slices.Contains(liveStates, r.Status) || (!j.named && !l.suspicious(j, *r)) {
		return
	}
	detail, ok := l.detail(j, needs)
	if !ok || len(detail.Triggers) == 0 {
		return
	}
	trigger := detail.Triggers[0]
	r.EventKey, r.EventType = trigger.EventKey, trigger.Type
	if trigger.EventKey == "" {
		return
	}
	d, ok := l.event(trigger.EventKey)
	if !ok {
		return
	}
	r.EventType = cmp.Or(d.Type, trigger.Type)
	r.Extension = cmp.Or(l.keyOf(d.Extension), d.ExtensionName)
	if d.Automation != "" {
		r.Automation = l.automationKey(d.Automation)
	}
	r.BatchDueAt = l.batchDue(d, r.PublishedAt)
}

// batchDue is the newest planned run of a batch source. Where no plan is known it is
// the instant at which the journey began: since then nothing more was promised.
func (l *look) batchDue(d sfmc.EventDefinition, published time.Time) time.Time {
	if !d.Batch() {
		return time.Time{}
	}
	if f, ok := l.unit.automations.get(d.Automation, l.job.At); ok && !f.dueAt.IsZero() {
		return f.dueAt
	}
	if d.Recurrence != nil {
		if due := d.Recurrence.Last(l.job.At); !due.IsZero() {
			return due.UTC()
		}
	}
	return published
}

func (l *look) detail(j *journey, needs *int) (sfmc.Journey, bool) {
	key := fmt.Sprintf("%s@%d", j.lead.ID, j.lead.Version)
	if d, ok := l.unit.versions.get(key, l.job.At); ok {
		return d, true
	}
	if *needs <= 0 || j.lead.ID == "" {
		return sfmc.Journey{}, false
	}
	*needs--
	var d sfmc.Journey
	v := l.ask(request{route: RouteJourneyDetail, thing: j.lead.Key}, one(func(s *session) (v sfmc.Verdict) {
		d, v = l.c.client.Journey(s.ctx, l.endpoints, s.access, j.lead.ID, j.lead.Version)
		return v
	}))
	if v.OK() {
		l.unit.versions.put(key, d, l.job.At.Add(detailKept))
	}
	return d, v.OK()
}

func (l *look) event(key string) (sfmc.EventDefinition, bool) {
	if d, ok := l.unit.sources.get(key, l.job.At); ok {
		return d, true
	}
	var d sfmc.EventDefinition
	v := l.ask(request{route: RouteEventDefinitions, thing: key}, one(func(s *session) (v sfmc.Verdict) {
		d, v = l.c.client.EventDefinition(s.ctx, l.endpoints, s.access, key)
		return v
	}))
	if v.OK() {
		l.unit.sources.put(key, d, l.job.At.Add(sourceKept))
	}
	return d, v.OK()
}

// keyOf is the key of a data extension whose id is known; "" where no list showed it.
func (l *look) keyOf(id string) string {
	key, _ := l.unit.keys.get(strings.ToLower(id), l.job.At)
	return key
}

// automationKey is the key of an automation whose id is known. The automations' own
// looks know it as a rule; else one call a day finds it out.
func (l *look) automationKey(guid string) string {
	guid = strings.ToLower(guid)
	if f, ok := l.unit.automations.get(guid, l.job.At); ok {
		return f.key
	}
	if !l.oncePer("automation:"+guid, day) {
		return ""
	}
	d, ok := l.automationDetail(guid)
	if ok {
		l.unit.automations.put(guid, feeder{key: d.Key}, l.job.At.Add(detailKept))
	}
	return d.Key
}
