package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"keepwatch"
)

// Limits of sign-in. The tightest is per name and address together: a limit per
// name alone lets any stranger lock the one administrator out, so that one is
// wide and only stops a guess spread over many addresses.
const (
	limitWindow  = 15 * time.Minute
	limitPair    = 5
	limitAddress = 20
	limitName    = 100
	// limitEntries bounds the memory that strangers can make us use (about 2 MiB).
	limitEntries = 10_000
)

// Limiter counts tries at signing in. It keeps its counts in memory, of one
// process: a restart forgives, and nothing is written for a stranger.
type Limiter struct {
	mu   sync.Mutex
	seen map[string]*tries
}

type tries struct {
	count int
	since time.Time // begin of the window that is being counted
}

// NewLimiter makes an empty Limiter.
func NewLimiter() *Limiter { return &Limiter{seen: map[string]*tries{}} }

type limit struct {
	key string
	max int
}

// Take counts one try, or refuses it and says for how long. It counts before the
// password is looked at: tries that run side by side are all counted.
func (l *Limiter) Take(name string, from netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limits := limitsOf(name, from)
	for _, lim := range limits {
		t := l.seen[lim.key]
		if t != nil && t.count >= lim.max && now.Before(t.since.Add(limitWindow)) {
			wait = max(wait, t.since.Add(limitWindow).Sub(now))
		}
	}
	if wait > 0 {
		return wait, false
	}
	for _, lim := range limits {
		l.count(lim.key, now)
	}
	return 0, true
}

// Forgive takes back the count of a name from an address: it signed in.
func (l *Limiter) Forgive(name string, from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lim := range limitsOf(name, from) {
		if t := l.seen[lim.key]; t != nil && t.count > 0 {
			t.count--
		}
	}
	delete(l.seen, limitsOf(name, from)[0].key)
}

func (l *Limiter) count(key string, now time.Time) {
	t := l.seen[key]
	if t == nil {
		l.makeRoom(now)
		t = &tries{since: now}
		l.seen[key] = t
	}
	if !now.Before(t.since.Add(limitWindow)) || now.Before(t.since) {
		*t = tries{since: now} // a clock that was set back starts a new window, too
	}
	t.count++
}

// makeRoom drops what has run out, then, when that was not enough, the half that
// tried least: a flood of new addresses must not wash the hot entries away.
func (l *Limiter) makeRoom(now time.Time) {
	if len(l.seen) < limitEntries {
		return
	}
	for key, t := range l.seen {
		if !now.Before(t.since.Add(limitWindow)) {
			delete(l.seen, key)
		}
	}
	for most := 1; len(l.seen) > limitEntries/2; most *= 2 {
		for key, t := range l.seen {
			if t.count <= most && len(l.seen) > limitEntries/2 {
				delete(l.seen, key)
			}
		}
	}
}

// limitsOf names the three counts of a try, the pair first. Names are cut: they
// are a stranger's text. An IPv6 customer has a /64, so that is one address.
func limitsOf(name string, from netip.Addr) [3]limit {
	from = from.Unmap()
	address := from.String()
	if from.Is6() {
		if prefix, err := from.WithZone("").Prefix(64); err == nil {
			address = prefix.String()
		}
	}
	name = strings.ToLower(name)
	if len(name) > 64 {
		name = name[:64]
	}
	return [3]limit{{"p\x00" + address + "\x00" + name, limitPair}, {"a\x00" + address, limitAddress}, {"n\x00" + name, limitName}}
}

// TooMany is the error of a refused try.
func TooMany(wait time.Duration) error {
	wait = max(wait.Round(time.Second), time.Second)
	return keepwatch.WithHint(fmt.Errorf("too many tries to sign in: %w", keepwatch.ErrForbidden),
		"wait "+keepwatch.FormatDuration(wait)+" and try again")
}
