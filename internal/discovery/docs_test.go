package discovery_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/sfmc/sim"
)

func manual(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Every example of the manual is a configuration that loads.
func TestTheExamplesLoad(t *testing.T) {
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(manual(t, "discovery.md"), -1)
	if len(examples) == 0 {
		t.Fatal("no example")
	}
	for _, e := range examples {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		if err := os.WriteFile(path, []byte("version: 1\n"+e[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Validate(t.Context(), path, func(string) (string, bool) { return "a-secret-of-twenty-four", true })
		if err != nil {
			t.Fatal(err)
		}
		cred, ok := cfg.Credential("keepwatch-looks")
		if !ok || !cred.Discover || cred.Kind != keepwatch.ServerToServer {
			t.Errorf("%+v", cred)
		}
	}
}

// The manual names every kind of finding that a look makes.
func TestTheManualNamesEveryFinding(t *testing.T) {
	text := manual(t, "discovery.md")
	for _, kind := range []keepwatch.FindingKind{
		keepwatch.FindingUnknownPackage, keepwatch.FindingPackageInactive, keepwatch.FindingPackageGone, keepwatch.FindingPackageChanged,
		keepwatch.FindingUnknownUser, keepwatch.FindingUserLocked, keepwatch.FindingMustChange, keepwatch.FindingUserInactive, keepwatch.FindingNoLogin,
		keepwatch.FindingUnknownUnit, keepwatch.FindingUnitGone, keepwatch.FindingScopeDrift, keepwatch.FindingMissingScopes, keepwatch.FindingWideScopes,
	} {
		if !strings.Contains(text, "`"+string(kind)+"`") {
			t.Errorf("%s is missing", kind)
		}
	}
}

// The requests that the simulator's manual shows for the account are taken.
func TestTheSimulatorTakesTheExamples(t *testing.T) {
	s := sim.New(sim.Options{})
	defer s.Close()
	examples := regexp.MustCompile(`curl -X POST http://[^/]+(/control/(?:users|units|audit)) -d '([^']*)'`).FindAllStringSubmatch(manual(t, "simulator.md"), -1)
	if len(examples) < 3 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, e[1], strings.NewReader(e[2])))
		if w.Code != http.StatusCreated && w.Code != http.StatusNoContent {
			t.Errorf("%s %s: %d %s", e[1], e[2], w.Code, w.Body)
		}
	}
}
