package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/inventory"
	"keepwatch/internal/rotate"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
)

// services are those of the inventory over the real store and the real book; what
// they need beyond it (a key, an account, a calendar) is invented.
type services struct {
	*store.DB
	snap      func() view.Snapshot
	rotations *rotations

	mu       sync.Mutex
	findings []keepwatch.Finding
	sealed   []string // what came to be sealed
}

func newServices(db *store.DB, snap func() view.Snapshot) *services {
	return &services{DB: db, snap: snap, rotations: &rotations{}, findings: []keepwatch.Finding{
		{ID: "f1", Kind: keepwatch.FindingNoOwner, Severity: keepwatch.SeverityInfo, Tenant: "emea", Credential: "cred-01", Subject: "cred-01", Message: "no owner"},
		{ID: "f2", Kind: keepwatch.FindingNoDate, Severity: keepwatch.SeverityWarning, Tenant: "emea", Credential: "cred-02", Subject: "cred-02", Message: "no date"},
		{ID: "f3", Kind: keepwatch.FindingUnknownPackage, Severity: keepwatch.SeverityCritical, Tenant: "amer", Subject: "app user 7", Message: "a package nobody registered"},
	}}
}

func (s *services) book() *inventory.Book {
	return &inventory.Book{
		Store:   bookStore{s},
		Files:   func() []keepwatch.Credential { return s.snap().Credentials },
		Tenants: func() []keepwatch.Tenant { return s.snap().Tenants },
	}
}

type bookStore struct{ *services }

func (b bookStore) SaveItems(ctx context.Context, now time.Time, edits []inventory.Edit) error {
	writes := make([]store.ItemWrite, len(edits))
	for i, e := range edits {
		writes[i] = store.ItemWrite{Change: e.Change, Record: e.Credential, Seen: e.Version}
		if !e.Secret.Empty() {
			b.mu.Lock()
			b.sealed = append(b.sealed, string(e.Secret.Reveal()))
			b.mu.Unlock()
		}
	}
	return b.DB.SaveItems(ctx, now, writes)
}

func (s *services) Put(ctx context.Context, c keepwatch.Credential, version int, by httpapi.Author, now time.Time) (keepwatch.Item, error) {
	return s.book().Put(ctx, c, version, by, now)
}

func (s *services) Remove(ctx context.Context, id keepwatch.CredentialID, version int, by httpapi.Author, now time.Time) error {
	return s.book().Remove(ctx, id, version, by, now)
}

func (s *services) Seal(ctx context.Context, id keepwatch.CredentialID, version int, secret keepwatch.Secret, generated keepwatch.Date, by httpapi.Author, now time.Time) (keepwatch.Item, error) {
	return s.book().PutSecret(ctx, id, version, secret, generated, by, now)
}

func (s *services) Bulk(ctx context.Context, b inventory.Bulk, by httpapi.Author, now time.Time) (client.Bulk, error) {
	plan, err := s.book().PreviewBulk(ctx, b)
	if err == nil && b.Apply {
		_, err = s.book().Apply(ctx, plan, by, now)
	}
	out := client.Bulk{Applied: b.Apply, Changed: []client.BulkRow{}, Unchanged: []string{}, Refused: []client.ImportFault{}}
	for _, e := range plan.Changed {
		out.Changed = append(out.Changed, client.BulkRow{Credential: string(e.Credential.ID), Version: e.Version})
	}
	for _, f := range plan.Wrong {
		out.Refused = append(out.Refused, client.ImportFault{Credential: string(f.Credential), Message: f.Message, Hint: f.Hint})
	}
	return out, err
}

func (s *services) Import(ctx context.Context, u httpapi.Upload, by httpapi.Author, now time.Time) (client.Import, error) {
	book := s.book()
	sheet, err := inventory.Read(inventory.Format(u.Format), u.Body, u.Name, inventory.ReadOptions{Tenants: book.Tenants(), Tenant: u.Tenant, Now: now})
	if err != nil {
		return client.Import{}, err
	}
	plan, err := book.Preview(ctx, sheet, now)
	if err == nil && u.Apply {
		_, err = book.Apply(ctx, plan, by, now)
	}
	out := client.Import{Format: u.Format, Applied: u.Apply, Rows: plan.Rows}
	for _, e := range plan.New {
		out.New = append(out.New, client.ImportRow{Credential: string(e.Credential.ID), Line: e.Line})
	}
	for _, f := range plan.Wrong {
		out.Wrong = append(out.Wrong, client.ImportFault{Line: f.Line, Column: f.Column, Message: f.Message, Hint: f.Hint})
	}
	return out, err
}

func (s *services) Export(ctx context.Context, format string, w io.Writer) error {
	items, err := s.Items(ctx)
	if err != nil {
		return err
	}
	var all []keepwatch.Credential
	for _, i := range items {
		all = append(all, i.Credential)
	}
	return inventory.Write(inventory.Format(format), w, all, inventory.WriteOptions{Tenants: s.snap().Tenants})
}

func (s *services) Findings(ctx context.Context, now time.Time) ([]keepwatch.Finding, error) {
	accepted, err := s.Acceptances(ctx)
	return inventory.Mark(append([]keepwatch.Finding(nil), s.findings...), accepted, now), err
}

func (s *services) Calendar(_ context.Context, f keepwatch.Feed, _ time.Time) ([]byte, error) {
	return []byte("BEGIN:VCALENDAR\r\nX-WR-CALNAME:" + f.Owner + "\r\nEND:VCALENDAR\r\n"), nil
}

func (s *services) discover(_ context.Context, tenant keepwatch.TenantID, now time.Time) (httpapi.Discovery, error) {
	return httpapi.Discovery{Tenant: tenant, Credential: "cred-00", At: now, Calls: 9, Seen: map[string]int{"business_units": 3}, Unlisted: []keepwatch.BusinessUnit{{MID: 510000124, Name: "France"}}, Findings: s.findings[2:]}, nil
}

// rotations is one rotation with one holder, whose link has the token "tick".
type rotations struct {
	mu  sync.Mutex
	one keepwatch.Rotation
}

func (r *rotations) List(context.Context, bool) ([]keepwatch.Rotation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.one.ID == "" {
		return nil, nil
	}
	return []keepwatch.Rotation{r.one}, nil
}

func (r *rotations) Get(_ context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error) {
	return r.change(id, func(*keepwatch.Rotation) {})
}

func (r *rotations) change(id keepwatch.RotationID, f func(*keepwatch.Rotation)) (keepwatch.Rotation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.one.ID != id || id == "" {
		return keepwatch.Rotation{}, fmt.Errorf("rotation %q: %w", id, keepwatch.ErrNotFound)
	}
	f(&r.one)
	return r.one, nil
}

func (r *rotations) Start(_ context.Context, in rotate.StartRequest) (keepwatch.Rotation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.one = keepwatch.Rotation{
		ID: "r1", Credential: in.Credential, State: keepwatch.RotationStaged, NewRef: in.StagedRef, Generated: in.Generated, StartedBy: in.By,
		Holders: []keepwatch.RotationHolder{{Holder: keepwatch.Holder{Name: "shop"}, TickHash: "hash-of-tick"}},
	}
	return r.one, nil
}

func (r *rotations) Resume(_ context.Context, in rotate.ResumeRequest) (keepwatch.Rotation, error) {
	return r.change(in.ID, func(one *keepwatch.Rotation) { one.NewRef = in.StagedRef })
}

func (r *rotations) Activated(_ context.Context, id keepwatch.RotationID, by string) (keepwatch.Rotation, error) {
	return r.change(id, func(one *keepwatch.Rotation) {
		one.Evidence = append(one.Evidence, keepwatch.Evidence{Step: "activated", By: by})
	})
}

func (r *rotations) Abort(_ context.Context, id keepwatch.RotationID, _, _ string) (keepwatch.Rotation, error) {
	return r.change(id, func(one *keepwatch.Rotation) { one.State = keepwatch.RotationAborted })
}

func (r *rotations) TickHolder(_ context.Context, id keepwatch.RotationID, holder, by string) (keepwatch.Rotation, error) {
	return r.change(id, func(one *keepwatch.Rotation) {
		one.Holders[0].SwitchedAt, one.Holders[0].SwitchedBy = time.Now(), holder+" by "+by
	})
}

func (r *rotations) Ask(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error) {
	return r.Get(ctx, id)
}

func (r *rotations) Write(_ context.Context, id keepwatch.RotationID, _ string) (keepwatch.Rotation, error) {
	return r.change(id, func(rot *keepwatch.Rotation) { rot.Holders[0].NotifiedAt = rot.StartedAt })
}

func (r *rotations) TickOf(_ context.Context, token string) (rotate.TickView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.one.ID == "" || token != "tick" {
		return rotate.TickView{}, fmt.Errorf("link: %w", keepwatch.ErrNotFound)
	}
	h := r.one.Holders[0]
	return rotate.TickView{Credential: r.one.Credential, Holder: h.Name, SwitchedAt: h.SwitchedAt, Open: h.SwitchedAt.IsZero(), Says: "says shop has switched"}, nil
}

func (r *rotations) Tick(ctx context.Context, token, by string) (rotate.TickView, error) {
	if _, err := r.TickOf(ctx, token); err != nil {
		return rotate.TickView{}, err
	}
	if _, err := r.TickHolder(ctx, "r1", "shop", strings.TrimSpace(by)); err != nil {
		return rotate.TickView{}, err
	}
	return r.TickOf(ctx, token)
}
