package collect

import (
	"context"
	"net/http"
	"time"

	"keepwatch"
)

// Callback is one address that SFMC's Event Notification Service posts to.
type Callback struct {
	Tenant keepwatch.Tenant
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
	At      time.Time // when it happened
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

// ENS reads one request of the Event Notification Service: signature, then events.
// Nothing of a request whose signature is not good is believed.
func ENS(c Callback, header http.Header, body []byte) Pushed { return Pushed{} }

// VerifyENS answers a handshake.
func (c *Collector) VerifyENS(ctx context.Context, cb Callback, h Handshake) error { return nil }
