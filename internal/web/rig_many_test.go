package web_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/inventory"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// shelf is the inventory of an estate: a real book over its real store, and what comes
// into force after each change.
type shelf struct {
	*estate
	mu sync.Mutex
}

func (s *shelf) book() *inventory.Book {
	return &inventory.Book{
		Store: s, Tenants: func() []keepwatch.Tenant { return s.snap.Tenants },
		Files: func() []keepwatch.Credential {
			s.mu.Lock()
			defer s.mu.Unlock()
			return slices.DeleteFunc(slices.Clone(s.snap.Credentials), func(c keepwatch.Credential) bool { return c.File == "" })
		},
	}
}

func (s *shelf) Items(ctx context.Context) ([]keepwatch.Item, error) { return s.db.Items(ctx) }

func (s *shelf) Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error) {
	return s.db.Item(ctx, id)
}

func (s *shelf) SaveItems(ctx context.Context, now time.Time, edits []inventory.Edit) error {
	writes := make([]store.ItemWrite, len(edits))
	for i, e := range edits {
		writes[i] = store.ItemWrite{Change: e.Change, Record: e.Credential, Seen: e.Version}
	}
	if err := s.db.SaveItems(ctx, now, writes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.snap.Credentials)
	for _, e := range edits {
		i := slices.IndexFunc(all, func(c keepwatch.Credential) bool { return c.ID == e.Credential.ID })
		if i < 0 {
			all = append(all, e.Credential)
		} else {
			all[i] = e.Credential
		}
	}
	s.snap.Credentials = all
	return nil
}

func (s *shelf) Put(ctx context.Context, c keepwatch.Credential, version int, by inventory.Author, now time.Time) (keepwatch.Item, error) {
	return s.book().Put(ctx, c, version, by, now)
}

func fieldsOf(in []keepwatch.FieldChange) []client.FieldChange {
	out := []client.FieldChange{}
	for _, f := range in {
		out = append(out, client.FieldChange{Field: f.Field, Old: f.Old, New: f.New})
	}
	return out
}

func faultsOf(in []inventory.Fault) []client.ImportFault {
	out := []client.ImportFault{}
	for _, f := range in {
		out = append(out, client.ImportFault{Line: f.Line, Column: f.Column, Credential: string(f.Credential), Message: f.Message, Hint: f.Hint})
	}
	return out
}

func (s *shelf) Bulk(ctx context.Context, b inventory.Bulk, by inventory.Author, now time.Time) (client.Bulk, error) {
	plan, err := s.book().PreviewBulk(ctx, b)
	if err != nil {
		return client.Bulk{}, err
	}
	out := client.Bulk{Applied: b.Apply, Refused: faultsOf(plan.Wrong)}
	for _, e := range plan.Changed {
		out.Changed = append(out.Changed, client.BulkRow{Credential: string(e.Credential.ID), Version: e.Version, Fields: fieldsOf(e.Fields)})
	}
	for _, e := range plan.Unchanged {
		out.Unchanged = append(out.Unchanged, string(e.Credential.ID))
	}
	if b.Apply {
		_, err = s.book().Apply(ctx, plan, by, now)
	}
	return out, err
}

func (s *shelf) Import(ctx context.Context, u inventory.Upload, by inventory.Author, now time.Time) (client.Import, error) {
	format, err := inventory.ParseFormat(u.Format)
	if err != nil {
		return client.Import{}, err
	}
	sheet, err := inventory.Read(format, u.Body, u.Name, inventory.ReadOptions{Tenants: s.snap.Tenants, Tenant: u.Tenant, Dates: inventory.DateOrder(u.Dates), Now: now})
	if err != nil {
		return client.Import{}, err
	}
	plan, err := s.book().Preview(ctx, sheet, now)
	if err != nil {
		return client.Import{}, err
	}
	rows := func(in []inventory.Entry) (out []client.ImportRow) {
		for _, e := range in {
			out = append(out, client.ImportRow{Credential: string(e.Credential.ID), Line: e.Line, MatchedBy: e.MatchedBy, Fields: fieldsOf(e.Fields)})
		}
		return out
	}
	out := client.Import{
		Format: u.Format, Applied: u.Apply, Rows: plan.Rows, New: rows(plan.New), Changed: rows(plan.Changed), Unchanged: rows(plan.Unchanged),
		Wrong: faultsOf(plan.Wrong), Ignored: plan.Ignored, Notes: plan.Notes,
	}
	if u.Apply {
		_, err = s.book().Apply(ctx, plan, by, now)
	}
	return out, err
}

// decisions are the findings of an estate, with one of a look at an account.
type decisions struct{ *shelf }

func (d decisions) Findings(ctx context.Context, now time.Time) ([]keepwatch.Finding, error) {
	accepted, err := d.db.Acceptances(ctx)
	if err != nil {
		return nil, err
	}
	states, err := d.db.Moved(ctx, 0)
	if err != nil {
		return nil, err
	}
	all := inventory.Findings(inventory.Estate{Credentials: d.snap.Credentials, Series: states.Series, Acceptances: accepted, Now: now})
	look := keepwatch.Finding{
		ID: "look-1", Kind: "package_not_registered", Severity: keepwatch.SeverityWarning, Tenant: "emea", Subject: "Partner Portal <b>",
		Message: "An installed package that no record stands for.", Reason: "Nobody hears of it when its secret ends.", Hint: "Register it, or say why not.",
	}
	for i := range accepted {
		if accepted[i].Finding == look.ID && now.Before(accepted[i].Until) {
			look.Accepted = &accepted[i]
		}
	}
	return append(all, look), nil
}

func (d decisions) Accept(ctx context.Context, a keepwatch.Acceptance) error {
	return d.db.Accept(ctx, a)
}
func (d decisions) Withdraw(ctx context.Context, id string) error { return d.db.Withdraw(ctx, id) }

// many gives the pages of many things their parts.
func (e *estate) many(o *web.Options) {
	s := &shelf{estate: e}
	reader := view.NewReader(view.From(e.db), func() view.Snapshot {
		s.mu.Lock()
		defer s.mu.Unlock()
		return e.snap
	})
	beat, proof := e.now.Add(-40*time.Second), e.now.Add(-50*time.Second)
	reader.Watch(func(context.Context, time.Time) view.Self {
		return view.Self{Watchdog: &client.WatchdogStatus{
			EverySeconds: 60, LastProofAt: &proof, Troubles: []string{}, Addresses: []client.BeatAddress{{Name: "healthchecks", LastBeatAt: &beat}},
		}}
	})
	o.Reader, o.Records, o.Sheets, o.Findings, o.Feeds = reader, s, s, decisions{s}, e.db
	o.Discover = func(context.Context, keepwatch.TenantID, time.Time) (int, error) { return 1, nil }
	o.Banner = ""
}

// fill adds records of the interface to an estate, n of them.
func (e *estate) fill(t testing.TB, n int) {
	t.Helper()
	s := &shelf{estate: e}
	var edits []inventory.Edit
	for i := range n {
		c := keepwatch.Credential{
			ID: keepwatch.CredentialID(fmt.Sprintf("ui-%05d", i)), Tenant: e.snap.Tenants[i%3].ID, BusinessUnit: e.snap.Tenants[i%3].BusinessUnits[0].MID, Kind: keepwatch.ServerToServer,
			ClientID: fmt.Sprintf("client%05d", i), Criticality: keepwatch.Criticalities[i%3], Owner: keepwatch.Owner{Team: []string{"crm-platform", "loyalty", "web"}[i%3]},
			SecretGenerated: keepwatch.DayOf(e.now, time.UTC).AddDays(-(i * 7 % 175)), Tests: []string{"identity"}, Environment: "production",
		}
		edits = append(edits, inventory.Edit{Credential: c, Change: keepwatch.Change{Credential: c.ID, At: e.now, By: "anna", Via: "ui", Kind: keepwatch.ChangeCreated}})
	}
	if err := s.SaveItems(t.Context(), e.now, edits); err != nil && !errors.Is(err, keepwatch.ErrConflict) {
		t.Fatal(err)
	}
}
