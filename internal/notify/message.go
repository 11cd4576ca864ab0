package notify

import (
	"time"

	"keepwatch"
)

// Status of an alert, in Alertmanager's words.
type Status string

const (
	// Firing is what still lasts.
	Firing Status = "firing"
	// Over is what has ended.
	Over Status = "resolved"
)

// Kinds of message that are not transitions.
const (
	KindReminder   keepwatch.TransitionKind = "reminder"
	KindEscalation keepwatch.TransitionKind = "escalation"
	KindTest       keepwatch.TransitionKind = "test"
)

// Message is what one receiver is told. Its text is clean: one line each, valid
// UTF-8, no control characters. A channel only has to escape what is special to
// its own format.
type Message struct {
	Key      keepwatch.DeliveryID // the same on every repeat
	Receiver string
	Status   Status
	Kind     keepwatch.TransitionKind
	// Reason of the message in Alertmanager's words: "first notification" …
	Reason string

	Incident    keepwatch.IncidentID
	GroupKey    string // the same for every incident of one cause
	Fingerprint string // the same for every message of one incident
	// Of a message that tells of several incidents; Incident is their bundle's id then.
	GroupLabels map[string]string `json:",omitempty"` // what they have alike
	Members     []Member          `json:",omitempty"` // the worst first
	More        int               `json:",omitempty"` // that are not listed

	Title       string   // the whole story in one line, for a subject or a headline
	Lines       []Line   // the story in order: what, since, whose, why, what to do next
	Body        []string `json:",omitempty"` // of a letter: its lines, in the place of a story; an empty one parts paragraphs
	Labels      map[string]string
	Annotations map[string]string
	Severity    keepwatch.Severity

	StartsAt time.Time
	EndsAt   time.Time // zero while it lasts
	At       time.Time // of the transition
	Now      time.Time // of this attempt

	// Thread is the receipt of the first message about this incident that this
	// receiver took; "" where this is the first. A channel that can, adds to it.
	Thread Receipt `json:",omitempty"`

	To          string `json:",omitempty"` // of a letter: the mail address, in the place of the receiver's own
	URL         string // of the incident, "" without base_url; or where a letter leads
	Button      string `json:",omitempty"` // of a letter: what its link does
	RunbookURL  string
	ExternalURL string

	// Acts can be done from the message itself, each once; none for machines, and for
	// what has no incident that is still open.
	Acts []Act `json:",omitempty"`
}

// Act is a link that acts on the message's incident, for whoever has the message: its
// address is a secret, and stands in this message alone.
type Act struct {
	Action keepwatch.LinkAction
	Name   string // of the button: "Acknowledge"
	URL    string
}

// Line is one answer: Name is the question.
type Line struct{ Name, Text string }

// Label and annotation names. They are a promise: docs/notifications.md.
var (
	LabelNames      = []string{"alertname", "credential", "tenant", "business_unit", "criticality", "category", "outcome", "owner"}
	AnnotationNames = []string{"summary", "description", "hint", "since", "impact"}
)

// alertname is stable per scope: people write routes and silences on it.
func alertname(inc keepwatch.Incident, kind keepwatch.TransitionKind) string {
	if kind == KindTest {
		return "KeepwatchTest"
	}
	switch {
	case ofDates(inc):
		return "KeepwatchDate"
	case inc.Outcome == keepwatch.Drifted:
		return "KeepwatchDrift"
	case pointOf(inc) != "":
		return "KeepwatchIntegrationPointFailing"
	}
	switch inc.Scope {
	case keepwatch.ScopePlace:
		return "KeepwatchPlaceFailing"
	case keepwatch.ScopeTenant:
		return "KeepwatchTenantThrottled"
	case keepwatch.ScopePlatform:
		return "KeepwatchPlatformFailing"
	case keepwatch.ScopeEffect:
		return "KeepwatchEffect"
	case keepwatch.ScopeMonitor:
		return "KeepwatchMonitorFault"
	}
	return "KeepwatchCredentialFailing"
}

// headlines are the first word of a title, by kind.
var headlines = map[keepwatch.TransitionKind]string{
	keepwatch.Opened:       "FIRING",
	keepwatch.Changed:      "CHANGED",
	keepwatch.Joined:       "FIRING",
	keepwatch.Left:         "FIRING",
	keepwatch.Acknowledged: "ACKNOWLEDGED",
	keepwatch.Merged:       "MERGED",
	keepwatch.Warning:      "WARNING",
	keepwatch.Restored:     "RESTORED",
	keepwatch.Resolved:     "RESOLVED",
	KindReminder:           "STILL FIRING",
	KindEscalation:         "ESCALATED",
	KindTest:               "TEST",
}

// reasons are Alertmanager's words for why it sends, where it has one.
var reasons = map[keepwatch.TransitionKind]string{
	keepwatch.Opened:       "first notification",
	keepwatch.Changed:      "incident changed",
	keepwatch.Joined:       "new alerts in group",
	keepwatch.Left:         "new resolved alerts",
	keepwatch.Acknowledged: "incident acknowledged",
	keepwatch.Merged:       "incident merged",
	keepwatch.Warning:      "further warning",
	keepwatch.Restored:     "incident changed",
	keepwatch.Resolved:     "all alerts resolved",
	KindReminder:           "repeat interval elapsed",
	KindEscalation:         "incident escalated",
	KindTest:               "test",
}

// ends reports whether nothing follows on this kind.
func ends(kind keepwatch.TransitionKind) bool {
	return kind == keepwatch.Resolved || kind == keepwatch.Merged
}
