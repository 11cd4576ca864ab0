package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/notify"
	"keepwatch/internal/store"
	"keepwatch/internal/watchdog"
)

// nodeOf names this process among those that share a database. The name is new with each
// start: what an earlier process left on its way proves nothing of this one.
func nodeOf(url string) string {
	if strings.HasPrefix(url, "sqlite:") {
		return store.DefaultNode
	}
	host, _ := os.Hostname()
	return keepwatch.Digest(host, strconv.Itoa(os.Getpid()), time.Now().String())
}

func (a *App) newWatchdog(cfg *config.Config) {
	a.pulses = watchdog.NewPulses()
	a.watchdog = watchdog.New(watchdog.Options{
		Deps: notify.Deps{Client: a.egress.HTTP(), Secrets: a.secrets}, Logger: a.opts.Logger,
		Troubles: a.troubles, Unheard: a.unheard,
		Observe: func(address, result string, at time.Time) {
			a.metrics.Beat(address, result, result == watchdog.ResultOK, at)
		},
	})
	a.watchdog.Use(cfg.Watchdog)
	a.own = egress.New(egress.Policy{Network: a.opts.Network})
}

// startWatchdog begins to expect canaries: whatever they pass runs by now.
func (a *App) startWatchdog(ctx context.Context) error {
	if err := a.addressesAgain(ctx, a.started); err != nil {
		return err
	}
	a.watchdog.Expect()
	running, end := context.WithCancel(context.Background())
	a.serving.Go(func() { a.watchdog.Run(running) })
	a.lifecycle.onStop("watchdog", func(context.Context) error { end(); return nil })
	return nil
}

// ownAnswer bounds the look at our own web interface.
const ownAnswer = 5 * time.Second

// proveOurselves is the run of the canary: a worker asks our own web interface whether
// it is alive, over a connection of its own. It asks nobody else, for an outage of SFMC
// is no reason to stop the heartbeat; everything else is proven by the way that the
// result takes.
func (a *App) proveOurselves(ctx context.Context, cfg *config.Config, s keepwatch.Slot) keepwatch.Observation {
	o := a.couldNot(s, "The web interface of Keepwatch does not answer.", "Look at the log of the daemon.")
	o.Source = keepwatch.SourceMonitor
	ctx, cancel := context.WithTimeout(ctx, min(ownAnswer, cfg.Watchdog.WithDefaults().Every))
	defer cancel()
	if err := a.askOurselves(ctx); err != nil {
		o.Evidence = egress.Redact(err).Error()
		return o
	}
	o.Outcome, o.Message, o.Hint = keepwatch.OK, "Alive.", ""
	return o
}

func (a *App) askOurselves(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopbackOf(a.listener.Addr())+"/healthz", nil)
	if err != nil {
		return err
	}
	req.Close = true // the next one proves anew that connections are taken
	res, err := a.own.HTTP().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %d", res.StatusCode)
	}
	return nil
}

// loopbackOf is where this machine reaches a listener of its own that takes connections
// on every address.
func loopbackOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() && tcp.IP != nil {
		return addr.String()
	}
	return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
}

const (
	// askTroubles bounds the look at what is wrong.
	askTroubles = 5 * time.Second
	// longUnreachable is how long one receiver without a fallback may fail before
	// somebody outside hears of it. The incident about it comes sooner.
	longUnreachable = 15 * time.Minute
)

// troubles is what is known to be wrong and the canary does not pass. Who reads it is
// outside: parts are named and counted, receivers and credentials are not.
func (a *App) troubles(ctx context.Context, now time.Time) (list []string) {
	ctx, cancel := context.WithTimeout(ctx, askTroubles)
	defer cancel()
	patience := a.watchdog.Patience()
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if stuck := a.pulses.Stuck(time.Now(), patience); len(stuck) > 0 {
		say("stuck: %s", strings.Join(stuck, ", "))
	}
	if err := a.db.Ground(); err != nil {
		say("%v", err)
	}
	status := a.dispatcher.Status()
	if since := status.UnrecordedSince; !since.IsZero() && time.Since(since) > patience {
		say("results have not been recorded for %s", time.Since(since).Round(time.Second))
	}
	if status.SetBack > time.Minute {
		say("the clock of this machine was set back by %s", status.SetBack.Round(time.Second))
	}
	a.waiting(ctx, now, patience, say)
	if text := muteReceivers(a.pipeline.Health(), now, patience); text != "" {
		say("%s", text)
	}
	return list
}

// waiting looks for work that is due and that nobody does.
func (a *App) waiting(ctx context.Context, now time.Time, patience time.Duration, say func(string, ...any)) {
	due, some, err := a.db.NextDue(ctx)
	if err != nil {
		say("the store cannot be read")
		return
	}
	if late := now.Sub(due); some && !a.dispatcher.Status().CatchingUp && late > max(patience, time.Minute) {
		say("the oldest due check has waited for %s", late.Round(time.Second))
	}
	unrouted, err := a.db.Unrouted(ctx, 1)
	if err != nil {
		say("the outbox cannot be read")
		return
	}
	if len(unrouted) > 0 && now.Sub(unrouted[0].At) > patience {
		say("messages have not been addressed for %s", now.Sub(unrouted[0].At).Round(time.Second))
	}
	next, some, err := a.db.NextDelivery(ctx)
	if err == nil && some && now.Sub(next) > patience {
		say("messages have been due for %s and are not sent", now.Sub(next).Round(time.Second))
	}
}

// muteReceivers says when nobody can be told, or somebody for long in whose place
// nobody is told.
func muteReceivers(all []notify.ReceiverHealth, now time.Time, patience time.Duration) string {
	mute, long := 0, 0
	for _, h := range all {
		since := h.FailingSince
		if since.IsZero() {
			since = h.BusySince
		}
		if since.IsZero() || now.Sub(since) <= patience {
			continue
		}
		mute++
		if now.Sub(since) > longUnreachable && !h.Fallback {
			long++
		}
	}
	switch {
	case mute > 0 && mute == len(all):
		return "no receiver can be told"
	case long > 0:
		return fmt.Sprintf("receivers that have not taken a message for long: %d", long)
	}
	return ""
}

// watchdogHealth is for /readyz, which anybody reads.
func (a *App) watchdogHealth(now time.Time) error {
	if since, late := a.watchdog.Late(now); late {
		return fmt.Errorf("no proof of itself came through for %s", since.Round(time.Second))
	}
	if troubles := a.watchdog.Status().Troubles; len(troubles) > 0 {
		return errors.New(strings.Join(troubles, "; "))
	}
	return nil
}

// deadSeries gathers how one address takes the beat.
func deadSeries(address string) keepwatch.SeriesID { return keepwatch.SeriesID("deadman-" + address) }

// beatsMissed is how many beats an address may miss before that is an incident here.
const beatsMissed = 5

// unheard raises an incident of the monitor when an address takes no call, and ends it:
// while nobody waits for the beat, its silence tells nobody.
func (a *App) unheard(ctx context.Context, address string, since time.Time, reason string) {
	now := time.Now()
	_, told := a.deaf.Load(address)
	failing := !since.IsZero() && now.Sub(since) > beatsMissed*a.watchdog.Status().Every
	if failing == told {
		return
	}
	o := aboutAddress(address, now)
	if failing {
		o.Outcome, o.Evidence = keepwatch.MonitorFault, reason
		o.Message = fmt.Sprintf("The dead-man address %q does not take the heartbeat.", address)
		o.Hint = "Look at the address under watchdog, its service and the way there; keepwatch doctor tries it."
	} else if !since.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTroubles)
	defer cancel()
	if err := a.record(ctx, []keepwatch.Observation{o}, now); err != nil {
		a.log.Error("how an address takes the heartbeat could not be recorded", "address", address, "error", err)
		return
	}
	if failing {
		a.deaf.Store(address, true)
	} else {
		a.deaf.Delete(address)
	}
}

func aboutAddress(address string, now time.Time) keepwatch.Observation {
	return keepwatch.Observation{
		Key: fmt.Sprintf("%s@%d", deadSeries(address), now.UnixMilli()), Series: deadSeries(address), Place: keepwatch.Local, Source: keepwatch.SourceMonitor,
		Slot: now, At: now, Outcome: keepwatch.OK, Message: fmt.Sprintf("The dead-man address %q takes the heartbeat.", address),
	}
}

// addressesAgain reads which addresses have an incident open, and ends those of
// addresses that are no longer configured.
func (a *App) addressesAgain(ctx context.Context, now time.Time) error {
	all, err := a.db.PlainSeries(ctx)
	if err != nil {
		return err
	}
	configured := map[string]bool{}
	for _, address := range a.config.Load().Watchdog.Addresses {
		configured[address.Name] = true
	}
	var ended []keepwatch.Observation
	for _, s := range all {
		address, ours := strings.CutPrefix(string(s.ID), string(deadSeries("")))
		if !ours || s.Credential != "" || s.Outcome != keepwatch.MonitorFault {
			continue
		}
		if configured[address] {
			a.deaf.Store(address, true)
			continue
		}
		a.deaf.Delete(address)
		o := aboutAddress(address, now)
		o.Message = fmt.Sprintf("The dead-man address %q is not configured any more.", address)
		ended = append(ended, o)
	}
	if len(ended) == 0 {
		return nil
	}
	return a.record(ctx, ended, now)
}
