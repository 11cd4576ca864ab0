package inventory_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keepwatch"
	"keepwatch/internal/inventory"
)

var wholeFormats = []inventory.Format{inventory.CSV, inventory.XLSX, inventory.YAML}

// same compares records as they were written down; a nil and an empty list of
// rungs differ, because the second one means something.
func same(t *testing.T, what string, got, want keepwatch.Credential) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.Comparer(keepwatch.Date.Equal), cmpopts.IgnoreFields(keepwatch.Credential{}, "Clocks", "Deadline")); d != "" {
		t.Errorf("%s: %s differs (-wrote +read):\n%s", what, want.ID, d)
	}
}

func TestEveryFieldSurvivesTheWayOutAndIn(t *testing.T) {
	// What names a file of the machine belongs to a file; there it must not differ.
	files := fullCertificate()
	files.File = "keepwatch.yaml:9"
	list := []keepwatch.Credential{full(), endpointCertificate(), userOf(), files}
	for _, format := range wholeFormats {
		b, s := newBook(files)
		out := write(t, format, list)
		plan := bring(t, b, format, out)
		if len(plan.New) != len(list)-1 || len(plan.Unchanged) != 1 {
			t.Fatalf("%s: %d of %d are new, %d unchanged", format, len(plan.New), len(list), len(plan.Unchanged))
		}
		for _, want := range list[:3] {
			same(t, string(format), s.items[want.ID].Credential, want)
		}
		if plan = bring(t, b, format, out); len(plan.Unchanged) != len(list) {
			t.Errorf("%s: a second import changes %+v", format, plan.Changed)
		}
		if again := write(t, format, list); format != inventory.XLSX && again != out {
			t.Errorf("%s: two exports differ", format)
		}
	}
}

// TestNoFieldIsForgotten: a field that is added to the record must be in the table.
func TestNoFieldIsForgotten(t *testing.T) {
	set := map[string]bool{}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[keepwatch.Date]() {
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
			return
		}
		set[path] = set[path] || !v.IsZero()
		if v.Kind() == reflect.Slice {
			for i := range v.Len() {
				walk(v.Index(i), path+"[]")
			}
		}
	}
	for _, c := range []keepwatch.Credential{full(), fullCertificate(), endpointCertificate(), userOf()} {
		walk(reflect.ValueOf(c), "")
	}
	derived := func(path string) bool { // follows from the rest, or from the place
		return path == ".Clocks" || path == ".File" || strings.HasPrefix(path, ".Deadline.")
	}
	for path, filled := range set {
		if !filled && !derived(path) {
			t.Errorf("%s is in no record of the round trip: it may be missing in the table", path)
		}
	}
}

// randomText is text that tries to break cells.
func randomText(r *rand.Rand, limit int) string {
	alphabet := []rune("ab1 ;,<>{}=\\\"'=+-@|:&*!#%?[]()ßé中🔑\u00a0\u200b\u0301~`$")
	out := make([]rune, 1+r.IntN(limit))
	for i := range out {
		out[i] = alphabet[r.IntN(len(alphabet))]
	}
	return "x" + strings.ReplaceAll(string(out), "${env:", "") + "x"
}

func randomRecord(r *rand.Rand, n int) keepwatch.Credential {
	c := keepwatch.Credential{
		ID: keepwatch.CredentialID(fmt.Sprintf("c-%d", n)), Tenant: "emea", Kind: keepwatch.ServerToServer, Criticality: keepwatch.Criticalities[r.IntN(3)],
		ClientID: fmt.Sprintf("client%d", n), Package: randomText(r, 60), Purpose: randomText(r, 200), SecretRef: "env:S",
		SecretGenerated: keepwatch.Day(2026, 1, 1+r.IntN(300)), Owner: keepwatch.Owner{Team: randomText(r, 20), Contact: randomText(r, 20)},
		BusinessUnit: keepwatch.MID(r.IntN(2) * (100000 + r.IntN(1e9))), Tests: []string{"identity"},
	}
	for range r.IntN(4) {
		c.Holders = append(c.Holders, keepwatch.Holder{Name: randomText(r, 30), Contact: randomText(r, 30)})
	}
	for i := range r.IntN(4) {
		c.Dependents = append(c.Dependents, keepwatch.Dependent{
			Kind: "journey", Key: fmt.Sprint(i, randomText(r, 30)), FedBy: randomText(r, 10), Reads: []string{randomText(r, 10), randomText(r, 10)},
			ContactsPerDay: float64(r.IntN(1e6)) / 8,
		})
	}
	return c
}

func TestAnyTextSurvives(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var list []keepwatch.Credential
	for n := range 400 {
		list = append(list, randomRecord(r, n))
	}
	for _, format := range wholeFormats {
		b, s := newBook()
		bring(t, b, format, write(t, format, list))
		for _, want := range list {
			if same(t, string(format), s.items[want.ID].Credential, want); t.Failed() {
				return
			}
		}
	}
}

// TestLongListsGoOverSeveralColumns: Excel holds 32,767 characters in a cell.
func TestLongListsGoOverSeveralColumns(t *testing.T) {
	c := full()
	c.Dependents = nil
	for i := range 1000 {
		c.Dependents = append(c.Dependents, keepwatch.Dependent{Kind: "automation", Key: fmt.Sprintf("%04d-%s", i, strings.Repeat("ü;", 40))})
	}
	for _, format := range wholeFormats {
		b, s := newBook()
		bring(t, b, format, write(t, format, []keepwatch.Credential{c, userOf()}))
		same(t, string(format), s.items[c.ID].Credential, c)
	}
}

// TestExportsHoldNoFormula: no cell begins with what a spreadsheet runs.
func TestExportsHoldNoFormula(t *testing.T) {
	c := userOf()
	for i, s := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "＝1", "'=1", "'quoted", `=cmd|' /C calc'!A0`, "a;=1"} {
		c.ID, c.Purpose, c.Owner.Team = keepwatch.CredentialID(fmt.Sprint("f", i)), s, s
		c.SecretRef = "sealed:" + string(c.ID)
		out := write(t, inventory.CSV, []keepwatch.Credential{c})
		for _, cell := range strings.Split(strings.ReplaceAll(out, "\r\n", `,`), `,`) {
			if body := strings.TrimPrefix(cell, `"`); body != "" && strings.ContainsAny(body[:1], "=+-@\t\r") {
				t.Errorf("%q is exported as the cell %q", s, cell)
			}
		}
		b, st := newBook()
		bring(t, b, inventory.CSV, out)
		same(t, "csv", st.items[c.ID].Credential, c)
	}
}

// TestTheOtherFormatsKeepWhatTheyKnow: paste and mcdev hold a part of a record
// and change nothing of the rest.
func TestTheOtherFormatsKeepWhatTheyKnow(t *testing.T) {
	for _, format := range []inventory.Format{inventory.Paste, inventory.Mcdev} {
		b, s := newBook()
		c := full()
		c.Expires = keepwatch.Day(2027, 3, 27)
		bring(t, b, inventory.CSV, write(t, inventory.CSV, []keepwatch.Credential{c}))
		plan := bring(t, b, format, write(t, format, []keepwatch.Credential{s.items[c.ID].Credential}))
		if len(plan.Unchanged) != 1 || s.writes != 1 {
			t.Errorf("%s: %+v", format, plan)
		}
		fresh, _ := newBook()
		if plan := bring(t, fresh, format, write(t, format, []keepwatch.Credential{c})); len(plan.New) != 1 || plan.New[0].Credential.ClientID != c.ClientID {
			t.Errorf("%s into an empty inventory: %+v", format, plan)
		}
	}
}

func TestUnknownFormats(t *testing.T) {
	if _, err := inventory.ParseFormat("docx"); err == nil || keepwatch.HintOf(err) == "" {
		t.Error(err)
	}
	if _, err := inventory.Read("docx", strings.NewReader("x"), "f", options()); err == nil {
		t.Error("read")
	}
	if err := inventory.Write("docx", &bytes.Buffer{}, nil, inventory.WriteOptions{}); err == nil {
		t.Error("written")
	}
	for _, f := range inventory.Formats {
		if got, err := inventory.ParseFormat(string(f)); got != f || err != nil {
			t.Error(f, err)
		}
	}
}

func TestSizeCaps(t *testing.T) {
	big := strings.NewReader(strings.Repeat("x", inventory.MaxBytes+1))
	if _, err := inventory.Read(inventory.CSV, big, "big.csv", options()); err == nil || !strings.Contains(err.Error(), "32 MiB") {
		t.Error(err)
	}
	var b strings.Builder
	b.WriteString("id,package\n")
	for i := range inventory.MaxRows + 3 {
		fmt.Fprintf(&b, "c%d,p\n", i)
	}
	sheet := read(t, inventory.CSV, b.String(), options())
	if len(sheet.Rows) != inventory.MaxRows || len(sheet.Faults) != 3 {
		t.Errorf("%d rows, %d faults", len(sheet.Rows), len(sheet.Faults))
	}
	if _, err := inventory.Read(inventory.CSV, strings.NewReader("id"+strings.Repeat(",x", 500)+"\n"), "wide.csv", options()); err == nil {
		t.Error("502 columns")
	}
}
