// Command proofs measures what a proof costs: 1,000 credentials every 10 s in the
// real daemon against the simulator on loopback, and a bare Go client that makes
// the same two requests at the same pace, in turn, in one run. Figures are ratios
// to the bare client, because the machine's speed is not ours.
//
//	go run ./bench/proofs [-credentials 1000] [-every 10s] [-for 60s]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"keepwatch/bench/process"
)

var (
	credentials = flag.Int("credentials", 1000, "how many credentials")
	every       = flag.Duration("every", 10*time.Second, "interval of each")
	window      = flag.Duration("for", 60*time.Second, "measured window")
	bareOf      = flag.String("bare", "", "internal: run the bare client against this simulator")
)

type client struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	MID    int64  `json:"mid"`
	Name   string `json:"name"`
}

// estate is the simulator with the clients that were made in it.
type estate struct {
	*process.Simulator
	Clients []client `json:"clients"`
}

func main() {
	flag.Parse()
	if *bareOf != "" {
		bare(*bareOf)
		return
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "keepwatch-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := process.Build(dir)
	if err != nil {
		return err
	}
	sim, err := process.StartSimulator(binary)
	if err != nil {
		return err
	}
	defer sim.Stop()
	all := &estate{Simulator: sim}
	if err := all.register(*credentials); err != nil {
		return err
	}
	daemon, err := measureDaemon(binary, dir, all)
	if err != nil {
		return err
	}
	reference, err := measureBare(dir, all)
	if err != nil {
		return err
	}
	report(daemon, reference)
	return nil
}

// register makes n clients in the simulator.
func (e *estate) register(n int) error {
	for i := range n {
		c := client{ID: fmt.Sprintf("bench%019d", i), Secret: fmt.Sprintf("bench-secret-%011d", i), MID: 510000001, Name: fmt.Sprintf("bench-%d", i)}
		if err := e.Control("clients", c); err != nil {
			return err
		}
		e.Clients = append(e.Clients, c)
	}
	return nil
}

// figures of one process over the measured window.
type figures struct {
	cpu    time.Duration
	proofs float64
	rssKiB int64
	lag99  float64
}

func measureDaemon(binary, dir string, sim *estate) (figures, error) {
	path := filepath.Join(dir, "keepwatch.yaml")
	listen, err := process.FreeAddress()
	if err != nil {
		return figures{}, err
	}
	environ, err := writeConfig(path, dir, listen, sim)
	if err != nil {
		return figures{}, err
	}
	daemon, err := process.StartDaemon(binary, path, listen, environ...)
	if err != nil {
		return figures{}, err
	}
	defer daemon.Stop()
	time.Sleep(max(2**every, 70*time.Second)) // first proofs are spread over a minute
	before, err := sample(daemon)
	if err != nil {
		return figures{}, err
	}
	time.Sleep(*window)
	after, err := sample(daemon)
	if err != nil {
		return figures{}, err
	}
	return figures{cpu: after.cpu - before.cpu, proofs: after.proofs - before.proofs, rssKiB: after.rssKiB, lag99: after.lag99}, nil
}

func writeConfig(path, dir, listen string, sim *estate) ([]string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `version: 1
server: {listen: %q, auth: none}
store: {url: "sqlite:%s/keepwatch.db"}
tiers:
  standard: {every: {business: %s, off: %s}, fail_after: 2}
tenants:
  - id: bench
    subdomain: mc563885gzs27c5t9-63k636ttgm
    endpoints: {auth: %q, rest: %q, soap: %q}
credentials:
`, listen, dir, *every, *every, sim.AuthURL, sim.RESTURL, sim.SOAPURL)
	var environ []string
	for i, c := range sim.Clients {
		fmt.Fprintf(&b, "  - {id: bench-%d, tenant: bench, business_unit: %d, kind: server_to_server, client_id: %s, secret: \"env:BENCH_%d\", criticality: standard, tests: [identity]}\n", i, c.MID, c.ID, i)
		environ = append(environ, fmt.Sprintf("BENCH_%d=%s", i, c.Secret))
	}
	return environ, os.WriteFile(path, []byte(b.String()), 0o600)
}

type reading struct {
	cpu    time.Duration
	proofs float64
	rssKiB int64
	lag99  float64
}

func sample(daemon *process.Daemon) (reading, error) {
	r := reading{}
	var err error
	if r.cpu, err = daemon.CPU(); err != nil {
		return r, err
	}
	if r.rssKiB, err = daemon.Memory(); err != nil {
		return r, err
	}
	buckets := map[float64]float64{}
	err = daemon.Metrics(func(name string, value float64) {
		switch {
		case strings.HasPrefix(name, "keepwatch_steps_total{") && process.Label(name, "step") == "identity" && process.Label(name, "outcome") == "ok":
			r.proofs += value
		case strings.HasPrefix(name, "keepwatch_schedule_lag_seconds_bucket{"):
			if bound, err := strconv.ParseFloat(process.Label(name, "le"), 64); err == nil {
				buckets[bound] = value
			}
		}
	})
	r.lag99 = quantile(buckets, 0.99)
	return r, err
}

// quantile returns the upper bound of the bucket that holds q: never too low.
func quantile(buckets map[float64]float64, q float64) float64 {
	var total float64
	for _, n := range buckets {
		total = max(total, n)
	}
	best := -1.0
	for bound, n := range buckets {
		if n >= q*total && (best < 0 || bound < best) {
			best = bound
		}
	}
	return best
}

// measureBare runs the bare client in a process of its own, at the same pace.
func measureBare(dir string, sim *estate) (figures, error) {
	list, err := json.Marshal(sim)
	if err != nil {
		return figures{}, err
	}
	path := filepath.Join(dir, "sim.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		return figures{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	cmd := exec.Command(self, "-bare", path, "-every", every.String(), "-for", window.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return figures{}, err
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return figures{}, err
	}
	usage := cmd.ProcessState
	return figures{cpu: usage.UserTime() + usage.SystemTime(), proofs: n}, nil
}

// bare proves each client once per interval with two requests and nothing else.
func bare(path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var sim estate
	if err := json.Unmarshal(b, &sim); err != nil {
		log.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 256, MaxIdleConns: 1024}
	hc := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	done := make(chan bool, 4096)
	ticker := time.NewTicker(time.Second) // the daemon's grid: whole seconds
	defer ticker.Stop()
	perTick := max(1, int(float64(len(sim.Clients))/every.Seconds()))
	deadline := time.Now().Add(*window)
	next, started := 0, 0
	for now := range ticker.C {
		if now.After(deadline) {
			break
		}
		for range perTick {
			c := sim.Clients[next%len(sim.Clients)]
			next, started = next+1, started+1
			go func() { done <- prove(hc, sim, c) == nil }()
		}
	}
	proofs := 0
	for range started {
		if <-done {
			proofs++
		}
	}
	fmt.Println(proofs)
}

func prove(hc *http.Client, sim estate, c client) error {
	body, _ := json.Marshal(map[string]any{"grant_type": "client_credentials", "client_id": c.ID, "client_secret": c.Secret, "account_id": c.MID})
	res, err := hc.Post(strings.TrimRight(sim.AuthURL, "/")+"/v2/token", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(res.Body).Decode(&token)
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodGet, strings.TrimRight(sim.AuthURL, "/")+"/v2/userinfo", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	if res, err = hc.Do(req); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("userinfo: %s", res.Status)
	}
	return nil
}

func report(daemon, bare figures) {
	perThousand := func(f figures) float64 { return f.cpu.Seconds() / f.proofs * 1000 }
	fmt.Printf("%d credentials every %s, %s measured\n", *credentials, *every, *window)
	fmt.Printf("%-28s %12s %12s\n", "", "keepwatch", "bare client")
	fmt.Printf("%-28s %12.0f %12.0f\n", "proofs", daemon.proofs, bare.proofs)
	fmt.Printf("%-28s %12.3f %12.3f\n", "CPU seconds / 1,000 proofs", perThousand(daemon), perThousand(bare))
	fmt.Printf("%-28s %12.2f %12.2f\n", "ratio to the bare client", perThousand(daemon)/perThousand(bare), 1.0)
	fmt.Printf("%-28s %12.1f\n", "resident memory, MiB", float64(daemon.rssKiB)/1024)
	fmt.Printf("%-28s %12.3f\n", "schedule lag p99, s (<=)", daemon.lag99)
}
