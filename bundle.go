package keepwatch

import "time"

// BundleKind is why incidents are told together.
type BundleKind string

const (
	BundleGroup  BundleKind = "group"  // the route asks for it: they have the same facts
	BundleStorm  BundleKind = "storm"  // more arrived than the receiver may be told of one by one
	BundleDigest BundleKind = "digest" // the route gathers them until an hour
)

// Bundle is several incidents that one receiver is told of together. It travels as an
// incident of its own: its messages are notices of its id, numbered from 1, with
// ordinary deliveries. At most one is open for a receiver and key.
type Bundle struct {
	ID       IncidentID
	Kind     BundleKind
	Receiver string
	Key      string
	// Labels are the facts that its members have alike, by name.
	Labels   map[string]string `json:",omitempty"`
	Wait     time.Duration     `json:",omitempty"` // how long it gathers before it speaks
	OpenedAt time.Time
}

// BundleState is how far a bundle has come.
type BundleState struct {
	Bundle
	Seq   int // of the last message planned
	Taken int // of the last one that nobody joins any more
	// Calm: nothing new came for a while. What its members still do is told in it; a
	// new incident only when a new storm begins.
	Calm     bool
	ClosedAt time.Time // zero while it is open
}

// Gathering is a delivery that is told by the message of a bundle.
type Gathering struct {
	Delivery Delivery
	// Into is the bundle. Without an id it is the open one of its receiver and key, which
	// is made when there is none.
	Into Bundle
	Due  time.Time // of the message, if one has to be planned
	// Rouse: the bundle is not calm any more.
	Rouse bool
}

// Routing is what was decided about a notice: who is told, and who together with what.
type Routing struct {
	Notice     NoticeID
	Deliveries []Delivery
	Gathered   []Gathering
}

// Membership is what a message of a bundle tells of.
type Membership struct {
	Total, Open, New int // New: not told before
	Unacknowledged   int // of the open ones
	Causes           []BundleCause
	Worst            []Incident // as they stand now: open ones first, the worst first
}

// BundleCause counts the members of one outcome.
type BundleCause struct {
	Outcome     Outcome
	Count, Open int
}
