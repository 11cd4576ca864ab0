package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

var update = flag.Bool("update", false, "write the golden files anew")

// canary stands for a secret in the wrong place; no message may repeat it.
const canary = "Canary"

func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

var someEnv = env(map[string]string{"CRM": "s3cret", "SLACK": "https://hooks.slack.com/services/x", "HOOK_KEY": "k3y", "WIDE": "0.0.0.0:8484", "DB": "postgres://u:p4ss@db/k"})

// TestBad holds every bad file against the exact messages it must give.
func TestBad(t *testing.T) {
	t.Chdir(filepath.Join("testdata", "bad"))
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	tested := 0
	for _, e := range entries {
		path := e.Name()
		if !e.IsDir() && filepath.Ext(path) != ".yaml" {
			continue
		}
		tested++
		t.Run(path, func(t *testing.T) {
			c, err := Validate(t.Context(), path, someEnv)
			var faults *Faults
			if c != nil || !errors.As(err, &faults) || !errors.Is(err, keepwatch.ErrInvalid) {
				t.Fatalf("Validate = %v, %v; want *Faults", c, err)
			}
			for _, f := range faults.List {
				if f.File == "" || f.Allowed == "" || f.Message == "" {
					t.Errorf("a fault says too little: %+v", f)
				}
			}
			got := err.Error() + "\n"
			if strings.Contains(got, canary) || strings.Contains(got, "s3cret") || strings.Contains(got, "p4ss") {
				t.Errorf("a message repeats a secret:\n%s", got)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("messages differ (-want +got):\n%s", diff)
			}
		})
	}
	if tested < 60 {
		t.Errorf("only %d bad configurations were tested", tested)
	}
}
