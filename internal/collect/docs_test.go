package collect_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"keepwatch/internal/collect"
)

var update = flag.Bool("update", false, "write the table of routes into docs/effects.md")

// table is the list of routes as the manual shows it.
func table() string {
	var b strings.Builder
	b.WriteString("| name | family | route | scope | | unknown without it |\n|---|---|---|---|---|---|\n")
	for _, r := range collect.Routes {
		how := "documented"
		if !r.Documented {
			how = "**undocumented**"
		}
		fmt.Fprintf(&b, "| `%s` | %s | `%s` | `%s` | %s | %s |\n", r.Name, r.Family, r.Path, r.Scope, how, r.For)
	}
	return b.String()
}

const manual = "../../docs/effects.md"

// The manual has every route by its name: run this test with -update.
func TestTheManualListsEveryRoute(t *testing.T) {
	raw, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- routes -->\n", "<!-- /routes -->"
	head, rest, ok := strings.Cut(string(raw), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("no place for the routes")
	}
	want := head + begin + table() + end + tail
	if *update {
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(raw) {
		t.Errorf("%s is stale; run: go test ./internal/collect -run %s -update", manual, t.Name())
	}
}

// A route's name is one word and stands for one thing.
func TestNamesOfRoutes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range collect.Routes {
		if seen[r.Name] || r.Name == "" || strings.ToLower(r.Name) != r.Name || strings.ContainsAny(r.Name, " -:@") || r.For == "" || r.Scope == "" || r.Path == "" || r.Family == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Name] = true
	}
}

// The manual says how often each family is looked at, and what a day may cost.
func TestTheManualHasTheFigures(t *testing.T) {
	raw, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for family, every := range collect.DefaultEvery {
		minutes := fmt.Sprintf("| %s | %d min |", family, int(every.Minutes()))
		if !strings.Contains(string(raw), minutes) {
			t.Errorf("the manual lacks %q", minutes)
		}
	}
	for _, figure := range []string{"10,000", fmt.Sprint(collect.MaxCalls)} {
		if !strings.Contains(string(raw), figure) {
			t.Errorf("the manual lacks %s", figure)
		}
	}
}
