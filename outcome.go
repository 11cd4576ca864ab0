package keepwatch

import "time"

// Outcome is the fixed name of what an observation found. The names are a
// promise to users; see docs/outcomes.md, which is generated from Outcomes.
type Outcome string

// Category groups outcomes by whose problem it is.
type Category string

const (
	CategoryNone       Category = ""
	CategoryCredential Category = "credential"
	CategoryPermission Category = "permission"
	CategoryThrottle   Category = "throttle"
	CategoryPlatform   Category = "platform"
	CategoryRequest    Category = "request"
	CategoryProtocol   Category = "protocol"
	CategoryNetwork    Category = "network"
	CategoryMonitor    Category = "monitor"
)

// The outcomes that issue tests and traffic share.
const (
	OK                     Outcome = "ok"
	BadClientID            Outcome = "bad_client_id"
	BadSecretOrPackage     Outcome = "bad_secret_or_package"
	SecretExpired          Outcome = "secret_expired"
	GrantRefused           Outcome = "grant_refused"
	TokenRejected          Outcome = "token_rejected"
	LoginFailed            Outcome = "login_failed"
	AccountLocked          Outcome = "account_locked"
	PasswordChangeRequired Outcome = "password_change_required"
	ScopeMissing           Outcome = "scope_missing"
	BusinessUnitRefused    Outcome = "business_unit_refused"
	IPBlocked              Outcome = "ip_blocked"
	RateLimited            Outcome = "rate_limited"
	TemporarilyBlocked     Outcome = "temporarily_blocked"
	PlatformError          Outcome = "platform_error"
	Maintenance            Outcome = "maintenance"
	BadRequest             Outcome = "bad_request"
	NotFound               Outcome = "not_found"
	UnexpectedResponse     Outcome = "unexpected_response"
	DNSFailure             Outcome = "dns_failure"
	ConnectFailure         Outcome = "connect_failure"
	ConnectionReset        Outcome = "connection_reset"
	Timeout                Outcome = "timeout"
	TLSFailure             Outcome = "tls_failure"
	CertificateExpired     Outcome = "certificate_expired"
	MonitorFault           Outcome = "monitor_fault"

	// Skipped marks a step after the first that failed; never a run's outcome.
	Skipped Outcome = "skipped"

	// Findings that a history of runs shows, not a single one.
	Slow             Outcome = "slow"
	Flapping         Outcome = "flapping"
	DateContradicted Outcome = "date_contradicted"
	MonitoringBlind  Outcome = "monitoring_blind"

	// Dates, and things that should not change by themselves.
	Expiring Outcome = "expiring"
	Expired  Outcome = "expired"
	Drifted  Outcome = "drifted"

	// Effects: what stopped in SFMC, whatever the cause.
	JourneyStalled         Outcome = "journey_stalled"
	JourneyActivityFailing Outcome = "journey_activity_failing"
	DataStale              Outcome = "data_stale"
	AutomationMissed       Outcome = "automation_missed"
	AutomationFailed       Outcome = "automation_failed"
	ImportEmpty            Outcome = "import_empty"
	QueueBackingUp         Outcome = "queue_backing_up"
	VolumeDropped          Outcome = "volume_dropped"

	// What the real clients live through, beyond the outcome of one call.
	RetryMasked    Outcome = "retry_masked"
	BelowObjective Outcome = "below_objective"
)

// State is how a credential stands.
type State string

const (
	StateHealthy     State = "healthy"
	StateDegraded    State = "degraded"
	StateFailing     State = "failing"
	StateExpired     State = "expired"
	StateUnknown     State = "unknown"
	StatePaused      State = "paused"
	StateMaintenance State = "maintenance"
)

// Severity is how loud an incident is.
type Severity string

const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// Scope is what an incident is about.
type Scope string

const (
	ScopeNone       Scope = ""
	ScopeCredential Scope = "credential"
	ScopePlace      Scope = "place"
	ScopeTenant     Scope = "tenant"
	ScopePlatform   Scope = "platform"
	ScopeEffect     Scope = "effect"
	ScopeMonitor    Scope = "monitor"
)

// Confirmation is how sure a failure must be before an incident opens.
type Confirmation string

const (
	// ConfirmNever: no incident by itself.
	ConfirmNever Confirmation = "never"
	// ConfirmAtOnce: the first answer counts. SFMC locks an account after a
	// few bad logins, so asking again would be the harm itself.
	ConfirmAtOnce Confirmation = "at_once"
	// ConfirmDate: a date or a compared fact is judged when it is looked at; there
	// is nothing to ask twice.
	ConfirmDate Confirmation = "date"
	// ConfirmTwice: the same refusal once more within HardConfirmWithin.
	ConfirmTwice Confirmation = "twice"
	// ConfirmBurst: SoftConfirmCount failures over at least SoftConfirmOver, with
	// our own connectivity proven.
	ConfirmBurst Confirmation = "burst"
	// ConfirmRuns: a burst as above in each of fail_after scheduled runs.
	ConfirmRuns Confirmation = "runs"
	// ConfirmJudged: the judge of an effect or of traffic waits by itself until chance is
	// ruled out.
	ConfirmJudged Confirmation = "judged"
)

const (
	HardConfirmWithin = 60 * time.Second
	SoftConfirmCount  = 3
	SoftConfirmOver   = 2 * time.Minute
)

// Exit codes of the command line.
const (
	ExitOK       = 0
	ExitCannot   = 1
	ExitUsage    = 2
	ExitWarning  = 10
	ExitCritical = 20
)

// OutcomeInfo is one row of the table of outcomes.
type OutcomeInfo struct {
	Outcome  Outcome
	Category Category
	State    State        // of the credential once confirmed
	Severity Severity     // of the incident, and of one run by hand
	Exit     int          // of `keepwatch check`
	Scope    Scope        // of the incident it opens; ScopeNone: opens none
	Confirm  Confirmation // when it opens
	Assumed  bool         // the literal answer of SFMC is not known; messages say "probably"
	Meaning  string
}

// Outcomes is the one table of outcomes: state, severity, exit code, which
// incident, after how long. docs/outcomes.md is generated from it.
var Outcomes = []OutcomeInfo{
	{OK, CategoryNone, StateHealthy, SeverityInfo, ExitOK, ScopeNone, ConfirmNever, false, "proven"},

	{BadClientID, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, false, "the client id is unknown"},
	{BadSecretOrPackage, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, false, "secret wrong, or package deleted, disabled or not installed"},
	{SecretExpired, CategoryCredential, StateExpired, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, true, "refused like a wrong secret, and the known date has passed"},
	{GrantRefused, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, true, "refresh token or code refused, or the client may not use this grant"},
	{TokenRejected, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, false, "a token just issued is refused, and the identity route refuses it too"},
	{LoginFailed, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmAtOnce, false, "API user: name or password refused"},
	{AccountLocked, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmAtOnce, true, "API user: locked after too many bad logins"},
	{PasswordChangeRequired, CategoryCredential, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmAtOnce, true, "API user: must change the password first"},

	{ScopeMissing, CategoryPermission, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, false, "the token is good, the route is not allowed"},
	{BusinessUnitRefused, CategoryPermission, StateFailing, SeverityCritical, ExitCritical, ScopeCredential, ConfirmTwice, true, "the package is not granted to this business unit"},
	{IPBlocked, CategoryPermission, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmTwice, true, "the caller's address is not on the account's allowlist"},

	{RateLimited, CategoryThrottle, StateDegraded, SeverityWarning, ExitWarning, ScopeTenant, ConfirmBurst, false, "too many calls: SFMC asks to wait"},
	{TemporarilyBlocked, CategoryThrottle, StateDegraded, SeverityWarning, ExitWarning, ScopeTenant, ConfirmBurst, false, "too many calls at once: SFMC blocks for a while"},

	{PlatformError, CategoryPlatform, StateFailing, SeverityCritical, ExitCritical, ScopePlatform, ConfirmBurst, false, "SFMC itself fails (5xx or an outage fault)"},
	{Maintenance, CategoryPlatform, StateMaintenance, SeverityInfo, ExitWarning, ScopePlatform, ConfirmBurst, false, "SFMC announces maintenance"},

	{BadRequest, CategoryRequest, StateDegraded, SeverityWarning, ExitWarning, ScopeMonitor, ConfirmRuns, true, "our own request is wrong"},
	{NotFound, CategoryRequest, StateDegraded, SeverityWarning, ExitWarning, ScopeMonitor, ConfirmRuns, false, "the route or the configured name does not exist"},
	{UnexpectedResponse, CategoryProtocol, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "not what the interface promises: HTML, redirect, malformed, too large"},

	{DNSFailure, CategoryNetwork, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "the host's name does not resolve"},
	{ConnectFailure, CategoryNetwork, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "no connection to the host"},
	{ConnectionReset, CategoryNetwork, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "the connection broke before the answer was whole"},
	{Timeout, CategoryNetwork, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "no whole answer in the time allowed"},
	{TLSFailure, CategoryNetwork, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "the TLS handshake or the certificate's check failed"},
	{CertificateExpired, CategoryNetwork, StateFailing, SeverityCritical, ExitCritical, ScopePlace, ConfirmRuns, false, "the server's certificate has ended"},

	{MonitorFault, CategoryMonitor, StateUnknown, SeverityWarning, ExitCannot, ScopeMonitor, ConfirmTwice, false, "Keepwatch could not look; never counted as the credential's failure"},

	{Slow, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeNone, ConfirmNever, false, "works, but at least three times slower than its own baseline"},
	{Flapping, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeNone, ConfirmNever, false, "works and fails in turn"},
	{DateContradicted, CategoryNone, StateHealthy, SeverityInfo, ExitOK, ScopeNone, ConfirmNever, false, "the known end date has passed, yet a fresh token is granted"},
	{Expiring, CategoryNone, StateHealthy, SeverityWarning, ExitWarning, ScopeCredential, ConfirmDate, false, "a date comes near, and a rung of its ladder is reached"},
	{Expired, CategoryNone, StateExpired, SeverityCritical, ExitCritical, ScopeCredential, ConfirmDate, false, "a known date has passed"},
	{Drifted, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeCredential, ConfirmDate, false, "issuer, key, names or chain changed since the last time, or what a scan sees became worse"},

	{JourneyStalled, CategoryNone, StateFailing, SeverityCritical, ExitCritical, ScopeEffect, ConfirmJudged, false, "a journey that runs takes no contacts any more"},
	{JourneyActivityFailing, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeEffect, ConfirmJudged, false, "an activity inside a journey fails while the journey runs on"},
	{DataStale, CategoryNone, StateFailing, SeverityWarning, ExitCritical, ScopeEffect, ConfirmJudged, false, "a data extension gets no new rows"},
	{AutomationMissed, CategoryNone, StateFailing, SeverityWarning, ExitCritical, ScopeEffect, ConfirmJudged, false, "an automation did not run when it should have"},
	{AutomationFailed, CategoryNone, StateFailing, SeverityWarning, ExitCritical, ScopeEffect, ConfirmJudged, false, "an automation ended in an error, or was switched off for its errors"},
	{ImportEmpty, CategoryNone, StateFailing, SeverityWarning, ExitCritical, ScopeEffect, ConfirmJudged, false, "an import succeeded and brought nothing, or far less than usual"},
	{QueueBackingUp, CategoryNone, StateFailing, SeverityCritical, ExitCritical, ScopeEffect, ConfirmJudged, false, "messages wait and are not sent"},
	{VolumeDropped, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeEffect, ConfirmJudged, false, "far fewer events than at this time of the week"},
	{RetryMasked, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeCredential, ConfirmJudged, false, "a holder gets its tokens only by trying again"},
	{BelowObjective, CategoryNone, StateDegraded, SeverityWarning, ExitWarning, ScopeCredential, ConfirmJudged, false, "more of a holder's token requests fail than its objective allows"},
	{MonitoringBlind, CategoryMonitor, StateUnknown, SeverityCritical, ExitCannot, ScopeMonitor, ConfirmNever, false, "no proof was possible for longer than allowed"},
}

var outcomeByName = func() map[Outcome]OutcomeInfo {
	m := make(map[Outcome]OutcomeInfo, len(Outcomes))
	for _, o := range Outcomes {
		m[o.Outcome] = o
	}
	return m
}()

// Info returns the outcome's row of the table. A name that is not in the table
// reads as an unexpected response: never as healthy.
func (o Outcome) Info() OutcomeInfo {
	if info, ok := outcomeByName[o]; ok {
		return info
	}
	return outcomeByName[UnexpectedResponse]
}

// Known reports whether the name is in the table.
func (o Outcome) Known() bool { _, ok := outcomeByName[o]; return ok }

// Hard reports whether the outcome is a refusal: a clear answer of SFMC that
// retrying does not change.
func (o Outcome) Hard() bool {
	c := o.Info().Confirm
	return c == ConfirmAtOnce || (c == ConfirmTwice && o != MonitorFault)
}

// Soft reports whether the outcome is a failure that may pass by itself.
func (o Outcome) Soft() bool {
	c := o.Info().Confirm
	return c == ConfirmBurst || c == ConfirmRuns
}
