package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestUnreadableFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "closed.yaml")
	writeFile(t, path, "version: 1\n")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	asNobody(t)
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), "may not be read") {
		t.Errorf("error %v", err)
	}
}

// asNobody lets this test read files as a user who owns none, so that it tells the same when root runs it (in a container, in
// CI). The change is the thread's alone, so the test keeps its thread, and it is undone at the end.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
}
