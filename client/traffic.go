package client

import "time"

// Traffic is what the real clients of one credential live through, as far as somebody
// watches their calls.
type Traffic struct {
	Credential string          `json:"credential"`
	Objective  float64         `json:"objective" doc:"share of token requests that are to be granted, 0 to 1"`
	ProvenBy   *TrafficProof   `json:"proven_by" doc:"the newest proof was real traffic; null where it was a test"`
	Holders    []TrafficHolder `json:"holders" doc:"the newest call first"`
	Calls      []TrafficCalls  `json:"calls" doc:"of the last 24 hours, by holder, kind, family and class"`
	Hours      []TrafficHour   `json:"hours" nullable:"false" doc:"token requests of the last 48 hours, oldest first; hours without one are left out"`
	HoursFrom  time.Time       `json:"hours_from" doc:"start of the first of them"`
	Guideline  float64         `json:"guideline" doc:"token requests an hour that Salesforce asks a machine to stay within"`
}

// TrafficHour is one hour of one holder's token requests.
type TrafficHour struct {
	Start         time.Time `json:"start"`
	Holder        string    `json:"holder"`
	Requests      int       `json:"requests"`
	Granted       int       `json:"granted"`
	AttemptsPerOK *float64  `json:"attempts_per_success" doc:"null where none was granted"`
	Calls         int       `json:"calls" doc:"to the API"`
	CallsFailed   int       `json:"calls_failed"`
}

// TrafficProof says whose call proved the credential.
type TrafficProof struct {
	At     time.Time `json:"at"`
	Via    string    `json:"via"`
	Holder string    `json:"holder"`
}

// TrafficHolder is one holder's traffic.
type TrafficHolder struct {
	Name          string          `json:"name" doc:"empty where nobody knows whose calls they are"`
	Via           []string        `json:"via" doc:"gateway, span, event, log"`
	State         string          `json:"state"`
	Outcome       string          `json:"outcome"`
	FirstSeen     *time.Time      `json:"first_seen"`
	LastSeen      *time.Time      `json:"last_seen"`
	LastToken     *time.Time      `json:"last_token" doc:"when a token was last granted"`
	LastRefused   *time.Time      `json:"last_refused"`
	LastRefusal   string          `json:"last_refusal" doc:"its outcome"`
	Evidence      string          `json:"evidence"`
	TokensPerHour float64         `json:"tokens_per_hour" doc:"token requests an hour, over the last six"`
	Hasty         bool            `json:"hasty" doc:"far above the guideline of one token request in 20 minutes for each machine"`
	Windows       []TrafficWindow `json:"windows"`
	Secrets       []TrafficSecret `json:"secrets" doc:"the newest first"`
	Scopes        []string        `json:"scopes" doc:"of its newest token"`
	Lost          int             `json:"lost" doc:"calls that went by uncounted"`
}

// TrafficWindow sums one holder's token requests up.
type TrafficWindow struct {
	Window           string   `json:"window" doc:"5m, 30m, 1h, 6h, 1d, 3d"`
	Requests         int      `json:"requests"`
	Failed           int      `json:"failed"`
	SuccessRate      *float64 `json:"success_rate" doc:"0 to 1; null without a request"`
	AttemptsPerToken *float64 `json:"attempts_per_token" doc:"null without a token"`
	Masked           int      `json:"masked" doc:"tokens that needed more than one request"`
	GivenUp          int      `json:"given_up" doc:"rows of requests that ended without a token"`
	Healed           int      `json:"healed" doc:"calls refused with 401 that a new token brought through"`
	Calls            int      `json:"calls"`
	CallsFailed      int      `json:"calls_failed"`
}

// TrafficSecret is one secret as a holder shows it.
type TrafficSecret struct {
	Fingerprint  string     `json:"fingerprint" doc:"shortened; it compares with those of this list alone"`
	Configured   bool       `json:"configured" doc:"it is the one that Keepwatch tests with"`
	LastUsed     *time.Time `json:"last_used"`
	LastAccepted *time.Time `json:"last_accepted"`
	Requests     int        `json:"requests"`
}

// TrafficCalls counts calls that ended in one class.
type TrafficCalls struct {
	Holder         string  `json:"holder"`
	Kind           string  `json:"kind" doc:"token, rest or soap"`
	Family         string  `json:"family"`
	Class          string  `json:"class" doc:"2xx to 5xx; none without an answer; empty of refused token requests"`
	Outcome        string  `json:"outcome"`
	Calls          int     `json:"calls"`
	AverageSeconds float64 `json:"average_seconds"`
	SlowestSeconds float64 `json:"slowest_seconds"`
}

// TrafficAccount sums the calls of one business unit's credentials up.
type TrafficAccount struct {
	Tenant       string   `json:"tenant"`
	BusinessUnit *int64   `json:"business_unit"`
	Credentials  int      `json:"credentials" doc:"that were seen"`
	Tokens       int      `json:"tokens" doc:"token requests"`
	TokenRate    *float64 `json:"token_rate" doc:"share of them that was granted, 0 to 1"`
	Calls        int      `json:"calls"`
	CallRate     *float64 `json:"call_rate" doc:"share of the API calls that went through, 0 to 1"`
}

// TrafficAccounts are the accounts of the last 24 hours.
type TrafficAccounts struct {
	Accounts []TrafficAccount `json:"accounts"`
}
