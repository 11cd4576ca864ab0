package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/detect"
	"keepwatch/internal/impact"
)

// WatchSource reads what is known of counts.
type WatchSource interface {
	SeriesOf(ctx context.Context, check keepwatch.CheckID) ([]keepwatch.Series, error)
	SeriesByID(ctx context.Context, id keepwatch.SeriesID) (keepwatch.Series, error)
	Hours(ctx context.Context, series keepwatch.SeriesID, from, to time.Time) ([]keepwatch.Hour, error)
	HoursOfEach(ctx context.Context, series []keepwatch.SeriesID, from, to time.Time) (map[keepwatch.SeriesID][]keepwatch.Hour, error)
	Models(ctx context.Context, series []keepwatch.SeriesID) (map[keepwatch.SeriesID]keepwatch.Model, error)
}

// Named is a subject that the configuration names, and what it hangs on.
type Named struct {
	Tenant   keepwatch.TenantID
	Subject  keepwatch.Subject
	Upstream []keepwatch.Upstream
}

// WatchFilter narrows a list of what is watched. Zero fields do not.
type WatchFilter struct {
	Tenant     string
	Credential string
	Kind       string
	State      string
	Query      string // part of the key or the name, in any case
}

// subjectKey names a subject over all tenants.
type subjectKey struct {
	tenant keepwatch.TenantID
	unit   keepwatch.MID
	id     string
}

func keyOf(tenant keepwatch.TenantID, s keepwatch.Subject) subjectKey {
	return subjectKey{tenant, s.Unit, s.ID()}
}

// Effects lists one page of what is watched, by series. What the configuration names
// and nobody has looked at is among it: a misspelt key would else look like calm.
func (r *Reader) Effects(ctx context.Context, now time.Time, f WatchFilter, page Page) (client.Page[client.Watch], error) {
	out := client.Page[client.Watch]{Items: []client.Watch{}}
	after, err := openCursor(page.Cursor)
	if err != nil {
		return out, err
	}
	if f.Tenant != "" {
		if err := r.TenantExists(keepwatch.TenantID(f.Tenant)); err != nil {
			return out, err
		}
	}
	if f.Credential != "" {
		if err := r.Exists(keepwatch.CredentialID(f.Credential)); err != nil {
			return out, err
		}
	}
	all, err := r.watches(ctx, now)
	if err != nil {
		return out, err
	}
	for _, item := range all {
		if watchKey(item) <= after || !f.matches(item) {
			continue
		}
		if len(out.Items) == page.Limit {
			next := sealCursor(watchKey(out.Items[len(out.Items)-1]))
			out.Next = &next
			break
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

func watchKey(w client.Watch) string {
	unit := ""
	if w.BusinessUnit != nil {
		unit = fmt.Sprint(*w.BusinessUnit)
	}
	return strings.Join([]string{w.Tenant, unit, w.Kind, w.Key, w.Aspect}, "\x00")
}

func (f WatchFilter) matches(w client.Watch) bool {
	for _, pair := range [][2]string{{f.Tenant, w.Tenant}, {f.Kind, w.Kind}, {f.State, w.State}} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	if f.Credential != "" && !slices.Contains(w.Credentials, f.Credential) {
		return false
	}
	q := strings.ToLower(f.Query)
	return q == "" || strings.Contains(strings.ToLower(w.Key), q) || strings.Contains(strings.ToLower(w.Name), q)
}

// watches are all of them, in the order of the list.
func (r *Reader) watches(ctx context.Context, now time.Time) ([]client.Watch, error) {
	series, err := r.from.Series.Series(ctx)
	if err != nil {
		return nil, reading("states", err)
	}
	open, err := r.openIncidents(ctx)
	if err != nil {
		return nil, err
	}
	snap := r.inventory()
	w := watcher{now: now, units: unitNames(snap), incidents: effectIncidents(open)}
	var all []client.Watch
	seen := map[subjectKey]bool{}
	for _, s := range series {
		if s.Watch != nil {
			all = append(all, w.item(s))
			seen[keyOf(s.Tenant, s.Watch.Subject)] = true
		}
	}
	for _, n := range snap.Watched {
		if !seen[keyOf(n.Tenant, n.Subject)] {
			all = append(all, w.unseen(n))
		}
	}
	slices.SortFunc(all, func(a, b client.Watch) int { return cmp.Compare(watchKey(a), watchKey(b)) })
	return all, nil
}

// watcher turns series of subjects into what is shown of them.
type watcher struct {
	now       time.Time
	units     map[unitKey]string
	incidents map[keepwatch.SeriesID]keepwatch.IncidentID
}

func unitNames(snap Snapshot) map[unitKey]string {
	names := map[unitKey]string{}
	for _, t := range snap.Tenants {
		for _, u := range t.BusinessUnits {
			names[unitKey{t.ID, u.MID}] = u.Name
		}
	}
	return names
}

// effectIncidents are the open incidents that hold an effect which still lasts.
func effectIncidents(open []keepwatch.Incident) map[keepwatch.SeriesID]keepwatch.IncidentID {
	out := map[keepwatch.SeriesID]keepwatch.IncidentID{}
	for _, inc := range open {
		for _, e := range inc.Effects {
			if e.EndedAt.IsZero() {
				out[e.Series] = inc.ID
			}
		}
	}
	return out
}

// stateOfWatch is what may be claimed of a subject now: while its baseline is being
// learnt, nothing.
func stateOfWatch(s keepwatch.Series, now time.Time) keepwatch.State {
	state := s.StateAt(now)
	if state == keepwatch.StateHealthy && s.Watch.Verdict.Learning != "" {
		return keepwatch.StateUnknown
	}
	return state
}

func (w watcher) item(s keepwatch.Series) client.Watch {
	v := s.Watch.Verdict
	item := w.named(s.Tenant, s.Watch.Subject, s.Watch.Upstream)
	item.Series, item.Aspect = string(s.ID), string(s.Watch.Aspect)
	item.State, item.Outcome = string(stateOfWatch(s, w.now)), string(s.Outcome)
	item.Since, item.NoticedAt, item.CheckedAt, item.NextCheck = timeOf(s.Since), timeOf(v.Noticed), timeOf(s.LastAt), plannedOf(s.NextProofAt)
	item.Evidence, item.Hint, item.Confidence, item.Learning, item.Expected = v.Evidence, v.Hint, v.Confidence, v.Learning, v.Expected
	if !v.Since.IsZero() && s.Outcome != keepwatch.OK {
		item.Since = timeOf(v.Since)
	}
	if id, ok := w.incidents[s.ID]; ok {
		item.Incident = new(string(id))
	}
	item.Reading = new(readingOf(s.Watch.Reading))
	return item
}

// unseen is a subject that nobody has looked at yet, or that is not found.
func (w watcher) unseen(n Named) client.Watch {
	item := w.named(n.Tenant, n.Subject, n.Upstream)
	item.State, item.Learning = string(keepwatch.StateUnknown), "It was not seen yet."
	item.Hint = "Compare the key with the one that SFMC shows; the look at this business unit says what it could not read."
	return item
}

func (w watcher) named(tenant keepwatch.TenantID, s keepwatch.Subject, up []keepwatch.Upstream) client.Watch {
	item := client.Watch{
		Tenant: string(tenant), BusinessUnit: midOf(s.Unit), UnitName: w.units[unitKey{tenant, s.Unit}],
		Kind: string(s.Kind), Key: s.Key, Name: cmp.Or(s.Name, s.Key), Credentials: []string{},
	}
	for _, u := range up {
		if !slices.Contains(item.Credentials, string(u.Credential)) {
			item.Credentials = append(item.Credentials, string(u.Credential))
		}
	}
	return item
}

// sparkDays is how far back the hours of one subject are shown.
const sparkDays = 7

// Effect reads one watched aspect with its hours and what its baseline expects.
func (r *Reader) Effect(ctx context.Context, now time.Time, id keepwatch.SeriesID) (client.WatchDetail, error) {
	s, err := r.from.Watches.SeriesByID(ctx, id)
	if err == nil && s.Watch == nil {
		err = keepwatch.ErrNotFound
	}
	if errors.Is(err, keepwatch.ErrNotFound) {
		return client.WatchDetail{}, notFound("effect", string(id))
	}
	if err != nil {
		return client.WatchDetail{}, reading("the state of a subject", err)
	}
	open, err := r.openIncidents(ctx)
	if err != nil {
		return client.WatchDetail{}, err
	}
	w := watcher{now: now, units: unitNames(r.inventory()), incidents: effectIncidents(open)}
	d := client.WatchDetail{Watch: w.item(s), Upstream: []client.Upstream{}, Hours: []client.WatchHour{}}
	for _, u := range s.Watch.Upstream {
		d.Upstream = append(d.Upstream, client.Upstream{Credential: string(u.Credential), Via: orEmpty(u.Via)})
	}
	d.Zone = cmp.Or(s.Watch.Expect.Zone, time.UTC.String())
	if err := r.addHours(ctx, &d, s, now); err != nil {
		return client.WatchDetail{}, err
	}
	return d, nil
}

// sparkHours is how far back the small picture of a subject reaches.
const sparkHours = 48

// Sparks are the last two days of several subjects, with what their baselines expect, by
// series. One whose hours nobody counts is not among them.
func (r *Reader) Sparks(ctx context.Context, now time.Time, list []client.Watch) (map[string][]client.WatchHour, error) {
	out := map[string][]client.WatchHour{}
	var ids []keepwatch.SeriesID
	for _, w := range list {
		if w.Series != "" {
			ids = append(ids, keepwatch.SeriesID(w.Series))
		}
	}
	if len(ids) == 0 || r.from.Watches == nil {
		return out, nil
	}
	models, err := r.from.Watches.Models(ctx, ids)
	if err != nil {
		return nil, reading("baselines", err)
	}
	from := now.UTC().Truncate(time.Hour).Add(-(sparkHours - 1) * time.Hour)
	hours, err := r.from.Watches.HoursOfEach(ctx, ids, from, now)
	if err != nil {
		return nil, reading("the hours of subjects", err)
	}
	for id, list := range hours {
		out[string(id)] = watchHours(list, models[id])
	}
	return out, nil
}

func watchHours(hours []keepwatch.Hour, model keepwatch.Model) []client.WatchHour {
	out := []client.WatchHour{}
	for _, h := range hours {
		item := client.WatchHour{Start: h.Start.UTC(), Amount: h.Amount, ObservedSeconds: h.Observed.Seconds()}
		if len(model.Cells) > 0 { // it may stand for what is not enough yet
			low, mid, high := detect.Expected(&model, nil, h.Start, h.Start.Add(time.Hour))
			item.Low, item.Mid, item.High = &low, &mid, &high
		}
		out = append(out, item)
	}
	return out
}

func zoneNamed(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}

func (r *Reader) addHours(ctx context.Context, d *client.WatchDetail, s keepwatch.Series, now time.Time) error {
	from := now.UTC().Truncate(time.Hour).Add(-(sparkDays*24 - 1) * time.Hour)
	hours, err := r.from.Watches.Hours(ctx, s.ID, from, now)
	if err != nil {
		return reading("the hours of a subject", err)
	}
	models, err := r.from.Watches.Models(ctx, []keepwatch.SeriesID{s.ID})
	if err != nil {
		return reading("the baseline of a subject", err)
	}
	model := models[s.ID]
	if len(model.Cells) > 0 {
		d.Model = timeOf(model.FittedAt)
	}
	d.Hours = watchHours(hours, model)
	return nil
}

// dependents are a credential's own, each with the worst of what is seen of it.
func (r *Reader) dependents(ctx context.Context, e *estate, c keepwatch.Credential) ([]client.Dependent, error) {
	out := []client.Dependent{}
	named := map[subjectKey]bool{}
	for _, n := range e.snap.Watched {
		named[keyOf(n.Tenant, n.Subject)] = true
	}
	watches, err := r.watchesOf(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, h := range r.hangingOn(c) {
		key := keyOf(c.Tenant, h.Subject)
		d := client.Dependent{
			Kind: string(h.Kind), Key: h.Key, Watched: named[key], State: string(keepwatch.StateUnknown),
			Via: orEmpty(viaOf(h.Upstream, c.ID)), OnOutage: h.Expect.OnOutage, ContactsPerDay: h.Expect.ContactsPerDay,
		}
		for i, s := range watches[key] {
			state := string(stateOfWatch(s, e.now))
			if i > 0 && stateRank(state) >= stateRank(d.State) {
				continue
			}
			d.Name, d.State, d.Outcome, d.Since, d.Series = s.Watch.Subject.Name, state, string(s.Outcome), timeOf(s.Since), string(s.ID)
			d.Evidence = cmp.Or(s.Watch.Verdict.Evidence, s.Watch.Verdict.Learning)
		}
		out = append(out, d)
	}
	return out, nil
}

// hangingOn are a credential's dependents as its record names them, then what hangs on
// it through those.
func (r *Reader) hangingOn(c keepwatch.Credential) []impact.Subject {
	known := map[subjectKey]impact.Subject{}
	var further []impact.Subject
	for _, s := range r.dependentsOf(c.Tenant, c.ID) {
		known[keyOf(c.Tenant, s.Subject)] = s
	}
	out := make([]impact.Subject, 0, len(c.Dependents))
	own := map[subjectKey]bool{}
	for _, dep := range c.Dependents {
		s := impact.Subject{
			Subject: keepwatch.Subject{Kind: keepwatch.SubjectKind(dep.Kind), Key: dep.Key, Unit: c.BusinessUnit},
			Expect:  keepwatch.Expectation{OnOutage: dep.OnOutage, ContactsPerDay: dep.ContactsPerDay},
		}
		own[keyOf(c.Tenant, s.Subject)] = true
		out = append(out, s)
	}
	for key, s := range known {
		if !own[key] && len(viaOf(s.Upstream, c.ID)) > 0 {
			further = append(further, s)
		}
	}
	slices.SortFunc(further, func(a, b impact.Subject) int { return cmp.Compare(a.ID(), b.ID()) })
	return append(out, further...)
}

// viaOf is what lies between a credential and a subject; nil: nothing.
func viaOf(up []keepwatch.Upstream, id keepwatch.CredentialID) []string {
	for _, u := range up {
		if u.Credential == id {
			return u.Via
		}
	}
	return nil
}

// watchesOf are the series of the subjects in a credential's business unit, of the
// families that its dependents belong to.
func (r *Reader) watchesOf(ctx context.Context, c keepwatch.Credential) (map[subjectKey][]keepwatch.Series, error) {
	out := map[subjectKey][]keepwatch.Series{}
	if r.from.Watches == nil || len(c.Dependents) == 0 { // nothing hangs on it through others either
		return out, nil
	}
	for _, f := range keepwatch.Families {
		series, err := r.from.Watches.SeriesOf(ctx, keepwatch.EffectsCheck(c.Tenant, c.BusinessUnit, f))
		if err != nil {
			return nil, reading("what hangs on a credential", err)
		}
		for _, s := range series {
			if s.Watch != nil {
				key := keyOf(s.Tenant, s.Watch.Subject)
				out[key] = append(out[key], s)
			}
		}
	}
	return out, nil
}
