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
	Tenants       []Tenant   `json:"tenants" nullable:"false"`
	// Shown is smaller than Matched when the page holds only a part.
	Shown    int      `json:"shown"`
	Matched  int      `json:"matched"`
	Expiring []Expiry `json:"expiring" nullable:"false" doc:"the next dates, soonest first"`
	Undated  int      `json:"undated" doc:"dates that nobody knows, as the list of what ends counts them"`
}

// Headline is the one sentence that a glance should catch.
type Headline struct {
	State  string `json:"state" doc:"the worst state that matters"`
	Text   string `json:"text"`
	Detail string `json:"detail"`
}

// Tenant is one SFMC account with its business units.
type Tenant struct {
	ID          string         `json:"id"`
	SuccessRate *float64       `json:"success_rate" doc:"over its credentials, last 24 hours; 0 to 1"`
	Counts      map[string]int `json:"counts" nullable:"false"`
	Total       int            `json:"total"`
	Units       []BusinessUnit `json:"business_units" nullable:"false"`
	Calls       Calls          `json:"calls"`
}

// Calls is what watching one tenant asks of SFMC in a year, as the schedule plans it.
type Calls struct {
	Tests     int64  `json:"tests_per_year" doc:"token requests and API calls of the credentials' tests"`
	Effects   int64  `json:"effects_per_year" doc:"calls that look at counters, about"`
	Allowance *int64 `json:"allowance" doc:"calls a year of the account's edition; null where nobody said"`
}

// BusinessUnit is one business unit with its credentials, worst first.
type BusinessUnit struct {
	MID         *int64       `json:"mid"`
	Name        string       `json:"name"`
	Credentials []Credential `json:"credentials" nullable:"false"`
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
