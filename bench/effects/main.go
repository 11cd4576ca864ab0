// Command effects measures what looking at counters costs: 2,000 journeys and 5,000
// data extensions of one business unit, all of them watched by the real daemon against
// the simulator on loopback. The schedule runs faster than the default one by a factor;
// the figures are given for the default schedule.
//
//	go run ./bench/effects [-journeys 2000] [-extensions 5000] [-automations 200] [-faster 30] [-for 4m]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/bench/process"
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
	binary, err := process.Build(dir)
	if err != nil {
		return err
	}
	sim, err := process.StartSimulator(binary)
	if err != nil {
		return err
	}
	defer sim.Stop()
	if err := fill(sim); err != nil {
		return err
	}
	return measure(binary, dir, sim)
}

// fill puts into the simulator a reader, a caller that everything hangs on, and what it feeds.
func fill(sim *process.Simulator) error {
	for _, id := range []string{"bench-reader-000000000000", "bench-caller-000000000000"} {
		err := sim.Control("clients", map[string]any{"client_id": id, "client_secret": "bench-secret-00000000000", "mid": unit, "name": id})
		if err != nil {
			return err
		}
	}
	if err := sim.Control("world", world.Spec{Unit: unit, Callers: []world.Caller{{Name: "caller", ClientID: "bench-caller-000000000000"}}}); err != nil {
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
		if err := sim.Control("world", spec); err != nil {
			return err
		}
	}
	return nil
}

func measure(binary, dir string, sim *process.Simulator) error {
	path := filepath.Join(dir, "keepwatch.yaml")
	listen, err := process.FreeAddress()
	if err != nil {
		return err
	}
	if err := writeConfig(path, dir, listen, sim); err != nil {
		return err
	}
	daemon, err := process.StartDaemon(binary, path, listen, "BENCH=bench-secret-00000000000")
	if err != nil {
		return err
	}
	defer daemon.Stop()
	time.Sleep(2*time.Minute + 2*every(keepwatch.FamilyDataExtensions)) // everything was seen once, and once more
	before, err := sample(daemon)
	if err != nil {
		return err
	}
	time.Sleep(*window)
	after, err := sample(daemon)
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

func writeConfig(path, dir, listen string, sim *process.Simulator) error {
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

type reading struct {
	cpu      time.Duration
	rssKiB   int64
	calls    map[string]float64 // by family
	faults   float64            // of them, in looks that could not read everything
	subjects map[string]float64 // by kind
}

func sample(daemon *process.Daemon) (reading, error) {
	r := reading{calls: map[string]float64{}, subjects: map[string]float64{}}
	var err error
	if r.cpu, err = daemon.CPU(); err != nil {
		return r, err
	}
	if r.rssKiB, err = daemon.Memory(); err != nil {
		return r, err
	}
	return r, daemon.Metrics(func(name string, value float64) {
		switch {
		case strings.HasPrefix(name, "keepwatch_collect_calls_total{"):
			r.calls[process.Label(name, "family")] += value
			if process.Label(name, "outcome") != string(keepwatch.OK) {
				r.faults += value
			}
		case strings.HasPrefix(name, "keepwatch_subjects_watched{"):
			r.subjects[process.Label(name, "kind")] = value
		}
	})
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
