package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keepwatch/client"
	"keepwatch/internal/impact"
)

func manual(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The examples of the page are parts of the documents.
func TestExamplesAreReports(t *testing.T) {
	into := map[string]any{"incident": &client.IncidentReport{}, "month": &client.MonthReport{}, "backtest": &client.Backtest{}}
	for _, m := range regexp.MustCompile("(?s)```json (\\w+)\n(.*?)```").FindAllStringSubmatch(manual(t, "reports.md"), -1) {
		d := json.NewDecoder(bytes.NewReader([]byte(m[2])))
		d.DisallowUnknownFields()
		if err := d.Decode(into[m[1]]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		delete(into, m[1])
	}
	if len(into) > 0 {
		t.Errorf("no example of %v", into)
	}
}

// The page explains every figure and every source, and shows the reference case as it
// is told.
func TestFiguresAreExplained(t *testing.T) {
	text := manual(t, "impact.md")
	for _, name := range impact.Names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is not explained", name)
		}
	}
	for _, source := range []string{impact.Measured, impact.Baseline, impact.Configured, impact.Pushed, impact.Inferred} {
		if !strings.Contains(text, "`"+source+"`") {
			t.Errorf("the source %s is not explained", source)
		}
	}
	if !strings.Contains(text, "4 h 00 m × 10,000 / 24 h = 1,667") {
		t.Error("the reference case is missing")
	}
}
