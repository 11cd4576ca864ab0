package collect

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Callback is one address that SFMC's Event Notification Service posts to.
type Callback struct {
	Tenant keepwatch.Tenant
	ID     string             // of the callback; a handshake for another one is not believed
	Keys   []keepwatch.Secret // signature keys; two while one replaces the other
	// Reader answers the handshake; without one it has to be answered by hand.
	Reader *keepwatch.Credential
}

// Wish asks for a look before its time: polling stays the truth, a pushed event only
// says when it is worth to look.
type Wish struct {
	Tenant  keepwatch.TenantID
	Unit    keepwatch.MID
	Family  keepwatch.Family
	Subject keepwatch.Subject
	At      time.Time // when the first of its events happened
	Events  int       // of this kind, in the batch
	Reason  string    // a sentence
}

// Pushed is what came of one request of the Event Notification Service.
type Pushed struct {
	Status int // to answer with
	// Verify is set for a handshake: the answer is due within 30 s, and then
	// Collector.VerifyENS within four hours.
	Verify *Handshake
	Wishes []Wish
	Events int // in the batch
	Unread int // of them not understood
}

// Handshake is what SFMC sends when a callback is made.
type Handshake struct {
	CallbackID string
	Key        keepwatch.Secret
}

// maxWishes bounds what one batch can set off.
const maxWishes = 100

// ENS reads one request of the Event Notification Service: signature, then events.
// Nothing of a request whose signature is not good is believed. A handshake is not
// signed, because its key is told only to whom made the callback; it does no harm: it
// can only be answered to SFMC itself, and only for the callback that is configured.
//
// SFMC waits two seconds for the answer and drops a batch after three tries, so that
// the caller answers first and looks afterwards.
func ENS(c Callback, header http.Header, body []byte) Pushed {
	if len(body) > sfmc.MaxENSBatch {
		return Pushed{Status: http.StatusRequestEntityTooLarge}
	}
	signature := header.Get(sfmc.ENSSignature)
	if signature == "" {
		v, ok := sfmc.ParseVerification(body)
		if !ok || !strings.EqualFold(v.Callback, c.ID) {
			return Pushed{Status: http.StatusUnauthorized}
		}
		return Pushed{Status: http.StatusOK, Verify: &Handshake{CallbackID: c.ID, Key: v.Key}}
	}
	if !sfmc.SignedENS(signature, body, c.Keys...) {
		return Pushed{Status: http.StatusUnauthorized}
	}
	events, unread, ok := sfmc.ParseENS(body, c.Keys...)
	if !ok {
		if v, handshake := sfmc.ParseVerification(body); handshake && strings.EqualFold(v.Callback, c.ID) {
			return Pushed{Status: http.StatusOK, Verify: &Handshake{CallbackID: c.ID, Key: v.Key}}
		}
		return Pushed{Status: http.StatusBadRequest}
	}
	return Pushed{Status: http.StatusNoContent, Wishes: wishes(c.Tenant.ID, events), Events: len(events) + unread, Unread: unread}
}

// wishes turns events into looks, one for each subject and kind of event.
func wishes(tenant keepwatch.TenantID, events []sfmc.Event) []Wish {
	var out []Wish
	at := map[string]int{}
	for _, e := range events {
		w, ok := wishOf(e)
		if !ok {
			continue
		}
		w.Tenant, w.Unit, w.Subject.Unit, w.At, w.Events = tenant, e.Unit, e.Unit, e.At, 1
		id := e.Unit.String() + w.Subject.ID() + e.Type
		if i, there := at[id]; there {
			if out[i].Events++; e.At.Before(out[i].At) {
				out[i].At = e.At
			}
			continue
		}
		if len(out) < maxWishes {
			at[id] = len(out)
			out = append(out, w)
		}
	}
	return out
}

// wishOf is the look that an event is worth. Messages that were not sent for reasons of
// their contact are worth none, nor is what went well.
func wishOf(e sfmc.Event) (Wish, bool) {
	kind, what, _ := strings.Cut(e.Type, ".")
	switch what {
	case "AutomationInstanceErrored", "AutomationInstanceSkipped", "AutomationInstanceStopped":
		if kind != "SendEvents" || e.Automation == "" {
			return Wish{}, false
		}
		verb := map[string]string{"AutomationInstanceErrored": "ended in an error", "AutomationInstanceSkipped": "was skipped", "AutomationInstanceStopped": "was stopped"}[what]
		s := keepwatch.Subject{Kind: keepwatch.SubjectAutomation, Key: e.Automation, Name: e.Name}
		return Wish{Family: keepwatch.FamilyAutomations, Subject: s, Reason: fmt.Sprintf("SFMC says that a run of the automation %s %s.", e.Automation, verb)}, true
	case "EmailNotSent", "SmsNotSent", "SMSNotSent":
		if e.Definition == "" || sfmc.FaultOf(e.Code) == sfmc.FaultContact {
			return Wish{}, false
		}
		s := keepwatch.Subject{Kind: keepwatch.SubjectTransactionalEmail, Key: e.Definition}
		if what != "EmailNotSent" {
			s.Kind = keepwatch.SubjectTransactionalSMS
		}
		return Wish{Family: keepwatch.FamilyQueues, Subject: s, Reason: fmt.Sprintf("SFMC says that messages of %s are not sent: %s.", e.Definition, cmp.Or(e.Reason, fmt.Sprintf("code %d", e.Code)))}, true
	}
	return Wish{}, false
}

// VerifyENS answers a handshake with the reader's token. It is the only call of this
// package that changes something in the account, and the callback's maker asked for it.
func (c *Collector) VerifyENS(ctx context.Context, cb Callback, h Handshake) error {
	if cb.Reader == nil {
		return keepwatch.WithHint(fmt.Errorf("callback %q: nobody answers its handshake: %w", h.CallbackID, keepwatch.ErrInvalid),
			"name a reader with the scope event_notification_callback_create, or answer POST /platform/v1/ens-verify by hand")
	}
	job := Job{Tenant: cb.Tenant, Readers: []keepwatch.Credential{*cb.Reader}, Family: keepwatch.FamilyAutomations, Unit: cb.Reader.BusinessUnit, At: time.Now()}
	l := &look{c: c, job: &job, unit: c.unit(cb.Tenant.ID, job.Unit), ctx: sfmc.Hiding(ctx, h.Key), every: time.Hour, off: map[string]bool{}}
	var err error
	if l.endpoints, err = sfmc.EndpointsOf(cb.Tenant); err != nil {
		return err
	}
	if !l.enter() {
		return unverified(h, strings.Join(l.losses, "; "), l.hint)
	}
	s := l.sessions[0]
	if v := c.client.VerifyENS(s.ctx, l.endpoints, s.access, sfmc.Verification{Callback: h.CallbackID, Key: h.Key}); !v.OK() {
		return unverified(h, v.Message, v.ForScope("event_notification_callback_create").Hint)
	}
	return nil
}

func unverified(h Handshake, why, hint string) error {
	return keepwatch.WithHint(fmt.Errorf("callback %q could not be verified: %s: %w", h.CallbackID, why, keepwatch.ErrUnavailable), hint)
}

// ENSHandler serves one callback: it answers at once, and then hands on what came. The
// caller finds the callback, for its address names it.
func ENSHandler(find func(*http.Request) (Callback, bool), then func(context.Context, Callback, Pushed)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := find(r)
		if !ok || r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, sfmc.MaxENSBatch)); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		pushed := ENS(c, r.Header, body.Bytes())
		w.WriteHeader(pushed.Status)
		_ = http.NewResponseController(w).Flush() // where it cannot, the answer leaves a little later
		if pushed.Verify != nil || len(pushed.Wishes) > 0 || pushed.Unread > 0 {
			then(context.WithoutCancel(r.Context()), c, pushed)
		}
	})
}
