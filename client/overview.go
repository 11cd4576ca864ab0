package client

import "time"

// Overview is the front page: what needs somebody, then how everything stands.
type Overview struct {
	At       time.Time      `json:"at" doc:"when this was true"`
	Headline Headline       `json:"headline"`
	Counts   map[string]int `json:"counts" nullable:"false" doc:"credentials by state"`
	Total    int            `json:"total"`
	// SuccessRate is over all credentials, last 24 hours.
	SuccessRate  *float64   `json:"success_rate"`
	LastProvenAt *time.Time `json:"last_proven_at" doc:"the newest proof of any credential"`

	Incidents     []Incident `json:"incidents" nullable:"false" doc:"open, the loudest first"`
	MoreIncidents int        `json:"more_incidents" doc:"open ones that are not listed here"`

	GroupBy string  `json:"group_by" enum:"tenant,owner,tier"`
	Groups  []Group `json:"groups" nullable:"false" doc:"the worst first"`
	Matched int     `json:"matched" doc:"credentials that the filter lets through"`
	Shown   int     `json:"shown" doc:"of those, how many are listed; the healthy ones of a large estate are counted"`
	Page    int     `json:"page"`
	Pages   int     `json:"pages" doc:"of credentials that are listed"`

	Ahead    Ahead         `json:"ahead"`
	Expiring []Expiry      `json:"expiring" nullable:"false" doc:"the next dates, soonest first"`
	Undated  int           `json:"undated" doc:"dates that nobody knows, as the list of what ends counts them"`
	Traffic  *TrafficToday `json:"traffic" doc:"null where no call of a real client was seen in 24 hours"`
	Status   Status        `json:"status"`
}

// Group is one part of the estate.
type Group struct {
	Key          string         `json:"key" doc:"a tenant, a team (empty: nobody) or a criticality"`
	Counts       map[string]int `json:"counts" nullable:"false" doc:"credentials by state, of those that the filter lets through"`
	Total        int            `json:"total"`
	SuccessRate  *float64       `json:"success_rate" doc:"last 24 hours; 0 to 1"`
	LastProvenAt *time.Time     `json:"last_proven_at"`
	Calls        *Calls         `json:"calls" doc:"of a tenant; null otherwise"`
	Units        []BusinessUnit `json:"business_units" nullable:"false" doc:"the worst first"`
	Well         []string       `json:"well" nullable:"false" doc:"further business units, in which everything is healthy"`
	WellTotal    int            `json:"well_total" doc:"credentials of those"`
}

// Ahead is what ended lately and what ends in the next 90 days, by day.
type Ahead struct {
	From  string      `json:"from" doc:"first day"`
	Today string      `json:"today"`
	To    string      `json:"to" doc:"last day"`
	Lanes []AheadLane `json:"lanes" nullable:"false" doc:"as the groups are"`
	Ended int         `json:"ended" doc:"of them: have passed"`
	Total int         `json:"total"`
}

// AheadLane is one group's ends.
type AheadLane struct {
	Key   string     `json:"key"`
	Total int        `json:"total"`
	Ends  []AheadEnd `json:"ends" nullable:"false"`
}

// AheadEnd is one day on which something ends.
type AheadEnd struct {
	On          string   `json:"on"`
	Count       int      `json:"count"`
	Severity    string   `json:"severity" enum:"info,warning,critical" doc:"the worst of them"`
	Criticality string   `json:"criticality" doc:"the highest of them"`
	Credentials []string `json:"credentials" nullable:"false" doc:"the first few"`
}

// TrafficToday is what real clients lived through in the last 24 hours.
type TrafficToday struct {
	Holders     int      `json:"holders" doc:"systems that were seen"`
	Tokens      int      `json:"token_requests"`
	Granted     int      `json:"granted"`
	SuccessRate *float64 `json:"success_rate" doc:"of token requests; 0 to 1"`
	Troubled    int      `json:"troubled" doc:"systems that do not get what they ask for"`
}

// Status says whether Keepwatch itself works: a monitor that stands still shows no
// trouble.
type Status struct {
	At           time.Time       `json:"at"`
	State        string          `json:"state" enum:"healthy,degraded,failing,unknown"`
	Text         string          `json:"text" doc:"the same in a sentence"`
	LastProvenAt *time.Time      `json:"last_proven_at" doc:"the newest proof of any credential"`
	LagSeconds   float64         `json:"lag_seconds" doc:"how long the oldest due check has waited"`
	Watchdog     *WatchdogStatus `json:"watchdog" doc:"null where none is configured, or the caller does not see the whole estate"`
}

// WatchdogStatus is how the heartbeat to the outside stands.
type WatchdogStatus struct {
	EverySeconds float64       `json:"every_seconds"`
	LastProofAt  *time.Time    `json:"last_proof_at" doc:"when the last proof of Keepwatch itself came through all of its parts"`
	Troubles     []string      `json:"troubles" nullable:"false"`
	Addresses    []BeatAddress `json:"addresses" nullable:"false"`
}

// BeatAddress is one address outside that waits for the heartbeat.
type BeatAddress struct {
	Name         string     `json:"name"`
	LastBeatAt   *time.Time `json:"last_beat_at"`
	LastFailAt   *time.Time `json:"last_fail_at" doc:"when trouble was told"`
	FailingSince *time.Time `json:"failing_since" doc:"it takes no call since; null while it does"`
	LastError    string     `json:"last_error"`
}

// Headline is the one sentence that a glance should catch.
type Headline struct {
	State  string `json:"state" doc:"the worst state that matters"`
	Text   string `json:"text"`
	Detail string `json:"detail"`
}

// Calls is what watching one tenant asks of SFMC in a year, as the schedule plans it.
type Calls struct {
	Tests     int64  `json:"tests_per_year" doc:"token requests and API calls of the credentials' tests"`
	Effects   int64  `json:"effects_per_year" doc:"calls that look at counters, about"`
	Allowance *int64 `json:"allowance" doc:"calls a year of the account's edition; null where nobody said"`
}

// BusinessUnit is one business unit with its credentials, worst first.
type BusinessUnit struct {
	Tenant      string         `json:"tenant"`
	MID         *int64         `json:"mid"`
	Name        string         `json:"name"`
	Counts      map[string]int `json:"counts" nullable:"false"`
	Total       int            `json:"total"`
	Credentials []Credential   `json:"credentials" nullable:"false" doc:"those that are listed"`
}

// Expiry is one date on which a credential ends.
type Expiry struct {
	Credential string    `json:"credential"`
	Tenant     string    `json:"tenant"`
	Owner      string    `json:"owner"`
	At         time.Time `json:"at"`
	On         string    `json:"on" doc:"the day, in the zone of its calendar"`
	DaysLeft   int       `json:"days_left"`
	Source     string    `json:"source"`
}

// Token is an API token as it may be shown: never its secret part.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Role       string     `json:"role" doc:"pusher, viewer, operator or admin, and where: operator@emea/crm-platform"`
	CreatedAt  *time.Time `json:"created_at"`
	CreatedBy  string     `json:"created_by"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// NewToken asks for an API token.
type NewToken struct {
	Name      string     `json:"name" minLength:"1" maxLength:"100" doc:"what it is for"`
	Role      string     `json:"role" minLength:"1" maxLength:"1000" doc:"pusher only hands evidence in; viewer reads; operator also checks, acknowledges, silences, keeps the inventory and rotates; admin also reloads and manages tokens and accounts; a part of the estate as operator@TENANT or operator@TENANT/TEAM"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"null: it does not end"`
}

// CreatedToken is the one answer that carries the token itself.
type CreatedToken struct {
	Token
	Secret string `json:"token" doc:"shown once; Keepwatch keeps only a hash of it"`
}

// Health says whether the daemon is able to work.
type Health struct {
	Status string        `json:"status" enum:"ok,failing"`
	Checks []HealthCheck `json:"checks" nullable:"false"`
}

// HealthCheck is one thing that the daemon needs.
type HealthCheck struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message" doc:"what is wrong; anybody may read it"`
}

// Reloaded is the answer to a reload.
type Reloaded struct {
	Credentials int `json:"credentials" doc:"credentials now in force"`
}
