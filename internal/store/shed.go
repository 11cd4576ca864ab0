package store

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// reserveSize is kept on the disk beside an SQLite file, to be given up when the
	// disk is full: room for the write-ahead log, so that incidents can still be written.
	reserveSize = 8 << 20
	// shedFor is how long history is shed before it is tried again to keep it.
	shedFor = time.Minute
)

// shedding is the state of a store whose disk is full: history is given up before
// incidents are.
type shedding struct {
	reserve string // path; "" on PostgreSQL, whose disk is not ours

	mu    sync.Mutex
	on    bool
	until time.Time
}

// prepare makes the reserve. A disk that has no room for it from the start is not
// an error: it is what the reserve is for.
func (s *shedding) prepare() error {
	if s.reserve == "" {
		return nil
	}
	if info, err := os.Stat(s.reserve); err == nil && info.Size() >= reserveSize {
		return nil
	}
	_ = s.fill()
	return nil
}

// fill writes real blocks: a sparse file would reserve nothing.
func (s *shedding) fill() error {
	f, err := os.OpenFile(s.reserve, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i*7 + i>>8) // not zeros: some file systems store those as nothing
	}
	for n := 0; n < reserveSize && err == nil; n += len(block) {
		_, err = f.Write(block)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(s.reserve)
	}
	return err
}

// begin gives the reserve up.
func (s *shedding) begin(log *slog.Logger, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on {
		log.Error("disk is full: keeping incidents and states, giving up history", "retry_in", shedFor)
	}
	s.on, s.until = true, now.Add(shedFor)
	if s.reserve != "" {
		if err := os.Remove(s.reserve); err != nil && !errors.Is(err, fs.ErrNotExist) {
			log.Error("reserve file cannot be given up", "error", err)
		}
	}
}

// active reports whether history is being shed. Once a minute it tries to take the
// reserve back, and ends the shedding when there is room for it again.
func (s *shedding) active(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on || now.Before(s.until) {
		return s.on
	}
	s.until = now.Add(shedFor)
	s.on = s.reserve != "" && s.fill() != nil
	return s.on
}

// Shedding reports that the disk is full and history is being given up.
func (db *DB) Shedding() bool {
	db.shed.mu.Lock()
	defer db.shed.mu.Unlock()
	return db.shed.on
}
