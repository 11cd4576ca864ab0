package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/alertmanager"
	"keepwatch/internal/notify/email"
	"keepwatch/internal/notify/jsm"
	"keepwatch/internal/notify/ntfy"
	"keepwatch/internal/notify/pagerduty"
	"keepwatch/internal/notify/shoutrrr"
	"keepwatch/internal/notify/slack"
	"keepwatch/internal/notify/teams"
	"keepwatch/internal/notify/ticket"
	"keepwatch/internal/notify/webhook"
)

func (a *App) newPipeline(cfg *config.Config) error {
	setup, err := a.setup(cfg)
	if err != nil {
		return err
	}
	_, outbox := a.db.Woken()
	a.pipeline = notify.New(notify.Options{
		Outbox: a.db, Woken: outbox, Logger: a.opts.Logger, Observe: a.metrics.Notified, Trouble: a.trouble, Impact: a.impactOf,
		Standing: a.db.Standing, Silences: a.db.Silences, Random: a.opts.Random, Turn: a.pulses.Turn,
	}, setup)
	return nil
}

// setup builds the senders of a configuration.
func (a *App) setup(cfg *config.Config) (notify.Setup, error) {
	s := notify.Setup{Routes: cfg.Routes, Mutes: cfg.Mutes, Directory: cfg, BaseURL: cfg.Server.BaseURL, Heart: a.watchdog, Acts: a.acts(cfg)}
	for _, r := range cfg.Receivers {
		sender, err := a.sender(r.Config)
		if err != nil {
			return notify.Setup{}, fmt.Errorf("receiver %q: %w", r.Name, err)
		}
		s.Receivers = append(s.Receivers, notify.Receiver{Name: r.Name, Channel: r.Channel, Sender: sender, Fallback: r.Fallback, Pace: r.Pace, Acts: r.Links})
	}
	return s, nil
}

// sender makes the sender of a receiver's channel. A new channel is a line here.
func (a *App) sender(c notify.Config) (notify.Sender, error) {
	deps := notify.Deps{Client: a.egress.HTTP(), Secrets: a.secrets}
	switch c := c.(type) {
	case webhook.Config:
		return made(webhook.New(c, deps))
	case slack.Config:
		return made(slack.New(c, deps))
	case email.Config:
		return made(email.New(c, email.Deps{Secrets: a.secrets, Dial: a.egress.Dial}))
	case teams.Config:
		return made(teams.New(c, deps))
	case pagerduty.Config:
		return made(pagerduty.New(c, deps))
	case jsm.Config:
		return made(jsm.New(c, deps))
	case alertmanager.Config:
		return made(alertmanager.New(c, deps))
	case ntfy.Config:
		return made(ntfy.New(c, deps))
	case ticket.Config:
		return made(ticket.New(c, deps))
	case shoutrrr.Config:
		return made(shoutrrr.New(c, deps))
	}
	return nil, fmt.Errorf("no channel has settings of type %T", c)
}

// made keeps a nil sender from becoming one that is not nil.
func made[S notify.Sender](s S, err error) (notify.Sender, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// trouble records that telling people does not work as an incident of the
// monitor: it shows on the page even when no message gets out.
func (a *App) trouble(ctx context.Context, t notify.Trouble) {
	defer a.troubled.Store(true)
	o := aboutMessages(t.Receiver, time.Now())
	o.Outcome, o.Evidence = keepwatch.MonitorFault, t.Reason
	o.Message = fmt.Sprintf("Messages do not reach the receiver %q.", t.Receiver)
	o.Hint = "Look at the receiver's address and access; keepwatch doctor tries it. Messages that wait are kept and repeated."
	switch t.Kind {
	case notify.TroubleNoReceiver:
		o.Message = "An incident has no receiver: no route matches it."
		o.Hint = "Add a last route without match that names a receiver."
	case notify.TroubleDead:
		o.Message = fmt.Sprintf("The receiver %q refused a message for good.", t.Receiver)
	}
	if err := a.record(ctx, []keepwatch.Observation{o}, o.At); err != nil {
		a.log.Error("trouble with messages could not be recorded", "receiver", t.Receiver, "error", err)
	}
}

// newRoutes notes that other routes and receivers are in force: trouble with the
// old ones, of this process or the one before, is looked at again.
func (a *App) newRoutes(now time.Time) {
	a.routedSince.Store(now.UnixMilli())
	a.troubled.Store(true)
}

// routesSeries is about incidents that no route matches.
const routesSeries = "routes"

// aboutMessages is an observation of one receiver, or of the routes.
func aboutMessages(receiver string, now time.Time) keepwatch.Observation {
	name := "receiver-" + receiver
	if receiver == "" {
		name = routesSeries
	}
	return keepwatch.Observation{
		Key: fmt.Sprintf("%s@%d", name, now.UnixMilli()), Series: keepwatch.SeriesID(name),
		Place: keepwatch.Local, Source: keepwatch.SourceMonitor, Slot: now, At: now,
	}
}

// messagesAgain ends the incidents of receivers that took a message since. A
// receiver that is no longer configured has nothing to answer for.
func (a *App) messagesAgain(ctx context.Context, now time.Time) error {
	if !a.troubled.Swap(false) {
		return nil
	}
	all, err := a.db.PlainSeries(ctx)
	if err != nil {
		a.troubled.Store(true)
		return err
	}
	well := map[string]time.Time{}
	for _, h := range a.pipeline.Health() {
		well[h.Name] = h.LastSuccessAt
	}
	var found []keepwatch.Observation
	for _, s := range all {
		if s.ID == routesSeries && s.Outcome == keepwatch.MonitorFault && a.routedSince.Load() > s.LastAt.UnixMilli() {
			o := aboutMessages("", now)
			o.Outcome, o.Message = keepwatch.OK, "Other routes are in force; what still matches none is said again."
			found = append(found, o)
			continue
		}
		receiver, ok := strings.CutPrefix(string(s.ID), "receiver-")
		if !ok || s.Credential != "" || s.Outcome != keepwatch.MonitorFault {
			continue
		}
		if success, configured := well[receiver]; configured && !success.After(s.LastAt) {
			a.troubled.Store(true) // still: look again
			continue
		}
		o := aboutMessages(receiver, now)
		o.Outcome, o.Message = keepwatch.OK, fmt.Sprintf("The receiver %q takes messages again.", receiver)
		found = append(found, o)
	}
	if len(found) == 0 {
		return nil
	}
	if err := a.record(ctx, found, now); err != nil {
		a.troubled.Store(true)
		return err
	}
	return nil
}
