package inventory_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/inventory"
)

var (
	now     = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	tenants = []keepwatch.Tenant{
		{ID: "emea", Subdomain: "mc563885gzs27c5t9-63k636ttgm"},
		{ID: "apac", Subdomain: "mc0000000000000000000000apac", BusinessUnits: []keepwatch.BusinessUnit{{MID: 710000001, Name: "Tokyo"}}},
	}
	me = inventory.Author{By: "ada", Via: "import"}
)

// shelf is a store in memory with the rules of the real one.
type shelf struct {
	items   map[keepwatch.CredentialID]keepwatch.Item
	changes []keepwatch.Change
	secrets map[keepwatch.CredentialID]string
	writes  int
}

func (s *shelf) Items(context.Context) ([]keepwatch.Item, error) {
	return slices.Collect(maps.Values(s.items)), nil
}

func (s *shelf) Item(_ context.Context, id keepwatch.CredentialID) (keepwatch.Item, error) {
	i, ok := s.items[id]
	if !ok {
		return i, fmt.Errorf("record %q: %w", id, keepwatch.ErrNotFound)
	}
	return i, nil
}

func (s *shelf) SaveItems(_ context.Context, now time.Time, edits []inventory.Edit) error {
	for _, e := range edits {
		if s.items[e.Credential.ID].Version != e.Version {
			return fmt.Errorf("record %q: %w", e.Credential.ID, keepwatch.ErrConflict)
		}
	}
	s.writes++
	for _, e := range edits {
		s.changes = append(s.changes, e.Change)
		if e.Change.Kind == keepwatch.ChangeRemoved {
			delete(s.items, e.Credential.ID)
			continue
		}
		if !e.Secret.Empty() {
			s.secrets[e.Credential.ID] = string(e.Secret.Reveal())
		}
		s.items[e.Credential.ID] = keepwatch.Item{Credential: e.Credential, Version: e.Version + 1, UpdatedAt: now, UpdatedBy: e.Change.By}
	}
	return nil
}

func newBook(files ...keepwatch.Credential) (*inventory.Book, *shelf) {
	s := &shelf{items: map[keepwatch.CredentialID]keepwatch.Item{}, secrets: map[keepwatch.CredentialID]string{}}
	return &inventory.Book{
		Store: s, Files: func() []keepwatch.Credential { return files }, Tenants: func() []keepwatch.Tenant { return tenants },
	}, s
}

func options() inventory.ReadOptions {
	return inventory.ReadOptions{Tenants: tenants, Tenant: "emea", Now: now}
}

func read(t *testing.T, format inventory.Format, text string, o inventory.ReadOptions) inventory.Sheet {
	t.Helper()
	sheet, err := inventory.Read(format, strings.NewReader(text), "sheet", o)
	if err != nil {
		t.Fatalf("%v (%s)", err, keepwatch.HintOf(err))
	}
	return sheet
}

func preview(t *testing.T, b *inventory.Book, sheet inventory.Sheet) inventory.Plan {
	t.Helper()
	plan, err := b.Preview(t.Context(), sheet, now)
	if err != nil {
		t.Fatal(err)
	}
	if sum := len(plan.New) + len(plan.Changed) + len(plan.Unchanged) + len(plan.Wrong); sum != plan.Rows {
		t.Fatalf("%d rows in, %d accounted for", plan.Rows, sum)
	}
	return plan
}

func apply(t *testing.T, b *inventory.Book, plan inventory.Plan) inventory.Applied {
	t.Helper()
	done, err := b.Apply(t.Context(), plan, me, now)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// bring imports a text and wants no fault.
func bring(t *testing.T, b *inventory.Book, format inventory.Format, text string) inventory.Plan {
	t.Helper()
	plan := preview(t, b, read(t, format, text, options()))
	for _, f := range plan.Wrong {
		t.Errorf("at fault: %s", f)
	}
	apply(t, b, plan)
	return plan
}

func write(t *testing.T, format inventory.Format, list []keepwatch.Credential) string {
	t.Helper()
	var b bytes.Buffer
	if err := inventory.Write(format, &b, list, inventory.WriteOptions{Tenants: tenants}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// full is a record in which every field is set.
func full() keepwatch.Credential {
	return keepwatch.Credential{
		ID: "crm-sync", Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer,
		ClientID: "4xq0example", Package: "CRM sync; „Köln“", SecretRef: "env:SFMC_CRM_SYNC",
		SecretGenerated: keepwatch.Day(2026, 9, 28), Expires: keepwatch.Exactly(time.Date(2027, 3, 27, 12, 30, 0, 0, time.UTC)), LastUsed: keepwatch.Day(2026, 11, 1),
		ValidFor: 90 * 24 * time.Hour, IdleFor: 30 * 24 * time.Hour, DatesConfirmed: keepwatch.Day(2026, 11, 2),
		Criticality: keepwatch.Transactional, Owner: keepwatch.Owner{Team: "crm-platform", Contact: "crm-oncall@example.com"},
		Purpose: `=HYPERLINK("http://evil.example";"order confirmations")`, Environment: "production", Region: "EU", Area: "commerce",
		Holders: []keepwatch.Holder{{Name: `mule; "soft" <prod>`, Contact: "middle{ware}@example.com"}, {Name: "shop, backend=1\\"}},
		Dependents: []keepwatch.Dependent{
			{Kind: "journey", Key: "welcome: series; {1}", ContactsPerDay: 10000, ValuePerContact: 0.42, Reads: []string{"Orders", "Kunden, neu"}, OnOutage: "lost"},
			{Kind: "data_extension", Key: "Orders", ExpectRowsEvery: time.Hour, TimestampField: "ModifiedDate", FedBy: "null"},
			{Kind: "transactional_email", Key: "bestellung-ü", MaxQueueAge: 90 * time.Second},
		},
		Renewal: keepwatch.Renewal{Every: 150 * 24 * time.Hour, Planned: keepwatch.Day(2027, 3, 10), Window: 48 * time.Hour, By: "crm-platform", Ticket: true},
		Ladder:  []time.Duration{45 * 24 * time.Hour, 36 * time.Hour}, RunbookURL: "https://wiki.example.com/a?b=1;2,3",
		Pushed: time.Hour, Discover: true, Tests: []string{"identity", "rest:/messaging/v1/email/definitions?$pageSize=1;x,y", "soap:GetSystemStatus", "https:shop"},
		Scopes: []string{"email_read", "journeys_read"},
	}
}

// fullCertificate has the fields that a package cannot have.
func fullCertificate() keepwatch.Credential {
	return keepwatch.Credential{
		ID: "mw-cert", Tenant: "emea", Kind: keepwatch.Certificate, Criticality: keepwatch.Standard, SecretRef: "file:/run/key",
		Certificate: keepwatch.CertificateSource{File: `C:\keys\a b.jks`, Password: "env:STORE", Alias: "@mw"}, Ladder: []time.Duration{},
	}
}

func endpointCertificate() keepwatch.Credential {
	return keepwatch.Credential{
		ID: "point", Tenant: "emea", Kind: keepwatch.Certificate, Criticality: keepwatch.Standard,
		Certificate: keepwatch.CertificateSource{Endpoint: "api.example.com:443", ServerName: "other.example.com"},
	}
}

func userOf() keepwatch.Credential {
	return keepwatch.Credential{
		ID: "etl", Tenant: "emea", Kind: keepwatch.APIUser, Username: "+etl", SecretRef: "sealed:etl", Criticality: keepwatch.Reporting,
		Tests: []string{"identity"},
	}
}
