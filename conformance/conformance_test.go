// Package conformance runs real clients of the platform against the simulator.
package conformance

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch/internal/sfmc/sim"
)

var clients = []string{"sfmc-sdk", "fuel-auth", "fuel-rest", "fuel-soap", "sfmc-fuelsdk-node", "mcdev"}

// TestRealClients runs the script of each client. It needs node and may fetch
// packages, so it runs only when asked.
func TestRealClients(t *testing.T) {
	if os.Getenv("KEEPWATCH_CONFORMANCE") != "1" {
		t.Skip("real npm clients run only with KEEPWATCH_CONFORMANCE=1 (needs node 20 and npm)")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		install(t)
	}
	file := start(t)
	for _, client := range clients {
		t.Run(client, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, "./run.sh", file, client).CombinedOutput()
			t.Logf("%s", out)
			if err != nil || !strings.Contains(string(out), "ok ") {
				t.Errorf("%s does not accept the simulator: %v", client, err)
			}
		})
	}
}

func install(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// start serves a simulator on loopback and writes its announcement to a file.
func start(t *testing.T) string {
	t.Helper()
	s := sim.New(sim.Options{Clients: sim.Sample()})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.Handler()}
	go server.Serve(listener)
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})
	line, err := json.Marshal(s.Announce("http://" + listener.Addr().String() + "/"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sim.json")
	if err := os.WriteFile(file, append(line, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
