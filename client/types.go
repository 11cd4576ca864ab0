package client

import "time"

// Page is one page of a list. Next is the cursor of the following page, null on
// the last one. Cursors are opaque and may change between releases.
type Page[T any] struct {
	Items []T     `json:"items" nullable:"false"`
	Next  *string `json:"next" doc:"cursor of the next page; null on the last one"`
}

// Credential is one registered credential and how it stands.
type Credential struct {
	ID           string `json:"id"`
	Name         string `json:"name" doc:"what to call it; the id until it has another name"`
	Tenant       string `json:"tenant"`
	BusinessUnit *int64 `json:"business_unit" doc:"MID; null means the business unit that owns the package"`
	UnitName     string `json:"business_unit_name"`
	Kind         string `json:"kind"`
	Criticality  string `json:"criticality"`
	Owner        string `json:"owner" doc:"the owning team; empty is a finding"`
	OwnerContact string `json:"owner_contact"`
	Purpose      string `json:"purpose"`

	State    string `json:"state" enum:"healthy,degraded,failing,expired,unknown,paused,maintenance"`
	Outcome  string `json:"outcome" doc:"what the newest judged evidence said; empty before the first run"`
	Category string `json:"category" doc:"whose problem it is; empty when there is none"`
	Verdict  string `json:"verdict" doc:"how it stands, in one sentence"`
	Message  string `json:"message" doc:"what is wrong, in one sentence; empty when nothing is"`
	Hint     string `json:"hint" doc:"what to do next"`

	Since        *time.Time `json:"since" doc:"in this state since"`
	LastProvenAt *time.Time `json:"last_proven_at"`
	NextProofAt  *time.Time `json:"next_proof_at"`
	SuccessRate  *float64   `json:"success_rate" doc:"proofs that passed in the last 24 hours, 0 to 1; null without evidence"`

	ExpiresAt     *time.Time `json:"expires_at"`
	ExpiresOn     string     `json:"expires_on" doc:"the same as a day in the zone of its calendar; empty when nobody knows"`
	DaysLeft      *int       `json:"days_left" doc:"in that zone; negative once it has passed"`
	ExpiresSource string     `json:"expires_source" doc:"how the date is known: read, derived, typed, assumed, unknown; empty where nothing of it ends by a date"`

	Incident *string  `json:"incident" doc:"the open incident that it belongs to"`
	Findings []string `json:"findings" nullable:"false"`
	History  *History `json:"history,omitempty" doc:"the last 48 hours; in the overview and for a single credential"`
}

// History is a strip of equal slots, oldest first. The last slot is the current
// one and still filling.
type History struct {
	From        time.Time `json:"from" doc:"start of the first slot"`
	SlotSeconds int       `json:"slot_seconds"`
	Slots       []Slot    `json:"slots" nullable:"false"`
}

// Slot sums up the runs of one slot. Runs that Keepwatch could not carry out are
// neither ok nor failed.
type Slot struct {
	Runs   int    `json:"runs"`
	OK     int    `json:"ok"`
	Failed int    `json:"failed"`
	Worst  string `json:"worst" doc:"the most severe outcome seen; empty without a run"`
}

// CredentialDetail is one credential with everything known of it.
type CredentialDetail struct {
	Credential
	Last       *Result         `json:"last" doc:"the newest run"`
	Success    []SuccessWindow `json:"success" nullable:"false"`
	Plan       *Plan           `json:"plan" doc:"when and how often it is proven; null where it has no test"`
	Tests      []string        `json:"tests" nullable:"false"`
	Scopes     []string        `json:"scopes" nullable:"false" doc:"granted by the last token answer"`
	Stack      string          `json:"stack" doc:"the SFMC stack that answered, such as S7"`
	Holders    []Holder        `json:"holders" nullable:"false"`
	Dependents []Dependent     `json:"dependents" nullable:"false"`
	Clocks     []Clock         `json:"clocks" nullable:"false" doc:"its dates, the hard ones first"`
	Renewal    *Renewal        `json:"renewal" doc:"null when nothing is planned"`

	Days          *History   `json:"days" doc:"90 days in UTC, the newest still filling; null where it has no test"`
	PastIncidents []Incident `json:"past_incidents" nullable:"false" doc:"that are over, the newest ten"`
	Rotation      *string    `json:"rotation" doc:"the rotation of its secret that is under way"`

	Environment string `json:"environment"`
	Region      string `json:"region"`
	Area        string `json:"area"`
	CanBeProven bool   `json:"can_be_proven" doc:"false: its state comes from its dates alone"`

	RunbookURL string     `json:"runbook_url"`
	DefinedIn  string     `json:"defined_in" doc:"the file and line that define it"`
	Incidents  []Incident `json:"incidents" nullable:"false" doc:"open incidents that it belongs to"`
}

// SuccessWindow is the share of passed proofs over one window.
type SuccessWindow struct {
	Window string   `json:"window" doc:"24h, 7d or 30d"`
	Rate   *float64 `json:"rate" doc:"0 to 1; null without evidence"`
	Runs   int      `json:"runs" doc:"runs that count"`
}

// Plan is the schedule of one credential, and what it costs.
type Plan struct {
	Calendar            string  `json:"calendar"`
	BusinessSeconds     float64 `json:"business_seconds" doc:"between two proofs in business hours"`
	OffSeconds          float64 `json:"off_seconds" doc:"between two proofs outside of them"`
	CallsPerYear        int64   `json:"calls_per_year" doc:"token requests and API calls that the tests make"`
	DetectWithinSeconds float64 `json:"detect_within_seconds" doc:"worst case from a killed secret to the incident, in business hours"`
}

// Holder is a system that keeps a copy of the secret.
type Holder struct {
	Name    string `json:"name"`
	Contact string `json:"contact"`
}

// Dependent is something that stops when the credential does.
type Dependent struct {
	Kind     string     `json:"kind"`
	Key      string     `json:"key"`
	Name     string     `json:"name" doc:"as SFMC shows it; empty until that is known"`
	Watched  bool       `json:"watched" doc:"false: no reader looks at it"`
	State    string     `json:"state" enum:"healthy,degraded,failing,unknown,maintenance" doc:"the worst of its aspects"`
	Outcome  string     `json:"outcome"`
	Since    *time.Time `json:"since"`
	Evidence string     `json:"evidence"`
	Series   string     `json:"series" doc:"of that aspect; empty while nobody has looked"`

	Via            []string `json:"via" nullable:"false" doc:"what lies between, nearest to the credential first; empty where it hangs on it directly"`
	OnOutage       string   `json:"on_outage" doc:"late or lost: what becomes of what an outage misses; empty where nobody said"`
	ContactsPerDay float64  `json:"contacts_per_day" doc:"as somebody wrote it down; 0 where nobody did"`
}

// DayHistory is one day of a credential, hour by hour.
type DayHistory struct {
	Credential string  `json:"credential"`
	Day        string  `json:"day" doc:"in UTC"`
	Hours      History `json:"hours"`
	Runs       int     `json:"runs" doc:"that count: passed or failed"`
	OK         int     `json:"ok"`
	Failed     int     `json:"failed"`
	Worst      string  `json:"worst"`
}

// Result is one recorded run.
type Result struct {
	Key          string     `json:"key" doc:"names the run; the same key is recorded once"`
	Credential   string     `json:"credential"`
	Slot         *time.Time `json:"slot" doc:"the planned instant"`
	CheckedAt    time.Time  `json:"checked_at"`
	DurationMS   float64    `json:"duration_ms"`
	Outcome      string     `json:"outcome"`
	Category     string     `json:"category"`
	Source       string     `json:"source" doc:"test, traffic, event or monitor"`
	Reason       string     `json:"reason" doc:"why it ran: scheduled, confirm, retry, demand, changed"`
	Place        string     `json:"place" doc:"where it ran from"`
	Step         string     `json:"step" doc:"the step that decided; empty when all passed"`
	Message      string     `json:"message"`
	Hint         string     `json:"hint"`
	Evidence     string     `json:"evidence"`
	Connectivity string     `json:"connectivity" doc:"whether our own network was proven, for soft failures"`
	Steps        []Step     `json:"steps" nullable:"false"`
	Transcript   string     `json:"transcript,omitempty" doc:"redacted; only for a single result, and kept for failures and the last good runs"`
}

// Step is one rung of a run.
type Step struct {
	Name       string  `json:"name"`
	Outcome    string  `json:"outcome"`
	HTTPStatus int     `json:"http_status,omitempty"`
	DurationMS float64 `json:"duration_ms"`
	Evidence   string  `json:"evidence"`
	Shared     bool    `json:"shared,omitempty" doc:"proven for the host once, not by this run"`
}

// Incident is one cause and what hangs on it.
type Incident struct {
	ID         string   `json:"id"`
	Title      string   `json:"title" doc:"what failed, in a few words"`
	Scope      string   `json:"scope" enum:"credential,place,tenant,platform,effect,monitor"`
	Credential *string  `json:"credential" doc:"null unless scope is credential"`
	Members    []string `json:"members" nullable:"false" doc:"ids of the credentials that it gathers"`
	Tenant     string   `json:"tenant"`
	Place      string   `json:"place"`
	Owner      string   `json:"owner" doc:"the owning teams of its members"`

	Outcome  string `json:"outcome"`
	Category string `json:"category"`
	Severity string `json:"severity" enum:"info,warning,critical"`
	Status   string `json:"status" enum:"open,resolved"`
	Message  string `json:"message"`
	Hint     string `json:"hint"`
	Evidence string `json:"evidence"`

	LastProvenAt   *time.Time `json:"last_proven_at" doc:"the failure began after this …"`
	FirstFailedAt  *time.Time `json:"first_failed_at" doc:"… and no later than this"`
	DetectedAt     *time.Time `json:"detected_at"`
	NotifiedAt     *time.Time `json:"notified_at"`
	AcknowledgedAt *time.Time `json:"acknowledged_at"`
	AcknowledgedBy string     `json:"acknowledged_by"`
	RestoredAt     *time.Time `json:"restored_at" doc:"the cause is gone; effects may still catch up"`
	ResolvedAt     *time.Time `json:"resolved_at"`
	MergedInto     *string    `json:"merged_into" doc:"the incident that took this one in"`

	Cause   map[string]any    `json:"cause" nullable:"false" doc:"what set it off, where that is known"`
	Effects []Effect          `json:"effects" nullable:"false"`
	Impact  map[string]Figure `json:"impact" nullable:"false" doc:"what it cost, by figure"`
	Cost    string            `json:"cost" doc:"the same in a few words; empty while nothing is known"`
}

// Effect is something that stopped or fell behind.
type Effect struct {
	Kind       string     `json:"kind"`
	Key        string     `json:"key"`
	Outcome    string     `json:"outcome"`
	Since      *time.Time `json:"since" doc:"the last sign of life"`
	Evidence   string     `json:"evidence"`
	Confidence float64    `json:"confidence"`

	Name         string     `json:"name" doc:"as SFMC shows it; the key until that is known"`
	Aspect       string     `json:"aspect"`
	BusinessUnit *int64     `json:"business_unit"`
	Series       string     `json:"series" doc:"its line of looks, see the effects"`
	Through      *string    `json:"through" doc:"the credential through which it hangs on the cause"`
	NoticedAt    *time.Time `json:"noticed_at"`
	EndedAt      *time.Time `json:"ended_at" doc:"null while it lasts"`
	OnOutage     string     `json:"on_outage" doc:"late or lost: what becomes of what an outage misses; empty where nobody said"`
}

// Figure is one estimate with the formula that it came from.
type Figure struct {
	Low     float64 `json:"low"`
	Mid     float64 `json:"mid"`
	High    float64 `json:"high"`
	Unit    string  `json:"unit"`
	Formula string  `json:"formula"`
	Source  string  `json:"source" doc:"measured, baseline, configured, pushed or inferred"`
}

// IncidentDetail is one incident with its timeline and the messages it caused.
type IncidentDetail struct {
	Incident
	Gist       Gist         `json:"gist" doc:"the incident in three sentences"`
	Membership []Member     `json:"membership" nullable:"false"`
	Timeline   []Transition `json:"timeline" nullable:"false"`
	Deliveries []Delivery   `json:"deliveries" nullable:"false"`
	NextTold   []NextTold   `json:"next_told" nullable:"false" doc:"who is told next, unless it ends or somebody takes it; the soonest first"`
	Snoozes    []Silence    `json:"snoozes" nullable:"false" doc:"of this incident, in force"`

	Figures     []SubjectFigure `json:"figures" nullable:"false" doc:"what it cost, also of each subject"`
	FiguresAt   *time.Time      `json:"figures_at" doc:"when they were worked out"`
	FiguresStay bool            `json:"figures_stay" doc:"all has caught up: they will not change any more"`
	Actions     []Action        `json:"actions" nullable:"false" doc:"what to do once the cause is gone, the most urgent first"`
}

// Member is one credential's part in an incident.
type Member struct {
	Credential string     `json:"credential"`
	Owner      string     `json:"owner"`
	Outcome    string     `json:"outcome"`
	Since      *time.Time `json:"since"`
	EndedAt    *time.Time `json:"ended_at" doc:"null while it still fails"`
}

// Transition is one row of a timeline.
type Transition struct {
	Seq    int       `json:"seq"`
	Kind   string    `json:"kind"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Detail string    `json:"detail"`
	By     string    `json:"by"`
}

// Delivery is one message on its way to one receiver.
type Delivery struct {
	ID            string     `json:"id"`
	Receiver      string     `json:"receiver"`
	Channel       string     `json:"channel" doc:"email, slack …; empty where the receiver is not configured any more"`
	About         string     `json:"about" doc:"the transition that it tells of"`
	Status        string     `json:"status" enum:"pending,gathered,sent,collapsed,dead"`
	Attempts      int        `json:"attempts"`
	CreatedAt     *time.Time `json:"created_at"`
	SentAt        *time.Time `json:"sent_at"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	LastError     string     `json:"last_error"`
	Receipt       string     `json:"receipt"`
}
