package expiry

import (
	"strings"
	"time"

	"keepwatch"
)

// Words say what a look at one clock found, in one or two sentences, and what to do.
func Words(d keepwatch.Due, zone *time.Location, now time.Time) (message, hint string) {
	if zone == nil {
		zone = time.UTC
	}
	k := d.Clock
	when := k.At.In(zone)
	stamp := when.Format("2006-01-02 15:04 MST")
	days := keepwatch.DayOf(now, zone).Until(keepwatch.DayOf(when, zone))
	switch subject := "The " + Title(k.Name); {
	case k.Kind == keepwatch.ClockIdle && k.At.After(now):
		message = subject + " was last used on " + k.Since.String() + " and ends unused on " + stamp + ", " + ahead(days) + "."
	case k.Kind == keepwatch.ClockIdle:
		message = subject + " was last used on " + k.Since.String() + " and has been idle for too long since " + stamp + "."
	case k.At.After(now):
		message = subject + " ends on " + stamp + ", " + ahead(days) + "."
	default:
		message = subject + " ended on " + stamp + ", " + ago(-days) + "."
	}
	message += " " + Provenance(k)
	if d.Attention != "" {
		message += " " + d.Attention
	}
	return message, hintOf(k, d.Ticket)
}

// Title is a clock's name as people read it.
func Title(clock string) string {
	kind, subject, found := strings.Cut(clock, ":")
	if found && kind == "chain" {
		return "certificate of the chain " + subject
	}
	if found {
		return strings.ReplaceAll(kind, "_", " ") + " " + subject
	}
	return strings.ReplaceAll(clock, "_", " ")
}

// Provenance is where a date comes from, as a sentence.
func Provenance(k keepwatch.Clock) string {
	s := string(k.Source)
	if s == "" {
		s = string(keepwatch.DateUnknown)
	}
	basis := strings.TrimPrefix(k.Basis, s+": ")
	if basis != "" {
		basis = ": " + basis
	}
	if !k.ConfirmedAt.IsZero() {
		basis += ", confirmed " + k.ConfirmedAt.String()
	}
	return "The date is " + s + basis + "."
}

func ahead(days int) string {
	switch {
	case days <= 0:
		return "today"
	case days == 1:
		return "tomorrow"
	}
	return "in " + plural(days, "day")
}

func ago(days int) string {
	switch {
	case days <= 0:
		return "today"
	case days == 1:
		return "yesterday"
	}
	return plural(days, "day") + " ago"
}

// hints say what renews each clock. They end with the record, because a renewal that
// the record does not know of is the most common false alarm.
var hints = map[string]string{
	"secret":        "Generate a staged secret in Setup, wait five minutes, prove it, let every holder switch, and activate it only then.",
	"password":      "Change the password, and let every holder switch. An API user can be exempted from password expiration where the account allows it.",
	"login":         "Let somebody sign in to the pages with this user, or raise the account's limit for inactive users.",
	"package":       "Find out whether anybody but Keepwatch still needs the package; if so, let it be used, if not, remove it.",
	"refresh_token": "Let the holder refresh its token, or sign in again. Keepwatch never redeems it, because each use replaces it.",
	"certificate":   "Renew the certificate, install it with its whole chain, and tell those who pin it.",
	"chain":         "Ask the issuer for a chain that lasts, and install it beside the certificate.",
	"token":         "Make a new token and give it to its holders; refreshing it revokes the old one at once.",
	"contract":      "Ask the owner of the contract whether it is renewed.",
	"access":        "Export what is needed before the access ends.",
	"rotation":      "See which holders have not switched to the staged secret, and call them.",
}

func hintOf(k keepwatch.Clock, ticket bool) string {
	name, _, _ := strings.Cut(k.Name, ":")
	s, known := hints[name]
	if !known {
		s = "Renew it, and let every holder switch."
	}
	if ticket {
		s = "Open a ticket for the renewal. " + s
	}
	return s + " Then enter the new date in the record."
}
