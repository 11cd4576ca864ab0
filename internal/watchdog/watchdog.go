package watchdog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Results, as they are counted by address.
const (
	ResultOK       = "ok"       // a beat was taken
	ResultFail     = "fail"     // trouble was told
	ResultWithheld = "withheld" // there was trouble, which this address hears of by silence
	ResultError    = "error"    // the address did not take the call
)

// maxSkew is how far our clock may be from that of an address.
const maxSkew = 5 * time.Minute

// Options are what a watchdog is made of.
type Options struct {
	Deps   notify.Deps
	Logger *slog.Logger
	// Troubles lists what is known to be wrong, in short sentences without names; it is
	// asked before each beat and bounded by its context.
	Troubles func(ctx context.Context, now time.Time) []string
	// Observe counts calls, by address and Result….
	Observe func(address, result string, at time.Time)
	// Unheard hears that an address has not taken a call since a time, after each
	// such call, and that it takes them, with the zero time.
	Unheard func(ctx context.Context, address string, since time.Time, reason string)
}

// Watchdog sends beats. It is a notify.Heart.
type Watchdog struct {
	opts Options
	log  *slog.Logger

	mu        sync.Mutex
	config    Config
	begun     time.Time // when canaries began to be expected; zero: they are not
	came      time.Time // when the last one came out
	slot      time.Time // its due time
	troubles  []string  // of the last look
	skew      time.Duration
	addresses map[string]Standing
}

// Standing is how one address stands.
type Standing struct {
	Name         string
	LastBeatAt   time.Time // taken
	LastFailAt   time.Time // trouble was told
	FailingSince time.Time // it has taken no call since; zero while it does
	LastError    string
}

// Status is how the watchdog stands.
type Status struct {
	On        bool
	Every     time.Duration
	CanaryAt  time.Time // when the last canary came out
	Troubles  []string
	Addresses []Standing // in the order of the file
}

var _ notify.Heart = (*Watchdog)(nil)

// New makes a watchdog that tells nobody yet.
func New(o Options) *Watchdog {
	o.Deps = o.Deps.Confined()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Watchdog{opts: o, log: o.Logger.With("component", "watchdog"), addresses: map[string]Standing{}}
}

// Use puts other settings in force. What is known of an address whose name stays is kept.
func (w *Watchdog) Use(c Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.config = c.WithDefaults()
	if !w.begun.IsZero() {
		w.begun = time.Now() // the next canary comes by another plan
	}
	kept := map[string]Standing{}
	for _, a := range c.Addresses {
		s := w.addresses[a.Name]
		s.Name = a.Name
		kept[a.Name] = s
	}
	w.addresses = kept
}

// Expect begins to wait for canaries.
func (w *Watchdog) Expect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = time.Now()
}

// Patience is how long one turn of a loop may take.
func (w *Watchdog) Patience() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.config.Patience()
}

// Beat tells every address of a canary: that all is well, or what is wrong.
func (w *Watchdog) Beat(ctx context.Context, c keepwatch.Canary) notify.Receipt {
	now := time.Now()
	w.mu.Lock()
	old := !c.Slot.After(w.slot)
	if !old {
		w.slot, w.came = c.Slot, now
	}
	cfg := w.config
	w.mu.Unlock()
	if old {
		return "overtaken by a newer one"
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Every*9/10)
	defer cancel()
	var troubles []string
	if c.Fault != "" {
		troubles = append(troubles, c.Fault)
	}
	if took := now.Sub(c.Slot); took > cfg.Patience() {
		troubles = append(troubles, fmt.Sprintf("the proof took %s", took.Round(time.Second)))
	}
	return w.tell(ctx, cfg, append(troubles, w.known(ctx, now)...))
}

// known is what is wrong apart from the canary itself.
func (w *Watchdog) known(ctx context.Context, now time.Time) []string {
	troubles := w.opts.Troubles(ctx, now)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.skew.Abs() > maxSkew {
		troubles = append(troubles, fmt.Sprintf("the clock of this machine differs by %s from that of an address outside", w.skew.Abs().Round(time.Second)))
	}
	return troubles
}

// Run tells the addresses why no canary comes out, until the context ends. It adds a
// reason and nothing more: where it stands still as well, the silence is the alarm.
func (w *Watchdog) Run(ctx context.Context) {
	for {
		w.mu.Lock()
		cfg := w.config.WithDefaults()
		w.mu.Unlock()
		if !pause(ctx, cfg.Every) {
			return
		}
		w.look(ctx)
	}
}

func (w *Watchdog) look(ctx context.Context) {
	now := time.Now()
	w.mu.Lock()
	cfg, last := w.config, w.came
	if last.Before(w.begun) {
		last = w.begun
	}
	late := cfg.On() && !w.begun.IsZero() && now.Sub(last) > cfg.Patience()
	w.mu.Unlock()
	if !late {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Every*9/10)
	defer cancel()
	troubles := []string{fmt.Sprintf("no proof of itself came through for %s", now.Sub(last).Round(time.Second))}
	w.tell(ctx, cfg, append(troubles, w.known(ctx, now)...))
}

// tell calls every address beside the others: one that hangs delays nobody.
func (w *Watchdog) tell(ctx context.Context, cfg Config, troubles []string) notify.Receipt {
	w.mu.Lock()
	if len(troubles) > 0 && strings.Join(troubles, "; ") != strings.Join(w.troubles, "; ") {
		w.log.Error("known trouble", "troubles", troubles)
	}
	w.troubles = troubles
	w.mu.Unlock()
	var wg sync.WaitGroup
	results := make([]string, len(cfg.Addresses))
	for i, a := range cfg.Addresses {
		wg.Go(func() { results[i] = a.Name + " " + w.call(ctx, cfg, a, strings.Join(troubles, "; ")) })
	}
	wg.Wait()
	return notify.Receipt(strings.Join(results, ", "))
}

func (w *Watchdog) call(ctx context.Context, cfg Config, a Address, trouble string) (result string) {
	defer func() { w.opts.Observe(a.Name, result, time.Now()) }()
	if trouble != "" && a.Kind == Plain && a.FailURL == "" {
		return ResultWithheld
	}
	got, err := told(ctx, w.opts.Deps, a, cfg.Timeout, trouble)
	now := time.Now()
	w.mu.Lock()
	s, known := w.addresses[a.Name]
	switch {
	case err != nil:
		s.LastError = err.Error()
		if s.FailingSince.IsZero() {
			s.FailingSince = now
		}
		result = ResultError
	case trouble != "":
		s.LastFailAt, s.FailingSince, result = now, time.Time{}, ResultFail
	default:
		s.LastBeatAt, s.FailingSince, result = now, time.Time{}, ResultOK
	}
	if known {
		w.addresses[a.Name] = s
	}
	if err == nil && !got.date.IsZero() {
		w.skew = now.Sub(got.date)
	}
	w.mu.Unlock()
	if err != nil {
		w.log.Warn("an address does not take the beat", "address", a.Name, "error", err)
	}
	w.opts.Unheard(ctx, a.Name, s.FailingSince, s.LastError)
	return result
}

// Status is how the watchdog stands now.
func (w *Watchdog) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{On: w.config.On(), Every: w.config.Every, CanaryAt: w.came, Troubles: append([]string{}, w.troubles...)}
	for _, a := range w.config.Addresses {
		s.Addresses = append(s.Addresses, w.addresses[a.Name])
	}
	return s
}

// Late is how long no canary has come out, when that is longer than it may be.
func (w *Watchdog) Late(now time.Time) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.came
	if last.Before(w.begun) {
		last = w.begun
	}
	since := now.Sub(last)
	return since, w.config.On() && !w.begun.IsZero() && since > w.config.Patience()
}
