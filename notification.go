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
	Letter   *Letter // a message that is about no incident; Kind is Posted then
	Canary   *Canary // Keepwatch's proof of itself; Kind is ProofOfLife then
	Bundle   *Bundle // it tells of several incidents; Incident is the bundle's own then
}

// Posted is the kind of a notice that carries a letter. No incident has such a
// transition.
const Posted TransitionKind = "letter"

// ProofOfLife is the kind of a notice that carries a canary.
const ProofOfLife TransitionKind = "proof_of_life"

// Canary is one proof of Keepwatch itself, on its way from the schedule to the
// heartbeat. There is one notice of it at a time for each node: the next one takes its
// place.
type Canary struct {
	Check CheckID   `json:"check"`
	Slot  time.Time `json:"slot"`            // when it was due
	Fault string    `json:"fault,omitempty"` // what its run found wrong, in a sentence; "" all is well
}

// NoticeOf is the canary as a row of the outbox.
func (c Canary) NoticeOf(at time.Time) Notice {
	return Notice{ID: NoticeID(SlotKey(c.Check, c.Slot)), Kind: ProofOfLife, At: at, Canary: &c}
}

// LetterKind is what a letter is for.
type LetterKind string

const (
	LetterDigest LetterKind = "digest" // what ends soon, by owner
	LetterHolder LetterKind = "holder" // a rotation asks a holder to switch
)

// Letter is a message to one contact. It travels like every other message:
// outbox, retries, receipt.
type Letter struct {
	ID      NoticeID // follows from what it says and to whom; the same letter is sent once
	Kind    LetterKind
	To      string // a contact: a mail address, or words such as "#crm-ops"
	Subject string
	Text    string // plain lines; an empty line begins a paragraph
	Link    string // http or https; "" when there is nothing to open
	Button  string // what the link does: "Open the list"; "" is "Open"

	// Where it goes when To is no mail address: to the receivers of the route that
	// matches these.
	Owner      string
	Tenant     TenantID
	Credential CredentialID
	Severity   Severity
}

// NoticeOf is the letter as a row of the outbox.
func (l Letter) NoticeOf(at time.Time) Notice {
	return Notice{ID: l.ID, Kind: Posted, At: at, Letter: &l}
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
	// DeliveryGathered waits for the message of its bundle. It is sent, collapsed or dead
	// as soon as that message is.
	DeliveryGathered DeliveryStatus = "gathered"
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

	// Bundle and BundleSeq name the message that tells it together with others; "" and 0
	// for a message of its own.
	Bundle    IncidentID
	BundleSeq int
	Rank      int // among the members of a bundle, the worst first
}

// DeliveryIDOf derives the id from notice and receiver.
func DeliveryIDOf(notice NoticeID, receiver string) DeliveryID {
	return DeliveryID(string(notice) + ":" + receiver)
}
