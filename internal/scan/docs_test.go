package scan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/scan.md anew")

// TestDocumentedChecks holds the page's table against the table in the code.
func TestDocumentedChecks(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "scan.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), "<!-- checks -->\n")
	old, after, ok2 := strings.Cut(rest, "<!-- /checks -->")
	if !ok || !ok2 {
		t.Fatal("the page has no place for the table")
	}
	var table strings.Builder
	table.WriteString("| check | proves | severity | source |\n|---|---|---|---|\n")
	for _, c := range Checks {
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", c.Name, c.Proves, c.Rule, c.Source)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+"<!-- checks -->\n"+table.String()+"<!-- /checks -->"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != table.String() {
		t.Error("the table of checks is out of date; run go test ./internal/scan -run TestDocumentedChecks -update")
	}
}

// Every check of the table is one that a scan makes, and the other way round.
func TestChecksAreMade(t *testing.T) {
	w := newWorld(t)
	_, targets := build(w)
	made := map[string]bool{}
	for _, f := range w.scan(targets...).Findings {
		made[f.Check] = true
		if _, ok := CheckNamed(f.Check); !ok {
			t.Errorf("%s is not in the table", f.Check)
		}
	}
	for _, c := range Checks {
		if !made[c.Name] || c.Proves == "" || c.Rule == "" || c.Source == "" || c.Title == "" {
			t.Errorf("%s: made %v, %+v", c.Name, made[c.Name], c)
		}
	}
}
