// Command effects measures what looking at counters costs: 2,000 journeys and 5,000
// data extensions of one business unit, all of them watched by the real daemon against
// the simulator on loopback. The schedule runs faster than the default one by a factor;
// the figures are given for the default schedule.
//
//	go run ./bench/effects [-journeys 2000] [-extensions 5000] [-automations 200] [-faster 30] [-for 4m]
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/sfmc/sim/world"
)

var (
	journeys    = flag.Int("journeys", 2000, "how many journeys")
	extensions  = flag.Int("extensions", 5000, "how many data extensions")
	automations = flag.Int("automations", 200, "how many automations")
	faster      = flag.Int("faster", 30, "how much faster than the default the schedule runs")
	window      = flag.Duration("for", 4*time.Minute, "measured window")
)

const unit = 510000001

type simulator struct {
	AuthURL    string `json:"auth_url"`
	RESTURL    string `json:"rest_url"`
	SOAPURL    string `json:"soap_url"`
	ControlURL string `json:"control_url"`
}

func main() {
	flag.Parse()
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
	binary := filepath.Join(dir, "keepwatch")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/keepwatch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	sim, stop, err := startSimulator(binary)
	if err != nil {
		return err
	}
	defer stop()
	if err := sim.live(); err != nil {
		return err
	}
	return measure(binary, dir, sim)
}

func startSimulator(binary string) (*simulator, func(), error) {
	cmd := exec.Command(binary, "sim", "--listen", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("simulator's first line: %w", err)
	}
	sim := &simulator{}
	if err := json.Unmarshal(line, sim); err != nil {
		stop()
		return nil, nil, err
	}
	return sim, stop, nil
}

func (s *simulator) post(what string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	res, err := http.Post(s.ControlURL+what, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", what, res.Status, answer)
	}
	return nil
}

// live fills the simulator: a reader, a caller that everything hangs on, and what it feeds.
func (s *simulator) live() error {
	for _, id := range []string{"bench-reader-000000000000", "bench-caller-000000000000"} {
		err := s.post("clients", map[string]any{"client_id": id, "client_secret": "bench-secret-00000000000", "mid": unit, "name": id})
		if err != nil {
			return err
		}
	}
	if err := s.post("world", world.Spec{Unit: unit, Callers: []world.Caller{{Name: "caller", ClientID: "bench-caller-000000000000"}}}); err != nil {
		return err
	}
	few := world.Volume{PerDay: 200}
	for from := 0; from < max(*journeys, *extensions, *automations); from += 200 {
		spec := world.Spec{Unit: unit}
		for i := from; i < from+200; i++ {
			if i < *journeys {
				spec.Journeys = append(spec.Journeys, world.Journey{Key: fmt.Sprintf("journey-%d", i), Entry: world.Entry{Caller: "caller", Volume: few}})
			}
			if i < *extensions {
				spec.Extensions = append(spec.Extensions, world.Extension{Key: fmt.Sprintf("Extension-%d", i), Writer: "caller", Volume: few, Rows: 1000})
			}
			if i < *automations {
				target := fmt.Sprintf("Extension-%d", i)
				spec.Automations = append(spec.Automations, world.Automation{
					Key: fmt.Sprintf("automation-%d", i), Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1"},
					Steps: []world.Activity{{Kind: "import", Target: target, Mode: "add", File: world.File{Volume: few, Caller: "caller"}}},
				})
			}
		}
		if err := s.post("world", spec); err != nil {
			return err
		}
	}
	return nil
}

func measure(binary, dir string, sim *simulator) error {
	path := filepath.Join(dir, "keepwatch.yaml")
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	if err := writeConfig(path, dir, listen, sim); err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	cmd := exec.Command(binary, "serve", "-c", path)
	cmd.Env = append(os.Environ(), "BENCH=bench-secret-00000000000")
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() }()
	base := "http://" + listen
	if err := waitReady(base); err != nil {
		text, _ := os.ReadFile(logFile.Name())
		return fmt.Errorf("%w\n%s", err, text)
	}
	time.Sleep(2*time.Minute + 2*every(keepwatch.FamilyDataExtensions)) // everything was seen once, and once more
	before, err := sample(cmd.Process.Pid, base)
	if err != nil {
		return err
	}
	time.Sleep(*window)
	after, err := sample(cmd.Process.Pid, base)
	if err != nil {
		return err
	}
	report(before, after)
	return nil
}

// every is the interval of a family in this run.
func every(f keepwatch.Family) time.Duration {
	return max(time.Second, collect.DefaultEvery[f]/time.Duration(*faster))
}

func writeConfig(path, dir, listen string, sim *simulator) error {
	var b strings.Builder
	fmt.Fprintf(&b, `version: 1
server: {listen: %q, auth: none}
store: {url: "sqlite:%s/keepwatch.db"}
tiers:
  standard: {every: {business: 1h, off: 1h}, fail_after: 2}
tenants:
  - id: bench
    subdomain: mc563885gzs27c5t9-63k636ttgm
    endpoints: {auth: %q, rest: %q, soap: %q}
    business_units: [{mid: %d, name: bench}]
    effects:
      readers: [reader]
      watch: all
      allowance: 1000000000000
      every: {`, listen, dir, sim.AuthURL, sim.RESTURL, sim.SOAPURL, unit)
	for i, f := range keepwatch.Families {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %s", f, keepwatch.FormatDuration(every(f)))
	}
	fmt.Fprintf(&b, `}
credentials:
  - {id: reader, tenant: bench, business_unit: %d, client_id: bench-reader-000000000000, secret: "env:BENCH"}
`, unit)
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// freeAddress is one that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func waitReady(base string) error {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if res, err := http.Get(base + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("daemon not ready")
}

type reading struct {
	cpu      time.Duration
	rssKiB   int64
	calls    map[string]float64 // by family
	faults   float64            // of them, in looks that could not read everything
	subjects map[string]float64 // by kind
}

func sample(pid int, base string) (reading, error) {
	r := reading{calls: map[string]float64{}, subjects: map[string]float64{}}
	var err error
	if r.cpu, err = cpuOf(pid); err != nil {
		return r, err
	}
	if r.rssKiB, err = rssOf(pid); err != nil {
		return r, err
	}
	res, err := http.Get(base + "/metrics")
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, text, ok := strings.Cut(lines.Text(), "} ")
		value, err := strconv.ParseFloat(text, 64)
		switch {
		case !ok || err != nil:
		case strings.HasPrefix(name, "keepwatch_collect_calls_total{"):
			r.calls[label(name, "family")] += value
			if label(name, "outcome") != string(keepwatch.OK) {
				r.faults += value
			}
		case strings.HasPrefix(name, "keepwatch_subjects_watched{"):
			r.subjects[label(name, "kind")] = value
		}
	}
	return r, lines.Err()
}

func label(metric, name string) string {
	_, rest, _ := strings.Cut(metric, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func report(before, after reading) {
	hours := window.Hours() * float64(*faster) // of the default schedule
	cpu := (after.cpu - before.cpu).Seconds()
	fmt.Printf("watched: %v\n", after.subjects)
	fmt.Printf("CPU of the daemon: %.1f s in %s = %.1f s in an hour of the default schedule\n", cpu, *window, cpu/hours)
	fmt.Printf("memory: %.0f MiB\n", float64(after.rssKiB)/1024)
	total := 0.0
	for _, f := range keepwatch.Families {
		calls := (after.calls[string(f)] - before.calls[string(f)]) / hours * 24
		total += calls
		fmt.Printf("calls of %s: %.0f a day\n", f, calls)
	}
	fmt.Printf("calls together: %.0f a day, %.0f a year; %.0f %% in looks that could not read everything\n",
		total, total*365, 100*(after.faults-before.faults)/max(1, total*hours/24))
}

// cpuOf reads user and system time of a process. Linux counts in 1/100 s.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

func rssOf(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	if !ok {
		return 0, fmt.Errorf("no VmRSS for process %d", pid)
	}
	return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
}
