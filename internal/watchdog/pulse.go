package watchdog

import (
	"slices"
	"sync"
	"time"
)

// Pulses knows of each loop whether it turns. Loops that the canary passes need none:
// where they stand still, it does not come out.
type Pulses struct {
	mu    sync.Mutex
	loops map[string]*loop
}

type loop struct {
	pause   time.Duration // between two turns; 0: a turn is no matter of time
	allowed time.Duration // longest that one may take; 0 is the watchdog's patience
	begun   time.Time     // of the turn that goes on; zero while none does
	ended   time.Time     // of the last one, or when the loop began
}

// NewPulses makes the list, empty.
func NewPulses() *Pulses { return &Pulses{loops: map[string]*loop{}} }

// Watch expects a loop to turn. One turn may take as long as allowed says, where 0 is the
// watchdog's patience, and the next one is to begin after pause.
func (p *Pulses) Watch(name string, pause, allowed time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loops[name] = &loop{pause: pause, allowed: allowed, ended: time.Now()}
}

// Turn notes that a loop begins a turn, and by the function that it returns, that the
// turn has ended. Times keep their monotonic reading: they are about a wait, and a
// machine that slept has not waited.
func (p *Pulses) Turn(name string) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.loops[name]
	if l == nil {
		l = &loop{}
		p.loops[name] = l
	}
	l.begun = time.Now()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.begun, l.ended = time.Time{}, time.Now()
	}
}

// Stuck names the loops that should have ended a turn by now, in order.
func (p *Pulses) Stuck(now time.Time, patience time.Duration) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for name, l := range p.loops {
		allowed := max(l.allowed, patience)
		long := !l.begun.IsZero() && now.Sub(l.begun) > allowed
		silent := l.pause > 0 && now.Sub(l.ended) > l.pause+allowed
		if long || silent {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
