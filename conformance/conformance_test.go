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
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/gateway"
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
	file := start(t, false)
	for _, client := range clients {
		t.Run(client, func(t *testing.T) { runClient(t, file, client) })
	}
}

// TestRealClientsThroughTheGateway runs the same scripts, unchanged, with a gateway
// between the clients and the simulator.
func TestRealClientsThroughTheGateway(t *testing.T) {
	if os.Getenv("KEEPWATCH_CONFORMANCE") != "1" {
		t.Skip("real npm clients run only with KEEPWATCH_CONFORMANCE=1 (needs node 20 and npm)")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		install(t)
	}
	file := start(t, true)
	for _, client := range clients {
		t.Run(client, func(t *testing.T) { runClient(t, file, client) })
	}
}

func runClient(t *testing.T, file, client string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "./run.sh", file, client).CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "ok ") {
		t.Errorf("%s does not accept it: %v", client, err)
	}
}

// passing is a witness that keeps nothing.
type passing struct{ calls atomic.Int64 }

func (p *passing) Saw(keepwatch.Call) { p.calls.Add(1) }

// throughGateway starts a gateway before the simulator and returns the address of its
// authentication host.
func throughGateway(t *testing.T, base string) string {
	t.Helper()
	seen := &passing{}
	g, err := gateway.New(gateway.Options{Egress: egress.New(egress.Policy{}), Witness: seen})
	if err != nil {
		t.Fatal(err)
	}
	change, err := g.Prepare(t.Context(), gateway.Setup{
		Config:  gateway.Config{Listeners: []gateway.Listener{{Name: "one", Listen: "127.0.0.1:0"}}},
		Tenants: []keepwatch.Tenant{{ID: "emea", AuthURL: base, RESTURL: base, SOAPURL: base + "Service.asmx"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
	g.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := g.Stop(ctx); err != nil || seen.calls.Load() < 50 {
			t.Errorf("%v; %d calls went through the gateway", err, seen.calls.Load())
		}
	})
	return "http://" + g.Addresses()["one"] + "/emea/auth/"
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
func start(t *testing.T, through bool) string {
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
	announced := s.Announce("http://" + listener.Addr().String() + "/")
	if through { // REST and SOAP follow from the token answers
		announced.AuthURL = throughGateway(t, announced.AuthURL)
	}
	line, err := json.Marshal(announced)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sim.json")
	if err := os.WriteFile(file, append(line, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
