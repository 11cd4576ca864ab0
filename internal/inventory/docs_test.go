package inventory_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"keepwatch/internal/inventory"
)

// Every sheet in the manual is imported without a fault, and every finding that the
// inventory makes is in its table.
func TestTheManualIsTrue(t *testing.T) {
	raw, err := os.ReadFile("../../docs/inventory.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for format, rows := range map[inventory.Format]int{inventory.Paste: 2, inventory.CSV: 1} {
		examples := regexp.MustCompile("(?s)```"+string(format)+"\n(.*?)```").FindAllStringSubmatch(text, -1)
		if len(examples) != 1 {
			t.Fatalf("%d examples of %s", len(examples), format)
		}
		b, _ := newBook()
		if plan := bring(t, b, format, examples[0][1]); len(plan.New) != rows || len(plan.Ignored) > 0 {
			t.Errorf("%s: %d new, ignored %v", format, len(plan.New), plan.Ignored)
		}
	}
	for _, kind := range []string{
		"no_owner", "no_date", "date_not_confirmed", "shared_by_holders", "duplicate_client_id", "no_dependents", "no_holders", "never_proven",
		"date_contradicted", "renewal_overdue", "legacy_package", "idle", "file_and_interface",
	} {
		if !strings.Contains(text, "| `"+kind+"` |") {
			t.Errorf("%s is not in the table", kind)
		}
	}
}
