package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/scan"
	"keepwatch/internal/store"
)

// IncidentSearch chooses incidents. Zero fields choose all.
type IncidentSearch struct {
	IncidentFilter
	Outcome string
	Owner   string // team
	Query   string // part of the title, the id, the message or a credential, in any case
}

// Incidents lists one page of incidents, newest first.
func (r *Reader) Incidents(ctx context.Context, f IncidentSearch, page Page) (client.Page[client.Incident], error) {
	out := client.Page[client.Incident]{Items: []client.Incident{}}
	owners := r.owners()
	page.Limit = cmp.Or(page.Limit, 50)
	var last keepwatch.Incident
	for ask := page; ; {
		// What the store cannot choose by is chosen here, and one more than the page holds
		// tells whether another one follows.
		ask.Limit = page.Limit + 1
		if f.narrow() {
			ask.Limit = searchRows
		}
		list, next, err := r.from.Incidents.Incidents(ctx, f.IncidentFilter, ask)
		if err != nil {
			return out, reading("incidents", err)
		}
		for _, inc := range list {
			item := incidentOf(inc, owners)
			if !f.matches(item, owners) {
				continue
			}
			if len(out.Items) == page.Limit {
				out.Next = new(store.IncidentCursor(last))
				return out, r.addCosts(ctx, out.Items)
			}
			out.Items, last = append(out.Items, item), inc
		}
		if next == "" {
			return out, r.addCosts(ctx, out.Items)
		}
		ask.Cursor = next
	}
}

// OutcomeExists reports a name that is no outcome: a misspelt filter must not read as
// none. An empty one chooses all.
func OutcomeExists(name string) error {
	if name == "" || keepwatch.Outcome(name).Known() {
		return nil
	}
	return keepwatch.WithHint(fmt.Errorf("%.80q is no outcome: %w", name, keepwatch.ErrInvalid), "docs/outcomes.md lists them, such as expiring or bad_secret_or_package")
}

// searchRows is how many incidents are read at a time when some of them are looked for.
const searchRows = 500

func (f IncidentSearch) narrow() bool { return f.Outcome != "" || f.Owner != "" || f.Query != "" }

func (f IncidentSearch) matches(inc client.Incident, owners map[keepwatch.CredentialID]string) bool {
	if f.Outcome != "" && inc.Outcome != f.Outcome {
		return false
	}
	if f.Owner != "" && !slices.ContainsFunc(inc.Members, func(id string) bool { return owners[keepwatch.CredentialID(id)] == f.Owner }) {
		return false
	}
	q := strings.ToLower(f.Query)
	if q == "" {
		return true
	}
	return slices.ContainsFunc(append([]string{inc.Title, inc.ID, inc.Message, inc.Owner}, inc.Members...), func(text string) bool {
		return strings.Contains(strings.ToLower(text), q)
	})
}

// Incident reads one incident with its timeline, what it cost and the messages it
// caused.
func (r *Reader) Incident(ctx context.Context, now time.Time, id keepwatch.IncidentID) (client.IncidentDetail, error) {
	inc, err := r.from.Incidents.Incident(ctx, id)
	if err != nil {
		return client.IncidentDetail{}, reading(fmt.Sprintf("incident %q", id), err)
	}
	transitions, err := r.from.Incidents.Transitions(ctx, id)
	if err != nil {
		return client.IncidentDetail{}, reading(fmt.Sprintf("the timeline of %q", id), err)
	}
	deliveries, err := r.from.Deliveries.Deliveries(ctx, id)
	if err != nil {
		return client.IncidentDetail{}, reading(fmt.Sprintf("the messages of %q", id), err)
	}
	owners := r.owners()
	d := client.IncidentDetail{
		Incident:   incidentOf(inc, owners),
		Membership: []client.Member{}, Timeline: []client.Transition{}, Deliveries: []client.Delivery{},
	}
	for _, m := range inc.Members {
		d.Membership = append(d.Membership, client.Member{
			Credential: string(m.Credential), Owner: owners[m.Credential], Outcome: string(m.Outcome),
			Since: timeOf(m.Since), EndedAt: timeOf(m.EndedAt),
		})
	}
	for _, t := range transitions {
		d.Timeline = append(d.Timeline, client.Transition{
			Seq: t.Seq, Kind: string(t.Kind), At: t.At.UTC(), Reason: t.Reason, Detail: t.Detail, By: t.By,
		})
	}
	for _, del := range deliveries {
		d.Deliveries = append(d.Deliveries, deliveryOf(del))
	}
	if err = r.addImpact(ctx, &d, inc, now); err != nil {
		return d, err
	}
	if err = r.addTold(ctx, &d, inc, deliveries, now); err != nil {
		return d, err
	}
	d.Gist = r.gist(d, now)
	return d, nil
}

// IncidentOf turns one incident into what is shown of it.
func (r *Reader) IncidentOf(inc keepwatch.Incident) client.Incident {
	return incidentOf(inc, r.owners())
}

func (r *Reader) owners() map[keepwatch.CredentialID]string {
	e := estate{snap: r.inventory()}
	return e.owners()
}

func incidentOf(inc keepwatch.Incident, owners map[keepwatch.CredentialID]string) client.Incident {
	out := client.Incident{
		ID: string(inc.ID), Title: title(inc), Scope: string(inc.Scope),
		Members: members(inc), Tenant: string(inc.Tenant), Place: string(inc.Place),
		Outcome: string(inc.Outcome), Category: string(inc.Category),
		Severity: string(inc.Severity), Status: string(inc.Status),
		Message: inc.Message, Hint: inc.Hint, Evidence: inc.Evidence,
		LastProvenAt: timeOf(inc.LastProvenAt), FirstFailedAt: timeOf(inc.FirstFailedAt),
		DetectedAt: timeOf(inc.DetectedAt), NotifiedAt: timeOf(inc.NotifiedAt),
		AcknowledgedAt: timeOf(inc.AcknowledgedAt), AcknowledgedBy: inc.AcknowledgedBy,
		RestoredAt: timeOf(inc.RestoredAt), ResolvedAt: timeOf(inc.ResolvedAt),
		Cause: causeOf(inc), Effects: effectsOf(inc), Impact: map[string]client.Figure{},
	}
	out.Owner = ownersOf(out.Members, owners)
	if inc.Scope == keepwatch.ScopeCredential && inc.Credential != "" {
		id := string(inc.Credential)
		out.Credential = &id
	}
	if inc.MergedInto != "" {
		id := string(inc.MergedInto)
		out.MergedInto = &id
	}
	return out
}

// StoredIncident is an incident as it is kept, as far as it may be seen: what decides
// over it asks for more than is shown.
func (r *Reader) StoredIncident(ctx context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error) {
	inc, err := r.from.Incidents.Incident(ctx, id)
	if err != nil {
		err = reading(fmt.Sprintf("incident %q", id), err)
	}
	return inc, err
}

// title names the incident by its subject: whose trouble, then which.
func title(inc keepwatch.Incident) string {
	what := Words(string(inc.Outcome))
	if subject := scanned(inc); subject != "" {
		return subject + ": " + what
	}
	switch inc.Scope {
	case keepwatch.ScopeCredential:
		return string(inc.Credential) + ": " + what
	case keepwatch.ScopePlatform:
		return "Salesforce: " + what
	case keepwatch.ScopeTenant:
		return "Tenant " + string(inc.Tenant) + ": " + what
	case keepwatch.ScopePlace:
		return "From " + placeName(inc.Place) + " to tenant " + string(inc.Tenant) + ": " + what
	case keepwatch.ScopeMonitor:
		return "Keepwatch itself: " + what
	}
	return Capital(what)
}

// scanned is what a scan found the incident on; "" for all others.
func scanned(inc keepwatch.Incident) string {
	if len(inc.Members) == 0 {
		return ""
	}
	check, subject, _ := strings.Cut(string(inc.Members[0].Series), "#")
	if !keepwatch.CheckID(check).OfScan() {
		return ""
	}
	if name, about, ok := strings.Cut(subject, ":"); ok {
		return strings.TrimSuffix(about, scan.FactsOf) + " (" + strings.ToLower(scan.Title(name)) + ")"
	}
	return "Scan of " + strings.TrimPrefix(check, string(keepwatch.CheckScan)+":")
}

func placeName(p keepwatch.Place) string {
	if p == keepwatch.Local || p == "" {
		return "here"
	}
	return string(p)
}

// members are the credentials an incident gathers, each once, sorted.
func members(inc keepwatch.Incident) []string {
	ids := []string{}
	for _, m := range inc.Members {
		if m.Credential != "" {
			ids = append(ids, string(m.Credential))
		}
	}
	if inc.Credential != "" {
		ids = append(ids, string(inc.Credential))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func ownersOf(ids []string, owners map[keepwatch.CredentialID]string) string {
	var teams []string
	for _, id := range ids {
		if team := owners[keepwatch.CredentialID(id)]; team != "" {
			teams = append(teams, team)
		}
	}
	slices.Sort(teams)
	return strings.Join(slices.Compact(teams), ", ")
}

func deliveryOf(d keepwatch.Delivery) client.Delivery {
	return client.Delivery{
		ID: string(d.ID), Receiver: d.Receiver, About: string(d.Notice.Kind), Status: string(d.Status),
		Attempts: d.Attempts, CreatedAt: timeOf(d.CreatedAt), SentAt: timeOf(d.SentAt),
		NextAttemptAt: timeOf(d.NextAttemptAt), LastError: d.LastError, Receipt: d.Receipt,
	}
}

func effectsOf(inc keepwatch.Incident) []client.Effect {
	out := make([]client.Effect, 0, len(inc.Effects))
	for _, e := range inc.Effects {
		item := client.Effect{
			Kind: string(e.Subject.Kind), Key: e.Subject.Key, Name: cmp.Or(e.Subject.Name, e.Subject.Key), BusinessUnit: midOf(e.Subject.Unit),
			Aspect: string(e.Aspect), Series: string(e.Series), Outcome: string(e.Outcome), Since: timeOf(e.Since), NoticedAt: timeOf(e.NoticedAt),
			EndedAt: timeOf(e.EndedAt), Evidence: e.Evidence, Confidence: e.Confidence, OnOutage: e.OnOutage,
		}
		if e.Credential != "" {
			item.Through = new(string(e.Credential))
		}
		out = append(out, item)
	}
	return out
}

// likeliest is the cause that is named: of an incident of a credential or of a way to
// SFMC, what was refused; of one of effects, the first candidate.
func likeliest(inc keepwatch.Incident) (keepwatch.Cause, bool) {
	if len(inc.Causes) > 0 {
		return inc.Causes[0], true
	}
	kind, ok := map[keepwatch.Scope]keepwatch.CauseKind{
		keepwatch.ScopeCredential: keepwatch.CauseCredential, keepwatch.ScopePlace: keepwatch.CausePlace, keepwatch.ScopePlatform: keepwatch.CausePlatform,
	}[inc.Scope]
	if !ok || inc.Outcome.Info().Confirm == keepwatch.ConfirmDate {
		return keepwatch.Cause{}, false
	}
	return keepwatch.Cause{Kind: kind, Credential: inc.Credential, At: inc.FirstFailedAt, Confidence: 1, Evidence: cmp.Or(inc.Evidence, inc.Message)}, true
}

// causeOf is the likeliest of the candidates, with what speaks for it.
func causeOf(inc keepwatch.Incident) map[string]any {
	out := map[string]any{}
	c, ok := likeliest(inc)
	if !ok {
		return out
	}
	out["kind"], out["confidence"], out["evidence"] = string(c.Kind), c.Confidence, c.Evidence
	for name, text := range map[string]string{"credential": string(c.Credential), "subject": c.Subject, "by": c.By} {
		if text != "" {
			out[name] = text
		}
	}
	if !c.At.IsZero() {
		out["at"] = c.At.UTC()
	}
	return out
}
