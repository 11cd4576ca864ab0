package inventory_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/inventory"
)

func TestARowFindsItsRecord(t *testing.T) {
	start := "id,tenant,package,client_id,business_unit,username,kind\n" +
		"a,emea,Shop,ca,,,\n" +
		"b,emea,CRM,cb,1,,\n" +
		"b2,emea,CRM,cb,2,,\n" +
		"c,emea,Loyalty,,,,\n" +
		"d,apac,Shop,ca,,,\n" +
		"u,emea,,,,etl,api_user\n"
	for _, tt := range []struct{ what, sheet, by, id string }{
		{"by id", "id,purpose\na,new\n", "id", "a"},
		{"by client id", "client_id,purpose\nca,new\n", "client_id", "a"},
		{"by client id in another tenant", "tenant,client_id,purpose\napac,ca,new\n", "client_id", "d"},
		{"by client id and business unit", "client_id,business_unit,purpose\ncb,2,new\n", "client_id", "b2"},
		{"by package", "package,purpose\nSHOP ,new\n", "package", "a"},
		{"by package, which gets its client id", "package,client_id,purpose\nLoyalty,cl,new\n", "package", "c"},
		{"by user", "username,kind,purpose\netl,api_user,new\n", "username", "u"},
		{"by client id, though the row has another id", "id,client_id,purpose\nx,ca,new\n", "client_id", "a"},
		{"a package of that name with another client id is another", "package,client_id,purpose\nShop,other,new\n", "", "shop"},
		{"an unknown business unit is another record", "client_id,business_unit,purpose\ncb,3,new\n", "", "cb"},
		{"the id is taken elsewhere", "package,purpose\nb,new\n", "", "emea-b"},
	} {
		b, _ := newBook()
		bring(t, b, inventory.CSV, start)
		p := preview(t, b, read(t, inventory.CSV, tt.sheet, options()))
		all := append(append(p.New, p.Changed...), p.Unchanged...)
		if len(all) != 1 || all[0].MatchedBy != tt.by || all[0].Credential.ID != keepwatch.CredentialID(tt.id) {
			t.Errorf("%s: %+v", tt.what, p)
		}
	}
	b, _ := newBook()
	bring(t, b, inventory.CSV, start)
	p := preview(t, b, read(t, inventory.CSV, "client_id,purpose\ncb,new\n", options()))
	if len(p.Wrong) != 1 || !strings.Contains(p.Wrong[0].Message, "b, b2") {
		t.Errorf("two records fit: %+v", p)
	}
}

// TestOneSheetMakesNoTwins: rows about one thing are one record, whatever names it.
func TestOneSheetMakesNoTwins(t *testing.T) {
	for what, sheet := range map[string]string{
		"package": "package\nA\na \n", "client id": "client_id,purpose\nx,1\nx,2\n", "id": "id,package\nx,A\nx,B\n", "package and client id": "package,client_id\nA,\nA,x\n",
	} {
		b, _ := newBook()
		p := preview(t, b, read(t, inventory.CSV, sheet, options()))
		if len(p.New) != 1 || len(p.Wrong) != 1 || p.Wrong[0].Line != 3 || !strings.Contains(p.Wrong[0].Message, "line 2") {
			t.Errorf("%s: %+v", what, p)
		}
	}
	b, _ := newBook()
	if p := preview(t, b, read(t, inventory.CSV, "id,client_id\nx,c\ny,c\n", options())); len(p.New) != 2 {
		t.Errorf("two ids that the sheet names are two records: %+v", p)
	}
}

func TestWhatACellSays(t *testing.T) {
	b, s := newBook()
	bring(t, b, inventory.CSV, "id,kind,username,secret,purpose,owner,criticality\na,api_user,etl,env:A,old,crm,reporting\n")
	bring(t, b, inventory.CSV, "id,kind,secret,purpose,criticality\na,,,,\n")
	c := s.items["a"].Credential
	if c.Purpose != "" || c.Kind != keepwatch.APIUser || c.SecretRef != "env:A" || c.Criticality != keepwatch.Reporting || c.Owner.Team != "crm" || c.Username != "etl" {
		t.Errorf("an empty cell clears the purpose only, a column that is not there nothing: %+v", c)
	}
	bring(t, b, inventory.YAML, "- {id: a, tenant: emea, kind: api_user, username: etl}\n")
	if c = s.items["a"].Credential; c.Owner.Team != "" || c.SecretRef != "env:A" {
		t.Errorf("a YAML record stands as a whole: %+v", c)
	}
}

func TestRecordsOfFilesAreLocked(t *testing.T) {
	file := full()
	file.File, file.Purpose = "keepwatch.yaml:12", "orders"
	b, s := newBook(file)
	p := preview(t, b, read(t, inventory.CSV, "id,purpose,owner\ncrm-sync,changed,crm-platform\n", options()))
	if len(p.Wrong) != 1 || !strings.Contains(p.Wrong[0].Message, "keepwatch.yaml:12") || !strings.Contains(p.Wrong[0].Message, "purpose") {
		t.Errorf("%+v", p)
	}
	if p = bring(t, b, inventory.XLSX, write(t, inventory.XLSX, []keepwatch.Credential{file})); len(p.Unchanged) != 1 || s.writes != 0 {
		t.Errorf("its own export: %+v", p)
	}
	_, err := b.Put(t.Context(), file, 0, me, now)
	if !errors.Is(err, keepwatch.ErrConflict) || !strings.Contains(err.Error(), "keepwatch.yaml:12") {
		t.Error(err)
	}
	if err := b.Remove(t.Context(), file.ID, 1, me, now); !errors.Is(err, keepwatch.ErrConflict) {
		t.Error(err)
	}
	if _, err := b.PutSecret(t.Context(), file.ID, 1, keepwatch.NewSecret([]byte("x")), keepwatch.Date{}, me, now); !errors.Is(err, keepwatch.ErrConflict) {
		t.Error(err)
	}
}

func TestPutAndRemove(t *testing.T) {
	b, s := newBook()
	ctx := t.Context()
	item, err := b.Put(ctx, full(), 0, me, now)
	if err != nil || item.Version != 1 || s.changes[0].Kind != keepwatch.ChangeCreated || len(s.changes[0].Fields) < 25 {
		t.Fatalf("%+v %v %+v", item, err, s.changes)
	}
	c := item.Credential
	c.Owner.Team = "web"
	if item, err = b.Put(ctx, c, 1, me, now); err != nil || item.Version != 2 {
		t.Fatal(item, err)
	}
	if got := fmt.Sprint(s.changes[1]); s.changes[1].Kind != keepwatch.ChangeUpdated || len(s.changes[1].Fields) != 1 || !strings.Contains(got, "owner.team crm-platform web") {
		t.Error(got)
	}
	if item, err = b.Put(ctx, c, 2, me, now); err != nil || item.Version != 2 || s.writes != 2 {
		t.Error("nothing to write was written", item.Version, err)
	}
	for what, tt := range map[string]struct {
		change  func(*keepwatch.Credential)
		version int
		want    error
	}{
		"an old version":   {func(*keepwatch.Credential) {}, 1, keepwatch.ErrConflict},
		"a taken id":       {func(*keepwatch.Credential) {}, 0, keepwatch.ErrConflict},
		"another tenant":   {func(c *keepwatch.Credential) { c.Tenant, c.BusinessUnit = "apac", 0 }, 2, keepwatch.ErrInvalid},
		"no tenant":        {func(c *keepwatch.Credential) { c.Tenant = "nowhere" }, 2, keepwatch.ErrInvalid},
		"no such unit":     {func(c *keepwatch.Credential) { c.ID, c.Tenant = "x", "apac" }, 0, keepwatch.ErrInvalid},
		"a literal":        {func(c *keepwatch.Credential) { c.SecretRef = "hunter2" }, 2, keepwatch.ErrInvalid},
		"not there":        {func(c *keepwatch.Credential) { c.ID = "gone" }, 3, keepwatch.ErrNotFound},
		"a wrong kind":     {func(c *keepwatch.Credential) { c.Kind = "rocket" }, 2, keepwatch.ErrInvalid},
		"an end too soon":  {func(c *keepwatch.Credential) { c.Expires = keepwatch.Day(2026, 9, 1) }, 2, keepwatch.ErrInvalid},
		"a bad id":         {func(c *keepwatch.Credential) { c.ID = "a/b" }, 0, keepwatch.ErrInvalid},
		"another's secret": {func(c *keepwatch.Credential) { c.SecretRef = "sealed:other" }, 2, keepwatch.ErrInvalid},
		"a file of ours": {func(c *keepwatch.Credential) {
			*c = keepwatch.Credential{ID: "cert", Tenant: "emea", Kind: keepwatch.Certificate, Certificate: keepwatch.CertificateSource{File: "/etc/shadow"}}
		}, 0, keepwatch.ErrInvalid},
		"no id": {func(c *keepwatch.Credential) { c.ID = "" }, 0, keepwatch.ErrInvalid},
	} {
		bad := c
		tt.change(&bad)
		if _, err := b.Put(ctx, bad, tt.version, me, now); !errors.Is(err, tt.want) || keepwatch.HintOf(err) == "" && !errors.Is(tt.want, keepwatch.ErrNotFound) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v (%s)", what, err, keepwatch.HintOf(err))
		}
	}
	if err := b.Remove(ctx, c.ID, 1, me, now); !errors.Is(err, keepwatch.ErrConflict) {
		t.Error(err)
	}
	if err := b.Remove(ctx, c.ID, 2, me, now); err != nil || len(s.items) != 0 || s.changes[2].Kind != keepwatch.ChangeRemoved || len(s.changes[2].Fields) < 25 {
		t.Error(err, s.items, s.changes[2])
	}
}

// TestANewSecretEndsTheOldDate: an end that somebody typed is that of the secret
// it was typed for.
func TestANewSecretEndsTheOldDate(t *testing.T) {
	b, s := newBook()
	c := full()
	item, err := b.Put(t.Context(), c, 0, me, now)
	if err != nil {
		t.Fatal(err)
	}
	c.SecretGenerated = keepwatch.Day(2026, 11, 24)
	if item, err = b.Put(t.Context(), c, item.Version, me, now); err != nil || !item.Credential.Expires.IsZero() {
		t.Errorf("%s, %v", item.Credential.Expires, err)
	}
	c.Expires = keepwatch.Day(2027, 1, 1)
	if item, err = b.Put(t.Context(), c, item.Version, me, now); err != nil || item.Credential.Expires != keepwatch.Day(2027, 1, 1) {
		t.Errorf("%s, %v", item.Credential.Expires, err)
	}
	bring(t, b, inventory.CSV, "id,secret_generated\ncrm-sync,2026-12-01\n")
	if got := s.items["crm-sync"].Credential; !got.Expires.IsZero() || got.SecretGenerated != keepwatch.Day(2026, 12, 1) {
		t.Errorf("%+v", got)
	}
	item, err = b.PutSecret(t.Context(), "crm-sync", s.items["crm-sync"].Version, keepwatch.NewSecret([]byte("hush")), keepwatch.Day(2026, 12, 2), me, now)
	if err != nil || s.secrets["crm-sync"] != "hush" || item.Credential.SecretRef != "sealed:crm-sync" || item.Credential.SecretGenerated != keepwatch.Day(2026, 12, 2) {
		t.Errorf("%+v %v", item, err)
	}
}

func TestAnImportLosesAgainstAnotherChange(t *testing.T) {
	b, _ := newBook()
	bring(t, b, inventory.CSV, "id,purpose\na,one\nb,one\n")
	plan := preview(t, b, read(t, inventory.CSV, "id,purpose\na,two\nb,two\nc,two\n", options()))
	bring(t, b, inventory.CSV, "id,purpose\nb,other\n")
	if _, err := b.Apply(t.Context(), plan, me, now); !errors.Is(err, keepwatch.ErrConflict) {
		t.Error(err)
	}
	if plan = preview(t, b, read(t, inventory.CSV, "id,purpose\na,one\nb,other\nc,x\n", options())); len(plan.New) != 1 || len(plan.Unchanged) != 2 {
		t.Errorf("some of it was written: %+v", plan)
	}
}

// TestAnOldConfirmationIsRenewed: the same table a month later says the dates anew.
func TestAnOldConfirmationIsRenewed(t *testing.T) {
	b, s := newBook()
	bring(t, b, inventory.Paste, table)
	sheet := read(t, inventory.Paste, table, options())
	plan, err := b.Preview(t.Context(), sheet, now.AddDate(0, 0, 31))
	if err != nil || len(plan.Changed) != 2 || len(plan.Unchanged) != 1 || plan.Changed[0].Fields[0].Field != "dates_confirmed" {
		t.Errorf("%+v %v", plan, err)
	}
	if s.items["crm-sync"].Credential.DatesConfirmed != keepwatch.Day(2026, 11, 24) {
		t.Error("a preview wrote")
	}
}

func TestTenantsOfRows(t *testing.T) {
	b, _ := newBook()
	o := inventory.ReadOptions{Tenants: tenants, Now: now}
	p := preview(t, b, read(t, inventory.CSV, "id,tenant,business_unit\na,emea,\nb,,\nc,nowhere,\nd,apac,710000001\ne,apac,5\n", o))
	if len(p.New) != 2 || len(p.Wrong) != 3 || p.Wrong[0].Column != "tenant" || p.Wrong[1].Column != "tenant" || p.Wrong[2].Column != "business_unit" {
		t.Errorf("%+v", p)
	}
	bring(t, b, inventory.CSV, "id,tenant\na,emea\n")
	if p = preview(t, b, read(t, inventory.CSV, "id,tenant\na,apac\n", o)); len(p.Wrong) != 1 {
		t.Errorf("a record moved: %+v", p)
	}
	o.Tenants = tenants[:1]
	if p = preview(t, b, read(t, inventory.CSV, "id\nz\n", o)); len(p.New) != 1 || p.New[0].Credential.Tenant != "emea" {
		t.Errorf("the only tenant: %+v", p)
	}
}

func TestWhatAKindDoesNotHave(t *testing.T) {
	for sheet, column := range map[string]string{
		"id,kind,client_id\na,api_user,x\n": "client_id", "id,kind,username\na,server_to_server,x\n": "username", "id,kind,secret\na,contract,env:X\n": "secret",
		"id,kind,certificate.file\na,web_app,/x\n": "certificate.file", "id,kind,discover\na,contract,yes\n": "discover", "id,kind,tests\na,api_user,rest:/x\n": "tests",
		"id,kind,scopes\na,api_user,email_read\n": "scopes", "id,kind,tests\na,web_app,rest:/x\n": "tests",
		"id,kind,certificate.file,certificate.endpoint\na,certificate,/x,h:443\n": "certificate.file",
	} {
		b, _ := newBook()
		p := preview(t, b, read(t, inventory.CSV, sheet, options()))
		if len(p.Wrong) != 1 || p.Wrong[0].Column != column || p.Wrong[0].Hint == "" {
			t.Errorf("%q: %+v", sheet, p)
		}
	}
}

// TestEveryKindCanBeAdded: a record may wait for what it is proven with.
func TestEveryKindCanBeAdded(t *testing.T) {
	b, _ := newBook()
	var sheet strings.Builder
	sheet.WriteString("id,kind\n")
	for _, k := range keepwatch.Kinds {
		fmt.Fprintf(&sheet, "%s,%s\n", k, k)
	}
	if p := bring(t, b, inventory.CSV, sheet.String()); len(p.New) != len(keepwatch.Kinds) {
		t.Errorf("%+v", p)
	}
}
