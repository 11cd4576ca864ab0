package keepwatch

import (
	"strings"
	"time"
)

// SubjectKind is what a watched thing is to SFMC.
type SubjectKind string

// The kinds of things in SFMC that stop when a credential does.
const (
	SubjectJourney            SubjectKind = "journey"
	SubjectAutomation         SubjectKind = "automation"
	SubjectDataExtension      SubjectKind = "data_extension"
	SubjectTriggeredSend      SubjectKind = "triggered_send"
	SubjectTransactionalEmail SubjectKind = "transactional_email"
	SubjectTransactionalSMS   SubjectKind = "transactional_sms"
)

// SubjectKinds are all of them.
var SubjectKinds = []SubjectKind{
	SubjectJourney, SubjectAutomation, SubjectDataExtension, SubjectTriggeredSend, SubjectTransactionalEmail, SubjectTransactionalSMS,
}

// Subject is one thing in SFMC that is watched for the effects of a credential.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	Key  string      `json:"key"`
	Unit MID         `json:"unit,omitzero"`
	Name string      `json:"name,omitzero"` // as SFMC shows it, for people
}

// ID names the subject within its business unit: "journey/welcome-series".
func (s Subject) ID() string { return string(s.Kind) + "/" + s.Key }

// String is the subject in a sentence: "journey welcome-series".
func (s Subject) String() string {
	return strings.ReplaceAll(string(s.Kind), "_", " ") + " " + s.Key
}

// Aspect is what about a subject is judged. Each aspect is a series of its own,
// because each has a verdict of its own.
type Aspect string

// The aspects. Entry, rows and volume are counts that have a baseline.
const (
	AspectEntry      Aspect = "entry"      // contacts enter the journey
	AspectActivities Aspect = "activities" // activities inside the journey work
	AspectRows       Aspect = "rows"       // the data extension gets new rows
	AspectRuns       Aspect = "runs"       // the automation runs as planned
	AspectImports    Aspect = "imports"    // its imports bring rows
	AspectQueue      Aspect = "queue"      // what waits to be sent
	AspectVolume     Aspect = "volume"     // what is sent
	AspectBacklog    Aspect = "backlog"    // what a caller holds back, as it says itself
)

// SubjectSeries is the part of a series' id that names a subject's aspect.
func SubjectSeries(s Subject, a Aspect) string { return s.ID() + ":" + string(a) }

// Upstream is a credential that a subject hangs on.
type Upstream struct {
	Credential CredentialID `json:"credential"`
	// Via names the subjects between the two, nearest to the credential first: a
	// journey that reads Orders, which nightly-orders fills with the credential, has
	// ["automation/nightly-orders", "data_extension/Orders"]. nil: directly.
	Via []string `json:"via,omitempty"`
}

// Expectation is what the configuration says of a subject. Zero fields say nothing.
type Expectation struct {
	ContactsPerDay  float64       `json:"per_day,omitzero"`
	ValuePerContact float64       `json:"value,omitzero"`
	RowsEvery       time.Duration `json:"rows_every,omitzero"`
	MaxQueueAge     time.Duration `json:"queue_age,omitzero"`
	OnOutage        string        `json:"on_outage,omitzero"` // "late" or "lost"
	FedBy           string        `json:"fed_by,omitzero"`    // key of the automation that fills it
	Reads           []string      `json:"reads,omitempty"`    // keys of data extensions
	Zone            string        `json:"zone,omitzero"`      // IANA name; in whose hours its week is counted
}

// Reading is what SFMC's own counters said of one subject at one instant. A nil
// pointer was not asked or is not offered: unknown, and never healthy.
type Reading struct {
	At time.Time `json:"at"`
	// Window is how far back the amount reaches; 0 where nothing is known of the time
	// before: the first reading, a reset, a gap that is too long.
	Window time.Duration `json:"window,omitzero"`
	// Amount is how many events fell into the window: contacts that entered, rows that
	// came, messages that were sent. Meaningless while Window is 0.
	Amount int64 `json:"amount,omitzero"`

	Holiday     bool `json:"holiday,omitzero"`     // by the business unit's calendar
	Maintenance bool `json:"maintenance,omitzero"` // announced by SFMC or planned by us

	Journey    *JourneyReading    `json:"journey,omitempty"`
	Extension  *ExtensionReading  `json:"extension,omitempty"`
	Automation *AutomationReading `json:"automation,omitempty"`
	Send       *SendReading       `json:"send,omitempty"`
}

// JourneyReading is one look at a journey, all its versions together.
type JourneyReading struct {
	Status      string    `json:"status"` // SFMC's word: Published, Paused, Unpublished, Stopped, Draft …
	Version     int       `json:"version,omitzero"`
	Versions    int       `json:"versions,omitzero"`
	PublishedAt time.Time `json:"published,omitzero"` // of the newest version that was
	Entered     *int64    `json:"entered,omitempty"`  // cumulative population, summed over versions
	Inside      *int64    `json:"inside,omitempty"`   // current population
	Quicksend   bool      `json:"quicksend,omitzero"` // sends once; never stalls

	// The entry source.
	EventKey   string    `json:"event,omitzero"`
	EventType  string    `json:"event_type,omitzero"` // APIEvent, EmailAudience, AutomationAudience …
	Extension  string    `json:"entry_extension,omitzero"`
	Automation string    `json:"automation,omitzero"` // key of the one that feeds it
	BatchDueAt time.Time `json:"batch_due,omitzero"`  // newest planned run of a batch source; zero: events stream in

	// Trigger statistics, cumulative over 30 days.
	Attempted *int64 `json:"attempted,omitempty"`
	Met       *int64 `json:"met,omitempty"`
	Failed    *int64 `json:"failed,omitempty"`
	Errored   *int64 `json:"errored,omitempty"` // asynchronous events that failed, in the window

	HistoryLag *time.Duration    `json:"history_lag,omitempty"`
	Moved      *int64            `json:"moved,omitempty"` // steps of contacts inside, in the window
	Activities []ActivityReading `json:"activities,omitempty"`

	// What stopped it, from the audit log.
	ChangedBy string    `json:"changed_by,omitzero"`
	Change    string    `json:"change,omitzero"` // Stop, Pause, Publish, Unpublish …
	ChangedAt time.Time `json:"changed_at,omitzero"`
}

// ActivityReading counts what one activity inside a journey did in the window.
type ActivityReading struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"` // rest, salescloudactivity, emailv2 …
	Done   int64  `json:"done,omitzero"`
	Failed int64  `json:"failed,omitzero"`
}

// ExtensionReading is one look at a data extension.
type ExtensionReading struct {
	Rows      *int64    `json:"rows,omitempty"`
	Newest    time.Time `json:"newest,omitzero"` // newest value of the timestamp field
	Retention bool      `json:"retention,omitzero"`
	// Overwritten: what fills it replaces its content, so equal counts say nothing.
	Overwritten bool `json:"overwritten,omitzero"`
	// FedAt is when something that fills it last succeeded, as far as SFMC shows it.
	FedAt time.Time `json:"fed,omitzero"`
}

// AutomationReading is one look at an automation.
type AutomationReading struct {
	Status      string        `json:"status"`               // of the schedule: Scheduled, PausedSchedule, AwaitingTrigger …
	DueAt       time.Time     `json:"due,omitzero"`         // newest planned run that should have begun
	NextAt      time.Time     `json:"next,omitzero"`        // planned after At
	LastRunAt   time.Time     `json:"last_run,omitzero"`    // its begin
	LastEndAt   time.Time     `json:"last_end,omitzero"`    // zero while it runs
	LastStatus  string        `json:"last_status,omitzero"` // of that run: Complete, Error, Skipped …
	FailingStep string        `json:"failing_step,omitzero"`
	Triggered   bool          `json:"triggered,omitzero"` // by a file, not by a schedule
	Every       time.Duration `json:"every,omitzero"`     // between planned runs, where it is regular
	PausedBy    string        `json:"paused_by,omitzero"`
	PausedAt    time.Time     `json:"paused_at,omitzero"`

	// Of the last 30 days, from the health report.
	Completed *int64 `json:"completed,omitempty"`
	Errors    *int64 `json:"errors,omitempty"`
	Skips     *int64 `json:"skips,omitempty"`

	Imports []ImportReading `json:"imports,omitempty"`
}

// ImportReading is the newest result of one import activity.
type ImportReading struct {
	Key         string    `json:"key"`
	Target      string    `json:"target,omitzero"` // key of the data extension
	At          time.Time `json:"at,omitzero"`
	Status      string    `json:"status,omitzero"` // Completed says nothing about rows
	Total       int64     `json:"total,omitzero"`
	Imported    int64     `json:"imported,omitzero"`
	Errors      int64     `json:"errors,omitzero"`
	BlankFile   string    `json:"blank_file,omitzero"` // fail, process, skip; "" is not known
	Overwrite   bool      `json:"overwrite,omitzero"`
	AllowErrors bool      `json:"allow_errors,omitzero"`
}

// SendReading is one look at a definition that messages are sent by.
type SendReading struct {
	Status   string         `json:"status"`             // Active, Inactive …
	Queued   *int64         `json:"queued,omitempty"`   // accepted and not processed
	Oldest   *time.Duration `json:"oldest,omitempty"`   // age of the oldest of them
	Sent     *int64         `json:"sent,omitempty"`     // cumulative
	NotSent  *int64         `json:"not_sent,omitempty"` // cumulative, for reasons that are not the contact's
	TopError string         `json:"top_error,omitzero"` // the most frequent of those reasons
	Holder   string         `json:"holder,omitzero"`    // of a backlog: who holds it
}

// Watch is what is known of one aspect of one subject: the newest reading, what the
// judge remembers, and what it says.
type Watch struct {
	Subject  Subject     `json:"subject"`
	Aspect   Aspect      `json:"aspect"`
	Upstream []Upstream  `json:"upstream,omitempty"`
	Expect   Expectation `json:"expect,omitzero"`
	Reading  Reading     `json:"reading"`
	Memory   Memory      `json:"memory,omitzero"`
	Verdict  Verdict     `json:"verdict,omitzero"`
}

// Verdict is what a judge says of one aspect, in words that stand alone.
type Verdict struct {
	Outcome    Outcome   `json:"outcome,omitzero"`  // OK, an effect, or "" while nothing can be said
	Since      time.Time `json:"since,omitzero"`    // the effect began no earlier than the last sign of life …
	Noticed    time.Time `json:"noticed,omitzero"`  // … and was sure at this instant
	Evidence   string    `json:"evidence,omitzero"` // a sentence with numbers
	Hint       string    `json:"hint,omitzero"`
	Confidence float64   `json:"confidence,omitzero"` // 0 to 1
	// Page is false for what is worth a ticket and nobody's night.
	Page bool `json:"page,omitzero"`
	// Learning says why nothing can be said yet; "" when something can.
	Learning string `json:"learning,omitzero"`
	// Expected is how many events should have come since Since; 0 where there is no
	// baseline.
	Expected float64 `json:"expected,omitzero"`
}

// Hour is one hour of a count: how much came, and how much of the hour was seen.
type Hour struct {
	Start    time.Time
	Amount   int64
	Observed time.Duration
}

// Effect is one thing that stopped, as an incident holds it.
type Effect struct {
	Series     SeriesID     `json:"series"`
	Subject    Subject      `json:"subject"`
	Aspect     Aspect       `json:"aspect"`
	Outcome    Outcome      `json:"outcome"`
	Credential CredentialID `json:"credential,omitzero"` // through which it hangs on the incident's cause
	Since      time.Time    `json:"since"`               // last sign of life
	NoticedAt  time.Time    `json:"noticed"`
	EndedAt    time.Time    `json:"ended,omitzero"`
	Evidence   string       `json:"evidence,omitzero"`
	Confidence float64      `json:"confidence,omitzero"`
	OnOutage   string       `json:"on_outage,omitzero"`
	MovedTo    IncidentID   `json:"moved_to,omitzero"` // the incident that explains it, and counts what it cost
}

// CauseKind is the fixed name of what may have caused an effect.
type CauseKind string

// The causes, as the API names them.
const (
	CauseCredential    CauseKind = "credential_failing"  // a credential that it hangs on is refused
	CausePlace         CauseKind = "place_failing"       // the way to SFMC, or the allowlist
	CausePlatform      CauseKind = "platform_failing"    // SFMC itself
	CauseHolderSilent  CauseKind = "holder_silent"       // the credential works; its holder does not call
	CauseBadEvents     CauseKind = "events_refused"      // events come and are turned away: payload, criteria
	CauseAutomation    CauseKind = "automation_late"     // what feeds it did not run
	CauseEmptyImport   CauseKind = "import_empty"        // what feeds it ran and brought nothing
	CauseStopped       CauseKind = "stopped_by_person"   // by the audit log
	CauseInactive      CauseKind = "definition_inactive" // a send definition that only queues
	CauseActivity      CauseKind = "activity_failing"    // what the journey calls does not answer
	CauseDeactivated   CauseKind = "deactivated"         // by SFMC, after failures
	CauseStaleUpstream CauseKind = "upstream_stale"      // what it reads is stale
	CauseUnknown       CauseKind = "unknown"
)

// Cause is one candidate, with what speaks for it.
type Cause struct {
	Kind       CauseKind    `json:"kind"`
	Credential CredentialID `json:"credential,omitzero"`
	Subject    string       `json:"subject,omitzero"` // its ID
	By         string       `json:"by,omitzero"`      // a person, for stopped_by_person
	At         time.Time    `json:"at,omitzero"`
	Confidence float64      `json:"confidence"` // 0 to 1; the candidates of one effect need not add up
	Evidence   string       `json:"evidence"`
}

// Impact is what an incident cost, as far as it can be said at an instant.
type Impact struct {
	At      time.Time `json:"at"`
	Final   bool      `json:"final,omitzero"` // caught up: it will not change any more
	Figures []Figure  `json:"figures"`
}

// Figure is one number of an impact, as a range with its formula.
type Figure struct {
	Name    string  `json:"name"`             // contacts_delayed, hours_stale …
	Subject string  `json:"subject,omitzero"` // ID of the subject it is about; "" sums up the incident
	Low     float64 `json:"low"`              // 10 % quantile
	Mid     float64 `json:"mid"`
	High    float64 `json:"high"`            // 90 % quantile
	Unit    string  `json:"unit"`            // contacts, hours, messages, a currency's name
	Formula string  `json:"formula"`         // with the numbers filled in
	Source  string  `json:"source,omitzero"` // measured, baseline, configured, pushed, inferred
}
