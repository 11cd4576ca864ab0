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
	known := hotRows{" AND series = $1 AND (slot, key) IN (VALUES ($5,$6),($7,$8))", "+slot", []any{1, "k", 2, "l"}}
	for name, q := range map[string]struct {
		text string
		args []any
		want string
	}{
		"hours": {recentHours, []any{1}, "SEARCH r USING PRIMARY KEY (series=? AND start>?)"},
		"hot": {"SELECT series, slot / 3600000, outcome, sum(runs) FROM hot WHERE slot >= $1 AND slot < $2 AND series IN (SELECT id FROM series WHERE " + proving + ") GROUP BY series, slot / 3600000, outcome",
			[]any{1, 2}, "SEARCH hot USING PRIMARY KEY (slot>? AND slot<?)"},
		"hot runs of one": {"SELECT " + resultColumns + resultTables(known)[0].from + " AND +slot <= $2 AND (+slot < $2 OR key < $3) ORDER BY slot DESC, key DESC LIMIT $4",
			[]any{"a", 1, "k", 20, 1, "k", 2, "l"}, "SEARCH hot USING PRIMARY KEY (slot=? AND key=?)"},
		"hot hours of one": {"SELECT series, slot / 3600000, outcome, sum(runs) FROM hot WHERE +slot >= $1 AND +slot < $2 AND series = $3 AND (slot, key) IN (VALUES ($4,$5),($6,$7)) GROUP BY series, slot / 3600000, outcome",
			[]any{1, 2, "a", 1, "k", 2, "l"}, "SEARCH hot USING PRIMARY KEY (slot=? AND key=?)"},
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
