package keepwatch

import "time"

// LinkAction is what a link in a message does to its incident.
type LinkAction string

// What can be done from a message itself.
const (
	LinkAcknowledge LinkAction = "acknowledge" // somebody is on it: reminders stop
	LinkSnooze      LinkAction = "snooze"      // this incident is quiet for a while
	LinkSilence     LinkAction = "silence"     // what it is about is quiet for a while, whatever is found
)

// LinkActions are all of them, in the order in which a message offers them.
var LinkActions = []LinkAction{LinkAcknowledge, LinkSnooze, LinkSilence}

// LinkUse is a link of a message that was used. Each link works once: a second use is
// told of the first.
type LinkUse struct {
	ID       string // follows from the link, and the link does not follow from it
	Incident IncidentID
	Action   LinkAction
	By       string // whom the message was sent to: "link sent to crm via e-mail"
	At       time.Time
	Until    time.Time // of the quiet that it asked for; zero for an acknowledgement
}
