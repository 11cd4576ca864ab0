package clients

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"keepwatch"
)

// Spec is one integration: who it is, what it is written with, and what it does.
type Spec struct {
	Name    string // of the holder
	Library Library
	// Auth is where its token addresses begin, with a slash at the end: the simulator, or
	// a gateway's address of tenant and holder.
	Auth     string
	ClientID string
	// Secrets are what it is configured with at the moment, the first one first.
	Secrets func() []string
	Unit    keepwatch.MID
	// Redirect makes it a web application: its first token comes by a code, each further
	// one by the refresh token of the one before.
	Redirect string
	// Login makes it an API user, who asks for no token and calls SOAP alone.
	Login, SOAP string

	Calls []Call        // in turn
	Pause time.Duration // between two calls of a worker, by a fifth more or less
	// Workers is how many call at the same time, with one token between them; 0 is one.
	Workers int
	// Every makes it a job: so often a new process makes PerRun calls and ends.
	Every  time.Duration
	PerRun int
}

// Static is a secret that does not change.
func Static(secrets ...string) func() []string { return func() []string { return secrets } }

// Tally is what an integration did and got.
type Tally struct {
	Tokens  int // token requests sent; for an API user, logins
	Granted int
	Calls   int // as the integration counts them: with its retries one
	Failed  int
}

// Load is many integrations at work.
type Load struct {
	seed    uint64
	through http.RoundTripper
	specs   []Spec

	mu      sync.Mutex
	tallies map[string]Tally
}

// New makes a load. Requests go through the transport. Two integrations of one name are
// counted together.
func New(seed uint64, through http.RoundTripper, specs ...Spec) (*Load, error) {
	for i := range specs {
		if err := specs[i].check(); err != nil {
			return nil, fmt.Errorf("integration %q: %w", specs[i].Name, err)
		}
	}
	return &Load{seed: seed, through: through, specs: specs, tallies: map[string]Tally{}}, nil
}

func (s *Spec) check() error {
	switch {
	case s.Name == "" || s.Secrets == nil || len(s.Calls) == 0:
		return keepwatch.WithHint(fmt.Errorf("it has no name, no secrets or no calls: %w", keepwatch.ErrInvalid), "set Name, Secrets and Calls")
	case s.Login == "" && (s.Auth == "" || s.ClientID == ""), s.Login != "" && s.SOAP == "":
		return keepwatch.WithHint(fmt.Errorf("nothing says where it signs in: %w", keepwatch.ErrInvalid), "set Auth and ClientID, or Login and SOAP")
	case s.Pause <= 0 && s.Every <= 0:
		return keepwatch.WithHint(fmt.Errorf("it would never pause: %w", keepwatch.ErrInvalid), "set Pause, or Every for a job")
	}
	for _, c := range s.Calls {
		if s.Login != "" && c.SOAP == "" {
			return keepwatch.WithHint(fmt.Errorf("an API user calls SOAP alone: %w", keepwatch.ErrInvalid), "give it calls with SOAP")
		}
	}
	return nil
}

// Run lets all of them work until the context ends, and waits for them.
func (l *Load) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range l.specs {
		s := &l.specs[i]
		note := func(change func(*Tally)) { l.note(s.Name, change) }
		if s.Every > 0 {
			all.Go(func() { s.job(ctx, l.through, note, l.chance(s.Name, 0)) })
			continue
		}
		p := newProcess(s, l.through, note)
		for w := range max(s.Workers, 1) {
			all.Go(func() { s.serve(ctx, p, l.chance(s.Name, w)) })
		}
	}
	all.Wait()
}

// Tally is what an integration did so far.
func (l *Load) Tally(name string) Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tallies[name]
}

func (l *Load) note(name string, change func(*Tally)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tallies[name]
	change(&t)
	l.tallies[name] = t
}

// chance is a worker's own: another integration beside it changes nothing of its days.
func (l *Load) chance(name string, worker int) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s/%d", name, worker)
	return rand.New(rand.NewPCG(l.seed, h.Sum64()))
}

// serve is a worker of a service that stays up.
func (s *Spec) serve(ctx context.Context, p *process, chance *rand.Rand) {
	wait := time.Duration(chance.Int64N(int64(s.Pause)) + 1)
	for n := 0; pause(ctx, wait); n++ {
		err := p.do(ctx, &s.Calls[n%len(s.Calls)])
		if s.Library.GivesUp && errors.Is(err, errRefused) {
			return
		}
		wait = about(s.Pause, chance)
	}
}

// job is a new process each time.
func (s *Spec) job(ctx context.Context, through http.RoundTripper, note func(func(*Tally)), chance *rand.Rand) {
	began := time.Now().Add(time.Duration(chance.Int64N(int64(s.Every)) + 1))
	for run := 0; pause(ctx, time.Until(began.Add(time.Duration(run)*s.Every))); run++ {
		p := newProcess(s, through, note)
		for n := range max(s.PerRun, 1) {
			if err := p.do(ctx, &s.Calls[n%len(s.Calls)]); err != nil && s.Library.GivesUp {
				break
			}
			if s.Pause > 0 && !pause(ctx, about(s.Pause, chance)) {
				return
			}
		}
	}
}

// about is d, by a fifth more or less.
func about(d time.Duration, chance *rand.Rand) time.Duration {
	return d + time.Duration((chance.Float64()-0.5)*0.4*float64(d))
}
