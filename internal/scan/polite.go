package scan

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Limits of one scan. They hold whatever a target answers.
const (
	parallel    = 16        // hosts that are asked at a time
	perHost     = 64        // exchanges with one host
	maxHosts    = 400       // hosts of one scan
	maxReceived = 256 << 20 // bytes of all bodies together
)

var (
	errTooMany = errors.New("the host was asked as often as one scan asks")
	errHosts   = errors.New("the scan has asked as many hosts as one scan asks")
	errVolume  = errors.New("the scan has received as much as one scan takes")
)

// polite lets one exchange at a time through to each host, and a few at a time in all.
type polite struct {
	slots chan struct{}

	mu    sync.Mutex
	hosts map[string]*turns
	dead  map[string]error // host:port that did not take a connection
	bytes int64
}

type turns struct {
	turn chan struct{}
	used int
}

func newPolite() *polite {
	return &polite{slots: make(chan struct{}, parallel), hosts: map[string]*turns{}, dead: map[string]error{}}
}

// with does one exchange with a host when it is its turn.
func (p *polite) with(ctx context.Context, host string, do func() error) error {
	t, err := p.take(host)
	if err != nil {
		return err
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", host, ctx.Err())
	}
	defer func() { <-t.turn }()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", host, ctx.Err())
	}
	defer func() { <-p.slots }()
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

func (p *polite) take(host string) (*turns, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.hosts[host]
	if !ok {
		if len(p.hosts) >= maxHosts {
			return nil, errHosts
		}
		t = &turns{turn: make(chan struct{}, 1)}
		p.hosts[host] = t
	}
	if t.used++; t.used > perHost {
		return nil, errTooMany
	}
	return t, nil
}

// deadAt remembers that nobody takes connections at an address, so that the next
// check does not wait for it again.
func (p *polite) deadAt(address string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead[address]
}

func (p *polite) bury(address string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead[address] = err
}

// received counts what came, and says no once it is too much.
func (p *polite) received(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes += int64(n); p.bytes > maxReceived {
		return errVolume
	}
	return nil
}
