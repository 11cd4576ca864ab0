package incident_test

import (
	"container/heap"
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// world is a store and a scheduler in a few lines: it keeps what Step returns and
// honours its plans, on a grid of plain arithmetic. Every Apply is checked
// against the invariants that hold whatever happens.
type world struct {
	t         testing.TB
	policy    incident.Policy
	series    map[keepwatch.SeriesID]*keepwatch.Series
	tenants   map[keepwatch.TenantID][]keepwatch.SeriesID
	hoods     map[incident.NeighbourhoodKey]incident.Neighbourhood
	open      []keepwatch.Incident
	incidents map[keepwatch.IncidentID]keepwatch.Incident
	timeline  map[keepwatch.IncidentID][]keepwatch.Transition
	notices   []keepwatch.Notice
	opened    []keepwatch.Incident // as they opened, in order
	checks    map[keepwatch.CheckID]*check
	due       dues
	steps     int
	applied   int

	viewSeries map[keepwatch.SeriesID]keepwatch.Series
	viewHoods  map[incident.NeighbourhoodKey]incident.Neighbourhood
	viewPeers  []keepwatch.Series
}

// check is one credential's test in the world.
type check struct {
	id        keepwatch.CheckID
	tenant    keepwatch.TenantID
	business  time.Duration
	off       time.Duration
	offset    float64
	at        time.Time
	reason    keepwatch.Reason
	heapIndex int
	changedAt time.Time
	runs      int
}

func newWorld(t testing.TB, p incident.Policy) *world {
	return &world{t: t, policy: p,
		series:    map[keepwatch.SeriesID]*keepwatch.Series{},
		tenants:   map[keepwatch.TenantID][]keepwatch.SeriesID{},
		hoods:     map[incident.NeighbourhoodKey]incident.Neighbourhood{},
		incidents: map[keepwatch.IncidentID]keepwatch.Incident{},
		timeline:  map[keepwatch.IncidentID][]keepwatch.Transition{},
		checks:    map[keepwatch.CheckID]*check{},

		viewSeries: map[keepwatch.SeriesID]keepwatch.Series{},
		viewHoods:  map[incident.NeighbourhoodKey]incident.Neighbourhood{},
	}
}

// add registers a credential with its test; phase is in [0,1).
func (w *world) add(id string, tenant string, business, off time.Duration, phase float64, from time.Time) *check {
	c := &check{id: keepwatch.CheckID(id), tenant: keepwatch.TenantID(tenant), business: business, off: off, offset: phase}
	c.at, c.reason = c.next(from), keepwatch.ReasonScheduled
	w.checks[c.id] = c
	sid := keepwatch.SeriesID(id)
	w.series[sid] = &keepwatch.Series{ID: sid, Check: c.id, Credential: keepwatch.CredentialID(id), Tenant: c.tenant, Place: keepwatch.Local}
	w.tenants[c.tenant] = append(w.tenants[c.tenant], sid)
	heap.Push(&w.due, c)
	return c
}

// interval in force: business hours are Monday to Friday, 08:00 to 18:00 UTC.
func (c *check) interval(t time.Time) time.Duration {
	day, hour := t.Weekday(), t.Hour()
	if day != time.Saturday && day != time.Sunday && hour >= 8 && hour < 18 {
		return c.business
	}
	return c.off
}

// next is the first slot of the grid after t.
func (c *check) next(t time.Time) time.Time {
	const hour = time.Hour
	at := t
	for {
		n := c.interval(at)
		offset := time.Duration(float64(n) * c.offset).Truncate(time.Second)
		slot := at.Truncate(n).Add(offset)
		if !slot.After(at) {
			slot = slot.Add(n)
		}
		if c.interval(slot) == n {
			return slot
		}
		// The slot lies beyond a change of hours: look again from the change on.
		at = at.Truncate(hour).Add(hour)
	}
}

// dues is a heap of checks by due time.
type dues []*check

func (d dues) Len() int { return len(d) }
func (d dues) Less(i, j int) bool {
	if n := d[i].at.Compare(d[j].at); n != 0 {
		return n < 0
	}
	return d[i].id < d[j].id
}
func (d dues) Swap(i, j int) { d[i], d[j] = d[j], d[i]; d[i].heapIndex, d[j].heapIndex = i, j }
func (d *dues) Push(x any)   { c := x.(*check); c.heapIndex = len(*d); *d = append(*d, c) }
func (d *dues) Pop() any     { n := len(*d) - 1; c := (*d)[n]; *d = (*d)[:n]; return c }

// claim takes the next due check, moves it on its grid and returns its run.
func (w *world) claim() (*check, keepwatch.Observation) {
	c := w.due[0]
	slot, reason := c.at, c.reason
	c.at, c.reason = c.next(slot), keepwatch.ReasonScheduled
	heap.Fix(&w.due, 0)
	c.runs++
	return c, keepwatch.Observation{
		Series: keepwatch.SeriesID(c.id), Check: c.id, Credential: keepwatch.CredentialID(c.id),
		Tenant: c.tenant, Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: reason,
		Slot: slot, At: slot, Gap: c.at.Sub(slot), Outcome: keepwatch.OK,
		Connectivity: keepwatch.ConnectivityProven, ChangedAt: c.changedAt,
	}
}

// run claims and applies one after the other until the clock passes to. outcome
// decides what each run finds.
func (w *world) run(to time.Time, outcome func(c *check, o *keepwatch.Observation)) {
	for len(w.due) > 0 && !w.due[0].at.After(to) {
		c, o := w.claim()
		outcome(c, &o)
		w.apply(o.At.Add(o.Took), o)
	}
}

// apply is the store's Apply: view, step, write.
func (w *world) apply(now time.Time, obs ...keepwatch.Observation) incident.Changes {
	w.t.Helper()
	c, err := incident.Step(w.view(obs), w.policy, now)
	if err != nil {
		w.t.Fatalf("Step: %v", err)
	}
	w.steps++
	w.applied += len(obs)
	w.write(c)
	return c
}

func (w *world) view(obs []keepwatch.Observation) incident.View {
	// The view's parts are used again for the next one: Step keeps none of them.
	v := incident.View{Observations: obs, Series: w.viewSeries, Open: w.open, Neighbourhoods: w.viewHoods, Peers: w.viewPeers[:0]}
	clear(v.Series)
	clear(v.Neighbourhoods)
	quiet := true
	for i := range obs {
		o := &obs[i]
		s, ok := w.series[o.Series]
		if !ok {
			s = &keepwatch.Series{ID: o.Series, Check: o.Check, Credential: o.Credential, Tenant: o.Tenant, Place: o.Place}
		}
		v.Series[o.Series] = *s
		if own, ok := w.series[keepwatch.SeriesID(o.Credential)]; ok && o.Traffic != nil {
			v.Series[own.ID] = *own
		}
		key := incident.NeighbourhoodKey{Tenant: o.Tenant, Place: o.Place}
		if n, ok := w.hoods[key]; ok {
			v.Neighbourhoods[key] = n
		}
		quiet = quiet && o.Outcome == keepwatch.OK
	}
	if quiet {
		return v
	}
	seen := map[keepwatch.TenantID]bool{}
	for i := range obs {
		if tenant := obs[i].Tenant; !seen[tenant] {
			seen[tenant] = true
			v.Recent = append(v.Recent, w.recent(tenant, obs[i].At)...)
			for _, id := range w.tenants[tenant] {
				if _, touched := v.Series[id]; !touched && incident.Peer(w.series[id]) {
					v.Peers = append(v.Peers, *w.series[id])
				}
			}
		}
	}
	w.viewPeers = v.Peers
	return v
}

// recent are the incidents of a tenant that ended lately.
func (w *world) recent(tenant keepwatch.TenantID, now time.Time) (list []keepwatch.Incident) {
	for _, first := range w.opened {
		in := w.incidents[first.ID]
		if in.Status == keepwatch.IncidentResolved && in.MergedInto == "" && (in.Tenant == "" || in.Tenant == tenant) && now.Sub(in.ResolvedAt) < incident.Memory {
			list = append(list, in)
		}
	}
	return list
}

func (w *world) write(c incident.Changes) {
	for i := range c.Series {
		s := c.Series[i]
		w.series[s.ID] = &s
	}
	for _, n := range c.Neighbourhoods {
		w.hoods[n.Key] = n
	}
	for _, p := range c.Plans {
		if ch := w.checks[p.Check]; ch != nil {
			ch.at, ch.reason = p.At, p.Reason
			heap.Fix(&w.due, ch.heapIndex)
		}
	}
	if len(c.Incidents) == 0 {
		return
	}
	for _, in := range c.Incidents {
		if _, known := w.incidents[in.ID]; !known {
			w.opened = append(w.opened, in)
		}
		w.incidents[in.ID] = in
	}
	for _, tr := range c.Transitions {
		w.timeline[tr.Incident] = append(w.timeline[tr.Incident], tr)
	}
	w.notices = append(w.notices, c.Notices...)
	w.reindex()
	w.check(c)
}

// reindex rebuilds the list of open incidents, in a stable order.
func (w *world) reindex() {
	w.open = w.open[:0:0]
	for _, first := range w.opened {
		if in := w.incidents[first.ID]; in.Status == keepwatch.IncidentOpen {
			w.open = append(w.open, in)
		}
	}
}

// check holds the invariants of incidents.
func (w *world) check(c incident.Changes) {
	w.t.Helper()
	keys := map[string]bool{}
	for _, in := range w.open {
		if keys[in.Key] {
			w.t.Fatalf("two open incidents under key %s", in.Key)
		}
		keys[in.Key] = true
	}
	w.checkEffects()
	for _, in := range c.Incidents {
		w.checkIncident(in)
	}
	for _, n := range c.Notices {
		if n.Kind == keepwatch.Joined || n.Kind == keepwatch.Left || n.Kind == keepwatch.Affected || n.Kind == keepwatch.Relieved {
			w.t.Fatalf("a notice tells of %s", n.Kind)
		}
		if n.Incident.Revision != n.Seq || n.ID != keepwatch.NoticeIDOf(n.Incident.ID, n.Seq) {
			w.t.Fatalf("notice %s does not show the incident at its transition", n.ID)
		}
	}
}

func (w *world) checkIncident(in keepwatch.Incident) {
	w.t.Helper()
	tl := w.timeline[in.ID]
	if len(tl) != in.Revision {
		w.t.Fatalf("incident %s has revision %d and %d transitions", in.Key, in.Revision, len(tl))
	}
	ended := 0
	for i, tr := range tl {
		if tr.Seq != i+1 {
			w.t.Fatalf("incident %s: transition %d has number %d", in.Key, i+1, tr.Seq)
		}
		if (tr.Kind == keepwatch.Opened) != (i == 0) {
			w.t.Fatalf("incident %s: %s at place %d", in.Key, tr.Kind, i)
		}
		if ended > 0 {
			w.t.Fatalf("incident %s: %s after its end", in.Key, tr.Kind)
		}
		if tr.Kind == keepwatch.Resolved || tr.Kind == keepwatch.Merged {
			ended++
		}
		if tr.Reason == "" || tr.Detail == "" || strings.Contains(tr.Reason, " ") {
			w.t.Fatalf("incident %s: transition %s has reason %q and detail %q", in.Key, tr.Kind, tr.Reason, tr.Detail)
		}
	}
	resolved := in.Status == keepwatch.IncidentResolved
	switch {
	case resolved != (ended == 1):
		w.t.Fatalf("incident %s is %s with %d ends", in.Key, in.Status, ended)
	case resolved != (in.Active()+lasting(in) == 0):
		w.t.Fatalf("incident %s is %s with %d active members and %d effects", in.Key, in.Status, in.Active(), lasting(in))
	case in.Active() > 0 && !in.RestoredAt.IsZero(), in.Active() == 0 && lasting(in) > 0 && in.RestoredAt.IsZero() != (in.Scope == keepwatch.ScopeEffect):
		w.t.Fatalf("incident %s was restored at %s with %d active members", in.Key, in.RestoredAt, in.Active())
	case in.Scope == keepwatch.ScopeEffect && (len(in.Members) > 0 || len(in.Causes) == 0 || in.Causes[len(in.Causes)-1].Kind != keepwatch.CauseUnknown):
		w.t.Fatalf("incident %s of an effect has %d members and causes %+v", in.Key, len(in.Members), in.Causes)
	case len(in.Message) > 500:
		w.t.Fatalf("incident %s has a message of %d bytes", in.Key, len(in.Message))
	case in.Message == "" || in.FirstFailedAt.IsZero():
		w.t.Fatalf("incident %s lacks message or first failure: %+v", in.Key, in)
	case in.FirstFailedAt.After(in.DetectedAt):
		w.t.Fatalf("incident %s was detected at %s before it failed at %s", in.Key, in.DetectedAt, in.FirstFailedAt)
	case in.LastProvenAt.After(in.FirstFailedAt):
		w.t.Fatalf("incident %s was proven at %s after it failed at %s", in.Key, in.LastProvenAt, in.FirstFailedAt)
	case resolved && in.ResolvedAt.Before(in.DetectedAt):
		w.t.Fatalf("incident %s ended before it began", in.Key)
	}
	for _, m := range in.Members {
		if !m.EndedAt.IsZero() && m.EndedAt.Before(m.Since) {
			w.t.Fatalf("incident %s: %s recovered at %s before it failed at %s", in.Key, m.Credential, m.EndedAt, m.Since)
		}
	}
}

// lasting counts the effects of an incident that have not ended.
func lasting(in keepwatch.Incident) (n int) {
	for _, ef := range in.Effects {
		if ef.EndedAt.IsZero() {
			n++
		}
	}
	return n
}

// checkEffects: an effect lasts in exactly one open incident, of its own tenant.
func (w *world) checkEffects() {
	w.t.Helper()
	where := map[keepwatch.SeriesID]string{}
	for _, in := range w.open {
		for _, ef := range in.Effects {
			if !ef.EndedAt.IsZero() {
				if ef.EndedAt.Before(ef.NoticedAt) {
					w.t.Fatalf("incident %s: %s ended at %s before it was noticed at %s", in.Key, ef.Series, ef.EndedAt, ef.NoticedAt)
				}
				continue
			}
			if other, twice := where[ef.Series]; twice {
				w.t.Fatalf("%s lasts in %s and in %s:\n%s", ef.Series, other, in.Key, w.tell())
			}
			where[ef.Series] = in.Key
			if s := w.series[ef.Series]; s != nil && in.Tenant != "" && s.Tenant != in.Tenant {
				w.t.Fatalf("%s of %s is in an incident of %s", ef.Series, s.Tenant, in.Tenant)
			}
		}
	}
}

// tell renders an incident's timeline for failures of tests.
func (w *world) tell() string {
	var b strings.Builder
	for _, in := range w.opened {
		cur := w.incidents[in.ID]
		fmt.Fprintf(&b, "%s %s %s: %s\n", cur.Key, cur.Outcome, cur.Status, cur.Message)
		for _, tr := range w.timeline[in.ID] {
			fmt.Fprintf(&b, "  %s %s %s: %s\n", tr.At.Format("15:04:05"), tr.Kind, tr.Reason, tr.Detail)
		}
	}
	return b.String()
}
