package inventory

import (
	"context"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Plan is what an import would do. Nothing is written before Apply.
// Rows = New + Changed + Unchanged + Wrong.
type Plan struct {
	Format    Format
	Name      string
	Rows      int
	New       []Entry
	Changed   []Entry
	Unchanged []Entry
	Wrong     []Fault  // one of each row
	Ignored   []string // headings that mean nothing here
	Notes     []string
}

// Entry is one row of a plan.
type Entry struct {
	Line       int
	Credential keepwatch.Credential    // as it would be
	Fields     []keepwatch.FieldChange // what would change; of a new record all that is set
	MatchedBy  string                  // id, client_id, username or package; "" for a new record
	Version    int                     // of the record that was compared; 0 for a new one
	Secret     keepwatch.Secret        // to seal; empty unless the sheet was read for it
}

// Applied is what an import did.
type Applied struct {
	Created, Updated []keepwatch.CredentialID
	Sealed           int // secrets
}

// staleAfter is how old a confirmation is when a sheet that says the same date
// again counts as a new one. Less would make every import a change.
const staleAfter = 30

// Preview compares a sheet with the records that are known.
func (b *Book) Preview(ctx context.Context, sheet Sheet, now time.Time) (Plan, error) {
	items, err := b.Store.Items(ctx)
	if err != nil {
		return Plan{}, err
	}
	p := planner{tenants: b.Tenants(), known: newIndex(b.Files(), items), today: keepwatch.DayOf(now, time.UTC)}
	p.plan = Plan{Format: sheet.Format, Name: sheet.Name, Ignored: sheet.Ignored, Notes: sheet.Notes}
	p.plan.Wrong = slices.Clone(sheet.Faults)
	p.confirms = confirms(sheet)
	for i := range sheet.Rows {
		p.known.claim(&sheet.Rows[i])
	}
	for i := range sheet.Rows {
		p.row(&sheet.Rows[i])
	}
	slices.SortStableFunc(p.plan.Wrong, func(a, b Fault) int { return a.Line - b.Line })
	p.plan.Rows = sheet.Count()
	return p.plan, nil
}

// confirms reports whether a date in the sheet is a person's confirmation: it is,
// unless the sheet says itself when the dates were confirmed.
func confirms(s Sheet) bool {
	return (s.Format == Paste || s.Format == CSV || s.Format == XLSX) && !slices.Contains(s.Columns, "dates_confirmed")
}

type planner struct {
	plan     Plan
	known    *index
	tenants  []keepwatch.Tenant
	today    keepwatch.Date
	confirms bool
}

func (p *planner) row(r *Row) {
	entry, err := p.entry(r)
	switch {
	case err != nil:
		id := r.Credential.ID
		if entry.MatchedBy != "" {
			id = entry.Credential.ID
		}
		p.plan.Wrong = append(p.plan.Wrong, Fault{File: p.plan.Name, Line: r.Line, Column: columnOf(err), Credential: id, Message: factOf(err), Hint: hintOf(err)})
	case entry.MatchedBy == "":
		p.plan.New = append(p.plan.New, entry)
	case len(entry.Fields) > 0:
		p.plan.Changed = append(p.plan.Changed, entry)
	default:
		p.plan.Unchanged = append(p.plan.Unchanged, entry)
	}
}

// entry finds out what a row would do.
func (p *planner) entry(r *Row) (Entry, error) {
	old, by, err := p.known.find(r)
	if err != nil {
		return Entry{}, err
	}
	if old == nil {
		return p.fresh(r)
	}
	entry := Entry{Line: r.Line, Credential: old.credential, MatchedBy: by, Version: old.version}
	if old.line > 0 {
		return entry, wrong("keep one of the two rows", "is about the same credential as line %d", old.line)
	}
	old.line = r.Line
	if r.says.has(fieldAt["tenant"]) && r.Credential.Tenant != old.credential.Tenant {
		return entry, fieldError{"tenant", wrong("make a new record for the other tenant", "credential %q belongs to tenant %s and stays there", old.credential.ID, old.credential.Tenant)}
	}
	says := r.says &^ setOf("id", "tenant")
	c, err := overlay(old.credential, &r.Credential, says)
	if err != nil {
		return entry, err
	}
	if !says.has(fieldAt["expires"]) && outlived(old.credential, c) {
		c.Expires = keepwatch.Date{}
	}
	return p.changed(entry, r, old, c)
}

func (p *planner) changed(entry Entry, r *Row, old *known, c keepwatch.Credential) (Entry, error) {
	base := complete(old.credential)
	fields := diff(&base, &c, allFields)
	if old.file != "" {
		if len(fields) > 0 || !r.Secret.Empty() {
			return entry, wrong("change it there", "belongs to the file %s, and the row differs in %s", old.file, fieldNames(fields))
		}
		return entry, nil
	}
	if p.confirms && dates(r) && p.outdated(fields, c) {
		c.DatesConfirmed = p.today
		fields = diff(&base, &c, allFields)
	}
	entry.Credential, entry.Fields, entry.Secret = c, fields, r.Secret
	if !r.Secret.Empty() {
		entry.seal(base.SecretRef)
	}
	if len(entry.Fields) == 0 {
		return entry, nil
	}
	return entry, check(&c, p.tenants)
}

// seal makes the record refer to the secret that will be sealed for it. Whether
// it is the same as before cannot be told, so it always counts as a change.
func (e *Entry) seal(before string) {
	e.Credential.SecretRef = SealedRef(e.Credential.ID)
	e.Fields = withSecret(e.Fields, before)
}

// fresh is the entry of a row that is about no record that is known.
func (p *planner) fresh(r *Row) (Entry, error) {
	entry := Entry{Line: r.Line}
	if r.Credential.Tenant == "" {
		return entry, fieldError{"tenant", wrong("name the tenant in the row or for the whole import", "is missing")}
	}
	r.Credential.ID = p.known.name(r)
	c, err := overlay(keepwatch.Credential{}, &r.Credential, r.says|setOf("id", "tenant"))
	if err != nil {
		return entry, err
	}
	if p.confirms && dates(r) {
		c.DatesConfirmed = p.today
	}
	if err := check(&c, p.tenants); err != nil {
		return entry, err
	}
	var none keepwatch.Credential
	entry.Credential, entry.Fields, entry.Secret = c, diff(&none, &c, allFields), r.Secret
	if !r.Secret.Empty() {
		entry.seal("")
	}
	p.known.add(&known{credential: c, line: r.Line, explicit: r.says.has(fieldAt["id"])})
	return entry, nil
}

// dates reports whether a row says when its credential was made or ends.
func dates(r *Row) bool {
	c := &r.Credential
	return r.says.has(fieldAt["expires"]) && !c.Expires.IsZero() || r.says.has(fieldAt["secret_generated"]) && !c.SecretGenerated.IsZero()
}

// outdated reports whether the row's dates are worth a new confirmation: they
// moved, or the last one is old.
func (p *planner) outdated(fields []keepwatch.FieldChange, c keepwatch.Credential) bool {
	moved := slices.ContainsFunc(fields, func(f keepwatch.FieldChange) bool { return f.Field == "expires" || f.Field == "secret_generated" })
	return moved || c.DatesConfirmed.AddDays(staleAfter).Before(p.today)
}

func fieldNames(fields []keepwatch.FieldChange) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Field
	}
	if len(names) == 0 {
		return "its secret"
	}
	return strings.Join(names, ", ")
}

// Apply writes what a plan says, all of it or nothing. A record that somebody
// changed since the preview is keepwatch.ErrConflict.
func (b *Book) Apply(ctx context.Context, plan Plan, by Author, now time.Time) (Applied, error) {
	var edits []Edit
	var done Applied
	for _, list := range [][]Entry{plan.New, plan.Changed} {
		for i := range list {
			edits = append(edits, list[i].edit(by, now, &done))
		}
	}
	if len(edits) == 0 {
		return done, nil
	}
	if err := b.Store.SaveItems(ctx, now, edits); err != nil {
		return Applied{}, err
	}
	return done, nil
}

func (e *Entry) edit(by Author, now time.Time, done *Applied) Edit {
	id, kind := e.Credential.ID, keepwatch.ChangeCreated
	if e.Version > 0 {
		kind = keepwatch.ChangeUpdated
		done.Updated = append(done.Updated, id)
	} else {
		done.Created = append(done.Created, id)
	}
	if !e.Secret.Empty() {
		done.Sealed++
	}
	change := keepwatch.Change{Credential: id, At: now, By: by.By, Via: by.Via, Kind: kind, Fields: e.Fields}
	return Edit{Credential: e.Credential, Version: e.Version, Change: change, Secret: e.Secret}
}
