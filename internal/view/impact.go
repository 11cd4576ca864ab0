package view

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/detect"
	"keepwatch/internal/impact"
)

// ImpactSource reads what incidents cost, as it was worked out last.
type ImpactSource interface {
	Impacts(ctx context.Context, incidents ...keepwatch.IncidentID) (map[keepwatch.IncidentID]keepwatch.Impact, error)
}

// Assess works out what an incident costs as far as it is known at now.
func (r *Reader) Assess(ctx context.Context, now time.Time, inc keepwatch.Incident) (keepwatch.Impact, error) {
	c, err := r.caseOf(ctx, now, inc)
	if err != nil {
		return keepwatch.Impact{}, err
	}
	return impact.Of(c), nil
}

// mostSubjects caps how much of what hangs on an incident is worked out: an outage of
// the platform hits everything there is.
const mostSubjects = 1000

// caseOf gathers what is known of an incident.
func (r *Reader) caseOf(ctx context.Context, now time.Time, inc keepwatch.Incident) (impact.Case, error) {
	c := impact.Case{Now: now, Incident: inc}
	known := counts{from: r.from.Watches}
	tenants := tenantsOf(inc, r.inventory())
	c.Unit = currencyOf(r.inventory(), tenants)
	seen := map[subjectKey]bool{} // an effect without a name of its own would count in each tenant
	for _, t := range tenants {
		for _, s := range r.hanging(inc, t) {
			if len(c.Subjects) == mostSubjects || seen[keyOf("", s.Subject)] {
				continue
			}
			seen[keyOf("", s.Subject)] = true
			if err := known.look(ctx, &s, t, inc, now); err != nil {
				return c, reading("what is known of "+s.Subject.String(), err)
			}
			c.Subjects = append(c.Subjects, s)
		}
	}
	for i := range c.Subjects {
		if err := r.readings(ctx, &c.Subjects[i], inc); err != nil {
			return c, err
		}
	}
	c.Volume, c.Came = known.volume, known.came
	var err error
	c.LastFailedAt, err = r.lastFailed(ctx, inc)
	return c, err
}

// currencyOf is what values are counted in; "" where tenants differ.
func currencyOf(snap Snapshot, tenants []keepwatch.TenantID) string {
	var units []string
	for _, t := range snap.Tenants {
		if slices.Contains(tenants, t.ID) {
			units = append(units, t.Currency)
		}
	}
	slices.Sort(units)
	if units = slices.Compact(units); len(units) != 1 {
		return ""
	}
	return units[0]
}

// tenantsOf are the tenants that an incident touches.
func tenantsOf(inc keepwatch.Incident, snap Snapshot) []keepwatch.TenantID {
	if inc.Tenant != "" {
		return []keepwatch.TenantID{inc.Tenant}
	}
	var out []keepwatch.TenantID
	for _, c := range snap.Credentials {
		if c.ID == inc.Credential || slices.ContainsFunc(inc.Members, func(m keepwatch.Member) bool { return m.Credential == c.ID }) {
			out = append(out, c.Tenant)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hanging are the subjects that hang on the incident's credentials, and those that
// its effects are about, although nobody named them.
func (r *Reader) hanging(inc keepwatch.Incident, tenant keepwatch.TenantID) []impact.Subject {
	var out []impact.Subject
	about := map[subjectKey]bool{}
	for _, e := range inc.Effects {
		about[keyOf(tenant, e.Subject)] = true
	}
	hit := map[keepwatch.CredentialID]bool{inc.Credential: inc.Credential != ""}
	for _, m := range inc.Members {
		hit[m.Credential] = m.Credential != ""
	}
	if depends := r.inventory().Depends; depends != nil {
		for _, s := range depends(tenant) {
			key := keyOf(tenant, s.Subject)
			if about[key] || slices.ContainsFunc(s.Upstream, func(u keepwatch.Upstream) bool { return hit[u.Credential] }) {
				delete(about, key)
				out = append(out, s)
			}
		}
	}
	for _, e := range inc.Effects {
		if key := keyOf(tenant, e.Subject); about[key] {
			delete(about, key)
			out = append(out, impact.Subject{Subject: e.Subject})
		}
	}
	return out
}

// counted is the aspect of a subject that is a number of contacts.
func counted(k keepwatch.SubjectKind) (keepwatch.Family, keepwatch.Aspect) {
	switch k {
	case keepwatch.SubjectJourney:
		return keepwatch.FamilyJourneys, keepwatch.AspectEntry
	case keepwatch.SubjectDataExtension:
		return keepwatch.FamilyDataExtensions, keepwatch.AspectRows
	case keepwatch.SubjectAutomation:
		return keepwatch.FamilyAutomations, keepwatch.AspectRuns
	case keepwatch.SubjectTriggeredSend:
		return keepwatch.FamilySends, keepwatch.AspectVolume
	}
	return keepwatch.FamilyQueues, keepwatch.AspectVolume
}

// counts are the baselines and the hours of the subjects of one incident.
type counts struct {
	from  WatchSource
	known map[subjectKey]baseline
}

// baseline is what is known of one count.
type baseline struct {
	model keepwatch.Model
	zone  *time.Location
	hours []keepwatch.Hour
}

// look reads a subject's baseline, and its hours while the incident lasted. Rows and
// runs are no contacts: of those it is only asked whether somebody looks.
func (c *counts) look(ctx context.Context, s *impact.Subject, tenant keepwatch.TenantID, inc keepwatch.Incident, now time.Time) error {
	if c.from == nil {
		return nil
	}
	family, aspect := counted(s.Kind)
	id := keepwatch.SeriesOf(keepwatch.EffectsCheck(tenant, s.Unit, family), keepwatch.SubjectSeries(s.Subject, aspect))
	models, err := c.from.Models(ctx, []keepwatch.SeriesID{id})
	if err != nil {
		return err
	}
	model, has := models[id]
	s.Watched = has
	if !s.Watched {
		if s.Watched, err = exists(ctx, c.from, id); err != nil {
			return err
		}
	}
	if !has || aspect != keepwatch.AspectEntry && aspect != keepwatch.AspectVolume {
		return nil
	}
	n := baseline{model: model, zone: zoneNamed(s.Expect.Zone)}
	if n.hours, err = c.from.Hours(ctx, id, beginning(inc).Truncate(time.Hour), now); err != nil {
		return err
	}
	if c.known == nil {
		c.known = map[subjectKey]baseline{}
	}
	c.known[keyOf("", s.Subject)] = n
	return nil
}

func exists(ctx context.Context, from WatchSource, id keepwatch.SeriesID) (bool, error) {
	s, err := from.SeriesByID(ctx, id)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return false, nil
	}
	return err == nil && s.Watch != nil, err
}

// beginning is the earliest instant that may matter to an incident.
func beginning(inc keepwatch.Incident) time.Time {
	first := inc.FirstFailedAt
	for _, t := range []time.Time{inc.LastProvenAt, inc.DetectedAt} {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	for _, e := range inc.Effects {
		if !e.Since.IsZero() && e.Since.Before(first) {
			first = e.Since
		}
	}
	return first
}

func (c *counts) volume(s keepwatch.Subject, from, to time.Time) (low, mid, high float64, source string) {
	n, ok := c.known[keyOf("", s)]
	if !ok {
		return 0, 0, 0, ""
	}
	low, mid, high = detect.Expected(&n.model, n.zone, from, to)
	return low, mid, high, impact.Baseline
}

// came counts whole hours that lie within the span and were seen from one end to the
// other: an hour that the outage cuts has what came before it, too.
func (c *counts) came(s keepwatch.Subject, from, to time.Time) (n int64, since, until time.Time) {
	for _, h := range c.known[keyOf("", s)].hours {
		end := h.Start.Add(time.Hour)
		if h.Start.Before(from) || end.After(to) || h.Observed < 55*time.Minute {
			continue
		}
		if !until.IsZero() && !until.Equal(h.Start) {
			break // a gap: what was not seen is not counted as none
		}
		if since.IsZero() {
			since = h.Start
		}
		n, until = n+h.Amount, end
	}
	return n, since, until
}

// readings are those of a subject's effects while they lasted.
func (r *Reader) readings(ctx context.Context, s *impact.Subject, inc keepwatch.Incident) error {
	for _, e := range inc.Effects {
		if keyOf("", e.Subject) != keyOf("", s.Subject) || e.Series == "" {
			continue
		}
		// The runs of a series are those of the check that is called like it.
		list, _, err := r.from.Results.Results(ctx, keepwatch.CheckID(e.Series), Page{Limit: 1000})
		if err != nil {
			return reading("the readings of "+s.Subject.String(), err)
		}
		for _, res := range slices.Backward(list) {
			if res.Watch != nil && !res.At.Before(e.Since) && (e.EndedAt.IsZero() || !res.At.After(e.EndedAt)) {
				s.Readings = append(s.Readings, *res.Watch)
			}
		}
	}
	slices.SortStableFunc(s.Readings, func(a, b keepwatch.Watch) int { return a.Reading.At.Compare(b.Reading.At) })
	s.Backlog = backlogOf(s.Readings)
	return nil
}

// backlogOf is what callers said that they hold back, when it was most. Several holders
// may feed one subject; each counts with the most that it said.
func backlogOf(readings []keepwatch.Watch) *impact.Backlog {
	most := map[string]impact.Backlog{}
	for _, r := range readings {
		q := r.Reading.Send
		if r.Aspect != keepwatch.AspectBacklog || q == nil || q.Queued == nil || *q.Queued <= most[q.Holder].Depth {
			continue
		}
		b := impact.Backlog{Holder: q.Holder, At: r.Reading.At, Depth: *q.Queued}
		if q.Oldest != nil {
			b.Oldest = *q.Oldest
		}
		most[q.Holder] = b
	}
	var out *impact.Backlog
	for _, holder := range slices.Sorted(maps.Keys(most)) {
		b := most[holder]
		if out == nil {
			out = &b
			continue
		}
		out.Holder += " and " + b.Holder
		out.Depth, out.Oldest = out.Depth+b.Depth, max(out.Oldest, b.Oldest)
		if b.At.After(out.At) {
			out.At = b.At
		}
	}
	return out
}

// lastFailed is the newest failure before the proof that ended an incident. Single
// runs are kept for a week; the figures of an incident are final before that.
func (r *Reader) lastFailed(ctx context.Context, inc keepwatch.Incident) (time.Time, error) {
	end, id := inc.RestoredAt, inc.Credential
	if end.IsZero() {
		end = inc.ResolvedAt
	}
	if id == "" && len(inc.Members) > 0 {
		id = inc.Members[0].Credential
	}
	if end.IsZero() || id == "" {
		return time.Time{}, nil
	}
	list, _, err := r.from.Results.Results(ctx, keepwatch.CheckID(id), Page{Limit: 200})
	if err != nil {
		return time.Time{}, reading(fmt.Sprintf("results of %q", id), err)
	}
	for _, res := range list {
		if res.At.Before(end) && res.Outcome != keepwatch.OK && res.Outcome != keepwatch.MonitorFault {
			return res.At, nil
		}
	}
	return time.Time{}, nil
}

// addCosts fills in what incidents cost, as it was worked out last.
func (r *Reader) addCosts(ctx context.Context, list []client.Incident) error {
	if r.from.Impacts == nil || len(list) == 0 {
		return nil
	}
	ids := make([]keepwatch.IncidentID, len(list))
	for i := range list {
		ids[i] = keepwatch.IncidentID(list[i].ID)
	}
	known, err := r.from.Impacts.Impacts(ctx, ids...)
	if err != nil {
		return reading("what incidents cost", err)
	}
	for i := range list {
		addCost(&list[i], known[ids[i]])
	}
	return nil
}

func addCost(inc *client.Incident, cost keepwatch.Impact) {
	inc.Cost = impact.Headline(cost)
	for _, f := range cost.Figures {
		if f.Subject == "" {
			inc.Impact[f.Name] = figureOf(f)
		}
	}
}

func figureOf(f keepwatch.Figure) client.Figure {
	return client.Figure{Low: f.Low, Mid: f.Mid, High: f.High, Unit: f.Unit, Formula: f.Formula, Source: f.Source}
}

// impactOf is what an incident cost: as it was worked out last, else now.
func (r *Reader) impactOf(ctx context.Context, c impact.Case) (keepwatch.Impact, error) {
	i, err := r.kept(ctx, c.Incident)
	if err == nil && !i.Final && (i.At.IsZero() || c.Incident.Status == keepwatch.IncidentResolved) {
		i = impact.Of(c)
	}
	return i, err
}

// addImpact fills in the figures of one incident, and what is to do after it.
func (r *Reader) addImpact(ctx context.Context, d *client.IncidentDetail, inc keepwatch.Incident, now time.Time) error {
	c, err := r.caseOf(ctx, now, inc)
	if err != nil {
		return err
	}
	cost, err := r.impactOf(ctx, c)
	if err != nil {
		return err
	}
	addCost(&d.Incident, cost)
	d.Figures, d.Actions, d.FiguresStay = []client.SubjectFigure{}, []client.Action{}, cost.Final
	if len(cost.Figures) > 0 {
		d.FiguresAt = timeOf(cost.At)
	}
	for _, f := range cost.Figures {
		d.Figures = append(d.Figures, client.SubjectFigure{Name: f.Name, Subject: f.Subject, Figure: figureOf(f)})
	}
	for _, a := range impact.Actions(c) {
		d.Actions = append(d.Actions, client.Action{Kind: a.Kind, Subject: a.Subject, Text: a.Text, Until: timeOf(a.Until), Done: a.Done})
	}
	return nil
}

// dependentsOf are the subjects that hang on one credential.
func (r *Reader) dependentsOf(tenant keepwatch.TenantID, id keepwatch.CredentialID) []impact.Subject {
	return r.hanging(keepwatch.Incident{Credential: id}, tenant)
}

// sumsOf are an impact's figures of the whole incident, by name.
func sumsOf(i keepwatch.Impact) map[string]client.Figure {
	out := map[string]client.Figure{}
	for _, f := range i.Figures {
		if f.Subject == "" {
			out[f.Name] = figureOf(f)
		}
	}
	return out
}

// Say renders a figure for people: "about 1,667 contacts (1,615 to 1,719)".
func Say(f client.Figure) string {
	return impact.Say(keepwatch.Figure{Low: f.Low, Mid: f.Mid, High: f.High, Unit: f.Unit})
}
