package store

import (
	"path/filepath"
	"strings"
	"testing"
)

// What fills the memory that pages read goes through no table of observations: it seeks
// the hours of each series, and what is hot by its slot.
func TestPagesScanNoObservations(t *testing.T) {
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "keepwatch.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for name, q := range map[string]struct {
		text string
		args []any
		want string
	}{
		"hours": {recentHours, []any{1}, "SEARCH r USING PRIMARY KEY (series=? AND start>?)"},
		"hot": {"SELECT series, slot / 3600000, outcome, sum(runs) FROM hot WHERE slot >= $1 AND slot < $2 AND series IN (SELECT id FROM series WHERE " + proving + ") GROUP BY series, slot / 3600000, outcome",
			[]any{1, 2}, "SEARCH hot USING PRIMARY KEY (slot>? AND slot<?)"},
	} {
		plan := planOf(t, db, q.text, q.args...)
		text := strings.Join(plan, "; ")
		if !strings.Contains(text, q.want) {
			t.Errorf("%s: %s, want %q", name, text, q.want)
		}
		for _, table := range []string{"SCAN hot", "SCAN r", "SCAN hourly", "SCAN results"} {
			if strings.Contains(text, table) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

// planOf is how SQLite means to find the rows of a query.
func planOf(t *testing.T, db *DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
