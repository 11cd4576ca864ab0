package scenario

import (
	"fmt"
	"slices"
	"strings"
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

// String is the event as docs/scenarios.md lists it.
func (e Event) String() string {
	at := e.At / time.Second
	parts := []string{fmt.Sprintf("%dd %02d:%02d:%02d", at/86400, at/3600%24, at/60%60, at%60), string(e.Do)}
	for _, word := range []string{e.Fault, e.Variant} {
		if word != "" {
			parts = append(parts, word)
		}
	}
	for _, where := range []struct{ word, name string }{{"on ", e.On}, {"of tenant ", string(e.Tenant)}, {"for ", string(e.Credential)}} {
		if where.name != "" {
			parts = append(parts, where.word+where.name)
		}
	}
	if e.Probability > 0 {
		parts = append(parts, fmt.Sprintf("with probability %g", e.Probability))
	}
	return strings.Join(parts, " ")
}

// Story is a script and what Keepwatch must say to it.
type Story struct {
	Name    string
	Summary string // one sentence, for docs/scenarios.md
	Start   time.Time
	Zone    string // of the office hours; "" is UTC
	For     time.Duration
	Estate  Estate
	Events  []Event
	// Incidents in the order they opened: "key outcome severity status members".
	Incidents []string
	// Messages in the order they were sent: "firing|resolved outcome key".
	Messages []string
	// Detect bounds the time from the first event to the first incident; 0 does not.
	Detect time.Duration
	// Confirm bounds the time from the first failed test to the first incident.
	Confirm time.Duration
}

// Slug is the name as a file's.
func (s Story) Slug() string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r == ' ', r == '-':
			return '-'
		}
		return -1
	}, s.Name), "-")
}

// Random reports whether chance has a part in the story: then its course in
// seconds is not a promise, only what is said is.
func (s Story) Random() bool {
	return slices.ContainsFunc(s.Events, func(e Event) bool { return e.Probability > 0 })
}

// credentialFaults are the simulator's faults that are an answer about the credential.
var credentialFaults = []string{
	"bad_client_id", "bad_secret", "secret_expired", "package_deleted", "grant_refused", "unauthorized_client", "business_unit_refused",
	"scope_missing", "business_rule", "token_rejected", "wrong_stack", "token_in_url", "legacy_unauthorized",
	"soap_token_expired", "soap_login_failed", "soap_account_locked", "soap_password_change", "soap_authorization", "soap_permission",
}

// Refusal reports whether a simulator fault is about the credential itself: only
// such a one may open an incident of a credential.
func Refusal(fault string) bool { return slices.Contains(credentialFaults, fault) }
