// Package repeats remembers keys for a while, so that a report that comes twice
// counts once. Reporters repeat what they are not sure of: a collector sends a whole
// batch again when the answer was lost. The memory is bounded and not durable: after a
// restart a repeat of what came before it counts again.
package repeats

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Recent is a memory of keys in two halves: the older is forgotten when the younger is
// full or old enough. A key is therefore remembered for at least Window or at least Most
// newer keys, whichever ends first. The zero value is not usable; see New.
type Recent struct {
	window time.Duration
	most   int

	mu     sync.Mutex
	young  map[digest]struct{}
	old    map[digest]struct{}
	turned time.Time
}

// digest stands for a key: keys come from outside and may be long.
type digest [16]byte

// New returns a memory of at least window, and of at most twice most keys.
func New(window time.Duration, most int) *Recent {
	return &Recent{window: window, most: most, young: map[digest]struct{}{}}
}

// First reports whether a key was not seen lately, and remembers it. The key "" is
// never a repeat.
func (r *Recent) First(key string, now time.Time) bool {
	if key == "" {
		return true
	}
	sum := sha256.Sum256([]byte(key))
	d := digest(sum[:16])
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := now.Sub(r.turned); len(r.young) >= r.most || since >= r.window || since < 0 {
		r.turn(now)
	}
	if _, seen := r.young[d]; seen {
		return false
	}
	_, seen := r.old[d]
	r.young[d] = struct{}{} // what is repeated is remembered anew
	return !seen
}

// Forget takes a key back: what it stood for was not taken after all.
func (r *Recent) Forget(key string) {
	sum := sha256.Sum256([]byte(key))
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, digest(sum[:16]))
	delete(r.old, digest(sum[:16]))
}

// turn makes the young half the old one. After a pause of two windows both are old.
func (r *Recent) turn(now time.Time) {
	r.old = r.young
	if now.Sub(r.turned) >= 2*r.window {
		r.old = nil
	}
	r.young, r.turned = map[digest]struct{}{}, now
}

// Len is how many keys are remembered.
func (r *Recent) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.young) + len(r.old)
}
