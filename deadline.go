package keepwatch

import "time"

// DateSource says where a date came from. A date is never shown without it.
type DateSource string

const (
	DateUnknown DateSource = "unknown"
	DateRead    DateSource = "read"    // from the thing itself (a certificate)
	DateDerived DateSource = "derived" // from another date and a rule
	DateTyped   DateSource = "typed"   // by a person
	DateAssumed DateSource = "assumed"
)

// ClientSecretLife is how long an installed package's client secret lives,
// counted from its generation (not its activation). Source: Salesforce,
// "Rotate OAuth 2.0 Client Secrets", text of 2026.
const ClientSecretLife = 180 * 24 * time.Hour

// Deadline is a hard date and its provenance. The zero value is an unknown date,
// which is a finding, not an OK.
type Deadline struct {
	At     time.Time
	Source DateSource
}

// SecretDeadline derives the end of a client secret from when it was generated:
// the beginning of the 180th civil day after it, in UTC. Package expiry does the
// same in the zone of the credential's calendar.
func SecretDeadline(generated Date) Deadline {
	if generated.IsZero() {
		return Deadline{Source: DateUnknown}
	}
	return Deadline{At: generated.AddDays(180).In(time.UTC), Source: DateDerived}
}

// Passed reports whether the date is known and lies before now.
func (d Deadline) Passed(now time.Time) bool {
	return !d.At.IsZero() && d.At.Before(now)
}
