package pages

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"keepwatch"
	"keepwatch/internal/inventory"
)

// unread are columns of sheets of which a preview repeats not every text, and why. A cell
// that cannot be right may be a secret in the wrong column: line and column are said.
var unread = func() map[string]reserve {
	out := only(map[string]map[string]int{
		"what has a line break or a tab, or is too long, is refused": {
			"Sheet.package": 59, "Sheet.client_id": 57, "Sheet.owner_team": 57, "Sheet.owner_contact": 57, "Sheet.renewal_by": 57, "Sheet.region": 42, "Sheet.environment": 35, "Sheet.area": 44,
			"Workbook.Contact": 57, "Workbook.Package": 57, "Workbook.Purpose": 57, "Workbook.Team": 57,
		},
		"a cell has several, each with a contact":           {"Sheet.holders": 5},
		"but for the one that is an address, it is refused": {"Sheet.runbook_url": 1},
	})
	for _, column := range []string{
		"id", "tenant", "business_unit", "kind", "username", "secret", "secret_generated", "expires", "last_used", "valid_for", "idle_for", "dates_confirmed", "criticality", "dependents",
		"renewal.every", "renewal.planned", "renewal.window", "renewal.ticket", "expiry_ladder", "pushed_every", "discover", "tests", "scopes",
		"certificate.file", "certificate.endpoint", "certificate.server_name", "certificate.password", "certificate.alias",
	} {
		out["Sheet."+noWord.ReplaceAllString(column, "_")] = reserve{0, "what is wrong is not repeated"}
	}
	return out
}()

// sheetOf is a sheet of one row for each text, which stands in one column; all else is as
// it should be.
func sheetOf(t *testing.T, column string) string {
	t.Helper()
	right := map[string]string{"tenant": "apac", "kind": "server_to_server"}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	head := []string{"id", "tenant", "kind"}
	if _, ok := right[column]; !ok && column != "id" {
		head = append(head, column)
	}
	rows := [][]string{head}
	for i, p := range payloads {
		var row []string
		for _, name := range head {
			switch {
			case name == column:
				row = append(row, p+"~Sheet."+noWord.ReplaceAllString(column, "_")+"~")
			case name == "id":
				row = append(row, fmt.Sprintf("brought-%02d", i))
			default:
				row = append(row, right[name])
			}
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestNothingBroughtInRuns has each text in each column of a sheet, in a workbook and in
// a pasted table. A preview shows it, what is brought in shows it, and it stays text.
func TestNothingBroughtInRuns(t *testing.T) {
	t.Parallel()
	e := hostEstate(t)
	b := e.hostileTab(t)
	b.open("/inventory/import", http.StatusOK)
	fields, found := map[string]bool{}, newSight()
	for _, column := range inventory.Fields() {
		fields["Sheet."+noWord.ReplaceAllString(column, "_")] = true
		b.send("/inventory/import", url.Values{"do": {"preview"}, "format": {"csv"}, "text": {sheetOf(t, column)}}, http.StatusOK)
		b.inspected("a sheet of "+column, found)
	}
	e.pasted(t, b, fields, found)
	e.workbook(t, b, fields, found)
	found.complete(t, fields, unread)
}

// pasted has the texts in the table of Installed Packages, as the browser's clipboard has
// it: cells with tabs between.
func (e *estate) pasted(t *testing.T, b *tab, fields map[string]bool, found *sight) {
	t.Helper()
	var text strings.Builder
	text.WriteString("Name\tStatus\tDescription\tCreated Date\tModified Date\tClient Secret Expiration Date\n")
	cell := func(column string, i int) string {
		fields["Paste."+column] = true
		return strings.Join(strings.Fields(payloads[i]), " ") + "~Paste." + column + "~"
	}
	for i := range payloads {
		fmt.Fprintf(&text, "%s\tActive\t%s\t11/02/2026 9:00 AM\t11/02/2026 9:00 AM\t05/01/2027\n", cell("Name", i), cell("Description", i))
		fmt.Fprintf(&text, "Plain %02d\tActive\tx\t11/02/2026 9:00 AM\t11/02/2026 9:00 AM\t%s\n", i, cell("Expiration", i))
	}
	b.send("/inventory/import", url.Values{"do": {"preview"}, "format": {"paste"}, "tenant": {"apac"}, "text": {text.String()}}, http.StatusOK)
	b.inspected("a pasted table", found)
}

// workbook has them in a file that somebody chooses, and then brings it in.
func (e *estate) workbook(t *testing.T, b *tab, fields map[string]bool, found *sight) {
	t.Helper()
	var all []keepwatch.Credential
	for i, p := range payloads {
		s := sower{payload: p, sown: map[string]bool{}}
		c := keepwatch.Credential{ID: keepwatch.CredentialID(fmt.Sprintf("book-%02d", i)), Tenant: "apac", Kind: keepwatch.ServerToServer, Criticality: keepwatch.Standard}
		for _, text := range []*string{&c.Purpose, &c.Package, &c.Owner.Team, &c.Owner.Contact} {
			*text = s.mark("Workbook." + fieldName(&c, text))
			fields["Workbook."+fieldName(&c, text)] = true
		}
		all = append(all, c)
	}
	path := filepath.Join(t.TempDir(), "hostile.xlsx")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := inventory.Write(inventory.XLSX, file, all, inventory.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	b.open("/inventory/import", http.StatusOK)
	b.do(chromedp.SetUploadFiles(`#file`, []string{path}))
	b.press("the preview", `#preview-button`)
	b.inspected("a workbook", found)
	b.press("the table", `#apply`)
	b.inspect("/inventory?q=book-&columns=state,unit,owner,package", found)
	for i := range payloads {
		if i%6 == 0 { // all of them are seen by TestNothingHostileRuns
			b.inspect(fmt.Sprintf("/credentials/book-%02d", i), found)
		}
	}
}

// fieldName is the name of the field of a record that a pointer leads to.
func fieldName(c *keepwatch.Credential, at *string) string {
	for _, v := range []reflect.Value{reflect.ValueOf(c).Elem(), reflect.ValueOf(&c.Owner).Elem()} {
		for i := range v.NumField() {
			if v.Field(i).CanAddr() && v.Field(i).Addr().Interface() == any(at) {
				return v.Type().Field(i).Name
			}
		}
	}
	return "Unknown"
}
