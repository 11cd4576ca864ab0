package view

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// Credential reads one credential with everything known of it.
func (r *Reader) Credential(ctx context.Context, now time.Time, id keepwatch.CredentialID) (client.CredentialDetail, error) {
	e, err := r.load(ctx, now)
	if err != nil {
		return client.CredentialDetail{}, err
	}
	c, err := e.find(id)
	if err != nil {
		return client.CredentialDetail{}, err
	}
	s, dated := e.standing(&c), e.dated(&c)
	var days []keepwatch.Rollup
	if s.ID != "" && !dated { // without a name, the store would add up all of them
		if days, err = r.from.Series.DailyOf(ctx, s.ID, firstDay(now), now); err != nil {
			return client.CredentialDetail{}, reading("daily history", err)
		}
	}
	d := client.CredentialDetail{
		Credential: e.credential(&c),
		Success:    successWindows(e.proofs(&c), days, now),
		Tests:      orEmpty(c.Tests), Scopes: orEmpty(s.Scopes), Stack: s.Stack,
		RunbookURL: c.RunbookURL, DefinedIn: c.File, Clocks: []client.Clock{}, Renewal: renewalOf(c.Renewal),
		Environment: c.Environment, Region: c.Region, Area: c.Area, CanBeProven: proven(&c),
		Holders: []client.Holder{}, Incidents: []client.Incident{}, PastIncidents: []client.Incident{},
	}
	if !dated { // nothing is asked about what has no test
		d.Plan, d.Days = planOf(e.snap.Plans, id), laid(days, firstDay(now), day, historyDays)
	}
	d.History = history(e.proofs(&c), now)
	if s.Last.Key != "" {
		last := ResultOf(s.Last)
		d.Last = &last
	}
	zone := e.snap.zoneOf(id)
	for _, k := range e.clocksOf(&c) {
		d.Clocks = append(d.Clocks, clockOf(k, zone, now))
	}
	for _, h := range c.Holders {
		d.Holders = append(d.Holders, client.Holder{Name: h.Name, Contact: h.Contact})
	}
	if d.Dependents, err = r.dependents(ctx, e, c); err != nil {
		return client.CredentialDetail{}, err
	}
	owners := e.ownersIn(e.open)
	for _, inc := range e.open {
		if touches(inc, id) {
			d.Incidents = append(d.Incidents, incidentOf(inc, owners))
		}
	}
	if err := r.addPast(ctx, &d, id); err != nil {
		return d, err
	}
	return d, r.addCosts(ctx, d.Incidents)
}

// pastIncidents is how many that are over a credential's page shows.
const pastIncidents = 10

// addPast fills in what was, and the rotation that is under way.
func (r *Reader) addPast(ctx context.Context, d *client.CredentialDetail, id keepwatch.CredentialID) error {
	over := IncidentSearch{IncidentFilter: IncidentFilter{Status: string(keepwatch.IncidentResolved), Credential: id}}
	past, err := r.Incidents(ctx, over, Page{Limit: pastIncidents})
	if err != nil {
		return err
	}
	d.PastIncidents = past.Items
	if r.from.Rotations == nil {
		return nil
	}
	open, err := r.from.Rotations.Rotations(ctx, true)
	if err != nil {
		return reading("rotations", err)
	}
	for _, x := range open {
		if x.Credential == id {
			d.Rotation = new(string(x.ID))
			break
		}
	}
	return nil
}

// proofs is the hourly history of a credential's own test. A look at its dates proves
// nothing and counts in no rate.
func (e *estate) proofs(c *keepwatch.Credential) []keepwatch.Rollup {
	if e.dated(c) {
		return nil
	}
	return e.hours.Of(e.standing(c).ID)
}

// Exists reports an unknown credential as an error that a caller may see.
func (r *Reader) Exists(id keepwatch.CredentialID) error {
	e := estate{snap: r.inventory()}
	_, err := e.find(id)
	return err
}

// Testable reports a credential that is unknown or has no test to run now.
func (r *Reader) Testable(id keepwatch.CredentialID) error {
	c, err := r.Registered(id)
	if err == nil && !proven(&c) {
		err = keepwatch.WithHint(fmt.Errorf("credential %q has no test that could run: %w", id, keepwatch.ErrConflict),
			"its dates are looked at every day; where its kind can be tested, give the record a secret")
	}
	return err
}

func (e *estate) find(id keepwatch.CredentialID) (keepwatch.Credential, error) {
	for _, c := range e.snap.Credentials {
		if c.ID == id {
			return c, nil
		}
	}
	return keepwatch.Credential{}, notFound("credential", string(id))
}

// credential joins the inventory's record with what is known of it. Without a
// series nothing was ever proven, and nothing is claimed.
func (e *estate) credential(c *keepwatch.Credential) client.Credential {
	s, all, dated := e.standing(c), e.clocksOf(c), e.dated(c)
	item := client.Credential{
		ID: string(c.ID), Name: string(c.ID), Tenant: string(c.Tenant),
		BusinessUnit: midOf(c.BusinessUnit), UnitName: e.units[unitKey{c.Tenant, c.BusinessUnit}],
		Kind: string(c.Kind), Criticality: string(c.Criticality),
		Owner: c.Owner.Team, OwnerContact: c.Owner.Contact, Purpose: c.Purpose,

		State: string(s.StateAt(e.now)), Outcome: string(s.Outcome),
		Since: timeOf(s.Since), LastProvenAt: timeOf(s.LastProvenAt), NextProofAt: plannedOf(s.NextProofAt),
		Findings: []string{},
	}
	if first, ok := firstHard(all); ok {
		end := clockOf(first, e.snap.zoneOf(c.ID), e.now)
		item.ExpiresAt, item.ExpiresOn, item.DaysLeft, item.ExpiresSource = end.EndsAt, end.EndsOn, end.DaysLeft, end.Source
	}
	if s.Outcome != "" {
		item.Category = string(s.Outcome.Info().Category)
	}
	for _, f := range s.Findings {
		item.Findings = append(item.Findings, string(f))
	}
	item.SuccessRate = e.tally(c).rate()
	outcome, last := s.Outcome, &s.Last
	if worst := lived(s, e.line(c.ID).lived, e.now); worst != nil {
		item.State, item.Outcome, item.Since = string(keepwatch.StateDegraded), string(worst.Outcome), timeOf(worst.Since)
		item.Category = string(worst.Outcome.Info().Category)
		outcome, last = worst.Outcome, &keepwatch.Observation{}
	}
	e.explain(&item, outcome, last)
	item.Verdict = verdict(item, e.now)
	if dated {
		explainDates(&item, c, all, e.now)
	}
	return item
}

// explain fills message and hint: from the run that set the state, else (the
// newest run failed in another way) from the open incident, else from the table
// of outcomes.
func (e *estate) explain(item *client.Credential, outcome keepwatch.Outcome, last *keepwatch.Observation) {
	inc := e.incidentOf[keepwatch.CredentialID(item.ID)]
	if inc != nil {
		id := string(inc.ID)
		item.Incident = &id
	}
	switch {
	case outcome == "":
		item.Message = "Not proven yet."
		item.Hint = "The first run comes within a minute of the start; check now to have it at once."
	case outcome == keepwatch.OK:
	case last.Outcome == outcome && last.Message != "":
		item.Message, item.Hint = last.Message, last.Hint
	case inc != nil && inc.Message != "":
		item.Message, item.Hint = inc.Message, inc.Hint
	default:
		item.Message = Capital(outcome.Info().Meaning) + "."
	}
	if item.State == string(keepwatch.StateUnknown) && outcome == keepwatch.OK && item.Message == "" {
		item.Message = "No fresh proof."
		item.Hint = "Look at the monitor itself: /readyz says which part does not work."
	}
}

// owners maps credentials to the team that answers for them.
func (e *estate) owners() map[keepwatch.CredentialID]string {
	owners := make(map[keepwatch.CredentialID]string, len(e.snap.Credentials))
	for _, c := range e.snap.Credentials {
		owners[c.ID] = c.Owner.Team
	}
	return owners
}

// ownersIn does so for the members of some incidents.
func (e *estate) ownersIn(incidents []keepwatch.Incident) map[keepwatch.CredentialID]string {
	owners := map[keepwatch.CredentialID]string{}
	for i := range incidents {
		for _, m := range incidents[i].Members {
			owners[m.Credential] = ""
		}
		owners[incidents[i].Credential] = ""
	}
	for i := range e.snap.Credentials {
		c := &e.snap.Credentials[i]
		if _, ok := owners[c.ID]; ok {
			owners[c.ID] = c.Owner.Team
		}
	}
	return owners
}

func planOf(plans map[keepwatch.CredentialID]Plan, id keepwatch.CredentialID) *client.Plan {
	p, ok := plans[id]
	if !ok {
		return nil
	}
	return &client.Plan{
		Calendar: p.Calendar, BusinessSeconds: p.Business.Seconds(), OffSeconds: p.Off.Seconds(),
		CallsPerYear: p.CallsPerYear, DetectWithinSeconds: p.DetectWithin.Seconds(),
	}
}

func touches(inc keepwatch.Incident, id keepwatch.CredentialID) bool {
	return inc.Credential == id || slices.ContainsFunc(inc.Members, func(m keepwatch.Member) bool {
		return m.Credential == id && m.EndedAt.IsZero()
	})
}

func midOf(m keepwatch.MID) *int64 {
	if m == 0 {
		return nil
	}
	n := int64(m)
	return &n
}

// timeOf makes an unknown time null.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}

// TimeOf is timeOf for the edges, which fill a few answers themselves.
func TimeOf(t time.Time) *time.Time { return timeOf(t) }

// plannedOf hides the far future in which a try is parked that only a person or
// a change may bring forward.
func plannedOf(t time.Time) *time.Time {
	if t.Year() >= 9000 {
		return nil
	}
	return timeOf(t)
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
