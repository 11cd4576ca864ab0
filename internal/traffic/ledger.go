package traffic

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"keepwatch"
)

// Record hands observations over to intake. Recording the same key again changes
// nothing, so an error means: the same ones once more, later.
type Record func(ctx context.Context, obs []keepwatch.Observation, now time.Time) error

const (
	// Window is how long calls that tell of tokens or failures are added up.
	Window = 10 * time.Second
	// CalmWindow is how long calls that all went well are: most of the traffic of an
	// estate, and a row for each ten seconds of it would say nothing more.
	CalmWindow = time.Minute
	// gather is how long a change that matters waits for its likes. It is well under
	// the second in which it is to be recorded.
	gather = 250 * time.Millisecond
	// hasty is how many changes of one line a minute are flushed at once; a holder
	// that is refused and accepted in turn is no news every second.
	hasty = 6
	// forget is how long a line without calls is kept.
	forget = time.Hour
	// GivenUpAfter is how long a client may pause between two tries at one token.
	GivenUpAfter = 5 * time.Minute
)

// Bounds of what is held in memory. What does not fit is counted as lost.
const (
	MaxLines   = 20_000
	maxHolders = 64 // of one credential
	maxCounts  = 64 // families and outcomes of one line and window
	maxSecrets = 8
	maxScopes  = 64
	maxKeys    = 1 << 16 // reports that may come twice
	maxText    = 200
	maxCount   = 1_000_000 // like calls of one report
	batch      = 100
)

// Ledger adds up calls in memory. It never makes a caller wait for the store, and
// never fails: what it cannot hold is counted.
type Ledger struct {
	record Record
	log    *slog.Logger
	node   string
	wake   chan struct{}

	mu     sync.Mutex
	dir    Directory
	lines  map[lineKey]*line
	of     map[keepwatch.CredentialID]int // lines of a credential
	keys   repeats
	unsure map[keepwatch.CredentialID]time.Time
	strays strays
	stats  Stats

	sending sync.Mutex
	unsent  []keepwatch.Observation // taken from their lines and not yet recorded

	life    sync.Mutex
	stop    context.CancelFunc
	stopped chan struct{}
}

type lineKey struct {
	credential keepwatch.CredentialID
	holder     string
}

// Stats says what the ledger has seen since it began.
type Stats struct {
	Calls        map[keepwatch.Via]int64
	Repeats      int64     // reports that had come before
	Lost         int64     // calls of known credentials that there was no room for
	Unattributed int64     // calls of which nobody knows the credential
	Refused      int64     // observations that intake did not take
	Waiting      int       // observations that the store has not taken yet
	Since        time.Time // since when the store has not taken them; zero while it does
	Lines        int
}

// New returns a ledger that hands over to record once Start was called. Before
// that it only counts.
func New(dir Directory, record Record, log *slog.Logger) *Ledger {
	return &Ledger{
		record: record, log: log, node: rand.Text()[:8], wake: make(chan struct{}, 1), dir: dir,
		lines: map[lineKey]*line{}, of: map[keepwatch.CredentialID]int{},
		unsure: map[keepwatch.CredentialID]time.Time{}, strays: strays{},
		stats: Stats{Calls: map[keepwatch.Via]int64{}},
	}
}

// Run tells what this ledger counted from what another did, on another node or before a
// restart.
func (l *Ledger) Run() string { return l.node }

// Configure ties the calls from now on by another directory.
func (l *Ledger) Configure(dir Directory) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dir = dir
	for id := range l.unsure {
		if _, there := dir.byID[id]; !there {
			delete(l.unsure, id)
		}
	}
	l.strays.settle(dir)
}

// Saw adds one call up. It neither waits nor fails, and keeps nothing that the
// caller may change afterwards.
func (l *Ledger) Saw(c keepwatch.Call) {
	now := time.Now()
	c.Count = min(max(c.Count, 1), maxCount)
	if c.At.IsZero() || c.At.After(now) {
		c.At = now // a clock that is ahead proves nothing of the future
	}
	l.mu.Lock()
	urgent := l.add(&c, now)
	l.mu.Unlock()
	if urgent {
		l.nudge()
	}
}

func (l *Ledger) add(c *keepwatch.Call, now time.Time) (urgent bool) {
	l.stats.Calls[c.Via] += int64(c.Count)
	if c.Key != "" && l.keys.again(string(c.Via)+"\x00"+c.Key) {
		l.stats.Repeats += int64(c.Count)
		return false
	}
	known, found, sure := l.dir.Find(c)
	if !found {
		l.stats.Unattributed += int64(c.Count)
		if c.Kind == keepwatch.CallToken && c.ClientID != "" {
			l.stats.Lost += l.strays.saw(c)
		}
		return false
	}
	if !sure {
		l.unsure[known.ID] = now
	}
	ln := l.line(known, clip(c.Holder), now)
	if ln == nil {
		l.stats.Lost += int64(c.Count)
		return false
	}
	if ln.holder != clip(c.Holder) {
		ln.lose(c, now)
		l.stats.Lost += int64(c.Count)
		return false
	}
	lost := ln.tally.Lost
	urgent = ln.add(c, known.Secret, now)
	l.stats.Lost += int64(ln.tally.Lost - lost)
	return urgent
}

// line finds the line of a holder, or the one of the unknown holder where a
// credential has too many: there the call is only counted as lost. nil where there
// is no room at all.
func (l *Ledger) line(k Known, holder string, now time.Time) *line {
	key := lineKey{k.ID, holder}
	if ln := l.lines[key]; ln != nil {
		return ln
	}
	if holder != "" && l.of[k.ID] >= maxHolders {
		return l.line(k, "", now)
	}
	if len(l.lines) >= MaxLines {
		return nil
	}
	ln := &line{credential: k.ID, tenant: k.Tenant, holder: holder, lastCall: now}
	l.lines[key] = ln
	l.of[k.ID]++
	return ln
}

// nudge wakes the loop; one wake-up that waits is enough.
func (l *Ledger) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats is a copy.
func (l *Ledger) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Lines = len(l.lines)
	s.Calls = make(map[keepwatch.Via]int64, len(l.stats.Calls))
	for via, n := range l.stats.Calls {
		s.Calls[via] = n
	}
	return s
}

// repeats remembers the keys of reports, in two generations, so that the oldest
// half is forgotten when there are too many.
type repeats struct{ young, old map[string]struct{} }

func (r *repeats) again(key string) bool {
	if _, seen := r.young[key]; seen {
		return true
	}
	if _, seen := r.old[key]; seen {
		return true
	}
	if r.young == nil || len(r.young) >= maxKeys/2 {
		r.old, r.young = r.young, map[string]struct{}{}
	}
	r.young[key] = struct{}{}
	return false
}
