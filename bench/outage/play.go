package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

// play is one outage.
type play struct {
	down, up, life, every, lease time.Duration
	count                        int      // messages that one receiver is sent one by one in ten minutes
	args                         []string // of the child
}

// stage is what a play has brought about so far.
type stage struct {
	play
	path      string
	receivers []*receiver
	heard     chan struct{}
	crashes   int
	promised  map[keepwatch.NoticeID]keepwatch.IncidentID // notices whose storing was acknowledged
	next      int                                         // number of the next incident
}

func (p play) run(ctx context.Context, dir string) (*result, error) {
	s := &stage{play: p, path: filepath.Join(dir, "keepwatch.db"), heard: make(chan struct{}, 1), promised: map[keepwatch.NoticeID]keepwatch.IncidentID{}}
	for _, kind := range kinds {
		r, err := newReceiver(kind, s.heard)
		if err != nil {
			return nil, err
		}
		defer r.fall()
		s.receivers = append(s.receivers, r)
	}
	if err := s.lives(ctx, p.up, true); err != nil {
		return nil, err
	}
	for _, r := range s.receivers {
		r.fall()
	}
	if err := s.lives(ctx, p.down, false); err != nil {
		return nil, err
	}
	for _, r := range s.receivers {
		if err := r.rise(); err != nil {
			return nil, err
		}
	}
	back := time.Now()
	if err := s.lives(ctx, p.up, true); err != nil {
		return nil, err
	}
	// The last one records nothing more, and ends when all is told.
	if err := s.live(ctx, -1, 5*time.Minute+p.lease, false); err != nil {
		return nil, err
	}
	return s.judge(ctx, back)
}

// lives lets processes live and die for a while. While receivers answer, half of the
// deaths come right when one of them has read a message.
func (s *stage) lives(ctx context.Context, span time.Duration, up bool) error {
	for end := time.Now().Add(span); time.Now().Before(end); {
		life := s.life/4 + rand.N(s.life*3/4)
		if err := s.live(ctx, s.next, min(life, time.Until(end)+50*time.Millisecond), up && rand.IntN(2) == 0); err != nil {
			return err
		}
	}
	return nil
}

var errEarly = errors.New("the process ended by itself")

// live runs one process until it is killed: after a time, at the next message after
// that, or when it says that all is told.
func (s *stage) live(ctx context.Context, first int, life time.Duration, aimed bool) error {
	child := exec.CommandContext(ctx, os.Args[0], s.args...)
	var addrs []string
	for _, r := range s.receivers {
		addrs = append(addrs, r.addr)
	}
	child.Env = append(os.Environ(), envStore+"="+s.path, envAddrs+"="+strings.Join(addrs, " "), fmt.Sprintf("%s=%d", envFirst, first),
		fmt.Sprintf("%s=%d", envCount, s.count), envEvery+"="+s.every.String(), fmt.Sprintf("%s=%d", envLife, s.crashes), envLease+"="+s.lease.String())
	var stderr bytes.Buffer
	child.Stderr = &stderr
	said, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	begun, all := make(chan struct{}), make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() { s.listen(said, begun, all) })
	ended := make(chan struct{})
	go func() { listening.Wait(); close(ended) }()
	told := s.untilDeath(begun, all, ended, life, aimed)
	s.crashes++
	_ = child.Process.Kill()
	<-ended
	err = child.Wait()
	if child.ProcessState.Exited() {
		return fmt.Errorf("%w: %w: %s", errEarly, err, stderr.String())
	}
	if first < 0 && !told {
		return fmt.Errorf("after %s something still waits: %w", life, errBroken)
	}
	return nil
}

func (s *stage) untilDeath(begun, all, ended <-chan struct{}, life time.Duration, aimed bool) (told bool) {
	select {
	case <-begun:
	case <-ended:
		return false
	}
	select {
	case <-all:
		return true
	case <-ended:
		return false
	case <-time.After(life):
	}
	if !aimed {
		return false
	}
	select {
	case <-s.heard: // of before
	default:
	}
	select {
	case <-s.heard:
	case <-time.After(s.life):
	}
	return false
}

// listen takes what a process has promised. A last line without its end was not said.
func (s *stage) listen(r io.Reader, begun, all chan<- struct{}) {
	for in := bufio.NewReader(r); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var n int
		var id, notice, kind string
		switch {
		case line == "S\n":
			close(begun)
		case line == "D\n":
			close(all)
		default:
			if got, _ := fmt.Sscanf(line, "N %d %s %s %s", &n, &id, &notice, &kind); got == 4 {
				s.promised[keepwatch.NoticeID(notice)] = keepwatch.IncidentID(id)
				s.next = max(s.next, n+1)
			}
		}
	}
}

// judge reads the store, and asks of every notice and receiver what became of it.
func (s *stage) judge(ctx context.Context, back time.Time) (*result, error) {
	db, err := store.Open(ctx, "sqlite:"+s.path, store.Options{})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	r := &result{crashes: s.crashes, notices: len(s.promised), repeats: map[string]int{}}
	came := map[string]map[string]bool{}
	for _, in := range s.receivers {
		came[in.kind] = map[string]bool{}
		for _, a := range in.list() {
			r.messages++
			came[in.kind][a.key] = true
		}
		r.countRepeats(in.kind, in.list())
	}
	incidents := map[keepwatch.IncidentID]bool{}
	for _, id := range s.promised {
		incidents[id] = true
	}
	r.incidents = len(incidents)
	told := map[keepwatch.NoticeID]map[string]bool{}
	for id := range incidents {
		rows, err := db.Deliveries(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, d := range rows {
			if told[d.Notice.ID] == nil {
				told[d.Notice.ID] = map[string]bool{}
			}
			told[d.Notice.ID][d.Receiver] = r.told(d, rows, came, back)
		}
	}
	for notice, id := range s.promised {
		for _, kind := range kinds {
			if !told[notice][kind] {
				r.lost = append(r.lost, fmt.Sprintf("%s of %s at %s", notice, id, kind))
			}
		}
	}
	return r, nil
}
