package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/secrets"
)

// CredentialOf reads a record as somebody wrote it. It judges each field by
// itself; what fits together is for the rules of the configuration.
func CredentialOf(r client.Record) (keepwatch.Credential, error) {
	p := &reader{}
	c := keepwatch.Credential{
		ID: keepwatch.CredentialID(p.id(r.ID)), Tenant: keepwatch.TenantID(r.Tenant), Kind: p.kind(r.Kind),
		ClientID: r.ClientID, Package: r.Package, Username: r.Username, SecretRef: p.reference("secret", r.Secret),
		SecretGenerated: p.date("secret_generated", r.SecretGenerated), Expires: p.date("expires", r.Expires),
		LastUsed: p.date("last_used", r.LastUsed), DatesConfirmed: p.date("dates_confirmed", r.DatesConfirmed),
		ValidFor: p.span("valid_for", r.ValidFor), IdleFor: p.span("idle_for", r.IdleFor),
		Criticality: keepwatch.Criticality(r.Criticality), Purpose: r.Purpose,
		Environment: r.Environment, Region: r.Region, Area: r.Area,
		RunbookURL: r.RunbookURL, Pushed: p.span("pushed_every", r.PushedEvery), Discover: r.Discover, Tests: r.Tests, Scopes: r.Scopes,
	}
	if c.Criticality == "" {
		c.Criticality = keepwatch.Standard
	}
	if r.BusinessUnit != nil {
		c.BusinessUnit = keepwatch.MID(*r.BusinessUnit)
	}
	if r.Owner != nil {
		c.Owner = keepwatch.Owner{Team: r.Owner.Team, Contact: r.Owner.Contact}
	}
	if s := r.Certificate; s != nil {
		c.Certificate = keepwatch.CertificateSource{
			File: s.File, Endpoint: s.Endpoint, ServerName: s.ServerName, Password: p.reference("certificate.password", s.Password), Alias: s.Alias,
		}
	}
	for _, h := range r.Holders {
		c.Holders = append(c.Holders, keepwatch.Holder{Name: h.Name, Contact: h.Contact})
	}
	for i, d := range r.Dependents {
		c.Dependents = append(c.Dependents, p.dependent(fmt.Sprintf("dependents[%d]", i), d))
	}
	if n := r.Renewal; n != nil {
		c.Renewal = keepwatch.Renewal{
			Every: p.span("renewal.every", n.Every), Planned: p.date("renewal.planned", n.Planned), Window: p.span("renewal.window", n.Window),
			By: n.By, Ticket: n.Ticket,
		}
	}
	for i, rung := range r.ExpiryLadder {
		c.Ladder = append(c.Ladder, p.span(fmt.Sprintf("expiry_ladder[%d]", i), rung))
	}
	return c, p.err()
}

// RecordOf writes a credential as a record. CredentialOf reads it back without a
// difference.
func RecordOf(c keepwatch.Credential) client.Record {
	r := client.Record{
		ID: string(c.ID), Tenant: string(c.Tenant), BusinessUnit: midOf(c.BusinessUnit), Kind: string(c.Kind),
		ClientID: c.ClientID, Package: c.Package, Username: c.Username, Secret: c.SecretRef,
		SecretGenerated: c.SecretGenerated.String(), Expires: c.Expires.String(), LastUsed: c.LastUsed.String(), DatesConfirmed: c.DatesConfirmed.String(),
		ValidFor: spanOf(c.ValidFor), IdleFor: spanOf(c.IdleFor), Criticality: string(c.Criticality), Purpose: c.Purpose,
		Environment: c.Environment, Region: c.Region, Area: c.Area,
		RunbookURL: c.RunbookURL, PushedEvery: spanOf(c.Pushed), Discover: c.Discover, Tests: c.Tests, Scopes: c.Scopes, Renewal: renewalOf(c.Renewal),
	}
	if c.Owner != (keepwatch.Owner{}) {
		r.Owner = &client.RecordOwner{Team: c.Owner.Team, Contact: c.Owner.Contact}
	}
	if s := c.Certificate; !s.IsZero() {
		r.Certificate = &client.CertificateSource{File: s.File, Endpoint: s.Endpoint, ServerName: s.ServerName, Password: s.Password, Alias: s.Alias}
	}
	for _, h := range c.Holders {
		r.Holders = append(r.Holders, client.RecordHolder{Name: h.Name, Contact: h.Contact})
	}
	for _, d := range c.Dependents {
		r.Dependents = append(r.Dependents, client.RecordDependent{
			Kind: d.Kind, Key: d.Key, ContactsPerDay: d.ContactsPerDay, ValuePerContact: d.ValuePerContact, Reads: d.Reads, FedBy: d.FedBy,
			OnOutage: d.OnOutage, ExpectRowsEvery: spanOf(d.ExpectRowsEvery), TimestampField: d.TimestampField, MaxQueueAge: spanOf(d.MaxQueueAge),
		})
	}
	for _, rung := range c.Ladder {
		r.ExpiryLadder = append(r.ExpiryLadder, keepwatch.FormatDuration(rung))
	}
	return r
}

// Registered is the record in force.
func (r *Reader) Registered(id keepwatch.CredentialID) (keepwatch.Credential, error) {
	e := estate{snap: r.inventory()}
	return e.find(id)
}

// Open reports a record that a file defines as a conflict that names the place. An
// unknown one is open: whoever writes it finds out.
func (r *Reader) Open(id keepwatch.CredentialID) error {
	if c, err := r.Registered(id); err == nil && c.File != "" {
		return keepwatch.WithHint(fmt.Errorf("credential %q belongs to %s: %w", id, c.File, keepwatch.ErrConflict), "change it there and reload")
	}
	return nil
}

// Teams lists the teams that own something, by name.
func (r *Reader) Teams() []string {
	all := r.inventory().Credentials
	seen := map[string]bool{}
	for i := range all {
		if team := all[i].Owner.Team; team != "" {
			seen[team] = true
		}
	}
	teams := slices.AppendSeq([]string{}, maps.Keys(seen))
	slices.Sort(teams)
	return teams
}

// OwnerExists reports a team or contact that owns nothing. A misspelt owner must not
// read as one who has nothing to do.
func (r *Reader) OwnerExists(owner string) error { return r.inventory().ownerExists(owner) }

func (s Snapshot) ownerExists(owner string) error {
	var teams []string
	for _, c := range s.Credentials {
		if strings.EqualFold(owner, c.Owner.Team) || strings.EqualFold(owner, c.Owner.Contact) {
			return nil
		}
		if c.Owner.Team != "" {
			teams = append(teams, c.Owner.Team)
		}
	}
	slices.Sort(teams)
	hint := "nothing has an owner yet"
	if teams = slices.Compact(teams); len(teams) > 0 {
		hint = "teams: " + strings.Join(teams[:min(len(teams), teamsNamed)], ", ")
	}
	return keepwatch.WithHint(fmt.Errorf("%q owns nothing: %w", owner, keepwatch.ErrInvalid), hint)
}

// teamsNamed bounds a hint.
const teamsNamed = 40

// TenantExists reports a tenant that no file defines.
func (r *Reader) TenantExists(id keepwatch.TenantID) error {
	ids := r.TenantIDs()
	if slices.Contains(ids, string(id)) {
		return nil
	}
	return keepwatch.WithHint(fmt.Errorf("tenant %q is not in the configuration: %w", id, keepwatch.ErrInvalid), "one of: "+strings.Join(ids, ", "))
}

// StoredRecordOf is a record of the interface as it stands.
func StoredRecordOf(i keepwatch.Item) client.StoredRecord {
	return client.StoredRecord{
		Record: RecordOf(i.Credential), Version: i.Version,
		CreatedAt: timeOf(i.CreatedAt), UpdatedAt: timeOf(i.UpdatedAt), UpdatedBy: i.UpdatedBy, DefinedIn: i.Credential.File,
	}
}

// ChangesOf are rows of a record's history.
func ChangesOf(changes []keepwatch.Change) []client.Change {
	out := make([]client.Change, len(changes))
	for i, c := range changes {
		out[i] = client.Change{
			Credential: string(c.Credential), At: c.At.UTC(), By: c.By, Via: c.Via, Kind: string(c.Kind), Fields: []client.FieldChange{},
		}
		for _, f := range c.Fields {
			out[i].Fields = append(out[i].Fields, client.FieldChange{Field: f.Field, Old: f.Old, New: f.New})
		}
	}
	return out
}

func renewalOf(r keepwatch.Renewal) *client.Renewal {
	if r == (keepwatch.Renewal{}) {
		return nil
	}
	return &client.Renewal{Every: spanOf(r.Every), Planned: r.Planned.String(), Window: spanOf(r.Window), By: r.By, Ticket: r.Ticket}
}

func spanOf(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return keepwatch.FormatDuration(d)
}

// reader collects what is wrong with a record, so that all of it is said at once.
type reader struct{ faults []string }

func (p *reader) fault(field, fact string) { p.faults = append(p.faults, field+": "+fact) }

func (p *reader) err() error {
	if len(p.faults) == 0 {
		return nil
	}
	return keepwatch.WithHint(fmt.Errorf("the record is %w: %s", keepwatch.ErrInvalid, strings.Join(p.faults, "; ")),
		"dates like 2026-09-28, durations like 90s or 180d, secrets as a reference ("+secrets.Allowed+"); GET /api/v1/openapi.json has every field")
}

// id takes what an address and a line of text can carry.
func (p *reader) id(s string) string {
	if s != strings.TrimSpace(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.fault("id", "spaces around it and control characters are not possible")
	}
	return s
}

func (p *reader) kind(s string) keepwatch.Kind {
	for _, k := range keepwatch.Kinds {
		if string(k) == s {
			return k
		}
	}
	names := make([]string, len(keepwatch.Kinds))
	for i, k := range keepwatch.Kinds {
		names[i] = string(k)
	}
	p.fault("kind", "not a kind of credential; allowed: "+strings.Join(names, ", "))
	return ""
}

// reference refuses what is no reference without repeating it: it is likely to be
// the secret itself.
func (p *reader) reference(field, s string) string {
	if s != "" && !secrets.IsReference(s) {
		p.fault(field, "this is a literal value, not a reference to a secret")
		return ""
	}
	return s
}

func (p *reader) date(field, s string) keepwatch.Date {
	var d keepwatch.Date
	if err := d.UnmarshalText([]byte(s)); err != nil {
		p.fault(field, "not a date")
	}
	return d
}

func (p *reader) span(field, s string) time.Duration {
	if s == "" {
		return 0
	}
	d, err := keepwatch.ParseDuration(s)
	if err != nil {
		p.fault(field, "not a duration")
	}
	return d
}

func (p *reader) dependent(field string, d client.RecordDependent) keepwatch.Dependent {
	return keepwatch.Dependent{
		Kind: d.Kind, Key: d.Key, ContactsPerDay: d.ContactsPerDay, ValuePerContact: d.ValuePerContact, Reads: d.Reads, FedBy: d.FedBy,
		OnOutage: d.OnOutage, ExpectRowsEvery: p.span(field+".expect_rows_every", d.ExpectRowsEvery), TimestampField: d.TimestampField,
		MaxQueueAge: p.span(field+".max_queue_age", d.MaxQueueAge),
	}
}
