package notify

import (
	"context"
	"time"

	"keepwatch"
)

// Results, as they are counted by receiver.
const (
	ResultSent        = "sent"
	ResultRetry       = "retry"
	ResultRateLimited = "rate_limited"
	ResultDead        = "dead"
	ResultCollapsed   = "collapsed"
	ResultGathered    = "gathered" // told together with others
	ResultNoReceiver  = "no_receiver"
)

// ReceiverHealth is how one receiver stands, as far as this process has seen it.
type ReceiverHealth struct {
	Name          string
	Channel       string // webhook, email, slack
	LastSuccessAt time.Time
	LastErrorAt   time.Time
	LastError     string
	FailingSince  time.Time // zero while it works
	NextTryAt     time.Time // of a receiver that is being waited for
	Fallback      bool      // somebody is told in its place
	Waiting       int       // claimed and not yet sent
	BusySince     time.Time // since when one message is being sent; zero while none is
}

// TroubleKind is what is wrong with telling people.
type TroubleKind string

const (
	// TroubleDead says that a receiver refused a message for good.
	TroubleDead TroubleKind = "dead"
	// TroubleUnreachable says that a receiver has failed for a while; its messages
	// are kept and tried again.
	TroubleUnreachable TroubleKind = "unreachable"
	// TroubleNoReceiver says that no route names a receiver for an incident.
	TroubleNoReceiver TroubleKind = "no_receiver"
)

// Trouble is one meta notice: once per kind and receiver until it works again,
// so that a receiver that refuses everything is one piece of news, not hundreds.
type Trouble struct {
	Kind     TroubleKind
	Receiver string // "" for TroubleNoReceiver
	Incident keepwatch.IncidentID
	Delivery keepwatch.DeliveryID
	Reason   string
	Since    time.Time
}

// unreachableAfter is how long a receiver may fail before that is news.
const unreachableAfter = 5 * time.Minute

// report calls the owner's hook, in the goroutine that met the trouble.
func (p *Pipeline) report(ctx context.Context, t Trouble) {
	p.log.Warn("telling people is in trouble", "kind", t.Kind, "receiver", t.Receiver, "incident", t.Incident, "reason", t.Reason)
	if p.opts.Trouble != nil {
		p.opts.Trouble(context.WithoutCancel(ctx), t)
	}
}

// Health lists every configured receiver, by name.
func (p *Pipeline) Health() []ReceiverHealth {
	setup := p.setup.Load()
	out := make([]ReceiverHealth, 0, len(setup.Receivers))
	for _, r := range setup.Receivers {
		h := p.lane(r.Name).health()
		h.Name, h.Channel, h.Fallback = r.Name, r.Channel, r.Fallback != ""
		out = append(out, h)
	}
	return out
}

// gate is what a lane knows of its receiver: the state that all its messages share.
// One probe per back-off is enough to learn that a receiver is down, however many
// messages wait for it.
type gate struct {
	lastSuccess, lastError time.Time
	lastErrorText          string
	failingSince           time.Time
	closedUntil            time.Time
	streak                 int
	told                   map[TroubleKind]bool
}

// succeeded opens the gate.
func (g *gate) succeeded(now time.Time) {
	*g = gate{lastSuccess: now, lastError: g.lastError, lastErrorText: g.lastErrorText}
}

// failed notes an error and returns when the receiver may be tried again. A
// permanent refusal concerns one message and leaves the gate open.
func (g *gate) failed(err error, now time.Time, random float64) time.Time {
	class, after := ClassOf(err)
	g.lastError, g.lastErrorText = now, clean(err.Error(), 500)
	if g.failingSince.IsZero() {
		g.failingSince = now
	}
	switch class {
	case ClassPermanent:
		return now
	case ClassRateLimited:
		g.closedUntil = wholeMillisecond(now.Add(after))
	default:
		g.streak++
		g.closedUntil = wholeMillisecond(now.Add(backoff(g.streak, random)))
	}
	return g.closedUntil
}

// wholeMillisecond rounds up to what a row can hold: a gate that opened a part of a
// millisecond after its rows are due would have the loop spin until then.
func wholeMillisecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Millisecond); !whole.Equal(t) {
		return whole.Add(time.Millisecond)
	}
	return t
}

// first reports whether this kind of trouble is news.
func (g *gate) first(kind TroubleKind) bool {
	if g.told[kind] {
		return false
	}
	if g.told == nil {
		g.told = map[TroubleKind]bool{}
	}
	g.told[kind] = true
	return true
}
