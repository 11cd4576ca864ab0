package notify

import (
	"context"
	"time"

	"keepwatch"
)

// Notices is the half of the outbox that is not yet addressed.
type Notices interface {
	// Unrouted lists notices without deliveries, oldest first, and those of one
	// incident in the order of their transitions.
	Unrouted(ctx context.Context, limit int) ([]keepwatch.Notice, error)
	// Route stores a notice's deliveries and marks it as routed. For a notice that
	// is routed already it changes nothing: the first decision holds.
	Route(ctx context.Context, notice keepwatch.NoticeID, deliveries []keepwatch.Delivery, now time.Time) error
}

// Queue is the half that is addressed.
type Queue interface {
	// ClaimDeliveries hands out pending deliveries that are due and hides them
	// from every node until the lease ends or they are settled.
	ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]keepwatch.Delivery, error)
	// Settle stores status, attempts, next attempt, error and receipt as they
	// are in d, and ends the lease. A bundle's message that is settled as sent with a next
	// attempt after that plans the bundle's next message for then.
	Settle(ctx context.Context, d keepwatch.Delivery, now time.Time) error
	// NextDelivery is when the next pending delivery is due; false when there is none.
	NextDelivery(ctx context.Context) (time.Time, bool, error)
	// Waiting counts a receiver's deliveries that are due until then and nobody has
	// claimed, limit at most.
	Waiting(ctx context.Context, receiver string, until time.Time, limit int) (int, error)
}

// Incidents is what the pipeline reads besides.
type Incidents interface {
	// Deliveries lists everything that an incident caused, in any status.
	Deliveries(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.Delivery, error)
	// Incident is its present state: a reminder needs to know whether it still holds.
	Incident(ctx context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error)
}

// Reminders adds a delivery to a notice that was routed long ago.
type Reminders interface {
	// Remind stores a delivery. One whose id exists already is left as it is.
	Remind(ctx context.Context, d keepwatch.Delivery, now time.Time) error
}

// Bundles are the messages that tell of several incidents; see [keepwatch.Bundle].
type Bundles interface {
	// RouteAll is Route for several notices at once.
	RouteAll(ctx context.Context, list []keepwatch.Routing, now time.Time) error
	// Gather hands pending deliveries over to bundles.
	Gather(ctx context.Context, list []keepwatch.Gathering, now time.Time) error
	OpenBundle(ctx context.Context, receiver, key string) (keepwatch.BundleState, bool, error)
	Bundle(ctx context.Context, id keepwatch.IncidentID) (keepwatch.BundleState, error)
	// Take closes a message to newcomers, before it is sent.
	Take(ctx context.Context, id keepwatch.IncidentID, seq int, now time.Time) (keepwatch.BundleState, error)
	// Members is what a message tells. told is the last message that arrived; brief
	// leaves out what came and went since.
	Members(ctx context.Context, id keepwatch.IncidentID, seq, told int, brief bool, limit int) (keepwatch.Membership, error)
	EachMember(ctx context.Context, id keepwatch.IncidentID, seq int, fn func(keepwatch.Delivery) error) error
	// Release puts a row for later in the place of a member.
	Release(ctx context.Context, member, later keepwatch.Delivery, reason string, now time.Time) error
	// CloseBundle hands what a bundle was about to say over to another one.
	CloseBundle(ctx context.Context, id keepwatch.IncidentID, seq int, into keepwatch.Bundle, now time.Time) error
	// SentSince lists when a receiver took messages, the newest first.
	SentSince(ctx context.Context, receiver string, since time.Time, limit int) ([]time.Time, error)
}

// Outbox is the rows that sending is derived from.
type Outbox interface {
	Notices
	Queue
	Incidents
	Reminders
	Bundles
}

// Sender is one channel to one receiver. Its error says whether to try again:
// see [Permanent], [Retryable] and [RateLimited]. It must show no secret, and no
// part of an address that is one.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Receipt is what the receiver answered. It says what was promised and no more:
// a mail server or a webhook accepts a message, it does not deliver it to a person.
type Receipt string

// Secrets reads what a reference like env:NAME points to, at the moment of use.
type Secrets interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// Directory knows the inventory that is in force.
type Directory interface {
	Credential(id keepwatch.CredentialID) (keepwatch.Credential, bool)
	Tenant(id keepwatch.TenantID) (keepwatch.Tenant, bool)
}

// NoReceiver stands in a delivery for "nobody": no route matched. The row is dead
// from the start and says why, so that the incident shows that nobody was told.
// No receiver can have this name: names have no parentheses.
const NoReceiver = "(none)"
