package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is sent is read by readers of another make. The goldens are what is sent: the
// tests of the channels compare them.
func TestMessagesAreReadByOthers(t *testing.T) {
	if os.Getenv("KEEPWATCH_CONFORMANCE") != "1" {
		t.Skip("independent readers run only with KEEPWATCH_CONFORMANCE=1 (needs node 20 and npm)")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		install(t)
	}
	for script, goldens := range map[string]string{
		"adaptive-cards": "teams/testdata/*.golden.json", "slack-blocks": "slack/testdata/*.golden.json", "mail": "email/testdata/*.golden.eml",
	} {
		t.Run(script, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("..", "internal", "notify", goldens))
			if err != nil || len(files) < 3 {
				t.Fatalf("%d goldens, %v", len(files), err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, "node", append([]string{filepath.Join("clients", script+".mjs")}, files...)...).CombinedOutput()
			t.Logf("%s", out)
			if err != nil || strings.Count(string(out), "ok ") != len(files) {
				t.Errorf("%d of %d were read: %v", strings.Count(string(out), "ok "), len(files), err)
			}
		})
	}
}
