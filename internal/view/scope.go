package view

import (
	"context"
	"errors"
	"slices"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/impact"
)

// For is a reader of the part of the estate that somebody may see. What lies outside
// of it is not there: it answers exactly as for an id that does not exist. Nobody sees
// nothing.
//
// The part is cut out of the sources, not of the answers: what a new question finds
// is narrow without doing anything for it.
func (r *Reader) For(who auth.Principal) *Reader {
	if who.Everywhere(auth.Viewer) {
		return r
	}
	p := newPart(who, r.inventory())
	narrow := *r
	narrow.part = true
	narrow.inventory = func() Snapshot { return p.snap }
	narrow.from.Series = partSeries{r.from.Series, p}
	narrow.from.Incidents = partIncidents{r.from.Incidents, p}
	narrow.from.Deliveries = partDeliveries{r.from.Deliveries, p}
	if r.from.Watches != nil {
		narrow.from.Watches = partWatches{r.from.Watches, p}
	}
	if r.from.Impacts != nil {
		narrow.from.Impacts = partImpacts{r.from.Impacts, r.from.Incidents, p}
	}
	return &narrow
}

// part is what one person may see.
type part struct {
	who         auth.Principal
	snap        Snapshot
	credentials map[keepwatch.CredentialID]bool
	subjects    map[subjectKey]bool
}

func newPart(who auth.Principal, whole Snapshot) part {
	p := part{who: who, snap: whole, credentials: map[keepwatch.CredentialID]bool{}, subjects: map[subjectKey]bool{}}
	p.snap.Credentials = nil
	units := map[unitKey]bool{}
	for _, c := range whole.Credentials {
		if who.May(auth.Viewer, c.Tenant, c.Owner.Team) {
			p.snap.Credentials = append(p.snap.Credentials, c)
			p.credentials[c.ID], units[unitKey{c.Tenant, c.BusinessUnit}], units[unitKey{tenant: c.Tenant}] = true, true, true
		}
	}
	p.snap.Tenants = p.tenants(whole.Tenants, units)
	p.snap.Watched = nil
	for _, n := range whole.Watched {
		if n.Upstream = p.upstream(n.Upstream); p.whole(n.Tenant) || len(n.Upstream) > 0 {
			p.snap.Watched = append(p.snap.Watched, n)
		}
	}
	if whole.Depends != nil {
		p.snap.Depends = func(t keepwatch.TenantID) []impact.Subject { return p.hanging(whole.Depends(t)) }
	}
	for _, t := range p.snap.Tenants {
		p.know(t.ID)
	}
	return p
}

// whole reports whether a tenant may be seen as a whole: no team is nobody's.
func (p part) whole(t keepwatch.TenantID) bool { return p.who.May(auth.Viewer, t, "") }

// tenants are those in which something may be seen, with the business units in which
// something may be seen.
func (p part) tenants(all []keepwatch.Tenant, units map[unitKey]bool) []keepwatch.Tenant {
	var out []keepwatch.Tenant
	for _, t := range all {
		if !p.whole(t.ID) {
			if !units[unitKey{tenant: t.ID}] {
				continue
			}
			t.BusinessUnits = slices.DeleteFunc(slices.Clone(t.BusinessUnits), func(u keepwatch.BusinessUnit) bool { return !units[unitKey{t.ID, u.MID}] })
		}
		out = append(out, t)
	}
	return out
}

func (p part) upstream(all []keepwatch.Upstream) []keepwatch.Upstream {
	return slices.DeleteFunc(slices.Clone(all), func(u keepwatch.Upstream) bool { return !p.credentials[u.Credential] })
}

func (p part) hanging(all []impact.Subject) []impact.Subject {
	var out []impact.Subject
	for _, s := range all {
		if s.Upstream = p.upstream(s.Upstream); len(s.Upstream) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// know notes the subjects of a tenant that hang on what may be seen.
func (p part) know(t keepwatch.TenantID) {
	for _, n := range p.snap.Watched {
		if n.Tenant == t {
			p.subjects[keyOf(t, n.Subject)] = true
		}
	}
	if p.snap.Depends == nil {
		return
	}
	for _, s := range p.snap.Depends(t) {
		p.subjects[keyOf(t, s.Subject)] = true
	}
}

func (p part) subject(t keepwatch.TenantID, s keepwatch.Subject) bool {
	return p.whole(t) || p.subjects[keyOf(t, s)]
}

// series reports whether a line of observations is about something that may be seen.
func (p part) series(s keepwatch.Series) bool {
	switch {
	case s.Watch != nil:
		return p.subject(s.Tenant, s.Watch.Subject)
	case s.Credential != "":
		return p.credentials[s.Credential]
	}
	return s.Tenant != "" && p.whole(s.Tenant)
}

// incident is an incident as far as it may be seen. One that others share keeps what
// is said of everybody's trouble, and loses the words that may name who they are.
func (p part) incident(inc keepwatch.Incident) (keepwatch.Incident, bool) {
	if inc.Credential != "" && !p.credentials[inc.Credential] || inc.Scope == keepwatch.ScopeMonitor {
		return inc, false
	}
	if inc.Tenant != "" && p.whole(inc.Tenant) {
		return inc, true
	}
	hidden := 0
	inc.Members = slices.DeleteFunc(slices.Clone(inc.Members), func(m keepwatch.Member) bool { return p.drop(!p.credentials[m.Credential], &hidden) })
	inc.Effects = slices.DeleteFunc(slices.Clone(inc.Effects), func(e keepwatch.Effect) bool { return p.drop(!p.subject(inc.Tenant, e.Subject), &hidden) })
	inc.Causes = slices.DeleteFunc(slices.Clone(inc.Causes), func(c keepwatch.Cause) bool {
		return p.drop(c.Credential != "" && !p.credentials[c.Credential], &hidden)
	})
	if inc.Credential == "" && len(inc.Members) == 0 && len(inc.Effects) == 0 {
		return inc, false
	}
	if hidden > 0 && inc.Credential == "" {
		inc.Message, inc.Evidence = Capital(inc.Outcome.Info().Meaning)+". It concerns others, too.", ""
	}
	return inc, true
}

func (p part) drop(hide bool, hidden *int) bool {
	if hide {
		*hidden++
	}
	return hide
}

type partSeries struct {
	SeriesSource
	part part
}

func (s partSeries) Series(ctx context.Context) ([]keepwatch.Series, error) {
	return s.keep(s.SeriesSource.Series(ctx))
}

func (s partSeries) PlainSeries(ctx context.Context) ([]keepwatch.Series, error) {
	return s.keep(s.SeriesSource.PlainSeries(ctx))
}

func (s partSeries) keep(all []keepwatch.Series, err error) ([]keepwatch.Series, error) {
	return slices.DeleteFunc(slices.Clone(all), func(x keepwatch.Series) bool { return !s.part.series(x) }), err
}

type partIncidents struct {
	IncidentSource
	part part
}

// Incidents are those that may be seen, and of each what may be seen of it.
func (s partIncidents) Incidents(ctx context.Context, f IncidentFilter, page Page) ([]keepwatch.Incident, string, error) {
	return sifted(page, s.part.incident, func(p Page) ([]keepwatch.Incident, string, error) { return s.IncidentSource.Incidents(ctx, f, p) })
}

// pageOf reads one page of a list: its items, and the cursor of the next page.
type pageOf[T any] func(Page) ([]T, string, error)

// sifted fills a page with what may be seen: what may not leaves no gap that could be
// counted, and no next page that would be empty.
func sifted[T any](page Page, sees func(T) (T, bool), read pageOf[T]) ([]T, string, error) {
	var out []T
	for {
		// One at a time near the end, since the cursor stands behind what was read.
		some, next, err := read(Page{Limit: max(page.Limit-len(out), 1), Cursor: page.Cursor})
		if err != nil {
			return nil, "", err
		}
		for _, x := range some {
			if x, ok := sees(x); ok {
				out = append(out, x)
			}
		}
		if next == "" || page.Limit > 0 && len(out) >= page.Limit {
			return out, siftedNext(next, sees, read), nil
		}
		page.Cursor = next
	}
}

// siftedNext is the cursor of the next page, unless nothing behind it may be seen.
func siftedNext[T any](next string, sees func(T) (T, bool), read pageOf[T]) string {
	for at := next; at != ""; {
		some, after, err := read(Page{Limit: 200, Cursor: at})
		if err != nil {
			return next // the page itself will say what is wrong
		}
		if slices.ContainsFunc(some, func(x T) bool { _, ok := sees(x); return ok }) {
			return next
		}
		at = after
	}
	return ""
}

func (s partIncidents) Incident(ctx context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error) {
	inc, err := s.IncidentSource.Incident(ctx, id)
	if err != nil && !errors.Is(err, keepwatch.ErrNotFound) {
		return inc, err
	}
	inc, ok := s.part.incident(inc)
	if err != nil || !ok { // the one and the other in the same words
		return keepwatch.Incident{}, notFound("incident", string(id))
	}
	return inc, nil
}

// Transitions of an incident that others share say what happened, and not to whom.
func (s partIncidents) Transitions(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.Transition, error) {
	seen, err := s.Incident(ctx, id)
	if err != nil {
		return nil, err
	}
	whole, err := s.IncidentSource.Incident(ctx, id)
	if err != nil {
		return nil, err
	}
	all, err := s.IncidentSource.Transitions(ctx, id)
	if err != nil || (len(seen.Members) == len(whole.Members) && len(seen.Effects) == len(whole.Effects) && len(seen.Causes) == len(whole.Causes)) {
		return all, err
	}
	var out []keepwatch.Transition
	for _, t := range all {
		switch t.Kind {
		case keepwatch.Joined, keepwatch.Left, keepwatch.Affected, keepwatch.Relieved, keepwatch.Merged:
			continue
		}
		if t.Kind == keepwatch.Noted && t.By != s.part.who.Name {
			continue // its words may name the others
		}
		if t.Kind != keepwatch.Noted {
			t.Detail = ""
		}
		out = append(out, t)
	}
	return out, nil
}

type partWatches struct {
	WatchSource
	part part
}

func (s partWatches) SeriesOf(ctx context.Context, check keepwatch.CheckID) ([]keepwatch.Series, error) {
	all, err := s.WatchSource.SeriesOf(ctx, check)
	return slices.DeleteFunc(slices.Clone(all), func(x keepwatch.Series) bool { return !s.part.series(x) }), err
}

func (s partWatches) SeriesByID(ctx context.Context, id keepwatch.SeriesID) (keepwatch.Series, error) {
	x, err := s.WatchSource.SeriesByID(ctx, id)
	if errors.Is(err, keepwatch.ErrNotFound) || err == nil && !s.part.series(x) {
		return keepwatch.Series{}, notFound("series", string(id))
	}
	return x, err
}

type partImpacts struct {
	ImpactSource
	incidents IncidentSource
	part      part
}

// Impacts keeps a sum only where all that it sums up may be seen.
func (s partImpacts) Impacts(ctx context.Context, ids ...keepwatch.IncidentID) (map[keepwatch.IncidentID]keepwatch.Impact, error) {
	all, err := s.ImpactSource.Impacts(ctx, ids...)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for k := range s.part.subjects {
		names[k.id] = true
	}
	for id, i := range all {
		inc, err := s.incidents.Incident(ctx, id)
		if err != nil {
			return nil, err
		}
		if inc.Tenant != "" && s.part.whole(inc.Tenant) {
			continue
		}
		hidden := 0
		figures := slices.DeleteFunc(slices.Clone(i.Figures), func(f keepwatch.Figure) bool { return s.part.drop(f.Subject != "" && !names[f.Subject], &hidden) })
		if hidden > 0 {
			figures = slices.DeleteFunc(figures, func(f keepwatch.Figure) bool { return f.Subject == "" })
		}
		i.Figures = figures
		all[id] = i
	}
	return all, nil
}
