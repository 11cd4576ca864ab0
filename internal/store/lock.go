//go:build unix

package store

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"keepwatch"
)

// lockFile takes the lock that keeps two processes from writing one SQLite file.
// SQLite would cope with two writers; Keepwatch would not: two dispatchers would
// each think that the schedule is theirs. The lock is the kernel's (flock), so it
// ends with the process however that dies; the file stays, because to remove a
// lock file is a race.
func lockFile(path string) (*file, error) {
	name := path + ".lock"
	h, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, keepwatch.WithHint(fmt.Errorf("store cannot be locked: %w", err), "the folder must exist and be writable for the user that runs keepwatch")
	}
	if err := syscall.Flock(int(h.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer h.Close()
		return nil, inUse(path, h)
	}
	if err := h.Truncate(0); err == nil {
		_, _ = h.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // only a courtesy to the next who asks
	}
	return &file{path: path, lock: h}, nil
}

func inUse(path string, h *os.File) error {
	b, _ := io.ReadAll(io.LimitReader(h, 32))
	pid := strings.TrimSpace(string(b))
	if pid == "" {
		pid = "unknown"
	}
	err := fmt.Errorf("store %s is in use by process %s: %w", path, pid, keepwatch.ErrConflict)
	return keepwatch.WithHint(err, "speak to the running keepwatch (pid "+pid+") with --server, or stop it first")
}

func (f *file) unlock() error {
	if f.lock == nil {
		return nil
	}
	err := f.lock.Close()
	f.lock = nil
	return err
}
