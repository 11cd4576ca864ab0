package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// estate writes a folder with n credentials in files below the size limit.
func estate(tb testing.TB, n int) string {
	tb.Helper()
	dir := tb.TempDir()
	writeFile(tb, filepath.Join(dir, "000.yaml"), "version: 1\ntenants:\n  - {id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}\n")
	const perFile = 20_000
	for first := 0; first < n; first += perFile {
		var b strings.Builder
		b.WriteString("credentials:\n")
		for i := first; i < min(n, first+perFile); i++ {
			fmt.Fprintf(&b, "  - id: crm-%06d\n    tenant: emea\n    client_id: client%d\n    secret: env:SFMC_%d\n    secret_generated: 2026-09-28\n    criticality: transactional\n    owner: {team: team-%d, contact: team%d@example.com}\n    purpose: integration number %d\n    tests: [identity, \"soap:GetSystemStatus\"]\n", i, i, i, i%50, i%50, i)
		}
		writeFile(tb, filepath.Join(dir, fmt.Sprintf("%03d.yaml", 1+first/perFile)), b.String())
	}
	return dir
}

// A hundred thousand credentials load in about four seconds on a quiet machine
// (BenchmarkLoad). Machines are not quiet, so what is held is that the time grows
// with the number and not with its square: a factor near 10, where 100 would be
// the square's.
func TestLargeEstateLoadsInSeconds(t *testing.T) {
	n := 10_000
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		n = 100_000
	}
	load := func(n int) time.Duration {
		dir := estate(t, n)
		begin := time.Now()
		c, err := Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Checks()) != 2*n { // a test and a look at its dates each
			t.Errorf("%d checks of %d credentials", len(c.Checks()), n)
		}
		return time.Since(begin)
	}
	small, large := load(n/10), load(n)
	t.Logf("%d credentials in %v, %d in %v", n/10, small, n, large)
	if large > 40*small || large > 2*time.Minute {
		t.Errorf("%d credentials took %v, a tenth of them %v", n, large, small)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := estate(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Load(dir, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/credential")
		})
	}
}

func TestFileSizeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	writeFile(t, path, "version: 1\n"+strings.Repeat("# padding\n", MaxFileSize/10+1))
	_, err := Load(path, nil)
	if err == nil || !strings.HasSuffix(err.Error(), "big.yaml: the file is too large; allowed: at most 10 MiB; split it into a folder of files") {
		t.Errorf("error %v", err)
	}
}

func TestAbsentFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "absent.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "absent.yaml: there is no such file") || !errors.Is(err, keepwatch.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

func TestTooManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFiles + 1 {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i, ".yaml")), "version: 1\n")
	}
	if _, err := Load(dir, nil); err == nil || !strings.Contains(err.Error(), "the folder has 1001 files") {
		t.Errorf("error %v", err)
	}
}

// A hostile or broken file costs little: no bomb, no deep recursion, no flood of
// messages.
func TestHostileFiles(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'z'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	for name, content := range map[string]string{
		"laughs":    laughs,
		"laughs in": "version: 1\n" + laughs + "credentials: *z\n",
		"deep":      "credentials: " + strings.Repeat("[", 200_000),
		"deep maps": "credentials: " + strings.Repeat("{a: ", 200_000),
		"wide":      "version: 1\n" + strings.Repeat("k: 1\n", 300_000),
		"keys":      "? {a: b}\n: c\n? [d]\n: e\n",
		"nul":       "version: 1\n\x00",
		"utf16":     "\xff\xfev\x00e\x00",
		"one line":  "version: " + strings.Repeat("1", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.yaml")
			writeFile(t, path, content)
			begin := time.Now()
			_, err := Load(path, nil)
			if err == nil {
				t.Fatal("it was loaded")
			}
			if took, size := time.Since(begin), len(err.Error()); took > time.Minute || size > 1<<20 {
				t.Errorf("took %v and %d bytes of messages", took, size)
			}
		})
	}
}

func TestFaultsAreBoundedAndSorted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.yaml")
	var b strings.Builder
	b.WriteString("version: 1\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "unknown%d: 1\n", i)
	}
	writeFile(t, path, b.String())
	_, err := Load(path, nil)
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) != maxFaults || faults.More != 4000 || !strings.HasSuffix(err.Error(), "and 4000 faults more") {
		t.Fatalf("%d listed, %d more", len(faults.List), faults.More)
	}
	for i, f := range faults.List {
		if f.Line != i+2 {
			t.Fatalf("fault %d is on line %d", i, f.Line)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"secret", "secret_generated", "criticality", "client_id", "tests", "url"}
	for name, want := range map[string]string{
		"critcality": "criticality", "Criticality": "criticality", "clientid": "client_id", "client-id": "client_id", "client_secret": "secret",
		"secrets": "secret", "test": "tests", "generated_secret": "secret", "colour": "", "x": "", "": "", strings.Repeat("s", 1000): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzLoad: any content gives a configuration or faults that name file, line and
// what is allowed, on one line each; never a panic, never a secret's value.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml", "testdata/config/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range paths {
			content, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(content))
		}
	}
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(t.TempDir(), "x.yaml")
		writeFile(t, path, content)
		c, err := Validate(t.Context(), path, someEnv)
		var faults *Faults
		if (c == nil) == (err == nil) || err != nil && !errors.As(err, &faults) {
			t.Fatalf("Load = %v, %v", c, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Fatalf("a message repeats a secret: %v", err)
		}
		if faults != nil {
			for _, fault := range faults.List {
				if fault.File != path || fault.Line < 1 || fault.Message == "" || fault.Allowed == "" || strings.ContainsAny(fault.String(), "\n\r\x1b") {
					t.Fatalf("a fault says too little, or forges lines: %+v", fault)
				}
			}
		}
	})
}
