// Command inventory measures the way in and out for a large estate: 10,000
// credentials in a spreadsheet through the real program and its real store.
//
//	go run ./bench/inventory [-credentials 10000]
//
// It writes the spreadsheet, imports it, exports it and imports the export again,
// each in a process of its own, and prints time and memory of each. It ends with 1
// when the second import would change anything.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"keepwatch"
	"keepwatch/bench/process"
	"keepwatch/internal/inventory"
)

var credentials = flag.Int("credentials", 10_000, "how many")

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

const configuration = `version: 1
server: {auth: none, listen: "127.0.0.1:0"}
store: {url: "sqlite:keepwatch.db"}
tenants:
  - {id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}
`

func run() error {
	dir, err := os.MkdirTemp("", "keepwatch-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := bench{dir: dir}
	if _, err := process.Build(dir); err != nil {
		return err
	}
	if err := os.WriteFile(b.path("keepwatch.yaml"), []byte(configuration), 0o600); err != nil {
		return err
	}
	if err := sheet(b.path("estate.xlsx")); err != nil {
		return err
	}
	return b.measure()
}

// sheet writes the estate as somebody's spreadsheet.
func sheet(path string) error {
	list := make([]keepwatch.Credential, *credentials)
	for i := range list {
		list[i] = keepwatch.Credential{
			ID: keepwatch.CredentialID(fmt.Sprintf("cred-%05d", i)), Tenant: "emea", BusinessUnit: keepwatch.MID(510000000 + i%40), Kind: keepwatch.ServerToServer,
			Package: fmt.Sprintf("Package %d", i), ClientID: fmt.Sprintf("client%018d", i), SecretRef: fmt.Sprintf("env:SFMC_%d", i),
			SecretGenerated: keepwatch.Day(2026, time.June, 1).AddDays(i % 150), Criticality: keepwatch.Standard,
			Owner: keepwatch.Owner{Team: fmt.Sprintf("team-%d", i%60), Contact: fmt.Sprintf("team-%d@example.com", i%60)}, Purpose: "orders, und Rückgaben",
			Holders:    []keepwatch.Holder{{Name: "mulesoft", Contact: "middleware@example.com"}, {Name: "shop"}},
			Dependents: []keepwatch.Dependent{{Kind: "journey", Key: fmt.Sprintf("journey-%d", i), ContactsPerDay: 1000}},
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := inventory.Write(inventory.XLSX, f, list, inventory.WriteOptions{}); err != nil {
		return err
	}
	return f.Close()
}

type bench struct{ dir string }

func (b bench) path(name string) string { return filepath.Join(b.dir, name) }

// step runs the program and prints what it took.
func (b bench) step(what string, args ...string) ([]byte, error) {
	cmd := exec.Command(b.path("keepwatch"), append(args, "-c", "keepwatch.yaml", "--output", "json", "--quiet", "--timeout", "2m")...)
	cmd.Dir = b.dir
	cmd.Stderr = os.Stderr
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return out, fmt.Errorf("%s: %w", what, err)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Printf("%-28s %6.2f s  %6.2f CPU s  %4d MiB\n", what, took.Seconds(), cmd.ProcessState.UserTime().Seconds()+cmd.ProcessState.SystemTime().Seconds(), used.Maxrss/1024)
	return out, nil
}

func (b bench) measure() error {
	info, err := os.Stat(b.path("estate.xlsx"))
	if err != nil {
		return err
	}
	fmt.Printf("%d credentials in an XLSX of %.1f MB\n", *credentials, float64(info.Size())/1e6)
	if _, err := b.step("preview", "import", "xlsx", "estate.xlsx"); err != nil {
		return err
	}
	if _, err := b.step("import", "import", "xlsx", "estate.xlsx", "--yes"); err != nil {
		return err
	}
	if _, err := b.step("export", "export", "xlsx", "again.xlsx"); err != nil {
		return err
	}
	out, err := b.step("import of the export", "import", "xlsx", "again.xlsx", "--yes")
	if err != nil {
		return err
	}
	var plan struct {
		Rows      int   `json:"rows"`
		Unchanged []any `json:"unchanged"`
		New       []any `json:"new"`
		Changed   []any `json:"changed"`
		Wrong     []any `json:"wrong"`
	}
	if err := json.Unmarshal(out, &plan); err != nil {
		return fmt.Errorf("the answer of the import: %w: %.200s", err, out)
	}
	fmt.Printf("the second time: %d rows, %d unchanged, %d new, %d changed, %d wrong\n", plan.Rows, len(plan.Unchanged), len(plan.New), len(plan.Changed), len(plan.Wrong))
	if len(plan.Unchanged) != *credentials {
		return fmt.Errorf("%d of %d are unchanged", len(plan.Unchanged), *credentials)
	}
	return nil
}
