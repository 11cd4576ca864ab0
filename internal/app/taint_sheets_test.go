package app_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"keepwatch"
	"keepwatch/internal/inventory"
)

// freeText are the columns that hold any text: what is put there is taken for what
// it says it is, and shown. No program can tell a secret from a name.
var freeText = []string{"id", "package", "client_id", "owner.team", "owner.contact", "purpose", "environment", "region", "area", "holders", "renewal.by"}

// sheetRow is a row with one cell in the wrong place.
type sheetRow struct {
	column, secret string
	cells          map[string]string
}

// wrongRows has a row for each column that is not free text, with a secret in it.
func (w *taintWorld) wrongRows(format string, strange bool) (rows []sheetRow) {
	for i, column := range inventory.Fields() {
		if slices.Contains(freeText, column) {
			continue
		}
		r := sheetRow{column, w.vault.secret(fmt.Sprintf("secret in column %s of %s", column, format), strange), map[string]string{
			"id": fmt.Sprintf("row-%d", i), "tenant": "turn", "kind": "server_to_server", "client_id": fmt.Sprintf("client-row-%d", i),
		}}
		r.cells[column] = r.secret
		rows = append(rows, r)
	}
	return rows
}

// table lays rows out under a heading of all fields.
func table(rows []sheetRow) (out [][]string) {
	out = append(out, inventory.Fields())
	for _, r := range rows {
		var cells []string
		for _, f := range out[0] {
			cells = append(cells, r.cells[f])
		}
		out = append(out, cells)
	}
	return out
}

func asCSV(table [][]string) []byte {
	var b bytes.Buffer
	_ = csv.NewWriter(&b).WriteAll(table)
	return b.Bytes()
}

func asPaste(table [][]string) []byte {
	var b strings.Builder
	for _, r := range table {
		b.WriteString(strings.Join(r, "\t") + "\n")
	}
	return []byte(b.String())
}

func (w *taintWorld) asXLSX(table [][]string) []byte {
	f := excelize.NewFile()
	for i, r := range table {
		for j, cell := range r {
			at, err := excelize.CoordinatesToCellName(j+1, i+1)
			w.must(err)
			w.must(f.SetCellStr("Sheet1", at, cell))
		}
	}
	b, err := f.WriteToBuffer()
	w.must(err)
	return b.Bytes()
}

// asYAML writes records as JSON, which is YAML, with lists where lists belong.
func (w *taintWorld) asYAML(rows []sheetRow) []byte {
	lists := []string{"holders", "dependents", "expiry_ladder", "tests", "scopes"}
	var records []map[string]any
	for _, r := range rows {
		record := map[string]any{}
		for column, cell := range r.cells {
			var value any = cell
			if slices.Contains(lists, column) {
				value = []string{cell}
			}
			if group, key, nested := strings.Cut(column, "."); nested {
				record[group] = map[string]any{key: value}
			} else {
				record[column] = value
			}
		}
		records = append(records, record)
	}
	b, err := json.Marshal(map[string]any{"version": 1, "credentials": records})
	w.must(err)
	return b
}

type imported struct {
	Applied                        bool
	Rows                           int
	New, Changed, Unchanged, Wrong []struct {
		Line    int
		Message string
	}
	Notes []string
}

func (w *taintWorld) upload(format, options string, sheet []byte) (in imported) {
	w.t.Helper()
	status, answer, _ := w.ask("POST", "/api/v1/import?format="+format+options, string(sheet), false, "Content-Type", "application/octet-stream")
	if status != http.StatusOK {
		w.t.Fatalf("import %s: %d: %s", format, status, answer)
	}
	w.must(json.Unmarshal(answer, &in))
	return in
}

// imports bring sheets in with secrets where they belong, and where they do not.
func (w *taintWorld) imports() {
	for _, strange := range []bool{false, true} {
		for _, format := range []string{"csv", "xlsx", "yaml", "paste"} {
			rows := w.wrongRows(format, strange)
			var sheet []byte
			switch format {
			case "csv":
				sheet = asCSV(table(rows))
			case "xlsx":
				sheet = w.asXLSX(table(rows))
			case "yaml":
				sheet = w.asYAML(rows)
			case "paste":
				sheet = asPaste(table(rows))
			}
			in := w.upload(format, "&name=wrong."+format, sheet)
			if len(in.Wrong) != len(rows) || in.Rows != len(rows) {
				w.t.Errorf("%s: %d rows, %d of them wrong, not %d: %+v", format, in.Rows, len(in.Wrong), len(rows), in.New)
			}
			w.upload(format, "&apply=true&seal=true", sheet)
			w.importCommands(format, sheet)
		}
	}
	w.brokenSheets()
	w.secretsInSheets()
}

// importCommands import a sheet with the command.
func (w *taintWorld) importCommands(format string, sheet []byte) {
	path := filepath.Join(w.t.TempDir(), "sheet."+format)
	w.write(path, string(sheet))
	for _, output := range []string{"table", "json"} {
		w.command("-v", "--output", output, "import", format, path, "--tenant", "turn")
	}
	w.withInput(string(sheet), func() { w.command("import", format, "-", "--tenant", "turn", "--yes", "--seal") })
}

// brokenSheets cannot be read, or hold a secret where a format has its own ways.
func (w *taintWorld) brokenSheets() {
	secret := func(name string) string { return w.vault.secret(name, false) }
	for _, s := range []struct{ format, text string }{
		{"mcdev", `{"x": {"client_id": "a", "client_secret": "` + secret("secret in broken JSON of mcdev")},
		{"mcdev", `{"x": {"client_id": "a", "client_secret": ["` + secret("secret in a list of mcdev") + `"]}}`},
		{"mcdev", `{"x": {"client_id": {"` + secret("secret as a key of mcdev") + `": 1}}}`},
		{"mcdev", `{"x": {"client_id": "a", "account_id": "` + secret("secret as an account of mcdev") + `"}}`},
		{"mcdev", `{"x": {"client_id": "a", "auth_url": "` + secret("secret as an address of mcdev") + `"}}`},
		{"mcdev", `["` + secret("secret in a list alone") + `"]`},
		{"yaml", "credentials:\n  - {id: a, secret: [" + secret("secret in a list of YAML") + "]}\n"},
		{"yaml", "credentials:\n  - {id: a, secret: {" + secret("secret in braces of YAML") + "}}\n"},
		{"yaml", "credentials:\n  - {id: a, client_secret: " + secret("secret under a key of YAML") + "}\n"},
		{"yaml", "credentials:\n  - {id: a, " + secret("secret as a key of YAML") + ": 1}\n"},
		{"yaml", "credentials:\n  - " + secret("secret in the place of a record") + "\n"},
		{"yaml", "credentials:\n  - {id: a, secret: &" + secret("secret as an anchor") + " x}\n"},
		{"yaml", "credentials:\n  - {id: a, secret: *" + secret("secret as an alias") + "}\n"},
		{"yaml", "credentials:\n  - {id: a, secret: !" + secret("secret as a tag") + " x}\n"},
		{"yaml", "credentials:\n  - {id: a, secret: \"" + secret("secret in broken YAML") + "}\n"},
		{"csv", "id,secret\na," + secret("secret in a short CSV") + "\nb,\"" + secret("secret in a broken CSV") + "\n"},
		{"csv", "id,secret,expires\na,b," + secret("secret that was shifted") + "," + secret("secret without a heading") + "\n"},
		{"paste", "Name\tStatus\tClient Secret Expiration Date\nPackage\tActive\t" + secret("secret in a paste") + "\n"},
		{"xlsx", secret("secret that is no XLSX")},
	} {
		for _, options := range []string{"", "&tenant=turn", "&tenant=turn&seal=true"} {
			w.ask("POST", "/api/v1/import?format="+s.format+options, s.text, false, "Content-Type", "application/octet-stream")
		}
		w.importCommands(s.format, []byte(s.text))
	}
	w.ask("POST", "/api/v1/import?format="+secret("secret as a format"), "x", true)
}

// secretsInSheets are dropped, or sealed on request and then tested with.
func (w *taintWorld) secretsInSheets() {
	dropped := func(name string) string { return w.vault.secret("dropped secret of "+name, true) }
	sheet := func(secret func(string) string, suffix string) map[string][]byte {
		rows := func(name string) [][]string {
			return [][]string{{"id", "tenant", "client id", "criticality", "Client Secret"}, {name + suffix, "turn", "client-" + name + suffix, "reporting", secret(name + suffix)}}
		}
		mcdev, err := json.Marshal(map[string]any{
			"mcdev" + suffix: map[string]any{"client_id": "client-mcdev" + suffix, "client_secret": secret("mcdev" + suffix), "auth_url": w.inv.auth, "account_id": enterprise},
		})
		w.must(err)
		old, err := json.Marshal(map[string]any{"credentials": map[string]any{
			"older" + suffix: map[string]any{"clientId": "client-older" + suffix, "clientSecret": secret("older" + suffix), "eid": enterprise},
		}})
		w.must(err)
		return map[string][]byte{"csv": asCSV(rows("csv")), "xlsx": w.asXLSX(rows("xlsx")), "paste": asPaste(rows("paste")), "mcdev": mcdev, "mcdev&tenant=turn": old}
	}
	for format, text := range sheet(dropped, "-dropped") {
		for _, apply := range []string{"", "&apply=true"} {
			if in := w.upload(format, apply, text); len(in.Notes) == 0 || len(in.Wrong) > 0 {
				w.t.Errorf("%s%s: %+v", format, apply, in)
			}
		}
	}
	want := map[string]keepwatch.Outcome{}
	for suffix, c := range map[string]struct {
		secret  func(string) string
		outcome keepwatch.Outcome
	}{
		"-right": {w.client, keepwatch.OK},
		"-wrong": {func(id string) string { w.client(id); return w.wrongSecret(id) }, keepwatch.BadSecretOrPackage},
	} {
		for format, text := range sheet(c.secret, suffix) {
			w.upload(format, "&seal=true", text)
			if in := w.upload(format, "&seal=true&apply=true", text); len(in.New) != 1 {
				w.t.Errorf("%s sealed: %+v", format, in)
			}
		}
		for _, id := range []string{"csv", "xlsx", "paste", "mcdev", "older"} {
			want[id+suffix] = c.outcome
		}
	}
	w.outcomes(want)
}

// exports take the whole estate out in each format.
func (w *taintWorld) exports() {
	for _, format := range inventory.Formats {
		status, answer, header := w.ask("GET", "/api/v1/export?format="+string(format), "", false)
		if status != http.StatusOK {
			w.t.Fatalf("export %s: %d: %s", format, status, answer)
		}
		path := filepath.Join(w.t.TempDir(), "export."+string(format))
		w.command("export", string(format), path)
		w.command("export", string(format))
		w.out.add("exports", fmt.Sprint(header), string(answer), w.content(path))
		if format == inventory.XLSX {
			w.unzipped("exports", answer)
			w.unzipped("exports", []byte(w.content(path)))
		}
	}
}
