package certs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepwatch/internal/certs"
	"keepwatch/internal/config"
)

// TestDocumentedExamplesLoad loads every example of the page.
func TestDocumentedExamplesLoad(t *testing.T) {
	page := readPage(t)
	loaded := 0
	for i, part := range strings.Split(page, "```") {
		yaml, found := strings.CutPrefix(part, "yaml\n")
		if !found || i%2 == 0 {
			continue
		}
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path, func(string) (string, bool) { return "", false }); err != nil {
			t.Errorf("example %d: %v", loaded+1, err)
		}
		loaded++
	}
	if loaded != 2 {
		t.Errorf("%d examples", loaded)
	}
}

// TestDocumentedProblems: the page explains every name, and no other.
func TestDocumentedProblems(t *testing.T) {
	table := readPage(t)
	_, table, _ = strings.Cut(table, "| problem | means |")
	table, _, _ = strings.Cut(table, "\n\n")
	all := []string{
		certs.Expired, certs.NotYetValid, certs.SelfSigned, certs.WrongHost, certs.WeakKey, certs.WeakSignature,
		certs.ChainIncomplete, certs.Untrusted, certs.Broken, certs.WrongPassword, certs.CAAForbids,
	}
	for _, name := range all {
		if !strings.Contains(table, "| `"+name+"` |") {
			t.Errorf("%s is not explained", name)
		}
	}
	if rows := strings.Count(table, "\n| `"); rows != len(all) {
		t.Errorf("%d rows for %d problems", rows, len(all))
	}
}

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "certificates.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
