package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Life is how long a link holds at most. It ends with its incident, too.
const Life = 7 * 24 * time.Hour

// Path begins the addresses of links.
const Path = "/act/"

// Store keeps what links are about, and which of them were used.
type Store interface {
	Incident(ctx context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error)
	LinkUse(ctx context.Context, id string) (keepwatch.LinkUse, error)
	UseLink(ctx context.Context, u keepwatch.LinkUse, quiet *keepwatch.Silence) (keepwatch.LinkUse, error)
}

// Limiter brakes whoever tries links out. auth.Limiter is one.
type Limiter interface {
	Take(name string, from netip.Addr, now time.Time) (wait time.Duration, ok bool)
}

// Desk makes links and serves those who follow them.
type Desk struct {
	Store Store
	// Key is asked at each use, so that a new one holds on every node at once.
	Key     func(context.Context) (Key, error)
	Limiter Limiter
	Logger  *slog.Logger
	// Zone is the time zone of the days of an incident.
	Zone func(keepwatch.Incident) *time.Location
	// Ends is the date that an incident warns of; zero when it is not known.
	Ends func(context.Context, keepwatch.Incident) time.Time
	// Quiet hears that there is another silence.
	Quiet func(context.Context)
}

// words of the buttons, and what they do in a message's text.
var words = map[keepwatch.LinkAction]string{
	keepwatch.LinkAcknowledge: "Acknowledge", keepwatch.LinkSnooze: "Snooze", keepwatch.LinkSilence: "Silence",
}

// Acts are the links for a message about an incident; none where nothing can be done
// from it, or where there is no address to lead to.
func (d *Desk) Acts(ctx context.Context, baseURL, channel string, m notify.Message, inc keepwatch.Incident) []notify.Act {
	if baseURL == "" || inc.ID == "" {
		return nil
	}
	key, err := d.Key(ctx)
	if err != nil {
		d.Logger.Error("a message goes without its links: their key cannot be read", "message", m.Key, "error", err)
		return nil
	}
	var out []notify.Act
	for _, action := range keepwatch.LinkActions {
		if action == keepwatch.LinkAcknowledge && !inc.AcknowledgedAt.IsZero() {
			continue
		}
		// The hour is enough, and a repeat has the same link.
		c := Claim{action, inc.ID, m.Receiver, channel, m.Key, m.Now.Add(Life).UTC().Truncate(time.Hour)}
		token, err := key.Sign(c)
		if err != nil {
			d.Logger.Error("a message goes without its links", "message", m.Key, "error", err)
			return nil
		}
		out = append(out, notify.Act{Action: action, Name: words[action], URL: strings.TrimRight(baseURL, "/") + Path + token})
	}
	return out
}

// View is what the page behind a link shows before anybody presses the button, and
// after.
type View struct {
	Action   keepwatch.LinkAction
	Button   string // what it is called
	Incident keepwatch.Incident
	Actor    string // who is recorded
	Expires  time.Time
	Says     string // what pressing does; or why it does nothing any more
	Open     bool   // pressing does something
	Used     *keepwatch.LinkUse
	Spans    []Span // of quiet, to choose from
	Days     *Days  // to choose a day from, in the place of Spans
}

// Span is a length of quiet that is offered.
type Span struct {
	Value   string // "4h"
	Text    string // "4 hours"
	Default bool
}

// Days are the days that are offered.
type Days struct{ First, Last, Default keepwatch.Date }

// Wish is how long it shall be quiet: one of the spans, or a day. Empty is the default.
type Wish struct{ For, Until string }

// Look says what a link would do. It changes nothing: mail filters, previews and
// browsers that fetch ahead follow links.
func (d *Desk) Look(ctx context.Context, token string, from netip.Addr, now time.Time) (View, error) {
	c, id, err := d.read(ctx, token, from, now)
	if err != nil {
		return View{}, err
	}
	return d.look(ctx, c, id, now)
}

// Do does what a link is for, once. A second time it says what was done.
func (d *Desk) Do(ctx context.Context, token string, wish Wish, from netip.Addr, now time.Time) (View, error) {
	now = now.UTC().Truncate(time.Millisecond)
	c, id, err := d.read(ctx, token, from, now)
	if err != nil {
		return View{}, err
	}
	v, err := d.look(ctx, c, id, now)
	if err != nil || !v.Open {
		return v, err
	}
	use := keepwatch.LinkUse{ID: id, Incident: v.Incident.ID, Action: c.Action, By: c.Actor(), At: now}
	var quiet *keepwatch.Silence
	if c.Action != keepwatch.LinkAcknowledge {
		if use.Until, err = d.until(v, wish, now); err != nil {
			return v, err
		}
		quiet = silenceOf(c, id, v.Incident, use)
	}
	switch _, err = d.Store.UseLink(ctx, use, quiet); {
	case errors.Is(err, keepwatch.ErrConflict): // it is over since, or somebody was faster: the page says so
	case err != nil:
		return v, err
	case quiet != nil:
		d.Quiet(ctx)
	}
	return d.look(ctx, c, id, now)
}

// read checks a token. What this key has not signed may be a guess, and is counted.
func (d *Desk) read(ctx context.Context, token string, from netip.Addr, now time.Time) (Claim, string, error) {
	key, err := d.Key(ctx)
	if err != nil {
		return Claim{}, "", fmt.Errorf("the key of links: %w: %w", err, keepwatch.ErrUnavailable)
	}
	c, id, ok := key.Read(token)
	if ok {
		return c, id, nil
	}
	if wait, ok := d.Limiter.Take(keepwatch.Digest("link", token), from, now); !ok {
		return c, "", keepwatch.WithHint(fmt.Errorf("too many links that do not hold: %w", keepwatch.ErrForbidden),
			"wait "+keepwatch.FormatDuration(max(wait.Round(time.Second), time.Second))+", and use the link of a newer message")
	}
	return c, "", broken()
}

// broken is a link that is forged, cut on its way, or older than the key. Which of
// these cannot be seen.
func broken() error {
	return keepwatch.WithHint(fmt.Errorf("this link does not hold: %w", keepwatch.ErrNotFound),
		"it may have been cut on its way, or all links were ended since; copy it whole, use the link of a newer message, or sign in and open the incident")
}

func (d *Desk) look(ctx context.Context, c Claim, id string, now time.Time) (View, error) {
	v := View{Action: c.Action, Button: words[c.Action], Actor: c.Actor(), Expires: c.Expires}
	var err error
	if v.Incident, err = d.Store.Incident(ctx, c.Incident); err != nil {
		if errors.Is(err, keepwatch.ErrNotFound) {
			err = broken()
		}
		return v, err
	}
	switch used, err := d.Store.LinkUse(ctx, id); {
	case err == nil:
		v.Used, v.Says = &used, done(used, v.Incident)
		return v, nil
	case !errors.Is(err, keepwatch.ErrNotFound):
		return v, err
	}
	if v.Says = over(v, now); v.Says != "" {
		return v, nil
	}
	v.Open = true
	d.offer(ctx, &v, now)
	return v, nil
}

// over is why a link that nobody used does nothing; "" when it does something.
func over(v View, now time.Time) string {
	inc := v.Incident
	switch {
	case inc.MergedInto != "":
		return "This incident became part of another one. Use the links of its messages."
	case inc.Status != keepwatch.IncidentOpen:
		return "This incident is over since " + stamp(inc.ResolvedAt) + ". Nothing is left to do."
	case v.Action == keepwatch.LinkAcknowledge && !inc.AcknowledgedAt.IsZero():
		return "It was acknowledged already, by " + inc.AcknowledgedBy + " on " + stamp(inc.AcknowledgedAt) + "."
	case !now.Before(v.Expires):
		return "This link ended on " + stamp(v.Expires) + ". Use the link of a newer message, or sign in and open the incident."
	}
	return ""
}

// done says what a link did.
func done(u keepwatch.LinkUse, inc keepwatch.Incident) string {
	by := " It was done on " + stamp(u.At) + " by the " + u.By + "."
	switch u.Action {
	case keepwatch.LinkSnooze:
		return "Nobody is told of this incident until " + stamp(u.Until) + "." + by
	case keepwatch.LinkSilence:
		return "Nobody is told of " + about(inc) + " until " + stamp(u.Until) + "." + by
	}
	return "The incident is acknowledged." + by
}

func stamp(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04") + " UTC" }
