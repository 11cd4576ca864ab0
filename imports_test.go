package keepwatch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// floors is the ground plan: a package may import only packages of a strictly
// lower floor. A new package gets a line here, or this test fails.
var floors = map[string]int{
	"keepwatch":        0,
	"keepwatch/client": 0,

	"keepwatch/internal/calendar": 1,
	"keepwatch/internal/egress":   1,
	"keepwatch/internal/metrics":  1,
	"keepwatch/internal/repeats":  1,

	"keepwatch/internal/sfmc":     2,
	"keepwatch/internal/certs":    2,
	"keepwatch/internal/detect":   1,
	"keepwatch/internal/incident": 2,
	"keepwatch/internal/rotation": 2,
	"keepwatch/internal/expiry":   2,

	"keepwatch/internal/sfmc/sim/clients": 2,

	"keepwatch/internal/sfmc/sim/world": 2,
	"keepwatch/internal/sfmc/sim":       3,
	"keepwatch/internal/store":          3,
	"keepwatch/internal/secrets":        3,
	"keepwatch/internal/probe":          3,
	"keepwatch/internal/schedule":       3,
	"keepwatch/internal/intake":         3,
	"keepwatch/internal/traffic":        3,
	"keepwatch/internal/notify":         3,
	"keepwatch/internal/auth":           3,
	"keepwatch/internal/discovery":      3,
	"keepwatch/internal/inventory":      3,
	"keepwatch/internal/impact":         2,
	"keepwatch/internal/collect":        3,
	"keepwatch/internal/report":         3,
	"keepwatch/internal/scan":           3,
	"keepwatch/internal/gateway":        3,
	"keepwatch/internal/otlp":           3,
	"keepwatch/internal/events":         3,
	"keepwatch/internal/logs":           3,

	"keepwatch/internal/link":                4,
	"keepwatch/internal/rotate":              4,
	"keepwatch/internal/view":                4,
	"keepwatch/internal/ics":                 4,
	"keepwatch/internal/digest":              4,
	"keepwatch/internal/scenario":            4,
	"keepwatch/internal/notify/webhook":      4,
	"keepwatch/internal/notify/email":        4,
	"keepwatch/internal/notify/slack":        4,
	"keepwatch/internal/notify/teams":        4,
	"keepwatch/internal/notify/pagerduty":    4,
	"keepwatch/internal/notify/jsm":          4,
	"keepwatch/internal/notify/alertmanager": 4,
	"keepwatch/internal/notify/ntfy":         4,
	"keepwatch/internal/notify/ticket":       4,
	"keepwatch/internal/notify/shoutrrr":     4,
	"keepwatch/internal/store/storetest":     4,
	"keepwatch/internal/backtest":            4,
	"keepwatch/internal/watchdog":            4,

	"keepwatch/internal/httpapi": 5,
	"keepwatch/internal/web":     5,
	"keepwatch/internal/config":  6,
	"keepwatch/internal/app":     7,
	"keepwatch/internal/cli":     8,
	"keepwatch/cmd/keepwatch":    9,
}

// only says which packages may import what is dangerous or belongs to one place.
var only = map[string][]string{
	"database/sql": {"keepwatch/internal/store", "keepwatch/internal/schedule/riverq"},
	"os/signal":    {"keepwatch/internal/app", "keepwatch/internal/cli"},
	"flag":         {},
	"log":          {},
	"unsafe":       {"keepwatch/internal/store/storetest"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// faults returns every import that breaks the ground plan, by name.
func faults(all []pkg) []string {
	var bad []string
	for _, p := range all {
		if testOnly(p.ImportPath) {
			continue
		}
		floor, ok := floors[p.ImportPath]
		if !ok {
			bad = append(bad, p.ImportPath+" has no floor")
			continue
		}
		for _, imp := range p.Imports {
			if imp == "keepwatch" || strings.HasPrefix(imp, "keepwatch/") {
				if below, known := floors[imp]; !known || below >= floor {
					bad = append(bad, p.ImportPath+" must not import "+imp)
				}
			}
			if allowed, guarded := only[imp]; guarded && !within(p.ImportPath, allowed) {
				bad = append(bad, p.ImportPath+" must not import "+imp)
			}
		}
	}
	return bad
}

// testOnly packages hold tests and their tools; nothing that ships imports them.
func testOnly(importPath string) bool {
	return strings.HasPrefix(importPath, "keepwatch/conformance") ||
		strings.HasPrefix(importPath, "keepwatch/bench") ||
		importPath == "keepwatch/internal/notify/notifytest" ||
		strings.HasPrefix(importPath, "keepwatch/internal/store/storetest/")
}

func within(importPath string, allowed []string) bool {
	for _, a := range allowed {
		if importPath == a || strings.HasPrefix(importPath, a+"/") {
			return true
		}
	}
	return false
}

func TestImportsOnlyGoDown(t *testing.T) {
	for _, f := range faults(packages(t)) {
		t.Error(f)
	}
}

// TestTheGroundPlanCatchesAPlantedViolation proves that the test can fail.
func TestTheGroundPlanCatchesAPlantedViolation(t *testing.T) {
	planted := []pkg{
		{ImportPath: "keepwatch/internal/sfmc", Imports: []string{"keepwatch/internal/store"}},
		{ImportPath: "keepwatch/internal/view", Imports: []string{"database/sql"}},
		{ImportPath: "keepwatch/internal/util"},
	}
	if got := faults(planted); len(got) != len(planted) {
		t.Errorf("caught %d of %d planted violations: %s", len(got), len(planted), strings.Join(got, "; "))
	}
}

func TestNoPackageIsCalledAfterNothing(t *testing.T) {
	for _, p := range packages(t) {
		switch path.Base(p.ImportPath) {
		case "util", "utils", "common", "helpers", "types", "models", "misc":
			t.Errorf("%s: a name that says nothing collects everything", p.ImportPath)
		}
	}
}
