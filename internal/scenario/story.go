package scenario

import (
	"time"

	"keepwatch"
)

// Verb is something that happens to the estate.
type Verb string

const (
	Inject   Verb = "inject"    // a simulator fault, on one credential or on everybody
	Clear    Verb = "clear"     // all injected faults
	Expire   Verb = "expire"    // the secret ends
	Rotate   Verb = "rotate"    // a new secret is generated, activated and given to Keepwatch
	Disable  Verb = "disable"   // the package is switched off in Setup
	Enable   Verb = "enable"    // and on again
	Lock     Verb = "lock"      // the API user is locked
	Unlock   Verb = "unlock"    // and unlocked
	Cut      Verb = "cut"       // our own network is gone
	Mend     Verb = "mend"      // and back
	HideRef  Verb = "hide_ref"  // the reference to the secret cannot be read
	ShowRef  Verb = "show_ref"  // and can again
	CheckNow Verb = "check_now" // a person presses the button
	Ack      Verb = "ack"       // a person acknowledges what is open
)

// Event is one line of a story's script.
type Event struct {
	At         time.Duration // since the story's start
	Do         Verb
	Credential keepwatch.CredentialID // "" means everybody
	Tenant     keepwatch.TenantID     // with Inject: only this tenant
	Fault      string                 // the simulator's name of it
	Variant    string
	On         string // wire faults: auth, rest or soap
	// Probability makes the fault hit only some requests, the same ones in each run.
	Probability float64
}

// Story is a script and what Keepwatch must say to it.
type Story struct {
	Name    string
	Summary string // one sentence, for docs/scenarios.md
	Start   time.Time
	For     time.Duration
	Estate  Estate
	Events  []Event
	// Incidents in the order they opened: "key outcome severity status members".
	Incidents []string
	// Messages in the order they were sent: "firing|resolved outcome key".
	Messages []string
	// Detect bounds the time from the first event to the first incident; 0 does not.
	Detect time.Duration
}
