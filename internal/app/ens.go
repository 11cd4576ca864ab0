package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
)

const (
	// wishPause is the least time between two looks at one family that pushed events
	// ask for: a thousand errors in a minute are worth one look.
	wishPause = 30 * time.Second
	// handshakeLimit bounds the answer to a handshake, which SFMC waits hours for.
	handshakeLimit = time.Minute
)

// notified takes one request of SFMC's Event Notification Service. Pushed events only
// bring looks forward: what is true, the look says.
func (a *App) notified(ctx context.Context, callback string, header http.Header, body []byte) int {
	cfg := a.config.Load()
	cb, ok, err := a.callback(ctx, cfg, callback)
	switch {
	case err != nil:
		a.log.Error("the signature key of a callback cannot be read", "callback", callback, "error", err)
		return http.StatusServiceUnavailable
	case !ok:
		return http.StatusUnauthorized
	}
	pushed := collect.ENS(cb, header, body)
	if pushed.Verify != nil {
		a.effects.verify(cb, *pushed.Verify)
	}
	if pushed.Unread > 0 {
		a.log.Warn("events of a callback were not understood", "callback", callback, "events", pushed.Events, "unread", pushed.Unread)
	}
	if err := a.effects.wish(ctx, cfg, pushed.Wishes, time.Now()); err != nil {
		a.log.Error("looks that pushed events ask for could not be planned", "callback", callback, "error", err)
		return http.StatusServiceUnavailable
	}
	return pushed.Status
}

// callback is a configured one with its key; false where there is none of that name.
func (a *App) callback(ctx context.Context, cfg *config.Config, id string) (collect.Callback, bool, error) {
	for _, t := range cfg.Tenants {
		e, watched := cfg.Effects(t.ID)
		ref := e.ENS[id]
		for name, other := range e.ENS {
			if strings.EqualFold(name, id) { // it is a GUID, and SFMC writes it in either case
				ref, id = other, name
			}
		}
		if !watched || ref == "" {
			continue
		}
		key, err := a.secrets.Resolve(ctx, ref)
		if err != nil {
			return collect.Callback{}, false, err
		}
		cb := collect.Callback{ID: id, Tenant: t, Keys: []keepwatch.Secret{key}}
		if readers := cfg.Readers(t.ID); len(readers) > 0 {
			cb.Reader = &readers[0]
		}
		return cb, true, nil
	}
	return collect.Callback{}, false, nil
}

// verify answers a handshake beside the request, which has to be answered first.
func (f *effects) verify(cb collect.Callback, h collect.Handshake) {
	f.running.Go(func() {
		ctx, cancel := context.WithTimeout(f.ending, handshakeLimit)
		defer cancel()
		if err := f.collector.VerifyENS(ctx, cb, h); err != nil {
			f.app.log.Error("a callback could not be confirmed", "callback", h.CallbackID, "error", err)
			return
		}
		f.app.log.Info("callback confirmed", "callback", h.CallbackID)
	})
}

// wish brings looks forward, each family at most once in a while.
func (f *effects) wish(ctx context.Context, cfg *config.Config, wishes []collect.Wish, now time.Time) error {
	due := map[keepwatch.CheckID]time.Time{}
	for _, w := range wishes {
		check, ok := checkOf(cfg, w)
		if _, asked := due[check]; asked || !ok {
			continue
		}
		if at, ok := f.turn(check, now); ok {
			due[check] = at
		}
	}
	plans := make([]incident.Plan, 0, len(due))
	for check, at := range due {
		plans = append(plans, incident.Plan{Check: check, At: at.UTC().Truncate(time.Second), Reason: keepwatch.ReasonDemand})
	}
	if len(plans) == 0 {
		return nil
	}
	err := f.app.db.Plan(ctx, plans...)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		for check := range due {
			delete(f.wished, check) // it will be asked for again
		}
	}
	return err
}

// turn is when the next look of a check may be; false where one is planned already.
func (f *effects) turn(check keepwatch.CheckID, now time.Time) (time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.wished[check]
	if last.After(now) {
		return time.Time{}, false
	}
	at := last.Add(wishPause)
	if at.Before(now) {
		at = now
	}
	f.wished[check] = at
	return at, true
}

// checkOf finds the check that looks at what an event tells of. A unit that is the
// reader's own may be configured without its number.
func checkOf(cfg *config.Config, w collect.Wish) (keepwatch.CheckID, bool) {
	for _, unit := range []keepwatch.MID{w.Unit, 0} {
		id := keepwatch.EffectsCheck(w.Tenant, unit, w.Family)
		if _, ok := cfg.EffectsPlan(id); ok {
			return id, true
		}
	}
	return "", false
}
