package powercut_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/store/storetest/powercut"
)

// childEnv tells a copy of this test to run the workload and nothing else.
const childEnv = "KEEPWATCH_POWERCUT_CHILD"

const straceRounds = 40

// TestSystemCallsAreThoseRecorded compares the recording with what the kernel sees
// of a process that runs the same workload on the store as it is shipped, without
// the recording VFS: otherwise the cuts would prove something about a store that nobody runs.
func TestSystemCallsAreThoseRecorded(t *testing.T) {
	if path := os.Getenv(childEnv); path != "" {
		workload(t, path, store.Options{}, straceRounds, func(string) {})
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is not installed: CI compares the recording with the system calls")
		}
		t.Skip("strace is not installed: the recording is not compared with the system calls in this run")
	}
	recorder := powercut.Record(t)
	workload(t, filepath.Join(storetest.Dir(t), dbName), store.Options{VFS: recorder.Name}, straceRounds, func(string) {})
	recorded := map[string]int{}
	for _, op := range recorder.Ops() {
		switch op.Kind {
		case powercut.Write:
			recorded["write "+op.File]++
		case powercut.Sync:
			recorded["sync "+op.File]++
		case powercut.Truncate:
			recorded["truncate "+op.File]++
		}
	}
	seen := traced(t, strace)
	t.Logf("recorded %v", recorded)
	if diff := cmp.Diff(recorded, seen); diff != "" {
		t.Errorf("recorded and traced differ (-recorded +traced):\n%s", diff)
	}
	if recorded["sync "+dbName+"-wal"] < straceRounds {
		t.Errorf("%d syncs of the log in %d rounds: the workload does little", recorded["sync "+dbName+"-wal"], straceRounds)
	}
}

var systemCall = regexp.MustCompile(`\b(pwrite64|fsync|fdatasync|ftruncate)\(\d+<[^>]*/(` + regexp.QuoteMeta(dbName) + `(?:-wal|-journal)?)>`)

// traced runs the workload in a process of its own and counts its system calls on
// the database, its log and its journal.
func traced(t *testing.T, strace string) map[string]int {
	t.Helper()
	path, trace := filepath.Join(storetest.Dir(t), dbName), filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-y", "-o", trace, "-e", "trace=pwrite64,fsync,fdatasync,ftruncate",
		os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("workload under strace: %v\n%s", err, out)
	}
	f, err := os.Open(trace)
	must(t, err)
	defer f.Close()
	names := map[string]string{"pwrite64": "write", "fsync": "sync", "fdatasync": "sync", "ftruncate": "truncate"}
	counts := map[string]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if m := systemCall.FindStringSubmatch(lines.Text()); m != nil {
			counts[names[m[1]]+" "+m[2]]++
		}
	}
	must(t, lines.Err())
	return counts
}
