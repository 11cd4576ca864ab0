package keepwatch

import (
	"strconv"
	"time"
)

// Notice is one transition that somebody is to hear of: a row of the outbox,
// written in the transaction that made the transition.
type Notice struct {
	ID       NoticeID
	Incident Incident // as it stood at the transition
	Kind     TransitionKind
	Seq      int
	At       time.Time
}

// NoticeIDOf derives the id from incident and transition, so that recording the
// same transition twice makes one notice.
func NoticeIDOf(incident IncidentID, seq int) NoticeID {
	return NoticeID(string(incident) + "." + strconv.Itoa(seq))
}

// DeliveryStatus is where a delivery stands.
type DeliveryStatus string

const (
	DeliveryPending   DeliveryStatus = "pending"
	DeliverySent      DeliveryStatus = "sent"
	DeliveryCollapsed DeliveryStatus = "collapsed" // said together with a later message
	DeliveryDead      DeliveryStatus = "dead"      // the receiver refused it for good
)

// Delivery is one notice on its way to one receiver. Its id is the key the
// receiver may see twice.
type Delivery struct {
	ID            DeliveryID
	Notice        Notice
	Receiver      string
	Status        DeliveryStatus
	Attempts      int
	NextAttemptAt time.Time
	LastError     string
	Receipt       string // what the receiver answered
	CreatedAt     time.Time
	SentAt        time.Time
}

// DeliveryIDOf derives the id from notice and receiver.
func DeliveryIDOf(notice NoticeID, receiver string) DeliveryID {
	return DeliveryID(string(notice) + ":" + receiver)
}
