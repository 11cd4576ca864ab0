package app

import (
	"context"
	"io"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/inventory"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
)

// interfaceRecords are the records of the interface, as the API changes them.
type interfaceRecords struct{ *App }

func (a *App) book() *inventory.Book {
	return &inventory.Book{
		Store:   bookStore{a},
		Files:   func() []keepwatch.Credential { return a.estate.Load().files.Credentials },
		Tenants: func() []keepwatch.Tenant { return a.estate.Load().files.Tenants },
	}
}

// bookStore shows the store to the book, which knows neither SQL nor keys.
type bookStore struct{ app *App }

func (s bookStore) Items(ctx context.Context) ([]keepwatch.Item, error) { return s.app.db.Items(ctx) }

func (s bookStore) Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error) {
	return s.app.db.Item(ctx, id)
}

func (s bookStore) SaveItems(ctx context.Context, now time.Time, edits []inventory.Edit) error {
	writes := make([]store.ItemWrite, len(edits))
	for i, e := range edits {
		writes[i] = store.ItemWrite{Change: e.Change, Record: e.Credential, Seen: e.Version}
		if e.Secret.Empty() {
			continue
		}
		sealed, err := s.app.seal(e.Credential, string(e.Credential.ID), e.Secret, e.Change.By, now)
		if err != nil {
			return err
		}
		writes[i].Sealed = sealed
	}
	return s.app.db.SaveItems(ctx, now, writes)
}

func (r interfaceRecords) Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error) {
	return r.db.Item(ctx, id)
}

func (r interfaceRecords) Put(ctx context.Context, c keepwatch.Credential, version int, by httpapi.Author, now time.Time) (keepwatch.Item, error) {
	item, err := r.book().Put(ctx, c, version, by, now)
	if err == nil {
		r.recordsChanged(ctx)
	}
	return item, err
}

// pageEditor are the same records, as a page changes one of them.
type pageEditor struct{ *App }

func (p pageEditor) Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error) {
	return p.db.Item(ctx, id)
}

func (p pageEditor) Put(ctx context.Context, c keepwatch.Credential, version int, by inventory.Author, now time.Time) (keepwatch.Item, error) {
	return interfaceRecords(p).Put(ctx, c, version, by, now)
}

func (r interfaceRecords) Remove(ctx context.Context, id keepwatch.CredentialID, version int, by httpapi.Author, now time.Time) error {
	err := r.book().Remove(ctx, id, version, by, now)
	if err == nil {
		r.recordsChanged(ctx)
	}
	return err
}

func (r interfaceRecords) Seal(ctx context.Context, id keepwatch.CredentialID, version int, secret keepwatch.Secret, generated keepwatch.Date, by httpapi.Author, now time.Time) (keepwatch.Item, error) {
	item, err := r.book().PutSecret(ctx, id, version, secret, generated, by, now)
	if err == nil {
		r.recordsChanged(ctx)
	}
	return item, err
}

func (r interfaceRecords) Changes(ctx context.Context, id keepwatch.CredentialID, page view.Page) ([]keepwatch.Change, string, error) {
	return r.db.Changes(ctx, id, page)
}

// Bulk changes many records alike, or says what that would do.
func (r interfaceRecords) Bulk(ctx context.Context, b inventory.Bulk, by httpapi.Author, now time.Time) (client.Bulk, error) {
	book := r.book()
	plan, err := book.PreviewBulk(ctx, b)
	if err != nil || !b.Apply {
		return bulkOf(plan, false), err
	}
	if _, err := book.Apply(ctx, plan, by, now); err != nil {
		return client.Bulk{}, err
	}
	if len(plan.Changed) > 0 {
		r.recordsChanged(ctx)
	}
	return bulkOf(plan, true), nil
}

func bulkOf(p inventory.Plan, applied bool) client.Bulk {
	out := client.Bulk{Applied: applied, Changed: []client.BulkRow{}, Unchanged: []string{}, Refused: faultsOf(p.Wrong)}
	for i, row := range importRows(p.Changed) {
		out.Changed = append(out.Changed, client.BulkRow{Credential: row.Credential, Version: p.Changed[i].Version, Fields: row.Fields})
	}
	for _, e := range p.Unchanged {
		out.Unchanged = append(out.Unchanged, string(e.Credential.ID))
	}
	return out
}

// Import previews a sheet, or writes what the preview says.
func (r interfaceRecords) Import(ctx context.Context, u httpapi.Upload, by httpapi.Author, now time.Time) (client.Import, error) {
	format, err := inventory.ParseFormat(u.Format)
	if err != nil {
		return client.Import{}, err
	}
	book := r.book()
	sheet, err := inventory.Read(format, u.Body, u.Name, inventory.ReadOptions{
		Tenants: book.Tenants(), Tenant: u.Tenant, Dates: inventory.DateOrder(u.Dates), Now: now, KeepSecrets: u.Seal,
	})
	if err != nil {
		return client.Import{}, err
	}
	plan, err := book.Preview(ctx, sheet, now)
	if err != nil || !u.Apply {
		return importOf(plan, false), err
	}
	if _, err := book.Apply(ctx, plan, by, now); err != nil {
		return client.Import{}, err
	}
	if len(plan.New)+len(plan.Changed) > 0 {
		r.recordsChanged(ctx)
	}
	return importOf(plan, true), nil
}

// Export writes all records, those of files too: it is the estate, not a backup.
func (r interfaceRecords) Export(_ context.Context, format string, w io.Writer) error {
	f, err := inventory.ParseFormat(format)
	if err != nil {
		return err
	}
	cfg := r.estate.Load().recorded
	return inventory.Write(f, w, cfg.Credentials, inventory.WriteOptions{Tenants: cfg.Tenants})
}

// importOf is a plan as clients see it. No secret is in it.
func importOf(p inventory.Plan, applied bool) client.Import {
	return client.Import{
		Format: string(p.Format), Applied: applied, Rows: p.Rows,
		New: importRows(p.New), Changed: importRows(p.Changed), Unchanged: importRows(p.Unchanged),
		Wrong: faultsOf(p.Wrong), Ignored: listed(p.Ignored), Notes: listed(p.Notes),
	}
}

func faultsOf(faults []inventory.Fault) []client.ImportFault {
	out := make([]client.ImportFault, len(faults))
	for i, f := range faults {
		out[i] = client.ImportFault{Line: f.Line, Column: f.Column, Credential: string(f.Credential), Message: f.Message, Hint: f.Hint}
	}
	return out
}

func importRows(entries []inventory.Entry) []client.ImportRow {
	out := make([]client.ImportRow, len(entries))
	for i, e := range entries {
		out[i] = client.ImportRow{Credential: string(e.Credential.ID), Line: e.Line, MatchedBy: e.MatchedBy, Fields: make([]client.FieldChange, len(e.Fields))}
		for j, f := range e.Fields {
			out[i].Fields[j] = client.FieldChange{Field: f.Field, Old: f.Old, New: f.New}
		}
	}
	return out
}

// listed is a list that is never null.
func listed(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
