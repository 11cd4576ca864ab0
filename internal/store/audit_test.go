package store_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"keepwatch"
	"keepwatch/internal/store"
)

// Whoever changes an entry, takes one out or cuts the end off is found out.
func TestAuditLogTellsWhereItWasChanged(t *testing.T) {
	for _, c := range []struct {
		name, statement string
		broken          int64
	}{
		{"as it was written", "SELECT 1", 0},
		{"an entry says something else", `UPDATE audit SET doc = replace(doc, 'POST', 'PUT') WHERE seq = 2`, 2},
		{"an entry is gone", "DELETE FROM audit WHERE seq = 2", 2},
		{"the end is gone", "DELETE FROM audit WHERE seq = 3", 3},
		{"two changed places", "UPDATE audit SET seq = CASE seq WHEN 1 THEN 20 ELSE 1 END WHERE seq IN (1, 2); UPDATE audit SET seq = 2 WHERE seq = 20", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keepwatch.db")
			db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
			must(t, err)
			for _, action := range []string{"POST /a", "POST /b", "POST /c"} {
				_, err := db.Audit(t.Context(), keepwatch.AuditEntry{At: start, Who: "ada", Via: "token", Action: action})
				must(t, err)
			}
			must(t, db.Close())
			raw, err := sql.Open("sqlite", path)
			must(t, err)
			_, err = raw.ExecContext(t.Context(), c.statement)
			must(t, err)
			must(t, raw.Close())
			db, err = store.Open(t.Context(), "sqlite:"+path, store.Options{})
			must(t, err)
			defer db.Close()
			if _, broken, err := db.VerifyAudit(t.Context()); broken != c.broken || err != nil {
				t.Errorf("broken at %d, want %d (%v)", broken, c.broken, err)
			}
		})
	}
}
