package keepwatch

import (
	"hash/fnv"
	"strings"
	"time"
)

// CheckKind is what a row of the schedule does when it is due.
type CheckKind string

const (
	// CheckCredential proves one credential with the real thing.
	CheckCredential CheckKind = "credential"
	// CheckExpiry looks at the clocks of one credential; a certificate is read first.
	CheckExpiry CheckKind = "expiry"
	// CheckRotation takes a running rotation one step on.
	CheckRotation CheckKind = "rotation"
	// CheckDiscovery looks at one account with a credential that may.
	CheckDiscovery CheckKind = "discovery"
	// CheckEffects reads SFMC's own counters of one family in one business unit.
	CheckEffects CheckKind = "effects"
	// CheckScan looks at one target from outside, without a credential.
	CheckScan CheckKind = "scan"
	// CheckCanary proves Keepwatch itself: it takes the whole way of a failure, and what
	// comes out at its end is the heartbeat.
	CheckCanary CheckKind = "canary"
)

// CheckOf names a check of a credential that is not its own test.
func CheckOf(kind CheckKind, id CredentialID) CheckID {
	if kind == CheckCredential {
		return CheckID(id)
	}
	return CheckID(string(kind) + ":" + string(id))
}

// Family is one group of counters that are read together.
type Family string

// The families of effects, each a check of its own for every business unit.
const (
	FamilyJourneys       Family = "journeys"
	FamilyDataExtensions Family = "data_extensions"
	FamilyAutomations    Family = "automations"
	FamilyQueues         Family = "queues" // transactional definitions
	FamilySends          Family = "sends"  // triggered sends
)

// Families are all of them.
var Families = []Family{FamilyJourneys, FamilyDataExtensions, FamilyAutomations, FamilyQueues, FamilySends}

// EffectsCheck names the check of one family in one business unit.
func EffectsCheck(tenant TenantID, unit MID, family Family) CheckID {
	return CheckID(string(CheckEffects) + ":" + string(tenant) + ":" + unit.String() + ":" + string(family))
}

// BacklogCheck names the line of what one holder says of what it holds back. Nothing is
// due for it: the holder pushes.
func BacklogCheck(credential CredentialID, holder string) CheckID {
	return CheckID("backlog:" + string(credential) + ":" + Digest(holder))
}

// ScanCheck names the check that scans a target. A long address is told by its
// beginning and a digest.
func ScanCheck(target string) CheckID {
	const most = 80
	if len(target) > most {
		target = target[:most-20] + "~" + Digest(target)
	}
	return CheckID(string(CheckScan) + ":" + target)
}

// OfScan reports whether a check is a scan: what it finds is about a host or a
// domain, and about no credential.
func (id CheckID) OfScan() bool { return strings.HasPrefix(string(id), string(CheckScan)+":") }

// CanaryCheck names the canary of one node. Nodes that share a database share no canary:
// each has to prove its own way.
func CanaryCheck(node string) CheckID { return CheckID(string(CheckCanary) + ":" + node) }

// OfCanary reports whether a check is a canary: what it finds is about Keepwatch, makes
// no incident and leaves no history.
func (id CheckID) OfCanary() bool { return strings.HasPrefix(string(id), string(CheckCanary)+":") }

// Reason says why a run was handed out.
type Reason string

const (
	ReasonScheduled Reason = "scheduled" // its slot on the grid
	ReasonConfirm   Reason = "confirm"   // a failure is being confirmed
	ReasonRetry     Reason = "retry"     // the next try after a refusal or a throttle
	ReasonDemand    Reason = "demand"    // a person or the API asked
	ReasonChanged   Reason = "changed"   // new, or its secret or definition changed
)

// Check is one row of the due-table.
type Check struct {
	ID         CheckID
	Kind       CheckKind
	Credential CredentialID
	Tenant     TenantID
	// Phase spreads checks over their interval: offset = Phase/65536 of it. Rows
	// that come due together have neighbouring phases, and the tables that every
	// claim touches are keyed by it, so a claim writes few pages.
	Phase uint16
	// Fingerprint changes when what is tested changes (client id, secret
	// reference, hosts, tests, schedule); the check is then due at once.
	Fingerprint string
	ChangedAt   time.Time // when the fingerprint last changed; zero: never
	DueAt       time.Time // whole seconds, UTC; the slot, once claimed
	Reason      Reason    // why it is due
}

// Slot is one run of a check that was handed out.
type Slot struct {
	Check  Check
	At     time.Time     // the planned instant; with the check it keys the result
	Next   time.Time     // the next regular slot
	Gap    time.Duration // planned distance between proofs: Next - At for a scheduled run
	Reason Reason
}

// Group is a batch of slots that were claimed together and run concurrently.
type Group struct {
	Slots     []Slot
	ClaimedAt time.Time
}

// PhaseOf spreads by a hash of tenant and check: stable over restarts, different
// per check.
func PhaseOf(tenant TenantID, id CheckID) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(tenant))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(id))
	sum := h.Sum32()
	return uint16(sum ^ sum>>16)
}
